"""Tools that ran at the vendor (web search and the like): their results are inside the answer.

The model saw such a result before it continued. So the answer is cut after it: the call, its
result, then the rest as a separate answer.
"""

from __future__ import annotations

from typing import Any

from ...linking import Node, Place
from ...model import Part, ToolCall, ToolResult
from ..shapes import as_json
from .content import result_content
from .state import State
from .wire import Block


def served_result(state: State, node: Node, block: Block) -> Part | str:
    """The result in an answer's block, which stays among its parts until `split_served`."""
    call = block.tool_use_id or ""
    if state.calls.get(call) is not node:
        return "result_without_call"
    text, failed = _text(block.content)
    if not any(node is other for other in state.served[-1:]):
        state.served.append(node)
    return ToolResult(call, state.names[call], text, "error" if failed else "ok")


def _text(content: Any) -> tuple[str, bool]:
    """The result as text, without encrypted parts, and whether the tool failed."""
    kind = content.get("type") if isinstance(content, dict) else None
    if isinstance(kind, str) and kind.endswith("_error"):
        return str(content.get("error_code") or as_json(content)), True
    if isinstance(content, list):
        return "\n".join(_item(item) for item in content), False
    return "" if content is None else _item(content), False


def _item(item: Any) -> str:
    kind = item.get("type") if isinstance(item, dict) else None
    if kind == "web_search_result":
        return f"{item.get('title') or ''}\n{item.get('url') or ''}".strip()
    if kind == "text":
        return result_content([item])[0]
    return item if isinstance(item, str) else as_json(_readable(item))


def _readable(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _readable(v) for k, v in value.items() if not str(k).startswith("encrypted_")}
    return [_readable(item) for item in value] if isinstance(value, list) else value


def split_served(state: State) -> None:
    """Cut the answers of a file that hold results into alternating answers and results."""
    ends: dict[int, Node] = {}
    served = {id(node) for node in state.served}
    nodes: list[Node] = []
    for node in state.nodes:
        if node.up is not None:
            node.up = ends.get(id(node.up), node.up)
        pieces = _pieces(node) if id(node) in served else [node]
        nodes.extend(pieces)
        ends[id(node)] = pieces[-1]
        for piece in pieces[1:]:
            state.calls.update({p.id: piece for p in piece.parts if type(p) is ToolCall})
    for uuid, owner in state.owner.items():
        state.owner[uuid] = ends.get(id(owner), owner)
    state.nodes = nodes


def _pieces(node: Node) -> list[Node]:
    """The node itself with its beginning, then a node for what follows each result."""
    runs: list[list[Part]] = [[]]
    for part in node.parts:
        if type(part) is not ToolResult and runs[-1] and type(runs[-1][-1]) is ToolResult:
            runs.append([])
        runs[-1].append(part)
    given, given_at = node.results, node.result_places
    pieces = [node]
    for number in range(2, len(runs) + 1):
        piece = Node(
            id=f"{node.id}+{number}",
            file=node.file,
            line=node.line,
            kind=node.kind,
            side=node.side,
            at=node.at,
            model=node.model,
            up=pieces[-1],
        )
        pieces.append(piece)
    places = list(node.places)
    for piece, run in zip(pieces, runs, strict=True):
        _fill(piece, run, places)
        calls = [p.id for p in piece.parts if type(p) is ToolCall and p.id in given]
        piece.results |= {call: given[call] for call in calls}
        if calls:
            piece.result_places = [*piece.result_places, *given_at]
    last = pieces[-1]
    last.result_flags, last.result_id, last.result_at = (
        node.result_flags,
        node.result_id,
        node.result_at,
    )
    if last is not node:
        node.result_flags, node.result_id, node.result_at = [], "", ""
    return pieces


def _fill(piece: Node, run: list[Part], places: list[Place]) -> None:
    results = [part for part in run if type(part) is ToolResult]
    piece.parts = [part for part in run if type(part) is not ToolResult]
    piece.places = list(places)
    piece.results = {result.call_id: result for result in results}
    piece.result_places = list(places) if results else []
