"""Goose: its database, and the files of older versions."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from tests.sources.test_other_agents import run, shape, text, write
from tests.support import Reading, read

from sessiontune import registry

TABLES = """
CREATE TABLE schema_version (version INTEGER PRIMARY KEY);
CREATE TABLE sessions (id TEXT PRIMARY KEY, name TEXT, description TEXT, session_type TEXT,
    working_dir TEXT NOT NULL, model_config_json TEXT);
CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL,
    role TEXT NOT NULL, content_json TEXT NOT NULL, created_timestamp INTEGER NOT NULL,
    metadata_json TEXT);
"""
NAME = "20260110_1"


def said(role: str, *content: Any, at: int = 1768000000, **seen: bool) -> dict[str, Any]:
    blocks = [text(block)[0] if isinstance(block, str) else block for block in content]
    return {"role": role, "created": at, "content": blocks, "metadata": seen}


def call(name: str, **given: Any) -> dict[str, Any]:
    value = {"name": "developer__shell", "arguments": given}
    return {"type": "toolRequest", "id": name, "toolCall": {"status": "success", "value": value}}


def back(name: str, value: Any, **more: Any) -> dict[str, Any]:
    told = {"status": "success", "value": value, **more}
    return {"type": "toolResponse", "id": name, "toolResult": told}


def database(path: Path, *messages: dict[str, Any], kind: str = "user") -> Path:
    base = sqlite3.connect(path)
    base.executescript(TABLES)
    model = json.dumps({"model_name": "claude-sonnet-4-5"})
    about = (NAME, "T", "", kind, "/w/shop", model)
    base.execute("INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?)", about)
    for message in messages:
        row = (message["role"], json.dumps(message["content"]), message["created"])
        asked = "INSERT INTO messages (session_id, role, content_json, created_timestamp,"
        base.execute(
            f"{asked} metadata_json) VALUES (?, ?, ?, ?, ?)",
            (NAME, *row, json.dumps(message["metadata"])),
        )
    base.commit()
    base.close()
    return path


def for_one(words: str, *audience: str) -> dict[str, Any]:
    return {"type": "text", "text": words, "annotations": {"audience": audience, "priority": 0.0}}


MESSAGES = [
    said("user", "list it"),
    said("assistant", {"type": "thinking", "thinking": "hm", "signature": ""}, "I list."),
    said("assistant", call("c1", command="ls"), call("c2", command="x")),
    said(
        "user",
        back("c1", [for_one("till.py", "assistant"), for_one("the files: till.py", "user")]),
        back("c2", {"content": text("no"), "isError": True}),
    ),
    said("assistant", "One file.", at=1768000009),
]
LISTED = [
    ("prompt", "list it"),
    (
        "answer",
        "hm",
        "I list.",
        ("developer__shell", {"command": "ls"}),
        ("developer__shell", {"command": "x"}),
    ),
    ("results", ("till.py", "ok"), ("no", "error")),
    ("answer", "One file."),
]


def test_a_session_of_the_database(tmp_path: Path) -> None:
    path = database(tmp_path / "sessions.db", *MESSAGES)
    told = run("goose", path)
    assert shape(told) == [LISTED]
    (session,) = told.sessions
    assert (session.session_id, session.project, session.title) == (NAME, "shop", "T")
    assert (session.messages[1].vendor, session.messages[3].at) == (
        "anthropic",
        "2026-01-09T23:06:49.000Z",
    )
    assert told.ledger.records[str(path)] == 5
    index = registry.source("goose").index(str(path))
    assert (index.links, index.lines, index.names) == ((f"session:{NAME}",), 5, ("/w/shop",))


def old_file(tmp_path: Path, *messages: dict[str, Any]) -> Path:
    head = {"working_dir": "/w/shop", "description": "T", "message_count": 5, "total_tokens": None}
    return write(tmp_path, f"{NAME}.jsonl", [head, *messages])


def test_an_older_file_and_what_the_database_took_in(tmp_path: Path) -> None:
    path = old_file(tmp_path, *MESSAGES)
    assert shape(run("goose", path)) == [LISTED]
    base = database(tmp_path / "sessions.db", *MESSAGES, said("user", "Good.", at=1768000010))
    told = read("goose", tmp_path, [str(path), str(base)])
    assert told.unbalanced() == {}
    assert shape(told) == [[*LISTED, ("prompt", "Good.")]]
    assert told.ledger.drops["link/resumed_copy"] == 5


def compacted(tmp_path: Path, *ends: dict[str, Any]) -> Reading:
    past = {"agentVisible": False, "userVisible": True}
    unseen = {"agentVisible": True, "userVisible": False}
    before = [{**message, "metadata": past} for message in MESSAGES]
    summary = [
        said("user", "so far", **unseen),
        said("assistant", "Your context was compacted. Go on.", **unseen),
    ]
    return run("goose", database(tmp_path / "sessions.db", *before, *ends[:1], *summary, *ends[1:]))


def test_a_compaction_before_the_answer_to_a_prompt(tmp_path: Path) -> None:
    gone = said("user", "and now?", agentVisible=False, userVisible=False)
    told = compacted(tmp_path, gone, said("user", "and now?"), said("assistant", "Now this."))
    assert shape(told) == [
        LISTED,
        [("summary", "so far"), ("prompt", "and now?"), ("answer", "Now this.")],
    ]
    assert told.ledger.drops["read/synthetic"] == 1
    assert told.ledger.drops["link/resumed_copy"] == 1


def test_a_compaction_between_calls(tmp_path: Path) -> None:
    past = {"agentVisible": False, "userVisible": True}
    told = compacted(tmp_path, said("assistant", "Then.", **past), said("user", "list it"))
    assert shape(told)[1] == [("summary", "so far"), ("context", "list it")]


def test_notices_refusals_and_odd_blocks(tmp_path: Path) -> None:
    failed = {"type": "toolRequest", "id": "c9", "toolCall": {"status": "error", "error": "bad"}}
    refused = text("The user has declined to run this tool. DO NOT attempt to call it again.")
    told = run(
        "goose",
        database(
            tmp_path / "sessions.db",
            said("user", "go"),
            said("assistant", call("c1", command="rm")),
            said("user", {"type": "toolConfirmationRequest", "id": "c1"}),
            said("user", back("c1", {"content": refused, "isError": True})),
            said("assistant", failed),
            said("user", {"type": "toolResponse", "id": "c9", "toolResult": {"status": "error"}}),
            said("assistant", {"type": "brand_new"}),
            said("assistant", {"type": "systemNotification", "msg": "x"}, agentVisible=False),
            said("narrator", "x"),
        ),
    )
    (session,) = told.sessions
    assert [m.kind for m in session.messages] == ["prompt", "answer", "results"]
    assert session.messages[2].parts[0].status == "rejected"
    for reason in ("invalid_call", "result_without_call", "unknown_role:narrator"):
        assert told.ledger.drops[f"read/{reason}"] == 1


@pytest.mark.parametrize("content", ["{", "42", '{"type": "text"}'])
def test_content_that_is_none(tmp_path: Path, content: str) -> None:
    path = database(tmp_path / "sessions.db", *MESSAGES)
    base = sqlite3.connect(path)
    base.execute("UPDATE messages SET content_json = ? WHERE id = 5", (content,))
    base.commit()
    base.close()
    told = run("goose", path)
    assert shape(told) == [LISTED[:-1]]
    assert told.ledger.drops["read/no_message"] == 1


def test_a_sub_agent(tmp_path: Path) -> None:
    told = run("goose", database(tmp_path / "sessions.db", *MESSAGES, kind="sub_agent"))
    (session,) = told.sessions
    assert (session.agent_id, session.messages[0].kind) == (NAME, "task")


def test_where_it_lies() -> None:
    roots = registry.source("goose").roots
    assert roots({"GOOSE_PATH_ROOT": "/g"}, "/home/u") == ["/g/data/sessions"]
    assert roots({"XDG_DATA_HOME": "/d"}, "/home/u")[0] == "/d/goose/sessions"


def test_what_two_programs_went_on_with_has_ids_and_files_of_its_own(tmp_path: Path) -> None:
    begun = [said("user", "go"), said("assistant", call("c1", command="ls"), at=1768000001)]
    rest = [said("user", back("c1", text("out")), at=1768000002), said("user", "a", at=1768000003)]
    base = database(tmp_path / "sessions.db", *begun, *[said("user", "b", at=1768000004)] * 2)
    told = read("goose", tmp_path, [str(base), str(old_file(tmp_path, *begun, *rest))])
    assert told.unbalanced() == {}
    ids = [message.id for session in told.sessions for message in session.messages]
    assert len(set(ids)) == len(ids)
