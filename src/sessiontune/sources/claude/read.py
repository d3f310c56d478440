"""Reads the files of one unit into nodes: what belongs together, and what is left out and why.

One pass. Every record ends as a place of a node, or as a drop with a reason, or as a fault.
Records without content of their own (progress, hooks, attachments) stay as links: their
children hang below the node that they hang below.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import msgspec

from ...ledger import Ledger
from ...linking import Node
from ...model import Drop, Part, Text, Thinking, ToolCall, ToolResult, Usage
from ...ports import ReadOptions
from ..lines import LineFault, line_fault, read_lines, safe_name, utc
from .content import document_of, image_of, persisted, result_content, status_of
from .text import classify
from .wire import Block, Line, Outcome, WireMessage, WireUsage, decode

_SIDE_NAMES = """
progress queue-operation file-history-snapshot file-history-delta last-prompt mode permission-
mode ai-title custom-title bridge-session summary agent-name tag tool_use_summary pr-link atis-
latch result fork-context-ref frame-link agent-color agent-setting worktree-state content-
replacement marble-origami-commit marble-origami-snapshot speculation-accept attribution-
snapshot task-summary stream_event rate_limit_event tool_progress auth_status control_request
control_response keep_alive
"""

#: Record types that carry no part of a conversation; the type is the reason of the drop.
SIDE_TYPES = frozenset(_SIDE_NAMES.split())


class Facts(msgspec.Struct):
    """What is known of one file besides its conversation."""

    session_id: str = ""
    cwd: str = ""
    branch: str = ""
    entrypoint: str = ""
    custom_title: str = ""
    ai_title: str = ""
    summaries: dict[str, str] = {}
    inherits: str = ""  # last record of the parent's context that a forked agent began with


class Reader:
    """Nodes of one unit. `owner` maps every record id to the node it stands in or hangs below."""

    def __init__(self, files: tuple[str, ...], options: ReadOptions, ledger: Ledger) -> None:
        self.files = files
        self.options = options
        self.ledger = ledger
        self.owner: dict[str, Node | None] = {}
        self.above: dict[str, str] = {}  # id of a link record -> id of its parent, not yet known
        self.calls: dict[str, Node] = {}
        self.agent_calls: dict[str, str] = {}  # agent id -> id of the call that started it
        self.task_prompts: dict[str, str] = {}  # prompt -> id of the call that carries it
        self.seams: set[tuple[int, int]] = set()
        self._start(0, "")

    def _start(self, file: int, side: str) -> None:
        self.file = file
        self.path = self.files[file] if self.files else ""
        self.side = side
        self.facts = Facts()
        self.nodes: list[Node] = []
        self.counts: dict[tuple[str, str], int] = {}
        self.mine: set[str] = set()
        self.answers: dict[str, Node] = {}
        self.last_answer: Node | None = None
        self.late: list[tuple[Line, int, int, list[Block], str]] = []
        self.after_copy = ""
        self.last_id = ""
        self.line = 0
        self.nth = 0

    # ------------------------------------------------------------ files

    def read(self, file: int, side: str = "", junk: str = "") -> tuple[list[Node], Facts]:
        """Nodes of one file in its order. With `junk`, all its records are dropped for it."""
        self._start(file, side)
        path, ledger, records = self.path, self.ledger, 0
        for number, raw in read_lines(path, self.options, ledger):
            line = decode(raw, ledger)
            if type(line) is Line:
                records += 1
                self.line = number
                if junk:
                    self.drop(junk)
                else:
                    self.take(line)
                continue
            for nth, value in enumerate(line):  # type: ignore[arg-type]
                records += 1
                self.line, self.nth = number, nth
                if isinstance(value, LineFault):
                    ledger.fault(line_fault(value, path, number, raw))
                elif junk:
                    self.drop(junk)
                else:
                    self.take(value)
            self.nth = 0
        self._finish()
        if records:
            ledger.records[path] = ledger.records.get(path, 0) + records
        for (stage, reason), count in self.counts.items():
            ledger.drop(Drop(stage=stage, reason=reason, file=path, count=count))
        return self.nodes, self.facts

    def drop(self, reason: str, stage: str = "read", count: int = 1) -> None:
        """Count records of this file that are left out."""
        key = (stage, reason)
        self.counts[key] = self.counts.get(key, 0) + count

    # ------------------------------------------------------------ records

    def take(self, line: Line) -> None:
        """One record."""
        uuid = line.uuid
        if uuid:
            if uuid in self.owner:
                self.drop("repeated_record" if uuid in self.mine else "resumed_copy", "link")
                if uuid not in self.mine:
                    self.after_copy = uuid
                return
            self.mine.add(uuid)
            self.last_id = uuid
        kind = line.type
        facts = self.facts
        if not facts.session_id:
            facts.session_id = line.sessionId or line.session_id or ""
        if not facts.cwd and line.cwd:
            facts.cwd = line.cwd
            facts.branch = line.gitBranch or ""
            facts.entrypoint = line.entrypoint or ""
        if kind == "assistant":
            self._assistant(line)
        elif kind == "user":
            self._user(line)
        elif kind == "attachment":
            self._attachment(line)
        elif kind == "system":
            self._system(line)
        else:
            self._side(line, kind)

    def _link(self, line: Line, reason: str) -> None:
        """Drop a record, but let its children hang below its parent."""
        self.drop(reason)
        if line.uuid:
            parent = line.parentUuid
            above = self.owner.get(parent) if parent else None
            self.owner[line.uuid] = above
            if above is None and parent:
                self.above[line.uuid] = parent

    def _side(self, line: Line, kind: str) -> None:
        facts = self.facts
        if kind == "progress":
            data = line.data
            if data is not None and data.agentId and line.parentToolUseID:
                self.agent_calls.setdefault(data.agentId, line.parentToolUseID)
        elif kind == "custom-title":
            facts.custom_title = line.customTitle or facts.custom_title
        elif kind == "ai-title":
            facts.ai_title = line.aiTitle or facts.ai_title
        elif kind == "summary":
            if line.leafUuid and line.summary:
                facts.summaries[line.leafUuid] = line.summary
        elif kind == "fork-context-ref":
            facts.inherits = line.parentLastUuid or ""
        self._link(line, kind if kind in SIDE_TYPES else f"unknown_type:{safe_name(kind)}")

    def _node(self, line: Line, kind: str, suffix: str = "") -> Node:
        uuid = line.uuid or f"{self.facts.session_id}#{self.line}.{self.nth}"
        parent = line.parentUuid or ""
        up = self.owner.get(parent) if parent else None
        node = Node(
            id=uuid + suffix,
            file=self.file,
            line=self.line,
            kind=kind,
            parent=parent,
            side=self.side or self._side_of(line, up, uuid),
            at=utc(line.timestamp or line.audit_timestamp or ""),
            up=up,
        )
        if self.after_copy:
            self.seams.add((self.file, self.line))
            if not parent:
                node.parent = self.after_copy
                node.up = self.owner.get(self.after_copy)
            self.after_copy = ""
        self.nodes.append(node)
        if line.uuid and not suffix:
            self.owner[line.uuid] = node
        return node

    def _side_of(self, line: Line, up: Node | None, uuid: str) -> str:
        if line.parent_tool_use_id:
            return line.parent_tool_use_id
        if not line.isSidechain:
            return ""
        if line.agentId:
            return line.agentId
        return up.side if up is not None and up.side else uuid

    # ------------------------------------------------------------ answers

    def _assistant(self, line: Line) -> None:
        message = line.message
        if message is None:
            self._link(line, "no_message")
            return
        if message.model == "<synthetic>" or line.isApiErrorMessage:
            self._link(line, "api_error" if line.isApiErrorMessage else "synthetic")
            return
        node = self._answer_node(line, message)
        if line.uuid:
            self.owner[line.uuid] = node
        added, reason = False, "empty"
        content = message.content
        blocks = [Block(type="text", text=content)] if isinstance(content, str) else content
        for block in blocks or ():
            part = _answer_part(block)
            if isinstance(part, str):
                reason = part
            elif part in node.parts or self._is_known_call(part, node):
                reason = "repeated_block"
            else:
                node.parts.append(part)
                added = True
                if type(part) is ToolCall:
                    self._call(part, node)
        if added:
            node.places.append((self.line, self.nth))
        else:
            self.drop(reason)
        if line.isAbortedMidStream and "interrupted" not in node.flags:
            node.flags.append("interrupted")
        usage = message.usage
        if usage is not None:
            node.usage = _more(node.usage, usage)

    def _answer_node(self, line: Line, message: WireMessage) -> Node:
        name = message.id or line.requestId
        if name:
            node = self.answers.get(name) or self._same_call(message)
            if node is not None:
                up = self.owner.get(line.parentUuid) if line.parentUuid else None
                if not _strays(node, up) and (up is None or up.side == node.side):
                    self.last_answer = node
                    return node
        node = self._node(line, "answer")
        node.model = message.model or ""
        if name:
            self.answers[name] = node
        self.last_answer = node
        return node

    def _same_call(self, message: WireMessage) -> Node | None:
        """The answer of another message id that this record repeats a waiting call of.

        Some clients give every piece of a message its own id and tell the last call again.
        """
        for block in message.content if type(message.content) is list else ():
            node = self.calls.get(block.id) if block.type == "tool_use" and block.id else None
            if node is not None and node.file == self.file and not node.results:
                call = ToolCall(block.id or "", block.name or "", block.input or {})
                return node if call in node.parts else None
        return None

    def _is_known_call(self, part: Part, node: Node) -> bool:
        if type(part) is not ToolCall:
            return False
        other = self.calls.get(part.id)
        return (
            other is not None
            and other is not node
            and other.file == self.file
            and part in other.parts
        )

    def _call(self, call: ToolCall, node: Node) -> None:
        self.calls[call.id] = node
        if call.name in ("Task", "Agent"):
            prompt = call.arguments.get("prompt")
            if type(prompt) is str:
                self.task_prompts.setdefault(prompt.strip(), call.id)

    # ------------------------------------------------------------ users

    def _user(self, line: Line) -> None:
        message = line.message
        content = message.content if message is not None else None
        if type(content) is str:
            self._words(line, [content])
        elif type(content) is list:
            results = [b for b in content if b.type == "tool_result"]
            if results:
                content = [b for b in content if b.type != "tool_result"]
                self._results(line, results, self._blocks(line, content, True) if content else "")
            else:
                self._blocks(line, content, beside=False)
        else:
            self._link(line, "no_message" if message is None else "empty")

    def _blocks(self, line: Line, content: list[Block], beside: bool) -> str:
        """Blocks of a user record that are no tool results; "used" when a node came of them."""
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
            return self._words(line, items, beside)
        if not beside:
            self._link(line, unknown)
        return ""

    def _words(self, line: Line, items: list[str | Part], beside: bool = False) -> str:
        """User texts and pictures; "used" when a node came of them.

        `beside`: the record holds tool results too, so it is linked already.
        """
        kind, command, reason = "", "", "empty"
        parts: list[Part] = []
        for item in items:
            if not isinstance(item, str):
                parts.append(item)
                continue
            said = classify(item, bool(line.isMeta), bool(line.isCompactSummary))
            if said.kind in ("drop", "interrupt"):
                reason = said.reason
                if said.kind == "interrupt":
                    self._interrupted(line)
                continue
            if not kind or said.kind in ("prompt", "command"):
                kind = said.kind
            command = said.command or command
            parts.extend([Text(words) for words in said.texts])
        if not parts:
            if not beside:
                self._link(line, reason)
            return ""
        kind = kind or ("context" if line.isMeta else "prompt")
        node = self._node(line, "prompt" if kind == "command" else kind, "+" if beside else "")
        node.parts = parts
        node.places.append((self.line, self.nth))
        if command:
            node.flags.append(f"command:{command}")
        if kind == "command":
            node.flags.append("?")  # a request only if the model answers it: see _finish
        origin = line.origin.kind if line.origin is not None else None
        if node.kind == "prompt" and (node.side or origin == "peer"):
            node.kind = "task"
        node.injected = node.kind in ("context", "summary")
        return "used"

    def _interrupted(self, line: Line) -> None:
        node = self.owner.get(line.parentUuid or "") or self.last_answer
        while node is not None and node.kind != "answer":
            node = node.up
        if node is not None and "interrupted" not in node.flags:
            node.flags.append("interrupted")

    def _results(self, line: Line, blocks: list[Block], state: str) -> None:
        """Tool results of one record; `state` is "used" when the record has a place already."""
        waiting = []
        for block in blocks:
            done = self._result(line, block)
            if done == "late":
                waiting.append(block)
            elif state != "used":
                state = done
        if waiting:
            self.late.append((line, self.line, self.nth, waiting, state))
        elif state != "used":
            self.drop(state)

    def _result(self, line: Line, block: Block) -> str:
        """One result: "used", "late" where its call is not known yet, or why it is dropped."""
        call = block.tool_use_id or ""
        node = self.calls.get(call)
        if node is None:
            if line.uuid and line.uuid not in self.owner:
                parent = line.parentUuid
                self.owner[line.uuid] = self.owner.get(parent) if parent else None
            return "late"
        if node.file != self.file:
            node = self._carried(line, node)
        place = (self.line, self.nth)
        if line.uuid and self.owner.get(line.uuid) is None:
            self.owner[line.uuid] = node
            above = self.owner.get(line.parentUuid or "")
            if above is not None and above.line > node.line and above.file == self.file:
                self.owner[line.uuid] = above  # told late: what follows hangs below its parent
        if call in node.results:
            return "second_result"
        told = line.toolUseResult or line.tool_use_result
        facts = told if isinstance(told, Outcome) else None
        text, images = result_content(block.content)
        if "<persisted-output>" in text[:40]:
            whole = persisted(text, self.path, self.facts.session_id)
            text = text if whole is None else whole
        status = status_of(text, block, facts, line.toolDenialKind)
        node.results[call] = ToolResult(call, "", text, status, images)
        if place not in node.result_places:
            node.result_places.append(place)
        if not node.result_id:
            node.result_id = line.uuid or f"{node.id}:results"
            node.result_at = utc(line.timestamp or line.audit_timestamp or "")
        self._result_flags(node, call, status, facts, line)
        return "used"

    def _result_flags(
        self, node: Node, call: str, status: str, facts: Outcome | None, line: Line
    ) -> None:
        flags = node.result_flags
        if status in ("rejected", "interrupted") and status not in flags:
            flags.append(status)
        if line.toolDenialKind and "denied" not in flags:
            flags.append("denied")
        if facts is None:
            return
        if facts.userModified and "edited" not in flags:
            flags.append("edited")
        if facts.agentId:
            self.agent_calls[facts.agentId] = call

    def _carried(self, line: Line, answer: Node) -> Node:
        """The node for results that answer a call which another file owns."""
        for node in reversed(self.nodes):
            if node.calls_up and node.up is answer:
                return node
        node = self._node(line, "results")
        node.up, node.calls_up, node.side = answer, True, answer.side
        return node

    # ------------------------------------------------------------ context

    def _attachment(self, line: Line) -> None:
        given = line.attachment
        kind = given.type if given is not None else ""
        if given is None or kind not in ("queued_command", "nested_memory", "file"):
            self._link(line, f"attachment:{safe_name(kind)}")
            return
        if kind != "queued_command":
            text = _file_text(given.content)
            if not text:
                self._link(line, f"attachment:{kind}")
                return
            node = self._node(line, "context")
            node.parts = [Text(text)]
            node.places.append((self.line, self.nth))
            node.injected = True
            return
        prompt = _decoded(given.prompt)
        items: list[str | Part] = [prompt] if isinstance(prompt, str) and prompt else []
        for item in prompt if isinstance(prompt, list) else ():
            if isinstance(item, dict) and isinstance(item.get("text"), str):
                items.extend([item["text"]] if item["text"] else [])
            elif isinstance(item, dict) and item.get("type") in ("image", "document"):
                part = document_of(item.get("source"))
                items.extend([part] if part is not None else [])
        self._queued(line, items)

    def _queued(self, line: Line, items: list[str | Part]) -> None:
        """A prompt that was typed while the model worked."""
        before = len(self.nodes)
        self._words(line, items)
        if len(self.nodes) > before and self.nodes[-1].kind in ("prompt", "task"):
            given = line.attachment
            self.nodes[-1].flags.append("queued")
            if given is not None and given.source_uuid:
                self.nodes[-1].flags.append(f"?{given.source_uuid}")

    def _system(self, line: Line) -> None:
        subtype = line.subtype or ""
        if subtype == "compact_boundary":
            self.drop("system:compact_boundary")
            if not line.parentUuid:
                line.parentUuid = line.logicalParentUuid
            self._node(line, "boundary")
        else:
            self._link(line, f"system:{safe_name(subtype)}")

    # ------------------------------------------------------------ end of a file

    def _finish(self) -> None:
        for line, number, nth, blocks, state in self.late:
            self.line, self.nth = number, nth
            done = [self._result(line, block) for block in blocks] + [state]
            if "used" not in done:
                self.drop(next((d for d in done if d not in ("late", "")), "result_without_call"))
        self.late = []
        for node in self.nodes:
            if node.up is None and node.parent:
                node.up = self._find(node.parent, node)
        answered = {
            id(node.up) for node in self.nodes if node.up is not None and node.kind == "answer"
        }
        answered |= {
            id(node.up) for node in self.nodes if node.up is not None and node.kind == "context"
        }
        twins = _Twins(self.nodes, self.owner)
        for node in self.nodes:
            reason = ""
            marks = [flag for flag in node.flags if flag.startswith("?")]
            if "queued" in node.flags and twins.has(node, marks):
                reason = "queued_twin"
            elif "?" in marks and id(node) not in answered:
                reason = "local_command"
            if marks:
                node.flags = [flag for flag in node.flags if not flag.startswith("?")]
            if reason:
                self.drop(reason, count=len(node.places))
                node.parts, node.places = [], []
            if node.results:
                self._name_results(node)

    def _find(self, parent: str, node: Node) -> Node | None:
        """The node that a late or distant parent leads to; None for a circle or a gap."""
        steps = 0
        while steps < 100_000:
            found = self.owner.get(parent)
            if found is not None:
                return None if found is node or found.line > node.line else found
            parent = self.above.get(parent, "")
            if not parent:
                return None
            steps += 1
        return None

    def _name_results(self, node: Node) -> None:
        caller = node.up if node.calls_up and node.up is not None else node
        names = {part.id: part.name for part in caller.parts if type(part) is ToolCall}
        node.results = {
            call: ToolResult(call, names.get(call, ""), r.content, r.status, r.images)
            for call, r in node.results.items()
        }


class _Twins:
    """Finds the user record that repeats a queued prompt."""

    def __init__(self, nodes: list[Node], owner: dict[str, Node | None]) -> None:
        self.owner = owner
        self.texts: dict[str, list[int]] = {}
        self.at = {id(node): at for at, node in enumerate(nodes)}
        if any("queued" in node.flags for node in nodes):
            for at, node in enumerate(nodes):
                if node.kind in ("prompt", "task") and "queued" not in node.flags:
                    self.texts.setdefault(_joined(node), []).append(at)

    def has(self, node: Node, marks: list[str]) -> bool:
        """Whether another record near by holds the same words."""
        text = _joined(node)
        for mark in marks:
            twin = self.owner.get(mark[1:])
            if twin is not None and twin is not node and _joined(twin) == text:
                return True
        here = self.at[id(node)]
        return any(abs(at - here) <= 12 for at in self.texts.get(text, ()))


def _strays(node: Node, up: Node | None) -> bool:
    """Whether a record below `up` can be no piece of `node`, in spite of its message id.

    Between the pieces of a message there is only what its own tools brought in; a client that
    gives every message one id is told apart by that.
    """
    if up is node.up:
        return False
    while up is not None and up is not node:
        if up.kind != "context" and "queued" not in up.flags:
            return True
        up = up.up
    return False


def _joined(node: Node) -> str:
    return "\n".join(p.text for p in node.parts if type(p) is Text).strip()


def _answer_part(block: Block) -> Part | str:
    """The part, or the reason why the block is none."""
    kind = block.type
    if kind == "tool_use" or kind == "server_tool_use":
        if not block.id or not block.name:
            return "call_without_id"
        return ToolCall(block.id, block.name, block.input or {})
    if kind == "text":
        text = block.text
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
    if usage is None:
        return Usage(
            wire.input_tokens or 0,
            wire.output_tokens or 0,
            wire.cache_read_input_tokens or 0,
            wire.cache_creation_input_tokens or 0,
        )
    return Usage(
        max(usage.input, wire.input_tokens or 0),
        max(usage.output, wire.output_tokens or 0),
        max(usage.cache_read, wire.cache_read_input_tokens or 0),
        max(usage.cache_write, wire.cache_creation_input_tokens or 0),
    )


def _decoded(raw: msgspec.Raw) -> object:
    try:
        return msgspec.json.decode(raw) if len(memoryview(raw)) else None
    except (msgspec.DecodeError, RecursionError):
        return None


def _file_text(raw: msgspec.Raw) -> str:
    """The text of a `file` or `nested_memory` attachment."""
    value = _decoded(raw)
    for _ in range(3):
        if isinstance(value, str):
            return value
        if not isinstance(value, dict):
            return ""
        value = value["content"] if "content" in value else value.get("file")
    return ""


def file_index(files: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """(index, stem) of each file."""
    for at, path in enumerate(files):
        yield at, os.path.splitext(os.path.basename(path))[0]
