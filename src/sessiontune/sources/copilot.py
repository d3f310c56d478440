"""Copilot CLI: `session-state/<id>/events.jsonl`, a list of events.

`user.message.content` is what the person typed (`transformedContent` adds reminders), calls are in
`assistant.message.toolRequests`, results in `tool.execution_complete`. Events of sub-agents are
between those of the session that started them. All else is for the screen or the hooks.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ..linking import Frame, Node, placed
from ..model import Image, ResultStatus, Session, Text, Usage
from ..ports import FileIndex
from .copilot_senders import agent_of, sender
from .folders import homes
from .indexing import Seen, scan
from .linear import Linear
from .lines import first_lines, stem
from .orders import longest_first
from .pictures import picture
from .shapes import (
    inside,
    mapping,
    number,
    objects,
    pictures,
    safe_name,
    texts,
    thoughts,
    usage_with_cache,
    words,
)
from .units import Unit, UnitSource

_EVENT = re.compile(
    rb'"type"\s*:\s*"(?:session\.start|user\.message|assistant\.message|assistant\.turn_start'
    rb'|tool\.execution_start|system\.message)"'
)
_DATA = re.compile(rb'"data"\s*:\s*\{')


class KnownData(msgspec.Struct, gc=False):
    """What the index takes from an event's data."""

    sessionId: str | None = None
    context: Any = None


class Known(msgspec.Struct, gc=False):
    """What the index takes from an event."""

    id: str | None = None
    timestamp: str | None = None
    data: KnownData | None = None


def _note(event: Known, seen: Seen) -> None:
    seen.ids.add(event.id)
    seen.time(event.timestamp)
    if event.data is not None:
        seen.sessions.add(event.data.sessionId)
        seen.names.add(words(inside(event.data.context, "cwd")))


class CopilotSource(UnitSource):
    """Copilot CLI event logs."""

    name = "copilot"

    def roots(self, env: Mapping[str, str], home: str) -> list[str]:
        """The folders of its logs, in COPILOT_HOME or ~/.copilot."""
        bases = homes(env, "COPILOT_HOME", home, ".copilot")
        return [os.path.join(base, "session-state") for base in bases]

    def recognise(self, path: str, head: bytes) -> bool:
        """Whether one of the first lines is an event of this agent."""
        return path.endswith(".jsonl") and any(
            _EVENT.search(raw) and _DATA.search(raw) for raw in first_lines(head)
        )

    def index(self, path: str, offset: int = 0) -> FileIndex:
        """Event ids, session ids, folders and times of a file from `offset` on."""
        return scan(path, offset, Known, _note)

    def read(self, files: tuple[str, ...], unit: Unit) -> Iterator[Session]:
        """The sessions of one unit; an event in two files counts once."""
        for path, _ in longest_first(files):
            for log in unit.logs(path, _begins):
                events = _Events(log, unit)
                events.read()
                yield from events.sessions()


def _begins(event: dict[str, Any]) -> str:
    """The session that an event begins."""
    told = inside(event, "data", "sessionId") if event.get("type") == "session.start" else ""
    return words(told)


class _Side:
    """The main thread of a log, or one sub-agent's; `agent` is its id."""

    def __init__(self, log: Linear, agent: str = "") -> None:
        self.log, self.agent = log, agent
        self.call, self.kind, self.model = agent, "", ""
        self.typed: set[str] = set()  # the person's calls: commands typed with !
        self.at: dict[str, int] = {}  # event -> number of nodes before it
        self.back: Node | None = None  # what the next node follows, if it begins a branch

    def rewind(self, event: str) -> None:
        """The event and all after it were taken back: what follows is a branch."""
        nodes, at = self.log.nodes, self.at.get(event)
        if at is None or at >= len(nodes):
            return
        self.log.open = None
        if at:
            nodes[at].up = self.back = nodes[at - 1]
        else:
            self.log.boundary()


class _Events:
    """Reads one log into its sides."""

    def __init__(self, log: Linear, unit: Unit) -> None:
        self.unit, self.main = unit, _Side(log)
        self.sides = {"": self.main}
        self.assets: dict[str, Image] = {}
        self.about: dict[str, str] = {}
        self.usages: dict[str, Usage] = {}  # request to the model -> its tokens
        self.named = False  # whether answers of this log name their model

    def read(self) -> None:
        """Read the events."""
        log = self.main.log
        for event in log.records():
            name = words(event.get("id"))
            if log.copied(name):
                continue
            data = mapping(event.get("data"))
            side = self._side(event, data)
            side.at[name] = len(side.log.nodes)
            side.log.place, side.log.session_id = log.place, log.session_id
            with side.log.taking() as made:
                self._take(side, event, data)
            if side.back is not None and made:
                made[0].up, side.back = side.back, None

    def _side(self, event: dict[str, Any], data: dict[str, Any]) -> _Side:
        """Newer versions name the agent, older ones the call that it works for; in some only the
        prompt of an agent names it."""
        agent = words(event.get("agentId")) or words(data.get("parentToolCallId"))
        if not agent and event.get("type") == "user.message":
            agent = agent_of(data)
        if agent not in self.sides:
            self.sides[agent] = _Side(self.unit.log(self.main.log.path), agent)
        return self.sides[agent]

    def _take(self, side: _Side, event: dict[str, Any], data: dict[str, Any]) -> None:
        log, kind = side.log, words(event.get("type"))
        at, name = event.get("timestamp"), words(event.get("id"))
        summary = words(data.get("summaryContent"))
        if kind == "user.message":
            self._prompt(side, data, at, name)
        elif kind == "assistant.message":
            _answer(log, data, at, name, side.model or self.main.model)
            self._about_answer(log, data)
        elif kind == "tool.execution_complete":
            self._result(side, data, at, name)
        elif kind == "tool.user_requested" and _command(data):
            side.typed.add(words(data.get("toolCallId")))
            log.node("context", [Text(f"! {_command(data)}")], at, name)
        elif kind == "system.notification" and words(data.get("content")).strip():
            log.node("context", [Text(words(data.get("content")))], at, name)
        elif kind == "session.compaction_complete" and summary.strip():
            log.node("summary", [Text(summary)], at, name)
        else:
            self._note(side, kind, data)
            known = "." in kind or kind == "abort"
            log.drop(safe_name(kind) if known else f"unknown_type:{safe_name(kind)}")

    def _about_answer(self, log: Linear, data: dict[str, Any]) -> None:
        """What a request took, and whether there was one: the program reads what its agents say by
        a call that it puts into the model's mouth."""
        request, named = words(data.get("apiCallId")), bool(words(data.get("model")))
        self.named = self.named or named
        if log.open is None or not placed(log.open.places, log.place):
            return  # without a result
        if request in self.usages:
            log.usage(self.usages.pop(request))
        if self.named and not named and not request:
            log.open.injected = True

    def _note(self, side: _Side, kind: str, data: dict[str, Any]) -> None:
        """Note the facts of an event without words."""
        if kind in ("session.start", "session.resume"):
            self._start(data)
        elif kind == "session.model_change":
            side.model = words(data.get("newModel"))
        elif kind == "session.usage_record" and isinstance(data.get("usage"), dict):
            told = data["usage"]
            counts = ("inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens")
            usage = usage_with_cache(*map(told.get, counts))
            self.usages[words(told.get("apiCallId"))] = usage
        elif kind == "subagent.started":
            started = side if side.agent else self.sides.get(words(data.get("toolCallId")))
            if started is not None:
                started.call = words(data.get("toolCallId")) or started.call
                started.kind = words(data.get("agentName"))[:80]
        elif kind == "session.binary_asset":
            image = picture(data.get("data"), data.get("mimeType"))
            if image is not None:
                self.assets[words(data.get("assetId"))] = image
        elif kind == "session.snapshot_rewind":
            side.rewind(words(data.get("upToEventId")))
        elif kind == "session.context_cleared":
            side.log.boundary()
        elif kind == "abort":
            side.log.interrupted()

    def _start(self, data: dict[str, Any]) -> None:
        log, about = self.main.log, self.about
        if not log.session_id:
            log.session_id = words(data.get("sessionId"))
            about["producer"] = words(data.get("producer"))
            about["cwd"] = words(inside(data, "context", "cwd"))
            about["branch"] = words(inside(data, "context", "branch"))

    def _prompt(self, side: _Side, data: dict[str, Any], at: object, name: str) -> None:
        parts = texts(data.get("content")) + self._images(data.get("attachments"))
        who = sender(data)
        by_agent = side.agent or who != "person"
        kind = "context" if who == "program" else "task" if by_agent else "prompt"
        side.log.say(kind, parts, at, name)

    def _result(self, side: _Side, data: dict[str, Any], at: object, name: str) -> None:
        status: ResultStatus = "ok"
        found = data.get("result")
        result = mapping(found)
        text = words(result.get("content")) or words(found)
        shell = data.get("shellExecution")
        if data.get("success") is False:
            error = data.get("error")
            status = "error"
            if isinstance(error, dict):
                text = text or words(error.get("message"))
                if words(error.get("code")) in ("denied", "rejected"):
                    status = "rejected"
        elif isinstance(shell, dict) and shell.get("exitCode") not in (0, None):
            status = "error"
        images = self._images(result.get("binaryResultsForLlm"))
        call = words(data.get("toolCallId"))
        if call not in side.typed:
            side.log.result(call, text, status, at, tuple(images))
        else:
            side.log.say("context", texts(text), at, name, "shell_mode")

    def _images(self, listed: Any) -> list[Image]:
        """Pictures in an event, or that it names."""
        found = []
        for item in objects(listed):
            named = self.assets.get(words(item.get("assetId")))
            found.append(named or picture(item.get("data"), item.get("mimeType")))
        return pictures(*found)

    def sessions(self) -> Iterator[Session]:
        """The sessions of the main thread, then those of its sub-agents."""
        path, about = self.main.log.path, self.about
        session_id = self.main.log.session_id or stem(path)
        if not self.main.log.session_id and os.path.basename(path) == "events.jsonl":
            session_id = os.path.basename(os.path.dirname(path))
        for side in self.sides.values():
            callers = (other.log.calls.get(side.call) for other in self.sides.values())
            node = next((node for node in callers if node is not None), None)
            frame = Frame(
                session_id=session_id,
                agent_id=side.agent or None,
                agent_type=side.kind,
                cwd=about.get("cwd", ""),
                branch=about.get("branch", ""),
                entrypoint=about.get("producer", ""),
            )
            caller = (side.call, node) if side.agent and node is not None else None
            yield from self.unit.sessions(side.log, frame, caller)


def _answer(log: Linear, data: dict[str, Any], at: object, name: str, model: str) -> None:
    thought = words(data.get("reasoningText")) or _thought(data.get("reasoningBlocks"))
    parts = thoughts(thought) + texts(data.get("content"))
    calls = [
        (words(r.get("toolCallId")) or f"{name}:{nth}", words(r.get("name")), r.get("arguments"))
        for nth, r in enumerate(objects(data.get("toolRequests")), len(parts))
    ]
    node = log.told_answer(parts, calls, at, words(data.get("model")) or model, name)
    if node is not None:
        log.usage(Usage(output=number(data.get("outputTokens"))))


def _command(data: dict[str, Any]) -> str:
    """The command of a call that a person made."""
    return words(inside(data, "arguments", "command"))


def _thought(told: Any) -> str:
    """The reasoning, which newer versions keep in the blocks of the model's vendor."""
    found = [words(block.get("thinking")) for block in objects(inside(told, "blocks"))]
    return "\n\n".join(filter(None, found))


SOURCE = CopilotSource()
