"""The seal of a state folder: what its database and its salt hold while nobody changes them.

Shards and segments have their own checksums, but a changed byte in the database or the salt would
go unnoticed. So the file `seal` notes the CRC-32 of both, and a run that writes compares them. What
it writes goes first to the log beside the database, which has checksums too, and the seal stays
valid until something is carried from there (`database.py`): also after a run that was killed.
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
    """The seal of one folder. Only the holder of the folder's lock sets or breaks it, except that a
    reader after a killed run breaks it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[str, tuple[tuple[int, int], int]] = {}

    def check(self) -> None:
        """Compare the files with it. Raises DamagedError. A damaged seal is removed."""
        noted = self._read()
        for name, wanted in noted.items():
            if self._sum(name) != wanted:
                raise DamagedError(
                    f"{self.folder / name} does not hold what the last run left in it.",
                    f"Restore {self.folder} as a whole from a copy, or move it away: what logs "
                    "still hold is read again. If you changed that file yourself, remove "
                    f"{self.folder / _NAME}.",
                )
        if not noted:
            self.unset()

    @property
    def stands(self) -> bool:
        """Whether there is a seal."""
        return (self.folder / _NAME).exists()

    def set(self) -> None:
        """Note what the files hold, once everything is carried into the database."""
        body = msgspec.msgpack.encode({name: self._sum(name) for name in _SEALED})
        part = self.folder / f"{_NAME}.part"
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "wb") as out:
            out.write(zlib.crc32(body).to_bytes(4, "little") + body)
        part.replace(self.folder / _NAME)

    def unset(self) -> None:
        """Remove it and sync: a seal that came back after a crash would not fit."""
        self._known.clear()
        try:
            (self.folder / _NAME).unlink()
        except FileNotFoundError:
            return
        fd = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def _read(self) -> _Sums:
        """What is noted; nothing if the seal itself is damaged."""
        try:
            noted = (self.folder / _NAME).read_bytes()
        except FileNotFoundError:
            return {}
        body = noted[4:]  # empty if a crash left an empty file, whose sum would fit
        if not body or zlib.crc32(body) != int.from_bytes(noted[:4], "little"):
            return {}
        return msgspec.msgpack.decode(body, type=_Sums)

    def _sum(self, name: str) -> int:
        """The CRC-32 of a file, -1 if there is none; an unchanged file is not read twice."""
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
