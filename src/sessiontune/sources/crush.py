"""Crush: `.crush/crush.db` in each project, a database.

A message is a row with its parts as JSON, in newer versions compressed. Sessions below another are
of its sub-agents, and named after the message and the call that started them.
"""

from __future__ import annotations

import base64
import binascii
import os
import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any

from ..linking import Frame
from ..model import Part, ResultStatus, Session, Text
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
from .orders import depths
from .pictures import picture, picture_of_url
from .shapes import (
    decoded,
    inside,
    moment,
    objects,
    pictures,
    ran,
    raw_of,
    read_json,
    safe_name,
    texts,
    thoughts,
    value_in,
    words,
)
from .units import Unit, UnitSource

_NEEDED = {("sessions", "parent_session_id"), ("messages", "parts"), ("messages", "finished_at")}
_COMPRESSED = b"\x28\xb5\x2f\xfd"
_REFUSED = ("user denied permission", "User denied permission", "permission denied")
_CANCELLED = ("Tool execution canceled", "Request cancelled", "tool execution canceled")


class CrushSource(UnitSource):
    """Sessions of Crush."""

    name = "crush"
    suffixes = (".db",)
    journal = staticmethod(journal)

    def roots(self, env: Mapping[str, str], home: str) -> list[str]:
        """The data folders of its projects, of which it keeps a list."""
        told = read_json(os.path.join(data_home(env, home), "crush", "projects.json"))
        places = [words(project.get("data_dir")) for project in objects(inside(told, "projects"))]
        return [place for place in dict.fromkeys(places) if os.path.isabs(place)]

    def recognise(self, path: str, head: bytes) -> bool:
        """Whether the file is its database."""
        return path.endswith(".db") and holds(path, head, _NEEDED)

    @if_readable
    def index(self, path: str, offset: int = 0) -> FileIndex:
        """The sessions; a database is always indexed whole."""
        with opened(path) as base:
            found = list(base.execute("SELECT id FROM sessions"))
            asked = "SELECT count(*), min(created_at), max(created_at) FROM messages"
            number, first, last = base.execute(asked).fetchone()
        names = (words(name) for (name,) in found)
        return index_of(path, names, (_folder(path),), number, _time(first), _time(last))

    def read(self, files: tuple[str, ...], unit: Unit) -> Iterator[Session]:
        """The sessions of one unit, parents before their sub-agents."""
        for path in sorted(files):
            with faults_of(path, unit.ledger), opened(path) as base:
                yield from _sessions(unit, path, base)


SOURCE = CrushSource()


def _sessions(unit: Unit, path: str, base: sqlite3.Connection) -> Iterator[Session]:
    """The sessions of a database."""
    about = {words(row["id"]): row for row in rows(base, "sessions")}
    names = [words(name) for (name,) in base.execute("SELECT DISTINCT session_id FROM messages")]
    above = {name: words(row.get("parent_session_id")) for name, row in about.items()}
    deep = depths(above)
    for name in sorted(names, key=lambda n: (deep.get(n, 0), n)):
        messages = list(rows(base, "messages", "session_id = ?", (name,)))
        yield from _session(unit, path, name, about.get(name, {}), messages)


def _folder(path: str) -> str:
    """The project: the database is in one of its folders."""
    above = os.path.dirname(os.path.abspath(path))
    return os.path.dirname(above) if os.path.basename(above) == ".crush" else above


def _milliseconds(at: Any) -> int:
    """A time in milliseconds, which is in seconds in older versions."""
    return (at if at > 1 << 36 else at * 1000) if type(at) is int else 0


def _time(at: Any) -> str:
    return moment(_milliseconds(at))


def _parts(stored: Any) -> list[dict[str, Any]] | None:
    """The parts of a message: (type, data) of each; None if they cannot be read."""
    raw = raw_of(stored)
    listed = value_in(unpacked(raw) if raw and raw.startswith(_COMPRESSED) else raw)
    if not isinstance(listed, list):
        return None
    told = [part for part in objects(listed) if isinstance(part.get("data"), dict)]
    return [{**p["data"], "type": words(p.get("type"))} for p in told]


def _session(
    unit: Unit, path: str, name: str, about: dict[str, Any], messages: list[dict[str, Any]]
) -> Iterator[Session]:
    """The linked sessions of one session of Crush: one for each epoch."""
    log = unit.log(path, name)
    agent = bool(words(about.get("parent_session_id")))
    for message in messages:
        log.part(int(message["rowid"]))
        own = words(message.get("id"))
        if log.copied(own):
            continue
        summary = own and own == words(about.get("summary_message_id"))
        with log.taking():
            _take(log, message, agent, summary or message.get("is_summary_message") == 1)
    caller = unit.calling(name.rpartition("$$")[2]) if agent else None
    unit.calls |= log.calls
    frame = Frame(
        session_id=name,
        agent_id=name if agent else None,
        cwd=words(about.get("workspace_cwd")) or _folder(path),
        title=words(about.get("title"))[:200],
    )
    yield from unit.sessions(log, frame, caller)


def _take(log: Linear, message: dict[str, Any], agent: bool, summary: bool) -> None:
    role, at = words(message.get("role")), _milliseconds(message.get("created_at"))
    name, parts = words(message.get("id")), _parts(message.get("parts"))
    if parts is None:
        log.drop("no_message")
    elif summary:
        log.say("summary", texts(*(part.get("text") for part in parts)), at, name)
    elif role == "assistant":
        _answer(log, message, parts, at, name)
    elif role == "tool":
        _results(log, parts, at)
    elif role == "user":
        _user(log, parts, at, name, agent)
    elif role == "system":
        log.drop("system")
    else:
        log.drop(f"unknown_role:{safe_name(role)}")


def _user(log: Linear, parts: list[dict[str, Any]], at: int, name: str, agent: bool) -> None:
    typed: list[Part] = []
    shown: list[Part] = []
    for part in parts:
        kind, text = part["type"], words(part.get("text"))
        if kind == "text" and text.strip():
            (shown if part.get("hidden") is True else typed).append(Text(text))
        elif kind == "shell_command":  # typed with `!`
            shown.append(Text(ran(part.get("command"), part.get("output"))))
        elif kind == "binary" and words(part.get("MIMEType")).startswith("text/"):
            shown += _file(part)
        elif kind in ("binary", "image_url"):
            image = picture(part.get("Data"), part.get("MIMEType"))
            typed += pictures(image or picture_of_url(part.get("url")))
    if not log.asked(typed, shown, at, name, agent):
        log.drop("empty")


def _file(part: dict[str, Any]) -> list[Part]:
    """A text file that the person attached."""
    try:
        text = base64.b64decode(words(part.get("Data"))).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return []
    return texts(text)


def _answer(
    log: Linear, message: dict[str, Any], parts: list[dict[str, Any]], at: int, name: str
) -> None:
    said: list[Part] = []
    for part in parts:
        if part["type"] == "text":
            said += texts(part.get("text"))
        elif part["type"] == "reasoning":
            said += thoughts(part.get("thinking"))
    calls = [p for p in parts if p["type"] == "tool_call" and words(p.get("id"))]
    ends = [words(p.get("reason")) for p in parts if p["type"] == "finish"]
    if not said and not calls:
        if "canceled" in ends:
            log.interrupted()
        log.drop("api_error" if "error" in ends else "empty")
        return
    node = log.new_answer(said, at, words(message.get("model")), name)
    for call in calls:
        given = decoded(call.get("input")) or {}
        log.call(node, words(call["id"]), words(call.get("name")), given)
    if "canceled" in ends:
        node.flags.append("interrupted")


def _results(log: Linear, parts: list[dict[str, Any]], at: int) -> None:
    counts, used = dict(log.counts), False
    for part in parts:
        if part["type"] != "tool_result":
            continue
        text = words(part.get("content"))
        status: ResultStatus = "error" if part.get("is_error") is True else "ok"
        if text.startswith(_REFUSED):
            status = "rejected"
        elif status == "error" and text.startswith(_CANCELLED):
            status = "interrupted"
        image = picture(part.get("data"), part.get("mime_type"))
        images = (image,) if image is not None and image.bytes else ()
        used = log.result(words(part.get("tool_call_id")), text, status, at, images) or used
    log.once(counts, used, "empty")
