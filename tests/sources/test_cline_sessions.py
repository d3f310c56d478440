"""Cline from version 3 on: documents of sessions and of their sub-agents."""

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

IMAGE = {"type": "image", "data": "eA==", "mediaType": "image/png"}
AT = 1795788956510


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def user(*content: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(content), "ts": AT}


def agent(*content: Any) -> dict[str, Any]:
    told = {"modelInfo": {"id": "claude-sonnet-4-5"}, "metrics": {"inputTokens": 7}}
    return {"role": "assistant", "content": list(content), "ts": AT + 1, **told}


def call(name: str, **given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": name, "name": "run", "input": given}


def back(name: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": name, "content": content, **more}


def keep(root: Path, *messages: Any, stem: str = "s", prefix: str = "m", **about: Any) -> Path:
    folder = root / "s"
    folder.mkdir(parents=True, exist_ok=True)
    listed = [{"id": f"{prefix}{n}", **m} for n, m in enumerate(messages)]
    told = {"version": 1, "agent": "lead", "sessionId": "s", "messages": listed}
    (folder / f"{stem}.messages.json").write_text(json.dumps({**told, "system_prompt": "You"}))
    beside = {"session_id": "s", "cwd": "/w/shop", "metadata": {"title": "T"}, **about}
    (folder / "s.json").write_text(json.dumps(beside))
    return folder / f"{stem}.messages.json"


MAIN = [
    user(text('<user_input mode="act">list it</user_input>')),
    agent({"type": "thinking", "thinking": "hm"}, text("I list."), call("a"), call("b")),
    user(back("a", [{"query": "ls", "result": "till.py", "success": True}])),
    user(back("b", [{"query": "x", "result": "no", "success": False}])),
    agent(call("c", task="look")),
    user(back("c", '{"text": "Seen."}')),
    agent(text("One file.")),
]
TOLD = [
    ("prompt", "list it"),
    ("answer", "hm", "I list.", ("run", {}), ("run", {})),
    ("results", ("till.py", "ok"), ("no", "error")),
    ("answer", ("run", {"task": "look"})),
    ("results", ('{"text": "Seen."}', "ok")),
    ("answer", "One file."),
]


def test_a_session_and_its_sub_agent(tmp_path: Path) -> None:
    seen = [user(text("look")), agent(text("Seen."))]
    paths = [keep(tmp_path, *MAIN), keep(tmp_path, *seen, stem="agent_1", prefix="a")]
    told = read("cline", tmp_path, [str(p) for p in paths])
    assert told.unbalanced() == {}
    assert shape(told) == [TOLD, [("task", "look"), ("answer", "Seen.")]]
    main, sub = told.sessions
    assert (main.session_id, main.project, main.title) == ("s", "shop", "T")
    assert main.messages[1].vendor == "anthropic"
    assert (sub.session_id, sub.agent_id) == ("s", "agent_1")
    assert (sub.parent_session, sub.parent_call) == (main.key, "c")
    index = registry.source("cline").index(str(paths[1]))
    assert (index.links, index.names) == (("session:s",), ("/w/shop",))


def test_messages_with_equal_ids_and_other_words_are_no_copies(tmp_path: Path) -> None:
    seen = [user(text("look")), agent(text("Seen."))]
    paths = [keep(tmp_path, *MAIN), keep(tmp_path, *seen, stem="agent_1")]
    told = read("cline", tmp_path, [str(p) for p in paths])
    assert told.unbalanced() == {}
    assert shape(told) == [TOLD, [("task", "look"), ("answer", "Seen.")]]


def test_a_sub_agent_that_was_shown_more_than_its_task(tmp_path: Path) -> None:
    seen = [user(text("<user_input>look</user_input>\n<notes>x</notes>")), agent(text("Seen."))]
    paths = [keep(tmp_path, *MAIN), keep(tmp_path, *seen, stem="agent_1")]
    main, sub = read("cline", tmp_path, [str(p) for p in paths]).sessions
    assert (sub.parent_session, sub.parent_call) == (main.key, "c")


def test_what_a_message_holds(tmp_path: Path) -> None:
    files = '<file_content path="a.py">\nx = 1\n</file_content>'
    told = run(
        "cline",
        keep(
            tmp_path,
            user(text(f"<user_input>fix it</user_input>\n{files}"), IMAGE, {"type": "sound"}),
            agent(call("a"), {"type": "sound"}),
            user(back("a", [{"result": [text("seen"), IMAGE]}], is_error=True)),
            user(text("<environment_details>x</environment_details>")),
            agent({"type": "redacted_thinking"}),
            user(back("gone", "x")),
            {"role": "narrator"},
            user(text("plain")),
            agent(text("Done.")),
            status="cancelled",
        ),
    )
    (session,) = told.sessions
    assert [m.kind for m in session.messages] == [
        *("context", "prompt", "answer", "results", "context", "prompt", "answer")
    ]
    assert session.messages[0].parts[0].text == files
    assert isinstance(session.messages[1].parts[1], Image)
    end = session.messages[3].parts[0]
    assert (end.content, end.status, len(end.images)) == ("seen", "error", 1)
    assert "interrupted" in session.messages[-1].flags
    assert told.ledger.repairs["unknown_part"] == 2
    for reason in ("thinking_signature_only", "result_without_call", "unknown_role:narrator"):
        assert told.ledger.drops[f"read/{reason}"] == 1


def test_a_copy_of_a_session(tmp_path: Path) -> None:
    more = [user(text("on")), agent(text("Done."))]
    paths = [keep(tmp_path / "a", *MAIN, *more), keep(tmp_path / "b", *MAIN)]
    told = read("cline", tmp_path, [str(p) for p in paths])
    assert told.unbalanced() == {}
    assert shape(told) == [[*TOLD, ("prompt", "on"), ("answer", "Done.")]]
    assert told.ledger.drops["link/resumed_copy"] == 7


@pytest.mark.parametrize("odd", [42, [], {"type": "text"}, None], ids=str)
def test_a_wrong_type_in_any_field(tmp_path: Path, odd: Any) -> None:
    path = keep(tmp_path, *MAIN, user(IMAGE, back("a", [{"result": [text("x")]}])))
    full = json.loads(path.read_text())
    for at in places(full):
        path.write_text(json.dumps(put(full, at, odd)))
        assert read("cline", tmp_path, [str(path)]).unbalanced() == {}, at
        registry.source("cline").index(str(path))


def test_translations_are_no_session(tmp_path: Path) -> None:
    path = tmp_path / "en.messages.json"
    path.write_text(json.dumps({"version": 1, "messages": [{"id": "greeting", "text": "Hi"}]}))
    assert not registry.source("cline").recognise(str(path), path.read_bytes())
    log = keep(tmp_path, *MAIN)
    assert registry.source("cline").recognise(str(log), log.read_bytes())
