"""Files of other programs: named, and never taken for a log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sessiontune import registry
from sessiontune.errors import SourceError
from sessiontune.pipeline.inputs import find_roots
from sessiontune.sources.foreign import advice, foreign, named, unread

SAID = {"author": {"role": "user"}, "content": {"content_type": "text", "parts": ["hello"]}}
TURN = {"id": "b", "message": SAID, "parent": "a", "children": []}
#: What `cursor-agent --print --output-format stream-json` prints, without a call of a tool.
CURSOR = [
    {
        "type": "system",
        "subtype": "init",
        "apiKeySource": "login",
        "cwd": "/w/shop",
        "session_id": "s",
        "model": "Auto",
        "permissionMode": "default",
    },
    {"type": "user", "message": {"role": "user", "content": [SAID]}, "session_id": "s"},
    {"type": "assistant", "message": {"role": "assistant", "content": []}, "session_id": "s"},
    {"type": "result", "subtype": "success", "is_error": False, "session_id": "s"},
]
FILES: dict[str, tuple[str, Any]] = {
    "chatgpt/conversations.json": (
        "ChatGPT",
        [{"title": "T", "create_time": 1.5, "mapping": {"b": TURN}, "current_node": "b"}],
    ),
    "claude.ai/conversations.json": (
        "claude.ai",
        [
            {
                "uuid": "x",
                "name": "T",
                "account": {"uuid": "y"},
                "chat_messages": [{"uuid": "m", "text": "hi", "sender": "human"}],
            }
        ],
    ),
    "agent-transcripts/a.jsonl": (
        "a transcript of Cursor",
        {"role": "user", "message": {"content": [{"type": "text", "text": "hi"}]}},
    ),
    "tmp/x/checkpoint-a.json": (
        "Gemini CLI",
        [{"role": "user", "parts": [{"text": "hi"}]}, {"role": "model", "parts": []}],
    ),
    "00/7dbb86f787/0/transcript.jsonl": (
        "a transcript that Entire made of a log",
        {"v": 1, "agent": "claude-code", "cli_version": "0.5", "type": "user", "content": []},
    ),
    **dict.fromkeys(
        ("cursor.jsonl", "cursor.json", "cursor.log"), ("printed output of Cursor's agent", CURSOR)
    ),
    "out.jsonl": (
        "Gemini CLI",
        {"type": "init", "timestamp": "2026", "session_id": "s", "model": "gemini-2.5-pro"},
    ),
}


def make(root: Path, name: str) -> tuple[str, str]:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if "checkpoint" in name:  # beside chats it is a copy of one
        (path.parent / "chats").mkdir()
        (path.parent / "chats" / "session-1.jsonl").write_text("")
    agent, held = FILES[name]
    rows = held if held is CURSOR else [held]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return agent, str(path)


@pytest.mark.parametrize("name", FILES)
def test_named_and_taken_for_no_log(tmp_path: Path, name: str) -> None:
    agent, path = make(tmp_path, name)
    assert foreign(path).split(" (")[0].endswith(agent)
    head = Path(path).read_bytes()[: 1 << 16]
    assert [s for s in registry.source_names() if registry.source(s).recognise(path, head)] == []


def test_agents_of_a_home_that_are_not_read(tmp_path: Path) -> None:
    assert unread(str(tmp_path)) == ""
    for place in (".cursor/projects", ".grok/sessions"):
        (tmp_path / place).mkdir(parents=True)
    told = "There are logs of Cursor (~/.cursor/projects), Grok (~/.grok/sessions): "
    assert unread(str(tmp_path)) == told + "those agents are not read."
    with pytest.raises(SourceError) as error:
        find_roots([], registry.source_names(), {}, str(tmp_path))
    assert error.value.hint.startswith(f"{told}those agents are not read. Give the folder that ")


def test_an_unknown_file_has_no_name(tmp_path: Path) -> None:
    for name, text in (("package.json", '{"name": "x", "id": 7}'), ("a.jsonl", '{"id":"T-1"}\n')):
        (tmp_path / name).write_text(text)
        assert foreign(str(tmp_path / name)) == ""
    assert foreign(str(tmp_path / "none")) == ""
    assert advice([]).startswith("Give the folder")
    unknown = str(tmp_path / "a.jsonl")
    assert advice([unknown]).startswith(f"{unknown} is no log of an agent that is read. Give")
    assert "that is read, nor are 2 more. " in advice([unknown] * 3)


@pytest.mark.parametrize("coding", ["utf-16-le", "utf-16-be"])
def test_printed_output_that_powershell_wrote_is_named(tmp_path: Path, coding: str) -> None:
    line = json.dumps({"type": "user", "session_id": "s", "message": {"content": "go"}})
    path = tmp_path / "out.jsonl"
    path.write_bytes(f"\ufeff{line}\r\n".encode(coding))
    assert foreign(str(path)).startswith("text in UTF-16, as PowerShell's > writes it")


def test_what_is_said_where_no_log_is(tmp_path: Path) -> None:
    _, path = make(tmp_path, "chatgpt/conversations.json")
    assert named([path]) == {
        "an export of ChatGPT (chats of a website, not the log of a coding agent)": [path]
    }
    assert advice([path]).startswith(f"{path} is an export of ChatGPT")
