"""The rows of a file of an export, read back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from ..errors import SourceError


def rows_in(path: Path, *fields: str) -> Iterator[dict[str, Any]]:
    """The rows of a file, one a line. SourceError for a line that is no row with these fields: a
    person changed it, or the disk lost some of it."""
    with open(path, "rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                row = orjson.loads(line)
            except ValueError:
                row = None
            if not isinstance(row, dict) or not row.keys() >= set(fields):
                raise no_row(path, number)
            yield row


def no_row(path: Path, number: int) -> SourceError:
    """The error for such a line."""
    return SourceError(f"{path}:{number} is no row of an export.", "Export again with --force.")
