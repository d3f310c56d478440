"""Whether a missing log continues at another path: renamed, linked or copied.

It may have grown since. A renamed file keeps its inode. A copied one is known by its name (agents
name logs after the session), and by its first bytes. Where an agent gives all logs the same name,
the time at which a log begins says which ones to look at.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection
from functools import cached_property

from ..ports import FileIndex, LogFile, merge_index
from ..sources.lines import open_log
from ..store import FileRow

_TAIL = 4096


class Elsewhere:
    """The logs that are there, to find among them one that is known by a former path."""

    def __init__(self, logs: Collection[FileRow]) -> None:
        self._logs = logs

    def path_of(self, known: FileRow) -> str:
        """Where all that is known of a log is now, perhaps with more; "" if that is nowhere."""
        for log in self._by_inode.get(known.file.inode, ()):
            if goes_on(known, log):
                return log.path
        for row in self._by_mark.get(_mark(known), ()):
            if _copied(known, row):
                return row.file.path
        return ""

    @cached_property
    def _by_inode(self) -> dict[int, list[LogFile]]:
        found: dict[int, list[LogFile]] = {}
        for row in self._logs:
            found.setdefault(row.file.inode, []).append(row.file)
        return found

    @cached_property
    def _by_mark(self) -> dict[tuple[str, str], list[FileRow]]:
        found: dict[tuple[str, str], list[FileRow]] = {}
        for row in self._logs:
            found.setdefault(_mark(row), []).append(row)
        return found


def tail_of(fd: int, size: int) -> bytes:
    """A digest of the last bytes before offset `size` of a file."""
    start = max(0, size - _TAIL)
    return hashlib.blake2b(os.pread(fd, size - start, start), digest_size=8).digest()


def goes_on(known: FileRow, now: LogFile) -> bool:
    """Whether the known log is this file now, unchanged or longer."""
    old = known.file
    if old.inode != now.inode:
        return False
    if (old.size, old.mtime_ns) == (now.size, now.mtime_ns):
        return True
    try:
        with open_log(now.path) as log:
            return begins_as(known, now, log.fileno())
    except OSError:
        return False


def begins_as(known: FileRow, now: LogFile, fd: int) -> bool:
    """Whether a file is the known one, unchanged or longer, by the bytes where that one ended."""
    old = known.file
    return (
        not known.gone
        and old.inode == now.inode
        and old.size <= now.size
        and tail_of(fd, old.size) == known.tail
    )


def _copied(known: FileRow, now: FileRow) -> bool:
    """Whether a log begins with all the bytes of one that is gone. Only logs of lines grow at their
    end."""
    old, new = known.file, now.file
    if old.source != new.source:
        return False
    if old.size == new.size:
        return known.tail == now.tail and _holds(now.index, known)
    if old.size > new.size or not new.path.endswith(".jsonl") or not _holds(now.index, known):
        return False
    try:
        with open_log(new.path) as log:
            return tail_of(log.fileno(), old.size) == known.tail
    except OSError:
        return False


def _holds(index: FileIndex, known: FileRow) -> bool:
    """Whether an index holds all that is noted of the known log, except what names its path."""
    before = known.index
    if before.rules != index.rules:
        return True  # indexed by other rules: not comparable
    links = {link for link in before.links if known.file.path not in link}
    return links.issubset(index.links) and merge_index(before, index).ids == index.ids


def _mark(row: FileRow) -> tuple[str, str]:
    """The name of a log, and when it begins."""
    return row.file.path.rpartition("/")[2], row.index.first
