"""Gemini CLI: `~/.gemini/tmp/<project>/chats/session-*.json` and, newer, `session-*.jsonl`.

The old form is one JSON document. In the new one a message is written again and again as it
grows: its last writing counts, the others are dropped as `grown`. Calls hold their results.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import orjson

from ..ledger import Ledger
from ..linking import Frame
from ..model import Image, Part, ResultStatus, Session, Text, Thinking, Usage
from ..ports import FileIndex, Keyed, ReadOptions
from .indexing import Seen, scan
from .linear import Linear, number, words
from .lines import LineFault, line_fault, safe_name
from .pictures import picture

_HEADER = re.compile(rb'"sessionId"\s*:\s*"[^"]*"\s*,\s*"projectHash"\s*:')
_STATUS: dict[str, ResultStatus] = {"error": "error", "cancelled": "rejected"}


class Known(msgspec.Struct, gc=False):
    """What the index takes from a line."""

    sessionId: str | None = None
    timestamp: str | None = None
    startTime: str | None = None
    lastUpdated: str | None = None


_known = msgspec.json.Decoder(Known).decode


def _note(line: Known, seen: Seen) -> None:
    seen.sessions.add(line.sessionId)
    for at in (line.timestamp, line.startTime, line.lastUpdated):
        if at:
            seen.first, seen.last = min(seen.first, at), max(seen.last, at)


class GeminiSource:
    """Gemini CLI chats."""

    name = "gemini"
    suffixes = (".json", ".jsonl")

    def roots(self, env: Mapping[str, str], home: str) -> list[str]:
        """Where its logs lie: ~/.gemini/tmp (GEMINI_CLI_HOME stands for the home folder)."""
        bases = [base for base in (env.get("GEMINI_CLI_HOME"), home) if base]
        return [os.path.join(base, ".gemini", "tmp") for base in dict.fromkeys(bases)]

    def recognise(self, path: str, head: bytes) -> bool:
        """Whether the file begins with the header of a chat."""
        return path.endswith(self.suffixes) and _HEADER.search(head[:2000]) is not None

    def index(self, path: str, offset: int = 0) -> FileIndex:
        """Session ids and times of a file; a document is always indexed whole."""
        if _is_document(path):
            return scan(path, 0, (), "session:", _whole(path), _note)
        return scan(path, offset, (), "session:", _known, _note)

    def sessions(
        self, files: tuple[str, ...], options: ReadOptions, ledger: Ledger, keyed: Keyed
    ) -> Iterator[Session]:
        """The sessions of one unit: of two writings of one chat the longer file owns it."""
        seen: set[str] = set()
        for path in sorted(files, key=lambda p: (-_size(p), p)):
            yield from _read(path, options, ledger, keyed, seen)


SOURCE = GeminiSource()


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _is_document(path: str) -> bool:
    """Whether the file is one JSON object: then its first line is no whole value."""
    try:
        with open(path, "rb") as log:
            head = log.read(4096)
    except OSError:
        return False
    return b"\n" not in head.strip() or head.lstrip()[:2] in (b"{\n", b"{\r")


def _whole(path: str) -> Any:
    """A decoder that finds the header's fields in the lines of a document."""
    field = re.compile(rb'\A\s*"(sessionId|timestamp|startTime|lastUpdated)"\s*:\s*"([^"\\]*)"')

    def decode(raw: memoryview) -> Known:
        found = field.match(bytes(raw[:400]))
        if found is None:
            return Known()
        return Known(**{found[1].decode(): found[2].decode("utf-8", "replace")})

    return decode


def _read(
    path: str, options: ReadOptions, ledger: Ledger, keyed: Keyed, seen: set[str]
) -> Iterator[Session]:
    log = Linear(path, options, ledger)
    if _is_document(path):
        document = log.document()
        if document is None:
            return
        log.session_id = words(document.get("sessionId"))
        messages = document.get("messages")
        for at, message in enumerate(messages if isinstance(messages, list) else (), 1):
            log.part(at)
            _one(log, message, seen)
    else:
        _lines(log, seen)
    stem = os.path.splitext(os.path.basename(path))[0]
    chats = os.path.dirname(path)
    project = os.path.basename(os.path.dirname(chats)) if os.path.basename(chats) == "chats" else ""
    session_id = log.session_id or stem
    yield from log.sessions(Frame(source="gemini", session_id=session_id, project=project), keyed)


def _lines(log: Linear, seen: set[str]) -> None:
    """The new form: keep the last writing of each message, at the place of the first."""
    kept: dict[str, tuple[tuple[int, int], dict[str, Any]]] = {}
    for record in log.records():
        name = words(record.get("id"))
        if "$set" in record or "$rewindTo" in record:
            log.drop("patch")
        elif "projectHash" in record:
            log.session_id = log.session_id or words(record.get("sessionId"))
            log.drop("header")
        elif not name or not words(record.get("type")):
            log.drop(f"unknown_type:{safe_name(words(record.get('type')))}")
        else:
            if name in kept:
                log.drop("grown")
            kept[name] = (log.place, record)
    for place, record in kept.values():
        log.place = place
        _one(log, record, seen)


def _one(log: Linear, message: Any, seen: set[str]) -> None:
    if not isinstance(message, dict):
        log.drop("no_message")
        return
    name = words(message.get("id"))
    if name and name in seen:
        log.drop("resumed_copy", "link")
        return
    seen.add(name)
    try:
        _message(log, message, name)
    except LineFault as fault:
        log.ledger.fault(line_fault(fault, log.path, log.place[0], b"}"))


def _message(log: Linear, message: dict[str, Any], name: str) -> None:
    kind, at = words(message.get("type")), message.get("timestamp")
    if kind == "user":
        parts = _parts(message.get("content"))
        if not parts:
            log.drop("empty")
        elif isinstance(parts[0], Text) and parts[0].text.startswith("System: Please continue"):
            log.drop("continue_marker")
        else:
            log.node("prompt", parts, at, name)
    elif kind == "gemini":
        _answer(log, message, at, name)
    elif kind in ("info", "error", "warning"):
        log.drop(kind)
    else:
        log.drop(f"unknown_type:{safe_name(kind)}")


def _parts(content: Any) -> list[Part]:
    if isinstance(content, str):
        return [Text(content)] if content.strip() else []
    found: list[Part] = []
    for block in content if isinstance(content, list) else ():
        if not isinstance(block, dict):
            continue
        if words(block.get("text")).strip():
            found.append(Text(words(block.get("text"))))
        inline = block.get("inlineData")
        if isinstance(inline, dict):
            image = picture(inline.get("data"), inline.get("mimeType"))
            found.extend([image] if image is not None else [])
    return found


def _answer(log: Linear, message: dict[str, Any], at: object, name: str) -> None:
    thoughts = message.get("thoughts")
    parts: list[Part] = [
        Thinking(f"**{words(t.get('subject'))}**\n{words(t.get('description'))}")
        for t in (thoughts if isinstance(thoughts, list) else ())
        if isinstance(t, dict) and words(t.get("description"))
    ]
    parts += _parts(message.get("content"))
    listed = message.get("toolCalls")
    calls = [c for c in listed if isinstance(c, dict)] if isinstance(listed, list) else []
    if not parts and not calls:
        log.drop("empty")
        return
    log.open = None
    node = log.answer(at, words(message.get("model")), name)
    node.parts = parts
    told: list[tuple[str, dict[str, Any]]] = []
    for call in calls:
        call_id = words(call.get("id")) or f"{name}:{len(told)}"
        log.call(node, call_id, words(call.get("name")), call.get("args"))
        told.append((call_id, call))
    for call_id, call in told:
        if "result" in call or call.get("status") in ("success", "error", "cancelled"):
            text, images = _output(call)
            status = _STATUS.get(words(call.get("status")), "ok")
            log.result(call_id, text, status, call.get("timestamp"), images)
    tokens = message.get("tokens")
    if isinstance(tokens, dict):
        cached = number(tokens.get("cached"))
        read = max(0, number(tokens.get("input")) - cached)
        log.usage(Usage(read, number(tokens.get("output")), cached, 0))


def _output(call: dict[str, Any]) -> tuple[str, tuple[Image, ...]]:
    """What the model saw of a call's result: a list of function responses."""
    texts: list[str] = []
    images: list[Image] = []
    result = call.get("result")
    for item in result if isinstance(result, list) else [result]:
        if isinstance(item, str):
            texts.append(item)
            continue
        if not isinstance(item, dict):
            continue
        answer = item.get("functionResponse")
        response = answer.get("response") if isinstance(answer, dict) else None
        if isinstance(response, dict):
            text = response.get("output", response.get("error"))
            texts.append(text if isinstance(text, str) else orjson.dumps(response).decode())
        for part in _parts([item]):
            if isinstance(part, Text):
                texts.append(part.text)
            elif isinstance(part, Image):
                images.append(part)
    return "\n".join(texts), tuple(images)
