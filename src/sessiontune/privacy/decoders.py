"""Text inside text: base64, hex, percent and backslash escapes, colours, zero-width characters.

Two kinds. A *region* is decoded, redacted and encoded again (base64, hex). A *view* is the same
text with marks taken out or escapes resolved, with a map back to the places in the original.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

from .rules import pattern

#: Four characters of base64 whose three bytes are printable ASCII: the bits leave few choices.
_FIRST = "[CDI-Za-f]"
_SECOND = "[ACDEFGHQSTUVWXgijklmnwyz0123]"
_THIRD = "[ABEFIJMNQRUVYZcdghklopstwx014589]"
_QUAD = f"(?:{_FIRST}{_SECOND}{_THIRD}[A-Za-z0-9+/_-])"
BASE64_ANCHOR = _QUAD + "{5}"
HEX_ANCHOR = r"(?:[2-7][0-9a-f]){14}|(?:[2-7][0-9A-F]){14}"
ESCAPE_ANCHOR = (
    r"(?:%[2-7][0-9A-Fa-f]){5}|(?:\\+u00[2-7][0-9A-Fa-f]){5}|(?:\\+x[2-7][0-9A-Fa-f]){5}|"
    r"(?:&#x?[0-9A-Fa-f]{2,5};){5}|(?:0x[2-7][0-9A-Fa-f], ?){8}"
)
MARK_ANCHOR = (
    r"\x1b\[|\xe2\x80[\x8b-\x8f]|\xe2\x81\xa0|\xef\xbb\xbf|\xc2\xad|\\u001[bB]\[|\\x1b\[|\\033\[|"
    r"\\u200[b-f]|\\ufeff"
)

_RUN64 = r"[A-Za-z0-9+/_-]*"
_LINE_END = r"(?:\\r)?\\n[ \t]*|\r?\n[ \t]*"
_ESCAPES = (
    r"%([0-9A-Fa-f]{2})|\\+u00([0-9A-Fa-f]{2})|\\+x([0-9A-Fa-f]{2})|&#x([0-9A-Fa-f]{2,5});|"
    r"&#([0-9]{2,5});|0x([0-9A-Fa-f]{2}),? ?"
)
_ESCAPED_RUN = (
    r"(?:%[0-9A-Fa-f]{2}|\\+u00[0-9A-Fa-f]{2}|\\+x[0-9A-Fa-f]{2}|&#x?[0-9A-Fa-f]{2,5};|"
    r"0x[0-9A-Fa-f]{2},? ?|[A-Za-z0-9._~+/@:=-])*"
)
_MARKS = (
    r"(?:\x1b|\\u001[bB]|\\x1b|\\033)\[[0-9;?]{0,20}[A-Za-z]|\xe2\x80[\x8b-\x8f]|\xe2\x81\xa0|"
    r"\xef\xbb\xbf|\xc2\xad|\\u200[b-f]|\\ufeff"
)
_BREAKS = r"([A-Za-z0-9_+/=.-])(?:[ \t]*\\?\r?\n[ \t>|#*]{0,8}|[\"'] ?\+?\r?\n[ \t]*[\"'])([A-Za-z0-9_+/=.-])"
_MAGIC = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"%PDF", b"PK\x03\x04", b"BM", b"\x1f\x8b")


class View(msgspec.Struct, frozen=True):
    """A changed copy of a text and, for each of its bytes, the place in the original."""

    data: bytes
    places: list[int]

    def back(self, start: int, end: int) -> tuple[int, int]:
        """A span of the view as a span of the original."""
        return self.places[start], self.places[end - 1] + 1


class Region(msgspec.Struct, frozen=True):
    """An encoded stretch: where it stands, its content, and how to write new content."""

    start: int
    end: int
    content: bytes
    codec: str
    width: int = 0
    line_end: bytes = b"\n"

    def encode(self, content: bytes) -> bytes:
        """`content` in the region's own encoding, wrapped as before."""
        if self.codec in ("hex", "HEX"):
            text = binascii.hexlify(content)
            return text.upper() if self.codec == "HEX" else text
        text = base64.b64encode(content)
        if "url" in self.codec:
            text = text.translate(bytes.maketrans(b"+/", b"-_"))
        if "=" not in self.codec:
            text = text.rstrip(b"=")
        if not self.width:
            return text
        lines = [text[i : i + self.width] for i in range(0, len(text), self.width)]
        return self.line_end.join(lines)


def base64_region(data: bytes, hit: int, floor: int) -> Region | None:
    """The base64 text around a hit that ends at `hit`, not reaching before `floor`."""
    start = _back(data, hit, floor)
    end = pattern(_RUN64).match(data, hit).end()
    start += (hit - start) % 4
    first = data[start:end]
    pieces, stop, width, mark = [first], end, 0, b"\n"
    if end - start >= 32 and (end - start) % 4 == 0:
        pieces, stop, width, mark = _more_lines(data, start, end)
    text = b"".join(pieces)
    pad = 0
    while data[stop : stop + 1] == b"=" and pad < 2:
        stop, pad = stop + 1, pad + 1
    if not pad and data[stop : stop + 3] in (b"%3D", b"%3d"):
        stop, pad = stop + 3, 1
    kind = "b64" + ("url" if b"-" in text or b"_" in text else "") + ("=" if pad else "")
    usable = len(text) - (len(text) % 4 == 1)
    if data[max(0, start - 40) : start].rfind(b"data:image/") >= 0:
        return None
    plain = text[:usable].translate(bytes.maketrans(b"-_", b"+/"))
    try:
        content = base64.b64decode(plain + b"=" * (-len(plain) % 4))
    except (binascii.Error, ValueError):
        return None
    if usable != len(text) or content.startswith(_MAGIC):
        return None
    return Region(start, stop, content, kind, width, mark)


def _back(data: bytes, hit: int, floor: int) -> int:
    """Where the run of base64 letters that ends at `hit` begins."""
    start = hit
    while start > floor:
        low = max(floor, start - 4096)
        piece = data[low:start]
        kept = piece.translate(_IS64)
        cut = kept.rfind(b"\x00")
        if cut >= 0:
            return low + cut + 1
        start = low
    return start


_IS64 = bytes(1 if chr(c).isalnum() and c < 128 or c in b"+/_-" else 0 for c in range(256))
_ISHEX = bytes(1 if chr(c) in "0123456789abcdefABCDEF" else 0 for c in range(256))


def _more_lines(data: bytes, start: int, end: int) -> tuple[list[bytes], int, int, bytes]:
    """Lines that follow in a wrapped block: all as wide as the first but the last."""
    width, pieces, stop, mark = end - start, [data[start:end]], end, b"\n"
    ending, run = pattern(_LINE_END), pattern(_RUN64)
    while True:
        gap = ending.match(data, stop, min(len(data), stop + 64))
        if gap is None:
            break
        line = run.match(data, gap.end())
        size = line.end() - line.start()
        if not 0 < size <= width:
            break
        pieces.append(line.group())
        mark, stop = gap.group(), line.end()
        if size < width:
            break
    return pieces, stop, width if len(pieces) > 1 else 0, mark


def hex_region(data: bytes, hit: int, floor: int) -> Region | None:
    """The hex text around a hit that ends at `hit`."""
    start = hit
    while start > floor and _ISHEX[data[start - 1]]:
        start -= 1
    end = pattern(r"[0-9a-fA-F]*").match(data, hit).end()
    start += (hit - start) % 2
    end -= (end - start) % 2
    text = data[start:end]
    return Region(start, end, binascii.unhexlify(text), "HEX" if text != text.lower() else "hex")


def escaped_view(data: bytes, hit: int, floor: int) -> tuple[View, int]:
    """The run of escapes around a hit, resolved; and where it ends."""
    start = max(floor, hit - 40)
    run = pattern(_ESCAPED_RUN)
    end = run.match(data, hit).end()
    for match in pattern(ESCAPE_ANCHOR).finditer(data, start, hit):
        start = match.start()
        break
    return _view(data, start, end, pattern(_ESCAPES), _resolve), end


def _resolve(match: Any) -> bytes:
    groups = match.groups()
    index = next(i for i, g in enumerate(groups) if g is not None)
    number = int(groups[index], 10 if index == 4 else 16)
    return bytes((number,)) if number < 256 else chr(number).encode("utf-8", "replace")


def unmarked_view(data: bytes) -> View:
    """The text without colours and zero-width characters."""
    return _view(data, 0, len(data), pattern(_MARKS), lambda match: b"")


def joined_view(data: bytes, start: int, end: int) -> View:
    """A stretch with the line breaks between key characters taken out."""
    return _view(data, start, end, pattern(_BREAKS), lambda match: b"", inner=True)


def _view(data: bytes, start: int, end: int, marks: Any, resolve: Any, inner: bool = False) -> View:
    """Copies `data[start:end]`, each match of `marks` replaced by what `resolve` gives."""
    pieces: list[bytes] = []
    places: list[int] = []
    done = at = start
    while True:
        match = marks.search(data, at, end)
        if match is None:
            break
        low, high = (match.end(1), match.start(2)) if inner else match.span()
        pieces.append(data[done:low])
        places.extend(range(done, low))
        new = resolve(match)
        pieces.append(new)
        places.extend([low] * len(new))
        if new and not inner:
            places[-1] = high - 1
        done = at = high
    pieces.append(data[done:end])
    places.extend(range(done, end))
    return View(b"".join(pieces), places)
