"""`sessiontune doctor`: what this machine has, what it can train, and what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from .again import program
from .console import Console, print_plain
from .options import TEXT

if TYPE_CHECKING:
    from rich.console import Console as RichConsole


@click.command()
@click.option("--base", type=TEXT, help="Also say whether this base model fits.")
@click.option(
    "--length",
    type=click.IntRange(0),
    default=0,
    help="Tokens per example (default: 2048, 4096 and 8192).",
)
@click.pass_obj
def doctor(console: Console, base: str | None, length: int) -> None:
    """What this machine has, and what it can train.

    Compares it with the requirements of the original recipe, and lists which sizes of model fit
    with which method, by an estimate that was fitted to measured runs.
    """
    from ..runtime.checkup import checkup

    found = checkup(Path.cwd(), base, length)
    console.emit(found, lambda rich: draw(rich, found))


def draw(rich: RichConsole, found: dict[str, Any]) -> None:
    """For a person."""
    _machine(rich, found)
    _models(rich, found)
    missing = [(p["name"], p["state"], p["hint"]) for p in found["parts"]]
    _table(rich, "Parts", ("", "", "how to get it"), missing)
    for warning in found["warnings"]:
        print_plain(rich, f"! {warning}")
    base = f"{found['begin'][0]['base'] if found['begin'] else 'MODEL'} --download"
    if found.get("asked"):  # it is here: its sizes were read
        base = quote(found["asked"])
    print_plain(rich, f"\nNext: {program()} train DIR --base {base}")
    rich.print("      or your own: a folder, another hub id, or tiny to try the way in a minute")


def _table(
    rich: RichConsole, title: str, head: tuple[str, ...], rows: Sequence[Sequence[str]]
) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(title), title_justify="left", box=None, pad_edge=False)
    for name in head:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    rich.print(table)
    rich.print()


def _machine(rich: RichConsole, found: dict[str, Any]) -> None:
    """What is here, and whether it is enough for the original recipe."""
    machine = found["machine"]
    # Cards are named by GiB: an 8 GB one has 8.6e9 bytes.
    gpus = [
        f"{g['name']} ({_gib(g['memory'])} GB{_free(g['free'])}{'' if g['bf16'] else ', no bf16'})"
        for g in machine["gpus"]
    ]
    facts = [
        ("system", machine["system"]),
        ("cpu", f"{machine['cpu']}, {machine['cores']} cores"),
        ("memory", f"{machine['memory']:.0f} GB, {machine['free']:.0f} GB free"),
        ("disk", f"{machine['disk']:.0f} GB free"),
        (
            "gpu",
            ", ".join(gpus) or ("none" if machine["torch"] else "cannot be seen without torch"),
        ),
    ]
    _table(rich, "This machine", ("", ""), facts)
    needs = [(r["what"], _here(r["have"]), *_verdicts(r)) for r in found["requirements"]]
    head = ("", "here", "minimum", "recommended")
    _table(rich, "The original recipe (Llama 3 8B)", head, needs)


def _models(rich: RichConsole, found: dict[str, Any]) -> None:
    """Sizes that fit, bases to begin with, and the needs of the one that was named."""
    heads = tuple(f"{length} tokens" for length in found["lengths"])
    fits = [(f["method"], *map(_size, f["largest"]), f["note"]) for f in found["fits"]]
    _table(rich, "Largest model that fits (estimates)", ("", *heads, ""), fits)
    begin = [
        (b["base"], b["method"], f"{b['needs']:g} GB at {b['length']} tokens")
        for b in found["begin"]
    ]
    if begin:
        head = ("", "", "needs about")
        _table(rich, "To begin with (Qwen3: open, in every size)", head, begin)
    if found["suggested"]:
        rich.print(f"Unsloth's documentation names for this GPU: {found['suggested']}.\n")
    if found.get("asked") == "tiny":
        rich.print("tiny is made on the spot and fits anywhere.\n")
    if base := found.get("base"):
        rows = [
            (b["method"], *(f"{need:g} GB" for need in b["needs"]), b["verdict"])
            for b in base["methods"]
        ]
        title = f"{base['id']} ({base['billions']:.3g}B) needs about"
        _table(rich, title, ("", *heads, ""), rows)


def _gib(size: float) -> str:
    return f"{size * 1e9 / 2**30:.0f}"


def _free(size: float | None) -> str:
    return "" if size is None else f", {_gib(size)} GB free"


def _here(size: float | None) -> str:
    if size is None:
        return "?"
    return f"{size:.0f} GB" if size else "none"


def _verdicts(row: dict[str, Any]) -> list[str]:
    words = {True: "yes", False: "no", None: "?"}
    return [
        f"{row[kind]} GB: {words[enough]}"
        for kind, enough in zip(("minimum", "recommended"), row["enough"], strict=True)
    ]


def _size(billions: float) -> str:
    return f"{billions:g}B" if billions else "-"
