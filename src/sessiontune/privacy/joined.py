"""Texts in sizes that suit the prefilter: short ones joined, long ones cut into pieces."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

from .detect import Detector
from .prefilter import Hit

#: Most characters of a text that is redacted in one go. Longer texts are cut, to bound memory.
LONG = 4 << 20


#: Start and end, as byte offsets.
Place = tuple[int, int]


def looked(
    detector: Detector, find: Callable[[bytes], list[Place]], texts: Sequence[str], joined: bytes
) -> Iterator[tuple[int, bytes, list[Hit], list[Place]]]:
    """For each text with a hit or a name: its index, its bytes, its hits and its names (which
    `find` finds). One pass over `joined`, which is all texts with a NUL between each two."""
    hits, names = detector.scan(joined), find(joined)
    if not hits and not names:
        return
    found: dict[int, tuple[bytes, list[Hit], list[Place]]] = {}
    low = high = -1
    locate = locator(texts, joined)
    for rule, end in hits:
        if not low < end <= high + 1:  # a hit that ends on a NUL belongs to the text before it
            index, low, high = locate(end - 1)
            mine = found.setdefault(index, (joined[low:high], [], []))[1]
        mine.append((rule, end - low))
    locate = locator(texts, joined) if names else locate
    for start, end in sorted(names):
        index, low, high = locate(start)
        text = found.setdefault(index, (joined[low:high], [], []))
        text[2].append((start - low, end - low))
    for index in sorted(found):
        yield index, *found[index]


def locator(texts: Sequence[str], joined: bytes) -> Callable[[int], tuple[int, int, int]]:
    """A function from a byte offset in `joined` to the index, start and end of the text there. Ask
    for rising offsets only: it counts NULs from the last one."""
    if joined.count(0) != len(texts) - 1:  # a text holds a NUL itself
        sizes = (len(encoded(text)) + 1 for text in texts)
        starts = list(accumulate(sizes, initial=0))

        def by_size(place: int) -> tuple[int, int, int]:
            index = bisect_right(starts, place) - 1
            return index, starts[index], starts[index + 1] - 1

        return by_size
    index = last = 0

    def by_nul(place: int) -> tuple[int, int, int]:
        nonlocal index, last
        low, high = joined.rfind(0, 0, place) + 1, joined.find(0, place)
        index, last = index + joined.count(0, last, low), low
        return index, low, high if high >= 0 else len(joined)

    return by_nul


def encoded(text: str) -> bytes:
    """The text in UTF-8, also where it holds lone surrogates."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def pieces(text: str) -> list[str]:
    """A text in pieces of at most `LONG` characters. It is cut at line ends, else between fields or
    statements, else at spaces, else anywhere, but not inside a private key block."""
    found: list[str] = []
    at = 0
    while len(text) - at > LONG:
        end = at + LONG
        cut = max(text.rfind("\n", end - 65_536, end), at)
        if cut == at:
            cut = max(at, *(text.rfind(mark, end - 65_536, end) for mark in ",;}&"))
        if cut == at:
            cut = max(text.rfind(" ", end - 65_536, end), at)
        begin = text.rfind("-----BEGIN", cut - 16_384, cut)
        if begin > at and text.find("-----END", begin, cut) < 0:
            cut = begin - 1
        end = cut + 1 if cut > at else end
        found.append(text[at:end])
        at = end
    found.append(text[at:])
    return found
