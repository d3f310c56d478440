"""The lines of a rollout, typed; odd ones are coerced, each odd field treated as absent."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ...ledger import Ledger
from ...model import ToolDef
from ..mending import LineFault, fitted, values


class Provenance(msgspec.Struct, gc=False):
    """Who wrote a piece of a message: "user", or "harness" for the program."""

    type: str | None = None


class Written(msgspec.Struct, gc=False):
    """Notes of newer versions on a piece of a message."""

    provenance: Provenance | None = None


#: Kinds of pieces from a person; a heartbeat is sent by the program's clock.
_TYPED = re.compile(r"user\.(?!heartbeat)")


class Notes(msgspec.Struct, gc=False):
    """Notes of newer versions on an item."""

    content_item_metadata: list[Written | None] | None = None
    content_item_kinds: list[str | None] | None = None

    def program(self) -> list[bool]:
        """For each piece of the message: whether the program wrote it."""
        if self.content_item_kinds:
            return [kind is not None and not _TYPED.match(kind) for kind in self.content_item_kinds]
        told = self.content_item_metadata or []
        return [
            w is not None and w.provenance is not None and w.provenance.type == "harness"
            for w in told
        ]


class Payload(msgspec.Struct, gc=False):
    """`payload` of any kind of line; fields of other kinds are None."""

    type: str | None = None
    role: str | None = None
    content: Any = None
    summary: Any = None
    name: str | None = None
    namespace: str | None = None
    arguments: Any = None
    input: Any = None
    call_id: str | None = None
    output: Any = None
    action: Any = None
    tools: Any = None
    items: Any = None
    operation: str | None = None
    id: str | None = None
    cwd: str | None = None
    model: str | None = None
    originator: str | None = None
    source: Any = None
    git: Any = None
    dynamic_tools: Any = None
    message: Any = None
    replacement_history: Any = None
    info: Any = None
    new_thread_id: str | None = None
    turn_id: str | None = None
    forked_from_id: str | None = None
    history_base: Any = None
    subagent_history_start_ordinal: Any = None
    thread_name: str | None = None
    num_turns: Any = None
    revised_prompt: str | None = None
    result: msgspec.Raw = msgspec.Raw()
    item: msgspec.Raw = msgspec.Raw()
    notes: Notes | None = msgspec.field(
        name="internal_chat_message_metadata_passthrough", default=None
    )


class Activity(msgspec.Struct, gc=False):
    """`item` of an event on a sub-agent: `id` is that of the call."""

    type: str
    kind: str
    id: str
    agent_thread_id: str


class Beside(msgspec.Struct, gc=False):
    """What newer versions note beside an item: it was written for a compaction; a script of code
    mode sent it, which its call tells already."""

    compaction_output: bool | None = None
    delivered_assistant_message: str | None = None


class Line(msgspec.Struct, gc=False):
    """One record."""

    type: str = ""
    timestamp: str | None = None
    ordinal: Any = None
    payload: Payload | None = None
    beside: Beside | None = msgspec.field(name="metadata", default=None)


_decode = msgspec.json.Decoder(Line).decode
_decode_payload = msgspec.json.Decoder(Payload).decode


def decode(raw: bytes | memoryview, ledger: Ledger) -> list[Line | LineFault]:
    """The records of a line and its faults."""
    try:
        line = _decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return [
            value if isinstance(value, LineFault) else fitted(Line, value)
            for value in values(raw, ledger)
        ]
    return [line if line.payload is not None else _bare(raw, line)]


def _bare(raw: bytes | memoryview, line: Line) -> Line:
    """A line of the first rollouts, which hold the items themselves, without `payload`."""
    try:
        payload = _decode_payload(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return line
    kind = payload.type or ""
    if kind in ("message", "reasoning") or kind.endswith(("_call", "_output")):
        return Line(type="response_item", timestamp=line.timestamp, payload=payload)
    if not kind and payload.id and line.timestamp:
        return Line(type="session_meta", timestamp=line.timestamp, payload=payload)
    return Line(type=kind or "state", timestamp=line.timestamp)


class Facts(msgspec.Struct):
    """The facts of one rollout besides its conversation."""

    session_id: str = ""
    begun: str = ""
    cwd: str = ""
    branch: str = ""
    title: str = ""
    originator: str = ""
    parent_thread: str = ""
    forked_from: str = ""
    base: tuple[str, int] = ("", 0)  # whose history this thread continues, up to which ordinal
    ordinal: int = 0  # of the first line
    begins: int = 0  # ordinal of a sub-agent's first own line, after a copy of its parent's
    agent_type: str = ""
    entrypoint: str = ""
    subagent: bool = False
    junk: str = ""
    tools: tuple[ToolDef, ...] = ()

    def is_agent(self) -> bool:
        """Whether another thread started this one."""
        return self.subagent or bool(self.parent_thread)
