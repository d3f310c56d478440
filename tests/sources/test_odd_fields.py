"""A wrong type in every field of a log: nothing breaks, and each record ends once somewhere."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.sources import test_continuedev, test_droid, test_gemini, test_goose, test_minisweagent
from tests.support import read

ODD: list[Any] = [42, [], {"type": "text"}]

SESSION = {
    "sessionId": "s",
    "title": "T",
    "workspaceDirectory": "/w",
    "history": [
        test_continuedev.said("user", "x", contextItems=[{"content": "c"}]),
        test_continuedev.said("thinking", "t"),
        test_continuedev.called("y", {"c1": ("done", "o")}, reasoning={"text": "h"}),
        test_continuedev.said("tool", "o", message={"toolCallId": "c1"}),
        test_continuedev.said("assistant", "e", conversationSummary="z"),
    ],
}
RUN = {
    "info": {"config": {"model": {"model_name": "m"}, "environment": {"cwd": "/t"}}},
    "messages": [
        test_minisweagent.TASK,
        test_minisweagent.called("I", "ls"),
        test_minisweagent.output("c1", "o"),
        {
            "role": "assistant",
            "content": "```bash\nls\n```",
            "extra": {"actions": [{"command": "ls"}]},
        },
        {"role": "user", "content": "Interrupted by user: x", "extra": {"returncode": 1}},
    ],
}
HEAD = {"working_dir": "/w", "description": "T", "message_count": 2}
END = {"type": "compaction_state", "id": "s", "summaryText": "so far"}


def lines(rows: Any) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


LOGS: dict[str, tuple[str, Any, Callable[[Any], str]]] = {
    "droid": ("a.jsonl", [*test_droid.SHELL, END], lines),
    "goose": ("20260110_1.jsonl", [HEAD, *test_goose.MESSAGES], lines),
    "continue": ("s.json", SESSION, json.dumps),
    "mini-swe-agent": ("a.traj.json", RUN, json.dumps),
    "gemini": ("checkpoint-a.json", test_gemini.SAVED, json.dumps),
}


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    keys = list(value) if isinstance(value, dict) else []
    for key in range(len(value)) if isinstance(value, list) else keys:
        yield (*at, key)
        yield from places(value[key], (*at, key))


def put(log: Any, at: tuple[Any, ...], odd: Any) -> Any:
    changed = copy.deepcopy(log)
    holder = changed
    for step in at[:-1]:
        holder = holder[step]
    holder[at[-1]] = odd
    return changed


@pytest.mark.parametrize("source", LOGS)
@pytest.mark.parametrize("odd", ODD, ids=str)
def test_a_wrong_type_in_any_field(tmp_path: Path, source: str, odd: Any) -> None:
    name, log, write = LOGS[source]
    path = tmp_path / name
    for at in places(log):
        path.write_text(write(put(log, at, odd)))
        if source == "gemini" and at in ((0,), (0, "role"), (0, "parts")):
            continue  # no saved history any more
        reading = read(source, tmp_path, [str(path)])
        assert reading.unbalanced() == {}, at
