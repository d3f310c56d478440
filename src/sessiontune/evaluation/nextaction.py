"""Next action: does an arm choose the tool and arguments that were used, and accepted?

The match is that of the Berkeley function-calling leaderboard's syntax-tree check: the same name
and, argument by argument, the same value, with paths and white space normalised. Parallel calls
match as a set.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

import msgspec

from .callforms import Call, Written

_SPACE = re.compile(r"\s+")
_PATHS = ("path", "file", "folder", "dir", "cwd")


class Score(msgspec.Struct, frozen=True):
    """All in [0, 1]. `name`: right tools; `arguments`: share of right arguments; `exact`: all.

    `valid`: share of the written calls that parse; 0 if calls were wanted and none was written, so
    that an arm which never writes one does not count as flawless.
    """

    name: float
    arguments: float
    exact: float
    valid: float


def score(given: Sequence[Call], wanted: Sequence[Call], broken: int = 0) -> Score:
    """Compare the calls of one turn with those that were made.

    No call where none was wanted scores 1; free text in place of a call, or a call in place of
    text, scores 0.
    """
    written = len(given) + broken
    valid = len(given) / written if written else float(not wanted)
    if not wanted:
        right = float(not given and not broken)
        return Score(right, right, right, valid)
    names = arguments = 0.0
    left = list(given)
    for call in wanted:
        same = [c for c in left if c.name == call.name]
        if not same:
            continue
        best = max(same, key=lambda c: agreement(c.arguments, call.arguments))
        left.remove(best)
        names += 1
        arguments += agreement(best.arguments, call.arguments)
    total = max(len(wanted), written)
    return Score(names / total, arguments / total, float(arguments == total), valid)


def agreement(given: Mapping[str, Any], wanted: Mapping[str, Any]) -> float:
    """Share of arguments that are equal, over all that either side has. Two empty ones agree."""
    keys = given.keys() | wanted.keys()
    if not keys:
        return 1.0
    same = sum(1 for k in keys if k in given and k in wanted and _equal(k, given[k], wanted[k]))
    return same / len(keys)


def _equal(name: str, given: Any, wanted: Any) -> bool:
    if isinstance(given, Written) and not isinstance(wanted, str):
        given = given.value()
    try:
        return bool(normal(name, given) == normal(name, wanted))
    except (OverflowError, RecursionError):  # a number without end, brackets without end
        return False


def normal(name: str, value: Any) -> Any:
    """A value as it is compared: paths without `./`, doubled and closing slashes; white space
    runs as one blank; numbers by value; containers member by member."""
    if isinstance(value, str):
        text = _SPACE.sub(" ", value).strip()
        if any(part in name.lower() for part in _PATHS):
            text = re.sub(r"/+", "/", text.replace("\\", "/"))
            return text.removeprefix("./").rstrip("/") or "/"
        return text
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, list):
        return [normal(name, v) for v in value]
    if isinstance(value, dict):
        return {k: normal(k, v) for k, v in value.items()}
    return value


#: Arguments that hold code as written, in the tools of the agents we know.
_WRITTEN = ("new_string", "new_str", "new_source", "content", "file_text", "patch", "input", "diff")


def edit_similarity(given: Sequence[Call], wanted: Sequence[Call]) -> float | None:
    """How close the written code is to the accepted edit: 1 - changed share of lines.

    Lines are compared with white space normalised, by longest matching blocks. None if the turn
    wrote no code; 0 if only the arm wrote none.
    """
    aim = _lines_written(wanted)
    if not aim:
        return None
    return float(SequenceMatcher(None, _lines_written(given), aim, autojunk=False).ratio())


def _lines_written(calls: Sequence[Call]) -> list[str]:
    found: list[str] = []
    for call in calls:
        inner = call.arguments.get("edits")
        edits = [e for e in inner if isinstance(e, dict)] if isinstance(inner, list) else []
        for arguments in (call.arguments, *edits):
            for name in _WRITTEN:
                text = arguments.get(name)
                if isinstance(text, str):
                    found += [_SPACE.sub(" ", line).strip() for line in text.splitlines()]
    return [line for line in found if line]
