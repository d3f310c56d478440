"""decode(encode(x)) == strip(x) for every format, and what each file promises of its rows."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessiontune import registry
from sessiontune.formats.parquet import write_parquet
from sessiontune.general import read_rows
from sessiontune.ports import Conversation, EncodeOptions
from sessiontune.rows import columns
from sessiontune.rows.flat import flat

from . import strip
from .strategies import conversations, options

NAMES = ("openai", "sharegpt", "raw", "combined", "alpaca")


@settings(max_examples=150)
@given(conversation=conversations(), chosen=options)
def test_decoding_gives_back_all_that_is_not_a_declared_loss(
    conversation: Conversation, chosen: EncodeOptions
) -> None:
    for name in NAMES:
        law(name, conversation, chosen)


def law(name: str, conversation: Conversation, chosen: EncodeOptions) -> list[Any]:
    encoder = registry.format(name)
    losses: dict[str, int] = {}
    rows = encoder.encode(conversation, chosen, losses)
    assert encoder.decode(rows) == getattr(strip, name)(conversation, chosen), name
    assert set(losses) <= set(encoder.declared_losses)
    assert all(n > 0 for n in losses.values())
    assert not any(b"\n" in row for row in rows if name != "combined")
    return [json.loads(row) for row in rows]


@settings(max_examples=100)
@given(conversation=conversations(), chosen=options)
def test_rows_have_exactly_the_columns_of_the_schema(
    conversation: Conversation, chosen: EncodeOptions
) -> None:
    for name in ("openai", "sharegpt", "raw", "alpaca"):
        shape = columns.schema(name, thinking=chosen.thinking)
        for row in registry.format(name).encode(conversation, chosen, {}):
            _matches(json.loads(row), shape, nulls=name == "raw")


def _matches(value: Any, shape: Any, *, nulls: bool, path: str = "row") -> None:
    if isinstance(shape, dict):
        assert list(value) == list(shape) or set(value) == set(shape), path
        for name, inner in shape.items():
            # Within messages, null says that a key does not apply: templates look for that.
            may = nulls or path != "row"
            _matches(value[name], inner, nulls=may, path=f"{path}.{name}")
    elif value is None:
        assert nulls, path
    elif isinstance(shape, list):
        for one in value:
            _matches(one, shape[0], nulls=nulls, path=path + "[]")
    else:
        assert type(value) is {"string": str, "int64": int, "bool": bool}[shape], path


@settings(max_examples=150)
@given(conversation=conversations(), thinking=st.booleans())
def test_sharegpt_turns_alternate_as_llama_factory_demands(
    conversation: Conversation, thinking: bool
) -> None:
    for row in law("sharegpt", conversation, EncodeOptions(thinking=thinking)):
        turns = row["conversations"]
        if turns[0]["from"] == "system":
            turns = turns[1:]
        assert turns
        assert len(turns) % 2 == 0
        for asked, answered in zip(turns[::2], turns[1::2], strict=True):
            assert asked["from"] in ("human", "observation")
            assert answered["from"] in ("gpt", "function_call")
        for turn, following in pairwise(turns):
            assert (turn["from"] == "function_call") == (following["from"] == "observation")
        assert row["system"] == ""


@settings(max_examples=150)
@given(conversation=conversations())
def test_without_tools_there_are_only_people_and_models(conversation: Conversation) -> None:
    for row in law("sharegpt", conversation, EncodeOptions(tools=False)):
        roles = [turn["from"] for turn in row["conversations"]]
        assert roles == ["human", "gpt"] * (len(roles) // 2)
        assert row["tools"] == "[]"


@settings(max_examples=150)
@given(conversation=conversations(), chosen=options)
def test_openai_pairs_every_call_with_a_result(
    conversation: Conversation, chosen: EncodeOptions
) -> None:
    for row in law("openai", conversation, chosen):
        waiting: list[str] = []
        for message in row["messages"]:
            if message["role"] == "tool":
                assert message["tool_call_id"] == waiting.pop(0)
                continue
            assert not waiting
            for call in message["tool_calls"] or []:
                assert isinstance(json.loads(call["function"]["arguments"]), dict)
                waiting.append(call["id"])
            assert not message["train"] or message["role"] == "assistant"
        assert not waiting
        assert isinstance(json.loads(row["tools"]), list)


@settings(max_examples=40)
@given(found=st.lists(conversations(), max_size=4), thinking=st.booleans())
def test_parquet_holds_the_very_rows(
    found: list[Conversation], thinking: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder: Path = tmp_path_factory.mktemp("parquet")
    encode = registry.format("openai").encode
    chosen = EncodeOptions(thinking=thinking)
    rows = [row for c in found for row in encode(c, chosen, {})]
    (folder / "a.jsonl").write_bytes(b"".join(row + b"\n" for row in rows))
    assert write_parquet(folder / "a.jsonl", folder / "a.parquet") == len(rows)
    assert list(read_rows(str(folder / "a.parquet"))) == [json.loads(row) for row in rows]


@settings(max_examples=100)
@given(conversation=conversations(), chosen=options)
def test_what_is_kept_for_the_next_format_changes_nothing(
    conversation: Conversation, chosen: EncodeOptions
) -> None:
    together = [registry.format(n).encode(conversation, chosen, {}) for n in NAMES]
    alone = []
    for name in NAMES:
        flat(Conversation(session=conversation.session), EncodeOptions())
        alone.append(registry.format(name).encode(conversation, chosen, {}))
    assert together == alone
