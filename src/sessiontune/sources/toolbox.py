"""Definitions of tools that newer versions keep in the log (in Claude Code's, attachments of the
types `prompt_snapshot`, and `deferred_tools_record` for those that the model looked up).

A session keeps those of the tools that it calls: the program offers dozens, each a page long.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ..model import Session, ToolCall, ToolDef
from .mending import LineFault, mend
from .shapes import mapping, objects


def tool_defs(listed: Any) -> dict[str, ToolDef]:
    """Name -> definition, of a list of `{name, description, parameters}` (or `input_schema`), each
    perhaps in `schema` or `function`."""
    found: dict[str, ToolDef] = {}
    for item in objects(listed):
        inner = mapping(item.get("schema", item.get("function", item)))
        schema = inner.get("input_schema", inner.get("parameters"))
        made = _tool_def(inner.get("name"), inner.get("description"), schema)
        found |= {made.name: made} if made is not None else {}
    return found


def _tool_def(name: Any, words: Any, schema: Any) -> ToolDef | None:
    """A definition; None without a name, or if it is nested too deep."""
    if not isinstance(name, str) or not name:
        return None
    try:
        given = mend(schema) if isinstance(schema, dict) else {}
        return ToolDef(name, mend(words) if isinstance(words, str) else "", given)
    except LineFault:  # inferred from the calls, as if there were none
        return None


def with_tools(session: Session, known: Mapping[str, ToolDef]) -> Session:
    """The session with the definitions of the tools that it calls."""
    called = {
        part.name
        for message in session.messages
        if message.role == "assistant"
        for part in message.parts
        if type(part) is ToolCall
    }
    tools = tuple(known[name] for name in sorted(called) if name in known)
    return msgspec.structs.replace(session, tools=tools) if tools else session
