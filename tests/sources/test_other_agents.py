"""The smaller sources: Copilot CLI, Pi, Gemini CLI; the same laws, and their own oddities."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import corpus
from tests.support import Reading, read

from sessiontune import registry
from sessiontune.ledger import Ledger
from sessiontune.model import Text, Thinking, ToolCall, ToolDef, ToolResult
from sessiontune.ports import ReadOptions


def write(folder: Path, name: str, rows: list[Any]) -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run(source: str, path: Path) -> Reading:
    assert registry.source(source).recognise(str(path), path.read_bytes()[:65536])
    reading = read(source, path.parent, [str(path)])
    assert reading.unbalanced() == {}
    return reading


def shape(reading: Reading) -> list[list[tuple[str, Any]]]:
    def plain(part: Any) -> Any:
        if isinstance(part, Text | Thinking):
            return part.text
        if isinstance(part, ToolCall):
            return (part.name, part.arguments)
        return (part.content, part.status)

    return [[(m.kind, *map(plain, m.parts)) for m in s.messages] for s in reading.sessions]


COPILOT = [
    {
        "type": "session.start",
        "id": "e0",
        "data": {"sessionId": "k", "context": {"cwd": "/w/shop"}},
    },
    {"type": "session.model_change", "id": "e1", "data": {"newModel": "gpt-5.3-codex"}},
    {
        "type": "user.message",
        "id": "e2",
        "data": {"content": "look", "transformedContent": "<reminder>x</reminder>look"},
    },
    {
        "type": "assistant.message",
        "id": "e3",
        "data": {
            "content": "",
            "reasoningBlocks": {"blocks": [{"type": "thinking", "thinking": "hm"}]},
            "toolRequests": [{"toolCallId": "c1", "name": "bash", "arguments": {"command": "ls"}}],
        },
    },
    {"type": "tool.execution_start", "id": "e4", "data": {"toolCallId": "c1"}},
    {
        "type": "tool.execution_complete",
        "id": "e5",
        "data": {"toolCallId": "c1", "success": False, "error": {"message": "no such folder"}},
    },
    {"type": "assistant.message", "id": "e6", "data": {"content": "Nothing.", "outputTokens": 3}},
    {"type": "brand_new", "id": "e7", "data": {}},
]


def test_copilot(tmp_path: Path) -> None:
    reading = run("copilot", write(tmp_path, "events.jsonl", COPILOT))
    assert shape(reading) == [
        [
            ("prompt", "look"),
            ("answer", "hm", ("bash", {"command": "ls"})),
            ("results", ("no such folder", "error")),
            ("answer", "Nothing."),
        ]
    ]
    (session,) = reading.sessions
    assert (session.session_id, session.project) == ("k", "shop")
    assert [m.vendor for m in session.messages if m.kind == "answer"] == ["openai", "openai"]
    assert reading.ledger.drops["read/unknown_type:brand_new"] == 1


def pi(role: str, name: str, parent: str | None, content: Any, **more: Any) -> dict[str, Any]:
    message = {"role": role, "content": content, "model": "claude-opus-4-5", **more}
    return {"type": "message", "id": name, "parentId": parent, "message": message}


def text(words: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": words}]


def test_pi_branches_and_compactions(tmp_path: Path) -> None:
    call = [{"type": "toolCall", "id": "c1", "name": "read", "arguments": {"path": "a"}}]
    rows = [
        {"type": "session", "version": 3, "id": "p", "cwd": "/w/shop"},
        pi("user", "1", None, text("one")),
        pi("assistant", "2", "1", call),
        pi("toolResult", "3", "2", text("body"), toolCallId="c1", toolName="read"),
        pi("assistant", "4", "3", text("read it")),
        {"type": "model_change", "id": "5", "parentId": "4"},
        pi("user", "6", "5", text("two")),
        pi("user", "7", "4", text("other")),
        {"type": "compaction", "id": "8", "parentId": "7", "summary": "so far"},
        pi("user", "9", "8", text("on")),
    ]
    reading = run("pi", write(tmp_path, "p.jsonl", rows))
    assert shape(reading) == [
        [
            ("prompt", "one"),
            ("answer", ("read", {"path": "a"})),
            ("results", ("body", "ok")),
            ("answer", "read it"),
            ("prompt", "two"),
        ],
        [("prompt", "other")],
        [("summary", "so far"), ("prompt", "on")],
    ]
    main, branch, epoch = reading.sessions
    assert branch.forked_from is not None
    assert (branch.forked_from.session, branch.forked_from.message) == (main.key, "p#4")
    assert (epoch.thread, epoch.epoch) == (branch.thread, 1)


def gemini(name: str, kind: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"id": name, "type": kind, "content": content, **more}


CHAT = [
    gemini("1", "user", [{"text": "write it"}]),
    gemini(
        "2",
        "gemini",
        "Done.",
        model="gemini-2.5-flash",
        thoughts=[{"subject": "Plan", "description": "write"}],
        toolCalls=[
            {
                "id": "c1",
                "name": "write_file",
                "args": {"p": 1},
                "status": "success",
                "result": [{"functionResponse": {"response": {"output": "written"}}}],
            }
        ],
    ),
    gemini("3", "warning", "hooks failed"),
]
EXPECTED = [
    [
        ("prompt", "write it"),
        ("answer", "**Plan**\nwrite", "Done.", ("write_file", {"p": 1})),
        ("results", ("written", "ok")),
    ]
]


def test_gemini_as_a_document(tmp_path: Path) -> None:
    document = {"sessionId": "g", "projectHash": "h", "startTime": "t", "messages": CHAT}
    path = tmp_path / "session-1.json"
    path.write_text(json.dumps(document, indent=2))
    reading = run("gemini", path)
    assert shape(reading) == EXPECTED
    assert reading.ledger.records[str(path)] == 3
    assert registry.source("gemini").index(str(path)).links == ("session:g",)


def test_gemini_as_lines_that_grow(tmp_path: Path) -> None:
    header = {"sessionId": "g", "projectHash": "h", "startTime": "t", "kind": "main"}
    young = gemini("2", "gemini", "Do", model="gemini-2.5-flash")
    rows = [header, CHAT[0], young, {"$set": {"lastUpdated": "x"}}, CHAT[1], CHAT[2]]
    reading = run("gemini", write(tmp_path, "session-1.jsonl", rows))
    assert shape(reading) == EXPECTED
    assert reading.ledger.drops["read/grown"] == 1


def test_a_broken_document_is_one_fault(tmp_path: Path) -> None:
    path = tmp_path / "session-1.json"
    path.write_text('{\n "sessionId": "g",\n "projectHash": "h",\n "messages": [')
    ledger = Ledger()
    keyed = str
    assert (
        list(registry.source("gemini").sessions((str(path),), ReadOptions(), ledger, keyed)) == []
    )
    assert ledger.records == {str(path): 1}
    assert [(f.file, f.line) for f in ledger.faults] == [(str(path), 1)]


@pytest.mark.parametrize(
    ("source", "folder"),
    [
        ("copilot", "copilot-cli"),
        ("pi", "pi"),
        ("gemini", "gemini-cli"),
        ("swe-agent", "swe-agent"),
    ],
)
def test_every_real_log_is_accounted_for(source: str, folder: str) -> None:
    root = corpus()
    if root is None or not (root / folder).is_dir():
        pytest.skip(f"no real {source} logs")
    adapter = registry.source(source)
    files = []
    for place, _, names in os.walk(root / folder):
        for name in names:
            path = os.path.join(place, name)
            with open(path, "rb") as log:
                if adapter.recognise(path, log.read(65536)):
                    files.append(path)
    assert files
    reading = read(source, root, files)
    assert reading.unbalanced() == {}
    for session in reading.sessions:
        for at, message in enumerate(session.messages):
            calls = [p.id for p in message.parts if isinstance(p, ToolCall)]
            if calls:
                answered = session.messages[at + 1].parts
                assert [p.call_id for p in answered if isinstance(p, ToolResult)] == calls


@pytest.mark.parametrize("source", ["copilot", "pi", "gemini", "codex"])
def test_odd_values_never_stop_a_reading(tmp_path: Path, source: str) -> None:
    odd: list[Any] = [None, 1, 1.5, True, "x", [], {}, [None], {"a": {}}, [[1]]]
    bases: dict[str, list[Any]] = {
        "copilot": COPILOT,
        "pi": [pi("assistant", "1", None, text("x"), usage={}, toolCallId="c")],
        "gemini": [{"sessionId": "g", "projectHash": "h"}, *CHAT],
        "codex": [
            {"type": kind, "payload": {"type": t, "role": "user", "call_id": "c", "id": "i"}}
            for kind in ("response_item", "session_meta", "compacted", "event_msg", "turn_context")
            for t in (
                "message",
                "function_call",
                "function_call_output",
                "reasoning",
                "token_count",
            )
        ],
    }
    rows = list(bases[source])
    inner = {"copilot": "data", "pi": "message", "codex": "payload"}.get(source)
    keys = ["content", "toolRequests", "result", "arguments", "role", "usage", "output", "summary"]
    keys += ["source", "git", "replacement_history", "message", "info", "toolCalls", "thoughts"]
    for base in bases[source]:
        for value in odd:
            rows.append({**base, **{k: value for k in base if k != "type"}})
            rows.append({**base, "type": value})
            for key in keys:
                held = base.get(inner) if inner else base
                changed = {**(held if isinstance(held, dict) else {}), key: value}
                rows.append({**base, inner: changed} if inner else changed)
    path = write(tmp_path, "log.jsonl", rows)
    reading = read(source, tmp_path, [str(path)])
    assert reading.unbalanced() == {}
    assert sum(reading.ledger.records.values()) == len(rows)


def opencode(role: str, name: str, *parts: Any, **more: Any) -> dict[str, Any]:
    return {
        "info": {"id": name, "role": role, "time": {"created": 1765233665292}, **more},
        "parts": [*parts],
    }


def test_opencode_parent_and_child(tmp_path: Path) -> None:
    state = {"status": "completed", "input": {"prompt": "look"}, "output": "seen"}
    state["metadata"] = {"sessionId": "ses_2"}
    task = {"type": "tool", "callID": "c1", "tool": "task", "state": state}
    failed = {"type": "tool", "callID": "c2", "tool": "bash"}
    failed["state"] = {"status": "error", "input": {"command": "x"}, "error": "not found"}
    words = {"type": "text", "text": "go"}
    file = {"type": "text", "text": "<file>a</file>", "synthetic": True}
    parent = {
        "info": {"id": "ses_1", "directory": "/w/shop", "title": "T"},
        "messages": [
            opencode("user", "m1", words, file),
            opencode(
                "assistant",
                "m2",
                {"type": "reasoning", "text": "hm"},
                task,
                failed,
                modelID="glm-4.7",
            ),
            opencode("assistant", "m3", error={"name": "ApiError"}),
        ],
    }
    child = {
        "info": {"id": "ses_2", "parentID": "ses_1", "directory": "/w/shop"},
        "messages": [opencode("user", "n1", {"type": "text", "text": "look"})],
    }
    files = []
    for name, document in (("a.json", child), ("b.json", parent)):
        path = tmp_path / name
        path.write_text(json.dumps(document, indent=2))
        assert registry.source("opencode").recognise(str(path), path.read_bytes())
        files.append(str(path))
    reading = read("opencode", tmp_path, files)
    assert reading.unbalanced() == {}
    assert shape(reading) == [
        [
            ("context", "<file>a</file>"),
            ("prompt", "go"),
            ("answer", "hm", ("task", {"prompt": "look"}), ("bash", {"command": "x"})),
            ("results", ("seen", "ok"), ("not found", "error")),
        ],
        [("task", "look")],
    ]
    main, agent = reading.sessions
    assert (agent.agent_id, agent.parent_session, agent.parent_call) == ("ses_2", main.key, "c1")
    assert main.messages[2].vendor == "zhipu"
    assert main.messages[2].flags == ()
    assert reading.ledger.drops["read/api_error"] == 1


def test_aider_headings_in_an_answer_are_no_prompts(tmp_path: Path) -> None:
    path = tmp_path / "shop" / ".aider.chat.history.md"
    path.parent.mkdir()
    path.write_text(
        "\n# aider chat started at 2026-06-09 14:01:00\n\n"
        "> Main model: gpt-4o with diff edit format\n\n"
        "#### add a retry  \n#### to the hook  \n\n"
        "I will.\n\n#### Step 1\nWrap it.\n\n> Applied edit to a.py\n\n"
        "#### /commit\n\n> Commit 1234\n\n#### thanks\n\nGladly.\n\n"
        "# aider chat started at 2026-06-10 09:00:00\n\n#### next\n"
    )
    reading = run("aider", path)
    assert shape(reading) == [
        [
            ("prompt", "add a retry\nto the hook"),
            ("answer", "I will.\n\n#### Step 1\nWrap it."),
            ("prompt", "thanks"),
            ("answer", "Gladly."),
        ],
        [("prompt", "next")],
    ]
    first, second = reading.sessions
    assert (first.project, first.messages[1].model) == ("shop", "gpt-4o")
    assert first.lineage != second.lineage
    assert reading.ledger.drops["read/local_command"] == 1


def test_swe_agent_old_and_new_runs(tmp_path: Path) -> None:
    old = [
        {"role": "system", "content": "SETTING", "agent": "primary"},
        {"role": "user", "content": "A demonstration.", "is_demo": True},
        {"role": "user", "content": "ISSUE: it fails."},
        {
            "role": "assistant",
            "content": "I look.\n```\nls -F\n```",
            "thought": "I look.\n",
            "action": "ls -F\n",
        },
        {"role": "user", "content": "main.py\nbash-$"},
        {"role": "assistant", "content": "Done.", "thought": "Done.", "action": ""},
    ]
    path = tmp_path / "run" / "shop-1.traj"
    path.parent.mkdir()
    path.write_text(json.dumps({"environment": "main", "history": old, "trajectory": []}))
    assert shape(run("swe-agent", path)) == [
        [
            ("context", "SETTING"),
            ("context", "A demonstration."),
            ("prompt", "ISSUE: it fails."),
            ("answer", "I look.\n", ("bash", {"command": "ls -F"})),
            ("results", ("main.py\nbash-$", "ok")),
            ("answer", "Done."),
        ]
    ]
    function = {"name": "open", "arguments": '{"path":"a.py"}'}
    new = [
        {"role": "user", "content": [{"type": "text", "text": "ISSUE"}]},
        {
            "role": "assistant",
            "content": "I open it.",
            "action": "open a.py",
            "tool_calls": [{"function": function, "id": "c1", "type": "function"}],
        },
        {"role": "tool", "content": "line 1", "tool_call_ids": ["c1"]},
    ]
    config = json.dumps({"agent": {"model": {"name": "claude-sonnet-4-20250514"}}})
    path.write_text(json.dumps({"history": new, "replay_config": config}))
    reading = run("swe-agent", path)
    assert shape(reading) == [
        [
            ("prompt", "ISSUE"),
            ("answer", "I open it.", ("open", {"path": "a.py"})),
            ("results", ("line 1", "ok")),
        ]
    ]
    assert reading.sessions[0].messages[1].vendor == "anthropic"


def test_pi_tells_the_definitions_of_its_tools(tmp_path: Path) -> None:
    call = [{"type": "toolCall", "id": "c1", "name": "read", "arguments": {"path": "a"}}]
    listed = [
        {"name": "read", "description": "Read a file.", "parameters": {"type": "object"}},
        {"name": "write", "parameters": {}},
        {"description": "nameless"},
        7,
    ]
    system = {"role": "system", "content": "", "sections": {"cwd": "/w"}, "toolsAdded": listed}
    rows = [
        {"type": "session", "version": 3, "id": "p", "cwd": "/w/shop"},
        {"type": "message", "id": "0", "parentId": None, "message": system},
        pi("user", "1", "0", text("one")),
        pi("assistant", "2", "1", call),
        {"type": "context_edit", "id": "3", "parentId": "2", "targetId": "1", "replacement": None},
        {"type": "usage", "id": "4", "parentId": "3", "kind": "cache_warm"},
        pi("assistant", "5", "4", text("done")),
    ]
    reading = run("pi", write(tmp_path, "p.jsonl", rows))
    (session,) = reading.sessions
    assert session.tools == (ToolDef("read", "Read a file.", {"type": "object"}),)
    assert [m.kind for m in session.messages] == ["prompt", "answer", "results", "answer"]
    for reason in ("system", "context_edit", "usage"):
        assert reading.ledger.drops[f"read/{reason}"] == 1


def test_pi_entries_of_one_id(tmp_path: Path) -> None:
    """Written twice, as by two windows, or another entry that got the same id."""
    rows = [pi("user", "1", None, text("one")), pi("assistant", "2", "1", text("first"))]
    twice = [{**row, "timestamp": f"2026-01-01T00:00:0{n}Z"} for n, row in enumerate(rows)]
    other = {**pi("user", "2", "2", text("two")), "timestamp": "2026-01-01T00:00:09Z"}
    rows = [{"type": "session", "id": "s", "version": 3}, *twice, *twice, other]
    rows.append(pi("assistant", "3", "2", text("second")))
    reading = run("pi", write(tmp_path, "p.jsonl", rows))
    assert shape(reading) == [
        [("prompt", "one"), ("answer", "first"), ("prompt", "two"), ("answer", "second")]
    ]
    assert [m.id for m in reading.sessions[0].messages] == ["s#1", "s#2", "s#2#6", "s#3"]
    assert reading.ledger.drops["link/repeated_record"] == 2


def test_pi_forks_of_a_session_that_has_a_name(tmp_path: Path) -> None:
    shared = [pi("user", "1", None, text("one")), pi("assistant", "2", "1", text("first"))]
    stamped = [{**row, "timestamp": "2026-03-01T10:00:00.000Z"} for row in shared]
    head = {"type": "session", "version": 3, "id": "till", "cwd": "/w/shop"}
    child = {**head, "id": "other", "parentSession": "/x/2026-03-01T10-00-00-000Z_till.jsonl"}
    files = [
        write(tmp_path, "b.jsonl", [head, *stamped]),
        write(tmp_path, "a.jsonl", [child, *stamped, pi("user", "3", "2", text("two"))]),
    ]
    assert "session:till" in registry.source("pi").index(str(files[1])).links
    reading = read("pi", tmp_path, [str(f) for f in files])
    assert shape(reading) == [[("prompt", "one"), ("answer", "first")], [("prompt", "two")]]
    assert reading.sessions[1].forked_from is not None
    assert reading.ledger.drops["link/resumed_copy"] == 2


def test_pi_branched_sessions_and_what_extensions_say(tmp_path: Path) -> None:
    one, two = (f"{n}0000000-0000-4000-8000-000000000000" for n in (1, 2))

    def entry(kind: str, ident: str, parent: str | None, **more: Any) -> dict[str, Any]:
        at = f"2026-03-01T10:00:0{ident}.000Z"
        return {"type": kind, "id": ident, "parentId": parent, "timestamp": at, **more}

    def said(role: str, name: str, parent: str | None, words: str) -> dict[str, Any]:
        return entry("message", name, parent, message={"role": role, "content": text(words)})

    shared = [said("user", "1", None, "one"), said("assistant", "2", "1", "first")]
    head = {"type": "session", "version": 3, "id": one, "cwd": "/w/shop"}
    first = [head, *shared, said("user", "3", "2", "two")]
    child = {**head, "id": two, "parentSession": f"/x/2026-03-01_{one}.jsonl"}
    second = [
        child,
        *shared,
        entry("branch_summary", "4", "2", summary="It was tried.", fromId="3"),
        entry("custom_message", "5", "4", customType="x", content="Be kind.", display=False),
        entry("session_info", "6", "5", name="Named"),
        said("user", "7", "6", "or so"),
    ]
    files = [write(tmp_path, "b.jsonl", first), write(tmp_path, "a.jsonl", second)]
    assert registry.source("pi").index(str(files[1])).links == (f"session:{one}", f"session:{two}")
    reading = read("pi", tmp_path, [str(f) for f in files])
    assert reading.unbalanced() == {}
    assert shape(reading) == [
        [("prompt", "one"), ("answer", "first"), ("prompt", "two")],
        [("context", "It was tried."), ("context", "Be kind."), ("prompt", "or so")],
    ]
    main, branch = reading.sessions
    assert branch.title == "Named"
    assert branch.forked_from is not None
    assert branch.forked_from.message == main.messages[1].id
    assert reading.ledger.drops["link/resumed_copy"] == 2


def joined_logs() -> dict[str, tuple[list[Any], list[Any]]]:
    """Source -> two sessions of one turn each."""

    def copilot(name: str) -> list[Any]:
        about = {"sessionId": name, "context": {"cwd": f"/w/{name}"}}
        said = {"content": f"say {name}"}
        return [
            {"type": "session.start", "id": f"{name}0", "data": about},
            {"type": "user.message", "id": f"{name}1", "data": {"content": f"ask {name}"}},
            {"type": "assistant.message", "id": f"{name}2", "data": said},
        ]

    def tree(name: str) -> list[Any]:
        head = {"type": "session", "version": 3, "id": name, "cwd": f"/w/{name}"}
        asked = pi("user", f"{name}1", None, text(f"ask {name}"))
        return [head, asked, pi("assistant", f"{name}2", f"{name}1", text(f"say {name}"))]

    def droid(name: str) -> list[Any]:
        head = {"type": "session_start", "id": name, "title": "t", "cwd": f"/w/{name}"}
        _, *rows = tree(name)
        uuid = f"{ord(name):08x}-0000-4000-8000-00000000000"
        ids = {f"{name}1": f"{uuid}1", f"{name}2": f"{uuid}2", None: None}
        rows = [{**row, "id": ids[row["id"]], "parentId": ids[row["parentId"]]} for row in rows]
        return [head, *rows]

    def chat(name: str) -> list[Any]:
        head = {"sessionId": name, "projectHash": "0", "startTime": "2026-03-01T10:00:00.000Z"}
        asked = gemini(f"{name}1", "user", [{"text": f"ask {name}"}])
        return [head, asked, gemini(f"{name}2", "gemini", f"say {name}", model="gemini-3-pro")]

    def qwen(name: str) -> list[Any]:
        rows: list[Any] = []
        for kind, role, word in (("user", "user", "ask"), ("assistant", "model", "say")):
            message = {"role": role, "parts": [{"text": f"{word} {name}"}]}
            row = {"uuid": f"{name}{kind}", "parentUuid": rows[-1]["uuid"] if rows else None}
            about = {"sessionId": name, "cwd": f"/w/{name}"}
            rows.append({**row, **about, "type": kind, "message": message})
        return rows

    makers = {"copilot": copilot, "pi": tree, "droid": droid, "gemini": chat, "qwen": qwen}
    return {name: (make("a"), make("b")) for name, make in makers.items()}


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("source", ["copilot", "pi", "droid", "gemini", "qwen"])
def test_sessions_that_were_put_into_one_file_are_apart(
    tmp_path: Path, source: str, alone: bool
) -> None:
    first, second = joined_logs()[source]
    write(tmp_path, "all.jsonl", [*first, *second])
    if alone:
        write(tmp_path, "b.jsonl", second)
    reading = read(source, tmp_path)
    assert reading.unbalanced() == {}
    names = {(s.session_id, s.project or s.session_id) for s in reading.sessions}
    assert names == {("a", "a"), ("b", "b")}
    told = [message for session in shape(reading) for message in session]
    for name in "ab":
        assert told.count(("prompt", f"ask {name}")) == 1
    (last,) = (s for s in reading.sessions if s.session_id == "b")
    assert (len(last.messages), last.forked_from) == (2, None)
