"""Which tokens of a thread bear loss under the chat template of a base."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

from ..errors import PreflightError
from ..pipeline.rowfiles import rows_of
from ..training.masks import mask_template, mask_views

#: Rows of one thread that are shown: windows of a long one, or epochs.
_ROWS = 10


class Masks:
    """Masks of the rows in an export's folder. `length`: the tokens that its rows may have."""

    def __init__(self, folder: Path, name: str, base: str, length: int) -> None:
        self._folder, self._name, self._length = folder, name, length
        self._template = mask_template(base)

    def of(self, thread: str) -> list[dict[str, Any]]:
        """The first rows of a thread: counts of tokens, and each example's [text, trained]."""
        mark = f'"thread":"{thread}"'.encode()
        return [self._row(row) for row in islice(rows_of(self._folder, self._name, mark), _ROWS)]

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
