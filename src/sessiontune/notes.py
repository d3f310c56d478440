"""What the state notes of units, so that a later run need not read each of them again.

*Sketches* are the large part of the marks of a unit's sessions, which few steps need, and the keys
by which sessions meet. *Sums* are summaries of many units, added up; the key of a sum says of
which, so an outdated one is never used.

Both are made from other parts of the state, or from the logs, and made anew if missing or damaged.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Iterator

import msgspec

#: The name in the state's memory of who meets whom.
MET = "meeting"
#: And of what was decided over all sessions.
DECIDED = "decided"

SCHEMA = """
create table if not exists sketches (unit text primary key, keys blob, marks blob);
create table if not exists sums (
  kind text, number integer, key text, value blob, crc integer, primary key (kind, number)
);
"""


class Sketches(msgspec.Struct, frozen=True):
    """Of one unit: the keys of each session, and the whole marks, both encoded."""

    unit: str
    keys: bytes
    marks: bytes


def put_sketches(db: sqlite3.Connection, rows: Iterable[Sketches]) -> None:
    """Insert or replace."""
    values = [(r.unit, r.keys, r.marks) for r in rows]
    db.executemany("insert or replace into sketches values (?,?,?)", values)


def drop_sketches(db: sqlite3.Connection, units: Iterable[str]) -> None:
    """Remove those of some units."""
    db.executemany("delete from sketches where unit = ?", [(unit,) for unit in units])


def sketched(db: sqlite3.Connection) -> set[str]:
    """The units that have sketches."""
    return {unit for (unit,) in db.execute("select unit from sketches")}


def sketch_keys(db: sqlite3.Connection) -> Iterator[tuple[str, bytes]]:
    """All units, each with the encoded keys of its sessions."""
    yield from db.execute("select unit, keys from sketches")


def sketches(db: sqlite3.Connection, unit: str) -> bytes:
    """The encoded marks of a unit."""
    found = db.execute("select marks from sketches where unit = ?", (unit,)).fetchone()
    return bytes(found[0])


def sums(db: sqlite3.Connection, kind: str) -> dict[int, tuple[str, bytes]]:
    """All undamaged sums of a kind: number -> key and value."""
    rows = db.execute("select number, key, value, crc from sums where kind = ?", (kind,))
    return {number: (key, value) for number, key, value, crc in rows if zlib.crc32(value) == crc}


def put_sums(
    db: sqlite3.Connection, kind: str, rows: Iterable[tuple[int, str, bytes]], gone: Iterable[int]
) -> None:
    """Insert or replace (number, key, value), and remove the numbers that are gone."""
    db.executemany(
        "insert or replace into sums values (?,?,?,?,?)",
        [(kind, number, key, value, zlib.crc32(value)) for number, key, value in rows],
    )
    db.executemany("delete from sums where kind = ? and number = ?", [(kind, n) for n in gone])


def clear_sums(db: sqlite3.Connection) -> None:
    """Forget all that was made from many units: the sums, which name files, which sessions met, and
    what was decided."""
    db.execute("delete from sums")
    db.execute("delete from memory where name in (?, ?)", (MET, DECIDED))


#: The name under which the state remembers which side each lineage is on.
SPLIT = "split"


def split_memory(name: str) -> str:
    """The same for a split that was named (`--split`)."""
    return f"{SPLIT}:{name}" if name else SPLIT
