"""Messages as encoded pieces: bytes of JSON that the formats splice together."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import msgspec
import orjson

from ..model import Image, Message, Text, Thinking, ToolCall, ToolResult
from ..ports import Conversation, EncodeOptions
from ..seams import apart, joined, seamed, spread

#: Losses of a message that any format may have.
LOSSES = ("thinking", "image", "tool_call", "tool_result", "empty_message")
#: Result of a call that has none in the log, so that calls and results stay in pairs.
NO_RESULT = "[no result in the log]"
#: Separates the parts of a message that a format must write as one string.
GAP = "\n\n"
#: The same inside a JSON string.
ESCAPED_GAP = b"\\n\\n"
#: Role -> the beginning of a message in a row; its escaped text follows.
HEADS = {
    role: b'{"role":"%b","content":"' % role.encode()
    for role in ("system", "user", "assistant", "tool")
}


class Call(msgspec.Struct, gc=False):
    """One tool call. `arguments`: its JSON, escaped for the inside of a JSON string; `plain`:
    unescaped, with the key before it, as the gate reads it in all formats."""

    id: str
    name: str
    arguments: bytes
    plain: bytes

    def read(self) -> tuple[bytes, ...]:
        """The call as the gate reads it: a structure, in parts."""
        return b'{"name":' + _name(self.name), self.plain, b"}"


class Piece(msgspec.Struct, gc=False):
    """One message of a row, or one result of a message that holds several.

    text      the content, escaped for the inside of a JSON string
    rest      the keys after it: reasoning_content (with thinking), tool_calls, tool_call_id and
              name, encoded, each with a comma before it
    thinking  escaped reasoning, empty when left out
    """

    role: str
    message: Message
    text: bytes
    rest: bytes
    thinking: bytes
    calls: tuple[Call, ...]
    result: ToolResult | None
    train: bool


def count(total: dict[str, int], name: str, n: int = 1) -> None:
    """Count one thing."""
    total[name] = total.get(name, 0) + n


def count_no_row(found: Iterable[Piece], losses: dict[str, int]) -> None:
    """Count a conversation that gets no row because nothing in it would be trained."""
    answered = any(p.role == "assistant" for p in found)
    count(losses, "row_without_trained_answer" if answered else "row_without_answer")


# ------------------------------------------------------------------------------- encoding


def encoded(
    self: Any, conversation: Conversation, options: EncodeOptions, losses: dict[str, int]
) -> list[bytes]:
    """`Format.encode` of a format with `parts`: its rows, the parts of each joined."""
    return [b"".join(row) for row in self.parts(conversation, options, losses)]


def dumps(value: Any) -> bytes:
    """JSON, also of what orjson rejects: lone surrogates, integers beyond 64 bits."""
    try:
        return orjson.dumps(value)
    except TypeError:
        import json

        return json.dumps(_mended(value), ensure_ascii=False, separators=(",", ":")).encode()


def escaped(text: str) -> bytes:
    """Text for the inside of a JSON string, without the quotes."""
    try:
        return orjson.dumps(text)[1:-1]
    except TypeError:
        return dumps(text)[1:-1]


@lru_cache(maxsize=1024)
def _name(name: str) -> bytes:
    """The name of a tool, encoded: there are few."""
    return dumps(name)


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {_mended(str(k)): _mended(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_mended(v) for v in value]
    return value


def image_text(image: Image) -> str:
    """The text for a picture in a row, for example `[image: png, 34 kB]`."""
    what, _, kind = image.media_type.rpartition("/")
    name = "image" if what in ("", "image") else "document"
    return f"[{name}: {kind or 'unknown'}, {max(1, round(image.bytes / 1000))} kB]"


def piece_of(
    message: Message, train: bool, options: EncodeOptions, losses: dict[str, int]
) -> Piece | None:
    """A system, user or assistant message; None if nothing of it is left."""
    role, parts = message.role, message.parts
    calls: list[Call] = []
    thoughts: list[str] = []
    if len(parts) == 1 and type(parts[0]) is Text:
        text = escaped(parts[0].text)
    else:
        texts: list[str] = []
        for part in parts:
            if type(part) is Text:
                texts += [part.text] if part.text else []
            elif type(part) is ToolCall:
                if options.tools:
                    plain = dumps(part.arguments)
                    arguments = escaped(plain.decode())
                    calls.append(Call(part.id, part.name, arguments, _ARGUMENTS + plain))
                else:
                    count(losses, "tool_call")
            elif type(part) is Thinking:
                if options.thinking:
                    thoughts += [part.text] if part.text else []
                else:
                    count(losses, "thinking")
            elif type(part) is Image:
                count(losses, "image")
                texts.append(image_text(part))
        text = joined(ESCAPED_GAP, list(map(escaped, texts)))
    if not text and not calls and not thoughts:
        return None
    thinking = joined(ESCAPED_GAP, list(map(escaped, thoughts))) if thoughts else b""
    rest = _PLAIN
    if calls:
        rest = _calls(calls)
    if options.thinking:
        before = _reasoning(thinking, bool(thoughts))
        rest = seamed(before + rest, (*apart(before), *apart(rest)))
    return Piece(role, message, text, rest, thinking, tuple(calls), None, train)


_PLAIN = b',"tool_calls":null,"tool_call_id":null,"name":null'


def _reasoning(thinking: bytes, known: bool) -> bytes:
    if not known:
        return b',"reasoning_content":null'
    head = b',"reasoning_content":"'
    return seamed(head + thinking + b'"', (head, *apart(thinking), b'"'))


def _calls(calls: list[Call]) -> bytes:
    """The calls of a message. The gate reads their arguments unescaped, not as a text."""
    texts, structures = [], []
    for call in calls:
        head = _CALL % (dumps(call.id), _name(call.name))
        texts.append(b'%b%b"%b"}}' % (head, _ARGUMENTS, call.arguments))
        structures.append((head, call.plain, b"}}"))
    start, end = b',"tool_calls":[', b'],"tool_call_id":null,"name":null'
    return seamed(start + b",".join(texts) + end, (start, *spread(b",", structures), end))


_CALL = b'{"id":%b,"type":"function","function":{"name":%b'
_ARGUMENTS = b',"arguments":'


def result_of(
    part: ToolResult, message: Message, options: EncodeOptions, losses: dict[str, int]
) -> Piece:
    """The piece of one result of a call; its pictures become text and are counted in `losses`."""
    text = part.content
    if part.images:
        count(losses, "image", len(part.images))
        text = "\n".join(filter(None, (text, *map(image_text, part.images))))
    rest = b',"tool_calls":null,"tool_call_id":' + dumps(part.call_id)
    rest += b',"name":' + _name(part.name)
    if options.thinking:
        rest = _reasoning(b"", False) + rest
    return Piece("tool", message, escaped(text), rest, b"", (), part, False)


def instant(at: str) -> str:
    """A time that loaders leave as it is: Arrow's JSON reader takes one with a fraction of a second
    as text, and makes timestamps of others."""
    if at.endswith("Z") and "." not in at and ":" in at:
        return at[:-1] + ".000Z"
    return at
