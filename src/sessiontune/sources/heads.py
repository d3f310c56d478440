"""The first lines of a file, by which a source recognises it also where one of them is damaged."""

from __future__ import annotations

import re
from collections.abc import Iterator

#: Most lines that are looked at.
_MOST = 200
#: What may stand around a line that was damaged: a mark of the encoding, zeros of a crash, blanks.
_AROUND = b"\xef\xbb\xbf\0 \t\r"


def first_lines(head: bytes) -> Iterator[bytes]:
    """The first lines of a file that begins with `head`, without what may stand around them; no
    empty ones."""
    for raw in head.split(b"\n", _MOST)[:_MOST]:
        line = raw.strip(_AROUND)
        if line:
            yield line


def any_begins(record: re.Pattern[bytes], head: bytes) -> bool:
    """Whether one of the first lines begins like such a record. A pattern is matched against whole
    lines, never within the texts of a record."""
    return any(record.match(line) for line in first_lines(head))
