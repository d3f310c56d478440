"""Which of many sessions share something, and so must be compared, in little memory.

A sketch has 32 bands, and of a hundred thousand sessions that are all alike each is shared. So a
key that several have becomes a number, column by column, and one that nobody shares is not kept.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import chain

from .marks import BANDS, ROWS

#: Sessions compared with one another for sharing an anchor or a band, at most.
NEIGHBOURS = 16
_BAND = ROWS * 4  # bytes


def shared(
    sketches: Sequence[bytes | None], others: Sequence[Collection[object]] = ()
) -> list[array[int]]:
    """For each position the numbers of the bands and of the other keys that it has in common with
    another position. A key has one number; equal bands of different places are different keys."""
    out = [array("I") for _ in sketches]
    several = {key: n for n, (key, count) in enumerate(_counted(others)) if count > 1}
    for own, keys in zip(out, others, strict=False):
        own.extend(several[key] for key in keys if key in several)
    first = len(several) and max(several.values()) + 1
    there = [(own, sketch) for own, sketch in zip(out, sketches, strict=True) if sketch]
    for at in range(0, BANDS * _BAND, _BAND) if there else ():
        column = [sketch[at : at + _BAND] for _, sketch in there]
        counts = Counter(column)
        numbers = {k: first + n for n, (k, count) in enumerate(counts.items()) if count > 1}
        if not numbers:
            continue
        first += len(counts)
        for (own, _), band in zip(there, column, strict=True):
            if band in numbers:
                own.append(numbers[band])
    return out


def _counted(keys: Sequence[Collection[object]]) -> list[tuple[object, int]]:
    return list(Counter(chain.from_iterable(keys)).items())


def neighbours(keys: Sequence[array[int]], most: int = NEIGHBOURS) -> Iterator[tuple[int, int]]:
    """Pairs of positions (i < j) that share a key, each pair once. `keys`: of `shared`.

    Each position meets at most the last `most` others of a bucket, so a bucket of n costs
    n * most and not n squared; chains still join the whole bucket where they are alike.
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
    """Pairs of positions, and whether they are equal: of many sessions that are all alike there are
    tens for each, so of each only numbers are held."""

    def __init__(self) -> None:
        self.one, self.two, self.exact = array("I"), array("I"), bytearray()

    def add(self, a: int, b: int, exact: bool) -> None:
        """One more."""
        self.one.append(a)
        self.two.append(b)
        self.exact.append(exact)

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        return zip(self.one, self.two, self.exact, strict=True)
