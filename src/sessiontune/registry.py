"""Adapters by name: our own, and those that other packages offer through entry points.

Groups: `sessiontune.sources`, `sessiontune.formats`. An entry point names a `Source` or `Format`
object. It cannot take a name of ours.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoints, entry_points
from typing import Any, cast

from .errors import UsageError
from .ports import Format, Source

_SOURCES = {
    "claude": "sessiontune.sources.claude:SOURCE",
    "codex": "sessiontune.sources.codex:SOURCE",
    "gemini": "sessiontune.sources.gemini:SOURCE",
    "copilot": "sessiontune.sources.copilot:SOURCE",
    "pi": "sessiontune.sources.pi:SOURCE",
    "opencode": "sessiontune.sources.opencode:SOURCE",
    "aider": "sessiontune.sources.aider:SOURCE",
    "swe-agent": "sessiontune.sources.sweagent:SOURCE",
    "mini-swe-agent": "sessiontune.sources.minisweagent:SOURCE",
    "qwen": "sessiontune.sources.qwen:SOURCE",
    "cline": "sessiontune.sources.cline:SOURCE",
    "droid": "sessiontune.sources.droid:SOURCE",
    "continue": "sessiontune.sources.continuedev:SOURCE",
    "goose": "sessiontune.sources.goose:SOURCE",
    "crush": "sessiontune.sources.crush:SOURCE",
    "cursor": "sessiontune.sources.cursor:SOURCE",
    "vscode": "sessiontune.sources.vscode:SOURCE",
    "amp": "sessiontune.sources.amp:SOURCE",
    "kiro": "sessiontune.sources.kiro:SOURCE",
    "openhands": "sessiontune.sources.openhands:SOURCE",
    "kimi": "sessiontune.sources.kimi:SOURCE",
    "zed": "sessiontune.sources.zed:SOURCE",
    "cursor-agent": "sessiontune.sources.cursor_agent:SOURCE",
    "sessiontune": "sessiontune.sources.published:SOURCE",
}
_FORMATS = {
    "sharegpt": "sessiontune.formats.sharegpt:FORMAT",
    "raw": "sessiontune.formats.raw:FORMAT",
    "combined": "sessiontune.formats.combined:FORMAT",
    "openai": "sessiontune.formats.openai:FORMAT",
    "alpaca": "sessiontune.formats.alpaca:FORMAT",
}


def source_names() -> list[str]:
    """All known sources, ours first."""
    return _names("sessiontune.sources", _SOURCES)


def source(name: str) -> Source:
    """A source by name. Raises UsageError for an unknown one."""
    return cast(Source, _load("sessiontune.sources", _SOURCES, name, "source"))


def format(name: str) -> Format:
    """A format by name. Raises UsageError for an unknown one."""
    return cast(Format, _load("sessiontune.formats", _FORMATS, name, "format"))


def _names(group: str, ours: dict[str, str]) -> list[str]:
    return [*ours, *sorted(e.name for e in _offered(group) if e.name not in ours)]


@cache
def _offered(group: str) -> EntryPoints:
    """What other packages offer; cached, since asking searches all installed packages."""
    return entry_points(group=group)


@cache
def _own(place: str) -> Any:
    module, attribute = place.split(":")
    return getattr(import_module(module), attribute)


def _load(group: str, ours: dict[str, str], name: str, what: str) -> Any:
    if name in ours:
        return _own(ours[name])
    for entry in _offered(group):
        if entry.name == name:
            return entry.load()
    from difflib import get_close_matches

    known = _names(group, ours)
    near = get_close_matches(name, known, n=1)
    hint = f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(known)}."
    raise UsageError(f"There is no {what} '{name}'.", hint)
