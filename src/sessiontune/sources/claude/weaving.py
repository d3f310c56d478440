"""Queued prompts of a session of which a longer copy owns the records around them.

The program copies messages, not what was queued. So the copy lacks the prompt, which only the
shorter file holds; it is put where the model got it, between the nodes of the copy.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from operator import attrgetter

from ...linking import Node
from .state import State


def around(state: State, line: int) -> tuple[Node, Node] | None:
    """The nodes of another file that the records around a line of this one repeat: one, and the
    answer that follows it there. None if it follows something else, or this file says more here."""
    copies = state.copies
    at = bisect_right(copies, line, key=lambda copy: copy[0])
    if not at or state.side:
        return None
    first, above = copies[at - 1]
    later = (copies[n] for n in range(at, len(copies)) if copies[n][1] is not above)
    last, below = next(later, (0, above))
    since = bisect_right(state.nodes, first, key=attrgetter("line"))
    until = bisect_left(state.nodes, last, key=attrgetter("line"))
    own = any("queued" not in node.flags for node in state.nodes[since:until])
    if own or below.kind != "answer" or below.side or not above.file == below.file != state.file:
        return None
    return None if _between(above, below) is None else (above, below)


def _between(above: Node, below: Node) -> list[Node] | None:
    """The queued prompts between two nodes; None if there is anything else."""
    found: list[Node] = []
    node = below.up
    while node is not None and node is not above and "queued" in node.flags:
        found.append(node)
        node = node.up
    return found if node is above else None


def weave(state: State) -> None:
    """Put the queued prompts of this file that belong between the nodes of a copy there."""
    queued = [node for node in state.nodes if "queued" in node.flags and node.parts]
    gone: set[int] = set()
    for node in queued:
        place = around(state, node.line)
        if place is None:
            continue
        above, below = place
        gone.add(id(node))
        if _known(state, node, above, below):
            state.drop("resumed_copy", "link", count=len(node.places))
            continue
        node.parent, node.up, below.up = above.id, below.up, node
        state.woven.append((node, below))
        state.every.append(node)
    state.nodes = [node for node in state.nodes if id(node) not in gone]
    state.queued += queued


def _known(state: State, node: Node, above: Node, below: Node) -> bool:
    """Whether another file told the prompt: as one that was queued there too, or woven in."""
    there = [
        other
        for other in state.queued
        if other.file == above.file and above.line <= other.line <= below.line
    ]
    return any(other.parts == node.parts for other in [*there, *(_between(above, below) or ())])


def in_places(nodes: list[Node], others: list[Node]) -> list[Node]:
    """Nodes, and others at their places among those of the same file."""
    waiting: dict[int, list[Node]] = {}  # file -> the others in it, the first one last
    for other in sorted(others, key=attrgetter("line"), reverse=True):
        waiting.setdefault(other.file, []).append(other)
    last = {node.file: at for at, node in enumerate(nodes)}
    placed: list[Node] = []
    for at, node in enumerate(nodes):
        left = waiting.get(node.file, [])
        while left and left[-1].line < node.line:
            placed.append(left.pop())
        placed.append(node)
        if at == last[node.file]:
            placed += reversed(waiting.pop(node.file, []))
    return placed + [other for left in waiting.values() for other in reversed(left)]


def place_woven(state: State, nodes: list[Node]) -> None:
    """Insert them among the nodes of the main threads, each before the answer that followed it."""
    before: dict[int, list[Node]] = {}
    for node, below in state.woven:
        before.setdefault(id(below), []).append(node)
    nodes[:] = [own for node in nodes for own in (*before.pop(id(node), ()), node)]
    nodes += [node for node, below in state.woven if id(below) in before]
    state.woven = []
