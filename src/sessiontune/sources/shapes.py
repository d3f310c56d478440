"""Reads values of a log, which may have any shape, as what they should be."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
import orjson

from ..ledger import Ledger
from ..model import Image, Part, Text, Thinking, Usage
from .linear import Linear, number, words
from .lines import safe_name, single, values

_DRIVE = re.compile(r"/[A-Za-z]:")

#: Words and thoughts of an answer, its calls, and the reason if there is nothing.
Answered = tuple[list[Part], list[dict[str, Any]], str]


def value_of(stored: Any) -> dict[str, Any] | None:
    """The object in JSON text or bytes."""
    raw = stored.encode("utf-8", "surrogatepass") if isinstance(stored, str) else stored
    if not isinstance(raw, bytes):
        return None
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        value = single(values(raw, Ledger()))
    return value if isinstance(value, dict) else None


def unwrapped(given: Any) -> Any:
    """The value of JSON text, or the text if it is not JSON; any other value unchanged."""
    try:
        return msgspec.json.decode(given) if isinstance(given, str) else given
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return given


def inside(value: Any, *names: str) -> Any:
    """The value below these nested names; None if there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def answered(blocks: Iterable[dict[str, Any]]) -> Answered:
    """The content of an answer's blocks, as in Anthropic's API: words and thoughts, calls, and the
    reason if there is nothing."""
    parts: list[Part] = []
    calls, reason = [], "empty"
    for block in blocks:
        kind, thought = words(block.get("type")), words(block.get("thinking"))
        if kind == "text" and words(block.get("text")).strip():
            parts.append(Text(words(block.get("text"))))
        elif kind == "thinking" and thought.strip():
            parts.append(Thinking(thought))
        elif kind in ("thinking", "redacted_thinking"):
            reason = "thinking_signature_only"
        elif kind == "tool_use" and words(block.get("id")):
            calls.append(block)
        elif kind != "text":
            reason = f"unknown_block:{safe_name(kind)}"
    return parts, calls, reason


def take_answer(log: Linear, told: Answered, at: object, model: str, name: str = "") -> bool:
    """Add a separate answer with what `answered` found; if that is nothing, drop the current record
    and return False."""
    parts, calls, reason = told
    if not parts and not calls:
        log.drop(reason)
        return False
    if reason.startswith("unknown_block"):
        log.unknown_part()
    node = log.new_answer(parts, at, model, name)
    for call in calls:
        log.call(node, words(call["id"]), words(call.get("name")), call.get("input"))
    return True


def digest_of(value: Any) -> bytes:
    """A digest that equal values share; empty for values nested too deep to be written."""
    try:
        raw = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return b""
    return hashlib.blake2b(raw, digest_size=16).digest()


class Twice:
    """Finds records that stand in one log twice: a copy of it was appended, or its program wrote
    them again after a crash."""

    def __init__(self, log: Linear) -> None:
        self.log = log
        self.told: list[bytes] = []  # digests of the records that count
        self.first: dict[bytes, int] = {}  # digest -> its first place there
        self.next = -1  # the place after the record that the last one was a copy of
        self.at: Any = None  # the time of the last record that had one, and where those began
        self.since = 0

    def drops(self, record: Any, *ids: Any, at: Any = None) -> bool:
        """Whether the current record was told before; then it is dropped. An equal one must have
        been read, and what tells the record from one that a person wrote again: an id, a time, or
        its place, if it follows a copy as it followed the original."""
        digest = digest_of(record)
        if at is not None and at != self.at:
            self.at, self.since = at, len(self.told)
        copied = self.first.get(digest, -1)
        if not (any(ids) or (at is not None and self._timed(copied))):
            copied = self.next if self.told[self.next : self.next + 1] == [digest] else -1
        self.next = copied + 1 if copied >= 0 and digest else -1
        if self.next > 0:
            self.log.drop("repeated_record", "link")
            return True
        self.first.setdefault(digest, len(self.told))
        self.told.append(digest)
        return False

    def _timed(self, copied: int) -> bool:
        """Whether a time tells: records with other times are between it and the original, or none
        is. A log that was written in one go, as when it was converted, has one time for all."""
        return copied < self.since or copied == len(self.told) - 1


def calls_in(blocks: Iterable[dict[str, Any]]) -> list[str]:
    """The ids of the calls that blocks of a message make or answer."""
    fields = ("id", "tool_use_id", "toolUseID")
    return [name for block in blocks for f in fields if (name := words(block.get(f)))]


def mapping(value: Any) -> dict[str, Any]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; none if it is no list."""
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def blocks_of(content: Any) -> list[dict[str, Any]]:
    """The blocks of a content; text alone is a block of its own."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else objects(content)


def text_of(parts: Iterable[Part]) -> str:
    """The texts among parts, one below the other."""
    return "\n".join(part.text for part in parts if isinstance(part, Text))


def images_of(parts: Iterable[Part]) -> tuple[Image, ...]:
    """The pictures among parts."""
    return tuple(part for part in parts if isinstance(part, Image))


def usage_of(told: dict[str, Any], *names: str) -> Usage:
    """The tokens in these fields: read, written, read from the cache, written to it."""
    return Usage(*(number(told.get(name)) for name in names))


def read_json(path: str) -> Any:
    """The value in a small JSON file beside a log; None if it cannot be read."""
    try:
        with open(path, "rb") as stream:
            return orjson.loads(stream.read(1 << 26))
    except (OSError, orjson.JSONDecodeError):
        return None


def folder_of(uri: Any) -> str:
    """The path in the URL of a file (`file:///home/u/my%20shop`)."""
    try:
        path = unquote(urlsplit(words(uri)).path)
    except ValueError:
        return ""
    return path[1:] if _DRIVE.match(path) else path
