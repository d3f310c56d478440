"""The stages of `tune` and `demo`: export, train, evaluate, ship, one answer."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import AdviceError, SessiontuneError, UsageError, WorseError
from .console import Console

if TYPE_CHECKING:
    from rich.console import Console as RichConsole

    from ..recipe import Recipe
    from ..runtime.evening import Done, Stage
    from ..runtime.train import Outcome
    from ..training.spec import TrainSpec

#: What the served model is asked at the end.
QUESTION = "Say hello in one short sentence."


class Evening:
    """Paths and settings of one way through, and its stages."""

    def __init__(
        self,
        console: Console,
        folder: Path,
        roots: tuple[str, ...],
        recipe: Recipe,
        spec: TrainSpec,
        *,
        state: Path | None = None,
        types: tuple[str, ...] = ("q8_0",),
        jobs: int = 0,
        max_cases: int = 40,
        ask: Callable[[str], bool] | None = None,
        more: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.console = console
        self.folder = folder
        self.roots = roots
        self.recipe = recipe
        self.spec = spec
        self.state = state
        self.types = types
        self.jobs = jobs
        self.max_cases = max_cases
        self.ask = ask or (lambda question: False)
        self.more = more
        self.data = folder / "data"

    @property
    def run(self) -> Path:
        """A run for each data set and each set of training settings."""
        return self.folder / f"run-{self._train_key()[:8]}"

    def after(self) -> list[tuple[str, str]]:
        """What a person may do next: a word and the command."""
        return [
            ("chat", f"{program()} chat {self.run}"),
            ("serve", f"{program()} serve {self.run}"),
            *((name, f"{program()} {arguments}") for name, arguments in self.more),
        ]

    def stages(self) -> list[Stage]:
        """All of them, in order."""
        from ..runtime.evening import Stage

        return [
            Stage(
                name="export",
                fingerprint=lambda: "",
                present=lambda: False,  # the export itself knows what is new
                run=self._export,
                gate=self._findings,
                always=True,
            ),
            Stage(
                name="train",
                fingerprint=self._train_key,
                present=lambda: (self.run / "adapter/adapter_config.json").is_file(),
                run=self._train,
            ),
            Stage(
                name="evaluate",
                fingerprint=self._evaluate_key,
                present=lambda: (self.run / "evaluation/result.json").is_file(),
                run=self._evaluate,
                gate=self._worse,
            ),
            Stage(
                name="ship",
                fingerprint=lambda: "",
                present=lambda: False,  # shipping itself knows what is there
                run=self._ship,
                always=True,
            ),
            Stage(
                name="answer",
                fingerprint=lambda: "",
                present=lambda: False,
                run=self._answer,
                always=True,
            ),
        ]

    # ------------------------------------------------------------ stages

    def _export(self) -> tuple[str, dict[str, str], dict[str, Any]]:
        from .export import run_export

        result = run_export(self.console, self.recipe, self.roots, self.data, self.state, self.jobs)
        made = result.manifest
        rows = {file.path: file.rows for file in made.files if file.rows}
        said = (
            f"{made.records.files} log files, {made.records.read:,} records;"
            f" {sum(made.redactions.values()):,} findings replaced"
        )
        said += "; nothing new" if result.unchanged else ""
        leaks = {x.split: x.near for x in made.leakage}
        data = {
            "unchanged": result.unchanged,
            "rows": rows,
            "redactions": made.redactions,
            "leakage": leaks,
        }
        links = {"data card": "README.md", "report": "report.html"}
        return said, self._links(self.data, links), data

    def _findings(self, done: Done) -> None:
        """The gates after the export: what was found, and whether the split leaks."""
        redactions: dict[str, int] = done.data.get("redactions", {})
        first = sorted(redactions.items(), key=lambda item: -item[1])[:4]
        kinds = ", ".join(f"{kind} {count}" for kind, count in first)
        if redactions and not self.ask(
            f"{sum(redactions.values()):,} secrets and personal details were replaced ({kinds})."
            f" The published rows were scanned again and are clean. Train on them?"
        ):
            raise UsageError(
                f"Stopped before training: {sum(redactions.values()):,} replaced secrets and"
                " personal details want your yes.",
                f"Look at {self.data / 'report.html'}, then run it again and answer, or add --yes.",
            )
        leak = float(done.data.get("leakage", {}).get("this split", 0.0))
        if leak > 0 and not self.ask(
            f"{leak:.1%} of the held-out conversations have a near copy in training: the"
            " evaluation would flatter. Go on?"
        ):
            raise UsageError(
                f"Stopped before training: {leak:.1%} of the held-out conversations have a near"
                " copy in training.",
                "Choose other sessions, or --split-by project; or run it again with --yes.",
            )

    def _train(self) -> tuple[str, dict[str, str], dict[str, Any]]:
        import json

        from .train import run_train

        note = self.run / "run.json"
        run = json.loads(note.read_text(encoding="utf-8")) if note.is_file() else {}
        if run.get("status") != "done":
            resume = bool(run)
            try:
                made = run_train(self.console, self.data, self.run, self.spec, resume=resume)
            except AdviceError as error:
                question = f"The checks before training say: {error.message} Train all the same?"
                if not self.ask(question):
                    raise _on_with_tune(error) from error
                made = self._forced(resume)
            except SessiontuneError as error:
                raise _on_with_tune(error) from error
            run = made.run
        metrics = run.get("metrics", {})
        said = f"adapter for {run.get('base', {}).get('id', self.spec.base)}"
        if "eval_loss" in metrics and "base_eval_loss" in metrics:
            said += f"; held-out loss {metrics['base_eval_loss']:.2f} -> {metrics['eval_loss']:.2f}"
        return said, self._links(self.run, {"curves": "report.html"}), {"metrics": metrics}

    def _forced(self, resume: bool) -> Outcome:
        from .train import run_train

        try:
            return run_train(
                self.console, self.data, self.run, self.spec, resume=resume, force=True
            )
        except SessiontuneError as error:
            raise _on_with_tune(error) from error

    def _evaluate(self) -> tuple[str, dict[str, str], dict[str, Any]]:
        from .evaluate import run_evaluation

        result = run_evaluation(self.console, self.run, self.max_cases)
        links = self._links(self.run, {"evaluation": "evaluation/report.html"})
        return result.sentence, links, {"outcome": result.outcome}

    def _worse(self, done: Done) -> None:
        if done.data.get("outcome") == "worse" and not self.ask(
            f"{done.said} Ship it all the same?"
        ):
            raise WorseError(done.said, f"Look at {self.run / 'evaluation/report.html'}.")

    def _ship(self) -> tuple[str, dict[str, str], dict[str, Any]]:
        from ..runtime.shop import ShipOptions
        from .ship import run_ship

        shipped, out, _ = run_ship(self.console, self.run, None, ShipOptions(types=self.types))
        parts = []
        for file in shipped.files:
            passed = sum(1 for check in file.checks if check.ok)
            parts.append(f"{file.name}, {file.size / 1e6:,.1f} MB, {passed} checks passed")
        data = {"reused": list(shipped.reused), "files": [f.name for f in shipped.files]}
        links = {"shipped": shipped.files[0].name, "commands": "commands.md"}
        return "; ".join(parts), self._links(out, links), data

    def _answer(self) -> tuple[str, dict[str, str], dict[str, Any]]:
        from ..runtime.host import Hosting, hosted
        from ..runtime.talk import Talk
        from ..shipping.run import read_run

        with hosted(read_run(self.run), Hosting(), os.environ) as model:
            talk = Talk(model.client, ("tuned",), "", {"max_tokens": 48, "temperature": 0})
            answer = talk.ask(QUESTION, lambda side, piece: None)["tuned"]
        shown = " ".join(answer.split())
        shown = shown if len(shown) <= 60 else f"{shown[:60].rstrip()} ..."
        said = f"“{QUESTION}” -> “{shown}”"
        said += " (a tiny model: it answers, and knows nothing)" if self.spec.base == "tiny" else ""
        return said, {}, {"question": QUESTION, "answer": answer}

    # ------------------------------------------------------------ fingerprints

    def _train_key(self) -> str:
        """Digest of the exported rows and the training settings."""
        import hashlib

        import msgspec

        from ..shipping.run import file_digest

        said = msgspec.json.encode(msgspec.to_builtins(self.spec))
        rows = file_digest(self.data / "manifest.json")
        return hashlib.sha256(rows.encode() + said).hexdigest()

    def _evaluate_key(self) -> str:
        from ..shipping.run import file_digest

        weights = self.run / "adapter/adapter_model.safetensors"
        return f"{file_digest(weights)} {self.max_cases}"

    def _links(self, folder: Path, names: dict[str, str]) -> dict[str, str]:
        return {k: str(folder / name) for k, name in names.items() if (folder / name).exists()}


def _on_with_tune(error: SessiontuneError) -> SessiontuneError:
    """The same error for someone who ran `tune`, which has no --resume and no --force."""
    import re

    hint = re.sub(r"with (the same command and )?--resume", "with the same command", error.hint)
    if isinstance(error, AdviceError):
        hint = f"{error.advice} Or run it again and answer yes, or add --yes.".strip()
    return type(error)(error.message, hint)


def go(console: Console, evening: Evening) -> list[Done]:
    """Walk the stages, saying where we are."""
    import warnings

    from ..runtime.evening import walk

    # Libraries warn of names that other libraries still use: nothing that a user could change.
    warnings.simplefilter("ignore", FutureWarning)
    stages = evening.stages()
    evening.folder.mkdir(parents=True, exist_ok=True)
    return walk(
        evening.folder,
        stages,
        lambda number, stage: console.say(f"[{number}/{len(stages)}] {stage.name}"),
    )


def as_json(evening: Evening, done: list[Done], seconds: float) -> dict[str, Any]:
    """The result for `--json`."""
    import msgspec

    from ..runtime.evening import peak_memory

    return {
        "folder": str(evening.folder),
        "run": str(evening.run),
        "stages": msgspec.to_builtins(done),
        "seconds": round(seconds, 1),
        "peak_memory": peak_memory(),
    }


def draw(rich: RichConsole, evening: Evening, done: list[Done], seconds: float) -> None:
    """The summary for a person: what came out, where to look, what to do next."""
    from rich.table import Table

    from ..runtime.evening import peak_memory

    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    table.add_column(justify="right", no_wrap=True)
    for stage in done:
        reused = stage.reused or stage.data.get("unchanged") or stage.data.get("reused")
        time = "reused" if reused else f"{stage.seconds:.0f} s"
        table.add_row(f"[bold]{stage.name}[/bold]", _safe(stage.said), f"[dim]{time}[/dim]")
    rich.print()
    rich.print(table)
    memory = peak_memory() / (1 << 30)
    rich.print(f"\n{seconds:.0f} s in all, at most {memory:.1f} GiB of memory.", markup=False)
    rich.print("\n[bold]To look at[/bold]")
    for stage in done:
        for name, path in stage.links.items():
            rich.print(f"  {name:<11} {path}", markup=False, soft_wrap=True)
    rich.print("\n[bold]To go on[/bold]")
    for name, command in evening.after():
        rich.print(f"  {name:<11} {command}", markup=False, soft_wrap=True)


def program() -> str:
    """How the user can call us: a virtual environment that is not active needs its path."""
    import shutil
    import sys

    called = Path(sys.argv[0])
    if called.name != "sessiontune" or shutil.which("sessiontune") == str(called.absolute()):
        return "sessiontune"
    return str(called)


def _safe(text: str) -> str:
    from rich.markup import escape

    return escape(text)
