"""The way from logs to a chat, as stages that remember what they have done.

A stage is not done again if its fingerprint is noted in `evening.json` and its result is still
there. The notes are written after each stage, so an interrupted evening goes on where it stopped.
What the stages do is handed in: `tune` and `demo` share this and differ in data.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from ..errors import StoreError, UsageError, cannot_write
from ..portions import NOTES
from ..whole import write_whole


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """A finished stage. `links`: name -> path of what to look at; `seconds` of the first run."""

    name: str
    fingerprint: str
    said: str
    seconds: float = 0.0
    links: dict[str, str] = {}
    data: dict[str, Any] = {}
    reused: bool = False


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the way.

    run           does the work; returns one line on what came out, links and data
    fingerprint   what the result depends on; asked when the stage's turn comes
    present       whether the result of an earlier run is still there: without it never
    gate          looks at the result, new or reused, and raises if the way ends here
    """

    name: str
    run: Callable[[], tuple[str, dict[str, str], dict[str, Any]]]
    fingerprint: Callable[[], str] = str
    present: Callable[[], bool] = bool
    gate: Callable[[Done], None] = lambda done: None


def make_folder(folder: Path) -> None:
    """Make the folder of an evening. UsageError or StoreError where it cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise UsageError(f"{folder} is not a folder.", "Give another one with -o.") from error
    except OSError as error:
        raise cannot_write(folder, error, ", or give another folder with -o.") from error


def walk(folder: Path, stages: list[Stage], begin: Callable[[int, Stage], None]) -> list[Done]:
    """Go through the stages. Whatever a stage raises passes through; what was done stays noted."""
    notes = _read(folder)
    finished: list[Done] = []
    for number, stage in enumerate(stages, start=1):
        begin(number, stage)
        key = stage.fingerprint()
        known = notes.get(stage.name)
        if known and known.fingerprint == key and stage.present():
            done = msgspec.structs.replace(known, reused=True)
        else:
            started = time.monotonic()
            said, links, data = stage.run()
            done = Done(
                name=stage.name,
                fingerprint=stage.fingerprint(),
                said=said,
                seconds=round(time.monotonic() - started, 1),
                links=links,
                data=data,
            )
            notes[stage.name] = done
            _write(folder, notes)
        stage.gate(done)
        finished.append(done)
    return finished


def _read(folder: Path) -> dict[str, Done]:
    path = folder / NOTES
    if not path.is_file():
        return {}
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Done])
    except ValueError as wrong:
        raise StoreError(
            f"{path} cannot be read: {wrong}", "Delete it; results are kept."
        ) from wrong


def _write(folder: Path, notes: dict[str, Done]) -> None:
    path = folder / NOTES
    try:
        write_whole(path, msgspec.json.format(msgspec.json.encode(notes), indent=2) + b"\n")
    except OSError as error:
        raise cannot_write(path, error, "; the same command goes on.") from error


def peak_memory() -> int:
    """Largest resident memory so far, in bytes: of this process or the largest child of it."""
    unit = 1 if sys.platform == "darwin" else 1024
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(who).ru_maxrss for who in whose) * unit
