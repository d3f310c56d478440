"""How a training run looks in the terminal: the plan as a table, the progress as a live bar."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

from .console import SLOW, Console

if TYPE_CHECKING:
    from ..training.checks import Check
    from ..training.planner import Plan

MARKS = {"good": "ok", "note": "note", "soft": "STOP", "bad": "STOP"}


def show_plan(plan: Plan, checks: list[Check], all_checks: bool, bar: Any = None) -> None:
    """Plan and preflight on stderr, above the bar where one is shown."""
    from rich.console import Console as Rich
    from rich.markup import escape
    from rich.table import Table

    rich = bar.console if bar else Rich(stderr=True, highlight=False)
    table = Table(title="Plan", title_justify="left", box=None, pad_edge=False)
    for column in ("setting", "value", "reason"):
        table.add_column(column, overflow="fold")
    for line in plan.lines:
        table.add_row(line.name, escape(line.value), f"[dim]{escape(line.reason)}[/dim]")
    rich.print(table)
    for warning in plan.warnings:
        rich.print(f"[yellow]{escape(warning)}[/yellow]")
    good = sum(check.level == "good" for check in checks)
    rich.print(f"\nPreflight: {good} of {len(checks)} checks good")
    for check in checks:
        if all_checks or check.level != "good":
            rich.print(f"  {MARKS[check.level]:5}{escape(check.name)}: {escape(check.seen)}")


class RunView:
    """Draws events: a bar where a person watches, plain lines where output is kept."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.live = not (console.quiet or console.as_json) and sys.stderr.isatty()
        self.bar: Any = None
        self.task: Any = None
        self.base = self.best = math.inf  # loss of the base, and the best one below it

    def __enter__(self) -> RunView:
        if self.live:
            from rich import progress as parts
            from rich.console import Console as Rich

            self.bar = parts.Progress(
                parts.TextColumn("{task.description}", markup=False),
                parts.BarColumn(bar_width=24),
                parts.MofNCompleteColumn(),
                parts.TextColumn("{task.fields[note]}"),
                parts.TimeRemainingColumn(),
                console=Rich(stderr=True),
                transient=True,
                speed_estimate_period=SLOW,
            )
            self.task = self.bar.add_task("preparing", total=None, note="")
            self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar:
            self.bar.stop()

    def say(self, text: str) -> None:
        """A line of its own, above the bar."""
        if self.bar:
            self.bar.console.print(text, markup=False, highlight=False)
        else:
            self.console.say(text)

    def on_event(self, event: dict[str, Any]) -> None:
        """Draw one event of the worker."""
        kind = event["event"]
        if kind == "metric":
            self._metric(event)
        elif kind == "phase":
            self._describe(event["text"])
        elif kind == "prepared" and self.bar:
            self.bar.update(self.task, completed=event["done"], total=event["total"])
        elif kind == "resumed":
            self.say(f"Going on from the checkpoint of step {event['step']}.")
        elif kind == "stopping":
            self.say("Saving a checkpoint; Ctrl-C again stops at once.")
        elif kind == "line":
            self.console.detail(event["text"])

    def _describe(self, text: str) -> None:
        if self.bar:  # what was counted before is not what this counts
            self.bar.remove_task(self.task)
            self.task = self.bar.add_task(text, total=None, note="")
        else:
            self.console.say(f"  {text}")

    def _metric(self, event: dict[str, Any]) -> None:
        if event["kind"] == "train":
            if self.bar:
                note = f"loss {event['loss']:.4f}"
                if event.get("rate") is not None:
                    note += f"  rate {event['rate']:.2g}"
                if event.get("tokens_per_second"):
                    note += f"  {event['tokens_per_second']:.0f} tokens/s"
                total = event.get("steps")
                self.bar.update(
                    self.task,
                    description="training",
                    completed=event["step"],
                    total=total,
                    note=note,
                )
            return
        loss = event["loss"]
        where = "base" if event["kind"] == "base" else f"step {event['step']}"
        turn = ""
        if loss > self.best * 1.01:
            turn = f"  above the best of {self.best:.4f}: it may be overfitting"
        elif loss > self.base * 1.01:
            turn = f"  above the base's {self.base:.4f}: not learnt yet, or the rate is too high"
        if event["kind"] == "base":
            self.base = loss
        elif loss < self.base:
            self.best = min(self.best, loss)
        self.say(f"  evaluation loss {loss:.4f} ({where}){turn}")
