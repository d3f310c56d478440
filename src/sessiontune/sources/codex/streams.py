"""The output of `codex exec --json`, converted to the events of a rollout.

Newer versions print `thread.started`, `turn.*` and `item.*`, the first ones `{id, msg}` around the
events themselves, after a line of settings and one with the prompt. Such a file holds what the
screen showed, so it is read as a rollout that holds nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson

from ...ledger import Ledger
from ...ports import ReadOptions
from ..lines import head_of, read_lines
from ..mending import values
from ..shapes import words

_LINE = re.compile(
    rb'\A\s*\{\s*"type"\s*:\s*"(?:thread\.started"\s*,\s*"thread_id"'
    rb'|item\.(?:started|updated|completed)"\s*,\s*"item"\s*:\s*\{)'
    rb'|\A\s*\{\s*"id"\s*:\s*"[^"]*"\s*,\s*"msg"\s*:\s*\{\s*"type"\s*:'
)
_WORDS = (b'"thread.started"', b'"item.', b'"msg"')


def is_stream(head: bytes) -> bool:
    """Whether one of the first lines is such output."""
    if not any(word in head for word in _WORDS):  # nearly every log, without a look at its lines
        return False
    return any(_LINE.match(raw) for raw in head.split(b"\n")[:200])


def holds_stream(path: str) -> bool:
    """The same of a file."""
    return is_stream(head_of(path))


def stream_lines(path: str, options: ReadOptions, ledger: Ledger) -> Iterator[tuple[int, bytes]]:
    """Each line as one of a rollout; other lines are unchanged."""
    run, thread = 0, ""
    for at, raw in read_lines(path, options, ledger):
        found = values(raw, Ledger())
        record = found[0] if len(found) == 1 and isinstance(found[0], dict) else None
        if record is None:
            yield at, bytes(raw)
            continue
        if record.get("type") == "thread.started":
            run, thread = run + 1, words(record.get("thread_id"))
        yield at, orjson.dumps(_told(record, f"{thread}{run}"))


def _told(record: dict[str, Any], run: str) -> dict[str, Any]:
    kind, msg, item = words(record.get("type")), record.get("msg"), record.get("item")
    if isinstance(msg, dict):
        session = words(msg.get("session_id"))
        if msg.get("type") == "session_configured" and session:
            return {"type": "session_meta", "payload": {"id": session}}
        return {"type": "event_msg", "payload": msg}
    if kind == "thread.started":
        return {"type": "session_meta", "payload": {"id": record.get("thread_id")}}
    if kind.startswith("item.") and isinstance(item, dict):
        return {"type": "event_msg", "payload": _event(item, kind == "item.completed", run)}
    if kind == "turn.completed":
        info = {"last_token_usage": record.get("usage")}
        return {"type": "event_msg", "payload": {"type": "token_count", "info": info}}
    if kind:
        begun = kind == "turn.started"
        return {"type": "event_msg", "payload": {"type": "task_started" if begun else kind}}
    if isinstance(record.get("prompt"), str):
        return {
            "type": "event_msg",
            "payload": {"type": "user_message", "message": record["prompt"]},
        }
    settings = {"model": record.get("model"), "cwd": record.get("workdir")}
    return {"type": "turn_context", "payload": settings}


def _event(item: dict[str, Any], done: bool, run: str) -> dict[str, Any]:
    """The event that showed an item; a text counts when it is done."""
    kind = words(item.get("type")) or words(item.get("item_type"))
    call = f"{run}:{words(item.get('id'))}"
    end = "end" if done else "begin"
    if kind in ("agent_message", "assistant_message") and done:
        return {"type": "agent_message", "message": item.get("text")}
    if kind == "reasoning" and done:
        return {"type": "agent_reasoning", "text": item.get("text")}
    if kind == "command_execution":
        return {**item, "type": f"exec_command_{end}", "call_id": call}
    if kind == "file_change":
        went = item.get("status") != "failed"
        return {**item, "type": f"patch_apply_{end}", "call_id": call, "success": went}
    if kind == "mcp_tool_call":
        asked = {name: item.get(name) for name in ("server", "tool", "arguments")}
        result: dict[str, Any] = {"Ok": item.get("result")}
        if item.get("error"):
            error = item["error"]
            result = {"Err": error.get("message") if isinstance(error, dict) else str(error)}
        told = {"type": f"mcp_tool_call_{end}", "call_id": call, "invocation": asked}
        return {**told, "result": result} if done else told
    if kind == "web_search" and done:
        return {"type": "web_search_end", "call_id": call, "query": item.get("query")}
    return {"type": f"{kind}_{end}" if kind else "none"}
