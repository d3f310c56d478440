"""Looking things up in the state: threads, where rows came from, and what to forget."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from .. import notes, registry
from ..decisions import SplitMemory
from ..model import Session
from ..store import FileRow, Store, UnitRow
from .choosing import settle_memory
from .moving import Elsewhere, goes_on
from .prepare import Head, UnitSummary, sessions_at
from .publish import layout_name
from .remnants import remnant
from .select import with_projects
from .walking import below, walk


class Found(msgspec.Struct):
    """What `forget` would purge: all of `logs`, and the sessions that are `named`. `files`: logs
    that hold some of it; `sessions`, `lineages`: what is in them; `published`: folders whose rows
    hold some of it."""

    logs: list[str]
    named: list[str]
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
    found = Found([], [], [], [], [], [], [])
    files = {p: row for p, row in store.files().items() if row.file.source}
    matching = {
        p
        for p, row in files.items()
        if below(p, path)
        or any(what.rstrip("/") == n.rstrip("/") for n in with_projects(row.index.names))
        or os.path.basename(os.path.dirname(p)) == what
        or os.path.splitext(os.path.basename(p))[0] == what
    }
    matching |= _other_paths(path, matching, files)
    holding = set(matching)
    for row, summary in summaries(store):
        named = [h for h in summary.heads if what in (h.key, h.thread, h.lineage)]
        mine = [h for h in summary.heads if h in named or not matching.isdisjoint(h.lines)]
        if not mine and matching.isdisjoint(row.paths):
            continue
        found.units.append(row.key)
        found.named += [h.key for h in named]
        found.sessions += [h.key for h in mine]
        found.lineages += [h.lineage for h in mine]
        holding.update(f for h in named for f in h.lines)
    found.logs, found.files = sorted(matching), sorted(holding)
    keys = set(found.sessions)
    found.published = sorted(
        folder for folder, (_, _, held) in store.published().items() if keys & set(held)
    )
    return found


def _other_paths(path: str, matching: set[str], files: dict[str, FileRow]) -> set[str]:
    """Other paths under which the state knows the logs of a file or folder: they have several
    names, or were read in another place before."""
    there = walk([Path(path)], registry.source_names()).files if os.path.exists(path) else []
    by_inode = {log.inode: log for log in there}
    apart = Elsewhere([files[p] for p in matching])
    found = set()
    for p in files.keys() - matching:
        row = files[p]
        log = by_inode.get(row.file.inode)
        if (log and goes_on(row, log)) or (apart.path_of(row) and not os.path.lexists(p)):
            found.add(p)
    return found


def near(store: Store, what: str) -> list[str]:
    """Project folders whose last part is this name, as suggestions: several may share it."""
    names = with_projects(n for row in store.files().values() for n in row.index.names)
    return sorted(n for n in names if n.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1] == what)


def purge(store: Store, found: Found) -> None:
    """Remove it: shards, segments, files, seats of the split. The rest of the same units stays
    (`remnants`); if its logs are there, the next export reads them again."""
    settle_memory(store)
    logs, named = set(found.logs), set(found.named)
    units, there = store.units(), store.shards.places(store.db)
    rest = [remnant(units[key], there, logs, named, store) for key in found.units]
    stays = [one for one in rest if one is not None]
    store.purge_units(found.units, [one.unit for one in stays])
    held = {path for one in stays for path in one.unit[0].paths}
    store.delete_files(logs | (set(found.files) - held))
    lineages = {head.lineage for one in stays for head in one.heads}
    keys = {head.key for one in stays for head in one.heads}
    for name, old in store.memories(notes.SPLIT):
        memory = msgspec.msgpack.decode(old, type=SplitMemory)
        kept = memory.without(set(found.lineages) - lineages, set(found.sessions) - keys)
        store.remember(name, msgspec.msgpack.encode(kept))
    for folder in store.published():
        store.remove_memory(layout_name(folder))  # footers name the smallest and largest values
    store.remove_memory("quick:")  # no folder passes for up to date
    store.vacuum()
