"""Factory Droid: sessions as lines, their forks, sub-agents and compactions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.sources.test_other_agents import run, shape, text, write
from tests.support import read

from sessiontune import registry


def head(name: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "session_start",
        "id": name,
        "title": "T",
        "owner": "o",
        "cwd": "/w/shop",
    } | more


def said(role: str, name: str, parent: str, content: Any, **more: Any) -> dict[str, Any]:
    message = {"role": role, "content": content, **more}
    at = "2026-11-27T10:12:28.481Z"
    return {"type": "message", "id": name, "parentId": parent, "timestamp": at, "message": message}


def call(name: str, **given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": name, "name": "Execute", "input": given}


def back(name: str, content: Any, failed: bool = False) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": name, "content": content, "is_error": failed}


def thought(words: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": words, "signature": "s"}


SHELL = [
    head("a"),
    said("user", "0", "", text("<system-reminder>tools</system-reminder>"), visibility="llm_only"),
    said("user", "1", "0", [*text("<system-reminder>date</system-reminder>"), *text("list it")]),
    said(
        "assistant",
        "2",
        "1",
        [thought("hm"), *text("I list."), call("c1", command="ls"), call("c2", command="x")],
        modelId="claude-opus-4-5",
    ),
    said("user", "3", "2", [back("c1", "till.py"), back("c2", text("no"), True)]),
    said("assistant", "4", "3", text("One file."), modelId="custom:Qwen3-Coder-0"),
    {"type": "agent_turn_outcome", "turnId": "1", "reason": "completed"},
]
LISTED = [
    ("prompt", "list it"),
    ("answer", "hm", "I list.", ("Execute", {"command": "ls"}), ("Execute", {"command": "x"})),
    ("results", ("till.py", "ok"), ("no", "error")),
    ("answer", "One file."),
]


def test_a_session(tmp_path: Path) -> None:
    reading = run("droid", write(tmp_path, "a.jsonl", SHELL))
    assert shape(reading) == [LISTED]
    (session,) = reading.sessions
    assert (session.session_id, session.project, session.title) == ("a", "shop", "T")
    answers = [(m.model, m.vendor) for m in session.messages if m.kind == "answer"]
    assert answers == [("claude-opus-4-5", "anthropic"), ("Qwen3-Coder-0", "qwen")]


def test_a_fork_begins_with_copies(tmp_path: Path) -> None:
    write(tmp_path, "b.jsonl", SHELL)
    own = [said("user", "5", "4", text("again")), said("assistant", "6", "5", text("Still one."))]
    fork = write(tmp_path, "a.jsonl", [head("b", parent="a"), *SHELL[1:], *own])
    reading = read("droid", tmp_path, [str(fork), str(tmp_path / "b.jsonl")])
    assert reading.unbalanced() == {}
    assert shape(reading) == [LISTED, [("prompt", "again"), ("answer", "Still one.")]]
    first, second = reading.sessions
    assert second.forked_from is not None
    assert (second.lineage, second.forked_from.session) == (first.lineage, first.key)
    assert reading.ledger.drops["link/resumed_copy"] == 5


def test_what_was_taken_back_is_a_branch(tmp_path: Path) -> None:
    rows = [*SHELL, said("user", "5", "4", text("on")), said("user", "6", "4", text("other"))]
    reading = run("droid", write(tmp_path, "a.jsonl", rows))
    assert shape(reading) == [[*LISTED, ("prompt", "on")], [("prompt", "other")]]


def test_a_compaction_begins_an_epoch(tmp_path: Path) -> None:
    compacted = {"type": "compaction_state", "id": "s", "summaryText": "so far", "removedCount": 4}
    rows = [*SHELL, compacted, said("user", "5", "4", text("on")), said("assistant", "6", "5", [])]
    reading = run("droid", write(tmp_path, "a.jsonl", rows))
    assert shape(reading) == [LISTED, [("summary", "so far"), ("prompt", "on")]]
    assert [session.epoch for session in reading.sessions] == [0, 1]


def test_a_sub_agent_hangs_below_its_call(tmp_path: Path) -> None:
    main = write(tmp_path, "z.jsonl", SHELL)
    rows = [
        head("b", callingSessionId="a", callingToolUseId="c2"),
        said("user", "7", "", text("look")),
        said("assistant", "8", "7", text("Seen.")),
    ]
    agent = write(tmp_path, "b.jsonl", rows)
    reading = read("droid", tmp_path, [str(agent), str(main)])
    assert shape(reading) == [LISTED, [("task", "look"), ("answer", "Seen.")]]
    parent, child = reading.sessions
    assert (child.agent_id, child.parent_session, child.parent_call) == ("b", parent.key, "c2")
    links = registry.source("droid").index(str(agent)).links
    assert links == ("session:a", "session:b")


def test_cancelled_pending_and_shown_only(tmp_path: Path) -> None:
    calls = [call("c1", command="a"), call("c2", command="b"), call("c3", command="c")]
    rows = [
        head("a"),
        said("user", "1", "", "go"),
        said("assistant", "2", "1", calls),
        said("user", "3", "2", [back("c1", "Tool cancelled: no", True)]),
        said("user", "4", "3", [back("c2", "__TOOL_RESULT_PENDING__")]),
        said("user", "5", "4", [back("c3", "Tool execution was interrupted", True)]),
        said("user", "6", "5", text("Request interrupted by user")),
        said("user", "7", "6", text("hook ran"), hookEventName="Stop"),
        said("user", "8", "7", text("shown"), visibility="user_only"),
        said("user", "9", "8", [{"type": "brand_new"}]),
        {"type": "todo_state", "todos": []},
        {"type": "brand_new"},
        {"type": "message", "id": "x", "message": 42},
    ]
    (tmp_path / "a.settings.json").write_text('{"model": "gpt-5.1-codex"}')
    reading = run("droid", write(tmp_path, "a.jsonl", rows))
    (session,) = reading.sessions
    assert [r.status for r in session.messages[2].parts] == ["rejected", "missing", "interrupted"]
    assert session.messages[1].model == "gpt-5.1-codex"
    assert "interrupted" in session.messages[1].flags
    drops = reading.ledger.drops
    for reason in ("pending", "interrupt_marker", "unknown_block:brand_new", "no_message"):
        assert drops[f"read/{reason}"] == 1
    assert drops["read/shown_only"] == 2
