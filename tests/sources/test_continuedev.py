"""Continue: sessions of the editors and of `cn`, as one JSON document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.sources.test_other_agents import run, shape
from tests.support import Reading, read

from sessiontune import registry


def said(role: str, content: Any, **more: Any) -> dict[str, Any]:
    message = {"role": role, "content": content, **more.pop("message", {})}
    return {"message": message, "contextItems": [], **more}


def called(text: str, states: dict[str, tuple[str, str]], **more: Any) -> dict[str, Any]:
    calls = [
        {"id": name, "type": "function", "function": {"name": "Bash", "arguments": '{"c": 1}'}}
        for name in states
    ]
    told = [
        {"toolCallId": name, "status": status, "output": [{"content": output, "name": "Result"}]}
        for name, (status, output) in states.items()
    ]
    usage = {"model": "gpt-5.1", "prompt_tokens": 10, "completion_tokens": 5}
    message = {"toolCalls": calls, "usage": usage}
    return said("assistant", text, message=message, toolCallStates=told, **more)


def session(tmp_path: Path, *history: Any, name: str = "s", **more: Any) -> Path:
    head = {"sessionId": "s", "title": "T", "workspaceDirectory": "file:///w/shop"}
    path = tmp_path / f"{name}.json"
    path.write_text(json.dumps({**head, "history": history, **more}, indent=2))
    return path


def reading(tmp_path: Path, *history: Any, **more: Any) -> Reading:
    return run("continue", session(tmp_path, *history, **more))


def test_a_session(tmp_path: Path) -> None:
    listed = [{"sessionId": "s", "dateCreated": "1795775086325"}]
    (tmp_path / "sessions.json").write_text(json.dumps(listed))
    file = {"name": "till.py", "description": "till.py", "content": "print(1)"}
    states = {"c1": ("done", "till.py"), "c2": ("errored", "no"), "c3": ("canceled", "")}
    told = reading(
        tmp_path,
        said("system", "You are helpful."),
        said("user", "list it", contextItems=[file]),
        called("I list.", {**states, "c4": ("calling", "")}, reasoning={"text": "hm"}),
        said(
            "assistant", [{"type": "text", "text": "One file."}], promptLogs=[{"modelTitle": "m"}]
        ),
    )
    bash = ("Bash", {"c": 1})
    results = [("till.py", "ok"), ("no", "error"), ("", "rejected"), ("", "missing")]
    assert shape(told) == [
        [
            ("context", "print(1)"),
            ("prompt", "list it"),
            ("answer", "hm", "I list.", bash, bash, bash, bash),
            ("results", *results),
            ("answer", "One file."),
        ]
    ]
    (found,) = told.sessions
    assert (found.session_id, found.project, found.cwd) == ("s", "shop", "/w/shop")
    answers = [m for m in found.messages if m.kind == "answer"]
    assert [(m.model, m.vendor) for m in answers] == [("gpt-5.1", "openai"), ("m", "unknown")]
    assert answers[0].usage is not None
    assert told.ledger.drops["read/system"] == 1


def test_reasoning_and_results_that_stand_alone(tmp_path: Path) -> None:
    call = {"id": "c1", "function": {"name": "Bash", "arguments": {"c": 1}}}
    told = reading(
        tmp_path,
        said("user", "go"),
        said("thinking", "hm"),
        said("assistant", "I go.", message={"toolCalls": [call]}),
        said("tool", "gone", message={"toolCallId": "c1"}),
        said("assistant", "Done."),
        said("assistant", ""),
        said("brand_new", "x"),
        42,
        chatModelTitle="Claude Sonnet 4.5",
    )
    assert shape(told) == [
        [
            ("prompt", "go"),
            ("answer", "hm", "I go.", ("Bash", {"c": 1})),
            ("results", ("gone", "ok")),
            ("answer", "Done."),
        ]
    ]
    assert told.sessions[0].messages[1].model == "Claude Sonnet 4.5"
    for reason in ("empty", "unknown_role:brand_new", "no_message"):
        assert told.ledger.drops[f"read/{reason}"] == 1


def test_a_summary_begins_an_epoch(tmp_path: Path) -> None:
    told = reading(
        tmp_path,
        said("assistant", "so far", conversationSummary="so far"),
        said("user", "on"),
        said("assistant", "Well.", conversationSummary="and on"),
        said("user", "again"),
    )
    assert shape(told) == [
        [("summary", "so far"), ("prompt", "on"), ("answer", "Well.")],
        [("summary", "and on"), ("prompt", "again")],
    ]


def test_a_copy_of_a_session(tmp_path: Path) -> None:
    paths = [str(session(tmp_path, said("user", "go"), name=name)) for name in ("s", "t")]
    told = read("continue", tmp_path, paths)
    assert told.unbalanced() == {}
    assert len({s.key for s in told.sessions}) == len(told.sessions)
    assert registry.source("continue").index(paths[1]).links == ("session:s", "session:t")
    listed = tmp_path / "sessions.json"
    listed.write_text('[{"sessionId": "s", "workspaceDirectory": "/w"}]')
    assert not registry.source("continue").recognise(str(listed), listed.read_bytes())
