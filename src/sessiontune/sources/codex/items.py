"""The items of a rollout as nodes: messages, reasoning, calls and their results.

One answer is the run of reasoning, text and calls up to the next output or user message.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import msgspec

from ...ledger import Ledger
from ...linking import Node, Place, placed
from ...model import Image, Part, Text, Thinking, ToolCall, ToolResult
from ...ports import ReadOptions
from ..linear import stopped
from ..shapes import as_json, safe_name, utc, words
from .scripts import SCRIPT, told_later
from .text import classify, delegated
from .told import Told
from .values import (
    arguments_of,
    by_program,
    called,
    contents,
    drawn,
    is_served,
    message_of_agent,
    outcome,
    status_of,
)
from .wire import Facts, Line, Payload
from .written import Written

#: Replaces an id that a program took for a secret when it published a log; outputs then come in
#: the order of their calls.
_HIDDEN = "REDACTED"


#: A prompt, and the node above it.
Asked = tuple[Node, Node | None]


class Items:
    """Nodes of one file.

    `calls` maps call ids to nodes, `agents` the threads that this one started to their calls.
    `told` holds the items of the unit's earlier files: forks begin with copies.
    """

    def __init__(
        self,
        file: int,
        path: str,
        options: ReadOptions,
        ledger: Ledger,
        told: Told | None = None,
        again: int = 0,
    ) -> None:
        self.told = told
        self.copied = -1  # the number of the last of them at the beginning of this file
        self.again = again  # number of files of this thread that were read before
        self.thread = ""  # whose items these are, from the whole file
        self.hidden: list[str] = []  # calls whose ids were removed, without an output
        self.waiting: dict[str, tuple[Node, str]] = {}  # calls of other files, their tools
        self.shown: list[tuple[Place, bytes]] | None = []  # events, while there are no items
        self.printed = False  # the file holds printed output
        self.headers: set[str] = set()  # ids of the threads whose headers were read
        self.fork: Node | None = None
        self.copying = True
        self.importing = False  # in another agent's turns that the program copied
        self.file, self.path, self.options, self.ledger = file, path, options, ledger
        self.facts = Facts()
        self.nodes: list[Node] = []
        self.calls: dict[str, Node] = {}
        self.agents: dict[str, str] = {}
        #: Prompts that the model still sees, each with the node above it.
        self.asked: list[Asked] = []
        self.copies: list[tuple[int, Node]] = []  # lines of that history here, and their nodes
        self.inherited = 0  # number of those in the history at the beginning of this thread
        self.given: list[Asked] = []  # those of a history to which it refers
        #: On which line each was asked, or by how many of them the person went back.
        self.steps: list[tuple[int, Asked | int]] = []
        self.spoken: Mapping[str, Items] = {}  # pieces of threads that were read before
        self.back: Node | None = None  # the node after which the next prompt begins a branch
        self.early: dict[str, tuple[Line, Payload, Place, str]] = {}  # before their calls
        self.counts: dict[str, int] = {}
        self.model = ""
        self.answer: Node | None = None  # the answer to which parts are added
        self.searched = False  # its last part is a call whose result is not in the log
        self.last: Node | None = None  # the last answer, for its usage
        self.place = (0, 0)
        self.piece = ""  # distinguishes the items of one line
        self.written = Written()
        self.counted: set[tuple[str, str]] = set()  # times and counts of tokens
        self.twice: set[str] = set()  # hidden calls whose lines were repeated
        self.served = ""  # the last hidden call that was answered
        self.scripts: set[str] = set()  # calls of code mode
        self.notices: dict[str, list[str]] = {}  # what scripts told after their first output

    def drop(self, reason: str, count: int = 1) -> None:
        self.counts[reason] = self.counts.get(reason, 0) + count

    def item(self, line: Line, payload: Payload, kind: str) -> None:
        if kind == "message":
            self._message(line, payload)
        elif kind == "reasoning":
            self._reasoning(line, payload)
        elif kind == "agent_message":
            self.agent_message(line, contents(payload.content)[0])
        elif kind.endswith("_call"):
            self._call(line, payload, kind)
        elif kind.endswith("_output"):
            self._output(line, payload)
        else:
            self.drop(f"item:{safe_name(kind)}")

    def repeats(self, line: Line, kind: str, words: str, named: bool = False) -> bool:
        """Whether the item was written before, at the very same time; then it is dropped. `named`:
        it has an id."""
        stands = self.written.stands(line.timestamp, self.place, self.piece, kind, words)
        if not stands or (stands == "among" and not named):
            return False
        self.drop("repeated_record")
        return True

    def name(self) -> str:
        """A name for what begins on the current line."""
        thread = self.thread or self.facts.session_id or os.path.basename(self.path)
        number, nth = self.place
        again = f"~{self.again}" if self.again else ""
        return f"{thread}{again}#{number}" + (f".{nth}" if nth else "") + self.piece

    def node(self, line: Line, kind: str) -> Node:
        node = Node(
            id=self.name(),
            file=self.file,
            line=self.place[0],
            kind=kind,
            at=utc(line.timestamp or self.facts.begun),
        )
        node.places.append(self.place)
        self.nodes.append(node)
        return node

    def _open(self, line: Line, searches: bool = False) -> Node:
        """The answer for the next part: the open one, unless its tools have answered. The results
        of a search are not in the log, but the model saw them before it continued, unlike the
        outputs of calls that are still to come."""
        node, searched = self.answer, self.searched
        self.searched = searches
        if node is None or node.results or (searched and not searches and not _asks(node)):
            node = self.node(line, "answer")
            node.model = self.model
            self.answer = self.last = node
        elif not placed(node.places, self.place):
            node.places.append(self.place)
        return node

    def _message(self, line: Line, payload: Payload) -> None:
        role = payload.role or ""
        texts, images = contents(payload.content)
        if self.repeats(line, role, texts[0] if len(texts) == 1 else "".join(texts)):
            return
        if role == "assistant":
            texts = [text for text in texts if text.strip()]
            if not texts:
                self.drop("empty")
                return
            told = message_of_agent(texts[0])
            if told is not None:
                self.agent_message(line, [told])
                return
            self._open(line).parts.extend(Text(text) for text in texts)
        elif role == "user":
            self._user(line, texts, images, by_program(payload))
        elif role in ("developer", "system"):
            self.drop(role)
        else:
            self.drop(f"unknown_role:{safe_name(role)}")

    def agent_message(self, line: Line, texts: list[str]) -> None:
        """Take what another agent of the team sent to this one; some versions write it twice."""
        parts: list[Part] = [Text(text) for text in texts if text.strip()]
        last = self.nodes[-1] if self.nodes else None
        if not parts:
            self.drop("empty")
        elif last is not None and last.kind == "task" and last.parts == parts:
            self.drop("repeated_record")
        elif not self.repeats(line, "agent_message", "\n".join(texts)):
            self.answer = None
            self.node(line, "task").parts = parts

    def _user(self, line: Line, texts: list[str], images: list[Image], program: list[bool]) -> None:
        kind, reason = "", "empty"
        parts: list[Part] = []
        beside: list[Part] = []  # what the program put before the person's words
        for at, text in enumerate(texts):
            found, words = classify(text)
            if found == "prompt" and len(program) == len(texts) and program[at]:
                found = "context"
            if found == "turn_aborted":
                stopped(self.nodes)
            if found not in ("prompt", "task", "context", "summary"):
                reason = found
                continue
            if not kind or found in ("prompt", "task"):
                kind = found
            (beside if found == "context" else parts).append(Text(words))
        if images and not kind:
            kind = "prompt"
        if kind == "context":
            parts, beside = beside, []
        self.answer = None
        if not parts and not images:
            self.drop(reason)
            return
        if beside:
            before = self.node(line, "context")
            before.id += "^"
            before.parts, before.injected = beside, True
        if kind == "prompt" and self.facts.is_agent():
            kind = "task"
        node = self.node(line, kind)
        if kind in ("prompt", "task"):
            node.up, self.back = self.back, None
            self.ask(node, node.up or (self.nodes[-2] if len(self.nodes) > 1 else self.fork))
        node.parts = [*parts, *images]
        node.injected = kind in ("context", "summary")

    def ask(self, node: Node, above: Node | None) -> None:
        """Note a prompt and the node above it."""
        self.asked.append((node, above))
        self.steps.append((self.place[0], (node, above)))

    def _reasoning(self, line: Line, payload: Payload) -> None:
        texts = [text for text in contents(payload.content)[0] if text.strip()]
        if not texts:
            texts = [text for text in contents(payload.summary)[0] if text.strip()]
        if not texts:
            self.drop("thinking_signature_only")
            return
        if self.repeats(line, "reasoning", texts[0]):
            return
        self._open(line).parts.append(Thinking("\n\n".join(texts)))

    def _call(self, line: Line, payload: Payload, kind: str) -> None:
        number, nth = self.place
        hidden = payload.call_id == _HIDDEN
        asked = payload.call_id or payload.id or ""
        named = bool(asked) and not hidden  # searches of the vendor may have no id
        if not named:
            told = [payload.arguments, payload.input, payload.action]
            asked = as_json([payload.namespace, payload.name, *told])
        if self.repeats(line, kind, asked, named):
            if hidden:
                self.twice.update(self.hidden[-1:])
            return
        if hidden:
            payload.call_id = f"{_HIDDEN}@{self.name()}"
            self.hidden.append(payload.call_id)
        call = payload.call_id or payload.id or f"call_{number}_{nth}"
        name = called(payload.namespace or "", payload.name or kind[: -len("_call")])
        given = payload.arguments
        if given is None:
            given = payload.input if payload.input is not None else payload.action
        if given is None and payload.revised_prompt is not None:
            given = {"prompt": payload.revised_prompt}
        arguments = arguments_of(given)  # first: a fault must leave nothing in a node
        part = ToolCall(call, name, arguments)
        if call in self.calls and part in self.calls[call].parts and is_served(call):
            self.drop("repeated_record")
            return
        node = self._open(line, kind == "web_search_call")
        node.parts.append(part)
        self.calls[call] = node
        if name == SCRIPT:
            self.scripts.add(call)
        image = drawn(payload.result) if kind == "image_generation_call" else None
        if image is not None:
            node.results[call] = ToolResult(call, name, "", "ok", (image,))
            node.result_id, node.result_at = f"{node.id}:drawn", node.at
        if call in self.early:
            here, piece = self.place, self.piece
            begun, output, self.place, self.piece = self.early.pop(call)
            self._output(begun, output)
            self.place, self.piece = here, piece

    def _output(self, line: Line, payload: Payload) -> None:
        if payload.call_id == _HIDDEN and self.hidden:
            if self._output_again(line, payload):
                return
            self.served = payload.call_id = self.hidden.pop(0)
        call = payload.call_id or ""
        node, tool = self.calls.get(call), ""
        if node is None and call in self.waiting:
            up, tool = self.waiting.pop(call)
            node = self._carried(line, up)
        if node is None:
            task = "" if call else delegated(payload.output)
            if task:
                self.agent_message(line, [task])
            elif call and call not in self.early:
                self.early[call] = (line, payload, self.place, self.piece)
            else:
                self.drop("result_without_call")
            return
        text, images, success = outcome(payload)
        if call in node.results:
            if not told_later(self, line, payload, node, text):
                self.drop("second_result")
            return
        status = status_of(text, success)
        node.results[call] = ToolResult(call, tool, text, status, tuple(images))
        node.result_places.append(self.place)
        if status in ("rejected", "interrupted") and status not in node.result_flags:
            node.result_flags.append(status)
        if not node.result_id:
            own = placed(node.places, self.place)
            node.result_id = f"{node.id}:results" if own else self.name()
            node.result_at = utc(line.timestamp or "")
        if node is self.answer:
            self.answer = None
        self._spawned(call, text)

    def _output_again(self, line: Line, payload: Payload) -> bool:
        """Whether an output without an id is a copy. Calls that end together may have the same
        output, so one of the same time is a copy only if the line of its call was repeated too."""
        words = as_json([payload.output, payload.tools])
        stands = self.written.stands(line.timestamp, self.place, self.piece, "output", words)
        if not stands or (stands != "before" and self.served not in self.twice):
            return False
        self.twice.discard(self.served)
        self.drop("repeated_record")
        return True

    def _carried(self, line: Line, answer: Node) -> Node:
        """The node for outputs of calls in another file."""
        last = self.nodes[-1] if self.nodes else None
        if last is not None and last.calls_up and last.up is answer:
            return last
        self.answer = None
        node = self.node(line, "results")
        node.places, node.up, node.calls_up = [], answer, True
        return node

    def _spawned(self, call: str, text: str) -> None:
        """Note which thread a call started, if its output says so."""
        if '"agent_id"' in text[:400] or '"thread_id"' in text[:400]:
            try:
                found = msgspec.json.decode(text)
            except (msgspec.DecodeError, RecursionError):
                return
            if isinstance(found, dict):
                agent = words(found.get("agent_id")) or words(found.get("thread_id"))
                self.agents.setdefault(agent, call)


def _asks(node: Node) -> bool:
    """Whether an answer without results holds a call that waits for its output."""
    return any(type(part) is ToolCall and part.name != "web_search" for part in node.parts)
