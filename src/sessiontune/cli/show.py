"""`sessiontune show`: look at an export; any row back to the lines it came from."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click
import msgspec

from ..errors import SourceError, UsageError
from ..runs import is_run
from .again import program
from .console import Console, print_plain
from .mask import show_mask
from .options import PLACE, state_option
from .summary import printable, shown

if TYPE_CHECKING:
    from rich.console import Console as RichConsole

    from ..manifest import Manifest
    from ..model import Session

_STYLES = {"system": "magenta", "user": "green", "assistant": "cyan", "tool": "yellow"}
#: So many messages of a sample are shown.
_SAMPLE = 8
#: What the messages of a conversation share in `raw`.
_SHARED = ("session_id", "thread", "lineage", "epoch", "project", "source", "split", "id")
#: What a message of `raw` shares with one of `openai`.
_MESSAGE = ("role", "content", "tool_calls", "tool_call_id", "name", "train")


@click.command()
@click.argument("folder", type=PLACE, metavar="DIR")
@click.argument("row", required=False, metavar="[ROW]")
@click.option("--full", is_flag=True, help="Whole texts instead of their beginnings.")
@click.option("--mask", is_flag=True, help="Show which tokens bear loss, in colour.")
@click.option("--base", metavar="MODEL", help="Folder, run or hub id: --mask uses its template.")
@click.option("--html", type=PLACE, help="Write what --mask shows to an HTML file, too.")
@state_option
@click.pass_obj
def show(
    console: Console,
    folder: Path,
    row: str | None,
    full: bool,
    mask: bool,
    base: str | None,
    html: Path | None,
    state: Path | None,
) -> None:
    """Look at an export.

    ROW is a line number of the openai file, or a row's key or thread; without it, statistics and
    one sample are shown.
    """
    from ..pipeline.rowfiles import rows_of

    manifest = manifest_of(folder)
    if (base or html) and not mask:
        raise UsageError(f"--{'base' if base else 'html'} goes with --mask.", "Add --mask.")
    if row is None:
        if mask:
            again = f"{program()} show {quote(str(folder))} 1 --mask ..."
            raise UsageError("--mask shows one row.", again)
        sample = next(rows_of(folder, manifest.name), None)
        _overview(console, folder, manifest, sample)
        return
    title, found = _find(folder, manifest, row)
    if mask:
        show_mask(console, found, base, html, title.lower(), manifest.options.max_tokens)
        return
    session = _session(found, state)
    data = {"row": found, "origins": _origins(session)}
    console.emit(data, lambda rich: _draw(rich, title, found, session, full))


def manifest_of(folder: Path) -> Manifest:
    """What the manifest of an export says. SourceError where there is none."""
    from ..pipeline.carrying import read_manifest

    try:
        manifest = read_manifest(folder)
    except OSError as error:
        if is_run(folder):
            raise SourceError(
                f"{folder} is a training run, and no export.",
                f"Look at {folder / 'report.html'}, or name what `sessiontune export` wrote.",
            ) from error
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            there = "it is a file" if folder.exists() else "there is no such folder"
            why = "manifest.json is missing" if folder.is_dir() else there
            raise SourceError(
                f"{folder} is not an export: {why}.",
                "Give a folder that `sessiontune export` wrote.",
            ) from error
        raise SourceError(
            f"{folder / 'manifest.json'} cannot be read: {error.strerror or error}.",
            "Make it readable, then give the same command again.",
        ) from error
    if manifest is None:
        raise SourceError(
            f"{folder / 'manifest.json'} cannot be understood.", "Export again with --force."
        )
    return manifest


def _find(folder: Path, manifest: Manifest, wanted: str) -> tuple[str, dict[str, Any]]:
    """What to call it, and the row."""
    from ..pipeline.rowfiles import rows_of

    number = 0
    for number, row in enumerate(rows_of(folder, manifest.name), 1):
        if wanted == str(number) or wanted in _names(row):
            return f"Row {number}", row
    whole = _conversation(folder / f"{manifest.name}_conversations_raw.jsonl", wanted)
    if whole is not None:
        return "Conversation", whole
    if not number:
        raise SourceError(
            f"{folder} holds no openai rows.", "Export with --format openai (and others)."
        )
    raise UsageError(
        f"There is no row {wanted} in {folder}.",
        f"Give a number from 1 to {number:,}, a key, a thread or a session.",
    )


def _conversation(raw: Path, wanted: str) -> dict[str, Any] | None:
    """A conversation out of `raw`, which holds also those that have no row to train on."""
    from ..rows.read import rows_in

    found: dict[str, Any] | None = None
    for message in rows_in(raw, *_SHARED, *_MESSAGE) if raw.is_file() else ():
        if found is None and wanted in _names(message):
            found = {column: message[column] for column in _SHARED}
            found["messages"] = []
        if found is not None:
            if message["id"] != found["id"]:
                break
            found["messages"].append({key: message[key] for key in _MESSAGE})
    return found


def _names(row: dict[str, Any]) -> tuple[Any, ...]:
    return row.get("id"), row.get("thread"), row.get("session_id")


def _session(row: dict[str, Any], state: Path | None) -> Session | None:
    from ..pipeline.lookup import session
    from ..store import Store, default_state, is_state

    place = state or default_state()
    if not is_state(place):
        return None
    with Store(place, write=False) as store:
        return session(store, str(row.get("id")))


def _origins(session: Session | None) -> list[dict[str, Any]]:
    if session is None:
        return []
    return [
        {"message_id": m.id, "role": m.role, "file": session.files[o.file], "line": o.line}
        for m in session.messages
        for o in m.origin
    ]


def _overview(
    console: Console, folder: Path, manifest: Manifest, sample: dict[str, Any] | None
) -> None:
    from .summary import draw_few, draw_manifest

    def draw(rich: RichConsole) -> None:
        draw_manifest(rich, manifest, whole=console.verbose)
        if sample is not None:
            count, first = len(sample["messages"]), sample["messages"][:_SAMPLE]
            how = f" (the first {_SAMPLE} of {count:,} messages)" if count > _SAMPLE else ""
            rich.print(f"\n[bold]Sample: row 1[/bold]{how}")
            _messages(rich, first, full=False)
        draw_few(rich, manifest, place=folder.resolve())
        name = quote(str(folder))
        for line in (
            f"\nNext: {program()} show {name} 1   (a row, and where it came from)",
            f"      {program()} review {name}   (search, read, keep or drop in a browser)",
            f"      {program()} train {name} --base MODEL",
        ):
            print_plain(rich, line)

    console.emit({"manifest": msgspec.to_builtins(manifest), "sample": sample}, draw)


def _draw(
    rich: RichConsole, title: str, row: dict[str, Any], session: Session | None, full: bool
) -> None:
    from rich.markup import escape

    rich.print(f"[bold]{title}[/bold]")
    for name, value in row.items():
        if name not in ("messages", "tools") and value not in ("", None):
            rich.print(f"  {name:<14}  {shown(rich, str(value))}", markup=False)
    _messages(rich, row["messages"], full)
    if session is None:
        rich.print("\nWhere it came from: not in this state (give the export's --state).")
        return
    rich.print("\n[bold]Where it came from[/bold]")
    for i, path in enumerate(session.files):
        lines = sorted({o.line for m in session.messages for o in m.origin if o.file == i})
        if lines:
            rich.print(f"  {escape(printable(path))}: lines {_ranges(lines)}", soft_wrap=True)


def _messages(rich: RichConsole, messages: list[dict[str, Any]], full: bool) -> None:
    from rich.text import Text

    for message in messages:
        role = message["role"]
        mark = "" if message.get("train", True) or role != "assistant" else " (no loss)"
        rich.print(Text(f"\n{role}{mark}", style=f"bold {_STYLES.get(role, '')}"))
        text = message.get("content") or ""
        if not full and len(text) > 600:
            text = f"{text[:400]}\n[... {len(text) - 500:,} characters ...]\n{text[-100:]}"
        if text:
            rich.print(Text(shown(rich, text)))
        for call in message.get("tool_calls") or []:
            function = call["function"]
            arguments = function["arguments"]
            if not full and len(arguments) > 300:
                arguments = arguments[:300] + " ..."
            rich.print(Text(shown(rich, f"-> {function['name']} {arguments}"), style="cyan"))


def _ranges(lines: list[int]) -> str:
    """[1, 2, 3, 7] -> "1-3, 7"."""
    out: list[list[int]] = []
    for line in lines:
        if out and line == out[-1][1] + 1:
            out[-1][1] = line
        else:
            out.append([line, line])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in out)
