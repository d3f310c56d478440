"""Cursor's agent of the terminal: `~/.cursor/chats/<folder>/<id>/store.db`, one for each chat.

Messages and lists of messages are blobs with their digests as keys; each step of the agent writes a
new list (a protobuf message: field 1 are the digests, field 9 is the folder). The last list is what
the model saw last; if it begins with a summary, an older list holds what came before.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any

from ..linking import Frame
from ..model import Image, Part, ResultStatus, Session, Text
from ..ports import FileIndex
from .databases import ERRORS, MAGIC, faults_of, if_readable, index_of, journal, opened
from .linear import Linear
from .pictures import picture, picture_of_url
from .shapes import (
    Call,
    blocks_of,
    folder_of,
    inside,
    joined,
    mapping,
    moment,
    number,
    objects,
    pictures,
    raw_of,
    safe_name,
    tagged,
    texts,
    thoughts,
    value_of,
    words,
)
from .units import Unit, UnitSource

_TABLES = (b"CREATE TABLE blobs", b"CREATE TABLE meta")
_QUERY = re.compile(r"<user_query>\n?(.*?)\n?</user_query>", re.DOTALL)
_WRITTEN = re.compile(r"\A\s*<[a-z_]+[ >]")
_REFUSED = ("rejected", "permissionDenied")


class CursorAgentSource(UnitSource):
    """Chats of cursor-agent."""

    name = "cursor-agent"
    suffixes = (".db",)
    journal = staticmethod(journal)

    def roots(self, env: Mapping[str, str], home: str) -> list[str]:
        """The folder of its chats."""
        return [os.path.join(home, ".cursor", "chats")]

    def recognise(self, path: str, head: bytes) -> bool:
        """Whether the file is the store of a chat."""
        if not path.endswith(".db") or not head.startswith(MAGIC):
            return False
        if not all(table in head for table in _TABLES):
            return False
        try:
            with opened(path) as base:
                return bool(_meta(base).get("agentId") or _Store(base).messages)
        except ERRORS:
            return False

    @if_readable
    def index(self, path: str, offset: int = 0) -> FileIndex:
        """The chat and its folder; a database is always indexed whole."""
        with opened(path) as base:
            store = _Store(base)
        at = moment(store.about.get("createdAt"))
        name, count = _id(path, store.about), len(store.messages)
        return index_of(path, (name,), (store.folder,), count, at, at)

    def read(self, files: tuple[str, ...], unit: Unit) -> Iterator[Session]:
        """The sessions of each chat; a message in two copies of it counts once."""
        for nth, path in enumerate(sorted(files)):
            store = None
            with faults_of(path, unit.ledger), opened(path) as base:
                store = _Store(base)
            if store is None:
                continue
            name = _id(path, store.about)
            log = unit.log(path, f"{name}~{nth}" if nth else name)
            _read(log, store)
            title = words(store.about.get("name"))[:200]
            yield from unit.sessions(log, Frame(session_id=name, cwd=store.folder, title=title))


SOURCE = CursorAgentSource()


def _meta(base: sqlite3.Connection) -> dict[str, Any]:
    """The facts of a store's chat, which are JSON in hexadecimal digits."""
    row = base.execute("SELECT value FROM meta WHERE key = '0'").fetchone()
    told = row[0] if row else ""
    text = told.decode("utf-8", "replace") if isinstance(told, bytes) else words(told)
    try:
        return value_of(bytes.fromhex(text)) or {}
    except ValueError:
        return value_of(text) or {}


def _id(path: str, about: dict[str, Any]) -> str:
    return words(about.get("agentId")) or os.path.basename(os.path.dirname(os.path.abspath(path)))


class _Store:
    """What a store holds: `messages` by digest with the number of their row, the folder, and
    `lists`, each what the model saw before the next one's summary."""

    def __init__(self, base: sqlite3.Connection) -> None:
        self.about = _meta(base)
        self.messages: dict[str, tuple[int, dict[str, Any]]] = {}
        lists: dict[str, list[str]] = {}
        shared: dict[bytes, str] = {}  # each step lists all messages again
        self.folder = ""
        latest = words(self.about.get("latestRootBlobId"))
        for row, name, data in base.execute("SELECT rowid, id, data FROM blobs ORDER BY rowid"):
            raw = raw_of(data)
            if raw is None or not isinstance(name, str):
                continue
            if raw[:1] == b"{":
                message = value_of(raw)
                if message is None or isinstance(message.get("role"), str):
                    self.messages[name] = (row, message or {})
            elif fields := _fields(raw):
                listed = [value for field, value in fields if field == 1]
                lists[name] = [shared.get(v) or shared.setdefault(v, v.hex()) for v in listed]
                told = [value for field, value in fields if field == 9]
                if told and (name == latest or not self.folder):
                    self.folder = folder_of(told[0].decode("utf-8", "replace"))
        for name in lists:
            lists[name] = [own for own in lists[name] if own in self.messages]
        if not lists.get(latest):  # damaged: the step before it listed nearly the same
            latest = next((name for name in reversed(lists) if lists[name]), "")
        last = lists.pop(latest, []) or [*self.messages]
        self.lists = self._chain(last, [*lists.values()])

    def _chain(self, last: list[str], older: list[list[str]]) -> list[list[str]]:
        """The last list, and before it those that its summaries stand for."""
        chain = [last]
        while older:
            summaries = [own for own in chain[0] if _cursor(self.messages[own][1]).get("isSummary")]
            while older and (not older[-1] or not summaries or summaries[-1] in older[-1]):
                older.pop()
            if older:
                chain.insert(0, older.pop())
        return chain


def _fields(raw: bytes) -> list[tuple[int, bytes]]:
    """The fields with bytes of a protobuf message; none if it is no such message."""
    found: list[tuple[int, bytes]] = []
    at = 0
    while at < len(raw):
        tag, at = _varint(raw, at)
        kind = tag & 7
        if kind == 2:
            size, at = _varint(raw, at)
            found.append((tag >> 3, raw[at : at + size]))
            at += size
        elif kind == 0:
            _, at = _varint(raw, at)
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            return []
    return found if at == len(raw) else []


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(raw) and shift < 64:
        byte = raw[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
    return 7, len(raw) + 1  # of no known kind


def _cursor(holder: dict[str, Any]) -> dict[str, Any]:
    """The program's notes on a message, or on a block of it."""
    return mapping(inside(holder, "providerOptions", "cursor"))


def _read(log: Linear, store: _Store) -> None:
    begun: object = number(store.about.get("createdAt"))
    model = words(store.about.get("lastUsedModel"))
    for listed in store.lists:
        for own in dict.fromkeys(listed):
            if own not in store.messages:
                continue  # read in an older list
            row, message = store.messages.pop(own)
            log.part(row)
            if log.copied(own):
                continue
            with log.taking() as made:
                _take(log, message, own, begun, model)
            begun = "" if made else begun  # only the chat has a time
    for own, (row, message) in store.messages.items():
        log.part(row)
        stage, why = ("link", "resumed_copy") if own in log.told else ("read", "not_listed")
        log.drop(why if message else "no_message", stage)


def _take(log: Linear, message: dict[str, Any], own: str, at: object, model: str) -> None:
    role, blocks = words(message.get("role")), blocks_of(message.get("content"))
    if _cursor(message).get("isSummary") is True:
        log.say("summary", texts(*(block.get("text") for block in blocks)), at, own)
    elif role == "user":
        _user(log, blocks, own, at)
    elif role == "assistant":
        _answer(log, blocks, own, at, model)
    elif role == "tool":
        _results(log, message, blocks, at)
    elif role == "system":
        log.drop("system")
    else:
        log.drop(f"unknown_role:{safe_name(role)}" if message else "no_message")


def _user(log: Linear, blocks: list[dict[str, Any]], own: str, at: object) -> None:
    typed: list[Part] = []
    shown: list[Part] = []
    for block in blocks:
        text, image = words(block.get("text")), _image(block)
        queries, rest = tagged(_QUERY, "</user_query>", text)
        rest = rest.strip() if queries else rest
        typed += texts(*queries)
        if image is not None:
            typed.append(image)
        elif rest.strip():
            (shown if queries or _WRITTEN.match(rest) else typed).append(Text(rest))
        elif block.get("type") not in ("text", None):
            log.unknown_part()
    if not log.asked(typed, shown, at, own):
        log.drop("empty")


def _image(block: dict[str, Any]) -> Image | None:
    if block.get("type") not in ("image", "file"):
        return None
    data = block.get("image") or block.get("data")
    kind = words(block.get("mimeType")) or words(block.get("mediaType")) or "image/png"
    return picture_of_url(data) or picture(data, kind)


def _answer(log: Linear, blocks: list[dict[str, Any]], own: str, at: object, model: str) -> None:
    parts: list[Part] = []
    calls, reason = list[Call](), "empty"
    for block in blocks:
        kind, call = block.get("type"), words(block.get("toolCallId"))
        parts += (thoughts if kind == "reasoning" else texts)(block.get("text"))
        if kind == "tool-call" and call:
            given = block.get("args", block.get("input"))
            calls.append((call, words(block.get("toolName")), given))
        elif kind in ("reasoning", "redacted-reasoning"):
            reason = "thinking_signature_only"
    named = [words(_cursor(block).get("modelName")) for block in blocks]
    log.told_answer(parts, calls, at, next(filter(None, named), model), own, reason)


def _results(
    log: Linear, message: dict[str, Any], blocks: list[dict[str, Any]], at: object
) -> None:
    high = mapping(_cursor(message).get("highLevelToolCallResult"))
    ended = mapping(high.get("output"))
    status: ResultStatus = "error" if True in (high.get("isError"), ended.get("isError")) else "ok"
    status = "rejected" if any(name in ended for name in _REFUSED) else status
    counts, used = dict(log.counts), False
    for block in blocks:
        if block.get("type") != "tool-result":
            continue
        more = objects(block.get("experimental_content"))
        text = words(inside(block, "output", "value")) or words(block.get("result"))
        text = text or joined(*(words(b.get("text")) for b in more))
        images = tuple(pictures(*map(_image, more)))
        used = log.result(words(block.get("toolCallId")), text, status, at, images) or used
    log.once(counts, used, "empty")
