"""Short ways to write conversations by hand."""

from __future__ import annotations

from typing import Any

from sessiontune.model import Message, Part, Session, Text, ToolCall, ToolResult
from sessiontune.ports import Conversation


def said(role: Any, text: str, **more: Any) -> Message:
    """A message of plain text."""
    kinds = {"user": "prompt", "assistant": "answer", "system": "context"}
    more.setdefault("kind", kinds[role])
    more.setdefault("id", f"{role}-{abs(hash(text)) % 10**6}")
    return Message(role=role, parts=(Text(text),), **more)


def calls(text: str, *named: tuple[str, str, dict[str, Any]], **more: Any) -> Message:
    """An answer with text and calls (id, name, arguments)."""
    parts: list[Part] = [Text(text)] if text else []
    parts += [ToolCall(*one) for one in named]
    return Message(
        id=f"calls-{named[0][0]}", role="assistant", kind="answer", parts=tuple(parts), **more
    )


def results(*named: tuple[str, str, str], **more: Any) -> Message:
    """Results (call id, name, content)."""
    parts = tuple(ToolResult(*one) for one in named)
    return Message(id=f"results-{named[0][0]}", role="tool", kind="results", parts=parts, **more)


def conversation(*messages: Message, **more: Any) -> Conversation:
    """One main thread."""
    fields = {
        name: more.pop(name)
        for name in list(more)
        if name in Session.__struct_fields__ and name not in Conversation.__struct_fields__
    }
    fields = {"key": "k1", "thread": "t1", "lineage": "l1", **fields}
    session = Session(source="claude", session_id="s1", messages=messages, **fields)
    return Conversation(session=session, **more)
