"""Map pass 2: a prepared unit becomes encoded rows, gated, in a segment file.

Which sessions are taken, their side of the split and their group come from `Decisions`; the
scan of the very bytes that would be published happens here, chunk by chunk.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import msgspec

from .. import codec, registry
from ..errors import StoreError
from ..ledger import Ledger
from ..model import Drop, Finding, Label, Message, Session, Split, ToolDef
from ..ports import Conversation, EncodeOptions, Format
from ..privacy.audit import Auditor
from ..privacy.options import PrivacyOptions
from ..privacy.vocabulary import Vocabulary
from ..stats import Stats
from ..steps.label import LabelOptions, labeller, train_flags
from ..steps.tools import called
from .prepare import Head, lines_of

_CHUNK = 1 << 20
#: Formats whose file holds everything, whichever side of the split it is on.
WHOLE = ("raw", "combined")


class Choice(msgspec.Struct, frozen=True):
    """What was decided about one session: dropped for a reason, or taken."""

    reason: str = ""
    split: Split | None = None
    group: str = ""


class FinishTask(msgspec.Struct, frozen=True):
    """One unit to encode."""

    unit: str
    key: str
    shard: str
    segment: str
    size: int
    choices: dict[str, Choice]
    tools: dict[str, ToolDef]
    formats: tuple[str, ...]
    encode: EncodeOptions
    vocabulary: Vocabulary
    privacy: PrivacyOptions
    forks: frozenset[str]
    continued: frozenset[str]


class Stream(msgspec.Struct):
    """Where the rows of one output file lie in the segment: (offset, length) chunks, in order."""

    rows: int = 0
    chunks: list[tuple[int, int]] = []


class BuildSummary(msgspec.Struct):
    """What finishing one unit gave."""

    unit: str
    key: str
    streams: dict[str, Stream]
    ledger: Ledger
    stats: Stats
    sessions: list[str]
    findings: list[Finding]


class _Segment:
    """Writes rows of several streams into one file, scanning every chunk before it counts."""

    def __init__(self, path: str, separators: dict[str, bytes], auditor: Auditor | None) -> None:
        self.path = path
        self.part = f"{path}.{os.getpid()}.part"
        fd = os.open(self.part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self.out = os.fdopen(fd, "wb", buffering=0)
        self.offset = 0
        self.separators = separators
        self.auditor = auditor
        self.streams: dict[str, Stream] = {}
        self.pending: dict[str, list[bytes]] = {}
        self.sizes: dict[str, int] = {}
        self.findings: list[Finding] = []

    def add(self, stream: str, rows: list[bytes]) -> None:
        """Append rows to a stream."""
        if not rows:
            return
        self.streams.setdefault(stream, Stream()).rows += len(rows)
        self.pending.setdefault(stream, []).extend(rows)
        size = self.sizes.get(stream, 0) + sum(map(len, rows))
        self.sizes[stream] = size
        if size >= _CHUNK:
            self.flush(stream)

    def flush(self, stream: str) -> None:
        """Scan and write what is pending. Every row is followed by the stream's separator."""
        rows = self.pending.pop(stream, [])
        if not rows:
            return
        separator = self.separators[stream]
        data = separator.join(rows) + separator
        if self.auditor is not None:
            first = self.streams[stream].rows - len(rows) + 1
            self.findings.extend(self.auditor.scan(data, f"{stream}:{first}"))
        self.out.write(data)
        chunks = self.streams[stream].chunks
        if chunks and sum(chunks[-1]) == self.offset:
            chunks[-1] = (chunks[-1][0], chunks[-1][1] + len(data))
        else:
            chunks.append((self.offset, len(data)))
        self.offset += len(data)
        self.sizes[stream] = 0

    def close(self) -> None:
        """Flush everything and rename into place."""
        for stream in list(self.pending):
            self.flush(stream)
        self.out.close()
        os.replace(self.part, self.path)

    def abandon(self) -> None:
        """Remove the partial file."""
        self.out.close()
        Path(self.part).unlink(missing_ok=True)


def stream_name(format_name: str, split: Split | None) -> str:
    """The stream that a row belongs to: `raw`, `openai.train`, `openai.eval`."""
    if format_name in WHOLE:
        return format_name
    return f"{format_name}.{split or 'train'}"


def separator(format_name: str) -> bytes:
    """What follows each row of a format's file."""
    return getattr(registry.format(format_name), "separator", b"\n")


def finish(task: FinishTask) -> BuildSummary:
    """Encode one unit into its segment. Runs in a worker."""
    formats = {name: registry.format(name) for name in task.formats}
    separators = {
        stream_name(name, side): separator(name) for name in formats for side in ("train", "eval")
    }
    auditor = _auditor(task.privacy, task.vocabulary) if task.privacy.enabled else None
    summary = BuildSummary(task.unit, task.key, {}, Ledger(), Stats(), [], [])
    try:
        segment = _Segment(task.segment, separators, auditor)
    except OSError as error:
        raise _disk(error, task.segment) from error
    try:
        for conversation in _conversations(task, summary.ledger):
            _encode(conversation, formats, task.encode, segment, summary)
        segment.close()
    except OSError as error:
        segment.abandon()
        raise _disk(error, task.segment) from error
    except BaseException:
        segment.abandon()
        raise
    summary.streams = segment.streams
    summary.findings = segment.findings
    return summary


@lru_cache(maxsize=4)
def _auditor(privacy: PrivacyOptions, vocabulary: Vocabulary) -> Auditor:
    return Auditor(privacy, vocabulary)


def _disk(error: OSError, path: str) -> StoreError:
    return StoreError(
        f"The state cannot be written ({path}): {error.strerror}.",
        "Free some space and run the same command again: it goes on from there.",
    )


def _encode(
    conversation: Conversation,
    formats: dict[str, Format],
    options: EncodeOptions,
    segment: _Segment,
    summary: BuildSummary,
) -> None:
    summary.sessions.append(conversation.session.key)
    summary.stats.add(conversation)
    for name, encoder in formats.items():
        losses: dict[str, int] = {}
        segment.add(
            stream_name(name, conversation.split), encoder.encode(conversation, options, losses)
        )
        for reason, n in losses.items():
            key = f"{name}/{reason}"
            summary.ledger.losses[key] = summary.ledger.losses.get(key, 0) + n


# ------------------------------------------------------------------ sessions -> conversations


def _conversations(task: FinishTask, ledger: Ledger) -> Iterator[Conversation]:
    label = labeller(LabelOptions())
    for session, prefix in _with_prefix(task):
        choice = task.choices[session.key]
        if choice.reason:
            stage, _, reason = choice.reason.partition("/")
            for file, n in lines_of(session).items():
                ledger.drop(Drop(stage, reason, file=file, key=session.key, count=n))
            continue
        labels, end_reason = label(session, continued=session.key in task.continued)
        session = msgspec.structs.replace(session, end_reason=end_reason)
        flags = train_flags(session, labels, LabelOptions())
        yield _conversation(session, prefix, choice, task.tools, labels, flags)


def _conversation(
    session: Session,
    prefix: tuple[Message, ...],
    choice: Choice,
    tools: dict[str, ToolDef],
    labels: tuple[Label, ...],
    flags: tuple[bool, ...],
) -> Conversation:
    messages = prefix + session.messages
    own = session.tools
    inferred = tuple(tools[name] for name in called(messages) if name in tools)
    return Conversation(
        session=session,
        prefix=prefix,
        tools=own or inferred,
        tools_inferred=not own,
        split=choice.split,
        train=(False,) * len(prefix) + flags,
        labels=labels,
        group=choice.group,
    )


def _with_prefix(task: FinishTask) -> Iterator[tuple[Session, tuple[Message, ...]]]:
    """Sessions with the messages before their fork point. Only fork parents are held in memory."""
    parents: dict[str, tuple[Message, ...]] = {}
    waiting: list[Session] = []
    with open(task.shard, "rb") as shard:
        for session in codec.read_sessions(shard):
            fork = session.forked_from
            if fork is not None and fork.session in task.choices and fork.session not in parents:
                waiting.append(session)
                continue
            prefix = _prefix(session, parents)
            if session.key in task.forks:
                parents[session.key] = prefix + session.messages
            yield session, prefix
    while waiting:
        ready = [s for s in waiting if s.forked_from and s.forked_from.session in parents]
        for session in ready or waiting:
            prefix = _prefix(session, parents)
            parents[session.key] = prefix + session.messages
            yield session, prefix
        waiting = [s for s in waiting if s not in ready] if ready else []


def _prefix(session: Session, parents: dict[str, tuple[Message, ...]]) -> tuple[Message, ...]:
    fork = session.forked_from
    if fork is None or fork.session not in parents:
        return ()
    before = parents[fork.session]
    for i, message in enumerate(before):
        if message.id == fork.message:
            return before[: i + 1]
    return ()


def forks_of(heads: list[Head]) -> frozenset[str]:
    """Keys of sessions that others branch from."""
    return frozenset(h.forked_from for h in heads if h.forked_from)


def continued_of(heads: list[Head]) -> frozenset[str]:
    """Keys of epochs that another epoch of the same thread follows."""
    last: dict[str, int] = {}
    for head in heads:
        last[head.thread] = max(head.epoch, last.get(head.thread, 0))
    return frozenset(h.key for h in heads if h.epoch < last[h.thread])
