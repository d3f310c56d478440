"""Scans files on disk: a repository, a data set made elsewhere, an export.

Files are read in blocks with an overlap, so memory stays bounded.
"""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterable, Iterator

from ..model import Finding
from .audit import Auditor
from .options import PrivacyOptions
from .vocabulary import Vocabulary

#: Folders without text of the user's own, or with copies of it in another form.
SKIPPED_FOLDERS = frozenset(
    {".git", ".hg", ".svn", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache",
     ".hypothesis", ".tox", ".nox", "node_modules", ".venv"}
)  # fmt: skip
BLOCK = 8 << 20
#: Byte order marks. (UTF-32 first: its mark begins with that of UTF-16.)
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: Bytes that two blocks share: the longest value across a seam, with its context.
OVERLAP = 64 << 10


def scan_files(
    paths: Iterable[str], options: PrivacyOptions, salt: bytes, unread: list[str] | None = None
) -> Iterator[Finding]:
    """The findings in files and folders, sorted by file name.

    `SKIPPED_FOLDERS` are left out. Binary files are not read; their names are added to `unread`.
    Raises OSError for a path that does not exist or cannot be read.
    """
    auditor = Auditor(options, Vocabulary(), salt)
    unread = [] if unread is None else unread
    for path in paths:
        for file in _walk(path) if os.path.isdir(path) else (path,):
            yield from scan_file(file, auditor, unread)


def scan_file(path: str, auditor: Auditor, unread: list[str]) -> Iterator[Finding]:
    """The findings in one file, which is read in blocks that end at line ends where possible."""
    with open(path, "rb") as stream:
        head = stream.read(8192)
        wide = wide_codec(head)
        if wide is None and is_binary(head):
            unread.append(path)
            return
        # UTF-16 and UTF-32 are converted to UTF-8
        plain = codecs.getincrementaldecoder(wide)("replace") if wide else None
        carry, line = (plain.decode(head).encode() if plain else head), 1
        done = 0  # bytes of `carry` that the block before has already judged
        while True:
            more = stream.read(BLOCK)
            block = carry + (plain.decode(more, not more).encode() if plain else more)
            last = not more
            cut = len(block) if last else _seam(block)
            yield from auditor.scan_block(block[:cut], path, line, done)
            if last:
                return
            keep = 0 if block[cut - 1 : cut] == b"\n" else min(OVERLAP, cut)
            line += block.count(b"\n", 0, cut - keep)
            carry, done = block[cut - keep :], keep


def _seam(block: bytes) -> int:
    """Where to cut a block: behind its last line feed, or at its end if it has none."""
    cut = block.rfind(b"\n") + 1
    return cut if cut > len(block) // 2 else len(block)


def wide_codec(head: bytes) -> str | None:
    """The codec of a text in UTF-16 or UTF-32, or None. Windows writes such files."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    even, odd = head[0::2], head[1::2]
    for zeros, letters, name in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if len(head) >= 8 and zeros.count(0) > 0.9 * len(zeros) and letters.count(0) == 0:
            return name
    return None


def is_binary(head: bytes) -> bool:
    """True where a file's first bytes are no text: a NUL, or a known signature."""
    return b"\x00" in head or head.startswith(
        (b"\x89PNG", b"\xff\xd8\xff", b"%PDF", b"GIF8", b"PAR1")
    )


def _walk(root: str) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in SKIPPED_FOLDERS)
        for name in sorted(files):
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not os.path.islink(path):
                yield path
