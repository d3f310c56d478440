"""Outputs that lay beside a log and are gone: what an older run read of them.

Claude Code writes a long output to a file of its own, keeps the beginning (2 kB) in the log, and
deletes such files after weeks, also those of a session that goes on. Older shards hold the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec.structs import replace

from ..ledger import GONE, Ledger
from ..model import BESIDE, Message, Part, Session, ToolResult
from ..privacy.pseudonym import Pseudonyms
from .vanished import Carried

#: Most characters of the beginning that a log holds; an output beside a log is longer.
_BEGINNING = 4096


class Outputs:
    """What older shards of a unit's logs hold of such outputs. They are read when the first one is
    missing. `read` gives the sessions of a shard."""

    def __init__(
        self,
        shards: tuple[Carried, ...],
        salt: bytes,
        read: Callable[[Carried], Iterator[Session]],
    ) -> None:
        self._shards, self._read = shards, read
        self._pseudonym = Pseudonyms(salt).ident
        self._whole: dict[str, str] | None = None  # by the pseudonym of the call

    def completed(self, session: Session, ledger: Ledger) -> Session:
        """The session with such outputs as an older run read them. They are redacted."""
        if not self._shards or not any(BESIDE in m.flags for m in session.messages):
            return session
        messages = [self._message(m, ledger) for m in session.messages]
        return replace(session, messages=tuple(messages))

    def _message(self, message: Message, ledger: Ledger) -> Message:
        if BESIDE not in message.flags:
            return message
        return replace(message, parts=tuple(self._part(p, ledger) for p in message.parts))

    def _part(self, part: Part, ledger: Ledger) -> Part:
        if type(part) is not ToolResult or len(part.content) > _BEGINNING:
            return part
        if self._whole is None:
            self._whole = dict(self._outputs())
        whole = self._whole.get(self._pseudonym("call", part.call_id))
        if whole is None:
            return part
        ledger.repair(GONE, -1)
        return replace(part, content=whole)

    def _outputs(self) -> Iterator[tuple[str, str]]:
        for shard in self._shards:
            for session in self._read(shard):
                for message in session.messages:
                    if BESIDE in message.flags:
                        yield from self._of(message)

    def _of(self, message: Message) -> Iterator[tuple[str, str]]:
        for part in message.parts:
            if type(part) is ToolResult and len(part.content) > _BEGINNING:
                yield self._pseudonym("call", part.call_id), part.content
