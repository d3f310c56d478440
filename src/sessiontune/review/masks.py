"""Which tokens of a thread bear loss under the chat template of a base."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from ..errors import PreflightError, SourceError
from ..pipeline.rowfiles import row_files
from ..training.masks import mask_template, mask_views

#: Rows of one thread that are shown: windows of a long one, or epochs.
_ROWS = 10


class Masks:
    """Masks of the rows in an export's folder. `length`: the tokens that its rows may have."""

    def __init__(self, folder: Path, name: str, base: str, length: int) -> None:
        self._length = length
        self._template = mask_template(base)
        self._open, self._lock = ExitStack(), threading.Lock()
        # held open as the catalogue's file is: an export meanwhile changes nothing of what is shown
        paths = row_files(folder, name)
        if not paths:
            raise SourceError(
                f"{folder} holds no openai rows.", "Export with --format openai (and others)."
            )
        self._files = [self._open.enter_context(path.open("rb")) for path in paths]

    def of(self, thread: str) -> list[dict[str, Any]]:
        """The first rows of a thread: counts of tokens, and each example's [text, trained]."""
        with self._lock:
            found = list(islice(self._lines(f'"thread":"{thread}"'.encode()), _ROWS))
        return [self._row(msgspec.json.decode(line)) for line in found]

    def _lines(self, mark: bytes) -> Iterator[bytes]:
        for file in self._files:
            file.seek(0)
            yield from (line for line in file if mark in line)

    def close(self) -> None:
        """Close the files."""
        self._open.close()

    def _row(self, row: dict[str, Any]) -> dict[str, Any]:
        try:
            views = mask_views(row, self._template, f"thread {row['thread']}", self._length)
        except PreflightError as error:  # the template cannot write it; training would say so too
            return {"tokens": 0, "trained": 0, "examples": [], "trouble": error.message}
        spans = [span for view in views for span in view]
        return {
            "tokens": sum(span.tokens for span in spans),
            "trained": sum(span.tokens for span in spans if span.trained),
            "examples": [[(span.text, span.trained) for span in view] for view in views],
            "trouble": "",
        }
