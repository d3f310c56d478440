"""Where the rows of all units lie, in columns: for 100,000 units with some streams each, objects
would fill a quarter of a gigabyte."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping

from ..packs import Place
from .assemble import Part
from .finish import Stream


class _Column:
    """One stream: for each chunk the number of its unit, its start, its bytes and its CRC-32 (-1
    where it is not compared); `rows` is their total."""

    def __init__(self) -> None:
        self.rows = 0
        self.units, self.starts, self.sizes = array("L"), array("Q"), array("Q")
        self.sums = array("q")


class RowPlaces:
    """The rows of units, in order. A unit is given by its key, the key of its first session, which
    stands for the whole unit, and the place of its segment. The key is "" if equal keys do not mean
    equal rows."""

    def __init__(self) -> None:
        self._units: list[tuple[str, str, Place]] = []
        self._columns: dict[str, _Column] = {}

    def __contains__(self, stream: str) -> bool:
        return stream in self._columns

    def add(
        self, key: str, session: str, place: Place, streams: Mapping[str, Stream], *, fresh: bool
    ) -> None:
        """Add the next unit. `fresh`: this run wrote it, so its bytes are not checked again."""
        number = len(self._units)
        self._units.append((key, session, place))
        for name, stream in streams.items():
            column = self._columns.get(name)
            if column is None:
                column = self._columns[name] = _Column()
            column.rows += stream.rows
            chunks, sums = stream.chunks, stream.sums
            if fresh or len(sums) != len(chunks):
                sums = [-1] * len(chunks)
            for (start, size), crc in zip(chunks, sums, strict=True):
                column.units.append(number)
                column.starts.append(start)
                column.sizes.append(size)
                column.sums.append(crc)

    def rows(self, stream: str) -> int:
        """How many rows a stream has."""
        column = self._columns.get(stream)
        return column.rows if column else 0

    def parts(self, stream: str) -> Iterator[tuple[Part, str]]:
        """What each unit has of a stream, with the key of its session, one at a time."""
        column = self._columns.get(stream) or _Column()
        chunks: list[tuple[int, int]] = []
        sums: list[int] = []
        units, before = self._units, -1
        for number, start, size, crc in zip(
            column.units, column.starts, column.sizes, column.sums, strict=True
        ):
            if number != before:
                if chunks:
                    key, session, place = units[before]
                    yield Part(key, place.path, chunks, sums), session
                chunks, sums, before = [], [], number
            chunks.append((units[number][2].at + start, size))
            if crc >= 0:
                sums.append(crc)
        if chunks:
            key, session, place = units[before]
            yield Part(key, place.path, chunks, sums), session
