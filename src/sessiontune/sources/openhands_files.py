"""The files of OpenHands before its version 1: `<id>/events/0.json`, which represents all events of
its folder, or a trajectory that was written or downloaded (`.json`, an array of the same events).
"""

from __future__ import annotations

import os
import re
from typing import Any

import msgspec

from ..ports import FileIndex
from .indexing import unread
from .lines import head_of
from .shapes import mapping, read_json

#: Fields in the order in which the program writes them; of what no program of its kind has.
_FIELDS = (
    rb'\{\s*"id"\s*:\s*\d+\s*,\s*"timestamp"\s*:\s*"[^"]*"\s*,\s*'
    rb'"source"\s*:\s*"(?:agent|user|environment)"\s*,\s*'
    rb'"(?:message|cause|action|observation)"\s*:'
)
_EVENT = re.compile(rb"\s*" + _FIELDS)
_LISTED = re.compile(rb"\s*\[\s*" + _FIELDS)
_TYPED = re.compile(rb'"timestamp"\s*:\s*"([^"]+)"\s*,\s*"source"\s*:\s*"user"')
_PLACE = re.compile(rb'"working_dir"\s*:\s*"([^"\\]{1,1000})"')
_MOST = 1 << 28  # bytes of a file that are looked at
_NUMBERED = re.compile(r"(\d+)\.json")


def numbered(path: str) -> list[str]:
    """The events beside one, in their order; none if the file is no event."""
    folder, name = os.path.split(path)
    if os.path.basename(folder) != "events" or _NUMBERED.fullmatch(name) is None:
        return []
    try:
        found = [(int(m[1]), n) for n in os.listdir(folder) if (m := _NUMBERED.fullmatch(n))]
    except OSError:
        return []
    return [os.path.join(folder, name) for _, name in sorted(found)]


def recognise(path: str, head: bytes) -> bool:
    """Whether a file is the first event of a conversation, or a trajectory. (The pages in
    `event_cache` are copies of the events.)"""
    if os.path.basename(os.path.dirname(path)) == "event_cache":
        return False
    if _LISTED.match(head):
        return True
    first = os.path.basename(path) == "0.json" and bool(numbered(path))
    return first and _EVENT.match(head) is not None


def index(path: str) -> FileIndex:
    """The folders that commands ran in, and what a conversation and a trajectory of it share: when
    a person first wrote."""
    begun, places = "", set[str]()
    for one in numbered(path) or [path]:
        raw = head_of(one, _MOST)
        typed = _TYPED.search(raw) if not begun else None
        begun = typed[1].decode("utf-8", "replace") if typed is not None else begun
        places.update(found.decode("utf-8", "replace") for found in _PLACE.findall(raw))
    found = unread(path, f"session:{begun or name_of(path)}")
    return msgspec.structs.replace(found, names=tuple(sorted(places)))


def name_of(path: str) -> str:
    """The name of a conversation: that of its folder, or of the trajectory."""
    if numbered(path):
        return os.path.basename(os.path.dirname(os.path.dirname(path)))
    return os.path.splitext(os.path.basename(path))[0]


def about_of(path: str) -> dict[str, Any]:
    """The program's notes on a conversation, beside the folder of its events."""
    above = os.path.dirname(os.path.dirname(path))
    return mapping(read_json(os.path.join(above, "metadata.json"))) if numbered(path) else {}
