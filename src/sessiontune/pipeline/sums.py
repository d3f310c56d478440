"""The summaries of thousands of units, added up without decoding each in every run.

Units are assigned to a fixed number of groups by a name that stays when they change. The sum of
each group is kept in the state under a key made of the keys of its units, so a group whose units
are unchanged is taken as it is. The order of summing makes no difference.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

import msgspec

from .. import codec, notes
from ..store import Store

#: Raise when the same notes would give another sum.
_VERSION = 2
#: After a change in one unit, the units of its group are added up again, and then all groups.
_GROUPS = 64


class Sum(Protocol):
    """A sum, empty at first; `add` takes a summary or another sum."""

    def __init__(self) -> None: ...

    def add(self, other: Any, /) -> None: ...


S = TypeVar("S", bound=Sum)


def add_up(
    store: Store,
    units: Iterable[tuple[str, str]],
    read: Callable[[str], object],
    kind: type[S],
) -> S:
    """The sum over units, each given by its name and the key by which `read` finds its summary."""
    groups: dict[int, list[str]] = {}
    for name, key in units:
        groups.setdefault(zlib.crc32(name.encode()) % _GROUPS, []).append(key)
    known = notes.sums(store.db, kind.__name__)
    fresh: list[tuple[int, str, bytes]] = []
    total = kind()
    for number, keys in groups.items():
        name = codec.digest(_VERSION, sorted(keys))
        before, value = known.get(number, ("", b""))
        part = _read(value, kind) if before == name else None
        if part is None:
            part = kind()
            for key in keys:
                part.add(read(key))
            fresh.append((number, name, msgspec.msgpack.encode(part)))
        total.add(part)
    gone = known.keys() - groups.keys()
    if fresh or gone:
        with store.transaction() as db:
            notes.put_sums(db, kind.__name__, fresh, gone)
    return total


def _read(value: bytes, kind: type[S]) -> S | None:
    """A sum, or None if another version wrote it."""
    try:
        return msgspec.msgpack.decode(value, type=kind)
    except msgspec.DecodeError:
        return None
