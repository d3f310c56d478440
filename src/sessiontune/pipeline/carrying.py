"""Files that a person put into an export folder, or edited there, are carried into the next one.

A published file that was edited is kept as `NAME.yours`. The state says how files were left; if it
does not know (it is new, or a restored copy), the folder's own manifest does.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from ..manifest import Manifest, load

MARKER = "manifest.json"
#: A size and mtime that no file has.
_EDITED = (-1, -1)


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of an export, or None when it cannot be understood. Raises OSError."""
    try:
        return load((folder / MARKER).read_bytes())
    except ValueError:
        return None


def as_left(folder: Path, noted: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """Size and mtime with which a run of ours left the files of an export. `noted`: what the state
    knows of them. For a file that differs, the folder's manifest gives the digest."""
    with contextlib.suppress(OSError):  # one that is not there
        if noted and all(_stat(folder / name) == known for name, known in noted.items()):
            return noted
    try:
        manifest = read_manifest(folder)
    except OSError:
        manifest = None
    if manifest is None:
        return noted
    left = dict(noted)
    for file in manifest.files:
        with contextlib.suppress(OSError):  # what is not there was not edited
            found = _stat(folder / file.path)
            if found != noted.get(file.path):
                same = found[0] == file.bytes and _digest(folder / file.path) == file.sha256
                left[file.path] = found if same else _EDITED
    if not any(_is(folder / name, known) for name, known in noted.items()):
        left.pop(MARKER, None)  # nothing fits: another run of ours wrote the manifest too
    return left


def _stat(path: Path) -> tuple[int, int]:
    info = path.stat()
    return info.st_size, info.st_mtime_ns


def _is(path: Path, known: tuple[int, int]) -> bool:
    try:
        return _stat(path) == known
    except OSError:
        return False


def _digest(path: Path) -> str:
    with open(path, "rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


def carry_over(old: Path, target: Path, ours: dict[str, tuple[int, int]]) -> None:
    """Move what a person put into the former export, or edited there, into the new one. `ours`:
    how the published files were left (`as_left`)."""
    known = _published_names(old) | ours.keys()  # also where the manifest is damaged
    for path in _files(old):
        name = str(path.relative_to(old))
        info = path.lstat()
        if name not in known:
            _move(path, target / name)
        elif name in ours and ours[name] != (info.st_size, info.st_mtime_ns):
            _move(path, target / f"{name}.yours")


class _Path(msgspec.Struct):
    path: str


class _Published(msgspec.Struct):
    """Only the files of a manifest: the rest is large where there are many logs."""

    files: list[_Path]


def _published_names(folder: Path) -> set[str]:
    """Files that a former run of ours wrote there, from its manifest."""
    try:
        manifest = msgspec.json.decode((folder / MARKER).read_bytes(), type=_Published)
    except (OSError, ValueError):
        return {MARKER}
    return {MARKER, *(file.path for file in manifest.files)}


def _files(folder: Path) -> Iterator[Path]:
    for base, dirs, names in os.walk(folder):
        for name in sorted(names):  # `x.yours` is then the latest, `x.yours.kept` the one before
            yield Path(base) / name
        for name in dirs:
            if os.path.islink(os.path.join(base, name)):
                yield Path(base) / name


def _move(path: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    while to.exists():
        to = to.with_name(to.name + ".kept")
    os.rename(path, to)
