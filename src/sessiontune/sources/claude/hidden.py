"""Ids that were removed from a published log: `REDACTED` in place of each.

Programs that keep copies of sessions in a repository remove what looks like a secret, also ids of
calls. Then only the place connects a call and its result: a result is below the record of its call,
or comes in the order of the calls.
"""

from __future__ import annotations

from ...linking import Node
from ...model import ToolCall
from .state import State
from .text import is_served_call
from .wire import Block, Line

HIDDEN = "REDACTED"


def name_call(state: State, line: Line, block: Block) -> None:
    """Give a call an id of its own."""
    name = f"{HIDDEN}@{line.uuid or f'{state.stem}#{state.line}'}"
    if name in state.hidden:
        name = f"{name}.{len(state.hidden)}"
    block.id = name
    state.hidden[name] = None


def name_result(state: State, line: Line, block: Block) -> None:
    """Give a result the id of the call that it answers."""
    own = f"{HIDDEN}@{line.parentUuid}"
    name = own if own in state.hidden else next(iter(state.hidden), "")
    if name:
        block.tool_use_id = name
        del state.hidden[name]


def is_part(state: State, part: object, node: Node) -> bool:
    """Whether an answer holds a part; a call without its id is recognised by its content, one with
    the vendor's by that: a copy may hold its arguments as the program changed them."""
    if state.holds(node, part):
        return True
    if type(part) is not ToolCall:
        return False
    calls = [known for known in node.parts if type(known) is ToolCall]
    if part.id != HIDDEN:
        return is_served_call(part.id) and any(c.id == part.id for c in calls)
    return any((c.name, c.arguments) == (part.name, part.arguments) for c in calls)
