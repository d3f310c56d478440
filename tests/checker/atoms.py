"""Atoms: the smallest things said in a log, each of which must be in the output once.

Only the standard library and orjson. Texts are compared in a canonical form without white space, so
that joins and trims of blocks do not matter, but all else does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

_ODD = re.compile("[\ud800-\udfff\ufffd\x00]")

#: Tags that the agent program writes into what the person typed. Anything else is the person's own.
PROGRAM_TAGS = (
    "system-reminder|local-command-caveat|local-command-stdout|local-command-stderr|command-name"
    "|command-message|command-args|command-contents|ide_opened_file|ide_selection|ide_diagnostics"
    "|task-notification|bash-input|bash-stdout|bash-stderr|bash-notification|post-tool-use-hook"
    "|user-prompt-submit-hook|session-start-hook|new-diagnostics"
)
_CUT_USER = re.compile(rf"<({PROGRAM_TAGS})(?:\s[^>]*)?>.*?</\1>", re.DOTALL)
_CUT_RESULT = re.compile(r"<(system-reminder|new-diagnostics)>.*?</\1>", re.DOTALL)
_UNWRAP = re.compile(r"</?(?:tool_use_error|persisted-output|error)>")


def canon(text: str) -> str:
    """The text without white space, lone surrogates, replacement characters and NUL."""
    return _ODD.sub("", "".join(text.split()))


def canon_user(text: str) -> str:
    return canon(_CUT_USER.sub("", text))


def canon_result(text: str) -> str:
    return canon(_UNWRAP.sub("", _CUT_RESULT.sub("", text)))


@dataclass
class Atom:
    """One text, thinking, call, result or image of one log record.

    `at` is file -> (line, nth, block): a resumed copy gives one atom several places.
    `required`: must be in the output. `forms`: canonical texts that count as verbatim.
    """

    kind: str  # prompt, answer, thinking, call, result, context, image
    forms: tuple[str, ...]
    at: dict[str, tuple[int, int, int]]
    required: bool = True
    call_id: str = ""
    name: str = ""
    arguments: Any = None
    record: str = ""
    sessions: set[str] = field(default_factory=set)
    agent: str | None = None
    piece_of: str = ""
    side: str = ""  # canonical text of a side file that holds the whole result
    loose: bool = False  # a part of the text is enough (rejections)
    taken: bool = False
    until: int = 0  # typed ahead: the model got it between its line and this one

    def where(self) -> str:
        file, (line, _, _) = next(iter(self.at.items()))
        return f"{file}:{line}"


@dataclass
class Log:
    """The content of one file: its atoms and the parents of its records."""

    file: str
    atoms: list[Atom] = field(default_factory=list)
    parents: dict[str, str] = field(default_factory=dict)
    words: list[tuple[str, str]] = field(default_factory=list)  # record id -> what it says
    clears: list[int] = field(default_factory=list)  # lines where the context was emptied
    junk: bool = False


def values(raw: bytes) -> list[Any]:
    """The JSON values of one line: glued ones are separate; an unreadable one is None."""
    text = raw.removeprefix(b"\xef\xbb\xbf").strip(b" \t\r")
    try:
        return [orjson.loads(text)]
    except orjson.JSONDecodeError:
        pass
    try:
        rest = text.decode("utf-8", "replace").strip()
        found: list[Any] = []
        while rest:
            try:
                value, end = json.JSONDecoder().raw_decode(rest)
            except (ValueError, RecursionError):
                return [*found, None]
            found.append(value)
            rest = rest[end:].lstrip()
        return found
    except (ValueError, RecursionError):
        return [None]


def lines(path: str) -> Iterator[tuple[int, int, Any]]:
    """(line, nth, value) of every record; lines end only at a line feed, blank ones are skipped."""
    with open(path, "rb") as log:
        for number, raw in enumerate(log, 1):
            raw = raw.rstrip(b"\n")
            if raw.strip():
                for nth, value in enumerate(values(raw)):
                    yield number, nth, value


def text_of(content: Any) -> str:
    """The text of a tool's output in any of its forms."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [
            b if isinstance(b, str) else b.get("text") or b.get("tool_name")
            for b in content
            if isinstance(b, str | dict)
        ]
        return "\n".join(p for p in parts if isinstance(p, str))
    if content is None:
        return ""
    return json.dumps(content, ensure_ascii=False)
