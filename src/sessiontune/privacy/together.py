"""Strings of a JSON value that must be read together: `["--token", "V"]`.

The strings of a value are redacted one by one, each under its key. Where one of them is a name that
announces a secret or an option of a command, or such a name is the key of a list or an object, the
whole list or object is also read as JSON text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from .pseudonym import is_pseudonym
from .rules import Span

_NAMES = re.compile(
    r"(?i)[a-z0-9_.-]{0,60}(?:pass|pwd|secret|token|key|cred|auth)[a-z0-9_.-]{0,60}|-[a-z]\S*"
)
#: How calls name the field of a form for passwords: `Password field`, `input[type="password"]`.
_FIELD = re.compile(r"(?i)(?:passw(?:or)?d|pwd|passphrase|passcode)[\w \]\"'-]{0,24}\Z")
#: Longest JSON, in bytes, that is read as one; of what is longer, only the parts are read.
_LONGEST = 1 << 18


class Laid(msgspec.Struct):
    """A value as JSON text, with its strings (not its keys): start, end, and the string itself."""

    text: bytes
    leaves: list[tuple[int, int, str]]

    def within(self, spans: list[Span]) -> Iterator[tuple[str, int, list[Span]]]:
        """For each string that a span touches: the string, its start, and its spans, cut to fit."""
        for start, end, leaf in self.leaves:
            mine = [
                msgspec.structs.replace(s, start=max(s.start, start), end=min(s.end, end))
                for s in spans
                if s.start < end and s.end > start
            ]
            mine = [s for s in mine if not is_pseudonym(self.text[s.start : s.end])]
            if mine:
                yield leaf, start, mine


def _names(text: str) -> bool:
    return _NAMES.fullmatch(text) is not None or _FIELD.search(text) is not None


def groups(value: Any) -> Iterator[Any]:
    """The lists and objects in a value whose strings must be read together."""
    stack = [value]
    while stack:
        item = stack.pop()
        pairs = item.items() if isinstance(item, dict) else [("", child) for child in item]
        named = False
        for key, child in pairs:
            if isinstance(child, str):
                named = named or (len(child) < 140 and _names(child))
            elif isinstance(child, dict | list | tuple) and child:
                stack.append(child)
                if isinstance(key, str) and len(key) < 140 and _NAMES.fullmatch(key):
                    yield {key: child}
        if named and len(item) > 1:
            yield item


def laid(value: Any) -> Laid | None:
    """The value as JSON text; None where that is too long. Without recursion: values may be
    deep."""
    out: list[bytes] = []
    leaves: list[tuple[int, int, str]] = []
    size = 0

    def put(text: str) -> None:
        nonlocal size
        out.append(text.encode("utf-8", "surrogatepass"))
        size += len(out[-1])

    stack: list[Any] = [value]
    while stack and size <= _LONGEST:
        item = stack.pop()
        if isinstance(item, _Mark):
            put(item.text)
        elif isinstance(item, str):
            text = json.dumps(item, ensure_ascii=False)
            leaves.append((size + 1, size + len(text.encode("utf-8", "surrogatepass")) - 1, item))
            put(text)
        elif isinstance(item, dict):
            stack += _reversed("{", item.items(), "}")
        elif isinstance(item, list | tuple):
            stack += _reversed("[", [(None, child) for child in item], "]")
        else:
            put("0")  # a number, a truth value or null names nothing
    return None if stack else Laid(b"".join(out), leaves)


class _Mark(msgspec.Struct, frozen=True):
    """A piece of JSON between values: brackets, commas, a key."""

    text: str


def _reversed(opening: str, pairs: Any, closing: str) -> list[Any]:
    """The marks and values of a list or an object, from last to first, for the stack."""
    found: list[Any] = [_Mark(opening)]
    for key, child in pairs:
        head = "" if key is None else json.dumps(key, ensure_ascii=False) + ":"
        found.append(_Mark(("," if len(found) > 1 else "") + head))
        found.append(child)
    found.append(_Mark(closing))
    return found[::-1]


def mended(
    value: Any, find: Callable[[bytes], list[Span]], apply: Callable[[bytes, list[Span]], bytes]
) -> dict[str, str]:
    """Old strings of a value -> new ones, where only their neighbours show that they are secret."""
    changed: dict[str, str] = {}
    for group in groups(value):
        whole = laid(group)
        for leaf, start, spans in whole.within(find(whole.text)) if whole else ():
            inner = json.dumps(leaf, ensure_ascii=False)[1:-1].encode("utf-8", "surrogatepass")
            moved = [
                msgspec.structs.replace(s, start=s.start - start, end=s.end - start) for s in spans
            ]
            try:
                changed[leaf] = json.loads(b'"' + apply(inner, moved) + b'"')
            except ValueError:  # a span ends inside an escape: replace the whole string
                whole_leaf = msgspec.structs.replace(moved[0], start=0, end=len(inner), text=None)
                changed[leaf] = apply(inner, [whole_leaf]).decode()
    return changed
