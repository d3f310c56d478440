"""The rest of a unit when a part of it is forgotten.

Perhaps nothing else holds what a vanished log of the unit held, and a log that is there may vanish
before the next run. So the unit, without what is forgotten, is put back into the state, and the
next run takes from it what it cannot read again. Its sessions are as they were before a user's
hook, which is then applied to them again.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import msgspec

from ..ledger import Ledger, add_counts, lines_of
from ..model import Message, Session, ToolCall
from ..packs import Place, left_of, writing
from ..store import Prepared, Store, UnitRow
from .prepare import Head, UnitSummary, before_hook, put_sessions
from .preparing import counts_of
from .vanished import Carried


class Remnant(msgspec.Struct, frozen=True):
    """What stays of a unit: for the store, and which sessions are in it."""

    unit: Prepared
    heads: list[Head]


class _Cut:
    """Takes the messages of some files, and some sessions, out of a shard."""

    def __init__(self, files: set[str], sessions: set[str], shard: Carried) -> None:
        self.files, self.sessions, self.shard = files, sessions, shard
        self._messages: set[tuple[str, str]] = set()  # what is forgotten: session and id
        self._calls: set[str] = set()
        self._told: set[str] = set()  # lineages whose id and title a forgotten file tells
        #: Files of sessions that are forgotten by name -> their lines there.
        self.lines: dict[str, int] = {}
        for session in before_hook(shard):
            self._learn(session)

    def _learn(self, session: Session) -> None:
        kept = {message.id for message in self._kept(session)}
        began = session.messages[0].origin if session.forked_from is None else ()
        if any(session.files[origin.file] in self.files for origin in began):
            self._told.add(session.lineage)
        for message in session.messages:
            if message.id not in kept:
                self._messages.add((session.key, message.id))
                calls = (part.id for part in message.parts if type(part) is ToolCall)
                self._calls.update(calls)
        if session.key in self.sessions:
            add_counts(self.lines, lines_of(session))

    def _kept(self, session: Session) -> Iterator[Message]:
        """The messages that stay; one without a place in a log goes with the one before it."""
        if session.key in self.sessions:
            return
        gone = {at for at, file in enumerate(session.files) if file in self.files}
        stays = len(gone) < len(session.files) or not session.files
        for message in session.messages:
            if message.origin:
                stays = all(origin.file not in gone for origin in message.origin)
            if stays:
                yield message

    def rest(self) -> Iterator[Session]:
        """The sessions without what is forgotten, and without references to it."""
        for session in before_hook(self.shard):
            messages = list(self._kept(session))
            if not messages:
                continue
            if not self.files.isdisjoint(session.files):
                session = self._without_files(session, messages)
            if session.lineage in self._told:
                session = msgspec.structs.replace(session, session_id=session.lineage, title="")
            fork, call = session.forked_from, session.parent_call
            if fork is not None and (fork.session, fork.message) in self._messages:
                session = msgspec.structs.replace(session, forked_from=None)
            if call in self._calls or session.parent_session in self.sessions:
                session = msgspec.structs.replace(session, parent_session=None, parent_call=None)
            yield session

    def _without_files(self, session: Session, messages: list[Message]) -> Session:
        left = [at for at, file in enumerate(session.files) if file not in self.files]
        now = {at: number for number, at in enumerate(left)}
        return msgspec.structs.replace(
            session,
            messages=tuple(
                msgspec.structs.replace(
                    message,
                    origin=tuple(
                        msgspec.structs.replace(origin, file=now[origin.file])
                        for origin in message.origin
                    ),
                )
                for message in messages
            ),
            files=tuple(session.files[at] for at in left),
        )


def remnant(
    row: UnitRow, there: dict[str, Place], files: set[str], sessions: set[str], store: Store
) -> Remnant | None:
    """A unit without some files and some sessions; None if nothing stays. Raises DamagedError if
    its shard does not hold what was noted."""
    stay = tuple(path for path in row.paths if path not in files)
    if not stay or row.key not in there:
        return None
    shard = Carried(there[row.key], there.get(left_of(row.key)))
    cut = _Cut(files, sessions, shard)
    old = msgspec.msgpack.decode(row.summary, type=UnitSummary).ledger
    ledger = counts_of(set(stay), old, hooked=shard.left is not None)
    for path in ledger.records.keys() & cut.lines.keys():
        ledger.records[path] -= cut.lines[path]
    key = secrets.token_hex(16)  # of no files: the next run prepares the unit again
    with writing(store.shards.path(key), summed=True) as pack:
        noted = put_sessions(key, _counted(cut.rest(), ledger), ledger, pack)
    heads = msgspec.msgpack.decode(noted.summary, type=UnitSummary).heads
    held = {file for head in heads for file in head.lines}
    # A file whose sessions are all forgotten by name is forgotten too.
    paths = tuple(path for path in stay if path in held or path not in cut.lines)
    if not paths:
        return None
    by = row.prepared.partition(" ")[0]  # without the names that may follow it
    unit = (UnitRow(key, paths, noted.summary, by), {key: noted.place}, noted.sketches)
    return Remnant(unit, heads)


def _counted(sessions: Iterator[Session], ledger: Ledger) -> Iterator[Session]:
    for session in sessions:
        add_counts(ledger.used, lines_of(session))
        yield session
