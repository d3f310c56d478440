"""Zed: `threads/threads.db`, a database with a document for each thread of its agent.

Documents are JSON, compressed in newer versions. A message of the agent holds its calls and their
results. Threads have a time, their messages have none. A sub-agent is a thread with a parent; the
call that started it names it in its output.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any

from ..linking import Frame
from ..model import Image, Part, ResultStatus, Session, Text, Thinking
from ..ports import FileIndex
from .databases import (
    faults_of,
    holds,
    if_readable,
    index_of,
    journal,
    opened,
    rows,
    unpacked,
)
from .folders import data_home
from .linear import Linear
from .orders import depths, longest_first
from .pictures import picture
from .shapes import (
    Call,
    digest_of,
    elements,
    inside,
    joined,
    mapping,
    objects,
    pictures,
    raw_of,
    safe_name,
    texts,
    utc,
    value_of,
    words,
)
from .units import Unit, UnitSource

_NEEDED = {("threads", "summary"), ("threads", "data_type"), ("threads", "data")}
#: Fields that name what is mentioned, the first one counts.
_NAMED = ("name", "abs_path", "path", "url", "id")


class ZedSource(UnitSource):
    """Threads of Zed's agent."""

    name = "zed"
    suffixes = (".db",)
    journal = staticmethod(journal)

    def roots(self, env: Mapping[str, str], home: str) -> list[str]:
        """The folder of the database on each system."""
        mac, windows = os.path.join(home, "Library", "Application Support"), env.get("LOCALAPPDATA")
        found = [
            (data_home(env, home), "zed"),
            (mac, "Zed"),
            *([(windows, "Zed")] if windows else []),
        ]
        return [os.path.join(*place, "threads") for place in found]

    def recognise(self, path: str, head: bytes) -> bool:
        """Whether the file is its database."""
        # Its name is in the head: no other database is opened.
        return path.endswith(".db") and b"data_type" in head and holds(path, head, _NEEDED)

    @if_readable
    def index(self, path: str, offset: int = 0) -> FileIndex:
        """The threads; a database is always indexed whole."""
        with opened(path) as base:
            threads = list(_threads(base))
        times = [at for thread in threads for at in thread.times if at]
        return index_of(
            path,
            (thread.name for thread in threads),
            (folder for thread in threads for folder in thread.folders),
            sum(len(thread.messages) for thread in threads),
            min(times, default=""),
            max(times, default=""),
        )

    def read(self, files: tuple[str, ...], unit: Unit) -> Iterator[Session]:
        """The threads of one unit, parents before their sub-agents."""
        for path, again in longest_first(files):
            threads: list[_Thread] = []
            with faults_of(path, unit.ledger), opened(path) as base:
                threads = list(_threads(base))
            deep = depths({thread.name: thread.parent for thread in threads})
            for thread in sorted(threads, key=lambda t: (deep[t.name], t.line)):
                yield from _session(unit, path, thread, again)


SOURCE = ZedSource()


class _Thread:
    """A row of the database; `messages` is empty if its document cannot be read."""

    def __init__(self, line: int, row: dict[str, Any]) -> None:
        self.line = line
        self.name = words(row.get("id")) or str(line)
        raw = raw_of(row.get("data")) or b""
        self.document = value_of(unpacked(raw) if row.get("data_type") == "zstd" else raw) or {}
        self.messages = elements(self.document.get("messages"))
        told = inside(self.document, "subagent_context", "parent_thread_id")
        self.parent = words(row.get("parent_id")) or words(told)
        self.title = words(self.document.get("title")) or words(row.get("summary"))
        self.times = [utc(words(row.get(name))) for name in ("created_at", "updated_at")]
        self.folders = words(row.get("folder_paths")).splitlines() or self._worktrees()
        self.folders = [folder for folder in self.folders if folder]
        self.model = words(inside(self.document, "model", "model"))

    def _worktrees(self) -> list[str]:
        trees = inside(self.document, "initial_project_snapshot", "worktree_snapshots")
        return [words(tree.get("worktree_path")) for tree in objects(trees)]


def _threads(base: sqlite3.Connection) -> Iterator[_Thread]:
    for row in rows(base, "threads"):
        yield _Thread(row["rowid"], row)


def _session(unit: Unit, path: str, thread: _Thread, again: str) -> Iterator[Session]:
    """The session of a thread. Messages of the unit are known by thread, place and content."""
    log = unit.log(path, thread.name + again)
    if not thread.document:
        log.part(thread.line)
        log.drop("no_message")
    at, up = next(filter(None, thread.times), ""), None
    for nth, message in enumerate(thread.messages):
        log.part(thread.line)
        log.place = (thread.line, nth)
        key = (thread.name, nth, digest_of(message))
        if key in unit.owner:
            log.drop("resumed_copy", "link")
            up = unit.owner[key]
            continue
        with log.taking() as made:
            _take(log, message, at, thread)
        if made:
            at = ""
            made[0].up, up = up, None
        unit.owner[key] = log.nodes[-1] if log.nodes else up
    unit.started |= log.started
    frame = Frame(
        session_id=thread.name,
        agent_id=thread.name if thread.parent else None,
        cwd=next(iter(thread.folders), ""),
        title=thread.title[:200],
    )
    yield from unit.sessions(log, frame, unit.started.get(thread.name) if thread.parent else None)


def _take(log: Linear, message: Any, at: str, thread: _Thread) -> None:
    held = mapping(message)
    user, agent = held.get("User"), held.get("Agent")
    if message == "Resume" or "Resume" in held:
        log.drop("continue_marker")
    elif isinstance(user, dict):
        _user(log, _pieces(user.get("content")), at, bool(thread.parent), False)
    elif isinstance(agent, dict):
        results = agent.get("tool_results")
        listed = [*results.values()] if isinstance(results, dict) else results
        _agent(log, _pieces(agent.get("content")), objects(listed), thread.model, at)
    elif words(held.get("role")):
        _older(log, held, at, thread)
    else:
        named = next(iter(held), "") if len(held) == 1 else ""
        log.drop(f"unknown_type:{safe_name(named)}" if named else "no_message")


def _pieces(content: Any) -> list[tuple[str, Any]]:
    """Kind and content of each piece of a message."""
    return [next(iter(piece.items())) for piece in objects(content) if len(piece) == 1]


def _older(log: Linear, message: dict[str, Any], at: str, thread: _Thread) -> None:
    """Take a message of the first versions: a role, segments, calls and results."""
    kinds = {"text": "Text", "thinking": "Thinking"}
    segments = objects(message.get("segments")) or [{"type": "text", "text": message.get("text")}]
    pieces: list[tuple[str, Any]] = [
        (kinds.get(words(s.get("type")), "Text"), words(s.get("text"))) for s in segments
    ]
    results = objects(message.get("tool_results"))
    if message["role"] == "assistant":
        pieces += [("ToolUse", use) for use in objects(message.get("tool_uses"))]
        _agent(log, pieces, results, thread.model, at)
    elif message["role"] == "user":
        before, used = dict(log.counts), False
        for result in results:
            used = _result(log, result) or used
        shown = words(message.get("context"))
        if not used or shown.strip() or any(words(text).strip() for _, text in pieces):
            pieces += [("Mention", {"content": shown})] if shown.strip() else []
            _user(log, pieces, at, bool(thread.parent), message.get("is_hidden") is True)
        if used:
            log.counts = before
    else:
        role = words(message["role"])
        log.drop("system" if role == "system" else f"unknown_role:{safe_name(role)}")


def _user(log: Linear, pieces: list[tuple[str, Any]], at: str, agent: bool, hidden: bool) -> None:
    said, shown, images = "", list[Part](), list[Part]()
    for kind, held in pieces:
        if kind == "Text":
            said += words(held)
        elif kind == "Mention" and isinstance(held, dict):
            said += _named(held.get("uri"))
            shown += texts(held.get("content"))
        elif kind == "Image" and (image := _image(held)) is not None:
            images.append(image)
        else:
            log.unknown_part()
    typed = texts(said) + images
    if hidden:
        typed, shown = [], shown + typed
    if not log.asked(typed, shown, at, f"{log.place[1]}", agent):
        log.drop("empty")


def _named(uri: Any) -> str:
    """The text of a mention in a prompt."""
    held = next(iter(uri.values()), None) if isinstance(uri, dict) else None
    told = [words(held.get(name)) for name in _NAMED] if isinstance(held, dict) else []
    name = next(filter(None, told), "")
    return f"@{name.replace(chr(92), '/').rstrip('/').rpartition('/')[2]}" if name else ""


def _image(held: Any) -> Image | None:
    return picture(inside(held, "source"), "image/png")


def _agent(
    log: Linear,
    pieces: list[tuple[str, Any]],
    results: list[dict[str, Any]],
    model: str,
    at: str,
) -> None:
    parts: list[Part] = []
    calls, reason = list[Call](), "empty"
    for kind, held in pieces:
        text = words(held) or words(inside(held, "text"))
        if kind in ("Text", "Thinking") and text.strip():
            parts.append(Thinking(text) if kind == "Thinking" else Text(text))
        elif kind in ("Thinking", "RedactedThinking"):
            reason = "thinking_signature_only"
        elif kind == "ToolUse" and (call := words(inside(held, "id"))):
            given = held.get("input")
            given = value_of(held.get("raw_input")) if given is None else given
            calls.append((call, words(held.get("name")), given))
        elif kind != "Text":
            reason = f"unknown_block:{safe_name(kind)}"
    node = log.told_answer(parts, calls, at, model, f"{log.place[1]}", reason)
    if node is None:
        return
    before = dict(log.counts)
    for result in results:
        _result(log, result)
    log.open, log.counts = None, before  # the record has a place


def _result(log: Linear, result: dict[str, Any]) -> bool:
    """Take a result; returns whether a call waited for it."""
    call, content = words(result.get("tool_use_id")), result.get("content")
    node = log.calls.get(call)
    if node is None or call in node.results:
        return False
    told, images = list[str](), list[Image]()
    for piece in content if isinstance(content, list) else [content]:
        held = {k.lower(): v for k, v in piece.items()} if isinstance(piece, dict) else {}
        images += pictures(_image(held.get("image") if "image" in held else held))
        told.append(words(piece) or words(held.get("text")))
    output = result.get("output")
    for value in output.values() if isinstance(output, dict) else ():
        if isinstance(value, str) and len(value) < 100:
            log.started[value] = (call, node)  # perhaps the thread of a sub-agent
    status: ResultStatus = "error" if result.get("is_error") is True else "ok"
    return log.result(call, joined(*told), status, images=tuple(images))
