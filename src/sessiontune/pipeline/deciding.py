"""The decisions over all sessions; the last run's are reused while what they depend on is the same.

For a session that shares nothing with another (`candidates.meeting`) few fields count: its text,
length and time decide nothing once a side of the split is remembered for its lineage. So decisions
are noted under a digest of all they depend on, which a line appended to such a session leaves as
it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter

import msgspec

from .. import codec, notes
from ..decisions import Decisions, SplitMemory, SplitOptions
from ..marks import Mark
from ..steps.dedupe import decide
from ..steps.leakage import Comparison, compare
from ..store import Store

#: Raise when the same marks and memory would give other decisions or another leakage.
_VERSION = 1


class Decided(msgspec.Struct, frozen=True):
    """The decisions, what to remember of them, counts for the report, and the measured leakage."""

    decisions: Decisions
    memory: SplitMemory
    counts: dict[str, int]
    leakage: Comparison


class _Noted(msgspec.Struct, frozen=True):
    """What is noted when the memory stayed the same; the seats are read from there."""

    key: str
    bridged: frozenset[str]
    duplicates: dict[str, str]
    near: frozenset[str]
    folded: bool
    counts: dict[str, int]
    leakage: Comparison


def decided(
    marks: Sequence[Mark],
    stands: Sequence[tuple[str, int]],
    met: frozenset[str],
    whole: Callable[[], Sequence[Mark]],
    options: SplitOptions,
    store: Store,
    split: str = "",
) -> Decided:
    """Decide over all sessions. `stands`: the unit of each and its index there; `met`: those that
    share something with another; `whole` gives the marks, with sketches for those; `split`: the
    name of the memory of sides."""
    old = store.memory(notes.split_memory(split))
    memory = msgspec.msgpack.decode(old, type=SplitMemory) if old else SplitMemory()
    key = codec.digest(_VERSION, options, old, _fields(marks, stands, met, memory))
    noted = _read(store.memory(notes.DECIDED))
    if noted is not None and noted.key == key:
        seats = {mark.lineage: memory.seats[mark.lineage] for mark in marks}
        decisions = Decisions(seats, noted.bridged, noted.duplicates, noted.near, noted.folded)
        return Decided(decisions, memory, noted.counts, noted.leakage)
    compared = whole()
    outcome = decide(compared, memory, options, met)
    made, counts = outcome.decisions, outcome.counts
    leakage = compare(compared, made, outcome.meeting)
    if outcome.memory == memory:
        note = _Noted(key, made.bridged, made.duplicates, made.near, made.folded, counts, leakage)
        store.remember(notes.DECIDED, msgspec.msgpack.encode(note))
    return Decided(made, outcome.memory, counts, leakage)


def _fields(
    marks: Sequence[Mark],
    stands: Sequence[tuple[str, int]],
    met: frozenset[str],
    memory: SplitMemory,
) -> list[tuple[object, ...]]:
    """What decisions depend on, for each session: all of its unit if it meets others; its time if
    folds are assigned. (Nothing is noted while a side is still to be decided.)"""
    folded = memory.fold is not None
    return sorted(
        [
            (
                m.key,
                unit if m.key in met else "",
                place,
                m.lineage,
                m.project,
                m.forked_from,
                m.family,
                m.at if folded else "",
            )
            for m, (unit, place) in zip(marks, stands, strict=True)
        ],
        key=itemgetter(0),
    )


def _read(noted: bytes | None) -> _Noted | None:
    """What was noted; None if another version wrote it."""
    try:
        return msgspec.msgpack.decode(noted, type=_Noted) if noted else None
    except msgspec.DecodeError:
        return None
