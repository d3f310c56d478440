"""A small export with tool work, masked turns and two sides."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

FILES = ["main.py", "db.py", "views.py", "api.py", "tests.py", "page.tsx"]
THINGS = ["proposal", "invoice", "contract", "project", "client", "report"]


def call(name: str, arguments: dict[str, Any], identity: str) -> dict[str, Any]:
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"id": identity, "type": "function", "function": function}


def conversation(number: int, masked: bool = True) -> dict[str, Any]:
    """One session: a question, a call that may fail (masked), one that works, an answer."""
    pick = random.Random(number)
    thing, file = pick.choice(THINGS), pick.choice(FILES)
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": f"Add a {thing} field number {number} to {file}, please."},
    ]
    if number % 3 == 0:
        messages += [
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [call("Read", {"path": f"src/{file}.old"}, f"a{number}")],
                "train": not masked,
            },
            {
                "role": "tool",
                "content": f"error: the file src/{file}.old does not exist here ({number})",
                "tool_call_id": f"a{number}",
                "name": "Read",
            },
        ]
    messages += [
        {
            "role": "assistant",
            "content": f"I will read {file}.",
            "tool_calls": [call("Read", {"path": f"src/{file}"}, f"b{number}")],
            "train": True,
        },
        {
            "role": "tool",
            "content": f"def {thing}():\n    return {number}  # a line that only the tool prints\n",
            "tool_call_id": f"b{number}",
            "name": "Read",
        },
        {
            "role": "assistant",
            "content": f"The {thing} field is now in {file}. Run the tests to see it work.",
            "train": True,
        },
    ]
    tools = [
        {
            "type": "function",
            "function": {
                "name": "Read",
                "description": "Read a file.",
                "parameters": {"type": "object", "properties": {"path": {"type": "string"}}},
            },
        }
    ]
    return {
        "messages": messages,
        "tools": json.dumps(tools),
        "session_id": f"s{number}",
        "lineage": f"l{number}",
        "split": "train",
    }


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def make_export(
    folder: Path,
    train: int = 24,
    held: int = 6,
    change: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
) -> Path:
    """Write an export; `change` alters each row."""
    change = change or (lambda row: row)
    rows = [change(conversation(i)) for i in range(train + held)]
    write_jsonl(folder / "train" / "openai.jsonl", rows[:train])
    write_jsonl(folder / "eval" / "openai.jsonl", rows[train:])
    return folder
