"""`sessiontune doctor`: what this machine has, what it can train, and what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .console import Console

if TYPE_CHECKING:
    from rich.console import Console as RichConsole


@click.command()
@click.option("--base", default=None, help="Also say whether this base model fits.")
@click.option("--length", type=int, default=8192, show_default=True, help="Tokens per example.")
@click.pass_obj
def doctor(console: Console, base: str | None, length: int) -> None:
    """What this machine has, and what it can train.

    Compares it with the requirements of the original recipe, and lists which sizes of model fit
    with which method, from published tables.
    """
    from ..runtime.checkup import checkup

    found = checkup(Path.cwd(), base, length)
    console.emit(found, lambda rich: draw(rich, found))


def draw(rich: RichConsole, found: dict[str, Any]) -> None:
    """For a person."""
    from rich.markup import escape
    from rich.table import Table

    def show(title: str, head: tuple[str, ...], rows: Sequence[Sequence[str]]) -> None:
        table = Table(title=title, title_justify="left", box=None, pad_edge=False)
        for name in head:
            table.add_column(name, overflow="fold")
        for row in rows:
            table.add_row(*(escape(cell) for cell in row))
        rich.print(table)
        rich.print()

    machine = found["machine"]
    gpus = ", ".join(f"{g['name']} ({g['memory']:.0f} GB)" for g in machine["gpus"]) or "none"
    facts = [
        ("system", machine["system"]),
        ("cpu", f"{machine['cpu']}, {machine['cores']} cores"),
        ("memory", f"{machine['memory']:.0f} GB, {machine['free']:.0f} GB free"),
        ("disk", f"{machine['disk']:.0f} GB free"),
        ("gpu", gpus),
    ]
    show("This machine", ("", ""), facts)
    needs = [
        (r["what"], f"{r['have']:.0f} GB", _verdict(r, "minimum"), _verdict(r, "recommended"))
        for r in found["requirements"]
    ]
    show("The original recipe (Llama 3 8B)", ("", "here", "minimum", "recommended"), needs)
    fits = [(f["method"], f["largest"], f["note"]) for f in found["fits"]]
    show(f"Models that fit at {found['length']} tokens", ("method", "up to", ""), fits)
    if found.get("base"):
        rows = [(b["method"], f"{b['needs']:g} GB", b["verdict"]) for b in found["base"]["methods"]]
        name = f"{found['base']['id']} ({found['base']['billions']:.3g}B)"
        show(name, ("method", "needs about", ""), rows)
    missing = [(p["name"], p["state"], p["hint"]) for p in found["parts"]]
    show("Parts", ("", "", "how to get it"), missing)
    for warning in found["warnings"]:
        rich.print(f"! {warning}", markup=False, soft_wrap=True)


def _verdict(row: dict[str, Any], kind: str) -> str:
    return f"{row[kind]} GB: {'yes' if row['have'] >= row[kind] else 'no'}"
