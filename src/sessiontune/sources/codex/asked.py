"""The prompts that a thread's model still sees: a person goes back by a number of them.

A thread may begin with the history of another, copied or referred to; a person may go back to a
place in that, too.
"""

from __future__ import annotations

from itertools import chain
from operator import itemgetter

from ...linking import Node
from .items import Asked, Items


def inherits(log: Items, node: Node) -> None:
    """Note where the history at the beginning of this thread ends, and each of its prompts with
    what is above it: a person may go back there."""
    if node is log.fork:
        return
    log.copies.append((log.place[0], node))
    if node.kind in ("prompt", "task"):
        log.ask(node, log.back or log.fork)
        log.inherited += 1
        log.back = None
    log.fork = node


def goes_on_from(log: Items, base: Items | None) -> None:
    """Begin where another history ends to which the header refers; nothing of it is copied. A
    repeated header, as a resumed thread writes it, is ignored."""
    if base is None or log.nodes or log.fork is not None or not log.copying:
        return
    line = log.facts.base[1] - base.facts.ordinal + 1
    log.given, went = _asked_by(base, line)
    own = ((node.line, node) for node in reversed(base.nodes))
    ends = (end for end in chain(own, base.copies) if end[0] < line)
    at, log.fork = max(ends, key=itemgetter(0), default=(0, None))
    if not at and not base.copies:
        log.fork = base.nodes[0].up if base.nodes else base.fork
    if went is not None and went[0] >= at:
        log.fork = went[1]
    log.asked, log.inherited = list(log.given), len(log.given)
    log.copying = False


def _asked_by(base: Items, line: int) -> tuple[list[Asked], tuple[int, Node | None] | None]:
    """The prompts that a thread's model saw at a line; on which line the person last went back
    before, and to which node."""
    seen, went = list(base.given), None
    for at, step in base.steps:
        if at >= line:
            break
        if isinstance(step, int):
            went = at, seen[-step][1]
            del seen[-step:]
        else:
            seen.append(step)
    return seen, went


def go_back(log: Items, turns: int) -> None:
    """Go back by some prompts: the next one begins a branch."""
    if not 0 < turns <= len(log.asked):
        return
    first, above = log.asked[-turns]
    del log.asked[-turns:]
    log.steps.append((log.place[0], turns))
    if len(log.asked) < log.inherited:
        log.inherited = len(log.asked)
        _behind_fork(log, above)
        return
    if above is None and first.up is None:  # both begin below nothing
        above = Node(id=first.id, file=log.file, line=first.line, kind="context")
        log.nodes.insert(0, above)
    first.up = log.back = first.up or above
    log.answer = None


def _behind_fork(log: Items, above: Node | None) -> None:
    """Go back to a place in the history at the beginning of this thread."""
    log.answer, log.back = None, above
    if not log.nodes:
        log.fork = above
    elif above is None:  # nothing is before it: what follows begins below nothing
        log.nodes[0].up, log.fork = log.fork, None
        log.back = Node(id=log.name(), file=log.file, line=log.place[0], kind="context")
        log.nodes.insert(0, log.back)
