"""Factory Droid: `~/.factory/sessions/<folder>/<id>.jsonl`, settings in `<id>.settings.json`.

Messages hold blocks as in Anthropic's API and name their parents by `parentId`. A forked session
begins with copies of the other's messages and their ids; they are kept once, in the first session.
A compaction holds its summary; what it kept is already above it.
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
from .indexing import Seen, scan
from .linear import Linear
from .lines import any_begins, stem
from .orders import parents_first
from .pictures import picture_in
from .shapes import (
    answered,
    blocks_of,
    images_of,
    inside,
    objects,
    read_json,
    safe_name,
    text_of,
    texts,
    words,
)
from .units import Unit, UnitSource

#: The header, or a record as no other agent writes it (the header may be damaged): a state, or a
#: message with a UUID or with calls as in Anthropic's API. Those of Pi have shorter ids.
_RECORD = re.compile(
    rb'\{\s*"type"\s*:\s*"(?:session_start".*"(?:title|cwd|owner)"\s*:'
    rb'|(?:agent_turn_outcome|todo_state|compaction_state)"'
    rb'|message"\s*,\s*"id"\s*:\s*"(?=.*"message"\s*:\s*\{)'
    rb'(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"|.*"type"\s*:\s*"tool_(?:use|result)"))'
)
#: Records that the model never sees.
_BOOKS = ("session_start", "agent_turn_outcome", "todo_state", "session_end")
_PENDING = "__TOOL_RESULT_PENDING__"
_CANCELLED = ("Tool cancelled:", "Tool execution cancelled")
_INTERRUPTED = "Tool execution was interrupted"
_STOPPED = "Request interrupted by user"
_REMINDER = re.compile(r"\A\s*<system-(reminder|notification)>.*</system-\1>\s*\Z", re.DOTALL)


class Known(msgspec.Struct, gc=False):
    """What the index takes from a record."""

    type: str | None = None
    id: str | None = None
    timestamp: str | None = None
    cwd: str | None = None
    parent: str | None = None
    callingSessionId: str | None = None


def _note(record: Known, seen: Seen) -> None:
    seen.time(record.timestamp)
    if record.type == "session_start":
        seen.sessions.update((record.id, record.parent, record.callingSessionId))
        seen.names.add(record.cwd)


def is_session(head: bytes) -> bool:
    """Whether a file that begins with `head` is a session."""
    return any_begins(_RECORD, head)


class DroidSource(UnitSource):
    """Sessions of Factory Droid."""

    name = "droid"

    def roots(self, env: Mapping[str, str], home: str) -> list[str]:
        """The folder of its sessions."""
        return [os.path.join(home, ".factory", "sessions")]

    def recognise(self, path: str, head: bytes) -> bool:
        """Whether one of the first lines is a record of a session."""
        return path.endswith(".jsonl") and is_session(head)

    def index(self, path: str, offset: int = 0) -> FileIndex:
        """Session ids, folder and times of a file from `offset` on."""
        return scan(path, offset, Known, _note)

    def read(self, files: tuple[str, ...], unit: Unit) -> Iterator[Session]:
        """The sessions of one unit: those that others were forked from first."""
        heads = {path: _head(path, unit.options) for path in sorted(files)} if files[1:] else {}
        for path in parents_first(heads) or files:
            for log in unit.logs(path, _begins):
                yield from _read(log, unit)


SOURCE = DroidSource()


def _head(path: str, options: ReadOptions) -> tuple[str, set[str]]:
    """Ids of a session and of those that it was forked from or works for."""
    records = itertools.islice(Linear(path, options, Ledger()).records(), 20)
    head = next((r for r in records if r.get("type") == "session_start"), {})
    above = {words(head.get(name)) for name in ("parent", "callingSessionId")}
    return words(head.get("id")), above - {""}


def _begins(record: dict[str, Any]) -> str:
    """The session that a record begins."""
    return words(record.get("id")) if record.get("type") == "session_start" else ""


def _read(log: Linear, unit: Unit) -> Iterator[Session]:
    path = log.path
    head: dict[str, Any] = {}
    mine: set[str] = set()
    model = _model_of(path)
    summary: Node | None = None  # the last one: what follows hangs below it
    for record in log.records():
        name = words(record.get("id"))
        if record.get("type") == "session_start" and not head:
            head, log.session_id = record, name or stem(path)
        log.session_id = log.session_id or stem(path)
        if record.get("type") == "message" and name and name in unit.owner:
            log.drop("repeated_record" if name in mine else "resumed_copy", "link")
            continue
        with log.taking() as made:
            _take(log, record, model, bool(head.get("callingSessionId")))
        summary = _hang(log, record, made, summary, unit)
        mine.add(name)
    agent = words(head.get("callingSessionId"))
    call = words(head.get("callingToolUseId"))
    caller = unit.calling(call) if agent else None
    session = log.session_id or stem(path)
    frame = Frame(
        session_id=session,
        agent_id=session if agent else None,
        parent_call=call or None,
        cwd=words(head.get("cwd")),
        title=(words(head.get("sessionTitle")) or words(head.get("title")))[:200],
    )
    unit.calls |= log.calls
    yield from unit.sessions(log, frame, caller)


def _hang(
    log: Linear, record: dict[str, Any], new: list[Node], summary: Node | None, unit: Unit
) -> Node | None:
    """Put the nodes of a record below its parent's, or the last summary; returns that."""
    name, up = words(record.get("id")), unit.owner.get(words(record.get("parentId")))
    if new and new[0].kind == "summary":
        summary = new[0]
    elif new:
        known = summary is not None and (up is None or up.line < summary.line)
        new[0].up = summary if known else up
    if name and record.get("type") == "message":
        message = record.get("message")
        called = [c for c in map(log.calls.get, _answered(message)) if c is not None]
        unit.owner[name] = new[-1] if new else called[-1] if called else up
    return summary


def _answered(message: Any) -> list[str]:
    """The calls whose results a message holds."""
    return [words(b.get("tool_use_id")) for b in _blocks(message) if b.get("type") == "tool_result"]


def _blocks(message: Any) -> list[dict[str, Any]]:
    """The blocks of a message or a result, in which texts may stand alone."""
    content = inside(message, "content")
    if not isinstance(content, list):
        return blocks_of(content)
    return objects([{"type": "text", "text": b} if isinstance(b, str) else b for b in content])


def _take(log: Linear, record: dict[str, Any], model: str, agent: bool) -> None:
    kind, at, name = words(record.get("type")), record.get("timestamp"), words(record.get("id"))
    message = record.get("message")
    if kind == "compaction_state" and words(record.get("summaryText")).strip():
        log.node("summary", [Text(words(record.get("summaryText")))], at, name)
    elif kind in (*_BOOKS, "compaction_state"):
        log.drop(kind)
    elif kind != "message":
        log.drop(f"unknown_type:{safe_name(kind)}")
    elif not isinstance(message, dict):
        log.drop("no_message")
    elif message.get("visibility") == "user_only" or message.get("hookEventName"):
        log.drop("shown_only")
    elif message.get("role") == "assistant":
        _answer(log, message, at, name, model)
    elif message.get("role") in ("user", "tool", "system"):
        _user(log, message, at, name, agent)
    else:
        log.drop(f"unknown_role:{safe_name(words(message.get('role')))}")


def _user(log: Linear, message: dict[str, Any], at: object, name: str, agent: bool) -> None:
    """Take words, results of calls, and what the program added."""
    hidden = message.get("visibility") == "llm_only" or message.get("role") == "system"
    typed: list[Part] = []
    injected: list[Part] = []
    counted = dict(log.counts)
    used, reason = False, "empty"
    for block in _blocks(message):
        part = _part(block)
        if block.get("type") == "tool_result":
            used = _result(log, block, at) or used
        elif part is None:
            known = block.get("type") in ("text", "image", "document")
            reason = reason if known else f"unknown_block:{safe_name(words(block.get('type')))}"
        elif hidden or (isinstance(part, Text) and _REMINDER.match(part.text)):
            injected.append(part)
        elif isinstance(part, Text) and part.text.strip() == _STOPPED:
            log.interrupted()
            reason = "interrupt_marker"
        else:
            typed.append(part)
    used = log.asked(typed, injected, at, name, agent) or used
    log.once(counted, used, reason)


def _result(log: Linear, block: dict[str, Any], at: object) -> bool:
    """Take a result; returns whether there was a call for it."""
    parts = [part for b in _blocks(block) if (part := _part(b)) is not None]
    text = text_of(parts)
    if text == _PENDING:
        log.drop("pending")
        return False
    status: ResultStatus = "error" if block.get("is_error") is True else "ok"
    if status == "error" and text.startswith(_CANCELLED):
        status = "rejected"
    elif status == "error" and text.startswith(_INTERRUPTED):
        status = "interrupted"
    return log.result(words(block.get("tool_use_id")), text, status, at, images_of(parts))


def _part(block: dict[str, Any]) -> Part | None:
    if block.get("type") == "text":
        return next(iter(texts(block.get("text"))), None)
    return picture_in(block) if block.get("type") in ("image", "document") else None


def _answer(log: Linear, message: dict[str, Any], at: object, name: str, model: str) -> None:
    parts, calls, reason = answered(_blocks(message))
    if len(parts) == 1 and isinstance(parts[0], Text) and parts[0].text.strip() == _STOPPED:
        log.interrupted()
        log.drop("interrupt_marker")
        return
    model = (words(message.get("modelId")) or model).removeprefix("custom:")
    log.told_answer(parts, calls, at, model, name, reason)


def _model_of(path: str) -> str:
    """The model in the session's settings, for versions whose messages name none."""
    return words(inside(read_json(path.removesuffix(".jsonl") + ".settings.json"), "model"))
