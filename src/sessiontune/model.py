"""The records that everything else is a function of.

All are frozen and compare by content; none can be part of a circle, so the garbage collector
leaves the many small ones alone (`gc=False`). A `Session` is one straight thread of messages;
forks, resumed copies, sub-agents and compaction epochs are sessions that share a `lineage`.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Role = Literal["system", "user", "assistant", "tool"]
Split = Literal["train", "eval"]

#: How a tool call ended. `missing`: the log holds no result (cut or interrupted session).
ResultStatus = Literal["ok", "error", "rejected", "interrupted", "cancelled", "missing"]

#: What a message is: tells prompts from context.
MessageKind = Literal[
    "prompt",  # typed by a person (also queued prompts, command arguments, words in a rejection)
    "task",  # the prompt of a sub-agent, written by a model
    "answer",  # produced by a model
    "results",  # tool results
    "summary",  # compaction summary, role system
    "context",  # CLAUDE.md, @-mentions, role system
    "notice",  # marks a place only (an interruption); never rendered
]


class Text(msgspec.Struct, frozen=True, gc=False, tag="text", array_like=True):
    """Plain text."""

    text: str


class Thinking(msgspec.Struct, frozen=True, gc=False, tag="thinking", array_like=True):
    """A model's reasoning, as the log shows it (signatures are not kept)."""

    text: str


class ToolCall(msgspec.Struct, frozen=True, gc=False, tag="call", array_like=True):
    """A model asks for a tool. `arguments` is the decoded JSON object."""

    id: str
    name: str
    arguments: dict[str, Any]


class Image(msgspec.Struct, frozen=True, gc=False, tag="image", array_like=True):
    """A picture, by digest (blake2b-128 hex of its bytes); `bytes` is its decoded length."""

    digest: str
    media_type: str
    bytes: int


#: Whether the whole of an output was read from a file beside the log; "" if the log holds it.
Beside = Literal["", "read", "gone"]


class ToolResult(msgspec.Struct, frozen=True, gc=False, tag="result", array_like=True):
    """What a tool gave back, as the model saw it. `name` is that of the call it answers.

    `beside`: the log holds only the beginning of the output, the whole was written to a file beside
    it. That was read, or it is gone, and `content` is the beginning."""

    call_id: str
    name: str
    content: str
    status: ResultStatus = "ok"
    images: tuple[Image, ...] = ()
    beside: Beside = ""


Part = Text | Thinking | ToolCall | ToolResult | Image


class Origin(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One record of one log: `file` indexes `Session.files`, `line` counts from 1, `nth` is 0
    except where several records are glued on one line. Private."""

    file: int
    line: int
    nth: int = 0


class Usage(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Tokens of one API message, counted once (the maximum over its pieces)."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0


class Message(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True):
    """One message. A `tool` message holds the results of one assistant message, in call order.

    `at` is ISO-8601 UTC or "". `flags` are structural facts found in the log, for the label step:
    `edited` (the person changed the model's edit), `interrupted`, `rejected`, `retried`,
    `queued`, `command:NAME`, `denied`.
    """

    id: str
    role: Role
    kind: MessageKind
    parts: tuple[Part, ...]
    origin: tuple[Origin, ...] = ()
    parent: str | None = None
    at: str = ""
    model: str = ""
    vendor: str = ""
    injected: bool = False
    usage: Usage | None = None
    flags: tuple[str, ...] = ()


#: A flag of answers in general rows that say so: they bear no loss.
UNTRAINED = "untrained"


class ForkPoint(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Where a branch leaves its thread: after message `message` of session `session`."""

    session: str
    message: str


class ToolDef(msgspec.Struct, frozen=True, array_like=True):
    """A tool definition. `parameters` is a JSON Schema object."""

    name: str
    description: str
    parameters: dict[str, Any]


class Session(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One straight thread (or one compaction epoch of it).

    key             unique id of this record: keyed hash of lineage root, branch point and epoch
    thread          id shared by all epochs of one thread
    lineage         id shared by everything that grew from one first message
    epoch           0 before the first compaction
    session_id      the agent program's own id (a pseudonym once redacted)
    agent_id        None for a main thread
    forked_from     None, or where the branch begins; the prefix is *not* repeated in `messages`
    parent_session  key of the session whose call started this sub-agent, if known
    parent_call     id of that ToolCall
    project         working folder's name or path (a pseudonym once redacted)
    files           the logs it was read from; private, never published
    tools           the log's own tool definitions (empty where it has none)
    end_reason      "" until labelled
    """

    key: str
    thread: str
    lineage: str
    source: str
    session_id: str
    messages: tuple[Message, ...]
    epoch: int = 0
    agent_id: str | None = None
    agent_type: str = ""
    forked_from: ForkPoint | None = None
    parent_session: str | None = None
    parent_call: str | None = None
    project: str = ""
    cwd: str = ""
    branch: str = ""
    title: str = ""
    entrypoint: str = ""
    files: tuple[str, ...] = ()
    tools: tuple[ToolDef, ...] = ()
    end_reason: str = ""


class Drop(msgspec.Struct, frozen=True):
    """A record or session left out on purpose. `count` is in log records (lines)."""

    stage: str
    reason: str
    file: str = ""
    line: int = 0
    key: str = ""
    count: int = 1


class Fault(msgspec.Struct, frozen=True):
    """A line or file that could not be used. `detail` never holds the line's content."""

    reason: str
    file: str
    line: int = 0
    detail: str = ""
    stage: str = "read"


class Label(msgspec.Struct, frozen=True, array_like=True):
    """What happened to one message, with the evidence. `tier`: structural or lexical."""

    message: str
    name: str
    tier: Literal["structural", "lexical"]
    evidence: str
    confidence: float = 1.0


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """One training example. `train[i]` says whether message i bears loss."""

    key: str
    group: str
    session: str
    messages: tuple[Message, ...]
    train: tuple[bool, ...]
    tools: tuple[ToolDef, ...] = ()
    tags: tuple[str, ...] = ()
    split: Split | None = None


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """A preference. `chosen` or `rejected` may be empty (KTO needs one side only). `because` names
    the evidence, `tier` how far it is believed."""

    key: str
    group: str
    prompt: tuple[Message, ...]
    chosen: tuple[Message, ...]
    rejected: tuple[Message, ...]
    because: str
    tier: Literal["strong", "medium", "weak"]
    split: Split | None = None


class Finding(msgspec.Struct, frozen=True):
    """A secret or personal datum that was found. **Never the value itself.**

    `where` is a place (file:line, or a path inside a record); `start` and `length` count
    characters; `fingerprint` is a short keyed digest.
    """

    where: str
    kind: str
    detector: str
    start: int
    length: int
    fingerprint: str = ""


class Verdict(msgspec.Struct, frozen=True):
    """A person's decision on one session key."""

    key: str
    decision: Literal["keep", "drop"]
    note: str = ""
    at: str = ""
