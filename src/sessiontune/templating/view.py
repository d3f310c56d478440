"""The loss mask made visible: a conversation as pieces of text, trained or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from .examples import IGNORED
from .rows import BREAK
from .template import Template


class MaskSpan(msgspec.Struct, frozen=True):
    """A run of tokens with the same fate. `message` is the row's message index, -1 between."""

    text: str
    trained: bool
    tokens: int
    message: int = -1


def mask_view(
    template: Template, row: Mapping[str, Any], where: str = "row"
) -> list[list[MaskSpan]]:
    """Runs of trained and masked tokens, one list for each example that the row becomes.

    The runs come from the labels that are really trained on, joined in order: their texts give
    the rendered conversation. Raises PreflightError as `Template.encode` does.
    """
    turns, tools, _ = template.prepare(row, where)
    views = []
    encoded = template.encode(row, where)
    for piece, example in zip(template.pieces(turns, tools, where), encoded, strict=True):
        cuts = [s.start for s in piece.spans]
        tokens = template.tokens(piece.text)
        if any(a < c < b for c in cuts for _, a, b in tokens):
            tokens = template.tokens(piece.text, cuts)
        runs: list[MaskSpan] = []
        at = 0
        index = 0
        while index < len(tokens):
            trained = example.labels[index] != IGNORED
            stop = index
            while stop < len(tokens) and (example.labels[stop] != IGNORED) == trained:
                stop += 1
            end = len(piece.text) if stop == len(tokens) else tokens[stop][1]
            owner = [s for s in piece.spans if trained and s.start <= tokens[index][1] < s.end]
            message = turns[owner[0].turn].sources[0] if owner else -1
            text = piece.text[at:end].replace(BREAK, "")
            runs.append(MaskSpan(text, trained, stop - index, message))
            at, index = end, stop
        views.append(runs)
    return views
