"""Builds the nodes of a log in its order, for agents without trees of records.

A source goes through `records` (or `document`) and says what each record is; this module keeps
account: every record ends as a place of a node, as a drop with a reason, or as a fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any

import orjson

from ..ledger import Ledger
from ..linking import Node, Place, placed
from ..model import Drop, Image, Part, ResultStatus, ToolCall, ToolDef, ToolResult, Usage
from ..ports import ReadOptions
from .lines import read_lines
from .mending import LineFault, line_fault, mend, saved, single, values
from .shapes import Call, moment, utc


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


#: Records of a file: those that were read ahead, and all behind them.
Lines = tuple[list[tuple[Place, dict[str, Any]]], Iterator[tuple[Place, dict[str, Any]]]]


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
        self.told: set[Any] = set()  # names of the records of the unit
        self.tools: dict[str, ToolDef] = {}  # definitions that the log gives
        self.begins: Callable[[dict[str, Any]], str] | None = None  # see `records`
        self.lines: Lines | None = None  # what is left of the file, if it began before
        self.rest: Lines | None = None

    # ------------------------------------------------------------ records

    def records(self) -> Iterator[dict[str, Any]]:
        """The objects of a JSONL log; `place` is that of the current one. `begins` tells the
        session that a record begins, or "": the log ends where another one begins, in `rest`."""
        ahead, lines = self.lines or ([], self._lines())
        begun, more = "", False
        for place, record in chain(ahead, lines):
            name = self.begins(record) if self.begins is not None else ""
            if more and name not in ("", begun):
                self.rest = [(place, record)], lines
                return
            begun, self.place = begun or name, place
            more = more or (bool(begun) and not name)  # the header and something below it
            yield record

    def _lines(self) -> Iterator[tuple[Place, dict[str, Any]]]:
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
                    yield (number, nth), record

    def document(self) -> dict[str, Any] | None:
        """The object of a log that is one JSON document; `part` begins each of its parts. One that
        cannot be read whole is a fault, and what is whole of it is read."""
        lost, pieces = Ledger(), list[bytes]()
        for _, line in read_lines(self.path, self.options, lost):
            if lost.faults:  # what is behind a line over the limit belongs to nothing whole
                break
            pieces.append(bytes(line))
        raw = b"\n".join(pieces)
        if lost.faults or not raw:
            self.ledger.add(lost)
            return saved(raw)
        value = single(values(raw, self.ledger))
        if isinstance(value, dict):
            return value
        self._count()
        self.ledger.fault(line_fault(value, self.path, 1, pieces[-1]))
        return saved(raw) if value.reason == "bad_json" else None

    def listed(self, document: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
        """The parts of a document, numbered from 1: the objects of a list in it. Something else
        there is dropped."""
        found = document.get(name)
        if not isinstance(found, list):
            self.part(1)
            self.drop("no_message")
            return
        for number, one in enumerate(found, 1):
            self.part(number)
            if isinstance(one, dict):
                yield one
            else:
                self.drop("no_message")

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

    def copied(self, name: Any) -> bool:
        """Whether the unit told a record of this name before; then the current one is dropped."""
        if name and name in self.told:
            self.drop("resumed_copy", "link")
            return True
        self.told.add(name)
        return False

    def once(self, before: dict[tuple[str, str], int], used: bool, reason: str) -> None:
        """Count the current record once, whatever its pieces were dropped for since `before`: not
        at all if it has a place, else for the first reason, or the given one."""
        new = [key for key, count in self.counts.items() if count != before.get(key, 0)]
        self.counts = before
        if not used:
            stage, why = new[0] if new else ("read", reason)
            self.drop(why, stage)

    @contextmanager
    def taking(self) -> Iterator[list[Node]]:
        """Take the current record inside; a LineFault becomes its fault. Afterwards the list holds
        the nodes that were made."""
        made: list[Node] = []
        before = len(self.nodes)
        try:
            yield made
        except LineFault as fault:
            self.ledger.fault(line_fault(fault, self.path, self.place[0], b"}"))
        made += self.nodes[before:]

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

    def say(
        self, kind: str, parts: list[Part], at: object = "", name: str = "", reason: str = "empty"
    ) -> None:
        """Add a message that is no answer; if it has no parts, drop the current record."""
        if parts:
            self.node(kind, parts, at, name)
        else:
            self.drop(reason)

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

    def told_answer(
        self,
        parts: list[Part],
        calls: list[Call],
        at: object = "",
        model: str = "",
        name: str = "",
        reason: str = "empty",
    ) -> Node | None:
        """Add an answer of its own with these parts and calls; a call without an id gets one. If
        there are none, drop the current record for the reason."""
        if not parts and not calls:
            self.drop(reason)
            return None
        if reason.startswith("unknown_block"):
            self.unknown_part()
        node = self.new_answer(parts, at, model, name)
        for call_id, tool, arguments in calls:
            self.call(node, call_id, tool, arguments)
        return node

    def call(self, node: Node, call_id: str, name: str, arguments: Any) -> str:
        """Add a tool call to an answer; returns its id. A call that has none, or that of another
        one of the answer, gets one. Raises LineFault for arguments nested too deep."""
        given = arguments if isinstance(arguments, dict) else {"input": arguments}
        try:
            held = mend(given if arguments is not None else {})
        except LineFault:
            self._unplaced(node)
            raise
        if not call_id or self.calls.get(call_id) is node:
            call_id = f"{node.id}:{len(node.parts)}"
        node.parts.append(ToolCall(call_id, name, held))
        self.calls[call_id], self.names[call_id] = node, name
        return call_id

    def _unplaced(self, node: Node) -> None:
        """Take the current record, a fault, from the node's places; remove a node of it alone."""
        node.places = [place for place in node.places if place != self.place]
        if not node.places:
            for at in reversed(range(len(self.nodes))):  # it is the last, or nearly
                if self.nodes[at] is node:
                    del self.nodes[at]
                    break
            for call in [part.id for part in node.parts if type(part) is ToolCall]:
                if self.calls.get(call) is node:
                    del self.calls[call]
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
        if node is not None and node.file != self.file:  # a node has results of its own file only
            node = None
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

    def finish(self) -> None:
        """Write the drops into the ledger."""
        for (stage, reason), count in self.counts.items():
            self.ledger.drop(Drop(stage, reason, file=self.path, count=count))
        self.counts = {}


def _time(at: object) -> str:
    return utc(at) if isinstance(at, str) else moment(at)
