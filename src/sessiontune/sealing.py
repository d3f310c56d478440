"""The seal of a state folder: what its database and its salt held when the last run ended.

Shards and segments have checksums of their own; a byte that changes in the database or in the salt
would be believed. So a run that ends notes the CRC-32 of both in the file `seal`, and the next one
that writes compares it, and breaks it before anything changes. A run that dies leaves no seal, and
so nothing to compare: the database is whole then, by its own journal.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import msgspec

from .errors import DamagedError

_NAME = "seal"
_SEALED = ("state.sqlite", "salt")
_COPY = 1 << 20
_Sums = dict[str, int]


class Seal:
    """The seal of one folder, for who holds its lock: compared and broken at once, set by `set`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[str, tuple[tuple[int, int], int]] = {}
        for name, wanted in self._read().items():
            if self._sum(name) != wanted:
                raise DamagedError(
                    f"{folder / name} does not hold what the last run left in it.",
                    f"Restore {folder} as a whole from a copy, or move it away: what logs still "
                    "hold is read again. Where you changed that file yourself, remove "
                    f"{folder / _NAME}.",
                )
        self._break()

    def set(self) -> None:
        """Note what the files hold, unless another process has the database open."""
        if (self.folder / "state.sqlite-wal").exists():
            return
        body = msgspec.msgpack.encode({name: self._sum(name) for name in _SEALED})
        part = self.folder / f"{_NAME}.{os.getpid()}"
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "wb") as out:
            out.write(zlib.crc32(body).to_bytes(4, "little") + body)
        part.replace(self.folder / _NAME)

    def _read(self) -> _Sums:
        """What is noted; nothing where the seal itself is damaged."""
        try:
            noted = (self.folder / _NAME).read_bytes()
        except FileNotFoundError:
            return {}
        body = noted[4:]  # nothing has the sum of a file that a crash has left empty
        if not body or zlib.crc32(body) != int.from_bytes(noted[:4], "little"):
            return {}
        return msgspec.msgpack.decode(body, type=_Sums)

    def _sum(self, name: str) -> int:
        """The CRC-32 of a file, -1 where there is none; one that is as it was is not read twice."""
        try:
            with open(self.folder / name, "rb") as file:
                info = os.fstat(file.fileno())
                stat = (info.st_size, info.st_mtime_ns)
                before, crc = self._known.get(name, (None, 0))
                if before != stat:
                    crc = 0
                    while data := file.read(_COPY):
                        crc = zlib.crc32(data, crc)
                self._known[name] = stat, crc
        except FileNotFoundError:
            return -1
        return crc

    def _break(self) -> None:
        """Remove it for good: a seal that comes back after a crash would not fit."""
        try:
            (self.folder / _NAME).unlink()
        except FileNotFoundError:
            return
        fd = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
