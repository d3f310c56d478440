"""Crush: the database of a project."""

from __future__ import annotations

import json
import sqlite3
from base64 import b64encode
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from tests.sources.test_other_agents import run, shape
from tests.support import read

from sessiontune import registry

TABLES = """
CREATE TABLE sessions (id TEXT PRIMARY KEY, parent_session_id TEXT, title TEXT NOT NULL,
    prompt_tokens INTEGER, summary_message_id TEXT);
CREATE TABLE messages (id TEXT PRIMARY KEY, session_id TEXT NOT NULL, role TEXT NOT NULL,
    parts BLOB NOT NULL, model TEXT, created_at INTEGER NOT NULL, finished_at INTEGER);
"""
Part = tuple[str, dict[str, Any]]
Row = tuple[str, str, str, list[Part]]


def text(words: str, **more: Any) -> Part:
    return "text", {"text": words, **more}


def call(name: str, given: str) -> Part:
    return "tool_call", {"id": name, "name": "bash", "input": given, "finished": True}


def back(name: str, words: str, failed: bool = False) -> Part:
    return "tool_result", {"tool_call_id": name, "content": words, "is_error": failed}


def ends(reason: str) -> Part:
    return "finish", {"reason": reason, "time": 1}


def database(
    tmp_path: Path, *rows: Row, packed: bool = False, summary: str = "", name: str = "crush"
) -> Path:
    folder = tmp_path / "shop" / ".crush"
    folder.mkdir(parents=True, exist_ok=True)
    base = sqlite3.connect(folder / f"{name}.db")
    base.executescript(TABLES)
    base.execute("INSERT INTO sessions VALUES ('s', NULL, 'T', 1, ?)", (summary,))
    base.execute("INSERT INTO sessions VALUES ('m2$$c1', 's', 'A', 1, NULL)")
    for at, (own, session, role, parts) in enumerate(rows):
        told: bytes = json.dumps([{"type": kind, "data": data} for kind, data in parts]).encode()
        if packed:
            told = pyarrow.compress(told, codec="zstd", asbytes=True)
        row = (own, session, role, told, "claude-sonnet-4-5", 1768000000 + at, None)
        base.execute("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    base.commit()
    base.close()
    return folder / f"{name}.db"


ROWS: list[Row] = [
    ("m1", "s", "user", [text("list it"), ends("stop")]),
    (
        "m2",
        "s",
        "assistant",
        [
            ("reasoning", {"thinking": "hm", "signature": "x"}),
            text("I list."),
            call("c1", '{"command": "ls"}'),
            call("c2", '{"command": "x"}'),
            ends("tool_use"),
        ],
    ),
    ("a1", "m2$$c1", "user", [text("look")]),
    ("a2", "m2$$c1", "assistant", [text("Seen."), ends("end_turn")]),
    ("m3", "s", "tool", [back("c1", "till.py"), back("c2", "no", True), ends("stop")]),
    ("m4", "s", "assistant", [text("One file."), ends("end_turn")]),
]
BASH = "bash"
LISTED = [
    ("prompt", "list it"),
    ("answer", "hm", "I list.", (BASH, {"command": "ls"}), (BASH, {"command": "x"})),
    ("results", ("till.py", "ok"), ("no", "error")),
    ("answer", "One file."),
]
AGENT = [("task", "look"), ("answer", "Seen.")]


def test_a_session_and_its_sub_agent(tmp_path: Path) -> None:
    path = database(tmp_path, *ROWS)
    told = run("crush", path)
    assert shape(told) == [LISTED, AGENT]
    session, agent = told.sessions
    assert (session.session_id, session.project, session.title) == ("s", "shop", "T")
    assert session.messages[1].vendor == "anthropic"
    assert session.messages[0].at == "2026-01-09T23:06:40.000Z"
    assert (agent.agent_id, agent.parent_session, agent.parent_call) == (
        "m2$$c1",
        session.key,
        "c1",
    )
    assert told.ledger.records[str(path)] == 6
    index = registry.source("crush").index(str(path))
    assert (index.links, index.lines) == (("session:m2$$c1", "session:s"), 6)


def test_compressed_parts(tmp_path: Path) -> None:
    assert shape(run("crush", database(tmp_path, *ROWS, packed=True))) == [LISTED, AGENT]


def test_a_copy_of_the_database(tmp_path: Path) -> None:
    paths = [str(database(tmp_path, *ROWS, name=name)) for name in ("crush", "crush-backup")]
    told = read("crush", tmp_path, paths)
    assert told.unbalanced() == {}
    assert shape(told) == [LISTED, AGENT]
    assert told.ledger.drops["link/resumed_copy"] == 6


def test_a_summary_begins_an_epoch(tmp_path: Path) -> None:
    more: list[Row] = [
        ("m5", "s", "assistant", [text("so far"), ends("end_turn")]),
        ("m6", "s", "user", [text("on")]),
    ]
    main = [row for row in ROWS if row[1] == "s"]
    told = run("crush", database(tmp_path, *main, *more, summary="m5"))
    assert shape(told) == [LISTED, [("summary", "so far"), ("prompt", "on")]]


def test_attached_files_typed_commands_and_what_broke_off(tmp_path: Path) -> None:
    file = {"Path": "a.txt", "MIMEType": "text/plain", "Data": b64encode(b"held").decode()}
    image = {"Path": "a.png", "MIMEType": "image/png", "Data": "iVBORw0KGgo="}
    shell = {"command": "ls", "output": "a.txt\n", "exit_code": 0}
    told = run(
        "crush",
        database(
            tmp_path,
            ("1", "s", "user", [text("see"), ("binary", file), ("binary", image)]),
            ("2", "s", "assistant", [text("Seen."), call("c1", "{"), ends("canceled")]),
            ("3", "s", "tool", [back("c1", "user denied permission", True)]),
            ("4", "s", "user", [("shell_command", shell)]),
            ("5", "s", "user", [text("Go on.", hidden=True)]),
            ("6", "s", "assistant", [ends("error")]),
            ("7", "s", "system", [text("You are")]),
            ("8", "s", "narrator", [text("x")]),
            ("9", "s", "tool", [back("gone", "x")]),
        ),
    )
    (session,) = told.sessions
    assert [m.kind for m in session.messages] == [
        "context",
        "prompt",
        "answer",
        "results",
        "context",
        "context",
    ]
    assert len(session.messages[1].parts) == 2
    assert "interrupted" in session.messages[2].flags
    assert session.messages[3].parts[0].status == "rejected"
    for reason in ("api_error", "system", "unknown_role:narrator", "result_without_call"):
        assert told.ledger.drops[f"read/{reason}"] == 1


@pytest.mark.parametrize("parts", ["{", "42", b"\x28\xb5\x2f\xfdxx", None])
def test_parts_that_are_none(tmp_path: Path, parts: Any) -> None:
    path = database(tmp_path, *[row for row in ROWS if row[1] == "s"])
    base = sqlite3.connect(path)
    base.execute("UPDATE messages SET parts = ? WHERE id = 'm4'", (parts or b"",))
    base.commit()
    base.close()
    told = run("crush", path)
    assert shape(told) == [LISTED[:-1]]
    assert told.ledger.drops["read/no_message"] == 1


def test_the_projects_that_it_lists(tmp_path: Path) -> None:
    roots = registry.source("crush").roots
    assert roots({}, str(tmp_path)) == []
    listed = {"projects": [{"path": "/w", "data_dir": "/w/.crush"}, {"data_dir": ".crush"}, 7]}
    (tmp_path / "crush").mkdir()
    (tmp_path / "crush" / "projects.json").write_text(json.dumps(listed))
    assert roots({"XDG_DATA_HOME": str(tmp_path)}, "/h") == ["/w/.crush"]


def test_a_database_whose_tables_are_damaged_is_none(tmp_path: Path) -> None:
    path = database(tmp_path, *ROWS)
    path.write_bytes(
        path.read_bytes().replace(b"CREATE TABLE sessions", b"CR\xffATE TABLE sessions")
    )
    source = registry.source("crush")
    assert not source.recognise(str(path), path.read_bytes())
    assert source.index(str(path)).lines == 0
    told = read("crush", tmp_path, [str(path)])
    assert [fault.reason for fault in told.ledger.faults] == ["unreadable_file"]
