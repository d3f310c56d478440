"""Views: copies of a stretch of text with escapes resolved or marks taken out, and the way back."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

import msgspec

from .rules import quick

#: Longest stretch of a view, in bytes: its map of places takes memory.
STRETCH = 1 << 16


#: The rest of a word that would be cut: half a pseudonym is not recognised as one.
_WORD = quick(r"[\w-]{0,100}")


def windows(ends: list[int], data: bytes, reach: int = 300) -> list[tuple[int, int]]:
    """Stretches of a text that reach `reach` bytes around the hits that end at `ends`, to a word's
    end. They are joined where they touch, and about `STRETCH` bytes long at most."""
    joined: list[tuple[int, int]] = []
    start, stop, size = 0, -1, len(data)

    def whole(at: int) -> int:
        rest = _WORD.match(data, at, min(size, at + 100))
        return rest.end() if rest else at

    for end in ends:
        low = end - reach if end > reach else 0
        high = end + reach if end + reach < size else size
        if low <= stop and high - start <= STRETCH:
            stop = high
            continue
        if stop >= 0:
            joined.append((start, whole(stop)))
        start, stop = low, high
    if stop >= 0:
        joined.append((start, whole(stop)))
    return joined


class View(msgspec.Struct, frozen=True):
    """A copy of a stretch of text, made of pieces. Piece i begins at `starts[i]` in the copy and at
    `places[i]` in the original, where it has `sizes[i]` bytes. `changed`: the copy differs."""

    data: bytes
    starts: list[int]
    places: list[int]
    sizes: list[int]
    changed: bool

    def back(self, start: int, end: int) -> tuple[int, int]:
        """A span of the view as a span of the original."""
        first = bisect_right(self.starts, start) - 1
        last = bisect_right(self.starts, end - 1) - 1
        low = self.places[first] + min(start - self.starts[first], self.sizes[first])
        shift = end - 1 - self.starts[last]
        high = self.places[last] + min(shift + 1, self.sizes[last])
        piece_end = self.starts[last + 1] if last + 1 < len(self.starts) else len(self.data)
        if end == piece_end:
            high = self.places[last] + self.sizes[last]
        return low, high


def replaced(
    data: bytes,
    start: int,
    end: int,
    marks: Any,
    resolve: Any,
    inner: bool = False,
    only: frozenset[int] | None = None,
) -> View:
    """A view of `data[start:end]` with each match of `marks` replaced by what `resolve` gives."""
    pieces: list[bytes] = []
    starts: list[int] = []
    places: list[int] = []
    sizes: list[int] = []
    size = 0

    def add(piece: bytes, place: int, length: int) -> None:
        nonlocal size
        if piece:
            pieces.append(piece)
            starts.append(size)
            places.append(place)
            sizes.append(length)
            size += len(piece)

    done = at = start
    while True:
        match = marks.search(data, at, end)
        if match is None:
            break
        low, high = (match.end(1), match.start(2)) if inner else match.span()
        if only is not None and low not in only:
            at = high
            continue
        add(data[done:low], done, low - done)
        add(resolve(match), low, high - low)
        done = high
        at = high
    add(data[done:end], done, end - done)
    return View(b"".join(pieces), starts, places, sizes, done > start)
