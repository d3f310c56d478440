"""An output file is put together from runs of bytes that lie in other files, and hashed on the way.

What the former export holds already is copied from there, in runs as long as they are, and not from
thousands of segments. Where the new file begins like the former one, its digest is taken up at a
state that was noted then. A file that somebody changes meanwhile is not trusted.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, chain, zip_longest
from pathlib import Path

import msgspec

from ..errors import DamagedError
from ..packs import damaged
from .digesting import Digest, can_resume
from .direct import In, Out, block_buffer, give_back

#: Bytes that are written at a time (each write to a disk has a cost of its own), and copied and
#: hashed at a time: those stay in the processor's cache.
_BUFFER, _HASHED = 16 << 20, 256 << 10
#: Runs of the former export that are at least so long are read past the system's cache of files.
_LONG = 4 << 20
#: Bytes between two states of a digest that are noted.
_STEP = 4 << 20


class Run(msgspec.Struct, frozen=True):
    """Bytes of a file; `former`: one of the former export. `sums`: the lengths of the pieces of
    which they consist, and their CRC-32, where those are known; the last `cut` bytes of the last
    piece are not wanted."""

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


class Part(msgspec.Struct, frozen=True):
    """Rows of one unit, in chunks of its pack. Equal key, equal bytes; "" is like no other.
    `sums`: the CRC-32 of each chunk, where they are known."""

    key: str
    path: str
    chunks: Sequence[tuple[int, int]]
    sums: Sequence[int] = ()

    @property
    def length(self) -> int:
        """Bytes of all chunks."""
        if len(self.chunks) == 1:  # nearly always
            return self.chunks[0][1]
        return sum([length for _, length in self.chunks])


class Laid(msgspec.Struct, frozen=True):
    """How a published file was laid out. `stat`: as `look` gives it; `head`: bytes before its
    parts; `open`: whether something of the last part was cut off."""

    head: int
    keys: list[str]
    lengths: list[int]
    states: list[State]
    open: bool = False
    stat: tuple[int, int, int] = (0, 0, 0)


def look(path: str | Path) -> tuple[int, int, int]:
    """Size and times of a file. Who edits it can put the time of its content back, but not that of
    its entry."""
    info = os.stat(path)
    return info.st_size, info.st_mtime_ns, info.st_ctime_ns


class Former:
    """A file of the former export: where each of its parts lies, by key: (offset, length)."""

    def __init__(self, path: Path, laid: Laid) -> None:
        self.path, self.laid = str(path), laid
        ends = list(accumulate(laid.lengths, initial=laid.head))
        places = zip(laid.keys, zip(ends, laid.lengths, strict=False), strict=False)
        self.places = dict(list(places)[: -1 if laid.open else None])
        self.places.pop("", None)

    def is_whole(self) -> bool:
        """Is the file as it was published?"""
        try:
            return look(self.path) == self.laid.stat
        except OSError:
            return False


class Written(msgspec.Struct, frozen=True):
    """What was written."""

    sha256: str
    bytes: int
    laid: Laid


def assemble(
    path: Path,
    head: bytes,
    parts: Callable[[], Iterable[Part]],
    tail: bytes,
    former: Former | None,
    cut: int = 0,
) -> Written:
    """Write a file: `head`, the parts but for the last `cut` bytes, `tail`. `parts` gives them, one
    at a time: of a hundred thousand units they would fill tens of megabytes for each file."""
    keys: list[str] = []
    lengths: list[int] = []
    try:
        first, runs = _first(_shorter(_runs(_noting(parts(), keys, lengths), former), cut))
        with File(path, *begin(head, first, former)) as file:
            file.add(head)
            file.copy(runs)
            file.add(tail)
    except (TooShort, OSError):
        if former is None or former.is_whole():
            raise
    if former is not None and not former.is_whole():  # somebody changed it meanwhile
        return assemble(path, head, parts, tail, None, cut)
    return Written(file.sha256, file.size, Laid(len(head), keys, lengths, file.states, cut > 0))


def _noting(parts: Iterable[Part], keys: list[str], lengths: list[int]) -> Iterator[Part]:
    for part in parts:
        keys.append(part.key)
        lengths.append(part.length)
        yield part


def _first(runs: Iterator[Run]) -> tuple[Run | None, Iterator[Run]]:
    """The first run, and all of them."""
    first = next(runs, None)
    return first, chain([first] if first else [], runs)


def _runs(parts: Iterable[Part], former: Former | None) -> Iterator[Run]:
    """Where the bytes of all parts lie, neighbours joined."""
    path, start, end = "", 0, 0
    sums: list[tuple[int, int]] = []
    old = former.path if former is not None else None
    for part in parts:
        for file, at, length, crc in _pieces(part, former):
            if file != path or at != end or bool(sums) != (crc is not None):
                if end > start:
                    yield Run(path, start, end - start, path == old, sums)
                path, start, end, sums = file, at, at, []
            end += length
            if crc is not None:
                sums.append((length, crc))
    if end > start:
        yield Run(path, start, end - start, path == old, sums)


def _pieces(part: Part, former: Former | None) -> Iterable[tuple[str, int, int, int | None]]:
    """Where the bytes of a part lie: in the former file, else piece by piece in its pack, with
    their sums."""
    if former is not None and (place := former.places.get(part.key)) is not None:
        return [(former.path, *place, None)]
    pieces = zip_longest(part.chunks, part.sums)
    return [(part.path, start, length, crc) for (start, length), crc in pieces]


def _shorter(runs: Iterator[Run], cut: int) -> Iterator[Run]:
    """The same without the last `cut` bytes of the last one."""
    last = next(runs, None)
    for run in runs:
        assert last is not None
        yield last
        last = run
    if last is not None:
        yield msgspec.structs.replace(last, length=last.length - cut, cut=cut) if cut else last


def begin(
    head: bytes, first: Run | None, former: Former | None
) -> tuple[Former | None, list[State]]:
    """The states of a digest that the new file goes through as the former one did. `first`: the
    first run of it behind its head."""
    if former is None or first is None or first.path != former.path:
        return None, []
    if not first.offset == len(head) == former.laid.head:
        return None, []
    with open(former.path, "rb") as file:
        if file.read(len(head)) != head:
            return None, []
    alike = len(head) + first.length
    return former, [s for s in former.laid.states if s.at <= alike and can_resume(s.block)]


class File:
    """A file being written. Bytes gather in a buffer that is hashed and written when it is full.

    Where `states` are given, the file begins as the former one does, up to the last of them: so
    much is copied at once, and skipped in what is added.
    """

    def __init__(
        self, path: Path, former: Former | None = None, states: Sequence[State] = ()
    ) -> None:
        self.out = Out(path)
        self.states = list(states)
        self.digest = Digest(states[-1].block if states else None)
        self.size = self.skip = states[-1].at if states else 0
        self.buffer = block_buffer(_BUFFER)
        self.view = memoryview(self.buffer)
        self.used = self.hashed = 0
        self.sha256 = ""
        if former is not None and self.skip:
            try:
                _copy(former.path, self.out, self.skip, self.view)
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
        """Append runs of other files. Raises StoreError where one has become too short."""
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
        """The next bytes."""
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
        """Read what was cut off as well."""
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
    """Begin as another file does."""
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
