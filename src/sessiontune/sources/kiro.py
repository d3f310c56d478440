"""Kiro: the sessions of its terminal (`~/.kiro/sessions/cli/<id>.jsonl`, a line for each event, and
`<id>.json` beside it), and those of its newer engine (`kiro_engine`), also of the editor.

An event is a prompt, an answer, or the results of its calls (and what a person said meanwhile).
Going back makes a new file, which begins with copies; sessions of sub-agents name their parent in
the file beside the log. Only prompts have times.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import orjson

from ..ledger import Ledger
from ..linking import Node, unlink
from ..model import Session
from ..ports import FileIndex, Keyed, ReadOptions
from .indexing import Seen, scan
from .kiro_engine import EngineLog, Start, first_name, folder, is_engine, linked, sub_name
from .kiro_log import Log, moment_of
from .linear import words
from .lines import open_log, stem, utc
from .shapes import mapping

_FIRST = re.compile(
    rb'\A\s*\{\s*"version"\s*:\s*"?v?1"?\s*,\s*"kind"\s*:\s*'
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


_known = msgspec.json.Decoder(Known).decode


def _note(line: Known, seen: Seen) -> None:
    seen.ids.add(first_name(line.id or ""))
    seen.time(utc(line.timestamp or ""))
    if line.data is None:
        return
    seen.ids.add(line.data.message_id)
    seen.time(moment_of(line.data.meta.timestamp if line.data.meta is not None else None))


class KiroSource:
    """Sessions of Kiro."""

    name = "kiro"

    def roots(self, env: Mapping[str, str], home: str) -> list[str]:
        """The folders of its sessions; the newer engine knows no other home."""
        bases = [base for base in (env.get("KIRO_HOME"), os.path.join(home, ".kiro")) if base]
        return [os.path.join(base, "sessions") for base in dict.fromkeys(bases)]

    def recognise(self, path: str, head: bytes) -> bool:
        """Whether the file begins with an event of this program."""
        return path.endswith(".jsonl") and (_FIRST.match(head) is not None or is_engine(head))

    def index(self, path: str, offset: int = 0) -> FileIndex:
        """Ids and times of the events from `offset` on, the session and its parent."""
        about = _about(path)
        names = {*linked(_id(path, about)), _parent(about)} - {""}
        links = tuple(sorted(f"session:{name}" for name in names))
        found = scan(path, offset, links, "", _known, _note)
        places = about.get("workspacePaths")
        cwds = [about.get("cwd"), *(places if isinstance(places, list) else ())]
        return msgspec.structs.replace(found, names=tuple(filter(None, map(words, cwds))))

    def sessions(
        self, files: tuple[str, ...], options: ReadOptions, ledger: Ledger, keyed: Keyed
    ) -> Iterator[Session]:
        """The sessions of each file; parents and originals of copies first."""
        about = {path: _about(path) for path in files}
        told: dict[str, Node | None] = {}
        starts: dict[str, Start | None] = {name: None for p in files if (name := sub_name(p))}
        begun: dict[str, Node] = {}  # session -> its first node
        nodes: list[Node] = []
        try:
            todo = sorted(files, key=lambda path: _rank(path, about))
            while todo:  # sub-agents whose callers were read come first
                path = next(
                    (p for p in todo if not sub_name(p) or starts.get(sub_name(p))), todo[0]
                )
                todo.remove(path)
                name = _id(path, about[path])
                log: Log | EngineLog
                if _newer(path):
                    log = EngineLog(path, options, ledger, about[path], name, told, starts)
                else:
                    log = Log(path, options, ledger, about[path], name, told)
                log.read()
                yield from log.sessions(keyed, nodes, begun)
        finally:
            unlink(nodes)


SOURCE = KiroSource()


def _named(path: str) -> bool:
    """Whether a log lies as the newer engine lays them."""
    return os.path.basename(path) == "messages.jsonl" or bool(sub_name(path))


def _newer(path: str) -> bool:
    """Whether a log is of the newer engine: its name says so, or else its content."""
    if _named(path):
        return True
    try:
        with open_log(path) as log:
            return is_engine(log.read(1 << 16) or b"")
    except OSError:
        return False  # the reader reports it


def _about(path: str) -> dict[str, Any]:
    """The program's notes on a session, beside its log."""
    beside = path.removesuffix(".jsonl") + ".json"
    if _named(path):
        beside = os.path.join(folder(path), "session.json")
    try:
        with open(beside, "rb") as stream:
            told = orjson.loads(stream.read(1 << 26))
    except (OSError, orjson.JSONDecodeError):
        return {}
    return mapping(told)


def _id(path: str, about: dict[str, Any]) -> str:
    own = words(about.get("session_id")) or words(about.get("id"))
    return own or (os.path.basename(folder(path)) if _named(path) else stem(path))


def _parent(about: dict[str, Any]) -> str:
    return words(about.get("parent_session_id")) or words(about.get("parentSessionId"))


def _rank(path: str, about: Mapping[str, dict[str, Any]]) -> tuple[bool, bool, int, str, str]:
    """Logs of which others hold copies, and parents of sub-agents, first; then by when they
    began."""
    parents = {_id(p, a): _parent(a) for p, a in about.items()}
    depth, name = 0, _id(path, about[path])
    while (name := parents.get(name, "")) in parents and depth < len(parents):
        depth += 1
    begun = words(about[path].get("created_at")) or words(about[path].get("createdAt"))
    return _named(path), bool(sub_name(path)), depth, begun, path
