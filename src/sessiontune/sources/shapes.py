"""Values of a log that may have any shape, taken for what they should be."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
import orjson

from ..ledger import Ledger
from ..model import Part, Text, Thinking
from .linear import Linear, words
from .lines import safe_name, values

_DRIVE = re.compile(r"/[A-Za-z]:")

#: Words and thoughts of an answer, its calls, and why there would be nothing.
Answered = tuple[list[Part], list[dict[str, Any]], str]


def value_of(stored: Any) -> dict[str, Any] | None:
    """The object that words or bytes are the JSON of."""
    raw = stored.encode("utf-8", "surrogatepass") if isinstance(stored, str) else stored
    if not isinstance(raw, bytes):
        return None
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        found = values(raw, Ledger())
        value = found[0] if len(found) == 1 else None
    return value if isinstance(value, dict) else None


def unwrapped(given: Any) -> Any:
    """What words are the JSON of, or the words; any other value as it is."""
    try:
        return msgspec.json.decode(given) if isinstance(given, str) else given
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return given


def inside(value: Any, *names: str) -> Any:
    """The value below these names, one in the other; None where there is no such object."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def answered(blocks: Iterable[dict[str, Any]]) -> Answered:
    """What the blocks of an answer hold, as Anthropic's API cuts one: its words and thoughts, its
    calls, and why there would be nothing."""
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
    """Note an answer of its own with what `answered` found; without anything the present record is
    dropped, and the result is False."""
    parts, calls, reason = told
    if not parts and not calls:
        log.drop(reason)
        return False
    if reason.startswith("unknown_block"):
        log.unknown_part()
    log.open = None
    node = log.answer(at, model, name)
    node.parts = parts
    for call in calls:
        log.call(node, words(call["id"]), words(call.get("name")), call.get("input"))
    return True


def digest_of(value: Any) -> bytes:
    """The same for values that are equal; empty for what is nested too deep to be written."""
    try:
        raw = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return b""
    return hashlib.blake2b(raw, digest_size=16).digest()


def mapping(value: Any) -> dict[str, Any]:
    """The value where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; none where it is no list."""
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def folder_of(uri: Any) -> str:
    """The path that an address of a file names (`file:///home/u/my%20shop`)."""
    try:
        path = unquote(urlsplit(words(uri)).path)
    except ValueError:
        return ""
    return path[1:] if _DRIVE.match(path) else path
