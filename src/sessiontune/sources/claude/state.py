"""The state while the files of a unit are read: what is below what, and what continues.

The handlers of the record kinds (`answers`, `users`) are functions over this state.
"""

from __future__ import annotations

import os

import msgspec

from ...ledger import Ledger
from ...linking import Node, Place
from ...model import ToolCall, ToolDef
from ...ports import ReadOptions
from ..lines import stem
from ..shapes import utc
from .wire import Block, Line

#: Claude Desktop's notes on a session, beside the session's own log.
AUDIT = "audit.jsonl"


#: Most parts of an answer that are compared one by one.
_MANY = 64


def _mark(part: object) -> int:
    """A hash that distinguishes most parts; a call's arguments have none."""
    return hash(part.id if type(part) is ToolCall else part)


class Facts(msgspec.Struct):
    """What is known of one file besides its conversation."""

    session_id: str = ""
    cwd: str = ""
    branch: str = ""
    entrypoint: str = ""
    custom_title: str = ""
    ai_title: str = ""
    summaries: dict[str, str] = {}
    tools: dict[str, ToolDef] = {}
    inherits: str = ""  # last record of the parent's context that a forked agent began with


class Stray(msgspec.Struct):
    """A record with results of calls that its file does not hold."""

    file: int
    line: Line
    place: tuple[int, int]
    blocks: list[Block]


class Queued(msgspec.Struct):
    """A record of the queue of typed input."""

    operation: str
    text: str
    place: Place
    at: str = ""
    reason: str = ""
    typed: bool = False  # there is more than the program's words


class State:
    """Nodes of one unit. `owner` maps every record id to the node that it is in or below."""

    def __init__(self, files: tuple[str, ...], options: ReadOptions, ledger: Ledger) -> None:
        self.files = files
        self.options = options
        self.ledger = ledger
        self.owner: dict[str, Node | None] = {}
        self.others: dict[str, list[str]] = {}  # id -> new ids of other records with that id
        self.first_names: dict[str, str] = {}  # id -> the id that the record had before
        self.forks_known: set[str] = set()  # sessions for which that was learned
        self.sent: set[str] = set()  # ids of prompts that were stored under others
        self.log_of: dict[str, str] = {}  # session -> its log, once a fork is found
        self.above: dict[str, str] = {}  # id of a link record -> id of its parent, not yet known
        self.tops: dict[str, str] = {}  # id of a link record below no node -> the first above it
        self.calls: dict[str, Node] = {}
        self.names: dict[str, str] = {}  # call id -> tool
        self.agent_calls: dict[str, str] = {}  # agent id -> id of the call that started it
        self.task_prompts: dict[str, str] = {}  # prompt -> id of the call that carries it
        self.seams: set[tuple[int, int]] = set()
        self.begun: dict[tuple[int, int], Facts] = {}  # where a file's further sessions begin
        self.strays: list[Stray] = []
        self.lost: set[tuple[str | None, str | None]] = set()  # their records, calls
        self.audits = any(os.path.basename(path) == AUDIT for path in files)
        self.audited: dict[tuple[str, str], list[Node]] = {}  # session, words -> its prompts
        self.served_by: dict[str, Node] = {}  # the vendor's id of a message -> its first node
        self.asked_at: dict[tuple[str, str], Node] = {}  # time, words -> a prompt of a former file
        self.withdrawn: set[str] = set()  # records of answers that were taken back
        self.marks: dict[int, tuple[Node, int, set[int]]] = {}  # see `holds`
        self.queued: list[Node] = []  # queued prompts of the files that were read
        self.woven: list[tuple[Node, Node]] = []  # those told among a copy's nodes; what follows
        self.every: list[Node] = []  # the nodes of all files, to be unlinked in the end
        self.start(0, "")

    def start(self, file: int, side: str) -> None:
        """Begin a file."""
        self.file = file
        self.path = self.files[file] if self.files else ""
        self.stem = stem(self.path)
        self.side = side
        self.facts = Facts()
        self.nodes: list[Node] = []
        self.counts: dict[tuple[str, str], int] = {}
        self.mine: dict[str, int] = {}  # the records of this file, each with its line
        self.renamed: dict[str, str] = {}  # id of this file that another record had before
        self.answers: dict[str, Node] = {}
        self.asked: dict[str, str] = {}  # id of a message -> the request that it answers
        self.last_answer: Node | None = None
        self.top: str | None = None  # below what the first words stand: a link record, or nothing
        self.sums_up = False  # the next answer is the summary that an early version begins with
        self.served: list[Node] = []  # answers with results of the vendor's own tools
        self.taken_back: list[str] = []  # records of answers that a filter cut off
        self.late: list[tuple[Line, int, int, list[Block], str]] = []
        self.queue: list[Queued] = []
        self.hidden: dict[str, None] = {}  # calls whose ids were removed, without a result
        self.after_copy = ""
        self.copies: list[tuple[int, Node]] = []  # line of a copied record, the node that holds it
        self.tip = ""  # the last record that is no copy
        self.boundary = 0  # the line of the last compaction
        self.boundary_nth = 0  # and which record of that line it is
        #: Records before a compaction that end what it keeps, or what is repeated after it, and
        #: the line since which no words were new: what is below them continues there.
        self.kept: tuple[tuple[str | None, ...], int] = (), 0
        self.heard = ("", "")  # the last unanswered words in an audit, and their record
        self.spoken = ""  # the session of the last node
        self.ends: dict[str, Node] = {}  # the last node of each session in the file
        self.about: dict[str, Facts] = {}  # facts of those that begin behind another
        self.line = 0
        self.nth = 0

    def drop(self, reason: str, stage: str = "read", count: int = 1) -> None:
        """Count dropped records of this file."""
        key = (stage, reason)
        self.counts[key] = self.counts.get(key, 0) + count

    def unknown_part(self) -> None:
        """Count a record that is used except for a part of unknown kind."""
        repairs = self.ledger.repairs
        repairs["unknown_part"] = repairs.get("unknown_part", 0) + 1

    def keep(self, uuid: str | None) -> None:
        """Note the last record that a compaction keeps, or that is repeated after it."""
        kept = () if self.spoke() else self.kept[0]
        self.kept = (*kept[-3:], uuid), self.line

    def holds(self, node: Node, part: object) -> bool:
        """Whether a node holds a part. If it has very many, their marks are kept, with the number
        of parts: a part with a new mark is new."""
        parts = node.parts
        if len(parts) > _MANY:
            _, done, marks = self.marks.get(id(node), (node, 0, set()))
            marks.update(map(_mark, parts[done:]))
            self.marks[id(node)] = node, len(parts), marks
            if _mark(part) not in marks:
                return False
        return part in parts

    def spoke(self) -> bool:
        """Whether anybody said something new since records were kept."""
        for node in reversed(self.nodes):
            if node.line <= self.kept[1]:
                break
            if node.kind not in ("boundary", "summary", "context"):
                return True
        if self.nodes:  # these need not be checked again
            self.kept = self.kept[0], max(self.kept[1], self.nodes[-1].line)
        return False

    def copied(self, uuid: str | None, node: Node) -> None:
        """The current record repeats what `node` holds; what is below it is below `node`."""
        self.copies.append((self.line, node))
        if uuid:
            self.owner[uuid] = node
            self.after_copy = uuid

    def move(self, twins: list[tuple[Node, Node]]) -> None:
        """Redirect all records of this file from the first of two nodes to the other."""
        other = {id(node): twin for node, twin in twins}
        since = min((node.line for node, _ in twins), default=0)
        for uuid, line in reversed(self.mine.items()):
            if line < since:
                break  # before those nodes began
            twin = other.get(id(self.owner.get(uuid)))
            if twin is not None:
                self.owner[uuid] = twin

    def link(self, line: Line, reason: str) -> None:
        """Drop a record, but put its children below its parent."""
        self.drop(reason)
        if line.uuid:
            parent = line.parentUuid
            above = self.owner.get(parent) if parent else None
            self.owner[line.uuid] = above
            if above is None and parent:
                self.above[line.uuid] = parent
            top = self.tops.get(parent) if parent else line.uuid
            if above is None and top:
                self.tops[line.uuid] = top

    def node(self, line: Line, kind: str, suffix: str = "") -> Node:
        """A new node that begins with this record."""
        uuid = line.uuid or f"{self.stem}#{self.line}.{self.nth}"
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
        alone = line.sessionId != self.spoken and self._speak(line, up)
        if alone and not node.side:  # or it goes on, between the records of others
            node.up = self.ends.get(self.spoken)
        if self.after_copy and node.side == self.side:  # an inline agent is separate
            self.seams.add((self.file, self.line))
            if alone and (not parent or parent in self.owner):
                pass  # of another session, whose beginning is here
            elif not parent:
                node.parent = self.after_copy
                node.up = self.owner.get(self.after_copy)
            elif up is None:  # its parent is in no file: it continues the copies
                self.above.setdefault(parent, self.after_copy)
            self.after_copy = ""
        self.nodes.append(node)
        if not node.side:
            self.ends[self.spoken] = node
        if line.uuid and not suffix:
            self.owner[line.uuid] = node
        return node

    def _begins_other(self, line: Line, up: Node | None) -> bool:
        """Whether a record begins another session, which does not continue the one before: its
        records were put after or between those."""
        session = line.sessionId or line.session_id or self.spoken
        return up is None and self.spoken not in ("", session) and not line.audit_timestamp

    def _speak(self, line: Line, up: Node | None) -> bool:
        """Note whose record this is; returns whether another session begins with it."""
        session = line.sessionId or line.session_id or self.spoken
        other = self._begins_other(line, up)
        if other:
            self.seams.add((self.file, self.line))
        if other and session not in self.ends:
            self.begun[self.file, self.line] = self.about[session] = Facts(
                session_id=session,
                cwd=line.cwd or "",
                branch=line.gitBranch or "",
                entrypoint=line.entrypoint or "",
                tools=self.facts.tools,
            )
        elif up is not None and self.spoken not in ("", session) and session == self.stem:
            self.facts.session_id = session  # a fork, whose first records name their origin
        self.spoken = session
        return other

    def _side_of(self, line: Line, up: Node | None, uuid: str) -> str:
        if line.parent_tool_use_id:
            return line.parent_tool_use_id
        if not line.isSidechain:
            return ""
        if line.agentId:
            return line.agentId
        return up.side if up is not None and up.side else uuid

    def begins_anew(self, line: Line) -> bool:
        """Whether words stand below nothing, or where the file's first ones do: the person went
        back to before those. Below what a resumption begins with, the talk goes on."""
        parent, last = line.parentUuid or "", self.last_answer
        top = self.tops.get(parent) if parent else ""
        other = self.spoken and line.sessionId not in (None, self.spoken)
        if line.type != "user" or line.isSidechain or top is None or other:
            return False
        if last is None:
            self.top = top if self.top is None else self.top
            return False
        later = utc(line.timestamp or "") > last.at  # else a history is written again
        return top in ("", self.top) and last.up is not None and later

    def cleared(self, line: Line) -> None:
        """The context was emptied: the model saw nothing of what came before this record."""
        begun = self.last_answer is not None or bool(self.after_copy)
        last = self.ends.get(line.sessionId or line.session_id or self.spoken)
        if last is None and self._begins_other(line, self.owner.get(line.parentUuid or "")):
            return  # nothing came before it
        if begun and not self.side and (last is None or last.kind != "boundary"):
            boundary = self.node(line, "boundary", "^")
            if line.parentUuid:  # it follows what came before, but nothing is below it
                boundary.parent, boundary.up = "", None

    def interrupted(self, line: Line) -> None:
        """Flag the answer that a person interrupted. If a prompt came after it, the answer was done
        and the person took the prompt back: nothing is flagged."""
        node = self.owner.get(line.parentUuid or "") or self.last_answer
        while node is not None and node.kind not in ("answer", "prompt", "task"):
            node = node.up
        if node is not None and node.kind == "answer" and "interrupted" not in node.flags:
            node.flags.append("interrupted")
