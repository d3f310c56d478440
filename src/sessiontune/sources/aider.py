"""Aider: `.aider.chat.history.md`, prose in which the chats of a folder follow one another.

`# aider chat started at` begins a chat, `#### ` a prompt, `> ` a notice of the program; all else
is the model's. The form is ambiguous, as an answer may hold a heading of four marks. Aider writes a
notice after every answer, so a heading is a prompt only at a chat's beginning or after a notice or
another prompt. A record is a block of lines of one kind; its line is the first.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping

import msgspec

from ..linking import Frame
from ..model import Session, Text
from ..ports import FileIndex
from .indexing import Seen, scan
from .linear import Linear
from .lines import read_lines
from .twice import Twice
from .units import Unit, UnitSource

_START = re.compile(rb"(?m)^# aider chat started at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_TIME = re.compile(r"# aider chat started at (\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)")
_MODEL = re.compile(r"> (?:Main model|Model|Models?): (\S+)")


class Block(msgspec.Struct):
    """Lines of one kind: `start`, `prompt`, `notice` or `answer`; `line` counts from 1."""

    kind: str
    line: int
    lines: list[str]


class AiderSource(UnitSource):
    """Aider chat histories."""

    name = "aider"
    suffixes = (".md",)

    def roots(self, env: Mapping[str, str], home: str) -> list[str]:
        """Histories are in each project; only the home folder's has a fixed place."""
        named = env.get("AIDER_CHAT_HISTORY_FILE")
        return [path for path in (named, os.path.join(home, ".aider.chat.history.md")) if path]

    def recognise(self, path: str, head: bytes) -> bool:
        """Whether the file is Markdown that begins with a chat's head line."""
        return path.endswith(self.suffixes) and _START.search(head[:4000]) is not None

    def index(self, path: str, offset: int = 0) -> FileIndex:
        """Times of the chats of a file from `offset` on; it has no links to other files."""
        return scan(path, offset, _decode, _note, prefix="")

    def read(self, files: tuple[str, ...], unit: Unit) -> Iterator[Session]:
        """One session for each chat."""
        for path in sorted(files):
            yield from _read(unit.log(path), unit)


SOURCE = AiderSource()


def _decode(raw: memoryview) -> str:
    return bytes(raw[:60]).decode("utf-8", "replace")


def _note(line: str, seen: Seen) -> None:
    found = _TIME.match(line)
    if found:
        seen.time(f"{found[1]}T{found[2]}")


def _blocks(log: Linear) -> Iterator[Block]:
    block: Block | None = None
    last = 0
    for line, raw in read_lines(log.path, log.options, log.ledger):
        text = bytes(raw).decode("utf-8", "replace").rstrip("\r")
        kind = _kind(text, block)
        if block is None or kind != block.kind or kind == "start":
            if block is not None:
                yield block
            block = Block(kind, line, [])
        elif last and line > last + 1:
            block.lines.extend([""] * (line - last - 1))
        block.lines.append(text)
        last = line
    if block is not None:
        yield block


def _kind(text: str, before: Block | None) -> str:
    if _TIME.match(text):
        return "start"
    if text.startswith("> ") or text == ">":
        return "notice"
    if text.startswith("#### ") and (before is None or before.kind != "answer"):
        return "prompt"
    return "answer"


def _read(log: Linear, unit: Unit) -> Iterator[Session]:
    started, model = "", ""
    folder = os.path.basename(os.path.dirname(os.path.abspath(log.path)))
    twice = Twice(log)
    for block in _blocks(log):
        log.part(block.line)
        again = twice.drops(block.lines, block.lines[0] if block.kind == "start" else "")
        if block.kind == "start":
            yield from _chat(log, folder, unit)
            found = _TIME.match(block.lines[0])
            started, model = (f"{found[1]}T{found[2]}" if found else ""), ""
            log.session_id = f"aider:{folder}:{started}"
            log.nodes, log.open, log.last = [], None, None
            if not again:
                log.drop("start")
            continue
        if block.kind == "notice":
            named = next(filter(None, map(_MODEL.match, block.lines)), None)
            model = named[1] if named else model
            log.open = None
        if again:
            continue
        if block.kind == "notice":
            log.drop("notice")
        elif block.kind == "prompt":
            _prompt(log, block, started)
        else:
            text = "\n".join(block.lines).strip()
            if text:
                log.answer(started, model).parts.append(Text(text))
            else:
                log.drop("empty")
    yield from _chat(log, folder, unit)


def _prompt(log: Linear, block: Block, started: str) -> None:
    text = "\n".join(line[5:].rstrip() for line in block.lines if line.startswith("#### ")).strip()
    if not text:
        log.drop("empty")
    elif text.startswith("/") and "\n" not in text and not text.startswith(("/ask ", "/code ")):
        log.drop("local_command")
    else:
        log.node("prompt", [Text(text)], started)


def _chat(log: Linear, folder: str, unit: Unit) -> Iterator[Session]:
    frame = Frame(session_id=log.session_id or f"aider:{folder}", project=folder)
    yield from unit.sessions(log, frame)
