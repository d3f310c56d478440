"""The private state: what was read, what came out, where it was published.

    STATE/
      salt          32 random bytes, hex
      lock          held while a run writes
      seal          checksums of salt and state.sqlite
      state.sqlite  files, units, what is noted of them, split memory, verdicts, published folders
      shards/       redacted sessions per unit and preparation, several units to a file
      segments/     encoded rows per unit and build, several units to a file

Everything is mode 0600 (folders 0700) and nothing of it is ever published. A run that dies leaves
only whole shards and segments behind, which the next run uses.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from . import notes, remembered
from .database import open_database
from .errors import StoreError
from .keeping import disk_error, salt_of, take_lock
from .packs import SCHEMA, Packs, Place, upgrade
from .ports import FileIndex, LogFile
from .remembered import Remembered
from .sealing import Seal

_SCHEMA = f"""{SCHEMA}{notes.SCHEMA}{remembered.SCHEMA}create table if not exists files (
  path text primary key, source text, size integer, mtime_ns integer, inode integer,
  tail blob, index_ blob, gone integer default 0
);
create table if not exists units (
  key text primary key, paths blob, summary blob, prepared text
);
create table if not exists builds (
  unit text, key text, summary blob, primary key (unit, key)
);
"""
#: Rows that are asked for at once.
_TOGETHER = 200


class FileRow(msgspec.Struct, frozen=True):
    """What the state knows of one file. `tail` is a digest of the bytes before `size`."""

    file: LogFile
    tail: bytes
    index: FileIndex
    gone: bool = False


class UnitRow(msgspec.Struct, frozen=True):
    """One prepared unit: its files, and the summary that `pipeline.prepare` returned. `prepared` is
    the key of the preparation; after a space follow, as JSON, the files that were gone then."""

    key: str
    paths: tuple[str, ...]
    summary: bytes
    prepared: str


#: A prepared unit, the places of its shard and of what a hook left out, and its sketches.
Prepared = tuple[UnitRow, dict[str, Place], notes.Sketches]


def default_state() -> Path:
    """The user's data folder, or `SESSIONTUNE_STATE`."""
    if named := os.environ.get("SESSIONTUNE_STATE"):
        return Path(named).expanduser()
    import platformdirs

    return Path(platformdirs.user_data_dir("sessiontune", appauthor=False))


def is_state(folder: Path) -> bool:
    """Whether a state is there. Opening one makes it, and a mistyped name may be an export's."""
    return (folder / "state.sqlite").is_file()


class Store(Remembered):
    """Open state folder. Use as a context manager; `write=True` takes the lock."""

    def __init__(self, folder: Path, *, write: bool) -> None:
        self.folder = folder
        self.shards = Packs(folder / "shards", ".shard")
        self.segments = Packs(folder / "segments", ".seg")
        self._lock: int | None = None
        self._seal = Seal(folder)
        try:
            for part in (folder, self.shards.folder, self.segments.folder):
                part.mkdir(parents=True, exist_ok=True, mode=0o700)
            if write:
                self._lock = take_lock(folder / "lock")
                self._seal.check()
            self.salt = salt_of(folder / "salt")
            self.db = open_database(folder / "state.sqlite", _SCHEMA, self._seal)
            upgrade(self.db)
            if write and not self._seal.stands:
                self.db.carry()
        except OSError as error:
            self._release()
            raise disk_error(error, folder) from error
        except sqlite3.Error as error:
            self._release()
            raise StoreError(
                f"The state in {folder} cannot be opened: {error}.",
                "Give another folder with --state, or move this one away.",
            ) from error
        except BaseException:
            self._release()
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(self, kind: object, error: object, *_: object) -> None:
        try:
            self.db.close()
            if isinstance(error, sqlite3.Error):
                raise self._unreadable(error) from error
            last = not (self.folder / "state.sqlite-wal").exists()
            if self._lock is not None and last and not self._seal.stands:
                self._seal.set()
        except OSError as full:
            raise disk_error(full, self.folder) from full
        finally:
            self._release()

    def _unreadable(self, error: sqlite3.Error) -> StoreError:
        return StoreError(
            f"The state in {self.folder} cannot be read: {error}.",
            "Restore it from a copy, or move it away: what logs still hold is read again.",
        )

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    # ------------------------------------------------------------ files

    def files(self) -> dict[str, FileRow]:
        """All known files by path."""
        rows = self.db.execute(
            "select path, source, size, mtime_ns, inode, tail, index_, gone from files"
        )
        decode = msgspec.msgpack.Decoder(FileIndex).decode
        return {
            r[0]: FileRow(LogFile(r[0], r[1], r[2], r[3], r[4]), r[5], decode(r[6]), bool(r[7]))
            for r in rows
        }

    def is_log(self, path: str) -> bool:
        """Whether a path is that of a known log."""
        found = "select 1 from files where path = ? and source != ''"
        return self.db.execute(found, (path,)).fetchone() is not None

    def put_files(self, rows: Iterable[FileRow]) -> None:
        """Insert or replace rows."""
        encode = msgspec.msgpack.encode
        with self.transaction() as db:
            db.executemany(
                "insert or replace into files values (?,?,?,?,?,?,?,?)",
                (
                    (*msgspec.structs.astuple(r.file), r.tail, encode(r.index), int(r.gone))
                    for r in rows
                ),
            )

    def delete_files(self, paths: Iterable[str]) -> None:
        """Forget files."""
        with self.transaction() as db:
            db.executemany("delete from files where path = ?", [(p,) for p in paths])

    # ------------------------------------------------------------ units and builds

    def units(self) -> dict[str, UnitRow]:
        """All prepared units by key."""
        rows = self.db.execute("select key, paths, summary, prepared from units")
        return {r[0]: UnitRow(r[0], tuple(msgspec.msgpack.decode(r[1])), r[2], r[3]) for r in rows}

    def unit_keys(self) -> set[str]:
        """The keys of all prepared units."""
        return {key for (key,) in self.db.execute("select key from units")}

    def made_without(self) -> dict[str, list[str]]:
        """The units that were prepared when some of their files were gone, and those files."""
        rows = self.db.execute("select key, prepared from units where prepared like '% [%'")
        decode = msgspec.json.Decoder(list[str]).decode
        return {key: decode(noted.partition(" ")[2]) for key, noted in rows}

    def unit_summaries(self) -> Iterator[tuple[str, bytes]]:
        """(key, encoded summary) of all prepared units, one at a time."""
        yield from self.db.execute("select key, summary from units")

    def unit_summary(self, key: str) -> bytes:
        """The encoded summary of one prepared unit."""
        found = self.db.execute("select summary from units where key = ?", (key,)).fetchone()
        return bytes(found[0])

    def put_units(self, rows: Iterable[Prepared]) -> None:
        """Insert or replace prepared units, with the places of their shards, and their sketches."""
        with self.transaction() as db:
            self._put_units(db, list(rows))

    def _put_units(self, db: sqlite3.Connection, rows: list[Prepared]) -> None:
        encode = msgspec.msgpack.encode
        db.executemany(
            "insert or replace into units values (?,?,?,?)",
            [(r.key, encode(r.paths), r.summary, r.prepared) for r, _, _ in rows],
        )
        self.shards.note(db, (one for _, places, _ in rows for one in places.items()))
        notes.put_sketches(db, (sketches for _, _, sketches in rows))

    def unit_paths(self) -> dict[str, tuple[str, ...]]:
        """The files of all prepared units, by key."""
        decode = msgspec.msgpack.Decoder(tuple[str, ...]).decode
        rows = self.db.execute("select key, paths from units")
        return {key: decode(paths) for key, paths in rows}

    def paths_of(self, key: str) -> tuple[str, ...]:
        """The files of one prepared unit."""
        found = self.db.execute("select paths from units where key = ?", (key,)).fetchone()
        return msgspec.msgpack.decode(found[0], type=tuple[str, ...])

    def delete_units(self, keys: Iterable[str]) -> None:
        """Forget units, their shards and their segments."""
        with self.transaction() as db:
            shards, segments = self._delete_units(db, list(keys))
        self.shards.tidy(self.transaction, shards, wholly=False)
        self.segments.tidy(self.transaction, segments, wholly=False)

    def purge_units(self, keys: Iterable[str], instead: Iterable[Prepared]) -> None:
        """Replace units by others in one transaction, and rewrite all packs: no byte of what was
        deleted stays, not even of what earlier runs replaced."""
        with self.transaction() as db:
            self._delete_units(db, list(keys))
            self._put_units(db, list(instead))
            notes.clear_sums(db)
            shards, segments = self.shards.packs(db), self.segments.packs(db)
        self.shards.tidy(self.transaction, shards, wholly=True)
        self.segments.tidy(self.transaction, segments, wholly=True)
        self.sweep()

    def _delete_units(self, db: sqlite3.Connection, keys: list[str]) -> tuple[set[str], set[str]]:
        """Delete rows. Returns the packs of shards and of segments that held them."""
        db.executemany("delete from units where key = ?", [(k,) for k in keys])
        notes.drop_sketches(db, keys)
        builds = [
            build
            for key in keys
            for (build,) in db.execute("select key from builds where unit = ?", (key,))
        ]
        db.executemany("delete from builds where unit = ?", [(k,) for k in keys])
        return self.shards.drop(db, keys), self.segments.drop(db, builds)

    def build_keys(self) -> set[str]:
        """The keys of all builds."""
        return {key for (key,) in self.db.execute("select key from builds")}

    def builds(self) -> Iterator[tuple[str, bytes]]:
        """All builds: key and summary, one at a time."""
        yield from self.db.execute("select key, summary from builds")

    def build_summary(self, unit: str, key: str) -> bytes:
        """The summary of one build."""
        return next(self.build_summaries([(unit, key)]))

    def build_summaries(self, builds: Sequence[tuple[str, str]]) -> Iterator[bytes]:
        """The summaries of many builds, (unit, key), in their order."""
        for at in range(0, len(builds), _TOGETHER):
            some = builds[at : at + _TOGETHER]
            marks = ",".join("?" * len(some))
            found = f"select key, summary from builds where unit in ({marks})"
            rows = dict(self.db.execute(found, [unit for unit, _ in some]).fetchall())
            for _, key in some:
                yield bytes(rows[key])

    def put_builds(self, rows: Iterable[tuple[str, str, bytes, Place]]) -> None:
        """Insert (unit, build key, summary, place of its segment)."""
        rows = list(rows)
        with self.transaction() as db:
            db.executemany("insert or replace into builds values (?,?,?)", [r[:3] for r in rows])
            self.segments.note(db, ((key, place) for _, key, _, place in rows))

    def keep_builds(self, keep: set[str], units: set[str]) -> None:
        """Remove the segments of `units` whose build is not in `keep`."""
        rows = self.db.execute("select unit, key from builds").fetchall()
        stale = [(u, k) for u, k in rows if u in units and k not in keep]
        with self.transaction() as db:
            db.executemany("delete from builds where unit = ? and key = ?", stale)
            packs = self.segments.drop(db, (k for _, k in stale))
        self.segments.tidy(self.transaction, packs, wholly=False)

    def sweep(self) -> None:
        """Remove files that no row names: runs that died left them among shards and segments."""
        with self.transaction() as db:
            self.shards.sweep(db, "select key from units")
            self.segments.sweep(db, "select key from builds")

    def forget_sums(self) -> None:
        """Forget the sums over many units; they are made anew when needed."""
        with self.transaction() as db:
            notes.clear_sums(db)

    def vacuum(self) -> None:
        """Rewrite the database so that deleted rows leave no bytes behind."""
        with self.transaction() as db:
            db.execute("vacuum")
            self._seal.unset()
            db.execute("pragma wal_checkpoint(truncate)")
