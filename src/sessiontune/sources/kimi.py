"""Kimi Code: `~/.kimi-code/sessions/<folder>/<session>/agents/<agent>/wire.jsonl`.

Records of what was put into an agent's context, message by message and step by step, among much
bookkeeping. Sub-agents are beside the main agent, whose record names the call that started them. A
forked session begins with copies of the other's records. What `/undo` takes back is a branch.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ..linking import Frame, Node
from ..model import Session
from ..ports import FileIndex
from .indexing import Seen, scan
from .kimi_records import Agent
from .lines import any_begins, size_of
from .shapes import digest_of, mapping, moment, number, read_json, words
from .twice import Twice
from .units import Unit, UnitSource

#: The first record, or others that no other agent writes: the first one may be damaged.
_RECORD = re.compile(
    rb'\{\s*"type"\s*:\s*"(?:metadata"\s*,\s*"protocol_version"\s*:'
    rb'|context\.append_(?:message|loop_event)"|llm\.tools_snapshot"|profile\.bind")'
)


class Message(msgspec.Struct, gc=False):
    """Fields that identify a message or an event of the loop."""

    id: str | None = None
    uuid: str | None = None


class Known(msgspec.Struct, gc=False):
    """What the index takes from a record."""

    time: int | None = None
    message: Message | None = None
    event: Message | None = None


def _note(record: Known, seen: Seen) -> None:
    for told in (record.message, record.event):
        if told is not None:
            seen.ids.update((told.id, told.uuid))
    seen.time(moment(record.time))


class KimiSource(UnitSource):
    """Sessions of Kimi Code."""

    name = "kimi"

    def roots(self, env: Mapping[str, str], home: str) -> list[str]:
        """The folder of its sessions, in KIMI_CODE_HOME or ~/.kimi-code."""
        base = env.get("KIMI_CODE_HOME") or os.path.join(home, ".kimi-code")
        return [os.path.join(base, "sessions")]

    def recognise(self, path: str, head: bytes) -> bool:
        """Whether one of the first lines is a record of an agent."""
        return path.endswith(".jsonl") and any_begins(_RECORD, head)

    def index(self, path: str, offset: int = 0) -> FileIndex:
        """Ids of records, folder and times of a file from `offset` on."""
        link, cwd = f"session:{_place(path)[0]}", words(_state(path).get("cwd"))
        return scan(path, offset, Known, _note, (link,), names=(cwd,))

    def read(self, files: tuple[str, ...], unit: Unit) -> Iterator[Session]:
        """The sessions of one unit: what forks copied counts once, main agents come first."""
        for path in sorted(files, key=_order):
            yield from _read(path, unit)


SOURCE = KimiSource()


def _place(path: str) -> tuple[str, str]:
    """The names of the session and of the agent, from the folders."""
    parts = os.path.abspath(path).split(os.sep)
    if len(parts) > 4 and parts[-3] == "agents":
        return parts[-4], parts[-2]
    return os.path.splitext(parts[-1])[0], "main"


def _state(path: str) -> dict[str, Any]:
    """The program's notes on a session, beside its agents."""
    above = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(path))))
    return mapping(read_json(os.path.join(above, "state.json")))


def _order(path: str) -> tuple[bool, int, str]:
    """Main agents first; a fork after its original, which is older."""
    created = number(_state(path).get("createdAt"))
    agent = _place(path)[1]
    return agent != "main", created or -size_of(path), path


def _read(path: str, unit: Unit) -> Iterator[Session]:
    session, agent = _place(path)
    told = _state(path)
    log = unit.log(path, session if agent == "main" else f"{session}/{agent}")
    reader = Agent(log, session, agent, unit)
    up: Node | None = None
    twice = Twice(log)
    mine: dict[tuple[str, str], Node | None] = {}
    for record in log.records():
        key = (agent, _named(record))
        if key[1] and key in unit.owner:
            log.drop("resumed_copy", "link")
            up = unit.owner[key] or up
            continue
        if twice.drops(record, *_ids(record), at=record.get("time")):
            continue
        with log.taking() as made:
            reader.take(record)
        if made and up is not None and made[0].up is None:
            made[0].up, up = up, None
        if key[1]:
            mine[key] = log.nodes[-1] if log.nodes else up
    unit.owner |= mine
    sub = agent != "main"
    frame = Frame(
        session_id=session,
        agent_id=agent if sub else None,
        agent_type=reader.profile if sub else "",
        cwd=words(told.get("cwd")),
        title=words(told.get("title"))[:200],
    )
    yield from unit.sessions(log, frame, unit.started.get((session, agent)) if sub else None)


def _ids(record: dict[str, Any]) -> list[str]:
    """The ids of a record's message or event."""
    told = (mapping(record.get("message")), mapping(record.get("event")))
    return [words(one.get(name)) for one in told for name in ("id", "uuid", "toolCallId")]


def _named(record: dict[str, Any]) -> str:
    """What identifies a record of the context and its copies."""
    kind, at = words(record.get("type")), record.get("time")
    if not kind.startswith("context."):
        return ""
    event = mapping(record.get("event"))
    own = words(event.get("uuid")) or words(event.get("toolCallId"))
    own = own or digest_of(record.get("message")).hex()
    return f"{kind}:{words(event.get('type'))}:{own}:{at}"
