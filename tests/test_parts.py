"""Answers longer than what is trained at once: cut, and every token of them trained once."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("trl")

from hypothesis import given, settings
from hypothesis import strategies as st

from partlaws import check_parts, joined
from sessiontune.templating import IGNORED, example_view
from sessiontune.training.data import Row
from sessiontune.training.others import apart, message_rows, turns_alone
from sessiontune.training.prepare import fitted, prepare
from test_templating import FAMILIES, answer, call, result, template_for, tokenizer, tool, user

__all__ = ["tokenizer"]  # a fixture
pytestmark = pytest.mark.models

WORDS = st.lists(
    st.sampled_from(
        [
            *("the", "user-3fa2c1", "/srv/app/src/main.py", "größer", "日本語の", "🙂"),
            *("{'a': [1, 2]}", "\n\n", "    return x", "<|im_end|>", "<b>", "\\n", "e\u0301"),
        ]
    ),
    min_size=1,
    max_size=12,
)


@st.composite
def rows(draw: st.DrawFn) -> dict[str, Any]:
    """Sessions in which some answers are far longer than a row: texts, calls, parallel calls."""
    messages: list[dict[str, Any]] = []
    if draw(st.booleans()):
        messages.append({"role": "system", "content": "rule " * draw(st.integers(1, 200))})
    messages.append(user("please " * draw(st.integers(1, 150))))
    for number in range(draw(st.integers(1, 5))):
        long = " ".join(draw(WORDS) * draw(st.sampled_from([1, 60, 120])))
        if draw(st.booleans()):
            messages.append(answer(f"{number} {long}", draw(st.booleans()) or number == 0))
            messages.append(user("go on"))
            continue
        several = draw(st.integers(1, 2))
        asked = [call("Read", {"path": long}, f"c{number}.{i}") for i in range(several)]
        messages.append(answer("I read." * draw(st.integers(0, 1)), tool_calls=asked))
        messages += [result("out " * draw(st.integers(1, 300)), c["id"]) for c in asked]
    return {"messages": messages, "tools": json.dumps([tool("Read")])}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_token_is_trained_once(family: str, tokenizer: Any) -> None:
    template = template_for(family, tokenizer)
    parts = 0

    @settings(max_examples=10)
    @given(rows(), st.sampled_from([256, 512, 2048]))
    def check(row: dict[str, Any], length: int) -> None:
        nonlocal parts
        parts += check_parts(template, row, length)

    check()
    assert parts > 20, "hardly any answer was cut"


def long_row(text: str = "The next line of it, with a name: user-3fa2c1. ") -> dict[str, Any]:
    body = "".join(f"{n}. {text}" for n in range(150))
    asked = call("Write", {"path": "a.py", "content": body}, "c1")
    return {
        "messages": [
            {"role": "system", "content": "be brief"},
            user("write it"),
            answer("I write.", tool_calls=[asked]),
            result("done", "c1"),
            answer("Written."),
        ],
        "tools": json.dumps([tool("Write")]),
    }


def test_a_part_holds_the_head_and_what_was_written_before_it(tokenizer: Any) -> None:
    template = template_for("chatml", tokenizer)
    made = [m for m in fitted(Row("row", long_row()), template, 1024) if m[2].part]
    assert len(made) > 4
    for number, (_, piece, example) in enumerate(made):
        (span,) = piece.spans
        before = piece.text[: span.start]
        assert "be brief" in before
        assert "write it" in before
        assert "<|im_start|>assistant\n" in before
        assert number == len(made) - 1 or len(example.ids) > 1000, "hardly anything is wasted"
        assert example.part == ("last" if piece is made[-1][1] else "goes on")
        assert ("<|im_end|>" in piece.text[span.start :]) == (example.part == "last")
        if number:
            assert example.labels.count(IGNORED) > 1024 // 4, "context"


def test_an_answer_that_fills_the_length_stays_whole_and_the_head_gives_way(tokenizer: Any) -> None:
    template = template_for("chatml", tokenizer)
    row = {"messages": [user("please " * 900), answer("word and so on " * 110)]}
    alone = template.encode({"messages": [user("."), row["messages"][1]]})[0]
    length = len(alone.ids) + 120
    (made,) = fitted(Row("row", row), template, length)
    assert made[2].part == ""
    assert "characters left out" in made[1].text


def test_text_without_any_word_is_cut_all_the_same(tokenizer: Any) -> None:
    template = template_for("chatml", tokenizer)
    blob = {"messages": [user("go"), answer("QUJD" * 2000)]}
    assert check_parts(template, blob, 512) > 4
    assert check_parts(template, {"messages": [user("go"), answer("🙂" * 900)]}, 256) > 4


def test_an_answer_in_parts_is_counted_as_one(tokenizer: Any) -> None:
    template = template_for("chatml", tokenizer)
    made = prepare([Row("x:1", long_row()), Row("x:2", long_row("short "))], template, 1024)
    assert (made.targets, made.cut, made.lost) == (4, 2, 0)
    assert made.parts == sum(e.part != "" for e in made.examples) > 6
    assert made.longest <= 1024


def test_other_trainers_get_parts_as_text(tokenizer: Any) -> None:
    """Cut and tokenised again by the trainer itself, they are the same tokens."""
    template = template_for("chatml", tokenizer)
    made = prepare([Row("x:1", long_row())], template, 1024, None, keep_sources=True)
    whole, parts = apart(made)
    assert [m["content"] for r in message_rows(whole) for m in r["messages"] if m["train"]] == [
        "Written."
    ]
    texts, tokens = turns_alone(parts, tokenizer)
    assert [e.labels for e in tokens] == [e.labels for e in parts.examples]
    assert [e.ids for e in tokens] == [e.ids for e in parts.examples]
    assert all(len(e.ids) <= 1024 for e in tokens)
    assert "".join(row["after"] for row in texts).count("<|im_end|>") == 1


def test_control_tokens_go_as_text_to_who_renders_messages(tokenizer: Any) -> None:
    """Messages would make them structure; split by spaces they must still fit."""
    template = template_for("chatml", tokenizer)
    plain = {"messages": [user("hi"), answer("hello")]}
    marks = {"messages": [user("what is <|im_end|>?"), answer("<|im_end|> ends a turn")]}
    full = {"messages": [user("go"), answer("one <|im_end|> " * 900)]}
    rows = [Row(f"x:{n}", row) for n, row in enumerate((plain, marks, full), 1)]
    made = prepare(rows, template, 512, None, keep_sources=True)
    whole, texts = apart(made)
    assert [e.where for e in whole.examples] == ["x:1"]
    assert {e.where for e in texts.examples} == {"x:2", "x:3"}
    _, tokens = turns_alone(texts, tokenizer)
    assert max(len(e.ids) for e in tokens) <= 512
    stop = tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert sum(label == stop for e in tokens for label in e.labels) == 2


def test_the_view_of_parts_joins_to_the_answer(tokenizer: Any) -> None:
    template = template_for("chatml", tokenizer)
    made = fitted(Row("row", long_row()), template, 1024)
    views = [example_view(template, body, piece, one) for body, piece, one in made]
    trained = "".join(span.text for view in views for span in view if span.trained)
    assert trained == "".join(text for text, _ in joined(made, 1024))
    for view, (_, _, example) in zip(views, made, strict=True):
        assert sum(span.tokens for span in view) == len(example.ids)
