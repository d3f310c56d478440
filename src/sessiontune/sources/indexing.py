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

_IDS = re.compile(rb'[uU]uid"\s*:\s*"([^"\\]{1,200})"')
_TIMES = re.compile(rb'"_?(?:audit_)?timestamp"\s*:\s*"(\d{4}-\d\d-\d\dT[0-9:.]{5,15}Z)"')
_SESSIONS = re.compile(rb'"session(?:Id|_id)"\s*:\s*"([^"\\]{1,200})"')
_CWD = re.compile(rb'"cwd"\s*:\s*"((?:[^"\\]|\\.){1,1000})"')


def digests(names: set[bytes]) -> bytes:
    """Sorted unique 8-byte digests of ids."""
    blake = hashlib.blake2b
    return b"".join(sorted({blake(name, digest_size=8).digest() for name in names}))


def scan(path: str, offset: int = 0, links: tuple[str, ...] = ()) -> FileIndex:
    """Index a file from `offset` (a byte that begins a line) to its present end.

    A file that cannot be read gives an empty index with the links that its name says.
    """
    ids: set[bytes] = set()
    sessions: set[bytes] = set()
    folders: set[bytes] = set()
    first, last, lines, size = b"", b"", 0, offset
    try:
        with open_log(path) as stream:
            end = os.fstat(stream.fileno()).st_size
            stream.seek(offset)
            tail, blank = b"", True
            while size < end:
                data = stream.read(min(CHUNK, end - size))
                if not data:
                    break
                size += len(data)
                window = tail + data
                ids.update(_IDS.findall(window))
                sessions.update(_SESSIONS.findall(window))
                folders.update(_CWD.findall(window))
                times = _TIMES.findall(window)
                if times:
                    low, high = min(times), max(times)
                    first = low if not first or low < first else first
                    last = max(last, high)
                tail = window[-REACH:]
                lines, blank = _count(data, lines, blank)
            lines += 0 if blank else 1
    except OSError:
        return FileIndex(links=links)
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


def _count(data: bytes, lines: int, blank: bool) -> tuple[int, bool]:
    """Non-blank lines that end in `data`; `blank`: the line that goes on is blank so far."""
    pieces = data.split(b"\n")
    for at, piece in enumerate(pieces):
        if piece and not piece.isspace():
            blank = False
        if at < len(pieces) - 1:
            lines += 0 if blank else 1
            blank = True
    return lines, blank


def _unescaped(raw: bytes) -> str:
    import json

    try:
        return str(json.loads(b'"' + raw + b'"'))
    except ValueError:
        return raw.decode("utf-8", "replace")


def merge_index(a: FileIndex, b: FileIndex) -> FileIndex:
    """The index of a whole file from that of its beginning and that of what was added."""
    ids = {a.ids[i : i + 8] for i in range(0, len(a.ids), 8)}
    ids.update(b.ids[i : i + 8] for i in range(0, len(b.ids), 8))
    return FileIndex(
        ids=b"".join(sorted(ids)),
        links=tuple(sorted({*a.links, *b.links})),
        names=tuple(sorted({*a.names, *b.names})),
        lines=a.lines + b.lines,
        first=min(filter(None, (a.first, b.first)), default=""),
        last=max(a.last, b.last),
        size=max(a.size, b.size),
    )
