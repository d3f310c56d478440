"""Logs that another program wrote again: lines that moved, came twice, or lost their content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.sources import test_claude as claude
from tests.sources import test_codex as codex
from tests.support import read, texts_of

from sessiontune.model import ToolResult

SERVED = [f"msg_01{letter * 22}" for letter in "AB"]


def _talk() -> list[dict[str, Any]]:
    return [
        claude.user("u1", None, "Look at the till."),
        claude.answer("a1", "u1", SERVED[0], claude.text("I look.")),
        claude.answer("a2", "a1", SERVED[0], claude.call("toolu_1", command="ls")),
        claude.user("u2", "a2", [claude.result("toolu_1", "till.py")]),
        claude.answer("a3", "u2", SERVED[1], claude.text("One file.")),
    ]


@pytest.mark.parametrize("emptied", range(5))
@pytest.mark.parametrize("content", [None, [], "absent"])
def test_a_record_that_lost_its_content_is_told_by_its_copy(
    tmp_path: Path, emptied: int, content: Any
) -> None:
    whole, torn = _talk(), _talk()
    torn[emptied]["message"]["content"] = content
    if content == "absent":
        del torn[emptied]["message"]["content"]
    torn.append({"type": "file-history-snapshot", "pad": "x" * 4000})  # the longer file owns it
    claude.write(tmp_path, "s1.jsonl", torn)
    claude.write(tmp_path, "s2.jsonl", [{**row, "sessionId": "s2"} for row in whole])
    reading = read("claude", tmp_path)
    assert reading.unbalanced() == {}
    told = ["Look at the till.", "I look.", '{"command": "ls"}', "till.py", "One file."]
    missing = [""] if emptied == 3 else []  # the call in the longer file stays without a result
    assert sorted(texts_of(reading.sessions)) == sorted(told + missing)


def test_a_piece_of_an_answer_that_is_told_before_the_piece_above_it(tmp_path: Path) -> None:
    rows = _talk()
    usage = {"input_tokens": 7, "output_tokens": 9}
    for row in rows[1:3]:
        row["message"]["usage"] = usage
    rows[1], rows[2] = rows[2], rows[1]
    messages = claude.only(claude.read_rows(tmp_path, rows))
    assert [m.kind for m in messages] == ["prompt", "answer", "results", "answer"]
    assert sum(m.usage.output for m in messages if m.usage) == 9


def test_a_command_in_a_log_without_parents_is_answered_by_what_follows(tmp_path: Path) -> None:
    command = "<command-name>/init</command-name><command-args></command-args>"
    rows = [
        claude.user("u1", None, command),
        claude.user("u2", None, "Write the notes of this project.", isMeta=True),
        claude.answer("a1", None, SERVED[0], claude.text("Written.")),
        claude.user("u3", None, command.replace("init", "cost")),
    ]
    for row in rows:
        del row["parentUuid"]
    reading = claude.read_rows(tmp_path, rows)
    assert texts_of(reading.sessions) == ["/init", "Write the notes of this project.", "Written."]


def _rollout() -> list[dict[str, Any]]:
    usage = {"last_token_usage": {"input_tokens": 5, "output_tokens": 8}}
    later = {"last_token_usage": {"input_tokens": 6, "output_tokens": 2}}
    mail = [{"type": "input_text", "text": "Seven rows."}]
    hidden = {"type": "function_call", "name": "shell", "call_id": "REDACTED"}
    output = {"type": "function_call_output", "call_id": "REDACTED"}
    return [
        codex.row("session_meta", 0, id="t"),
        codex.said("user", "one", 1),
        codex.row("response_item", 2, **hidden, arguments='{"cmd":"ls"}'),
        codex.row("response_item", 3, **hidden, arguments='{"cmd":"pwd"}'),
        codex.row("response_item", 4, **output, output="till.py"),
        codex.row("response_item", 5, **output, output="/srv"),
        codex.said("assistant", "did", 6),
        codex.row("event_msg", 7, type="token_count", info=usage),
        codex.row("compacted", 8, message="The sum of it."),
        codex.row("response_item", 9, type="agent_message", content=mail),
        codex.said("assistant", "more", 10),
        codex.row("event_msg", 10, type="token_count", info=later),
    ]


@pytest.mark.parametrize("start", range(1, 12))
@pytest.mark.parametrize("end", range(2, 13))
def test_lines_of_a_rollout_that_stand_twice_count_once(
    tmp_path: Path, start: int, end: int
) -> None:
    rows = _rollout()
    (tmp_path / "once").mkdir()
    (tmp_path / "twice").mkdir()
    codex.write(tmp_path / "once", "a", rows)
    codex.write(tmp_path / "twice", "a", [*rows, *rows[start:end]])
    once, twice = read("codex", tmp_path / "once"), read("codex", tmp_path / "twice")
    assert twice.unbalanced() == {}
    assert texts_of(twice.sessions) == texts_of(once.sessions)
    tokens = [m.usage for s in twice.sessions for m in s.messages if m.usage]
    assert tokens == [m.usage for s in once.sessions for m in s.messages if m.usage]
    assert [u.output for u in tokens] == [8, 2]


TURNS = [("user", "Fix it."), ("assistant", "Done."), ("user", "continue"), ("assistant", "Done.")]
TURNS += [*TURNS[2:], ("user", "thanks")]


@pytest.mark.parametrize("on_a_line", [1, 3, 7])
def test_a_history_that_was_written_in_one_go_keeps_what_was_said_twice(
    tmp_path: Path, on_a_line: int
) -> None:
    """A fork copies what it begins with, and the log that it comes from may be gone."""
    rows = [codex.said(role, words, 1) for role, words in TURNS]
    if on_a_line > 1:
        items = [row["payload"] for row in rows]
        lines = [items[i : i + on_a_line] for i in range(0, len(items), on_a_line)]
        rows = [codex.row("history_mutation", 1, operation="append", items=one) for one in lines]
    codex.write(tmp_path, "a", [codex.row("session_meta", 1, id="t", forked_from_id="p"), *rows])
    reading = read("codex", tmp_path)
    assert reading.unbalanced() == {}
    assert texts_of(reading.sessions) == [words for _, words in TURNS]


@pytest.mark.parametrize("times", [1, 2])
def test_calls_without_ids_that_end_together_and_say_the_same(tmp_path: Path, times: int) -> None:
    """Also where each line stands twice."""

    def called(name: str, at: int) -> dict[str, Any]:
        call = {"type": "function_call", "name": name, "call_id": "REDACTED", "arguments": "{}"}
        return codex.row("response_item", at, **call)

    def gave(output: str, at: int) -> dict[str, Any]:
        return codex.row(
            "response_item", at, type="function_call_output", call_id="REDACTED", output=output
        )

    rows = [
        codex.row("session_meta", 0, id="t"),
        codex.said("user", "Build both.", 1),
        called("build", 2),
        called("check", 2),
        gave("ok", 3),
        gave("ok", 3),
        called("list", 4),
        gave("till.py", 5),
        codex.said("assistant", "Both are built.", 6),
    ]
    codex.write(tmp_path, "a", [row for row in rows for _ in range(times)])
    reading = read("codex", tmp_path)
    assert reading.unbalanced() == {}
    results = [
        (part.name, part.content)
        for message in claude.only(reading)
        for part in message.parts
        if isinstance(part, ToolResult)
    ]
    assert results == [("build", "ok"), ("check", "ok"), ("list", "till.py")]
