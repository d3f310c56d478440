"""Assistant records: pieces of one API message joined by its id, each part once."""

from __future__ import annotations

from ...linking import Node
from ...model import Part, Text, Thinking, ToolCall, Usage
from ..shapes import safe_name
from .content import image_of
from .hidden import HIDDEN, name_call
from .served import served_result
from .state import State
from .text import is_served
from .wire import Block, Line, WireMessage, WireUsage


def take_answer(state: State, line: Line) -> None:
    """Take an assistant record into its message's node, or drop it with a reason."""
    message = line.message
    if message is None:
        state.link(line, "no_message")
        return
    if message.model == "<synthetic>" or line.isApiErrorMessage:
        state.link(line, "api_error" if line.isApiErrorMessage else "synthetic")
        return
    node = _answer_node(state, line, message)
    if line.uuid:
        state.owner[line.uuid] = node
    added, reason, unknown = False, "empty", False
    content = message.content
    blocks = [Block(type="text", text=content)] if isinstance(content, str) else content
    parts = node.parts
    for block in blocks or ():
        if block.id == HIDDEN:
            name_call(state, line, block)
        part = answer_part(block)
        if type(part) is str and block.tool_use_id and block.type.endswith("_tool_result"):
            part = served_result(state, node, block)
        if type(part) is str:
            unknown = unknown or part.startswith("unknown_block")
            reason = part
        elif state.holds(node, part):
            reason = "repeated_block"
        elif type(part) is not ToolCall:
            parts.append(part)  # type: ignore[arg-type]
            added = True
        elif part.id in state.calls and _is_known_call(state, part, node):
            reason = "repeated_block"
        else:
            parts.append(part)
            added = True
            _call(state, part, node)
    if added:
        node.places.append((state.line, state.nth))
        if unknown:
            state.unknown_part()
    else:
        state.drop(reason)
    if line.isAbortedMidStream and "interrupted" not in node.flags:
        node.flags.append("interrupted")
    wire = message.usage
    if wire is not None:
        usage = node.usage
        if (
            usage is None
            or usage.output != (wire.output_tokens or 0)
            or usage.input != (wire.input_tokens or 0)
        ):
            node.usage = _more(usage, wire)


def withdraw(state: State) -> None:
    """Drop the pieces of answers that were taken back, with the results of their calls: a filter of
    the vendor cut them off, and another model answered."""
    named = [state.first_names.get(uuid, uuid) for uuid in state.taken_back]
    mine = [uuid for uuid in named if uuid in state.mine]
    state.withdrawn.update(mine)
    lines = {state.mine[uuid] for uuid in mine}
    nodes = {id(node): node for node in map(state.owner.get, mine) if node is not None}
    for node in nodes.values():
        stays = [line not in lines for line, _ in node.places]
        if node.kind != "answer" or node.file != state.file:
            continue
        if any(stays) and len(stays) != len(node.parts):
            continue  # it is unknown which record holds which part
        kept = [part for part, stay in zip(node.parts, stays, strict=False) if stay]
        for call in _calls(node.parts) - _calls(kept):
            state.calls.pop(call, None)
            node.results.pop(call, None)
        state.drop("withdrawn_answer", count=stays.count(False))
        node.parts = kept
        node.places = [place for place, stay in zip(node.places, stays, strict=True) if stay]
        if not node.results:
            state.drop("withdrawn_answer", count=len(node.result_places))
            node.result_places = []


def _calls(parts: list[Part]) -> set[str]:
    return {part.id for part in parts if type(part) is ToolCall}


def _answer_node(state: State, line: Line, message: WireMessage) -> Node:
    name = message.id if message.id != HIDDEN else None
    name = name or (line.requestId if line.requestId != HIDDEN else None)
    if name:
        node = _asked(state, name, line) or _same_call(state, message)
        if node is not None:
            up = state.owner.get(line.parentUuid) if line.parentUuid else None
            below = state.first_names.get(node.parent, node.parent) if node.up is None else ""
            if below and below == line.uuid:
                node.parent, node.up = (
                    line.parentUuid or "",
                    up,
                )  # written before the piece above it
            if not _strays(node, up) and (up is None or up.side == node.side):
                state.last_answer = node
                return node
    node = state.node(line, "answer")
    node.model = message.model or ""
    if state.sums_up:
        node.kind, node.injected, state.sums_up = "summary", True, False
    if name:
        state.answers[name] = node
        if is_served(name):
            state.served_by.setdefault(name, node)
    state.last_answer = node
    return node


def _asked(state: State, name: str, line: Line) -> Node | None:
    """The answer of that message id to the same request: some clients give all messages one id."""
    told, asked = line.requestId, state.asked
    request = told if told and told != HIDDEN else asked.get(name, "")
    same = asked.setdefault(name, request) in ("", request)
    asked[name] = request
    return state.answers.get(name) if same else None


def _same_call(state: State, message: WireMessage) -> Node | None:
    """The answer of another message id that this record repeats a waiting call of.

    Some clients give every piece of a message its own id and repeat the last call.
    """
    for block in message.content if type(message.content) is list else ():
        node = state.calls.get(block.id) if block.type == "tool_use" and block.id else None
        if node is not None and node.file == state.file and not node.results:
            call = ToolCall(block.id or "", block.name or "", block.input or {})
            return node if call in node.parts else None
    return None


def _is_known_call(state: State, part: ToolCall, node: Node) -> bool:
    other = state.calls.get(part.id)
    return (
        other is not None and other is not node and other.file == state.file and part in other.parts
    )


def _call(state: State, call: ToolCall, node: Node) -> None:
    state.calls[call.id] = node
    state.names[call.id] = call.name
    if node.kind == "summary":  # what calls tools is no summary
        node.kind, node.injected = "answer", False
    if call.name in ("Task", "Agent"):
        prompt = call.arguments.get("prompt")
        if type(prompt) is str:
            state.task_prompts.setdefault(prompt.strip(), call.id)


def _strays(node: Node, up: Node | None) -> bool:
    """Whether a record below `up` is no piece of `node` in spite of its message id.

    Between the pieces of a message there are only results of its own tools; so clients that give
    every message the same id are recognised.
    """
    if up is node.up:
        return False
    while up is not None and up is not node:
        if up.kind != "context" and "queued" not in up.flags:
            return True
        up = up.up
    return False


def answer_part(block: Block) -> Part | str:
    """The part, or the reason why the block makes none."""
    kind = block.type
    if kind in ("tool_use", "server_tool_use", "mcp_tool_use"):
        if not block.id or not block.name:
            return "call_without_id"
        return ToolCall(block.id, block.name, block.input or {})
    if kind in ("text", "connector_text"):
        text = block.text or block.connector_text
        if not text or text == "(no content)" or text.isspace():
            return "empty"
        return Text(text)
    if kind == "thinking":
        if not block.thinking:
            return "thinking_signature_only"
        return Thinking(block.thinking)
    if kind == "redacted_thinking":
        return "thinking_signature_only"
    if kind == "image":
        return image_of(block.source) or "empty"
    return f"unknown_block:{safe_name(kind)}"


def _more(usage: Usage | None, wire: WireUsage) -> Usage:
    old = usage or Usage()
    return Usage(
        max(old.input, wire.input_tokens or 0),
        max(old.output, wire.output_tokens or 0),
        max(old.cache_read, wire.cache_read_input_tokens or 0),
        max(old.cache_write, wire.cache_creation_input_tokens or 0),
    )
