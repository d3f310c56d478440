"""The `Source` for Codex CLI: finds rollouts, indexes them, yields linked sessions of a unit."""

from __future__ import annotations

import heapq
import itertools
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ...ledger import Ledger
from ...linking import Frame, Node, families, segments, sessions_of, threads, unlink
from ...model import Drop, Session
from ...ports import FileIndex, Keyed, ReadOptions
from ..folders import homes
from ..indexing import Seen, scan
from ..lines import PACKED, first_lines, gc_paused, open_log, open_packed, read_lines, size_of, stem
from ..printed import STREAMS
from ..projects import project_name
from .older import document_lines, is_document
from .read import Rollout
from .streams import holds_stream, is_stream, stream_lines
from .told import Told

_LINE = re.compile(
    rb'"type"\s*:\s*"(?:session_meta|response_item|event_msg|turn_context|compacted)"'
)
_HEADER = b'"session_meta"'
_PAYLOAD = re.compile(rb'"payload"\s*:\s*\{')
_BARE_HEADER = re.compile(
    rb'\{(?=.*"id"\s*:\s*")(?=.*"timestamp"\s*:\s*")(?=.*"instructions"\s*:)(?!.*"type"\s*:)'
)
_BARE_LINE = re.compile(rb'\{.*?"type"\s*:\s*"(?:message|reasoning|\w+_call)"')
_STATE = re.compile(rb'\{\s*"record_type"\s*:\s*"state"')
_CALLS = (
    "function_call",
    "function_call_output",
    "custom_tool_call",
    "custom_tool_call_output",
)
_NAME_ID = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$")

_PIECE = re.compile(r"-[0-9a-f]{12}_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$")


class KnownPayload(msgspec.Struct, gc=False):
    """What the index takes from a payload."""

    type: str | None = None
    id: str | None = None
    session_id: str | None = None
    call_id: str | None = None
    cwd: str | None = None
    new_thread_id: str | None = None
    forked_from_id: str | None = None
    source: Any = None


class Known(msgspec.Struct, gc=False):
    """What the index takes from a line."""

    type: str | None = None
    timestamp: str | None = None
    thread_id: str | None = None
    payload: KnownPayload | None = None
    msg: KnownPayload | None = None


_TIME = re.compile(rb'"timestamp"\s*:\s*"([^"\\]{1,40})"')


def _headed(raw: memoryview) -> Known:
    """The time on a line of a document."""
    found = _TIME.search(bytes(raw[:4000]))
    return Known(timestamp=found[1].decode("ascii", "replace") if found else None)


def _note(line: Known, seen: Seen) -> None:
    payload = line.payload
    if line.thread_id:  # printed output
        seen.sessions.add(line.thread_id)
    if line.msg is not None and line.msg.session_id:
        seen.sessions.add(line.msg.session_id)
    at = line.timestamp
    if at:
        seen.first, seen.last = min(seen.first, at), max(seen.last, at)
    if payload is None:
        return
    if payload.type in _CALLS:
        seen.ids.add(payload.call_id)
    seen.names.add(payload.cwd)
    if payload.new_thread_id:
        seen.sessions.add(payload.new_thread_id)
    if line.type == "session_meta":
        seen.sessions.update((payload.id, payload.forked_from_id))
        agent = payload.source.get("subagent") if isinstance(payload.source, dict) else None
        spawn = agent.get("thread_spawn") if isinstance(agent, dict) else None
        parent = spawn.get("parent_thread_id") if isinstance(spawn, dict) else None
        if isinstance(parent, str):
            seen.sessions.add(parent)


class Before(msgspec.Struct):
    """What earlier rollouts of the unit told.

    started, calls  agent's thread id -> the node that holds its call, the call's id
    spoken          name of a piece of a thread -> its rollout
    waiting         id of a call without an output -> its node, its tool
    salts           root of a lineage -> what distinguishes it from roots of the same id
    nodes           the nodes of all of them, to be unlinked in the end
    """

    started: dict[str, Node] = {}
    calls: dict[str, str] = {}
    spoken: dict[str, Rollout] = {}
    waiting: dict[str, tuple[Node, str]] = {}
    salts: dict[str, str] = {}
    nodes: list[Node] = []


class CodexSource:
    """Codex CLI rollouts."""

    name = "codex"
    suffixes = (".jsonl", ".json", ".ndjson", PACKED)

    def roots(self, env: Mapping[str, str], home: str) -> list[str]:
        """The folders of its logs: `sessions` and `archived_sessions` of CODEX_HOME and
        ~/.codex."""
        return [
            os.path.join(base, name)
            for base in homes(env, "CODEX_HOME", home, ".codex")
            for name in ("sessions", "archived_sessions")
        ]

    def recognise(self, path: str, head: bytes) -> bool:
        """Whether a file that begins with `head` is a rollout: one line shows it."""
        if path.endswith(STREAMS) and is_stream(head):
            return True
        if path.endswith(".json"):
            return is_document(head)
        if path.endswith(".jsonl" + PACKED):
            head = _unpacked(path)
        elif not path.endswith(".jsonl"):
            return False
        lines = list(first_lines(head))
        if any(_LINE.search(raw) and _PAYLOAD.search(raw) for raw in lines):
            return True
        # The first rollouts: a header without a type, then states and bare items.
        bare = any(map(_BARE_HEADER.match, lines)) or any(map(_STATE.match, lines))
        return bare and any(map(_BARE_LINE.match, lines))

    def index(self, path: str, offset: int = 0) -> FileIndex:
        """Thread ids, call ids, folders and times of a file from `offset` on."""
        found = _NAME_ID.search(_stem(path))
        links = (f"thread:{found.group(1)}",) if found else ()
        if path.endswith(".json") and not holds_stream(path):
            return scan(path, 0, _headed, _note, links, "thread:")
        return scan(path, offset, Known, _note, links, "thread:")

    def sessions(
        self, files: tuple[str, ...], options: ReadOptions, ledger: Ledger, keyed: Keyed
    ) -> Iterator[Session]:
        """The linked sessions of one unit: parents before the agents that they started."""
        unit = Before()
        try:
            yield from _read_all(files, options, ledger, keyed, unit)
        finally:
            unlink(unit.nodes)


SOURCE = CodexSource()


def _stem(path: str) -> str:
    return stem(path.removesuffix(PACKED))


def _unpacked(path: str) -> bytes:
    """The beginning of a compressed rollout."""
    try:
        with open_packed(path) as log:
            return bytes(log.read(1 << 16))
    except OSError:
        return b""


def _piece(path: str, thread: str) -> str:
    """The name of a piece of a thread: when a person goes back, newer versions begin a file whose
    name holds the thread's id and then its own."""
    found = _PIECE.search(_stem(path))
    return found[1] if found is not None else thread


def _longest_first(ids: dict[str, tuple[str, str, str]], printed: set[str]) -> list[str]:
    """Files by path; of several files of one thread the longest rollout comes first and owns it.
    Files that name no thread come last: they may be pieces of the others."""
    first: dict[str, str] = {}
    for path in sorted(ids):
        first.setdefault(ids[path][0] or path, path)
    return sorted(
        ids, key=lambda p: (not ids[p][0], first[ids[p][0] or p], p in printed, -size_of(p), p)
    )


def _parents_first(ids: dict[str, tuple[str, str, str]], order: list[str]) -> Iterator[str]:
    """Files in the given order, but each after its parent's thread and the piece it continues, if
    those are here. In a circle the first of the order begins."""
    told = [{("thread", ids[p][0]), ("piece", _piece(p, ids[p][0]))} for p in order]
    known = set().union(*told) - {("thread", ""), ("piece", "")}
    missing = [{("thread", ids[p][1]), ("piece", ids[p][2])} & known for p in order]
    waiting: dict[tuple[str, str], list[int]] = {}  # name -> places of the files that wait for it
    for at, names in enumerate(missing):
        for name in names:
            waiting.setdefault(name, []).append(at)
    ready = [at for at, names in enumerate(missing) if not names]
    read = [False] * len(order)
    for first in range(len(order)):
        while ready or not read[first]:
            at = heapq.heappop(ready) if ready else first
            if read[at]:
                continue
            read[at] = True
            yield order[at]
            for later in [n for name in told[at] for n in waiting.pop(name, ())]:
                missing[later] -= told[at]
                if not missing[later]:
                    heapq.heappush(ready, later)


def _read_all(
    files: tuple[str, ...], options: ReadOptions, ledger: Ledger, keyed: Keyed, unit: Before
) -> Iterator[Session]:
    """The sessions of each rollout in turn."""
    printed = {path for path in files if path.endswith(STREAMS) and holds_stream(path)}
    ids = {path: thread_ids(path, options, path in printed) for path in sorted(files)}
    told = Told() if len(ids) > 1 or any(map(_holds_several, files)) else None
    done: dict[str, int] = {}  # thread, or a file's name if none is known -> files read
    for path in _parents_first(ids, _longest_first(ids, printed)):
        thread = ids[path][0]
        piece, rest = _piece(path, thread), None
        while True:
            name = thread or _stem(path)
            again = done.get(name, 0)
            done[name] = again + 1
            rollout = Rollout(0, path, options, ledger, told, again)
            rollout.thread, rollout.lines, rollout.waiting = thread, rest, unit.waiting
            rollout.spoken = unit.spoken
            rollout.printed = path in printed
            if again and rollout.printed:  # a rollout is better
                rollout.facts.junk = "told_in_rollout"
            yield from _sessions(rollout, ledger, keyed, unit)
            if told is not None:
                unit.spoken.setdefault(piece, rollout)
            piece, rest = rollout.next, rollout.rest
            if rest is None:
                break
            thread = piece


def _holds_several(path: str) -> bool:
    """Whether a file may hold several sessions: the header of a resumed one is repeated too."""
    count, end = 0, b""
    try:
        with open_log(path) as log:
            while count < 2 and (block := log.read(1 << 20)):
                held = end + block
                count, end = count + held.count(_HEADER), held[1 - len(_HEADER) :]
    except OSError:
        pass  # the reader reports it
    return count > 1


def _sessions(
    rollout: Rollout,
    ledger: Ledger,
    keyed: Keyed,
    unit: Before,
) -> Iterator[Session]:
    """The sessions of one rollout: one for each epoch."""
    path = rollout.path
    with gc_paused():
        rollout.read()
        facts, nodes = rollout.facts, rollout.nodes
    unit.nodes += nodes
    if facts.junk:
        _discard(nodes, path, ledger, facts.junk)
        return
    for agent, call in rollout.agents.items():
        if call in rollout.calls:
            unit.calls[agent], unit.started[agent] = call, rollout.calls[call]
    name = _stem(path)
    session_id = facts.session_id or name
    agent_id = session_id if facts.is_agent() else None
    caller = unit.started.get(session_id) if agent_id else None
    frame = Frame(
        source="codex",
        session_id=session_id,
        agent_id=agent_id,
        agent_type=facts.agent_type if agent_id else "",
        parent_session=caller.key if caller is not None else None,
        parent_call=unit.calls.get(session_id) if agent_id else None,
        project=project_name(facts.cwd),
        cwd=facts.cwd,
        branch=facts.branch,
        title=facts.title,
        entrypoint=facts.originator or facts.entrypoint,
    )
    for found in families(threads(segments(nodes, set()))):
        own = "" if facts.session_id else name
        salt = unit.salts.setdefault(found[0].root, own)  # a piece of another file has its lineage
        for session in sessions_of(found, frame, (path,), keyed, salt):
            yield msgspec.structs.replace(session, tools=facts.tools) if facts.tools else session


def thread_ids(path: str, options: ReadOptions, printed: bool = False) -> tuple[str, str, str]:
    """Ids of a rollout: its thread's, its parent's or the forked one, the piece that it continues;
    "" for none."""
    scratch = Ledger()
    if printed or path.endswith(".json"):
        rollout = Rollout(0, path, options, scratch)
        lines = (stream_lines if printed else document_lines)(path, options, scratch)
        for _, told in itertools.islice(lines, 20 if printed else 1):
            rollout.take_raw(told)
        return rollout.facts.session_id, "", ""
    for _, raw in read_lines(path, options, scratch):  # the first line, except in damaged files
        if _HEADER in bytes(raw):
            rollout = Rollout(0, path, options, scratch)
            rollout.take_raw(raw)
            facts = rollout.facts
            if facts.session_id:
                return facts.session_id, facts.parent_thread or facts.forked_from, facts.base[0]
    return "", "", ""


def _discard(nodes: list[Node], path: str, ledger: Ledger, reason: str) -> None:
    """Count all records of the nodes as dropped."""
    places = {place for node in nodes for place in (*node.places, *node.result_places)}
    ledger.drop(Drop("read", reason, file=path, count=len(places)))
