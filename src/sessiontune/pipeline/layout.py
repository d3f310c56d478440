"""What the files of an export are made of, and how they were laid out.

The layout is remembered, so that the next export can copy from the published files.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ..packs import Place
from .assemble import Laid, Part
from .columnar import Kept
from .finish import Stream


class Target(msgspec.Struct, frozen=True):
    """An output file: the rows of one stream of all segments, between `head` and `tail`.

    `cut` bytes of the last separator are left off (a JSON document has none after its last row).
    """

    name: str
    stream: str
    head: bytes = b""
    tail: bytes = b""
    cut: int = 0


class OutFile(msgspec.Struct, frozen=True):
    """A written file. `sha256` hex, `bytes` and `rows` as written."""

    path: str
    sha256: str
    bytes: int
    rows: int


class UnitRows(msgspec.Struct, frozen=True):
    """The rows of one unit: the key and the place of its segment, and the key of its first
    session, which stands for the whole. `key` is "" where equal keys do not mean equal rows."""

    key: str
    session: str
    place: Place
    streams: dict[str, Stream]

    def part(self, name: str) -> tuple[Part, str] | None:
        """What there is of a stream, with the key of the session."""
        stream = self.streams.get(name)
        if stream is None:
            return None
        chunks = [(self.place.at + start, size) for start, size in stream.chunks]
        return Part(self.key, self.place.path, chunks), self.session


class Layout(msgspec.Struct):
    """How the files of an export are laid out, so that the next one can copy from them."""

    files: dict[str, Laid] = {}
    columns: dict[str, Kept] = {}

    def noted(self, stats: Mapping[str, tuple[int, int]]) -> Layout:
        """The same with the files' stats."""
        replace = msgspec.structs.replace
        files = {name: replace(laid, stat=stats[name]) for name, laid in self.files.items()}
        columns = {
            name: replace(kept, laid=replace(kept.laid, stat=stats[name]))
            for name, kept in self.columns.items()
        }
        return Layout(files, columns)


def layout_name(folder: str) -> str:
    """The name under which the layout of a published folder is remembered."""
    return f"layout:{folder}"


def read_layout(noted: bytes | None) -> Layout:
    """What was remembered of the former export; nothing where another version wrote it."""
    try:
        return msgspec.msgpack.decode(noted, type=Layout) if noted else Layout()
    except msgspec.DecodeError:
        return Layout()
