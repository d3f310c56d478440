"""Kiro's newer engine: a folder for each session, of the editor and of the terminal."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.sources.test_kiro import MAIN, NAME
from tests.sources.test_kiro import TOLD as TOLD_IN_2
from tests.sources.test_kiro import keep as keep_2
from tests.sources.test_odd_fields import ODD, places, put
from tests.sources.test_other_agents import run, shape, write
from tests.support import Reading, growth, read

from sessiontune import registry
from sessiontune.model import Image
from sessiontune.sources.kiro import _callers_first
from sessiontune.sources.kiro_agents import Start, Starts

SUB = "44444444-2222-3333-4444-555555555555"
PNG = {"data": "iVA=", "mimeType": "image/png"}


def row(kind: str, name: str = "", /, **payload: Any) -> dict[str, Any]:
    held = {"type": kind, **payload}
    return {"id": name or f"{kind}-x", "timestamp": "2026-09-03T12:00:00.000Z", "payload": held}


def asked(name: str, words: Any, **more: Any) -> dict[str, Any]:
    return row("user", name, content=words, **more)


def said(name: str, words: str, kind: str = "Say", **more: Any) -> dict[str, Any]:
    return row("assistant", name, content=words, operationType=kind, **more)


def call(name: str, command: str, **more: Any) -> dict[str, Any]:
    given = {"toolCallId": name, "toolName": "execute_bash", "args": {"command": command}}
    return row("tool_call", f"{name}-call", status="completed", **given, **more)


def back(name: str, words: Any, success: bool = True, end: str = "-result") -> dict[str, Any]:
    return row("tool_result", name + end, toolCallId=name, content=words, success=success)


def keep(root: Path, rows: list[Any], name: str = "sess_a", **about: Any) -> Path:
    folder = root / "0123456789abcdef" / name
    folder.mkdir(parents=True, exist_ok=True)
    told = {"id": name, "title": "T", "workspacePaths": ["/w/shop"], "modelId": "auto"}
    (folder / "session.json").write_text(json.dumps({**told, **about}))
    return write(folder, "messages.jsonl", rows)


def whole(root: Path) -> Reading:
    reading = read("kiro", root)
    assert reading.unbalanced() == {}
    return reading


TURN = [
    asked("u1", "list it", images=[], documents=[]),
    row("turn_start", "t1", executionId="e"),
    said("r1", "...", "Reasoning", reasoningModelId="qdev::auto"),
    row("session_metadata", "m1", key="contextUsage", value={"usagePercentage": 2.5}),
    said("r2", "Two calls.", "Reasoning", reasoningModelId="qdev::claude-sonnet-4.5"),
    said("s1", "I list."),
    row("pending_interaction", "p1", interactionType="tool_approval", toolCallId="c1"),
    row("interaction_resolved", "p2", toolCallId="c1", selectedOption="always-accept"),
    call("c1", "ls"),
    back("c1", "till.py"),
    said("s2", "One file."),
    row("usage_summary", "x1", promptTurnSummaries=[{"unit": "credit", "usage": 0.3}]),
    row("turn_end", "x2", stopReason="end_turn"),
    row("session_start", "x3", agentType="vibe", content="You are Kiro.", messageId="m"),
]
TOLD = [
    ("prompt", "list it"),
    ("answer", "Two calls.", "I list.", ("execute_bash", {"command": "ls"})),
    ("results", ("till.py", "ok")),
    ("answer", "One file."),
]


def test_a_session(tmp_path: Path) -> None:
    path = keep(tmp_path, TURN)
    told = run("kiro", path)
    assert shape(told) == [TOLD]
    (session,) = told.sessions
    assert (session.session_id, session.project, session.title) == ("sess_a", "shop", "T")
    assert [m.model for m in session.messages if m.kind == "answer"] == ["claude-sonnet-4.5", ""]
    assert session.messages[0].at == "2026-09-03T12:00:00.000Z"
    head = path.read_bytes()
    names = registry.source_names()
    assert [s for s in names if registry.source(s).recognise(str(path), head)] == ["kiro"]
    index = registry.source("kiro").index(str(path))
    assert (index.links, index.names) == (("session:sess_a",), ("/w/shop",))


def test_what_is_beside_a_prompt(tmp_path: Path) -> None:
    files = [{"name": "a.py", "content": "a = 1"}, {"name": "b.py"}]
    rules = [{"id": "r", "displayName": "Rules", "content": "Be terse."}, "file:///w/x.md"]
    notice = {"kiro": {"notification": {"kind": "system-notification"}}}
    rows = [
        row("steering_inclusion", "i1", documents=rules),
        row("steering_inclusion", "i2", documents=["file:///w/x.md"]),
        asked("u1", [{"type": "text", "text": "see"}], contextItems=files, images=[PNG, "x"]),
        said("s1", "Seen."),
        asked("u2", "and this", source="steer"),
        asked("u3", "a hook ran", source="hook"),
        asked("u4", "a job ended", _meta=notice),
        asked("u5", ""),
        said("s2", "Right.", "Print"),
        row("newer", "n1"),
    ]
    told = run("kiro", keep(tmp_path, rows))
    (session,) = told.sessions
    assert [(m.kind, m.parts[0].text) for m in session.messages] == [  # type: ignore[union-attr]
        ("context", "Be terse."),
        ("context", "a = 1"),
        ("prompt", "see"),
        ("answer", "Seen."),
        ("prompt", "and this"),
        ("context", "a hook ran"),
        ("context", "a job ended"),
        ("answer", "Right."),
    ]
    assert isinstance(session.messages[2].parts[1], Image)
    assert told.ledger.drops == {
        "read/steering_inclusion": 1,
        "read/empty": 1,
        "read/unknown_type:newer": 1,
    }


def test_a_first_prompt_that_only_the_start_tells(tmp_path: Path) -> None:
    start = row("session_start", "x1", content="add a route", messageId="m")
    told = run("kiro", keep(tmp_path, [start, said("s1", "Added.")]))
    assert shape(told) == [[("prompt", "add a route"), ("answer", "Added.")]]


def test_how_calls_end(tmp_path: Path) -> None:
    rows = [
        asked("u1", "go"),
        row("interaction_resolved", "p1", toolCallId="c1", selectedOption="reject"),
        call("c1", "rm"),
        back("c1", "denied", success=False),
        call("c2", "false"),
        back("c2", "no", success=False),
        call("c3", "sleep"),
        back("c3", "interrupted", success=False, end="-result-synthetic"),
        {**call("c3", "sleep"), "id": "again"},
        back("c9", "x"),
        row("turn_end", "x", stopReason="cancelled"),
        row("error", "y", message="too many requests"),
    ]
    told = run("kiro", keep(tmp_path, rows))
    (session,) = told.sessions
    results = [m.parts[0].status for m in session.messages if m.kind == "results"]  # type: ignore[union-attr]
    assert results == ["rejected", "error", "interrupted"]
    assert "interrupted" in session.messages[-2].flags
    assert told.ledger.drops["read/repeated_record"] == 1
    assert told.ledger.drops["read/result_without_call"] == 1


def test_what_was_taken_back_and_summed_up(tmp_path: Path) -> None:
    rows = [
        asked("u1", "one"),
        said("s1", "first"),
        asked("u2", "two"),
        said("s2", "second"),
        row("tombstone", "t1", kind="checkpoint_revert", effectiveFromMessageId="u2"),
        asked("u3", "rather"),
        said("s3", "third"),
        row("tombstone", "t2", kind="summarization", effectiveFromMessageId="u1"),
        said("z1", "so far", "Summary"),
        asked("u4", "on"),
        row("tombstone", "t3", kind="summarization", effectiveFromMessageId="z1"),
        said("z2", "further", "Summary"),
        asked("u5", "anew"),
        row("tombstone", "t4", kind="checkpoint_revert", effectiveFromMessageId="gone"),
        said("s5", "yes"),
    ]
    told = run("kiro", keep(tmp_path, rows))
    assert shape(told) == [
        [("prompt", "one"), ("answer", "first"), ("prompt", "two"), ("answer", "second")],
        [("prompt", "rather"), ("answer", "third")],
        [("summary", "so far"), ("prompt", "on")],
        [("summary", "further"), ("prompt", "anew"), ("answer", "yes")],
    ]
    main, branch = told.sessions[:2]
    assert branch.forked_from is not None
    assert branch.forked_from.message == main.messages[1].id


def test_going_back_to_the_beginning(tmp_path: Path) -> None:
    revert = row("tombstone", "t1", kind="checkpoint_revert", effectiveFromMessageId="u1")
    rows = [asked("u1", "one"), said("s1", "first"), revert, asked("u2", "two"), said("s2", "2nd")]
    assert shape(run("kiro", keep(tmp_path, rows))) == [
        [("prompt", "one"), ("answer", "first")],
        [("prompt", "two"), ("answer", "2nd")],
    ]


def test_a_fork_repeats_nothing(tmp_path: Path) -> None:
    keep(tmp_path, TURN)
    fork = [*TURN[:10], asked("u9", "stop"), said("s9", "I stopped.")]
    keep(tmp_path, fork, "sess_b", parentSessionId="sess_a", createdReason="rewind")
    reading = whole(tmp_path)
    assert shape(reading) == [TOLD, [("prompt", "stop"), ("answer", "I stopped.")]]
    main, branch = reading.sessions
    assert branch.forked_from is not None
    assert branch.forked_from.session == main.key
    assert (branch.agent_id, branch.lineage) == (None, main.lineage)


def sub_agent(root: Path) -> None:
    meta = {"kiro": {"agentSubtaskId": SUB}}
    told = {"subSessionId": SUB, "subAgentName": "finder", "prompt": "Find the till."}
    rows = [
        asked("u1", "go"),
        row("sub_agent_start", "b1", parentExecutionId="e", **told),
        call("c1", "find", _meta=meta),
        row("sub_agent_complete", "b2", subSessionId=SUB, response="Found."),
        back("c1", "Found."),
        said("s1", "There."),
    ]
    path = keep(root, rows)
    subs = path.parent / "sub-executions"
    subs.mkdir()
    inner = [call("d1", "ls"), back("d1", "till.py"), said("e1", "Found.", subExecutionId=SUB)]
    write(subs, f"{SUB}.jsonl", inner)


def test_a_sub_agent(tmp_path: Path) -> None:
    sub_agent(tmp_path)
    reading = whole(tmp_path)
    main, agent = reading.sessions
    assert [m.kind for m in main.messages] == ["prompt", "answer", "results", "answer"]
    assert shape(reading)[1] == [
        ("task", "Find the till."),
        ("answer", ("execute_bash", {"command": "ls"})),
        ("results", ("till.py", "ok")),
        ("answer", "Found."),
    ]
    assert (agent.agent_id, agent.agent_type, agent.parent_session) == (SUB, "finder", main.key)
    assert agent.parent_call == "c1"
    assert reading.ledger.drops == {"read/sub_agent_complete": 1}


def test_a_sub_agent_without_its_caller(tmp_path: Path) -> None:
    sub_agent(tmp_path)
    (tmp_path / "0123456789abcdef/sess_a/messages.jsonl").unlink()
    reading = whole(tmp_path)
    assert [m.kind for m in reading.sessions[0].messages] == ["answer", "results", "answer"]
    assert (reading.sessions[0].agent_id, reading.sessions[0].session_id) == (SUB, "sess_a")


def test_a_session_converted_from_version_2(tmp_path: Path) -> None:
    keep_2(tmp_path / "cli", MAIN)
    rows = [
        asked("p1", "list it"),
        said("a1-thinking-0", "hm", "Reasoning"),
        said("a1-text-0", "I list."),
        row("tool_call", "a1-tool-0", toolCallId="ls", toolName="shell", args={"command": "ls"}),
        row("tool_call", "a1-tool-1", toolCallId="false", toolName="shell", args={}),
        back("ls", "till.py"),
        back("false", "no", success=False),
        said("a2-text-0", "One file."),
        asked("u9", "and now?"),
        said("s9", "Done."),
    ]
    keep(tmp_path, rows, f"cli_{NAME}_uHORXqEL", createdReason="human")
    reading = whole(tmp_path)
    assert shape(reading) == [TOLD_IN_2, [("prompt", "and now?"), ("answer", "Done.")]]
    assert reading.sessions[1].lineage == reading.sessions[0].lineage
    assert reading.ledger.drops == {"link/resumed_copy": 8}


@pytest.mark.parametrize("odd", ODD, ids=str)
def test_a_wrong_type_in_any_field(tmp_path: Path, odd: Any) -> None:
    rows = [
        *TURN[:3],
        row("steering_inclusion", "i1", documents=[{"content": "x"}]),
        asked("u2", "see", images=[PNG], contextItems=[{"content": "y"}]),
        call("c1", "ls", _meta={"kiro": {"agentSubtaskId": SUB}}),
        back("c1", "x"),
        row("sub_agent_start", "b1", subSessionId=SUB, prompt="p"),
        row("tombstone", "t1", kind="checkpoint_revert", effectiveFromMessageId="u2"),
        row("interaction_resolved", "p2", toolCallId="c1", selectedOption="reject"),
    ]
    for at in places(rows):
        path = keep(tmp_path, put(rows, at, odd))
        assert read("kiro", tmp_path, [str(path)]).unbalanced() == {}, at
    for key in ("id", "title", "workspacePaths", "modelId", "parentSessionId", "createdReason"):
        assert shape(run("kiro", keep(tmp_path, TURN, **{key: odd}))) == [TOLD], key


def test_an_answer_of_very_many_pieces_costs_its_length(tmp_path: Path) -> None:
    def answered(count: int) -> Callable[[], None]:
        rows = [
            asked("u1", "go"),
            *(said(f"s{number}", f"word {number}") for number in range(count)),
        ]
        path = keep(tmp_path, rows)

        def reads() -> None:
            (session,) = read("kiro", tmp_path, [str(path)]).sessions
            assert len(session.messages[1].parts) == count

        return reads

    assert growth(answered, 1500) < 24


def test_agents_follow_their_callers(tmp_path: Path) -> None:
    """Each begins the one before it in the order of names, so that none is in its place."""
    count = 100
    names = [f"agent-{number:04}" for number in range(count)]

    def starts(name: str) -> dict[str, Any]:
        return row("sub_agent_start", f"{name}-start", subSessionId=name, prompt=f"be {name}")

    main = keep(tmp_path, [asked("u1", "go"), starts(names[-1])])
    (main.parent / "sub-executions").mkdir()
    for number, name in enumerate(names):
        more = [starts(names[number - 1])] if number else [starts(names[-1])]
        write(main.parent / "sub-executions", f"{name}.jsonl", [said(f"{name}-a", "Done."), *more])
    reading = whole(tmp_path)
    assert [s.agent_id for s in reading.sessions] == [None, *reversed(names)]
    assert [s.messages[0].kind for s in reading.sessions[1:]] == ["task"] * count


def test_the_order_of_many_agents_costs_their_number() -> None:
    def backwards(count: int) -> Callable[[], None]:
        names = [f"agent-{number:06}" for number in range(count)]
        logs = ["/s/session.jsonl", *(f"/s/sub-executions/{name}.jsonl" for name in names)]
        starts, waiting = Starts(names), [*names]

        def order() -> None:
            found = []
            for path in _callers_first({log: {} for log in logs}, starts):
                found.append(path)
                if waiting:
                    starts.note(waiting.pop(), Start(path, (0, 0), "", {}))
            assert found == [logs[0], *reversed(logs[1:])]

        return order

    assert growth(backwards, 100) < 24
