"""Commands that a person typed with `!`: the model sees them and their output, so both are
context, never a person's words and never a call of the model."""

from __future__ import annotations

from pathlib import Path

from tests.sources import test_codex, test_copilot, test_gemini, test_qwen
from tests.sources.test_other_agents import run, shape, write
from tests.support import read

RAN = "I ran the following shell command:\n```sh\nls\n```\n\nThis produced the following result:"
RAN += "\n```\na.py\n```"


def test_in_codex(tmp_path: Path) -> None:
    ran = "<user_shell_command>\n<command>\nls\n</command>\n<result>\na.py\n</result>\n"
    ran += "</user_shell_command>"
    rows = [test_codex.said("user", ran), test_codex.said("assistant", "One file.")]
    test_codex.write(tmp_path, "a", [test_codex.row("session_meta", 0, id="p"), *rows])
    assert shape(read("codex", tmp_path)) == [[("context", ran), ("answer", "One file.")]]


def test_in_copilot(tmp_path: Path) -> None:
    event = test_copilot.event
    reading = test_copilot.events(
        tmp_path,
        event("tool.user_requested", "e1", toolCallId="u1", toolName="bash",
              arguments={"command": "ls"}),
        event("tool.execution_start", "e2", toolCallId="u1", toolName="bash"),
        event("tool.execution_complete", "e3", toolCallId="u1", result={"content": "a.py"}),
        event("user.message", "e4", content="Why?"),
        event("tool.user_requested", "e5", toolCallId="u2", toolName="bash",
              arguments={"command": "true"}),
        event("tool.execution_complete", "e6", toolCallId="u2", result={"content": ""}),
        event("tool.user_requested", "e7", toolCallId="u3", toolName="odd", arguments=[1]),
    )  # fmt: skip
    assert shape(reading) == [
        [("context", "! ls"), ("context", "a.py"), ("prompt", "Why?"), ("context", "! true")]
    ]
    assert reading.ledger.drops["read/shell_mode"] == 1
    assert reading.ledger.drops["read/tool.user_requested"] == 1


def test_in_gemini(tmp_path: Path) -> None:
    reading = test_gemini.chat(tmp_path, test_gemini.user("1", RAN), test_gemini.user("2", "Why?"))
    assert shape(reading) == [[("context", RAN), ("prompt", "Why?")]]


def test_in_qwen(tmp_path: Path) -> None:
    rows = [test_qwen.row("u1", None, "user", RAN), test_qwen.row("u2", "u1", "user", "Why?")]
    reading = test_qwen.whole(test_qwen.write(tmp_path / "s.jsonl", rows))
    assert shape(reading) == [[("context", RAN), ("prompt", "Why?")]]


def test_in_pi(tmp_path: Path) -> None:
    def ran(name: str, command: str, output: str, hidden: bool = False) -> dict[str, object]:
        message = {"role": "bashExecution", "command": command, "output": output}
        return {"type": "message", "id": name, "message": {**message, "excludeFromContext": hidden}}

    asked = {"role": "user", "content": [{"type": "text", "text": "Why?"}]}
    rows = [
        {"type": "session", "id": "s", "version": 3, "cwd": "/w/shop"},
        ran("1", "ls", "a.py\n"),
        ran("2", "cat key", "secret", hidden=True),
        ran("3", "true", ""),
        {"type": "message", "id": "4", "message": asked},
    ]
    reading = run("pi", write(tmp_path, "s.jsonl", rows))
    assert shape(reading) == [
        [("context", "! ls\na.py"), ("context", "! true"), ("prompt", "Why?")]
    ]
    assert reading.ledger.drops["read/shell_mode"] == 1
