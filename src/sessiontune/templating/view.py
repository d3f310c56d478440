"""The loss mask made visible: a conversation as pieces of text, trained or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from .examples import IGNORED, Encoded, Piece
from .rows import BREAK
from .template import Template


class MaskSpan(msgspec.Struct, frozen=True):
    """A run of tokens, all trained or none. `message`: index in the row, -1 between messages."""

    text: str
    trained: bool
    tokens: int
    message: int = -1


def mask_view(
    template: Template, row: Mapping[str, Any], where: str = "row"
) -> list[list[MaskSpan]]:
    """Runs of trained and masked tokens, one list for each example of the row.

    They come from the labels that are really trained on; joined in order, their texts are the
    rendered conversation. Raises PreflightError as `Template.encode` does.
    """
    made = template.examples(row, where)
    return [example_view(template, row, piece, example) for piece, example in made]


def example_view(
    template: Template, row: Mapping[str, Any], piece: Piece, example: Encoded
) -> list[MaskSpan]:
    """The runs of one example that was made from `row`."""
    turns = template.prepare(row, example.where)[0]
    if example.part:  # context, then what bears loss; encoded anew, the text may give other tokens
        start, hidden = piece.spans[0].start, example.labels.count(IGNORED)
        message, trained = turns[piece.spans[0].turn].sources[0], len(example.ids) - hidden
        context, text = (t.replace(BREAK, "") for t in (piece.text[:start], piece.text[start:]))
        return [MaskSpan(context, False, hidden), MaskSpan(text, True, trained, message)]
    tokens = template.tokens_of(piece)
    every = len(example.ids)  # fewer if only the first answers fit
    runs: list[MaskSpan] = []
    at = index = 0
    while index < every:
        trained_here = example.labels[index] != IGNORED
        stop = index
        while stop < every and (example.labels[stop] != IGNORED) == trained_here:
            stop += 1
        end = len(piece.text) if stop == len(tokens) else tokens[stop][1]
        owner = [s for s in piece.spans if trained_here and s.start <= tokens[index][1] < s.end]
        message = turns[owner[0].turn].sources[0] if owner else -1
        text = piece.text[at:end].replace(BREAK, "")
        runs.append(MaskSpan(text, trained_here, stop - index, message))
        at, index = end, stop
    return runs
