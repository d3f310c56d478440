"""Overlapping finds become one, and which values are not looked for elsewhere in their text."""

from __future__ import annotations

import pytest

from sessiontune.privacy.detect import resolve
from sessiontune.privacy.engine import Redactor
from sessiontune.privacy.options import PrivacyOptions
from sessiontune.privacy.rules import Span
from sessiontune.privacy.vocabulary import Vocabulary


def _span(start: int, end: int, kind: str, rank: int = 1) -> Span:
    return Span(start, end, kind, kind, rank)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        # beside each other they stay two, whatever their order
        ([_span(4, 8, "b"), _span(0, 4, "a")], [_span(0, 4, "a"), _span(4, 8, "b")]),
        # of two at the same place the one that ranks higher, of equals the first
        ([_span(0, 4, "a"), _span(0, 4, "b", 2)], [_span(0, 4, "b", 2)]),
        ([_span(0, 4, "a"), _span(0, 4, "b")], [_span(0, 4, "a")]),
        # of equals the wider one keeps its shape, wherever the other begins
        ([_span(2, 4, "a"), _span(0, 9, "b")], [_span(0, 9, "b")]),
        ([_span(0, 4, "a"), _span(0, 9, "b")], [_span(0, 9, "b")]),
        # a narrow one that ranks higher names the kind; the shape of neither fits
        ([_span(0, 9, "a"), _span(2, 4, "b", 2)], [Span(0, 9, "b", "placeholder", 2)]),
        # neither holds the other: the later one names the kind
        ([_span(0, 6, "a"), _span(4, 9, "b")], [Span(0, 9, "b", "placeholder", 1)]),
        # a third one that overlaps what two have become
        (
            [_span(0, 6, "a", 3), _span(4, 9, "b"), _span(8, 12, "c")],
            [Span(0, 12, "a", "placeholder", 3)],
        ),
    ],
)
def test_overlapping_finds_become_one(given: list[Span], kept: list[Span]) -> None:
    assert resolve(given) == kept


@pytest.mark.parametrize(
    ("told", "value", "known"),
    [
        ("DB_PASSWORD={}", "qW8" + "rtzuP2", True),
        ("DB_PASSWORD={}", "qW8" + "rt", False),  # as short as words
        ("DB_PASSWORD={}", "sunflower", False),  # a word
        ("CLIENT_SECRET={}", "qW8rtz" + "Up2x5k", True),
        ("CLIENT_SECRET={}", "qw8rtz" + "up2x5k", False),  # short, and in one case
        ("CLIENT_SECRET={}", "8f14e45fceea167a" + "5a36dedd4bea2543", True),
        ("CLIENT_SECRET={}", "4f3d2185-8068-" + "49b8-b527-6c4a67e9074b", True),
        ("ssh deploy@{} uptime", "k-" + "box-2", True),
        ("ssh deploy@{} uptime", "b-" + "2", False),  # too short for a name
    ],
)
def test_a_value_is_looked_for_elsewhere_if_it_can_be_nothing_else(
    told: str, value: str, known: bool
) -> None:
    redactor = Redactor(b"spans", Vocabulary(), PrivacyOptions())
    new = redactor.text(f"{told.format(value)}\nthen {value}, and x{value}, {value}x\n")
    assert told.format(value) not in new
    assert (f"then {value}," in new) is not known
    assert new.endswith(f", and x{value}, {value}x\n")
