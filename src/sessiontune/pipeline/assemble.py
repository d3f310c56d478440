"""Where the bytes of an output file come from: the former export, else the segments of units.

What the former export already holds is copied from there, in few long runs instead of from
thousands of segments. Where the new file begins like the former one, its digest resumes from a
state that was noted then. A file that is changed meanwhile is not trusted.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, chain, zip_longest
from pathlib import Path

import msgspec

from .digesting import can_resume
from .outfile import File, Run, State, TooShort


class Part(msgspec.Struct, frozen=True):
    """Rows of one unit, in chunks of its pack. Equal keys mean equal bytes; "" equals nothing.
    `sums`: the CRC-32 of each chunk, where known."""

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
    """Size, mtime and ctime of a file: an editor can set the mtime back, but not the ctime."""
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
    """Write a file: `head`, the parts without their last `cut` bytes, `tail`. `parts` yields them
    one at a time: a list of those of 100,000 units would fill tens of megabytes for each file."""
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


def begin(head: bytes, first: Run | None, former: Former | None) -> tuple[str, list[State]]:
    """The path of the former file if the new one begins like it, else "", and the states of its
    digest that both share. `first`: the new file's first run after its head."""
    if former is None or first is None or first.path != former.path:
        return "", []
    if not first.offset == len(head) == former.laid.head:
        return "", []
    with open(former.path, "rb") as file:
        if file.read(len(head)) != head:
            return "", []
    alike = len(head) + first.length
    return former.path, [s for s in former.laid.states if s.at <= alike and can_resume(s.block)]
