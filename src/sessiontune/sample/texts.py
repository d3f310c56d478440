"""Reads the text files of the sample: sections with a `[name]` line and one entry a line."""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def raw(name: str) -> str:
    """The text of a data file beside this module."""
    return resources.files(__package__).joinpath(name).read_text("utf-8")


@cache
def sections(name: str) -> dict[str, tuple[str, ...]]:
    """Sections of a data file: name -> entries. Comments and empty lines are left out."""
    found: dict[str, list[str]] = {}
    entries: list[str] = []
    for line in raw(name).splitlines():
        if line.startswith("["):
            entries = found.setdefault(line[1 : line.index("]")], [])
        elif line and not line.startswith("#"):
            entries.append(line)
    return {key: tuple(lines) for key, lines in found.items()}
