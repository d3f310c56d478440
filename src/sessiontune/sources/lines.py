"""Reads JSONL: numbered lines of a binary file, and values of damaged lines.

Lines end only at a line feed (U+2028 is data). Memory is bounded by `max_line`: a longer line is
skipped in pieces. A file is read up to its size when it was opened, so a log that grows meanwhile
gives a complete, repeatable prefix. Nothing here depends on an agent.
"""

from __future__ import annotations

import errno
import gc
import json
import math
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from io import FileIO
from typing import Any

from ..ledger import Ledger
from ..model import Fault
from ..ports import ReadOptions

CHUNK = 1 << 20
BOM = b"\xef\xbb\xbf"
PACKED = ".zst"

#: Most levels of a value: deeper ones break later encoders, and no tool takes such arguments.
MAX_DEPTH = 100

_INT_MIN, _INT_MAX = -(1 << 63), (1 << 64) - 1


class LineFault(Exception):
    """A value that cannot be used; `reason`: that of the fault. Never leaves the reader."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


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


def values(
    line: bytes | memoryview, ledger: Ledger, listed: bool = False
) -> list[dict[str, Any] | LineFault]:
    """Every JSON value of a line that the fast decoder rejected, mended if possible; of the array
    that it is if it is `listed`, whose end may be missing.

    Each entry is an object, or the fault of a value that is not. Repairs are counted once per
    line and kind: `bom`, `nul`, `invalid_utf8`, `lone_surrogate`, `glued`, `number`.
    """
    raw, repairs = bytes(line), set[str]()
    if raw.startswith(BOM):
        raw = raw[3:]
        repairs.add("bom")
    if b"\0" in raw:
        raw = raw.replace(b"\0", b"")
        repairs.add("nul")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("utf-8", "replace")
        repairs.add("invalid_utf8")
    text = text.strip(" \t\r\n")
    found = _split(text.removeprefix("[").removesuffix("]") if listed else text, repairs, listed)
    for kind in sorted(repairs) if any(isinstance(v, dict) for v in found) else ():
        ledger.repair(kind)
    return found


#: What opens, closes or hides brackets in JSON.
_MARKS = re.compile(r'"(?:[^"\\]|\\.)*+("?)|[][{}]', re.DOTALL)


def saved(raw: bytes) -> dict[str, Any] | None:
    """What can be told of an object whose end is missing: all before the last element that is whole
    of a list in it. None if there is none."""
    text = raw.decode("utf-8", "replace")
    opened, end = list[str](), 0
    for found in _MARKS.finditer(text):
        mark = found[0][:1]
        if mark == '"' and not found[1]:  # the end is missing within a text
            break
        if mark in "[{":
            opened.append(mark)
        elif mark in "]}":
            if not opened or opened.pop() + mark not in ("[]", "{}"):
                break
            if opened == ["{", "["]:
                end = found.end()
    whole = values(text[:end].encode() + b"]}", Ledger()) if end else []
    return whole[0] if len(whole) == 1 and isinstance(whole[0], dict) else None


def single(found: list[dict[str, Any] | LineFault]) -> dict[str, Any] | LineFault:
    """The only value that `values` found, or the fault if there is no such object."""
    if len(found) == 1:
        return found[0]
    return next((v for v in found if isinstance(v, LineFault)), LineFault("bad_json"))


def _integer(digits: str) -> int | str:
    """An integer; above a thousand digits (Python rejects 4,301) the digits as text."""
    return int(digits) if len(digits) < 1000 else digits


_DECODER = json.JSONDecoder(strict=False, parse_int=_integer)
#: Most records without an end on one line, after which others are looked for.
_MOST_CUTS = 10


def _split(text: str, repairs: set[str], listed: bool) -> list[dict[str, Any] | LineFault]:
    found: list[dict[str, Any] | LineFault] = []
    between = " \t\r\n," if listed else " \t\r\n"
    at = len(text) - len(text.lstrip(between))
    cuts: list[int] = []  # numbers of values up to each that has no end
    while 0 <= at < len(text):
        try:
            value, at = _DECODER.raw_decode(text, at)
            found.append(_checked(value, repairs))
        except RecursionError:
            found.append(LineFault("too_deep"))
            break
        except json.JSONDecodeError as error:
            found.append(LineFault("bad_json"))
            cuts.append(len(found))
            at = _begins_anew(text, at, error.pos) if len(cuts) < _MOST_CUTS else -1
        except LineFault as fault:
            found.append(fault)
        while 0 <= at < len(text) and text[at] in between:
            at += 1
    if cuts and isinstance(found[-1], LineFault):
        del found[cuts[0] :]  # what may be a quotation in the first of them
    if len(found) > 1 and not listed:
        repairs.add("glued")
    return found or [LineFault("bad_json")]


#: The rest of a word, a number or an escape that was cut, and the beginning of another record.
_ANEW = re.compile(r"""\\?[\w.+-]{0,9}(?=\{")""")


def _begins_anew(text: str, start: int, wrong: int) -> int:
    """Where a record begins within the one from `start`, whose end was never written; -1 for
    nowhere. JSON is `wrong` just there: a text that was cut ends with the first quotation mark of
    the other record, as one within a text has a backslash before it. So what the record itself
    holds, or quotes, is never taken for another."""
    if text.startswith('{"', wrong - 2) and wrong - 2 > start:
        return wrong - 2
    rest = _ANEW.match(text, wrong)
    return rest.end() if rest is not None and rest.end() > start else -1


def _checked(value: Any, repairs: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise LineFault("not_an_object")
    mended: dict[str, Any] = mend(value, repairs)
    return mended


def mend(value: Any, repairs: set[str] | None = None, depth: int = 0) -> Any:
    """The value without lone surrogates, numbers that JSON or msgpack cannot carry, or depth.

    An integer of more than 64 bits becomes a string of its digits (nothing is lost), NaN and
    the infinities become null. Raises LineFault("too_deep") past MAX_DEPTH levels.
    """
    kind = type(value)
    if kind is str:
        if value.isascii():
            return value
        try:
            value.encode()
        except UnicodeEncodeError:
            if repairs is not None:
                repairs.add("lone_surrogate")
            return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return value
    if kind is dict or kind is list:
        if depth > MAX_DEPTH:
            raise LineFault("too_deep")
        if kind is list:
            return [mend(item, repairs, depth + 1) for item in value]
        return {mend(k, repairs): mend(v, repairs, depth + 1) for k, v in value.items()}
    if (kind is int and not _INT_MIN <= value <= _INT_MAX) or (
        kind is float and not math.isfinite(value)
    ):
        if repairs is not None:
            repairs.add("number")
        return str(value) if kind is int else None
    return value


def plain(arguments: dict[str, Any]) -> bool:
    """Whether a decoded object holds only scalars of small range, and so needs no mending."""
    for value in arguments.values():
        kind = type(value)
        if (
            kind is not str
            and kind is not bool
            and not (kind is int and _INT_MIN <= value <= _INT_MAX)
            and value is not None
        ):
            return False
    return True


def line_fault(fault: LineFault, path: str, number: int, line: bytes | memoryview) -> Fault:
    """The fault of one value: its place, never its content."""
    reason, raw = fault.reason, bytes(line)
    if reason == "bad_json" and not raw.rstrip().endswith((b"}", b"]")):
        reason = "truncated_line"
    return Fault(reason=reason, file=path, line=number, detail=f"{len(raw)} bytes")


def utc(at: str) -> str:
    """A timestamp as ISO-8601 UTC ending in Z; "" for any other value."""
    if at[-1:] == "Z" and at[:4].isdigit():
        return at
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        return ""
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return moment.isoformat(timespec="milliseconds") + "Z"


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


#: Words with marks between and hardly a digit, unlike keys, addresses and file names.
_WORD = r"(?:[a-z]{1,20}|[A-Z]{1,12})?(?:[A-Z][a-z]{1,19}){0,5}[A-Z]{0,2}\d{0,2}"
_NAME = re.compile(rf"(?=[A-Za-z]){_WORD}(?:[ _.:/-](?=[A-Za-z]){_WORD}){{0,5}}")


def safe_name(name: str) -> str:
    """A log's own word in a form that may be published in a reason: a word like those of types and
    roles, of at most 40 characters; `other` for all else."""
    if not name:
        return "none"
    return _safe(name) if len(name) <= 40 else "other"


@lru_cache(maxsize=1024)
def _safe(name: str) -> str:
    """The same for short names, cached: there are few, and every record has one."""
    return name.replace(" ", "_") if _NAME.fullmatch(name) else "other"
