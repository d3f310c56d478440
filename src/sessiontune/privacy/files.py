"""Looks through files on disk: a repository, a data set made elsewhere, an export.

Files are read in blocks with an overlap, so memory stays bounded whatever their size.
"""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterable, Iterator

from ..model import Finding
from .audit import Auditor
from .options import PrivacyOptions
from .vocabulary import Vocabulary

#: Folders that hold no text of the user's own, or copies of it in another form.
SKIPPED_FOLDERS = frozenset(
    {".git", ".hg", ".svn", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache",
     ".hypothesis", ".tox", ".nox", "node_modules", ".venv"}
)  # fmt: skip
BLOCK = 8 << 20
#: How text in wide letters begins. (UTF-32 first: its mark begins with that of UTF-16.)
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: The longest value that may stand across the seam of two blocks, with its context.
OVERLAP = 64 << 10


def scan_files(
    paths: Iterable[str], options: PrivacyOptions, salt: bytes, unread: list[str] | None = None
) -> Iterator[Finding]:
    """Findings in the files and folders `paths`, in the order of their names.

    Version control internals are left out, and so are binary files, which are added to `unread`.
    Raises OSError for a path that does not exist or cannot be read.
    """
    auditor = Auditor(options, Vocabulary(), salt)
    unread = [] if unread is None else unread
    for path in paths:
        for file in _walk(path) if os.path.isdir(path) else (path,):
            yield from scan_file(file, auditor, unread)


def scan_file(path: str, auditor: Auditor, unread: list[str]) -> Iterator[Finding]:
    """Findings in one file, in blocks that end at line ends where there are any."""
    with open(path, "rb") as stream:
        head = stream.read(8192)
        wide = wide_codec(head)
        if wide is None and is_binary(head):
            unread.append(path)
            return
        # UTF-16 and UTF-32 are read as the same text in UTF-8
        plain = codecs.getincrementaldecoder(wide)("replace") if wide else None
        carry, line = (plain.decode(head).encode() if plain else head), 1
        done = 0  # bytes of `carry` that were judged in the block before
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
    """Where to cut: after the last line feed of the block, or at its end where it has none."""
    cut = block.rfind(b"\n") + 1
    return cut if cut > len(block) // 2 else len(block)


def wide_codec(head: bytes) -> str | None:
    """The encoding of a text whose letters take two bytes or four, as Windows writes it."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    even, odd = head[0::2], head[1::2]
    for zeros, letters, name in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if len(head) >= 8 and zeros.count(0) > 0.9 * len(zeros) and letters.count(0) == 0:
            return name
    return None


def is_binary(head: bytes) -> bool:
    """True when the first bytes are no text (a NUL, or a known signature)."""
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
