"""`data.parquet` beside `openai.jsonl`, so that only the rows near a change are encoded again.

The rows are cut into *stretches*: neighbouring units, cut where the sessions' own keys say so. What
is appended to one unit moves only its own cuts, so all other stretches are found, already encoded,
in the former file. Each stretch is encoded alone, so a file made from scratch has the same bytes.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import cycle, pairwise
from pathlib import Path

import msgspec

from .. import codec
from ..formats import footer as footers
from ..formats.parquet import GROUP, has_thinking, load_arrow, write_parquet
from .assemble import Former, Laid, Part, Written, begin
from .outfile import File, Run, TooShort

#: Raise when the same rows would give other bytes.
_VERSION = 1
#: Bytes of JSON in a stretch, about: at least half as many, and rarely more than four times.
_STRETCH = GROUP // 4
#: Stretches that are encoded at a time, without the interpreter lock.
_TOGETHER = 2


class Stretch(msgspec.Struct, frozen=True):
    """Rows that are encoded together: where they lie in the JSONL file, and their number of bytes.
    `key` is "" if they must not be taken from a former file."""

    key: str
    start: int
    length: int


class Kept(msgspec.Struct, frozen=True):
    """What is noted of a Parquet file: its layout, its stretches' footer entries, the footer's
    ends."""

    laid: Laid
    entries: list[list[footers.Entry]]
    ends: tuple[bytes, bytes]


def stretches(parts: Iterable[tuple[Part, str]], thinking: bool) -> list[Stretch]:
    """Cut the rows of units, each with the key of its first session, into stretches."""
    made_by = (_VERSION, load_arrow(), thinking)
    out: list[Stretch] = []
    start = length = 0
    keys: list[tuple[str, int]] = []

    def cut() -> None:
        nonlocal start, length, keys
        if length:
            whole = all(key for key, _ in keys)
            out.append(Stretch(codec.digest(made_by, keys) if whole else "", start, length))
        start, length, keys = start + length, 0, []

    for part, session in parts:
        size = part.length
        length += size
        keys.append((part.key, size))
        if length >= _STRETCH // 2 and _chance(session) * _STRETCH < size:
            cut()
    cut()
    return out


def _chance(key: str) -> float:
    """A number from 0 to 1, always the same for a session."""
    number = hashlib.blake2b(key.encode(), digest_size=6).digest()
    return int.from_bytes(number, "big") / (1 << 48)


def write(
    source: Path,
    target: Path,
    parts: Iterable[tuple[Part, str]],
    former: Former | None,
    kept: Kept | None,
) -> tuple[Written, Kept, int]:
    """Write the rows of `source`, which consists of the parts, as Parquet. Returns what was
    written, what to note of it, and the number of rows."""
    with open(source, "rb") as lines:
        thinking = has_thinking(lines)
    wanted = stretches(parts, thinking) or [Stretch("", 0, 0)]
    return _written(source, target, thinking, wanted, former, kept)


def _written(
    source: Path,
    target: Path,
    thinking: bool,
    wanted: Sequence[Stretch],
    former: Former | None,
    kept: Kept | None,
) -> tuple[Written, Kept, int]:
    """The same in stretches; without the former file if somebody changed it meanwhile."""
    scratch = [target.with_name(f"{target.name}.{n}.part") for n in range(_TOGETHER)]
    try:
        done = _write(source, target, scratch, thinking, wanted, former, kept)
    except (TooShort, OSError):
        if former is None or former.is_whole():
            raise
        done = None
    finally:
        for path in scratch:
            path.unlink(missing_ok=True)
    if done is None or (former is not None and not former.is_whole()):
        return _written(source, target, thinking, wanted, None, None)
    return done


def _write(
    source: Path,
    target: Path,
    scratch: Sequence[Path],
    thinking: bool,
    wanted: Sequence[Stretch],
    former: Former | None,
    kept: Kept | None,
) -> tuple[Written, Kept, int]:
    places = former.places if former is not None else {}
    known = dict(zip(kept.laid.keys, kept.entries, strict=True)) if kept is not None else {}
    ends = kept.ends if kept is not None else (b"", b"")
    groups: list[tuple[int, list[footers.Entry]]] = []
    at = len(footers.MAGIC)
    new = [stretch for stretch in wanted if stretch.key not in places]
    with (
        ThreadPoolExecutor(_TOGETHER) as pool,
        File(target, *begin(footers.MAGIC, _begun(wanted, former), former)) as file,
    ):
        made = _encoded(source, scratch, thinking, new, pool)
        file.add(footers.MAGIC)
        waiting: list[Run] = []  # copied together: a long run costs less than many short ones
        for stretch in wanted:
            if former is not None and stretch.key in places:
                run, entries = Run(former.path, *places[stretch.key], True), known[stretch.key]
                _join(waiting, run)
            else:
                file.copy(waiting)
                path = next(made)
                footer, size = footers.read_file(path)
                run, entries = Run(str(path), len(footers.MAGIC), size), footer.entries
                ends = footer.head, footer.tail
                file.copy([run])
                waiting = []
            groups.append((at, entries))
            at += run.length
        file.copy(waiting)
        file.add(footers.write(*ends, groups))
    edges = [start for start, _ in groups] + [at]
    lengths = [b - a for a, b in pairwise(edges)]
    laid = Laid(len(footers.MAGIC), [s.key for s in wanted], lengths, file.states)
    rows = sum(entry.rows for _, entries in groups for entry in entries)
    note = Kept(laid, [entries for _, entries in groups], ends)
    return Written(file.sha256, file.size, laid), note, rows


def _encoded(
    source: Path,
    scratch: Sequence[Path],
    thinking: bool,
    wanted: Sequence[Stretch],
    pool: ThreadPoolExecutor,
) -> Iterator[Path]:
    """Encode stretches, some at a time, and yield the file of each in order. A file is reused once
    the next one is asked for."""
    running: deque[tuple[Path, Future[int]]] = deque()
    for path, one in zip(cycle(scratch), wanted, strict=False):
        task = pool.submit(write_parquet, source, path, one.start, one.length, thinking)
        running.append((path, task))
        if len(running) == len(scratch):
            path, task = running.popleft()
            task.result()
            yield path
    for path, task in running:
        task.result()
        yield path


def _begun(wanted: Sequence[Stretch], former: Former | None) -> Run | None:
    """The run of the former file with which the new one begins."""
    runs: list[Run] = []
    for stretch in wanted:
        if former is None or stretch.key not in former.places:
            break
        _join(runs, Run(former.path, *former.places[stretch.key], True))
    return runs[0] if runs else None


def _join(runs: list[Run], run: Run) -> None:
    """Append a run of the former file, joined to the last one if it follows it directly."""
    if runs and runs[-1].offset + runs[-1].length == run.offset:
        last = runs.pop()
        run = Run(run.path, last.offset, last.length + run.length, True)
    runs.append(run)
