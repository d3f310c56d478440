"""The `Source` for Goose: finds its stores, indexes them, yields the sessions of a unit.

The database imported the older files, which are still there: what both hold is kept once.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack

import msgspec

from ...linking import Frame
from ...model import Session
from ...ports import FileIndex
from ..databases import faults_of, journal, opened
from ..folders import data_home
from ..indexing import Seen, scan
from ..lines import any_begins, size_of, stem
from ..shapes import moment
from ..units import Unit, UnitSource
from .messages import Reader
from .store import Database, File, Message, index_database, is_database

#: The header of a session, or a message: the header may be damaged.
_RECORD = re.compile(
    rb'\{(?:(?=.*"working_dir"\s*:)(?=.*"message_count"\s*:)'
    rb'|\s*(?:"id"\s*:\s*(?:"[^"]*"|null)\s*,\s*)?"role"\s*:\s*"(?:user|assistant)"\s*,\s*'
    rb'"created"\s*:\s*\d+\s*,\s*"content"\s*:\s*\[\s*(?:\]|\{\s*"type"\s*:))'
)


class Known(msgspec.Struct, gc=False):
    """What the index takes from a line."""

    working_dir: str | None = None
    created: int | None = None


def _note(line: Known, seen: Seen) -> None:
    seen.names.add(line.working_dir)
    seen.time(moment(line.created * 1000) if line.created else "")


class GooseSource(UnitSource):
    """Sessions of Goose."""

    name = "goose"
    suffixes = (".db", ".jsonl")
    journal = staticmethod(journal)

    def roots(self, env: Mapping[str, str], home: str) -> list[str]:
        """The folders of its sessions: GOOSE_PATH_ROOT, XDG_DATA_HOME or ~/.local/share; on a Mac
        also among the applications' files."""
        if env.get("GOOSE_PATH_ROOT"):
            return [os.path.join(env["GOOSE_PATH_ROOT"], "data", "sessions")]
        bases = [
            os.path.join(data_home(env, home), "goose"),
            os.path.join(home, "Library", "Application Support", "Block", "goose"),
        ]
        return [os.path.join(base, "sessions") for base in bases]

    def recognise(self, path: str, head: bytes) -> bool:
        """Whether the file is its database, or one of its first lines is of a session."""
        if path.endswith(".db"):
            return is_database(path, head)
        return path.endswith(".jsonl") and any_begins(_RECORD, head)

    def index(self, path: str, offset: int = 0) -> FileIndex:
        """The sessions and folders; a database is always indexed whole."""
        if path.endswith(".db"):
            return index_database(path)
        return scan(path, offset, Known, _note, (f"session:{stem(path)}",))

    def read(self, files: tuple[str, ...], unit: Unit) -> Iterator[Session]:
        """The sessions of one unit; what several of its files hold is kept once."""
        with ExitStack() as stack:
            stores: list[File | Database] = []
            for path in sorted(files, key=_rank):
                if not path.endswith(".db"):
                    stores.append(File(path, unit.options, unit.ledger))
                    continue
                with faults_of(path, unit.ledger):
                    stores.append(Database(path, stack.enter_context(opened(path)), unit.ledger))
            for name in dict.fromkeys(name for store in stores for name in store.sessions):
                having = [store for store in stores if name in store.sessions]
                messages = [message for store in having for message in store.messages(name)]
                about = {k: v for store in having[::-1] for k, v in store.sessions[name].items()}
                yield from _session(unit, name, about, messages, files)


SOURCE = GooseSource()


def _rank(path: str) -> tuple[bool, int, str]:
    """The database first, then the longest file of copies: it holds calls with their results."""
    return not path.endswith(".db"), -size_of(path), path


def _session(
    unit: Unit, name: str, about: dict[str, str], messages: list[Message], files: tuple[str, ...]
) -> Iterator[Session]:
    log = unit.log(messages[0].path if messages else files[0], name)
    places = {path: at for at, path in enumerate(files)}
    paths = dict.fromkeys(message.path for message in messages)
    again = {path: f"{name}~{nth}" if nth else name for nth, path in enumerate(paths)}
    told: dict[bytes, str] = {}
    agent = about.get("kind") == "sub_agent"
    if len(paths) > 1:
        messages.sort(key=lambda message: message.created)
    reader = Reader(log, about.get("model", ""), agent)
    for message in messages:
        log.at(places[message.path], files, message.place)
        log.session_id = again[message.path]
        if told.setdefault(message.digest(), message.path) != message.path:
            log.drop("resumed_copy", "link")
            continue
        with log.taking():
            reader.take(message)
    frame = Frame(
        session_id=name,
        agent_id=name if agent else None,
        cwd=about.get("cwd", ""),
        title=about.get("title", "")[:200],
    )
    yield from unit.sessions(log, frame)
