"""Cursor: `globalStorage/state.vscdb`, one database with all chats of its editor.

A chat (`composerData:CHAT`) lists its messages in order. Each is a row (`bubbleId:CHAT:MESSAGE`),
in older versions a part of the chat. Reasoning, words and calls of one answer are separate
messages; a call holds its output. A sub-agent is a chat that names the call that started it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any

from ..linking import Frame, Node
from ..model import Session
from ..ports import FileIndex
from .cursor_messages import Answering, take
from .databases import MAGIC, faults_of, glanced, if_readable, index_of, journal, opened
from .folders import settings_folders
from .orders import depths
from .shapes import (
    folder_of,
    inside,
    mapping,
    moment,
    number,
    objects,
    value_of,
    words,
)
from .units import Unit, UnitSource

_TABLE = b"cursorDiskKV"
_CHAT, _MESSAGE = "composerData:", "bubbleId:"
_ROWS = "SELECT rowid, key, value FROM cursorDiskKV WHERE key >= ? AND key < ? ORDER BY key"
_KEYS = "SELECT rowid, key FROM cursorDiskKV WHERE key >= ? AND key < ? ORDER BY key"
_ANY = "SELECT 1 FROM cursorDiskKV WHERE key >= 'composerData:' AND key < 'composerData;' LIMIT 1"


class CursorSource(UnitSource):
    """Chats of Cursor."""

    name = "cursor"
    suffixes = (".vscdb",)
    journal = staticmethod(journal)

    def roots(self, env: Mapping[str, str], home: str) -> list[str]:
        """The database in each folder of the editor's settings."""
        below = ("Cursor", "User", "globalStorage", "state.vscdb")
        return [os.path.join(base, *below) for base in settings_folders(env, home)]

    def recognise(self, path: str, head: bytes) -> bool:
        """Whether the file is a database with chats; each folder also has one without."""
        if not path.endswith(self.suffixes) or not head.startswith(MAGIC) or _TABLE not in head:
            return False
        return os.path.basename(os.path.dirname(path)) == "globalStorage" or glanced(path, _ANY)

    @if_readable
    def index(self, path: str, offset: int = 0) -> FileIndex:
        """The chats; a database is always indexed whole."""
        chats, names = set(), set()
        times: list[int] = []
        with opened(path) as base:
            base.text_factory = bytes
            counted = len(_keys(base, _MESSAGE))
            for _, key, chat in _values(base, _CHAT):
                chats.add(key)
                names.add(_cwd(base, key, chat))
                counted += len(objects(chat.get("conversation")))
                times += (number(chat.get("createdAt")), number(chat.get("lastUpdatedAt")))
        told = [at for at in map(moment, times) if at]
        first, last = min(told, default=""), max(told, default="")
        return index_of(path, chats, names, counted, first, last)

    def read(self, files: tuple[str, ...], unit: Unit) -> Iterator[Session]:
        """The chats of one unit, parents before their sub-agents."""
        reader = _Reader(unit)
        for path in sorted(files):
            with faults_of(path, unit.ledger), opened(path) as base:
                base.text_factory = bytes
                yield from reader.database(path, base)


SOURCE = CursorSource()


def _below(prefix: str) -> tuple[str, str]:
    """The bounds of all keys that begin with a prefix, which ends with a colon."""
    return prefix, prefix[:-1] + ";"


def _keys(base: sqlite3.Connection, prefix: str) -> list[tuple[int, str]]:
    """Number of the row and rest of the key, for each key that begins with a prefix."""
    found = base.execute(_KEYS, _below(prefix))
    return [(row, key.decode("utf-8", "replace")[len(prefix) :]) for row, key in found]


def _values(base: sqlite3.Connection, prefix: str) -> Iterator[tuple[int, str, dict[str, Any]]]:
    for row, key, stored in base.execute(_ROWS, _below(prefix)):
        yield row, key.decode("utf-8", "replace")[len(prefix) :], value_of(stored) or {}


def _row(base: sqlite3.Connection, by: str, is_: str | int) -> tuple[int, dict[str, Any]]:
    """The row whose column `by` has a value: its number and content."""
    asked = f"SELECT rowid, value FROM cursorDiskKV WHERE {by} = ?"
    row = base.execute(asked, (is_,)).fetchone()
    return (row[0], value_of(row[1]) or {}) if row else (0, {})


def _cwd(base: sqlite3.Connection, name: str, chat: dict[str, Any]) -> str:
    """The folder of a chat, named by the chat or else by one of its first messages."""
    uri = inside(chat, "workspaceIdentifier", "uri")
    told = words(inside(uri, "fsPath")) or words(inside(uri, "path"))
    if told:
        return told
    first = [words(h.get("bubbleId")) for h in objects(chat.get("fullConversationHeadersOnly"))]
    rows = (_row(base, "key", f"{_MESSAGE}{name}:{own}")[1] for own in first[:5])
    return next(filter(None, map(_opened_in, rows)), "")


def _opened_in(message: dict[str, Any]) -> str:
    listed = message.get("workspaceUris")
    return folder_of(listed[0]) if isinstance(listed, list) and listed else ""


class _Reader:
    """Makes sessions of chats. `folders`: those of the chats that were read before."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.folders: dict[str, str] = {}

    def database(self, path: str, base: sqlite3.Connection) -> Iterator[Session]:
        """The sessions of a database, chat by chat."""
        above: dict[str, str] = {}
        for _, name, chat in _values(base, _CHAT):
            above[name] = words(_agent(chat).get("parentComposerId"))
        deep = depths(above)
        for name in sorted(above, key=lambda n: (deep[n], n)):
            yield from self.chat(path, name, base)
        left = [key for _, key in _keys(base, _MESSAGE) if key.partition(":")[0] not in above]
        if left:  # of chats that were deleted
            log = self.unit.log(path)
            for _ in left:
                log.part(0)
            log.drop("not_listed", count=len(left))
            log.finish()

    def chat(self, path: str, name: str, base: sqlite3.Connection) -> Iterator[Session]:
        """The sessions of one chat: one for each epoch."""
        row, chat = _row(base, "key", _CHAT + name)
        rows = {own: at for at, own in _keys(base, f"{_MESSAGE}{name}:")}
        agent, unit = _agent(chat), self.unit
        log, owner = unit.log(path, name), unit.owner
        answering = Answering(words(inside(chat, "modelConfig", "modelName")), bool(agent))
        up: Node | None = None
        for place, own, message in _listed(base, row, chat, rows):
            log.part(place[0])
            log.place = place
            if own and own in owner:
                log.drop("resumed_copy", "link")
                up = owner[own]
                continue
            with log.taking() as made:
                take(log, answering, message, own)
            if made and up is not None:
                made[0].up, up = up, None
            if own:
                owner[own] = log.nodes[-1] if log.nodes else up
        answering.flush(log)
        if chat.get("status") == "aborted":
            log.interrupted()
        for at in rows.values():  # taken back, or never shown
            log.part(at)
            log.drop("not_listed")
        caller = unit.calling(words(agent.get("toolCallId")))
        unit.calls |= log.calls
        above = self.folders.get(words(agent.get("parentComposerId")), "")
        self.folders[name] = _cwd(base, name, chat) or above
        frame = Frame(
            session_id=name,
            agent_id=name if agent else None,
            agent_type=words(agent.get("subagentTypeName")),
            cwd=self.folders[name],
            title=words(chat.get("name"))[:200],
        )
        yield from unit.sessions(log, frame, caller)


def _agent(chat: dict[str, Any]) -> dict[str, Any]:
    """What a sub-agent's chat says about itself; empty for other chats."""
    return mapping(chat.get("subagentInfo"))


def _listed(
    base: sqlite3.Connection, row: int, chat: dict[str, Any], rows: dict[str, int]
) -> Iterator[tuple[tuple[int, int], str, dict[str, Any]]]:
    """Place, id and content of the messages of a chat in their order; takes them out of `rows`."""
    inline, mapped = objects(chat.get("conversation")), chat.get("conversationMap")
    for nth, message in enumerate(inline):
        own = words(message.get("bubbleId"))
        at = rows.pop(own, 0)
        yield ((at, 0), own, _row(base, "rowid", at)[1]) if at else ((row, nth), own, message)
    listed = [words(h.get("bubbleId")) for h in objects(chat.get("fullConversationHeadersOnly"))]
    if not listed and not inline:
        times = {
            own: words(_row(base, "rowid", at)[1].get("createdAt")) for own, at in rows.items()
        }
        listed = sorted(rows, key=lambda own: (times[own], rows[own]))
    for nth, own in enumerate(dict.fromkeys(listed), len(inline)):
        at = rows.pop(own, 0)
        if at:
            yield (at, 0), own, _row(base, "rowid", at)[1]
        elif isinstance(message := inside(mapped, own), dict):
            yield (row, nth), own, message
