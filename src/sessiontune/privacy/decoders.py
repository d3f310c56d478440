"""Text inside text: base64, hex, dumps, percent and backslash escapes, keys broken over lines.

Hidden text is found in two ways. A *region* (base64, hex, a dump) is decoded, redacted and encoded again. A
*view* (`views`) is a copy of the text with escapes resolved or breaks taken out, which leads back to
the places in the original; `readings` has those that only swap marks.
"""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import msgspec
import re2

from . import readings
from .prefixes import prefixes
from .rules import NL, Near, Rule, ends_with, left_edge, pattern, quick
from .vendors import formats
from .views import STRETCH, View, replaced

#: Four characters of base64 that encode three bytes of printable ASCII: few letters are possible.
_FIRST = "[CDI-Za-f]"
_SECOND = "[ACDEFGHQSTUVWXgijklmnwyz0123]"
_THIRD = "[ABEFIJMNQRUVYZcdghklopstwx014589]"
QUAD = f"(?:{_FIRST}{_SECOND}{_THIRD}[A-Za-z0-9+/_-])"
BASE64_ANCHOR = QUAD + "{5}"
HEX_ANCHOR = r"(?:[2-7][0-9a-f]){14}|(?:[2-7][0-9A-F]){14}"
#: Both in one pattern, which is half the work for Hyperscan.
RUN_ANCHOR = f"{BASE64_ANCHOR}|{HEX_ANCHOR}"
#: The first bytes of a line of a dump.
DUMP_ANCHOR = r"0: (?:[0-9a-f]{4} ){4}|0  (?:[0-9a-f]{2} ){8}"
ESCAPE_ANCHOR = (
    r"(?:%[2-7][0-9A-Fa-f]){5}|(?:\\+u00[2-7][0-9A-Fa-f]){5}|(?:\\+x[2-7][0-9A-Fa-f]){5}|"
    r"%(?:25)*(?:20|22|27|3[ADad]|7[Bb]|0[Aa])[^\s]|(?:&#x?[0-9A-Fa-f]{1,5};){5}|(?:0x[2-7][0-9A-Fa-f], ?){8}|(?:\\+(?:0[4-7]|1[0-7])[0-7]){5}"
)

_LINE_END = r"(?:\\+r)?\\+n[ \t]*|\r?\n[ \t]*"
_ESCAPES = (
    r"%([0-9A-Fa-f]{2})|\\+u00([0-9A-Fa-f]{2})|\\+x([0-9A-Fa-f]{2})|&#x([0-9A-Fa-f]{1,5});|"
    r"&#([0-9]{1,5});|\b0x([0-9A-Fa-f]{2})\b,? ?|\\+((?:0[4-7]|1[0-7])[0-7])"
)
_ESCAPED_RUN = (
    r"(?:%[0-9A-Fa-f]{2}|\\+u00[0-9A-Fa-f]{2}|\\+x[0-9A-Fa-f]{2}|&#x?[0-9A-Fa-f]{1,5};|"
    r"0x[0-9A-Fa-f]{2},? ?|\\+[01][0-7]{2}|[A-Za-z0-9._~+/@:=?&!$*,;()-])*"
)
#: What may break a key: a line end with the marks of shells, mail, quotes, tables and numbered lines;
#: the end of a string in code and the beginning of the next; a break in HTML.
_GAP = (
    r"(?:[ \t]*(?:[\\^=%]|\||\xe2\x94\x82)?[ \t]*\r?\n(?:[ \t>|#*]|// |[+-] ?|\xe2\x94\x82){0,8}(?:\d{1,6}(?:\xe2\x86\x92|\t)[ \t]*)?|"
    r"=?\\+(?:r\\+)?n[ \t>|#*]{0,8}(?:\d{1,6}(?:\xe2\x86\x92|\\+u2192|\\+t)[ \t]*)?|"
    r"\\*[\"'][ \t]*[+.\\]?[ \t]*`?(?:\r?\n|\\+n)?[ \t]*[+.]?[ \t]*\\*[\"']|<w?br ?/?>)"
)
_BREAKS = rf"([A-Za-z0-9_+/=.-]){_GAP}([A-Za-z0-9_+/=.-])"
#: The rest of a key up to such a break, and the first character behind it.
_RUNS_ON = quick(rf"[A-Za-z0-9_+/=.-]{{0,600}}+{_GAP}[A-Za-z0-9_+/=.-]")
#: Letters that `left_edge` never accepts before a key: no escape and no colour ends in them.
_INSIDE = frozenset(b"ghijklopqsuwxyzGHIJKLMNOPQRSTUVWXYZ")


def run_on(beginnings: Sequence[bytes]) -> Near:
    """A `near` for the beginnings of keys: the key must go on in the next line."""
    known = frozenset(beginnings)
    sizes = sorted({len(text) for text in known})

    def look(data: bytes, end: int) -> bool:
        if _RUNS_ON.match(data, end, end + 700) is None:
            return False
        starts = (end - size for size in sizes if size <= end and data[end - size : end] in known)
        return any(
            start == 0 or (data[start - 1] not in _INSIDE and _may_begin(data, start))
            for start in starts
        )

    return look


def _may_begin(data: bytes, start: int) -> bool:
    """True where a key may begin at `start`, which its rule will ask once more. Close behind a break
    the answer may change when the break is taken out, so it is True there."""
    before = data[start - 6 if start > 6 else 0 : start]
    return left_edge(data, start) or any(c in b"\n\\\"'<>`" for c in before)


#: Most breaks in a stretch that are also taken out one by one, and the size of a small stretch.
_MOST_BREAKS, _SMALL = 12, 2000


class Region(msgspec.Struct, frozen=True):
    """An encoded stretch, bytes `start` to `end`: its decoded content, and how a new one is encoded."""

    start: int
    end: int
    content: bytes
    encode: Callable[[bytes], bytes]


def _wrapped(text: bytes, width: int, mark: bytes) -> bytes:
    """The text in lines of `width` bytes, as it was before; 0 is one line."""
    return mark.join(text[i : i + width] for i in range(0, len(text), width)) if width else text


def _as_base64(content: bytes, codec: str, width: int, mark: bytes) -> bytes:
    text = base64.b64encode(content)
    if "url" in codec:
        text = text.translate(bytes.maketrans(b"+/", b"-_"))
    return _wrapped(text if "=" in codec else text.rstrip(b"="), width, mark)


def _as_hex(content: bytes, upper: bool, width: int, mark: bytes) -> bytes:
    text = binascii.hexlify(content)
    return _wrapped(text.upper() if upper else text, width, mark)


def base64_region(data: bytes, hit: int, floor: int) -> Region | None:
    """The base64 text around the hit that ends at `hit`, but not before `floor`; None where it does
    not decode to text."""
    start = hit - 20
    quad = pattern(QUAD).fullmatch
    while start - 4 >= floor and quad(data, start - 4, start):
        start -= 4
    stop = pattern(f"{QUAD}*").match(data, hit).end()
    text, width, mark = data[start:stop], 0, b"\n"
    tail = pattern(r"[A-Za-z0-9+/_-]*").match(data, stop, min(len(data), stop + 4)).end()
    if tail - stop in (2, 3):
        text, stop = text + data[stop:tail], tail
    elif tail == stop:
        text, stop, width, mark = _more_lines(data, start, stop, r"[A-Za-z0-9+/_-]*")
    pad = 0
    while data[stop : stop + 1] == b"=" and pad < 2:
        stop, pad = stop + 1, pad + 1
    kind = "b64" + ("url" if b"-" in text or b"_" in text else "") + ("=" if pad else "")
    plain = text.translate(_STANDARD)
    try:
        content = base64.b64decode(plain + b"=" * (-len(plain) % 4))
    except (binascii.Error, ValueError):
        return None
    return Region(start, stop, content, partial(_as_base64, codec=kind, width=width, mark=mark))


_STANDARD = bytes.maketrans(b"-_", b"+/")
#: What may follow the last line of a wrapped block.
_LINE_DONE = frozenset((b"", *(bytes((c,)) for c in b"=\r\n\"'`\\<)}],;")))
_ISHEX = bytes(1 if chr(c) in "0123456789abcdefABCDEF" else 0 for c in range(256))


def _more_lines(data: bytes, start: int, end: int, form: str) -> tuple[bytes, int, int, bytes]:
    """The further lines of a wrapped block: all as wide as the first, the last may be shorter."""
    width, pieces, stop, mark = end - start, [data[start:end]], end, b"\n"
    ending, run = pattern(_LINE_END), pattern(form)
    while True:
        gap = ending.match(data, stop, min(len(data), stop + 64))
        if gap is None:
            break
        line = run.match(data, gap.end(), min(len(data), gap.end() + width + 1))
        size = line.end() - line.start()
        if not 0 < size <= width or (size < width and size % 4 == 1):
            break
        if size < width and data[line.end() : line.end() + 1] not in _LINE_DONE:
            break  # no more base64: the next entry's name, or a sentence
        pieces.append(line.group())
        mark, stop = gap.group(), line.end()
        if size < width:
            break
    return b"".join(pieces), stop, width if len(pieces) > 1 else 0, mark


def hex_region(data: bytes, hit: int, floor: int) -> Region | None:
    """The hexadecimal text around the hit that ends at `hit`, but not before `floor`."""
    start = hit
    while start > floor and _ISHEX[data[start - 1]]:
        start -= 1
    end = pattern(r"[0-9a-fA-F]*").match(data, hit).end()
    start += (hit - start) % 2
    size = end - start - (end - start) % 2
    start = _first_line(data, start, size, floor)
    text, end, width, mark = _more_lines(data, start, start + size, "(?:[0-9a-fA-F]{2})*")
    upper = text != text.lower()
    content = binascii.unhexlify(text)
    return Region(start, end, content, partial(_as_hex, upper=upper, width=width, mark=mark))


_ENDS_BEFORE = quick(rf"{NL}\Z")
_HEX = b"0123456789abcdefABCDEF"


def _first_line(data: bytes, start: int, size: int, floor: int) -> int:
    """Where the first line begins of those that end right before `start` and have `size` digits."""
    while gap := _ENDS_BEFORE.search(data, max(floor, start - 16), start):
        low = gap.start() - size
        if low < floor or data[low : gap.start()].translate(None, _HEX):
            break
        if low and _ISHEX[data[low - 1]]:
            break
        start = low
    return start


#: A line of `xxd` or of `hexdump -C`: its address, its bytes, and the same as letters.
_DUMPED = quick(
    rf"([0-9a-f]{{8}})(:|[ ])((?:[ ]{{1,2}}[0-9a-f]{{2}}){{1,16}}|(?:[ ][0-9a-f]{{4}}){{0,7}}[ ][0-9a-f]{{2}}(?:[0-9a-f]{{2}})?)[ ]{{2,60}}[^\n]{{1,40}}?(?={NL}|\Z)"
)
_DUMP_END = quick(rf"({NL})[0-9a-f]{{8}}[: ] [ ]?[0-9a-f]{{2}}")
_DUMP_WIDTH = 16


def dump_region(data: bytes, hit: int, floor: int) -> Region | None:
    """The lines of a dump from the one whose first eight bytes end at `hit`."""
    at = hit - (30 if data[hit - 22 : hit - 21] == b":" else 34)
    pieces, end, mark, first = [], hit, b"\n", None
    if at < floor:
        return None
    while line := _DUMPED.match(data, at, at + 160):
        first = first or line
        pieces.append(bytes.fromhex(line[3].decode()))
        end = line.end()
        more = _DUMP_END.match(data, end, end + 40)
        if more is None or len(pieces[-1]) < _DUMP_WIDTH:
            break
        at, mark = more.end(1), more[1]
    if first is None:
        return None
    address, pairs = int(first[1], 16), first[2] == b" "
    encode = partial(_as_dump, address=address, pairs=pairs, mark=mark)
    return Region(first.start(), end, b"".join(pieces), encode)


def _as_dump(content: bytes, address: int, pairs: bool, mark: bytes) -> bytes:
    """A dump as `hexdump -C` writes it (`pairs`), or as `xxd` does."""
    lines = []
    for at in range(0, len(content), _DUMP_WIDTH):
        part = content[at : at + _DUMP_WIDTH]
        shown = "".join(chr(c) if 32 <= c < 127 and c not in b'"\\' else "." for c in part)
        if pairs:
            halves = (part[i : i + 8].hex(" ") for i in (0, 8))
            line = f"{address + at:08x}  {'  '.join(halves):48}  |{shown}|"
        else:
            line = f"{address + at:08x}: {part.hex(' ', -2):39}  {shown}"
        lines.append(line.encode())
    return mark.join(lines)


#: How each kind of region is read.
REGIONS = {"base64": base64_region, "hex": hex_region, "dump": dump_region}


def escaped_views(data: bytes, hit: int, floor: int) -> tuple[list[View], int]:
    """The run of escapes around a hit with its escapes resolved, and its end. What may be a form's
    text comes a second time, with spaces for its plus signs."""
    end = pattern(_ESCAPED_RUN).match(data, hit).end()
    start = max(floor, hit - 600)
    piece = data[start:hit]
    cut = max(piece.rfind(mark) for mark in (b" ", b"\n", b'"', b"'", b"\t", b"<", b"("))
    if cut >= 0 and not piece[cut:].startswith(b" 0x"):
        start += cut + 1
    done = end
    if end - start > STRETCH:
        end = start + STRETCH
        done = end - 2048
    views = [replaced(data, start, end, pattern(_ESCAPES), _resolve)]
    if data.find(b"+", start, end) >= 0 and data.find(b"%", start, end) >= 0:
        views.append(replaced(data, start, end, pattern(_ESCAPES + r"|(\+)"), _resolve))
    return views, done


def _resolve(match: Any) -> bytes:
    groups = match.groups()
    index = next(i for i, g in enumerate(groups) if g is not None)
    if groups[index] == b"+":
        return b" "
    number = int(groups[index], {4: 10, 6: 8}.get(index, 16))
    return bytes((number,)) if number < 256 else chr(number).encode("utf-8", "replace")


def joined_views(data: bytes, start: int, end: int) -> Iterator[View]:
    """A stretch without the line breaks between characters of keys: first without any, then without
    each single one and each two neighbours, for a key that ends at a line's end."""
    breaks = pattern(_BREAKS)
    yield replaced(data, start, end, breaks, lambda match: b"", inner=True)
    if end - start > _SMALL:
        return
    places = [match.end(1) for match in breaks.finditer(data, start, end)][:_MOST_BREAKS]
    for size in (1, 2) if len(places) > 1 else ():
        for first in range(len(places) - size + 1):
            only = frozenset(places[first : first + size])
            yield replaced(data, start, end, breaks, lambda match: b"", inner=True, only=only)


#: The beginnings of keys.
_BEGINNINGS = [text.encode() for text in prefixes(head for _, head, _ in formats())]
#: Of these, the ones that also end words (`version_`, `task-`, `core_`): they count only where a word
#: begins.
_ENDINGS = (b"ion_", b"sk-", b"re_")
_WORD_BEGINS = r"(?:^|[^A-Za-z0-9]|\\[nrtbfv]|%[0-9A-Za-z]{2}|\\[uU].{4}|\\x..|m)"


def _any(texts: Sequence[bytes]) -> str:
    return "|".join(re2.escape(text).decode() for text in texts)


RULES = (
    Rule(
        "base64",
        BASE64_ANCHOR,
        near=ends_with(BASE64_ANCHOR, 20),
        faster=(RUN_ANCHOR,),
    ),
    Rule(
        "hex",
        HEX_ANCHOR,
        near=ends_with(HEX_ANCHOR, 28),
        faster=(RUN_ANCHOR,),
    ),
    Rule("dump", DUMP_ANCHOR),
    Rule("escape", ESCAPE_ANCHOR),
    *readings.RULES,
    Rule(
        "wrap",
        _any(_BEGINNINGS),
        near=run_on(_BEGINNINGS),
        faster=(
            _any([text for text in _BEGINNINGS if text not in _ENDINGS]),
            f"{_WORD_BEGINS}(?:{_any(_ENDINGS)})",
        ),
    ),
)
