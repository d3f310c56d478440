"""The stores of OpenCode: a database, a folder of JSON files, or an exported document.

All three hold the same objects: a session's info, messages, and the parts of a message. A record
is a message; its parts belong to it wherever they are.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from ...ledger import Ledger
from ...model import Drop
from ...ports import ReadOptions
from ..databases import faults_of, holds, rows
from ..linear import Linear
from ..lines import stem
from ..mending import line_fault, single, values
from ..shapes import elements, inside, mapping, number, objects, words
from . import newer

_FILE = re.compile(r"(ses|msg|prt)_\w+\.json")
_EXPORTED = re.compile(rb'"info"\s*:\s*\{[^{}]*?"id"\s*:\s*"ses_')


class Kept(msgspec.Struct):
    """One stored message: its place, its info and its parts."""

    path: str
    line: int
    info: dict[str, Any] | None
    parts: list[dict[str, Any]]

    def created(self) -> tuple[int, str]:
        """The order of messages of one session."""
        at = inside(self.info, "time", "created")
        return (at if type(at) is int else 0), words(inside(self.info, "id"))


class Document:
    """A session exported as `{info, messages: [{info, parts}]}`."""

    def __init__(self, path: str, options: ReadOptions, ledger: Ledger) -> None:
        self.path = path
        log = Linear(path, options, ledger)
        whole = log.document() or {}
        self.info = mapping(whole.get("info"))
        name = words(self.info.get("id")) or os.path.basename(path)
        self.sessions = {name: self.info}
        self.listed = elements(whole.get("messages"))
        for _ in self.listed:
            log.part(0)

    def messages(self, session: str) -> Iterator[Kept]:
        """The messages of the session, in the order of the document."""
        for at, message in enumerate(self.listed, 1):
            info, parts = inside(message, "info"), inside(message, "parts")
            yield Kept(self.path, at, info if isinstance(info, dict) else None, objects(parts))


class Files:
    """`storage/`: one JSON file for each session, message and part."""

    def __init__(self, paths: list[str], options: ReadOptions, ledger: Ledger) -> None:
        self.options, self.ledger = options, ledger
        self.sessions: dict[str, dict[str, Any]] = {}
        self._messages: dict[str, list[str]] = {}
        self._parts: dict[str, list[str]] = {}
        for path in sorted(paths):
            self._file(path)
        known = {stem(path) for listed in self._messages.values() for path in listed}
        for message, listed in self._parts.items():
            for path in listed if message not in known else ():
                ledger.record(path)
                ledger.drop(Drop("read", "part_without_message", file=path))

    def _file(self, path: str) -> None:
        kind, folder = os.path.basename(path)[:3], os.path.basename(os.path.dirname(path))
        if kind == "prt":
            self._parts.setdefault(folder, []).append(path)
        elif kind == "msg":
            self._messages.setdefault(folder, []).append(path)
            self.sessions.setdefault(folder, {})
        else:
            found = self._read(path)
            if found is not None:
                self.ledger.record(path)
                self.ledger.drop(Drop("read", "session", file=path))
                self.sessions[words(found.get("id")) or stem(path)] = found

    def messages(self, session: str) -> Iterator[Kept]:
        """The messages of a session, in the order in which they were begun."""
        for path in self._messages.get(session, ()):
            info = self._read(path)
            if info is None:
                continue
            self.ledger.record(path)
            parts = [self._read(p) for p in _nearest(path, self._parts.get(stem(path), ()))]
            own = objects(info.get("parts"))  # the first versions kept them in the message
            yield Kept(path, 1, info, [*own, *(p for p in parts if p is not None)])

    def _read(self, path: str) -> dict[str, Any] | None:
        """The object in a file; None, and a fault, if there is none."""
        return Linear(path, self.options, self.ledger).document()


def _nearest(message: str, parts: Sequence[str]) -> Iterator[str]:
    """The parts of a message, each once: of those in copies of the store the one beside it."""
    named: dict[str, list[str]] = {}
    for path in parts:
        named.setdefault(stem(path), []).append(path)
    for found in named.values():
        yield max(found, key=lambda path: sum(map(str.__eq__, path, message)))


class Database:
    """`opencode.db`. The line of a message is its number in the table."""

    def __init__(self, path: str, base: sqlite3.Connection, ledger: Ledger) -> None:
        self.path, self.base, self.ledger = path, base, ledger
        self.sessions: dict[str, dict[str, Any]] = {}
        for table in session_tables(base):
            for row in sorted(rows(base, table), key=_begun):
                told = {"parentID": "parent_id", "directory": "directory", "title": "title"}
                self.sessions[words(row["id"])] = {k: row.get(v) for k, v in told.items()}
        others = "SELECT DISTINCT session_id FROM message ORDER BY session_id"
        for (name,) in base.execute(others):
            self.sessions.setdefault(words(name), {})
        orphans = "SELECT count(*) FROM part WHERE message_id NOT IN (SELECT id FROM message)"
        (lost,) = base.execute(orphans).fetchone()
        if lost:
            self.ledger.record(self.path, lost)
            self.ledger.drop(Drop("read", "part_without_message", file=self.path, count=lost))
        asked = "SELECT count(*) FROM sqlite_master WHERE name = 'session_message'"
        self.newer = newer.is_kept(base)
        if base.execute(asked).fetchone()[0]:
            self._count_newer()

    def _count_newer(self) -> None:
        """Count the messages of the newer table, and those left out because the older table holds
        them too, or because they have a form of its first drafts."""
        if not self.newer:
            (left,) = self.base.execute("SELECT count(*) FROM session_message").fetchone()
        else:
            sessions = "SELECT DISTINCT session_id FROM session_message ORDER BY session_id"
            for (name,) in self.base.execute(sessions):
                self.sessions.setdefault(words(name), {})
            (left,) = self.base.execute(newer.COPIES).fetchone()
        if left:
            self.ledger.record(self.path, left)
            self.ledger.drop(Drop("read", "session_message", file=self.path, count=left))

    def messages(self, session: str) -> Iterator[Kept]:
        """The messages of a session, in the order in which they were begun; where the database is
        damaged, those that can be read."""
        with faults_of(self.path, self.ledger):
            yield from self._older(session)
            if self.newer:
                yield from self._newer(session)

    def _older(self, session: str) -> Iterator[Kept]:
        """Messages of the older tables."""
        asked = "SELECT rowid, id, data FROM message WHERE session_id = ? ORDER BY time_created, id"
        for line, name, data in self.base.execute(asked, (session,)).fetchall():
            self.ledger.record(self.path)
            info = self._object(data, line)
            if info is None:
                continue
            told = "SELECT data FROM part WHERE message_id = ? ORDER BY id"
            parts = [self._object(row, 0) for (row,) in self.base.execute(told, (name,))]
            kept = [part for part in parts if part is not None]
            if len(kept) < len(parts):
                self.ledger.repair("unknown_part")
            yield Kept(self.path, line, {**info, "id": name}, kept)

    def _newer(self, session: str) -> Iterator[Kept]:
        """Messages that only the newer table holds; its rows are numbered after the older ones."""
        (last,) = self.base.execute("SELECT coalesce(max(rowid), 0) FROM message").fetchone()
        for line, name, kind, data in self.base.execute(newer.ROWS, (session,)).fetchall():
            self.ledger.record(self.path)
            told = self._object(data, last + line)
            if told is not None:
                info, parts = newer.older(words(kind), told)
                yield Kept(self.path, last + line, {**info, "id": name}, parts)

    def _object(self, data: object, line: int) -> dict[str, Any] | None:
        raw = data if isinstance(data, bytes) else str(data).encode("utf-8", "surrogatepass")
        found = single(values(raw, self.ledger))
        if isinstance(found, dict):
            return found
        if line:
            self.ledger.fault(line_fault(found, self.path, line, raw))
        return None


#: The tables of version 1; a database that version 2 made has none of them.
_FIRST = {
    "session": "(id, parent_id, directory, title, time_created)",
    "message": "(id, session_id, time_created, data)",
    "part": "(id, message_id, session_id, data)",
}


def session_tables(base: sqlite3.Connection) -> list[str]:
    """The tables of sessions, the newest last. For those of version 1 that are missing, empty ones
    stand in (in memory: nothing is written)."""
    there = {name for (name,) in base.execute("SELECT name FROM sqlite_master")}
    base.execute("PRAGMA temp_store = MEMORY")
    for name, fields in _FIRST.items():
        if name not in there:
            base.execute(f"CREATE TEMP TABLE IF NOT EXISTS {name} {fields}")
    return ["session", *({"session_v2"} & there)]


def _begun(row: dict[str, Any]) -> tuple[int, str]:
    return number(row.get("time_created")), words(row["id"])


def is_database(path: str, head: bytes) -> bool:
    """Whether the file is a database with OpenCode's tables, of either version."""
    first = {("part", name) for name in ("message_id", "session_id", "data")}
    first |= {("session", "id"), ("message", "id")}
    second = {("session_message", name) for name in ("session_id", "type", "seq", "data")}
    second |= {("session_v2", "id"), ("session_v2", "directory")}
    return holds(path, head, first, second)


def is_document(head: bytes) -> bool:
    """Whether a file that begins so is an exported session."""
    return _EXPORTED.search(head[:4000]) is not None


def is_file(path: str, head: bytes) -> bool:
    """Whether the file holds one session, message or part."""
    if _FILE.fullmatch(os.path.basename(path)) is None or is_document(head):
        return False
    return head.lstrip()[:1] == b"{" and b'"id"' in head
