"""OpenCode: a session exported as one JSON document `{info, messages: [{info, parts}]}`.

One assistant message is one step of the model; its tool parts hold call and result. Children of
a session (`parentID`) are sub-agents.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ..ledger import Ledger
from ..linking import Frame, Node
from ..model import Image, Part, ResultStatus, Session, Text, Thinking, Usage
from ..ports import FileIndex, Keyed, ReadOptions
from .indexing import Seen, scan
from .linear import Linear, folder_name, number, words
from .lines import LineFault, line_fault, safe_name
from .pictures import picture_of_url

_SESSION = re.compile(rb'"info"\s*:\s*\{[^{}]*?"id"\s*:\s*"ses_')
_FIELDS = re.compile(rb'"(id|parentID|sessionID|directory)"\s*:\s*"((?:ses_|/|[A-Z]:)[^"]{0,500})"')


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


class OpenCodeSource:
    """OpenCode exports."""

    name = "opencode"
    suffixes = (".json", ".jsonl")

    def roots(self, env: Mapping[str, str], home: str) -> list[str]:
        """Exports lie where the user puts them; the program's own store is not read."""
        return []

    def recognise(self, path: str, head: bytes) -> bool:
        """Whether the file begins with the info of a session."""
        return path.endswith(self.suffixes) and _SESSION.search(head[:4000]) is not None

    def index(self, path: str, offset: int = 0) -> FileIndex:
        """The session, its parent and its children; a document is always indexed whole."""
        return scan(path, 0, (), "session:", _find, _note)

    def sessions(
        self, files: tuple[str, ...], options: ReadOptions, ledger: Ledger, keyed: Keyed
    ) -> Iterator[Session]:
        """The sessions of one unit: parents before their children."""
        logs: dict[str, tuple[Linear, dict[str, Any]]] = {}
        for path in sorted(files):
            log = Linear(path, options, ledger)
            document = log.document()
            if document is None:
                continue
            info = document.get("info")
            about = info if isinstance(info, dict) else {}
            log.session_id = words(about.get("id")) or os.path.basename(path)
            twice = log.session_id in logs
            _read(log, document.get("messages"), bool(words(about.get("parentID"))), twice)
            if twice:
                log.finish()
            else:
                logs[log.session_id] = (log, about)
        yield from _emit(logs, keyed)


SOURCE = OpenCodeSource()


def _emit(logs: dict[str, tuple[Linear, dict[str, Any]]], keyed: Keyed) -> Iterator[Session]:
    started: dict[str, tuple[str, Node]] = {}
    for log, _ in logs.values():
        for node in log.nodes:
            for flag in [f for f in node.flags if f.startswith("?")]:
                node.flags.remove(flag)
                child, _, call = flag[1:].partition("?")
                started[child] = (call, node)
    todo = list(logs)
    done: set[str] = set()
    while todo:
        ready = [n for n in todo if words(logs[n][1].get("parentID")) not in set(todo) - {n}]
        name = (ready or todo)[0]
        todo.remove(name)
        done.add(name)
        log, about = logs[name]
        is_child = bool(words(about.get("parentID")))
        call, caller = started.get(name, ("", None)) if is_child else ("", None)
        cwd = words(about.get("directory"))
        frame = Frame(
            source="opencode",
            session_id=name,
            agent_id=name if is_child else None,
            parent_session=(caller.key or None) if caller is not None else None,
            parent_call=call or None,
            project=folder_name(cwd),
            cwd=cwd,
            title=words(about.get("title")),
        )
        yield from log.sessions(frame, keyed)


def _read(log: Linear, messages: Any, agent: bool, twice: bool) -> None:
    for at, message in enumerate(messages if isinstance(messages, list) else (), 1):
        log.part(at)
        info = message.get("info") if isinstance(message, dict) else None
        listed = message.get("parts") if isinstance(message, dict) else None
        parts = [p for p in listed if isinstance(p, dict)] if isinstance(listed, list) else []
        if twice:
            log.drop("resumed_copy", "link")
        elif not isinstance(info, dict):
            log.drop("no_message")
        else:
            try:
                _message(log, info, parts, agent)
            except LineFault as fault:
                log.ledger.fault(line_fault(fault, log.path, at, b"}"))


def _message(log: Linear, info: dict[str, Any], parts: list[dict[str, Any]], agent: bool) -> None:
    role, name = words(info.get("role")), words(info.get("id"))
    times = info.get("time")
    at = times.get("created") if isinstance(times, dict) else ""
    if role == "user":
        own, injected = _user_parts(parts)
        if injected:
            log.node("context", injected, at, f"{name}+" if own else name)
        if own:
            log.node("task" if agent else "prompt", own, at, name)
        if not own and not injected:
            log.drop("empty")
    elif role == "assistant":
        _answer(log, info, parts, at, name)
    else:
        log.drop(f"unknown_role:{safe_name(role)}")


def _user_parts(parts: list[dict[str, Any]]) -> tuple[list[Part], list[Part]]:
    """(typed, injected) parts of a user message."""
    own: list[Part] = []
    injected: list[Part] = []
    for part in parts:
        text = words(part.get("text"))
        if part.get("type") == "text" and text.strip():
            (injected if part.get("synthetic") is True else own).append(Text(text))
        elif part.get("type") == "file":
            image = picture_of_url(part.get("url"))
            own.extend([image] if image is not None else [])
    return own, injected


def _answer(
    log: Linear, info: dict[str, Any], parts: list[dict[str, Any]], at: object, name: str
) -> None:
    said: list[Part] = []
    for part in parts:
        text = words(part.get("text"))
        if part.get("type") == "text" and text.strip():
            said.append(Text(text))
        elif part.get("type") == "reasoning" and text.strip():
            said.append(Thinking(text))
    calls = [p for p in parts if p.get("type") == "tool" and words(p.get("callID"))]
    if not said and not calls:
        log.drop("api_error" if info.get("error") else "empty")
        return
    if info.get("summary") is True and not calls:
        log.node("summary", [p for p in said if isinstance(p, Text)] or said, at, name)
        return
    log.open = None
    node = log.answer(at, words(info.get("modelID")), name)
    node.parts = said
    for part in calls:
        state = part.get("state")
        given = state.get("input") if isinstance(state, dict) else None
        log.call(node, words(part.get("callID")), words(part.get("tool")), given)
    for part in calls:
        _result(log, node, part)
    tokens = info.get("tokens")
    if isinstance(tokens, dict):
        cache = tokens.get("cache")
        cache = cache if isinstance(cache, dict) else {}
        counts = (tokens.get("input"), tokens.get("output"), cache.get("read"), cache.get("write"))
        log.usage(Usage(*map(number, counts)))


def _result(log: Linear, node: Node, part: dict[str, Any]) -> None:
    state = part.get("state")
    if not isinstance(state, dict):
        return
    call = words(part.get("callID"))
    metadata = state.get("metadata")
    child = metadata.get("sessionId") if isinstance(metadata, dict) else None
    if isinstance(child, str):
        node.flags.append(f"?{child}?{call}")
    status: ResultStatus = "ok"
    text = words(state.get("output"))
    if state.get("status") == "error":
        text, status = words(state.get("error")), "error"
        if text.startswith(("The user rejected", "User rejected", "Permission")):
            status = "rejected"
    elif state.get("status") != "completed":
        return  # pending or running: no result came
    times = state.get("time")
    at = times.get("end") if isinstance(times, dict) else ""
    images = _images(state.get("attachments"))
    log.result(call, text, status, at, images)


def _images(attachments: Any) -> tuple[Image, ...]:
    found = [
        picture_of_url(item.get("url"))
        for item in (attachments if isinstance(attachments, list) else ())
        if isinstance(item, dict)
    ]
    return tuple(image for image in found if image is not None)
