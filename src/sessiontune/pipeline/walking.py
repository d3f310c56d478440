"""Which files may be logs: all below the given roots whose names end as logs do.

A file is taken once however it is reached: hard links, links to folders, a root inside another.
Of a folder that `export` wrote, its `raw` file is one, if the folder is a root itself: in a folder
that is searched, it would be a second copy of the logs beside it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from .. import registry
from ..model import Fault
from ..ports import LogFile
from ..sources.foreign import PACKED
from ..sources.published import ENDING

_SKIP_DIRS = {".git", "node_modules", "__pycache__", ".venv"}


class Walked(msgspec.Struct):
    """The files that were found, sorted by path; other names of some of them -> the path that was
    taken; what could not be looked at; and the files of exports that were passed by."""

    files: list[LogFile]
    names: dict[str, str]
    faults: list[Fault]
    passed: list[str]


def walk(roots: Sequence[Path], sources: Sequence[str]) -> Walked:
    """Find the candidates, by suffix."""
    suffixes = {s for name in sources for s in getattr(registry.source(name), "suffixes", ())}
    suffixes.add(".jsonl")
    journals = [j for name in sources if (j := getattr(registry.source(name), "journal", None))]
    faults: list[Fault] = []
    found: dict[tuple[int, int], LogFile] = {}
    names: dict[str, tuple[int, int]] = {}
    passed: list[str] = []
    for path, entry in _paths(roots, suffixes, faults, passed):
        if (shown := utf8(path)) != path:  # neither the state nor a manifest can hold such a name
            faults.append(Fault("name_not_utf8", shown))
            continue
        try:
            info = os.stat(path) if entry is None else entry.stat()
        except OSError as error:
            faults.append(Fault("unreadable", path, detail=error.strerror or ""))
            continue
        if not stat.S_ISREG(info.st_mode):
            faults.append(Fault("not_a_file", path))
            continue
        size, changed = info.st_size, info.st_mtime_ns
        if not path.endswith(".jsonl"):  # those are many, and have nothing beside them
            beside = [journal(path) for journal in journals]  # several sources may name the same
            size += max((more for more, _ in beside), default=0)
            changed = max([changed, *(at for _, at in beside)])
        file, place = LogFile(path, "", size, changed, info.st_ino), (info.st_dev, info.st_ino)
        other = found.setdefault(place, file)
        if path != other.path:
            found[place] = min(file, other, key=lambda f: f.path)
            names[max(path, other.path)] = place
    taken = {name: found[place].path for name, place in names.items()}
    once = list(dict.fromkeys(faults))  # a root may lie in another
    return Walked(sorted(found.values(), key=lambda f: f.path), taken, once, passed)


def place_of(root: Path) -> str:
    """The path by which a root is known, however it was given. A file keeps its own name, even that
    of a link: names tell what is in a log."""
    if root.is_dir():
        return os.path.realpath(root)
    return os.path.join(os.path.realpath(root.parent), root.name)


def utf8(path: str) -> str:
    """A path as it can be written; bytes that are not UTF-8 become escapes."""
    if path.isascii():
        return path
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _paths(
    roots: Sequence[Path], suffixes: set[str], faults: list[Fault], passed: list[str]
) -> Iterator[tuple[str, os.DirEntry[str] | None]]:
    """Paths of candidates, each with its folder's entry if it was found in one; exports that were
    passed by go to `passed`."""
    reached = [os.path.realpath(root) for root in roots]
    for root in roots:
        if not root.is_dir():
            yield place_of(root), None
            continue
        waiting = [os.path.realpath(root)]
        while waiting:  # a folder, then those in it by name
            folder = waiting.pop()
            try:
                with os.scandir(folder) as entries:
                    files, folders = _sorted_out(entries, suffixes, reached)
            except OSError as error:
                name = error.filename or folder
                faults.append(Fault("unreadable", utf8(name), detail=error.strerror or ""))
                continue
            exports = [path for path, _ in files if path.endswith(ENDING)]
            if exports and os.path.exists(os.path.join(folder, "manifest.json")):
                if folder in reached:
                    yield from ((path, entry) for path, entry in files if path in exports)
                else:
                    passed += map(utf8, exports)
                continue
            yield from files
            waiting += sorted(folders, reverse=True)


def _sorted_out(
    entries: Iterable[os.DirEntry[str]], suffixes: set[str], reached: list[str]
) -> tuple[list[tuple[str, os.DirEntry[str]]], list[str]]:
    """Files with one of the suffixes, and paths of folders to look into."""
    files, folders, links = [], [], []
    for entry in entries:
        name = entry.name
        if entry.is_dir(follow_symlinks=False):
            if name not in _SKIP_DIRS:
                folders.append(entry.path)
            continue
        if entry.is_symlink() and os.path.isdir(entry.path):
            links.append(entry.path)
            continue
        dot = name.rfind(".")
        if dot > 0 and (name[dot:] in suffixes or name.endswith(PACKED)):  # to name it
            files.append((entry.path, entry))
    folders += [link for link in sorted(links) if _leads_to_logs(link, reached)]
    return files, folders


def _leads_to_logs(link: str, reached: list[str]) -> bool:
    """Whether to follow a link to a folder: if logs lie directly in it (a project's folder that was
    moved elsewhere) and nothing else leads to it; so not to a whole disk."""
    real = os.path.realpath(link)
    if any(below(real, base) or below(base, real) for base in reached):
        return False
    try:
        with os.scandir(real) as entries:
            holds = any(entry.name.endswith(".jsonl") for entry in entries)
    except OSError:
        return False
    if holds:
        reached.append(real)
    return holds


def below(path: str, folder: str) -> bool:
    """Whether a path is a folder or lies in it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")
