"""Copilot CLI: `session-state/<id>/events.jsonl`, a plain list of events.

`user.message.content` is what the person typed (`transformedContent` adds reminders), calls
stand in `assistant.message.toolRequests`, results in `tool.execution_complete`. Everything else
tells the screen or the hooks.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ..ledger import Ledger
from ..linking import Frame
from ..model import Part, ResultStatus, Session, Text, Thinking, Usage
from ..ports import FileIndex, Keyed, ReadOptions
from .indexing import Seen, scan
from .linear import Linear, folder_name, number, words
from .lines import LineFault, line_fault, safe_name

_EVENT = re.compile(
    rb'"type"\s*:\s*"(?:session\.start|user\.message|assistant\.message|assistant\.turn_start'
    rb'|tool\.execution_start|system\.message)"'
)
_DATA = re.compile(rb'"data"\s*:\s*\{')


#: Families of events that tell the screen, the hooks or the account.
_SCREEN = (
    "session.",
    "hook.",
    "tool.",
    "assistant.",
    "user.",
    "system.",
    "permission.",
    "subagent.",
    "skill.",
    "model.",
)


class KnownData(msgspec.Struct, gc=False):
    """What the index takes from an event's data."""

    sessionId: str | None = None
    context: Any = None


class Known(msgspec.Struct, gc=False):
    """What the index takes from an event."""

    id: str | None = None
    timestamp: str | None = None
    data: KnownData | None = None


_known = msgspec.json.Decoder(Known).decode


def _note(event: Known, seen: Seen) -> None:
    seen.ids.add(event.id)
    at = event.timestamp
    if at:
        seen.first, seen.last = min(seen.first, at), max(seen.last, at)
    if event.data is not None:
        seen.sessions.add(event.data.sessionId)
        if isinstance(event.data.context, dict):
            seen.names.add(words(event.data.context.get("cwd")))


class CopilotSource:
    """Copilot CLI event logs."""

    name = "copilot"

    def roots(self, env: Mapping[str, str], home: str) -> list[str]:
        """Where its logs lie: COPILOT_HOME or ~/.copilot."""
        bases = [b for b in (env.get("COPILOT_HOME"), os.path.join(home, ".copilot")) if b]
        return [os.path.join(base, "session-state") for base in dict.fromkeys(bases)]

    def recognise(self, path: str, head: bytes) -> bool:
        """Whether one of the first lines is an event of this agent."""
        return path.endswith(".jsonl") and any(
            _EVENT.search(raw) and _DATA.search(raw) for raw in head.split(b"\n")[:200]
        )

    def index(self, path: str, offset: int = 0) -> FileIndex:
        """Event ids, session ids, folders and times of a file from `offset` on."""
        return scan(path, offset, (), "session:", _known, _note)

    def sessions(
        self, files: tuple[str, ...], options: ReadOptions, ledger: Ledger, keyed: Keyed
    ) -> Iterator[Session]:
        """The sessions of one unit; an event that stands in two files counts once."""
        seen: set[str] = set()
        for path in sorted(files, key=lambda p: (-_size(p), p)):
            yield from _read(path, options, ledger, keyed, seen)


SOURCE = CopilotSource()


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _read(
    path: str, options: ReadOptions, ledger: Ledger, keyed: Keyed, seen: set[str]
) -> Iterator[Session]:
    log = Linear(path, options, ledger)
    about: dict[str, str] = {}
    for event in log.records():
        name = words(event.get("id"))
        if name and name in seen:
            log.drop("resumed_copy", "link")
            continue
        seen.add(name)
        data = event.get("data")
        try:
            _take(
                log, about, words(event.get("type")), data if isinstance(data, dict) else {}, event
            )
        except LineFault as fault:
            ledger.fault(line_fault(fault, path, log.place[0], b"}"))
    stem = os.path.splitext(os.path.basename(path))[0]
    cwd = about.get("cwd", "")
    frame = Frame(
        source="copilot",
        session_id=log.session_id or stem,
        project=folder_name(cwd),
        cwd=cwd,
        branch=about.get("branch", ""),
        entrypoint=about.get("producer", ""),
    )
    yield from log.sessions(frame, keyed)


def _take(
    log: Linear, about: dict[str, str], kind: str, data: dict[str, Any], event: dict[str, Any]
) -> None:
    at, name = event.get("timestamp"), words(event.get("id"))
    if kind == "user.message":
        content = words(data.get("content"))
        if content.strip():
            log.node("prompt", [Text(content)], at, name)
        else:
            log.drop("empty")
    elif kind == "assistant.message":
        _answer(log, data, at, name, about.get("model", ""))
    elif kind == "tool.execution_complete":
        _result(log, data, at)
    elif kind == "system.notification" and words(data.get("content")).strip():
        log.node("context", [Text(words(data.get("content")))], at, name)
    else:
        if kind in ("session.start", "session.resume"):
            _start(log, about, data)
        elif kind == "session.model_change":
            about["model"] = words(data.get("newModel"))
        elif kind == "abort":
            log.interrupted()
        log.drop(
            safe_name(kind) if "." in kind or kind == "abort" else f"unknown_type:{safe_name(kind)}"
        )


def _start(log: Linear, about: dict[str, str], data: dict[str, Any]) -> None:
    if not log.session_id:
        log.session_id = words(data.get("sessionId"))
        about["producer"] = words(data.get("producer"))
        context = data.get("context")
        if isinstance(context, dict):
            about["cwd"], about["branch"] = words(context.get("cwd")), words(context.get("branch"))


def _answer(log: Linear, data: dict[str, Any], at: object, name: str, model: str) -> None:
    parts: list[Part] = []
    if words(data.get("reasoningText")).strip():
        parts.append(Thinking(words(data.get("reasoningText"))))
    if words(data.get("content")).strip():
        parts.append(Text(words(data.get("content"))))
    requests = data.get("toolRequests")
    calls = [r for r in requests if isinstance(r, dict)] if isinstance(requests, list) else []
    if not parts and not calls:
        log.drop("empty")
        return
    log.open = None
    node = log.answer(at, words(data.get("model")) or model, name)
    node.parts = parts
    for request in calls:
        call = words(request.get("toolCallId")) or f"{name}:{len(node.parts)}"
        log.call(node, call, words(request.get("name")), request.get("arguments"))
    log.usage(Usage(output=number(data.get("outputTokens"))))


def _result(log: Linear, data: dict[str, Any], at: object) -> None:
    status: ResultStatus = "ok"
    found = data.get("result")
    text = words(found.get("content")) if isinstance(found, dict) else words(found)
    if data.get("success") is False:
        error = data.get("error")
        status = "error"
        if isinstance(error, dict):
            text = text or words(error.get("message"))
            if words(error.get("code")) in ("denied", "rejected"):
                status = "rejected"
    log.result(words(data.get("toolCallId")), text, status, at)
