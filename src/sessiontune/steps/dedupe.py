"""Near-duplicates and lineage: `mark` each session, `decide` once over all marks.

`mark` runs in the workers; `decide` is the only step that sees everything, and it sees only marks.
A group is a lineage merged with its near-copies: two branches, resumed copies or near-copies are
never on both sides of the split. What a random split leaks: benchmarks/leakage.py.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from operator import attrgetter

import msgspec

from ..candidates import Pairs, keys_of, meeting, neighbours, shared
from ..decisions import (
    Bucket,
    Decisions,
    Seat,
    SplitMemory,
    SplitOptions,
    Union,
    assign,
    bridged_of,
    groups_of,
)
from ..marks import (
    Mark,
    alike,
    anchors,
    in_common,
    jaccard,
    lanes,
    look,
    packed,
    sketch,
)
from ..model import Session

#: Branches with less content of their own (characters) are not compared by sketch.
TAIL = 2_000
#: Estimated Jaccard that joins two lineages, and from which a copy is left out.
NEAR, COPY = 0.55, 0.9


class Outcome(msgspec.Struct, frozen=True):
    """The decisions, what to remember, and the counts for the report. `meeting`: sessions that
    share a key with another one (`candidates.meeting`)."""

    decisions: Decisions
    memory: SplitMemory
    counts: dict[str, int]
    meeting: frozenset[str] = frozenset()


def mark(session: Session) -> Mark:
    """The mark of a session's own messages, without those that a branch repeats."""
    own = look(session.messages)
    return Mark(
        key=session.key,
        thread=session.thread,
        lineage=session.lineage,
        project=session.project,
        at=max((m.at for m in session.messages), default=""),
        size=own.size,
        digest=own.digest,
        minhash=sketch(own.texts),
        anchors=packed(own.anchors),
        forked_from=session.forked_from.session if session.forked_from else None,
        family=tuple(x for x in (session.session_id, session.parent_session) if x),
    )


def decide(
    marks: Iterable[Mark],
    memory: SplitMemory | None = None,
    split: SplitOptions | None = None,
    met: frozenset[str] | None = None,
) -> Outcome:
    """Group, drop copies, and choose sides. Depends only on the set of marks and the memory.

    `met`: the sessions that share a key with another (or a superset), if known; the marks of the
    others may lack their sketches (`marks.outlined`)."""
    split, memory = split or SplitOptions(), memory or SplitMemory()
    ordered = sorted(sorted(marks, key=attrgetter("key")), key=attrgetter("lineage"))
    if met is None:
        met = meeting([(m.key, keys_of(m)) for m in ordered])
    links, copies = _compare(ordered, met)
    groups = groups_of((m.lineage for m in ordered), [*_families(ordered), *links], memory)
    bridged = bridged_of(groups, memory)
    duplicates, near = _duplicates(ordered, copies, memory, bridged)
    seats, folded = _seats(ordered, groups, memory, bridged, duplicates, split)
    decisions = Decisions(
        seats={m.lineage: seats[m.lineage] for m in ordered},
        bridged=bridged,
        duplicates=duplicates,
        near=near,
        folded=folded,
    )
    remembered = SplitMemory(
        seats=dict(sorted({**memory.seats, **seats}.items())),
        duplicates=dict(sorted({**memory.duplicates, **duplicates}.items())),
        fold=0 if folded else None,
    )
    counts = decisions.counts((m.key, m.lineage) for m in ordered)
    return Outcome(decisions, remembered, counts, met)


# ------------------------------------------------------------------ finding relatives


def _families(marks: list[Mark]) -> Iterator[tuple[str, str]]:
    """Lineages of one conversation: sub-agents with the session that started them, several
    beginnings of one session. They share a side of the split."""
    first: dict[str, str] = {}
    for m in marks:
        for name in (m.key, *m.family):
            other = first.setdefault(name, m.lineage)
            if other != m.lineage:
                yield other, m.lineage


def _compare(marks: list[Mark], met: frozenset[str]) -> tuple[list[tuple[str, str]], Pairs]:
    """Related lineages, and the pairs of copies. `met`: the sessions that are compared."""
    here = [i for i, m in enumerate(marks) if m.key in met]
    anchored = [anchors(marks[i]) for i in here]
    sketches = [_sketch(marks[i]) for i in here]
    others = [(marks[i].digest, *own) for i, own in zip(here, anchored, strict=True)]
    looks = [lanes(sketch) if sketch else None for sketch in sketches]
    links: list[tuple[str, str]] = []
    copies = Pairs()
    union = Union()  # a thousand links connect a thousand equal ones
    for x, y in neighbours(shared(sketches, others)):
        i, j = here[x], here[y]
        a, b = marks[i], marks[j]
        same = a.digest == b.digest and not _tails(a, b)
        if a.lineage == b.lineage:
            if same and a.forked_from == b.forked_from and a.thread != b.thread:
                copies.add(i, j, True)
            continue
        one, two = looks[x], looks[y]
        likeness = alike(one, two) if one is not None and two is not None else 0.0
        if same or (likeness >= COPY and not _tails(a, b)):
            copies.add(i, j, same)
        if union.find(a.lineage) == union.find(b.lineage):
            continue
        if same or likeness >= NEAR or in_common(anchored[x], anchored[y]):
            union.join(a.lineage, b.lineage)
            links.append((a.lineage, b.lineage))
    return links, copies


def _tail(m: Mark) -> bool:
    """Whether it is the short end of a branch, whose text ("go on", "Done.") proves nothing."""
    return m.forked_from is not None and m.size < TAIL


def _tails(a: Mark, b: Mark) -> bool:
    return _tail(a) or _tail(b)


def _sketch(m: Mark) -> bytes | None:
    """The sketch that is compared: none for the short end of a branch."""
    return None if _tail(m) else m.minhash


def _duplicates(
    marks: list[Mark], copies: Pairs, memory: SplitMemory, bridged: frozenset[str]
) -> tuple[dict[str, str], frozenset[str]]:
    """Copies to leave out: key -> key of the session that stays, and which are inexact.

    Order of preference: kept by an earlier build; then larger, newer, smaller key. No copy of a
    held-out row was kept in train (`bridged`). A session whose branch stays is never left out: the
    branch needs its prefix.
    """
    present = {m.key for m in marks}

    def rank(m: Mark) -> tuple[bool, int, tuple[int, ...], str]:
        kept = m.lineage in memory.seats and memory.duplicates.get(m.key) not in present
        newest = tuple(-ord(c) for c in m.at)
        return (not kept, -m.size, newest, m.key)

    known = {i for a, b, _ in copies for i in (a, b) if marks[i].lineage not in bridged}
    order = sorted(known, key=lambda i: rank(marks[i]))
    place = {i: n for n, i in enumerate(order)}
    better: dict[int, array[int]] = {}  # for each: twice its position, plus 1 if exact
    for a, b, exact in copies:
        if a in place and b in place:
            good, bad = (a, b) if place[a] < place[b] else (b, a)
            better.setdefault(bad, array("Q")).append(good * 2 + exact)
    gone: dict[int, tuple[int, bool]] = {}
    for i in order:
        seat = memory.seats.get(marks[i].lineage)
        if seat is not None and seat.side == "eval" and marks[i].key not in memory.duplicates:
            continue  # no row leaves eval
        stay = _staying(marks, i, better.get(i, ()), gone)
        if stay:
            gone[i] = min(stay, key=lambda s: (not s[1], place[s[0]]))
    _keep_owners(marks, gone)
    return (
        {marks[i].key: marks[good].key for i, (good, _) in sorted(gone.items())},
        frozenset(marks[i].key for i, (_, exact) in gone.items() if not exact),
    )


def _staying(
    marks: list[Mark], i: int, better: Iterable[int], gone: dict[int, tuple[int, bool]]
) -> set[tuple[int, bool]]:
    """The sessions that stay instead of `i`, and whether it equals each: those of `better`. For one
    of them that is left out itself, the session that stays instead, if `i` is a copy of that too
    (likeness is not transitive)."""
    stay: set[tuple[int, bool]] = set()
    held: dict[int, bool] = {}  # kept, as many were left out for the same one
    for number in better:
        good, exact = number >> 1, bool(number & 1)
        if good not in gone:
            stay.add((good, exact))
            continue
        root, equal = gone[good]
        if exact and equal:
            stay.add((root, True))
            continue
        if root not in held:
            one, two = _sketch(marks[i]), _sketch(marks[root])
            held[root] = one is not None and two is not None and jaccard(one, two) >= COPY
        if held[root]:
            stay.add((root, False))
    return stay


def _keep_owners(marks: list[Mark], gone: dict[int, tuple[int, bool]]) -> None:
    """Take sessions out of `gone` that a staying branch repeats as its prefix."""
    position = {m.key: i for i, m in enumerate(marks)}
    changed = True
    while changed:
        changed = False
        for i, m in enumerate(marks):
            owner = position.get(m.forked_from) if m.forked_from else None
            if i not in gone and owner is not None and owner in gone:
                del gone[owner]
                changed = True


# ------------------------------------------------------------------ sides


def _seats(
    marks: list[Mark],
    groups: dict[str, list[str]],
    memory: SplitMemory,
    bridged: frozenset[str],
    duplicates: dict[str, str],
    options: SplitOptions,
) -> tuple[dict[str, Seat], bool]:
    """A seat for every lineage: the remembered side, or one by `decisions.assign`."""
    name_of = {lineage: name for name, lineages in groups.items() for lineage in lineages}
    buckets, bucket_of = _buckets(marks, name_of, groups, memory, bridged, duplicates, options)
    folded = assign(list(buckets.values()), options)
    seated = ((name_of[x], s.side) for x, s in memory.seats.items() if x in name_of)
    held = {name for name, side in seated if side == "eval"}
    seats: dict[str, Seat] = {}
    for lineage, name in name_of.items():
        old = memory.seats.get(lineage)
        bucket = buckets.get(bucket_of.get(name, ""))
        if bucket is None:  # nothing of this group is left
            if old is not None:
                seats[lineage] = Seat(name, old.side, old.fold)
            continue
        side = bucket.side or "train"
        # By project a bucket may hold groups of both sides; relatives go with their group.
        side = old.side if old else "eval" if name in held else side
        seats[lineage] = Seat(name, side, bucket.fold if folded else None)
    return seats, folded


def _buckets(
    marks: list[Mark],
    name_of: dict[str, str],
    groups: dict[str, list[str]],
    memory: SplitMemory,
    bridged: frozenset[str],
    duplicates: dict[str, str],
    options: SplitOptions,
) -> tuple[dict[str, Bucket], dict[str, str]]:
    """What is assigned together: a group, or by project all groups that share a project."""
    there = {name_of[m.lineage] for m in marks}
    bucket_of = {name: name for name in groups if name in there}
    if options.by == "project":
        union = Union()
        for m in marks:
            union.join(name_of[m.lineage], f"\x00{m.project}")
        bucket_of = {name: union.find(name) for name in bucket_of}
    buckets = {name: Bucket(name, 0, 0, "") for name in bucket_of.values()}
    counted: set[str] = set()
    for m in marks:
        if m.lineage in bridged or m.key in duplicates:
            continue
        group = name_of[m.lineage]
        bucket = buckets[bucket_of[group]]
        bucket.sessions += 1
        if m.at > bucket.at:
            bucket.at = m.at
        if group not in counted:
            counted.add(group)
            bucket.groups += 1
    for lineage, seat in sorted(memory.seats.items()):
        known = buckets.get(bucket_of.get(name_of[lineage], ""))
        if known is None or lineage in bridged:
            continue
        # If an earlier build by time put a project's lineages on both sides, new ones join
        # train: the held-out side cannot be made clean again.
        known.side = seat.side if known.side in (None, seat.side) else "train"
        known.fold = seat.fold if known.fold is None else known.fold
    return buckets, bucket_of
