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
