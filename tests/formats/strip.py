"""What each format promises to keep, written a second time and simply: on text, not bytes.

`decode(encode(x)) == strip(x)` is the law; `strip` shares only the wording of the two placeholders
with the encoders.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from msgspec.structs import replace

from sessiontune.model import Message, Part, Text, Thinking, ToolCall, ToolDef, ToolResult, Usage
from sessiontune.ports import Conversation, EncodeOptions
from sessiontune.rows.pieces import NO_RESULT, image_text

ROLES = {"system": "context", "user": "prompt", "assistant": "answer", "tool": "results"}


class Shown(NamedTuple):
    """A message, or one result, as a row shows it."""

    role: str
    text: str
    thinking: str
    calls: tuple[ToolCall, ...]
    result: ToolResult | None
    train: bool
    source: Message


def shown(conversation: Conversation, options: EncodeOptions, *, prefix: bool) -> list[Shown]:
    """What is left of the messages, in their order."""
    before, own = conversation.prefix, conversation.session.messages
    flags = conversation.train or (False,) * len(before) + (True,) * len(own)
    pairs = list(zip((*before, *own), flags, strict=True))
    found: list[Shown] = []
    for message, flag in pairs if prefix else pairs[len(before) :]:
        if message.kind == "notice":
            continue
        if message.role == "tool":
            for part in message.parts:
                if options.tools and isinstance(part, ToolResult):
                    content = "\n".join(
                        t for t in (part.content, *map(image_text, part.images)) if t
                    )
                    if not part.images:
                        content = part.content
                    result = ToolResult(part.call_id, part.name, content, part.status)
                    found.append(Shown("tool", content, "", (), result, False, message))
            continue
        one = _words(message, options)
        if one.text or one.calls or one.thinking:
            found.append(one._replace(train=flag and message.role == "assistant"))
    return found


def _words(message: Message, options: EncodeOptions) -> Shown:
    texts, thoughts, calls = [], [], []
    for part in message.parts:
        if isinstance(part, Text):
            texts.append(part.text)
        elif isinstance(part, Thinking) and options.thinking:
            thoughts.append(part.text)
        elif isinstance(part, ToolCall) and options.tools:
            calls.append(part)
        elif not isinstance(part, Thinking | ToolCall | ToolResult):
            texts.append(image_text(part))
    thinking = "\n\n".join(t for t in thoughts if t)
    text = "\n\n".join(t for t in texts if t)
    return Shown(message.role, text, thinking, tuple(calls), None, False, message)


def paired(items: list[Shown]) -> list[Shown]:
    """Each call directly followed by its result; results without a call removed, gaps filled."""
    out: list[Shown] = []
    for i, item in enumerate(items):
        if item.result is not None:
            continue
        out.append(item)
        for call in item.calls:
            found = next((s for s in items[i:] if s.result and s.result.call_id == call.id), None)
            if found is None or (found.result.status == "missing" and not found.text):  # type: ignore[union-attr]
                gap = ToolResult(call.id, call.name, NO_RESULT, "missing")
                found = Shown("tool", NO_RESULT, "", (), gap, False, item.source)
            out.append(found)
    return out


# ------------------------------------------------------------------------ the formats


def openai(conversation: Conversation, options: EncodeOptions) -> list[Conversation]:
    items = paired(shown(conversation, options, prefix=True))
    if not any(i.train for i in items):
        return []
    messages: list[Message] = []
    train: list[bool] = []
    for item in items:
        if item.result is not None and messages and messages[-1].role == "tool":
            messages[-1] = replace(messages[-1], parts=(*messages[-1].parts, _plain(item.result)))
            continue
        messages.append(_message(len(messages), item))
        train.append(item.train)
    return [_around(conversation, options, messages, tuple(train))]


def _message(index: int, item: Shown) -> Message:
    parts: list[Part] = []
    if item.result is not None:
        parts = [_plain(item.result)]
    else:
        if item.thinking:
            parts.append(Thinking(item.thinking))
        if item.text:
            parts.append(Text(item.text))
        parts += item.calls
    return Message(id=str(index), role=item.role, kind=ROLES[item.role], parts=tuple(parts))  # type: ignore[arg-type]


def _plain(result: ToolResult) -> ToolResult:
    return replace(result, status="missing" if result.content == NO_RESULT else "ok")


def sharegpt(conversation: Conversation, options: EncodeOptions) -> list[Conversation]:
    items = paired(shown(conversation, options, prefix=True))
    if not any(i.train for i in items):
        return []
    lead = next((i for i, x in enumerate(items) if x.role != "system"), len(items))
    if lead < len(items) and items[lead].role == "assistant":
        lead = 0
    turns: list[list[Shown]] = []
    for item in items[lead:]:
        if turns and _side(turns[-1][0]) == _side(item):
            turns[-1].append(item)
        elif turns or _side(item) == "human" or item.result is not None:
            turns.append([item])
    while turns and not [x for x in turns[0] if x.result is None and _side(x) == "human"]:
        turns.pop(0)
    if turns:
        turns[0] = [x for x in turns[0] if x.result is None]
    if len(turns) % 2:
        turns.pop()
    if not turns:
        return []
    messages: list[Message] = []
    if lead:
        parts = [Text("\n\n".join(x.text for x in items[:lead]))]
        if parts[0].text:
            messages.append(_put(messages, "system", parts))
    for turn in turns:
        if _side(turn[0]) == "model":
            messages.append(_put(messages, "assistant", _answer(turn, len(messages))))
        else:
            messages += _request(turn, messages)
    return [_around(conversation, options, messages, None, inferred=True)]


def _side(item: Shown) -> str:
    return "model" if item.role == "assistant" else "human"


def _put(messages: list[Message], role: Any, parts: list[Part]) -> Message:
    return Message(id=str(len(messages)), role=role, kind=ROLES[role], parts=tuple(parts))  # type: ignore[arg-type]


def _answer(turn: list[Shown], place: int) -> list[Part]:
    said = []
    for item in turn:
        if item.thinking:
            said.append(f"<think>\n{item.thinking}\n</think>\n\n{item.text}")
        elif item.text:
            said.append(item.text)
    text = "\n\n".join(said)
    calls = [replace(c, id=f"{place}.{n}") for n, c in enumerate(turn[-1].calls)]
    return [*([Text(text)] if text else []), *calls]


def _request(turn: list[Shown], messages: list[Message]) -> list[Message]:
    results = [x for x in turn if x.result is not None]
    words = [x.text for x in turn if x.result is None]
    if not results:
        return [_put(messages, "user", [Text("\n\n".join(words))])]
    calls = [p for p in messages[-1].parts if isinstance(p, ToolCall)]
    if len(results) == 1:
        contents, rest = ["\n\n".join([results[0].text, *words])], ""
    else:
        contents, rest = [x.text for x in results], "\n\n".join(words)
    parts: list[Part] = [
        _plain(ToolResult(call.id, call.name, content))
        for call, content in zip(calls, contents, strict=True)
    ]
    out = [_put(messages, "tool", parts)]
    return [*out, _put([*messages, *out], "user", [Text(rest)])] if rest else out


def raw(conversation: Conversation, options: EncodeOptions) -> list[Conversation]:
    items = shown(conversation, options, prefix=False)
    messages: list[Message] = []
    train: list[bool] = []
    for item in items:
        source = item.source
        if item.result is not None and messages and messages[-1].id == source.id:
            messages[-1] = replace(messages[-1], parts=(*messages[-1].parts, item.result))
            continue
        parts = (item.result,) if item.result else _message(0, item).parts
        used = source.usage
        messages.append(
            Message(
                id=source.id,
                role=source.role,
                kind=source.kind,
                parts=parts,
                at=_instant(source.at),
                model=source.model,
                vendor=source.vendor,
                usage=Usage(used.input + used.cache_read + used.cache_write, used.output)
                if used
                else None,
            )
        )
        train.append(item.train)
    if not messages:
        return []
    ids = [m.id for m in messages]
    labels = tuple(x for x in conversation.labels if x.message in ids)
    made = _around(conversation, options, messages, tuple(train), stamp=False)
    return [replace(made, labels=labels, tools=(), tools_inferred=True)]


def combined(conversation: Conversation, options: EncodeOptions) -> list[Conversation]:
    tools = _tools(conversation, options)
    inferred = conversation.tools_inferred
    return [replace(c, tools=tools, tools_inferred=inferred) for c in raw(conversation, options)]


def alpaca(conversation: Conversation, options: EncodeOptions) -> list[Conversation]:
    items = shown(conversation, EncodeOptions(tools=False), prefix=True)
    roles = [i.role for i in items if i.role != "system"]
    if roles.count("user") != 1 or roles[0] != "user" or not any(i.train for i in items):
        return []
    messages: list[Message] = []
    for role in ("system", "user", "assistant"):
        text = "\n\n".join(i.text for i in items if i.role == role)
        if text:
            messages.append(_put(messages, role, [Text(text)]))
    bare = replace(conversation, tools=(), tools_inferred=True)
    return [_around(bare, options, messages, None)]


# ------------------------------------------------------------------------ around them


def _around(
    conversation: Conversation,
    options: EncodeOptions,
    messages: list[Message],
    train: tuple[bool, ...] | None,
    *,
    stamp: bool = True,
    inferred: bool | None = None,
) -> Conversation:
    session = conversation.session
    if stamp:
        messages = _stamped(conversation, messages)
    return Conversation(
        session=replace(session, messages=tuple(messages)),
        tools=_tools(conversation, options),
        tools_inferred=conversation.tools_inferred if inferred is None else inferred,
        split=conversation.split,
        train=train,
        tags=conversation.tags,
        group=conversation.group,
    )


def _stamped(conversation: Conversation, messages: list[Message]) -> list[Message]:
    """The most frequent model of the session on all answers, its first time on the first."""
    own = conversation.session.messages
    answered = [(m.model, m.vendor) for m in own if m.role == "assistant" and m.model]
    model, vendor = max(answered, key=answered.count) if answered else ("", "")
    out = [replace(m, model=model, vendor=vendor) if m.role == "assistant" else m for m in messages]
    first = next((_instant(m.at) for m in own if m.at), "")
    return [replace(out[0], at=first), *out[1:]] if out else out


def _instant(at: str) -> str:
    return at.replace("00Z", "00.000Z") if at and "." not in at else at


def _tools(conversation: Conversation, options: EncodeOptions) -> tuple[ToolDef, ...]:
    if not options.tools:
        return ()
    whole: dict[str, Any] = {"type": "object", "properties": {}}
    return tuple(replace(t, parameters={**whole, **t.parameters}) for t in conversation.tools)
