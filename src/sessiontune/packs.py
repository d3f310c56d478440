"""Files that each hold what was made of several units: a small unit needs no file of its own.

A pack is written beside its place and renamed when it is whole, so a run that dies leaves no half
pack. Nothing in it changes afterwards. The state's table `places` says what lies where; a file
without a row there, whose name is a key, holds only what belongs to that key.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec

from .errors import DamagedError, cannot_write

T = TypeVar("T")

SCHEMA = """
create table if not exists places (
  kind text, key text, pack text, at integer, size integer, crc integer, primary key (kind, key)
) without rowid;
"""
#: Bytes of work that go into one pack, about.
_PACK = 4_000_000
_BUFFER = 256 << 10
_COPY = 1 << 20
#: Packs that are looked for at once.
_TOGETHER = 900


def left_of(key: str) -> str:
    """The key of what a user's hook took out of a unit, which lies in the pack of its shard."""
    return f"{key}.left"


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Bytes of a pack that belong to one key. `crc`: their CRC-32, where it was taken."""

    path: str
    at: int
    size: int
    crc: int | None = None


class Summed:
    """Reads a file, and computes the CRC-32 of what was read."""

    def __init__(self, source: BinaryIO) -> None:
        self.source, self.crc = source, 0

    def read(self, size: int) -> bytes:
        data = self.source.read(size)
        self.crc = zlib.crc32(data, self.crc)
        return data


def upgrade(db: sqlite3.Connection) -> None:
    """Add the column that former versions did not have."""
    if "crc" not in _columns(db):
        with db:
            db.execute("begin immediate")  # another process may do the same
            if "crc" not in _columns(db):
                db.execute("alter table places add column crc integer")


def _columns(db: sqlite3.Connection) -> set[str]:
    return {row[1] for row in db.execute("pragma table_info(places)")}


class Pack:
    """A pack being written. `size`: bytes so far. The end of a `with` block closes it, or abandons
    it if the block failed. `summed`: places get a checksum, and must follow one another."""

    def __init__(self, path: str, *, summed: bool = False) -> None:
        self.path = path
        self.size = 0
        self._crc: int | None = 0 if summed else None
        self._part = f"{path}.{os.getpid()}.part"
        fd = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._out = os.fdopen(fd, "wb", buffering=_BUFFER)

    def write(self, data: bytes) -> None:
        """Append."""
        self._out.write(data)
        self.size += len(data)
        if self._crc is not None:
            self._crc = zlib.crc32(data, self._crc)

    def place(self, start: int) -> Place:
        """What was appended since the pack had `start` bytes, where the last place ended."""
        crc = self._crc
        self._crc = None if crc is None else 0
        return Place(self.path, start, self.size - start, crc)

    @contextlib.contextmanager
    def since(self, start: int) -> Iterator[BinaryIO]:
        """What was appended since the pack had `start` bytes, as a file to read."""
        self._out.flush()
        with open(self._part, "rb") as part:
            part.seek(start)
            yield part

    def take_back(self, start: int) -> None:
        """Forget what was appended since the pack had `start` bytes, where the last place ended."""
        self._out.flush()
        self._out.seek(start)
        self._out.truncate()
        self.size = start
        self._crc = None if self._crc is None else 0

    def close(self) -> None:
        """Rename into place."""
        self._out.close()
        os.replace(self._part, self.path)

    def abandon(self) -> None:
        """Remove the partial file."""
        with contextlib.suppress(OSError):  # what is in the buffer may not fit the disk
            self._out.close()
        Path(self._part).unlink(missing_ok=True)

    def __enter__(self) -> Pack:
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        if failed:
            self.abandon()
            return
        try:
            self.close()
        except BaseException:
            self.abandon()
            raise


@contextlib.contextmanager
def writing(path: str, *, summed: bool = False) -> Iterator[Pack]:
    """A pack at `path`. Raises StoreError if it cannot be written."""
    try:
        with Pack(path, summed=summed) as pack:
            yield pack
    except OSError as error:
        raise cannot_write(path, error, "; the same command goes on.") from error


def damaged(path: str | os.PathLike[str]) -> DamagedError:
    """The error for a file of the state that does not hold what was noted."""
    return DamagedError(
        f"{path} is damaged.",
        "Export again: what it held is made anew from the logs.",
    )


def packed(tasks: Sequence[T], weight: Callable[[T], int]) -> Iterator[tuple[T, ...]]:
    """Neighbours that go into one pack; a heavy task stands alone."""
    pack: list[T] = []
    size = 0
    for task in tasks:
        more = weight(task)
        if pack and size + more > _PACK:
            yield tuple(pack)
            pack, size = [], 0
        pack.append(task)
        size += more
    if pack:
        yield tuple(pack)


class Packs:
    """The packs of one folder, and the rows that say what lies in them.

    After rows are removed, `tidy` is called: a run that dies in between leaves bytes that no row
    names, which `sweep` finds.
    """

    def __init__(self, folder: Path, suffix: str) -> None:
        self.folder, self.suffix = folder, suffix

    def path(self, *keys: str) -> str:
        """Where the pack of these keys is written."""
        name = keys[0] if len(keys) == 1 else _name(keys)
        return str(self.folder / f"{name}{self.suffix}")

    def places(self, db: sqlite3.Connection) -> dict[str, Place]:
        """Where everything lies, as far as its pack is there: one that lost its end (a crash of the
        machine, a bad copy) lacks what lay there."""
        with os.scandir(self.folder) as entries:
            files = {e.name: e for e in entries if e.name.endswith(self.suffix)}
        noted = db.execute(
            "select key, pack, at, size, crc from places where kind = ?", (self.suffix,)
        ).fetchall()
        alone = files.keys() - {row[1] for row in noted}
        found = {
            name[: -len(self.suffix)]: Place(files[name].path, 0, files[name].stat().st_size)
            for name in alone
        }
        ends = {name: files[name].stat().st_size for name in files.keys() - alone}
        for key, pack, at, size, crc in noted:
            if at + size <= ends.get(pack, -1):
                found[key] = Place(files[pack].path, at, size, crc)
        return found

    def packs(self, db: sqlite3.Connection) -> set[str]:
        """The files that rows name."""
        found = "select distinct pack from places where kind = ?"
        return {name for (name,) in db.execute(found, (self.suffix,))}

    def note(self, db: sqlite3.Connection, places: Iterable[tuple[str, Place]]) -> None:
        """Insert or replace rows."""
        db.executemany(
            "insert or replace into places values (?,?,?,?,?,?)",
            [(self.suffix, k, os.path.basename(p.path), p.at, p.size, p.crc) for k, p in places],
        )

    def drop(self, db: sqlite3.Connection, keys: Iterable[str]) -> set[str]:
        """Remove the rows of keys, and of what a user's hook took out of them (`left_of`). Returns
        the packs that hold their bytes."""
        mine = [(self.suffix, one) for key in keys for one in (key, left_of(key))]
        packs = {f"{key}{self.suffix}" for _, key in mine}
        for row in mine:
            found = "select pack from places where kind = ? and key = ?"
            packs.update(name for (name,) in db.execute(found, row))
        db.executemany("delete from places where kind = ? and key = ?", mine)
        return packs

    def tidy(
        self,
        change: Callable[[], AbstractContextManager[sqlite3.Connection]],
        packs: Iterable[str],
        *,
        wholly: bool,
    ) -> dict[str, Place]:
        """Remove packs that no row names. Packs that are more than half dead, or with `wholly`
        partly dead, are written anew without it. Returns where their content lies now."""
        alive_in: dict[str, list[tuple[str, int, int, int | None]]]
        alive_in = {name: [] for name in packs if (self.folder / name).exists()}
        moved: dict[str, Place] = {}
        if not alive_in:
            return moved
        names = list(alive_in)
        with change() as db:
            for at in range(0, len(names), _TOGETHER):  # a changed recipe leaves thousands
                some = names[at : at + _TOGETHER]
                found = (
                    "select pack, key, at, size, crc from places where kind = ?"
                    f" and pack in ({','.join('?' * len(some))}) order by at"
                )
                for name, *row in db.execute(found, (self.suffix, *some)):
                    alive_in[name].append((row[0], row[1], row[2], row[3]))
        for name, rows in sorted(alive_in.items()):
            path = self.folder / name
            if rows:
                alive = sum(row[2] for row in rows)
                whole = path.stat().st_size
                if alive * 2 >= whole and not (wholly and alive < whole):
                    continue
                places = self._copy(path, rows)
                with change() as db:
                    self.note(db, places)
                moved.update(places)
            path.unlink(missing_ok=True)
        return moved

    def _copy(
        self, path: Path, rows: Sequence[tuple[str, int, int, int | None]]
    ) -> list[tuple[str, Place]]:
        """Write these rows' bytes to another pack. Raises DamagedError if the old one is too short,
        or does not hold what was noted."""
        name = f"{_name([path.name, *(r[0] for r in rows)])}{self.suffix}"
        places = []
        with writing(str(self.folder / name)) as pack, open(path, "rb") as old:
            for key, at, size, crc in rows:
                start = pack.size
                old.seek(at)
                source = Summed(old)
                while left := size - (pack.size - start):
                    data = source.read(min(left, _COPY))
                    if not data:
                        raise damaged(path)
                    pack.write(data)
                if crc is not None and source.crc != crc:
                    raise damaged(path)
                places.append((key, msgspec.structs.replace(pack.place(start), crc=crc)))
        return places

    def sweep(self, db: sqlite3.Connection, alone: str) -> None:
        """Remove files that no row names, as a dead run leaves them; `alone` selects the keys that
        may have a file of their own."""
        rows = db.execute("select distinct pack from places where kind = ?", (self.suffix,))
        unknown = set(os.listdir(self.folder)).difference(name for (name,) in rows)
        if unknown:
            unknown.difference_update(f"{key}{self.suffix}" for (key,) in db.execute(alone))
        for name in unknown:
            (self.folder / name).unlink(missing_ok=True)


def _name(keys: Sequence[str]) -> str:
    return hashlib.blake2b("\n".join(keys).encode(), digest_size=16).hexdigest()
