"""The index of a log, by which its neighbours are found: ids, names and times.

Each source names the few fields that it needs in a msgspec struct; all else on a line is skipped,
which costs less than half of decoding it. A line that does not decode is searched for the same
fields by name, so a damaged line loses no link.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import orjson

from ..ledger import Ledger
from ..ports import FileIndex, ReadOptions
from .lines import gc_paused, read_lines, size_of
from .mending import LineFault, values
from .shapes import utc


class Seen(msgspec.Struct):
    """What was seen so far; None among the ids and names is ignored.

    `sessions` are ids of the program's own sessions, without the prefix that links carry.
    """

    ids: set[str | None] = set()
    sessions: set[str | None] = set()
    names: set[str | None] = set()
    first: str = "~"
    last: str = ""

    def time(self, at: str | None) -> None:
        """Note a time (ISO-8601) unless it is empty."""
        if at:
            self.first, self.last = min(self.first, at), max(self.last, at)


def digests(names: set[str | None]) -> bytes:
    """Sorted unique 8-byte digests of ids: half of a UUID's own bytes, else BLAKE2b."""
    known = [name for name in names if name]
    uuids = [name for name in known if len(name) == 36]
    found = _halves(uuids)
    others = known if found is None else [name for name in known if len(name) != 36]
    return b"".join(sorted({*(found or ()), *map(_digest, others)}))


_HALF = struct.Struct("8s8x")


def _halves(names: list[str]) -> set[bytes] | None:
    """The first halves of the bytes of UUIDs, all at once; None if one is no UUID."""
    text = " ".join(names).replace("-", "")
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        return None
    # The only space that was left out stands between the names, each of which has 32 digits.
    if len(raw) != 16 * len(names) or text[32::33] != " " * (len(names) - 1):
        return None
    return {half for (half,) in _HALF.iter_unpack(raw)}


def _digest(name: str) -> bytes:
    if len(name) == 36:
        try:
            half = bytes.fromhex(name.replace("-", "")[:16])
        except ValueError:
            half = b""
        if len(half) == 8:
            return half
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def scan(
    path: str,
    offset: int,
    known: Callable[[memoryview], Any] | type[msgspec.Struct],
    note: Callable[[Any, Seen], None],
    links: Iterable[str] = (),
    prefix: str = "session:",
    names: Iterable[str] = (),
) -> FileIndex:
    """Index a file from `offset` (a byte that begins a line) to its present end.

    `known` is the type of a line, or makes a value of one; `note` takes down what that holds.
    `prefix` goes before session ids where they are links. `links` and `names` are known without the
    content. A file that cannot be read gives an empty index with those links.
    """
    decode = msgspec.json.Decoder(known).decode if isinstance(known, type) else known
    ledger = Ledger()
    seen = Seen(names={*names})
    count = 0
    size = size_of(path, offset)
    with gc_paused():
        for _, raw in read_lines(path, ReadOptions(), ledger, offset, size):
            count += 1
            try:
                line = decode(raw)
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
                _damaged(bytes(raw), decode, note, seen)
                continue
            note(line, seen)
    if any(not fault.line for fault in ledger.faults):
        return FileIndex(links=tuple(links))
    return FileIndex(
        ids=digests(seen.ids),
        links=tuple(sorted({*(prefix + name for name in seen.sessions if name), *links})),
        names=tuple(sorted(filter(None, seen.names))),
        lines=count + len(ledger.faults),
        first=utc(seen.first.rstrip("~")),
        last=utc(seen.last),
        size=size,
    )


def unread(path: str, link: str) -> FileIndex:
    """Index a document whose lines are not read."""
    return scan(path, 0, lambda raw: None, lambda line, seen: None, (link,))


def _damaged(
    raw: bytes, decode: Callable[[memoryview], Any], note: Callable[[Any, Seen], None], seen: Seen
) -> None:
    """Note what a line holds after it is mended; search its fields if any of it cannot be."""
    for value in values(raw, Ledger()):
        if isinstance(value, LineFault):
            _search(raw, seen)
            continue
        try:
            note(_decoded(value, decode), seen)
        except (msgspec.DecodeError, RecursionError, TypeError, ValueError, KeyError):
            _search(raw, seen)


_AT = re.compile(r"`\$((?:\.\w+)+)`$")


def _decoded(value: dict[str, Any], decode: Callable[[memoryview], Any]) -> Any:
    """The value typed, without the fields whose types do not fit."""
    while True:
        try:
            return decode(memoryview(orjson.dumps(value)))
        except msgspec.ValidationError as error:
            found = _AT.search(str(error))
            if found is None:
                raise
            *above, name = found[1][1:].split(".")
            holder = value
            for step in above:
                holder = holder[step]
            del holder[name]


_FIELD = re.compile(
    rb'"(uuid|parentUuid|logicalParentUuid|messageUuid|call_id|sessionId|session_id|cwd|timestamp)"'
    rb'\s*:\s*"([^"\\]{1,1000})"'
)


def _search(raw: bytes, seen: Seen) -> None:
    """Find the fields of a line that does not decode."""
    for name, value in _FIELD.findall(raw):
        text = value.decode("utf-8", "replace")
        if name in (b"sessionId", b"session_id"):
            seen.sessions.add(text)
        elif name == b"cwd":
            seen.names.add(text)
        elif name == b"timestamp":
            seen.time(text)
        else:
            seen.ids.add(text)
