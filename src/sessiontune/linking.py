"""From linked records to straight threads: forks, resumed copies, compaction epochs.

A source turns its records into `Node`s: one per prompt, per model answer with all its tool
results, per piece of context. Records that say nothing (progress, hooks, titles) are no nodes;
the source lets their children point past them. So parallel tool calls and chains through
dropped records have vanished before a fork is looked for, and what is left of a fork is real:
two prompts, or two answers, below one node.

Order is that of the file, never that of the tree: walking up from the last record loses a fifth
of real logs. The tree only decides where a branch leaves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from .model import (
    ForkPoint,
    Message,
    MessageKind,
    Origin,
    Part,
    Role,
    Session,
    ToolCall,
    ToolResult,
    Usage,
)
from .ports import Keyed
from .vendors import vendor_of

#: (line, nth) of a record in the node's file.
Place = tuple[int, int]


class Node(msgspec.Struct, gc=False):
    """One step of a conversation, while it is being put together.

    id          id of the first record: becomes Message.id
    file        index into the unit's files; line: where it begins
    kind        a MessageKind, or "boundary" (a compaction; holds nothing)
    parent      record id of what came before, as the log says; `up` the node found for it
    side        "" for the main thread, else the sub-agent it belongs to
    results     call id -> result; `result_places` the records they came from
    calls_up    the results answer calls of `up` (they stand in another file than the call)
    """

    id: str
    file: int
    line: int
    kind: str
    parent: str = ""
    side: str = ""
    at: str = ""
    model: str = ""
    injected: bool = False
    usage: Usage | None = None
    parts: list[Part] = []
    places: list[Place] = []
    flags: list[str] = []
    results: dict[str, ToolResult] = {}
    result_places: list[Place] = []
    result_flags: list[str] = []
    result_id: str = ""
    result_at: str = ""
    calls_up: bool = False
    up: Node | None = None
    thread: Thread | None = None
    kids: tuple[Node, ...] = ()
    key: str = ""
    epoch: int = 0
    head: str = ""
    tail: str = ""

    def empty(self) -> bool:
        """Whether no message comes of it."""
        return not self.parts and not self.results


class Thread(msgspec.Struct):
    """A straight run of nodes. `fork` is the node after which it leaves its parent thread."""

    nodes: list[Node]
    fork: Node | None = None
    after_call: bool = False
    root: str = ""
    first: str = ""


#: Two of these below one node are a fork; anything else is the order of things.
_FORKING = ("prompt", "task", "answer")


def segments(nodes: Iterable[Node], seams: set[tuple[int, int]]) -> list[list[Node]]:
    """Cut file-ordered nodes where the file changes or where copies were left out.

    `seams` holds (file, line) of nodes that follow a record owned by another file.
    """
    out: list[list[Node]] = []
    file = -1
    for node in nodes:
        if node.file != file or (seams and (node.file, node.line) in seams):
            out.append([])
            file = node.file
        out[-1].append(node)
    return out


def threads(parts: list[list[Node]]) -> list[Thread]:
    """Threads of one side of one unit, in the order in which they begin."""
    found: list[Thread] = []
    waiting = parts
    while waiting:
        ready = [s for s in waiting if s[0].up is None or s[0].up.thread is not None]
        if not ready:  # a circle of files: the first one starts it
            ready = waiting[:1]
        chosen = {id(s) for s in ready}
        for segment in ready:
            _place(segment, found)
        waiting = [s for s in waiting if id(s) not in chosen]
    for thread in found:
        thread.first = thread.nodes[0].id
        top, seen = thread, {id(thread)}
        while top.fork is not None and top.fork.thread is not None:
            if id(top.fork.thread) in seen:
                break
            top = top.fork.thread
            seen.add(id(top))
        thread.root = top.nodes[0].id
    return found


def _place(segment: list[Node], found: list[Thread]) -> None:
    current: Thread | None = None
    for node in segment:
        up = node.up
        if up is None or up.thread is None or up is node:
            home = current
        elif node.calls_up:  # results of a call that another file went on from
            home = None
        elif current is None:  # a segment begins: below a node of another file, or of this one
            ends = up.thread.nodes[-1] is up and not up.key  # with a key it was given out already
            home = up.thread if ends else None
        elif up.key or (node.kind in _FORKING and _forks(node, up)):  # given out, or a fork
            home = None
        else:
            home = up.thread
        if home is None:
            home = Thread(nodes=[], fork=up if up is not None and up.thread else None)
            home.after_call = node.calls_up
            found.append(home)
        if up is not None and (node.parts or node.results or node.kind == "boundary"):
            up.kids = (*up.kids, node)
        node.thread = home
        home.nodes.append(node)
        current = home


def _forks(node: Node, up: Node) -> bool:
    """Whether a node below `up` begins a branch: a second prompt, or an answer given again.

    Clients that hang every answer of a turn below its prompt do not retry: there the earlier
    answers ran their tools.
    """
    if node.kind == "prompt" and any(kid.kind == "boundary" for kid in up.kids):
        return True  # the person went back to before a compaction
    if not up.kids:
        return False
    same = [kid for kid in up.kids if kid.kind == node.kind]
    if not same:
        return False
    if node.kind == "answer":
        if sum(bool(kid.results) for kid in same) + bool(node.results) > 1:
            return False
        for kid in same:
            if "retried" not in kid.flags:
                kid.flags.append("retried")
    return True


# ---------------------------------------------------------------- to sessions


def unlink(nodes: Iterable[Node]) -> None:
    """Part nodes from one another when all their sessions are made.

    They stand in circles (a node and the one above it, a thread and its nodes), and the garbage
    collector does not see them: what is not parted stays for good. One by one, for a chain that is
    freed from its end goes as deep as it is long.
    """
    for node in nodes:
        node.up = node.thread = None
        node.kids = ()


def epochs(thread: Thread) -> Iterator[tuple[int, list[Node]]]:
    """(epoch, nodes) of a thread: a boundary, or a summary without one, starts the next."""
    base = thread.fork.epoch if thread.fork is not None else 0
    run: list[Node] = []
    opened = False  # the epoch has just begun with a boundary: its summary belongs to it
    for node in thread.nodes:
        starts = node.kind == "boundary" or (node.kind == "summary" and not opened)
        if starts:
            if run:
                yield base, run
            run, base = [], base + 1
        if node.kind == "boundary":
            opened = True
        elif node.kind != "context":
            opened = False
        node.epoch = base
        run.append(node)
    if run:
        yield base, run


def fork_point(thread: Thread) -> ForkPoint | None:
    """The last message before the branch; None for a main thread or when nothing is left."""
    return fork_from(thread.fork, thread.after_call) if thread.fork is not None else None


def fork_from(node: Node | None, after_call: bool = False) -> ForkPoint | None:
    """The last message up to `node` (its call rather than its results with `after_call`).

    Only nodes that were emitted have messages; one that became none leads to the one before.
    """
    while node is not None:
        if node.tail:
            return ForkPoint(session=node.key, message=node.head if after_call else node.tail)
        node = _before(node)
    return None


def _before(node: Node) -> Node | None:
    if node.thread is None:
        return node.up
    at = node.thread.nodes.index(node)
    return node.thread.nodes[at - 1] if at else node.thread.fork


def node_messages(node: Node, files: dict[int, int]) -> list[Message]:
    """The node's messages; `files` maps the unit's file index to the session's."""
    out: list[Message] = []
    if node.parts:
        kind: MessageKind = node.kind  # type: ignore[assignment]
        role: Role = "user"
        if node.kind == "answer":
            role = "assistant"
        elif node.kind in ("summary", "context"):
            role = "system"
        out.append(
            Message(
                id=node.id,
                role=role,
                kind=kind,
                parts=tuple(node.parts),
                origin=_origins(files[node.file], node.places),
                at=node.at,
                model=node.model,
                vendor=vendor_of(node.model),
                injected=node.injected,
                usage=node.usage,
                flags=tuple(node.flags),
            )
        )
    if node.results:
        out.append(
            Message(
                id=node.result_id or f"{node.id}:results",
                role="tool",
                kind="results",
                parts=_in_call_order(node),
                origin=_origins(files[node.file], node.result_places),
                at=node.result_at or node.at,
                flags=tuple(node.result_flags),
            )
        )
    return out


def _origins(file: int, places: list[Place]) -> tuple[Origin, ...]:
    out = []  # no comprehension, which would be a function made anew for every message
    for line, nth in places:
        out.append(Origin(file, line, nth))
    return tuple(out)


def _in_call_order(node: Node) -> tuple[Part, ...]:
    results = node.results
    if len(results) == 1:
        return tuple(results.values())
    calls = [part.id for part in node.parts if type(part) is ToolCall]
    ordered: list[Part] = [results[call] for call in calls if call in results]
    named = {part.call_id for part in ordered if type(part) is ToolResult}
    ordered.extend(result for call, result in results.items() if call not in named)
    return tuple(ordered)


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """What all sessions of one conversation have in common."""

    source: str
    session_id: str
    agent_id: str | None = None
    agent_type: str = ""
    parent_session: str | None = None
    parent_call: str | None = None
    project: str = ""
    cwd: str = ""
    branch: str = ""
    title: str = ""
    entrypoint: str = ""


def sessions_of(
    found: list[Thread], frame: Frame, files: tuple[str, ...], keyed: Keyed, salt: str = ""
) -> Iterator[Session]:
    """Sessions of linked threads. Nodes give up their content as they are emitted.

    `salt` tells conversations apart whose records have no ids of their own.
    """
    runs: list[tuple[Thread, list[tuple[int, list[Node]]]]] = []
    for thread in found:
        base = f"{frame.source}\0{salt}\0{thread.root}"
        runs.append((thread, list(epochs(thread))))
        for epoch, nodes in runs[-1][1]:
            key = keyed(f"session\0{base}\0{thread.first}\0{epoch}")
            for node in nodes:
                node.key = key
    for thread, parts in runs:
        base = f"{frame.source}\0{salt}\0{thread.root}"
        name = keyed(f"thread\0{base}\0{thread.first}")
        point = fork_point(thread)
        for epoch, nodes in parts:
            used = sorted({node.file for node in nodes if node.parts or node.results})
            if not used:
                continue
            local = {file: at for at, file in enumerate(used)}
            messages: list[Message] = []
            for node in nodes:
                made = node_messages(node, local)
                if made:
                    node.head, node.tail = made[0].id, made[-1].id
                    node.parts, node.results, node.places = [], {}, []
                    messages += made
            yield Session(
                key=nodes[0].key,
                thread=name,
                lineage=keyed(f"lineage\0{base}"),
                source=frame.source,
                session_id=frame.session_id,
                messages=tuple(messages),
                epoch=epoch,
                agent_id=frame.agent_id,
                agent_type=frame.agent_type,
                forked_from=point,
                parent_session=frame.parent_session,
                parent_call=frame.parent_call,
                project=frame.project,
                cwd=frame.cwd,
                branch=frame.branch,
                title=frame.title,
                entrypoint=frame.entrypoint,
                files=tuple(files[file] for file in used),
            )
            point = None  # later epochs follow their own thread
