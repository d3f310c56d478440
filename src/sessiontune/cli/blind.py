"""`evaluate --blind`: two answers side by side without names; a key decides; resumable."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import UsageError

if TYPE_CHECKING:
    from ..evaluation.blind import Blind
    from ..evaluation.result import Result


def compare_blind(result: Result, path: Path) -> None:
    """Show what is not yet decided, one pair after the other, then say who won."""
    from ..evaluation.blind import decided, outcome, pairs_of, put
    from ..evaluation.cache import Table

    table = Table(path)
    pairs = pairs_of(result)
    if not pairs:
        raise UsageError(
            "There are no answers to compare.", "Use --queries, or --max-cases above 0."
        )
    left = [p for p in pairs if not decided(table, p)]
    for number, pair in enumerate(left, 1):
        _show(pair, len(pairs) - len(left) + number, len(pairs))
        key = _key()
        if key == "q":
            break
        if key != "s":
            put(table, pair, key)
    found = outcome(table, pairs, "questions" if result.queries else "lineages")
    click.echo(
        f"Decided: {found.wins + found.losses + found.ties} of {len(pairs)}. "
        f"Tuned won {found.wins}, base won {found.losses}, ties {found.ties}."
    )
    click.echo(found.verdict.words)


def _key() -> str:
    """The key that was pressed, of those that mean something; the end of the input stops."""
    click.echo("Which is better? Press 1, 2, = (tie), s (skip) or q (stop): ", nl=False)
    while (key := click.getchar()) not in ("1", "2", "=", "s", "q", ""):
        pass
    click.echo(key)
    return key or "q"


def _show(pair: Blind, number: int, total: int) -> None:
    from rich.columns import Columns
    from rich.console import Console as Rich
    from rich.panel import Panel
    from rich.text import Text

    rich = Rich(highlight=False)
    rich.rule(f"{number} of {total}")
    rich.print(Panel(Text(pair.prompt, overflow="fold"), title="what was asked"))
    half = max(30, rich.width // 2 - 2)
    answers = enumerate((pair.first, pair.second), 1)
    rich.print(
        Columns([Panel(Text(t, overflow="fold"), title=str(n), width=half) for n, t in answers])
    )
    asked = Text(f"Asked: {' '.join(pair.prompt.split())}")
    rich.print(asked, no_wrap=True, overflow="ellipsis")
