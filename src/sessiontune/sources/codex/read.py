"""Reads one rollout into nodes. A rollout is linear: the order of the file is that of events.

What the model saw is in `response_item`; `event_msg` repeats it for the screen and is left out. One
answer is the run of reasoning, text and calls up to the next output or user message.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import orjson

from ...ledger import Ledger
from ...linking import Place, placed
from ...model import Drop, Text, ToolCall, Usage
from ..linear import stopped
from ..lines import read_lines
from ..mending import LineFault, line_fault, mend, values
from ..printed import is_remark
from ..shapes import number, objects, safe_name, words
from .asked import go_back, goes_on_from, inherits
from .items import Items
from .older import MARKS, SHOWN, Screen, document_lines
from .scripts import tell_notices
from .streams import stream_lines
from .told import Told
from .values import contents, note_meta, retained
from .wire import Activity, Line, Payload, decode

#: Lines with what the model saw.
_ITEMS = ("response_item", "history_mutation")
#: Lines that a copy of another thread's history repeats.
_COPIED = (*_ITEMS, "compacted")
_ACTIVITY = b'"SubAgentActivity"'
#: What newer versions write after the payload, which differs in a copy, and what it always holds.
_BESIDE = b',"metadata":{'
_NOTED = (b'"client_authored":', b'"history_sequence":')
#: How they mark what a script of code mode sent to the person.
_SENT = "codex:code-mode-delivery:"
#: Names of turns that the program copied from another agent's log.
_IMPORTED = "external-import-turn-"
#: Lines without a part of a conversation.
_BOOKS = (
    "world_state",
    "token_usage_record",
    "inter_agent_communication_metadata",
    "security_risk_score",
    "retained_context",
    "dynamic_tools_updated",
    "realtime_item",  # the talk with the voice model, not with this one
    "agent_response_observation",
)


#: A line of a file: its number, its bytes, its records and faults.
Read = tuple[int, bytes | memoryview, list[Line | LineFault]]
#: Those that were read ahead, and all behind them.
Lines = tuple[list[Read], Iterator[Read]]


class Rollout(Items):
    """Reads one session: a file, or if it holds several, from `lines` on up to the next, which is
    `next`: its lines are `rest`."""

    lines: Lines | None = None
    next = ""
    rest: Lines | None = None

    def read(self) -> None:
        """Read the file up to another session; what is counted goes into the ledger."""
        records = 0
        ahead, lines = self.lines or ([], self._lines())
        for at, raw, found in itertools.chain(ahead, lines):
            if self._is_other(found):
                self.rest = [(at, raw, found)], lines
                break
            for nth, line in enumerate(found):
                records += 1
                self.place = (at, nth)
                if isinstance(line, LineFault) and is_remark(self.path, raw):
                    self.drop("remark")
                    continue
                if isinstance(line, LineFault):
                    self.ledger.fault(line_fault(line, self.path, at, raw))
                    continue
                try:
                    if self.told is None or line.type not in _COPIED:
                        self._take(line)
                    else:
                        self._take_once(line, bytes(raw), self.told)
                    if self.shown is not None:
                        self._keep_shown(line, raw)
                except LineFault as fault:
                    self.ledger.fault(line_fault(fault, self.path, at, raw))
        if records:
            self.ledger.records[self.path] = self.ledger.records.get(self.path, 0) + records
        if self.shown:
            self._tell_shown(self.shown)
        if self.fork is not None and self.nodes and self.nodes[0].up is None:
            self.nodes[0].up = self.fork
        for node in self.nodes:
            if self.notices:
                tell_notices(self, node)
            names = {part.id: part.name for part in node.parts if type(part) is ToolCall}
            for call, result in node.results.items():
                node.results[call] = msgspec.structs.replace(
                    result, name=names.get(call, result.name)
                )
            for call, name in names.items():
                if call not in node.results:
                    self.waiting.setdefault(call, (node, name))
        early = {place for _, _, place, _ in self.early.values()}
        for node in self.nodes if early else ():
            early.difference_update(node.places, node.result_places)
        for _ in early:
            self.drop("result_without_call")
        self.flush()

    def _lines(self) -> Iterator[Read]:
        found: Iterable[tuple[int, bytes | memoryview]]
        if self.printed:
            found = stream_lines(self.path, self.options, self.ledger)
        elif self.path.endswith(".json"):
            found = document_lines(self.path, self.options, self.ledger)
        else:
            found = read_lines(self.path, self.options, self.ledger)
        for at, raw in found:
            yield at, raw, decode(raw, self.ledger)

    def _is_other(self, found: list[Line | LineFault]) -> bool:
        """Whether a line is the header of another session, which was put into the same file behind
        this one. (Copies at the beginning of a thread may have headers of the threads above it.)"""
        line = found[0] if len(found) == 1 else None
        if type(line) is not Line or line.type != "session_meta" or line.payload is None:
            return False
        name, facts = line.payload.id or "", self.facts
        known = {"", facts.forked_from, facts.parent_thread, facts.base[0], *self.headers}
        if self.headers and (self.nodes or self.shown) and name not in known:
            self.next = name
            return True
        self.headers.add(name)
        return False

    def _keep_shown(self, line: Line, raw: bytes | memoryview) -> None:
        """Keep the events of a rollout until an item of the conversation comes."""
        if line.type in _ITEMS:
            if (self.nodes and self.nodes[-1].kind != "context") or self.fork is not None:
                self.shown = None
        elif self.shown is None or self.importing or line.payload is None:
            return
        elif line.payload.type in SHOWN:
            self.shown.append((self.place, bytes(raw)))

    def _tell_shown(self, shown: list[tuple[Place, bytes]]) -> None:
        """Take what the screen showed, for a rollout without items."""
        told = [(place, values(raw, Ledger())[place[1]]) for place, raw in shown]
        events = [(place, line["payload"], line) for place, line in told if isinstance(line, dict)]
        screen = Screen([event for _, event, _ in events])
        for self.place, event, line in events:
            items = screen.items(event)
            rows = [{**line, "type": "response_item", "payload": item} for item in items]
            if rows or event["type"] in MARKS:
                self.drop(f"event:{safe_name(event['type'])}", -1)
            for row in rows or ([line] if event["type"] in MARKS else []):
                for taken in decode(orjson.dumps(row), Ledger()):
                    if isinstance(taken, Line):
                        self._take(taken)

    def _take_once(self, line: Line, raw: bytes, told: Told) -> None:
        """Take an item, unless it belongs to the copy at the beginning of a fork or a sub-agent."""
        start, end = max(0, raw.find(b'"payload"')), raw.rfind(_BESIDE)
        noted = end > start and any(key in raw[end:] for key in _NOTED)
        body = raw[start : end if noted else len(raw)].rstrip(b"}\n\r ")
        digest = hashlib.blake2b(body, digest_size=8).digest()
        inherited = type(line.ordinal) is int and line.ordinal < self.facts.begins
        copied = self.facts.forked_from or self.again or inherited
        found = told.find(digest, self.copied) if self.copying and copied else None
        if found is not None:
            self.drop("resumed_copy")
            node = told.nodes[found]
            if node is not None:  # what became no message may be written in any turn
                self.copied = found
                inherits(self, node)
            return
        before = self.nodes[-1] if self.nodes else None
        self._take(line)
        node = self.nodes[-1] if self.nodes else None
        if node is not None and node.kind != "context" and not inherited:
            self.copying = False
        took = node is not None and (
            node is not before
            or placed(node.places, self.place)
            or placed(node.result_places, self.place)
        )
        told.add(digest, node if took else None)

    def take_raw(self, raw: bytes | memoryview) -> None:
        """Take only the facts of one line."""
        for line in decode(raw, self.ledger):
            if isinstance(line, Line):
                self._take(line)

    def flush(self) -> None:
        """Write the drops counted so far."""
        for reason, times in self.counts.items():
            if not times:
                continue
            stage = "link" if reason in ("resumed_copy", "repeated_record") else "read"
            self.ledger.drop(Drop(stage, reason, file=self.path, count=times))
        self.counts = {}

    # ------------------------------------------------------------ records

    def _take(self, line: Line) -> None:
        payload, kind = line.payload, line.type
        if payload is None:
            self.drop("no_payload" if kind else "unknown_type:none")
        elif kind == "response_item" and self.importing:
            self.drop("imported_copy")
        elif kind == "response_item" and line.beside is not None and (why := _no_answer(line)):
            self.drop(why)
        elif kind == "response_item":
            self.item(line, payload, payload.type or ("message" if payload.role else "none"))
        elif kind == "event_msg":
            self._event(payload, payload.type or "none", line.timestamp or "")
        elif kind == "session_meta":
            note_meta(self.facts, payload)
            goes_on_from(self, self.spoken.get(self.facts.base[0]))
            if self.place == (1, 0):
                self.facts.ordinal = number(line.ordinal)
            self.facts.begun = self.facts.begun or line.timestamp or ""
            self.drop("session_meta")
        elif kind == "turn_context":
            self.model = payload.model or self.model
            self._begun(payload.turn_id)
            self.facts.cwd = self.facts.cwd or payload.cwd or ""
            self.drop("turn_context")
        elif kind == "compacted":
            self._compacted(line, payload)
        elif kind == "history_mutation" and payload.operation == "append":
            self._appended(line, payload)
        elif kind == "inter_agent_communication":
            self.agent_message(line, contents(payload.content)[0])
        elif kind in _BOOKS:
            self.drop(kind)
        else:
            self.drop(f"unknown_type:{safe_name(kind)}")

    def _appended(self, line: Line, payload: Payload) -> None:
        """Take several items on one line, as a fork of Codex writes them."""
        items = mend(payload.items) if isinstance(payload.items, list) else []
        counts, self.counts = self.counts, {}
        open_, begun = self.answer, len(self.nodes)
        for at, item in enumerate(items):
            self.piece = f"+{at}" if at else ""
            row = {"type": "response_item", "timestamp": line.timestamp, "payload": item}
            for taken in decode(orjson.dumps(row), Ledger()):
                if isinstance(taken, Line):
                    self._take(taken)
        self.piece = ""
        reason = next(iter(self.counts), "empty")
        self.counts = counts
        answered = [call for item in objects(items) if (call := words(item.get("call_id")))]
        waits = any(call in self.early and self.early[call][2] == self.place for call in answered)
        nodes = [open_, *self.nodes[begun:], *map(self.calls.get, [*answered, self.served])]
        used = any(
            placed(node.places, self.place) or placed(node.result_places, self.place)
            for node in nodes
            if node is not None
        )
        if not waits and not used:
            self.drop(reason)

    def _event(self, payload: Payload, kind: str, at: str) -> None:
        self.drop(f"event:{safe_name(kind)}")
        if kind == "token_count":
            self._usage(payload.info, at)
        elif kind in ("turn_aborted", "thread_rolled_back"):
            if self.written.stands(at, self.place, "", kind, kind) == "before":
                pass  # the log holds it twice, with what came before it
            elif kind == "turn_aborted":
                stopped(self.nodes)
            else:
                go_back(self, number(payload.num_turns))
        elif kind == "thread_name_updated":
            self.facts.title = payload.thread_name or self.facts.title
        elif kind == "item_completed" and _ACTIVITY in bytes(payload.item):
            self._started(bytes(payload.item))
        elif payload.new_thread_id and payload.call_id:
            self.agents[payload.new_thread_id] = payload.call_id
        if kind in ("task_complete", "task_started", "turn_aborted"):
            self.answer = None
        if kind == "task_started":
            self._begun(payload.turn_id)

    def _begun(self, turn: str | None) -> None:
        """Note whose turn begins. The program copies words from another agent's log, with calls as
        text and cut outputs: that agent's own log is better. Answers that are copied later have no
        such line, so a copy ends where a turn of this agent begins."""
        self.importing = turn is not None and turn.startswith(_IMPORTED)

    def _started(self, item: bytes) -> None:
        """Note which thread a call started, from an event of newer versions."""
        try:
            told = msgspec.json.decode(item, type=Activity)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return
        if told.type == "SubAgentActivity" and told.kind == "started":
            self.agents.setdefault(told.agent_thread_id, told.id)

    def _usage(self, info: Any, at: str) -> None:
        last = info.get("last_token_usage") if isinstance(info, dict) else None
        mark = (at, str(last))
        again = bool(at) and mark in self.counted
        self.counted.add(mark)
        if not isinstance(last, dict) or self.last is None or again:
            return
        cached = number(last.get("cached_input_tokens"))
        old = self.last.usage or Usage()
        self.last.usage = Usage(
            max(old.input, number(last.get("input_tokens")) - cached),
            max(old.output, number(last.get("output_tokens"))),
            max(old.cache_read, cached),
            old.cache_write,
        )

    def _summarised(self, summary: str) -> None:
        """Drop the answer that became the summary, as its request is not in the log."""
        node = self.nodes[-1] if self.nodes else None
        if node is None or node.kind != "answer" or node is not self.last:
            return
        said = "".join(part.text for part in node.parts if type(part) is Text).strip()
        asked = any(type(part) is ToolCall for part in node.parts)
        whole = summary.removesuffix(said)[-1:] in ("", "\n")  # not just the end of a sentence
        if said and not asked and summary.endswith(said) and whole:
            self.drop("summary_answer", len(node.places))
            self.nodes.pop()
            self.last = None

    def _compacted(self, line: Line, payload: Payload) -> None:
        """Replace the history: a new epoch. What it repeats is already above."""
        texts = [payload.message] if isinstance(payload.message, str) else []
        if not "".join(texts).strip():
            texts = retained(payload.replacement_history)
        if self.repeats(line, "compacted", "".join(texts)):
            return
        if texts:
            self._summarised(texts[-1].strip())
        self.answer = None
        boundary = self.node(line, "boundary")
        boundary.places = []
        if not texts:
            self.drop("compacted")
            return
        node = self.node(line, "summary")
        node.id += "+"
        node.parts = [Text(text) for text in texts]
        node.injected = True


def _no_answer(line: Line) -> str:
    """Why an item in the model's name is no answer, or "": newer versions note it beside."""
    beside, payload = line.beside, line.payload
    if beside is None or payload is None:
        return ""
    if beside.compaction_output:
        return "summary_answer"
    sent = payload.role == "assistant" and (beside.delivered_assistant_message or "")
    return "retained_context" if sent and sent.startswith(_SENT) else ""
