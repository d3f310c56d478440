"""A history saved with `/chat save`: `checkpoint-<name>.json` beside `chats/`.

Older files are a list of contents as in the vendor's API, newer ones hold it as `history`. They are
copies without ids, so they are read only if no chats are beside them: the program deletes chats
after some weeks, and its first versions kept none.
"""

from __future__ import annotations

import os
import re
from typing import Any

from ...ledger import Ledger
from ..linear import Linear
from ..lines import read_lines
from ..mending import LineFault, line_fault, saved, single, values
from ..shapes import elements, inside, objects, words
from .messages import take_message

_TURN = re.compile(
    rb'\A\s*(?:\{\s*"history"\s*:\s*)?\[\s*\{\s*"role"\s*:\s*"(?:user|model)"\s*,\s*"parts"\s*:\s*\['
)
#: The program's answer in the model's name to its own words on the setting.
_SET = "Got it. Thanks for the context!"


def is_saved(path: str, head: bytes) -> bool:
    """Whether the file is such a history, and the only copy there is."""
    return _TURN.search(head[:4000]) is not None and not _has_chats(os.path.dirname(path))


def _has_chats(folder: str) -> bool:
    try:
        return any(n.startswith("session-") for n in os.listdir(os.path.join(folder, "chats")))
    except OSError:
        return False


def take_saved(log: Linear) -> None:
    """Read a history: one record for each content. One that cannot be read whole is a fault, and
    what is whole of it is read."""
    raw = b"\n".join(bytes(line) for _, line in read_lines(log.path, log.options, Ledger()))
    listed = not raw.lstrip().startswith(b"{")
    begun, end = (b'{"history":', b"}") if listed else (b"", b"")
    found = single(values(begun + raw + end, log.ledger))
    history = inside(found, "history")
    if not isinstance(history, list):
        log.part(1)
        fault = found if isinstance(found, LineFault) else LineFault("bad_json")
        log.ledger.fault(line_fault(fault, log.path, 1, b"}"))
        history = elements(inside(saved(begun + raw), "history"))
    waiting: list[tuple[str, str]] = []  # calls without an output: tool, id
    for at, content in enumerate(history, 1):
        log.part(at)
        with log.taking():
            _take(log, content, at, waiting)


def _take(log: Linear, content: Any, at: int, waiting: list[tuple[str, str]]) -> None:
    parts = inside(content, "parts")
    if not isinstance(parts, list):
        log.drop("no_message")
        return
    blocks = objects(parts)
    if content.get("role") != "model":
        for block in blocks:
            _name_answer(block.get("functionResponse"), waiting)
        take_message(log, {"type": "user", "content": blocks}, f"{at}", False, "")
        return
    if len(blocks) == 1 and words(blocks[0].get("text")).startswith(_SET) and len(log.nodes) < 2:
        log.drop("synthetic")
        return
    for number, block in enumerate(blocks):
        call = block.get("functionCall")
        if isinstance(call, dict):
            call["id"] = words(call.get("id")) or f"{at}:{number}"
            waiting.append((words(call.get("name")), call["id"]))
    take_message(log, {"type": "gemini", "content": blocks}, f"{at}", False, "")


def _name_answer(answer: Any, waiting: list[tuple[str, str]]) -> None:
    """Give an output the id of the call that it answers: its own, or the first of its tool."""
    if not isinstance(answer, dict):
        return
    name, own = words(answer.get("name")), words(answer.get("id"))
    known = [w for w in waiting if w[1] == own] or [w for w in waiting if w[0] == name and not own]
    if known:
        waiting.remove(known[0])
        answer["id"] = known[0][1]
