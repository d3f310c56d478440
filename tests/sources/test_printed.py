"""What agents print when a script starts them, kept in a file: Claude Code and Codex."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.sources.test_codex_shapes import told
from tests.support import Reading, read

from sessiontune import registry

RUN = "0ce8853f-aabe-488c-bbc2-a05f10b1cdc3"
THREAD = "019a2d7a-41c4-78b1-b7cc-a45d62a89cd5"


def piece(role: str, block: dict[str, Any], call: str | None = None, **more: Any) -> dict[str, Any]:
    message = {"role": role, "content": [block], **more}
    return {"type": role, "message": message, "parent_tool_use_id": call, "session_id": RUN}


def answer(name: str, block: dict[str, Any], call: str | None = None) -> dict[str, Any]:
    return piece("assistant", block, call, id=f"msg_01AbCdEfGhIjKlMnOpQr{name}", model="claude-x")


def use(call: str, tool: str, **given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call, "name": tool, "input": given}


def result(call: str, text: str) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call, "content": text}


CLAUDE = [
    {"type": "system", "subtype": "init", "cwd": "/ci/shop", "session_id": RUN, "tools": ["Bash"]},
    answer("a", {"type": "text", "text": "I look."}),
    answer("a", use("t1", "Bash", command="ls")),
    piece("user", result("t1", "a.py")),
    answer("b", use("t2", "Task", prompt="find it")),
    piece("user", {"type": "text", "text": "find it"}, "t2"),
    answer("c", {"type": "text", "text": "In a.py"}, "t2"),
    piece("user", result("t2", "In a.py")),
    {"type": "result", "subtype": "success", "result": "Done.", "session_id": RUN},
]
ASKED = [
    [
        ("answer", "I look.", ("Bash", {"command": "ls"})),
        ("results", ("Bash", "a.py", "ok")),
        ("answer", ("Task", {"prompt": "find it"})),
        ("results", ("Task", "In a.py", "ok")),
    ],
    [("task", "find it"), ("answer", "In a.py")],
]


def item(name: str, kind: str, done: bool = True, **more: Any) -> dict[str, Any]:
    state = "item.completed" if done else "item.started"
    return {"type": state, "item": {"id": name, "type": kind, **more}}


CODEX = [
    {"type": "thread.started", "thread_id": THREAD},
    {"type": "turn.started"},
    item("i0", "reasoning", text="**Listing**"),
    item("i1", "command_execution", False, command="ls", status="in_progress"),
    item("i1", "command_execution", command="ls", aggregated_output="a.py\n", exit_code=0),
    item("i2", "file_change", changes=[{"path": "/w/a.py", "kind": "update"}], status="failed"),
    item("i3", "mcp_tool_call", server="docs", tool="find", arguments={"q": "x"}, error=None,
         result={"content": [{"type": "text", "text": "found"}]}),
    item("i4", "todo_list", items=[]),
    item("i5", "agent_message", text="One file."),
    {"type": "turn.completed", "usage": {"input_tokens": 9, "output_tokens": 7}},
]  # fmt: skip
SHOWN = [
    ("answer", "**Listing**", ("shell", {"command": "ls"})),
    ("results", ("shell", "a.py\n", "ok")),
    ("answer", ("apply_patch", {"changes": [{"path": "/w/a.py", "kind": "update"}]})),
    ("results", ("apply_patch", "", "error")),
    ("answer", ("docs__find", {"q": "x"})),
    ("results", ("docs__find", "found", "ok")),
    ("answer", "One file."),
]
OLDER = [
    {"model": "gpt-5", "workdir": "/w/shop", "approval": "never"},
    {"prompt": "list the files"},
    {"id": "0", "msg": {"type": "session_configured", "session_id": THREAD, "model": "gpt-5"}},
    {"id": "0", "msg": {"type": "exec_command_begin", "call_id": "c", "command": ["ls"]}},
    {"id": "0", "msg": {"type": "exec_command_end", "call_id": "c", "stdout": "a", "exit_code": 1}},
    {"id": "0", "msg": {"type": "agent_message", "message": "One file."}},
]


def lines(rows: list[Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def whole(source: str, *paths: Path) -> Reading:
    for path in paths:
        assert registry.source(source).recognise(str(path), path.read_bytes()[:65536]), path
        other = "codex" if source == "claude" else "claude"
        assert not registry.source(other).recognise(str(path), path.read_bytes()[:65536]), path
    reading = read(source, paths[0].parent, map(str, paths))
    assert reading.unbalanced() == {}
    assert not reading.ledger.faults
    return reading


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "lines.json", "ci.log", "ci.txt"])
@pytest.mark.parametrize("source", ["claude", "codex"])
def test_printed_lines_in_a_file_of_any_usual_name(tmp_path: Path, source: str, name: str) -> None:
    path = tmp_path / name
    remark = "Reading prompt from stdin...\n" if name.startswith("ci") else ""
    path.write_text(remark + lines(CLAUDE if source == "claude" else CODEX))
    reading = whole(source, path)
    assert told(reading) == (ASKED if source == "claude" else [SHOWN])
    assert reading.ledger.drops.get("read/remark", 0) == bool(remark)
    if source == "codex":
        assert [m.usage.output for m in reading.sessions[0].messages if m.usage] == [7]
    assert {s.session_id for s in reading.sessions} == {RUN if source == "claude" else THREAD}


@pytest.mark.parametrize("indent", [None, 2])
def test_printed_as_one_array(tmp_path: Path, indent: int | None) -> None:
    path = tmp_path / "claude-execution-output.json"
    path.write_text(json.dumps(CLAUDE, indent=indent))
    assert told(whole("claude", path)) == ASKED


def test_the_first_form_of_codex(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text(lines(OLDER))
    reading = whole("codex", path)
    assert told(reading) == [
        [
            ("prompt", "list the files"),
            ("answer", ("shell", {"command": ["ls"]})),
            ("results", ("shell", "a", "error")),
            ("answer", "One file."),
        ]
    ]
    session = reading.sessions[0]
    assert (session.project, session.messages[1].model) == ("shop", "gpt-5")


def test_two_runs_in_one_file_keep_their_calls_apart(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text(lines(CODEX * 2))
    assert told(whole("codex", path)) == [SHOWN * 2]


def test_a_rollout_of_the_same_thread_is_the_better_one(tmp_path: Path) -> None:
    printed, rollout = tmp_path / "a.jsonl", tmp_path / "rollout.jsonl"
    printed.write_text(lines(CODEX))
    said = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "go"}]}
    rollout.write_text(
        lines(
            [
                {"type": "session_meta", "payload": {"id": THREAD}},
                {"type": "response_item", "payload": said},
            ]
        )
    )
    assert registry.source("codex").index(str(printed)).links == (f"thread:{THREAD}",)
    reading = whole("codex", printed, rollout)
    assert told(reading) == [[("prompt", "go")]]
    assert reading.ledger.drops["read/told_in_rollout"] == 6


def test_other_documents_are_no_printed_output() -> None:
    for head in (b'{"type":"user","session_id":1}', b'{"type":"result","session_id":"s"}',
                 b'{"messages":[{"type":"user","session_id":"s","message":{}}]}',
                 b'{"type":"item.completed"}', b'{"id":"1","msg":"x"}', b"text\n"):  # fmt: skip
        for name in ("a.json", "a.log", "a.txt"):
            assert not registry.source("claude").recognise(name, head)
            assert not registry.source("codex").recognise(name, head)
