"""User records and attachments: prompts, tool results, and context of the program."""

from __future__ import annotations

from ...linking import Node
from ...model import Beside, Part, Text, ToolResult
from ..shapes import safe_name, utc
from ..toolbox import tool_defs
from .content import NO_RULE, document_of, persisted, result_content, status_of
from .copies import holds
from .hidden import HIDDEN, name_result
from .shown import SHOWN, decoded, shown_parts, texts_in
from .state import State
from .text import CLEARING, PLAN_START, classify
from .wire import Block, Kind, Line, Outcome


def take_user(state: State, line: Line) -> None:
    """Take a user record: words, results of calls, or both."""
    message = line.message
    content = message.content if message is not None else None
    if type(content) is str:
        take_words(state, line, [content])
    elif type(content) is list:
        results = [b for b in content if b.type == "tool_result"]
        if results:
            so_far = ""
            others = [b for b in content if b.type != "tool_result"]
            if others and state.facts.inherits and _carries(state, results):
                _results(state, line, results, so_far)
                _below(state, line, others)
                return
            if others:
                so_far = _blocks(state, line, others, beside=True)
            _results(state, line, results, so_far)
        else:
            _blocks(state, line, content, beside=False)
    else:
        state.link(line, "no_message" if message is None else "empty")


def _carries(state: State, results: list[Block]) -> bool:
    """Whether results answer a call of the parent's log, like those at the beginning of a fork."""
    calls = [state.calls.get(block.tool_use_id or "") for block in results]
    return any(call is not None and call.file != state.file for call in calls)


def _below(state: State, line: Line, others: list[Block]) -> None:
    """Put words beside results of another file's calls after the results."""
    above = state.nodes[-1] if state.nodes else None
    if _blocks(state, line, others, beside=True) == "used" and above is not None:
        state.nodes[-1].up = above


def _blocks(state: State, line: Line, content: list[Block], beside: bool) -> str:
    """Take blocks of a user record that are no tool results; "used" if they make a node."""
    items: list[str | Part] = []
    unknown = "empty"
    for block in content:
        if block.type == "text":
            if block.text:
                items.append(block.text)
        elif block.type in ("image", "document"):
            part = document_of(block.source)
            if part is not None:
                items.append(part)
        else:
            unknown = f"unknown_block:{safe_name(block.type)}"
    if items:
        if unknown != "empty":
            state.unknown_part()
        return take_words(state, line, items, beside)
    if not beside:
        state.link(line, unknown)
    return ""


def take_words(state: State, line: Line, items: list[str | Part], beside: bool = False) -> str:
    """Take user texts and pictures as one node; "used" if they make one.

    `beside`: the record holds tool results too, so it is linked already.
    """
    kind, command, reason = "", "", "empty"
    state.sums_up = False
    due = _is_due(line)
    # Nobody typed it; printed output has one word for both.
    meta = not due and bool(line.isMeta or line.isVisibleInTranscriptOnly or line.isSynthetic)
    parts: list[Part] = []
    for item in items:
        if not isinstance(item, str):
            parts.append(item)
            continue
        said = classify(item, meta, bool(line.isCompactSummary))
        if said.kind in ("drop", "interrupt"):
            reason = said.reason
            if said.command in CLEARING:
                state.cleared(line)
            state.sums_up = said.reason == "compaction_request"
            if said.kind == "interrupt":
                state.interrupted(line)
            continue
        if not kind or said.kind in ("prompt", "command"):
            kind = said.kind
        command = said.command or command
        parts.extend([Text(words) for words in said.texts])
    if not parts:
        if not beside:
            state.link(line, reason)
        return ""
    kind = kind or ("context" if meta else "prompt")
    by_program = kind == "context" or _by_program(_origin(line), line.origin)
    if line.queueTranscriptOnly and by_program and not beside:
        state.link(line, "transcript_only")  # a notice that the model never got
        return ""
    plan = type(parts[0]) is Text and parts[0].text.startswith(PLAN_START)
    anew = kind in ("prompt", "command") and not by_program and state.begins_anew(line)
    if anew or (plan and not line.parentUuid):
        state.cleared(line)
    node = state.node(line, "prompt" if kind == "command" else kind, "+" if beside else "")
    node.parts = parts
    node.places.append((state.line, state.nth))
    if command:
        node.flags.append(f"command:{command}")
    if kind == "command":
        node.flags.append("?")  # a request only if the model answers it: see _finish
    by_agent = due or node.side or _origin(line) in _AGENTS
    if kind == "peer" or (node.kind == "prompt" and by_agent):
        node.kind = "task"
    elif node.kind == "prompt" and by_program:
        node.kind = "context"
    node.injected = node.kind in ("context", "summary")
    return "used"


def _is_due(line: Line) -> bool:
    """Whether a schedule sent a record, in words that the model or a person had given it."""
    sent = (line.turnOrigin, line.promptSource) == ("scheduled", "system")
    return bool(line.isMeta) and sent


#: Origins of what other agents wrote.
_AGENTS = ("peer", "coordinator", "slack-ping")
#: Origins of what the program wrote, and of what it reports of others: of a call, of an observer.
_PROGRAM = (
    *("auto-continuation", "task-notification", "system"),
    *("observer", "observer-activity", "voice-call"),
)


def _origin(line: Line) -> str:
    """Who caused a record. Newer versions also note it for the turn, sometimes only there, and
    whether the program itself sent it."""
    told = line.origin.kind if line.origin is not None else None
    turn = (line.turnOrigin or "").replace("_", "-")
    return told or turn or ("system" if line.promptSource == "system" else "")


def _by_program(origin: str, told: Kind | None) -> bool:
    """Whether the program, or a plugin of its own accord, wrote a record in the user's name."""
    if origin == "plugin":
        return told is None or not told.asUser
    return origin in _PROGRAM


def _results(state: State, line: Line, blocks: list[Block], so_far: str) -> None:
    """Take the tool results of one record; `so_far` is "used" if the record already has a place."""
    waiting = []
    for block in blocks:
        done = take_result(state, line, block)
        if done == "late":
            waiting.append(block)
        elif so_far != "used":
            so_far = done
    if waiting:
        state.late.append((line, state.line, state.nth, waiting, so_far))
    elif so_far != "used":
        state.drop(so_far, "link" if so_far == "resumed_copy" else "read")


def take_result(state: State, line: Line, block: Block) -> str:
    """Take one result: "used", "late" if its call is not known yet, or why it is dropped."""
    if block.tool_use_id == HIDDEN:
        name_result(state, line, block)
    call = block.tool_use_id or ""
    node = state.calls.get(call)
    if node is None:
        if line.uuid and line.uuid not in state.owner:
            parent = line.parentUuid
            state.owner[line.uuid] = state.owner.get(parent) if parent else None
        return "late"
    if node.file != state.file:
        if holds(node, block):
            state.copied(line.uuid, node)  # the same in a record of another id
            return "resumed_copy"
        node = _carried(state, line, node)
    place, owner = (state.line, state.nth), state.owner
    if line.uuid and owner.get(line.uuid) is None:
        owner[line.uuid] = node
        above = owner.get(line.parentUuid or "")
        if above is not None and above.line > node.line and above.file == state.file:
            owner[line.uuid] = above  # late: what follows is below its parent
    if call in node.results:
        return "second_result"
    told = line.toolUseResult or line.tool_use_result
    facts = told if type(told) is Outcome else None
    text, images = result_content(block.content)
    beside: Beside = ""
    if text[:1] in "<\n " and "<persisted-output>" in text[:40]:
        text, beside = persisted(text, state.path, state.facts.session_id)
    status = status_of(text, block, facts, line.toolDenialKind)
    node.results[call] = ToolResult(call, state.names[call], text, status, images, beside)
    places = node.result_places
    if not places or place > places[-1] or place not in places:
        places.append(place)
    if not node.result_id:
        node.result_id = line.uuid or f"{node.id}:results"
        node.result_at = utc(line.timestamp or line.audit_timestamp or "")
    notable = facts is not None and (facts.userModified or facts.agentId or facts.runId)
    if status != "ok" or notable or line.toolDenialKind:
        _result_flags(state, node, call, status, facts, line)
    return "used"


def _result_flags(
    state: State, node: Node, call: str, status: str, facts: Outcome | None, line: Line
) -> None:
    flags = node.result_flags
    if status in ("rejected", "interrupted") and status not in flags:
        flags.append(status)
    if line.toolDenialKind and line.toolDenialKind not in NO_RULE and "denied" not in flags:
        flags.append("denied")
    if facts is None:
        return
    if facts.userModified and "edited" not in flags:
        flags.append("edited")
    for started in (facts.agentId, facts.runId):
        if started:
            state.agent_calls.setdefault(started, call)  # later calls wake it again


def _carried(state: State, line: Line, answer: Node) -> Node:
    """The node for results of a call that another file owns."""
    for node in reversed(state.nodes):
        if node.calls_up and node.up is answer:
            return node
    node = state.node(line, "results")
    node.up, node.calls_up, node.side = answer, True, state.side or answer.side
    return node


QUEUED = "queued_command"


def take_attachment(state: State, line: Line) -> None:
    """Take what the program put beside the words, or drop it with a reason."""
    given = line.attachment
    kind = given.type if given is not None else ""
    if kind == "teammate_mailbox" and _mail(state, line):
        return
    if given is None or kind not in (QUEUED, *SHOWN):
        if given is not None and given.hookName == "SessionStart:clear":
            state.cleared(line)
        if given is not None and kind in ("prompt_snapshot", "deferred_tools_record"):
            state.facts.tools |= tool_defs(decoded(given.tools)) | tool_defs(decoded(given.entries))
        state.link(line, f"attachment:{safe_name(kind)}")
        return
    if kind != QUEUED:
        parts = shown_parts(given)
        if not parts:
            state.link(line, f"attachment:{kind}")
            return
        node = state.node(line, "context")
        node.parts = parts
        node.places.append((state.line, state.nth))
        node.injected = True
        return
    prompt = decoded(given.prompt)
    items: list[str | Part] = [prompt] if isinstance(prompt, str) and prompt else []
    for item in prompt if isinstance(prompt, list) else ():
        if isinstance(item, dict) and isinstance(item.get("text"), str):
            items.extend([item["text"]] if item["text"] else [])
        elif isinstance(item, dict) and item.get("type") in ("image", "document"):
            part = document_of(item.get("source"))
            items.extend([part] if part is not None else [])
    _queued(state, line, items)


def _mail(state: State, line: Line) -> bool:
    """Take what other agents of a team wrote to this one; returns whether there was anything."""
    texts = texts_in(line.attachment.messages, "text") if line.attachment is not None else []
    if not texts:
        return False
    notices = all(text.lstrip().startswith('{"type"') for text in texts)  # from the program
    line.isMeta, line.origin = notices, Kind(kind="peer")
    take_words(state, line, list(texts))
    return True


def _queued(state: State, line: Line, items: list[str | Part]) -> None:
    """Take a prompt that was typed while the model worked."""
    given = line.attachment
    if given is not None:  # who typed it, or that nobody did
        line.isMeta, line.origin = line.isMeta or given.isMeta, line.origin or given.origin
    before = len(state.nodes)
    take_words(state, line, items)
    if len(state.nodes) > before and state.nodes[-1].kind in ("prompt", "task"):
        state.nodes[-1].flags.append("queued")
        if given is not None and given.source_uuid:
            state.nodes[-1].flags.append(f"?{given.source_uuid}")
