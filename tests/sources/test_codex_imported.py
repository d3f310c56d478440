"""Codex rollouts that hold turns which the program copied out of the log of another agent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.sources.test_codex import row, said, write
from tests.sources.test_codex_shapes import event, told, whole
from tests.support import Reading

CALL = "[external_agent_tool_call: Bash]\ncommand: ls -la\n[/external_agent_tool_call]"
RESULT = "[external_agent_tool_result]\na.py\n[/external_agent_tool_result]"


def read_one(folder: Path, rows: list[dict[str, Any]]) -> Reading:
    folder.mkdir(exist_ok=True)
    write(folder, "one", rows)
    return whole(folder, folder / "rollout-one.jsonl")


def copied() -> list[dict[str, Any]]:
    """A conversation of two turns, as it is copied: each item with its event, a mark at the end."""
    first, second = "external-import-turn-1", "external-import-turn-2"
    return [
        row("session_meta", 0, id="copy", cwd="/w", originator="Codex Desktop"),
        event("task_started", turn_id=first),
        event("user_message", message="list the files"),
        said("user", "list the files"),
        event("agent_message", message=CALL),
        said("assistant", CALL),
        event("agent_message", message=RESULT),
        said("assistant", RESULT),
        event("task_complete", turn_id=first),
        event("task_started", turn_id=second),
        event("user_message", message="thanks"),
        said("user", "thanks"),
        event("agent_message", message="<EXTERNAL SESSION IMPORTED>"),
        event("token_count", info={"last_token_usage": {"total_tokens": 9}}),
        event("task_complete", turn_id=second),
    ]


def test_a_copy_of_another_agents_log_is_left_out(tmp_path: Path) -> None:
    """Neither its items nor, in their place, what the screen showed of them."""
    reading = read_one(tmp_path, copied())
    assert told(reading) == []
    assert reading.ledger.drops["read/imported_copy"] == 4
    assert reading.ledger.drops["read/event:agent_message"] == 3


def test_what_is_asked_behind_the_copy_is_read(tmp_path: Path) -> None:
    """An answer that is copied later comes without a line that begins its turn."""
    later = [
        event("agent_message", message="you are welcome"),
        said("assistant", "you are welcome"),
    ]
    asked = [said("user", "and now count them"), said("assistant", "one")]
    begun = row("turn_context", 0, model="gpt-5.6", turn_id="0199-aa", cwd="/w")
    for name, start in ("a", [event("task_started", turn_id="0199-aa"), begun]), ("b", [begun]):
        lines = [*copied(), *later, *start, *asked]
        reading = read_one(tmp_path / name, lines)
        assert told(reading) == [[("prompt", "and now count them"), ("answer", "one")]]
        assert reading.sessions[0].messages[1].model == "gpt-5.6"
        assert reading.ledger.drops["read/imported_copy"] == 5


def test_a_turn_of_another_name_is_no_copy(tmp_path: Path) -> None:
    lines = [
        row("session_meta", 0, id="own", cwd="/w"),
        event("task_started", turn_id="not-external-import-turn-1"),
        said("user", f"what does this say: {CALL}"),
        said("assistant", "a call"),
    ]
    reading = read_one(tmp_path, lines)
    assert [kind for kind, *_ in told(reading)[0]] == ["prompt", "answer"]
