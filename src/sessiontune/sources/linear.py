"""Builds the nodes of a log in its order, for agents without trees of records.

A source goes through `records` (or `document`) and says what each record is; this module keeps
account: every record ends as a place of a node, as a drop with a reason, or as a fault.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import orjson

from ..ledger import Ledger
from ..linking import Frame, Node, placed, sessions_of, threads, unlink
from ..model import Drop, Image, Part, ResultStatus, Session, ToolCall, ToolResult, Usage
from ..ports import Keyed, ReadOptions
from .lines import gc_paused, read_lines
from .mending import LineFault, line_fault, mend, saved, single, values
from .shapes import Answered, moment, utc, words


def stopped(nodes: Sequence[Node]) -> None:
    """Flag the answer that a person interrupted. If a prompt came after it, the answer was done and
    the person took the prompt back: nothing is flagged."""
    for node in reversed(nodes):
        if node.kind in ("prompt", "task"):
            return
        if node.kind == "answer":
            if "interrupted" not in node.flags:
                node.flags.append("interrupted")
            return


class Linear:
    """One log. `session_id` names its nodes; if known, set it before the first node."""

    def __init__(self, path: str, options: ReadOptions, ledger: Ledger) -> None:
        self.path, self.options, self.ledger = path, options, ledger
        self.file = 0
        self.files: tuple[str, ...] = (path,)
        self.session_id = ""
        self.nodes: list[Node] = []
        self.calls: dict[str, Node] = {}
        self.names: dict[str, str] = {}
        self.counts: dict[tuple[str, str], int] = {}
        self.place = (0, 0)
        self.open: Node | None = None  # the answer to which parts are added
        self.last: Node | None = None  # the last answer
        self.started: dict[str, tuple[str, Node]] = {}  # sub-agent -> the call that started it

    # ------------------------------------------------------------ records

    def records(self) -> Iterator[dict[str, Any]]:
        """The objects of a JSONL log; `place` is that of the current one."""
        for number, raw in read_lines(self.path, self.options, self.ledger):
            found: list[dict[str, Any] | LineFault]
            try:
                value = orjson.loads(raw)
                found = [value] if isinstance(value, dict) else [LineFault("not_an_object")]
            except orjson.JSONDecodeError:
                found = values(raw, self.ledger)
            for nth, record in enumerate(found):
                self._count()
                if isinstance(record, LineFault):
                    self.ledger.fault(line_fault(record, self.path, number, raw))
                else:
                    self.place = (number, nth)
                    yield record

    def document(self, path: str = "") -> dict[str, Any] | None:
        """The object of a log that is one JSON document; `part` begins each of its parts. One whose
        end is missing is a fault, and what is whole of it is read."""
        pieces = [bytes(raw) for _, raw in read_lines(path or self.path, self.options, Ledger())]
        found = values(b"\n".join(pieces), self.ledger) if pieces else []
        if not found:
            return None
        value = single(found)
        if isinstance(value, dict):
            return value
        self._count()
        self.ledger.fault(line_fault(value, self.path, 1, pieces[-1]))
        return saved(b"\n".join(pieces)) if value.reason == "bad_json" else None

    def listed(self, document: dict[str, Any], name: str) -> Iterator[Any]:
        """The parts of a document, numbered from 1: the elements of a list in it. Something else
        there is dropped."""
        found = document.get(name)
        if not isinstance(found, list):
            self.part(1)
            self.drop("no_message")
            return
        for number, one in enumerate(found, 1):
            self.part(number)
            yield one

    def at(self, file: int, files: tuple[str, ...], place: tuple[int, int]) -> None:
        """Continue with a record of `files[file]`, for a log in several files."""
        if files[file] != self.path:
            self.finish()
        self.file, self.files, self.path, self.place = file, files, files[file], place

    def part(self, number: int) -> None:
        """Begin record `number` (from 1) of a document."""
        self._count()
        self.place = (number, 0)

    def _count(self) -> None:
        self.ledger.record(self.path)

    def drop(self, reason: str, stage: str = "read", count: int = 1) -> None:
        """Drop the current record."""
        key = (stage, reason)
        self.counts[key] = self.counts.get(key, 0) + count

    def once(self, before: dict[tuple[str, str], int], used: bool, reason: str) -> None:
        """Count the current record once, whatever its pieces were dropped for since `before`: not
        at all if it has a place, else for the first reason, or the given one."""
        new = [key for key, count in self.counts.items() if count != before.get(key, 0)]
        self.counts = before
        if not used:
            stage, why = new[0] if new else ("read", reason)
            self.drop(why, stage)

    @contextmanager
    def faults(self) -> Iterator[None]:
        """Turn a LineFault raised inside into a fault of the current record."""
        try:
            yield
        except LineFault as fault:
            self.ledger.fault(line_fault(fault, self.path, self.place[0], b"}"))

    def unknown_part(self) -> None:
        """Count a record that is used except for a part of unknown kind."""
        self.ledger.repair("unknown_part")

    # ------------------------------------------------------------ nodes

    def node(self, kind: str, parts: list[Part], at: object = "", name: str = "") -> Node:
        """Add a message that is no answer; it ends the open answer."""
        self.open = None
        node = self._node(kind, at, name)
        node.parts = parts
        node.injected = kind in ("context", "summary")
        return node

    def asked(
        self,
        typed: list[Part],
        shown: list[Part],
        at: object = "",
        name: str = "",
        agent: bool = False,
    ) -> bool:
        """Add what a person typed (or an agent's caller), after what the program showed the model
        with it. Returns whether there was anything."""
        if shown:
            self.node("context", shown, at, f"{name or self.place[0]}^" if typed else name)
        if typed:
            self.node("task" if agent else "prompt", typed, at, name)
        return bool(typed or shown)

    def boundary(self) -> None:
        """Add a compaction: the next message begins a new epoch. The record gets no place."""
        self.open = None
        self._node("boundary", "").places = []

    def answer(self, at: object, model: str, name: str = "") -> Node:
        """The answer for this record's parts: the open one, or a new one."""
        node = self.open
        if node is None or node.results or node.file != self.file:
            node = self._node("answer", at, name)
            node.model = model
            self.open = self.last = node
        elif not placed(node.places, self.place):
            node.places.append(self.place)
        return node

    def new_answer(self, parts: list[Part], at: object, model: str, name: str = "") -> Node:
        """Add an answer of its own with these parts."""
        self.open = None
        node = self.answer(at, model, name)
        node.parts = parts
        return node

    def call(self, node: Node, call_id: str, name: str, arguments: Any) -> None:
        """Add a tool call to an answer. Raises LineFault for arguments nested too deep."""
        given = arguments if isinstance(arguments, dict) else {"input": arguments}
        try:
            held = mend(given if arguments is not None else {})
        except LineFault:
            self._unplaced(node)
            raise
        node.parts.append(ToolCall(call_id, name, held))
        self.calls[call_id], self.names[call_id] = node, name

    def _unplaced(self, node: Node) -> None:
        """Take the current record, a fault, from the node's places; remove a node of it alone."""
        node.places = [place for place in node.places if place != self.place]
        if not node.places:
            self.nodes = [other for other in self.nodes if other is not node]
            self.calls = {call: other for call, other in self.calls.items() if other is not node}
            self.started = {k: told for k, told in self.started.items() if told[1] is not node}
            self.open = None
            self.last = None if self.last is node else self.last

    def result(
        self,
        call_id: str,
        text: str,
        status: ResultStatus,
        at: object = "",
        images: tuple[Image, ...] = (),
    ) -> bool:
        """Add a tool result. If no call waits for it, drop it and return False."""
        node = self.calls.get(call_id)
        if node is None or call_id in node.results:
            self.drop("result_without_call" if node is None else "second_result")
            return False
        node.results[call_id] = ToolResult(call_id, self.names[call_id], text, status, images)
        if not placed(node.result_places, self.place) and not placed(node.places, self.place):
            node.result_places.append(self.place)
        if not node.result_id:
            node.result_id = f"{node.id}:results"
            node.result_at = _time(at)
        if status in ("rejected", "interrupted") and status not in node.result_flags:
            node.result_flags.append(status)
        if node is self.open:
            self.open = None
        return True

    def usage(self, usage: Usage) -> None:
        """Set the tokens of the last answer."""
        if self.last is not None:
            self.last.usage = usage

    def interrupted(self) -> None:
        """Flag that a person interrupted the last answer."""
        stopped(self.nodes)

    def _node(self, kind: str, at: object, name: str = "") -> Node:
        number, nth = self.place
        own = name or f"{number}" + (f".{nth}" if nth else "")
        node = Node(
            id=f"{self.session_id}#{own}", file=self.file, line=number, kind=kind, at=_time(at)
        )
        node.places.append(self.place)
        self.nodes.append(node)
        return node

    # ------------------------------------------------------------ sessions

    def finish(self) -> None:
        """Write the drops into the ledger."""
        for (stage, reason), count in self.counts.items():
            self.ledger.drop(Drop(stage, reason, file=self.path, count=count))
        self.counts = {}

    def sessions(
        self, frame: Frame, keyed: Keyed, kept: list[Node] | None = None
    ) -> Iterator[Session]:
        """The linked sessions of the log: one for each epoch. Its nodes are unlinked in the end; if
        other logs of the unit may continue from them, `kept` takes them, and its owner unlinks
        them."""
        self.finish()
        if kept is not None:
            kept += self.nodes
        try:
            with gc_paused():
                found = threads([self.nodes] if self.nodes else [])
            yield from sessions_of(found, frame, self.files, keyed)
        finally:
            if kept is None:
                unlink(self.nodes)


def key_of(caller: Node | None) -> str | None:
    """The key of the session that a sub-agent's caller stands in."""
    return caller.key or None if caller is not None else None


def _time(at: object) -> str:
    if isinstance(at, str):
        return utc(at)
    return moment(at)


def take_answer(log: Linear, told: Answered, at: object, model: str, name: str = "") -> bool:
    """Add a separate answer with what `answered` found; if that is nothing, drop the current record
    and return False."""
    parts, calls, reason = told
    if not parts and not calls:
        log.drop(reason)
        return False
    if reason.startswith("unknown_block"):
        log.unknown_part()
    node = log.new_answer(parts, at, model, name)
    for call in calls:
        log.call(node, words(call["id"]), words(call.get("name")), call.get("input"))
    return True
