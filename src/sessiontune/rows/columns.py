"""The columns of the files, and their types.

Chosen for what `datasets` 4 and 5 do to rows: every row has every key, content is always a string,
arguments and tool definitions are JSON text. The columns of the row formats are never null: a
column that is null for the first 10 MB of a file breaks every loader that guesses types, and
trainers guess. `raw` and `combined`, which trainers do not read, have null for absent values.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from ..model import Message, ToolDef
from ..ports import Conversation, EncodeOptions
from ..seams import Seamed, seamed
from .pieces import dumps, instant

_BETWEEN_TAGS = re.compile(r",(?! )")
#: Column -> type: a primitive's name, a record (dict), or a list of records.
Schema = dict[str, Any]

#: The columns of every row, in order, besides those of a format.
COLUMNS: Schema = {
    "session_id": "string",
    "agent_id": "string",
    "thread": "string",
    "lineage": "string",
    "epoch": "int64",
    "forked_from": "string",
    "project": "string",
    "source": "string",
    "model": "string",
    "vendor": "string",
    "at": "string",
    "split": "string",
    "id": "string",
    "group": "string",
    "parent_session": "string",
    "parent_call": "string",
    "agent_type": "string",
    "end_reason": "string",
    "tags": "string",
}


#: Columns whose absent values are null in `raw` and `combined`, and "" elsewhere.
_NULLABLE = ("agent_id", "forked_from", "split", "parent_session", "parent_call")


def columns(conversation: Conversation) -> dict[str, Any]:
    """The columns of every row; absent values are ""."""
    session = conversation.session
    fork = session.forked_from
    model, vendor = main_model(session.messages)
    return {
        "session_id": session.session_id,
        "agent_id": session.agent_id or "",
        "thread": session.thread,
        "lineage": session.lineage,
        "epoch": session.epoch,
        "forked_from": f"{fork.session}/{fork.message}" if fork else "",
        "project": session.project,
        "source": session.source,
        "model": model,
        "vendor": vendor,
        "at": next((instant(m.at) for m in session.messages if m.at), ""),
        "split": conversation.split or "",
        "id": session.key,
        "group": conversation.group,
        "parent_session": session.parent_session or "",
        "parent_call": session.parent_call or "",
        "agent_type": session.agent_type,
        "end_reason": session.end_reason,
        "tags": ",".join(conversation.tags),
    }


def tags_in(text: Any) -> tuple[str, ...]:
    """The tags in a column. A name may hold a comma that a space follows."""
    return tuple(filter(None, map(str.strip, _BETWEEN_TAGS.split(str(text or "")))))


def with_nulls(found: dict[str, Any]) -> dict[str, Any]:
    """The columns as `raw` and `combined` have them."""
    return {**found, **{name: found[name] or None for name in _NULLABLE}}


def main_model(messages: tuple[Message, ...]) -> tuple[str, str]:
    """The model and vendor of most answers; of equal ones the first."""
    seen = Counter((m.model, m.vendor) for m in messages if m.role == "assistant" and m.model)
    return seen.most_common(1)[0][0] if seen else ("", "")


def tools_key(tools: tuple[ToolDef, ...], options: EncodeOptions) -> Seamed:
    """`,"tools":` and definitions in OpenAI's form: JSON text, encoded as a JSON string. The gate
    reads them as a structure."""
    plain = dumps([tool_entry(tool) for tool in tools]) if options.tools else b"[]"
    return seamed(b',"tools":' + dumps(plain.decode()), (b',"tools":' + plain,))


def tool_entry(tool: ToolDef) -> dict[str, Any]:
    """One definition. `parameters` always has `type` and `properties`: trainers index them."""
    parameters = {"type": "object", "properties": {}, **tool.parameters}
    function = {"name": tool.name, "description": tool.description, "parameters": parameters}
    return {"type": "function", "function": function}


_CALL: Schema = {
    "id": "string",
    "type": "string",
    "function": {"name": "string", "arguments": "string"},
}

_TURN: Schema = {"from": "string", "value": "string"}
#: The preference files: columns whose type is "messages", "turns" or "turn" hold conversations.
PREFERENCES: dict[str, Schema] = {
    "kto": {"prompt": "messages", "completion": "messages", "label": "bool", "tools": "string"},
    "dpo": {"prompt": "messages", "chosen": "messages", "rejected": "messages", "tools": "string"},
    "kto_sharegpt": {"conversations": "turns", "label": "bool", "tools": "string"},
    "dpo_sharegpt": {
        "conversations": "turns",
        "chosen": "turn",
        "rejected": "turn",
        "tools": "string",
    },
}
#: The evidence of a preference, and where it belongs.
REASONS: Schema = dict.fromkeys(("because", "tier", "id", "group", "split"), "string")


def schema(name: str, *, thinking: bool = False) -> Schema:
    """The columns of one format's file: name -> "string", "int64", "bool", a record, or a list."""
    core: Schema = {"role": "string", "content": "string"}
    if thinking:
        core["reasoning_content"] = "string"
    core |= {"tool_calls": [_CALL], "tool_call_id": "string", "name": "string"}
    if name in ("openai", "long"):
        messages = [core | {"train": "bool"}]
        return {"messages": messages, "tools": "string", "tools_inferred": "bool", **COLUMNS}
    if name == "sharegpt":
        return {"conversations": [_TURN], "tools": "string", "system": "string", **COLUMNS}
    if name == "alpaca":
        texts = dict.fromkeys(("instruction", "input", "output", "system"), "string")
        return {**texts, **COLUMNS}
    if name == "raw":
        return core | OF_A_LINE | {k: v for k, v in COLUMNS.items() if k not in OF_A_LINE}
    if name in PREFERENCES:
        shape = {"messages": [core], "turns": [_TURN], "turn": _TURN}
        return {k: shape.get(v, v) for k, v in PREFERENCES[name].items()} | REASONS
    raise KeyError(name)


#: What `raw` and `combined` hold of each message besides its content.
OF_A_LINE: Schema = {
    "kind": "string",
    "status": "string",
    "message_id": "string",
    "at": "string",
    "model": "string",
    "vendor": "string",
    "train": "bool",
    "labels": "string",
    "images": "string",
    "input_tokens": "int64",
    "output_tokens": "int64",
}
