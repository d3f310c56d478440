"""Read the head of a GGUF file: metadata, tensor table, and whether the file is whole.

Written from the published layout (GGUF versions 2 and 3, little endian): magic, version, counts,
key-value pairs, tensor infos, padding, tensor data. The tensor data is not read. A file from
elsewhere may lie about its lengths, so every length is checked against the file's size.
"""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from ..errors import ToolError

#: Weights of a block -> number of a tensor type (ggml.h) -> bytes of a block: enough to know a
#: file's length.
_TYPES = {
    1: {0: 4, 1: 2, 24: 1, 25: 2, 26: 4, 27: 8, 28: 8, 30: 2},
    32: {2: 18, 3: 20, 6: 22, 7: 24, 8: 34, 9: 36},
    256: {10: 84, 11: 110, 12: 144, 13: 176, 14: 210, 15: 292},
}
_BLOCKS = {kind: (n, size) for size, kinds in _TYPES.items() for kind, n in kinds.items()}
#: Number of a value's type -> how `struct` names it.
_SCALARS = {**dict(enumerate("BbHhIif?")), **dict(enumerate("Qqd", 10))}
_STRING, _ARRAY = 8, 9


class TensorInfo(msgspec.Struct, frozen=True):
    """One tensor: `shape` as in the file (fastest dimension first), offset in bytes."""

    name: str
    shape: tuple[int, ...]
    type: int
    offset: int

    @property
    def size(self) -> int | None:
        """Bytes of data, or None for a type this reader does not know."""
        if self.type not in _BLOCKS:
            return None
        block, weights = _BLOCKS[self.type]
        return math.prod(self.shape) // weights * block


class GgufHead(msgspec.Struct, frozen=True):
    """What comes before the tensor data."""

    version: int
    meta: dict[str, Any]
    tensors: tuple[TensorInfo, ...]
    data_at: int

    @property
    def architecture(self) -> str:
        return str(self.meta.get("general.architecture", ""))

    def needed(self) -> int:
        """The length in bytes that the whole file must have at least."""
        ends = [self.data_at + t.offset + (t.size or 0) for t in self.tensors]
        return max(ends, default=self.data_at)


def read_head(path: Path) -> GgufHead:
    """The head of `path`. ToolError when it is not a GGUF file or is cut off."""
    size = path.stat().st_size
    with path.open("rb") as file:
        reader = _Reader(file, size, path)
        if reader.bytes(4) != b"GGUF":
            raise ToolError(f"{path} is not a GGUF file.", "Convert the model again.")
        version = reader.number("I")
        if version not in (2, 3):
            raise ToolError(f"{path} has GGUF version {version}; versions 2 and 3 are known.")
        tensor_count, pair_count = reader.number("Q"), reader.number("Q")
        reader.plausible(tensor_count * 24 + pair_count * 12)
        meta: dict[str, Any] = {}
        for _ in range(pair_count):
            key = reader.string()
            meta[key] = reader.value(reader.number("I"))
        tensors = tuple(reader.tensor() for _ in range(tensor_count))
        step = int(meta.get("general.alignment", 32)) or 32
        at = file.tell()
        return GgufHead(version, meta, tensors, at + (-at) % step)


def check_whole(path: Path) -> GgufHead:
    """Read the head and make sure that all tensor data is there. ToolError when it is not."""
    head = read_head(path)
    size = path.stat().st_size
    if size < head.needed():
        raise ToolError(
            f"{path} is cut off: {size:,} bytes of {head.needed():,}.",
            "Delete it and convert again; is the disk full?",
        )
    return head


class _Reader:
    """Reads little-endian values; never past the end of the file."""

    def __init__(self, file: BinaryIO, size: int, path: Path) -> None:
        self._file = file
        self._size = size
        self._path = path

    def plausible(self, length: int) -> None:
        if length < 0 or self._file.tell() + length > self._size:
            raise ToolError(
                f"{self._path} is cut off or damaged in its head.",
                "Delete it and convert again; is the disk full?",
            )

    def bytes(self, length: int) -> bytes:
        self.plausible(length)
        return self._file.read(length)

    def number(self, form: str) -> Any:
        return self.numbers(1, form)[0]

    def numbers(self, count: int, form: str) -> list[Any]:
        raw = self.bytes(count * struct.calcsize(f"<{form}"))
        return list(struct.unpack(f"<{count}{form}", raw))

    def string(self) -> str:
        return self.bytes(self.number("Q")).decode("utf-8", "replace")

    def value(self, kind: int) -> Any:
        if kind == _STRING:
            return self.string()
        if kind == _ARRAY:
            item, count = self.number("I"), self.number("Q")
            if item in _SCALARS:
                return self.numbers(count, _SCALARS[item])
            self.plausible(count)
            return [self.value(item) for _ in range(count)]
        if kind not in _SCALARS:
            raise ToolError(f"{self._path} holds a value of unknown type {kind}.")
        return self.number(_SCALARS[kind])

    def tensor(self) -> TensorInfo:
        name = self.string()
        dimensions = self.number("I")
        self.plausible(dimensions * 8)
        shape = tuple(self.number("Q") for _ in range(dimensions))
        return TensorInfo(name, shape, self.number("I"), self.number("Q"))
