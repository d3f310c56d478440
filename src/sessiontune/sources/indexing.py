"""What must be known of a log to find its neighbours: ids, names and times, from raw bytes.

Nothing is decoded: a field is found by its name in quotes, which cannot stand unescaped inside
a JSON string. So the index costs a fraction of reading, and no line, however long, is held.
"""

from __future__ import annotations

import hashlib
import os
import re

from ..ports import FileIndex
from .lines import CHUNK, open_log

#: Longest value that is looked at; longer ones are no ids, and a window overlaps by this much.
REACH = 4096

#: One pass over the bytes: a pattern that begins with a literal quote and a few names is several
#: times faster than one that begins with a class of letters.
_FIELDS = re.compile(
    rb'"((?:uuid|parentUuid|leafUuid|logicalParentUuid|sessionId|session_id|cwd)"'
    rb'\s*:\s*"[^"]{1,1000})'
)
_TIME = re.compile(rb'"_?(?:audit_)?timestamp"\s*:\s*"(\d{4}-\d\d-\d\dT[0-9:.]{5,15}Z)"')


def digests(names: set[bytes]) -> bytes:
    """Sorted unique 8-byte digests of ids."""
    blake = hashlib.blake2b
    return b"".join(sorted({blake(name, digest_size=8).digest() for name in names}))


def scan(path: str, offset: int = 0, links: tuple[str, ...] = ()) -> FileIndex:
    """Index a file from `offset` (a byte that begins a line) to its present end.

    A file that cannot be read gives an empty index with the links that its name says.
    """
    fields: set[bytes] = set()
    first, last, lines, size = b"", b"", 0, offset
    try:
        with open_log(path) as stream:
            end = os.fstat(stream.fileno()).st_size
            stream.seek(offset)
            tail, open_line = b"", False
            while size < end:
                data = stream.read(min(CHUNK, end - size))
                if not data:
                    break
                size += len(data)
                window = tail + data
                fields.update(_FIELDS.findall(window))
                low, high = _TIME.search(window), _last_time(window)
                if low and high:
                    first = min(first or low[1], low[1])
                    last = max(last, high)
                tail = window[-REACH:]
                lines += data.count(b"\n")
                open_line = data[-1:] != b"\n"
            lines += open_line
    except OSError:
        return FileIndex(links=links)
    ids, sessions, folders = _sorted_out(fields)
    names = {f"session:{name.decode('utf-8', 'replace')}" for name in sessions}
    return FileIndex(
        ids=digests(ids),
        links=tuple(sorted(names.union(links))),
        names=tuple(sorted({_unescaped(folder) for folder in folders})),
        lines=lines,
        first=first.decode(),
        last=last.decode(),
        size=size,
    )


def _sorted_out(fields: set[bytes]) -> tuple[set[bytes], set[bytes], set[bytes]]:
    """Record ids, session ids and working folders from matches of `_FIELDS`."""
    ids: set[bytes] = set()
    sessions: set[bytes] = set()
    folders: set[bytes] = set()
    for field in fields:
        name, _, rest = field.partition(b'"')
        value = rest.partition(b'"')[2]
        if name == b"cwd":
            folders.add(value)
        elif name[:1] == b"s":
            sessions.add(value)
        else:
            ids.add(value)
    return ids, sessions, folders


def _last_time(window: bytes) -> bytes:
    """The last timestamp of a window, or b""."""
    at = len(window)
    while (at := window.rfind(b'timestamp"', 0, at)) > 0:
        start = window.rfind(b'"', 0, at)
        if found := _TIME.match(window, start):
            return found[1]
    return b""


def _unescaped(raw: bytes) -> str:
    import json

    try:
        return str(json.loads(b'"' + raw + b'"'))
    except ValueError:
        return raw.decode("utf-8", "replace")
