"""Amp: a document for each thread."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.sources.test_odd_fields import places, put
from tests.sources.test_other_agents import run, shape
from tests.support import read

from sessiontune import registry
from sessiontune.model import Image

NAME = "T-5928a90d-d53b-488f-a829-4e36442142ee"
IMAGE = {"type": "image", "source": {"type": "base64", "data": "eA==", "mediaType": "image/png"}}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def call(name: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": name, "name": "Bash", "input": {"cmd": name}}


def back(name: str, status: str = "done", **run: Any) -> dict[str, Any]:
    return {"type": "tool_result", "toolUseID": name, "run": {"status": status, **run}}


def user(*content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(content), **more}


def agent(*content: Any, state: str = "complete") -> dict[str, Any]:
    usage = {"model": "claude-opus-4-5", "inputTokens": 7, "outputTokens": 3}
    told = {"role": "assistant", "content": list(content), "usage": usage}
    return {**told, "state": {"type": state, "stopReason": "end_turn"}}


def thread(*messages: Any, **more: Any) -> dict[str, Any]:
    trees = [{"displayName": "shop", "uri": "file:///home/u/my%20shop"}]
    head = {"v": 9, "id": NAME, "created": 1768000000000, "title": "T"}
    return {**head, "messages": list(messages), "env": {"initial": {"trees": trees}}, **more}


def keep(root: Path, document: Any, name: str = NAME) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    path = root / f"{name}.json"
    path.write_text(json.dumps(document))
    return path


MAIN = [
    user(text("list it"), meta={"sentAt": 1768000001000}),
    agent({"type": "thinking", "thinking": "hm"}, text("I list."), call("ls"), call("x")),
    user(back("ls", result={"output": "till.py", "exitCode": 0}), back("x", result="done")),
    agent(text("One file.")),
]
TOLD = [
    ("prompt", "list it"),
    ("answer", "hm", "I list.", ("Bash", {"cmd": "ls"}), ("Bash", {"cmd": "x"})),
    ("results", ("till.py", "ok"), ("done", "ok")),
    ("answer", "One file."),
]


def test_a_thread(tmp_path: Path) -> None:
    path = keep(tmp_path, thread(*MAIN))
    told = run("amp", path)
    assert shape(told) == [TOLD]
    (session,) = told.sessions
    assert (session.session_id, session.project, session.title) == (NAME, "my shop", "T")
    assert session.messages[0].at == "2026-01-09T23:06:41.000Z"
    answer = session.messages[1]
    assert (answer.model, answer.vendor) == ("claude-opus-4-5", "anthropic")
    assert answer.usage is not None
    assert (answer.usage.input, answer.usage.output) == (7, 3)
    index = registry.source("amp").index(str(path))
    assert (index.links, index.names) == ((f"session:{NAME}",), ("/home/u/my shop",))
    assert (index.first, index.last) == ("2026-01-09T23:06:40.000Z", "2026-01-09T23:06:41.000Z")
    names = registry.source_names()
    head = path.read_bytes()[:65536]
    assert [s for s in names if registry.source(s).recognise(str(path), head)] == ["amp"]


def test_how_calls_end(tmp_path: Path) -> None:
    calls = [call(name) for name in "1234567"]
    ends = [
        back("1", "error", error={"message": "No file."}),
        back("2", "rejected-by-user", reason="no"),
        back("3", "cancelled"),
        back("4", "in-progress"),
        back("5", result={"output": "", "exitCode": 1}),
        back("6", result=[{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]),
        back("7", result={"files": 2}),
    ]
    told = run("amp", keep(tmp_path, thread(user(text("go")), agent(*calls), user(*ends))))
    results = next(m for m in told.sessions[0].messages if m.kind == "results")
    assert [(r.content, r.status) for r in results.parts] == [
        ("No file.", "error"),
        ("no", "rejected"),
        ("", "interrupted"),
        ("", "missing"),
        ("", "error"),
        ("a\nb", "ok"),
        ('{"files":2}', "ok"),
    ]


def test_what_else_stands_in_a_thread(tmp_path: Path) -> None:
    shell = {"type": "manual_bash_invocation", "args": {"cmd": "ls"}}
    shell |= {"toolRun": {"result": {"output": "a\n"}}}
    summary = {"type": "summary", "summary": {"type": "message", "summary": "so far"}}
    document = thread(
        user(text("see"), IMAGE, {"type": "sound"}),
        agent(text("Seen."), state="cancelled"),
        {"role": "info", "content": [shell]},
        {"role": "info", "content": [{**shell, "hidden": True}]},
        agent({"type": "redacted_thinking"}),
        agent(state="error"),
        {"role": "info", "content": [summary]},
        user(text("on")),
        agent(text("Done.")),
        {"role": "system", "content": "You are"},
        {"role": "narrator"},
        7,
        user(back("gone", result="x")),
    )
    told = run("amp", keep(tmp_path, document))
    first, second = told.sessions
    assert [m.kind for m in first.messages] == ["prompt", "answer", "context"]
    assert isinstance(first.messages[0].parts[1], Image)
    assert "interrupted" in first.messages[1].flags
    assert first.messages[2].parts[0].text == "! ls\na"
    assert [m.kind for m in second.messages] == ["summary", "prompt", "answer"]
    assert told.ledger.repairs["unknown_part"] == 1
    for reason in ("shell_mode", "thinking_signature_only", "api_error", "system", "no_message"):
        assert told.ledger.drops[f"read/{reason}"] == 1
    assert told.ledger.drops["read/result_without_call"] == 1


def test_a_copy_of_a_thread(tmp_path: Path) -> None:
    longer = thread(*MAIN, user(text("on")), agent(text("Done.")))
    paths = [keep(tmp_path / "a", longer), keep(tmp_path / "b", thread(*MAIN))]
    told = read("amp", tmp_path, [str(p) for p in paths])
    assert told.unbalanced() == {}
    assert shape(told) == [[*TOLD, ("prompt", "on"), ("answer", "Done.")]]
    assert told.ledger.drops["link/resumed_copy"] == 4


@pytest.mark.parametrize("odd", [42, [], {"type": "text"}, None], ids=str)
def test_a_wrong_type_in_any_field(tmp_path: Path, odd: Any) -> None:
    shell = {"type": "manual_bash_invocation", "args": {"cmd": "ls"}, "toolRun": {"result": "o"}}
    summary = {"type": "summary", "summary": {"summary": "so far"}}
    info = {"role": "info", "content": [shell, summary]}
    full = thread(*MAIN, user(IMAGE, back("x", "error", error={"message": "m"})), info)
    for at in places(full):
        path = keep(tmp_path, put(full, at, odd))
        assert read("amp", tmp_path, [str(path)]).unbalanced() == {}, at
        registry.source("amp").index(str(path))
