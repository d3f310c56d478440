"""Large files are written and copied past the system's page cache (O_DIRECT), where it can be.

What is published is synced before it is swapped in, so every byte goes to the disk anyway, and is
read only later. Filling gigabytes of the cache with it would cost more than all the rest of
publishing, and drive out what other programs have there.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import mmap
import os
import struct
import sys
from pathlib import Path

#: Reads and writes past the cache begin and end at multiples of this, in memory and in the file.
BLOCK = 4096
_WINDOW = 16 << 20
#: A read of at least this many bytes, if so aligned, goes straight to where it is wanted.
_WHOLE = 1 << 20
_DIRECT = getattr(os, "O_DIRECT", 0)
_HUGE = getattr(mmap, "MADV_HUGEPAGE", 0)
_CLONE_RANGE = 0x4020940D  # FICLONERANGE of linux/fs.h


def block_buffer(size: int) -> mmap.mmap:
    """Memory that can be written past the cache: in few large pages where the system has them,
    since every read and write looks up each page again. Buffers that were given back are taken
    first: the system clears new memory, which takes time."""
    if spare := _spare.get(size):
        return spare.pop()
    if not _HUGE:
        return mmap.mmap(-1, size)
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with contextlib.suppress(OSError):  # a system without large pages
        memory.madvise(_HUGE)
    return memory


_spare: dict[int, list[mmap.mmap]] = {}


def give_back(buffer: mmap.mmap) -> None:
    """Keep a buffer for the next `block_buffer`."""
    _spare.setdefault(len(buffer), []).append(buffer)


def drop_spare() -> None:
    """Free the buffers that were given back."""
    _spare.clear()


class Out:
    """A file being written from its beginning on."""

    def __init__(self, path: Path) -> None:
        self.fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        self._can = bool(_DIRECT)
        self._direct = False

    def close(self) -> None:
        os.close(self.fd)

    def write(self, data: memoryview) -> None:
        """Append; past the cache as far as the length and the file system allow."""
        left = data
        while left:  # on a disk that is nearly full, less may be written than was given
            whole = len(left) - len(left) % BLOCK if self._can else 0
            self._set(whole > 0)
            try:
                left = left[os.write(self.fd, left[: whole or len(left)]) :]
            except OSError as error:
                if not self._direct or error.errno != errno.EINVAL:
                    raise
                self._can = False

    def _set(self, direct: bool) -> None:
        if direct != self._direct:
            self._direct = _past(self.fd, direct) and direct
            self._can = self._can and self._direct == direct

    def share(self, source: int, length: int) -> bool:
        """Begin with the same bytes as another file, where two files can share blocks. Returns
        whether they do."""
        if sys.platform != "linux":  # there the number may mean something else
            return False
        try:
            fcntl.ioctl(self.fd, _CLONE_RANGE, struct.pack("qQQQ", source, 0, length, 0))
        except OSError:
            return False
        os.lseek(self.fd, length, os.SEEK_SET)
        return True


class In:
    """A file being read; after `past_cache` a window at a time, for long runs."""

    def __init__(self, path: str) -> None:
        self.fd = os.open(path, os.O_RDONLY)
        self.buffer: mmap.mmap | None = None
        self.window: memoryview | None = None
        self.start = self.stop = 0
        self._direct = False

    def close(self) -> None:
        os.close(self.fd)
        if self.buffer is not None:
            give_back(self.buffer)
            self.buffer = self.window = None

    def past_cache(self) -> None:
        """What follows is long, and nobody needs it in the cache."""
        if _DIRECT and self.window is None:
            self.buffer = block_buffer(_WINDOW)
            self.window = memoryview(self.buffer)
            self._direct = _past(self.fd, True)

    def read(self, room: memoryview, at: int) -> int:
        """Fill `room`, or part of it, from offset `at`. Returns the bytes read: 0 at the end."""
        if self.window is None:
            return _read(self.fd, room, at)
        if len(room) >= _WHOLE and len(room) % BLOCK == at % BLOCK == 0:
            return self._fill(room, at)
        if not self.start <= at < self.stop:
            self.start = at - at % BLOCK
            self.stop = self.start + self._fill(self.window, self.start)
        n = max(0, min(len(room), self.stop - at))
        here = at - self.start
        room[:n] = self.window[here : here + n]
        return n

    def _fill(self, room: memoryview, at: int) -> int:
        try:
            return _read(self.fd, room, at)
        except OSError as error:
            if not self._direct or error.errno != errno.EINVAL:
                raise
            self._direct = not _past(self.fd, False)
            return _read(self.fd, room, at)


def _read(fd: int, room: memoryview, at: int) -> int:
    """Fill `room`, or part of it. Pythons that were built for macOS before 11 have no `preadv`."""
    if hasattr(os, "preadv"):
        return os.preadv(fd, [room], at)
    data = os.pread(fd, len(room), at)
    room[: len(data)] = data
    return len(data)


def _past(fd: int, direct: bool) -> bool:
    """Switch a file between past the cache and through it. Returns whether the system agreed."""
    flags = fcntl.fcntl(fd, fcntl.F_GETFL)
    try:
        fcntl.fcntl(fd, fcntl.F_SETFL, flags | _DIRECT if direct else flags & ~_DIRECT)
    except OSError:  # this file system always goes through its cache
        return False
    return True
