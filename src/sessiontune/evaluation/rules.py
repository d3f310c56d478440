"""The cheap baseline: project rules mined from the training side, for the base's prompt.

Tuning must beat a page of instructions. The rules come only from the training side: context files
in the logs (CLAUDE.md and the like), what the user asked for again and again or corrected, and the
tools, commands and folders used most. The held-out side is never read here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from ..rows.read import rows_in

#: Characters of the whole text: about a page, or 600 tokens.
MOST = 2_400
#: Characters taken from context files.
_CONTEXT = 1_200

#: Instructions of lasting use. A bare "no, that is wrong" is about one moment only.
_CORRECTION = re.compile(
    r"^(?:no[,. ]+)?(?:please )?(?:don'?t\b|do not\b|never\b|always\b|stop\b|instead\b"
    r"|use \S+ (?:instead|not)\b|not \S+[,.] )",
    re.IGNORECASE,
)
_RULE = re.compile(r"\b(?:always|never|must|don'?t|do not|use|prefer|run)\b", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"[\[<{](?:redacted|secret|email|path)", re.IGNORECASE)


def mined_rules(folder: Path) -> str:
    """Rules from `train/openai.jsonl` of an export; empty if there are none."""
    path = folder / "train" / "openai.jsonl"
    if not path.is_file():
        return ""
    return rules_of(rows_in(path, "messages"))


def rules_of(rows: Iterable[Mapping[str, Any]]) -> str:
    """Rules from training rows. The same rows give the same text."""
    said: Counter[str] = Counter()
    corrections: Counter[str] = Counter()
    tools: Counter[str] = Counter()
    commands: Counter[str] = Counter()
    folders: Counter[str] = Counter()
    for row in rows:
        for message in row["messages"]:
            text = message.get("content") or ""
            if message["role"] == "system":
                said.update({line for line in _lines(text) if _RULE.search(line)})
            elif message["role"] == "user":
                corrections.update({line for line in _lines(text) if _CORRECTION.match(line)})
            for call in message.get("tool_calls") or []:
                _count_call(call["function"], tools, commands, folders)
    parts = [
        _part("Rules of this project:", _top(said, 12), _CONTEXT),
        _part("What the user has corrected before:", _top(corrections, 8), 700),
        _part("Commands used here:", [f"`{c}`" for c in _top(commands, 8, least=2)], 500),
        _part("Files are mostly in:", [f"`{f}`" for f in _top(folders, 6, least=2)], 300),
        _part("Tools used most:", _top(tools, 8), 200),
    ]
    return "\n\n".join(filter(None, parts))[:MOST].strip()


def _lines(text: str) -> list[str]:
    found = []
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            continue  # a heading is no rule
        plain = line.strip().lstrip("-* ").strip()
        if 8 <= len(plain) <= 200 and not _PLACEHOLDER.search(plain):
            found.append(plain)
    return found


def _count_call(
    function: Mapping[str, Any],
    tools: Counter[str],
    commands: Counter[str],
    folders: Counter[str],
) -> None:
    tools[function["name"]] += 1
    try:
        arguments = orjson.loads(function.get("arguments") or "{}")
    except orjson.JSONDecodeError:
        return  # the call is broken in the log
    if not isinstance(arguments, dict):
        return
    command = arguments.get("command") or arguments.get("cmd")
    if isinstance(command, list):
        command = " ".join(map(str, command))
    if isinstance(command, str) and command.strip():
        commands[_habit(command)] += 1
    for name in ("file_path", "path"):
        value = arguments.get(name)
        if isinstance(value, str) and "/" in value:
            folders[value.rpartition("/")[0]] += 1


def _habit(command: str) -> str:
    """The first three words of the first part that is not only `cd`, `export` or `set`."""
    parts = [p.strip() for p in re.split(r"&&|\|\||;|\n|\|", command) if p.strip()]
    telling = [p for p in parts if not p.startswith(("cd ", "export ", "set "))] or parts
    return " ".join(telling[0].split()[:3]) if telling else command.strip()


def _top(counted: Counter[str], most: int, least: int = 1) -> list[str]:
    ranked = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return [text for text, times in ranked[:most] if times >= least]


def _part(head: str, items: list[str], most: int) -> str:
    kept: list[str] = []
    size = 0
    for item in items:
        size += len(item) + 3
        if size > most:
            break
        kept.append(f"- {item}")
    return "\n".join([head, *kept]) if kept else ""
