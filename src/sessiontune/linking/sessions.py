"""From threads to sessions: compaction epochs, fork points, results in the order of the calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from ..model import (
    ForkPoint,
    Message,
    MessageKind,
    Origin,
    Part,
    Role,
    Session,
    ToolCall,
    ToolResult,
)
from ..ports import Keyed
from ..vendors import vendor_of
from .threads import Node, Place, Thread


def unlink(nodes: Iterable[Node]) -> None:
    """Cut the links between nodes when all their sessions are made.

    Nodes are in reference cycles (with the node above, with their thread) that the garbage
    collector does not track, so they would never be freed. One by one: freeing a chain from its
    end recurses as deep as it is long.
    """
    for node in nodes:
        node.up = node.thread = None
        node.kids = ()


def epochs(thread: Thread) -> Iterator[tuple[int, list[Node]]]:
    """(epoch, nodes) of a thread: a boundary, or a summary without one, starts the next epoch. A
    thread that begins with one has no nodes in the epoch before."""
    base = thread.fork.epoch if thread.fork is not None else 0
    run: list[Node] = []
    opened = False  # just begun with a boundary, whose summary belongs to the same epoch
    for node in thread.nodes:
        starts = node.kind == "boundary" or (node.kind == "summary" and not opened)
        if starts:
            yield base, run
            run, base = [], base + 1
        if node.kind == "boundary":
            opened = True
        elif node.kind != "context":
            opened = False
        node.epoch = base
        run.append(node)
    yield base, run


def fork_point(thread: Thread) -> ForkPoint | None:
    """The last message before the branch; None for a main thread or if nothing is left."""
    return fork_from(thread.fork, thread.after_call) if thread.fork is not None else None


def fork_from(node: Node | None, after_call: bool = False) -> ForkPoint | None:
    """The last message up to `node` (its call rather than its results with `after_call`).

    Nodes without messages are skipped backwards.
    """
    while node is not None:
        if node.tail:
            return ForkPoint(session=node.key, message=node.head if after_call else node.tail)
        node = _before(node)
    return None


def _before(node: Node) -> Node | None:
    if node.thread is None:
        return node.up
    return node.thread.nodes[node.nth - 1] if node.nth else node.thread.fork


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
    out = []  # a comprehension would make a function for every message
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
    """Fields of `Session` that all sessions of one conversation share."""

    session_id: str
    source: str = ""
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

    `salt` distinguishes conversations whose records have no ids.
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
        name, lineage = keyed(f"thread\0{base}\0{thread.first}"), keyed(f"lineage\0{base}")
        point = fork_point(thread)
        for epoch, nodes in parts:
            if thread.fork is not None and epoch > thread.fork.epoch:
                point = None  # the model saw the summary, nothing from before the branch
            used = sorted({node.file for node in nodes if node.parts or node.results})
            if not used:
                continue
            yield Session(
                key=nodes[0].key,
                thread=name,
                lineage=lineage,
                messages=_messages(nodes, used),
                epoch=epoch,
                forked_from=point,
                files=tuple(files[file] for file in used),
                **msgspec.structs.asdict(frame),
            )


def _messages(nodes: list[Node], used: list[int]) -> tuple[Message, ...]:
    """The messages of an epoch; its nodes give up their content. `used`: their files."""
    local = {file: at for at, file in enumerate(used)}
    messages: list[Message] = []
    for node in nodes:
        made = node_messages(node, local)
        if made:
            node.head, node.tail = made[0].id, made[-1].id
            node.parts, node.results, node.places = [], {}, []
            messages += made
    return tuple(messages)
