"""From rows to conversations: what `Format.decode` shares, tolerant of files that others wrote."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import orjson

from ..model import (
    ForkPoint,
    Label,
    Message,
    MessageKind,
    Part,
    ResultStatus,
    Role,
    Session,
    Split,
    Text,
    Thinking,
    ToolCall,
    ToolDef,
    ToolResult,
    Usage,
)
from ..ports import Conversation
from .columns import tags_in
from .pieces import GAP, NO_RESULT, dumps

_OPEN, _CLOSE = "<tool_call>", "</tool_call>"
_KINDS: dict[str, MessageKind] = {
    "system": "context",
    "user": "prompt",
    "assistant": "answer",
    "tool": "results",
}
_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "tool": "tool",
}


def messages_of(rows: Iterable[Mapping[str, Any]]) -> tuple[list[Message], list[bool]]:
    """Chat messages as records, neighbouring results joined, and which of them bear loss."""
    found: list[Message] = []
    train: list[bool] = []
    for row in rows:
        role = _ROLES.get(str(row.get("role")), "user")
        parts = _parts(row, role)
        if role == "tool" and found and found[-1].role == "tool":
            found[-1] = message(len(found) - 1, "tool", (*found[-1].parts, *parts))
            continue
        found.append(message(len(found), role, parts))
        train.append(role == "assistant" and row.get("train", True) is not False)
    return found, train


def message(index: int, role: Role, parts: Sequence[Part], **more: Any) -> Message:
    """A message whose id is its position."""
    return Message(id=str(index), role=role, kind=_KINDS[role], parts=tuple(parts), **more)


def _parts(row: Mapping[str, Any], role: Role) -> list[Part]:
    content = text_of(row.get("content"))
    if role == "tool":
        name, call = str(row.get("name") or ""), str(row.get("tool_call_id") or "")
        status: ResultStatus = "missing" if content == NO_RESULT else "ok"
        return [ToolResult(call, name, content, status)]
    parts: list[Part] = []
    if row.get("reasoning_content"):
        parts.append(Thinking(str(row["reasoning_content"])))
    if content:
        parts.append(Text(content))
    parts += [call_of(call) for call in row.get("tool_calls") or []]
    return parts


def text_of(content: Any) -> str:
    """Content as a string; lists of text parts are joined."""
    if isinstance(content, list):
        texts = (p.get("text", "") if isinstance(p, Mapping) else p for p in content)
        return "".join(str(t) for t in texts)
    return "" if content is None else str(content)


def call_of(call: Mapping[str, Any]) -> ToolCall:
    """A call in OpenAI's form or bare; arguments decoded if they are a JSON object."""
    inner = call.get("function") or call
    arguments = inner.get("arguments", {})
    if isinstance(arguments, str):
        try:
            arguments = orjson.loads(arguments)
        except orjson.JSONDecodeError:
            arguments = {"": arguments}  # not JSON: the model's own text
    if not isinstance(arguments, dict):
        arguments = {"": arguments}
    return ToolCall(str(call.get("id") or ""), str(inner.get("name") or ""), arguments)


def spoken(value: str) -> tuple[str, list[Any]]:
    """Text and calls of a `function_call` turn: bare JSON, or text with a block of it. What is no
    call is text."""
    start = value.find(_OPEN)
    end = value.find(_CLOSE, start)
    text, body = "", value
    if start >= 0 and end >= 0:
        body = value[start + len(_OPEN) : end]
        text = (value[:start] + value[end + len(_CLOSE) :]).removesuffix("\n")
    calls = listed(f"[{body}]")
    if len(calls) == 1 and isinstance(calls[0], list):
        calls = calls[0]
    named = [isinstance(c, Mapping) and isinstance(c.get("name"), str) for c in calls]
    return (text, calls) if named and all(named) else (value, [])


def told(value: str, calls: int) -> tuple[list[str], str]:
    """The results in an `observation` on so many calls, and what a person said behind them."""
    if calls > 1:
        try:
            results, end = json.JSONDecoder().raw_decode(value)
        except (ValueError, RecursionError):
            return [value], ""
        if isinstance(results, list):
            texts = [r if isinstance(r, str) else dumps(r).decode() for r in results]
            return texts, value[end:].removeprefix(GAP)
    return [value], ""


def listed(given: Any) -> list[Any]:
    """A list, or JSON text of one; nothing else holds anything."""
    if isinstance(given, str):
        try:
            given = orjson.loads(given)
        except orjson.JSONDecodeError:
            return []
    return given if isinstance(given, list) else []


def tools_of(given: Any) -> tuple[ToolDef, ...]:
    """Definitions from JSON text or a list, in OpenAI's form or bare."""
    found = []
    for tool in listed(given):
        if not isinstance(tool, Mapping):
            continue
        inner = tool.get("function") or tool
        found.append(
            ToolDef(
                str(inner.get("name") or ""),
                str(inner.get("description") or ""),
                dict(inner.get("parameters") or {}),
            )
        )
    return tuple(found)


def conversation(
    row: Mapping[str, Any], messages: Sequence[Message], train: Sequence[bool] | None
) -> Conversation:
    """A conversation of the messages and columns of a row. Absent columns take their defaults."""

    def text(name: str) -> str:
        return str(row.get(name) or "")

    fork, _, at = text("forked_from").partition("/")
    split: Split | None = {"train": "train", "eval": "eval"}.get(text("split"))  # type: ignore[assignment]
    session = Session(
        key=text("id"),
        thread=text("thread"),
        lineage=text("lineage"),
        source=text("source"),
        session_id=text("session_id"),
        messages=_stamped(messages, text("model"), text("vendor"), text("at")),
        epoch=int(row.get("epoch") or 0),
        agent_id=text("agent_id") or None,
        agent_type=text("agent_type"),
        forked_from=ForkPoint(fork, at) if fork else None,
        parent_session=text("parent_session") or None,
        parent_call=text("parent_call") or None,
        project=text("project"),
        end_reason=text("end_reason"),
    )
    return Conversation(
        session=session,
        tools=tools_of(row.get("tools")),
        tools_inferred=bool(row.get("tools_inferred", True)),
        split=split,
        train=None if train is None else tuple(train),
        tags=tags_in(text("tags")),
        group=text("group"),
    )


def _stamped(messages: Sequence[Message], model: str, vendor: str, at: str) -> tuple[Message, ...]:
    """Set the row's model on answers without one, and its time on a first message without one."""
    out = list(messages)
    for i, one in enumerate(out):
        if one.role == "assistant" and not one.model and (model or vendor):
            out[i] = msgspec.structs.replace(one, model=model, vendor=vendor)
    if out and at and not out[0].at:
        out[0] = msgspec.structs.replace(out[0], at=at)
    return tuple(out)


def conversation_of_lines(
    row: Mapping[str, Any], lines: Iterable[Mapping[str, Any]]
) -> Conversation:
    """A conversation from the columns in `row` and lines of `raw` (or messages of `combined`)."""
    found: list[Message] = []
    train: list[bool] = []
    labels: list[Label] = []
    for line in lines:
        one = _of_line(line)
        if found and one.role == "tool" and found[-1].role == "tool" and found[-1].id == one.id:
            parts = (*found[-1].parts, *one.parts)
            found[-1] = msgspec.structs.replace(found[-1], parts=parts)
            continue
        found.append(one)
        train.append(bool(line.get("train", one.role == "assistant")))
        names = filter(None, str(line.get("labels") or "").split(","))
        labels += [Label(one.id, name, "structural", "") for name in names]
    made = conversation({**row, "model": "", "vendor": "", "at": ""}, found, train)
    return msgspec.structs.replace(made, labels=tuple(labels))


def _of_line(line: Mapping[str, Any]) -> Message:
    role = _ROLES.get(str(line.get("role")), "user")
    parts = _parts(line, role)
    if role == "tool":
        result = parts[0]
        assert isinstance(result, ToolResult)
        status = line.get("status") or result.status
        parts = [msgspec.structs.replace(result, status=status)]
    tokens = int(line.get("input_tokens") or 0), int(line.get("output_tokens") or 0)
    return Message(
        id=str(line.get("message_id") or ""),
        role=role,
        kind=line.get("kind") or _KINDS[role],
        parts=tuple(parts),
        at=str(line.get("at") or ""),
        model=str(line.get("model") or ""),
        vendor=str(line.get("vendor") or ""),
        usage=Usage(*tokens) if any(tokens) else None,
    )
