"""OpenHands (its SDK, command line and agent server): a folder for each conversation.

`<id>/base_state.json` holds the model and the folder, `<id>/events/event-00007-<uuid>.json` one
event each. The state represents the whole conversation: it is rewritten with every event. A record
is an event, its line the number of the event, counted from 1. Conversations of sub-agents are in
`<id>/subagents/`. Versions before 1 had other events (`openhands_older`, `openhands_files`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ..linking import Frame
from ..model import Session, Text, ToolCall
from ..ports import FileIndex
from . import openhands_files as older
from .indexing import digests, unread
from .lines import head_of
from .openhands_events import Conversation
from .openhands_older import Older
from .shapes import inside, value_of, words
from .units import Unit, UnitSource

_STATE = "base_state.json"
_EVENT = re.compile(r"event-(\d{5,})-([0-9a-fA-F-]{8,})\.json")
#: What may represent all events of a conversation.
_FIRST = re.compile(r"base_state\.json|event-0{5,}-[0-9a-fA-F-]{8,}\.json|0\.json")
_SUBAGENTS = re.compile(r".*[/\\]([^/\\]+)[/\\]subagents[/\\][^/\\]+", re.DOTALL)


class OpenHandsSource(UnitSource):
    """Conversations of OpenHands."""

    name = "openhands"
    suffixes = (".json",)

    def roots(self, env: Mapping[str, str], home: str) -> list[str]:
        """The folders of the terminal program's conversations, and of those before version 1."""
        given = env.get("OPENHANDS_CONVERSATIONS_DIR")
        base = env.get("OPENHANDS_PERSISTENCE_DIR") or os.path.join(home, ".openhands")
        before = (
            os.path.join(home, name, "sessions") for name in (".openhands", ".openhands-state")
        )
        return [given or os.path.join(base, "conversations"), *before]

    def recognise(self, path: str, head: bytes) -> bool:
        """Whether the file represents a conversation: its state, or without one its first event."""
        if os.path.basename(path) == _STATE:
            return bool(_events(path))
        event = _EVENT.fullmatch(os.path.basename(path))
        if event is None:
            return older.recognise(path, head)
        if int(event[1]) or _has_state(path):
            return False
        return b'"source"' in head and _events(path)[:1] == [path]

    def index(self, path: str, offset: int = 0) -> FileIndex:
        """The conversation, the one that it works for, and the ids of its events."""
        if _older(path):
            return older.index(path)
        folder = _folder(path)
        parent = _SUBAGENTS.fullmatch(folder)
        links = {f"session:{name}" for name in (_id(folder), parent[1] if parent else "") if name}
        names = {match[2] for event in _events(path) if (match := _EVENT.search(event))}
        cwd = words(inside(_state(path), "workspace", "working_dir"))
        return msgspec.structs.replace(
            unread(path, ""),
            ids=digests({*names}),
            links=tuple(sorted(links)),
            names=(cwd,) if cwd else (),
        )

    def journal(self, path: str) -> tuple[int, int]:
        """The number of events that a file represents, and the time of the last one. Asked of every
        event: only the first is answered, as each answer lists the folder."""
        if _FIRST.fullmatch(os.path.basename(path)) is None:
            return 0, 0
        found = older.numbered(path) if _older(path) else _events(path)
        try:
            return len(found), os.stat(os.path.dirname(found[0])).st_mtime_ns if found else 0
        except OSError:
            return 0, 0

    def read(self, files: tuple[str, ...], unit: Unit) -> Iterator[Session]:
        """The sessions of each conversation, sub-agents after their callers."""
        for path in sorted(files, key=lambda path: (_folder(path).count("subagents"), path)):
            if not _older(path):
                yield from _read(path, unit)
        for path in sorted(filter(_older, files), key=lambda p: (not older.numbered(p), p)):
            conversation = Older(path, unit)
            conversation.read()
            yield from conversation.sessions()


SOURCE = OpenHandsSource()


def _older(path: str) -> bool:
    """Whether a file holds events of a version before 1."""
    name = os.path.basename(path)
    return name != _STATE and _EVENT.fullmatch(name) is None


def _folder(path: str) -> str:
    """The folder of the conversation that a file represents."""
    folder = os.path.dirname(path)
    return folder if os.path.basename(path) == _STATE else os.path.dirname(folder)


def _id(folder: str) -> str:
    return os.path.basename(folder)


def _has_state(path: str) -> bool:
    return os.path.isfile(os.path.join(_folder(path), _STATE))


def _events(path: str) -> list[str]:
    """The files of the events, in their order."""
    folder = os.path.join(_folder(path), "events")
    try:
        found = [(int(m[1]), name) for name in os.listdir(folder) if (m := _EVENT.fullmatch(name))]
    except OSError:
        return []
    return [os.path.join(folder, name) for _, name in sorted(found)]


def _state(path: str) -> dict[str, Any]:
    """The model and the folder in the program's notes on the conversation."""
    return value_of(head_of(os.path.join(_folder(path), _STATE), 1 << 24)) or {}


def _read(path: str, unit: Unit) -> Iterator[Session]:
    folder, state = _folder(path), _state(path)
    parent = _SUBAGENTS.fullmatch(folder)
    name = _id(folder)
    log = unit.log(path, name)
    model = words(inside(state, "agent", "llm", "model"))
    told = Conversation(log, model, unit.owner, agent=parent is not None)
    for number, event in enumerate(_events(path), 1):
        told.event(event, number)
    asked = (part for node in log.nodes if node.kind == "task" for part in node.parts)
    task = next((part.text for part in asked if isinstance(part, Text)), "")
    caller = unit.started.get((parent[1], task)) if parent else None
    for node in log.nodes:
        for part in node.parts:
            if isinstance(part, ToolCall) and (given := words(part.arguments.get("prompt"))):
                unit.started[name, given] = (part.id, node)
    frame = Frame(
        session_id=name,
        agent_id=name if parent else None,
        cwd=words(inside(state, "workspace", "working_dir")) or told.cwd,
        title=words(inside(state, "tags", "title"))[:200],
    )
    yield from unit.sessions(log, frame, caller)
