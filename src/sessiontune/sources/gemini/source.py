"""The `Source` for Gemini CLI: `~/.gemini/tmp/<project>/chats/session-*.json`, newer `.jsonl`.

The chats of sub-agents are in a folder named after their parent's session, or beside its chat.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ...linking import Frame
from ...model import Session
from ...ports import FileIndex
from ..folders import homes
from ..indexing import Seen, scan
from ..linear import Linear
from ..lines import BOM, any_begins, size_of, stem
from ..shapes import words
from ..units import Unit, UnitSource
from .chats import Chat
from .saved import is_saved, take_saved

_HEADER = re.compile(rb'"sessionId"\s*:\s*"[^"]*"\s*,\s*"projectHash"\s*:')
#: An answer in a file of lines, whose header may be damaged.
_ANSWER = re.compile(
    rb'\{\s*"id"\s*:\s*"[^"]*"\s*,\s*"timestamp"\s*:\s*"[^"]*"\s*,\s*"type"\s*:\s*"gemini"'
)
_AGENT = re.compile(rb'"kind"\s*:\s*"subagent"')
#: The same in a document, after its messages.
_AGENT_LATE = re.compile(rb'^  "kind": "subagent"', re.MULTILINE)
_FIELD = re.compile(rb'\s*"(sessionId|agentId|timestamp|startTime|lastUpdated)"\s*:\s*"([^"\\]*)"')


class Called(msgspec.Struct, gc=False):
    """What the index takes from a call: the session of the agent that it started."""

    agentId: str | None = None


class Known(msgspec.Struct, gc=False):
    """What the index takes from a line."""

    sessionId: str | None = None
    agentId: str | None = None
    toolCalls: list[Called] | None = None
    timestamp: str | None = None
    startTime: str | None = None
    lastUpdated: str | None = None


def _note(line: Known, seen: Seen) -> None:
    seen.sessions.add(line.sessionId)
    seen.sessions.add(line.agentId)
    seen.sessions.update(call.agentId for call in line.toolCalls or ())
    for at in (line.timestamp, line.startTime, line.lastUpdated):
        seen.time(at)


class GeminiSource(UnitSource):
    """Gemini CLI chats."""

    name = "gemini"
    suffixes = (".json", ".jsonl")

    def roots(self, env: Mapping[str, str], home: str) -> list[str]:
        """The folder of its logs: ~/.gemini/tmp (GEMINI_CLI_HOME replaces the home folder)."""
        bases = homes(env, "GEMINI_CLI_HOME", home)
        return [os.path.join(base, ".gemini", "tmp") for base in bases]

    def recognise(self, path: str, head: bytes) -> bool:
        """Whether the file begins with the header of a chat, one of its first lines is an answer,
        or it is a history that was saved."""
        if not path.endswith(self.suffixes):
            return False
        if path.endswith(".jsonl") and any_begins(_ANSWER, head):
            return True
        return _HEADER.search(head[:2000]) is not None or is_saved(path, head)

    def index(self, path: str, offset: int = 0) -> FileIndex:
        """Session ids and times of a file; a document is always indexed whole."""
        parent, _ = _place(path)
        links = (f"session:{parent}",) if parent else ()
        if _is_saved(path):
            return scan(path, 0, _whole, _note, (f"saved:{path}",))
        if _is_document(path):
            return scan(path, 0, _whole, _note, links)
        return scan(path, offset, Known, _note, links)

    def read(self, files: tuple[str, ...], unit: Unit) -> Iterator[Session]:
        """The sessions of one unit: parents before their sub-agents; of two files of one chat the
        longer owns it."""
        for path in sorted(files, key=lambda p: (_of_agent(p), -size_of(p), p)):
            for log in unit.logs(path, _begins):
                yield from _read(log, unit)


SOURCE = GeminiSource()


def _head(path: str, start: int = 0) -> bytes:
    """The beginning of a file, or what comes from `start` on; nothing if it cannot be read."""
    try:
        with open(path, "rb") as log:
            log.seek(start)
            return log.read(4096).removeprefix(BOM)
    except OSError:
        return b""


def _of_agent(path: str) -> bool:
    """Whether a chat is a sub-agent's, by its place or its own words."""
    if _place(path)[0] or _AGENT.search(_head(path).partition(b'"messages"')[0]):
        return True
    return _AGENT_LATE.search(_head(path, max(0, size_of(path) - 4096))) is not None


def _is_document(path: str) -> bool:
    """Whether the file is one JSON object: then its first line is no complete value, or holds the
    header and all else."""
    head = _head(path).strip(b"\0 \t\r\n")
    on_one_line = b"\n" not in head and _HEADER.search(head) is not None
    return on_one_line or head[:2] in (b"{\n", b"{\r")


def _is_saved(path: str) -> bool:
    """Whether the file is a saved history: no chat has such a name or beginning."""
    head = _head(path)
    return bool(head) and _HEADER.search(head[:2000]) is None and is_saved(path, head)


def _whole(raw: memoryview) -> Known:
    """The header's fields in a line of a document, or in one on a single line."""
    line = bytes(raw[:2000])
    if line[:1] == b"{" and _HEADER.search(line):
        found = list(_FIELD.finditer(line.partition(b'"messages"')[0]))
    else:
        found = [field] if (field := _FIELD.match(line)) else []
    told = {field[1].decode(): field[2].decode("utf-8", "replace") for field in found}
    return msgspec.convert(told, Known)


def _begins(record: dict[str, Any]) -> str:
    """The session whose header a line of a file is."""
    return words(record.get("sessionId")) if "projectHash" in record else ""


def _read(log: Linear, unit: Unit) -> Iterator[Session]:
    path, chat = log.path, Chat(log)
    if _is_saved(path):
        folder, name = os.path.split(os.path.splitext(path)[0])
        log.session_id = f"{os.path.basename(folder)}/{name}"  # the person's name for it, not ours
        take_saved(log)
    elif _is_document(path):
        document = log.document()
        if document is None:
            return
        chat.document(document)
    else:
        chat.lines()
    parent, project = _place(path)
    project = project or log.session_id.rpartition("/")[0]
    session_id = log.session_id or stem(path)
    agent = chat.kind == "subagent"
    unit.started |= log.started
    caller = unit.started.get(session_id)
    if caller is None and parent in unit.started:
        caller = "", unit.started[parent][1]
    frame = Frame(session_id=session_id, agent_id=session_id if agent else None, project=project)
    yield from unit.sessions(log, frame, caller if agent else None)
    if log.nodes and not agent:
        unit.started.setdefault(session_id, ("", log.nodes[0]))


def _place(path: str) -> tuple[str, str]:
    """The session in whose folder the file is ("" for none), and the project."""
    folder = os.path.dirname(path)
    above = os.path.dirname(folder)
    if os.path.basename(folder) == "chats":
        return "", os.path.basename(above)
    if os.path.basename(above) == "chats":
        return os.path.basename(folder), os.path.basename(os.path.dirname(above))
    return "", ""
