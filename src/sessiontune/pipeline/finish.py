"""Map pass 2: a prepared unit becomes encoded rows, gated, in a segment.

Which sessions are taken, their side of the split and their group come from `Decisions`; the
scan of the very bytes that would be published happens here, chunk by chunk.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from functools import lru_cache

import msgspec

from .. import registry
from ..ledger import Ledger, add_counts
from ..measure import Truncation
from ..model import Finding, Split, ToolDef
from ..packs import Pack, Place, writing
from ..ports import Conversation, EncodeOptions, Format, InParts
from ..privacy.audit import Auditor
from ..privacy.options import PrivacyOptions
from ..privacy.vocabulary import Vocabulary
from ..rows import flat
from ..seams import Seamed
from ..stats import Stats
from ..steps.window import LONG
from .examples import Choice, ExampleOptions, Made, conversations
from .prepare import Head

_CHUNK = 1 << 20
#: A part of at least this many bytes is remembered once scanned; shorter ones are scanned again.
_SHARED = 64
#: Parts that are joined at a time, so that a row of 100 MB is not copied as a whole.
_PARTS = 4096
#: Formats whose file holds everything, whichever side of the split it is on.
WHOLE = ("raw", "combined")


class FinishTask(msgspec.Struct, frozen=True):
    """One unit to encode."""

    unit: str
    key: str
    shard: Place
    choices: dict[str, Choice]
    tools: dict[str, ToolDef]
    formats: tuple[str, ...]
    encode: EncodeOptions
    vocabulary: Vocabulary
    privacy: PrivacyOptions
    salt: bytes
    forks: frozenset[str]
    continued: frozenset[str]
    examples: ExampleOptions


class FinishPack(msgspec.Struct, frozen=True):
    """Units whose segments go into one file."""

    path: str
    tasks: tuple[FinishTask, ...]


class Stream(msgspec.Struct):
    """Where the rows of one output file lie in the segment: chunks (offset, length) in order, and
    the CRC-32 of each."""

    rows: int = 0
    chunks: list[tuple[int, int]] = []
    sums: list[int] = []


class Scan(msgspec.Struct):
    """What waits for the gate: the new parts of some rows, the first of which is row `first`."""

    first: int
    parts: list[bytes] = []
    size: int = 0


class BuildSummary(msgspec.Struct):
    """What finishing one unit gave."""

    unit: str
    key: str
    streams: dict[str, Stream]
    ledger: Ledger
    stats: Stats
    truncation: Truncation
    sessions: list[str]
    findings: list[Finding]
    bags: list[tuple[str, str, str]] = []  # project, lineage, words of what no topic covers


class BuildOutline(msgspec.Struct):
    """What every run needs of each unit: the fields of the same names."""

    unit: str
    key: str
    streams: dict[str, Stream]
    sessions: list[str]
    findings: list[Finding]
    bags: list[tuple[str, str, str]] = []


class Segment:
    """Writes rows of several streams into a pack; every part is scanned before it counts.

    A row comes in parts. Several formats hold the same texts, as the same objects: a part that was
    scanned in one row of a session is left out of the scan of the next (`next_session`). What is
    scanned stays JSON, because such a part is a text inside a string or a group of whole keys.
    Where a part puts texts together, the scan reads them apart (`seams`).
    """

    def __init__(self, pack: Pack, separators: dict[str, bytes], auditor: Auditor | None) -> None:
        self.pack = pack
        self.start = pack.size
        self.separators = separators
        self.auditor = auditor
        self.streams: dict[str, Stream] = {}
        self.pending: dict[str, list[bytes]] = {}
        self.sizes: dict[str, int] = {}
        self.scans: dict[str, Scan] = {}
        self.seen: dict[int, bytes] = {}  # by id; held, so that no id is given twice
        self.findings: list[Finding] = []

    def next_session(self) -> None:
        """Forget what was scanned: the next rows are those of another session."""
        self.seen.clear()

    def add(self, stream: str, rows: Iterable[Sequence[bytes]]) -> None:
        """Append rows, each in parts, to a stream. A separator follows every row."""
        separator = self.separators.get(stream, b"\n")
        pending, size = self.pending.setdefault(stream, []), self.sizes.get(stream, 0)
        for row in rows:
            pending += row
            pending.append(separator)
            if stream not in self.streams:
                self.streams[stream] = Stream()
            self.streams[stream].rows += 1
            if self.auditor is not None:
                self._look(stream, row, separator)
            size += sum(map(len, row)) + len(separator)
            if size >= _CHUNK:
                self.flush(stream)
                pending, size = self.pending.setdefault(stream, []), 0
        self.sizes[stream] = size

    def _look(self, stream: str, row: Sequence[bytes], separator: bytes) -> None:
        """Put what is new in a row before the gate."""
        scan = self.scans.get(stream)
        if scan is None:
            scan = self.scans[stream] = Scan(self.streams[stream].rows)
        seen, parts, size = self.seen, scan.parts, scan.size
        for part in row:
            if id(part) in seen:
                continue
            length = len(part)
            if length >= _SHARED:
                seen[id(part)] = part
            if type(part) is Seamed:
                size += self._look_apart(part.apart, parts)
                continue
            parts.append(part)
            size += length
        parts.append(separator)
        scan.size = size
        if scan.size >= _CHUNK:
            self._scan(stream)

    def _look_apart(self, apart: Sequence[bytes], parts: list[bytes]) -> int:
        """Add what is new of a part that is read in other parts; its bytes."""
        seen, size = self.seen, 0
        for part in apart:
            if id(part) not in seen:
                length = len(part)
                if length >= _SHARED:
                    seen[id(part)] = part
                parts.append(part)
                size += length
        return size

    def _scan(self, stream: str) -> None:
        assert self.auditor is not None
        scan = self.scans.pop(stream)
        self.findings.extend(self.auditor.scan(b"".join(scan.parts), f"{stream}:{scan.first}"))

    def flush(self, stream: str) -> None:
        """Write what is pending."""
        parts = self.pending.pop(stream, [])
        if not parts:
            return
        start = self.pack.size - self.start
        chunks, sums = self.streams[stream].chunks, self.streams[stream].sums
        follows = bool(chunks) and sum(chunks[-1]) == start
        crc = sums.pop() if follows else 0
        for at in range(0, len(parts), _PARTS):
            data = b"".join(parts[at : at + _PARTS])
            self.pack.write(data)
            crc = zlib.crc32(data, crc)
        size = self.pack.size - self.start - start
        if follows:
            start, before = chunks.pop()
            size += before
        chunks.append((start, size))
        sums.append(crc)
        self.sizes[stream] = 0

    def close(self) -> Place:
        """Flush everything; where it lies in the pack."""
        for stream in list(self.scans):
            self._scan(stream)
        for stream in list(self.pending):
            self.flush(stream)
        return self.pack.place(self.start)


def stream_name(format_name: str, split: Split | None) -> str:
    """The stream that a row belongs to: `raw`, `openai.train`, `openai.eval`."""
    if format_name in WHOLE:
        return format_name
    return f"{format_name}.{split or 'train'}"


def separator(format_name: str) -> bytes:
    """What follows each row of a format's file."""
    return getattr(registry.format(format_name), "separator", b"\n")


def finish(task: FinishPack) -> list[tuple[BuildSummary, Place]]:
    """Encode units, each into its segment. Runs in a worker."""
    one = task.tasks[0]  # all have the same gate, and its cache key hashes the whole vocabulary
    auditor = auditor_of(one.privacy, one.vocabulary, one.salt)
    with writing(task.path) as pack:
        return [_finish(unit, pack, auditor) for unit in task.tasks]


def _finish(task: FinishTask, pack: Pack, auditor: Auditor | None) -> tuple[BuildSummary, Place]:
    # `raw` first: its rows are single messages, so the gate meets long texts in short lines.
    names = sorted(task.formats, key=lambda name: name != "raw")
    formats = {name: registry.format(name) for name in names}
    separators = {
        stream_name(name, side): separator(name) for name in formats for side in ("train", "eval")
    }
    summary = BuildSummary(task.unit, task.key, {}, Ledger(), Stats(), Truncation(), [], [])
    segment = Segment(pack, separators, auditor)
    made = conversations(
        task.shard,
        task.choices,
        task.tools,
        task.forks,
        task.continued,
        task.examples,
        summary.ledger,
    )
    for one in made:
        _encode(one, formats, task.encode, segment, summary)
    flat.forget()
    place = segment.close()
    summary.streams = segment.streams
    summary.findings = segment.findings
    return summary, place


@lru_cache(maxsize=4)
def auditor_of(privacy: PrivacyOptions, vocabulary: Vocabulary, salt: bytes) -> Auditor | None:
    """The gate, or None where privacy or the gate is switched off."""
    return Auditor(privacy, vocabulary, salt) if privacy.enabled and privacy.gate else None


def _encode(
    made: Made,
    formats: dict[str, Format],
    options: EncodeOptions,
    segment: Segment,
    summary: BuildSummary,
) -> None:
    segment.next_session()
    summary.sessions.append(made.whole.session.key)
    if made.truncation is not None:
        summary.truncation.add(made.truncation)
    if made.bag:
        session = made.whole.session
        summary.bags.append((session.project, session.lineage, made.bag))
    for name, encoder in formats.items():
        losses: dict[str, int] = {}
        for conversation in [made.whole] if name in WHOLE else made.examples:
            stream = name
            if LONG in conversation.tags:
                if name != "openai":
                    losses["long_answer"] = losses.get("long_answer", 0) + 1
                    continue
                stream = LONG
            rows = rows_of(encoder, conversation, options, losses)
            segment.add(stream_name(stream, conversation.split), rows)
        count_losses(losses, name, summary.ledger)
    # After the rows: encoding them cached the texts' UTF-8, whose bytes are counted here.
    summary.stats.add(made.whole, made.tokens, options)
    if made.pairs:
        _encode_pairs(made, options, segment, summary)


def rows_of(
    encoder: Format, conversation: Conversation, options: EncodeOptions, losses: dict[str, int]
) -> Sequence[Sequence[bytes]]:
    """The rows of a conversation in parts; a format without `parts` gives whole rows."""
    parts: InParts | None = getattr(encoder, "parts", None)
    if parts is not None:
        return parts(conversation, options, losses)
    return [[row] for row in encoder.encode(conversation, options, losses)]


def _encode_pairs(
    made: Made, options: EncodeOptions, segment: Segment, summary: BuildSummary
) -> None:
    from ..formats import preference

    for name in preference.NAMES:
        pairs = [p for p in made.pairs if name.startswith("kto") or (p.chosen and p.rejected)]
        losses: dict[str, int] = {}
        rows = preference.parts(name, pairs, options, losses, made.whole)
        segment.add(f"preferences.{name}", rows)
        count_losses(losses, name, summary.ledger)


def count_losses(losses: dict[str, int], name: str, ledger: Ledger) -> None:
    """Count what the rows of a format could not carry."""
    add_counts(ledger.losses, {f"{name}/{reason}": n for reason, n in losses.items()})


def forks_of(heads: list[Head]) -> frozenset[str]:
    """Keys of sessions that others branch from."""
    return frozenset(h.forked_from for h in heads if h.forked_from)


def continued_of(heads: list[Head]) -> frozenset[str]:
    """Keys of epochs that another epoch of the same thread follows."""
    last: dict[str, int] = {}
    for head in heads:
        last[head.thread] = max(head.epoch, last.get(head.thread, 0))
    return frozenset(h.key for h in heads if h.epoch < last[h.thread])
