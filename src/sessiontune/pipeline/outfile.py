"""Writing an output file from bytes and runs of bytes of other files, hashed on the way.

Every run is checked against its known sums. States of the digest are noted, so that a file that
begins like this one need not be hashed from its start.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from ..errors import DamagedError
from ..packs import damaged
from .digesting import Digest
from .direct import In, Out, block_buffer, give_back

#: Bytes that are written at a time (each write has a cost of its own), and that are copied and
#: hashed at a time (few enough for the processor's cache).
_BUFFER, _HASHED = 16 << 20, 256 << 10
#: Runs of the former export of at least this length are read past the page cache.
_LONG = 4 << 20
#: Bytes between two noted states of a digest.
_STEP = 4 << 20


class Run(msgspec.Struct, frozen=True):
    """Bytes of a file; `former`: one of the former export. `sums`: length and CRC-32 of each piece
    that they consist of, where known; the last `cut` bytes of the last piece are not wanted."""

    path: str
    offset: int
    length: int
    former: bool = False
    sums: Sequence[tuple[int, int]] = ()
    cut: int = 0


class State(msgspec.Struct, frozen=True, array_like=True):
    """The state of a digest after the first `at` bytes of a file."""

    at: int
    block: bytes


class File:
    """A file being written. Bytes gather in a buffer that is hashed and written when it is full.

    With `states`, the file begins like the one at `like` up to the last of them: that much is
    copied at once, and skipped in what is added.
    """

    def __init__(self, path: Path, like: str = "", states: Sequence[State] = ()) -> None:
        self.out = Out(path)
        self.states = list(states)
        self.digest = Digest(states[-1].block if states else None)
        self.size = self.skip = states[-1].at if states else 0
        self.buffer = block_buffer(_BUFFER)
        self.view = memoryview(self.buffer)
        self.used = self.hashed = 0
        self.sha256 = ""
        if like and self.skip:
            try:
                _copy(like, self.out, self.skip, self.view)
            except BaseException:
                self.out.close()
                raise

    def __enter__(self) -> File:
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        try:
            if kind is None:
                self._flush()
                self.sha256 = self.digest.hexdigest()
        finally:
            self.out.close()
            give_back(self.buffer)

    def add(self, data: bytes) -> None:
        """Append bytes."""
        left = memoryview(data)[self._skipped(len(data)) :]
        while left:
            n = min(len(left), self._room())
            self.view[self.used : self.used + n] = left[:n]
            left = left[n:]
            self._take(n)

    def copy(self, runs: Iterable[Run]) -> None:
        """Append runs of other files. Raises DamagedError if one is too short or its sum wrong."""
        for source, run in _opened(runs):
            end = run.offset + run.length
            at = run.offset + self._skipped(run.length)
            check = _Check(run)
            while at < end:
                room = self.view[self.used : self.used + min(end - at, self._room())]
                n = source.read(room, at)
                if not n:
                    raise _too_short(run.path)
                at += n
                check.take(room[:n])
                self._take(n)
            check.end(source, at)

    def _room(self) -> int:
        """Bytes that still fit before some are hashed."""
        return min(self.hashed + _HASHED, _BUFFER) - self.used

    def _skipped(self, length: int) -> int:
        n = min(self.skip, length)
        self.skip -= n
        return n

    def _take(self, n: int) -> None:
        self.used += n
        if self.used == _BUFFER:
            self._flush()
        elif self.used - self.hashed == _HASHED:
            self._hash()

    def _hash(self) -> None:
        self.digest.update(self.buffer, self.used - self.hashed, self.hashed)
        self.hashed = self.used
        at = self.size + self.used
        last = self.states[-1].at if self.states else 0
        if at - last >= _STEP and (block := self.digest.state()):
            self.states.append(State(at, block))

    def _flush(self) -> None:
        self._hash()
        self.out.write(self.view[: self.used])
        self.size += self.used
        self.used = self.hashed = 0


class _Check:
    """Compares what is read of a run with its sums. Raises DamagedError."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.sums = iter(run.sums)
        self.left, self.wanted = next(self.sums, (0, 0))
        self.crc = 0

    def take(self, data: memoryview) -> None:
        """Take in the next bytes."""
        while self.left and data:
            piece = data[: self.left]
            self.crc = zlib.crc32(piece, self.crc)
            self.left -= len(piece)
            data = data[len(piece) :]
            if not self.left:
                if self.crc != self.wanted:
                    raise damaged(self.run.path)
                self.left, self.wanted = next(self.sums, (0, 0))
                self.crc = 0

    def end(self, source: In, at: int) -> None:
        """Read what was cut off too, to complete the last sum."""
        if self.left and self.run.cut:
            rest = memoryview(bytearray(self.run.cut))
            self.take(rest[: source.read(rest, at)])
        if self.left:
            raise damaged(self.run.path)


class TooShort(DamagedError):
    """A file ends before the bytes that were noted."""


def _too_short(path: str) -> TooShort:
    hint = "Export again: what it held is made anew."
    return TooShort(f"{path} is shorter than noted.", hint)


def _opened(runs: Iterable[Run]) -> Iterator[tuple[In, Run]]:
    """Each run with its file open; one file is open at a time."""
    path, file = "", None
    try:
        for run in runs:
            if file is None or run.path != path:
                if file is not None:
                    file.close()
                    file = None  # the next one may not be there
                path, file = run.path, In(run.path)
            if run.former and run.length >= _LONG:
                file.past_cache()
            yield file, run
    finally:
        if file is not None:
            file.close()


def _copy(path: str, out: Out, length: int, buffer: memoryview) -> None:
    """Copy the first `length` bytes of a file; `buffer` is used on the way."""
    source = In(path)
    try:
        if out.share(source.fd, length):
            return
        source.past_cache()
        at = 0
        while at < length:
            n = source.read(buffer[: min(length - at, len(buffer))], at)
            if not n:
                raise _too_short(path)
            out.write(buffer[:n])
            at += n
    finally:
        source.close()
