"""Pi: `~/.pi/agent/sessions/<folder>/<time>_<id>.jsonl`.

Old files are linear; from version 3 on, entries have `id` and `parentId`, so a file can hold
branches. A compaction holds its summary; what it kept is already above it. Newer versions give the
definitions of their tools in system messages.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ..ledger import Ledger
from ..linking import Frame, Node
from ..model import Part, ResultStatus, Session, Text
from ..ports import FileIndex, ReadOptions
from . import droid
from .folders import homes
from .indexing import Seen, scan
from .linear import Linear
from .lines import stem
from .orders import longest_first, parents_first
from .pictures import picture
from .shapes import (
    Call,
    blocks_of,
    digest_of,
    images_of,
    inside,
    objects,
    pictures,
    ran,
    safe_name,
    text_of,
    texts,
    thoughts,
    usage_of,
    words,
)
from .toolbox import tool_defs
from .twice import Twice
from .units import Unit, UnitSource

_HEADER = re.compile(rb'"type"\s*:\s*"session"')
_MESSAGE = re.compile(rb'"type"\s*:\s*"message"(?=.*"message"\s*:\s*\{)')
_ROLE = re.compile(rb'"role"\s*:\s*"(?:user|assistant|toolResult|bashExecution)"')
_ID = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:\.jsonl)?$")
_NAMED = re.compile(r"\d{4}-\d\d-\d\dT[\d-]+Z_([^/\\]+)\.jsonl$")  # a session that got a name
#: The head of a log of Factory.
_OTHERS = re.compile(rb'"type"\s*:\s*"session_start"')
_MARKS = re.compile(rb'"(?:cwd|modelId|thinkingLevel|branchedFrom)"\s*:')


#: Entries that the model never sees.
_BOOKS = (
    "model_change",
    "thinking_level_change",
    "compaction",
    "branch_summary",
    "label",
    "custom",
    "session_info",
    "usage",
    "context_edit",
)


class Known(msgspec.Struct, gc=False):
    """What the index takes from an entry."""

    type: str | None = None
    id: str | None = None
    timestamp: str | None = None
    cwd: str | None = None
    parentSession: str | None = None
    branchedFrom: str | None = None


def _note(entry: Known, seen: Seen) -> None:
    seen.time(entry.timestamp)
    if entry.type == "session":
        seen.sessions.add(entry.id)
        seen.sessions.add(_parent(entry.parentSession or entry.branchedFrom))
        seen.names.add(entry.cwd)


def _parent(path: object) -> str:
    """The session's id in the name of its file; "" for none."""
    found = (_ID.search(path) or _NAMED.search(path)) if isinstance(path, str) else None
    return found[1] if found else ""


class PiSource(UnitSource):
    """Pi session files."""

    name = "pi"

    def roots(self, env: Mapping[str, str], home: str) -> list[str]:
        """The folder of its logs, in PI_CODING_AGENT_DIR or ~/.pi/agent."""
        bases = homes(env, "PI_CODING_AGENT_DIR", home, ".pi", "agent")
        return [os.path.join(base, "sessions") for base in bases]

    def recognise(self, path: str, head: bytes) -> bool:
        """Whether the file begins with a session header, or holds messages of this agent."""
        if not path.endswith(".jsonl") or _OTHERS.search(head[:4000]):
            return False
        lines = head.split(b"\n")[:50]
        if any(_HEADER.search(raw) and _MARKS.search(raw) for raw in lines):
            return True
        return not droid.is_session(head) and any(
            _MESSAGE.search(raw) and _ROLE.search(raw) and b'"sessionId"' not in raw
            for raw in lines
        )

    def index(self, path: str, offset: int = 0) -> FileIndex:
        """Session id, folder and times of a file from `offset` on."""
        return scan(path, offset, Known, _note)

    def read(self, files: tuple[str, ...], unit: Unit) -> Iterator[Session]:
        """The sessions of one unit: those that others were branched from come first."""
        largest = longest_first(files) if files[1:] else ()
        heads = {path: _head(path, unit.options) for path, _ in largest}
        for path in parents_first(heads) or files:
            for log in unit.logs(path, _begins):
                yield from _read(log, unit)


SOURCE = PiSource()


def _head(path: str, options: ReadOptions) -> tuple[str, set[str]]:
    """Ids of a session and of the one that it was branched from."""
    for entry in itertools.islice(Linear(path, options, Ledger()).records(), 20):
        if entry.get("type") == "session":
            parent = _parent(entry.get("parentSession") or entry.get("branchedFrom"))
            return words(entry.get("id")), {parent} - {""}
    return "", set()


def _begins(entry: dict[str, Any]) -> str:
    """The session that an entry begins."""
    return words(entry.get("id")) if entry.get("type") == "session" else ""


def _read(log: Linear, unit: Unit) -> Iterator[Session]:
    path, told = log.path, unit.owner
    cwd, title, branched, last = "", "", False, None
    owner: dict[str, Node] = {}
    mine: dict[str, set[str]] = {}  # ids of this file, with their entries' times
    twice = Twice(log)  # of entries without an id
    for entry in log.records():
        kind = words(entry.get("type"))
        mark = _mark(entry)
        if kind == "session":
            log.session_id = log.session_id or words(entry.get("id"))
            cwd = cwd or words(entry.get("cwd"))
            branched = bool(_parent(entry.get("parentSession") or entry.get("branchedFrom")))
            own = (kind, words(entry.get("id")))
            branched = branched or (bool(own[1]) and own in told)  # a copy of another file
            told[own] = None
            log.drop("session")
            continue
        times = mine.setdefault(mark[0], set())
        if all(mark) and mark[1] in times:
            log.drop("repeated_record", "link")
            continue
        copied = branched and mark in told and (all(mark) or (mark[1] and not log.nodes))
        if copied:  # what has no id is one only at the beginning
            log.drop("resumed_copy", "link")
            last = told[mark] or last
            if last is not None and mark[0]:
                owner[mark[0]] = last
            continue
        if not mark[0] and twice.drops(entry, at=entry.get("timestamp")):
            continue
        named = {**entry, "id": f"{mark[0]}#{log.place[0]}"} if times and mark[0] else entry
        times.add(mark[1])
        log.session_id = log.session_id or stem(path)
        if kind == "session_info":
            title = words(entry.get("name")) or title
        log.tools |= tool_defs(inside(entry, "message", "toolsAdded"))
        with log.taking() as made:
            _take(log, kind, named)  # children belong to the last entry with an id
        new = made[-1] if made else None
        _hang(entry, new, owner, log)
        if new is not None and new.up is None and len(made) == len(log.nodes):
            new.up = last
        told.setdefault(mark, owner.get(mark[0]) or new or (log.nodes[-1] if log.nodes else None))
    frame = Frame(session_id=log.session_id or stem(path), cwd=cwd, title=title[:200])
    yield from unit.sessions(log, frame)


def _mark(entry: dict[str, Any]) -> tuple[str, str]:
    """What an entry and its copies share: id and time; without a time, id and content."""
    own = words(entry.get("id"))
    return own, words(entry.get("timestamp")) or (digest_of(entry).hex() if own else "")


def _hang(entry: dict[str, Any], node: Node | None, owner: dict[str, Node], log: Linear) -> None:
    """Put an entry below its parent's node, or what a parent without a node leads to."""
    up = owner.get(words(entry.get("parentId")))
    if node is not None:
        node.up = up
    else:
        node = log.calls.get(words(inside(entry, "message", "toolCallId")), up)
    if node is not None and words(entry.get("id")):
        owner[words(entry.get("id"))] = node


def _take(log: Linear, kind: str, entry: dict[str, Any]) -> None:
    at, name = entry.get("timestamp"), words(entry.get("id"))
    if kind == "message":
        message = entry.get("message")
        if isinstance(message, dict):
            _message(log, message, at, name)
        else:
            log.drop("no_message")
    elif kind == "compaction" and words(entry.get("summary")).strip():
        log.node("summary", [Text(words(entry.get("summary")))], at, name)
    elif kind == "branch_summary" and words(entry.get("summary")).strip():
        log.node("context", [Text(words(entry.get("summary")))], at, name)
    elif kind == "custom_message":
        log.say("context", _parts(entry.get("content")), at, name)
    elif kind in _BOOKS:
        log.drop(kind)
    else:
        log.drop(f"unknown_type:{safe_name(kind)}")


def _message(log: Linear, message: dict[str, Any], at: object, name: str) -> None:
    role = words(message.get("role"))
    if role == "user":
        log.say("prompt", _parts(message.get("content")), at, name)
    elif role == "assistant":
        _answer(log, message, at, name)
    elif role == "system":
        log.drop("system")
    elif role == "toolResult":
        parts, call = _parts(message.get("content")), words(message.get("toolCallId"))
        status: ResultStatus = "error" if message.get("isError") is True else "ok"
        log.result(call, text_of(parts), status, at, images_of(parts))
    elif role == "bashExecution" and message.get("excludeFromContext") is not True:
        log.node("context", [Text(ran(message.get("command"), message.get("output")))], at, name)
    elif role == "bashExecution":  # typed with !!
        log.drop("shell_mode")
    elif role == "custom" and _parts(message.get("content")):
        log.node("context", _parts(message.get("content")), at, name)
    elif role in ("branchSummary", "compactionSummary") and words(message.get("summary")).strip():
        said = "summary" if role == "compactionSummary" else "context"
        log.node(said, [Text(words(message.get("summary")))], at, name)
    else:
        log.drop(f"unknown_role:{safe_name(role)}")


def _parts(content: Any) -> list[Part]:
    found: list[Part] = []
    for block in blocks_of(content):
        if block.get("type") == "text":
            found += texts(block.get("text"))
        elif block.get("type") == "image":
            found += pictures(picture(block.get("data"), block.get("mimeType")))
    return found


def _answer(log: Linear, message: dict[str, Any], at: object, name: str) -> None:
    parts: list[Part] = []
    calls, reason = list[Call](), "empty"
    for block in objects(message.get("content")):
        kind, call = block.get("type"), words(block.get("id"))
        if kind == "text":
            parts += texts(block.get("text"))
        elif kind == "thinking":
            thought = thoughts(block.get("thinking"))
            parts += thought
            reason = reason if thought else "thinking_signature_only"
        elif kind == "toolCall" and call:
            calls.append((call, words(block.get("name")), block.get("arguments")))
    stopped = words(message.get("stopReason"))
    reason = "api_error" if stopped == "error" else reason
    node = log.told_answer(parts, calls, at, words(message.get("model")), name, reason)
    if stopped == "aborted":
        log.interrupted()
    if node is None:
        return
    usage = message.get("usage")
    if isinstance(usage, dict):
        log.usage(usage_of(usage, "input", "output", "cacheRead", "cacheWrite"))
