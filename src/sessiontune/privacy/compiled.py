"""Compiled rules on disk: compiling takes several seconds, reading them back a millisecond.

Nothing is written until a program names a folder (`use`). A file's name is the digest of all
patterns and of the engine's version; it begins with the digest of its content. A file that is cut
short, changed, or not the user's own is not used, and the rules are compiled anew. Only the
built-in rules are kept, never names from the user's logs.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
from collections.abc import Callable, Sequence
from pathlib import Path

_DIGEST = 32
#: How many files are kept: for a few versions of the program and a few choices of layers.
_KEPT = 8
_ENDING = ".rules"

_where: Callable[[], Path] | None = None


def use(folder: Callable[[], Path] | None) -> None:
    """Keeps compiled rules in this folder from now on. It is called when a file is first needed."""
    global _where
    _where = folder


def folder() -> Path | None:
    """The folder that was named, for a process that begins anew."""
    return _where() if _where is not None else None


def name_of(engine: str, patterns: Sequence[str]) -> str:
    """The file's name for patterns as this engine compiles them on this kind of machine."""
    digest = hashlib.blake2b(digest_size=16)
    for part in (engine, platform.machine(), *patterns):
        digest.update(len(part).to_bytes(8, "big") + part.encode())
    return digest.hexdigest() + _ENDING


def load(name: str) -> bytes | None:
    """The content kept under `name`, or None if there is none that can be trusted."""
    if _where is None:
        return None
    try:
        fd = os.open(_where() / name, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return None
    with os.fdopen(fd, "rb") as stream:
        if not _own(os.fstat(fd)):
            return None
        data = stream.read()
    mark, content = data[:_DIGEST], data[_DIGEST:]
    return content if mark == _mark(name, content) else None


def keep(name: str, content: bytes) -> None:
    """Keeps `content` under `name`. If the folder cannot be written, nothing is kept: no error."""
    if _where is None:
        return
    with contextlib.suppress(OSError):
        place = _where()
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = place / f"{name}.{os.getpid()}.part"
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "wb") as stream:
            stream.write(_mark(name, content) + content)
        os.replace(part, place / name)
        files = [path for path in place.iterdir() if path.name.endswith((_ENDING, ".part"))]
        for path in sorted(files, key=lambda path: path.stat().st_mtime)[:-_KEPT]:
            path.unlink()


def _mark(name: str, content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST, key=name.encode()[:64]).digest()


def _own(status: os.stat_result) -> bool:
    """True where the file is the user's own and nobody else can write to it."""
    if not hasattr(os, "getuid"):
        return True
    return status.st_uid == os.getuid() and not status.st_mode & 0o022
