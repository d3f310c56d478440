"""The events of Kiro CLI as nodes: prompts, answers, results, going back, summaries."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any

from ..linking import Frame, Node
from ..model import Image, Part, ResultStatus, Session, Text
from .pictures import picture
from .shapes import (
    Call,
    as_json,
    elements,
    images_of,
    inside,
    mapping,
    moment,
    objects,
    pictures,
    safe_name,
    tagged,
    text_of,
    texts,
    thoughts,
    words,
)
from .twice import Twice
from .units import Unit

#: Marks around what a person said while calls ran: the program puts it after their results, with
#: words to the model on how to take it.
_STEERING = "[LIVE STEERING"
_SAID = re.compile(r"<user_message(?: id=\"[^\"]*\")?>(.*?)</user_message>", re.DOTALL)
#: Answers that the program writes if a person interrupts.
_BROKEN_OFF = (
    "Response was interrupted by the user",
    "Tool uses were interrupted, waiting for the next user prompt",
)
_DENIED = "User denied tool execution"
_CANCELLED = "Tool use was cancelled by the user"
_EXIT = re.compile(r"exit status: 0*[1-9]")


class Log:
    """One file. `ends`: the node behind each event and the number of nodes so far, for a person
    who went back."""

    def __init__(self, path: str, unit: Unit, about: dict[str, Any], name: str) -> None:
        self.log = unit.log(path, name)
        self.unit, self.name, self.about, self.told = unit, name, about, unit.owner
        self.copied: Node | None = None
        self.back: Node | None = None
        self.ends: list[tuple[Node | None, int]] = []
        self.at = ""
        turns = inside(about, "session_state", "conversation_metadata", "user_turn_metadatas")
        self.models = {
            words(name): words(turn.get("model"))
            for turn in objects(turns)
            for name in elements(turn.get("message_ids"))
        }
        model = inside(about, "session_state", "rts_model_state", "model_info", "model_id")
        self.model = words(model)
        self.parent = words(about.get("parent_session_id"))
        self.exported = about.get("exported_from_v1") is True

    def read(self) -> None:
        """Read the events."""
        log = self.log
        own: set[str] = set()  # names that this file told
        twice = Twice(log)
        for record in log.records():
            data = mapping(record.get("data"))
            name, count = words(data.get("message_id")), len(log.nodes)
            if name and name in self.told and name not in own:
                log.drop("resumed_copy", "link")
                self.copied = self.told[name]
                self.ends.append((self.copied, len(log.nodes)))
                continue
            if twice.drops(record, name):
                continue
            with log.taking() as made:
                self._take(words(record.get("kind")), data, name)
            if made and (self.back is not None or not count):
                made[0].up = self.back if self.back is not None else self.copied
                self.back = None
            self.ends.append((log.nodes[-1] if log.nodes else self.copied, len(log.nodes)))
            if name:
                self.told[name] = self.ends[-1][0]
                own.add(name)

    def _take(self, kind: str, data: dict[str, Any], name: str) -> None:
        log = self.log
        if kind == "Prompt":
            self.at = moment_of(inside(data, "meta", "timestamp")) or self.at
            agent = self.parent and self.copied is None
            log.say("task" if agent else "prompt", _parts(data.get("content")), self.at, name)
        elif kind == "AssistantMessage":
            self._answer(data, name)
        elif kind == "ToolResults":
            self._results(data, name)
        elif kind == "Compaction":
            log.boundary()
            log.say("summary", texts(data.get("summary")), self.at, name, "compaction")
        elif kind == "Clear":
            log.drop("clear")
            log.boundary()
        elif kind in ("ResetTo", "CancelledPrompt"):
            log.drop("rewind")
            self._went_back(kind, data)
        else:
            log.drop(f"unknown_type:{safe_name(kind)}")

    def _went_back(self, kind: str, data: dict[str, Any]) -> None:
        """Put what follows below an earlier event; what came after that is another thread."""
        nodes = self.log.nodes
        if kind == "ResetTo":
            index = data.get("target_index")
            known = type(index) is int and 0 <= index <= len(self.ends)
            base, first = self.ends[index - 1] if known and index else (None, 0)
        else:
            first = len(nodes) - 1
            if first < 0 or nodes[first].kind not in ("prompt", "task"):
                return
            base = nodes[first].up or (nodes[first - 1] if first > 0 else self.copied)
            nodes[first].flags.append("interrupted")
        self.log.open = None
        if base is None:
            self.log.boundary()
        elif first < len(nodes):
            nodes[first].up = nodes[first].up or base
            self.back = base

    # ------------------------------------------------------------ answers

    def _answer(self, data: dict[str, Any], name: str) -> None:
        log = self.log
        parts: list[Part] = []
        calls, reason, model = list[Call](), "empty", ""
        for block in objects(data.get("content")):
            kind, held = words(block.get("kind")), block.get("data")
            if kind == "text":
                parts += texts(held)
            elif kind == "thinking":
                thought, used = thoughts(inside(held, "text")), words(inside(held, "modelId"))
                parts += thought
                reason = reason if thought else "thinking_signature_only"
                model = model or (used if used != "auto" else "")
            elif kind == "toolUse" and isinstance(held, dict):
                call = words(held.get("toolUseId"))
                calls.append((call, words(held.get("name")), held.get("input")))
            else:
                reason = f"unknown_block:{safe_name(kind)}"
        if not calls and len(parts) == 1 and _said(parts[0]) in _BROKEN_OFF:
            log.interrupted()
            log.drop("interrupt_marker")
            return
        told = self.models.get(name, "")
        chosen = (told if told != "auto" else "") or model or self.model
        log.told_answer(parts, calls, self.at, chosen, name, reason)

    def _results(self, data: dict[str, Any], name: str) -> None:
        log = self.log
        counted, used = dict(log.counts), False
        prompts: list[Part] = []
        beside: list[Part] = []
        ends = data.get("results")
        for block in objects(data.get("content")):
            kind, held = words(block.get("kind")), block.get("data")
            if kind == "toolResult" and isinstance(held, dict):
                used = self._result(held, ends) or used
            elif kind == "text" and words(held).lstrip().startswith(_STEERING):
                prompts += _steered(words(held))
            elif self.exported:  # what a person typed instead of letting the calls run
                prompts += _parts([block])
            else:
                beside += _parts([block])
        if beside:
            log.node("context", beside, self.at, f"{name}^")
        if prompts:
            log.node("prompt", prompts, self.at, f"{name}+").flags.append("queued")
        log.once(counted, used or bool(prompts or beside), "empty")

    def _result(self, held: dict[str, Any], ends: Any) -> bool:
        """Take a result; returns whether a call waited for it."""
        call, parts = words(held.get("toolUseId")), _parts(held.get("content"))
        text = text_of(parts)
        status: ResultStatus = "ok" if held.get("status") in (None, "success") else "error"
        codes = [inside(block.get("data"), "exit_status") for block in objects(held.get("content"))]
        if any(_EXIT.match(words(code)) for code in codes):
            status = "error"
        if text.startswith(_DENIED):
            status = "rejected"
        elif text.startswith(_CANCELLED) or inside(ends, call, "result") == "Cancelled":
            status = "interrupted"
        return self.log.result(call, text, status, self.at, images_of(parts))

    # ------------------------------------------------------------ sessions

    def sessions(self) -> Iterator[Session]:
        """The linked sessions of the file."""
        agent = bool(self.parent) and self.copied is None
        caller = self.unit.started.get(self.parent) if agent else None
        if self.log.nodes:
            self.unit.started.setdefault(self.name, ("", self.log.nodes[0]))
        frame = Frame(
            session_id=self.name,
            agent_id=self.name if agent else None,
            cwd=words(self.about.get("cwd")),
            title=words(self.about.get("title"))[:200],
        )
        yield from self.unit.sessions(self.log, frame, caller)


def _steered(text: str) -> list[Part]:
    """What a person said, message by message."""
    said, _ = tagged(_SAID, "</user_message>", text)
    return [Text(one.strip()) for one in said if one.strip()]


def _said(part: Part) -> str:
    return part.text.strip() if isinstance(part, Text) else ""


def _parts(content: Any) -> list[Part]:
    """Texts, values and pictures of a content."""
    parts: list[Part] = []
    for block in objects(content):
        kind, held = words(block.get("kind")), block.get("data")
        if kind == "image":
            parts += pictures(_drawn(held))
        elif isinstance(held, str):
            parts += texts(held)
        elif held is not None and kind == "json":
            parts += texts(as_json(held))
    return parts


def _drawn(held: Any) -> Image | None:
    """A picture: a list of its bytes."""
    data = inside(held, "source", "data")
    if not isinstance(data, list) or not all(type(b) is int and 0 <= b < 256 for b in data):
        return None
    return picture(base64.b64encode(bytes(data)).decode(), f"image/{words(inside(held, 'format'))}")


def moment_of(seconds: Any) -> str:
    """A time in seconds as ISO-8601 UTC; "" for any other value."""
    known = isinstance(seconds, int | float) and 0 < seconds < 1 << 33
    return moment(int(seconds * 1000)) if known else ""
