"""The stores of Goose: a database, in older versions a file for each session.

Both hold the same messages: role, time, content, and who sees them.
"""

from __future__ import annotations

import hashlib
import sqlite3
from typing import Any

import msgspec

from ...ledger import Ledger
from ...ports import FileIndex, ReadOptions
from ..databases import faults_of, holds, if_readable, index_of, opened, rows
from ..linear import Linear
from ..lines import stem
from ..shapes import calls_in, inside, mapping, moment, objects, safe_name, value_in, words
from ..twice import Twice


class Message(msgspec.Struct):
    """One message, its place, and whether the model and the person see it."""

    path: str
    place: tuple[int, int]
    role: str
    created: int
    content: list[dict[str, Any]] | None
    seen: bool = True
    shown: bool = True

    def digest(self) -> bytes:
        """A digest that a message has in all files."""
        told = [[words(b.get(n)) for n in ("type", "text", "id")] for b in self.content or ()]
        body = msgspec.json.encode([self.role, self.created, told])
        return hashlib.blake2b(body, digest_size=16).digest()


def _message(path: str, place: tuple[int, int], told: dict[str, Any], metadata: Any) -> Message:
    content, created = told.get("content"), told.get("created")
    about = mapping(metadata)
    return Message(
        path=path,
        place=place,
        role=words(told.get("role")),
        created=created if type(created) is int else 0,
        content=objects(content) if isinstance(content, list) else None,
        seen=about.get("agentVisible") is not False,
        shown=about.get("userVisible") is not False,
    )


class File:
    """A file of one session: a header, then messages."""

    def __init__(self, path: str, options: ReadOptions, ledger: Ledger) -> None:
        self.log = Linear(path, options, ledger)
        self.sessions: dict[str, dict[str, str]] = {stem(path): {}}

    def messages(self, session: str) -> list[Message]:
        """The messages of the session, in order; sets what its header says."""
        log, found = self.log, []
        twice = Twice(log)
        for record in log.records():
            if "role" in record:
                ids = record.get("id"), *calls_in(objects(record.get("content")))
                if twice.drops(record, *ids, at=record.get("created")):
                    continue
                found.append(_message(log.path, log.place, record, record.get("metadata")))
            elif "working_dir" in record:
                title = words(record.get("description"))
                self.sessions[session] = {"cwd": words(record["working_dir"]), "title": title}
                log.drop("session")
            else:
                log.drop(f"unknown_type:{safe_name(words(record.get('type')) or 'none')}")
        log.finish()
        return found


class Database:
    """`sessions.db`. The line of a message is its number in the table."""

    def __init__(self, path: str, base: sqlite3.Connection, ledger: Ledger) -> None:
        self.path, self.base, self.ledger = path, base, ledger
        about = {words(row.get("id")): _about(row) for row in rows(base, "sessions")}
        asked = "SELECT session_id, min(id) FROM messages GROUP BY session_id ORDER BY 2"
        names = [words(name) for name, _ in base.execute(asked)]
        self.sessions = {name: about.get(name, {}) for name in names}

    def messages(self, session: str) -> list[Message]:
        """The messages of a session, in the order in which they were written."""
        found = []
        with faults_of(self.path, self.ledger):
            for row in rows(self.base, "messages", "session_id = ?", (session,)):
                self.ledger.record(self.path)
                told = {
                    "role": row.get("role"),
                    "created": row.get("created_timestamp"),
                    "content": value_in(row.get("content_json")),
                }
                metadata = value_in(row.get("metadata_json"))
                found.append(_message(self.path, (row["rowid"], 0), told, metadata))
        return found


def _about(row: dict[str, Any]) -> dict[str, str]:
    config = value_in(row.get("model_config_json"))
    return {
        "cwd": words(row.get("working_dir")),
        "title": words(row.get("name")) or words(row.get("description")),
        "kind": words(row.get("session_type")),
        "model": words(inside(config, "model_name")),
    }


def is_database(path: str, head: bytes) -> bool:
    """Whether a file is a database with Goose's tables."""
    needed = {("messages", name) for name in ("session_id", "content_json", "created_timestamp")}
    return holds(path, head, needed | {("sessions", "working_dir")})


@if_readable
def index_database(path: str) -> FileIndex:
    """The index of a database."""
    with opened(path) as base:
        sessions = list(base.execute("SELECT id, working_dir FROM sessions"))
        asked = "SELECT count(*), min(created_timestamp), max(created_timestamp) FROM messages"
        number, first, last = base.execute(asked).fetchone()
    names, folders = (words(name) for name, _ in sessions), (words(cwd) for _, cwd in sessions)
    begun, ended = (moment(at * 1000) if type(at) is int else "" for at in (first, last))
    return index_of(path, names, folders, number, begun, ended)
