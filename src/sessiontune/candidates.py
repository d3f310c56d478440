"""Candidate pairs: which of many sessions share something, so that only those are compared.

Each session leaves a few 64-bit keys in the state. By these alone `meeting` tells which sessions
share one with another: few do. For those `shared` and `neighbours` say with which.
A sketch has 32 bands, and among 100,000 sessions that are all alike every band is shared. So shared
keys become numbers, column by column, and keys that nobody shares are not kept.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import chain

from .marks import BANDS, ROWS, Mark, anchors

#: Sessions compared with one another for sharing an anchor or a band, at most.
NEIGHBOURS = 16
_BAND = ROWS * 4  # bytes


# ------------------------------------------------------------------ keys


def keys_of(mark: Mark) -> bytes:
    """All that may tie a session to another, as 64-bit numbers: digest, anchors, bands of its
    sketch, and the session that it branches from. Different keys may collide."""
    halves = array("Q", mark.minhash or b"")
    return array(
        "Q",
        [
            _number(mark.digest),
            _number(mark.forked_from or mark.key),
            *anchors(mark),
            *((a ^ b * _ODD) & _WORD for a, b in zip(halves[::2], halves[1::2], strict=True)),
        ],
    ).tobytes()


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


_WORD, _ODD = (1 << 64) - 1, 0x9E3779B97F4A7C15


def meeting(
    new: Sequence[tuple[str, bytes]], old: Sequence[tuple[str, bytes]] = ()
) -> frozenset[str]:
    """Names of the sessions that share a key with another one. Sessions are given as (name, keys of
    `keys_of`); two `old` ones are not compared with each other.

    Many keys are compared in several passes, to save memory.
    """
    passes = 1 + sum(len(keys) for _, keys in new) // (8 * _AT_ONCE)
    met: set[str] = set()
    for turn in range(passes):
        met |= _meeting(new, old, passes, turn)
    return frozenset(met)


#: Keys that are held in memory at a time, about: some 40 MB.
_AT_ONCE = 500_000


def _meeting(
    new: Sequence[tuple[str, bytes]], old: Sequence[tuple[str, bytes]], passes: int, turn: int
) -> set[str]:
    """One pass: over the keys that are `turn` modulo `passes`."""

    def share(keys: bytes) -> Collection[int]:
        own = memoryview(keys).cast("Q")
        return own if passes == 1 else [key for key in own if key % passes == turn]

    once: set[int] = set()
    twice: set[int] = set()
    met: set[str] = set()
    for _, keys in new:
        own = share(keys)
        if not once.isdisjoint(own):
            twice.update(once.intersection(own))
        once.update(own)
    for session, keys in old:
        own = share(keys)
        if not once.isdisjoint(own):
            twice.update(once.intersection(own))
            met.add(session)
    met.update(name for name, keys in new if not twice.isdisjoint(share(keys)))
    return met


# ------------------------------------------------------------------ pairs


def shared(
    sketches: Sequence[bytes | None], others: Sequence[Collection[object]] = ()
) -> list[array[int]]:
    """For each session the numbers of the bands and other keys that it shares with another one.
    `sketches[i]` and `others[i]` belong to session i. Equal bands at different places of a sketch
    are different keys."""
    out = [array("I") for _ in sketches]
    several = {key: n for n, (key, count) in enumerate(_counted(others)) if count > 1}
    for own, keys in zip(out, others, strict=False):
        own.extend(several[key] for key in keys if key in several)
    first = len(several) and max(several.values()) + 1
    owns = [own for own, sketch in zip(out, sketches, strict=True) if sketch]
    there = [sketch for sketch in sketches if sketch]
    for at in range(0, BANDS * _BAND, _BAND) if there else ():
        column = [sketch[at : at + _BAND] for sketch in there]
        counts = Counter(column)
        if len(counts) == len(column):
            continue
        common = [band for band, count in counts.items() if count > 1]
        numbers = dict(zip(common, range(first, first + len(common)), strict=True))
        first += len(common)
        for own, number in zip(owns, map(numbers.get, column), strict=True):
            if number is not None:
                own.append(number)
    return out


def _counted(keys: Sequence[Collection[object]]) -> list[tuple[object, int]]:
    return list(Counter(chain.from_iterable(keys)).items())


def neighbours(keys: Sequence[array[int]], most: int = NEIGHBOURS) -> Iterator[tuple[int, int]]:
    """Pairs (i < j) of sessions that share a key, each pair once. `keys`: as `shared` gives them.

    In a bucket (the sessions that have one key) each is paired with at most the last `most` before
    it, so a bucket of n costs n * most instead of n squared. If all are alike, the chain of pairs
    still joins the whole bucket.
    """
    buckets: dict[int, list[int]] = {}
    for position, own in enumerate(keys):
        found: set[int] = set()
        for key in own:
            bucket = buckets.setdefault(key, [])
            found.update(bucket)
            bucket.append(position)
            if len(bucket) > most:
                del bucket[0]
        for other in sorted(found):
            yield other, position


class Pairs:
    """Pairs of sessions, by number, and whether they are equal. Kept in arrays: many sessions that
    are all alike give tens of pairs each."""

    def __init__(self) -> None:
        self.one, self.two, self.exact = array("I"), array("I"), bytearray()

    def add(self, a: int, b: int, exact: bool) -> None:
        """Add one pair."""
        self.one.append(a)
        self.two.append(b)
        self.exact.append(exact)

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        return zip(self.one, self.two, self.exact, strict=True)
