"""Lines of a text, also inside a JSON string, where they end in `\\n` (`\\\\n` in a string in a
string)."""

from __future__ import annotations

from collections.abc import Iterator

from .rules import quick


def around(data: bytes, at: int, reach: int) -> tuple[int, int, bytes]:
    """The line around `at` (or that ends there), at most `reach` bytes each way: its start, its
    end, and the line end of its text."""
    if data[at - 1 : at] == b"\n":
        at -= 1
    elif data[at - 2 : at] == b"\\n":
        at -= 2
    elif data[at - 1 : at + 1] == b"\\n":
        at -= 1
    least, most = max(0, at - reach), min(len(data), at + reach)
    low, high = data.rfind(b"\n", least, at) + 1, data.find(b"\n", at, most)
    low, high = max(low, least), most if high < 0 else high
    ends = [
        place for place in (data.find(b"\\n", low, at), data.find(b"\\n", at, high)) if place >= 0
    ]
    if not ends:
        return low, high, b"\n"
    before, after = data.rfind(b"\\n", low, at), data.find(b"\\n", at, high)
    slashes = _slashes(data, ends[-1] + 1)
    low = _after_quote(data, before + 2 if before >= 0 else low, at, slashes)
    high = after + 1 - slashes if after >= 0 else _quote(data, at, high, slashes)
    return low, high, b"\\" * slashes + b"n"


#: What a listing puts before a line: its number, the sign of a diff, its file, the mark of a quote.
LISTED = (
    r"[ ]{0,8}\d{1,6}(?:\xe2\x86\x92|\\+u2192|\t|\\+t|[:-])|[+-](?![ +-])|[\w./-]{1,80}:\d{1,6}:|> "
)
_LISTED = quick(LISTED)


def unlisted(data: bytes, low: int, high: int) -> int:
    """Where a line's own text begins: behind its number, its file, the sign of a diff."""
    match = _LISTED.match(data, low, high)
    return match.end() if match else low


def _slashes(data: bytes, at: int) -> int:
    """How many backslashes stand right before `at`."""
    return at - len(data[max(0, at - 64) : at].rstrip(b"\\")) - max(0, at - 64)


def _quote(data: bytes, low: int, high: int, slashes: int) -> int:
    """The end of the string whose line ends have `slashes` backslashes: the first quote with
    fewer."""
    at = data.find(b'"', low, high)
    while at >= 0 and _slashes(data, at) >= slashes:
        at = data.find(b'"', at + 1, high)
    return high if at < 0 else at - _slashes(data, at)


def _after_quote(data: bytes, low: int, high: int, slashes: int) -> int:
    """The start of that string: behind the last quote with fewer backslashes."""
    at = data.rfind(b'"', low, high)
    while at >= 0 and _slashes(data, at) >= slashes:
        at = data.rfind(b'"', low, at)
    return low if at < 0 else at + 1


def below(data: bytes, end: int, line_end: bytes) -> Iterator[tuple[int, int]]:
    """The lines behind the one that ends at `end`, up to an empty one. There is no bound: redacted
    lines are shorter, and with a bound the gate would see farther than the redactor did."""
    at, last = end + len(line_end), len(data)
    while at < last:
        stop = data.find(line_end, at, last)
        stop = last if stop < 0 else stop
        if line_end != b"\n":
            real = data.find(b"\n", at, stop)
            real = _quote(data, at, stop if real < 0 else real, len(line_end) - 1)
            if real < stop:
                yield at, real
                return
        if not data[at:stop].strip(b" \t\r\\"):
            return
        yield at, stop
        at = stop + len(line_end)
