"""Windows: every answer is a target once, calls keep their results, nothing is over budget."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sessiontune.templating import Encoded
from sessiontune.training.prepare import Prepared, spread
from sessiontune.training.windows import windows


def count(text: str) -> int:
    return len(text) // 4 + 1


@st.composite
def rows(draw: st.DrawFn) -> dict[str, Any]:
    """Sessions with long and short turns, calls with one or two results, masked answers."""
    messages: list[dict[str, Any]] = []
    if draw(st.booleans()):
        messages.append({"role": "system", "content": "s" * draw(st.integers(1, 3000))})
    messages.append({"role": "user", "content": "u" * draw(st.integers(1, 3000))})
    for number in range(draw(st.integers(1, 25))):
        kind = draw(st.sampled_from(["answer", "call", "user"]))
        if kind == "user":
            messages.append({"role": "user", "content": "q" * draw(st.integers(1, 900))})
            continue
        answer: dict[str, Any] = {
            "role": "assistant",
            "content": f"answer {number} " + "a" * draw(st.integers(0, 400)),
            "train": draw(st.booleans()),
        }
        messages.append(answer)
        if kind == "call":
            several = draw(st.integers(1, 2))
            answer["tool_calls"] = [
                {"id": f"{number}-{i}", "function": {"name": "Run", "arguments": "{}"}}
                for i in range(several)
            ]
            messages += [
                {
                    "role": "tool",
                    "tool_call_id": f"{number}-{i}",
                    "content": "o" * draw(st.integers(0, 20000)),
                }
                for i in range(several)
            ]
    return {"messages": messages, "session_id": "x"}


@settings(max_examples=80)
@given(rows(), st.sampled_from([1024, 2048, 8192]))
def test_each_answer_is_a_target_once(row: dict[str, Any], length: int) -> None:
    wanted = [m["content"] for m in row["messages"] if m["role"] == "assistant" and m["train"]]
    made = windows(row, count, length, 0)
    found = [
        m["content"]
        for window in made
        for m in window["messages"]
        if m["role"] == "assistant" and m["train"]
    ]
    if wanted:
        assert sorted(found) == sorted(wanted)
    for window in made:
        size = sum(
            count(str(m.get("content"))) + count(str(m.get("tool_calls", "")))
            for m in window["messages"]
        )
        assert size <= length
        called: set[str] = set()
        for message in window["messages"]:
            if message["role"] == "tool":
                assert message["tool_call_id"] in called
            called |= {c["id"] for c in message.get("tool_calls", ())}
        answered = {m["tool_call_id"] for m in window["messages"] if m["role"] == "tool"}
        assert called <= answered


def test_a_row_that_fits_is_left_alone() -> None:
    row = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    assert windows(row, count, 1024, 0) == [row]


def test_a_short_system_message_leaves_its_room_to_the_task() -> None:
    """Half of the head was kept for a system message of three words."""
    system, task = {"role": "system", "content": "Be brief, please."}, "word " * 4000
    answers = [{"role": "assistant", "content": f"answer {n} " + "a" * 400} for n in range(20)]
    messages = [system, {"role": "user", "content": task}, *answers]
    made = windows({"messages": messages}, count, 2048, 0)
    for row in made:
        head = row["messages"][:2]
        assert head[0] == system
        assert 900 <= count(head[1]["content"]) <= 1024


def test_what_is_thinned_says_how_much_is_gone() -> None:
    row = {
        "messages": [
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": "", "tool_calls": [{"id": "1", "function": {}}]},
            {"role": "tool", "tool_call_id": "1", "content": "x" * 40_000},
            {"role": "assistant", "content": "done"},
        ]
    }
    (made,) = windows(row, count, 1024, 0)
    tool = made["messages"][2]["content"]
    assert "characters left out]" in tool
    assert tool.count("x") + int(tool.split("[")[1].split(" ")[0]) == 40_000


def test_what_the_definitions_of_tools_took_is_free_for_the_request_once_they_are_gone() -> None:
    request = "what is to be done, at length; " * 50
    row = {
        "messages": [
            {"role": "user", "content": request},
            {"role": "assistant", "content": "first " * 200, "train": True},
            {"role": "user", "content": "and now " * 300},
            {"role": "assistant", "content": "second " * 200, "train": True},
        ],
        "tools": "definitions",
    }
    made = windows(row, count, 1024, 600)
    assert [window["tools"] for window in made] == [None, None]
    assert [window["messages"][0]["content"] for window in made] == [request, request]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30), st.integers(0, 80))
def test_a_limited_evaluation_looks_at_every_row_that_has_room(
    sizes: list[int], limit: int
) -> None:
    """A verdict counts groups of sessions: sixteen windows of five long ones left out two of
    seven."""
    every = [
        Encoded(f"eval/openai.jsonl:{row}", [row], [n], (0,), (1,))
        for row, size in enumerate(sizes, 1)
        for n in range(size)
    ]
    looked = spread(Prepared(examples=tuple(every)), limit).examples
    if not limit or limit >= len(every):
        assert looked == tuple(every)
        return
    assert len(looked) == limit
    keys = [every.index(e) for e in looked]
    assert keys == sorted(set(keys))
    counts = Counter(e.where for e in looked)
    assert len(counts) == min(limit, len(sizes))
    most = max(counts.values())
    for row, size in enumerate(sizes, 1):
        assert counts[f"eval/openai.jsonl:{row}"] >= min(size, most - 1)
