"""What the state remembers beside files, units and builds: values by name (which side of the split
each lineage is on), a person's verdicts on sessions, and what was published where.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from .database import Database
from .errors import StoreError
from .model import Verdict

SCHEMA = """
create table if not exists memory (name text primary key, value blob);
create table if not exists verdicts (key text primary key, decision text, note text, at text);
create table if not exists published (dir text primary key, build text, files blob, sessions blob);
"""


class Remembered:
    """The open database of a state folder, and these tables of it."""

    folder: Path
    db: Database

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One atomic change of the database; disk trouble becomes a `StoreError`."""
        try:
            with self.db:
                yield self.db
            self.db.carry_much()
        except (sqlite3.DatabaseError, OSError) as error:
            raise StoreError(
                f"The state in {self.folder} cannot be written: {error}.",
                "Free some space and check its permissions, or give another folder with --state.",
            ) from error

    # ------------------------------------------------------------ values by name

    def memory(self, name: str) -> bytes | None:
        """A remembered value, e.g. which side of the split each lineage is on."""
        row = self.db.execute("select value from memory where name = ?", (name,)).fetchone()
        return row[0] if row else None

    def memories(self, name: str) -> list[tuple[str, bytes]]:
        """All remembered values of a name, and of those that begin with it and `:`."""
        found = "select name, value from memory where name = :name or instr(name, :name || ':') = 1"
        return self.db.execute(found, {"name": name}).fetchall()

    def remember(self, name: str, value: bytes) -> None:
        """Replace a remembered value."""
        with self.transaction() as db:
            db.execute("insert or replace into memory values (?,?)", (name, value))

    def remove_memory(self, name: str) -> None:
        """Forget a remembered value; for a name that ends in `:`, all that begin with it."""
        begins = ":name like '%:' and instr(name, :name) = 1"
        found = f"delete from memory where name = :name or ({begins})"
        with self.transaction() as db:
            db.execute(found, {"name": name})

    # ------------------------------------------------------------ verdicts

    def verdicts(self) -> dict[str, Verdict]:
        """A person's decisions by session key; the last one counts."""
        rows = self.db.execute("select key, decision, note, at from verdicts order by key")
        return {r[0]: Verdict(key=r[0], decision=r[1], note=r[2], at=r[3]) for r in rows}

    def judge(self, verdicts: Iterable[Verdict]) -> None:
        """Record decisions."""
        with self.transaction() as db:
            db.executemany(
                "insert or replace into verdicts values (?,?,?,?)",
                [(v.key, v.decision, v.note, v.at) for v in verdicts],
            )

    def unjudge(self, keys: Iterable[str]) -> None:
        """Take decisions back, as if they had never been made."""
        with self.transaction() as db:
            db.executemany("delete from verdicts where key = ?", [(key,) for key in keys])

    # ------------------------------------------------------------ published folders

    def published(self) -> dict[str, tuple[str, dict[str, tuple[int, int]], tuple[str, ...]]]:
        """Folder -> (build digest, {file: (size, mtime_ns)}, session keys)."""
        rows = self.db.execute("select dir, build, files, sessions from published")
        kind = dict[str, tuple[int, int]]
        return {
            r[0]: (
                r[1],
                msgspec.msgpack.decode(r[2], type=kind),
                tuple(msgspec.msgpack.decode(r[3])),
            )
            for r in rows
        }

    def made(self, build: str) -> bool:
        """Whether this state published that build, and nothing into the same folder since."""
        found = "select 1 from published where build = ?"
        return self.db.execute(found, (build,)).fetchone() is not None

    def folders(self) -> list[str]:
        """The published folders, the newest last."""
        return [name for (name,) in self.db.execute("select dir from published order by rowid")]

    def note_published(
        self, folder: Path, build: str, files: dict[str, tuple[int, int]], sessions: Iterable[str]
    ) -> None:
        """Remember what a published folder holds."""
        encode = msgspec.msgpack.encode
        with self.transaction() as db:
            db.execute(
                "insert or replace into published values (?,?,?,?)",
                (str(folder), build, encode(files), encode(sorted(sessions))),
            )
