"""Looks through files on disk: a repository, a data set made elsewhere, an export.

Files are read in blocks with an overlap, so memory stays bounded whatever their size.
"""

from __future__ import annotations

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
#: The longest value that may stand across the seam of two blocks, with its context.
OVERLAP = 64 << 10


def scan_files(paths: Iterable[str], options: PrivacyOptions, salt: bytes) -> Iterator[Finding]:
    """Findings in the files and folders `paths`, in the order of their names.

    Binary files and version control internals are left out. Raises OSError for a path that does
    not exist or cannot be read.
    """
    auditor = Auditor(options, Vocabulary(), salt)
    for path in paths:
        if os.path.isdir(path):
            for file in _walk(path):
                yield from scan_file(file, auditor)
        else:
            yield from scan_file(path, auditor)


def scan_file(path: str, auditor: Auditor) -> Iterator[Finding]:
    """Findings in one file, in blocks that end at line ends where there are any."""
    with open(path, "rb") as stream:
        head = stream.read(8192)
        if is_binary(head):
            return
        carry, line = head, 1
        done = 0  # bytes of `carry` that were judged in the block before
        while True:
            more = stream.read(BLOCK)
            block = carry + more
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
