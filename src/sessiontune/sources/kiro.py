"""Kiro CLI: `~/.kiro/sessions/cli/<id>.jsonl`, a line for each event, and `<id>.json` beside it.

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
from .kiro_log import Log, moment_of
from .linear import words
from .lines import stem
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


_known = msgspec.json.Decoder(Known).decode


def _note(line: Known, seen: Seen) -> None:
    if line.data is None:
        return
    seen.ids.add(line.data.message_id)
    seen.time(moment_of(line.data.meta.timestamp if line.data.meta is not None else None))


class KiroSource:
    """Sessions of Kiro CLI."""

    name = "kiro"

    def roots(self, env: Mapping[str, str], home: str) -> list[str]:
        """The folder of its sessions."""
        base = env.get("KIRO_HOME") or os.path.join(home, ".kiro")
        return [os.path.join(base, "sessions", "cli")]

    def recognise(self, path: str, head: bytes) -> bool:
        """Whether the file begins with an event of this program."""
        return path.endswith(".jsonl") and _FIRST.match(head) is not None

    def index(self, path: str, offset: int = 0) -> FileIndex:
        """Ids and times of the events from `offset` on, the session and its parent."""
        about = _about(path)
        names = {_id(path, about), words(about.get("parent_session_id"))} - {""}
        links = tuple(sorted(f"session:{name}" for name in names))
        found = scan(path, offset, links, "", _known, _note)
        cwd = words(about.get("cwd"))
        return msgspec.structs.replace(found, names=(cwd,) if cwd else ())

    def sessions(
        self, files: tuple[str, ...], options: ReadOptions, ledger: Ledger, keyed: Keyed
    ) -> Iterator[Session]:
        """The sessions of each file; parents and originals of copies first."""
        about = {path: _about(path) for path in files}
        told: dict[str, Node | None] = {}
        begun: dict[str, Node] = {}  # session -> its first node
        nodes: list[Node] = []
        try:
            for path in sorted(files, key=lambda path: _rank(path, about)):
                log = Log(path, options, ledger, about[path], _id(path, about[path]), told)
                log.read()
                yield from log.sessions(keyed, nodes, begun)
        finally:
            unlink(nodes)


SOURCE = KiroSource()


def _about(path: str) -> dict[str, Any]:
    """The program's notes on a session, beside its log."""
    try:
        with open(path.removesuffix(".jsonl") + ".json", "rb") as stream:
            told = orjson.loads(stream.read(1 << 26))
    except (OSError, orjson.JSONDecodeError):
        return {}
    return mapping(told)


def _id(path: str, about: dict[str, Any]) -> str:
    return words(about.get("session_id")) or stem(path)


def _rank(path: str, about: Mapping[str, dict[str, Any]]) -> tuple[int, str, str]:
    """Parents before their sub-agents, then by when they began."""
    parents = {_id(p, a): words(a.get("parent_session_id")) for p, a in about.items()}
    depth, name = 0, _id(path, about[path])
    while (name := parents.get(name, "")) in parents and depth < len(parents):
        depth += 1
    return depth, words(about[path].get("created_at")), path
