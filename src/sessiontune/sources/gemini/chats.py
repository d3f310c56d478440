"""Puts the writings of a chat in order: what grew, what was taken back, what was compacted.

In a file of lines a message is written again as it grows; its last writing counts, at the place of
the first. `$rewindTo` takes messages back: what follows is a branch. `$set` with messages rewrites
the history: if it leaves messages out, it was compacted, or its end was taken back, as when a
person stops an answer or a request fails.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ...linking import Node
from ..linear import Linear
from ..mending import LineFault, line_fault
from ..shapes import elements, safe_name, words
from .messages import take_message

#: Fields of a message that only gain content.
_GROWING = ("type", "content", "thoughts", "toolCalls")


class Writing(msgspec.Struct):
    """A message as it was written last. `after`: the message that it follows, if it begins a
    branch."""

    place: tuple[int, int]
    message: dict[str, Any]
    made: str = ""
    branches: bool = False
    after: str = ""
    compacts: bool = False


def _told(message: Any) -> bool:
    """Whether a message is one of those that the model and a person exchange."""
    return isinstance(message, dict) and words(message.get("type")) in ("user", "gemini")


class Chat:
    """One file. `kind` is "main" or "subagent"."""

    def __init__(self, log: Linear) -> None:
        self.log = log
        self.kind = ""
        self.written: dict[str, Writing] = {}
        self.active: list[str] = []  # ids that the model still sees
        self.back = False

    def lines(self) -> None:
        """Read a file of lines."""
        for record in self.log.records():
            name = words(record.get("id"))
            if isinstance(record.get("$rewindTo"), str):
                self._rewind(record["$rewindTo"])
            elif isinstance(record.get("$set"), dict):
                self._set(record["$set"])
            elif "projectHash" in record:
                self.head(record)
                self.log.drop("header")
            elif not name or not words(record.get("type")):
                self.log.drop(f"unknown_type:{safe_name(words(record.get('type')))}")
            elif name in self.written:
                self.log.drop("grown")
                self._grow(self.written[name], record)
            else:
                self._add(name, Writing(self.log.place, record))
        self._emit()

    def document(self, whole: dict[str, Any]) -> None:
        """Read a document."""
        self.head(whole)
        for message in self.log.listed(whole, "messages"):
            self._take(Writing(self.log.place, message), words(message.get("id")))

    def head(self, record: dict[str, Any]) -> None:
        """Take down what a header says."""
        self.log.session_id = self.log.session_id or words(record.get("sessionId"))
        self.kind = self.kind or words(record.get("kind"))

    def _add(self, name: str, writing: Writing) -> None:
        self.written[name] = writing
        if not _told(writing.message):  # for the screen, not for the model
            return
        if self.back:
            writing.branches, self.back = True, False
            writing.after = self.active[-1] if self.active else ""
        self.active.append(name)

    def _grow(self, writing: Writing, record: dict[str, Any]) -> None:
        """Replace a message by its next writing, but for fields of which only the earlier one has
        something: the next is an older one, or damaged."""
        kept = {name: writing.message.get(name) for name in _GROWING}
        left = {name: told for name, told in kept.items() if told and not record.get(name)}
        writing.message = {**record, **left}

    def _rewind(self, name: str) -> None:
        self.log.drop("rewind")
        at = self.active.index(name) if name in self.active else 0
        if at < len(self.active):
            first = self.written[self.active[at]]
            first.branches, first.after = True, self.active[at - 1] if at else ""
            del self.active[at:]
            self.back = True

    def _set(self, patch: dict[str, Any]) -> None:
        """A patch of the header; with messages, the whole history as the model sees it now."""
        listed = patch.get("messages")
        messages = [m for m in elements(listed) if _told(m) and words(m.get("id"))]
        names = [words(m.get("id")) for m in messages]
        gone = bool(messages) and bool(set(self.active) - set(names))
        new = [m for m, name in zip(messages, names, strict=True) if name not in self.written]
        if isinstance(listed, list) and not new and self._taken_back(names):
            return
        for at, message in enumerate(new):
            made = "summary" if gone and not at and message.get("type") == "user" else "history"
            writing = Writing(self.log.place, message, made, compacts=gone and not at)
            self._add(words(message.get("id")), writing)
        if messages:
            self.active = [name for name in names if name in self.written]
        if not new:
            self.log.drop("patch")

    def _taken_back(self, names: list[str]) -> bool:
        """Whether a rewritten history is the previous one without its end, from something that was
        sent to the model on; then it continues there."""
        if len(self.active) <= len(names) or self.active[: len(names)] != names:
            return False
        first = self.active[len(names)]
        if words(self.written[first].message.get("type")) != "user":
            return False
        self._rewind(first)
        return True

    # ------------------------------------------------------------ nodes

    def _emit(self) -> None:
        log = self.log
        ends: dict[str, Node | None] = {}
        rewrites: set[tuple[int, int]] = set()
        for name, writing in self.written.items():
            log.place = writing.place
            anew = writing.branches and log.nodes and ends.get(writing.after) is None
            if writing.compacts or anew:
                log.boundary()
            before, counts = len(log.nodes), dict(log.counts)
            sound = self._take(writing, name)
            if writing.made:  # of several messages of one line: the line counts once, below
                log.counts = counts
                rewrites |= {writing.place} if sound else set()
            if len(log.nodes) > before and writing.branches and writing.after:
                log.nodes[before].up = ends.get(writing.after)
            ends[name] = log.nodes[-1] if log.nodes else None
        for _ in rewrites - {place for node in log.nodes for place in node.places}:
            log.drop("patch")

    def _take(self, writing: Writing, name: str) -> bool:
        """Make nodes of a message; False if it is a fault."""
        log = self.log
        if log.copied(name):
            return True
        try:
            take_message(log, writing.message, name, self.kind == "subagent", writing.made)
        except LineFault as fault:
            log.ledger.fault(line_fault(fault, log.path, log.place[0], b"}"))
            return False
        return True
