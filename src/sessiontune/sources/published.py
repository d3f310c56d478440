"""Exports of sessiontune as logs: so what several people exported, each privately, becomes one data
set.

One record is a line of the `raw` file, in which each message stands once. Ids of threads, lineages
and branches are renamed, so that they are never taken for those that this state gives. What a row
does not hold (working folder, title, definitions of tools, reasoning unless it was exported) is
not there; a picture is the words that stand for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, groupby
from typing import Annotated, Any, NamedTuple, get_args

import msgspec
import orjson

from ..ledger import Ledger
from ..model import (
    Drop,
    Fault,
    ForkPoint,
    Message,
    MessageKind,
    Origin,
    Part,
    ResultStatus,
    Role,
    Session,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Usage,
)
from ..ports import FileIndex, Keyed, ReadOptions
from .indexing import Seen, scan
from .lines import first_lines, read_lines, size_of
from .mending import LineFault, line_fault, values
from .shapes import safe_name, unwrapped, utc

#: How `raw` files are named.
ENDING = "_conversations_raw.jsonl"
_BEGINS = re.compile(rb'\{"role":"(?:system|user|assistant|tool)","content":"')
#: Keys that no other format's lines have all of.
_KEYS = {"role", "content", "message_id", "thread", "lineage", "epoch", "id"}
#: Labels that rest on what only the log says, and the flags that they come from.
_FLAGS = {
    "edited_by_user": "edited",
    "interrupted": "interrupted",
    "rejected": "rejected",
    "denied": "denied",
    "retried": "retried",
}
_STATUSES: dict[str, ResultStatus] = {status: status for status in get_args(ResultStatus)}


_Count = Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)]


class _Function(msgspec.Struct):
    name: str
    arguments: str


class _Call(msgspec.Struct):
    id: str
    function: _Function


class _Row(msgspec.Struct):
    """A line of `raw`. Columns that later versions added have defaults."""

    role: Role
    content: str
    kind: MessageKind
    message_id: str
    session_id: str
    thread: str
    lineage: str
    epoch: _Count
    source: str
    id: str
    reasoning_content: str | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str | None = None
    name: str | None = None
    at: str = ""
    status: str = ""
    model: str = ""
    vendor: str = ""
    labels: str = ""
    input_tokens: _Count = 0
    output_tokens: _Count = 0
    agent_id: str | None = None
    forked_from: str | None = None
    project: str = ""
    parent_session: str | None = None
    parent_call: str | None = None
    agent_type: str = ""


class _Name(msgspec.Struct):
    """What the index takes of a row."""

    lineage: str
    at: str = ""


class _Placed(NamedTuple):
    """A row and where it stands: a line, and its place on that."""

    row: _Row
    line: int
    nth: int


class PublishedSource:
    """`NAME_conversations_raw.jsonl` of an export."""

    name = "sessiontune"

    def roots(self, env: Mapping[str, str], home: str) -> list[str]:
        """None: an export is read only if it is named."""
        return []

    def recognise(self, path: str, head: bytes) -> bool:
        """Whether one of the first lines is a message of `raw`; a first line that is longer than
        `head` counts with the file's own name."""
        for line in first_lines(head):
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            return isinstance(row, dict) and row.keys() >= _KEYS
        return path.endswith(ENDING) and _BEGINS.match(head) is not None

    def index(self, path: str, offset: int = 0) -> FileIndex:
        """Files that hold the same lineage (a later export of the same logs) are read together."""
        return scan(path, offset, _Name, _note, prefix="")

    def sessions(
        self, files: tuple[str, ...], options: ReadOptions, ledger: Ledger, keyed: Keyed
    ) -> Iterator[Session]:
        """The sessions of all files. Of one that stands there more than once the longest is taken,
        of equal ones the first; of a file that was shuffled, in which each is in pieces, all of
        them."""
        ends = {path: size_of(path) for path in files}  # one may grow meanwhile
        pieces, longest = _pieces(ends, options)
        for nth, (path, rows) in enumerate(_runs(ends, options, ledger)):
            name = rows[0].row.id
            if (path, name) in pieces:
                pieces[path, name].append(rows)
            elif longest.get(name, nth) == nth:
                yield _session(path, rows, keyed)
            else:
                ledger.drop(Drop("link", "resumed_copy", file=path, count=len(rows)))
        for (path, _), runs in pieces.items():
            if runs:
                yield _session(path, _whole(path, runs, ledger), keyed)


SOURCE = PublishedSource()


def _note(row: _Name, seen: Seen) -> None:
    seen.ids.add(row.lineage)
    seen.time(row.at)


# ------------------------------------------------------------------ rows


def _runs(
    ends: dict[str, int], options: ReadOptions, ledger: Ledger
) -> Iterator[tuple[str, list[_Placed]]]:
    """File and rows of each run of rows of one session. `ends`: file -> how far it is read."""
    for path, end in ends.items():
        for _, rows in groupby(_rows(path, end, options, ledger), key=lambda one: one.row.id):
            yield path, list(rows)


def _pieces(
    ends: dict[str, int], options: ReadOptions
) -> tuple[dict[tuple[str, str], list[list[_Placed]]], dict[str, int]]:
    """Which sessions a file holds in pieces, none of which has all (file, session -> no rows yet),
    and for each session the number of its longest run of rows."""
    names: dict[tuple[str, str], set[int]] = {}  # file, session -> its rows
    longest: dict[str, tuple[int, int, str, int]] = {}
    for nth, (path, rows) in enumerate(_runs(ends, options, Ledger())):
        name, own = rows[0].row.id, {hash(_named(one)) for one in rows}
        names.setdefault((path, name), set()).update(own)
        if len(rows) > longest.get(name, (0,))[0]:
            longest[name] = len(rows), nth, path, len(own)
    found = longest.items()
    pieces = [(at, name) for name, (_, _, at, held) in found if len(names[at, name]) > held]
    return {key: [] for key in pieces}, {name: nth for name, (_, nth, _, _) in found}


def _named(one: _Placed) -> tuple[str, str, str | None]:
    """What distinguishes a row from the others of its session."""
    return one.row.message_id, one.row.role, one.row.tool_call_id


def _whole(path: str, runs: list[list[_Placed]], ledger: Ledger) -> list[_Placed]:
    """The rows of the pieces of a session, each once, in the order of their times, and where those
    are equal, or some are missing, in the file's."""
    found: dict[tuple[str, str, str | None], _Placed] = {}
    runs.sort(key=len, reverse=True)
    for one in chain.from_iterable(runs):
        found.setdefault(_named(one), one)
    if again := sum(map(len, runs)) - len(found):
        ledger.drop(Drop("link", "resumed_copy", file=path, count=again))
    rows = sorted(found.values(), key=lambda one: (one.line, one.nth))
    first = {one.row.message_id: place for place, one in reversed([*enumerate(rows)])}
    timed = all(one.row.at for one in rows)
    return sorted(rows, key=lambda one: (timed and utc(one.row.at), first[one.row.message_id]))


def _rows(path: str, end: int, options: ReadOptions, ledger: Ledger) -> Iterator[_Placed]:
    """The rows of a file; a line that is none is a fault."""
    decode = msgspec.json.Decoder(_Row).decode
    for line, raw in read_lines(path, options, ledger, end=end):
        try:
            found: list[Any] = [decode(raw)]
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            found = values(raw, ledger)
        for nth, value in enumerate(found):
            ledger.record(path)
            if isinstance(value, LineFault):
                ledger.fault(line_fault(value, path, line, raw))
                continue
            try:
                row = value if isinstance(value, _Row) else msgspec.convert(value, _Row)
            except msgspec.ValidationError:
                ledger.fault(Fault("not_a_row", path, line, f"{len(raw)} bytes"))
                continue
            yield _Placed(row, line, nth)


# ------------------------------------------------------------------ sessions


def _session(path: str, rows: list[_Placed], keyed: Keyed) -> Session:
    """The session of all its rows."""
    first = rows[0].row

    def renamed(name: str) -> str:
        return keyed(f"sessiontune\n{name}")

    fork, _, message = (first.forked_from or "").partition("/")
    return Session(
        key=renamed(first.id),
        thread=renamed(first.thread),
        lineage=renamed(first.lineage),
        epoch=first.epoch,
        source=safe_name(first.source),
        session_id=first.session_id,
        agent_id=first.agent_id,
        agent_type=first.agent_type,
        forked_from=ForkPoint(renamed(fork), message) if fork else None,
        parent_session=renamed(first.parent_session) if first.parent_session else None,
        parent_call=first.parent_call,
        project=first.project,
        files=(path,),
        messages=tuple(_messages(rows)),
    )


def _messages(rows: Iterable[_Placed]) -> Iterator[Message]:
    """The messages; the results of one message are rows of their own."""
    for (_, role), group in groupby(rows, key=lambda one: (one.row.message_id, one.row.role)):
        placed = list(group)
        if role == "tool":
            yield _message(tuple(_result(one.row) for one in placed), placed)
            continue
        for one in placed:
            yield _message(tuple(_parts(one.row)), [one])


def _message(parts: tuple[Part, ...], placed: list[_Placed]) -> Message:
    row = placed[0].row
    used = row.input_tokens, row.output_tokens
    labels = row.labels.split(",")
    return Message(
        id=row.message_id,
        role=row.role,
        kind=row.kind,
        parts=parts,
        origin=tuple(Origin(0, line, nth) for _, line, nth in placed),
        at=utc(row.at),
        model=row.model,
        vendor=safe_name(row.vendor) if row.vendor else "",
        usage=Usage(*used) if any(used) else None,
        flags=tuple(flag for label, flag in _FLAGS.items() if label in labels),
    )


def _parts(row: _Row) -> Iterator[Part]:
    if row.reasoning_content:
        yield Thinking(row.reasoning_content)
    if row.content:
        yield Text(row.content)
    for call in row.tool_calls or ():
        given = unwrapped(call.function.arguments)
        arguments = given if isinstance(given, dict) else {"": call.function.arguments}
        yield ToolCall(call.id, call.function.name, arguments)


def _result(row: _Row) -> ToolResult:
    status = _STATUSES.get(row.status, "ok")
    return ToolResult(row.tool_call_id or "", row.name or "", row.content, status)
