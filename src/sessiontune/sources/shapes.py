"""Values of a log that may have any shape, taken for what they should be."""

from __future__ import annotations

import hashlib
import re
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson

from ..ledger import Ledger
from .linear import words
from .lines import values

_DRIVE = re.compile(r"/[A-Za-z]:")


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


def digest_of(value: Any) -> bytes:
    """The same for values that are equal; empty for what is nested too deep to be written."""
    try:
        raw = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return b""
    return hashlib.blake2b(raw, digest_size=16).digest()


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
