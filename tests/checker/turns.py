"""The output as plain turns: from rows of the raw format, or from records like sessions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .atoms import Atom

#: The text for a picture in a row.
_PICTURE = re.compile(r"\[(?:image|document): [^\]]*\]")


@dataclass
class Turn:
    """One message of the output. `origins` are (file, line, nth), empty if unknown."""

    thread: str
    epoch: int
    role: str
    texts: list[str] = field(default_factory=list)
    thinking: list[str] = field(default_factory=list)
    calls: list[tuple[str, str, Any]] = field(default_factory=list)
    results: list[tuple[str, str, str]] = field(default_factory=list)
    session_id: str = ""
    agent_id: str | None = None
    kind: str = ""
    branch: bool = False
    origins: set[tuple[str, int, int]] = field(default_factory=set)
    atoms: list[Atom] = field(default_factory=list)

    def name(self) -> str:
        return f"thread {self.thread} epoch {self.epoch} {self.role}"

    def start(self) -> dict[str, tuple[int, int, int]]:
        """file -> the first place of the turn."""
        first: dict[str, tuple[int, int, int]] = {}
        for atom in self.atoms:
            for file, at in atom.at.items():
                if file not in first or at < first[file]:
                    first[file] = at
        return first


def turns_of_session(session: Any) -> list[Turn]:
    """Turns of one record that has the attributes of a session."""
    out = []
    for m in session.messages:
        if m.kind == "notice":
            continue
        turn = Turn(session.thread, session.epoch, m.role, session_id=session.session_id)
        turn.agent_id, turn.kind = session.agent_id, m.kind
        turn.branch = session.forked_from is not None
        turn.origins = {(session.files[o.file], o.line, o.nth) for o in m.origin}
        for part in m.parts:
            shape = type(part).__name__
            if shape == "Text":
                turn.texts.append(part.text)
            elif shape == "Thinking":
                turn.thinking.append(part.text)
            elif shape == "ToolCall":
                turn.calls.append((part.id, part.name, part.arguments))
            elif shape == "ToolResult":
                turn.results.append((part.call_id, part.content, part.status))
        out.append(turn)
    return out


def turns_of_rows(rows: Iterable[dict[str, Any]]) -> list[Turn]:
    """Turns of the rows of a raw file: one message, or one tool result, a row."""
    out = []
    for row in rows:
        turn = Turn(str(row["thread"]), row["epoch"], row["role"], session_id=row["session_id"])
        turn.agent_id, turn.kind = row["agent_id"], str(row.get("kind") or "")
        turn.branch = row["forked_from"] is not None
        content = _PICTURE.sub("", row["content"]) if row.get("images") else row["content"]
        if row["role"] == "tool":
            turn.results.append((row["tool_call_id"], content, str(row.get("status") or "")))
        else:
            turn.texts.append(content)
            if row.get("reasoning_content"):
                turn.thinking.append(row["reasoning_content"])
            for call in row.get("tool_calls") or ():
                function = call["function"]
                turn.calls.append((call["id"], function["name"], json.loads(function["arguments"])))
        out.append(turn)
    return out
