"""Kiro CLI's first versions and Amazon Q: a database of conversations, and what was saved."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from tests.sources.test_kiro import MAIN, NAME, keep
from tests.sources.test_odd_fields import ODD, places, put
from tests.sources.test_other_agents import run, shape
from tests.support import read

from sessiontune import registry

AT = "2026-01-05T10:00:00+01:00"


def told(content: dict[str, Any], **more: Any) -> dict[str, Any]:
    env = {"env_state": {"current_working_directory": "/w/shop"}}
    return {"additional_context": "", "env_context": env, "content": content, **more}


def asked(words: str, **more: Any) -> dict[str, Any]:
    return told({"Prompt": {"prompt": words}}, timestamp=AT, **more)


def back(*results: tuple[str, Any, str], prompt: str = "") -> dict[str, Any]:
    listed = [
        {"tool_use_id": call, "content": [block], "status": status}
        for call, block, status in results
    ]
    held: dict[str, Any] = {"tool_use_results": listed}
    if prompt:
        return told({"CancelledToolUses": {**held, "prompt": prompt}})
    return told({"ToolUseResults": held})


def said(words: str, *calls: str) -> dict[str, Any]:
    held: dict[str, Any] = {"message_id": "m", "content": words}
    if not calls:
        return {"Response": held}
    uses = [{"id": call, "name": "execute_bash", "args": {"command": call}} for call in calls]
    return {"ToolUse": {**held, "tool_uses": uses}}


def pair(user: Any, answer: Any) -> dict[str, Any]:
    about = {"model_id": "claude-sonnet-4", "request_start_timestamp_ms": 1767603600000}
    return {"user": user, "assistant": answer, "request_metadata": about}


FAILED = {"Json": {"exit_status": "1", "stdout": "", "stderr": "no"}}
HISTORY = [
    pair(asked("list it", additional_context="A hook."), said("I list.", "ls", "false")),
    pair(back(("ls", {"Text": "till.py"}, "Success"), ("false", FAILED, "Success")), said("One.")),
    pair(asked("remove it"), said("", "rm")),
    pair(
        back(("rm", {"Text": "Tool use was cancelled by the user"}, "Error"), prompt="rather not"),
        said("Fine."),
    ),
]
TOLD = [
    ("context", "A hook."),
    ("prompt", "list it"),
    (
        "answer",
        "I list.",
        ("execute_bash", {"command": "ls"}),
        ("execute_bash", {"command": "false"}),
    ),
    ("results", ("till.py", "ok"), ('{"exit_status":"1","stdout":"","stderr":"no"}', "error")),
    ("answer", "One."),
    ("prompt", "remove it"),
    ("answer", ("execute_bash", {"command": "rm"})),
    ("results", ("Tool use was cancelled by the user", "interrupted")),
    ("prompt", "rather not"),
    ("answer", "Fine."),
]


def store(root: Path, *states: Any, newer: bool = True) -> Path:
    path = root / "data.sqlite3"
    path.unlink(missing_ok=True)
    base = sqlite3.connect(path)
    base.execute("CREATE TABLE conversations (key TEXT PRIMARY KEY, value TEXT)")
    if newer:
        base.execute("CREATE TABLE conversations_v2 (key, conversation_id, value, created_at)")
    for number, state in enumerate(states):
        value = state if isinstance(state, str) else json.dumps(state)
        if newer:
            given = ("/w/shop", state["conversation_id"], value)
            base.execute("INSERT INTO conversations_v2 VALUES (?, ?, ?, 1)", given)
        else:
            base.execute("INSERT INTO conversations VALUES (?, ?)", (f"/w/shop{number}", value))
    base.commit()
    base.close()
    return path


def state(history: Any = HISTORY, name: str = NAME, **more: Any) -> dict[str, Any]:
    return {"conversation_id": name, "next_message": None, "history": history, **more}


def test_a_database(tmp_path: Path) -> None:
    path = store(tmp_path, state())
    reading = run("kiro", path)
    assert shape(reading) == [TOLD]
    (session,) = reading.sessions
    assert (session.session_id, session.project) == (NAME, "shop")
    assert session.messages[1].at == "2026-01-05T09:00:00.000Z"
    assert session.messages[2].model == "claude-sonnet-4"
    index = registry.source("kiro").index(str(path))
    assert (index.links, index.names, index.lines) == ((f"session:{NAME}",), ("/w/shop",), 8)
    head = path.read_bytes()
    names = registry.source_names()
    assert [s for s in names if registry.source(s).recognise(str(path), head)] == ["kiro"]


def test_pairs_and_a_summary_of_amazon_q(tmp_path: Path) -> None:
    history = [[one["user"], one["assistant"]] for one in HISTORY]
    older = state(history, latest_summary=["So far.", {}], model="claude-opus-4")
    reading = run("kiro", store(tmp_path, older, "not JSON", newer=False))
    assert shape(reading) == [[("summary", "So far."), *TOLD]]
    assert reading.sessions[0].messages[3].model == "claude-opus-4"


def test_a_saved_conversation(tmp_path: Path) -> None:
    path = tmp_path / "saved.json"
    path.write_text(json.dumps(state(), indent=2))
    reading = run("kiro", path)
    assert shape(reading) == [TOLD]
    assert reading.sessions[0].cwd == "/w/shop"


def test_what_a_newer_version_took_over(tmp_path: Path) -> None:
    store(tmp_path, state(), state(HISTORY[:1], "another"))
    keep(tmp_path / "cli", MAIN, exported_from_v1=True)
    reading = read("kiro", tmp_path)
    assert reading.unbalanced() == {}
    assert [s.session_id for s in reading.sessions] == ["another", NAME]
    assert shape(reading)[0][:3] == TOLD[:3]
    assert reading.ledger.drops == {"link/resumed_copy": 8}


def test_what_cannot_be_read_and_what_both_tables_hold_is_counted(tmp_path: Path) -> None:
    path = store(tmp_path, state())
    base = sqlite3.connect(path)
    older = [("/w/shop", json.dumps(state(HISTORY[:2]))), ("/w/cut", json.dumps(state())[:-9])]
    base.executemany("INSERT INTO conversations VALUES (?, ?)", older)
    base.commit()
    base.close()
    (tmp_path / "cut.json").write_text(json.dumps(state(name="other"))[:-9])
    reading = read("kiro", tmp_path)
    assert reading.unbalanced() == {}
    cut, whole = shape(reading)  # of the document the last entry is not whole
    assert (cut[:5], whole) == (TOLD[:5], TOLD)
    assert ("prompt", "rather not") not in cut
    assert reading.ledger.drops == {"link/resumed_copy": 4}
    faults = [(Path(fault.file).name, fault.reason) for fault in reading.ledger.faults]
    assert sorted(faults) == [("cut.json", "truncated_line"), ("data.sqlite3", "bad_json")]


@pytest.mark.parametrize("odd", ODD, ids=str)
def test_a_wrong_type_in_any_field(tmp_path: Path, odd: Any) -> None:
    whole = state(latest_summary=["So far.", {}])
    for at in places([whole]):
        if at[1:] not in ((), ("conversation_id",)):
            (changed,) = put([whole], at, odd)
            path = store(tmp_path, changed)
            assert read("kiro", tmp_path, [str(path)]).unbalanced() == {}, at


def test_two_saved_states_that_differ_from_one_entry_on(tmp_path: Path) -> None:
    for name in ("a", "b"):
        last = pair(asked(f"rather {name}"), said("Fine."))
        (tmp_path / f"{name}.json").write_text(json.dumps(state([*HISTORY[:1], last])))
    told = read("kiro", tmp_path)
    assert told.unbalanced() == {}
    ids = [message.id for session in told.sessions for message in session.messages]
    assert len(set(ids)) == len(ids)
