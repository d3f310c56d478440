"""A manifest as a person reads it in the terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ..figures import several
from ..portions import few_held_out
from ..reasons import (
    drop_words,
    fault_words,
    kind_words,
    loss_words,
    plain,
    repair_words,
    worded,
)
from .console import print_plain

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console as RichConsole
    from rich.table import Table

    from ..manifest import Manifest
    from ..model import Fault

_SHOWN = 8


def draw_manifest(
    rich: RichConsole, manifest: Manifest, rows: bool = True, whole: bool = False
) -> None:
    """Counts, splits, what was left out, what was redacted. `rows`: some were written; `whole`: all
    kinds, not only the most frequent."""
    from rich.markup import escape

    rich.print(f"[bold]{escape(manifest.name)}[/bold]  logs up to {manifest.date}")
    rich.print(_overview(manifest, rows))
    if cut := manifest.truncation:
        kept, all_of = cut.get("kept_turns", 0), cut.get("turns", 0)
        rich.print(
            f"Cut to {manifest.options.max_tokens:,} tokens: {kept:,} of {all_of:,} trained answers"
            " fit into a row."
        )
    draw_counts(rich, "Replaced in what was read", manifest.redactions, kind_words, whole)
    draw_counts(rich, "Left out (records)", manifest.drops, drop_words, whole)
    draw_counts(rich, "Unreadable", manifest.faults, fault_words, whole)
    draw_counts(rich, "Lines mended", manifest.repairs, repair_words, whole)
    draw_counts(rich, "What a format cannot carry", _by_loss(manifest.losses), str, whole)


def draw_few(
    rich: RichConsole, manifest: Manifest, again: str = "", place: Path | None = None
) -> None:
    """That too little is held out for a verdict, if so. `again`: the command that holds out enough;
    without it the options are named, for the export in `place`."""
    from rich.markup import escape

    if few := few_held_out(manifest, command=not again, place=place):
        rich.print(f"\n[yellow]{escape(few)}[/yellow]")
        if again:
            print_plain(rich, f"  {again}")


def _overview(manifest: Manifest, rows: bool) -> Table:
    from rich.table import Table

    records, stats = manifest.records, manifest.statistics
    table = Table(show_header=False, box=None, padding=(0, 1))
    agents = ", ".join(f"{n} {name}" for name, n in manifest.sources.items())
    table.add_row("session files", f"{records.files:,} ({agents})")
    table.add_row(
        "records",
        f"{records.read:,} read = {records.used:,} used"
        f" + {records.dropped:,} left out + {records.faulty:,} unreadable",
    )
    if rows:
        table.add_row("messages", f"{stats.messages:,}")
        table.add_row("conversation pairs", f"{stats.pairs:,}")
        table.add_row("conversations", f"{stats.conversations:,}")
    for name, side in sorted(stats.splits.items(), reverse=True):
        held = several(side.conversations, "conversation")
        table.add_row(f"  {name}", f"{held}, ~{several(side.tokens, 'token')}")
    for leak in manifest.leakage if "eval" in stats.splits else ():
        table.add_row(f"  leakage, {leak.split}", f"{leak.exact:.1%} exact, {leak.near:.1%} near")
    if manifest.source_gone:
        table.add_row("logs gone since", f"{manifest.source_gone:,} (kept; --prune forgets them)")
    if not manifest.privacy:
        table.add_row("privacy", "[bold red]OFF: this data set holds everything the logs held[/]")
    return table


def draw_places(
    rich: RichConsole, faults: Sequence[Fault], others: Sequence[str], whole: bool = False
) -> None:
    """Where lines cannot be read, and which files are no session logs; `whole`: all of them."""
    from rich.markup import escape

    from ..sources.foreign import named

    if faults:
        rich.print("\n[bold]Where a line cannot be read[/bold]")
    most = len(faults) if whole else _SHOWN
    for fault in faults[:most]:
        place = f"{fault.file}:{fault.line}" if fault.line else fault.file
        why = plain(fault.reason) if fault.line else fault.detail or plain(fault.reason)
        rich.print(f"  {escape(printable(place))}  {escape(why)}", soft_wrap=True)
    if len(faults) > most:
        rich.print(f"  and {len(faults) - most:,} more (--verbose lists all)")
    known = named(others)
    for name, paths in known.items():
        rich.print(f"\n[bold]Not read[/bold]: {escape(printable(paths[0]))}", soft_wrap=True)
        more = f" and {len(paths) - 1:,} more" if len(paths) > 1 else ""
        rich.print(f"  {name}{more}", markup=False)
    seen = {path for paths in known.values() for path in paths}
    strange = [path for path in others if path.endswith(".jsonl") and path not in seen]
    if strange:
        files = f"{len(strange):,} .jsonl file{'s' * (len(strange) != 1)}"
        rich.print(f"\n[bold]No session logs[/bold]: {files}, left alone")
    most = len(strange) if whole else 3
    for path in strange[:most]:
        rich.print(f"  {escape(printable(path))}", soft_wrap=True)
    if len(strange) > most:
        rich.print(f"  and {len(strange) - most:,} more (--verbose lists all)")


#: Control characters, which could steer the terminal, as pictures; line ends and tabs stay.
_PICTURES: dict[int, int | None] = {
    **{code: 0x2400 + code for code in range(32) if code not in (9, 10)},
    **dict.fromkeys((13,)),
    **dict.fromkeys(range(127, 160), 0xFFFD),
}


def harmless(text: str) -> str:
    """A text of any origin for the terminal: its colours and commands are shown, not obeyed."""
    return text.translate(_PICTURES)


def shown(rich: RichConsole, text: str) -> str:
    """On a terminal nothing of a log is obeyed; into a file or a pipe goes what the row holds."""
    return harmless(text) if rich.is_terminal else text


def printable(path: str) -> str:
    """A file name that cannot break a line or move the cursor."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in path)


def draw_counts(
    rich: RichConsole,
    title: str,
    counts: Mapping[str, int],
    words: Callable[[str], str],
    whole: bool = False,
) -> None:
    """The largest of the counts (`whole`: all) by name; several reasons with the same name are one
    line."""
    if not counts:
        return
    from textwrap import wrap

    rows = list(worded(counts, words).items())
    if not whole and len(rows) > _SHOWN + 1:  # one more is shown rather than counted
        rest = sum(n for _, n in rows[_SHOWN:])
        rows = [*rows[:_SHOWN], (f"in {len(rows) - _SHOWN} more kinds (--verbose lists all)", rest)]
    rich.print(f"\n[bold]{title}[/bold]")
    for name, n in rows:
        first, *more = wrap(name, max(20, rich.width - 13)) or [name]
        rich.print(
            f"{n:>11,}  {first}", *(" " * 13 + line for line in more), sep="\n", markup=False
        )


def _by_loss(losses: Mapping[str, int]) -> dict[str, int]:
    """Each loss under the formats that bear it; where they differ, with the count of the one that
    bears most, and said so."""
    found: dict[str, dict[str, int]] = {}
    for name, n in losses.items():
        form, _, reason = name.partition("/")
        found.setdefault(loss_words(reason).replace("`", ""), {})[form] = n
    out = {}
    for loss, forms in found.items():
        least, most = min(forms.values()), max(forms.values())
        out[f"{', '.join(sorted(forms))}: {loss}" + (", at most" if least < most else "")] = most
    return out
