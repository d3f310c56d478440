"""Sub-agents of Kiro's newer engine: their logs, and what the sessions that start them tell."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from .lines import stem
from .shapes import words
from .units import Caller

SUBS = "sub-executions"


def folder(path: str) -> str:
    """The folder of the session to which a log belongs."""
    above = os.path.dirname(os.path.abspath(path))
    return os.path.dirname(above) if os.path.basename(above) == SUBS else above


def sub_name(path: str) -> str:
    """The name of the sub-agent whose log this is; "" for any other."""
    above = os.path.dirname(os.path.abspath(path))
    return stem(path) if os.path.basename(above) == SUBS else ""


class Start:
    """What a session tells of a sub-agent that it starts."""

    def __init__(self, path: str, place: tuple[int, int], at: str, told: dict[str, Any]) -> None:
        self.path, self.place, self.at = path, place, at
        self.prompt, self.agent = words(told.get("prompt")), words(told.get("subAgentName"))
        self.call: Caller | None = None


class Starts(dict[str, Start | None]):
    """Sub-agents whose logs are here -> what their callers told, None as long as nobody did."""

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__(dict.fromkeys(names))
        self._new: list[str] = []

    def note(self, name: str, start: Start) -> None:
        """Note what a caller told."""
        self[name] = start
        self._new.append(name)

    def take_new(self) -> list[str]:
        """The names noted since the last call."""
        new, self._new = self._new, []
        return new
