"""Which logs there are, and what changed since the last run."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

import msgspec

from .. import registry
from ..errors import SourceError
from ..model import Fault
from ..ports import FileIndex, LogFile, Runner, merge_index
from ..reasons import plain
from ..sources.foreign import advice, unread
from ..store import FileRow, Store

_HEAD = 64 * 1024
_TAIL = 4096
#: Raise, with PREPARE_VERSION, when the same file would be recognised or indexed otherwise: what
#: is noted of it is made anew.
_RULES = 5
_SKIP_DIRS = {".git", "node_modules", "__pycache__", ".venv"}


class Inputs(msgspec.Struct):
    """The logs under the given roots: `rows` with the vanished ones, sorted by path. `renamed`:
    former paths of some of them."""

    rows: list[FileRow]
    others: tuple[str, ...]
    faults: list[Fault]
    new: int = 0
    changed: int = 0
    gone: int = 0
    renamed: frozenset[str] = frozenset()


class IndexTask(msgspec.Struct, frozen=True):
    """Index one file, or only what was appended to it."""

    file: LogFile
    known: FileRow | None = None


def find_roots(
    roots: Sequence[str], sources: Sequence[str], env: Mapping[str, str], home: str
) -> list[Path]:
    """The folders and files to search. Raises SourceError when none exists."""
    if roots:
        missing = [r for r in roots if not os.path.lexists(os.path.expanduser(r))]
        if missing:
            raise SourceError(
                f"There is no file or folder {missing[0]}.", "Check the path and try again."
            )
        return [Path(os.path.expanduser(r)) for r in roots]
    places = [p for name in sources for p in registry.source(name).roots(env, home)]
    found = [Path(p) for p in dict.fromkeys(places) if os.path.exists(p)]
    if not found:
        short = ("~" + p[len(home) :] if p.startswith(home + os.sep) else p for p in places)
        raise SourceError(
            f"No session logs found (looked in {', '.join(short) or 'nowhere'}).",
            f"{unread(home)} Give the folder that holds them: ".lstrip()
            + "sessiontune export FOLDER -o DIR. "
            "No agent used yet? `sessiontune demo` runs on bundled sessions.",
        )
    return found


def discover(
    roots: Sequence[Path], sources: Sequence[str], store: Store, run: Runner, *, verify: bool
) -> Inputs:
    """Find all logs, index what is new or changed and remember it in the state."""
    known = store.files()
    seen, faults = _walk(roots, sources)
    rows: dict[str, FileRow] = {}
    tasks: list[IndexTask] = []
    for file in seen:
        before = known.get(file.path)
        if before and not before.gone and not verify and _current(before, file):
            rows[file.path] = before
        else:
            tasks.append(IndexTask(file, before))
    fresh = _index_all(tasks, sources, store, run, faults)
    rows.update(fresh)
    vanished, renamed = _vanished(known, rows, roots, seen)
    gone = [r for r in vanished if r.file.source in sources]
    if gone:
        gone = held(gone, known, store)
        store.put_files(gone)
    logs = [r for r in rows.values() if r.file.source in sources]
    others = tuple(sorted(path for path, r in rows.items() if not r.file.source))
    logs.extend(gone)
    logs.sort(key=lambda r: r.file.path)
    new = sum(1 for p, r in fresh.items() if r.file.source and p not in known)
    changed = sum(1 for p, r in fresh.items() if r.file.source and p in known)
    return Inputs(logs, others, faults, new, changed, sum(r.gone for r in logs), renamed)


def no_logs(inputs: Inputs, roots: Sequence[Path]) -> SourceError:
    """What to say where nothing can be read: what was there, and why it was of no use."""
    hint = advice(inputs.others)
    if not inputs.faults:
        where = ", ".join(utf8(str(root)) for root in roots[:3])
        where += f" and {len(roots) - 3} more places" if len(roots) > 3 else ""
        return SourceError(f"No session logs found in {where}.", hint)
    first, more = inputs.faults[0], ""
    if len(inputs.faults) > 1:
        more = f", and {len(inputs.faults) - 1:,} more"
    why = first.detail or plain(first.reason)
    return SourceError(
        f"No session logs could be read there: {first.file}: {why}{more}.",
        "Check its permissions and its name. " + hint,
    )


# ------------------------------------------------------------------ finding files


def _walk(roots: Sequence[Path], sources: Sequence[str]) -> tuple[list[LogFile], list[Fault]]:
    """Candidates by suffix, each file once, sorted by path."""
    suffixes = {s for name in sources for s in getattr(registry.source(name), "suffixes", ())}
    suffixes.add(".jsonl")
    journals = [j for name in sources if (j := getattr(registry.source(name), "journal", None))]
    faults: list[Fault] = []
    found: dict[tuple[int, int], LogFile] = {}
    for path, entry in _paths(roots, suffixes, faults):
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
        if not path.endswith(".jsonl"):  # lines have nothing beside them, and such files are many
            beside = [journal(path) for journal in journals]  # several sources may name the same
            size += max((more for more, _ in beside), default=0)
            changed = max([changed, *(at for _, at in beside)])
        file = LogFile(path, "", size, changed, info.st_ino)
        other = found.setdefault((info.st_dev, info.st_ino), file)
        if path < other.path:
            found[(info.st_dev, info.st_ino)] = file
    return sorted(found.values(), key=lambda f: f.path), faults


def utf8(path: str) -> str:
    """A path as it can be written; bytes that are not UTF-8 become escapes."""
    if path.isascii():
        return path
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _paths(
    roots: Sequence[Path], suffixes: set[str], faults: list[Fault]
) -> Iterator[tuple[str, os.DirEntry[str] | None]]:
    """Paths of candidates; with each what its folder says of it, for who must know more."""
    reached = [os.path.realpath(root) for root in roots]
    for root in roots:
        if not root.is_dir():
            yield str(root.absolute()), None
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
        if dot > 0 and name[dot:] in suffixes:
            files.append((entry.path, entry))
    folders += [link for link in sorted(links) if _leads_to_logs(link, reached)]
    return files, folders


def _leads_to_logs(link: str, reached: list[str]) -> bool:
    """Whether a link to a folder is followed: to one that holds logs itself (the folder of a
    project that was moved elsewhere) and that no other way leads to; not to a whole disk."""
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
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _current(known: FileRow, now: LogFile) -> bool:
    """Whether what is noted of a file still holds."""
    old = known.file
    return (
        old.size == now.size
        and old.mtime_ns == now.mtime_ns
        and old.inode == now.inode
        and known.index.rules == _RULES
    )


def _vanished(
    known: Mapping[str, FileRow],
    rows: Mapping[str, FileRow],
    roots: Sequence[Path],
    seen: Sequence[LogFile],
) -> tuple[list[FileRow], frozenset[str]]:
    """Logs that the state knows under these roots and that are no longer there, or cannot be
    opened now; and the paths of those that go by another name now."""
    missing = [path for path in known.keys() - rows.keys() if known[path].file.source]
    if not missing:
        return [], frozenset()
    there, renamed = {f.path for f in seen}, set()
    inodes = {(f.inode, f.size, f.mtime_ns) for f in seen}
    bases = [os.path.realpath(r) for r in roots]
    gone = []
    for path in sorted(missing):
        row = known[path]
        if not any(below(path, base) for base in bases):
            continue
        same = (row.file.inode, row.file.size, row.file.mtime_ns) in inodes
        if path not in there and same:  # renamed or linked: it is read under its new name
            renamed.add(path)
            continue
        gone.append(row if row.gone else msgspec.structs.replace(row, gone=True))
    return gone, frozenset(renamed)


def held(gone: list[FileRow], known: Mapping[str, FileRow], store: Store) -> list[FileRow]:
    """Vanished logs without those that no run got to read: of them the state holds nothing."""
    never = {row.file.path for row in gone if not known[row.file.path].gone}
    if never:
        never.difference_update(chain.from_iterable(store.unit_paths().values()))
        store.delete_files(never)
    return [row for row in gone if row.file.path not in never]


# ------------------------------------------------------------------ indexing


class _Indexed(msgspec.Struct):
    row: FileRow | None
    fault: Fault | None


def _index_all(
    tasks: Sequence[IndexTask],
    sources: Sequence[str],
    store: Store,
    run: Runner,
    faults: list[Fault],
) -> dict[str, FileRow]:
    jobs = [(task, tuple(sources)) for task in tasks]
    rows: dict[str, FileRow] = {}
    for _, done in run.map(index_one, jobs, lambda job: job[0].file.size // 4):
        if done.fault:
            faults.append(done.fault)
        if done.row:
            rows[done.row.file.path] = done.row
    asked = set(sources).issuperset(registry.source_names())  # else it may be another agent's log
    store.put_files(row for row in rows.values() if row.file.source or asked)
    return rows


def index_one(job: tuple[IndexTask, tuple[str, ...]]) -> _Indexed:
    """Recognise and index one file. Runs in a worker."""
    task, sources = job
    file, before = task.file, task.known
    try:
        log = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            head = os.pread(log, _HEAD, 0)
            tail = _tail(log, file.size)
            grown = before is not None and _only_grew(before, file, log)
        finally:
            os.close(log)
    except OSError as error:
        return _Indexed(None, Fault("unreadable", file.path, detail=error.strerror or ""))
    name = _recognise(file.path, head, sources)
    if not name:
        return _Indexed(FileRow(file, tail, FileIndex(rules=_RULES)), None)
    named = msgspec.structs.replace(file, source=name)
    source = registry.source(name)
    try:
        if before is not None and grown and before.file.source == name:
            more = source.index(file.path, before.index.size)
            index = merge_index(before.index, more)
        else:
            index = source.index(file.path, 0)
    except OSError as error:
        return _Indexed(None, Fault("unreadable", file.path, detail=error.strerror or ""))
    index = msgspec.structs.replace(index, rules=_RULES)
    return _Indexed(FileRow(named, tail, index), None)


def _recognise(path: str, head: bytes, sources: Sequence[str]) -> str:
    for name in sources:
        if registry.source(name).recognise(path, head):
            return name
    return ""


def _tail(fd: int, size: int) -> bytes:
    start = max(0, size - _TAIL)
    return hashlib.blake2b(os.pread(fd, size - start, start), digest_size=8).digest()


def _only_grew(before: FileRow, now: LogFile, fd: int) -> bool:
    old = before.file
    return (
        not before.gone
        and before.index.rules == _RULES
        and old.inode == now.inode
        and old.size < now.size
        and _tail(fd, old.size) == before.tail
    )
