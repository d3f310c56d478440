"""Tool definitions inferred from the calls that were seen, as JSON Schema.

Shapes are counters, so they merge in any order. A property is required if every call had it. Only
names and JSON types are kept, never values.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from ..ledger import add_counts
from ..model import Session, ToolCall, ToolDef

#: Objects with more distinct keys are maps, not records: their keys are data.
_MAX_PROPERTIES = 40
_TYPES: dict[type, str] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    list: "array",
    dict: "object",
    type(None): "null",
}


class ToolShape(msgspec.Struct):
    """Counts of one tool's calls: `properties[name][type]`."""

    calls: int = 0
    properties: dict[str, dict[str, int]] = {}


Shapes = dict[str, ToolShape]


def observe(session: Session, shapes: Shapes) -> None:
    """Add the calls of one session."""
    for message in session.messages:
        if message.role != "assistant":
            continue
        for part in message.parts:
            if type(part) is ToolCall:
                _observe_call(part, shapes)


def _observe_call(call: ToolCall, shapes: Shapes) -> None:
    shape = shapes.get(call.name)
    if shape is None:
        shape = shapes[call.name] = ToolShape()
    shape.calls += 1
    properties = shape.properties
    for name, value in call.arguments.items():
        kind = _TYPES.get(type(value), "string")
        types = properties.get(name)
        if types is None:
            types = properties[name] = {}
        types[kind] = types.get(kind, 0) + 1


def merge(total: Shapes, more: Shapes) -> None:
    """Add other shapes to `total`."""
    for name, shape in more.items():
        mine = total.setdefault(name, ToolShape())
        mine.calls += shape.calls
        for prop, types in shape.properties.items():
            add_counts(mine.properties.setdefault(prop, {}), types)


def definitions(shapes: Shapes) -> dict[str, ToolDef]:
    """One definition for each tool, sorted by name."""
    return {name: ToolDef(name, "", _schema(shapes[name])) for name in sorted(shapes)}


def _schema(shape: ToolShape) -> dict[str, Any]:
    if len(shape.properties) > _MAX_PROPERTIES:
        return {"type": "object", "properties": {}, "additionalProperties": True}
    properties: dict[str, Any] = {}
    required: list[str] = []
    for name in sorted(shape.properties):
        types = shape.properties[name]
        kinds = sorted(types)
        if "number" in types and "integer" in types:
            kinds.remove("integer")
        properties[name] = {"type": kinds[0] if len(kinds) == 1 else kinds}
        if sum(types.values()) == shape.calls:
            required.append(name)
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    return schema


def called(messages: Iterable[Any]) -> list[str]:
    """Names of the tools that these messages call, sorted."""
    names = {
        part.name
        for message in messages
        if message.role == "assistant"
        for part in message.parts
        if isinstance(part, ToolCall)
    }
    return sorted(names)
