"""Kiro: the sessions of its terminal (`~/.kiro/sessions/cli/<id>.jsonl`, a line for each event, and
`<id>.json` beside it), those of its newer engine (`kiro_engine`), also of the editor, and the
database of its first versions (`kiro_database`).

An event is a prompt, an answer, or the results of its calls (and what a person said meanwhile).
Going back makes a new file, which begins with copies; sessions of sub-agents name their parent in
the file beside the log. Only prompts have times.
"""

from __future__ import annotations

import heapq
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ..model import Session
from ..ports import FileIndex
from . import kiro_database
from .databases import journal
from .folders import data_home, homes
from .indexing import Seen, scan
from .kiro_agents import Starts, folder, sub_name
from .kiro_engine import EngineLog, first_name, is_engine, linked
from .kiro_log import Log, moment_of
from .lines import any_begins, head_of, stem
from .orders import depths
from .shapes import elements, mapping, read_json, utc, words
from .units import Unit, UnitSource

_EVENT = re.compile(
    rb'\{\s*"version"\s*:\s*"?v?1"?\s*,\s*"kind"\s*:\s*'
    rb'"(?:Prompt|AssistantMessage|ToolResults|Compaction|ResetTo|CancelledPrompt|Clear)"'
)


class Meta(msgspec.Struct, gc=False):
    """`meta` of a prompt."""

    timestamp: float | None = None


class Data(msgspec.Struct, gc=False):
    """`data` of an event: its id and time."""

    message_id: str | None = None
    meta: Meta | None = None


class Known(msgspec.Struct, gc=False):
    """What the index takes from a line."""

    data: Data | None = None
    id: str | None = None  # of the newer engine, like the time
    timestamp: str | None = None


def _note(line: Known, seen: Seen) -> None:
    seen.ids.add(first_name(line.id or ""))
    seen.time(utc(line.timestamp or ""))
    if line.data is None:
        return
    seen.ids.add(line.data.message_id)
    seen.time(moment_of(line.data.meta.timestamp if line.data.meta is not None else None))


class KiroSource(UnitSource):
    """Sessions of Kiro."""

    name = "kiro"
    suffixes = (".jsonl", *kiro_database.SUFFIXES)
    journal = staticmethod(journal)

    def roots(self, env: Mapping[str, str], home: str) -> list[str]:
        """The folders of its sessions; the newer engine knows no other home."""
        data = data_home(env, home), os.path.join(home, "Library", "Application Support")
        return [
            *(os.path.join(base, "sessions") for base in homes(env, "KIRO_HOME", home, ".kiro")),
            *(os.path.join(base, name) for base in data for name in ("kiro-cli", "amazon-q")),
        ]

    def recognise(self, path: str, head: bytes) -> bool:
        """Whether one of the first lines is an event of this program."""
        if path.endswith(kiro_database.SUFFIXES):
            return kiro_database.recognise(path, head)
        return path.endswith(".jsonl") and (any_begins(_EVENT, head) or is_engine(head))

    def index(self, path: str, offset: int = 0) -> FileIndex:
        """Ids and times of the events from `offset` on, the session and its parent."""
        if path.endswith(kiro_database.SUFFIXES):
            return kiro_database.index(path)
        about = _about(path)
        names = {*linked(_id(path, about)), _parent(about)} - {""}
        links = [f"session:{name}" for name in names]
        cwds = map(words, [about.get("cwd"), *elements(about.get("workspacePaths"))])
        return scan(path, offset, Known, _note, links, "", cwds)

    def read(self, files: tuple[str, ...], unit: Unit) -> Iterator[Session]:
        """The sessions of each file; parents and originals of copies first."""
        older = sorted(path for path in files if path.endswith(kiro_database.SUFFIXES))
        about = {path: _about(path) for path in files if path not in older}
        known = {_id(path, told) for path, told in about.items()}
        starts = Starts(filter(None, map(sub_name, files)))
        for nth, path in enumerate(older):
            yield from kiro_database.sessions(path, f"~{nth}" if nth else "", unit, known)
        for path in _callers_first(about, starts):
            name = _id(path, about[path])
            log: Log | EngineLog
            if _newer(path):
                log = EngineLog(path, unit, about[path], name, starts)
            else:
                log = Log(path, unit, about[path], name)
            log.read()
            yield from log.sessions()


SOURCE = KiroSource()


def _named(path: str) -> bool:
    """Whether a log lies as the newer engine lays them."""
    return os.path.basename(path) == "messages.jsonl" or bool(sub_name(path))


def _newer(path: str) -> bool:
    """Whether a log is of the newer engine: its name says so, or else its content."""
    return _named(path) or is_engine(head_of(path))


def _about(path: str) -> dict[str, Any]:
    """The program's notes on a session, beside its log."""
    beside = path.removesuffix(".jsonl") + ".json"
    if _named(path):
        beside = os.path.join(folder(path), "session.json")
    return mapping(read_json(beside))


def _id(path: str, about: dict[str, Any]) -> str:
    own = words(about.get("session_id")) or words(about.get("id"))
    return own or (os.path.basename(folder(path)) if _named(path) else stem(path))


def _parent(about: dict[str, Any]) -> str:
    return words(about.get("parent_session_id")) or words(about.get("parentSessionId"))


def _callers_first(about: Mapping[str, dict[str, Any]], starts: Starts) -> Iterator[str]:
    """The logs in the order of `_ranks`, but sub-agents whose callers were read come first."""
    ranks = _ranks(about)
    order = sorted(about, key=ranks.__getitem__)
    subs = [sub_name(path) for path in order]
    waiting: dict[str, list[int]] = {}
    for at, name in enumerate(subs):
        waiting.setdefault(name, []).append(at)
    ready = waiting.pop("", [])  # in order: a heap
    read = [False] * len(order)
    for first in range(len(order)):
        while ready or not read[first]:
            at = heapq.heappop(ready) if ready else first
            known = not subs[at] or starts.get(subs[at]) is not None
            if read[at] or (at != first and not known):  # another agent has that name
                continue
            read[at] = True
            yield order[at]
            for name in starts.take_new():
                for later in waiting.pop(name, ()):
                    heapq.heappush(ready, later)


def _ranks(about: Mapping[str, dict[str, Any]]) -> dict[str, tuple[bool, bool, int, str, str]]:
    """What orders logs: those of which others hold copies, and parents of sub-agents, first; then
    by when they began."""
    parents = {_id(p, a): _parent(a) for p, a in about.items()}
    deep = depths({name: up if up in parents else "" for name, up in parents.items()})
    found = {}
    for path, told in about.items():
        begun = words(told.get("created_at")) or words(told.get("createdAt"))
        found[path] = _named(path), bool(sub_name(path)), deep[_id(path, told)], begun, path
    return found
