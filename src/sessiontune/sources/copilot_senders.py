"""Who sent a user message of Copilot CLI: a person, the program, an agent or another session."""

from __future__ import annotations

import re
from typing import Any, Literal

from .shapes import words

Sender = Literal["person", "program", "agent", "session"]

#: First words of the names of messages that nobody typed (`skill-pdf`, `instruction-discovery`,
#: `thinking-exhausted-continuation`).
_PROGRAM = frozenset(
    ("skill", "jit", "system", "schedule", "autopilot", "instruction", "thinking", "snippy")
)
_AGENT = "agent-"
_NOTIFICATION = "<system_notification>"
_ENVELOPE = "<cross_session_message>"
#: How the model saw what another session sent; nothing else of the event tells it from what a
#: person typed.
_CROSS = re.compile(_ENVELOPE + r"\s*\n(from_\w+:.*?)(?:</cross_session_message>|\Z)", re.DOTALL)


def sender(data: dict[str, Any]) -> Sender:
    """Who sent the message of an event."""
    source, sent = words(data.get("source")), words(data.get("content")).strip()
    if source.partition("-")[0] in _PROGRAM or data.get("isAutopilotContinuation") is True:
        return "program"
    if sent.startswith(_NOTIFICATION):
        return "program"
    if source.startswith(_AGENT):
        return "agent"
    if sent.startswith(_ENVELOPE):
        return "session" if _CROSS.match(sent) else "person"
    seen = _CROSS.search(words(data.get("transformedContent")))
    return "session" if seen is not None and sent and sent in seen[1] else "person"


def agent_of(data: dict[str, Any]) -> str:
    """The id of the agent whose prompt a message is, or ""."""
    return words(data.get("source")).removeprefix(_AGENT) if sender(data) == "agent" else ""
