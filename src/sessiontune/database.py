"""The database of a state folder.

Whatever is written stays in the log beside it (`state.sqlite-wal`), where each page has a checksum,
until it is carried into the database file: at the end of a run, or once the log is large. Until
then the file is as it was sealed, so a killed run leaves a seal that fits.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from .sealing import Seal

#: The log is carried over once it is larger than the database and than this many bytes.
_LOG = 64 << 20
_LEFT = 1 << 20  # what is left of the log's file then


class Database(sqlite3.Connection):
    """An open database, made by `open_database`."""

    file: str
    seal: Seal

    def carry(self) -> None:
        """Carry all that was written into the database file, and seal it again. While another
        process reads the old pages that is left to the next time."""
        self.seal.unset()
        _, logged, carried = self.execute("pragma wal_checkpoint(passive)").fetchone()
        if logged == carried:
            self.seal.set()

    def carry_much(self) -> None:
        """The same, if the log has become large."""
        logged = self._logged()
        if logged > _LOG and logged > os.path.getsize(self.file):
            self.carry()

    def close(self) -> None:
        """Close. Whoever closes last carries the log over, so the seal is broken first."""
        if self._logged():
            self.seal.unset()
        super().close()

    def __del__(self) -> None:
        if hasattr(self, "seal"):
            self.close()

    def _logged(self) -> int:
        try:
            return os.path.getsize(f"{self.file}-wal")
        except FileNotFoundError:
            return 0


def open_database(path: Path, schema: str, seal: Seal) -> Database:
    """Open the database, or make it; tables that it lacks are added."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    os.close(fd)
    db = sqlite3.connect(path, timeout=10, factory=Database)
    db.file, db.seal = str(path), seal
    db.execute("pragma journal_mode=wal")
    db.execute("pragma synchronous=normal")
    db.execute("pragma wal_autocheckpoint=0")
    db.execute(f"pragma journal_size_limit={_LEFT}")
    db.executescript(schema)
    return db
