"""Reads one rollout into nodes. A rollout is linear: the order of the file is the order of things.

What the model saw stands in `response_item`; `event_msg` tells the same to the screen once more
and is left out. One answer is the run of reasoning, text and calls up to the next output or
user message.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from ...ledger import Ledger
from ...linking import Node
from ...model import Drop, Image, Part, Text, Thinking, ToolCall, ToolResult, Usage
from ...ports import ReadOptions
from ..linear import stopped
from ..lines import LineFault, line_fault, read_lines, safe_name, utc
from .text import classify
from .values import (
    arguments_of,
    as_json,
    contents,
    count,
    note_meta,
    retained,
    status_of,
    string,
)
from .wire import Facts, Line, Payload, decode


class Rollout:
    """Nodes of one file.

    `calls` maps call ids to nodes, `agents` the threads that this one started to their calls.
    `told` maps digests of items of the unit's earlier files to nodes: forks begin with copies.
    """

    def __init__(
        self,
        file: int,
        path: str,
        options: ReadOptions,
        ledger: Ledger,
        told: dict[bytes, Node | None] | None = None,
    ) -> None:
        self.told = told
        self.fork: Node | None = None
        self.copying = True
        self.file, self.path, self.options, self.ledger = file, path, options, ledger
        self.facts = Facts()
        self.nodes: list[Node] = []
        self.calls: dict[str, Node] = {}
        self.agents: dict[str, str] = {}
        self.asked: list[Node] = []  # prompts that the model still sees
        self.back: Node | None = None  # where the next prompt begins a branch
        self.early: dict[str, tuple[Line, Payload, tuple[int, int]]] = {}  # before their calls
        self.counts: dict[str, int] = {}
        self.model = ""
        self.answer: Node | None = None  # the answer that still takes parts
        self.last: Node | None = None  # the last answer, for its usage
        self.place = (0, 0)

    def read(self) -> None:
        """Read the file; records, repairs, faults and drops go into the ledger."""
        records = 0
        for number, raw in read_lines(self.path, self.options, self.ledger):
            for nth, line in enumerate(decode(raw, self.ledger)):
                records += 1
                self.place = (number, nth)
                if isinstance(line, LineFault):
                    self.ledger.fault(line_fault(line, self.path, number, raw))
                    continue
                try:
                    if self.told is None or line.type != "response_item":
                        self._take(line)
                    else:
                        self._take_once(line, bytes(raw), self.told)
                except LineFault as fault:
                    self.ledger.fault(line_fault(fault, self.path, number, raw))
        if records:
            self.ledger.records[self.path] = self.ledger.records.get(self.path, 0) + records
        if self.fork is not None and self.nodes:
            self.nodes[0].up = self.fork
        for node in self.nodes:
            names = {part.id: part.name for part in node.parts if type(part) is ToolCall}
            for call, result in node.results.items():
                node.results[call] = msgspec.structs.replace(result, name=names.get(call, ""))
        for _ in self.early:
            self._drop("result_without_call")
        self.flush()

    def _take_once(self, line: Line, raw: bytes, told: dict[bytes, Node | None]) -> None:
        """Take an item, unless it belongs to the copy that a fork begins with."""
        body = raw[max(0, raw.find(b'"payload"')) :].rstrip()
        digest = hashlib.blake2b(body, digest_size=8).digest()
        if self.copying and self.facts.forked_from and digest in told:
            self._drop("resumed_copy")
            self.fork = told[digest] or self.fork
            return
        self._take(line)
        node = self.nodes[-1] if self.nodes else None
        if node is not None and node.kind != "context":
            self.copying = False
        told.setdefault(digest, node)

    def take_raw(self, raw: bytes | memoryview) -> None:
        """Take one line for its facts only."""
        for line in decode(raw, self.ledger):
            if isinstance(line, Line):
                self._take(line)

    def flush(self) -> None:
        """Write the drops counted so far."""
        for reason, number in self.counts.items():
            stage = "link" if reason == "resumed_copy" else "read"
            self.ledger.drop(Drop(stage, reason, file=self.path, count=number))
        self.counts = {}

    def _drop(self, reason: str) -> None:
        self.counts[reason] = self.counts.get(reason, 0) + 1

    # ------------------------------------------------------------ records

    def _take(self, line: Line) -> None:
        payload, kind = line.payload, line.type
        if payload is None:
            self._drop("no_payload" if kind else "unknown_type:none")
        elif kind == "response_item":
            self._item(line, payload, payload.type or ("message" if payload.role else "none"))
        elif kind == "event_msg":
            self._event(payload, payload.type or "none")
        elif kind == "session_meta":
            note_meta(self.facts, payload)
            self.facts.begun = self.facts.begun or line.timestamp or ""
            self._drop("session_meta")
        elif kind == "turn_context":
            self.model = payload.model or self.model
            self.facts.cwd = self.facts.cwd or payload.cwd or ""
            self._drop("turn_context")
        elif kind == "compacted":
            self._compacted(line, payload)
        else:
            self._drop(f"unknown_type:{safe_name(kind)}")

    def _event(self, payload: Payload, kind: str) -> None:
        self._drop(f"event:{safe_name(kind)}")
        if kind == "token_count":
            self._usage(payload.info)
        elif kind == "turn_aborted":
            stopped(self.nodes)
        elif kind == "thread_rolled_back":
            self._rolled_back(count(payload.num_turns))
        elif kind == "thread_name_updated":
            self.facts.title = payload.thread_name or self.facts.title
        elif kind == "collab_agent_spawn_end" and payload.new_thread_id and payload.call_id:
            self.agents[payload.new_thread_id] = payload.call_id
        if kind in ("task_complete", "task_started", "turn_aborted"):
            self.answer = None

    def _usage(self, info: Any) -> None:
        last = info.get("last_token_usage") if isinstance(info, dict) else None
        if not isinstance(last, dict) or self.last is None:
            return
        cached = count(last.get("cached_input_tokens"))
        old = self.last.usage or Usage()
        self.last.usage = Usage(
            max(old.input, count(last.get("input_tokens")) - cached),
            max(old.output, count(last.get("output_tokens"))),
            max(old.cache_read, cached),
            old.cache_write,
        )

    def _rolled_back(self, turns: int) -> None:
        """The person went back by some prompts: the next begins a branch."""
        if not 0 < turns <= len(self.asked):
            return
        first = self.asked[-turns]
        del self.asked[-turns:]
        at = self.nodes.index(first)
        first.up = self.back = first.up or (self.nodes[at - 1] if at else None)
        self.answer = None

    # ------------------------------------------------------------ items

    def _item(self, line: Line, payload: Payload, kind: str) -> None:
        if kind == "message":
            self._message(line, payload)
        elif kind == "reasoning":
            self._reasoning(line, payload)
        elif kind.endswith("_call"):
            self._call(line, payload, kind)
        elif kind.endswith("_output"):
            self._output(line, payload)
        else:
            self._drop(f"item:{safe_name(kind)}")

    def _node(self, line: Line, kind: str) -> Node:
        number, nth = self.place
        node = Node(
            id=f"{self.facts.session_id}#{number}" + (f".{nth}" if nth else ""),
            file=self.file,
            line=number,
            kind=kind,
            at=utc(line.timestamp or self.facts.begun),
        )
        node.places.append(self.place)
        self.nodes.append(node)
        return node

    def _open(self, line: Line) -> Node:
        """The answer that takes the next part: the open one, unless its tools have answered."""
        node = self.answer
        if node is None or node.results:
            node = self._node(line, "answer")
            node.model = self.model
            self.answer = self.last = node
        elif self.place not in node.places:
            node.places.append(self.place)
        return node

    def _message(self, line: Line, payload: Payload) -> None:
        role = payload.role or ""
        texts, images = contents(payload.content)
        if role == "assistant":
            texts = [text for text in texts if text.strip()]
            if not texts:
                self._drop("empty")
                return
            self._open(line).parts.extend(Text(text) for text in texts)
        elif role == "user":
            self._user(line, texts, images)
        elif role in ("developer", "system"):
            self._drop(role)
        else:
            self._drop(f"unknown_role:{safe_name(role)}")

    def _user(self, line: Line, texts: list[str], images: list[Image]) -> None:
        kind, reason = "", "empty"
        parts: list[Part] = []
        for text in texts:
            found, words = classify(text)
            if found == "turn_aborted":
                stopped(self.nodes)
            if found not in ("prompt", "context", "summary"):
                reason = found
                continue
            if not kind or found == "prompt":
                kind = found
            parts.append(Text(words))
        if images and not kind:
            kind = "prompt"
        self.answer = None
        if not parts and not images:
            self._drop(reason)
            return
        if kind == "prompt" and self.facts.is_agent():
            kind = "task"
        node = self._node(line, kind)
        if kind in ("prompt", "task"):
            node.up, self.back = self.back, None
            self.asked.append(node)
        node.parts = [*parts, *images]
        node.injected = kind in ("context", "summary")

    def _reasoning(self, line: Line, payload: Payload) -> None:
        texts = [text for text in contents(payload.content)[0] if text.strip()]
        if not texts:
            texts = [text for text in contents(payload.summary)[0] if text.strip()]
        if not texts:
            self._drop("thinking_signature_only")
            return
        self._open(line).parts.append(Thinking("\n\n".join(texts)))

    def _call(self, line: Line, payload: Payload, kind: str) -> None:
        number, nth = self.place
        call = payload.call_id or payload.id or f"call_{number}_{nth}"
        name = payload.name or kind[: -len("_call")]
        given = payload.arguments
        if given is None:
            given = payload.input if payload.input is not None else payload.action
        arguments = arguments_of(given)  # a fault must leave no trace of the record in a node
        node = self._open(line)
        node.parts.append(ToolCall(call, name, arguments))
        self.calls[call] = node
        if call in self.early:
            here = self.place
            told, output, self.place = self.early.pop(call)
            self._output(told, output)
            self.place = here

    def _output(self, line: Line, payload: Payload) -> None:
        call = payload.call_id or ""
        node = self.calls.get(call)
        if node is None:
            if call and call not in self.early:
                self.early[call] = (line, payload, self.place)
            else:
                self._drop("result_without_call")
            return
        if call in node.results:
            self._drop("second_result")
            return
        output = payload.output if payload.output is not None else payload.tools
        success = output.get("success") if isinstance(output, dict) else None
        if isinstance(output, dict) and "content" in output:
            output = output["content"]
        texts, images = contents(output)
        if isinstance(output, str):
            text = output
        else:
            text = "\n".join(texts) if texts or images else as_json(output)
        status = status_of(text, success)
        node.results[call] = ToolResult(call, "", text, status, tuple(images))
        node.result_places.append(self.place)
        if status in ("rejected", "interrupted") and status not in node.result_flags:
            node.result_flags.append(status)
        if not node.result_id:
            node.result_id = f"{self.facts.session_id}#{self.place[0]}"
            node.result_at = utc(line.timestamp or "")
        if node is self.answer:
            self.answer = None
        self._spawned(call, text)

    def _spawned(self, call: str, text: str) -> None:
        """Remember which thread a call started, where its output says so."""
        if '"agent_id"' in text[:400] or '"thread_id"' in text[:400]:
            try:
                found = msgspec.json.decode(text)
            except (msgspec.DecodeError, RecursionError):
                return
            if isinstance(found, dict):
                agent = string(found.get("agent_id")) or string(found.get("thread_id"))
                self.agents.setdefault(agent, call)

    def _compacted(self, line: Line, payload: Payload) -> None:
        """The history is replaced: a new epoch. What it repeats stands above already."""
        self.answer = None
        boundary = self._node(line, "boundary")
        boundary.places = []
        texts = [payload.message] if isinstance(payload.message, str) else []
        if not "".join(texts).strip():
            texts = retained(payload.replacement_history)
        if not texts:
            self._drop("compacted")
            return
        node = self._node(line, "summary")
        node.id += "+"
        node.parts = [Text(text) for text in texts]
        node.injected = True
