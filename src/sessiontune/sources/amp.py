"""Amp: `~/.local/share/amp/threads/T-<id>.json`, a document for each thread.

Messages hold blocks as in Anthropic's API; the result of a call is in the user's message after it,
as a run with a status. Threads are also kept on the vendor's servers: newer versions may keep only
some of them, or none, on the machine.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ..linking import Frame
from ..model import Part, ResultStatus, Session, Text
from ..ports import FileIndex
from .folders import data_home
from .indexing import Seen, scan
from .linear import Linear
from .lines import stem
from .orders import longest_first
from .pictures import picture_in
from .shapes import (
    answered,
    as_json,
    blocks_of,
    calls_in,
    digest_of,
    folder_of,
    inside,
    joined,
    mapping,
    moment,
    number,
    objects,
    ran,
    safe_name,
    usage_of,
    words,
)
from .twice import Twice
from .units import Unit, UnitSource

_DOCUMENT = re.compile(
    rb'\A\s*\{(?=.{0,400}"id"\s*:\s*"T-[0-9a-f-]{36}").*"messages"\s*:\s*\[', re.DOTALL
)
_ID = re.compile(rb'"id"\s*:\s*"(T-[0-9a-f-]{36})"')
_TREE = re.compile(rb'"trees"\s*:\s*\[\s*\{[^\]]{0,1000}?"uri"\s*:\s*"([^"\\]{1,1000})"')
_TIME = re.compile(rb'"(?:created|sentAt)"\s*:\s*(\d{13})\b')
_STATUS: dict[str, ResultStatus] = {
    "done": "ok",
    "error": "error",
    "rejected-by-user": "rejected",
    "cancelled": "interrupted",
}
#: Fields with the output of a tool, among those about its run.
_SAID = ("output", "content")


class Known(msgspec.Struct, gc=False):
    """What the index takes from a document."""

    name: str
    folder: str
    times: list[int]


def _known(raw: memoryview) -> Known:
    text = bytes(raw)
    name, tree = _ID.search(text[:1000]), _TREE.search(text)
    folder = folder_of(tree[1].decode("utf-8", "replace")) if tree else ""
    return Known(name[1].decode() if name else "", folder, list(map(int, _TIME.findall(text))))


def _note(line: Known, seen: Seen) -> None:
    seen.sessions.add(line.name)
    seen.names.add(line.folder)
    for at in line.times:
        seen.time(moment(at))


class AmpSource(UnitSource):
    """Threads of Amp."""

    name = "amp"
    suffixes = (".json",)

    def roots(self, env: Mapping[str, str], home: str) -> list[str]:
        """The folders of its threads."""
        return [os.path.join(data_home(env, home), "amp", "threads")]

    def recognise(self, path: str, head: bytes) -> bool:
        """Whether the file begins as a thread."""
        return path.endswith(".json") and _DOCUMENT.match(head) is not None

    def index(self, path: str, offset: int = 0) -> FileIndex:
        """Id, folder and times of a thread; a document is always indexed whole."""
        return scan(path, 0, _known, _note)

    def read(self, files: tuple[str, ...], unit: Unit) -> Iterator[Session]:
        """The session of each thread; a message that a longer copy holds counts once."""
        for path, again in longest_first(files):
            log = unit.log(path)
            document = log.document()
            if document is None:
                continue
            name = words(document.get("id")) or stem(path)
            log.session_id = name + again
            _read(log, document, name)
            title = words(document.get("title"))[:200]
            frame = Frame(session_id=name, cwd=_folder(document), title=title)
            yield from unit.sessions(log, frame)


SOURCE = AmpSource()


def _folder(document: dict[str, Any]) -> str:
    trees = objects(inside(document, "env", "initial", "trees"))
    return folder_of(trees[0].get("uri")) if trees else ""


def _read(log: Linear, document: dict[str, Any], name: str) -> None:
    begun = number(document.get("created"))
    twice = Twice(log)
    for message in log.listed(document, "messages"):
        if log.copied((name, log.place[0], digest_of(message.get("content")))):
            continue
        ids = "messageId" in message, *calls_in(blocks_of(message.get("content")))
        if twice.drops(message, *ids, at=inside(message, "meta", "sentAt")):
            continue
        with log.taking():
            _take(log, message, begun if log.place[0] == 1 else 0)


def _take(log: Linear, message: dict[str, Any], begun: int) -> None:
    role, at = words(message.get("role")), number(inside(message, "meta", "sentAt"))
    blocks = blocks_of(message.get("content"))
    if role == "assistant":
        _answer(log, message, blocks, at or begun)
    elif role in ("user", "info"):
        _user(log, blocks, at or begun)
    elif role == "system":
        log.drop("system")
    else:
        log.drop(f"unknown_role:{safe_name(role)}" if message else "no_message")


def _user(log: Linear, blocks: list[dict[str, Any]], at: int) -> None:
    """Take words, results of calls, a summary, and commands that a person ran."""
    typed: list[Part] = []
    counted, used, reason = dict(log.counts), False, "empty"
    for nth, block in enumerate(blocks):
        kind, text = words(block.get("type")), words(block.get("text"))
        image = picture_in(block) if kind == "image" else None
        if kind == "tool_result":
            used = _result(log, block, at) or used
        elif kind == "text" and text.strip():
            typed.append(Text(text))
        elif image is not None:
            typed.append(image)
        elif kind == "summary":
            told = block.get("summary")
            summary = words(told) or words(inside(told, "summary"))
            if summary.strip():
                log.node("summary", [Text(summary)], at, f"{log.place[0]}^{nth}")
                used = True
        elif kind == "manual_bash_invocation":
            told = _ran(block)
            if told and block.get("hidden") is not True:
                log.node("context", [Text(told)], at, f"{log.place[0]}^{nth}")
                used = True
            reason = "shell_mode"
        elif kind != "text":
            reason = f"unknown_block:{safe_name(kind)}"
    if typed:
        if reason.startswith("unknown_block"):
            log.unknown_part()
        log.node("prompt", typed, at)
    log.once(counted, used or bool(typed), reason)


def _ran(block: dict[str, Any]) -> str:
    """A command that a person ran, and what it printed."""
    given = mapping(block.get("args"))
    command = words(given.get("cmd")) or words(given.get("command"))
    printed = _output(inside(block, "toolRun", "result"))
    return ran(command, printed) if command else printed.strip("\n")


def _output(result: Any) -> str:
    """The result of a tool: words, or its field with the output."""
    if isinstance(result, str):
        return result
    if isinstance(result, dict):
        said = next((result[f] for f in _SAID if isinstance(result.get(f), str)), None)
        if said is not None:
            return str(said)
    if isinstance(result, list) and (listed := objects(result)):
        return joined(*(words(block.get("text")) for block in listed))
    return "" if result is None else as_json(result)


def _result(log: Linear, block: dict[str, Any], at: int) -> bool:
    """Take a result; whether a call waited for it."""
    run = mapping(block.get("run"))
    status = _STATUS.get(words(run.get("status")))
    if status is None:
        log.drop("pending")
        return False
    error, result = run.get("error"), run.get("result")
    why = words(error) or words(inside(error, "message"))
    text = _output(result) or why or words(run.get("reason"))
    if status == "ok" and isinstance(result, dict) and type(result.get("exitCode")) is int:
        status = "error" if result["exitCode"] else "ok"
    return log.result(words(block.get("toolUseID")), text, status, at)


def _answer(log: Linear, message: dict[str, Any], blocks: list[dict[str, Any]], at: int) -> None:
    parts, calls, reason = answered(blocks)
    state, used = inside(message, "state", "type"), mapping(message.get("usage"))
    if state == "error" and not (parts or calls):
        reason = "api_error"
    node = log.told_answer(parts, calls, at, words(used.get("model")), reason=reason)
    names = ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheCreationInputTokens")
    if node is not None and used:
        log.usage(usage_of(used, *names))
    if state == "cancelled":
        log.interrupted()
