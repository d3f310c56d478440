"""Zed: the database of the threads of its agent."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from tests.sources.test_odd_fields import places, put
from tests.sources.test_other_agents import run, shape
from tests.support import read

from sessiontune import registry
from sessiontune.model import Image

TABLE = """
CREATE TABLE threads (id TEXT PRIMARY KEY, summary TEXT NOT NULL, updated_at TEXT NOT NULL,
    data_type TEXT NOT NULL, data BLOB NOT NULL);
"""
MORE = "ALTER TABLE threads ADD COLUMN {} TEXT;"
AT = "2026-05-02T08:32:00+00:00"
IMAGE = {"source": "iVBORw0KGgo=", "size": {"width": 1, "height": 1}}


def user(*content: Any) -> dict[str, Any]:
    return {"User": {"id": "u", "content": list(content)}}


def agent(*content: Any, **results: Any) -> dict[str, Any]:
    return {"Agent": {"content": list(content), "tool_results": results}}


def call(name: str) -> dict[str, Any]:
    use = {"id": name, "name": "terminal", "raw_input": "{}", "input": {"command": name}}
    return {"ToolUse": {**use, "is_input_complete": True}}


def back(name: str, content: Any, failed: bool = False, output: Any = None) -> dict[str, Any]:
    told = {"tool_use_id": name, "tool_name": "terminal", "is_error": failed}
    return {**told, "content": content, "output": output}


def thread(*messages: Any, **more: Any) -> dict[str, Any]:
    model = {"provider": "zed.dev", "model": "claude-sonnet-4-5"}
    told = {"title": "T", "messages": list(messages), "updated_at": AT, "model": model}
    return {**told, "version": "0.3.0", **more}


def database(
    root: Path, *threads: tuple[str, Any], packed: bool = True, newer: bool = True, **parents: str
) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    base = sqlite3.connect(root / "threads.db")
    base.executescript(TABLE)
    for column in ("parent_id", "folder_paths", "created_at") if newer else ():
        base.execute(MORE.format(column))
    for name, document in threads:
        raw: Any = json.dumps(document).encode()
        if packed:
            raw = pyarrow.compress(raw, codec="zstd", asbytes=True)
        row = (name, "S", AT, "zstd" if packed else "json", raw)
        base.execute(
            "INSERT INTO threads (id, summary, updated_at, data_type, data) VALUES (?, ?, ?, ?, ?)",
            row,
        )
        if newer:
            told = (parents.get(name), "/home/u/shop\n/w/other", AT, name)
            base.execute(
                "UPDATE threads SET parent_id = ?, folder_paths = ?, created_at = ? WHERE id = ?",
                told,
            )
    base.commit()
    base.close()
    return root / "threads.db"


MAIN = thread(
    user({"Text": "list it"}),
    agent(
        {"Thinking": {"text": "hm", "signature": "x"}},
        {"Text": "I list."},
        call("ls"),
        call("cat x"),
        ls=back("ls", [{"Text": "till.py"}]),
        cat=back("cat x", {"Text": "no"}, failed=True),
    ),
    "Resume",
    agent(call("look"), look=back("look", "Seen.", output={"session_id": "child"})),
    agent({"Text": "One file."}),
)
CHILD = thread(user({"Text": "look"}), agent({"Text": "Seen."}))
TOLD = [
    ("prompt", "list it"),
    (
        "answer",
        "hm",
        "I list.",
        ("terminal", {"command": "ls"}),
        ("terminal", {"command": "cat x"}),
    ),
    ("results", ("till.py", "ok"), ("no", "error")),
    ("answer", ("terminal", {"command": "look"})),
    ("results", ("Seen.", "ok")),
    ("answer", "One file."),
]


def test_a_thread_and_its_sub_agent(tmp_path: Path) -> None:
    path = database(tmp_path, ("child", CHILD), ("main", MAIN), child="main")
    told = run("zed", path)
    assert shape(told) == [TOLD, [("task", "look"), ("answer", "Seen.")]]
    session, child = told.sessions
    assert (session.session_id, session.project, session.title) == ("main", "shop", "T")
    assert session.messages[1].vendor == "anthropic"
    assert session.messages[0].at == "2026-05-02T08:32:00.000Z"
    assert (child.agent_id, child.parent_session, child.parent_call) == (
        "child",
        session.key,
        "look",
    )
    assert told.ledger.records[str(path)] == 7
    assert told.ledger.drops["read/continue_marker"] == 1
    index = registry.source("zed").index(str(path))
    assert (index.links, index.lines) == (("session:child", "session:main"), 7)
    assert index.names == ("/home/u/shop", "/w/other")


def test_what_a_prompt_holds(tmp_path: Path) -> None:
    file = {"uri": {"File": {"abs_path": "/w/a b/till.py"}}, "content": "x = 1"}
    pasted = {"uri": "PastedImage", "content": ""}
    parts = [{"Text": "see "}, {"Mention": file}, {"Text": " now"}, {"Mention": pasted}]
    document = thread(
        user(*parts, {"Image": IMAGE}, {"Sound": {}}),
        agent({"RedactedThinking": "x"}),
        agent(call("shot"), shot=back("shot", [{"Text": "shown"}, {"Image": IMAGE}])),
        {"Compaction": {"text": "x"}},
        7,
    )
    told = run("zed", database(tmp_path, ("main", document), packed=False))
    (session,) = told.sessions
    context, prompt, answer, results = session.messages
    assert context.parts[0].text == "x = 1"
    assert prompt.parts[0].text == "see @till.py now"
    assert isinstance(prompt.parts[1], Image)
    assert answer.parts[0].name == "terminal"
    assert (results.parts[0].content, len(results.parts[0].images)) == ("shown", 1)
    assert told.ledger.repairs["unknown_part"] == 1
    for reason in ("thinking_signature_only", "unknown_type:Compaction", "no_message"):
        assert told.ledger.drops[f"read/{reason}"] == 1


def test_threads_of_the_first_versions(tmp_path: Path) -> None:
    def said(role: str, words: str, **more: Any) -> dict[str, Any]:
        return {"id": 0, "role": role, "segments": [{"type": "text", "text": words}], **more}

    use = {"id": "c1", "name": "terminal", "input": {"command": "ls"}}
    result = {"tool_use_id": "c1", "is_error": False, "content": "till.py"}
    shot = {"worktree_snapshots": [{"worktree_path": "/home/u/till"}]}
    second = {
        "version": "0.2.0",
        "summary": "Older",
        "messages": [
            said("system", "You are"),
            said("user", "list it", context="<file>x</file>"),
            said("assistant", "I list.", tool_uses=[use], tool_results=[result]),
            said("user", "Continue", is_hidden=True),
            said("assistant", "Done."),
        ],
        "initial_project_snapshot": shot,
    }
    first = {
        "summary": "Oldest",
        "messages": [
            {"id": 0, "role": "user", "text": "list it"},
            {"id": 1, "role": "assistant", "text": "I list.", "tool_uses": [use]},
            {"id": 2, "role": "user", "text": "", "tool_results": [result]},
            {"id": 3, "role": "assistant", "text": "Done."},
        ],
    }
    listed = ("answer", "I list.", ("terminal", {"command": "ls"}))
    told = run("zed", database(tmp_path, ("a", second), ("b", first), newer=False))
    assert shape(told) == [
        [
            ("context", "<file>x</file>"),
            ("prompt", "list it"),
            listed,
            ("results", ("till.py", "ok")),
            ("context", "Continue"),
            ("answer", "Done."),
        ],
        [("prompt", "list it"), listed, ("results", ("till.py", "ok")), ("answer", "Done.")],
    ]
    assert [s.project for s in told.sessions] == ["till", ""]


def test_a_copy_of_the_database(tmp_path: Path) -> None:
    longer = thread(*MAIN["messages"], user({"Text": "on"}), agent({"Text": "Done."}))
    other = thread(*MAIN["messages"], user({"Text": "or so"}))
    paths = [
        str(database(tmp_path / "now", ("main", longer))),
        str(database(tmp_path / "then", ("main", other))),
    ]
    told = read("zed", tmp_path, paths)
    assert told.unbalanced() == {}
    assert shape(told) == [
        [*TOLD, ("prompt", "on"), ("answer", "Done.")],
        [("prompt", "or so")],
    ]
    assert told.sessions[1].forked_from is not None
    assert told.ledger.drops["link/resumed_copy"] == 5


def test_a_document_that_cannot_be_read(tmp_path: Path) -> None:
    path = database(tmp_path, ("main", MAIN))
    base = sqlite3.connect(path)
    for name, kind, data in (("x", "zstd", b"\x28\xb5\x2f\xfdxx"), ("y", "json", b"{")):
        row = (name, "S", AT, kind, data)
        base.execute("INSERT INTO threads VALUES (?, ?, ?, ?, ?, NULL, NULL, NULL)", row)
    base.commit()
    base.close()
    told = run("zed", path)
    assert shape(told) == [TOLD]
    assert told.ledger.drops["read/no_message"] == 2


@pytest.mark.parametrize("odd", [42, [], {"type": "text"}, None], ids=str)
def test_a_wrong_type_in_any_field(tmp_path: Path, odd: Any) -> None:
    file = {"uri": {"File": {"abs_path": "/w"}}, "content": "x"}
    use = {"id": "c1", "name": "terminal", "input": {}}
    result = {"tool_use_id": "c1", "is_error": False, "content": {"Text": "o"}}
    older = [{"role": "assistant", "segments": [{"type": "text", "text": "t"}], "tool_uses": [use]}]
    older += [{"role": "user", "tool_results": [result], "context": "c", "is_hidden": True}]
    full = thread(
        user({"Text": "x"}, {"Mention": file}, {"Image": IMAGE}),
        *MAIN["messages"],
        *older,
        subagent_context={"parent_thread_id": "p"},
        initial_project_snapshot={"worktree_snapshots": [{"worktree_path": "/w"}]},
    )
    for nth, at in enumerate(places(full)):
        root = tmp_path / str(nth)
        path = str(database(root, ("main", put(full, at, odd)), packed=False, newer=False))
        assert read("zed", root, [path]).unbalanced() == {}, at
        registry.source("zed").index(path)


def test_a_thread_that_went_on_differently_in_two_copies(tmp_path: Path) -> None:
    begun = user({"Text": "go"})
    roots = [tmp_path / name for name in "ab"]
    paths = [
        str(database(root, ("main", thread(user({"Text": root.name}), begun)))) for root in roots
    ]
    told = read("zed", tmp_path, paths)
    assert told.unbalanced() == {}
    assert len({session.key for session in told.sessions}) == len(told.sessions) == 2


def test_sub_agents_come_after_the_sub_agent_that_started_them(tmp_path: Path) -> None:
    starts = agent(call("look"), look=back("look", "Seen.", output={"session_id": "lowest"}))
    threads = [("lowest", CHILD), ("child", thread(user({"Text": "x"}), starts)), ("main", MAIN)]
    told = run("zed", database(tmp_path, *threads, child="main", lowest="child"))
    keys = {session.session_id: session.key for session in told.sessions}
    parents = {session.session_id: session.parent_session for session in told.sessions}
    assert parents == {"main": None, "child": keys["main"], "lowest": keys["child"]}
