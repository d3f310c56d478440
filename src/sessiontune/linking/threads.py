"""From records to straight threads: where a branch begins, where a copy continues.

A source turns its records into `Node`s: one per prompt, per model answer with all its tool
results, per piece of context. Records without content (progress, hooks, titles) are no nodes; the
source lets their children point past them. So neither parallel tool calls nor chains through
dropped records look like forks; what is left is real: two prompts, or two answers, below one node.

The order is that of the file, never that of the tree: walking up from the last record loses a fifth
of real logs. The tree only decides where a branch begins.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import msgspec

from ..model import Part, ToolResult, Usage

#: (line, nth) of a record in the node's file.
Place = tuple[int, int]


class Node(msgspec.Struct, gc=False):
    """One step of a conversation, while it is being built.

    id          id of the first record: becomes Message.id
    file        index into the unit's files; line: where it begins
    kind        a MessageKind, or "boundary" (a compaction; without content)
    parent      record id of what came before, according to the log; `up` the node found for it
    side        "" for the main thread, else the sub-agent it belongs to
    results     call id -> result; `result_places` the records they came from
    nth         its place in its thread
    calls_up    the results answer calls of `up` (they are in another file than the call)
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
    nth: int = 0
    kids: tuple[Node, ...] = ()
    key: str = ""
    epoch: int = 0
    head: str = ""
    tail: str = ""

    def empty(self) -> bool:
        """Whether it makes no message."""
        return not self.parts and not self.results


class Thread(msgspec.Struct):
    """A straight run of nodes. `fork`: the node after which it leaves its parent thread."""

    nodes: list[Node]
    fork: Node | None = None
    after_call: bool = False
    root: str = ""
    first: str = ""


def placed(places: list[Place], place: Place) -> bool:
    """Whether a record is among those of a node; nearly always it is the last, or a later one."""
    return bool(places) and (place == places[-1] or (place < places[-1] and place in places))


#: Two of these below one node are a fork.
_FORKING = ("prompt", "task", "answer")
#: A prompt beside any of these below one node begins a branch; beside an answer, another program
#: wrote one of them.
_NOT_BELOW = ("prompt", "boundary", "answer")
#: Most nodes below one node that are all kept: far more than normal logs have.
_MANY = 64


def segments(nodes: Iterable[Node], seams: set[tuple[int, int]]) -> list[list[Node]]:
    """Cut file-ordered nodes where the file changes or copies were left out.

    `seams` holds (file, line) of nodes that follow a record owned by another file; it means the
    first of several nodes on one line.
    """
    out: list[list[Node]] = []
    file = line = -1
    for node in nodes:
        if node.file != file or (node.line != line and seams and (node.file, node.line) in seams):
            out.append([])
            file = node.file
        out[-1].append(node)
        line = node.line
    return out


def threads(parts: list[list[Node]]) -> list[Thread]:
    """Threads of one side of one unit, in the order in which they begin."""
    found: list[Thread] = []
    replied = {id(n.up) for part in parts for n in part if n.kind == "answer" and n.up is not None}
    ours = {id(node) for part in parts for node in part} if len(parts) > 1 else set()
    waiting = parts
    while waiting:
        later, stuck = [], True
        for segment in waiting:
            if segment[0].up is None or segment[0].up.thread is not None:
                stuck = False
                segment = _place(segment, found, replied, ours)
            if segment:
                later.append(segment)
        if stuck:  # a cycle of files: begin with the first
            _place(later.pop(0), found, replied, set())
        waiting = later
    for thread in found:  # parents come first
        thread.first = thread.nodes[0].id
        above = thread.fork.thread if thread.fork is not None else None
        thread.root = above.root if above is not None else thread.first
    return found


def families(found: Iterable[Thread]) -> list[list[Thread]]:
    """Threads by lineage, in order."""
    by_root: dict[str, list[Thread]] = {}
    for thread in found:
        by_root.setdefault(thread.root, []).append(thread)
    return list(by_root.values())


def _place(
    segment: list[Node], found: list[Thread], replied: set[int], ours: set[int]
) -> list[Node]:
    """Put a segment's nodes into threads; returns those from one on that is below a node of another
    segment (in `ours`) that has no thread yet. `replied`: the nodes with an answer below them."""
    current: Thread | None = None
    for at, node in enumerate(segment):
        up = node.up
        if up is not None and up.thread is None and id(up) in ours and up is not node:
            return segment[at:]
        if up is None or up.thread is None:
            home = current
        elif node.calls_up or _leads_off(segment, at, up, replied):
            home = None  # results of a call from which another file continued, or a branch
        elif current is None:  # a segment begins: below a node of another file, or of this one
            ends = up.thread.nodes[-1] is up and not up.key  # a key: it was emitted already
            home = up.thread if ends else None
        elif up.key or (node.kind in _FORKING and _forks(node, up, replied)):
            home = None  # emitted already, or a fork
        else:
            home = up.thread
        if home is None:
            home = Thread(nodes=[], fork=up if up is not None and up.thread else None)
            home.after_call = node.calls_up
            found.append(home)
        if up is not None and (node.parts or node.results or node.kind == "boundary"):
            _hang(node, up, replied)
        elif node.kind == "prompt" and node.parent and node.parts and home.nodes:
            # Its parent was never written: it continues what is above it.
            _hang(node, home.nodes[-1], replied)
        node.thread, node.nth = home, len(home.nodes)
        home.nodes.append(node)
        current = home
    return []


def _hang(node: Node, up: Node, replied: set[int]) -> None:
    """Add a node to those below `up`. If they are many, only the two latest stay of those that are
    equal to `_forks`: earlier answers are marked as retried by then."""
    if len(up.kids) >= _MANY:
        came = _came(up)
        alike: dict[tuple[str, bool, bool, bool], list[Node]] = {}
        for kid in up.kids:
            early = kid.file == up.file and kid.line <= came
            alike.setdefault((kid.kind, bool(kid.results), early, id(kid) in replied), []).append(
                kid
            )
        up.kids = tuple(kid for kids in alike.values() for kid in kids[-2:])
    up.kids = (*up.kids, node)


def _came(up: Node) -> int:
    """The line of the last result of a node, or -1."""
    return max(up.result_places)[0] if up.result_places else -1


def _forks(node: Node, up: Node, replied: set[int]) -> bool:
    """Whether a node below `up` begins a branch: a second prompt, or an answer given again.

    Some clients put every answer of a turn below its prompt. These are no retries: the earlier
    answers ran their tools.
    """
    kids = up.kids
    if node.kind == "prompt":  # also if the person went back to before a compaction
        others = ("prompt", "boundary") if "queued" in node.flags else _NOT_BELOW
        return any(kid.kind in others for kid in kids)
    if node.kind == "answer" and up.result_places:  # leave out what came before all results
        came = _came(up)
        kids = tuple(kid for kid in kids if kid.file != up.file or kid.line > came)
    if _in_turns(node, kids, replied):
        return True
    same = [kid for kid in kids if kid.kind == node.kind]
    if not same:
        return False
    if node.kind == "answer":
        if sum(bool(kid.results) for kid in same) + bool(node.results) > 1:
            return False
        for kid in same:
            if "retried" not in kid.flags:
                kid.flags.append("retried")
    return True


def _leads_off(segment: list[Node], at: int, up: Node, replied: set[int]) -> bool:
    """Whether a branch begins with context: after going back, a person first ran or remembered
    something, and their prompt is below that."""
    if segment[at].kind != "context":
        return False
    for before, node in pairwise(segment[at : at + 64]):
        if node.up is not before:
            return False
        if node.kind in _FORKING:
            return node.kind == "prompt" and _forks(node, up, replied)
        if node.kind != "context":
            return False
    return False


def _in_turns(node: Node, kids: tuple[Node, ...], replied: set[int]) -> bool:
    """Whether two programs continue one session at the same time and write its log in turns: one a
    prompt, the other an answer to the turn before. Then the later one is a branch."""
    return node.kind == "answer" and any(
        kid.kind == "prompt" and id(kid) in replied and kid.id != f"{node.parent}+" for kid in kids
    )
