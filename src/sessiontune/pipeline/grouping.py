"""Which logs belong together.

A *unit* is a connected component of files: files that share record ids (resumed copies), or a
link such as a session and its sub-agents. Each unit is read without looking at any other.

Units of one former run whose files have not changed have nothing new to join. So only new and
changed files, and the units that one of them touches, are grouped again.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from ..ports import FileIndex
from ..store import FileRow, Store

#: The name in the state's memory.
_NAME = "grouped"


class Unit(msgspec.Struct, frozen=True):
    """Files that must be read together, all of one source; `key` changes when one of them does."""

    key: str
    source: str
    rows: tuple[FileRow, ...]

    @property
    def size(self) -> int:
        """Bytes of the files that are there."""
        return sum(row.file.size for row in self.rows if not row.gone)


def units_of(
    rows: Sequence[FileRow],
    preparation: str,
    former: Iterable[tuple[str, Sequence[str]]] = (),
) -> list[Unit]:
    """Units with keys that depend on their files' state and on how they are prepared, sorted by
    source and first path. `former`: keys and paths of units that one run found side by side.

    Their rows lack ids and links: only grouping needs them, and they are most of an index."""
    settled = list(_settled(rows, preparation, former))
    held = {row.file.path for unit in settled for row in unit.rows}
    loose = [row for row in rows if row.file.path not in held]
    touched = _touched(settled, loose)
    units = [unit for unit in settled if unit.key not in touched]
    loose += [row for unit in settled if unit.key in touched for row in unit.rows]
    for source in {row.file.source for row in loose}:
        mine = [row for row in loose if row.file.source == source]
        units += [_unit(tuple(group), preparation) for group in components(mine)]
    units.sort(key=lambda u: (u.source, u.rows[0].file.path))
    same: dict[tuple[str, ...], tuple[str, ...]] = {}  # most files name the same few places
    return [_slim(unit, same) for unit in units]


def _slim(unit: Unit, same: dict[tuple[str, ...], tuple[str, ...]]) -> Unit:
    replace = msgspec.structs.replace
    rows = []
    for row in unit.rows:
        names = same.setdefault(row.index.names, row.index.names)
        rows.append(replace(row, index=FileIndex(names=names, last=row.index.last)))
    return Unit(unit.key, unit.source, tuple(rows))


def side_by_side(store: Store) -> list[tuple[str, tuple[str, ...]]]:
    """The keys and paths of the last run's units."""
    keys = set(msgspec.msgpack.decode(store.memory(_NAME) or b"\x90", type=list[str]))
    return [(key, paths) for key, paths in store.unit_paths().items() if key in keys]


def note(store: Store, units: Iterable[Unit]) -> None:
    """Remember which units a run found side by side."""
    value = msgspec.msgpack.encode(sorted(unit.key for unit in units))
    if value != store.memory(_NAME):
        store.remember(_NAME, value)


def forget(store: Store) -> None:
    """Forget them: the next run that gets here groups all files."""
    store.remove_memory(_NAME)


def components(rows: Sequence[FileRow]) -> list[list[FileRow]]:
    """Connected components of files of one source, each sorted by path."""
    parent = list(range(len(rows)))

    def find(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    owner: dict[str, int] = {}
    ids: dict[int, int] = {}
    for i, row in enumerate(rows):
        for link in row.index.links:
            j = owner.setdefault(link, i)
            if j != i:
                parent[find(i)] = find(j)
        mine = dict.fromkeys(_ids(row), i)
        for number in ids.keys() & mine.keys():
            parent[find(i)] = find(ids[number])
        ids.update(mine)
    groups: dict[int, list[FileRow]] = {}
    for i, row in enumerate(rows):
        groups.setdefault(find(i), []).append(row)
    return [sorted(group, key=lambda r: r.file.path) for group in groups.values()]


def _ids(row: FileRow) -> array[int]:
    """Hashes of a file's record ids."""
    numbers = array("Q")
    numbers.frombytes(row.index.ids)
    return numbers


def _unit(group: tuple[FileRow, ...], preparation: str) -> Unit:
    source = group[0].file.source
    state = [(r.file.path, r.file.size, r.file.mtime_ns, r.file.inode) for r in group]
    body = msgspec.msgpack.encode((preparation, source, state))
    return Unit(hashlib.blake2b(body, digest_size=16).hexdigest(), source, group)


def _settled(
    rows: Sequence[FileRow], preparation: str, former: Iterable[tuple[str, Sequence[str]]]
) -> Iterator[Unit]:
    """Former units whose files are all unchanged: their key says so."""
    by_path = {row.file.path: row for row in rows}
    for key, paths in former:
        group = tuple(by_path[path] for path in paths if path in by_path)
        if group and len(group) == len(paths):
            unit = _unit(group, preparation)
            if unit.key == key:
                yield unit


def _touched(settled: Sequence[Unit], loose: Sequence[FileRow]) -> set[str]:
    """Keys of the units that share an id or a link with a loose file of their source."""
    if not settled:  # a first run: the ids of all files would be gathered for nothing
        return set()
    ids: dict[str, set[int]] = {}
    links: dict[str, set[str]] = {}
    for row in loose:
        ids.setdefault(row.file.source, set()).update(_ids(row))
        links.setdefault(row.file.source, set()).update(row.index.links)
    if all(_apart(settled, source, found, links[source]) for source, found in ids.items()):
        return set()  # nearly always; faster for all at once than unit by unit
    return {
        unit.key
        for unit in settled
        if unit.source in ids
        and any(
            not (
                links[unit.source].isdisjoint(row.index.links)
                and ids[unit.source].isdisjoint(_ids(row))
            )
            for row in unit.rows
        )
    }


def _apart(settled: Sequence[Unit], source: str, ids: set[int], links: set[str]) -> bool:
    """Whether no file of these units, of this source, has one of the ids or of the links."""
    numbers = array("Q")
    for unit in settled:
        if unit.source == source:
            for row in unit.rows:
                if not links.isdisjoint(row.index.links):
                    return False
                numbers.frombytes(row.index.ids)
    return ids.isdisjoint(numbers)
