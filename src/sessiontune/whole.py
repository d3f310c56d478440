"""Writing a file whole or not at all: beside its place, then renamed."""

from __future__ import annotations

from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that whoever reads it finds the old content or the new one, never half.
    Raises OSError."""
    beside = path.with_name(f".{path.name}.part")
    beside.write_bytes(data)
    beside.replace(path)
