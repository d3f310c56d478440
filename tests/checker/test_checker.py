"""The checker itself: it accepts what was written by hand and catches every kind of fault.

Turns are made from the `expected.json` of the tiny logs, so no reader stands between.
"""

from __future__ import annotations

import ast
import copy
import json
from pathlib import Path
from typing import Any

import pytest
from tests.checker import checker
from tests.checker.checker import Turn

HERE = Path(__file__).parent
LOGS = HERE.parent / "logs"


def _text(want: Any) -> str | None:
    if isinstance(want, dict) and "strip" in want:
        return str(want["strip"])
    return want if isinstance(want, str) else None


def _turn(thread: str, epoch: int, session: str, message: dict[str, Any]) -> Turn | None:
    turn = Turn(thread, epoch, message["role"], session_id=session, kind=message["kind"])
    for part in message["parts"]:
        if part[-1] == {"optional": True}:
            continue
        if part[0] == "call":
            if set(part[3]) == {"has"}:
                return None
            turn.calls.append((part[1], part[2], part[3]))
        elif part[0] == "result":
            text = "" if part[3] == "missing" else _text(part[4])
            if text is None:
                return None
            turn.results.append((part[1], text, part[3] or ""))
        elif part[0] != "image":
            text = _text(part[1])
            if text is None:
                return None
            (turn.texts if part[0] == "text" else turn.thinking).append(text)
    return turn


def expected_turns(case: Path) -> list[Turn] | None:
    """The turns written by hand; None where some text is given only by a part of it."""
    expected = json.loads((case / "expected.json").read_text("utf-8"))
    threads = expected.get("threads") or expected["any_of"][0]
    turns = []
    for i, thread in enumerate(threads):
        name = f"t{thread.get('thread_of', i)}"
        for message in thread["messages"]:
            if message.get("optional"):
                continue
            turn = _turn(name, thread.get("epoch", 0), thread.get("session_id", ""), message)
            if turn is None:
                return None
            turn.agent_id = "x" if thread["kind"].startswith("agent") else None
            turn.branch = thread["kind"] == "branch"
            turns.append(turn)
    return turns


def logs(case: Path) -> list[str]:
    found = (case / "input").rglob("*.jsonl")
    return sorted(str(p) for p in found if "tool-results" not in p.parts)


CASES = [c.parent for c in sorted(LOGS.glob("*/*/expected.json")) if expected_turns(c.parent)]


def _check(case: Path, turns: list[Turn]) -> list[str]:
    return checker.check(case.parent.name, logs(case), turns)


def test_shares_no_code_with_the_project() -> None:
    allowed = {"json", "re", "os", "orjson", "collections", "dataclasses", "typing"}
    allowed |= {"contextlib", "__future__"}
    for file in ("atoms.py", "claude.py", "codex.py", "turns.py", "checker.py"):
        for node in ast.walk(ast.parse((HERE / file).read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names = [a.name for a in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            else:
                continue
            assert {n.split(".")[0] for n in names} <= allowed, (file, names)


@pytest.mark.parametrize("case", CASES, ids=lambda p: f"{p.parent.name}-{p.name}")
def test_accepts_what_was_written_by_hand(case: Path) -> None:
    turns = expected_turns(case)
    assert turns
    assert _check(case, turns) == []


@pytest.mark.parametrize("case", CASES, ids=lambda p: f"{p.parent.name}-{p.name}")
def test_catches_every_fault(case: Path) -> None:
    good = expected_turns(case)
    assert good
    images = '"image"' in (case / "expected.json").read_text("utf-8")
    for i, turn in enumerate(good):
        if not (turn.texts or turn.calls or turn.results):
            continue
        missing = turn.role == "tool" and all(s == "missing" for _, _, s in turn.results)
        if not missing:
            lost = copy.deepcopy(good[:i] + good[i + 1 :])
            assert images or _check(case, lost), f"turn {i} was lost"
            twice = copy.deepcopy(good[: i + 1]) + copy.deepcopy(good[i:])
            assert images or _check(case, twice), f"turn {i} stood twice"
        if turn.texts:
            forged = copy.deepcopy(good)
            forged[i].texts[0] += " And more."
            assert _check(case, forged), f"words were added to turn {i}"
        if turn.texts and turn.role in ("user", "assistant"):
            forged = copy.deepcopy(good)
            forged[i].role = "assistant" if turn.role == "user" else "user"
            assert _check(case, forged), f"the role of turn {i} was changed"
        if turn.calls:
            forged = copy.deepcopy(good)
            call, name, _ = forged[i].calls[0]
            forged[i].calls[0] = (call, name, {"forged": 1})
            assert _check(case, forged), f"arguments of turn {i} were forged"
        if turn.results and not missing and turn.results[0][2] != "missing":
            forged = copy.deepcopy(good)
            call, _, status = forged[i].results[0]
            forged[i].results[0] = (call, "forged", status)
            assert _check(case, forged), f"a result of turn {i} was forged"
    for i in range(1, len(good)):
        a, b = good[i - 1], good[i]
        if (a.thread, a.epoch) == (b.thread, b.epoch) and not a.texts == b.texts == []:
            moved = copy.deepcopy(good)
            moved[i - 1], moved[i] = moved[i], moved[i - 1]
            if a.role == "tool" and b.role == "tool":
                continue
            assert _check(case, moved), f"turns {i - 1} and {i} were swapped"
