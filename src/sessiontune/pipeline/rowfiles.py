"""The rows to train on that an export holds, read back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

#: Rows are read from those of these that the export holds, each file once.
_FILES = (
    "{name}_conversations_openai.jsonl",
    "train/openai.jsonl",
    "eval/openai.jsonl",
    "long/train.jsonl",
    "long/eval.jsonl",
)


def rows_of(folder: Path, name: str, holding: bytes = b"") -> Iterator[dict[str, Any]]:
    """Rows of the openai files of the export `name`: the training side first, then what is held
    out. `holding`: only lines with these bytes."""
    seen = set()
    for pattern in _FILES:
        path = folder / pattern.format(name=name)
        if not path.is_file() or path.stat().st_ino in seen:
            continue
        seen.add(path.stat().st_ino)
        with open(path, "rb") as lines:
            yield from (orjson.loads(line) for line in lines if holding in line)
