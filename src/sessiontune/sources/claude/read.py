"""Reads the files of one unit into nodes: what belongs together, and what is dropped and why.

One pass. Every record ends as a place of a node, or as a drop with a reason, or as a fault.
Records without content (progress, hooks, attachments) stay as links: their children belong to the
node above them.
"""

from __future__ import annotations

from itertools import pairwise

from ...linking import Node
from ...model import Drop
from ..lines import read_lines
from ..mending import LineFault, line_fault
from ..printed import array_lines, is_array, is_remark
from ..shapes import safe_name, text_of
from .answers import take_answer, withdraw
from .copies import (
    copied_record,
    prompts_told,
    said_at,
    take_inherited,
    take_prompt_again,
    take_renamed,
    take_renamed_prompt,
    told_before,
)
from .forks import first_name
from .queue import take_queue, tell_queued
from .served import split_served
from .shown import decoded
from .state import Facts, State, Stray
from .users import take_attachment, take_result, take_user, take_words
from .weaving import in_places, weave
from .wire import Compaction, Line, Segment, WireMessage, decode

_SIDE_NAMES = """
progress queue-operation file-history-snapshot file-history-delta last-prompt mode
permission-mode ai-title custom-title bridge-session summary agent-name tag tool_use_summary
pr-link atis-latch isolation-latch result fork-context-ref frame-link agent-color agent-setting
worktree-state content-replacement marble-origami-commit marble-origami-snapshot
marble-origami-reset speculation-accept attribution-snapshot task-summary post_turn_summary
cost-state stream_event rate_limit_event tool_progress auth_status control_request control_response
keep_alive api-request api-request-blob api-request-resumed api-request-shape
artifact-autoreact-ledger artifact-comment-monitor continued-in data-flow-incomplete
data-flow-handover data-flow-records derived-from dev-mods ended-by-model history-suppression
host-row hybrid-organization memory-mode observer-ref relocated repl-mode resume-head-vouch
session-owner tools-used conversation_reset saved_hook_context env_manager_log prompt_suggestion
"""

#: Record types without a part of a conversation; the type is the reason of the drop.
SIDE_TYPES = frozenset(_SIDE_NAMES.split())


class Reader(State):
    """Reads files into nodes."""

    def read(self, file: int, side: str = "", junk: str = "") -> tuple[list[Node], Facts]:
        """Nodes of one file in its order. `junk`: the reason to drop all its records."""
        self.start(file, side)
        path, ledger, records = self.path, self.ledger, 0
        lines = array_lines if path.endswith(".json") and is_array(path) else read_lines
        take = self.take
        for number, raw in lines(path, self.options, ledger):
            line = decode(raw, ledger)
            if type(line) is Line:
                records += 1
                self.line = number
                if junk:
                    self.drop(junk)
                else:
                    take(line)
                continue
            for nth, value in enumerate(line):  # type: ignore[arg-type]
                records += 1
                self.line, self.nth = number, nth
                if isinstance(value, LineFault) and is_remark(path, raw):
                    self.drop("remark")
                elif isinstance(value, LineFault):
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
            if not count:
                continue
            ledger.drop(Drop(stage=stage, reason=reason, file=path, count=count))
        self.every += self.nodes
        if len(self.files) > 1:
            self.asked_at |= {said_at(node): node for node in self.nodes if node.kind == "prompt"}
        if self.audits:
            self.audited |= prompts_told(self.nodes, self.facts.session_id)
        return self.nodes, self.facts

    def take(self, line: Line) -> None:
        """Take one record."""
        if line.forkedFrom is not None or line.sentAsUuid or self.first_names:
            first_name(self, line)
        uuid = line.uuid
        moved = self.renamed.get(line.parentUuid or "") if self.renamed else None
        if moved is not None:  # a record below another one is another one too
            line.parentUuid = moved
        if uuid:
            if uuid in self.owner:
                repeated = copied_record(self, line, moved)
                if repeated:
                    self.drop("repeated_record" if uuid in self.mine else "resumed_copy", "link")
                    self.tops.pop(uuid, None)  # it stands in several places
                    if uuid not in self.mine:
                        self.after_copy, self.spoken = repeated, line.sessionId or self.spoken
                        if (node := self.owner.get(repeated)) is not None:
                            self.copies.append((self.line, node))
                    elif self.boundary:
                        self._told_again(uuid)
                    return
            self.mine.setdefault(uuid, self.line)
        if self.boundary and not line.isSidechain:
            self._goes_on(line)
        kind = line.type
        facts = self.facts
        if not facts.session_id:
            facts.session_id = line.sessionId or line.session_id or ""
        if not facts.cwd and line.cwd:
            facts.cwd = line.cwd
            facts.branch = line.gitBranch or ""
            facts.entrypoint = line.entrypoint or ""
        if kind == "assistant":
            self.heard = ("", "")
            if line.message is None or not self._told(line, line.message):
                take_answer(self, line)
        elif kind == "user":
            if not line.audit_timestamp or not told_before(self, line):
                take_user(self, line)
                last = self.nodes[-1] if self.nodes else None
                new = last is not None and last.line == self.line and last.kind == "prompt"
                if last is not None and new and not take_renamed_prompt(self, line, last):
                    take_prompt_again(self, last)
        elif kind == "attachment":
            take_attachment(self, line)
        elif kind == "system":
            self._system(line)
        else:
            self._side(line, kind)

    def _told_again(self, uuid: str) -> None:
        """After a compaction, newer versions repeat what came before it. The next record may name
        the last of that as its parent, but the model saw the summary."""
        node = self.owner.get(uuid)
        if node is not None:
            first = node.places[0] if node.places else (node.line, 0)
            if node.side or first >= (self.boundary, self.boundary_nth):
                return
        self.keep(uuid)

    def _goes_on(self, line: Line) -> None:
        """Put a record below the last one if its parent is a record that a compaction kept, or that
        was repeated after it."""
        if line.parentUuid and line.parentUuid in self.kept[0]:
            if self.spoke():
                self.kept = (), self.kept[1]  # what was kept is far above by now
            else:
                line.parentUuid = self.tip
        self.tip = line.uuid or self.tip

    def _told(self, line: Line, message: WireMessage) -> bool:
        """Drop an answer that another file holds under another record id; returns whether it
        does."""
        if self.facts.inherits and take_inherited(self, line, message):
            return True
        return message.id in self.served_by and take_renamed(self, line, message)

    def _side(self, line: Line, kind: str) -> None:
        facts = self.about.get(line.sessionId or "", self.facts)
        if kind == "progress":
            data = line.data
            if data is not None and data.agentId and line.parentToolUseID:
                self.agent_calls.setdefault(data.agentId, line.parentToolUseID)
            if data is not None and data.hookName == "SessionStart:clear":
                self.cleared(line)
        elif kind == "queue-operation":
            take_queue(self, line)
        elif kind == "custom-title":
            facts.custom_title = line.customTitle or facts.custom_title
        elif kind == "ai-title":
            facts.ai_title = line.aiTitle or facts.ai_title
        elif kind == "summary":
            if line.leafUuid and line.summary:
                facts.summaries[line.leafUuid] = line.summary
        elif kind == "fork-context-ref":
            facts.inherits = line.parentLastUuid or ""
        self.link(line, kind if kind in SIDE_TYPES else f"unknown_type:{safe_name(kind)}")

    def _system(self, line: Line) -> None:
        subtype = line.subtype or ""
        if subtype == "compact_boundary":
            told = line.compactMetadata or Compaction()
            kept = told.preservedSegment or Segment()
            known = kept.tailUuid and self.owner.get(kept.tailUuid) is not None
            if told.durationMs == 0 and known and kept.anchorUuid == line.uuid:
                # The person went back to before a compaction: keep what they went back to.
                line.parentUuid = kept.tailUuid
                self.link(line, "system:compact_boundary")
                return
            self.drop("system:compact_boundary")
            if not line.parentUuid:
                line.parentUuid = line.logicalParentUuid
            if not self.node(line, "boundary").side:
                self.boundary, self.boundary_nth = self.line, self.nth
                self.tip = line.uuid or ""
                self.keep(kept.tailUuid)
        elif subtype == "voice_call_talk":  # so that older versions send it to no model
            words = decoded(line.content)
            take_words(self, line, [words] if isinstance(words, str) else [])
        else:
            self.taken_back += line.retractedMessageUuids or line.retracted_message_uuids or ()
            self.link(line, f"system:{safe_name(subtype)}")

    def _finish(self) -> None:
        for line, number, nth, blocks, state in self.late:
            self.line, self.nth = number, nth
            done = [take_result(self, line, block) for block in blocks] + [state]
            if set(done) <= {"late", ""} and len(self.files) > 1:
                self.strays.append(Stray(self.file, line, (number, nth), blocks))
                self.lost |= {(line.uuid, block.tool_use_id) for block in blocks}
            elif "used" not in done:
                self.drop(next((d for d in done if d not in ("late", "")), "result_without_call"))
        self.late = []
        if self.taken_back:
            withdraw(self)
        if self.served:
            split_served(self)
        self.resolve(self.nodes)
        if any(step.operation == "remove" for step in self.queue):
            tell_queued(self)
        if any(node.flags for node in self.nodes if node.kind in ("prompt", "task")):
            self._settle_prompts()
            weave(self)

    def settle_strays(self, sides: dict[str, list[Node]], side: str) -> None:
        """Put results below calls in a file that was read after theirs."""
        found: dict[str, list[Node]] = {}
        for stray in self.strays:
            self.start(stray.file, side)
            self.line, self.nth = stray.place
            done = [take_result(self, stray.line, block) for block in stray.blocks]
            if "used" not in done:
                copy = "resumed_copy" in done
                why = ("link", "resumed_copy") if copy else ("read", "result_without_call")
                self.ledger.drop(Drop(*why, file=self.path))
            for node in self.nodes:
                node.side = side or node.side
                found.setdefault(node.side, []).append(node)
            self.every += self.nodes
        self.strays = []
        for name, nodes in found.items():
            sides[name] = in_places(sides.get(name, []), nodes)

    def resolve(self, nodes: list[Node]) -> None:
        """Find the parents that were not known yet when their children came."""
        known: dict[str, Node | None] = {}
        for node in nodes:
            if node.up is None and node.parent:
                found = self._find(node.parent, known)
                later = found is not None and found.file == node.file and found.line > node.line
                node.up = None if found is node or later else found

    def _settle_prompts(self) -> None:
        """Drop queued prompts that were repeated, and commands that the model did not answer."""
        answered = {
            id(node.up if node.up is not None else before)
            for before, node in pairwise(self.nodes)
            if node.kind in ("answer", "context")  # by its place in a log without parents
        }
        twins = _Twins(self.nodes, self.owner)
        for node in self.nodes:
            if not node.flags:
                continue
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

    def _find(self, parent: str, known: dict[str, Node | None]) -> Node | None:
        """The node that a late or distant parent leads to; None for a cycle or a gap. `known`: what
        was found so far, also for what is between."""
        found: Node | None = None
        path: list[str] = []
        while parent and parent not in known:
            known[parent] = None
            path.append(parent)
            first = self.first_names.get(parent, parent)  # learned after its child
            found = self.owner.get(first)
            if found is not None:
                break
            parent = self.above.get(first, "")
        else:
            found = known.get(parent)
        known.update(dict.fromkeys(path, found))
        return found


class _Twins:
    """Finds the user record that repeats a queued prompt."""

    def __init__(self, nodes: list[Node], owner: dict[str, Node | None]) -> None:
        self.owner = owner
        self.after: dict[int, int] = {}  # node -> the number of answers before it
        self.told: set[tuple[int, str]] = set()  # prompts that nobody queued, by that number
        answers = 0
        for node in nodes:
            self.after[id(node)] = answers
            answers += node.kind == "answer"
            if node.kind in ("prompt", "task") and "queued" not in node.flags:
                self.told.add((self.after[id(node)], text_of(node.parts).strip()))

    def has(self, node: Node, marks: list[str]) -> bool:
        """Whether another record holds the same words, without an answer between them."""
        text = text_of(node.parts).strip()
        for mark in marks:
            twin = self.owner.get(mark[1:])
            if twin is not None and twin is not node and text_of(twin.parts).strip() == text:
                return True
        return (self.after[id(node)], text) in self.told
