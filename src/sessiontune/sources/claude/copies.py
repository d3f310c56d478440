"""Whether a record with a known id is a copy of that record, or another one.

A resumed session repeats its history under the same ids, which is nearly always the case here.
(Versions of 2025 gave new ids to the copies, also within one file: there the vendor's ids of the
answers and the times of the prompts decide.) But ids that are not random (from a script, a proxy, a
fixture) can be equal by chance, and then the words decide: only a record that clearly says
something else is another one.
"""

from __future__ import annotations

from ...injected import cut_words
from ...linking import Node
from ...model import Text, ToolCall
from ..shapes import text_of, utc
from .answers import answer_part
from .content import result_content
from .hidden import is_part
from .state import State
from .text import classify
from .wire import Block, Line, WireMessage

_LOOK_BACK = 20
#: Most records of one id with which another is compared: the latest. (Where ids were removed, all
#: records may have the same.)
_NAMESAKES = 200


def copied_record(state: State, line: Line, moved: str | None) -> str:
    """The id of the record that `line`, whose id is known, repeats. If it is another record, it
    gets a new id, and the result is "", as for the first one that has a place. `moved` is the new
    id of its parent, if that got one."""
    uuid = line.uuid or ""
    others = state.others.setdefault(uuid, [])
    if moved is None and _finds_its_call(state, line):
        return ""
    if moved is None or moved not in state.mine:  # below a new record all is new
        latest = others[-_NAMESAKES:]
        for name in [uuid, *latest] if moved is None else [*latest, uuid]:
            line.uuid = name
            if is_copy(state, line) and not _stands_elsewhere(state, line):
                if name != uuid:
                    state.renamed[uuid] = name
                return name
    line.uuid = f"{uuid}~{state.stem}#{state.line}"
    others.append(line.uuid)
    state.renamed[uuid] = line.uuid
    state.mine[line.uuid] = state.line
    return ""


def _finds_its_call(state: State, line: Line) -> bool:
    """Whether a result has its call here, unlike the record of that id that was read before: that
    one has no place."""
    content = line.message.content if line.message is not None else None
    calls = {block.tool_use_id for block in content} if type(content) is list else set()
    found = state.lost & {(line.uuid, call) for call in calls if call in state.calls}
    state.lost -= found
    return bool(found)


def _stands_elsewhere(state: State, line: Line) -> bool:
    """Whether a record hangs below one of this file that the record of the same id in another file
    does not hang below: a prompt that was delivered to two sessions."""
    node, above = state.owner.get(line.uuid or ""), state.owner.get(line.parentUuid or "")
    if node is None or above is None or line.type != "user":
        return False
    own = above.file == state.file and not above.empty()
    return own and node.file != state.file and node.parent not in ("", line.parentUuid)


def is_copy(state: State, line: Line) -> bool:
    """Whether `line` repeats the record of the same id that was read before."""
    node = state.owner.get(line.uuid or "")
    if line.message is None:
        return True
    if node is not None and node.tail:  # emitted, so without words: a copy keeps its time
        return node.id != line.uuid or node.at == utc(line.timestamp or "")
    content = line.message.content
    blocks = [Block(type="text", text=content)] if isinstance(content, str) else content or []
    if line.uuid in state.withdrawn:
        return True
    if line.type == "assistant":
        if line.isApiErrorMessage or line.message.model == "<synthetic>":
            return True
        return _answer_again(state, blocks, node)
    if line.type != "user" or (node is not None and node.empty()):
        return True  # a prompt that was dropped
    results = [block for block in blocks if block.type == "tool_result"]
    if results:
        if line.uuid in state.mine:
            return True
        return not any(_answers(state, block) and not holds(node, block) for block in results)
    return _words_again(line, blocks, node)


def _answers(state: State, block: Block) -> bool:
    """Whether a result of a known record is another one: it belongs to its call, which this file
    made, or which got no result where the record stood first (it lost its content there)."""
    call = state.calls.get(block.tool_use_id or "")
    if call is None:
        return False
    return call.file == state.file or not (call.tail or block.tool_use_id in call.results)


def holds(node: Node | None, block: Block) -> bool:
    """Whether a node has a result: also in a branch, where the file that the call was read from
    has none. Of an output beside the log a copy may have only the beginning."""
    known = node.results.get(block.tool_use_id or "") if node is not None else None
    text = result_content(block.content)[0]
    return known is not None and (known.content == text or "<persisted-output>" in text[:40])


def _answer_again(state: State, blocks: list[Block], node: Node | None) -> bool:
    parts = [part for part in map(answer_part, blocks) if type(part) is not str]
    return not parts or (node is not None and any(is_part(state, part, node) for part in parts))


def _words_again(line: Line, blocks: list[Block], node: Node | None) -> bool:
    said = [
        classify(block.text, bool(line.isMeta), bool(line.isCompactSummary))
        for block in blocks
        if block.type == "text" and block.text
    ]
    texts = {words for one in said if one.kind not in ("drop", "interrupt") for words in one.texts}
    if not texts:
        return True  # nothing for a message: a picture, or a record to drop
    if node is None or node.id != line.uuid:
        return False  # the record of that id became no message, unlike these words
    own = {part.text for part in node.parts if type(part) is Text}
    return not own or bool(own & texts)


def take_renamed(state: State, line: Line, message: WireMessage) -> bool:
    """Drop an answer that was read before under another record id, and its prompts: in another
    file, or in this one, if the program wrote its history again. Returns whether it was one."""
    node = state.served_by.get(message.id or "")
    if node is None or node.empty():
        return False
    content = message.content
    blocks = [Block(type="text", text=content)] if isinstance(content, str) else content or []
    parts = [part for part in map(answer_part, blocks) if type(part) is not str]
    if not parts or not all(is_part(state, part, node) for part in parts):
        return False
    begun = state.answers.get(message.id or "")
    if begun is None or not begun.empty() or not state.nodes or state.nodes[-1] is not begun:
        begun = None
    else:  # by a piece without content, which is right before this one
        state.nodes.pop()
    if node.file != state.file:
        _told_elsewhere(state, line, node)
    elif not _told_twice(state, line, message, node):
        if begun is not None:
            state.nodes.append(begun)
        return False
    if begun is not None:
        state.move([(begun, node)])
        state.answers[message.id or ""] = node
    return True


def _told_elsewhere(state: State, line: Line, node: Node) -> None:
    """Drop an answer of another file, and what was said since the answer before it there."""
    tail: list[Node] = []
    while state.nodes and state.nodes[-1].kind != "answer":
        tail.append(state.nodes.pop())
    before: list[Node] = []
    up = node.up if tail else None
    while up is not None and len(before) < _LOOK_BACK:  # an answer between may be damaged here
        before.append(up)
        up = up.up
    twins: list[tuple[Node, Node]] = []
    for own in reversed(tail):
        twin = next((one for one in before if one.parts == own.parts), None)
        if twin is None or not own.parts:
            state.nodes.append(own)
        else:
            state.drop("resumed_copy", "link", count=len(own.places))
            state.copies.append((own.line, twin))
            twins.append((own, twin))
    state.move(twins)
    state.drop("resumed_copy", "link")
    state.copied(line.uuid, node)


def _told_twice(state: State, line: Line, message: WireMessage, node: Node) -> bool:
    """Whether an answer is in this file already, and all that was said since the answer before it,
    in the same words at the same times. Then that is dropped with it."""
    twins: list[tuple[Node, Node]] = []
    up = node.up
    for own in reversed(state.nodes):
        if own.kind in ("answer", "boundary", "summary"):
            break
        if up is None or not own.at or (own.at, own.parts) != (up.at, up.parts) or own is up:
            return False
        twins.append((own, up))
        up = up.up
    if not twins and not _from_before(state, line, node):
        return False
    if twins and twins[-1][0].up is state.answers.get(message.id or ""):
        return False  # said to that very answer: clients may give all of them one id and one time
    del state.nodes[len(state.nodes) - len(twins) :]
    state.move(twins)
    for own, _ in twins:
        state.drop("repeated_record", "link", count=len(own.places))
    state.drop("repeated_record", "link")
    if line.uuid:
        state.owner[line.uuid] = node
        state.tip = state.nodes[-1].id
        state.keep(line.uuid)
    return True


def _from_before(state: State, line: Line, node: Node) -> bool:
    """Whether an answer is from before the compaction: nobody spoke since, or it is older than what
    is above it (a client may give all answers one id, but not a time in the past)."""
    at = utc(line.timestamp or line.audit_timestamp or "")
    return node.line < state.boundary and (not state.spoke() or at < state.nodes[-1].at)


def said_at(node: Node) -> tuple[str, str]:
    """The time and the words of a prompt."""
    return node.at, text_of(node.parts).strip()


def take_renamed_prompt(state: State, line: Line, node: Node) -> bool:
    """Drop a prompt under a new id at the end of what was copied from another file: no answer
    tells that it is a copy, but it is below such a copy, and has the time and the words of a prompt
    there."""
    up, twin = node.up, state.asked_at.get(said_at(node)) if node.at else None
    if up is None or up.file == state.file or twin is None or twin.file == state.file:
        return False
    state.nodes.pop()
    state.drop("resumed_copy", "link", count=len(node.places))
    state.copied(line.uuid, twin)
    return True


def take_prompt_again(state: State, node: Node) -> None:
    """Of two neighbouring prompts of one time, drop the one whose words the other holds: some
    versions wrote a prompt several times, with and without what the editor showed."""
    before = state.nodes[-2] if len(state.nodes) > 1 else None
    if before is None or not node.at or (before.kind, before.at) != ("prompt", node.at):
        return
    beside = before.parent == node.parent or node.up is before
    seams = state.seams & {(state.file, before.line), (state.file, node.line)}
    if not beside or before.flags != node.flags or before.file != node.file or seams:
        return
    old, new = _typed_parts(before), _typed_parts(node)
    if all(part in old for part in new):
        gone, kept = state.nodes.pop(), before
    elif all(part in new for part in old):
        gone, kept = state.nodes.pop(-2), node
    else:
        return
    state.drop("repeated_record", "link", count=len(gone.places))
    if kept.up is gone:
        kept.parent, kept.up = gone.parent, gone.up
    state.move([(gone, kept)])


def _typed_parts(node: Node) -> list[object]:
    """The parts of a prompt without the program's additions."""
    cut = [cut_words(p.text).strip() if type(p) is Text else p for p in node.parts]
    return [part for part in cut if part != ""]


def take_inherited(state: State, line: Line, message: WireMessage) -> bool:
    """Drop the call of its parent that a forked agent's log begins with."""
    content = message.content
    parts = [answer_part(block) for block in content] if type(content) is list else []
    above: Node | None = None
    for part in parts:
        above = state.calls.get(part.id) if type(part) is ToolCall else None
        if above is None or above.file == state.file:
            return False
    if above is None:
        return False
    state.drop("resumed_copy", "link")
    state.copied(line.uuid, above)
    return True


def told_before(state: State, line: Line) -> bool:
    """Drop a prompt that the audit of Claude Desktop repeats: twice in a row, or under another id
    beside the session's log. Returns whether it was one."""
    text = _typed(line)
    if not text or line.parent_tool_use_id:
        return False
    again, state.heard = state.heard, (text, line.uuid or "")
    if again[0] == text:
        state.heard = ("", "")
        state.drop("repeated_record", "link")
        if line.uuid:
            state.owner[line.uuid] = state.owner.get(again[1])
        return True
    words = "\n".join(classify(text).texts).strip()
    waiting = state.audited.get((line.session_id or "", words)) if words else None
    if not waiting:
        return False
    state.drop("resumed_copy", "link")
    state.copied(line.uuid, waiting.pop(0))
    return True


def prompts_told(nodes: list[Node], session: str) -> dict[tuple[str, str], list[Node]]:
    """The prompts of a session by their words, in order."""
    told: dict[tuple[str, str], list[Node]] = {}
    for node in nodes:
        if node.kind == "prompt" and not node.side:
            told.setdefault((session, text_of(node.parts).strip()), []).append(node)
    return told


def _typed(line: Line) -> str:
    content = line.message.content if line.message is not None else None
    if isinstance(content, str):
        return content.strip()
    if not content or any(block.type == "tool_result" for block in content):
        return ""
    return "\n".join(b.text for b in content if b.type == "text" and b.text).strip()
