"""Kiro's newer engine (its editor, and the terminal's version 3): a session is a folder with
`messages.jsonl`, `session.json` and, for its sub-agents, `sub-executions/<id>.jsonl`.

A record is one text, one call or one result. What is taken back or summed up stays in the file,
below a `tombstone` that names its first record.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..linking import Frame, Node
from ..model import Part, ResultStatus, Session, Text, Thinking
from .kiro_agents import Start, Starts, sub_name
from .pictures import picture
from .shapes import elements, inside, mapping, objects, pictures, safe_name, texts, words, words_of
from .twice import Twice
from .units import Caller, Unit

_KIND = (
    rb"user|assistant|tool_call|tool_result|turn_start|session_start|session_event|session_metadata"
    rb"|steering_inclusion|sub_agent_start|tombstone|ContextualHookInvoked|system"
)
_RECORD = re.compile(
    rb'^\s*\{\s*"id"\s*:\s*"[^"]*"\s*,\s*"timestamp"\s*:\s*"[^"]*"\s*,\s*'
    rb'"payload"\s*:\s*\{\s*"type"\s*:\s*"(?:' + _KIND + rb')"',
    re.MULTILINE,
)
#: What the program adds to the ids of a session's records when it converts it from version 2.
_CONVERTED = re.compile(r"-(?:text|thinking|tool)-\d+\Z")
_FROM_2 = re.compile(r"\Acli_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})_")
#: Stands for reasoning that only the vendor has.
_ELIDED = ("...", "\u2026")
#: Ends the name of a result that the program wrote for a call that was broken off.
_BROKEN_OFF = "-result-synthetic"
_BOOKS = (
    *("turn_start", "usage_summary", "session_metadata", "session_event", "mode_change"),
    *("pending_interaction", "sub_agent_complete", "sub_agent_progress", "tool_revert"),
    *("ContextualHookInvoked", "agent_note"),
)


def is_engine(head: bytes) -> bool:
    """Whether a file that begins with `head` is a log of this engine."""
    return _RECORD.search(head) is not None


def first_name(name: str) -> str:
    """A record's id as version 2 had it, if it was converted."""
    return _CONVERTED.sub("", name)


def linked(name: str) -> set[str]:
    """The session and that of version 2 from which it was converted."""
    found = _FROM_2.match(name)
    return {name, found[1]} if found is not None else {name}


class EngineLog:
    """One file. `starts`: sub-agents whose logs are in the unit -> what their callers told."""

    def __init__(
        self, path: str, unit: Unit, about: dict[str, Any], name: str, starts: Starts
    ) -> None:
        self.name, self.sub = name, sub_name(path)
        self.log = unit.log(path, f"{name}/{self.sub}" if self.sub else name)
        self.unit, self.about, self.told, self.starts = unit, about, unit.owner, starts
        self.parent = words(about.get("parentSessionId"))
        self.agent = bool(self.sub) or about.get("createdReason") == "subagent"
        self.model = _model(about.get("modelId"))
        self.copied: Node | None = None
        self.copies: set[str] = set()  # calls of records that were copied
        self.refused: set[str] = set()  # calls that the person refused
        self.begun: dict[str, Caller] = {}  # sub-agent -> its call
        self.back: Node | None = None
        #: Records that count: name, the node that what follows hangs below, nodes so far.
        self.stack: list[tuple[str, Node | None, int]] = []
        self.at: dict[str, int] = {}  # name -> its place there
        self.summed = False

    def read(self) -> None:
        """Read the records."""
        log = self.log
        own: set[str] = set()  # names that this file told first
        twice = Twice(log)
        self._task()
        for record in log.records():
            payload = mapping(record.get("payload"))
            name, count = words(record.get("id")), len(log.nodes)
            copied = first_name(name)
            known = bool(copied) and copied in self.told and copied not in own
            if known or words(payload.get("toolCallId")) in self.copies:
                log.drop("resumed_copy", "link")
                self.copied = (self.told[copied] if known else None) or self.copied
                self.copies.add(words(payload.get("toolCallId")))
                self.copies.discard("")
                self._stands(name, self.copied)
                continue
            if twice.drops(record, name):
                continue
            at = words(record.get("timestamp"))
            with log.taking() as made:
                self._take(words(payload.get("type")), payload, name, at)
            if made and (self.back is not None or not count):
                made[0].up = self.back if self.back is not None else self.copied
                self.back = None
            if payload.get("type") != "tombstone":
                self._stands(name, log.nodes[-1] if log.nodes else self.copied)
            if name:
                if name not in self.told:
                    own.add(name)
                self.told[name] = log.nodes[-1] if log.nodes else self.copied

    def _stands(self, name: str, node: Node | None) -> None:
        self.at[name] = len(self.stack)
        self.stack.append((name, node, len(self.log.nodes)))

    def _task(self) -> None:
        """Begin a sub-agent with the words of its caller, which only the caller's log holds."""
        start = self.starts.get(self.sub)
        if start is None:
            return
        log = self.log
        log.files = (log.path, start.path)
        node = log.node("task", [Text(start.prompt)], start.at, "0")
        node.file, node.line, node.places = 1, start.place[0], [start.place]

    def _take(self, kind: str, payload: dict[str, Any], name: str, at: str) -> None:
        log, call = self.log, words(payload.get("toolCallId"))
        if kind == "user":
            self._asked(payload, at, name)
        elif kind == "assistant":
            self._said(payload, at, name)
        elif kind == "tool_call":
            self._call(payload, call, at, name)
        elif kind == "tool_result":
            self._result(payload, call, at, name)
        elif kind == "tombstone":
            self._taken_back(payload)
        elif kind == "steering_inclusion":
            log.say("context", _attached(payload.get("documents")), at, name, kind)
        elif kind == "session_start":  # in most versions the system prompt, at the end of a turn
            text = words_of(payload.get("content"))
            if log.nodes or not text.strip() or text.startswith("You are "):
                log.drop("system")
            else:
                log.node("prompt", [Text(text)], at, name)
        elif kind == "sub_agent_start":
            self._started(payload, at)
        elif kind == "interaction_resolved":
            if words(payload.get("selectedOption")).endswith("reject"):
                self.refused.add(call)
            log.drop(kind)
        elif kind == "turn_end":
            if payload.get("stopReason") == "cancelled":
                log.interrupted()
            log.open = None
            log.drop(kind)
        elif kind in _BOOKS:
            log.drop(kind)
        elif kind in ("error", "system"):
            log.drop("api_error" if kind == "error" else kind)
        else:
            log.drop(f"unknown_type:{safe_name(kind)}")

    def _taken_back(self, payload: dict[str, Any]) -> None:
        """Take back a record and all after it: for a summary, or because the person went back."""
        log, first = self.log, payload.get("effectiveFromMessageId")
        log.drop("rewind" if payload.get("kind") == "checkpoint_revert" else "compaction")
        log.open = None
        at = self.at.get(words(first), -1)
        known = 0 <= at < len(self.stack) and self.stack[at][0] == first
        if payload.get("kind") == "summarization":
            log.boundary()
            self.summed = True
        if not known:
            return
        _, base, begun = self.stack[at - 1] if at else ("", self.copied, 0)
        del self.stack[at:]
        if self.summed:
            return
        if base is None:
            log.boundary()
        elif begun < len(log.nodes):
            log.nodes[begun].up = log.nodes[begun].up or base
            self.back = base

    # ------------------------------------------------------------ messages

    def _asked(self, payload: dict[str, Any], at: str, name: str) -> None:
        log = self.log
        parts = texts(words_of(payload.get("content"))) + _drawn(payload.get("images"))
        beside = _attached(payload.get("contextItems")) + _attached(payload.get("documents"))
        first = log.nodes[0] if log.nodes else None
        if self.sub and first is not None and first is log.nodes[-1] and first.parts == parts:
            log.drop("repeated_record")
            return
        if beside:
            log.node("context", beside, at, f"{name}^")
        if not parts:
            if not beside:
                log.drop("empty")
            return
        notice = inside(payload, "_meta", "kiro", "notification") or payload.get("kind")
        if payload.get("source") == "hook" or notice:
            log.node("context", parts, at, name)
            return
        node = log.node("task" if self.agent else "prompt", parts, at, name)
        if payload.get("source") == "steer":
            node.flags.append("queued")

    def _said(self, payload: dict[str, Any], at: str, name: str) -> None:
        log, kind = self.log, payload.get("operationType")
        text = words_of(payload.get("content"))
        elided = kind == "Reasoning" and text.strip() in _ELIDED
        if not text.strip() or elided:
            log.drop("thinking_signature_only" if kind == "Reasoning" else "empty")
        elif kind == "Summary":
            self.summed = False
            log.node("summary", [Text(text)], at, name)
        else:
            node = log.answer(at, self.model, name)
            node.parts.append(Thinking(text) if kind == "Reasoning" else Text(text))
            node.model = _model(payload.get("reasoningModelId")) or node.model

    def _call(self, payload: dict[str, Any], call: str, at: str, name: str) -> None:
        log = self.log
        if call and call in log.calls:
            log.drop("repeated_record")
            return
        node = log.answer(at, self.model, name)
        call = log.call(node, call, words(payload.get("toolName")), payload.get("args"))
        if payload.get("status") == "denied":
            self.refused.add(call)
        agent = words(inside(payload, "_meta", "kiro", "agentSubtaskId"))
        if agent:
            self.begun[agent] = (call, node)

    def _result(self, payload: dict[str, Any], call: str, at: str, name: str) -> None:
        status: ResultStatus = "error" if payload.get("success") is False else "ok"
        if status == "error" and call in self.refused:
            status = "rejected"
        elif status == "error" and name.endswith(_BROKEN_OFF):
            status = "interrupted"
        self.log.result(call, words_of(payload.get("content")), status, at)

    def _started(self, payload: dict[str, Any], at: str) -> None:
        """Note a sub-agent for its own log, if that is here and does not know its task yet."""
        agent = words(payload.get("subSessionId"))
        start = Start(self.log.path, self.log.place, at, payload)
        if agent not in self.starts or self.starts[agent] is not None or not start.prompt.strip():
            self.log.drop("sub_agent_start")
            return
        self.starts.note(agent, start)

    # ------------------------------------------------------------ sessions

    def sessions(self) -> Iterator[Session]:
        """The linked sessions of the file."""
        unit, log = self.unit, self.log
        for agent, started in self.begun.items():
            told = self.starts.get(agent)
            if told is not None:
                told.call = started
        start = self.starts.get(self.sub)
        caller = start.call if start is not None else None
        caller = caller or unit.started.get(self.name if self.sub else self.parent)
        if log.nodes and not self.sub:
            unit.started.setdefault(self.name, ("", log.nodes[0]))
        places = elements(self.about.get("workspacePaths"))
        frame = Frame(
            session_id=self.name,
            agent_id=(self.sub or self.name) if self.agent else None,
            agent_type=start.agent if start is not None else "",
            cwd=words(next(iter(places), "")),
            title="" if self.sub else words(self.about.get("title"))[:200],
        )
        self.starts.pop(self.sub, None)  # whoever tells of it now comes too late
        yield from unit.sessions(log, frame, caller if self.agent else None)


def _model(name: Any) -> str:
    """The name of a model (`qdev::claude-sonnet-4.5`); "" if the program chose it."""
    own = words(name).rpartition("::")[2]
    return own if own != "auto" else ""


def _attached(items: Any) -> list[Part]:
    """The contents of attached files; those that are only named give nothing."""
    return texts(*(item.get("content") for item in objects(items)))


def _drawn(images: Any) -> list[Part]:
    drawn = (picture(one.get("data"), one.get("mimeType")) for one in objects(images))
    return [*pictures(*drawn)]
