"""What several strings of a structure say: `["--token", "V"]`, `{"name": "token", "value": "V"}`.

The strings of a call's arguments are redacted one by one, each under its key. Where one of them is
a name that announces a secret, or such a key holds a list or an object, what stands together is
read as the JSON that it becomes.
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
    r"(?i)-{0,2}[a-z0-9_.-]{0,60}(?:pass|pwd|secret|token|key|cred|auth)[a-z0-9_.-]{0,60}"
)
#: A field of a form, as those name it who fill it in: `Password field`, `input[type="password"]`.
_FIELD = re.compile(r"(?i)(?:passw(?:or)?d|pwd|passphrase|passcode)[\w \]\"'-]{0,24}\Z")
#: Longer JSON is looked at in its parts only.
_LONGEST = 1 << 18


class Laid(msgspec.Struct):
    """A structure as JSON, with the places of its strings (not of its keys)."""

    text: bytes
    leaves: list[tuple[int, int, str]]

    def within(self, spans: list[Span]) -> Iterator[tuple[str, int, list[Span]]]:
        """The strings that spans touch, with where they begin and those spans, cut to fit."""
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
    """The lists and objects of a structure whose strings must be read together."""
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
    """The JSON of a structure; None where it is too long to be read as one."""
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
            put("0")  # a number, a truth value, nothing: whatever it is, it names nothing
    return None if stack else Laid(b"".join(out), leaves)


class _Mark(msgspec.Struct, frozen=True):
    """A piece of JSON between the values."""

    text: str


def _reversed(opening: str, pairs: Any, closing: str) -> list[Any]:
    """The marks and values of a list or an object, the last first."""
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
    """Strings of a structure that what stands beside them tells, with what replaces them."""
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
            except ValueError:  # a span ends inside an escape
                whole_leaf = msgspec.structs.replace(moved[0], start=0, end=len(inner), text=None)
                changed[leaf] = apply(inner, [whole_leaf]).decode()
    return changed
