"""The database of Kiro CLI's first versions, and of Amazon Q's program before them
(`data.sqlite3`): a row is a conversation, as JSON.

An entry of its history is what the model was told (a prompt, or the results of its calls) and its
answer; here each of the two is a record. Amazon Q keeps one conversation for each folder; what
`/save` wrote is the same JSON in a file.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec

from ..ledger import Ledger
from ..linking import Frame, Node
from ..model import Fault, ResultStatus, Session, Text
from ..ports import FileIndex, ReadOptions
from .databases import faults_of, holds, if_readable, index_of, opened, rows
from .linear import Linear
from .lines import stem
from .shapes import (
    as_json,
    digest_of,
    elements,
    inside,
    mapping,
    moment,
    objects,
    safe_name,
    texts,
    thoughts,
    value_of,
    words,
)
from .units import Unit

SUFFIXES = (".sqlite3", ".json")
_TABLES = ("conversations_v2", "conversations")
_NEEDED = [{(table, name) for name in ("key", "value")} for table in _TABLES]
_SAVED = re.compile(
    rb'\A\s*\{\s*"conversation_id"\s*:.{0,200}?"(?:next_message|history)"\s*:', re.DOTALL
)
_CANCELLED = "Tool use was cancelled by the user"
_DENIED = "User denied tool execution"

#: What entries became or lead to.
Entries = dict[Any, Node | None]


class Told(msgspec.Struct):
    """A conversation: its name, its folder, its state (None: no JSON), whether a newer table holds
    it, too."""

    name: str
    folder: str
    state: dict[str, Any] | None
    again: bool = False


def recognise(path: str, head: bytes) -> bool:
    """Whether a file is such a database, or a conversation that was saved."""
    if path.endswith(".json"):
        return _SAVED.match(head) is not None
    return holds(path, head, *_NEEDED)


@if_readable
def index(path: str) -> FileIndex:
    """The conversations; a database is always indexed whole."""
    found = list(_conversations(Linear(path, ReadOptions(), Ledger())))
    count = sum(1 if one.state is None else 2 * len(_history(one.state)) for one in found)
    return index_of(path, (one.name for one in found), (one.folder for one in found), count, "", "")


def sessions(path: str, again: str, unit: Unit, known: set[str]) -> Iterator[Session]:
    """The conversations of a database. `known`: those that newer versions took over into logs;
    `again` distinguishes messages from those of other databases.
    Entries that other databases held (Kiro took over Amazon Q's) are known by conversation, digest,
    and how often they were there."""
    number = 0
    mine: Entries = {}
    with faults_of(path, unit.ledger):
        seen: set[str] = set()
        for one in _conversations(unit.log(path)):
            log, name = unit.log(path), one.name
            if one.state is None:
                number += 1
                log.part(number)
                unit.ledger.fault(Fault("bad_json", path, number))
                continue
            session_id = name if name not in seen else f"{name}/{number}"
            log.session_id = session_id + again
            number = _read(log, one, number, one.again or name in known, unit.owner, mine)
            seen.add(name)
            yield from unit.sessions(log, Frame(session_id=session_id, cwd=one.folder))
    unit.owner |= mine


def _read(log: Linear, one: Told, number: int, again: bool, told: Entries, mine: Entries) -> int:
    """Read a conversation after `number` records; returns the number of the last one. `again`: all
    of it was read elsewhere; `mine` takes what its entries became."""
    state = mapping(one.state)
    up: Node | None = None
    same: Counter[bytes] = Counter()
    summary = state.get("latest_summary")
    summed = words(summary[0]) if isinstance(summary, list) and summary else ""
    key = one.name, digest_of(summed), 0
    if summed.strip() and not again and key not in told:  # what it sums up is not kept
        number += 1
        log.part(number)
        mine[key] = log.node("summary", [Text(summed)])
    for entry in _history(state):
        digest, count = digest_of(entry), len(log.nodes)
        same[digest] += 1
        key = one.name, digest, same[digest]
        up = told.get(key) or up
        for held, take in zip(_entry(entry), (_asked, _answered), strict=True):
            number += 1
            log.part(number)
            if again or key in told:
                log.drop("resumed_copy", "link")
                continue
            with log.taking():
                take(log, held, entry, state)
        if log.nodes[count:] and up is not None:
            log.nodes[count].up, up = up, None
        mine[key] = log.nodes[-1] if log.nodes else up
    return number


def _conversations(log: Linear) -> Iterator[Told]:
    """The conversations of a file, those of the newer table first."""
    path = log.path
    if path.endswith(".json"):
        state = log.document()
        if state is not None:
            yield Told(words(state.get("conversation_id")) or stem(path), _place(state), state)
        return
    with opened(path) as base:
        known = {name for (name,) in base.execute("SELECT name FROM sqlite_master")}
        newer: set[str] = set()
        for table in (table for table in _TABLES if table in known):
            for row in rows(base, table):
                state, folder = value_of(row.get("value")), words(row.get("key"))
                name = words(row.get("conversation_id")) or words(inside(state, "conversation_id"))
                again = table != _TABLES[0] and name in newer
                if table == _TABLES[0] and name and state is not None:
                    newer.add(name)
                yield Told(name or folder, folder or _place(state), state, again)


def _place(state: dict[str, Any] | None) -> str:
    """The folder that the first entry tells."""
    for entry in _history(state)[:1]:
        place = ("env_context", "env_state", "current_working_directory")
        return words(inside(_entry(entry)[0], *place))
    return ""


def _history(state: dict[str, Any] | None) -> list[Any]:
    return elements(inside(state, "history"))


def _entry(entry: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the model was told and its answer; a pair in older versions."""
    if isinstance(entry, list):
        user, answer = [*map(mapping, entry[:2]), {}, {}][:2]
        return user, answer
    return mapping(mapping(entry).get("user")), mapping(mapping(entry).get("assistant"))


def _asked(log: Linear, told: dict[str, Any], entry: Any, state: dict[str, Any]) -> None:
    content, at = mapping(told.get("content")), words(told.get("timestamp"))
    kind = next(iter(content), "")
    held = mapping(content.get(kind))
    used = False
    for result in objects(held.get("tool_use_results")):
        used = _result(log, result, at) or used
    prompt = words(held.get("prompt"))
    beside = words(told.get("additional_context"))
    if prompt.strip():
        if beside.strip():
            log.node("context", [Text(beside)], at, f"{log.place[0]}^")
        log.node("prompt", [Text(prompt)], at)
    elif not used:
        known = kind in ("Prompt", "ToolUseResults", "CancelledToolUses", "")
        log.drop("empty" if known else f"unknown_type:{safe_name(kind)}")


def _result(log: Linear, result: dict[str, Any], at: str) -> bool:
    """Take a result; returns whether a call waited for it."""
    call = words(result.get("tool_use_id"))
    if call not in log.calls or call in log.calls[call].results:
        return False
    told = []
    failed = result.get("status") == "Error"
    for block in objects(result.get("content")):
        if isinstance(block.get("Text"), str):
            told.append(block["Text"])
        elif block.get("Json") is not None:
            told.append(as_json(block["Json"]))
            code = inside(block["Json"], "exit_status")
            failed = failed or code not in (None, 0, "0", "exit status: 0")
    text = "\n".join(told)
    status: ResultStatus = "error" if failed else "ok"
    if text.startswith(_DENIED):
        status = "rejected"
    elif text.startswith(_CANCELLED):
        status = "interrupted"
    return log.result(call, text, status, at)


def _answered(log: Linear, told: dict[str, Any], entry: Any, state: dict[str, Any]) -> None:
    held = mapping(told.get("ToolUse")) or mapping(told.get("Response"))
    about = mapping(mapping(entry).get("request_metadata"))
    thought = words(inside(held, "thinking", "text"))
    thought = thought or words(inside(held, "thinking", "reasoningText", "text"))
    parts = thoughts(thought) + texts(held.get("content"))
    calls = [
        (words(c.get("id")), words(c.get("name")), c.get("args"))
        for c in objects(held.get("tool_uses"))
    ]
    model = words(about.get("model_id")) or words(inside(state, "model_info", "model_id"))
    model = model or words(state.get("model"))
    at = moment(about.get("request_start_timestamp_ms"))
    log.told_answer(parts, calls, at, model if model != "auto" else "")
