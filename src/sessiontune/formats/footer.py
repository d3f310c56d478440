"""Parquet footers, as far as needed to move row groups from one file into another.

pyarrow cannot move a row group without decoding it. Its bytes do not depend on their place; only a
few numbers of its entry in the footer do. The footer is one Thrift struct in the compact protocol
(parquet.thrift in apache/parquet-format): it is walked here, not decoded. An entry is kept as the
bytes between those numbers, and the numbers relative to the first row group.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import msgspec

MAGIC = b"PAR1"
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12
# Fields of the structs, by number.
_ROWS, _GROUPS = 3, 4  # FileMetaData
_COLUMNS, _GROUP_ROWS, _FILE_OFFSET, _ORDINAL = 1, 3, 5, 7  # RowGroup
_META = 3  # ColumnChunk
_CHUNK_OFFSETS = (2, 4, 6)  # ColumnChunk: file_offset, offset_index_offset, column_index_offset
_META_OFFSETS = (9, 10, 11, 14)  # ColumnMetaData: data, index and dictionary page, bloom filter


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """A row group in a footer: `texts[i]`, then a number, for each number, then the last text.

    A number at or above 0 is an offset from the first row group of its part; below 0 it is the
    position of the row group in its part, counted from -1 down.
    """

    rows: int
    texts: list[bytes]
    numbers: list[int]


class Footer(msgspec.Struct, frozen=True):
    """What lies before and after the list of row groups, and the row groups.

    `head` ends before the number of all rows.
    """

    head: bytes
    tail: bytes
    entries: list[Entry]


def read(data: bytes) -> Footer:
    """Split a footer; `data` is that of a file that begins with its first row group."""
    walk = _Walk(data)
    head = tail = 0
    entries: list[Entry] = []
    for field, kind in walk.fields():
        if field == _ROWS:
            head = walk.at
            walk.skip(kind)
        elif field == _GROUPS:
            entries = [_entry(walk) for _ in range(walk.size())]
            tail = walk.at
        else:
            walk.skip(kind)
    if not head or not tail:
        raise ValueError("the footer of a Parquet file is damaged")
    return Footer(data[:head], data[tail:], entries)


def read_file(path: str | os.PathLike[str]) -> tuple[Footer, int]:
    """The footer of a file, and the bytes of its row groups."""
    with open(path, "rb") as file:
        end = file.seek(-len(MAGIC) - 4, os.SEEK_END)
        size = int.from_bytes(file.read(4), "little")
        file.seek(end - size)
        return read(file.read(size)), end - size - len(MAGIC)


def write(head: bytes, tail: bytes, parts: Sequence[tuple[int, Sequence[Entry]]]) -> bytes:
    """The end of a file with these parts: (offset of its first row group, its entries). `head`
    and `tail` are those of any of their footers."""
    rows = sum(entry.rows for _, entries in parts for entry in entries)
    count = sum(len(entries) for _, entries in parts)
    out = [head, _zigzag(rows), bytes([_GROUPS - _ROWS << 4 | _LIST])]
    out.append(bytes([min(count, 15) << 4 | _STRUCT]))
    if count >= 15:
        out.append(_varint(count))
    first = 0
    for offset, entries in parts:
        for entry in entries:
            for text, number in zip(entry.texts, entry.numbers, strict=False):
                out.append(text)
                out.append(_zigzag(number + offset if number >= 0 else first - number - 1))
            out.append(entry.texts[-1])
        first += len(entries)
    out.append(tail)
    body = b"".join(out)
    return body + len(body).to_bytes(4, "little") + MAGIC


def _entry(walk: _Walk) -> Entry:
    """The next row group."""
    texts: list[bytes] = []
    numbers: list[int] = []
    rows, last = 0, walk.at

    def number(place: int | None = None) -> None:
        nonlocal last
        texts.append(walk.data[last : walk.at])
        value = walk.zigzag()
        numbers.append(value - len(MAGIC) if place is None else -1 - value)
        last = walk.at

    for field, kind in walk.fields():
        if field == _COLUMNS:
            for _ in range(walk.size()):
                for inner, shape in walk.fields():
                    if inner == _META:
                        for deep, form in walk.fields():
                            number() if deep in _META_OFFSETS else walk.skip(form)
                    elif inner in _CHUNK_OFFSETS and walk.peek():
                        number()
                    else:
                        walk.skip(shape)
        elif field == _GROUP_ROWS:
            rows = walk.peek()
            walk.skip(kind)
        elif field == _FILE_OFFSET:
            number()
        elif field == _ORDINAL:
            number(place=0)
        else:
            walk.skip(kind)
    texts.append(walk.data[last : walk.at])
    return Entry(rows, texts, numbers)


class _Walk:
    """Goes through bytes of the compact protocol."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def fields(self) -> Iterator[tuple[int, int]]:
        """(number, type) of each field of a struct; the caller goes past its value."""
        field = 0
        while head := self.data[self.at]:
            self.at += 1
            field = field + (head >> 4) if head >> 4 else self.zigzag()
            yield field, head & 15
        self.at += 1

    def size(self) -> int:
        """The number of elements of a list of structs."""
        count, kind = self._list()
        if kind != _STRUCT:
            raise ValueError("the footer of a Parquet file is damaged")
        return count

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7

    def zigzag(self) -> int:
        value = self.varint()
        return value >> 1 ^ -(value & 1)

    def peek(self) -> int:
        """The number that comes next; it stays next."""
        at = self.at
        value = self.zigzag()
        self.at = at
        return value

    def skip(self, kind: int) -> None:
        """Go past a value."""
        if kind == _STRUCT:
            for _, inner in self.fields():
                self.skip(inner)
        elif kind in (_LIST, _SET):
            count, inner = self._list()
            for _ in range(count):
                self._skip_element(inner)
        elif kind == _MAP:
            count = self.varint()
            kinds = self.varint() if count else 0
            for _ in range(count):
                self._skip_element(kinds >> 4)
                self._skip_element(kinds & 15)
        elif kind == _BINARY:
            length = self.varint()
            self.at += length
        elif kind == _DOUBLE:
            self.at += 8
        elif kind == _BYTE:
            self.at += 1
        elif kind not in (_TRUE, _FALSE):
            self.varint()

    def _skip_element(self, kind: int) -> None:
        """Like a value, except that a boolean takes a byte."""
        if kind in (_TRUE, _FALSE):
            self.at += 1
        else:
            self.skip(kind)

    def _list(self) -> tuple[int, int]:
        head = self.data[self.at]
        self.at += 1
        count = head >> 4
        return (self.varint() if count == 15 else count), head & 15


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _zigzag(value: int) -> bytes:
    return _varint(value << 1 if value >= 0 else (-value << 1) - 1)
