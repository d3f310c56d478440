"""OpenHands: a folder for each conversation, a file for each event."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.sources.test_odd_fields import ODD, places, put
from tests.sources.test_other_agents import run, shape
from tests.support import read

from sessiontune import registry
from sessiontune.model import Image, Thinking, ToolCall

NAME = "7b10d95a5fad4b759169ed112aee6f78"
STATE = {
    "id": "7b10d95a-5fad-4b75-9169-ed112aee6f78",
    "agent": {"llm": {"model": "anthropic/claude-opus-4-5"}},
    "workspace": {"working_dir": "/w/shop", "kind": "LocalWorkspace"},
}


def text(words: str) -> dict[str, Any]:
    return {"cache_prompt": False, "type": "text", "text": words}


def event(kind: str, source: str, **more: Any) -> dict[str, Any]:
    return {"source": source, **more, "kind": kind}


def said(words: str, source: str = "user", **more: Any) -> dict[str, Any]:
    role = "assistant" if source == "agent" else "user"
    message = {"role": role, "content": [text(words)] if words else [], "thinking_blocks": []}
    return event("MessageEvent", source, llm_message=message, extended_content=[], **more)


def called(call: str, response: str, thought: str = "", **more: Any) -> dict[str, Any]:
    told = {"id": call, "name": "terminal", "arguments": json.dumps({"command": call})}
    more = {"action": {"command": call, "kind": "TerminalAction"}, "tool_call": told, **more}
    thoughts = [text(thought)] if thought else []
    names = {"tool_name": "terminal", "tool_call_id": call, "llm_response_id": response}
    return event("ActionEvent", "agent", thought=thoughts, **names, **more)


def back(call: str, words: str, added: str = "", **seen: Any) -> dict[str, Any]:
    seen = {"content": [text(words)] if words else [], "is_error": False, **seen}
    more = {"extended_content": [text(added)] if added else [], "observation": seen}
    return event("ObservationEvent", "environment", tool_call_id=call, **more)


def keep(root: Path, events: list[Any], name: str = NAME, state: Any = STATE) -> Path:
    """Write a conversation; events without an id get one, and hang below the event before."""
    folder = root / name / "events"
    folder.mkdir(parents=True, exist_ok=True)
    before = ""
    for number, given in enumerate(events):
        one = given
        if isinstance(given, dict):
            at = f"2026-11-27T23:08:{number:02}.808688"
            own = f"{number:08x}-0000-4000-8000-{name[:12]}"
            upper = {"parent_id": before} if before else {}
            one = {"id": own, "timestamp": at, **upper, **given}
            before = str(one["id"])
        words = one if isinstance(one, str) else json.dumps(one)
        (folder / f"event-{number:05}-{number:08x}-0000-4000-8000-{name[:12]}.json").write_text(
            words
        )
    path = folder.parent / "base_state.json"
    if state is not None:
        path.write_text(json.dumps(state))
    return path


PROMPT = event("SystemPromptEvent", "agent", system_prompt=text("You are"), tools=[])
MAIN = [
    PROMPT,
    said("list it"),
    called("ls", "r1", "I list.", reasoning_content="hm"),
    back("ls", "till.py"),
    called("x", "r1"),
    back("x", "", is_error=True, output="no such"),
    said("One file.", "agent", llm_response_id="r2"),
]
TOLD = [
    ("prompt", "list it"),
    ("answer", "hm", "I list.", ("terminal", {"command": "ls"}), ("terminal", {"command": "x"})),
    ("results", ("till.py", "ok"), ("[An error occurred during execution.]\nno such", "error")),
    ("answer", "One file."),
]


def test_a_conversation(tmp_path: Path) -> None:
    path = keep(tmp_path, MAIN)
    told = run("openhands", path)
    assert shape(told) == [TOLD]
    (session,) = told.sessions
    assert (session.session_id, session.project, session.cwd) == (NAME, "shop", "/w/shop")
    assert (session.messages[1].model, session.messages[1].vendor) == (
        "anthropic/claude-opus-4-5",
        "anthropic",
    )
    assert session.messages[0].at == "2026-11-27T23:08:01.808Z"
    assert [o.line for o in session.messages[1].origin] == [3, 5]
    assert isinstance(session.messages[1].parts[0], Thinking)
    assert told.ledger.drops == {"read/system_prompt": 1}
    source = registry.source("openhands")
    index = source.index(str(path))
    assert (index.links, index.names) == ((f"session:{NAME}",), ("/w/shop",))
    assert len(index.ids) == 8 * len(MAIN)
    names = registry.source_names()
    head = path.read_bytes()
    assert [s for s in names if registry.source(s).recognise(str(path), head)] == ["openhands"]
    for beside in (path.parent / "events").iterdir():
        head = beside.read_bytes()
        assert not [s for s in names if registry.source(s).recognise(str(beside), head)]
    env = {"OPENHANDS_PERSISTENCE_DIR": "/o"}
    older = ["/h/.openhands/sessions", "/h/.openhands-state/sessions"]
    assert source.roots(env, "/h") == ["/o/conversations", *older]
    assert source.roots({}, "/h") == ["/h/.openhands/conversations", *older]
    assert source.roots({**env, "OPENHANDS_CONVERSATIONS_DIR": "/c"}, "/h") == ["/c", *older]


def test_events_without_the_state(tmp_path: Path) -> None:
    keep(tmp_path, MAIN, state=None)
    first, second, *_ = sorted((tmp_path / NAME / "events").iterdir())
    assert shape(run("openhands", first)) == [TOLD]
    assert not registry.source("openhands").recognise(str(second), second.read_bytes())


def test_a_state_alone_is_no_log(tmp_path: Path) -> None:
    path = tmp_path / "base_state.json"
    path.write_text(json.dumps(STATE))
    assert not registry.source("openhands").recognise(str(path), path.read_bytes())


def test_another_event_is_a_change_of_the_log(tmp_path: Path) -> None:
    journal = registry.source("openhands").journal
    path = keep(tmp_path, MAIN[:3])
    before = journal(str(path))
    keep(tmp_path, MAIN)
    os.utime(path.parent / "events", ns=(7, 7))
    assert (before[0], journal(str(path))) == (3, (7, 7))
    assert journal(str(tmp_path / "package.json")) == (0, 0)
    first, second, *_ = sorted((path.parent / "events").iterdir())
    assert (journal(str(first))[0], journal(str(second))) == (len(MAIN), (0, 0))


def test_what_a_command_printed(tmp_path: Path) -> None:
    about = {"exit_code": 1, "working_dir": "/w", "prefix": "", "suffix": "\n[It ended.]"}
    about["py_interpreter_path"] = "/usr/bin/python"
    shown = {"screenshot_data": "eA=="}
    events = [
        said("go"),
        *(called(str(n), f"r{n}") for n in range(5)),
        back("0", "hi", metadata=about, added="Rules of this folder."),
        back("1", "still", metadata={"exit_code": -1}),
        back("2", "seen", **shown),
        back("3", "done", task_id="t1", subagent="explorer", status="completed"),
        event("AgentErrorEvent", "agent", tool_call_id="4", error="No such tool."),
    ]
    told = run("openhands", keep(tmp_path, events))
    results = [p for m in told.sessions[0].messages for p in m.parts if m.kind == "results"]
    printed = "hi\n[It ended.]\n[Current working directory: /w]\n"
    printed += "[Python interpreter: /usr/bin/python]\n[Command finished with exit code 1]"
    assert [(r.content, r.status) for r in results] == [
        (printed, "error"),
        ("still", "ok"),
        ("seen", "ok"),
        ("Task ID: t1\nSubagent: explorer\nStatus: completed\ndone", "ok"),
        ("No such tool.", "error"),
    ]
    assert [len(r.images) for r in results] == [0, 0, 1, 0, 0]
    assert ("context", "Rules of this folder.") in shape(told)[0]


def test_who_said_what(tmp_path: Path) -> None:
    nudge = "Your last response did not include a function call or a message. Please use a tool."
    added = {"extended_content": [text("A skill.")]}
    image = {"type": "image", "image_urls": ["data:image/png;base64,eA==", "https://x.y/a.png"]}
    seen = {"role": "user", "content": [text("see"), image]}
    refused = {"tool_call_id": "a", "action_id": "e"}
    events = [
        {**said("first"), **added},
        said("", "agent"),
        said(nudge, "environment"),
        said(nudge),
        said("from another", sender="lead"),
        event("MessageEvent", "user", llm_message=seen),
        called("a", "r1"),
        event("UserRejectObservation", "environment", rejection_reason="use rg", **refused),
        called("b", "r2"),
        event("UserRejectObservation", "environment", **{**refused, "tool_call_id": "b"}),
        called("c", "r3"),
        event("InterruptEvent", "user"),
        event("HookExecutionEvent", "hook", stdout="x"),
        event("NewEvent", "agent"),
        event("MessageEvent", "agent", llm_message={"role": "narrator"}),
    ]
    told = run("openhands", keep(tmp_path, events))
    (session,) = told.sessions
    image_at = next(m for m in session.messages if any(type(p) is Image for p in m.parts))
    words = [p.text for p in image_at.parts if not isinstance(p, Image)]
    assert (image_at.kind, words) == ("prompt", ["see", "[image: https://x.y/a.png]"])
    assert [(m.kind, p) for m in session.messages if m is not image_at for p in plain(m)] == [
        ("context", "A skill."),
        ("prompt", "first"),
        ("context", nudge),
        ("context", nudge),
        ("task", "from another"),
        ("answer", "a"),
        ("results", "Action rejected"),
        ("prompt", "use rg"),
        ("answer", "b"),
        ("results", "Action rejected: User rejected the action"),
        ("answer", "c"),
        ("results", ""),
    ]
    assert session.messages[-2].flags == ("interrupted",)
    for reason in ("empty", "interrupt_marker", "hook", "unknown_type:NewEvent"):
        assert told.ledger.drops[f"read/{reason}"] == 1
    assert told.ledger.drops["read/unknown_role:narrator"] == 1


def plain(message: Any) -> list[str]:
    return [
        p.arguments["command"] if isinstance(p, ToolCall) else getattr(p, "text", "") or p.content
        for p in message.parts
    ]


def test_a_condensed_history_and_what_was_taken_back(tmp_path: Path) -> None:
    first = said("first", id="u1")
    events = [
        first,
        said("one", "agent", id="a1"),
        said("second"),
        said("two", "agent"),
        said("other", parent_id="a1"),
        said("three", "agent"),
        event("Condensation", "environment", summary="so far", forgotten_event_ids=["u1"]),
        said("on"),
        event("Condensation", "environment", forgotten_event_ids=["a1"]),
        said("four", "agent"),
        said("anew", parent_id="__root__"),
    ]
    told = run("openhands", keep(tmp_path, events))
    assert shape(told) == [
        [("prompt", "first"), ("answer", "one"), ("prompt", "second"), ("answer", "two")],
        [("prompt", "other"), ("answer", "three")],
        [("summary", "so far"), ("prompt", "on")],
        [("answer", "four")],
        [("prompt", "anew")],
    ]
    main, branch, *_ = told.sessions
    assert branch.forked_from is not None
    assert (branch.forked_from.session, branch.forked_from.message) == (
        main.key,
        main.messages[1].id,
    )
    assert len({s.lineage for s in told.sessions}) == 1
    assert told.ledger.drops == {"read/condensation": 1}


def test_a_sub_agent(tmp_path: Path) -> None:
    asked = {"prompt": "Find the till.", "subagent_type": "explorer"}
    made = {"id": "t", "name": "task", "arguments": json.dumps(asked)}
    events = [said("go"), called("t", "r1", tool_call=made), back("t", "Found.", task_id="x")]
    child = "1f0d95a5fad4b759169ed112aee6f780"
    below = tmp_path / NAME / "subagents"
    inner = keep(below, [PROMPT, said("Find the till."), said("Found.", "agent")], child)
    outer = keep(tmp_path, events)
    reading = read("openhands", tmp_path, [str(inner), str(outer)])
    assert reading.unbalanced() == {}
    main, agent = reading.sessions
    assert (agent.parent_session, agent.parent_call, agent.agent_id) == (main.key, "t", child)
    assert agent.messages[0].kind == "task"
    index = registry.source("openhands").index(str(inner))
    assert index.links == (f"session:{child}", f"session:{NAME}")
    (alone,) = read("openhands", tmp_path, [str(inner)]).sessions
    assert (alone.parent_session, alone.parent_call) == (None, None)


def test_a_fork_repeats_nothing(tmp_path: Path) -> None:
    first, last = said("first", id="u1"), said("one", "agent", id="a1")
    keep(tmp_path, [first, last, said("second")])
    fork = "9f0d95a5fad4b759169ed112aee6f780"
    keep(tmp_path, [first, last, said("other")], fork)
    reading = read("openhands", tmp_path)
    assert reading.unbalanced() == {}
    assert shape(reading) == [
        [("prompt", "first"), ("answer", "one"), ("prompt", "second")],
        [("prompt", "other")],
    ]
    assert reading.ledger.drops == {"link/resumed_copy": 2}
    main, branch = reading.sessions
    assert branch.forked_from is not None
    assert branch.forked_from.message == main.messages[1].id


@pytest.mark.parametrize("broken", ["", '{"id": "x", "kind": "Mess', "[1]", "7", "{}{}"])
def test_a_damaged_event_costs_only_itself(tmp_path: Path, broken: str) -> None:
    told = run("openhands", keep(tmp_path, [said("go"), broken, said("Done.", "agent")]))
    assert shape(told) == [[("prompt", "go"), ("answer", "Done.")]]
    assert [fault.line for fault in told.ledger.faults] == [2]


def test_older_events_have_no_parents(tmp_path: Path) -> None:
    path = keep(tmp_path, MAIN)
    for one in (path.parent / "events").iterdir():
        held = json.loads(one.read_text())
        held.pop("parent_id", None)
        one.write_text(json.dumps(held))
    assert shape(run("openhands", path)) == [TOLD]


@pytest.mark.parametrize("odd", ODD, ids=str)
def test_a_wrong_type_in_any_field_of_an_event(tmp_path: Path, odd: Any) -> None:
    rejected = event("UserRejectObservation", "environment", tool_call_id="y", rejection_reason="n")
    condensed = event("Condensation", "environment", summary="s")
    events = [
        *MAIN[1:6],
        called("y", "r3", thinking_blocks=[{"thinking": "t"}]),
        rejected,
        condensed,
    ]
    for at in places(events):
        if len(at) == 1:
            continue
        path = keep(tmp_path, put(events, at, odd))
        assert read("openhands", tmp_path, [str(path)]).unbalanced() == {}, at
    for at in places(STATE):
        path = keep(tmp_path, MAIN, state=put(STATE, at, odd))
        assert shape(run("openhands", path)) == [TOLD], at
