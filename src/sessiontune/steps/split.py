"""The measured leakage of a split, and of a random one for comparison.

A leak test must also show that the random split leaks, or it proves nothing.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from ..decisions import Decisions
from ..marks import Mark, anchors, bands, is_answer, jaccard
from ..meetings import keys_of, meeting, neighbours
from ..model import Split

#: From this estimated Jaccard on, a held-out session counts as seen in training.
NEAR = 0.8
#: Random splits that are averaged for the comparison.
DRAWS = 5
#: Sessions compared with one another for sharing a key: more than in `decide`, which may chain.
MOST = 64


class Leakage(msgspec.Struct, frozen=True):
    """Held-out sessions, and the shares of them that training has seen.

    exact   equal content, a long answer that stands word for word in a training session, or a
            branch whose row repeats messages of one
    near    estimated Jaccard of the rows at least `NEAR` with some training session
    """

    held: int
    exact: float
    near: float
    either: float


class Comparison(msgspec.Struct, frozen=True):
    """This split beside a random one by session of the same size, mean over `DRAWS` draws."""

    ours: Leakage
    random: Leakage


def leakage(marks: Iterable[Mark], sides: Mapping[str, Split]) -> Leakage:
    """Share of held-out sessions that also stand in train. `sides`: session key -> side;
    sessions without a side are not published and do not count."""
    kept = sorted((m for m in marks if m.key in sides), key=lambda m: m.key)
    met = meeting([(m.key, keys_of(m)) for m in kept])
    return _measure(_related(kept, met), [sides[m.key] == "eval" for m in kept])


def compare(marks: Iterable[Mark], decisions: Decisions, met: frozenset[str]) -> Comparison:
    """The leakage of `decisions` beside random splits over all marked sessions. `met`: those that
    share something with another (`meetings.meeting`).

    The random split is what a tool without lineage would do: it deals every session, copies
    included, by a hash of its key.
    """
    every = sorted(marks, key=lambda m: m.key)
    places = [decisions.for_session(m.key, m.lineage) for m in every]
    related = _related(every, met)
    left_out = [bool(p.reason) for p in places]
    ours = _measure(related, [not p.reason and p.split == "eval" for p in places], left_out)
    published = sum(not p.reason for p in places)
    share = ours.held / published if published else 0.0
    held = max(1, round(share * len(every))) if every else 0
    draws: list[Leakage] = []
    for chances in _chances([m.key for m in every]):
        out = [False] * len(every)
        for i in sorted(range(len(every)), key=chances.__getitem__)[:held]:
            out[i] = True
        draws.append(_measure(related, out))
    return Comparison(ours, _mean(draws))


def _chances(keys: Sequence[str]) -> list[list[bytes]]:
    """For each draw a number for each session: a piece of one hash of its key."""
    hashes = [hashlib.blake2b(k.encode(), digest_size=8 * DRAWS).digest() for k in keys]
    return [[h[at : at + 8] for h in hashes] for at in range(0, 8 * DRAWS, 8)]


class _Pairs:
    """Pairs of positions, and what ties each: of many sessions that are all alike there are tens
    for each, so they are kept small."""

    def __init__(self) -> None:
        self.one, self.two, self.ties = array("I"), array("I"), bytearray()

    def add(self, i: int, j: int, exact: bool, near: bool) -> None:
        self.one.append(i)
        self.two.append(j)
        self.ties.append(_EXACT * exact | _NEAR * near)

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        return zip(self.one, self.two, self.ties, strict=True)


_EXACT, _NEAR = 1, 2


def _related(marks: list[Mark], met: frozenset[str]) -> _Pairs:
    """Pairs that would leak if split: branches of one session meet as well."""
    here = [i for i, m in enumerate(marks) if m.key in met]
    rows = {i: marks[i].row or marks[i].minhash for i in here}
    answers = {i: {a for a in anchors(marks[i]) if is_answer(a)} for i in here}
    keys = [
        (
            marks[i].key,
            marks[i].forked_from or marks[i].key,
            marks[i].digest,
            *answers[i],
            *(bands(row) if (row := rows[i]) else ()),
        )
        for i in here
    ]
    out = _Pairs()
    for i, j in ((here[a], here[b]) for a, b in neighbours(keys, MOST)):
        plain = marks[i].forked_from is None and marks[j].forked_from is None
        exact = (
            (plain and marks[i].digest == marks[j].digest)
            or bool(answers[i] & answers[j])
            or _repeats(marks[i], marks[j])
        )
        one, two = rows[i], rows[j]
        near = bool(one and two and jaccard(one, two) >= NEAR)
        if exact or near:
            out.add(i, j, exact, near)
    return out


def _repeats(a: Mark, b: Mark) -> bool:
    """Whether one is a branch of the other, or both leave one session: their rows begin alike."""
    here, there = a.forked_from or a.key, b.forked_from or b.key
    return here == there or a.forked_from == b.key or b.forked_from == a.key


def _measure(related: _Pairs, held: list[bool], left_out: Sequence[bool] = ()) -> Leakage:
    exact: set[int] = set()
    near: set[int] = set()
    for i, j, ties in related:
        if held[i] == held[j] or (left_out and (left_out[i] or left_out[j])):
            continue
        seen = i if held[i] else j
        if ties & _EXACT:
            exact.add(seen)
        if ties & _NEAR:
            near.add(seen)
    n = sum(held)
    return Leakage(
        held=n,
        exact=len(exact) / n if n else 0.0,
        near=len(near) / n if n else 0.0,
        either=len(exact | near) / n if n else 0.0,
    )


def _mean(draws: list[Leakage]) -> Leakage:
    n = len(draws)
    return Leakage(
        held=draws[0].held,
        exact=sum(d.exact for d in draws) / n,
        near=sum(d.near for d in draws) / n,
        either=sum(d.either for d in draws) / n,
    )
