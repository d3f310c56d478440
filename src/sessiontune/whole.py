"""Writing a file or a folder whole or not at all: beside its place, then renamed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import cannot_write


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that whoever reads it finds the old content or the new one, never half.
    Raises OSError."""
    beside = path.with_name(f".{path.name}.part")
    try:
        beside.write_bytes(data)
        beside.replace(path)
    except BaseException:  # half a file must not keep a full disk full
        beside.unlink(missing_ok=True)
        raise


@contextmanager
def renamed(part: Path, final: Path) -> Iterator[None]:
    """Give a file its final name if the block ends well; remove it otherwise."""
    try:
        yield
        part.replace(final)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def whole_folder(target: Path, otherwise: str = ".") -> Iterator[Path]:
    """A folder that becomes `target` if the block ends well, and is removed otherwise. StoreError
    if it cannot be written; `otherwise` ends the hint."""
    beside = target.with_name(f".{target.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        beside.mkdir(parents=True)
        yield beside
        shutil.rmtree(target, ignore_errors=True)
        beside.rename(target)
    except OSError as error:
        raise cannot_write(target, error, otherwise) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
