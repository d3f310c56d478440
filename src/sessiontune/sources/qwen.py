"""Qwen Code: `~/.qwen/projects/<project>/chats/<id>.jsonl`, a tree of records.

Each record holds one content as it went to the model or came from it (`role` and `parts`, as in
Gemini CLI). A fork begins with copies of its parent's records, which keep their ids. Sub-agents
have an `agentId`. What the model did not see (titles, telemetry, snapshots) is in records of the
type `system`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ..linking import Frame
from ..model import Part, ResultStatus, Session, Text
from ..ports import FileIndex
from .claude.text import classify
from .folders import homes
from .gemini.messages import RAN, apart, late_results, parts_of
from .indexing import Seen, scan
from .linear import Linear
from .lines import first_lines, size_of, stem
from .shapes import (
    inside,
    mapping,
    objects,
    read_typed,
    safe_name,
    text_of,
    usage_with_cache,
    words,
)
from .units import Unit, UnitSource

_RECORD = re.compile(rb'"message"\s*:\s*\{\s*"role"\s*:\s*"(?:user|model)"\s*,\s*"parts"\s*:')
_TREE = re.compile(rb'"parentUuid"\s*:')
_NOTICE = re.compile(r"<task-notification>.*?</task-notification>", re.DOTALL)
_CLOSED = "</task-notification>"
_STATUS: dict[str, ResultStatus] = {"error": "error", "cancelled": "rejected"}

#: What the program puts before words that were typed while the model worked.
_MEANWHILE = re.compile(
    r"\n?\[User message received (?:during tool execution|while you were responding"
    r"(?:; your response was interrupted)?)\]: "
)
#: User records of these kinds were typed; those of other kinds were written by the program.
_TYPED = ("", "mid_turn_user_message", "at_command", "user_text_elements")
#: The talk with a voice model: the program keeps it out of what this model sees.
_VOICE = "realtime_message"


class Origin(msgspec.Struct, gc=False):
    """`forkedFrom`: the session that a record was copied from."""

    sessionId: str | None = None


class Meta(msgspec.Struct, gc=False):
    """`<agent>.meta.json` beside the log of a sub-agent."""

    agentType: str | None = None
    toolUseId: str | None = None
    createdAt: str | None = None
    model: str | None = None


class Known(msgspec.Struct, gc=False):
    """What the index takes from a record."""

    uuid: str | None = None
    parentUuid: str | None = None
    sessionId: str | None = None
    timestamp: str | None = None
    cwd: str | None = None
    forkedFrom: Origin | None = None


def _note(line: Known, seen: Seen) -> None:
    seen.ids.update((line.uuid, line.parentUuid))
    seen.sessions.add(line.sessionId)
    seen.sessions.add(line.forkedFrom.sessionId if line.forkedFrom else None)
    seen.names.add(line.cwd)
    seen.time(line.timestamp)


class QwenSource(UnitSource):
    """Qwen Code chats."""

    name = "qwen"

    def roots(self, env: Mapping[str, str], home: str) -> list[str]:
        """The folders of its logs: `projects` of QWEN_HOME and ~/.qwen."""
        return [os.path.join(base, "projects") for base in homes(env, "QWEN_HOME", home, ".qwen")]

    def recognise(self, path: str, head: bytes) -> bool:
        """Whether one of the first lines is a record of this agent."""
        return path.endswith(".jsonl") and any(
            _RECORD.search(raw) and _TREE.search(raw) for raw in first_lines(head)
        )

    def index(self, path: str, offset: int = 0) -> FileIndex:
        """Record and session ids, folders and times of a file from `offset` on."""
        return scan(path, offset, Known, _note)

    def read(self, files: tuple[str, ...], unit: Unit) -> Iterator[Session]:
        """The sessions of one unit; a record in two files counts once."""
        about = {path: _meta(path) for path in files}
        for nth, path in enumerate(sorted(files, key=lambda p: _rank(p, about[p]))):
            for main in unit.logs(path, _begins):
                chat = _Chat(main, unit, f"~{nth}" if nth else "", about[path])
                chat.read()
                yield from chat.sessions()
                for log in chat.sides.values():
                    unit.calls |= log.calls


SOURCE = QwenSource()


def _rank(path: str, about: Meta) -> tuple[str, int, str]:
    """Chats first, the longest of copies before the others; then sub-agents by when they began."""
    return about.createdAt or "", -size_of(path), path


def _meta(path: str) -> Meta:
    """What the program wrote beside a sub-agent's log; empty for a chat."""
    return read_typed(os.path.splitext(path)[0] + ".meta.json", Meta)


def _begins(record: dict[str, Any]) -> str:
    """The session that a record without one above it begins."""
    return "" if record.get("parentUuid") else words(record.get("sessionId"))


class _Chat:
    """Reads one file. `again` distinguishes its records without ids."""

    def __init__(self, main: Linear, unit: Unit, again: str, meta: Meta) -> None:
        self.main, self.unit, self.again, self.meta = main, unit, again, meta
        self.sides = {"": self.main}
        self.about: dict[str, str] = {}

    def read(self) -> None:
        """Read the records."""
        main, owner = self.main, self.unit.owner
        for record in main.records():
            name, above = words(record.get("uuid")), words(record.get("parentUuid"))
            for field in ("sessionId", "cwd", "gitBranch"):
                self.about[field] = self.about.get(field) or words(record.get(field))
            if name and name in owner:
                main.drop("resumed_copy", "link")
                continue
            log = self._side(words(record.get("agentId")))
            log.place, log.session_id = main.place, self._id() + self.again
            last = log.nodes[-1] if log.nodes else None
            with log.taking() as made:
                self._take(log, record, name)
            up = owner.get(above)
            if made and up is not None and up is not last:
                made[0].up = up  # a branch, or the own part of a fork
            if name:
                owner[name] = made[-1] if made else up

    def _id(self) -> str:
        return self.about.get("sessionId") or stem(self.main.path)

    def _side(self, agent: str) -> Linear:
        if agent not in self.sides:
            self.sides[agent] = self.unit.log(self.main.path)
        return self.sides[agent]

    def _take(self, log: Linear, record: dict[str, Any], name: str) -> None:
        kind, at = words(record.get("type")), record.get("timestamp")
        parts, subtype = inside(record, "message", "parts"), words(record.get("subtype"))
        payload = mapping(record.get("systemPayload"))
        if subtype == _VOICE:
            log.drop(_VOICE)
        elif kind == "user":
            self._user(log, record, parts_of(parts), subtype, name)
        elif kind == "assistant":
            _answer(log, record, parts, at, name, self.meta.model or "")
        elif kind == "tool_result":
            status = _STATUS.get(words(inside(record, "toolCallResult", "status")), "ok")
            late_results(log, objects(parts), at, status, "result_without_call")
        elif kind == "system" and subtype == "chat_compression":
            log.boundary()
            history = payload.get("compressedHistory")
            first = history[0] if isinstance(history, list) and history else None
            summary = parts_of(inside(first, "parts"))
            log.say("summary", summary, at, name, "system:chat_compression")
        elif kind == "system":
            self.about["title"] = words(payload.get("customTitle")) or self.about.get("title", "")
            log.drop(f"system:{safe_name(subtype)}")
        else:
            log.drop(f"unknown_type:{safe_name(kind)}")

    def _user(
        self, log: Linear, record: dict[str, Any], parts: list[Part], subtype: str, name: str
    ) -> None:
        typed = subtype in _TYPED and words(record.get("provenance")) in ("", "real_user")
        ran = bool(parts) and isinstance(parts[0], Text) and parts[0].text.startswith(RAN)
        at = record.get("timestamp")
        if subtype == "mid_turn_user_message":
            parts = _own_words(parts)
        if subtype == "notification":
            whole = text_of(parts)
            closed = whole[: whole.rfind(_CLOSED) + len(_CLOSED)] if _CLOSED in whole else ""
            said = [classify(note) for note in _NOTICE.findall(closed) or [whole]]
            parts = [Text(text) for one in said for text in one.texts]
        if not parts:
            log.drop("task_notification" if subtype == "notification" else "empty")
        elif subtype == "agent_launch_prompt" or (typed and log is not self.main):
            log.node("task", parts, at, name)
        elif not typed or ran:
            log.node("context", parts, at, name)
        else:
            own, shown = apart(parts)
            if own:
                log.node("prompt", own, at, name)
            if shown:
                log.node("context", shown, at, f"{name}+" if own else name)

    def sessions(self) -> Iterator[Session]:
        """The sessions of the main thread, then those of its sub-agents."""
        call = self.meta.toolUseId or ""
        for agent, log in self.sides.items():
            frame = Frame(
                session_id=self._id(),
                agent_id=agent or None,
                agent_type=(self.meta.agentType or "")[:80] if agent else "",
                parent_call=(call or None) if agent else None,
                cwd=self.about.get("cwd", ""),
                branch=self.about.get("gitBranch", ""),
                title=self.about.get("title", ""),
            )
            yield from self.unit.sessions(log, frame, self.unit.calling(call) if agent else None)


def _own_words(parts: list[Part]) -> list[Part]:
    """A message typed meanwhile, without what the program put before it."""
    first = parts[0] if parts else None
    before = _MEANWHILE.match(first.text) if isinstance(first, Text) else None
    if before is None or not isinstance(first, Text):
        return parts
    said = first.text[before.end() :]
    return [Text(said), *parts[1:]] if said.strip() else parts[1:]


def _answer(
    log: Linear, record: dict[str, Any], parts: Any, at: object, name: str, model: str
) -> None:
    said = parts_of(parts)
    told = objects([block.get("functionCall") for block in objects(parts)])
    calls = [(words(c.get("id")), words(c.get("name")), c.get("args")) for c in told]
    node = log.told_answer(said, calls, at, words(record.get("model")) or model, name)
    usage = record.get("usageMetadata")
    if node is not None and isinstance(usage, dict):
        counts = ("promptTokenCount", "candidatesTokenCount", "cachedContentTokenCount")
        log.usage(usage_with_cache(*map(usage.get, counts)))
