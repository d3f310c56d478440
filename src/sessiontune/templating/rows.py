"""From a row of `openai.jsonl` to messages that a given chat template can take.

A template without tools, system messages or parallel calls gets the same content in a form that it
knows. `changes` tells what was changed or left out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ..errors import PreflightError

#: Put inside control tokens in a log's own text, so that text never becomes structure. A Unicode
#: noncharacter, which is removed before anything is tokenised or shown.
BREAK = "\ufdd0"
#: Replaces a request that a row does not hold.
_LEFT_OUT = "[left out]"


class Turn(msgspec.Struct, frozen=True):
    """One message for a template. `sources`: indexes in the row; `train`: whether it bears loss."""

    message: dict[str, Any]
    train: bool
    sources: tuple[int, ...]

    @property
    def role(self) -> str:
        role: str = self.message["role"]
        return role


class Abilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a template can render, found by probing it.

    system        a system message first
    mid_system    a system message later
    tools         tool calls and their results
    schemas       tool definitions
    parallel      several calls in one message
    beside        text in the message that holds a call
    thinking      `reasoning_content`, at least in the last message
    all_beside    text and `reasoning_content` in the message that holds a call
    any_ids       ids of calls in any form (Mistral's take nine letters and digits)
    repeats       two messages of the same side in a row
    """

    system: bool = True
    mid_system: bool = True
    tools: bool = True
    schemas: bool = True
    parallel: bool = True
    beside: bool = True
    thinking: bool = True
    all_beside: bool = True
    any_ids: bool = True
    repeats: bool = True


def turns_of(row: Mapping[str, Any], where: str) -> tuple[list[Turn], list[dict[str, Any]]]:
    """Read one row: its turns and its tool definitions.

    `train` is taken from each assistant message, by default true; no other role ever bears loss.
    Raises PreflightError, naming `where`, for a row that is not a conversation.
    """
    messages = row.get("messages")
    if not isinstance(messages, list) or not messages:
        raise PreflightError(f"{where}: no messages.", "Export again, or leave the row out.")
    turns = []
    for index, given in enumerate(messages):
        if not isinstance(given, Mapping) or not isinstance(given.get("role"), str):
            raise PreflightError(f"{where}: message {index} has no role.")
        message = _plain(given)
        train = message["role"] == "assistant" and given.get("train", True) is not False
        turns.append(Turn(message, train, (index,)))
    return turns, _tools(row.get("tools"), where)


def _plain(given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that templates know: content as a string, arguments decoded."""
    content = given.get("content")
    if isinstance(content, list):
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    message: dict[str, Any] = {"role": str(given["role"]), "content": content or ""}
    if message["role"] == "developer":
        message["role"] = "system"
    for name in ("reasoning_content", "tool_call_id", "name"):
        if given.get(name):
            message[name] = given[name]
    calls = given.get("tool_calls")
    if calls:
        message["tool_calls"] = [_call(call) for call in calls]
    return message


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    inner = call.get("function") or call
    arguments = inner.get("arguments", {})
    if isinstance(arguments, str):
        try:
            decoded = json.loads(arguments)
        except ValueError:
            decoded = None  # not JSON: the model's own text
        arguments = decoded if isinstance(decoded, dict) else arguments
    function = {"name": str(inner.get("name", "")), "arguments": arguments}
    return {"id": str(call.get("id") or ""), "type": "function", "function": function}


def _tools(given: Any, where: str) -> list[dict[str, Any]]:
    if isinstance(given, str):
        try:
            given = json.loads(given) if given.strip() else None
        except ValueError as error:
            raise PreflightError(f"{where}: its tools are not JSON ({error}).") from error
    if given is None:
        return []
    if not isinstance(given, list):
        raise PreflightError(f"{where}: its tools are not a list.")
    wrapped = []
    for tool in given:
        inner = tool.get("function") if isinstance(tool, dict) else None
        body = dict(inner if isinstance(inner, dict) else tool)
        body.setdefault("description", "")
        body.setdefault("parameters", {"type": "object", "properties": {}})
        wrapped.append({"type": "function", "function": body})
    return wrapped


def adapt(
    turns: Sequence[Turn], tools: Sequence[dict[str, Any]], able: Abilities
) -> tuple[list[Turn], list[dict[str, Any]], list[str]]:
    """The same conversation in forms that the template knows, and a list of the changes."""
    changes: list[str] = []
    out = list(turns)
    kept = list(tools)
    if not able.tools and any(t.role == "tool" or "tool_calls" in t.message for t in out):
        out = [_call_as_text(t) for t in out]
        changes.append("tool calls and results written as text: the template has no tools")
    elif not able.any_ids:
        out = [_nine(t) for t in out]
    out = _without(out, able, changes)
    if kept and not (able.schemas and able.tools):
        out.insert(0, Turn({"role": "system", "content": schemas_as_text(kept)}, False, ()))
        kept = []
        changes.append("tool definitions written as text: the template does not render them")
    if able.tools and not able.parallel and any(_parallel(t) for t in out):
        out = _one_call_each(out)
        changes.append("parallel calls written one after the other: the template takes one")
    out = _systems(out, able, changes)
    if not able.repeats:
        out = _asked_first(out, changes)
        merged = _merged(out)
        if len(merged) < len(out):
            changes.append("neighbouring messages of one side merged: the template alternates")
        out = merged
    return out, kept, changes


def _without(turns: list[Turn], able: Abilities, changes: list[str]) -> list[Turn]:
    """Take out what the template would lose, and say so: a target must be what is rendered."""
    out = turns
    if not able.thinking and any("reasoning_content" in t.message for t in out):
        out = [_less(t, "reasoning_content") for t in out]
        changes.append("thinking left out: the template does not render it")
    if able.tools and not able.beside:
        both = [bool(t.message.get("tool_calls") and t.message["content"]) for t in out]
        if any(both):
            out = [_less(t, "content") if b else t for t, b in zip(out, both, strict=True)]
            changes.append("text beside tool calls left out: the template does not render it")
    if not able.all_beside and any(_all_beside(t) for t in out):
        out = [_joined(t) if _all_beside(t) else t for t in out]
        changes.append("text beside tool calls joined to the thinking: the template takes one")
    return out


def _all_beside(turn: Turn) -> bool:
    return all(turn.message.get(f) for f in ("tool_calls", "content", "reasoning_content"))


def _joined(turn: Turn) -> Turn:
    """Thinking and text, both as thinking: gpt-oss writes them into one channel before a call."""
    both = f"{turn.message['reasoning_content']}\n\n{turn.message['content']}"
    return Turn(
        {**turn.message, "reasoning_content": both, "content": ""}, turn.train, turn.sources
    )


def _nine(turn: Turn) -> Turn:
    """Ids of calls as nine letters and digits; equal ids stay equal."""

    def short(identity: str) -> str:
        return hashlib.blake2b(identity.encode("utf-8", "replace"), digest_size=5).hexdigest()[:9]

    message = dict(turn.message)
    if "tool_calls" in message:
        message["tool_calls"] = [{**c, "id": short(c["id"])} for c in message["tool_calls"]]
    if message["role"] == "tool":
        message["tool_call_id"] = short(message.get("tool_call_id", ""))
    return Turn(message, turn.train, turn.sources)


def _less(turn: Turn, field: str) -> Turn:
    message = {k: v for k, v in turn.message.items() if k != field}
    message.setdefault("content", "")
    return Turn(message, turn.train, turn.sources)


def schemas_as_text(tools: Sequence[Mapping[str, Any]]) -> str:
    """Tool definitions as text, for templates without a place for them."""
    lines = "\n".join(json.dumps(tool, ensure_ascii=False) for tool in tools)
    return (
        f"You can call these tools, one definition a line:\n{lines}\n"
        'To call one, write <tool_call>\n{"name": ..., "arguments": {...}}\n</tool_call>.'
    )


def call_as_text(call: Mapping[str, Any]) -> str:
    """One call in the Hermes form."""
    function = call["function"]
    whole = {"name": function["name"], "arguments": function["arguments"]}
    body = json.dumps(whole, ensure_ascii=False)
    return f"<tool_call>\n{body}\n</tool_call>"


def _call_as_text(turn: Turn) -> Turn:
    message = turn.message
    if message["role"] == "tool":
        text = f"<tool_response>\n{message['content']}\n</tool_response>"
        return Turn({"role": "user", "content": text}, False, turn.sources)
    if "tool_calls" not in message:
        return turn
    parts = [message["content"]] if message["content"] else []
    parts += [call_as_text(call) for call in message["tool_calls"]]
    rest = {k: v for k, v in message.items() if k not in ("tool_calls", "content")}
    return Turn({**rest, "content": "\n".join(parts)}, turn.train, turn.sources)


def _parallel(turn: Turn) -> bool:
    return len(turn.message.get("tool_calls", ())) > 1


def _one_call_each(turns: Sequence[Turn]) -> list[Turn]:
    """call, call, result, result -> call, result, call, result."""
    out: list[Turn] = []
    index = 0
    while index < len(turns):
        turn = turns[index]
        index += 1
        if not _parallel(turn):
            out.append(turn)
            continue
        pool: list[Turn] = []
        while index < len(turns) and turns[index].role == "tool":
            pool.append(turns[index])
            index += 1
        first = {k: v for k, v in turn.message.items() if k != "tool_calls"}
        for number, call in enumerate(turn.message["tool_calls"]):
            head = first if number == 0 else {"role": "assistant", "content": ""}
            out.append(Turn({**head, "tool_calls": [call]}, turn.train, turn.sources))
            answer = _answer_to(call["id"], pool)
            if answer is not None:
                out.append(answer)
                pool.remove(answer)
        out += pool
    return out


def _answer_to(call: str, pool: Sequence[Turn]) -> Turn | None:
    """The result of one call; those without an id are taken in order."""
    named = next((r for r in pool if r.message.get("tool_call_id", "") == call), None)
    return named or next((r for r in pool if not r.message.get("tool_call_id")), None)


def _systems(turns: list[Turn], able: Abilities, changes: list[str]) -> list[Turn]:
    """One system message at the head; later ones stay, or become the user's."""
    head: list[Turn] = []
    while len(head) < len(turns) and turns[len(head)].role == "system":
        head.append(turns[len(head)])
    rest = turns[len(head) :]
    if not able.mid_system and any(t.role == "system" for t in rest):
        rest = [
            Turn({"role": "user", "content": t.message["content"]}, False, t.sources)
            if t.role == "system"
            else t
            for t in rest
        ]
        changes.append("later system messages given as the user's: the template takes one, first")
    if not head:
        return rest
    text = "\n\n".join(t.message["content"] for t in head if t.message["content"])
    sources = tuple(i for t in head for i in t.sources)
    if able.system:
        return [Turn({"role": "system", "content": text}, False, sources), *rest]
    changes.append("system message given as the user's: the template has none")
    if rest and rest[0].role == "user":
        joined = {**rest[0].message, "content": f"{text}\n\n{rest[0].message['content']}"}
        return [Turn(joined, False, sources + rest[0].sources), *rest[1:]]
    return [Turn({"role": "user", "content": text}, False, sources), *rest]


def _asked_first(turns: list[Turn], changes: list[str]) -> list[Turn]:
    """A request before the first answer, for templates that alternate: the head, if an epoch goes
    on after its summary; a mark, if a window had room only for its target."""
    first = next((i for i, t in enumerate(turns) if t.role != "system"), len(turns))
    if first == len(turns) or turns[first].role != "assistant":
        return turns
    changes.append("a request put before the first answer: the template alternates")
    text = "\n\n".join(t.message["content"] for t in turns[:first]) or _LEFT_OUT
    sources = tuple(i for t in turns[:first] for i in t.sources)
    return [Turn({"role": "user", "content": text}, False, sources), *turns[first:]]


def _side(turn: Turn) -> str:
    return "user" if turn.role in ("user", "tool") else turn.role


def _merged(turns: Sequence[Turn]) -> list[Turn]:
    """Neighbours of one side as one message. Merged answers bear loss only if all did."""
    out: list[Turn] = []
    for turn in turns:
        last = out[-1] if out else None
        calls = turn.message.get("tool_calls") or (last and last.message.get("tool_calls"))
        if last is None or _side(last) != _side(turn) or calls or "tool" in (last.role, turn.role):
            out.append(turn)
            continue
        both = (last.message, turn.message)
        text = "\n\n".join(m["content"] for m in both if m["content"])
        message = {**turn.message, **last.message, "content": text}
        if thoughts := [t for m in both if (t := m.get("reasoning_content"))]:
            message["reasoning_content"] = "\n\n".join(thoughts)
        out[-1] = Turn(message, last.train and turn.train, last.sources + turn.sources)
    return out


def broken(value: Any, pattern: Any) -> Any:
    """`value` with `BREAK` inside every control token in its strings and keys."""
    if isinstance(value, str):
        clean = value.replace(BREAK, "") if BREAK in value else value
        return pattern.sub(lambda m: m.group()[0] + BREAK + m.group()[1:], clean)
    if isinstance(value, dict):
        return {broken(k, pattern): broken(v, pattern) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [broken(v, pattern) for v in value]
    return value
