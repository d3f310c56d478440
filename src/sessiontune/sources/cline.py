"""Cline and its forks Roo Code and Kilo Code: `tasks/<id>/api_conversation_history.json`.

One JSON array of the messages that went to the model. Newer versions have calls as blocks; in older
ones the model wrote them as tags into its text, and the results went back as text of the user under
a head such as `[read_file for 'a.py'] Result:`. Both become calls and results. `ui_messages.json`
beside it holds the same for the screen.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import orjson

from ..linking import Frame
from ..model import Image, Part, Session, Text
from ..ports import FileIndex
from .cline_sessions import END, about, is_agent, is_session, read_session, session_of
from .cline_text import RESULT, SUMMARY, Call, added, said, status_of, without_notes, written
from .folders import user_folders
from .indexing import Seen, scan
from .linear import Linear
from .lines import size_of
from .mending import mend
from .pictures import picture_in
from .printed import array_lines
from .shapes import (
    blocks_of,
    calls_in,
    inside,
    joined,
    mapping,
    moment,
    pictures,
    read_json,
    safe_name,
    texts,
    thoughts,
    usage_of,
    words,
)
from .twice import Twice
from .units import Unit, UnitSource

_FILE = "api_conversation_history.json"
_FIRST = re.compile(
    rb'\A\s*\[\s*\{\s*(?:"\w+"\s*:\s*[\d.]+\s*,\s*)?"role"\s*:\s*"(?:user|assistant)"'
)
_WRAPS = (b"<task>", b"<user_message>", b"<environment_details>")
_FOLDER = re.compile(r"# Current (?:Working|Workspace) Directory \(([^)\n]{1,400})\)")
_MODEL = re.compile(r"<model>([^<\n]{1,120})</model>")
_PLACES = ("saoudrizwan.claude-dev", "rooveterinaryinc.roo-cline", "kilocode.kilo-code")
_SERVERS = (".vscode-server", ".vscode-remote", ".cursor-server", ".windsurf-server")


class Known(msgspec.Struct, gc=False):
    """What the index takes from a message."""

    ts: int | float | None = None
    cwd: str = ""


def _note(line: Known, seen: Seen) -> None:
    seen.names.add(line.cwd)
    seen.time(moment(int(line.ts or 0)))


def _known(raw: memoryview) -> Known:
    """The folder that a document names, and its last time, from all of its lines."""
    text = bytes(raw).decode("utf-8", "replace")
    folder, times = _FOLDER.search(text), re.findall(r'"ts"\s*:\s*(\d{13})\b', text)
    return Known(int(times[-1]) if times else None, folder[1] if folder else "")


class ClineSource(UnitSource):
    """Tasks of Cline and its forks."""

    name = "cline"
    suffixes = (".json",)

    def roots(self, env: Mapping[str, str], home: str) -> list[str]:
        """The folders of tasks: the storage of every installed editor, and Cline's own folder."""
        users = user_folders(env, home, _SERVERS)
        found = [os.path.join(u, "globalStorage", p, "tasks") for u in users for p in _PLACES]
        own = os.path.join(env.get("CLINE_DIR") or os.path.join(home, ".cline"), "data")
        found += [os.path.join(own, "tasks"), os.path.join(own, "sessions")]
        return [path for path in found if os.path.isdir(path)]

    def recognise(self, path: str, head: bytes) -> bool:
        """Whether a file begins like the messages of a task."""
        if not path.endswith(self.suffixes) or _FIRST.match(head) is None:
            return is_session(path, head)
        return os.path.basename(path) == _FILE or any(tag in head for tag in _WRAPS)

    def index(self, path: str, offset: int = 0) -> FileIndex:
        """Folders and times of a task; the document is always indexed whole."""
        name = session_of(path) if path.endswith(END) else _task(path)
        cwd = words(about(path).get("cwd")) if path.endswith(END) else ""
        return scan(path, 0, _known, _note, (f"session:{name}",), names=(cwd,))

    def read(self, files: tuple[str, ...], unit: Unit) -> Iterator[Session]:
        """The session of each file; a message that a longer copy of the task holds counts once."""
        for nth, path in enumerate(sorted(files, key=lambda p: (is_agent(p), -size_of(p), p))):
            again = f"~{nth}" if nth else ""
            if path.endswith(END):
                yield from read_session(path, again, unit)
                continue
            task = _Task(unit.log(path, _task(path) + again))
            task.read()
            frame = Frame(session_id=task.id, cwd=task.cwd)
            yield from unit.sessions(task.log, frame)


SOURCE = ClineSource()


def _task(path: str) -> str:
    """The task's id: the name of its folder, or of a file that was copied out of it."""
    name = os.path.basename(path)
    return os.path.basename(os.path.dirname(path)) if name == _FILE else os.path.splitext(name)[0]


class _Back:
    """The content of one message of the user."""

    def __init__(self) -> None:
        self.results: dict[str, tuple[list[str], list[Image]]] = {}
        self.context: list[Part] = []
        self.own: list[Part] = []  # a person's words and pictures
        self.reason = "environment_details"  # of the drop, if nothing is left


class _Task:
    """Reads one task."""

    def __init__(self, log: Linear) -> None:
        self.log, self.id = log, _task(log.path)
        self.cwd, self.model = "", ""
        self.waiting: list[tuple[str, str]] = []  # calls without a result: id, tool

    def read(self) -> None:
        """Read the messages."""
        log = self.log
        twice = Twice(log)
        for at, raw in array_lines(log.path, log.options, log.ledger):
            log.part(at)
            if log.copied((at, hashlib.blake2b(bytes(raw), digest_size=8).digest())):
                continue
            message = mapping(orjson.loads(raw))
            calls = calls_in(blocks_of(message.get("content")))
            if twice.drops(message, *calls, at=message.get("ts")):
                continue
            with log.taking():
                self._take(message)

    def _take(self, message: dict[str, Any]) -> None:
        role, at = words(message.get("role")), _at(message.get("ts"), self.id)
        blocks = blocks_of(message.get("content"))
        if not blocks:
            self.log.drop("no_message" if not role else "empty")
        elif message.get("isSummary") is True:
            self.log.say("summary", texts(*map(_text, blocks)), at)
        elif role == "assistant":
            self._answer(message, blocks, at)
        elif role == "user":
            self._user(blocks, at)
        else:
            self.log.drop(f"unknown_role:{safe_name(role)}")

    # ------------------------------------------------------------ answers

    def _answer(self, message: dict[str, Any], blocks: list[dict[str, Any]], at: int) -> None:
        model = words(inside(message, "modelInfo", "modelId"))
        steps: list[Part | Call] = []
        plain = any(block.get("type") == "tool_use" for block in blocks)
        for block in blocks:
            kind = words(block.get("type"))
            if kind == "text":
                text = _text(block)
                steps += texts(text) if plain else written(text)
            elif kind in ("thinking", "reasoning"):
                steps += thoughts(words(block.get("thinking")) or _text(block))
            elif kind == "tool_use":
                given = mend(block.get("input"))
                steps.append(Call(words(block.get("name")), given, words(block.get("id"))))
        if not steps:
            self.log.drop("empty")
            return
        node = self.log.new_answer([], at, model or self.model or _model_of(self.log.path))
        self.waiting = []
        for step in steps:
            if isinstance(step, Call):
                name = step.id or f"{node.id}:{len(self.waiting)}"
                name = self.log.call(node, name, step.name, step.arguments)
                self.waiting.append((name, step.name))
            else:
                node.parts.append(step)
        tokens = inside(message, "metrics", "tokens")
        if isinstance(tokens, dict):
            self.log.usage(usage_of(tokens, "prompt", "completion", "cached"))

    # ------------------------------------------------------------ what went back

    def _user(self, blocks: list[dict[str, Any]], at: int) -> None:
        back, call = _Back(), ""
        for block in blocks:
            if block.get("type") == "tool_result":
                named = words(block.get("tool_use_id")) or "?"  # its text is no person's
                back.results.setdefault(named, ([], []))
                for item in blocks_of(block.get("content")):
                    self._piece(item, named, back)
                continue
            text = self._without_notes(_text(block))
            head = RESULT.match(text)
            if head is not None and self.waiting:
                call = self._called(head[1], back.results)
                back.results.setdefault(call, ([], []))
                text = text[head.end() :]
            why = added(text) if head is None else None
            if why is None:
                self._piece({**block, "text": text}, call, back)
                continue
            rest, own = said(text, "")
            back.own += [Text(own)] if own else []
            back.context += [Text(rest)] if not why else []
            back.reason = why or back.reason
        self._emit(back, at)

    def _piece(self, block: dict[str, Any], call: str, back: _Back) -> None:
        """Take one block: the result of a call, if there is one, and a person's words in it."""
        kind = words(block.get("type"))
        if kind == "image":
            found = pictures(picture_in(block))
            if call:
                back.results[call][1].extend(found)
            else:
                back.own += found
        elif kind != "text":
            back.reason = f"unknown_block:{safe_name(kind)}"
        else:
            text = self._without_notes(_text(block))
            rest, own = said(text, self.log.names.get(call, "?") if call else None)
            back.own += [Text(own)] if own else []
            if call:
                back.results[call][0].append(rest)
            elif rest and not own:
                back.own.append(Text(rest))

    def _emit(self, back: _Back, at: int) -> None:
        """Emit the results, then what the program added, then the person's own words."""
        log, used = self.log, bool(back.context or back.own)
        for call, (told, images) in back.results.items():
            node = log.calls.get(call)
            if node is not None and call not in node.results:
                text = joined(*told)
                log.result(call, text, status_of(text), at, tuple(images))
                used = True
        if back.context:
            log.node("context", back.context, at, f"{log.place[0]}^")
        if back.own:
            first = back.own[0]
            summed = isinstance(first, Text) and first.text.startswith(SUMMARY)
            log.node("summary" if summed else "prompt", back.own, at)
        if not used:
            log.drop("result_without_call" if back.results else back.reason)

    def _called(self, tool: str, results: Mapping[str, Any]) -> str:
        """The waiting call that a head names, or the first one if none has the name."""
        left = [(call, name) for call, name in self.waiting if call not in results]
        named = [call for call, name in left if name == tool]
        return (named or [call for call, _ in left or self.waiting])[0]

    def _without_notes(self, text: str) -> str:
        """The text without the editor's notes, from which the folder and the model are taken."""
        if "<environment_details>" not in text:
            return text
        folder, model = _FOLDER.search(text), _MODEL.search(text)
        self.cwd = self.cwd or (folder[1] if folder else "")
        self.model = model[1] if model else self.model
        return without_notes(text)


def _text(block: dict[str, Any]) -> str:
    return words(block.get("text"))


def _at(told: Any, task: str) -> int:
    """Milliseconds: those of the message, else those in the name of the task."""
    if isinstance(told, int | float) and 0 < told < 1 << 43:
        return int(told)
    return int(task) if task.isdecimal() and len(task) == 13 else 0


def _model_of(path: str) -> str:
    """The model that `task_metadata.json` beside the task names last."""
    told = read_json(os.path.join(os.path.dirname(path), "task_metadata.json"))
    used = inside(told, "model_usage")
    return words(inside(used[-1], "model_id")) if isinstance(used, list) and used else ""
