"""JSON values: collects their strings, judges a string under its key, puts replacements in."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2
from msgspec.structs import replace

from .detect import Detector
from .joined import encoded
from .rules import Span


def keyed_text(key: str, text: str) -> str:
    """A key and its string as a line of JSON has them, without escapes."""
    return f'"{key}": "{text}"'


def under(key: str, text: str, detector: Detector) -> list[Span]:
    """What is found in `text` when it stands under `key`, as byte offsets in `text`."""
    return within(detector.find(encoded(keyed_text(key, text))), key, len(encoded(text)))


def within(spans: list[Span], key: str, size: int) -> list[Span]:
    """The spans in a `keyed_text` that begin in its string of `size` bytes, as offsets in it."""
    head = len(encoded(key)) + 5
    return [
        replace(span, start=span.start - head, end=min(span.end - head, size))
        for span in spans
        if head <= span.start < head + size
    ]


def collect_strings(obj: Any, leaves: list[str]) -> None:
    """Adds all strings of a JSON value, keys too, to `leaves`. No recursion: values may be deep."""
    stack = [obj]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            leaves.append(item)
        elif isinstance(item, dict):
            for key, value in item.items():
                if isinstance(key, str):
                    leaves.append(key)
                stack.append(value)
        elif isinstance(item, list | tuple):
            stack.extend(item)


_HOT_KEY = re2.compile(
    r"(?i)pass|pwd|secret|token|key|cred|auth|cookie|jwt|bearer|signature|email|phone|uuid|_id|Id$|"
    r"account|org|lat|lon|lng|coord|address|mobil|^tel$|telefon|fax|handy|street|strasse|line_?1|"
    r"direcci|indirizzo|endere|adres|iban|ssn|^mac|^gps|^geo|passport|routing|aadha|pesel|insurance"
)


@lru_cache(maxsize=4096)
def hot(key: str) -> bool:
    """True where a value under this key is to be judged together with it. Remembered, because logs
    repeat their keys."""
    return _HOT_KEY.search(key) is not None


def may_tell(key: str, value: Any) -> bool:
    """True where a number may need replacing: under a `hot` key (also two to four in a list, as
    coordinates are), or with as many digits as a card."""
    if isinstance(value, list):
        return 1 < len(value) <= 4 and all(type(n) in (int, float) for n in value) and hot(key)
    kind = type(value)
    return (kind is int or kind is float) and ((kind is int and value >= 10**11) or hot(key))


def rebuild(obj: Any, changed: dict[str, str], keyed: Any, numbers: Any = None) -> Any:
    """The value with its strings replaced. `changed` maps old strings to new ones; `keyed(key,
    text)` and `numbers(key, number)` give what the key changes, or None. Unchanged parts are the
    same objects."""
    if isinstance(obj, str):
        return changed.get(obj, obj)
    if isinstance(obj, dict):
        new: dict[Any, Any] = {}
        same = True
        for key, value in obj.items():
            fresh_key = changed.get(key, key) if isinstance(key, str) else key
            if (
                isinstance(value, str)
                and isinstance(key, str)
                and keyed
                and (hot(key) or hot(fresh_key))
            ):
                fresh = keyed(key, value)
                if fresh is None:
                    fresh = changed.get(value, value)
                if fresh_key is not key:  # the new key may say more or less than the old one
                    fresh = keyed(fresh_key, fresh) or fresh
            elif numbers and isinstance(key, str) and may_tell(key, value):
                fresh = numbers(key, value)
                fresh = value if fresh is None else fresh
            else:
                fresh = rebuild(value, changed, keyed, numbers)
            while fresh_key in new:
                fresh_key = f"{fresh_key}_"
            new[fresh_key] = fresh
            same = same and fresh is value and fresh_key is key
        return obj if same else new
    if isinstance(obj, list | tuple):
        items = [rebuild(item, changed, keyed, numbers) for item in obj]
        if all(a is b for a, b in zip(items, obj, strict=True)):
            return obj
        return type(obj)(items)
    return obj
