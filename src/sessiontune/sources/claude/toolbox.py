"""Definitions of tools that newer versions keep in the log (`prompt_snapshot` attachments).

A session takes those of the tools that it calls: the program offers dozens, each a page long.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ...model import Session, ToolCall, ToolDef
from ..lines import LineFault, mend


def tool_defs(listed: Any) -> dict[str, ToolDef]:
    """Name -> definition, of a list of `{name, schema: {name, description, input_schema}}`."""
    found: dict[str, ToolDef] = {}
    for item in listed if isinstance(listed, list) else ():
        inner = item.get("schema") if isinstance(item, dict) else None
        name = inner.get("name") if isinstance(inner, dict) else None
        if not isinstance(inner, dict) or not isinstance(name, str) or not name:
            continue
        words, schema = inner.get("description"), inner.get("input_schema")
        try:
            given = mend(schema) if isinstance(schema, dict) else {}
            found[name] = ToolDef(name, mend(words) if isinstance(words, str) else "", given)
        except LineFault:  # too deep: made from the calls, as where there is none
            continue
    return found


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
