"""The salt of a state folder, and the locks that one run holds at a time."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from .errors import StoreError, cannot_write


def salt_of(path: Path) -> bytes:
    """Read the salt, or make one: written beside its place and linked, so that nobody ever sees
    half a salt."""
    try:
        return _whole(path.read_text())
    except FileNotFoundError:
        pass
    except ValueError as error:
        raise StoreError(
            f"{path} is damaged.", "Restore it, or start with a new --state."
        ) from error
    fresh = path.with_name(f"salt.{os.getpid()}")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w") as out:
        out.write(secrets.token_bytes(_BYTES).hex())
        out.flush()
        os.fsync(out.fileno())
    with contextlib.suppress(FileExistsError):
        os.link(fresh, path)
    fresh.unlink()
    return _whole(path.read_text())


_BYTES = 32


def _whole(text: str) -> bytes:
    """The salt of a file. ValueError for less: with none, anybody can make the pseudonyms."""
    salt = bytes.fromhex(text)
    if len(salt) != _BYTES:
        raise ValueError("a salt has another length")
    return salt


#: What a file system without locks says (some network and FUSE ones).
_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}


def take_lock(path: Path) -> int:
    """The lock of a state folder, held as long as the file is open. Raises StoreError."""
    import fcntl

    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.read(fd, 32).decode("ascii", "replace").strip() or "unknown"
        os.close(fd)
        raise StoreError(
            f"Another run (process {owner}) is using the state in {path.parent}.",
            "Wait for it to end, or give another folder with --state.",
        ) from None
    except OSError as error:
        os.close(fd)
        if error.errno not in _NO_LOCKS:
            raise
        raise StoreError(
            f"{path.parent} lies on a file system that cannot lock files ({error.strerror}): "
            "two runs at once would not see each other.",
            "Give a folder on a local disk with --state, or in SESSIONTUNE_STATE.",
        ) from error
    os.ftruncate(fd, 0)
    os.write(fd, str(os.getpid()).encode())
    return fd


@contextlib.contextmanager
def alone(folder: Path, named: Path) -> Iterator[None]:
    """Hold a folder that one command fills; it may be renamed meanwhile. StoreError if another one
    holds it, with the folder's `named` for the user. A file system that cannot lock folders holds
    nobody up."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        _hold(fd, named)
        yield
    finally:
        os.close(fd)


@contextlib.contextmanager
def alone_by(lock: Path, named: Path) -> Iterator[None]:
    """The same for a folder that another one replaces: by a file beside it that is
    there only meanwhile."""
    while True:
        fd = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _hold(fd, named)
            if not _is(fd, lock):  # whoever held it has removed it
                continue
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)
            return
        finally:
            os.close(fd)


def _hold(fd: int, named: Path) -> None:
    import fcntl

    with contextlib.suppress(OSError):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(
                f"Another command is at work on {named}.",
                "Wait for it to end, or name another folder with -o.",
            ) from None


def _is(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except FileNotFoundError:
        return False


def disk_error(error: OSError, folder: Path) -> StoreError:
    """The error for a state folder that cannot be used."""
    return cannot_write(folder, error, ", or give another folder with --state.")
