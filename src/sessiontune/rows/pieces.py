"""Messages as encoded pieces, calls paired with their results.

The same content goes into several files, so each message is turned into JSON once (`flat`), as
bytes that the formats splice together.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import orjson

from ..model import Image, Message, Text, Thinking, ToolCall, ToolResult
from ..ports import Conversation, EncodeOptions

#: Stands where a call has no result in the log, so that calls and results stay in pairs.
NO_RESULT = "[no result in the log]"
#: Between parts of one message that a format has to write as one string.
GAP = "\n\n"
#: Role -> how a message of a row begins; its escaped text follows.
HEADS = {
    role: b'{"role":"%b","content":"' % role.encode()
    for role in ("system", "user", "assistant", "tool")
}


class Call(NamedTuple):
    """One tool call. `arguments`: its JSON, escaped for the inside of a JSON string."""

    id: str
    name: str
    arguments: bytes


class Piece(NamedTuple):
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

    @property
    def core(self) -> bytes:
        """The keys from role to name as one, without braces."""
        return b"".join((HEADS[self.role][1:], self.text, b'"', self.rest))


class Flat:
    """A conversation as pieces: `prefix` (context of a branch) and `own`, with their losses."""

    __slots__ = (
        "_paired",
        "known",
        "options",
        "own",
        "own_losses",
        "prefix",
        "prefix_losses",
    )

    def __init__(self, conversation: Conversation, options: EncodeOptions) -> None:
        before, messages = conversation.prefix, conversation.session.messages
        train = conversation.train
        self.options = options
        self.prefix_losses: dict[str, int] = {}
        self.own_losses: dict[str, int] = {}
        self.prefix: list[Piece] = []
        if before:
            flags = (False,) * len(before) if train is None else train[: len(before)]
            self.prefix = _pieces(before, flags, options, self.prefix_losses)
        flags = (True,) * len(messages) if train is None else train[len(before) :]
        self.own = _pieces(messages, flags, options, self.own_losses)
        self.known: list[bytes] | None = None  # what else is known of `own`: see lines.py
        self._paired: tuple[list[Piece], dict[str, int]] | None = None

    def rendered(self) -> tuple[list[Piece], dict[str, int]]:
        """Prefix and own pieces with every call followed by its results, and what that lost."""
        if self._paired is None:
            losses = dict(self.own_losses)
            add(losses, self.prefix_losses)
            self._paired = (_paired([*self.prefix, *self.own], losses, self.options), losses)
        return self._paired


_last: tuple[Conversation, EncodeOptions, Flat] | None = None


def flat(conversation: Conversation, options: EncodeOptions) -> Flat:
    """The pieces of a conversation. The last one is kept for the next format's call."""
    global _last
    last = _last
    if last is not None and last[0] is conversation and last[1] == options:
        return last[2]
    _last = None  # the former one goes before the next is made: a session may hold 100 MB
    made = Flat(conversation, options)
    _last = (conversation, options, made)
    return made


def forget() -> None:
    """Let go of the last conversation."""
    global _last
    _last = None


def add(total: dict[str, int], more: dict[str, int]) -> None:
    """Add counts to `total`."""
    for name, n in more.items():
        total[name] = total.get(name, 0) + n


def count(total: dict[str, int], name: str, n: int = 1) -> None:
    """Count one thing."""
    total[name] = total.get(name, 0) + n


# ------------------------------------------------------------------------------- encoding


def dumps(value: Any) -> bytes:
    """JSON, also of what orjson refuses: lone surrogates, integers beyond 64 bits."""
    try:
        return orjson.dumps(value)
    except TypeError:
        import json

        return json.dumps(_mended(value), ensure_ascii=False, separators=(",", ":")).encode()


def escaped(text: str) -> bytes:
    """Text for the inside of a JSON string, without the quotes."""
    return dumps(text)[1:-1]


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
    """What stands in a row for a picture, for example `[image: png, 34 kB]`."""
    what, _, kind = image.media_type.rpartition("/")
    name = "image" if what in ("", "image") else "document"
    return f"[{name}: {kind or 'unknown'}, {max(1, round(image.bytes / 1000))} kB]"


def _pieces(
    messages: tuple[Message, ...],
    train: tuple[bool, ...],
    options: EncodeOptions,
    losses: dict[str, int],
) -> list[Piece]:
    out: list[Piece] = []
    for message, bears_loss in zip(messages, train, strict=True):
        role = message.role
        if message.kind == "notice":
            continue
        if role == "tool":
            if options.tools:
                results = [p for p in message.parts if isinstance(p, ToolResult)]
                out += [_result(r, message, options, losses) for r in results]
            else:
                count(losses, "tool_result", len(message.parts))
            continue
        piece = _piece(message, bears_loss and role == "assistant", options, losses)
        if piece is None:
            count(losses, "empty_message")
        else:
            out.append(piece)
    return out


def _piece(
    message: Message, train: bool, options: EncodeOptions, losses: dict[str, int]
) -> Piece | None:
    """A system, user or assistant message; None when nothing of it is left."""
    role, parts = message.role, message.parts
    calls: list[Call] = []
    thoughts: list[str] = []
    if len(parts) == 1 and type(parts[0]) is Text:
        text = parts[0].text
    else:
        texts: list[str] = []
        for part in parts:
            if isinstance(part, Text):
                texts.append(part.text)
            elif isinstance(part, ToolCall):
                if options.tools:
                    arguments = escaped(dumps(part.arguments).decode())
                    calls.append(Call(part.id, part.name, arguments))
                else:
                    count(losses, "tool_call")
            elif isinstance(part, Thinking):
                if options.thinking:
                    thoughts += [part.text] if part.text else []
                else:
                    count(losses, "thinking")
            elif isinstance(part, Image):
                count(losses, "image")
                texts.append(image_text(part))
        text = GAP.join(texts) if len(texts) != 1 else texts[0]
    if not text and not calls and not thoughts:
        return None
    thinking = escaped(GAP.join(thoughts)) if thoughts else b""
    rest = (
        b',"tool_calls":[%b],"tool_call_id":null,"name":null' % b",".join(map(_call, calls))
        if calls
        else _PLAIN
    )
    if options.thinking:
        rest = _reasoning(thinking, bool(thoughts)) + rest
    return Piece(role, message, escaped(text), rest, thinking, tuple(calls), None, train)


_PLAIN = b',"tool_calls":null,"tool_call_id":null,"name":null'


def _reasoning(thinking: bytes, known: bool) -> bytes:
    return b',"reasoning_content":"%b"' % thinking if known else b',"reasoning_content":null'


def _call(call: Call) -> bytes:
    return b'{"id":%b,"type":"function","function":{"name":%b,"arguments":"%b"}}' % (
        dumps(call.id),
        dumps(call.name),
        call.arguments,
    )


def _result(
    part: ToolResult, message: Message, options: EncodeOptions, losses: dict[str, int]
) -> Piece:
    text = part.content
    if part.images:
        count(losses, "image", len(part.images))
        text = "\n".join(filter(None, (text, *map(image_text, part.images))))
    rest = b'%b,"tool_calls":null,"tool_call_id":%b,"name":%b' % (
        b',"reasoning_content":null' if options.thinking else b"",
        dumps(part.call_id),
        dumps(part.name),
    )
    return Piece("tool", message, escaped(text), rest, b"", (), part, False)


# -------------------------------------------------------------------------------- pairing


def _paired(pieces: list[Piece], losses: dict[str, int], options: EncodeOptions) -> list[Piece]:
    """Every call directly followed by its results, in call order.

    A call without a result gets `NO_RESULT`; a result without a call is left out. Both are
    counted. Nothing is copied where the log is in order, which is nearly always.
    """
    if _in_order(pieces):
        return pieces
    out: list[Piece | None] = []
    waiting: dict[str, int] = {}
    synthetic: dict[int, tuple[Message, Call]] = {}
    for piece in pieces:
        if piece.result is None:
            out.append(piece)
            for call in piece.calls:
                waiting[call.id] = len(out)
                synthetic[len(out)] = (piece.message, call)
                out.append(None)
            continue
        place = waiting.pop(piece.result.call_id, None)
        if place is None:
            count(losses, "result_without_call")
        elif piece.result.status != "missing" or piece.text:
            out[place] = piece
    for place, (message, call) in synthetic.items():
        if out[place] is None:
            count(losses, "missing_result")
            part = ToolResult(call.id, call.name, NO_RESULT, "missing")
            out[place] = _result(part, message, options, losses)
    return [piece for piece in out if piece is not None]


def _in_order(pieces: list[Piece]) -> bool:
    at, end = 0, len(pieces)
    while at < end:
        piece = pieces[at]
        at += 1
        if piece.result is not None:
            return False
        for call in piece.calls:
            if at == end:
                return False
            result = pieces[at].result
            if result is None or result.call_id != call.id or result.status == "missing":
                return False
            at += 1
    return True


def instant(at: str) -> str:
    """A time that loaders leave alone: with a fraction of a second, JSON readers of Arrow take
    it for text; without one they turn the column into timestamps."""
    if at.endswith("Z") and "." not in at and "T" in at:
        return at[:-1] + ".000Z"
    return at
