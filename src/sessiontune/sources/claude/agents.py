"""The files of sub-agents, and the order in which they are read: callers first.

An agent finds the call that started it only if its caller was read before. The caller's file names
the agent; if that was lost, the caller is an agent that began earlier.
"""

from __future__ import annotations

import os
import re

import msgspec

from ..lines import open_log, stem
from ..shapes import read_typed

_NAMED = re.compile(rb'"agentId"\s*:\s*"([^"\\]{1,80})"')
_BEGAN = re.compile(rb'"timestamp"\s*:\s*"([0-9T:.Z-]{1,40})"')
_STEP = 1 << 20
_LAP = 160  # longer than any name with what is around it


def is_agent(path: str) -> bool:
    """Whether a file is named as the log of a sub-agent."""
    return len(stem(path)) > len("agent-") and os.path.basename(path).startswith("agent-")


def agents(files: tuple[str, ...]) -> dict[str, list[int]]:
    """Agent id -> its files (several if a session folder was copied)."""
    found: dict[str, list[int]] = {}
    for at, path in enumerate(files):
        if is_agent(path):
            found.setdefault(stem(path)[len("agent-") :], []).append(at)
    return found


def callers_first(
    waiting: dict[str, list[int]], files: tuple[str, ...]
) -> dict[str, tuple[bool, str]]:
    """Agent id -> its rank: those that no other waiting agent names, then by when they began."""
    named: set[str] = set()
    began: dict[str, str] = {}
    for name, indexes in waiting.items():
        seen = [_look(files[at]) for at in indexes]
        began[name] = min(at for at, _ in seen)
        for _, names in seen:
            named |= names - {name}
    return {name: (name in named, began[name]) for name in waiting}


def _look(path: str) -> tuple[str, set[str]]:
    """When a log begins, and the ids of agents in it."""
    began, names, held = "", set(), b""
    try:
        with open_log(path) as log:
            while block := log.read(_STEP):
                held = held[-_LAP:] + block
                names.update(_NAMED.findall(held))
                found = None if began else _BEGAN.search(held)
                began = found[1].decode() if found else began
    except OSError:
        pass  # the reader reports it
    return began, {name.decode("utf-8", "replace") for name in names}


class Meta(msgspec.Struct, gc=False):
    """`agent-<id>.meta.json`."""

    agentType: str | None = None
    toolUseId: str | None = None


def meta_of(path: str) -> Meta:
    """What the program wrote beside an agent's log; empty if there is none."""
    return read_typed(os.path.splitext(path)[0] + ".meta.json", Meta)
