"""Secrets, phones, coordinates and dates of birth in tables whose head says what a column holds.

Tables are CSV and the like, output of `psql` and `mysql`, Markdown, `COPY ... FROM stdin`, and
`INSERT` with names of columns. The prefilter finds a telling name where a column's name may end; the
line around it must then be the head of a table.
"""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import Any, NamedTuple

import re2

from .checks import judged_random
from .coordinates import is_degree
from .judge import judge
from .keynames import dull, says_password
from .lines import around, below, unlisted
from .nearby import SIZE, machine_made
from .phones import is_dialled
from .rules import Rule, quick
from .values import cased, is_gibberish, run_together, typed

#: Names of columns with secrets, loosely.
_NAMES = (
    r"pass(?:word|wd|phrase|code)|passwort|kennwort|pwd|pswd|\bpw|\bpass\b|contrase|senha|wachtwoord|heslo|mot de passe|secret|token|api[_ -]?key|"
    r"access[_ -]?key|private[_ -]?key|totp|authentication_string|credential"
)
_BIRTHS = r"birth[_ -]?da(?:te|y)|date[_ -]of[_ -]birth|\bdob|geburts(?:datum|tag)|naissance|nacimiento|nascita"
_PHONES = r"phone(?:[_ ]?(?:number|no))?|mobile|telefono?|telefone|celular|\bfax|whatsapp|handy"
_DEGREES = r"\b(?:lat(?:itude)?|lng|lon(?:g(?:itude)?)?)"
#: What may follow a column's name: a mark and the next name, a bar, or (`_LAST`) a line end.
_ENDS = r"[\w ]{0,10}\\*[\"`*]{0,2}(?:(?:[,;\t]|\\t)\\*[A-Za-z\"_]|[ ]{0,40}[|\xe2][^|&\x80])"
_LAST = r"[\w ]{0,10}\\*[\"`*]{0,2}(?:\r?\n|(?:\\+r)?\\+n)"
_MARK = r"(?:[,;\t|]|\\t)[\w \\\"]{0,24}"

#: How far a head reaches around a name, in bytes.
_HEAD = 600
#: How many rows are read before a table without findings is given up.
_FIRST = 8
#: All bytes that a head may hold: no brackets, no signs of code.
_OF_HEADS = bytes(
    c for c in range(256) if c > 127 or chr(c).isalnum() or c in b'_ .-/#*`"\r,;\t|&\\'
)
#: The same with what a listing puts before a line.
_BEFORE = _OF_HEADS + b":+>"
_RULER = quick(
    r"[ \t]*(?:[|+]?[ :=-]{3,400}(?:[|+][ :=-]{3,400})*[|+]?|(?:\xe2[\x94\x95][\x80-\xbf]){3,400})[ \t\r\\r]*\Z"
)
#: Bars between cells: of ASCII, and as programs draw boxes, thick ones around the head.
_BAR, _THICK = b"\xe2\x94\x82", b"\xe2\x94\x83"
_BARS = (b"|", _BAR, _THICK)


def _cells(
    data: bytes, low: int, high: int, mark: bytes, most: int = _HEAD
) -> list[tuple[int, int]]:
    """Start and end of each cell of the row from `low` to `high`, without quotes and spaces. A `mark`
    inside quotes separates nothing. It stops at `most` + 1 cells: such a row is not in the table."""
    found: list[tuple[int, int]] = []
    at = low
    while at <= high and len(found) <= most:
        quoted = mark not in _BARS and data[at : at + 1] == b'"'
        close = data.find(b'"', at + 1, high) if quoted else -1
        end = data.find(mark, max(at, close), high)
        end = high if end < 0 else end
        start, stop = at, end
        while start < stop and data[start] in _AROUND:
            start += 1
        while stop > start and data[stop - 1] in _AROUND:
            stop -= 1
        found.append((start, stop))
        at = end + len(mark)
    return found


_AROUND = b" \t\r`'\"\\"


def _secret(name: bytes, value: bytes) -> bool:
    """True where a cell under this name is a secret: it looks like a password, or it is random."""
    if name[-5:].lower() == b" pass" or (name.lower() == b"pass" and b" " in value):
        return False  # a turn of some work, or a verdict
    name = name.replace(b" ", b"_")
    if name.lower() == b"key":
        return len(value) >= SIZE and cased(value) and machine_made(value)
    if name.lower() == b"authentication_string":
        return len(value) > 20
    if b"otp" in name.lower():
        return judged_random(value.upper(), 16)
    # rule out words first, because this runs for every cell
    if not (_DIGIT.search(value, 0, len(value)) or (len(value) > 11 and value.isalpha())):
        return False
    made = typed(value) or judged_random(value, 10) or is_gibberish(value)
    if not made and not (says_password(name) and run_together(value)):
        return False
    return len(value) > 3 and judge(name, value, True, b",") is not None


def _born(name: bytes, value: bytes) -> bool:
    return _DATE.fullmatch(value, 0, len(value)) is not None


_DIGIT = quick(r"\d")
_DATE = quick(
    r"(?:19[2-9]\d|20[01]\d)[-/.]\d\d[-/.]\d\d|\d{1,2}[-/.]\d{1,2}[-/.](?:19[2-9]\d|20[01]\d)"
)


class _Column(NamedTuple):
    """A sort of column: its kind, a pattern for its names, and which cells are replaced
    (`good(name, value)`)."""

    kind: str
    names: str
    good: Callable[[bytes, bytes], bool]

    def found(
        self, data: bytes, row: list[tuple[int, int]], chosen: dict[int, bytes]
    ) -> list[tuple[int, int]]:
        """The cells of a row to replace."""
        return [row[i] for i, name in chosen.items() if self.good(name, data[slice(*row[i])])]

    @property
    def anchor(self) -> str:
        last = "" if self.kind == "secret" else f"|{_LAST}"
        return rf"(?i)(?:{self.names})(?:{_ENDS}{last})"

    def chosen(self, cells: list[bytes]) -> dict[int, bytes]:
        """The columns of this sort: number -> name."""
        secret = self.kind == "secret"
        says = _says(rf"{self.names}|^key$" if secret else self.names).search
        return {
            i: name for i, name in enumerate(cells) if says(name) and not (secret and dull(name))
        }


@lru_cache(maxsize=8)
def _says(names: str) -> Any:
    return re2.compile(f"(?i)(?:{names})".encode("latin-1"))


_SECRETS = _Column("secret", _NAMES, _secret)
_OF_PEOPLE = (
    _Column("birth-date", _BIRTHS, _born),
    _Column("phone", _PHONES, lambda _, value: is_dialled(value)),
    _Column("gps", _DEGREES, lambda _, value: is_degree(value)),
)


def _below(data: bytes, end: int, column: _Column) -> list[tuple[int, int]]:
    """The cells to replace in the table whose head holds the name that ends near `end`."""
    if _in_code(data, end):
        return []
    low, high, line_end = around(data, end, _HEAD)
    first_cell = unlisted(data, low, high)
    listed = first_cell > low
    low = first_cell
    head = data[low:high]
    if head.translate(None, _OF_HEADS):
        return []
    mark = next((m for m in (*_BARS, b",", b";", b"\t", b"\\t") if m in head), None)
    if mark is None:
        return []
    keys = column.kind == "secret" and quick(_KEY_COLUMN).search(data, low, end - 1)
    if keys or quick(column.anchor).search(data, low, end - 1):
        return []  # not the head's first such name: the hit on that one read the whole table
    columns = _cells(data, low, high, mark)
    named = column.chosen([data[a:b] for a, b in columns])
    if not named or (
        mark not in _BARS and not listed and _is_row(data, low, line_end, mark, len(columns))
    ):
        return []
    found: list[tuple[int, int]] = []
    for number, row in enumerate(_rows(data, high, line_end, mark, len(columns), listed)):
        if number > _FIRST and not found:
            break
        found += column.found(data, row, named)
    return found


def _in_code(data: bytes, end: int) -> bool:
    """True where the line (in JSON, the string) holds something before the hit that no head holds."""
    before = data[end - 160 if end > 160 else 0 : end - 2]
    line, escaped = before.rfind(b"\n") + 1, before.rfind(b"\\n") + 2
    if escaped > max(line, 1):
        begin = max(unlisted(before, escaped, len(before)), before.rfind(b'"') + 1)
        return bool(before[begin:].translate(None, _OF_HEADS))
    begin = max(line, before.rfind(b'"') + 1)
    return bool(before[begin:].translate(None, _BEFORE))


def _is_row(data: bytes, low: int, line_end: bytes, mark: bytes, size: int) -> bool:
    """True where the line at `low` follows a line with as many cells (`size`), so that it is a row and
    no head. If each row were taken for a head, time would grow with the square of the table."""
    stop = low - len(line_end)
    if stop <= 0 or data[stop:low] != line_end:
        return False
    begin = data.rfind(line_end, max(0, stop - 4 * _HEAD), stop)
    begin = begin + len(line_end) if begin >= 0 else max(0, stop - 4 * _HEAD)
    return len(_cells(data, begin, stop, mark, size)) == size


def _rows(
    data: bytes, high: int, line_end: bytes, mark: bytes, size: int, listed: bool
) -> Iterator[list[tuple[int, int]]]:
    """The rows of `size` cells below the head that ends at `high`, as places of their cells."""
    ruled = mark not in _BARS
    mark = _BAR if mark == _THICK else mark
    begun = False
    for begin, stop in below(data, high, line_end):
        start = unlisted(data, begin, stop) if listed else begin
        if mark in _BARS and _RULER.match(data, start, stop):
            if begun:
                return
            ruled = True
            continue
        row = _cells(data, start, stop, mark, size) if ruled else []
        if len(row) != size:
            return
        begun = True
        yield row


_RULED = quick(r"[ \t]*[=-]{2,200}(?:[ ]{1,8}[=-]{2,200}){1,40}[ \t\r\\]*\Z")
_GAPS = quick(r"[ ]{2,400}")


def _apart(data: bytes, low: int, high: int) -> list[tuple[int, int]]:
    """The cells of a row whose cells have two spaces or more between them."""
    while low < high and data[low] in _AROUND:
        low += 1
    while high > low and data[high - 1] in _AROUND:
        high -= 1
    gaps = [gap.span() for gap in _GAPS.finditer(data, low, high)]
    starts, ends = [low, *(end for _, end in gaps)], [*(start for start, _ in gaps), high]
    return list(zip(starts, ends, strict=True))


def _ruled(data: bytes, end: int, column: _Column) -> list[tuple[int, int]]:
    """The cells to replace in a table without marks, under whose head dashes show the columns: the
    first gap between these ends near `end`. Widths do not count: what is replaced has another."""
    low, high, line_end = around(data, end, _HEAD)
    stop = low - len(line_end)
    if stop <= 0 or not _RULED.match(data, low, high) or data[stop:low] != line_end:
        return []
    if _FIRST_GAP.search(data, low, end - 3):
        return []  # not the first gap
    begin = around(data, stop, _HEAD)[0]
    head = _apart(data, begin, stop)
    named = column.chosen([data[a:b] for a, b in head])
    found: list[tuple[int, int]] = []
    for start, last in below(data, high, line_end) if named else ():
        row = _apart(data, start, last)
        if len(row) == len(head):
            found += column.found(data, row, named)
    return found


#: A gap in the line of dashes.
_GAP_RULED = r"(?:---[ ]{1,4}---|===[ ]{1,4}===)"
_FIRST_GAP = quick(_GAP_RULED)
_VALUES = quick(r"'(?:[^'\\]|''|\\.){0,4000}'|[^,()'\s]{1,200}|\([^()]{0,200}\)")
_GAP = quick(r"[\s,]{0,40}")
_INSERTS = re2.compile(rb"\)\s*(?i:values)\s*\(")


def _names_before(data: bytes, end: int) -> list[bytes]:
    """The names of columns in the brackets that close right before `end`."""
    close = data.rfind(b")", max(0, end - 40), end)
    begin = data.rfind(b"(", max(0, close - 2000), close) if close > 0 else -1
    inner = data[begin + 1 : close] if begin >= 0 else b""
    return [name.strip(b' \t\r\n`"[]') for name in inner.split(b",")]


def _copied(data: bytes, end: int, column: _Column) -> list[tuple[int, int]]:
    """The cells to replace below `COPY table (names) FROM stdin;`."""
    names = _names_before(data, end)
    chosen = column.chosen(names)
    if not chosen:
        return []
    found: list[tuple[int, int]] = []
    _, high, line_end = around(data, end, 200)
    mark = b"\t" if line_end == b"\n" else line_end[:-1] + b"t"
    for start, stop in below(data, high, line_end):
        row = _cells(data, start, stop, mark, len(names))
        if len(row) != len(names) or data[stop - 6 : stop] == b"stdin;":
            break
        found += column.found(data, row, chosen)
    return found


def _inserted(data: bytes, end: int, column: _Column) -> list[tuple[int, int]]:
    """The values to replace in `INSERT INTO table (names) VALUES (...), (...)`."""
    names = _names_before(data, end - 1)
    chosen = column.chosen(names)
    if not chosen:
        return []
    found: list[tuple[int, int]] = []
    at, last = end, len(data)
    while at < last:
        for i in range(len(names)):
            gap = _GAP.match(data, at, last)
            match = _VALUES.match(data, gap.end() if gap else at, last)
            if match is None or _INSERTS.search(match.group()):
                return found  # another INSERT begins, which has a hit of its own
            at = match.end()
            if i in chosen:
                quoted = match.group()[:1] == b"'"
                low, high = match.start() + quoted, match.end() - quoted
                if (quoted or column is not _SECRETS) and column.good(chosen[i], data[low:high]):
                    found.append((low, high))
        match = _NEXT_ROW.match(data, at, min(last, at + 80))
        if match is None:
            return found
        at = match.end()
    return found


_NEXT_ROW = quick(r"[^,()'\n]{0,10}\)\s{0,8},\s{0,40}\(")


def _rule(column: _Column, anchor: str, direct: Any) -> Rule:
    find = partial(direct, column=column)
    shape = "degree" if column.kind == "gps" else "placeholder"
    return Rule(column.kind, anchor, shape=shape, direct=find, rank=2, table=True)


#: A column named just `key`, which mostly holds names.
_KEY_COLUMN = r"(?i)(?:(?:\t|\\t|\|[ ]?)key(?:\t|\\t|[ ]{0,12}\|)|,key(?:,[a-z_ ]{2,24}){0,4}(?:\r?\n|(?:\\+r)?\\+n))"


def _of(column: _Column) -> tuple[Rule, ...]:
    return (
        _rule(column, column.anchor, _below),
        _rule(column, _GAP_RULED, _ruled),
        _rule(column, r"\)\s+FROM stdin;", _copied),
        _rule(column, r"\)\s*(?i:values)\s*\(", _inserted),
    )


RULES: tuple[Rule, ...] = (
    _rule(_SECRETS, _KEY_COLUMN, _below),
    _rule(_SECRETS, rf"(?i){_MARK}(?:{_NAMES}){_LAST}", _below),
    *_of(_SECRETS),
)
#: The same for what is personal.
PERSONAL: tuple[Rule, ...] = tuple(rule for column in _OF_PEOPLE for rule in _of(column))
