"""One message of Goose as nodes.

A compaction keeps the messages before it, marked as no longer seen by the model, and continues
after a summary that only the model sees.
"""

from __future__ import annotations

from typing import Any

from ...model import Part, ResultStatus, Thinking
from ..linear import Linear
from ..pictures import picture
from ..shapes import (
    Call,
    images_of,
    inside,
    mapping,
    objects,
    pictures,
    safe_name,
    text_of,
    texts,
    words,
)
from .store import Message

#: What the program asks or tells the person; the model sees nothing of it.
_SILENT = (
    "toolConfirmationRequest",
    "actionRequired",
    "systemNotification",
    "conversationCompacted",
    "contextLengthExceeded",
    "summarizationRequested",
)
_REFUSED = "The user has declined to run this tool"


class Reader:
    """Goes through the messages of a session. `past`: some of them the model no longer sees."""

    def __init__(self, log: Linear, model: str, agent: bool) -> None:
        self.log, self.model, self.agent = log, model, agent
        self.past = self.compacted = False
        self.asked: list[Part] = []  # the last prompt

    def take(self, message: Message) -> None:
        log, at = self.log, message.created * 1000
        if message.content is None:
            log.drop("no_message")
        elif not message.seen and not message.shown:
            log.drop("resumed_copy", "link")  # a prompt that is repeated after the summary
        elif message.role == "assistant" and not message.shown:
            log.drop("synthetic")  # how to continue from the summary
        elif message.role == "assistant":
            self._answer(message, at)
        elif message.role == "user":
            self._user(message, at)
        else:
            log.drop(f"unknown_role:{safe_name(message.role)}")
        self.past = self.past or not message.seen

    def _answer(self, message: Message, at: int) -> None:
        parts: list[Part] = []
        calls, reason = list[Call](), "empty"
        for block in message.content or ():
            kind, text = block.get("type"), words(block.get("text"))
            thought = words(block.get("thinking")) or (text if kind == "reasoning" else "")
            if kind in ("toolRequest", "frontendToolRequest"):
                call = inside(block, "toolCall", "value")
                if isinstance(call, dict):
                    name = words(call.get("name"))
                    calls.append((words(block.get("id")), name, call.get("arguments")))
                else:
                    reason = "invalid_call"  # what the model asked for was no call
            elif kind in ("thinking", "reasoning") and thought.strip():
                parts.append(Thinking(thought))
            elif kind in ("thinking", "redactedThinking"):
                reason = "thinking_signature_only"
            elif kind in ("text", "image"):
                parts += _shown(block)
            elif kind not in _SILENT:
                reason = f"unknown_block:{safe_name(words(kind))}"
        if not parts and not calls:
            self.log.drop(reason)
            return
        if reason.startswith("unknown_block"):
            self.log.unknown_part()
        node = self.log.answer(at, self.model)  # pieces of one answer are separate messages
        node.parts += parts
        for told in calls:
            self.log.call(node, *told)

    def _user(self, message: Message, at: int) -> None:
        log = self.log
        parts: list[Part] = []
        counts, used, reason = dict(log.counts), False, "empty"
        for block in message.content or ():
            kind = words(block.get("type"))
            if kind == "toolResponse":
                used = self._result(block, at) or used
            elif kind in ("text", "image"):
                parts += _shown(block)
            elif kind not in _SILENT:
                reason = f"unknown_block:{safe_name(kind)}"
        log.once(counts, used or bool(parts), reason)
        if parts:
            self._words(parts, message, at)

    def _words(self, parts: list[Part], message: Message, at: int) -> None:
        kind = "task" if self.agent else "prompt"
        if not message.shown:
            kind = "summary" if self.past and message.seen else "context"
        elif self.compacted and parts == self.asked:
            kind = "context"  # the prompt repeated after the summary
        self.log.node(kind, parts, at)
        self.compacted = kind == "summary"
        self.past = self.past and not self.compacted
        if kind in ("prompt", "task"):
            self.asked = parts

    def _result(self, block: dict[str, Any], at: int) -> bool:
        """Take a result; returns whether a call waited for it."""
        told = mapping(block.get("toolResult"))
        value = told.get("value")
        failed = told.get("status") == "error"
        if isinstance(value, dict):
            failed = failed or value.get("isError") is True
            value = value.get("content")
        parts = [part for piece in objects(value) for part in _shown(piece)]
        text = text_of(parts) or words(told.get("error"))
        status: ResultStatus = "error" if failed else "ok"
        if text.startswith(_REFUSED):
            status = "rejected"
        return self.log.result(words(block.get("id")), text, status, at, images_of(parts))


def _shown(block: dict[str, Any]) -> list[Part]:
    """The words or the picture of a block; nothing if it is only for the person."""
    audience = inside(block, "annotations", "audience")
    if isinstance(audience, list) and "assistant" not in audience:
        return []
    resource = block.get("resource")
    said = texts((resource if isinstance(resource, dict) else block).get("text"))
    return said or [*pictures(picture(block.get("data"), block.get("mimeType")))]
