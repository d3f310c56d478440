"""What a row becomes for training: text with spans, then tokens with labels."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Literal

import msgspec

from ..errors import PreflightError
from .rows import Turn

IGNORED = -100


class Span(msgspec.Struct, frozen=True):
    """Characters [start, end) of a text that bear loss, and their turn."""

    start: int
    end: int
    turn: int


class Piece(msgspec.Struct, frozen=True):
    """One training example as text (control tokens inside content broken by `BREAK`)."""

    text: str
    spans: tuple[Span, ...]


class Encoded(msgspec.Struct, frozen=True):
    """One training example. `labels` is `ids` for tokens that bear loss, else -100.

    targets   message indexes in the row that bear loss here
    ends      for each target, the number of tokens up to and with its stop token
    part      of an answer that does not fit behind its context: "goes on" (without its stop
              token), "last", or "alone" if the answer itself is whole
    """

    where: str
    ids: list[int]
    labels: list[int]
    targets: tuple[int, ...]
    ends: tuple[int, ...]
    part: Literal["", "goes on", "last", "alone"] = ""


def labelled(
    piece: Piece, tokens: Sequence[tuple[int, int, int]], turns: Sequence[Turn], where: str
) -> Encoded:
    """A piece as ids and labels; `tokens` are (id, start, end). Raises PreflightError if a span
    holds no token."""
    ids = [token for token, _, _ in tokens]
    begins = [begin for _, begin, _ in tokens]
    labels, ends = [IGNORED] * len(ids), []
    for span in piece.spans:
        first, last = bisect_left(begins, span.start), bisect_left(begins, span.end)
        while last > first and tokens[last - 1][2] > span.end:
            last -= 1
        if first == last:
            raise PreflightError(f"{where}: an answer has no token of its own.")
        labels[first:last] = ids[first:last]
        ends.append(last)
    targets = tuple(i for s in piece.spans for i in turns[s.turn].sources)
    return Encoded(where, ids, labels, targets, tuple(ends))


def shared_length(one: Sequence[object], other: Sequence[object]) -> int:
    """Length of the common beginning of two texts or lists of tokens."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))
