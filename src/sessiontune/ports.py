"""The shapes of everything replaceable: sources, formats, stages, runners, trainers, shippers.

Adapters are found by name in `registry`. They translate or plan; they never act: no adapter
opens a socket or starts a program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from .ledger import Ledger
from .model import Drop, Label, Message, Session, Split, ToolDef

A = TypeVar("A")
T = TypeVar("T")
R = TypeVar("R")

# ---------------------------------------------------------------- sources


class LogFile(msgspec.Struct, frozen=True):
    """One log on disk as it was when discovered. Times in ns, sizes in bytes."""

    path: str
    source: str
    size: int
    mtime_ns: int
    inode: int


class FileIndex(msgspec.Struct, frozen=True):
    """What must be known of a file to find its neighbours, without keeping its content.

    ids     sorted unique 8-byte big-endian digests of the record ids that stand in it
    links   names that tie files together whatever their ids: two files that share a link (for
            example `session:<id>` for a parent and its sub-agents) belong to one unit
    names   places seen in the log (working folders), from which user names are taken
    lines   lines, blank ones too; first and last: earliest and latest timestamp, about
    size    bytes covered; the next index may start there when the file only grew
    rules   version of the rules that made it; set by `pipeline.inputs`
    """

    ids: bytes = b""
    links: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    lines: int = 0
    first: str = ""
    last: str = ""
    size: int = 0
    rules: int = 0


def merge_index(a: FileIndex, b: FileIndex) -> FileIndex:
    """The index of a whole file from that of its beginning and that of the rest."""
    ids = {i.ids[k : k + 8] for i in (a, b) for k in range(0, len(i.ids), 8)}
    return FileIndex(
        ids=b"".join(sorted(ids)),
        links=tuple(sorted({*a.links, *b.links})),
        names=tuple(sorted({*a.names, *b.names})),
        lines=a.lines + b.lines,
        first=min(filter(None, (a.first, b.first)), default=""),
        last=max(a.last, b.last),
        size=max(a.size, b.size),
    )


class ReadOptions(msgspec.Struct, frozen=True):
    """Limits of reading. `max_line` in bytes: a longer line is skipped in pieces."""

    max_line: int = 64 * 1024 * 1024


class Source(Protocol):
    """One agent's log dialect.

    The pipeline calls `recognise` on every candidate file of a folder, `index` once per file
    (and again from `offset` when it only grew), and `sessions` once per unit: a connected
    component of files. `sessions` reads each file once, writes `records`, `repairs`, faults and
    the drops of whole records into `ledger`, and yields linked sessions with full `origin`s.
    Log files are opened for reading only. A source may have `suffixes` of its files besides
    `.jsonl`, and `journal(path)`: size and time of what belongs to a file and lies beside it
    (nothing lies beside a `.jsonl`).
    """

    name: str

    def roots(self, env: Mapping[str, str], home: str) -> list[str]: ...

    def recognise(self, path: str, head: bytes) -> bool: ...

    def index(self, path: str, offset: int = 0) -> FileIndex: ...

    def sessions(
        self, files: tuple[str, ...], options: ReadOptions, ledger: Ledger, keyed: Keyed
    ) -> Iterator[Session]: ...


#: Keyed hash of some text: 16 hex digits, the same for the same salt.
Keyed = Callable[[str], str]

# ---------------------------------------------------------------- stages

#: A stage takes a session and returns it, perhaps changed, or None, with the reasons for what it
#: left out. Drops of single records name file and line.
Stage = Callable[[Session], tuple[Session | None, list[Drop]]]

# ---------------------------------------------------------------- formats


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """What a format encodes: a session ready to be written.

    prefix          messages before the fork point, repeated as context (empty for most)
    tools           definitions for the tools called here; `tools_inferred` when from calls
    train           for prefix + session.messages: does the message bear loss. None: all answers
    """

    session: Session
    prefix: tuple[Message, ...] = ()
    tools: tuple[ToolDef, ...] = ()
    tools_inferred: bool = True
    split: Split | None = None
    train: tuple[bool, ...] | None = None
    labels: tuple[Label, ...] = ()
    tags: tuple[str, ...] = ()
    group: str = ""


class EncodeOptions(msgspec.Struct, frozen=True):
    """What rows carry."""

    tools: bool = True
    thinking: bool = False


class Format(Protocol):
    """Conversation <-> rows of one file.

    `encode` returns encoded rows (UTF-8, no line end) and counts what it cannot carry in
    `losses` (reason -> count). A file is `head + separator.join(rows) + tail`; rows of `jsonl`
    files are joined by a line feed and the file ends with one.
    """

    name: str
    filename: str  # e.g. "{name}_conversations_raw.jsonl"
    declared_losses: tuple[str, ...]

    def encode(
        self, conversation: Conversation, options: EncodeOptions, losses: dict[str, int]
    ) -> list[bytes]: ...

    def decode(self, rows: Iterable[bytes]) -> list[Any]: ...


class InParts(Protocol):
    """`Format.parts`, which a format may have beside `encode`: its rows in parts, to be joined.

    Parts that several formats share (`rows.pieces`) are the same objects, so that the gate scans
    them once. Without such a part the rest is still JSON. If a part joins texts, the gate reads
    them separately (`seams`).
    """

    def __call__(
        self, conversation: Conversation, options: EncodeOptions, losses: dict[str, int]
    ) -> list[list[bytes]]: ...


# ---------------------------------------------------------------- running


def itself(task: Any) -> Any:
    """The default `make`: the task itself is the argument."""
    return task


class Runner(Protocol):
    """Runs a pure function over tasks, in this process or in several; results in any order."""

    def map(
        self,
        function: Callable[[A], R],
        tasks: Sequence[T],
        weight: Callable[[T], int],
        make: Callable[[T], A] = itself,
    ) -> Iterator[tuple[int, R]]:
        """(index, result) of each task, as they come. `weight` is the size of a task in bytes;
        `make` builds the argument of `function` just before a task is handed to a worker."""

    def begin_with(self, function: Callable[..., object], *arguments: object) -> None:
        """Make this call once in the process from which workers are forked, so that later tasks
        find in memory what it leaves there (compiled rules)."""

    def renew(self, *, last: bool = False) -> None:
        """Replace the workers, so that the memory of earlier tasks is freed. `last`: probably no
        tasks follow."""


# ---------------------------------------------------------------- jobs (training, shipping)


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Something to run, as a value: files to write, a program to start, what it promises.

    files     relative path -> text
    argv      program and arguments; empty when the work runs in our own worker process
    env       added to the environment
    needs     package -> version range that must be importable by the chosen Python
    outputs   relative paths that exist when it has succeeded
    leash     for a program that is not ours: it is ended even if we are killed
    """

    name: str
    files: dict[str, str] = {}
    argv: tuple[str, ...] = ()
    env: dict[str, str] = {}
    needs: dict[str, str] = {}
    outputs: tuple[str, ...] = ()
    leash: bool = False
