"""What a row becomes for training: text with spans, then tokens with labels."""

from __future__ import annotations

from typing import Literal

import msgspec

IGNORED = -100


class Span(msgspec.Struct, frozen=True):
    """Characters [start, end) of a text that bear loss, and the turn that they come from."""

    start: int
    end: int
    turn: int


class Piece(msgspec.Struct, frozen=True):
    """One training example as text (control tokens inside content broken by `BREAK`)."""

    text: str
    spans: tuple[Span, ...]


class Encoded(msgspec.Struct, frozen=True):
    """One training example. `labels` is `ids` where loss is borne, else -100.

    targets   message indexes in the row that bear loss here
    ends      for each target, the number of tokens up to and with its stop token
    part      of an answer that does not fit behind its context: "goes on" (without its stop
              token), "last", or "alone" where the answer itself is whole
    """

    where: str
    ids: list[int]
    labels: list[int]
    targets: tuple[int, ...]
    ends: tuple[int, ...]
    part: Literal["", "goes on", "last", "alone"] = ""


def shared_length(one: str, other: str) -> int:
    """Length of what both texts begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))
