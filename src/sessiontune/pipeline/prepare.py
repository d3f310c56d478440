"""Map pass 1: the files of a unit become a shard of linked, cleaned, redacted sessions.

Nothing leaves this function unredacted: the shard, the marks, the tool shapes and the heads are
made from the redacted sessions.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain
from tempfile import SpooledTemporaryFile
from typing import IO

import msgspec

from .. import codec, registry
from ..candidates import keys_of
from ..ledger import Ledger, add_counts, lines_of
from ..marks import Mark, outlined
from ..model import Drop, Fault, Message, Session, Text, Thinking, ToolResult
from ..notes import Sketches
from ..packs import Pack, Place, Summed, damaged, writing
from ..ports import ReadOptions, Stage
from ..privacy.engine import Redactor
from ..privacy.options import PrivacyOptions
from ..privacy.told import Told
from ..privacy.vocabulary import Vocabulary
from ..steps.branches import Branches
from ..steps.clean import clean
from ..steps.dedupe import mark
from ..steps.redact import redactor_stage, texts_of
from ..steps.tools import Shapes, observe
from .hooks import hook_stage, keeping
from .outputs import Outputs
from .shutout import shut_of
from .vanished import Carried, Vanished

#: Bytes of what a hook took out that are held in memory before they go to a file.
_SPOOLED = 1 << 20


class Preparation(msgspec.Struct, frozen=True):
    """Everything besides the files that a shard depends on."""

    salt: bytes
    vocabulary: Vocabulary
    privacy: PrivacyOptions
    preprocess: str = ""
    max_line: int = 64 * 1024 * 1024


class PrepareTask(msgspec.Struct, frozen=True):
    """One unit to prepare. `older` are older shards that hold sessions of its files, `carry` those
    of them that hold vanished ones."""

    key: str
    source: str
    files: tuple[str, ...]
    gone: tuple[str, ...]
    carry: tuple[Carried, ...]
    carry_ledger: Ledger
    older: tuple[Carried, ...]
    preparation: Preparation


class PreparePack(msgspec.Struct, frozen=True):
    """Units whose shards go into one file."""

    path: str
    tasks: tuple[PrepareTask, ...]


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What the filters need to know of a session. `first` and `last`: timestamps of its messages;
    `bytes`: size of its content; `lines`: file -> records that it is made of."""

    key: str
    thread: str
    lineage: str
    epoch: int
    source: str
    project: str
    cwd: str
    agent_id: str | None
    first: str
    last: str
    models: tuple[str, ...]
    vendors: tuple[str, ...]
    messages: int
    bytes: int
    forked_from: str | None
    lines: dict[str, int]


class UnitSummary(msgspec.Struct):
    """What the state remembers of a prepared unit. The marks lack their sketches."""

    key: str
    ledger: Ledger
    heads: list[Head]
    marks: list[Mark]
    shapes: Shapes


class UnitOutline(msgspec.Struct):
    """What filters need of each unit: the fields of the same names."""

    key: str
    heads: list[Head]
    marks: list[Mark]


class UnitMarks(msgspec.Struct):
    """What the search for copies and the split need: the fields of the same names."""

    key: str
    marks: list[Mark]


class HeadStart(msgspec.Struct, frozen=True):
    """The part of a head that orders units."""

    key: str
    first: str
    bytes: int


class UnitStart(msgspec.Struct):
    """What is decoded of each unit to keep in memory: its order, its tools (the keys of `shapes`)
    and its size."""

    key: str
    heads: list[HeadStart]
    shapes: dict[str, msgspec.Raw]


class Noted(msgspec.Struct, frozen=True):
    """What a worker returns for one prepared unit.

    summary   an encoded `UnitSummary`
    sketches  keys and marks for the search for copies
    place     where the shard lies in its file
    left      where the sessions lie that the user's hook left out or changed, as they were
    shut      logs that could not be opened
    """

    key: str
    summary: bytes
    sketches: Sketches
    place: Place
    left: Place | None
    shut: tuple[Fault, ...] = ()


def prepare(task: PreparePack) -> list[Noted]:
    """Read, link, clean and redact units, each into its shard. Runs in a worker.

    The shards are written beside their place and renamed, so a run that dies leaves no half shard.
    """
    known = task.tasks[0].preparation  # of all; the cache key hashes the whole vocabulary
    redactor = redactor_of(known.salt, known.vocabulary, known.privacy)
    with writing(task.path, summed=True) as pack:
        return [_prepare(unit, pack, redactor) for unit in task.tasks]


def _prepare(task: PrepareTask, pack: Pack, redactor: Redactor) -> Noted:
    start = pack.size
    outputs = Outputs(task.older, task.preparation.salt, before_hook)
    with SpooledTemporaryFile(_SPOOLED, dir=os.path.dirname(pack.path)) as left:
        noted = _written(task, outputs, redactor, pack, left)
        again = bool(task.carry) or outputs.used
        told = _told(again, redactor, pack, start, left)
        if told is not None:  # few units need it: all that their messages tell is known only now
            pack.take_back(start)
            left.seek(0)
            left.truncate()
            with redactor.knowing(told):
                noted = _written(task, outputs, redactor, pack, left)
        aside = pack.size
        left.seek(0)
        shutil.copyfileobj(left, pack)
    hooked = pack.place(aside) if task.preparation.preprocess else None
    return msgspec.structs.replace(noted, left=hooked)


def _written(
    task: PrepareTask, outputs: Outputs, redactor: Redactor, pack: Pack, left: IO[bytes]
) -> Noted:
    ledger = Ledger()
    sessions = _sessions(task, outputs, redactor, ledger, left)
    noted = put_sessions(task.key, sessions, ledger, pack)
    return msgspec.structs.replace(noted, shut=tuple(shut_of(task.files, ledger)))


def _told(again: bool, redactor: Redactor, pack: Pack, start: int, left: IO[bytes]) -> Told | None:
    """What messages of the unit told, if another message holds any of it bare. `again`: an older
    run redacted some of them."""
    if again:
        with pack.since(start) as shard:
            left.seek(0)
            sessions = chain(codec.read_sessions(shard), codec.read_sessions(left))
            redactor.hear_again(text for session in sessions for text in texts_of(session))
    told = redactor.told()
    if told is None:
        return None
    with pack.since(start) as shard:
        left.seek(0)
        return told if told.within(shard) or told.within(left) else None


def put_sessions(key: str, sessions: Iterable[Session], ledger: Ledger, pack: Pack) -> Noted:
    """Append redacted sessions to a pack, as the shard of a unit. Returns what is noted of them."""
    summary = UnitSummary(key, ledger, [], [], {})
    start = pack.size
    marks: list[Mark] = []
    for session in sessions:
        codec.write_session(pack, session)
        summary.heads.append(head_of(session))
        marks.append(mark(session))
        observe(session, summary.shapes)
    summary.marks = [outlined(m) for m in marks]
    encode = msgspec.msgpack.encode
    sketches = Sketches(key, encode([keys_of(m) for m in marks]), encode(marks))
    return Noted(key, encode(summary), sketches, pack.place(start), None)


def _sessions(
    task: PrepareTask, outputs: Outputs, redactor: Redactor, ledger: Ledger, left: IO[bytes]
) -> Iterator[Session]:
    """The unit's sessions: those of files that are there, then what only vanished files held. Those
    that a user's hook leaves out or changes are written to `left`."""
    stages = _stages(task.preparation, redactor, left)
    source = registry.source(task.source)
    reading = ReadOptions(max_line=task.preparation.max_line)
    keyed = codec.keyed(task.preparation.salt)
    vanished = _vanished(task, redactor) if task.carry else None
    if task.files:
        for session in source.sessions(task.files, reading, ledger, keyed):
            done = apply(outputs.completed(session, ledger), stages, ledger)
            if done is not None and vanished is not None:
                yield from vanished.beside(done, ledger)
            elif done is not None:
                yield done
    if vanished is not None:
        for session in vanished.rest():
            done = apply(session, stages[1:], ledger)
            if done is not None:
                yield done
        ledger.add(task.carry_ledger)
        for file in task.gone:
            if rest := ledger.balance(file):
                ledger.drop(Drop("link", "resumed_copy", file=file, count=rest))
    add_counts(ledger.redactions, redactor.take_counts())


def _vanished(task: PrepareTask, redactor: Redactor) -> Vanished:
    return Vanished(task.gone, task.carry, task.preparation.salt, before_hook, redactor.ident)


def before_hook(carried: Carried) -> Iterator[Session]:
    """The sessions of an older shard as they were before a user's hook."""
    hooked = set()
    if carried.left is not None:
        for session in sessions_at(carried.left):
            hooked.add((session.key, session.files))
            yield session
    for session in sessions_at(carried.shard):
        if (session.key, session.files) not in hooked:
            yield session


def sessions_at(place: Place) -> Iterator[Session]:
    """The sessions of a shard, one at a time. Raises DamagedError."""
    with open(place.path, "rb") as pack:
        pack.seek(place.at)
        source = Summed(pack)
        try:
            yield from codec.read_sessions(source, place.size)
        except ValueError as error:
            raise damaged(place.path) from error
        if place.crc is not None and source.crc != place.crc:
            raise damaged(place.path)


def apply(session: Session, stages: list[Stage], ledger: Ledger) -> Session | None:
    """Run the stages and count: the one place where records become used or dropped."""
    for stage in stages:
        changed, drops = stage(session)
        for drop in drops:
            ledger.drop(drop)
        if changed is None:
            return None
        session = changed
    if not session.messages:
        return None
    add_counts(ledger.used, lines_of(session))
    return session


def head_of(session: Session) -> Head:
    """The head of a redacted session."""
    times = [m.at for m in session.messages if m.at]
    models, vendors = models_of(session.messages)
    return Head(
        key=session.key,
        thread=session.thread,
        lineage=session.lineage,
        epoch=session.epoch,
        source=session.source,
        project=session.project,
        cwd=session.cwd,
        agent_id=session.agent_id,
        first=min(times, default=""),
        last=max(times, default=""),
        models=models,
        vendors=vendors,
        messages=len(session.messages),
        bytes=_size(session),
        forked_from=session.forked_from.session if session.forked_from else None,
        lines=lines_of(session),
    )


def models_of(messages: Iterable[Message]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The models that answered, and their vendors."""
    answers = [m for m in messages if m.kind == "answer"]
    models = {m.model for m in answers if m.model}
    return tuple(sorted(models)), tuple(sorted({m.vendor for m in answers if m.vendor}))


def _size(session: Session) -> int:
    """Characters of words, reasoning and results."""
    size = 0
    for message in session.messages:
        for part in message.parts:
            kind = type(part)
            if kind is ToolResult:
                size += len(part.content)  # type: ignore[union-attr]
            elif kind is Text or kind is Thinking:
                size += len(part.text)  # type: ignore[union-attr]
    return size


# ------------------------------------------------------------------ stages


@lru_cache(maxsize=4)
def redactor_of(salt: bytes, vocabulary: Vocabulary, privacy: PrivacyOptions) -> Redactor:
    """The redactor of this process; its rules are compiled on first use."""
    return Redactor(salt, vocabulary, privacy)


def _stages(preparation: Preparation, redactor: Redactor, left: IO[bytes]) -> list[Stage]:
    """clean, the user's hook, redact: in this order, always. `left`: see `_sessions`."""
    redactor.take_counts()
    redactor.told()
    redact = redactor_stage(redactor)
    if not preparation.preprocess:
        return [Branches(clean), redact]

    def keep(session: Session) -> None:
        counts = redactor.take_counts()
        redacted, _ = redact(session)
        redactor.set_counts(counts)  # only what goes on counts
        if redacted is not None:
            codec.write_session(left, redacted)

    hook = keeping(hook_stage(preparation.preprocess), keep)
    return [Branches(clean), hook, redact]
