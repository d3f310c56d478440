"""Reads values of a log, which may have any shape, as what they should be."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import msgspec
import orjson

from ..ledger import Ledger
from ..model import Image, Part, Text, Thinking, Usage
from .mending import single, values

_DRIVE = re.compile(r"/[A-Za-z]:")

S = TypeVar("S", bound=msgspec.Struct)

#: A call in an answer: its id, if it has one, the tool, the arguments.
Call = tuple[str, str, Any]


def raw_of(stored: Any) -> bytes | None:
    """The bytes of a column with text or bytes; None for any other value."""
    raw = stored.encode("utf-8", "surrogatepass") if isinstance(stored, str) else stored
    return raw if isinstance(raw, bytes) else None


def value_in(stored: Any) -> Any:
    """The value, of any kind, in JSON text or bytes; None if there is none."""
    raw = raw_of(stored)
    return inside(single(values(b'{"it":' + raw + b"}", Ledger())), "it") if raw else None


def value_of(stored: Any) -> dict[str, Any] | None:
    """The object in JSON text or bytes."""
    raw = raw_of(stored)
    if raw is None:
        return None
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        value = single(values(raw, Ledger()))
    return value if isinstance(value, dict) else None


def decoded(given: Any) -> Any:
    """The object in JSON text; what was given if it holds none."""
    value = value_of(given)
    return given if value is None else value


def unwrapped(given: Any) -> Any:
    """The value of JSON text, or the text if it is not JSON; any other value unchanged."""
    try:
        return msgspec.json.decode(given) if isinstance(given, str) else given
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return given


def as_json(value: Any) -> str:
    """The value as JSON, or in Python's form if JSON has none; nothing if it is nested too deep."""
    try:
        return msgspec.json.encode(value).decode()
    except RecursionError:
        return ""
    except (msgspec.MsgspecError, UnicodeEncodeError, ValueError):
        return str(value)


def inside(value: Any, *names: str) -> Any:
    """The value below these nested names; None if there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def texts(*told: Any) -> list[Part]:
    """A text of each value that holds words."""
    return [Text(text) for text in told if isinstance(text, str) and text.strip()]


def thoughts(*told: Any) -> list[Part]:
    """Reasoning of each value that holds words."""
    return [Thinking(text) for text in told if isinstance(text, str) and text.strip()]


def pictures(*found: Image | None) -> list[Image]:
    """The pictures that are there."""
    return [image for image in found if image is not None]


def joined(*told: str) -> str:
    """Texts one below the other, without empty ones."""
    return "\n".join(filter(None, told))


def ran(command: Any, output: Any) -> str:
    """A command that a person ran with `!`, and what it printed."""
    return joined(f"! {words(command)}", words(output).strip("\n"))


def answered(blocks: Iterable[dict[str, Any]]) -> tuple[list[Part], list[Call], str]:
    """The content of an answer's blocks, as in Anthropic's API: words and thoughts, calls, and the
    reason if there is nothing."""
    parts: list[Part] = []
    calls, reason = list[Call](), "empty"
    for block in blocks:
        kind, call = words(block.get("type")), words(block.get("id"))
        said = texts(block.get("text")) if kind == "text" else thoughts(block.get("thinking"))
        if kind in ("text", "thinking") and said:
            parts += said
        elif kind in ("thinking", "redacted_thinking"):
            reason = "thinking_signature_only"
        elif kind == "tool_use" and call:
            calls.append((call, words(block.get("name")), block.get("input")))
        elif kind != "text":
            reason = f"unknown_block:{safe_name(kind)}"
    return parts, calls, reason


def digest_of(value: Any) -> bytes:
    """A digest that equal values share; empty for values nested too deep to be written."""
    try:
        raw = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return b""
    return hashlib.blake2b(raw, digest_size=16).digest()


def calls_in(blocks: Iterable[dict[str, Any]]) -> list[str]:
    """The ids of the calls that blocks of a message make or answer."""
    fields = ("id", "tool_use_id", "toolUseID")
    return [name for block in blocks for f in fields if (name := words(block.get(f)))]


def mapping(value: Any) -> dict[str, Any]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def elements(value: Any) -> list[Any]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; none if it is no list."""
    return [one for one in elements(value) if isinstance(one, dict)]


def blocks_of(content: Any) -> list[dict[str, Any]]:
    """The blocks of a content; text alone is a block of its own."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else objects(content)


def text_of(parts: Iterable[Part]) -> str:
    """The texts among parts, one below the other."""
    return "\n".join(part.text for part in parts if isinstance(part, Text))


def tagged(form: re.Pattern[str], close: str, text: str) -> tuple[list[str], str]:
    """What stands between tags of this form, and the text without it. Nothing is looked for after
    the last closing tag: the search for an end that is missing would go through all the rest."""
    end = text.rfind(close) + len(close) if close in text else 0
    return form.findall(text, 0, end), form.sub("", text[:end]) + text[end:]


def words_of(content: Any) -> str:
    """The text of a content: words, or those of its blocks."""
    if isinstance(content, list):
        return "\n".join(words(block.get("text")) for block in objects(content))
    return words(content)


def images_of(parts: Iterable[Part]) -> tuple[Image, ...]:
    """The pictures among parts."""
    return tuple(part for part in parts if isinstance(part, Image))


def usage_of(told: dict[str, Any], *names: str) -> Usage:
    """The tokens in these fields: read, written, read from the cache, written to it."""
    return Usage(*(number(told.get(name)) for name in names))


def usage_with_cache(read: Any, made: Any, cached: Any, written: Any = 0) -> Usage:
    """The same, where those from the cache are among those that were read."""
    return Usage(max(0, number(read) - number(cached)), *map(number, (made, cached, written)))


def read_json(path: str) -> Any:
    """The value in a small JSON file beside a log; None if it cannot be read."""
    try:
        with open(path, "rb") as stream:
            return orjson.loads(stream.read(1 << 26))
    except (OSError, orjson.JSONDecodeError):
        return None


def read_typed(path: str, kind: type[S]) -> S:
    """The record in a small JSON file beside a log; an empty one if it cannot be read."""
    try:
        with open(path, "rb") as stream:
            return msgspec.json.decode(stream.read(1 << 16), type=kind)
    except (OSError, msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return kind()


def folder_of(uri: Any) -> str:
    """The path in the URL of a file (`file:///home/u/my%20shop`)."""
    try:
        path = unquote(urlsplit(words(uri)).path)
    except ValueError:
        return ""
    return path[1:] if _DRIVE.match(path) else path


def moment(milliseconds: object) -> str:
    """Milliseconds since 1970 as ISO-8601 UTC; "" for any other value."""
    if type(milliseconds) is not int or not 0 < milliseconds < 1 << 43:
        return ""
    at = datetime.fromtimestamp(milliseconds / 1000, UTC).replace(tzinfo=None)
    return at.isoformat(timespec="milliseconds") + "Z"


def words(value: object) -> str:
    """The value if it is text, else ""."""
    return value if isinstance(value, str) else ""


def number(value: object) -> int:
    """The value if it is a count, else 0."""
    return value if type(value) is int and 0 <= value < 1 << 53 else 0


def utc(at: str) -> str:
    """A timestamp as ISO-8601 UTC ending in Z; "" for any other value."""
    if at[-1:] == "Z" and at[:4].isdigit():
        return at
    try:
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return ""
    return moment.isoformat(timespec="milliseconds") + "Z"


#: Words with marks between and hardly a digit, unlike keys, addresses and file names.
_WORD = r"(?:[a-z]{1,20}|[A-Z]{1,12})?(?:[A-Z][a-z]{1,19}){0,5}[A-Z]{0,2}\d{0,2}"
_NAME = re.compile(rf"(?=[A-Za-z]){_WORD}(?:[ _.:/-](?=[A-Za-z]){_WORD}){{0,5}}")


def safe_name(name: str) -> str:
    """A log's own word in a form that may be published in a reason: a word like those of types and
    roles, of at most 40 characters; `other` for all else."""
    if not name:
        return "none"
    return _safe(name) if len(name) <= 40 else "other"


@lru_cache(maxsize=1024)
def _safe(name: str) -> str:
    """The same for short names, cached: there are few, and every record has one."""
    return name.replace(" ", "_") if _NAME.fullmatch(name) else "other"
