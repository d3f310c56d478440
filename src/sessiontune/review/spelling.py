"""A call's arguments as a person reads them: a line for each, and texts without escapes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec


def spelled(arguments: str) -> str:
    """The arguments, of which those with several lines begin on a line of their own."""
    try:
        given = msgspec.json.decode(arguments)
        if not isinstance(given, dict):
            return arguments
        lines = [f"{name}:\n{v}" if "\n" in v else f"{name}: {v}" for name, v in _named("", given)]
    except (msgspec.DecodeError, RecursionError):
        return arguments
    return "\n".join(lines)


def _named(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Name and text of a value, or of each that it holds: where it holds a text with escapes, such
    as the lines of an edit, and of the arguments themselves."""
    if isinstance(value, str):
        yield name, value
        return
    text = msgspec.json.encode(value).decode()
    if (name and "\\" not in text) or not isinstance(value, dict | list):
        yield name, text
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _named(f"{name}.{key}" if name else key, one)
    else:
        for number, one in enumerate(value):
            yield from _named(f"{name}[{number}]", one)
