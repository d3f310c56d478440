"""Tool calls of the sample sessions with results as the agent program would show them.

A `Call` carries the result twice, as real logs do: `result` is what the model saw, `rich` is the
copy that the program keeps for its screen.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from . import code
from .world import CWD


@dataclass(frozen=True)
class Call:
    """A tool call and its result. `status` is ok, error, rejected or missing."""

    name: str
    input: dict[str, Any]
    result: str
    rich: Any = None
    status: str = "ok"


@dataclass(frozen=True)
class Reply:
    """One message of the model: thinking, text and calls, any of them empty."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    thinking: str = ""


@dataclass(frozen=True)
class Turn:
    """What a person asks, and the messages that answer it; the last one is text alone."""

    prompt: str
    replies: tuple[Reply, ...]
    area: str = ""


def numbered(text: str, first: int = 1) -> str:
    """Lines with numbers, the way the Read tool shows a file."""
    lines = text.rstrip("\n").split("\n")
    return "\n".join(f"{i:>6}→{line}" for i, line in enumerate(lines, first))


def read(path: str, text: str | None = None) -> Call:
    """Read a file of the repository (or the given text)."""
    content = code.source(path) if text is None else text
    full = f"{CWD}/{path}"
    lines = content.count("\n") + 1
    return Call(
        "Read",
        {"file_path": full},
        numbered(content),
        {
            "type": "text",
            "file": {
                "filePath": full,
                "content": content,
                "numLines": lines,
                "startLine": 1,
                "totalLines": lines,
            },
        },
    )


def grep(pattern: str, folder: str) -> Call:
    """Search the repository, twelve hits at most; the pattern is a plain regular expression."""
    regex = re.compile(pattern)
    hits = [
        f"{CWD}/{path}:{number}:{line}"
        for path, text in code.files().items()
        if path.startswith(folder)
        for number, line in enumerate(text.split("\n"), 1)
        if regex.search(line)
    ][:12]
    names = list(dict.fromkeys(hit.partition(":")[0] for hit in hits))
    given = {"pattern": pattern, "output_mode": "content", "-n": True, "path": f"{CWD}/{folder}"}
    text = "\n".join(hits) or "No matches found"
    return Call(
        "Grep",
        given,
        text,
        {
            "mode": "content",
            "numFiles": len(names),
            "filenames": names,
            "content": text,
            "numLines": len(hits),
        },
    )


def glob(folder: str, ending: str) -> Call:
    """Files under a folder with an ending such as `.py`."""
    names = [f"{CWD}/{p}" for p in code.files() if p.startswith(folder) and p.endswith(ending)]
    return Call(
        "Glob",
        {"pattern": f"{folder}/**/*{ending}"},
        "\n".join(names) or "No files found",
        {"filenames": names, "durationMs": 12, "numFiles": len(names), "truncated": False},
    )


def edit(path: str, old: str, new: str, *, by_user: bool = False) -> Call:
    """Replace `old` by `new` in a file of the repository."""
    before = code.source(path)
    full = f"{CWD}/{path}"
    line = before[: max(before.find(old), 0)].count("\n") + 1
    removed, added = old.split("\n"), new.split("\n")
    patch = {
        "oldStart": line,
        "oldLines": len(removed),
        "newStart": line,
        "newLines": len(added),
        "lines": [f"-{x}" for x in removed] + [f"+{x}" for x in added],
    }
    return Call(
        "Edit",
        {"file_path": full, "old_string": old, "new_string": new},
        f"The file {full} has been updated. Here is the changed part:\n{numbered(new, line)}",
        {
            "filePath": full,
            "oldString": old,
            "newString": new,
            "originalFile": before,
            "structuredPatch": [patch],
            "userModified": by_user,
            "replaceAll": False,
        },
    )


def bash(command: str, out: str, why: str, *, failed: bool = False) -> Call:
    """Run a command; a failed one gives exit code 1."""
    given = {"command": command, "description": why}
    if failed:
        text = f"Exit code 1\n{out}"
        return Call("Bash", given, text, f"Error: {text}", "error")
    rich = {"stdout": out, "stderr": "", "interrupted": False, "isImage": False}
    return Call("Bash", given, out, rich)


def sql(query: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> Call:
    """Ask the database on the command line."""
    table = [tuple(str(cell) for cell in row) for row in (header, *rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(header))]
    lines = ["  ".join(c.ljust(n) for c, n in zip(row, widths, strict=True)) for row in table]
    lines.insert(1, "  ".join("-" * n for n in widths))
    text = "\n".join(line.rstrip() for line in lines)
    return bash(f'sqlite3 -header -column var/ops.sqlite3 "{query}"', text, "Query the database")


def passed(rng: Random, path: str, count: int) -> Call:
    """A test run that succeeds."""
    dots = "." * count
    out = f"{dots}{' ' * max(1, 60 - count)}[100%]\n{count} passed in {rng.uniform(0.2, 3.4):.2f}s"
    return bash(f"cd backend && python -m pytest -q {path}", out, "Run the tests")


def failed(rng: Random, path: str, test: str, line: str, error: str, count: int) -> Call:
    """A test run in which one test fails."""
    module = path.rpartition("/")[2]
    body = "\n".join(
        [
            f"{'.' * (count - 1)}F",
            "=" * 35 + " FAILURES " + "=" * 35,
            "_" * 20 + f" {test} " + "_" * 20,
            "",
            f">       {line}",
            f"E       {error}",
            "",
            f"{path}:{rng.randrange(20, 90)}: {error.partition(':')[0]}",
            "=" * 27 + " short test summary info " + "=" * 27,
            f"FAILED {path}::{test} - {error}",
            f"1 failed, {count - 1} passed in {rng.uniform(0.3, 2.9):.2f}s",
        ]
    )
    return bash(
        f"cd backend && python -m pytest -q tests/{module}", body, "Run the tests", failed=True
    )


def todos(items: Sequence[str], done: int) -> Call:
    """The plan as a list, of which `done` items are finished and the next is under way."""
    states = ["completed"] * done + ["in_progress"] + ["pending"] * len(items)
    rows = [
        {"content": item, "status": state, "activeForm": f"Working on: {item[0].lower()}{item[1:]}"}
        for item, state in zip(items, states, strict=False)
    ]
    return Call(
        "TodoWrite",
        {"todos": rows},
        "Todos have been modified successfully. Go on with the current task.",
        {"oldTodos": [], "newTodos": rows},
    )


def web_search(query: str, hits: Sequence[tuple[str, str, str]]) -> Call:
    """Search the web: hits are (title, address, what it says)."""
    links = [{"title": title, "url": url} for title, url, _ in hits]
    text = f'Web search results for query: "{query}"\n\n' + "\n\n".join(
        f"{title}\n{url}\n{says}" for title, url, says in hits
    )
    rich = {"query": query, "results": [{"content": links}], "durationSeconds": 4}
    return Call("WebSearch", {"query": query}, text, rich)
