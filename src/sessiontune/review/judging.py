"""What the state knows of an export's threads: a person's verdicts, kept as `sessiontune drop` does
it and with the way back, and the lines of logs that messages came from.

The state is opened for each question only, so that an export can run meanwhile.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from ..errors import UsageError
from ..model import Verdict
from ..pipeline.lookup import session, threads
from ..store import Store, is_state

Decision = Literal["keep", "drop"]


class Judging:
    """Verdicts on `mine`, the threads of an export. `known`: those that the state knows too."""

    def __init__(self, state: Path, mine: Iterable[str]) -> None:
        self._state = state
        self._keys: dict[str, set[str]] = defaultdict(set)  # thread -> keys of its epochs
        self._past: list[dict[str, Verdict | None]] = []
        self.known: frozenset[str] = frozenset()
        self.before: dict[str, Verdict] = {}
        if not is_state(state):
            return
        with Store(state, write=False) as store:
            for head in threads(store).values():
                self._keys[head.thread].add(head.key)
            self.known = frozenset(mine) & self._keys.keys()
            self.before = self._by_thread(store.verdicts())

    @property
    def steps(self) -> int:
        """Changes that can be taken back."""
        return len(self._past)

    def judge(self, wanted: Iterable[str], decision: Decision, note: str) -> dict[str, Verdict]:
        """Record a decision on threads. UsageError for one that the state does not know,
        StoreError where the state cannot be written now."""
        chosen = list(wanted)
        unknown = [thread for thread in chosen if thread not in self.known]
        if unknown:
            raise UsageError(
                f"The state does not know thread {unknown[0]}.",
                "Give the state of this export with --state.",
            )
        if not chosen:
            return {}
        with self._opened() as store:
            there = store.verdicts()
            at = max((v.at for v in there.values()), default="")
            made = {t: Verdict(key=t, decision=decision, note=note, at=at) for t in chosen}
            # A verdict on one epoch would count before the thread's.
            also = [k for t in chosen for k in self._keys[t] if k in there and k != t]
            before = {key: there.get(key) for key in (*chosen, *also)}
            store.judge(made.values())
            store.unjudge(also)
        self._past.append(before)
        return made

    def undo(self) -> dict[str, Verdict | None]:
        """Take the last change back: the verdicts by thread as they were before it."""
        if not self._past:
            return {}
        before = self._past[-1]
        with self._opened() as store:
            store.judge(verdict for verdict in before.values() if verdict is not None)
            store.unjudge(key for key, verdict in before.items() if verdict is None)
        self._past.pop()
        threads_of = {key: thread for thread, keys in self._keys.items() for key in keys}
        found: dict[str, Verdict | None] = {}
        for key, verdict in before.items():
            found[threads_of.get(key, key)] = verdict  # those on epochs come last, and count
        return found

    def origins(self, keys: Iterable[str]) -> dict[str, list[tuple[str, int]]]:
        """Log files and lines by id of message, for epochs by their keys."""
        found: dict[str, list[tuple[str, int]]] = {}
        if not (self.known and is_state(self._state)):
            return found
        with Store(self._state, write=False) as store:
            for one in filter(None, (session(store, key) for key in keys)):
                for message in one.messages:
                    found[message.id] = [(one.files[o.file], o.line) for o in message.origin]
        return found

    def _opened(self) -> Store:
        """The state, to be written. UsageError where it was deleted: it is not made anew."""
        if not is_state(self._state):
            raise UsageError(f"The state in {self._state} is gone.", "Export again.")
        return Store(self._state, write=True)

    def _by_thread(self, verdicts: dict[str, Verdict]) -> dict[str, Verdict]:
        """Verdicts of the threads that the export holds; one on an epoch counts for its thread."""
        found = {}
        for thread in self.known:
            for key in (thread, *sorted(self._keys[thread])):
                if key in verdicts:
                    found[thread] = verdicts[key]
        return found
