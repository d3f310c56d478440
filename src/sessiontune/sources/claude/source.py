"""The `Source` for Claude Code: finds its logs, indexes them, yields linked sessions of a unit."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from itertools import groupby, islice
from operator import attrgetter

import msgspec

from ...ledger import Ledger
from ...linking import (
    Frame,
    Node,
    Thread,
    families,
    fork_from,
    segments,
    sessions_of,
    threads,
    unlink,
)
from ...model import Drop, ForkPoint, Session, Text
from ...ports import FileIndex, Keyed, ReadOptions
from ..indexing import Seen, scan
from ..lines import gc_paused, head_of, size_of, stem
from ..projects import project_name
from ..toolbox import with_tools
from .agents import agents, callers_first, is_agent, meta_of
from .content import session_folder
from .read import Reader
from .recognise import is_log
from .state import AUDIT, Facts
from .weaving import place_woven
from .wire import Source

_JUNK = (
    ("acompact-", "compaction_agent"),
    ("aprompt_suggestion-", "prompt_suggestion_agent"),
    ("aside_question-", "aside_question_agent"),
)

_SERVED = re.compile(rb'"id"\s*:\s*"(msg_\w{13,64})"')
#: How far to look for answers that link copies, and how many of them link.
_HEAD = 1 << 18
_TIED_BY = 4  # pieces of answers


class Known(msgspec.Struct, gc=False):
    """What the index takes from a line; the fields are in their usual order."""

    parentUuid: str | None = None
    logicalParentUuid: str | None = None
    cwd: str | None = None
    sessionId: str | None = None
    uuid: str | None = None
    timestamp: str | None = None
    session_id: str | None = None
    forkedFrom: Source | None = None


def _note(line: Known, seen: Seen) -> None:
    ids = seen.ids
    ids.add(line.uuid)
    ids.add(line.parentUuid)
    seen.sessions.add(line.sessionId)
    seen.names.add(line.cwd)
    if line.logicalParentUuid:
        ids.add(line.logicalParentUuid)
    if line.session_id:
        seen.sessions.add(line.session_id)
    if line.forkedFrom is not None:
        ids.add(line.forkedFrom.messageUuid)
    at = line.timestamp
    if at:
        if at > seen.last:
            seen.last = at
        if at < seen.first:
            seen.first = at


class ClaudeSource:
    """Claude Code (and the SDK streams of Claude Desktop)."""

    name = "claude"
    suffixes = (".jsonl", ".json", ".ndjson")

    def roots(self, env: Mapping[str, str], home: str) -> list[str]:
        """The folders of its logs: every folder of CLAUDE_CONFIG_DIR, ~/.claude, ~/.config/claude,
        and those of the sessions that Claude Desktop runs."""
        bases = [base for base in env.get("CLAUDE_CONFIG_DIR", "").split(os.pathsep) if base]
        bases += [os.path.join(home, ".claude"), os.path.join(home, ".config", "claude")]
        desktop = [
            os.path.join(home, "Library", "Application Support"),
            env.get("APPDATA") or "",
            env.get("XDG_CONFIG_HOME") or os.path.join(home, ".config"),
        ]
        return [
            *(os.path.join(base, "projects") for base in dict.fromkeys(bases)),
            *(os.path.join(b, "Claude", "local-agent-mode-sessions") for b in desktop if b),
        ]

    def recognise(self, path: str, head: bytes) -> bool:
        """Whether a file that begins with `head` is a Claude Code log: one line shows it."""
        return is_log(path, head)

    def index(self, path: str, offset: int = 0) -> FileIndex:
        """Record ids, session and agent names, folders and times of a file from `offset` on."""
        name, home = stem(path), session_folder(path)
        links = []
        if name.startswith("agent-"):
            if home:
                links.append("session:" + os.path.basename(home))
        elif name and path.endswith(".jsonl"):
            if _names_session(path, name):
                links.append("session:" + name)
            links += _first_answers(path)
        return scan(path, offset, Known, _note, links)

    def sessions(
        self, files: tuple[str, ...], options: ReadOptions, ledger: Ledger, keyed: Keyed
    ) -> Iterator[Session]:
        """The linked sessions of one unit, main threads first, then agents, orphans last."""
        ordered = _ordered(files)
        reader = Reader(ordered, options, ledger)
        try:
            yield from _sessions(reader, keyed)
        finally:
            unlink(reader.every)


SOURCE = ClaudeSource()


def _first_answers(path: str) -> list[str]:
    """Links that a session shares with copies of it, whatever ids their records have. Several, as
    one of the files may have lost its first lines."""
    found = _SERVED.finditer(head_of(path, _HEAD))
    names = dict.fromkeys(match[1] for match in islice(found, _TIED_BY))
    return [f"message:{name.decode()}" for name in names]


def _names_session(path: str, name: str) -> bool:
    """Whether a file is named after its session: many files are named `full` or `audit`."""
    return any(map(str.isdigit, name)) or os.path.isdir(os.path.splitext(path)[0])


def _ordered(files: tuple[str, ...]) -> tuple[str, ...]:
    """Longest first: of two copies of one history the longer file owns it. Audits of Claude Desktop
    come last: they repeat the sessions beside them."""

    return tuple(sorted(files, key=lambda p: (os.path.basename(p) == AUDIT, -size_of(p), p)))


def _sessions(reader: Reader, keyed: Keyed) -> Iterator[Session]:
    files = reader.files
    mains = [at for at, path in enumerate(files) if not is_agent(path)]
    with gc_paused():
        sides, facts = _read_all(reader, mains)
    yield from _emit(reader, sides, facts, keyed)
    del sides
    waiting = agents(files)
    known: list[str] = []  # whose call was read, the last by name first
    others: list[str] = []  # all, in reverse order of reading
    calls = -1
    while waiting:
        if len(reader.agent_calls) != calls:  # agents start agents, but few do
            calls = len(reader.agent_calls)
            known = sorted((n for n in waiting if n in reader.agent_calls), reverse=True)
        if not known and not others:
            rank = callers_first(waiting, files)
            others = sorted(waiting, key=lambda name: (rank[name], name), reverse=True)
        while others and others[-1] not in waiting:
            others.pop()
        name = known.pop() if known else others.pop()
        yield from _agent(reader, name, waiting.pop(name), keyed)


def _read_all(
    reader: Reader, indexes: list[int], side: str = "", junk: str = ""
) -> tuple[dict[str, list[Node]], dict[int, Facts]]:
    sides: dict[str, list[Node]] = {}
    facts: dict[int, Facts] = {}
    for at in indexes:
        nodes, facts[at] = reader.read(at, side, junk)
        for name, run in groupby(nodes, attrgetter("side")):
            sides.setdefault(name, []).extend(run)
    if reader.strays:
        reader.settle_strays(sides, side)
    if len(indexes) > 1:
        for nodes in sides.values():
            reader.resolve(nodes)
        if reader.woven:
            place_woven(reader, sides[""])
    return sides, facts


def _emit(
    reader: Reader, sides: dict[str, list[Node]], facts: dict[int, Facts], keyed: Keyed
) -> Iterator[Session]:
    """Sessions of the main files: the main threads, then agents inside of them."""
    files = reader.files
    index = {files[at]: at for at in facts}
    for side in sorted(sides, key=lambda name: (name != "", name)):
        nodes = sides.pop(side)
        with gc_paused():
            groups = families(threads(segments(nodes, reader.seams)))
        if side and _is_warmup(nodes):
            _discard(nodes, reader, "warmup_agent")
            continue
        for group in groups:
            first = group[0].nodes[0]
            about = reader.begun.get((first.file, first.line)) or facts[first.file]
            agent, call = (side, _call_of(reader, side, nodes)) if side else (None, None)
            frame = _frame(reader, about, files[first.file], agent, call)
            for session in sessions_of(group, frame, files, keyed, _salt(group, about)):
                own = session.files[0]
                if own != files[first.file] and not side:  # a fork, or what continues elsewhere
                    here = _frame(reader, facts[index[own]], own, agent, call)
                    session = _framed(session, here)
                yield with_tools(session, about.tools) if about.tools else session


def _salt(group: list[Thread], about: Facts) -> str:
    return about.session_id if "#" in group[0].root else ""


def _frame(reader: Reader, about: Facts, path: str, agent: str | None, call: str | None) -> Frame:
    folder = os.path.dirname(session_folder(path) or path)
    project = project_name(about.cwd) if about.cwd else os.path.basename(folder)
    title = about.custom_title or about.ai_title
    if not title:
        own = [t for leaf, t in about.summaries.items() if reader.owner.get(leaf) is not None]
        title = own[-1] if own else ""
    caller = reader.calls.get(call) if call else None
    return Frame(
        source="claude",
        session_id=about.session_id or stem(path),
        agent_id=agent,
        parent_session=(caller.key or None) if caller is not None else None,
        parent_call=call,
        project=project,
        cwd=about.cwd,
        branch=about.branch,
        title=title,
        entrypoint=about.entrypoint,
    )


def _framed(session: Session, frame: Frame) -> Session:
    """A session with the facts of its own file, which continues another's."""
    return msgspec.structs.replace(
        session,
        session_id=frame.session_id,
        project=frame.project,
        cwd=frame.cwd,
        branch=frame.branch,
        title=frame.title,
        entrypoint=frame.entrypoint,
    )


def _agent(reader: Reader, name: str, indexes: list[int], keyed: Keyed) -> Iterator[Session]:
    """The sessions of one sub-agent's files."""
    files = reader.files
    junk = next((why for start, why in _JUNK if name.startswith(start)), "")
    with gc_paused():
        sides, facts = _read_all(reader, indexes, name, junk)
        nodes = sides.get(name, [])
        groups = families(threads(segments(nodes, reader.seams)))
    if not nodes:
        return
    if _is_warmup(nodes):
        _discard(nodes, reader, "warmup_agent")
        return
    about, path = facts[nodes[0].file], files[nodes[0].file]
    meta = meta_of(path)
    call = meta.toolUseId or _call_of(reader, name, nodes) or reader.agent_calls.get(_run_of(path))
    for group in groups:
        frame = _frame(reader, about, path, name, call)
        frame = msgspec.structs.replace(frame, agent_type=(meta.agentType or "")[:80])
        for session in sessions_of(group, frame, files, keyed, _salt(group, about)):
            if about.inherits and session.forked_from is None and session.epoch == 0:
                point = _inherited(reader, about.inherits)
                session = msgspec.structs.replace(session, forked_from=point)
            yield with_tools(session, about.tools) if about.tools else session


def _inherited(reader: Reader, record: str) -> ForkPoint | None:
    """The end of the parent's context with which a forked agent began."""
    node = reader.owner.get(record)
    return fork_from(node) if node is not None else None


def _call_of(reader: Reader, agent: str, nodes: list[Node]) -> str | None:
    """The call that started an agent: by its id, by itself (SDK streams), or by its prompt."""
    if agent in reader.calls:
        return agent
    call = reader.agent_calls.get(agent)
    if call is None and nodes:
        first = next((p.text for p in nodes[0].parts if type(p) is Text), "")
        call = reader.task_prompts.get(first.strip()) if first else None
    return call


def _run_of(path: str) -> str:
    """The run of a workflow above an agent's log: `subagents/workflows/RUN/`."""
    above, run = os.path.split(os.path.dirname(path))
    return run if os.path.basename(above) == "workflows" else ""


def _is_warmup(nodes: list[Node]) -> bool:
    for node in nodes:
        if node.kind == "task":
            return any(type(p) is Text and p.text.strip() == "Warmup" for p in node.parts)
    return False


def _discard(nodes: list[Node], reader: Reader, reason: str) -> None:
    """Count all records of nodes as dropped; one record may be in two nodes."""
    by_file: dict[int, set[tuple[int, int]]] = {}
    for node in nodes:
        node.thread = None  # what is below it elsewhere continues without it
        by_file.setdefault(node.file, set()).update(node.places, node.result_places)
    for file, places in by_file.items():
        reader.ledger.drop(Drop("read", reason, file=reader.files[file], count=len(places)))
