"""The measured leakage of a split, and of a random one for comparison.

A leakage test that does not find the leaks of a random split proves nothing.
"""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter

import msgspec

from ..candidates import keys_of, meeting, shared
from ..decisions import Decisions
from ..marks import Mark, alike, answers, lanes
from ..model import Split

#: Least estimated Jaccard at which a held-out session counts as seen in training.
NEAR = 0.8
#: Number of random splits that are averaged.
DRAWS = 5
#: Of the sessions that share a band, each is compared with so many before and behind it, in the
#: order of their keys. More than in `decide`, which may chain.
MOST = 64


class Leakage(msgspec.Struct, frozen=True):
    """Held-out sessions, and the shares of them that training has seen.

    exact   equal content, a long answer that is word for word in a training session, or a branch
            whose row repeats messages of one
    near    estimated Jaccard of its own text at least `NEAR` with some training session
    """

    held: int
    exact: float
    near: float
    either: float


class Comparison(msgspec.Struct, frozen=True):
    """This split beside random ones by session of the same size, mean of `DRAWS` draws."""

    ours: Leakage
    random: Leakage


def leakage(marks: Iterable[Mark], sides: Mapping[str, Split]) -> Leakage:
    """Share of held-out sessions that are also in train. `sides`: session key -> side; sessions
    without a side are not published and do not count."""
    kept = sorted((m for m in marks if m.key in sides), key=lambda m: m.key)
    deal = [_HELD if sides[m.key] == "eval" else _TRAIN for m in kept]
    met = meeting([(m.key, keys_of(m)) for m in kept])
    return _measure(kept, met, [bytearray(deal)])[0]


def compare(marks: Iterable[Mark], decisions: Decisions, met: frozenset[str]) -> Comparison:
    """The leakage of `decisions` beside random splits over all marked sessions. `met`: those that
    share something with another (`candidates.meeting`).

    The random split is what a tool without lineage would do: it deals every session, copies
    included, by a hash of its key.
    """
    every = sorted(marks, key=attrgetter("key"))
    places = decisions.for_sessions((m.key, m.lineage) for m in every)
    ours = bytearray(_OUT if p.reason else _HELD if p.split == "eval" else _TRAIN for p in places)
    published = len(ours) - ours.count(_OUT)
    share = ours.count(_HELD) / published if published else 0.0
    held = max(1, round(share * len(every))) if every else 0
    deals = [ours]
    for chances in _chances([m.key for m in every]):
        deal = bytearray([_TRAIN]) * len(every)
        for i in sorted(range(len(every)), key=chances.__getitem__)[:held]:
            deal[i] = _HELD
        deals.append(deal)
    measured = _measure(every, met, deals)
    return Comparison(measured[0], _mean(measured[1:]))


def _chances(keys: Sequence[str]) -> list[list[str]]:
    """For each draw a number for each session: a piece of one hash of its key. Its bytes are given
    as characters, which are compared alike, and sooner."""
    digests = (hashlib.blake2b(k.encode(), digest_size=8 * DRAWS).digest() for k in keys)
    hashes = [digest.decode("latin-1") for digest in digests]
    return [[h[at : at + 8] for h in hashes] for at in range(0, 8 * DRAWS, 8)]


#: The side on which a deal puts a session.
_TRAIN, _HELD, _OUT = 0, 1, 2


def _measure(
    marks: Sequence[Mark], met: frozenset[str], deals: Sequence[bytearray]
) -> list[Leakage]:
    """The leakage of each deal: for each position, where it puts the session."""
    ties = _ties(marks, met)
    exact = [_exact(ties, deal) for deal in deals]
    looks = {i: m.minhash for i, m in enumerate(marks) if m.key in met and m.minhash}
    near = _near(looks, deals)
    out = []
    for deal, same, similar in zip(deals, exact, near, strict=True):
        n = deal.count(_HELD)
        shares = [len(found) / n if n else 0.0 for found in (same, similar, same | similar)]
        out.append(Leakage(n, *shares))
    return out


def _ties(marks: Sequence[Mark], met: frozenset[str]) -> dict[int, array[int]]:
    """What each session has in common with another: content, a long answer, or that one is a branch
    of the other. A branch holds only its own end, so equal content does not count there."""
    names: dict[int, list[object]] = {}  # most sessions have nothing in common with others
    branches = [m for m in marks if m.forked_from]
    others = {m.forked_from for m in branches}.union(m.key for m in branches)
    for i, m in enumerate(marks):
        meets = m.key in met
        if not meets and m.key not in others:
            continue
        own: list[object] = [m.key]
        if m.forked_from:
            own.append(m.forked_from)
        if meets:
            own += answers(m)
            if m.forked_from is None:
                own.append(("content", m.digest))
        names[i] = own
    ties = shared([None] * len(names), list(names.values()))
    return {i: own for i, own in zip(names, ties, strict=True) if own}


def _exact(ties: Mapping[int, array[int]], deal: bytearray) -> set[int]:
    """Held-out positions with a tie to one in training."""
    trained: set[int] = set()
    for i, own in ties.items():
        if deal[i] == _TRAIN:
            trained.update(own)
    return {i for i, own in ties.items() if deal[i] == _HELD and not trained.isdisjoint(own)}


def _near(sketches: Mapping[int, bytes], deals: Sequence[bytearray]) -> list[set[int]]:
    """Held-out positions of each deal that are nearly equal to one in training; `sketches` of the
    candidates. The first match is enough, and positions that no deal holds out are skipped."""
    found = zip(sketches, shared(list(sketches.values())), strict=True)
    bands = {i: own for i, own in found if own}
    looks = {i: lanes(sketches[i]) for i in bands}
    buckets: dict[int, list[int]] = {}
    for i, own in bands.items():
        for band in own:
            buckets.setdefault(band, []).append(i)
    out: list[set[int]] = [set() for _ in deals]
    for i, own in bands.items():
        one = looks[i]
        open_deals = [n for n, deal in enumerate(deals) if deal[i] == _HELD]
        for j in _around(i, own, buckets) if open_deals else ():
            told = [n for n in open_deals if deals[n][j] == _TRAIN]
            if not told or alike(one, looks[j]) < NEAR:
                continue
            for n in told:
                out[n].add(i)
            open_deals = [n for n in open_deals if n not in told]
            if not open_deals:
                break
    return out


def _around(i: int, own: Iterable[int], buckets: Mapping[int, list[int]]) -> Iterator[int]:
    """The other positions that share a band with `i`, each once; of a large bucket the nearest."""
    seen = {i}
    for band in own:
        bucket = buckets[band]
        at = bisect_left(bucket, i)
        for j in bucket[max(0, at - MOST) : at + MOST + 1]:
            if j not in seen:
                seen.add(j)
                yield j


def _mean(draws: list[Leakage]) -> Leakage:
    n = len(draws)
    return Leakage(
        held=draws[0].held,
        exact=sum(d.exact for d in draws) / n,
        near=sum(d.near for d in draws) / n,
        either=sum(d.either for d in draws) / n,
    )
