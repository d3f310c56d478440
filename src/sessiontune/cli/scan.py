"""`sessiontune scan`: what is there, what would be redacted, what would be lost."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click
import msgspec

from ..errors import FindingsError, SourceError, UsageError
from .again import program
from .console import Console, print_plain
from .options import (
    jobs_option,
    recipe_of,
    recipe_option,
    roots_argument,
    say_if_slow,
    source_option,
)

if TYPE_CHECKING:
    from rich.console import Console as RichConsole

    from ..model import Finding
    from ..pipeline.survey import Survey
    from ..recipe import Recipe

#: So many projects are listed: someone may have thousands.
_SHOWN = 40
#: So many findings in files are listed without --places.
_FIRST = 20


@click.command()
@roots_argument
@click.option(
    "--files",
    "paths",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="PATH",
    help="Scan any files instead of logs: a repository, a data set. Repeatable.",
)
@click.option(
    "--kingfisher",
    "third",
    is_flag=True,
    help="With --files: let kingfisher (extra 'scan') read them too, offline.",
)
@click.option("--fail-on-secrets", is_flag=True, help="Exit 8 when a secret is found.")
@click.option(
    "--places",
    is_flag=True,
    help="List file and line of each finding (of logs: the first 200 of each kind).",
)
@source_option
@recipe_option
@jobs_option
@click.pass_obj
def scan(
    console: Console,
    roots: tuple[str, ...],
    paths: tuple[Path, ...],
    third: bool,
    fail_on_secrets: bool,
    places: bool,
    sources: list[str] | None,
    recipe_file: str | None,
    jobs: int,
) -> None:
    """Say what is there and what would be lost; change nothing.

    Findings are shown by kind and place, with a short fingerprint, never with their value. Equal
    values have equal fingerprints within one run.
    """
    recipe = recipe_of({"sources": sources, "recipe_file": recipe_file})
    say_if_slow(console)
    if paths:
        if roots or sources:
            raise UsageError(
                "--files reads any files, ROOT and --source are for logs.",
                "Scan them one after the other.",
            )
        _files(console, paths, recipe, third, fail_on_secrets, places)
        return
    if third:
        raise UsageError("--kingfisher reads files.", "Name them with --files PATH.")
    found = _survey(console, roots, recipe, jobs)
    from ..privacy.kinds import is_secret

    same = [*roots, *(["--source", ",".join(sources)] if sources else [])]
    same += ["--recipe", recipe_file] if recipe_file else []
    secrets = sum(n for kind, n in found.kinds.items() if is_secret(kind))
    failure = FindingsError(
        f"Secrets found: {secrets}.", "An export replaces them. See where: scan --places."
    )
    console.emit(
        msgspec.to_builtins(found),
        lambda rich: _draw(rich, found, same, places, console.verbose),
        failure if fail_on_secrets and secrets else None,
    )


def _survey(console: Console, roots: tuple[str, ...], recipe: Recipe, jobs: int) -> Survey:
    from .. import registry
    from ..pipeline.inputs import find_roots
    from ..pipeline.survey import survey
    from ..runtime.local import LocalRunner
    from ..store import Store

    names = recipe.sources or tuple(registry.source_names())
    places = find_roots(roots, names, os.environ, os.path.expanduser("~"))
    with (
        console.progress("scan") as progress,
        tempfile.TemporaryDirectory(prefix="sessiontune-scan-") as folder,
        LocalRunner(jobs, lambda done, total: progress(done, total, "")) as runner,
        Store(Path(folder), write=True) as store,
    ):
        return survey(places, recipe, store, runner)


def _files(
    console: Console,
    paths: tuple[Path, ...],
    recipe: Recipe,
    third: bool,
    fail: bool,
    places: bool,
) -> None:
    from ..privacy.files import scan_files
    from ..privacy.kinds import is_secret

    unread: list[str] = []
    try:
        names = [str(p) for p in paths]
        found = list(scan_files(names, recipe.privacy, os.urandom(16), unread))
        if third:
            from ..runtime.opinion import third_opinion

            found += third_opinion(names)
    except OSError as error:
        raise SourceError(
            f"{error.filename} cannot be read: {error.strerror}.", "Check its permissions."
        ) from error
    data: dict[str, Any] = {"findings": [msgspec.to_builtins(f) for f in found], "unread": unread}

    secrets = sum(is_secret(f.kind) for f in found)
    failure = FindingsError(
        f"Secrets found: {secrets}.", "Remove them, or allow harmless ones in the recipe."
    )
    console.emit(
        data,
        lambda rich: _draw_found(
            rich, found, unread, len(found) if places else _FIRST, console.verbose
        ),
        failure if fail and secrets else None,
    )


def _draw_found(
    rich: RichConsole, found: list[Finding], unread: list[str], most: int, whole: bool
) -> None:
    from ..privacy.kinds import is_secret
    from ..reasons import kind_words
    from .summary import draw_counts, printable

    if found:
        secrets = sum(is_secret(f.kind) for f in found)
        rich.print(f"[bold]{len(found):,} found[/bold], {secrets:,} of them secrets")
        draw_counts(rich, "By kind", Counter(f.kind for f in found), kind_words, whole)
        _draw_findings(rich, _secrets_first(found)[:most])
        if len(found) > most:
            rich.print(f"  and {len(found) - most:,} more (--places lists all)")
    else:
        rich.print("Nothing found.")
    if unread:
        files = (
            "1 file is not text and was"
            if len(unread) == 1
            else (f"{len(unread):,} files are not text and were")
        )
        more = ", ..." if len(unread) > 3 else ""
        listed = ", ".join(map(printable, unread[:3])) + more
        print_plain(rich, f"{files} not read: {listed}")


def _secrets_first(found: list[Finding]) -> list[Finding]:
    """A home folder stands in every second line: what must be rotated is not to drown in it."""
    from ..privacy.kinds import is_secret

    return sorted(found, key=lambda f: not is_secret(f.kind))


def _draw_findings(rich: RichConsole, found: list[Finding]) -> None:
    """Each on a line of its own, whole: the end of a place is its line number."""
    from .summary import printable

    rich.print("\n[bold]Where[/bold] (kind, detector, fingerprint)")
    for f in found:
        print_plain(rich, f"  {printable(f.where)}  {f.kind}  {f.detector}  {f.fingerprint}")


def _end_of(path: str, room: int) -> str:
    """The end of a path, which says most, where the whole does not fit."""
    from .summary import printable

    shown = printable(path)
    return shown if len(shown) <= room else "…" + shown[-room + 1 :]


def _projects(rich: RichConsole, found: Survey, whole: bool) -> None:
    """The largest projects (`whole`: all): a table, or a block for each where a table would cut
    its figures."""
    from rich.markup import escape
    from rich.table import Table

    heads = ("sessions", "agents", "messages", "~tokens", "newest", "found")
    largest = sorted(found.projects.items(), key=lambda kv: -kv[1].tokens)
    rows = []
    most = len(largest) if whole else _SHOWN
    for name, p in largest[:most]:
        counts = (p.sessions, p.agents, p.messages, p.tokens)
        cells = [*(f"{n:,}" for n in counts), p.last[:10], f"{sum(p.findings.values()):,}"]
        rows.append((name, cells))
    figures = [
        max(map(len, column)) + 2 for column in zip(heads, *(c for _, c in rows), strict=True)
    ]
    room = rich.width - 2 - sum(figures)
    if room >= 16:
        table = Table(box=None, padding=(0, 1))
        table.add_column("project", no_wrap=True)
        for head in heads:
            table.add_column(head, justify="right", no_wrap=True)
        for name, cells in rows:
            table.add_row(escape(_end_of(name, room)) or "(none)", *cells)
        rich.print(table)
    else:
        for name, cells in rows:
            rich.print(_end_of(name, rich.width) or "(none)", markup=False)
            for head, cell in zip(heads, cells, strict=True):
                rich.print(f"  {head:<8} {cell:>12}")
    if len(largest) > most:
        rich.print(f"  and {len(largest) - most:,} more (--verbose lists all)")


def _draw(rich: RichConsole, found: Survey, same: list[str], places: bool, whole: bool) -> None:
    """`same`: what an export is told to read the same."""
    from ..pipeline.survey import KEEP_PLACES
    from ..reasons import drop_words, kind_words, repair_words
    from .summary import draw_counts, draw_places

    agents = ", ".join(f"{n} {name}" for name, n in sorted(found.sources.items()))
    logs = f"{found.files:,} log{'s' * (found.files != 1)}"
    rich.print(f"[bold]{logs}[/bold] ({agents}), {found.bytes / 1e6:.1f} MB")
    _projects(rich, found, whole)
    draw_counts(rich, "An export would replace", found.kinds, kind_words, whole)
    draw_counts(rich, "It would leave out (records)", found.ledger.drops, drop_words, whole)
    draw_counts(rich, "Lines mended", found.ledger.repairs, repair_words, whole)
    draw_places(rich, found.ledger.faults, found.other_paths, whole)
    if places and found.places:
        _draw_findings(rich, _secrets_first(found.places))
        if (rest := sum(found.kinds.values()) - len(found.places)) > 0:
            rich.print(f"  and {rest:,} more (the first {KEEP_PLACES} of each kind are listed)")
    again = " ".join([program(), "export", *map(quote, same), "-o my-data"])
    print_plain(rich, f"\nNothing was changed. Next: {again}")
