"""Outputs that lay beside a log and are gone: what an older run read of them.

Claude Code writes a long output to a file of its own, keeps the beginning (2 kB) in the log, and
deletes such files after weeks, also those of a session that goes on. Older shards hold the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeGuard

from msgspec.structs import replace

from ..ledger import Ledger
from ..model import Message, Part, Session, ToolResult
from ..privacy.pseudonym import Pseudonyms
from .vanished import Carried

#: Most characters of the beginning that a log holds: shards of older versions do not say whether an
#: output is whole.
_BEGINNING = 4096


class Outputs:
    """What older shards of a unit's logs hold of such outputs. They are read when the first one is
    missing. `read` gives the sessions of a shard. `used`: some output was taken from there."""

    def __init__(
        self,
        shards: tuple[Carried, ...],
        salt: bytes,
        read: Callable[[Carried], Iterator[Session]],
    ) -> None:
        self._shards, self._read = shards, read
        self._pseudonym = Pseudonyms(salt).ident
        self._read_yet = False
        #: By the pseudonyms of the call and of the message that answers it.
        self._whole: dict[tuple[str, str], str] = {}
        #: By the pseudonym of the call alone: a copy may tell the answer in another message.
        self._told: dict[str, set[str]] = {}
        self.used = False

    def completed(self, session: Session, ledger: Ledger) -> Session:
        """The session with such outputs as an older run read them; they may be redacted. Counts
        those of which only the beginning is left."""
        if not any(map(_lacks, session.messages)):
            return session
        messages = [self._message(m, ledger) if _lacks(m) else m for m in session.messages]
        return replace(session, messages=tuple(messages))

    def _message(self, message: Message, ledger: Ledger) -> Message:
        parts: list[Part] = []
        for part in message.parts:
            if _is_gone(part):
                whole = self._found(message, part.call_id)
                if whole is None:
                    ledger.repair("output_gone")
                else:
                    part = replace(part, content=whole, beside="read")
                    self.used = True
            parts.append(part)
        return replace(message, parts=tuple(parts))

    def _found(self, message: Message, name: str) -> str | None:
        if not self._read_yet:
            self._read_yet = True
            for shard in self._shards:
                for session in self._read(shard):
                    self._learn(session)
        call = self._pseudonym("call", name)
        found = self._whole.get((call, self._pseudonym("message", message.id)))
        told = self._told.get(call, ())
        return next(iter(told)) if found is None and len(told) == 1 else found

    def _learn(self, session: Session) -> None:
        for message in session.messages:
            for part in message.parts:
                if type(part) is not ToolResult or part.beside == "gone":
                    continue
                call = self._pseudonym("call", part.call_id)
                if part.beside:
                    self._told.setdefault(call, set()).add(part.content)
                if part.beside or len(part.content) > _BEGINNING:
                    self._whole[call, self._pseudonym("message", message.id)] = part.content


def _lacks(message: Message) -> bool:
    return message.kind == "results" and any(map(_is_gone, message.parts))


def _is_gone(part: Part) -> TypeGuard[ToolResult]:
    return type(part) is ToolResult and part.beside == "gone"
