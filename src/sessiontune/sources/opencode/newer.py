"""The table `session_message`: messages with their parts, converted to the older form.

Only this table holds sessions of clients of the newer interface (`/api/session`); all others are in
`message` and `part`.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from ..linear import words
from ..shapes import inside, mapping, objects

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
    if kind == "synthetic":
        return {**info, "role": "user"}, [{**text, "synthetic": True}]
    if kind == "shell":
        ran = f"! {words(told.get('command'))}\n{words(told.get('output'))}".strip("\n")
        return {**info, "role": "user"}, [{**text, "text": ran, "synthetic": True}]
    if kind == "compaction":
        summary = {"type": "text", "text": told.get("summary")}
        return {**info, "role": "assistant", "summary": True}, [summary]
    info["modelID"] = inside(told, "model", "id")
    info["tokens"] = told.get("tokens")
    return info, [_part(part) for part in objects(told.get("content"))]


def _part(part: dict[str, Any]) -> dict[str, Any]:
    if part.get("type") != "tool":
        return part
    state = mapping(part.get("state"))
    shown = objects(state.get("content"))
    output = "\n".join(words(p.get("text")) for p in shown if p.get("type") == "text")
    if not shown and isinstance(state.get("structured"), dict):  # what the model saw then
        output = json.dumps(state["structured"], ensure_ascii=False, separators=(",", ":"))
    done = {
        "status": state.get("status"),
        "input": state.get("input"),
        "output": output,
        "error": inside(state, "error", "message"),
        "attachments": [*_files(shown), *_files(state.get("attachments"))],
        "metadata": state.get("structured"),
        "time": {"end": inside(part, "time", "completed")},
    }
    return {"type": "tool", "callID": part.get("id"), "tool": part.get("name"), "state": done}


def _files(listed: Any) -> list[dict[str, Any]]:
    return [
        {"type": "file", "url": item.get("uri"), "mime": item.get("mime")}
        for item in objects(listed)
        if "uri" in item
    ]
