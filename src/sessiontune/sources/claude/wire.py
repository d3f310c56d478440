"""The records of Claude Code's logs, typed so that msgspec skips what is not needed.

Fields without a name here (copies of tool output, signatures, undo data) are never built.
A line that does not fit, because a field has an odd type or the bytes are damaged, goes through
`fitted`, which treats each odd field as absent.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from ...ledger import Ledger
from ..mending import LineFault, fitted, mend, plain, values

#: A count of tokens. What no number of ours can hold does not fit, like any odd type.
Tokens = Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)]


class WireUsage(msgspec.Struct, gc=False):
    """`message.usage`; token counts."""

    input_tokens: Tokens | None = None
    output_tokens: Tokens | None = None
    cache_read_input_tokens: Tokens | None = None
    cache_creation_input_tokens: Tokens | None = None


class Block(msgspec.Struct, gc=False):
    """One content block of any kind."""

    tool_use_id: str | None = None
    type: str = ""
    text: str | None = None
    connector_text: str | None = None
    thinking: str | None = None
    id: str | None = None
    name: str | None = None
    input: dict[str, Any] | None = None
    content: Any = None
    is_error: bool | None = None
    source: Any = None


class WireMessage(msgspec.Struct, gc=False):
    """`message` of a user or assistant record."""

    model: str | None = None
    id: str | None = None
    content: str | list[Block] | None = None
    usage: WireUsage | None = None


class Attachment(msgspec.Struct, gc=False):
    """`attachment`: context that the program added."""

    type: str = ""
    prompt: msgspec.Raw = msgspec.Raw()
    content: msgspec.Raw = msgspec.Raw()
    source_uuid: str | None = None
    hookName: str | None = None
    isMeta: bool | None = None
    origin: Kind | None = None
    files: msgspec.Raw = msgspec.Raw()
    messages: msgspec.Raw = msgspec.Raw()
    tools: msgspec.Raw = msgspec.Raw()
    entries: msgspec.Raw = msgspec.Raw()
    memories: msgspec.Raw = msgspec.Raw()
    skills: msgspec.Raw = msgspec.Raw()
    envelopes: msgspec.Raw = msgspec.Raw()
    deliveredVia: str | None = None
    planContent: str | None = None


class ProgressData(msgspec.Struct, gc=False):
    """`data` of a progress record."""

    type: str | None = None
    agentId: str | None = None
    hookName: str | None = None


class Kind(msgspec.Struct, gc=False):
    """`origin`: who caused a user record. `asUser`: a plugin passed a person's words on."""

    kind: str | None = None
    asUser: bool | None = None


class Source(msgspec.Struct, gc=False):
    """`forkedFrom`: the record that a fork copied."""

    sessionId: str | None = None
    messageUuid: str | None = None


class Outcome(msgspec.Struct, gc=False):
    """The few facts of `toolUseResult` that its text does not hold."""

    agentId: str | None = None
    runId: str | None = None
    userModified: bool | None = None
    interrupted: bool | None = None


class Segment(msgspec.Struct, gc=False):
    """The messages that a compaction keeps: the last of them, and what they follow."""

    tailUuid: str | None = None
    anchorUuid: str | None = None


class Compaction(msgspec.Struct, gc=False):
    """`compactMetadata` of a boundary."""

    preservedSegment: Segment | None = None
    durationMs: float | None = None


class Line(msgspec.Struct, gc=False):
    """One record. The fields are in the program's usual order: each is looked for after the one
    before."""

    parentUuid: str | None = None
    logicalParentUuid: str | None = None
    isSidechain: bool | None = None
    cwd: str | None = None
    sessionId: str | None = None
    gitBranch: str | None = None
    agentId: str | None = None
    type: str = ""
    subtype: str | None = None
    isMeta: bool | None = None
    message: WireMessage | None = None
    wireToolInputs: dict[str, Any] | None = None
    requestId: str | None = None
    isApiErrorMessage: bool | None = None
    attachment: Attachment | None = None
    data: ProgressData | None = None
    parentToolUseID: str | None = None
    uuid: str | None = None
    sentAsUuid: str | None = None
    timestamp: str | None = None
    toolUseResult: Outcome | str | list[msgspec.Raw] | None = None
    tool_use_result: Outcome | str | list[msgspec.Raw] | None = None
    operation: str | None = None
    reason: str | None = None
    content: msgspec.Raw = msgspec.Raw()
    compactMetadata: Compaction | None = None
    isCompactSummary: bool | None = None
    isVisibleInTranscriptOnly: bool | None = None
    isAbortedMidStream: bool | None = None
    isSynthetic: bool | None = None
    entrypoint: str | None = None
    origin: Kind | None = None
    promptSource: str | None = None
    queueTranscriptOnly: bool | None = None
    turnOrigin: str | None = None
    toolDenialKind: str | None = None
    forkedFrom: Source | None = None
    retractedMessageUuids: list[str] | None = None
    retracted_message_uuids: list[str] | None = None
    session_id: str | None = None
    wire_tool_inputs: dict[str, Any] | None = None
    parent_tool_use_id: str | None = None
    audit_timestamp: str | None = msgspec.field(name="_audit_timestamp", default=None)
    summary: str | None = None
    leafUuid: str | None = None
    customTitle: str | None = None
    aiTitle: str | None = None
    parentLastUuid: str | None = None


_decode = msgspec.json.Decoder(Line).decode


def decode(raw: bytes | memoryview, ledger: Ledger) -> Line | list[Line | LineFault]:
    """A record, or the records and faults of the values of an odd line."""
    try:
        line = _decode(raw)
        if line.message is None:
            str(raw, "utf-8")  # fields that are kept raw were not checked
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return [
            value if isinstance(value, LineFault) else _coerced(value)
            for value in values(raw, ledger)
        ]
    message = line.message
    if message is None or line.type != "assistant" or type(message.content) is not list:
        return line
    _as_sent(line, message.content)
    for block in message.content:
        if block.input is not None and not plain(block.input):
            try:
                block.input = mend(block.input)
            except LineFault as fault:
                return [fault]
    return line


def _as_sent(line: Line, blocks: list[Block]) -> None:
    """Give calls the arguments that the model wrote. The program changes them before it keeps them
    (it adds defaults and an accepted plan, and cuts `cd FOLDER &&`); newer versions keep what the
    model wrote beside them. What is no JSON it wraps."""
    sent = line.wireToolInputs or line.wire_tool_inputs or {}
    for block in blocks:
        given = sent.get(block.id) if block.id else None
        if type(given) is dict:
            block.input = given
        wrapped = block.input.get("__unparsedToolInput") if block.input is not None else None
        raw = wrapped.get("raw") if type(wrapped) is dict else None
        if type(raw) is str:
            block.input = {"input": raw}


# ---------------------------------------------------------------- odd lines


def _coerced(record: dict[str, Any]) -> Line:
    line = fitted(Line, record)
    message = record.get("message")
    if isinstance(message, dict):
        line.message = _message(message)
        if type(line.message.content) is list:
            _as_sent(line, line.message.content)
    elif isinstance(message, str):
        line.message = WireMessage(content=message)
    return line


def _message(value: dict[str, Any]) -> WireMessage:
    content = value.get("content")
    made = fitted(WireMessage, {**value, "content": None})
    if isinstance(content, str):
        made.content = content
    elif isinstance(content, dict):
        made.content = [fitted(Block, content)]
    elif isinstance(content, list):
        made.content = [
            fitted(Block, item) if isinstance(item, dict) else Block(type="text", text=item)
            for item in content
            if isinstance(item, dict | str)
        ]
    return made
