"""Segments become a folder: concatenated, hashed, described, renamed into place.

A folder is written beside its final name and swapped in one step where the system can. A folder
that this tool did not write is never touched; files that a person put into ours are carried over,
and a published file that a person edited is kept as `NAME.yours`.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import FileIO
from pathlib import Path

import msgspec

from ..errors import StoreError
from ..manifest import Manifest
from .finish import Stream

MARKER = "manifest.json"
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


class Target(msgspec.Struct, frozen=True):
    """An output file: the rows of one stream of all segments, between `head` and `tail`.

    `cut` bytes of the last separator are left off (a JSON document has none after its last row).
    """

    name: str
    stream: str
    head: bytes = b""
    tail: bytes = b""
    cut: int = 0


class OutFile(msgspec.Struct, frozen=True):
    """A written file. `sha256` hex, `bytes` and `rows` as written."""

    path: str
    sha256: str
    bytes: int
    rows: int


class Staging:
    """A folder being written beside `target`."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.folder = new_name(target)
        check_target(target)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            recover(target)
            self.folder.mkdir()
        except OSError as error:
            raise disk_error(error, target) from error
        self.files: dict[str, OutFile] = {}

    def text(self, name: str, content: str) -> None:
        """Write a small text file."""
        data = content.encode()
        path = self._path(name)
        path.write_bytes(data)
        self.files[name] = OutFile(name, hashlib.sha256(data).hexdigest(), len(data), 0)

    def rows(
        self,
        targets: Sequence[Target],
        segments: Sequence[tuple[str, dict[str, Stream]]],
        needs: Sequence[str] = (),
        then: Callable[[], None] = lambda: None,
    ) -> None:
        """Write all targets and take their digests, two at a time.

        `then` runs beside that, as soon as the targets named in `needs` are there. Copying and
        hashing let go of the interpreter lock, and a file that was just written is still in memory.
        """
        ordered = sorted(targets, key=lambda t: t.name not in needs)
        with ThreadPoolExecutor(2) as pool:
            made = {t.name: pool.submit(self._write, t, segments) for t in ordered}
            for name in needs:
                made[name].result()
            then()
            self.files |= {name: future.result() for name, future in made.items()}

    def _write(self, target: Target, segments: Sequence[tuple[str, dict[str, Stream]]]) -> OutFile:
        path, rows = self._path(target.name), 0
        with open(path, "wb", buffering=0) as out:
            out.write(target.head)
            for segment, streams in segments:
                stream = streams.get(target.stream)
                if stream is None:
                    continue
                rows += stream.rows
                fd = os.open(segment, os.O_RDONLY)
                try:
                    _copy(fd, out.fileno(), stream.chunks)
                finally:
                    os.close(fd)
            _finish(out, target, rows)
        return OutFile(target.name, *_sha256(path), rows)

    def link(self, name: str, existing: str) -> None:
        """The same file under a second name (a hard link, or a copy where links cannot be)."""
        try:
            os.link(self._path(existing), self._path(name))
        except OSError:
            shutil.copyfile(self._path(existing), self._path(name))
        self.files[name] = msgspec.structs.replace(self.files[existing], path=name)

    def note(self, name: str, rows: int) -> None:
        """Take account of a file that somebody else wrote into the staging folder."""
        digest, size = _sha256(self._path(name))
        self.files[name] = OutFile(name, digest, size, rows)

    def _path(self, name: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def commit(self, ours: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
        """Swap the folder in. `ours`: what was published there before (file -> size, mtime).

        Returns the stat of every new file, to be remembered.
        """
        for folder, _, names in os.walk(self.folder):
            for name in names:
                _sync(os.path.join(folder, name))
        old = old_name(self.target)
        if not self.target.exists():
            os.rename(self.folder, self.target)
        else:
            _swap(self.folder, self.target, old)
            _carry_over(old, self.target, ours)
            shutil.rmtree(old)
        return stat_files(self.target, self.files)

    def abandon(self) -> None:
        """Leave nothing behind."""
        shutil.rmtree(self.folder, ignore_errors=True)


def new_name(target: Path) -> Path:
    """Where the new export is written."""
    return target.with_name(f".{target.name}.sessiontune-new")


def old_name(target: Path) -> Path:
    """Where the former export lies during the swap."""
    return target.with_name(f".{target.name}.sessiontune-old")


def check_target(target: Path) -> None:
    """Raise StoreError unless `target` is absent, empty or an export of ours."""
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise StoreError(f"{target} is not a folder.", "Give another folder with -o.")
    if target.is_dir() and any(target.iterdir()) and not (target / MARKER).is_file():
        raise StoreError(
            f"{target} holds files that sessiontune did not write.",
            "Give a new or empty folder with -o; nothing was changed there.",
        )


def recover(target: Path) -> None:
    """Finish what a killed run left: put the former export back, or carry its foreign files on.

    Right after an exchange the former export stands under the name of the new one, so a complete
    folder there is looked through as well.
    """
    old = old_name(target)
    if old.exists() and not target.exists():
        os.rename(old, target)
    for left in (old, new_name(target)):
        if target.exists() and (left / MARKER).is_file():
            _carry_over(left, target, None)
        shutil.rmtree(left, ignore_errors=True)


def stat_files(
    folder: Path, names: Sequence[str] | dict[str, OutFile]
) -> dict[str, tuple[int, int]]:
    """Size and mtime of published files."""
    found = {}
    for name in names:
        info = (folder / name).stat()
        found[name] = (info.st_size, info.st_mtime_ns)
    return found


def untouched(folder: Path, files: dict[str, tuple[int, int]]) -> bool:
    """Are all published files as they were written?"""
    try:
        return stat_files(folder, list(files)) == files
    except OSError:
        return False


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of an export, or None when it cannot be understood. Raises OSError."""
    try:
        return msgspec.json.decode((folder / MARKER).read_bytes(), type=Manifest)
    except msgspec.DecodeError:
        return None


def disk_error(error: OSError, target: Path) -> StoreError:
    """A full disk or a read-only target, in words."""
    return StoreError(
        f"{target} cannot be written: {error.strerror}.",
        "Free some space or give another folder with -o; the former export is whole, "
        "and the same command goes on from here.",
    )


def _finish(out: FileIO, target: Target, rows: int) -> None:
    end = os.lseek(out.fileno(), 0, os.SEEK_END)
    if rows and target.cut:
        end -= target.cut
        os.ftruncate(out.fileno(), end)
        os.lseek(out.fileno(), end, os.SEEK_SET)
    out.write(target.tail)


def _copy(source: int, out: int, chunks: Sequence[tuple[int, int]]) -> None:
    """Copy chunks of a segment inside the kernel."""
    for offset, length in chunks:
        while length:
            n = _copy_range(source, out, offset, length)
            offset += n
            length -= n


def _copy_range(source: int, out: int, offset: int, length: int) -> int:
    if hasattr(os, "copy_file_range"):
        try:
            n = os.copy_file_range(source, out, min(length, 1 << 30), offset)
            if n:
                return n
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
                raise
    data = os.pread(source, min(length, 1 << 22), offset)
    if not data:
        raise StoreError("A segment of the state is shorter than noted.", "Run with --force.")
    return os.write(out, data)


def _sha256(path: Path) -> tuple[str, int]:
    with open(path, "rb", buffering=0) as source:
        digest = hashlib.file_digest(source, "sha256").hexdigest()
        return digest, os.fstat(source.fileno()).st_size


def _sync(path: str) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _swap(new: Path, target: Path, old: Path) -> None:
    """Exchange two folders in one step (Linux), else with two renames that `recover` can mend."""
    libc = ctypes.CDLL(None, use_errno=True)
    exchange = getattr(libc, "renameat2", None)
    if exchange is not None:
        done = exchange(
            _AT_FDCWD, os.fsencode(new), _AT_FDCWD, os.fsencode(target), _RENAME_EXCHANGE
        )
        if done == 0:
            os.rename(new, old)
            return
    os.rename(target, old)
    os.rename(new, target)


def _carry_over(old: Path, target: Path, ours: dict[str, tuple[int, int]] | None) -> None:
    """Move what a person put into the former export, or edited there, into the new one."""
    known = _published_names(old)
    for path in _files(old):
        name = str(path.relative_to(old))
        info = path.lstat()
        if name not in known:
            _move(path, target / name)
        elif ours is not None and name in ours and ours[name] != (info.st_size, info.st_mtime_ns):
            _move(path, target / f"{name}.yours")


def _published_names(folder: Path) -> set[str]:
    """Files that a former run of ours wrote there, from its manifest."""
    try:
        manifest = msgspec.json.decode((folder / MARKER).read_bytes())
        return {MARKER, *(entry["path"] for entry in manifest["files"])}
    except (OSError, msgspec.DecodeError, KeyError, TypeError):
        return {MARKER}


def _files(folder: Path) -> Iterator[Path]:
    for base, dirs, names in os.walk(folder):
        for name in names:
            yield Path(base) / name
        for name in dirs:
            if os.path.islink(os.path.join(base, name)):
                yield Path(base) / name


def _move(path: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    while to.exists():
        to = to.with_name(to.name + ".kept")
    os.rename(path, to)
