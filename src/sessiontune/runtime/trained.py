"""What a run remembers of its training, so that it can be tested honestly later.

The export that it was trained on goes on growing. So the run keeps, in RUN/data:

    held/            the held-out rows as they were (eval/ and long/ as in the export)
    trained.msgpack  names and sketches of the rows of the training side
    rules.txt        the rules mined from them, for the arm `rules`
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ..evaluation.heldout import HELD_FILES
from ..evaluation.rules import mined_rules
from ..evaluation.side import KEPT, RULES
from ..marks import Mark, look, packed, sketch
from ..model import Split
from ..rows.decode import messages_of
from ..runs import is_run, known_record
from ..steps.leakage import leakage

FILE = "trained.msgpack"
#: Begins the lineage of a row that was mixed in.
GENERAL = "general-"
#: What to do if a base was trained on what is held out.
UNSEEN = (
    "Export with that run's private state and split (what is once held out stays so) and train on"
    " that export, or train on the base that the run began with."
)


class Trained(msgspec.Struct, frozen=True):
    """The lineages of the rows that a run was trained on, and a mark of each row."""

    lineages: frozenset[str]
    marks: list[Mark]


def keep(
    export: Path,
    rows: Sequence[Mapping[str, Any]],
    run: Path,
    step: Callable[[int, int], None] | None = None,
) -> None:
    """Write into the folder of a new run what it will be trained on: `rows`. `step(done, total)` is
    called on the way: a hundred thousand rows take minutes."""
    own = run / "data"
    own.mkdir(exist_ok=True)
    noted = marked(rows, step)
    (own / FILE).write_bytes(msgspec.msgpack.encode(noted, order="deterministic"))
    (own / RULES).write_text(mined_rules(export), "utf-8", "replace")
    for name in HELD_FILES:
        if (export / name).is_file():
            (own / KEPT / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(export / name, own / KEPT / name)  # keeps its date and mode


def marked(
    rows: Sequence[Mapping[str, Any]], step: Callable[[int, int], None] | None = None
) -> Trained:
    """What is remembered of rows that are trained on."""
    noted = []
    for mark in _marks(rows, "trained"):
        noted.append(mark)
        if step:
            step(len(noted), len(rows))
    return Trained(frozenset(_lineage(row) for row in rows) - {""}, noted)


def trained_on(run: Path) -> Trained | str:
    """What a run remembers, or the reason why it remembers nothing."""
    path = run / "data" / FILE
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=Trained)
    except FileNotFoundError:
        return "it is of an older version, or lost its notes"
    except OSError as error:
        return f"{path} cannot be read ({error.strerror})"
    except ValueError:
        return f"{path} is damaged"


def run_of(path: Path) -> Path | None:
    """The run that a path lies in, if any: itself, or that of a checkpoint, adapter or model."""
    here = path.resolve()
    return next((one for one in (here, *here.parents) if _is_run(one)), None)


def _is_run(folder: Path) -> bool:
    """Whether a folder holds a run, and not another program's file of that name."""
    if not is_run(folder):
        return False
    record = known_record(folder)  # damaged: what it was trained on is noted beside it
    return record is None or isinstance(record.get("data"), dict)


def makers(base: Path) -> list[Path]:
    """The runs whose training is in a base: the one that made it, the one that made its base, and
    so on. None for a base that no run made."""
    found: list[Path] = []
    former = run_of(base)
    while former is not None and former not in found:
        if base.resolve().is_relative_to(former / "base"):  # a tiny one, as it was before
            break
        found.append(former)
        try:
            base = former / str((known_record(former) or {})["base"]["path"])
        except (LookupError, TypeError):
            break
        former = run_of(base)
    return found


def seen_in(trained: Trained, held: Iterable[Mapping[str, Any]]) -> int:
    """How many of the held-out rows the training has seen, or a branch, a copy or a near-copy of
    them, measured as the export measures leakage. A row that is new in the held-out side may be a
    near-copy of one that was trained on and has been left out since."""
    listed = list(held)
    marks = list(_marks(listed, "held"))
    sides: dict[str, Split] = {mark.key: "train" for mark in trained.marks}
    sides |= {mark.key: "eval" for mark in marks}
    measured = leakage([*trained.marks, *marks], sides)
    named = sum(_lineage(row) in trained.lineages for row in listed)
    return max(named, round(measured.either * measured.held))


def lineages_of(rows: Iterable[Mapping[str, Any]]) -> set[str]:
    """The keyed lineages of rows."""
    return keyed(map(_lineage, rows))


def keyed(lineages: Iterable[str]) -> set[str]:
    """Those of the lineages whose names are keyed with the secret of a private state: exports that
    share one were made with the same state. General rows and canaries have the same names
    everywhere."""
    return {name for name in lineages if name and not name.startswith((GENERAL, "canary-"))}


def is_general(row: Mapping[str, Any]) -> bool:
    """Whether a row was mixed in by --mix."""
    return _lineage(row).startswith(GENERAL)


def _lineage(row: Mapping[str, Any]) -> str:
    return str(row.get("lineage") or "")


def _marks(rows: Iterable[Mapping[str, Any]], side: str) -> Iterator[Mark]:
    for number, row in enumerate(rows):
        messages, _ = messages_of(_said(row))
        seen = look(messages)
        yield Mark(
            key=f"{side}:{number}",
            thread="",
            lineage=_lineage(row),
            digest=seen.digest,
            minhash=sketch(seen.texts),
            anchors=packed(seen.anchors),
        )


def _said(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The messages of a row; of a preference the prompt with all of its answers."""
    parts = ("messages", "prompt", "completion", "chosen", "rejected")
    return [m for name in parts for m in row.get(name) or () if isinstance(m, Mapping)]
