"""Write small GGUF files, and change the metadata of one: for planting faults."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from sessiontune.shipping.gguf import read_head

_U32, _F32, _BOOL, _STRING, _ARRAY, _I32 = 4, 6, 7, 8, 9, 5


def _text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def _value(value: Any) -> bytes:
    if isinstance(value, bool):
        return struct.pack("<I?", _BOOL, value)
    if isinstance(value, int):
        return struct.pack("<II", _U32, value)
    if isinstance(value, float):
        return struct.pack("<If", _F32, value)
    if isinstance(value, str):
        return struct.pack("<I", _STRING) + _text(value)
    if value and isinstance(value[0], int):
        body = b"".join(struct.pack("<i", v) for v in value)
        return struct.pack("<IIQ", _ARRAY, _I32, len(value)) + body
    return struct.pack("<IIQ", _ARRAY, _STRING, len(value)) + b"".join(map(_text, value))


def write_gguf(path: Path, meta: dict[str, Any], tensors: bytes, infos: list[bytes]) -> Path:
    """A file with this metadata, these tensor infos and this data."""
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(infos), len(meta))
    head += b"".join(_text(k) + _value(v) for k, v in meta.items()) + b"".join(infos)
    path.write_bytes(head + b"\0" * (-len(head) % 32) + tensors)
    return path


def edited(path: Path, out: Path, changes: dict[str, Any], drop: tuple[str, ...] = ()) -> Path:
    """A copy of `path` with other metadata."""
    head = read_head(path)
    meta = {k: v for k, v in {**head.meta, **changes}.items() if k not in drop}
    infos = [
        _text(t.name)
        + struct.pack(f"<I{len(t.shape)}Q", len(t.shape), *t.shape)
        + struct.pack("<IQ", t.type, t.offset)
        for t in head.tensors
    ]
    return write_gguf(out, meta, path.read_bytes()[head.data_at :], infos)
