"""What a run remembers of its training, so that it can be tested honestly later.

The export that it was trained on goes on growing. So the run keeps, in RUN/data:

    held/            the held-out rows as they were (eval/ and long/ as in the export)
    trained.msgpack  names and sketches of the rows of the training side
    rules.txt        the rules mined from them, for the arm `rules`
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from ..evaluation.heldout import HELD_FILES
from ..evaluation.rules import mined_rules
from ..evaluation.side import KEPT, RULES
from ..marks import Mark, look, packed, sketch
from ..model import Split
from ..rows.decode import messages_of
from ..steps.split import leakage

FILE = "trained.msgpack"


class Trained(msgspec.Struct, frozen=True):
    """The lineages of the rows that a run was trained on, and a mark of each row."""

    lineages: frozenset[str]
    marks: list[Mark]


def keep(export: Path, rows: Iterable[Mapping[str, Any]], run: Path) -> None:
    """Note in the folder of a run that is being made what it will be trained on: `rows`."""
    listed = list(rows)
    own = run / "data"
    own.mkdir(exist_ok=True)
    names = frozenset(_lineage(row) for row in listed) - {""}
    (own / FILE).write_bytes(msgspec.msgpack.encode(Trained(names, _marks(listed, "trained"))))
    (own / RULES).write_text(mined_rules(export), "utf-8", "replace")
    for name in HELD_FILES:
        if (export / name).is_file():
            (own / KEPT / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(export / name, own / KEPT / name)  # with its date, and no wider rights


def trained_on(run: Path) -> Trained | None:
    """What a run remembers; None where it was made before runs did, or the file is damaged."""
    try:
        return msgspec.msgpack.decode((run / "data" / FILE).read_bytes(), type=Trained)
    except (OSError, msgspec.DecodeError):
        return None


def seen_in(trained: Trained, held: Iterable[Mapping[str, Any]]) -> int:
    """How many held-out rows the training has seen: a branch, a copy or a near-copy of each, by the
    measure of the export. A row that is held out now may be new, and stand near to one that trained
    then and is left out since."""
    listed = list(held)
    marks = _marks(listed, "held")
    sides: dict[str, Split] = {mark.key: "train" for mark in trained.marks}
    sides |= {mark.key: "eval" for mark in marks}
    measured = leakage([*trained.marks, *marks], sides)
    named = sum(_lineage(row) in trained.lineages for row in listed)
    return max(named, round(measured.either * measured.held))


def lineages_of(rows: Iterable[Mapping[str, Any]]) -> set[str]:
    """The lineages of rows, of those that are keyed."""
    return keyed(map(_lineage, rows))


def keyed(lineages: Iterable[str]) -> set[str]:
    """Those that are keyed with the secret of a private state: two sets that share one were made
    with the same. What is mixed in or planted has one name everywhere."""
    return {name for name in lineages if name and not name.startswith(("general-", "canary-"))}


def _lineage(row: Mapping[str, Any]) -> str:
    return str(row.get("lineage") or "")


def _marks(rows: Iterable[Mapping[str, Any]], side: str) -> list[Mark]:
    out = []
    for number, row in enumerate(rows):
        messages, _ = messages_of(_said(row))
        seen = look(messages)
        out.append(
            Mark(
                key=f"{side}:{number}",
                thread="",
                lineage=_lineage(row),
                digest=seen.digest,
                minhash=sketch(seen.texts),
                anchors=packed(seen.anchors),
            )
        )
    return out


def _said(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The messages of a row; of a preference the prompt with all of its answers."""
    parts = ("messages", "prompt", "completion", "chosen", "rejected")
    return [m for name in parts for m in row.get(name) or () if isinstance(m, Mapping)]
