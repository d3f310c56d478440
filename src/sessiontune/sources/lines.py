"""Reads files of lines: numbered lines of a binary file.

Lines end only at a line feed (U+2028 is data). Memory is bounded by `max_line`: a longer line is
skipped in pieces. A file is read up to its size when it was opened, so a log that grows meanwhile
gives a complete, repeatable prefix. Nothing here depends on an agent.
"""

from __future__ import annotations

import errno
import gc
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from typing import Any

from ..ledger import Ledger
from ..model import Fault
from ..ports import ReadOptions

CHUNK = 1 << 20
BOM = b"\xef\xbb\xbf"
PACKED = ".zst"
#: Most lines that are looked at.
_MOST_FIRST = 200
#: What may stand around a line that was damaged: a mark of the encoding, zeros of a crash, blanks.
_AROUND = b"\xef\xbb\xbf\0 \t\r"


def open_log(path: str) -> FileIO:
    """Open a regular file for reading. Raises OSError; never blocks on a pipe."""
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        return FileIO(fd, "rb")
    except BaseException:
        os.close(fd)
        raise


def head_of(path: str, most: int = 1 << 16) -> bytes:
    """The first bytes of a file; none if it cannot be read (its reader reports that)."""
    try:
        with open_log(path) as log:
            return log.read(most) or b""
    except OSError:
        return b""


def first_lines(head: bytes) -> Iterator[bytes]:
    """The first lines of a file that begins with `head`, without what may stand around them; no
    empty ones."""
    for raw in head.split(b"\n", _MOST_FIRST)[:_MOST_FIRST]:
        line = raw.strip(_AROUND)
        if line:
            yield line


def any_begins(record: re.Pattern[bytes], head: bytes) -> bool:
    """Whether one of the first lines begins like such a record. A pattern is matched against whole
    lines, never within the texts of a record."""
    return any(record.match(line) for line in first_lines(head))


def open_packed(path: str) -> Any:
    """Open a compressed log for reading its text. Raises OSError."""
    open_log(path).close()  # raises if it is not a regular, readable file
    import pyarrow

    return pyarrow.input_stream(path, compression="zstd")


#: Reasons why a file was not read at all.
FILE_FAULTS = ("unreadable_file", "symlink_loop")


def file_fault(path: str, error: OSError) -> Fault:
    """A fault for a whole file."""
    name = errno.errorcode.get(error.errno or 0, "EIO")
    reason = "symlink_loop" if error.errno == errno.ELOOP else "unreadable_file"
    return Fault(reason=reason, file=path, detail=name)


def stem(path: str) -> str:
    """The name of a file without its ending."""
    return os.path.splitext(os.path.basename(path))[0]


def size_of(path: str, default: int = 0) -> int:
    """Size of a file in bytes; `default` if it is unknown."""
    try:
        return os.stat(path).st_size
    except OSError:
        return default


def read_lines(
    path: str, options: ReadOptions, ledger: Ledger, offset: int = 0, end: int | None = None
) -> Iterator[tuple[int, memoryview]]:
    """Yield (number, bytes) of every non-blank line; count faults of lines and of the file.

    The numbers start at 1. The view holds no line feed (the last line need not have one) and is
    valid until the next one is requested. A line longer than `options.max_line` bytes counts as
    one record and one fault. Reading goes from `offset` to `end`, by default the file's current
    size.
    """
    try:
        packed = path.endswith(PACKED)
        with open_packed(path) if packed else open_log(path) as stream:
            if packed:  # its length is unknown before its end
                offset, end = 0, 1 << 62
            elif end is None:
                end = os.fstat(stream.fileno()).st_size
            if offset:
                stream.seek(offset)
            filled, number, left = 0, 0, end - offset
            buffer = bytearray(min(CHUNK, max(left, 0) + 1))  # zeroed, so no larger than needed
            view = memoryview(buffer)
            skipped = False  # a long line was skipped; what follows in the view is unread
            longest, brace = options.max_line, _BRACE
            while left > 0 or skipped:
                got = stream.readinto(view[filled : filled + left]) if left > 0 else 0
                if not got and not skipped:
                    break
                left, skipped = left - got, False
                stop, start = filled + got, 0
                find = buffer.find
                while (at := find(b"\n", start, stop)) >= 0:
                    number += 1
                    # A record begins with a brace; only other lines can be blank.
                    if at - start > longest:
                        too_long(path, number, ledger)
                    elif buffer[start] == brace or (
                        at > start and not bytes(view[start:at]).isspace()
                    ):
                        yield number, view[start:at]
                    start = at + 1
                filled = stop - start
                if filled > options.max_line and left > 0:
                    number += 1
                    too_long(path, number, ledger)
                    left, filled = _skip_line(stream, view, left)
                    skipped = filled > 0
                elif start == 0 and stop == len(buffer):  # one line fills it: enlarge it
                    buffer = bytearray(min(2 * len(buffer), options.max_line + CHUNK))
                    larger = memoryview(buffer)
                    larger[:filled] = view[:filled]
                    view = larger
                elif start:
                    view[:filled] = view[start:stop]
            if filled > options.max_line:
                too_long(path, number + 1, ledger)
            elif filled and not bytes(view[:filled]).isspace():
                yield number + 1, view[:filled]
    except OSError as error:
        ledger.fault(file_fault(path, error))


_BRACE = ord("{")


def too_long(path: str, number: int, ledger: Ledger) -> None:
    """Count a line over the limit as a record and a fault."""
    ledger.record(path)
    ledger.fault(Fault(reason="line_too_long", file=path, line=number))


def _skip_line(stream: FileIO, view: memoryview, left: int) -> tuple[int, int]:
    """Read to the end of a line; (bytes left in the file, bytes of the next line in view)."""
    while left > 0:
        got = stream.readinto(view[: min(CHUNK, left)])
        if not got:
            break
        left -= got
        at = bytes(view[:got]).find(b"\n")
        if at >= 0:
            rest = got - at - 1
            view[:rest] = view[at + 1 : got]
            return left, rest
    return 0, 0


@contextmanager
def gc_paused() -> Iterator[None]:
    """No garbage collection inside: reading makes many small objects and no cycles."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()
