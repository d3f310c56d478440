"""OpenHands before its version 1: folders of numbered events, and trajectories."""

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
from sessiontune.sources.foreign import foreign

PNG = "data:image/png;base64,iVBORw0KGgo="
TOOL = {
    "type": "function",
    "function": {"name": "execute_bash", "description": "Runs it.", "parameters": {"type": "x"}},
}


def numbered(events: list[Any]) -> list[Any]:
    """Events as the program writes them: number and time first."""
    return [
        {"id": n, "timestamp": f"2025-05-01T10:00:{n:02}.{n:06}", **event}
        if isinstance(event, dict)
        else event
        for n, event in enumerate(events)
    ]


def keep(root: Path, events: list[Any], name: str = "a1b2") -> Path:
    folder = root / name / "events"
    folder.mkdir(parents=True, exist_ok=True)
    for number, event in enumerate(events):
        words = event if isinstance(event, str) else json.dumps(event)
        (folder / f"{number}.json").write_text(words)
    return folder / "0.json"


def act(kind: str, source: str = "agent", more: Any = None, **args: Any) -> dict[str, Any]:
    return {"source": source, "message": "", "action": kind, **(more or {}), "args": args}


def seen(kind: str, content: str, cause: int, more: Any = None, **extras: Any) -> dict[str, Any]:
    told = {"source": "agent", "message": "", "cause": cause, "observation": kind, **(more or {})}
    return {**told, "content": content, "extras": extras}


def made(call: str, response: str = "r1", *others: str, words: str = "I look.") -> dict[str, Any]:
    """`tool_call_metadata` of a call of `execute_bash`."""
    calls = [
        {
            "id": one,
            "type": "function",
            "function": {"name": "execute_bash", "arguments": json.dumps({"command": one})},
        }
        for one in (call, *others)
    ]
    message = {"role": "assistant", "content": words, "tool_calls": calls}
    answer = {"id": response, "model": "claude-sonnet-4", "choices": [{"message": message}]}
    told = {"function_name": "execute_bash", "tool_call_id": call, "model_response": answer}
    return {"tool_call_metadata": {**told, "total_calls_in_response": len(calls)}}


def asked(words: str, **args: Any) -> dict[str, Any]:
    return act("message", "user", content=words, **args)


STATE = {"source": "environment", "message": "", "observation": "agent_state_changed"}
MAIN = numbered(
    [
        {**STATE, "content": "", "extras": {"agent_state": "loading"}},
        act("system", content="You are", tools=[TOOL]),
        asked("list it"),
        act("recall", "user", query="list it", recall_type="workspace_context"),
        seen(
            "recall", "Added workspace context", 3, recall_type="workspace_context",
            repo_name="o/shop", repo_instructions="Use tabs.",
            microagent_knowledge=[{"name": "git", "trigger": "git", "content": "Commit often."}],
        ),
        act("run", more=made("ls", "r1", "pwd"), command="ls", thought="I look."),
        seen(
            "run", "till.py", 5, made("ls", "r1", "pwd"), command="ls",
            metadata={"exit_code": 0, "working_dir": "/w/shop", "prefix": "", "suffix": ""},
        ),
        act("run", more=made("pwd", "r1", "ls"), command="pwd"),
        seen("error", "No such tool.", 7, made("pwd", "r1", "ls")),
        act("message", content="One file.", wait_for_response=True),
        act("finish", more=made("done", "r2", words=""), message="Done."),
    ]
)  # fmt: skip
TOLD = [
    ("prompt", "list it"),
    ("context", "Use tabs.", "Commit often."),
    (
        "answer",
        "I look.",
        ("execute_bash", {"command": "ls"}),
        ("execute_bash", {"command": "pwd"}),
    ),
    (
        "results",
        (
            "till.py\n[Current working directory: /w/shop]\n[Command finished with exit code 0]",
            "ok",
        ),
        ("No such tool.\n[Error occurred in processing last action]", "error"),
    ),
    ("answer", "One file."),
    ("answer", ("execute_bash", {"command": "done"})),
    ("results", ("", "missing")),
]


def test_a_conversation(tmp_path: Path) -> None:
    path = keep(tmp_path, MAIN)
    (path.parents[1] / "metadata.json").write_text('{"title": "List", "selected_repository": ""}')
    reading = run("openhands", path)
    assert shape(reading) == [TOLD]
    (session,) = reading.sessions
    assert (session.session_id, session.project, session.cwd) == ("a1b2", "shop", "/w/shop")
    assert (session.title, [tool.name for tool in session.tools]) == ("List", ["execute_bash"])
    assert {m.model for m in session.messages if m.kind == "answer"} == {"claude-sonnet-4"}
    assert [o.line for o in session.messages[2].origin] == [6, 8]
    assert session.messages[0].at == "2025-05-01T10:00:02.000Z"
    assert reading.ledger.drops == {"read/state": 2, "read/system_prompt": 1}


def test_a_trajectory_holds_the_same(tmp_path: Path) -> None:
    path = tmp_path / "trajectory.json"
    path.write_text(json.dumps(MAIN, indent=1))
    assert shape(run("openhands", path)) == [TOLD]
    assert foreign(str(path)) == ""


def test_a_trajectory_beside_its_conversation_is_a_copy(tmp_path: Path) -> None:
    folder = keep(tmp_path, MAIN[:10])
    path = tmp_path / "a.json"
    path.write_text(json.dumps(MAIN[1:]))  # the program leaves its states out
    source = registry.source("openhands")
    links = source.index(str(folder)).links
    assert links == source.index(str(path)).links == ("session:2025-05-01T10:00:02.000002",)
    assert source.index(str(folder)).names == source.index(str(path)).names == ("/w/shop",)
    reading = read("openhands", tmp_path, [str(path), str(folder)])
    assert reading.unbalanced() == {}
    assert shape(reading) == [TOLD[:5], TOLD[5:]]
    main, rest = reading.sessions
    assert rest.forked_from is not None
    assert (rest.lineage, rest.forked_from.message) == (main.lineage, main.messages[-1].id)
    assert reading.ledger.drops["link/resumed_copy"] == 9


def test_what_represents_a_conversation(tmp_path: Path) -> None:
    path = keep(tmp_path, MAIN)
    pages = tmp_path / "a1b2" / "event_cache"
    pages.mkdir()
    (pages / "0-25.json").write_text(json.dumps(MAIN))
    source = registry.source("openhands")
    for one in (path.parent / "1.json", pages / "0-25.json"):
        assert not source.recognise(str(one), one.read_bytes())
    before = source.journal(str(path))
    keep(tmp_path, [*MAIN, MAIN[-1]])
    os.utime(path.parent, ns=(7, 7))
    assert (before[0], source.journal(str(path))) == (11, (12, 7))
    other = tmp_path / "events" / "0.json"
    other.parent.mkdir()
    other.write_text('{"id": 0, "name": "an event of a calendar"}')
    assert not source.recognise(str(other), other.read_bytes())


def test_calls_written_as_text_and_what_a_person_ran(tmp_path: Path) -> None:
    events = [
        asked("go"),
        act("run", command="ls", thought="I list.", background=False),
        seen("run", "till.py", 1, exit_code=1, command_id=-1),
        act("run_ipython", code="1/0", thought=""),
        seen("run_ipython", "ZeroDivisionError", 3),
        act("run", "user", command="date"),
        seen("run", "Thu", 5, metadata={"exit_code": -1}),
        asked("Please continue on whatever approach you think is suitable.\nIf"),
        seen("user_rejected", "No.", 99),
        seen("error", "No function was called.", -1),
        act("finish", thought="All done.", outputs={}),
        act("finish", "user"),
        act("message", content=" "),
        act("dance"),
        {"source": "agent", "message": "neither"},
    ]
    reading = run("openhands", keep(tmp_path, numbered(events)))
    assert shape(reading) == [
        [
            ("prompt", "go"),
            ("answer", "I list.", ("run", {"command": "ls"})),
            ("results", ("till.py", "error")),
            ("answer", ("run_ipython", {"code": "1/0"})),
            ("results", ("ZeroDivisionError", "ok")),
            ("context", "User executed the command:\ndate"),
            ("context", "Observed result of command executed by user:\nThu"),
            ("context", "Please continue on whatever approach you think is suitable.\nIf"),
            (
                "context",
                "OBSERVATION:\nNo.\n[Last action has been rejected by the user]",
            ),
            ("context", "No function was called.\n[Error occurred in processing last action]"),
            ("answer", "All done."),
        ]
    ]
    assert reading.ledger.drops == {
        "read/state": 1, "read/empty": 1, "read/unknown_type:dance": 1,
        "read/unknown_type:none": 1,
    }  # fmt: skip


def test_a_summary_and_ids_that_are_counted_anew(tmp_path: Path) -> None:
    events = [
        asked("go"),
        act("run", more=made("toolu_01", "r1", words=""), command="a"),
        seen("run", "one", 1, made("toolu_01", "r1")),
        act("condensation", more={}, forgotten_event_ids=[1, 2], summary="So far."),
        act("run", more=made("toolu_01", "r2", words=""), command="b"),
        seen("run", "two", 4, made("toolu_01", "r2")),
        act("condensation", forgotten_event_ids=[4]),
        seen("run", "three", 4, made("toolu_01", "r2")),
    ]
    reading = run("openhands", keep(tmp_path, numbered(events)))
    assert [[(kind, *parts) for kind, *parts in one] for one in shape(reading)] == [
        [
            ("prompt", "go"),
            ("answer", ("execute_bash", {"command": "toolu_01"})),
            ("results", ("one", "ok")),
        ],
        [
            ("summary", "So far."),
            ("answer", ("execute_bash", {"command": "toolu_01"})),
            ("results", ("two", "ok")),
        ],
    ]
    assert reading.ledger.drops == {"read/condensation": 1, "read/second_result": 1}


def test_a_task_given_to_another_agent(tmp_path: Path) -> None:
    given = made("d1", "r1", words="I delegate.")
    events = [
        asked("find it"),
        act("delegate", more=given, agent="BrowsingAgent", inputs={"task": "look"}),
        asked("TASK: look"),
        act("browse_interactive", browser_actions="goto('x')", thought=""),
        seen("browse", "a page", 3, error=True, screenshot=PNG),
        act("finish", thought="Found.", outputs={"content": "it"}),
        seen("delegate", "", 1, given, outputs={"content": "it"}),
        act("message", content="Here it is."),
    ]
    reading = run("openhands", keep(tmp_path, numbered(events)))
    assert shape(reading) == [
        [
            ("prompt", "find it"),
            ("answer", "I delegate.", ("execute_bash", {"command": "d1"})),
            ("results", ("it", "ok")),
            ("answer", "Here it is."),
        ],
        [
            ("task", "TASK: look"),
            ("answer", ("browse_interactive", {"browser_actions": "goto('x')"})),
            ("results", ("a page", "error")),
            ("answer", "Found."),
        ],
    ]
    main, agent = reading.sessions
    assert (agent.parent_session, agent.parent_call) == (main.key, "d1")
    assert agent.agent_id is not None


@pytest.mark.parametrize("odd", ["{", "[1]", '"x"', "", '{"id": 1}\n{"id": 2}', "\x00"])
def test_a_damaged_event(tmp_path: Path, odd: str) -> None:
    path = keep(tmp_path, [*MAIN[:5], odd, *MAIN[5:]])
    reading = read("openhands", tmp_path, [str(path)])
    assert reading.unbalanced() == {}
    assert shape(reading) == [TOLD]
    assert [fault.line for fault in reading.ledger.faults] == [6]


def test_a_broken_off_trajectory(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text(json.dumps(MAIN)[:-40])
    reading = read("openhands", tmp_path, [str(path)])
    assert reading.unbalanced() == {}
    assert shape(reading) == [TOLD[:5]]
    assert [fault.line for fault in reading.ledger.faults] == [11]


@pytest.mark.parametrize("odd", [None, "x", 3, [], [{}]], ids=str)
def test_a_trajectory_with_something_that_is_no_event(tmp_path: Path, odd: Any) -> None:
    path = tmp_path / "t.json"
    path.write_text(json.dumps([*MAIN[:5], odd, *MAIN[5:]]))
    reading = read("openhands", tmp_path, [str(path)])
    assert reading.unbalanced() == {}
    assert shape(reading) == [TOLD]
    assert reading.ledger.drops["read/no_message"] == 1


@pytest.mark.parametrize("odd", ODD, ids=str)
def test_a_wrong_type_in_any_field(tmp_path: Path, odd: Any) -> None:
    rows = [*MAIN[2:9], act("delegate", agent="B", inputs={}), seen("delegate", "", 9, outputs={})]
    for at in places(rows):
        if len(at) > 1:
            path = keep(tmp_path, put(rows, at, odd))
            assert read("openhands", tmp_path, [str(path)]).unbalanced() == {}, at
