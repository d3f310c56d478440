"""The table `session_message`: messages with their parts, converted to the older form.

Version 2 (September 2026) has only this table, with `session_v2`. In version 1 it holds sessions of
clients of the newer interface (`/api/session`); all others are in `message` and `part`.
"""

from __future__ import annotations

import base64
import sqlite3
from typing import Any

from ..shapes import as_json, inside, mapping, objects, words

_COLUMNS = {"id", "session_id", "type", "seq", "time_created", "data"}

#: Rows of a session. If the older table has the session too, only what came after it is new.
ROWS = """
SELECT n.rowid, n.id, n.type, n.data FROM session_message n
WHERE n.session_id = ? AND n.time_created >
  coalesce((SELECT max(m.time_created) FROM message m WHERE m.session_id = n.session_id), -1)
ORDER BY n.seq, n.id
"""
#: Number of rows that repeat the older table, or name no time or session.
COPIES = """
SELECT count(*) FROM session_message n WHERE n.session_id IS NULL OR coalesce(n.time_created <=
  coalesce((SELECT max(m.time_created) FROM message m WHERE m.session_id = n.session_id), -1), 1)
"""


def is_kept(base: sqlite3.Connection) -> bool:
    """Whether a database has the table in this form; others were never filled."""
    columns = {row[1] for row in base.execute("PRAGMA table_info(session_message)")}
    return columns >= _COLUMNS


def older(kind: str, told: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Info and parts of a message, in the form of the older tables."""
    info = {"role": kind, "time": told.get("time"), "error": told.get("error")}
    text = {"type": "text", "text": told.get("text")}
    if kind == "user":
        return info, [text, *_files(told.get("files"))]
    if kind in ("synthetic", "skill"):
        return {**info, "role": "user"}, [{**text, "synthetic": True}]
    if kind == "shell":
        shown = told.get("output")
        output = words(inside(shown, "output") if isinstance(shown, dict) else shown)
        ran = f"! {words(told.get('command'))}\n{output}".strip("\n")
        return {**info, "role": "user"}, [{**text, "text": ran, "synthetic": True}]
    if kind == "compaction":
        done = told.get("status", "completed") == "completed"
        summary = {"type": "text", "text": told.get("summary")}
        whole = {**info, "role": "assistant", "summary": True}
        return (whole if done else {**whole, "error": {"name": "unfinished"}}), [summary]
    if kind == "idle":
        return {**info, "outcome": told.get("outcome")}, []
    info["modelID"] = inside(told, "model", "id")
    info["tokens"] = told.get("tokens")
    return info, [_part(part) for part in objects(told.get("content"))]


def _part(part: dict[str, Any]) -> dict[str, Any]:
    if part.get("type") != "tool":
        return part
    state = mapping(part.get("state"))
    shown = objects(state.get("content"))
    output = "\n".join(words(p.get("text")) for p in shown if p.get("type") == "text")
    noted = state.get("structured")
    if not shown and isinstance(noted, dict):  # what the model saw then
        output = as_json(noted)
    done = {
        "status": state.get("status"),
        "input": state.get("input"),
        "output": output,
        "error": inside(state, "error", "message"),
        "attachments": [*_files(shown), *_files(state.get("attachments"))],
        "metadata": state.get("metadata", noted),
        "time": {"end": inside(part, "time", "completed")},
    }
    return {"type": "tool", "callID": part.get("id"), "tool": part.get("name"), "state": done}


def _files(listed: Any) -> list[dict[str, Any]]:
    return [_file(item) for item in objects(listed) if "uri" in item or "data" in item]


def _file(item: dict[str, Any]) -> dict[str, Any]:
    """A file beside a prompt: by its address, or with its bytes. The model saw a text as text."""
    mime, data = words(item.get("mime")), item.get("data")
    if not isinstance(data, str):
        return {"type": "file", "url": item.get("uri"), "mime": mime}
    if not mime.startswith("text/") and mime != "application/x-directory":
        return {"type": "file", "url": f"data:{mime};base64,{data}", "mime": mime}
    try:
        held = base64.b64decode(data).decode("utf-8", "replace")
    except ValueError:
        held = ""
    said = "\n\n".join(filter(None, (words(item.get("name")), held)))
    return {"type": "text", "text": said, "synthetic": True}
