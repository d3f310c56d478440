"""What an export holds, thread by thread, so that the page can list, filter, search and read it.

The catalogue is made anew from the published `raw` file, in a database without a name: however the
command ends, nothing of it is left to be forgotten. Texts stay in the file; the catalogue knows
where each message begins.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from ..rows.columns import tags_in
from ..rows.read import no_row
from .spelling import spelled
from .wanted import Wanted, apart, joined, question, spaced, terms

_SCHEMA = """
create table threads (
  n integer primary key, thread text unique, id text, lineage text, project text, source text,
  model text, split text, agent text, at text, last text, title text, epochs integer,
  messages integer, calls integer, labels text, topics text, ended text
);
create table messages (m integer primary key, n integer, offset integer, size integer);
create table epochs (n integer, id text, primary key (n, id)) without rowid;
create virtual table texts using fts5(content, content='');
create table verdicts (thread text primary key, decision text, note text);
"""
#: Characters of a title.
_TITLE = 160
#: Bytes between two reports of progress.
_STEP = 4 << 20


class Listed(msgspec.Struct):
    """A part of a list. `total`: rows of the whole; `mark`: another one for other threads; `place`:
    where the thread stands that was looked for."""

    total: int
    mark: str
    start: int
    place: int | None
    rows: list[dict[str, Any]]


class _Order:
    """The numbers of threads that are wanted, in order."""

    def __init__(self, numbers: list[int]) -> None:
        self.numbers = numbers
        self.mark = blake2b(array("q", numbers).tobytes(), digest_size=16).hexdigest()


class Message(msgspec.Struct):
    """One line of `raw`. The keys that the page does not show are left out."""

    thread: str
    id: str = ""
    lineage: str = ""
    role: str = ""
    content: str = ""
    tool_calls: list[Any] | None = None
    reasoning_content: str | None = None
    name: str | None = None
    message_id: str = ""
    at: str = ""
    kind: str = ""
    status: str = ""
    model: str = ""
    train: bool = False
    labels: str = ""
    tags: str = ""
    epoch: int = 0
    project: str = ""
    source: str = ""
    split: str = ""
    agent_type: str = ""
    agent_id: str | None = None
    end_reason: str = ""


class _Thread:
    """What is gathered of one thread while the file is read."""

    def __init__(self, first: Message) -> None:
        self.first = first
        self.at, self.last, self.title = first.at, first.at, ""
        self.epochs: set[int] = set()
        self.messages = self.calls = 0
        self.models: Counter[str] = Counter()
        self.labels: set[str] = set()
        self.topics: set[str] = set()
        self.ended = ""

    def add(self, message: Message) -> bool:
        """Take a message in; True where it is the first of its epoch."""
        if message.at:
            self.at = min(self.at or message.at, message.at)
            self.last = max(self.last, message.at)
        if not self.title and message.kind in ("prompt", "task"):
            self.title = _line(message.content)
        new = message.epoch not in self.epochs
        self.epochs.add(message.epoch)
        self.messages += 1
        self.calls += len(message.tool_calls or ())
        if message.model:
            self.models[message.model] += 1
        self.labels.update(filter(None, message.labels.split(",")))
        if new:
            tags = (tag.partition(":") for tag in tags_in(message.tags))
            self.topics.update(name for kind, _, name in tags if kind == "topic")
        self.ended = message.end_reason
        return new

    def row(self, n: int) -> tuple[Any, ...]:
        first = self.first
        model = self.models.most_common(1)[0][0] if self.models else ""
        agent = (first.agent_type or "agent") if first.agent_id else ""
        told = (first.thread, first.id, first.lineage, first.project, first.source)
        counts = (len(self.epochs), self.messages, self.calls)
        lists = (joined(self.labels), joined(self.topics))
        about = (model, first.split, agent, self.at, self.last, self.title)
        return (n, *told, *about, *counts, *lists, self.ended)


class Catalogue:
    """The threads of a `raw` file. Safe to use from several threads of the program."""

    def __init__(self, raw: Path) -> None:
        self._name = raw
        self._raw = open(raw, "rb")  # noqa: SIM115 (an export meanwhile puts another in its place)
        self.facets: dict[str, dict[str, int]] = {}
        # "": a temporary database of our own, whose file SQLite unlinks as it makes it
        self._db = sqlite3.connect("", check_same_thread=False)
        self._db.executescript("pragma journal_mode=off; pragma synchronous=off;" + _SCHEMA)
        self._lock = threading.Lock()
        self._order: tuple[Wanted, _Order] | None = None

    def read(self, step: Callable[[int, int, str], None]) -> None:
        """Read the whole file. SourceError where a line is none of ours."""
        decode = msgspec.json.Decoder(Message).decode
        threads: dict[str, tuple[int, _Thread]] = {}
        size, offset, told = os.fstat(self._raw.fileno()).st_size, 0, 0
        with self._db as db:
            for m, line in enumerate(self._raw, 1):
                try:
                    message = decode(line)
                except (ValueError, RecursionError) as error:
                    raise no_row(self._name, m) from error
                known = threads.get(message.thread)
                if known is None:
                    known = threads[message.thread] = (len(threads) + 1, _Thread(message))
                if known[1].add(message):
                    db.execute("insert or ignore into epochs values (?,?)", (known[0], message.id))
                db.execute(
                    "insert into messages values (?,?,?,?)", (m, known[0], offset, len(line))
                )
                db.execute("insert into texts(rowid, content) values (?,?)", (m, _words(message)))
                offset += len(line)
                if offset - told >= _STEP:
                    told = offset
                    step(offset, size, "")
            marks = ",".join("?" * 18)
            rows = [one.row(n) for n, one in threads.values()]
            db.executemany(f"insert into threads values ({marks})", rows)
            db.execute("create index read_in_order on messages (n, m)")
            db.execute("create index newest on threads (at desc, n)")
        self.facets = self._count()

    def _count(self) -> dict[str, dict[str, int]]:
        """How many threads have each value of each facet, but for verdicts."""
        found: dict[str, dict[str, int]] = {}
        for facet in ("project", "source", "model", "split"):
            asked = f"select {facet}, count(*) from threads group by 1 order by 2 desc, 1"
            found[facet] = {value: count for value, count in self._db.execute(asked) if value}
        for facet in ("label", "topic"):
            rows = self._db.execute(f"select {facet}s from threads")
            found[facet] = dict(Counter(v for (row,) in rows for v in apart(row)).most_common())
        return found

    # ------------------------------------------------------------ verdicts

    def judge(self, verdicts: Mapping[str, tuple[str, str] | None]) -> None:
        """Note a decision and a note for each of these threads, or that there is none."""
        with self._lock, self._db as db:
            self._order = None
            db.executemany("delete from verdicts where thread = ?", [(t,) for t in verdicts])
            rows = [(thread, *v) for thread, v in verdicts.items() if v]
            db.executemany("insert into verdicts values (?,?,?)", rows)

    def judged(self) -> dict[str, int]:
        """Decision -> threads of this export."""
        asked = "select decision, count(*) from verdicts join threads using (thread) group by 1"
        with self._lock:
            return dict(self._db.execute(asked))

    # ------------------------------------------------------------ lists

    def threads(self) -> list[str]:
        """All threads."""
        with self._lock:
            return [thread for (thread,) in self._db.execute("select thread from threads")]

    def matching(self, wanted: Wanted) -> tuple[str, list[str]]:
        """The threads that are wanted, the newest first, and the mark of just these."""
        with self._lock:
            order = self._ordered(wanted)
            found = dict(self._db.execute("select n, thread from threads"))
        return order.mark, [found[n] for n in order.numbers]

    def listed(self, wanted: Wanted, start: int, count: int, near: str = "") -> Listed:
        """`count` of the threads that are wanted, from `start` on, or the part of so many that
        holds the thread `near`, where it is one of them."""
        with self._lock:
            order = self._ordered(wanted)
            place = self._place(order, near)
            if place is not None:
                start = place - place % max(count, 1)
            ask = "select * from threads left join verdicts using (thread) where n = ?"
            rows = [self._rows(ask, n)[0] for n in order.numbers[start : start + count]]
        return Listed(len(order.numbers), order.mark, start, place, rows)

    def _place(self, order: _Order, thread: str) -> int | None:
        found = self._db.execute("select n from threads where thread = ?", (thread,)).fetchone()
        return order.numbers.index(found[0]) if found and found[0] in order.numbers else None

    def _ordered(self, wanted: Wanted) -> _Order:
        """The last answer is kept, since a list is read in parts."""
        if self._order is None or self._order[0] != wanted:
            asked, values = question(wanted)
            self._order = wanted, _Order([n for (n,) in self._db.execute(asked, values)])
        return self._order[1]

    def _rows(self, asked: str, *values: Any) -> list[dict[str, Any]]:
        cursor = self._db.execute(asked, values)
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor]
        return [
            row | {"labels": apart(row["labels"]), "topics": apart(row["topics"])} for row in rows
        ]

    # ------------------------------------------------------------ one thread

    def about(self, thread: str) -> dict[str, Any] | None:
        """The row of one thread."""
        ask = "select * from threads left join verdicts using (thread) where thread = ?"
        with self._lock:
            rows = self._rows(ask, thread)
        return rows[0] if rows else None

    def messages(self, thread: str, start: int, count: int) -> list[Message]:
        """Messages of a thread, in order."""
        ask = (
            "select offset, size from messages where n = (select n from threads where thread = ?)"
            " order by m limit ? offset ?"
        )
        with self._lock:
            places = self._db.execute(ask, (thread, count, start)).fetchall()
        read = (os.pread(self._raw.fileno(), size, offset) for offset, size in places)
        return [msgspec.json.decode(line, type=Message) for line in read]

    def keys(self, thread: str) -> list[str]:
        """The keys of its epochs."""
        ask = "select epochs.id from epochs join threads using (n) where thread = ?"
        with self._lock:
            return [key for (key,) in self._db.execute(ask, (thread,))]

    def hits(self, thread: str, q: str) -> list[int]:
        """Which messages of a thread hold the words, counted from 0."""
        match = terms(q)
        if not match:
            return []
        ask = (
            "select at from (select m, row_number() over (order by m) - 1 as at from messages"
            " where n = (select n from threads where thread = ?))"
            " where m in (select rowid from texts where texts match ?) order by at"
        )
        with self._lock:
            return [at for (at,) in self._db.execute(ask, (thread, match))]

    def renewed(self) -> bool:
        """True where an export has put another file in the place of this one, or took it away."""
        try:
            return not os.path.samestat(os.stat(self._name), os.fstat(self._raw.fileno()))
        except FileNotFoundError:
            return True

    def close(self) -> None:
        """Close the database and the file."""
        self._db.close()
        self._raw.close()


def _words(message: Message) -> str:
    """What is searched of a message."""
    calls = [f"{name} {spelled(arguments)}" for name, arguments in calls_of(message)]
    return spaced("\n".join([message.content, *calls, message.reasoning_content or ""]))


def calls_of(message: Message) -> Iterable[tuple[str, str]]:
    """Name and arguments, as JSON, of each call."""
    for call in message.tool_calls or ():
        function = call.get("function", {})
        yield str(function.get("name", "")), str(function.get("arguments", ""))


def _line(text: str) -> str:
    """The first line with something in it, cut; behind one that only introduces ("Implement the
    following plan:", as all plans begin) the second."""
    lines = filter(None, (line.strip() for line in text.splitlines()))
    first, second = [*islice(lines, 2), "", ""][:2]
    said = second.lstrip("# ") or first if first.endswith(":") else first
    return said if len(said) <= _TITLE else said[: _TITLE - 1] + "…"
