"""Segments become a folder: concatenated, hashed, described, renamed into place.

A folder is written beside its final name and swapped in one step where the system can. A folder
that this tool did not write is never touched; files that a person put into ours are carried over,
and a published file that a person edited is kept as `NAME.yours`.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import msgspec

from ..errors import StoreError, cannot_write
from ..keeping import alone_by
from ..whole import write_whole
from . import columnar
from .assemble import Former, Laid, Part, Written, assemble, look
from .carrying import MARKER, as_left, carry_over
from .columnar import Kept
from .direct import drop_spare
from .rowplaces import RowPlaces
from .walking import utf8

#: From <fcntl.h> and <stdio.h> of Linux, and <sys/stdio.h> of macOS.
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_RENAME_SWAP = 2


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


class Layout(msgspec.Struct):
    """How the files of an export are laid out, so that the next one can copy from them."""

    files: dict[str, Laid] = {}
    columns: dict[str, Kept] = {}

    def noted(self, folder: Path) -> Layout:
        """The same with the stats of the files as they lie there."""
        replace = msgspec.structs.replace
        files = {name: replace(laid, stat=look(folder / name)) for name, laid in self.files.items()}
        columns = {
            name: replace(kept, laid=replace(kept.laid, stat=look(folder / name)))
            for name, kept in self.columns.items()
        }
        return Layout(files, columns)


@contextmanager
def staging(target: Path, former: Layout) -> Iterator[Staging]:
    """A folder for an export, which nobody else replaces meanwhile. Where the block fails, nothing
    is left of it. Raises StoreError."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with alone_by(_lock_name(target), target):
            made = Staging(target, former)
            try:
                yield made
            except BaseException:
                made.abandon()
                raise
    except OSError as error:
        raise disk_error(error, target) from error


class Staging:
    """A folder being written beside `target`. `former`: the layout of what is published there."""

    def __init__(self, target: Path, former: Layout | None = None) -> None:
        self.target = target
        self.former = former or Layout()
        self.layout = Layout()
        self.folder = new_name(target)
        check_target(target)
        _recover(target)
        self.folder.mkdir()
        self.files: dict[str, OutFile] = {}
        #: What is published beside the rows, for the gate.
        self.pages: dict[str, bytes] = {}

    def text(self, name: str, content: str) -> None:
        """Write a small text file, whole: `recover` takes a manifest as the sign that a killed run
        had finished its folder."""
        data = content.encode()
        write_whole(self._path(name), data)
        self.pages[name] = data
        self.files[name] = OutFile(name, hashlib.sha256(data).hexdigest(), len(data), 0)

    def rows(
        self,
        targets: Sequence[Target],
        places: RowPlaces,
        columns: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Write all targets and take their digests, two at a time.

        `columns`: Parquet file -> the target whose rows it holds; written while others are copied
        and hashed, which needs no interpreter lock.
        """
        ordered = sorted(targets, key=lambda t: t.name not in columns.values())
        streams = {t.name: t.stream for t in ordered}
        self.pages.update((t.name, t.tail) for t in ordered if t.tail)
        with ThreadPoolExecutor(2) as pool:
            made = {t.name: pool.submit(self._write, t, places) for t in ordered}
            for name, source in columns.items():
                made[source].result()
                self._columns(name, source, places.parts(streams[source]))
            for target in ordered:
                written, name = made[target.name].result(), target.name
                self._note(name, written, places.rows(target.stream))
                self.layout.files[name] = written.laid
        drop_spare()

    def _write(self, target: Target, places: RowPlaces) -> Written:
        laid = self.former.files.get(target.name)
        former = self._former(target.name, laid)
        head, tail = target.head, target.tail

        def parts() -> Iterator[Part]:
            return (part for part, _ in places.parts(target.stream))

        return assemble(self._path(target.name), head, parts, tail, former, target.cut)

    def _columns(self, name: str, source: str, parts: Iterable[tuple[Part, str]]) -> None:
        kept = self.former.columns.get(name)
        former = self._former(name, kept.laid if kept else None)
        path = self._path(name)
        done, self.layout.columns[name], rows = columnar.write(
            self._path(source), path, parts, former, kept if former else None
        )
        self._note(name, done, rows)

    def _former(self, name: str, laid: Laid | None) -> Former | None:
        """The file of that name in the former export, when nobody has touched it."""
        if laid is None:
            return None
        former = Former(self.target / name, laid)
        return former if former.is_whole() else None

    def _note(self, name: str, done: Written, rows: int) -> None:
        self.files[name] = OutFile(name, done.sha256, done.bytes, rows)

    def link(self, name: str, existing: str) -> None:
        """The same file under a second name (a hard link, or a copy where links cannot be)."""
        try:
            os.link(self._path(existing), self._path(name))
        except OSError:
            shutil.copyfile(self._path(existing), self._path(name))
        self.files[name] = msgspec.structs.replace(self.files[existing], path=name)

    def _path(self, name: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def commit(self, ours: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
        """Swap the folder in. `ours`: how the former files were published (file -> size, mtime).

        Returns the stat of every new file, to be remembered, from before anybody could edit it.
        """
        for folder, _, names in os.walk(self.folder):
            for name in names:
                _sync(os.path.join(folder, name))
        left = stat_files(self.folder, self.files)
        self.layout = self.layout.noted(self.folder)
        old = old_name(self.target)
        if not self.target.exists():
            os.rename(self.folder, self.target)
        else:
            _swap(self.folder, self.target, old)
            carry_over(old, self.target, ours)
            shutil.rmtree(old)
        return left

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
    if utf8(str(target)) != str(target):  # the state remembers it by name
        raise StoreError(f"The name of {target} is not UTF-8.", "Give another folder with -o.")
    if target.is_dir() and any(target.iterdir()) and not (target / MARKER).is_file():
        raise StoreError(
            f"{target} holds files that sessiontune did not write.",
            "Give a new or empty folder with -o; nothing was changed there.",
        )


def _lock_name(target: Path) -> Path:
    """The file whose lock a run holds while it replaces a folder."""
    return target.with_name(f".{target.name}.sessiontune-lock")


def recover(target: Path) -> None:
    """Finish what a killed run left beside a folder, if it left anything. Raises StoreError, also
    where another run is at work there."""
    if not any(name(target).exists() for name in (old_name, new_name, _lock_name)):
        return
    try:
        with alone_by(_lock_name(target), target):
            _recover(target)
    except OSError as error:
        raise disk_error(error, target) from error


def _recover(target: Path) -> None:
    """Put the former export back, or carry a person's files over.

    Right after an exchange the former export lies under the name of the new one, so a complete
    folder there is searched too.
    """
    old = old_name(target)
    if old.exists() and not target.exists():
        os.rename(old, target)
    for left in (old, new_name(target)):
        if target.exists() and (left / MARKER).is_file():
            carry_over(left, target, as_left(left, {}))
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


def layout_name(folder: str) -> str:
    """The name under which the layout of a published folder is remembered."""
    return f"layout:{folder}"


def read_layout(noted: bytes | None) -> Layout:
    """The layout remembered of the former export; an empty one if another version wrote it."""
    try:
        return msgspec.msgpack.decode(noted, type=Layout) if noted else Layout()
    except msgspec.DecodeError:
        return Layout()


def disk_error(error: OSError, target: Path) -> StoreError:
    """A full disk or a read-only target, in words."""
    kept = " The former export is whole." if (target / MARKER).is_file() else ""
    return cannot_write(
        target, error, f", or give another folder with -o: the same command goes on.{kept}"
    )


def _sync(path: str) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _swap(new: Path, target: Path, old: Path) -> None:
    """Exchange two folders in one step (Linux, macOS), else in two renames that `recover` can
    finish."""
    if _exchange(new, target):
        os.rename(new, old)
        return
    os.rename(target, old)
    os.rename(new, target)


def _exchange(one: Path, other: Path) -> bool:
    """Give two folders each other's names. False where the system or the file system cannot."""
    libc, first, second = ctypes.CDLL(None), os.fsencode(one), os.fsencode(other)
    if linux := getattr(libc, "renameat2", None):
        return bool(linux(_AT_FDCWD, first, _AT_FDCWD, second, _RENAME_EXCHANGE) == 0)
    if mac := getattr(libc, "renamex_np", None):
        return bool(mac(first, second, _RENAME_SWAP) == 0)
    return False
