"""A log whose first line is damaged is still known for what it is; other people's JSONL is not
claimed by any source."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests import neighbours
from tests.sources import (
    test_amp,
    test_cline,
    test_continuedev,
    test_copilot,
    test_droid,
    test_gemini,
    test_goose,
    test_kimi,
    test_kiro,
    test_kiro_engine,
    test_qwen,
    test_vscode,
)
from tests.sources.test_damaged import told
from tests.sources.test_other_agents import pi, text, write
from tests.support import Reading, read

from sessiontune import registry
from sessiontune.pipeline.inputs import IndexTask, index_one
from sessiontune.ports import LogFile


def _bare(folder: Path) -> Path:
    """A rollout of Codex's first versions."""

    def item(kind: str, **more: Any) -> dict[str, Any]:
        return {"type": kind, **more}

    rows = [
        {"id": "old", "timestamp": "2025-05-17T21:00:00.000Z", "instructions": None},
        {"record_type": "state"},
        item("message", role="user", content=[{"type": "input_text", "text": "list it"}]),
        {"record_type": "state"},
        item("message", role="assistant", content=[{"type": "output_text", "text": "One."}]),
    ]
    return write(folder, "rollout-2025-05-17.jsonl", rows)


def _codex(folder: Path) -> Path:
    talk = [
        neighbours.item("response_item", type="message", role=role, content=[{"text": words}])
        for role, words in zip(["user", "assistant"] * 2, neighbours.GOOD, strict=True)
    ]
    for line in talk:
        asked = line["payload"]["role"] == "user"
        line["payload"]["content"][0]["type"] = "input_text" if asked else "output_text"
    return write(folder, "rollout-a.jsonl", [neighbours.item("session_meta", id="t"), *talk])


def _gemini(folder: Path) -> Path:
    answer = {"type": "gemini", "timestamp": "t", "content": "Two.", "model": "gemini-3"}
    answers = [{"id": name, **answer} for name in ("b", "d")]
    answers = [{k: row[k] for k in ("id", "timestamp", "type", "content")} for row in answers]
    asked = [test_gemini.user("a", "one"), test_gemini.user("c", "more")]
    rows = [test_gemini.HEADER, asked[0], answers[0], asked[1], answers[1]]
    return write(folder, "session-1.jsonl", rows)


def _pi(folder: Path) -> Path:
    rows = [
        {"type": "session", "version": 3, "id": "p", "cwd": "/w/shop"},
        pi("user", "1", None, text("one")),
        pi("assistant", "2", "1", text("two")),
        pi("user", "3", "2", text("three")),
    ]
    return write(folder, "p.jsonl", rows)


def _claude(folder: Path) -> Path:
    rows = [orjson.loads(line) for line in neighbours.claude_lines()]
    return write(folder, f"{neighbours.SESSION}.jsonl", rows)


def _copilot(folder: Path) -> Path:
    rows = [
        {"type": "session.start", "id": "e0", "data": {"sessionId": "k"}},
        test_copilot.event("user.message", "e1", content="one"),
        test_copilot.event("assistant.message", "e2", content="two"),
        test_copilot.event("user.message", "e3", content="three"),
    ]
    return write(folder, "events.jsonl", rows)


def _vscode(folder: Path) -> Path:
    changes = test_vscode.changes(test_vscode.FIRST, test_vscode.SECOND)
    return test_vscode.lines(folder, *changes)


#: Source, and a name where it has several forms -> writes a log that is sound.
LOGS: dict[str, Callable[[Path], Path]] = {
    "claude": _claude,
    "codex": _codex,
    "codex first": _bare,
    "copilot": _copilot,
    "droid": lambda folder: write(folder, "a.jsonl", test_droid.SHELL),
    "gemini": _gemini,
    "goose": lambda folder: test_goose.old_file(folder, *test_goose.MESSAGES),
    "kimi": lambda folder: test_kimi.keep(folder, test_kimi.begun()),
    "kiro": lambda folder: test_kiro.keep(folder, test_kiro.MAIN),
    "kiro engine": lambda folder: test_kiro_engine.keep(folder, test_kiro_engine.TURN),
    "pi": _pi,
    "qwen": lambda folder: test_qwen.write(folder / "s.jsonl", test_qwen.TALK),
    "vscode": _vscode,
}

#: The first line is there, but not as it was written.
MENDED: dict[str, Callable[[bytes], bytes]] = {
    "a mark of the encoding": lambda line: b"\xef\xbb\xbf" + line,
    "the mark and an empty line": lambda line: b"\xef\xbb\xbf\r\n\n" + line,
    "empty lines": lambda line: b"\n \r\n" + line,
    "zeros": lambda line: b"\0" * 4096 + line,
    "a line of zeros": lambda line: b"\0" * 4096 + b"\n" + line,
    "a number": lambda line: b"42\n" + line,
    "words of a shell": lambda line: b"mesg: ttyname failed\n" + line,
    "bytes that are no text": lambda line: line[:-2] + b'","x":"\xff"}' + b"\n" + line,
}
#: It is lost.
LOST: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda line: line[: len(line) // 2],
    "cut early": lambda line: line[:9],
    "its end alone": lambda line: line[len(line) // 2 :],
    "zeros": lambda line: b"\0" * 512,
    "a number": lambda line: b"42",
    "no text": lambda line: b"\xff\xfe" + line,
}


def taken(path: Path) -> str:
    """The source that takes a file; "" for none."""
    info = os.stat(path)
    file = LogFile(str(path), "", info.st_size, info.st_mtime_ns, info.st_ino)
    row = index_one((IndexTask(file), tuple(registry.source_names()))).row
    assert row is not None
    return row.file.source


def lines_of(path: Path, spaces: bool = False) -> list[bytes]:
    """The lines of a log as its program writes them, or as Python would."""
    lines = path.read_bytes().splitlines()
    return lines if spaces else [orjson.dumps(orjson.loads(line)) for line in lines]


def reading_of(agent: str, path: Path, raw: bytes) -> Reading:
    path.write_bytes(raw)
    assert taken(path) == agent.split()[0]
    reading = read(agent.split()[0], path.parent, [str(path)])
    assert reading.unbalanced() == {}
    return reading


@pytest.mark.parametrize("agent", LOGS)
@pytest.mark.parametrize("damage", MENDED)
@pytest.mark.parametrize("spaces", [False, True])
def test_what_stands_before_the_first_line(
    tmp_path: Path, agent: str, damage: str, spaces: bool
) -> None:
    path = LOGS[agent](tmp_path)
    first, *rest = lines_of(path, spaces)
    sound = told(reading_of(agent, path, b"\n".join([first, *rest])))
    damaged = reading_of(agent, path, b"\n".join([MENDED[damage](first), *rest]))
    assert sound
    assert set(told(damaged)) == set(sound)


@pytest.mark.parametrize("agent", LOGS)
@pytest.mark.parametrize("damage", LOST)
def test_a_first_line_that_is_lost(tmp_path: Path, agent: str, damage: str) -> None:
    path = LOGS[agent](tmp_path)
    first, *rest = lines_of(path)
    without = told(reading_of(agent, path, b"\n".join(rest)))
    damaged = reading_of(agent, path, b"\n".join([LOST[damage](first), *rest]))
    assert without
    assert told(damaged) == without
    assert {(fault.file, fault.line) for fault in damaged.ledger.faults} == {(str(path), 1)}


@pytest.mark.parametrize("agent", LOGS)
def test_two_lines_on_one(tmp_path: Path, agent: str) -> None:
    path = LOGS[agent](tmp_path)
    first, second, *rest = lines_of(path)
    sound = told(reading_of(agent, path, b"\n".join([first, second, *rest])))
    assert told(reading_of(agent, path, b"\n".join([first + second, *rest]))) == sound
    cut = reading_of(agent, path, b"\n".join([first[: len(first) // 2] + second, *rest]))
    assert [fault.line for fault in cut.ledger.faults] == [1]


DOCUMENTS: dict[str, Callable[[Path], Path]] = {
    "amp": lambda folder: test_amp.keep(folder, test_amp.thread(*test_amp.MAIN)),
    "cline": lambda folder: test_cline.task(folder, test_cline.BLOCKS),
    "continue": lambda folder: test_continuedev.session(
        folder, test_continuedev.said("user", "one"), test_continuedev.said("assistant", "two")
    ),
    "vscode": lambda folder: test_vscode.keep(folder, test_vscode.chat(test_vscode.FIRST)),
}


@pytest.mark.parametrize("agent", DOCUMENTS)
@pytest.mark.parametrize("before", [b"\0" * 512, b"\xef\xbb\xbf", b"\n\n", b"\xef\xbb\xbf\r\n"])
def test_what_stands_before_a_document(tmp_path: Path, agent: str, before: bytes) -> None:
    path = DOCUMENTS[agent](tmp_path)
    raw = path.read_bytes()
    sound = told(reading_of(agent, path, raw))
    assert sound
    assert told(reading_of(agent, path, before + raw)) == sound


def test_a_session_of_droid_without_calls_is_none_of_pi(tmp_path: Path) -> None:
    """Their messages look alike; ids of Pi have eight digits."""
    name = "0c8f4b6e-6d0a-4a0e-9b8c-2f1d3e4a5b6c"
    path = write(tmp_path, "a.jsonl", [test_droid.said("user", name, "", text("list it"))])
    path.write_bytes(b'{"type":"session_sta\n' + lines_of(path)[0])
    assert taken(path) == "droid"
    path = write(tmp_path, "b.jsonl", [pi("user", "0c8f4b6e", None, text("list it"))])
    assert taken(path) == "pi"


OTHERS: dict[str, list[Any]] = {
    "fine-tuning": [
        {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    ]
    * 3,
    "batch": [
        {
            "custom_id": "1",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": "gpt-4o", "messages": [{"role": "user", "content": "a"}]},
        }
    ],
    "sharegpt": [{"id": "1", "conversations": [{"from": "human", "value": "a"}]}] * 2,
    "alpaca": [{"instruction": "a", "input": "", "output": "b"}] * 2,
    "chat rows": [{"role": "user", "content": [{"type": "text", "text": "a"}]}] * 2,
    "completions": [
        {"id": "c", "object": "chat.completion", "created": 1768000000, "role": "assistant"},
        {"choices": [{"message": {"role": "assistant", "content": "a", "parts": []}}]},
    ],
    "nginx": [
        {"time": "2026-01-01T00:00:00Z", "remote_addr": "::1", "request": "GET / HTTP/1.1"},
        {"level": "info", "type": "message", "message": {"text": "up"}, "id": 7},
    ],
    "tracing": [
        {"timestamp": "2026-01-01T00:00:00Z", "kind": 1, "k": ["host"], "v": {"name": "a"}},
        {"version": 1, "kind": "Deployment", "data": {}},
        {"type": "llm.request", "model": "m", "time": 1},
        {"type": "session_start", "id": "x", "ts": 1},
    ],
    "changes of a database": [
        {"$set": {"lastUpdated": "2026-01-01"}},
        {"id": "1", "timestamp": "2026-01-01", "type": "user", "content": "a"},
    ],
    "package lock": [{"name": "a", "lockfileVersion": 3, "packages": {}, "message": {"role": 1}}],
    "responses": [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]},
        {"type": "function_call", "name": "f", "call_id": "c", "arguments": "{}"},
    ],
    "printed by Gemini CLI, without its first line": [
        {"type": "message", "timestamp": "t", "role": "user", "content": "a"},
        {"type": "message", "timestamp": "t", "role": "assistant", "content": "b", "delta": True},
    ],
}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("ending", [".jsonl", ".json"])
@pytest.mark.parametrize("first", [b"", b"42\n", b"\0\0\0\n", b'{"cut": "\n'])
def test_other_lines_are_claimed_by_no_source(
    tmp_path: Path, name: str, ending: str, first: bytes
) -> None:
    path = write(tmp_path, "a.jsonl", OTHERS[name])
    for lines in lines_of(path), lines_of(path, spaces=True):
        other = tmp_path / f"b{ending}"
        other.write_bytes(first + b"\n".join(lines))
        assert taken(other) == ""


def test_a_log_quoted_in_a_text_is_no_log(tmp_path: Path) -> None:
    """A pattern must be at the beginning of a line, not within what a line quotes or holds."""
    for agent, make in LOGS.items():
        folder = tmp_path / agent
        folder.mkdir()
        raw = make(folder).read_text()
        rows = [{"document": raw, "label": 1}, {"document": raw[:200], "label": 0}]
        assert taken(write(tmp_path, f"{agent}.jsonl", rows)) == ""
