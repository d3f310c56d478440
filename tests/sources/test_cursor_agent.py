"""Cursor's agent of the terminal: a database of blobs for each chat."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.sources.test_odd_fields import places, put
from tests.sources.test_other_agents import run, shape
from tests.support import growth, read

from sessiontune import registry
from sessiontune.sources.cursor_agent import _QUERY
from sessiontune.sources.shapes import tagged

Message = dict[str, Any]


def said(role: str, content: Any, **cursor: Any) -> Message:
    return {"role": role, "content": content, "providerOptions": {"cursor": cursor}}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def called(name: str, tool: str = "Shell") -> dict[str, Any]:
    return {"type": "tool-call", "toolCallId": name, "toolName": tool, "args": {"command": name}}


def back(name: str, told: str, **how: Any) -> Message:
    block = {"type": "tool-result", "toolCallId": name, "toolName": "Shell", "result": told}
    return said("tool", [block], highLevelToolCallResult=how)


def field(number: int, value: bytes) -> bytes:
    return bytes([number << 3 | 2, len(value)]) + value


def store(folder: Path, *lists: list[Message], lost: tuple[bytes, ...] = (), **about: Any) -> Path:
    """A store with these lists of messages, the last one last."""
    (folder / "0a1b" / "chat").mkdir(parents=True)
    path = folder / "0a1b" / "chat" / "store.db"
    base = sqlite3.connect(path)
    base.execute("CREATE TABLE blobs (id TEXT PRIMARY KEY, data BLOB)")
    base.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT)")

    def keep(raw: bytes) -> str:
        own = hashlib.sha256(raw).hexdigest()
        base.execute("INSERT OR IGNORE INTO blobs VALUES (?, ?)", (own, raw))
        return own

    root = ""
    for listed in lists:
        names = [keep(json.dumps(message).encode()) for message in listed]
        raw = b"".join(field(1, bytes.fromhex(name)) for name in names)
        root = keep(raw + b"\x10\x05" + field(9, b"file:///home/u/my%20shop"))
    for raw in lost:
        keep(raw)
    told = {"agentId": "chat", "latestRootBlobId": root, "name": "T", "createdAt": 1768000000000}
    told |= {"lastUsedModel": "claude-4.5-sonnet", **about}
    base.execute("INSERT INTO meta VALUES ('0', ?)", (json.dumps(told).encode().hex(),))
    base.commit()
    base.close()
    return path


QUERY = "<timestamp>now</timestamp>\n<user_query>\nlist it\n</user_query>"
BEGUN = [
    said("system", "You are"),
    said("user", "<user_info>linux</user_info>"),
    said("user", [text(QUERY)], requestId="r"),
    said("assistant", [{"type": "reasoning", "text": "hm"}, text("I list."), called("ls")]),
    back("ls", "till.py", isError=False),
]
WHOLE = [*BEGUN, said("assistant", [text("One file.")])]
TOLD = [
    ("context", "<user_info>linux</user_info>"),
    ("context", "<timestamp>now</timestamp>"),
    ("prompt", "list it"),
    ("answer", "hm", "I list.", ("Shell", {"command": "ls"})),
    ("results", ("till.py", "ok")),
    ("answer", "One file."),
]


def test_a_chat(tmp_path: Path) -> None:
    path = store(tmp_path, BEGUN, WHOLE)
    told = run("cursor-agent", path)
    assert shape(told) == [TOLD]
    (session,) = told.sessions
    assert (session.session_id, session.project, session.title) == ("chat", "my shop", "T")
    assert session.messages[0].at == "2026-01-09T23:06:40.000Z"
    assert session.messages[3].vendor == "anthropic"
    assert told.ledger.drops["read/system"] == 1
    index = registry.source("cursor-agent").index(str(path))
    assert (index.links, index.names) == (("session:chat",), ("/home/u/my shop",))
    assert index.lines == 6


def test_what_a_summary_stands_for(tmp_path: Path) -> None:
    summary = said("user", [text("so far")], isSummary=True)
    on = [*BEGUN[:2], summary, said("user", "<user_query>on</user_query>")]
    again = [*BEGUN[:2], said("user", "all of it", isSummary=True), said("assistant", "Done.")]
    told = run("cursor-agent", store(tmp_path, BEGUN, WHOLE, on[:3], on, again))
    assert shape(told) == [
        TOLD,
        [("summary", "so far"), ("prompt", "on")],
        [("summary", "all of it"), ("answer", "Done.")],
    ]


def test_what_no_list_holds_and_what_is_no_message(tmp_path: Path) -> None:
    taken_back = [*BEGUN[:2], said("user", "<user_query>no</user_query>")]
    lost = (b'{"role": ', b'{"other": 1}', b"\x0a\x05abc", b"\xff" * 20, b"")
    told = run("cursor-agent", store(tmp_path, taken_back, WHOLE, lost=lost))
    assert shape(told) == [TOLD]
    assert told.ledger.drops["read/not_listed"] == 1
    assert told.ledger.drops["read/no_message"] == 1


def test_how_calls_end_and_what_a_prompt_holds(tmp_path: Path) -> None:
    image = {"type": "image", "image": "iVBORw0KGgo=", "mimeType": "image/png"}
    told = run(
        "cursor-agent",
        store(
            tmp_path,
            [
                said("user", [text("plain"), image, {"type": "audio"}]),
                said("assistant", [called("1"), called("2"), called("3")]),
                back("1", "no", isError=True),
                back("2", "", output={"rejected": {"reason": "x"}}),
                said(
                    "tool",
                    [
                        {
                            "type": "tool-result",
                            "toolCallId": "3",
                            "experimental_content": [text("seen"), image],
                        }
                    ],
                ),
                back("gone", "x"),
                said("assistant", [{"type": "redacted-reasoning", "data": "x"}]),
                said("narrator", "x"),
            ],
        ),
    )
    (session,) = told.sessions
    prompt, answer, results = session.messages
    assert (prompt.kind, len(prompt.parts), len(answer.parts)) == ("prompt", 2, 3)
    ends = [(r.content, r.status, len(r.images)) for r in results.parts]
    assert ends == [("no", "error", 0), ("", "rejected", 0), ("seen", "ok", 1)]
    for reason in ("result_without_call", "thinking_signature_only", "unknown_role:narrator"):
        assert told.ledger.drops[f"read/{reason}"] == 1
    assert told.ledger.repairs["unknown_part"] == 1


def test_a_copy_of_the_store(tmp_path: Path) -> None:
    paths = [str(store(tmp_path / name, BEGUN, WHOLE)) for name in ("a", "b")]
    told = read("cursor-agent", tmp_path, paths)
    assert told.unbalanced() == {}
    assert shape(told) == [TOLD]
    assert told.ledger.drops["link/resumed_copy"] == 6


def test_a_store_without_lists(tmp_path: Path) -> None:
    call = {
        "type": "tool-call",
        "toolCallId": "ls",
        "toolName": "Shell",
        "input": {"command": "ls"},
    }
    end = {"type": "tool-result", "toolCallId": "ls", "output": {"type": "text", "value": "a"}}
    rows = [said("user", "<user_query>go</user_query>"), said("assistant", [call])]
    rows.append(said("tool", [end]))
    path = store(tmp_path, lost=tuple(json.dumps(row).encode() for row in rows), agentId="")
    told = run("cursor-agent", path)
    assert shape(told) == [
        [("prompt", "go"), ("answer", ("Shell", {"command": "ls"})), ("results", ("a", "ok"))]
    ]
    assert told.sessions[0].session_id == "chat"


def test_another_database_is_no_log(tmp_path: Path) -> None:
    path = store(tmp_path, lost=(b'{"other": 1}',), agentId="")
    assert not registry.source("cursor-agent").recognise(str(path), path.read_bytes())


@pytest.mark.parametrize("odd", [42, [], {"type": "text"}, None], ids=str)
def test_a_wrong_type_in_any_field(tmp_path: Path, odd: Any) -> None:
    whole = [*WHOLE, said("user", [text("so")], isSummary=True), back("x", "y", output={})]
    for nth, at in enumerate(places(whole)):
        if len(at) == 1:
            continue
        listed = put(whole, at, odd)
        told = read("cursor-agent", tmp_path, [str(store(tmp_path / str(nth), BEGUN, listed))])
        assert told.unbalanced() == {}, at
    for name in ("agentId", "latestRootBlobId", "name", "createdAt", "lastUsedModel"):
        path = str(store(tmp_path / name, WHOLE, **{name: odd}))
        assert read("cursor-agent", tmp_path, [path]).unbalanced() == {}, name
        registry.source("cursor-agent").index(path)


def test_lists_of_many_steps_share_their_names(tmp_path: Path) -> None:
    messages = [said("user" if n % 2 else "assistant", f"m {n}") for n in range(300)]
    path = store(tmp_path, *(messages[:n] for n in range(1, 301)))
    tracemalloc.start()
    try:
        told = read("cursor-agent", tmp_path, [str(path)])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(told.sessions[0].messages) == 300
    assert peak < 4 << 20  # 45,000 names of their own are more


def test_a_query_that_is_never_closed_costs_the_length_of_the_text() -> None:
    def prepare(count: int) -> Callable[[], object]:
        text = "<user_query>x</user_query>" + "<user_query>\n" * count
        return lambda: tagged(_QUERY, "</user_query>", text)

    assert growth(prepare, 500) < 24
