"""The rows to train on that an export holds, read back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..rows.read import rows_in

#: Rows are read from those of these that the export holds, each file once.
_FILES = (
    "{name}_conversations_openai.jsonl",
    "train/openai.jsonl",
    "eval/openai.jsonl",
    "long/train.jsonl",
    "long/eval.jsonl",
)


def row_files(folder: Path, name: str) -> list[Path]:
    """The openai files of the export `name`: the training side first, then what is held out."""
    found: dict[int, Path] = {}
    for pattern in _FILES:
        path = folder / pattern.format(name=name)
        if path.is_file():
            found.setdefault(path.stat().st_ino, path)
    return list(found.values())


def rows_of(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    """All rows of these files. SourceError where a line is none."""
    for path in row_files(folder, name):
        yield from rows_in(path, "messages")
