"""Where Goose keeps its sessions: a database, in older versions a file for each session.

Both hold the same messages: role, time, content, and who sees them.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from typing import Any

import msgspec

from ...ledger import Ledger
from ...model import Fault
from ...ports import FileIndex, ReadOptions
from ..databases import opened
from ..indexing import digests
from ..linear import Linear, moment, words
from ..lines import safe_name, values


class Message(msgspec.Struct):
    """One message, where it lies, and whether the model and the person see it."""

    path: str
    line: int
    role: str
    created: int
    content: list[dict[str, Any]] | None
    seen: bool = True
    shown: bool = True

    def digest(self) -> bytes:
        """What the same message has in common in several files."""
        told = [[b.get("type"), b.get("text"), b.get("id")] for b in self.content or ()]
        body = msgspec.json.encode([self.role, self.created, told])
        return hashlib.blake2b(body, digest_size=16).digest()


Read = Iterator[tuple[str, dict[str, str], list[Message]]]


def stem(path: str) -> str:
    return os.path.splitext(os.path.basename(path))[0]


def _message(path: str, line: int, told: dict[str, Any], metadata: Any) -> Message:
    content, created = told.get("content"), told.get("created")
    blocks = [b for b in content if isinstance(b, dict)] if isinstance(content, list) else None
    about = metadata if isinstance(metadata, dict) else {}
    return Message(
        path=path,
        line=line,
        role=words(told.get("role")),
        created=created if type(created) is int else 0,
        content=blocks,
        seen=about.get("agentVisible") is not False,
        shown=about.get("userVisible") is not False,
    )


def lines(path: str, options: ReadOptions, ledger: Ledger) -> Read:
    """A file of one session: a header, then messages."""
    log = Linear(path, options, ledger)
    info: dict[str, str] = {}
    messages: list[Message] = []
    for record in log.records():
        if "role" in record:
            messages.append(_message(path, log.place[0], record, record.get("metadata")))
        elif "working_dir" in record:
            info = {"cwd": words(record["working_dir"]), "title": words(record.get("description"))}
            log.drop("session")
        else:
            log.drop(f"unknown_type:{safe_name(words(record.get('type')) or 'none')}")
    log.finish()
    yield stem(path), info, messages


def database(path: str, options: ReadOptions, ledger: Ledger) -> Read:
    """The sessions of a database. The line of a message is its number in the table."""
    try:
        with opened(path) as base:
            about = {words(row.get("id")): _about(row) for row in _rows(base, "sessions")}
            found: dict[str, list[Message]] = {}
            for row in _rows(base, "messages"):
                ledger.records[path] = ledger.records.get(path, 0) + 1
                told = {
                    "role": row.get("role"),
                    "created": row.get("created_timestamp"),
                    "content": _decoded(row.get("content_json")),
                }
                metadata = _decoded(row.get("metadata_json"))
                message = _message(path, int(row["id"]), told, metadata)
                found.setdefault(words(row.get("session_id")), []).append(message)
    except (sqlite3.Error, OSError) as error:
        ledger.fault(Fault("unreadable_file", path, detail=type(error).__name__))
        return
    for name, messages in found.items():
        yield name, about.get(name, {}), messages


def _rows(base: sqlite3.Connection, table: str) -> Iterator[dict[str, Any]]:
    """The rows of a table by name: columns came with the versions."""
    found = base.execute(f"SELECT * FROM {table} ORDER BY rowid")
    names = [column[0] for column in found.description]
    for row in found:
        yield dict(zip(names, row, strict=True))


def _about(row: dict[str, Any]) -> dict[str, str]:
    config = _decoded(row.get("model_config_json"))
    return {
        "cwd": words(row.get("working_dir")),
        "title": words(row.get("name")) or words(row.get("description")),
        "kind": words(row.get("session_type")),
        "model": words(config.get("model_name")) if isinstance(config, dict) else "",
    }


def _decoded(raw: Any) -> Any:
    """The value of a column that holds JSON, mended where that can be done; else None."""
    if not isinstance(raw, str) or not raw:
        return None
    found = values(b'{"it":' + raw.encode("utf-8", "surrogatepass") + b"}", Ledger())
    return found[0].get("it") if len(found) == 1 and isinstance(found[0], dict) else None


def is_database(path: str) -> bool:
    """Whether a database has Goose's tables."""
    try:
        with opened(path) as base:
            columns = {
                (table, row[1])
                for table in ("sessions", "messages")
                for row in base.execute(f"PRAGMA table_info({table})")
            }
    except (sqlite3.Error, OSError):
        return False
    needed = {("messages", name) for name in ("session_id", "content_json", "created_timestamp")}
    return needed | {("sessions", "working_dir")} <= columns


def index_database(path: str) -> FileIndex:
    """The index of a database; an empty one where it cannot be read."""
    try:
        with opened(path) as base:
            sessions = list(base.execute("SELECT id, working_dir FROM sessions"))
            asked = "SELECT count(*), min(created_timestamp), max(created_timestamp) FROM messages"
            number, first, last = base.execute(asked).fetchone()
    except (sqlite3.Error, OSError):
        return FileIndex()
    return FileIndex(
        ids=digests(set()),
        links=tuple(sorted({f"session:{words(name)}" for name, _ in sessions})),
        names=tuple(sorted({words(folder) for _, folder in sessions} - {""})),
        lines=number,
        first=moment(first * 1000) if type(first) is int else "",
        last=moment(last * 1000) if type(last) is int else "",
        size=os.stat(path).st_size,
    )
