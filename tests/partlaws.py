"""The laws of what is trained: every token of every trained answer once, never over the length."""

from __future__ import annotations

from typing import Any

from sessiontune.templating import IGNORED, Encoded, Piece, Template
from sessiontune.training.data import Row
from sessiontune.training.prepare import Fitted, fitted

#: Longer than any pseudonym, shorter than the pieces of a blob without words.
WORD = 60


def answers_of(made: list[tuple[Piece, Encoded]]) -> list[tuple[str, list[int]]]:
    """The trained answers of whole examples: their texts and their tokens."""
    out = []
    for piece, example in made:
        begin = 0
        for span, end in zip(piece.spans, example.ends, strict=False):
            ids = [label for label in example.labels[begin:end] if label != IGNORED]
            out.append((piece.text[span.start : span.end], ids))
            begin = end
    return out


def joined(made: list[Fitted], length: int) -> list[tuple[str, list[int]]]:
    """The same, of examples of at most `length`: the parts of an answer are joined."""
    out: list[tuple[str, list[int]]] = []
    text, ids = "", []
    for _, piece, example in made:
        assert len(example.ids) == len(example.labels) <= length, "over the length"
        assert any(label != IGNORED for label in example.labels), "an example without loss"
        if not example.part:
            assert not text, "an answer breaks off"
            out += answers_of([(piece, example)])
            continue
        (span,) = piece.spans
        shown = piece.text[span.start :]
        if text:
            # the text before it continues up to the very place of the cut; by bytes, since a token
            # may be a third of a letter
            context, before = piece.text[: span.start].encode(), text.encode()
            assert context.endswith(before[-min(len(before), length // 16) :])
            beside = text[-WORD:] + shown[:WORD]
            if any(c.isspace() for c in text[-WORD:]):
                assert not (text[-1].isalnum() and shown[0].isalnum()), f"a word is cut: {beside!r}"
        text += shown
        ids = ids + [label for label in example.labels if label != IGNORED]
        if example.part != "goes on":
            out.append((text, ids))
            text, ids = "", []
    assert not text, "the last answer breaks off"
    return out


def check_parts(template: Template, row: dict[str, Any], length: int, spare: int = 0) -> int:
    """Assert the laws on one row; returns the number of its examples that are parts."""
    made = fitted(Row("row", row), template, length, spare)
    wanted = answers_of(template.examples(row, "row"))
    assert sorted(joined(made, length)) == sorted(wanted)
    stops = set(template.tokenizer.convert_tokens_to_ids(template.stops))
    for _, _, example in made:
        assert example.part == "goes on" or example.labels[example.ends[-1] - 1] in stops
    for body in {id(body): body for body, _, _ in made}.values():
        called = [c["id"] for m in body["messages"] for c in m.get("tool_calls") or ()]
        told = [m["tool_call_id"] for m in body["messages"] if m["role"] == "tool"]
        assert sorted(called) == sorted(told), "a call was parted from its result"
    return sum(bool(example.part) for _, _, example in made)
