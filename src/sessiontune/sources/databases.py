"""Databases of agents (SQLite), read without leaving a trace.

If a program's database has a journal, a copy is opened: a reader of the original would write beside
it.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from functools import wraps
from typing import Any, ParamSpec

from ..ledger import Ledger
from ..model import Fault
from ..ports import FileIndex

#: What is raised for a database that cannot be read: its own messages may be no text, either.
ERRORS = (sqlite3.Error, OSError, UnicodeDecodeError)
MAGIC = b"SQLite format 3\0"
_COPY_TRIES = 5

P = ParamSpec("P")


@contextmanager
def opened(path: str) -> Iterator[sqlite3.Connection]:
    """The database, for reading. Nothing is written beside it, even if others have it open. Bytes
    of a text that are no UTF-8 are replaced: SQLite would break off at the row."""
    journals = [path + end for end in ("-wal", "-journal")]
    if not any(os.path.exists(j) and os.path.getsize(j) for j in journals):
        with closing(_alone(path)) as base:
            yield base
        return
    with tempfile.TemporaryDirectory(prefix="sessiontune-") as folder:  # only the user may read it
        copy = os.path.join(folder, "copy.db")
        for _ in range(_COPY_TRIES):
            before = [state(p) for p in (path, *journals)]
            for end in ("", "-wal", "-journal"):
                if os.path.exists(path + end):
                    shutil.copyfile(path + end, copy + end)
                elif os.path.exists(copy + end):
                    os.remove(copy + end)
            if before == [state(p) for p in (path, *journals)]:
                break
        with closing(sqlite3.connect(copy)) as base:
            base.text_factory = _text
            yield base


def _alone(path: str) -> sqlite3.Connection:
    """The file, whatever its journal holds."""
    base = sqlite3.connect(f"file:{_quoted(path)}?mode=ro&immutable=1", uri=True)
    base.text_factory = _text
    return base


@contextmanager
def faults_of(path: str, ledger: Ledger) -> Iterator[None]:
    """Turn an error while reading a database into a fault of its file."""
    try:
        yield
    except ERRORS as error:
        ledger.fault(Fault("unreadable_file", path, detail=type(error).__name__))


def if_readable(index: Callable[P, FileIndex]) -> Callable[P, FileIndex]:
    """The index of a database; an empty one if it cannot be read."""

    @wraps(index)
    def made(*args: P.args, **kwargs: P.kwargs) -> FileIndex:
        try:
            return index(*args, **kwargs)
        except ERRORS:
            return FileIndex()

    return made


def rows(
    base: sqlite3.Connection, table: str, where: str = "1", given: tuple[str, ...] = ()
) -> Iterator[dict[str, Any]]:
    """Rows of a table by column, as versions differ in them; `rowid` is their number."""
    found = base.execute(f"SELECT rowid, * FROM {table} WHERE {where} ORDER BY rowid", given)
    names = ["rowid", *(column[0] for column in found.description[1:])]
    for row in found:
        yield dict(zip(names, row, strict=True))


def index_of(
    path: str, sessions: Iterable[str], folders: Iterable[str], lines: int, first: str, last: str
) -> FileIndex:
    """The index of a database, without empty sessions and folders."""
    return FileIndex(
        links=tuple(sorted({f"session:{name}" for name in sessions if name})),
        names=tuple(sorted({folder for folder in folders if folder})),
        lines=lines,
        first=first,
        last=last,
        size=os.stat(path).st_size,
    )


def holds(path: str, head: bytes, *kinds: set[tuple[str, str]]) -> bool:
    """Whether a file that begins with `head` is a database with all columns (table, name) of one of
    these kinds."""
    if not head.startswith(MAGIC):
        return False
    tables = {table for kind in kinds for table, _ in kind}
    try:
        with opened(path) as base:
            found = {
                (table, row[1])
                for table in tables
                for row in base.execute(f"PRAGMA table_info({table})")
            }
    except ERRORS:
        return False
    return any(found >= kind for kind in kinds)


def glanced(path: str, query: str) -> bool:
    """Whether a query finds a row in the file alone, whatever its journal holds: nothing is
    copied, so this is for what decides nothing but whether to look closer."""
    try:
        with closing(_alone(path)) as base:
            return base.execute(query).fetchone() is not None
    except ERRORS:
        return False


def unpacked(raw: bytes) -> bytes | None:
    """The content of compressed data (Zstandard); None if it is damaged."""
    import pyarrow

    try:
        stream = pyarrow.input_stream(pyarrow.BufferReader(raw), compression="zstd")
        return bytes(stream.read())
    except OSError:
        return None


def journal(path: str) -> tuple[int, int]:
    """Size and time of a database's journal, which holds what is not yet in it."""
    return state(path + "-wal") if path.endswith((".db", ".vscdb", ".sqlite3")) else (0, 0)


def state(path: str) -> tuple[int, int]:
    """Size and modification time of a file; zeros if there is none."""
    try:
        info = os.stat(path)
    except OSError:
        return 0, 0
    return info.st_size, info.st_mtime_ns


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _quoted(path: str) -> str:
    return os.path.abspath(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
