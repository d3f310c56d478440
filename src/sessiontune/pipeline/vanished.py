"""Sessions of logs that vanished, beside those of the logs of their unit that are read again.

Older shards hold what vanished. A session that is read again whole, or longer, replaces the older
one. If only the older one is whole, it stays, and what is read again continues it as a branch:
every message stands once, and nothing is lost with the log that held it.
What a log alone no longer tells also comes from the older shards: the call that started an agent,
the session that a branch left, the key and the lineage that verdicts and the split go by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from ..codec import keyed
from ..ledger import Ledger, lines_of
from ..model import (
    Drop,
    ForkPoint,
    Message,
    Part,
    Session,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from ..packs import Place
from ..privacy.pseudonym import Pseudonyms

#: Identifies a message however it was redacted: its id as a pseudonym, its kind and its time.
_Same = tuple[str, str, str]
#: The calls that it makes or answers, and how many parts it has.
_Held = tuple[frozenset[str], int]


class Carried(msgspec.Struct, frozen=True):
    """An older shard, and what a user's hook took out of its sessions, or changed there."""

    shard: Place
    left: Place | None = None


class Vanished:
    """What older shards hold of logs that are `gone`. `read` gives the sessions of a shard,
    `shown(kind, id)` the id that a message or call has in this run."""

    def __init__(
        self,
        gone: tuple[str, ...],
        shards: tuple[Carried, ...],
        salt: bytes,
        read: Callable[[Carried], Iterator[Session]],
        shown: Callable[[str, str], str],
    ) -> None:
        self._gone, self._shards, self._read, self._shown = set(gone), shards, read, shown
        self._keyed = keyed(salt)
        self._pseudonym = Pseudonyms(salt).ident
        self._owner: dict[_Same, str] = {}  # a message of a vanished log -> key of its session
        self._count: dict[str, int] = {}  # key -> how many such messages it has
        self._id: dict[_Same, str] = {}  # the id of such a message in this run
        self._calls: dict[str, str] = {}  # pseudonym of a call in such a message -> its id
        self._held: dict[_Same, _Held] = {}  # what such a message holds
        #: A kind and the pseudonym of a call -> the message that makes it, or that answers it.
        self._holder: dict[tuple[str, str], _Same] = {}
        #: Pseudonym of such an answer -> what it is, and what it says, part by part.
        self._said: dict[str, tuple[_Same, tuple[int, ...]]] = {}
        #: Pseudonym of an answer -> what the answers of vanished logs say that follow it at once.
        self._rests: dict[str, list[tuple[int, ...]]] = {}
        self._fuller: dict[_Same, tuple[Part, ...]] = {}  # read again with more than was known
        self._began: dict[_Same, Session] = {}  # first message -> its session, without messages
        self._before: dict[_Same, _Same] = {}  # the message of a vanished log before a living one
        self._stays: set[str] = set()  # keys of sessions from which others go on
        #: pseudonym of a message or call that moved, or goes by another name -> where it is
        self._home: dict[str, ForkPoint] = {}
        self._plain = shown("message", "-") == "-"  # ids are no pseudonyms in this run
        for place in shards:
            for session in read(place):
                self._learn(session)

    def _learn(self, session: Session) -> None:
        last: _Same | None = None
        before = self._left(session)
        for message, kept in self._kept(session):
            same = self._same(message)
            answer = message.kind == "answer"
            if answer and before and kept is not None:
                self._rests.setdefault(before, []).append(_words(message))
            before = same[0] if answer else ""
            if kept is None:
                if last is not None:
                    self._before.setdefault(same, last)
                last = None
            elif message.origin:
                last = same
                if same not in self._owner:
                    self._owner[same], self._id[same] = session.key, self._now(message.id)
                    self._count[session.key] = self._count.get(session.key, 0) + 1
                    self._held[same] = held = self._holding(message)
                    self._holder.update(((message.kind, call), same) for call in held[0])
                    if answer:
                        self._said[same[0]] = same, _words(message)
                    for part in message.parts:
                        if type(part) is ToolCall:
                            now = self._shown("call", part.id)
                            self._calls[self._pseudonym("call", part.id)] = now
        if session.messages:
            bare = msgspec.structs.replace(session, messages=())
            self._began.setdefault(self._same(session.messages[0]), bare)

    def beside(self, session: Session, ledger: Ledger) -> Iterator[Session]:
        """What stays of a session that was read again, completed from older shards."""
        sames = self._sames(session)
        owners = self._owners(session, sames)
        whole = {
            same
            for message, same in zip(session.messages, sames, strict=True)
            if self._owner.get(same) == session.key and self._replaces(message, same)
        }
        if len(whole) == self._count.get(session.key) and session.key not in self._stays:
            for same in whole:  # read again, all of it
                del self._owner[same]
            owners = self._owners(session, sames)
        self._stays.update(owner for owner in owners if owner)
        for message, same in zip(session.messages, sames, strict=True):
            if same in self._owner and self._is_fuller(message, same):
                self._fuller[same] = message.parts
        pieces = [self._piece(session, sames, *run) for run in _runs(owners)]
        if any(owners) or self._plain:
            self._settle(session, sames, owners, pieces)
        if any(owners):
            for file, n in lines_of(session).items():
                n -= sum(lines_of(piece).get(file, 0) for piece in pieces)
                if n:
                    ledger.used[file] = ledger.used.get(file, 0) - n
                    ledger.drop(Drop("link", "resumed_copy", file=file, count=n))
        yield from pieces

    def _holding(self, message: Message) -> _Held:
        """The calls that a message makes or answers, as pseudonyms, and how many parts it has. What
        stands for a missing result is nothing."""
        parts = [part for part in message.parts if not _is_missing(part)]
        calls = {call for call in map(_call_of, parts) if call}
        return frozenset(self._pseudonym("call", call) for call in calls), len(parts)

    def _sames(self, session: Session) -> list[_Same]:
        """For each message that of a vanished log which it repeats, else itself."""
        before = self._left(session)
        sames = []
        for message in session.messages:
            same = self._again(message, before)
            sames.append(same)
            before = same[0]
        return sames

    def _again(self, message: Message, before: str) -> _Same:
        """The message of a vanished log that this one repeats, else this one. A log that ends
        inside an answer cuts it, and its results, in two: the rest has another id, and is known by
        its calls, or by its words if they stand in the answer that it follows (`before`)."""
        same = self._same(message)
        if same in self._owner:
            return same
        answer, said = self._said.get(before, (same, ()))
        if answer in self._owner and message.kind == "answer" and _holds(said, _words(message)):
            return answer
        holders = {self._holder.get((message.kind, call)) for call in self._holding(message)[0]}
        whole = holders.pop() if len(holders) == 1 else None
        return whole if whole in self._owner and whole is not None else same

    def _replaces(self, message: Message, same: _Same) -> bool:
        """Whether a message that was read again holds all of the older one, and nothing of any
        other."""
        (calls, size), (older, known) = self._holding(message), self._held[same]
        more = calls - older
        return calls >= older and size >= known and not self._elsewhere(message, same, more)

    def _is_fuller(self, message: Message, same: _Same) -> bool:
        return self._replaces(message, same) and self._holding(message)[1] > self._held[same][1]

    def _elsewhere(self, message: Message, same: _Same, calls: frozenset[str]) -> bool:
        if any((message.kind, call) in self._holder for call in calls):
            return True
        said, rests = _words(message), self._rests.get(same[0], ())
        return any(_holds(said, rest) for rest in rests)

    def _owners(self, session: Session, sames: list[_Same]) -> list[str | None]:
        """For each message the key of the vanished session that holds it; one without a place in a
        log (for a missing result) goes with the message before it."""
        owners: list[str | None] = []
        for message, same in zip(session.messages, sames, strict=True):
            without = not message.origin and bool(owners)
            owners.append(owners[-1] if without else self._owner.get(same))
        return owners

    def _piece(self, session: Session, sames: list[_Same], start: int, end: int) -> Session:
        """The messages from `start` to `end`, as a session of their own."""
        piece = msgspec.structs.replace(session, messages=session.messages[start:end])
        was = self._began.get(sames[start])
        fork = None if start else self._at_home(session.forked_from)
        before = self._before.get(sames[start]) if not start else sames[start - 1]
        while start > 1 and before not in self._owner:  # a result that was missing
            start -= 1
            before = sames[start - 1]
        if fork is None and before in self._owner:
            fork = ForkPoint(self._owner[before], self._id[before])
        parent, call = self._caller(session)
        if was is None and start:
            name = f"{session.key}\0{sames[start][0]}"
            key, thread = self._keyed(f"session\0{name}"), self._keyed(f"thread\0{name}")
            piece = msgspec.structs.replace(piece, key=key, thread=thread)
        elif was is not None:
            fork = fork or self._at_home(was.forked_from)
            if parent is None:
                parent, call = self._caller(was)
            piece = msgspec.structs.replace(
                piece, key=was.key, thread=was.thread, lineage=was.lineage, epoch=was.epoch
            )
        return msgspec.structs.replace(
            piece, forked_from=fork, parent_session=parent, parent_call=call
        )

    def _left(self, session: Session) -> str:
        """The pseudonym of the message that a branch leaves; "" if it is no branch."""
        fork = session.forked_from
        return self._pseudonym("message", fork.message) if fork else ""

    def _at_home(self, fork: ForkPoint | None) -> ForkPoint | None:
        """The fork point in this run's names, where it is now."""
        if fork is None:
            return None
        now = ForkPoint(fork.session, self._now(fork.message))
        return self._home.get(self._pseudonym("message", fork.message), now)

    def _caller(self, session: Session) -> tuple[str | None, str | None]:
        """Where the call that started a sub-agent is now, and its id in this run."""
        call = session.parent_call
        if call is None:
            return session.parent_session, None
        now = self._home.get(self._pseudonym("call", call))
        if now is not None:
            return now.session, now.message
        return session.parent_session, self._shown("call", call)

    def _now(self, name: str) -> str:
        return self._shown("message", name)

    def _settle(
        self,
        session: Session,
        sames: list[_Same],
        owners: list[str | None],
        pieces: list[Session],
    ) -> None:
        """Note where the messages and calls of a session are now, for its branches and the agents
        that it called."""
        homes = {id(m): piece.key for piece in pieces for m in piece.messages}
        for message, same, owner in zip(session.messages, sames, owners, strict=True):
            key, name = (owner, self._id.get(same, message.id)) if owner else ("", message.id)
            home = ForkPoint(key or homes[id(message)], name)
            self._home[same[0]] = self._home[self._pseudonym("message", message.id)] = home
            for part in message.parts:
                if type(part) is ToolCall:
                    call = self._pseudonym("call", part.id)
                    now = self._calls.get(call, part.id) if owner else part.id
                    self._home[call] = ForkPoint(key or homes[id(message)], now)

    def rest(self) -> Iterator[Session]:
        """The sessions that only vanished logs held, without what was read again."""
        done: set[_Same] = set()
        for place in self._shards:
            for session in self._read(place):
                messages: list[Message] = []
                taken = False
                for message, kept in self._kept(session):
                    same = self._same(message)
                    if message.origin:
                        mine = kept is not None and self._owner.get(same) == session.key
                        taken = mine and same not in done
                        done.update([same] if taken else ())
                    if taken and kept is not None:
                        parts = self._fuller.get(same, kept.parts)
                        messages.append(msgspec.structs.replace(kept, parts=parts))
                if messages:
                    parent, call = self._caller(session)
                    yield msgspec.structs.replace(
                        session,
                        messages=tuple(messages),
                        forked_from=self._at_home(session.forked_from),
                        parent_session=parent,
                        parent_call=call,
                    )

    def _kept(self, session: Session) -> Iterator[tuple[Message, Message | None]]:
        """Every message, and what of it stands in vanished logs."""
        gone = {at for at, file in enumerate(session.files) if file in self._gone}
        whole, kept = len(gone) == len(session.files), None
        for message in session.messages:
            if whole:
                kept = message
            elif message.origin:
                origin = tuple(o for o in message.origin if o.file in gone)
                kept = msgspec.structs.replace(message, origin=origin) if origin else None
            elif kept is not None:
                kept = message
            yield message, kept

    def _same(self, message: Message) -> _Same:
        return self._pseudonym("message", message.id), message.kind, message.at


def _words(message: Message) -> tuple[int, ...]:
    """What a message says, part by part; 0 for a part that is no words."""
    return tuple(
        hash(part.text) if isinstance(part, Text | Thinking) else 0 for part in message.parts
    )


def _holds(said: tuple[int, ...], words: tuple[int, ...]) -> bool:
    """Whether these words are a contiguous run of what was said, but not all of it."""
    n = len(words)
    if not 0 < n < len(said) or 0 in words:
        return False
    return any(said[at : at + n] == words for at in range(len(said) - n + 1))


def _is_missing(part: Part) -> bool:
    return type(part) is ToolResult and part.status == "missing"


def _call_of(part: Part) -> str:
    """The call that a part is, or answers."""
    if isinstance(part, ToolCall):
        return part.id
    return part.call_id if isinstance(part, ToolResult) else ""


def _runs(owners: list[str | None]) -> Iterator[tuple[int, int]]:
    """Start and end of each run of messages that no vanished session holds."""
    start = -1
    for at, owner in enumerate([*owners, ""]):
        if owner is None and start < 0:
            start = at
        elif owner is not None and start >= 0:
            yield start, at
            start = -1
