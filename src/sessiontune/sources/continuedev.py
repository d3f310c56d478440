"""Continue: `~/.continue/sessions/<id>.json`, one JSON document of its editor plugins and `cn`.

An item of `history` is a message with attached files, the states of its calls with their outputs,
and reasoning. A summary is on the last item that it covers.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ..linking import Frame
from ..model import Part, ResultStatus, Session, Text, Thinking
from ..ports import FileIndex
from .indexing import Seen, scan
from .linear import Linear
from .lines import stem
from .orders import longest_first
from .pictures import picture_of_url
from .shapes import (
    calls_in,
    digest_of,
    inside,
    mapping,
    objects,
    pictures,
    read_json,
    safe_name,
    text_of,
    texts,
    unwrapped,
    usage_with_cache,
    words,
)
from .twice import Twice
from .units import Unit, UnitSource

_HEADER = re.compile(
    rb'\A\s*\{(?=.*"sessionId"\s*:\s*")(?=.*"workspaceDirectory"\s*:).*"history"\s*:\s*\[',
    re.DOTALL,
)
_ID = re.compile(rb'\A\s*"(sessionId|workspaceDirectory)"\s*:\s*"([^"\\]*)"')
_STATUS: dict[str, ResultStatus] = {"done": "ok", "errored": "error", "canceled": "rejected"}


class Known(msgspec.Struct, gc=False):
    """What the index takes from a line of a document."""

    name: str = ""
    value: str = ""


def _known(raw: memoryview) -> Known:
    found = _ID.match(bytes(raw[:2000]))
    return Known(found[1].decode(), found[2].decode("utf-8", "replace")) if found else Known()


def _note(line: Known, seen: Seen) -> None:
    (seen.sessions if line.name == "sessionId" else seen.names).add(line.value)


class ContinueSource(UnitSource):
    """Sessions of Continue."""

    name = "continue"
    suffixes = (".json",)

    def roots(self, env: Mapping[str, str], home: str) -> list[str]:
        """The folder of its sessions, in CONTINUE_GLOBAL_DIR or ~/.continue."""
        base = env.get("CONTINUE_GLOBAL_DIR") or os.path.join(home, ".continue")
        return [os.path.join(base, "sessions")]

    def recognise(self, path: str, head: bytes) -> bool:
        """Whether the file begins like a session."""
        return path.endswith(".json") and _HEADER.search(head) is not None

    def index(self, path: str, offset: int = 0) -> FileIndex:
        """Session id and folder; a document is always indexed whole."""
        return scan(path, 0, _known, _note, (f"session:{stem(path)}",))

    def read(self, files: tuple[str, ...], unit: Unit) -> Iterator[Session]:
        """One session a file; a message that a longer copy holds counts once."""
        for path, again in longest_first(files):
            yield from _read(path, again, unit)


SOURCE = ContinueSource()


def _read(path: str, again: str, unit: Unit) -> Iterator[Session]:
    log = unit.log(path)
    document = log.document()
    if document is None:
        return
    name = words(document.get("sessionId")) or stem(path)
    model, begun = words(document.get("chatModelTitle")), _begun(path, name)
    log.session_id = name + again
    twice = Twice(log)
    for item in log.listed(document, "history"):
        message = inside(item, "message")
        told = digest_of([inside(message, "role"), inside(message, "content")])
        if log.copied((name, log.place[0], told)):
            continue
        calls = calls_in(objects(inside(message, "toolCalls")))
        if twice.drops(item, inside(message, "toolCallId"), *calls):
            continue
        with log.taking():
            if isinstance(message, dict):
                _take(log, item, message, model, begun if log.place[0] == 1 else 0)
            else:
                log.drop("no_message")
    cwd = words(document.get("workspaceDirectory")).removeprefix("file://")
    frame = Frame(session_id=log.session_id, cwd=cwd, title=words(document.get("title"))[:200])
    yield from unit.sessions(log, frame)


def _take(
    log: Linear, item: dict[str, Any], message: dict[str, Any], model: str, begun: int
) -> None:
    role, summary = words(message.get("role")), words(item.get("conversationSummary"))
    parts = _parts(message.get("content"))
    if summary.strip() and text_of(parts) == summary:
        log.node("summary", parts, begun)
        return
    before = dict(log.counts)
    if role == "user":
        _user(log, item, parts, begun)
    elif role == "thinking":
        if parts:
            log.answer(begun, "").parts.append(Thinking(text_of(parts)))
        else:
            log.drop("thinking_signature_only")
    elif role == "assistant":
        _answer(log, item, message, parts, model)
    elif role == "tool":
        log.result(words(message.get("toolCallId")), text_of(parts), "ok")
    elif role == "system":
        log.drop("system")
    else:
        log.drop(f"unknown_role:{safe_name(role)}")
    if summary.strip():
        log.node("summary", [Text(summary)], name=f"{log.place[0]}+")
        log.counts = before  # the record has a place


def _user(log: Linear, item: dict[str, Any], parts: list[Part], begun: int) -> None:
    attached = texts(*(one.get("content") for one in objects(item.get("contextItems"))))
    if not log.asked(parts, attached, begun):
        log.drop("empty")


def _answer(
    log: Linear, item: dict[str, Any], message: dict[str, Any], parts: list[Part], model: str
) -> None:
    thought = words(inside(item, "reasoning", "text"))
    calls = objects(message.get("toolCalls"))
    states = objects(item.get("toolCallStates")) or objects([item.get("toolCallState")])
    if not parts and not calls and not thought.strip():
        log.drop("empty")
        return
    if log.open is not None and any(not isinstance(p, Thinking) for p in log.open.parts):
        log.open = None  # only the reasoning before it is in the same answer
    usage, logs = message.get("usage"), objects(item.get("promptLogs"))
    node = log.answer("", "")
    node.model = (
        words(inside(usage, "model"))
        or (words(logs[-1].get("modelTitle")) if logs else "")
        or model
    )
    if thought.strip() and not node.parts:
        node.parts.append(Thinking(thought))
    node.parts += parts
    for call in calls:
        function = mapping(call.get("function"))
        name = words(function.get("name"))
        log.call(node, words(call.get("id")), name, unwrapped(function.get("arguments")))
    counts = dict(log.counts)
    for state in states:
        status = _STATUS.get(words(state.get("status")))
        if status is not None and words(state.get("toolCallId")) in log.calls:
            output = "\n".join(words(one.get("content")) for one in objects(state.get("output")))
            log.result(words(state.get("toolCallId")), output, status)
    log.open, log.counts = None, counts  # the record has a place
    if isinstance(usage, dict):
        cached = inside(usage, "prompt_tokens_details", "cached_tokens")
        told = usage.get("prompt_tokens"), usage.get("completion_tokens")
        log.usage(usage_with_cache(*told, cached))


def _begun(path: str, session: str) -> int:
    """When the session began, from `sessions.json` beside it: messages have no times."""
    listed = objects(read_json(os.path.join(os.path.dirname(path), "sessions.json")))
    told = [one.get("dateCreated") for one in listed if one.get("sessionId") == session]
    try:
        return int(told[0]) if told and isinstance(told[0], int | str) else 0
    except ValueError:
        return 0


def _parts(content: Any) -> list[Part]:
    """Texts and pictures of a content in either form."""
    parts = texts(content)
    for block in objects(content):
        url = block.get("imageUrl")
        image = picture_of_url(inside(url, "url") or url)
        parts += texts(block.get("text")) or pictures(image)
    return parts
