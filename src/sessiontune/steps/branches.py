"""Where branches begin once the threads that they leave were cleaned.

A source says after which message a branch begins. Cleaning may leave that message out (a prompt
that was typed again), or add what a person said in a rejection after it. The branch begins after
what is there instead.
"""

from __future__ import annotations

import msgspec

from ..model import Drop, ForkPoint, Session
from ..ports import Stage


class Branches:
    """A stage that cleans the sessions of one unit, parents first, and moves the beginnings of
    branches."""

    def __init__(self, clean: Stage) -> None:
        self._clean = clean
        self._moved: dict[tuple[str, str], ForkPoint | None] = {}

    def __call__(self, session: Session) -> tuple[Session | None, list[Drop]]:
        fork = session.forked_from
        if fork is not None and (fork.session, fork.message) in self._moved:
            there = self._moved[fork.session, fork.message]
            session = msgspec.structs.replace(session, forked_from=there)
        kept, drops = self._clean(session)
        self._note(session, kept)
        return kept, drops

    def _note(self, was: Session, kept: Session | None) -> None:
        """Note what now stands where messages stood."""
        now = {message.id for message in kept.messages} if kept is not None else set()
        last = was.forked_from
        for message in was.messages:
            said = f"{message.id}:said"
            if message.id not in now:
                self._moved[was.key, message.id] = last
            elif message.kind == "results" and said in now:
                self._moved[was.key, message.id] = last = ForkPoint(was.key, said)
            else:
                last = ForkPoint(was.key, message.id)
