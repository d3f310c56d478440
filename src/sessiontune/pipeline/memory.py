"""Looking things up in the state: threads, where rows came from, and what to forget."""

from __future__ import annotations

import os
from collections.abc import Iterator

import msgspec

from ..decisions import SplitMemory
from ..model import Session
from ..store import Store, UnitRow
from .prepare import Head, UnitSummary, sessions_at
from .publish import layout_name


class Found(msgspec.Struct):
    """What `forget` would purge. `published`: folders whose rows hold some of it."""

    files: list[str]
    units: list[str]
    sessions: list[str]
    lineages: list[str]
    published: list[str]


def summaries(store: Store) -> Iterator[tuple[UnitRow, UnitSummary]]:
    """All prepared units with their summaries."""
    decode = msgspec.msgpack.Decoder(UnitSummary).decode
    for row in store.units().values():
        yield row, decode(row.summary)


def threads(store: Store) -> dict[str, Head]:
    """Heads by key and by thread."""
    found: dict[str, Head] = {}
    for _, summary in summaries(store):
        for head in summary.heads:
            found[head.key] = head
            found.setdefault(head.thread, head)
    return found


def session(store: Store, key: str) -> Session | None:
    """The redacted session with this key or thread, with its private origins."""
    there = store.shards.places(store.db)
    for row, summary in summaries(store):
        if not any(key in (h.key, h.thread) for h in summary.heads):
            continue
        if row.key not in there:
            continue
        for candidate in sessions_at(there[row.key]):
            if key in (candidate.key, candidate.thread):
                return candidate
    return None


def find(store: Store, what: str) -> Found:
    """Everything in the state that belongs to a project folder, a file, or a session."""
    path = os.path.realpath(os.path.expanduser(what))
    found = Found([], [], [], [], [])
    files = store.files()
    matching = {
        p
        for p, row in files.items()
        if row.file.source
        and (
            p == path
            or p.startswith(path + os.sep)
            or any(what.rstrip("/") == n.rstrip("/") for n in row.index.names)
            or os.path.basename(os.path.dirname(p)) == what
            or os.path.splitext(os.path.basename(p))[0] == what
        )
    }
    for row, summary in summaries(store):
        mine = [
            h
            for h in summary.heads
            if what in (h.key, h.thread, h.lineage) or matching & set(h.lines)
        ]
        if not mine and not matching & set(row.paths):
            continue
        found.units.append(row.key)
        found.sessions += [h.key for h in mine]
        found.lineages += [h.lineage for h in mine]
        matching |= {f for h in mine for f in h.lines}
    found.files = sorted(matching)
    keys = set(found.sessions)
    found.published = sorted(
        folder for folder, (_, _, held) in store.published().items() if keys & set(held)
    )
    return found


def near(store: Store, what: str) -> list[str]:
    """Project folders that end in this name, to suggest: several projects may share it."""
    names = {n for row in store.files().values() for n in row.index.names}
    return sorted(n for n in names if n.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1] == what)


def purge(store: Store, found: Found) -> None:
    """Remove it: shards, segments, files, split seats. Other files of the same units are read
    again by the next export."""
    store.delete_units(found.units, wholly=True)
    store.sweep()
    store.delete_files(found.files)
    old = store.memory("split")
    if old:
        memory = msgspec.msgpack.decode(old, type=SplitMemory)
        kept = memory.without(set(found.lineages), found.sessions)
        store.remember("split", msgspec.msgpack.encode(kept))
    for folder in store.published():
        store.remove_memory(layout_name(folder))  # footers name the smallest and largest values
    store.vacuum()
