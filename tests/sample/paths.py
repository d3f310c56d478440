"""Compares what a reader found with the truth of the sample, path by path from root to leaf.

Only the straight threads that a model saw matter here, not who owns a fork's prefix.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from sessiontune.model import Session, Text, ToolCall, ToolResult

Step = tuple[str, tuple[str, ...]]
Path = tuple[Step, ...]


def _plain(text: str) -> str:
    text = re.sub("[\ud800-\udfff\ufffd]", "", text)
    return "".join(text.split())


def _result(text: str) -> str:
    """A result as far as readers agree on it: its start, or the start of the preview."""
    return _plain(text.rpartition("Preview (first 2KB):")[2])[:40]


def _leaves(paths: Iterable[Path]) -> set[Path]:
    """Paths that are not the beginning of another one."""
    ordered = sorted({p for p in paths if p})
    return {
        path
        for path, following in zip(ordered, [*ordered[1:], ()], strict=True)
        if following[: len(path)] != path
    }


def found_paths(sessions: list[Session]) -> set[Path]:
    """Root-to-leaf paths of linked and cleaned sessions, sub-agents included."""
    by_key = {s.key: s for s in sessions}
    begins = {
        t: min(s.epoch for s in sessions if s.thread == t) for t in {s.thread for s in sessions}
    }

    def whole(session: Session) -> list[tuple[str, Step]]:
        before: list[tuple[str, Step]] = []
        if session.forked_from is not None and session.epoch == begins[session.thread]:
            owner = whole(by_key[session.forked_from.session])
            ids = [i for i, _ in owner]
            at = len(ids) - 1 - ids[::-1].index(session.forked_from.message)
            before = owner[: at + 1]
        return before + [(m.id, step) for m in session.messages if (step := _found(m)) is not None]

    return _leaves(tuple(step for _, step in whole(s)) for s in sessions)


def _found(message: Any) -> Step | None:
    if message.kind == "notice":
        return None
    if message.kind == "summary":
        return ("system", ("summary",))
    parts: list[str] = []
    for part in message.parts:
        if isinstance(part, Text):
            parts.append("text " + _plain(part.text))
        elif isinstance(part, ToolCall):
            parts.append(f"call {part.name} {_plain(str(sorted(part.arguments.items())))}")
        elif isinstance(part, ToolResult) and part.status != "missing":
            rejected = part.status == "rejected"
            parts.append("result " + ("rejected" if rejected else _result(part.content)))
    return (message.role, tuple(parts)) if parts else None


def true_paths(threads: list[dict[str, Any]]) -> set[Path]:
    """Root-to-leaf paths of the truth: threads as `variants` writes them."""
    begins: dict[Any, int] = {}
    for thread in threads:
        begins.setdefault(name(thread), thread["epoch"])
    where = {
        uuid: (thread, n)
        for thread in threads
        for n, message in enumerate(thread["messages"])
        for uuid in message["uuids"]
    }

    def whole(thread: dict[str, Any]) -> list[Step]:
        before: list[Step] = []
        after = thread["forked_after"]
        if after is not None and thread["epoch"] == begins[name(thread)] and after in where:
            owner, n = where[after]
            before = whole(owner)
            own = [m for m in owner["messages"] if _true(m) is not None]
            kept = [m for m in owner["messages"][: n + 1] if _true(m) is not None]
            before = before[: len(before) - len(own) + len(kept)]
        return before + [step for m in thread["messages"] if (step := _true(m)) is not None]

    return _leaves(tuple(whole(thread)) for thread in threads)


def name(thread: dict[str, Any]) -> tuple[str, ...]:
    """The name that the epochs of a thread share."""
    return thread["session"], str(thread["agent"]), thread["name"]


def _true(message: dict[str, Any]) -> Step | None:
    if message["kind"] == "summary":
        return ("system", ("summary",))
    parts: list[str] = []
    for part in message["parts"]:
        if part["type"] == "text":
            parts.append("text " + _plain(part["text"]))
        elif part["type"] == "call":
            parts.append(f"call {part['name']} {_plain(str(sorted(part['arguments'].items())))}")
        elif part["type"] == "result":
            rejected = part["status"] == "rejected"
            parts.append("result " + ("rejected" if rejected else _result(part["content"])))
    return (message["role"], tuple(parts)) if parts else None
