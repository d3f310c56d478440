"""Kiro CLI: a line for each event, and what is noted of the session beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.sources.test_odd_fields import ODD, places, put
from tests.sources.test_other_agents import run, shape, write
from tests.support import growth, read

from sessiontune import registry
from sessiontune.model import Image, Thinking
from sessiontune.sources.orders import depths

AT = 1786912345
NAME = "11111111-2222-3333-4444-555555555555"
CHILD = "99999999-2222-3333-4444-555555555555"
INFO = {"model_info": {"model_id": "claude-sonnet-4-5"}}


def line(kind: str, name: str = "", *content: Any, **more: Any) -> dict[str, Any]:
    held = {"message_id": name, "content": list(content), **more} if name else more
    return {"version": "v1", "kind": kind, "data": held}


def text(words: str) -> dict[str, Any]:
    return {"kind": "text", "data": words}


def asked(name: str, words: str, at: float = AT) -> dict[str, Any]:
    return line("Prompt", name, text(words), meta={"timestamp": at})


def said(name: str, words: str, *calls: str, thought: str = "") -> dict[str, Any]:
    thinking = {"text": thought, "signature": None, "redactedContent": [46], "modelId": "auto"}
    used = [
        {"toolUseId": call, "name": "shell", "input": {"command": call}, "modelId": "auto"}
        for call in calls
    ]
    blocks = [{"kind": "toolUse", "data": one} for one in used]
    return line(
        "AssistantMessage", name, {"kind": "thinking", "data": thinking}, text(words), *blocks
    )


def back(call: str, *content: Any, status: str = "success") -> dict[str, Any]:
    held = {"toolUseId": call, "content": list(content), "status": status}
    return {"kind": "toolResult", "data": held}


def keep(root: Path, rows: list[Any], name: str = NAME, **about: Any) -> Path:
    told = {"session_id": name, "cwd": "/w/shop", "title": "T", "created_at": "2026-08-16T20:00Z"}
    state = {"session_state": {"rts_model_state": INFO}}
    root.mkdir(parents=True, exist_ok=True)
    (root / f"{name}.json").write_text(json.dumps({**told, **state, **about}))
    return write(root, f"{name}.jsonl", rows)


SHELL = {"kind": "json", "data": {"exit_status": "exit status: 3", "stdout": "", "stderr": "no\n"}}
PNG = {"kind": "image", "data": {"format": "png", "source": {"kind": "bytes", "data": [137, 80]}}}
MAIN = [
    asked("p1", "list it"),
    said("a1", "I list.", "ls", "false", thought="hm"),
    line("ToolResults", "r1", back("ls", text("till.py")), back("false", SHELL), results={}),
    said("a2", "One file."),
]
FAILED = '{"exit_status":"exit status: 3","stdout":"","stderr":"no\\n"}'
TOLD = [
    ("prompt", "list it"),
    ("answer", "hm", "I list.", ("shell", {"command": "ls"}), ("shell", {"command": "false"})),
    ("results", ("till.py", "ok"), (FAILED, "error")),
    ("answer", "One file."),
]


def test_a_session(tmp_path: Path) -> None:
    path = keep(tmp_path, MAIN)
    told = run("kiro", path)
    assert shape(told) == [TOLD]
    (session,) = told.sessions
    assert (session.session_id, session.project, session.title) == (NAME, "shop", "T")
    assert session.messages[0].at == "2026-08-16T20:32:25.000Z"
    answer = session.messages[1]
    assert (answer.model, answer.vendor) == ("claude-sonnet-4-5", "anthropic")
    assert isinstance(answer.parts[0], Thinking)
    source = registry.source("kiro")
    index = source.index(str(path))
    assert (index.links, index.names) == ((f"session:{NAME}",), ("/w/shop",))
    assert (index.first, len(index.ids)) == ("2026-08-16T20:32:25.000Z", 8 * 4)
    head = path.read_bytes()
    names = registry.source_names()
    assert [s for s in names if registry.source(s).recognise(str(path), head)] == ["kiro"]
    assert source.roots({}, "/h")[:2] == ["/h/.kiro/sessions", "/h/.local/share/kiro-cli"]
    assert source.roots({"KIRO_HOME": "/k"}, "/h")[:2] == ["/k/sessions", "/h/.kiro/sessions"]


def test_a_log_alone(tmp_path: Path) -> None:
    told = run("kiro", write(tmp_path, "s.jsonl", MAIN))
    assert shape(told) == [TOLD]
    assert (told.sessions[0].session_id, told.sessions[0].cwd) == ("s", "")


def test_the_model_of_a_turn(tmp_path: Path) -> None:
    turns = [{"message_ids": ["p1", "a1"], "model": "claude-opus-4-5"}, {"message_ids": 7}]
    turns += [{"message_ids": ["a2"], "model": "auto"}]
    state = {"conversation_metadata": {"user_turn_metadatas": turns}, "rts_model_state": INFO}
    told = run("kiro", keep(tmp_path, MAIN, session_state=state))
    models = [m.model for m in told.sessions[0].messages if m.kind == "answer"]
    assert models == ["claude-opus-4-5", "claude-sonnet-4-5"]


def test_what_a_person_said_while_calls_ran(tmp_path: Path) -> None:
    steer = "[LIVE STEERING - New message from user]\nTake it in.\n"
    steer += '<user_message id="steer-1">\nnot that one\n</user_message>\nGo on.'
    rows = [
        asked("p1", "go"),
        said("a1", "", "ls"),
        line("ToolResults", "r1", back("ls", text("till.py")), text(steer), text("A rule.")),
        said("a2", "Right."),
    ]
    assert shape(run("kiro", keep(tmp_path, rows)))[0][2:] == [
        ("results", ("till.py", "ok")),
        ("context", "A rule."),
        ("prompt", "not that one"),
        ("answer", "Right."),
    ]


def test_what_was_typed_instead_of_letting_calls_run_in_the_first_version(tmp_path: Path) -> None:
    cancelled = back("ls", text("Tool use was cancelled by the user"), status="error")
    rows = [
        asked("p1", "go"),
        said("a1", "", "ls"),
        line("ToolResults", "r1", cancelled, text("plan first")),
        said("a2", "Right."),
    ]
    told = run("kiro", keep(tmp_path, rows, exported_from_v1=True))
    assert shape(told)[0][2:] == [
        ("results", ("Tool use was cancelled by the user", "interrupted")),
        ("prompt", "plan first"),
        ("answer", "Right."),
    ]


def test_how_calls_end(tmp_path: Path) -> None:
    ends = {"c": {"tool": None, "result": "Cancelled"}}
    rows = [
        line("Prompt", "p1", text("see"), PNG),
        said("a1", "", "a", "b", "c", "d", "e"),
        line(
            "ToolResults",
            "r1",
            back("a", text("User denied tool execution"), status="error"),
            back("b", text("Tool use was cancelled by the user"), status="error"),
            back("c", text(""), status="error"),
            back("d", text("no"), status="error"),
            back("e", PNG),
            results=ends,
        ),
        said("a2", "Response was interrupted by the user"),
        line("ToolResults", "r2", back("gone", text("x"))),
        line("AssistantMessage", "a3", {"kind": "sound", "data": 7}),
        line("Newer"),
        said("a4", ""),
    ]
    told = run("kiro", keep(tmp_path, rows))
    (session,) = told.sessions
    assert isinstance(session.messages[0].parts[1], Image)
    statuses = [p.status for p in session.messages[2].parts]
    assert statuses == ["rejected", "interrupted", "interrupted", "error", "ok"]
    assert len(session.messages[2].parts[4].images) == 1
    assert "interrupted" in session.messages[1].flags
    assert [m.kind for m in session.messages] == ["prompt", "answer", "results"]
    assert told.ledger.drops == {
        "read/interrupt_marker": 1,
        "read/result_without_call": 1,
        "read/unknown_block:sound": 1,
        "read/unknown_type:Newer": 1,
        "read/thinking_signature_only": 1,
    }


def test_what_was_taken_back_and_summed_up(tmp_path: Path) -> None:
    rows = [
        asked("p1", "one"),
        said("a1", "first"),
        asked("p2", "two"),
        said("a2", "second"),
        line("ResetTo", target_index=2),
        asked("p3", "or so"),
        {"version": "v1", "kind": "CancelledPrompt"},
        asked("p4", "rather"),
        said("a4", "third"),
        line("Compaction", summary="so far", strategy={}, messages_snapshot=[]),
        asked("p5", "on"),
        {"version": "v1", "kind": "Clear", "data": None},
        asked("p6", "anew"),
    ]
    told = run("kiro", keep(tmp_path, rows))
    assert shape(told) == [
        [("prompt", "one"), ("answer", "first"), ("prompt", "two"), ("answer", "second")],
        [("prompt", "or so")],
        [("prompt", "rather"), ("answer", "third")],
        [("summary", "so far"), ("prompt", "on")],
        [("prompt", "anew")],
    ]
    main, *branches = told.sessions[:3]
    for branch in branches:
        assert branch.forked_from is not None
        assert branch.forked_from.message == main.messages[1].id
    assert told.ledger.drops == {"read/rewind": 2, "read/clear": 1}


def test_a_fork_repeats_nothing(tmp_path: Path) -> None:
    keep(tmp_path, MAIN)
    fork = [*MAIN[:2], asked("p9", "stop"), said("a9", "I stopped.")]
    keep(tmp_path, fork, CHILD, parent_session_id=NAME, created_at="2026-08-16T20:05Z")
    reading = read("kiro", tmp_path)
    assert reading.unbalanced() == {}
    assert shape(reading) == [TOLD, [("prompt", "stop"), ("answer", "I stopped.")]]
    main, branch = reading.sessions
    assert branch.forked_from is not None
    assert branch.forked_from.session == main.key
    assert (branch.agent_id, branch.lineage) == (None, main.lineage)
    assert reading.ledger.drops == {"link/resumed_copy": 2}


def test_a_sub_agent(tmp_path: Path) -> None:
    keep(tmp_path, MAIN)
    made = "2026-08-16T19:00Z"  # clocks differ
    path = keep(
        tmp_path, [asked("x1", "Find the till."), said("x2", "Found.")], CHILD,
        parent_session_id=NAME, created_at=made,
    )  # fmt: skip
    reading = read("kiro", tmp_path)
    assert reading.unbalanced() == {}
    main, agent = reading.sessions
    assert (agent.parent_session, agent.agent_id, agent.messages[0].kind) == (
        main.key,
        CHILD,
        "task",
    )
    index = registry.source("kiro").index(str(path))
    assert index.links == (f"session:{NAME}", f"session:{CHILD}")


@pytest.mark.parametrize("odd", ODD, ids=str)
def test_a_wrong_type_in_any_field(tmp_path: Path, odd: Any) -> None:
    steer = text("[LIVE STEERING]<user_message>x</user_message>")
    rows = [
        *MAIN[:2],
        line("ToolResults", "r1", back("ls", PNG), steer, results={}),
        line("ResetTo", target_index=1),
        line("Compaction", summary="s"),
    ]
    for at in places(rows):
        if len(at) > 1 and at != (0, "kind") and at[:2] != (0, "version"):
            path = keep(tmp_path, put(rows, at, odd))
            assert read("kiro", tmp_path, [str(path)]).unbalanced() == {}, at
    for key in ("session_id", "cwd", "title", "created_at", "session_state", "parent_session_id"):
        path = keep(tmp_path, MAIN, **{key: odd})
        assert shape(run("kiro", path)) == [TOLD], key


@pytest.mark.parametrize(("begin", "more"), [("", "<user_message>"), ("<user_message>x", "    ")])
def test_steering_that_was_never_closed_is_read_once(tmp_path: Path, begin: str, more: str) -> None:
    def steered(count: int) -> Callable[[], None]:
        words = text("[LIVE STEERING]" + begin + more * count)
        rows = [asked("p1", "go"), said("a1", "I go.", "ls")]
        rows.append(line("ToolResults", "r1", back("ls", text("x")), words))
        path = keep(tmp_path, rows)

        def reads() -> None:
            assert shape(run("kiro", path))[0][-1] == ("results", ("x", "ok"))

        return reads

    assert growth(steered, 1000) < 24


def test_depths_of_chains_and_circles() -> None:
    chain = depths({"c": "b", "b": "a", "a": "", "x": "gone"})
    assert [chain[name] for name in "abcx"] == [0, 1, 2, 1]
    circle = depths({"a": "b", "b": "a", "c": "a", "d": "d"})
    assert sorted(circle) == ["a", "b", "c", "d"]
    assert circle["c"] > circle["a"]
    long = {str(n): str(n - 1) for n in range(100_000)}
    assert depths(long)["99999"] == 100_000
