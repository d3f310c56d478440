"""The chat of VS Code (GitHub Copilot and others): `chatSessions/<id>.json` or `.jsonl`.

A document with a list of requests; newer versions write the document once and then a line for each
change. What a change took out of the list (a person went back) is a branch. Requests that a forked
chat copied keep their ids and are kept once.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ..ledger import Ledger
from ..linking import Frame
from ..model import Session
from ..ports import FileIndex
from .folders import user_folders
from .indexing import Seen, scan
from .linear import Linear
from .lines import any_begins, stem
from .mending import LineFault, line_fault
from .orders import longest_first
from .shapes import elements, folder_of, inside, mapping, moment, objects, read_json, words
from .units import Unit, UnitSource
from .vscode_turns import summaries_of, turn

_DOCUMENT = re.compile(rb'\A\s*\{(?=.*"(?:responderUsername|requesterUsername)"\s*:)', re.DOTALL)
_REQUESTS = re.compile(rb'"requests"\s*:\s*\[')
#: The line that holds the document, or a change of its requests: the document may be damaged.
_LINE = re.compile(
    rb'\{\s*"kind"\s*:\s*(?:0\s*,\s*"v"\s*:\s*\{'
    rb'(?=.*"(?:creationDate|responderUsername|initialLocation|requests)"\s*:)'
    rb'|[12]\s*,\s*"k"\s*:\s*\[\s*"requests"\s*[],])'
)
_REQUEST = re.compile(rb'"requestId"\s*:\s*"([\w-]{1,100})"')
_TIME = re.compile(rb'"(?:timestamp|creationDate|lastMessageDate)"\s*:\s*(\d{13})\b')
_SERVERS = (".vscode-server", ".vscode-server-insiders", ".vscode-remote")
_CHATS = (("workspaceStorage", "*", "chatSessions"), ("globalStorage", "emptyWindowChatSessions"))

#: Most requests in a row whose lines may be damaged.
_MOST_DAMAGED = 100
#: Kinds of change: replace all, set a value, continue a list (from `i` on), delete.
_ALL, _SET, _PUSH, _DELETE = range(4)


class Known(msgspec.Struct, gc=False):
    """What the index takes from a line or a document."""

    requests: list[str]
    times: list[int]


def _known(raw: memoryview) -> Known:
    text = bytes(raw)
    return Known([r.decode() for r in _REQUEST.findall(text)], list(map(int, _TIME.findall(text))))


def _note(line: Known, seen: Seen) -> None:
    seen.ids.update(line.requests)
    for at in line.times:
        seen.time(moment(at))


class VsCodeSource(UnitSource):
    """Chats of VS Code."""

    name = "vscode"
    suffixes = (".json",)

    def roots(self, env: Mapping[str, str], home: str) -> list[str]:
        """The chats of every folder that was open, and those without a folder."""
        users = user_folders(env, home, _SERVERS)
        asked = [os.path.join(glob.escape(user), *below) for user in users for below in _CHATS]
        return [place for pattern in asked for place in sorted(glob.glob(pattern))]

    def recognise(self, path: str, head: bytes) -> bool:
        """Whether the file begins as a chat, or one of its first lines is of one."""
        if path.endswith(".jsonl"):
            return any_begins(_LINE, head)
        return (
            path.endswith(".json")
            and _DOCUMENT.match(head) is not None
            and _REQUESTS.search(head) is not None
        )

    def index(self, path: str, offset: int = 0) -> FileIndex:
        """Ids of requests, folder and times; always of the whole file."""
        link = f"session:{stem(path)}"
        return scan(path, 0, _known, _note, (link,), names=(_folder(path),))

    def read(self, files: tuple[str, ...], unit: Unit) -> Iterator[Session]:
        """The chats of one unit, the longest first."""
        for path, again in longest_first(files):
            yield from _Chat(path, unit, again).sessions()


SOURCE = VsCodeSource()


def _folder(path: str) -> str:
    """The folder that was open, from `workspace.json` beside the chats."""
    beside = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(path))), "workspace.json")
    found = mapping(read_json(beside))
    return folder_of(found.get("folder") or found.get("workspace"))


class _Chat:
    """Reads one file. `again` distinguishes chats of one name."""

    def __init__(self, path: str, unit: Unit, again: str) -> None:
        self.path, self.unit, self.again = path, unit, again
        self.taken: dict[tuple[str, int], list[Any]] = {}
        self.doubled = 0  # requests whose lines stand twice

    def sessions(self) -> Iterator[Session]:
        """The sessions; what was taken back from the very beginning is a separate one."""
        log = self.unit.log(self.path)
        document = self._replayed() if self.path.endswith(".jsonl") else log.document()
        if document is None:
            return
        name = words(document.get("sessionId")) or stem(self.path)
        cwd = _folder(self.path) or folder_of(document.get("workingDirectory"))
        frame = Frame(session_id=name, cwd=cwd, title=words(document.get("customTitle"))[:200])
        final = elements(document.get("requests"))
        summaries = summaries_of([r for run in (final, *self.taken.values()) for r in run])
        count = 0
        for _ in range(self.doubled):
            count += 1
            log.part(count)
            log.drop("repeated_record", "link")
        begun = [run for after, run in self.taken.items() if not after[0]]
        for nth, run in enumerate([*begun, final]):
            log.session_id = name + self.again + (f"-{nth}" if nth else "")
            for request, after in self._ordered(run):
                count += 1
                self._request(log, request, summaries, count, after)
            yield from self.unit.sessions(log, frame)
            log = self.unit.log(self.path)

    def _ordered(self, run: list[Any]) -> Iterator[tuple[Any, str]]:
        """Requests, each with the one before it; those taken back come first."""
        waiting: list[tuple[Iterator[Any], str]] = [(iter(run), "")]
        while waiting:
            going, after = waiting[-1]
            request = next(going, self)
            if request is self:
                waiting.pop()
                continue
            yield request, after
            own = words(inside(request, "requestId"))
            waiting[-1] = (going, own or after)
            runs = [key for key in self.taken if own and key[0] == own]
            waiting += [(iter(self.taken.pop(key)), own) for key in reversed(runs)]

    def _request(
        self, log: Linear, request: Any, summaries: dict[str, str], count: int, after: str
    ) -> None:
        """Read a request that follows another one."""
        owner = self.unit.owner
        up = owner.get(after) if after else None
        own = words(inside(request, "requestId"))
        log.part(count)
        if own and own in owner:
            log.drop("resumed_copy", "link")
            return
        before = len(log.nodes)
        try:
            turn(log, request, summaries, f"{own or count}")
        except LineFault as fault:
            log.ledger.fault(line_fault(fault, self.path, count, b"}"))
            del log.nodes[before:]  # an incomplete request is dropped as a whole
        made = log.nodes[before:]
        if made and up is not None:
            made[0].up = up
        if own:
            owner[own] = made[-1] if made else up

    def _replayed(self) -> dict[str, Any]:
        """The document that results from the lines of a file, even if the first one is damaged."""
        scratch, ledger = Ledger(), self.unit.ledger
        state: dict[str, Any] = {}
        for line in Linear(self.path, self.unit.options, scratch).records():
            if line.get("kind") == _ALL:
                state = line["v"] if isinstance(line.get("v"), dict) else state
            else:
                self._change(state, line)
        for fault in scratch.faults:
            ledger.record(self.path)
            ledger.fault(fault)
        for repair, times in scratch.repairs.items():
            ledger.repair(repair, times)
        kept = {words(r.get("requestId")) for r in objects(state.get("requests"))}
        for after, run in self.taken.items():
            self.taken[after] = [r for r in run if words(r.get("requestId")) not in kept]
        self.taken = {after: run for after, run in self.taken.items() if run}
        return state

    def _change(self, state: dict[str, Any], line: dict[str, Any]) -> None:
        """Apply one change; one whose path does not exist is left out."""
        path, kind, given = line.get("k"), line.get("kind"), line.get("v")
        if not isinstance(path, list) or not path or kind not in (_SET, _PUSH, _DELETE):
            return
        _make_room(state, path)
        holder: Any = state
        for step in path[:-1]:
            holder = _at(holder, step)
        last = path[-1]
        if kind == _PUSH:
            listed = elements(_at(holder, last))
            start = line.get("i")
            if type(start) is int and 0 <= start < len(listed):
                if path == ["requests"]:
                    self._took(listed[:start], objects(listed[start:]))
                listed = listed[:start]
            given = elements(given)
            if path == ["requests"]:
                given = self._new(listed, given)
            given = [*listed, *given]
        if isinstance(holder, dict) and isinstance(last, str):
            holder[last] = None if kind == _DELETE else given
        elif isinstance(holder, list) and type(last) is int and 0 <= last < len(holder):
            holder[last] = given

    def _new(self, listed: list[Any], given: list[Any]) -> list[Any]:
        """The requests without those that are listed: a line that stands twice, which would give
        those after it other places."""
        there = {words(inside(request, "requestId")) for request in listed} - {""}
        new = [r for r in given if words(inside(r, "requestId")) not in there]
        self.doubled += len(given) - len(new)
        return new

    def _took(self, kept: list[Any], gone: list[dict[str, Any]]) -> None:
        after = words(inside(kept[-1], "requestId")) if kept else ""
        self.taken[after, len(self.taken)] = gone


def _make_room(state: dict[str, Any], path: list[Any]) -> None:
    """Put empty requests where a change knows one whose own line was damaged, so that this and
    those after it keep their places."""
    listed = state.get("requests")
    if path[0] == "requests" and len(path) > 1 and type(path[1]) is int:
        if not isinstance(listed, list):
            listed = state["requests"] = []
        if path[1] - len(listed) < _MOST_DAMAGED:
            listed += [{} for _ in range(len(listed), path[1] + 1)]


def _at(holder: Any, step: Any) -> Any:
    """The value under a name of an object, or at a place of a list."""
    if isinstance(holder, dict) and isinstance(step, str):
        return holder.get(step)
    if isinstance(holder, list) and type(step) is int and 0 <= step < len(holder):
        return holder[step]
    return None
