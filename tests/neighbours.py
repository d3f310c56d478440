"""Small logs whose four texts must survive any bad input between them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import msgspec
import orjson
from tests.support import Reading, describe, read, texts_of

from sessiontune import codec
from sessiontune.ports import ReadOptions

#: Is in every bad line; no fault may repeat it.
MARK = "do-not-repeat-me"
GOOD = ["first question", "first answer", "second question", "second answer"]
SESSION = "11111111-0000-4000-8000-000000000001"


def user(uuid: str, text: Any, parent: Any, **more: Any) -> dict[str, Any]:
    return {
        "type": "user",
        "uuid": uuid,
        "parentUuid": parent,
        "sessionId": SESSION,
        "cwd": "/home/dev/shop",
        "timestamp": "2026-03-01T10:00:00.000Z",
        "message": {"role": "user", "content": text},
        **more,
    }


def bot(uuid: str, blocks: Any, parent: Any, **more: Any) -> dict[str, Any]:
    message = {"id": f"m-{uuid}", "role": "assistant", "model": "claude-opus-4-6"}
    return {
        "type": "assistant",
        "uuid": uuid,
        "parentUuid": parent,
        "sessionId": SESSION,
        "timestamp": "2026-03-01T10:00:01.000Z",
        "message": {**message, "content": blocks, "usage": {"output_tokens": 1}},
        **more,
    }


def claude_lines(parent: str = "a1") -> list[bytes]:
    rows = [
        user("u1", GOOD[0], None),
        bot("a1", [{"type": "text", "text": GOOD[1]}], "u1"),
        user("u2", GOOD[2], parent),
        bot("a2", [{"type": "text", "text": GOOD[3]}], "u2"),
    ]
    return [orjson.dumps(r) for r in rows]


def item(kind: str, **payload: Any) -> dict[str, Any]:
    return {"timestamp": "2026-03-01T10:00:00.000Z", "type": kind, "payload": payload}


def said(role: str, text: str) -> dict[str, Any]:
    kind = "output_text" if role == "assistant" else "input_text"
    content = [{"type": kind, "text": text}]
    return item("response_item", type="message", role=role, content=content)


def codex_lines() -> list[bytes]:
    rows = [item("session_meta", id="c-1", cwd="/home/dev/shop", originator="codex_cli_rs")]
    rows += [said("assistant" if i % 2 else "user", text) for i, text in enumerate(GOOD)]
    return [orjson.dumps(r) for r in rows]


def write_log(folder: Path, source: str, data: bytes) -> Path:
    name = f"{SESSION}.jsonl" if source == "claude" else "rollout-2026-03-01T10-00-00-c-1.jsonl"
    path = folder / name
    path.write_bytes(data)
    return path


def read_bytes(
    folder: Path, source: str, data: bytes, options: ReadOptions | None = None
) -> Reading:
    path = write_log(folder, source, data)
    return read(source, folder, [str(path)], options)


def sound(reading: Reading) -> list[str]:
    """Assert what must hold for any input; returns all texts."""
    assert reading.unbalanced() == {}
    for fault in reading.ledger.faults:
        assert fault.file
        assert MARK not in fault.reason + fault.detail
    for session in reading.sessions:
        shard = io.BytesIO()
        codec.write_session(shard, session)
        shard.seek(0)
        assert list(codec.read_sessions(shard)) == [session]
        for message in session.messages:
            for part in message.parts:
                orjson.dumps(msgspec.to_builtins(part))
    return texts_of(reading.sessions)


def survived(reading: Reading) -> None:
    texts = sound(reading)
    found = [t for t in texts if t in GOOD]
    assert found == GOOD, describe(reading.sessions)


def between(lines: list[bytes], bad: bytes, end: bytes = b"\n") -> bytes:
    """The bad line between the two exchanges."""
    at = len(lines) - 2
    return end.join([*lines[:at], bad, *lines[at:]]) + end


LINES = {"claude": claude_lines, "codex": codex_lines}
SOURCES = sorted(LINES)


def record_with(source: str, text: bytes) -> bytes:
    """A record whose text is the given raw JSON string body."""
    if source == "claude":
        row = orjson.dumps(user("bad", "@@", "a1"))
    else:
        row = orjson.dumps(said("user", "@@"))
    return row.replace(b"@@", text)
