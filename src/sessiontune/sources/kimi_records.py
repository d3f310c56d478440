"""The records of Kimi Code as nodes: a message, a step of an answer, or nothing."""

from __future__ import annotations

import html
import re
from typing import Any

from ..linking import Node
from ..model import Part, Text
from .linear import Linear
from .pictures import picture_of_url
from .shapes import (
    images_of,
    inside,
    joined,
    mapping,
    number,
    objects,
    pictures,
    safe_name,
    texts,
    thoughts,
    usage_of,
    words,
)
from .toolbox import tool_defs
from .units import Unit

#: Records that the model does not see, by the first part of their type.
_BOOKS = {
    *("metadata", "forked", "runtime", "profile", "permission", "turn", "prompt", "subagent"),
    *("usage", "token_counting", "agent", "plugin", "llm", "goal", "plan", "plan_mode", "tools"),
    *("swarm_mode", "todo", "full_compaction", "micro_compaction", "compaction", "mcp", "cron"),
    *("session", "config", "task", "hook", "skill", "media", "step"),
}
#: Origins of message parts that nobody typed.
_BESIDE = ("user prompt submit hook", "skill activation")
_SHELL = re.compile(r"</?bash-(?:input|stdout|stderr)>")


class Agent:
    """Reads the records of one agent."""

    def __init__(self, log: Linear, session: str, agent: str, unit: Unit) -> None:
        self.log, self.session, self.agent, self.unit = log, session, agent, unit
        self.model = self.profile = ""
        self.anchors: list[int] = []  # where the nodes of each prompt begin
        self.back: Node | None = None

    def take(self, record: dict[str, Any]) -> None:
        """Take one record. Raises LineFault for arguments nested too deep."""
        log, kind = self.log, words(record.get("type"))
        before = len(log.nodes)
        if kind == "context.append_message":
            self._message(record.get("message"), record.get("time"))
        elif kind == "context.append_loop_event":
            self._event(record.get("event"), record.get("time"))
        elif kind == "context.apply_compaction":
            told = record.get("contextSummary") or record.get("summary")
            text = _text(told.get("content")) if isinstance(told, dict) else told
            log.say("summary", texts(text), record.get("time"))
        elif kind == "context.clear":
            log.boundary()
            log.drop("local_command")
        elif kind == "context.undo":
            self._undo(number(record.get("count")))
        else:
            self._book(record, kind)
        if len(log.nodes) > before and self.back is not None:
            log.nodes[before].up, self.back = self.back, None

    def _undo(self, count: int) -> None:
        self.log.drop("rewind")
        if 0 < count <= len(self.anchors):
            at = self.anchors[-count]
            self.anchors = self.anchors[:-count]
            self.log.open = None
            if at:
                nodes = self.log.nodes
                nodes[at].up = self.back = nodes[at - 1]
            else:  # from the beginning again
                self.log.boundary()

    def _book(self, record: dict[str, Any], kind: str) -> None:
        """Note what a bookkeeping record says of the model, its tools and its sub-agents."""
        self.profile = words(record.get("profileName")) or self.profile
        if kind == "llm.request":
            self.model = words(record.get("model")) or self.model
        if kind == "llm.tools_snapshot":
            self.log.tools |= tool_defs(record.get("tools"))
        if kind == "subagent.spawned":
            call = words(record.get("parentToolCallId"))
            if call in self.log.calls:
                told = (call, self.log.calls[call])
                self.unit.started[self.session, words(record.get("subagentId"))] = told
        if kind == "turn.ended" and record.get("reason") in ("cancelled", "aborted"):
            self.log.interrupted()
        known = kind.partition(".")[0] in _BOOKS or kind.startswith("context.")
        self.log.drop("event:kimi" if known else f"unknown_type:{safe_name(kind)}")

    def _message(self, message: Any, at: Any) -> None:
        log = self.log
        held = mapping(message)
        origin = mapping(held.get("origin"))
        kind, role = words(origin.get("kind")), words(held.get("role"))
        if role == "user" and kind in ("user", ""):
            self._asked(held.get("content"), origin, at)
            return
        parts = self._parts(held.get("content"))
        if role == "assistant":
            log.open = None
            if parts:
                log.answer(at, self.model).parts += parts
            else:
                log.drop("empty")
        elif role == "tool":
            log.result(words(held.get("toolCallId")), _text(held.get("content")), "ok", at)
        elif role != "user":
            log.drop("system" if role == "system" else f"unknown_role:{safe_name(role)}")
        elif kind == "injection":
            log.drop("todo_reminder")
        elif not parts:
            log.drop("empty")
        elif kind == "system_trigger" and origin.get("name") == "subagent":
            log.node("task", parts, at)
        elif kind in ("skill_activation", "plugin_command"):
            self._command(origin, parts, at)
        elif kind == "shell_command":
            text = html.unescape(_SHELL.sub("", _text(held.get("content")))).strip("\n")
            typed = f"! {text}" if origin.get("phase") == "input" else text
            log.node("context", [Text(typed)], at) if text.strip() else log.drop("empty")
        else:
            log.node("context", parts, at)

    def _asked(self, content: Any, origin: dict[str, Any], at: Any) -> None:
        """Take a message that a person typed, and what skills and hooks added."""
        put = _beside(content, len(objects(origin.get("skillActivations"))))
        typed = [b for b in objects(content) if not any(b is one for one in put)]
        own, beside = self._parts(typed if put else content), self._parts(put)
        if not own and not beside:
            self.log.drop("empty")
            return
        self.anchors.append(len(self.log.nodes))
        self.log.asked(own, beside, at, agent=self.agent != "main")

    def _command(self, origin: dict[str, Any], parts: list[Part], at: Any) -> None:
        """Take a command that a person typed: its expansion is context."""
        plugin, command = words(origin.get("pluginId")), words(origin.get("commandName"))
        name = words(origin.get("skillName")) or (f"{plugin}:{command}" if plugin else command)
        given = [words(origin.get(field)) for field in ("skillArgs", "commandArgs", "args")]
        typed = f"/{name} {next(filter(None, given), '')}".strip()
        asked = origin.get("trigger") == "user-slash" and name
        if asked:
            self.anchors.append(len(self.log.nodes))
        self.log.node("context", parts, at, f"{self.log.place[0]}^" if asked else "")
        if asked:
            self.log.node("prompt", [Text(typed)], at)

    def _event(self, event: Any, at: Any) -> None:
        log, held = self.log, mapping(event)
        kind, call = words(held.get("type")), words(held.get("toolCallId"))
        if kind == "step.begin":
            log.open = None
            log.drop("event:kimi")
        elif kind == "content.part":
            parts = self._parts([held.get("part")])
            if parts:
                log.answer(at, self.model).parts += parts
            else:
                log.drop("empty")
        elif kind == "tool.call" and call:
            log.call(log.answer(at, self.model), call, words(held.get("name")), held.get("args"))
        elif kind == "tool.result":
            told = mapping(held.get("result"))
            text, images = _text(told.get("output")), images_of(self._parts(told.get("output")))
            log.result(call, text, "error" if told.get("isError") is True else "ok", at, images)
        elif kind == "step.end":
            used = held.get("usage")
            if isinstance(used, dict) and log.last is not None:
                names = ("inputOther", "output", "inputCacheRead", "inputCacheCreation")
                log.usage(usage_of(used, *names))
            log.drop("event:kimi")
        else:
            log.drop(f"unknown_type:{safe_name(kind)}")

    def _parts(self, content: Any) -> list[Part]:
        parts = texts(content)
        for block in objects(content):
            image = picture_of_url(inside(block, "imageUrl", "url"))
            told = texts(block.get("text")) or thoughts(block.get("think")) or pictures(image)
            parts += told
            if not told and block.get("type") not in ("text", "think"):
                self.log.unknown_part()
        return parts


def _beside(content: Any, skills: int) -> list[dict[str, Any]]:
    """Parts of a message that nobody typed: they say so; in older logs so many texts at its
    beginning are those of skills."""
    blocks = [block for block in objects(content) if words(block.get("text")).strip()]
    sources = [words(inside(block, "meta", "source")) for block in blocks]
    marked = [block for block, source in zip(blocks, sources, strict=True) if source in _BESIDE]
    if not skills or "skill activation" in sources:
        return marked
    bare = [block for block, source in zip(blocks, sources, strict=True) if not source]
    return bare[:skills] + marked


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return joined(*(words(block.get("text")) for block in objects(content)))
