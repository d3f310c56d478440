"""Conversations as encoded pieces, calls paired with their results.

The same content goes into several files, and the windows and preferences of a session repeat its
messages, so each message is encoded once for all of them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ..ledger import add_counts
from ..model import Message, ToolResult
from ..ports import Conversation, EncodeOptions
from .columns import columns, tools_key
from .pieces import NO_RESULT, Call, Piece, count, dumps, piece_of, result_of

#: `id` of a message -> the message itself (so that its id is not reused), its pieces, their losses.
Memory = dict[int, tuple[Message, tuple[Piece, ...], dict[str, int]]]
#: What most messages lost.
_NOTHING: dict[str, int] = {}


class Flat:
    """A conversation as pieces: `prefix` (context of a branch) and `own`, with their losses."""

    __slots__ = (
        "_columns",
        "_paired",
        "_tail",
        "conversation",
        "known",
        "options",
        "own",
        "own_losses",
        "prefix",
        "prefix_losses",
    )

    def __init__(
        self, conversation: Conversation, options: EncodeOptions, memory: Memory | None = None
    ) -> None:
        before, messages = conversation.prefix, conversation.session.messages
        train = conversation.train
        memory = {} if memory is None else memory
        self.conversation = conversation
        self.options = options
        self.prefix_losses: dict[str, int] = {}
        self.own_losses: dict[str, int] = {}
        self.prefix: list[Piece] = []
        if before:
            flags = (False,) * len(before) if train is None else train[: len(before)]
            self.prefix = _pieces(before, flags, options, self.prefix_losses, memory)
        flags = (True,) * len(messages) if train is None else train[len(before) :]
        self.own = _pieces(messages, flags, options, self.own_losses, memory)
        self.known: list[tuple[bytes, ...]] | None = None  # further keys of `own`: see lines.py
        self._paired: tuple[list[Piece], dict[str, int]] | None = None
        self._columns: dict[str, Any] | None = None
        self._tail: tuple[bytes, bytes] | None = None

    def rendered(self) -> tuple[list[Piece], dict[str, int]]:
        """Prefix and own pieces with every call followed by its results, and the losses."""
        if self._paired is None:
            losses = dict(self.own_losses)
            add_counts(losses, self.prefix_losses)
            self._paired = (_paired([*self.prefix, *self.own], losses, self.options), losses)
        return self._paired

    def columns(self) -> dict[str, Any]:
        """The columns of its row."""
        if self._columns is None:
            self._columns = columns(self.conversation)
        return self._columns

    def tail(self) -> tuple[bytes, bytes]:
        """The tools and the columns of its row, each after a comma; all formats share these objects
        and the pieces."""
        if self._tail is None:
            tools = tools_key(self.conversation.tools, self.options)
            self._tail = (tools, b"," + dumps(self.columns())[1:-1])
        return self._tail


_last: tuple[Conversation, EncodeOptions, Flat] | None = None
_session: tuple[str, int] = ("", 0)
_memory: dict[EncodeOptions, Memory] = {}


def flat(conversation: Conversation, options: EncodeOptions) -> Flat:
    """The pieces of a conversation. The last one is kept for the next format's call.

    All rows of a session share the objects of a message, by which the gate recognises it.
    """
    global _last, _session
    last = _last
    if last is not None and last[0] is conversation and last[1] == options:
        return last[2]
    _last = None  # before the next is made, as a session may hold 100 MB
    session = (conversation.session.thread, conversation.session.epoch)
    if session != _session:
        forget()
        _session = session
    made = Flat(conversation, options, _memory.setdefault(options, {}))
    _last = (conversation, options, made)
    return made


def forget() -> None:
    """Let go of the last session."""
    global _last
    _last = None
    _memory.clear()


def _pieces(
    messages: tuple[Message, ...],
    train: tuple[bool, ...],
    options: EncodeOptions,
    losses: dict[str, int],
    memory: Memory,
) -> list[Piece]:
    out: list[Piece] = []
    for message, flag in zip(messages, train, strict=True):
        trained = flag and message.role == "assistant"
        known = memory.get(id(message))
        if known is None:
            lost: dict[str, int] = {}
            pieces = _made(message, trained, options, lost)
            memory[id(message)] = message, pieces, lost or _NOTHING
        else:
            _, pieces, lost = known
            if pieces and pieces[0].train != trained:
                pieces = (msgspec.structs.replace(pieces[0], train=trained),)
        out += pieces
        if lost:
            add_counts(losses, lost)
    return out


def _made(
    message: Message, train: bool, options: EncodeOptions, losses: dict[str, int]
) -> tuple[Piece, ...]:
    if message.kind == "notice":
        return ()
    if message.role != "tool":
        piece = piece_of(message, train, options, losses)
        if piece is None:
            count(losses, "empty_message")
        return () if piece is None else (piece,)
    if not options.tools:
        count(losses, "tool_result", len(message.parts))
        return ()
    results = [p for p in message.parts if type(p) is ToolResult]
    return tuple([result_of(r, message, options, losses) for r in results])


# -------------------------------------------------------------------------------- pairing


def _paired(pieces: list[Piece], losses: dict[str, int], options: EncodeOptions) -> list[Piece]:
    """Every call directly followed by its results, in call order.

    A call without a result gets `NO_RESULT`; a result without a call is left out. Both are
    counted. Nothing is copied if the log is in order, as it nearly always is.
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
            out[place] = result_of(part, message, options, losses)
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
