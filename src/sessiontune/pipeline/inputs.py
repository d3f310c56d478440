"""Which logs there are, and what changed since the last run."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

import msgspec

from .. import codec, registry
from ..errors import SourceError
from ..figures import several
from ..ledger import Books
from ..manifest import Input
from ..model import Fault
from ..ports import FileIndex, LogFile, Runner, merge_index
from ..reasons import drop_words, plain
from ..sources.foreign import advice, unread
from ..sources.lines import BOM
from ..store import FileRow, Store
from .moving import Elsewhere, begins_as, tail_of
from .walking import Walked, below, place_of, utf8, walk

_HEAD = 64 * 1024
#: How far the end of a first line is looked for.
_FIRST_LINE = 16 << 20
#: Raise, with PREPARE_VERSION, when the same file would be recognised or indexed differently: all
#: files are then indexed again.
_RULES = 16


class Inputs(msgspec.Struct):
    """The logs under the given roots: `rows` with the vanished ones, sorted by path. `past`: what
    the state forgets once this run has published: former paths of some of them under these roots,
    and what vanished, with `--prune`. `moved`: former paths under other roots, which other exports
    may still name. `now`: the paths that logs of both kinds have now, by the former ones."""

    rows: list[FileRow]
    others: tuple[str, ...]
    faults: list[Fault]
    new: int = 0
    changed: int = 0
    gone: int = 0
    past: frozenset[str] = frozenset()
    moved: frozenset[str] = frozenset()
    now: dict[str, str] = {}


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
    found = [Path(p) for p in places if os.path.exists(p)]
    if not found:
        short = ["~" + p[len(home) :] if p.startswith(home + os.sep) else p for p in places]
        raise SourceError(
            f"No session logs found (looked in {_some(short, 4) or 'nowhere'}).",
            f"{unread(home)} {advice(())} ".lstrip()
            + "No agent used yet? `sessiontune demo` runs on bundled sessions.",
        )
    return found


def discover(
    roots: Sequence[Path],
    sources: Sequence[str],
    store: Store,
    run: Runner,
    *,
    verify: bool,
    before: Sequence[Input] = (),
) -> Inputs:
    """Find all logs, index what is new or changed and remember it in the state. `before`: the
    logs of the former export: those that vanished elsewhere stay."""
    known = store.files()
    walked = walk(roots, sources)
    seen, faults = walked.files, walked.faults
    rows: dict[str, FileRow] = {}
    tasks: list[IndexTask] = []
    for file in seen:
        row = known.get(file.path)
        if row and not row.gone and not verify and _current(row, file):
            rows[file.path] = row
        else:
            tasks.append(IndexTask(file, None if verify else row))
    fresh = _index_all(tasks, sources, store, run, faults)
    rows.update(fresh)
    elsewhere = Elsewhere([row for row in rows.values() if row.file.source])
    bases = [place_of(root) for root in roots]
    left = _left_behind(known, rows, elsewhere, bases, before, store.salt)
    vanished, renamed, moved = _vanished(known, rows, elsewhere, bases, walked, left)
    gone = [r for r in vanished if r.file.source in sources]
    if gone:
        gone = held(gone, known, store)
        store.put_files(gone)
    # Should such a log vanish at its new path too, nothing of it is missing at this one.
    if back := [known[path] for path in sorted(moved) if known[path].gone]:
        store.put_files(msgspec.structs.replace(row, gone=False) for row in back)
    logs = [r for r in rows.values() if r.file.source in sources]
    others = sorted([*walked.passed, *(path for path, r in rows.items() if not r.file.source)])
    logs.extend(gone)
    logs.sort(key=lambda r: r.file.path)
    new = sum(1 for p, r in fresh.items() if r.file.source and p not in known)
    changed = sum(1 for p, r in fresh.items() if r.file.source and p in known)
    past, away = frozenset(renamed), frozenset(moved)
    return Inputs(logs, tuple(others), faults, new, changed, len(gone), past, away, renamed | moved)


def named_in(salt: bytes) -> Callable[[FileRow], str]:
    """How manifests name a log: by a keyed digest of its path, size and tail."""
    keyed = codec.keyed(salt)
    return lambda row: keyed(f"{row.file.path}\n{row.file.size}\n{row.tail.hex()}")


def _some(places: Sequence[str], most: int) -> str:
    """Up to `most` places, and how many more; one more is named rather than counted."""
    if len(places) <= most + 1:
        return ", ".join(places)
    return f"{', '.join(places[:most])} and {len(places) - most:,} more places"


def no_logs(inputs: Inputs, roots: Sequence[Path]) -> SourceError:
    """The error when nothing can be read: what was there, and why it was of no use."""
    hint = advice(inputs.others)
    if not inputs.faults:
        where = _some([utf8(str(root)) for root in roots], 3)
        return SourceError(f"No session logs found in {where}.", hint)
    return SourceError(
        f"No session logs could be read there: {_first(inputs.faults)}.",
        "Check its permissions and its name. " + hint,
    )


def no_sessions(inputs: Inputs, books: Books) -> SourceError:
    """The error when the logs that were found hold no session: what became of their records."""
    why = []
    if books.dropped:
        most = max(books.drops, key=books.drops.__getitem__)
        why.append(f"{books.dropped:,} are left out (most: {drop_words(most)})")
    if books.faults:
        why.append(f"{books.faulty:,} cannot be read ({_first(books.faults)})")
    records = several(sum(books.records.values()), "record")
    return SourceError(
        f"There is no session in {several(len(inputs.rows), 'session log')}: of {records},"
        f" {' and '.join(why) or 'none is of one'}.",
        "Nothing was written, a former export stays as it is. `sessiontune scan` lists what cannot"
        " be read: restore those logs, or name a folder that holds others.",
    )


def _first(faults: Sequence[Fault]) -> str:
    """The first of some faults, and how many more there are."""
    first = faults[0]
    place = f"{first.file}:{first.line}" if first.line else first.file
    why = plain(first.reason) if first.line else first.detail or plain(first.reason)
    return f"{place}: {why}" + (f", and {len(faults) - 1:,} more" if len(faults) > 1 else "")


# ------------------------------------------------------------------ what changed


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
    elsewhere: Elsewhere,
    bases: Sequence[str],
    walked: Walked,
    left: Collection[str],
) -> tuple[list[FileRow], dict[str, str], dict[str, str]]:
    """Logs that the state knows under these roots, or that were `left` elsewhere, and that are gone
    or cannot be opened now; and the former paths of those that have another path now, which
    follows: under these roots, and elsewhere."""
    renamed, moved = dict[str, str](), dict[str, str]()
    gone = []
    for path in sorted(known.keys() - rows.keys()):
        row = known[path]
        here = any(below(path, base) for base in bases)
        if not (here or path in left):
            continue
        linked = rows.get(walked.names.get(path, ""))
        if now := linked.file.path if linked and linked.file.source else elsewhere.path_of(row):
            (renamed if here else moved)[path] = now
            continue
        gone.append(msgspec.structs.replace(row, gone=True))
    # A log that moved here and then vanished is missing at one of its paths, not at both.
    later = Elsewhere([row for row in gone if row.file.path not in left])
    for row in [row for row in gone if row.file.path in left]:
        if now := later.path_of(row):
            moved[row.file.path] = now
            gone.remove(row)
    return gone, renamed, moved


def _left_behind(
    known: Mapping[str, FileRow],
    rows: Mapping[str, FileRow],
    elsewhere: Elsewhere,
    bases: Sequence[str],
    before: Sequence[Input],
    salt: bytes,
) -> set[str]:
    """The logs of the former export that vanished anywhere, if this run continues it: that is, if
    it reads another log of that export, at its old path or a new one, or looks where it was."""
    away = {path for path in known.keys() - rows.keys() if not os.path.lexists(path)}
    if not away or not before:
        return set()
    named, names = named_in(salt), {log.digest for log in before}
    former = {path for path, row in known.items() if named(row) in names}
    goes_on = any(
        any(below(path, base) for base in bases) or path in rows or elsewhere.path_of(known[path])
        for path in former
    )
    return away & former if goes_on else set()


def held(gone: list[FileRow], known: Mapping[str, FileRow], store: Store) -> list[FileRow]:
    """Vanished logs without those that no run ever read: the state holds nothing of them."""
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
    store.put_files(rows.values())
    return rows


def index_one(job: tuple[IndexTask, tuple[str, ...]]) -> _Indexed:
    """Recognise and index one file. Runs in a worker."""
    task, sources = job
    file, before = task.file, task.known
    try:
        log = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            name = _source_of(file.path, log, sources)
            tail = tail_of(log, file.size)
            grown = before is not None and _only_grew(before, file, log)
        finally:
            os.close(log)
    except OSError as error:
        return _Indexed(None, Fault("unreadable", file.path, detail=error.strerror or ""))
    if name is None:
        return _Indexed(None, None)
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


def _source_of(path: str, log: int, sources: Sequence[str]) -> str | None:
    """The first of the sources that takes a file; "" for none at all, None if another agent's does,
    which is not asked for."""
    others = [name for name in registry.source_names() if name not in sources]
    for head in _heads(path, log):
        head = head.removeprefix(BOM).lstrip(b"\0")  # what a crash may leave before it
        for name in (*sources, *others):
            if registry.source(name).recognise(path, head):
                return name if name in sources else None
    return ""


def _heads(path: str, log: int) -> Iterator[bytes]:
    """The beginning of a file; then, if that is one long line of a log of lines, what follows this
    line, since it may be damaged."""
    head = os.pread(log, _HEAD, 0)
    yield head
    if len(head) < _HEAD or b"\n" in head or not path.endswith(".jsonl"):
        return
    for at in range(_HEAD, _FIRST_LINE, _HEAD):
        end = os.pread(log, _HEAD, at).find(b"\n")
        if end >= 0:
            yield os.pread(log, _HEAD, at + end + 1)
            return


def _only_grew(before: FileRow, now: LogFile, fd: int) -> bool:
    """Whether what is noted of a file still holds for its beginning."""
    rules = before.index.rules == _RULES
    return rules and before.file.size < now.size and begins_as(before, now, fd)
