"""The `Source` for OpenCode: finds its stores, indexes them, yields the sessions of a unit.

Children of a session (`parentID`) are sub-agents. A forked session begins with copies of the
other's messages with new ids; they are kept once, in the first session.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import msgspec

from ...ledger import Ledger
from ...linking import Frame, Node
from ...model import Session
from ...ports import FileIndex, ReadOptions
from ..databases import faults_of, if_readable, index_of, journal, opened, rows
from ..folders import homes
from ..indexing import Seen, scan
from ..linear import Linear
from ..lines import BOM, head_of
from ..orders import parents_first
from ..shapes import moment, words
from ..units import Unit, UnitSource
from . import newer
from .messages import asked_of_program, take_message
from .store import (
    Database,
    Document,
    Files,
    Kept,
    is_database,
    is_document,
    is_file,
    session_tables,
)

_FIELDS = re.compile(rb'"(id|parentID|sessionID|directory)"\s*:\s*"((?:ses_|/|[A-Z]:)[^"]{0,500})"')

Store = Document | Files | Database


class Found(msgspec.Struct, gc=False):
    """Sessions and folders named on one line of a document."""

    sessions: set[str] = set()
    folders: set[str] = set()


def _find(raw: memoryview) -> Found:
    found = Found()
    for name, value in _FIELDS.findall(bytes(raw)):
        text = value.decode("utf-8", "replace")
        if name == b"directory":
            found.folders.add(text)
        elif text.startswith("ses_"):
            found.sessions.add(text)
    return found


def _note(found: Found, seen: Seen) -> None:
    seen.sessions.update(found.sessions)
    seen.names.update(found.folders)


class OpenCodeSource(UnitSource):
    """OpenCode sessions."""

    name = "opencode"
    suffixes = (".json", ".jsonl", ".db")
    journal = staticmethod(journal)

    def roots(self, env: Mapping[str, str], home: str) -> list[str]:
        """Where its sessions lie: `opencode` in XDG_DATA_HOME or ~/.local/share; `kilo` there is
        a program that came of it."""
        bases = homes(env, "XDG_DATA_HOME", home, ".local", "share")
        return [os.path.join(base, name) for base in bases for name in ("opencode", "kilo")]

    def recognise(self, path: str, head: bytes) -> bool:
        """Whether the file is a database, one object of the older store, or an export."""
        if path.endswith(".db"):
            return is_database(path, head)
        if not path.endswith((".json", ".jsonl")):
            return False
        return is_file(path, head) or is_document(head)

    def index(self, path: str, offset: int = 0) -> FileIndex:
        """The sessions, their parents and folders; a file is always indexed whole."""
        if path.endswith(".db"):
            return _index_database(path)
        return scan(path, 0, _find, _note)

    def read(self, files: tuple[str, ...], unit: Unit) -> Iterator[Session]:
        """The sessions of one unit: parents before their children."""
        with ExitStack() as stack:
            stores = _stores(files, unit.options, unit.ledger, stack)
            about: dict[str, dict[str, Any]] = {}
            for store in stores:
                for name, info in store.sessions.items():
                    about[name] = about.get(name) or info
            reader = Reader(files, unit)
            heads = {name: (name, {words(about[name].get("parentID"))}) for name in about}
            for name in parents_first(heads):
                kept = [s.messages(name) for s in stores if name in s.sessions]
                messages = [message for told in kept for message in told]
                if len(kept) > 1:
                    messages.sort(key=Kept.created)
                yield from reader.session(name, about[name], messages)


SOURCE = OpenCodeSource()


def _stores(
    files: tuple[str, ...], options: ReadOptions, ledger: Ledger, stack: ExitStack
) -> list[Store]:
    """The stores among the files of a unit, the newest kind first: it owns what two hold."""
    stores: list[Store] = []
    for path in sorted(path for path in files if path.endswith(".db")):
        with faults_of(path, ledger):
            stores.append(Database(path, stack.enter_context(opened(path)), ledger))
    rest = sorted(path for path in files if not path.endswith(".db"))
    single = [path for path in rest if is_file(path, head_of(path).removeprefix(BOM))]
    if single:
        stores.append(Files(single, options, ledger))
    alone = set(single)
    stores += [Document(path, options, ledger) for path in rest if path not in alone]
    return stores


class Reader:
    """Makes sessions of messages; remembers what it read, for sub-agents and copies."""

    def __init__(self, files: tuple[str, ...], unit: Unit) -> None:
        self.files, self.unit = files, unit
        self.at = {path: at for at, path in enumerate(files)}

    def session(self, name: str, about: dict[str, Any], messages: list[Kept]) -> Iterator[Session]:
        """The linked sessions of one session of the program: one for each epoch."""
        if not messages:
            return
        log = self.unit.log(messages[0].path, name)
        agent = bool(words(about.get("parentID")))
        fork = self._read(log, messages, agent)
        if fork is not None and log.nodes:
            log.nodes[0].up = fork
        self.unit.started |= log.started
        frame = Frame(
            session_id=name,
            agent_id=name if agent else None,
            cwd=words(about.get("directory")),
            title=words(about.get("title")),
        )
        yield from self.unit.sessions(log, frame, self.unit.started.get(name) if agent else None)

    def _read(self, log: Linear, messages: list[Kept], agent: bool) -> Node | None:
        """Read the messages; returns where a fork left the other session."""
        seen: set[str] = set()
        asked: dict[str, str] = {}  # message of the user -> what the program should do
        fork: Node | None = None
        copying = True
        for kept in messages:
            log.at(self.at[kept.path], self.files, (kept.line, 0))
            name = words(kept.info.get("id")) if kept.info else ""
            digest = _digest(kept)
            asked[name] = asked_of_program(kept.parts)
            if name and name in seen:
                log.drop("resumed_copy", "link")
            elif kept.info is None:
                log.drop("no_message")
            elif copying and digest in self.unit.owner:
                log.drop("resumed_copy", "link")
                fork = self.unit.owner[digest] or fork
            else:
                copying = False
                by = asked[name] or asked.get(words(kept.info.get("parentID")), "")
                with log.taking() as made:
                    take_message(log, kept.info, kept.parts, agent, by)
                if digest:
                    self.unit.owner.setdefault(digest, made[-1] if made else None)
            seen.add(name)
        return fork


def _digest(kept: Kept) -> bytes:
    """A digest that a message shares with its copy in a forked session; empty for too little
    content."""
    created, _ = kept.created()
    if not created or kept.info is None:
        return b""
    told = [words(p.get("text")) or words(p.get("callID")) for p in kept.parts]
    body = msgspec.json.encode([created, words(kept.info.get("role")), told])
    return hashlib.blake2b(body, digest_size=16).digest()


@if_readable
def _index_database(path: str) -> FileIndex:
    """The index of a database."""
    sessions: set[str] = set()
    names: set[str] = set()
    with opened(path) as base:
        for table in session_tables(base):
            for row in rows(base, table):
                sessions.update((words(row["id"]), words(row.get("parent_id"))))
                names.add(words(row.get("directory")))
        count, times = 0, list[str]()
        for table in ("message", *(["session_message"] if newer.is_kept(base) else ())):
            asked = f"SELECT count(*), min(time_created), max(time_created) FROM {table}"
            number, *told = base.execute(asked).fetchone()
            count, times = count + number, times + [at for at in map(moment, told) if at]
    return index_of(path, sessions, names, count, min(times, default=""), max(times, default=""))
