"""What stands around a request to Codex: sections of an editor, messages of other threads."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.sources.test_codex import row, said, write
from tests.sources.test_codex_shapes import told, whole
from tests.support import growth

from sessiontune.sources.codex.text import classify

GIVEN = (
    "<codex_delegation>\n  <source_thread_id>t1</source_thread_id>\n"
    "  <input>Count a &lt; b &amp;&amp; c.</input>\n</codex_delegation>"
)


def read_rows(folder: Path, *rows: dict[str, Any]) -> list[list[tuple[Any, ...]]]:
    write(folder, "a", [row("session_meta", 0, id="p"), *rows])
    reading = whole(folder, folder / "rollout-a.jsonl")
    assert "read/result_without_call" not in reading.ledger.drops
    return told(reading)


@pytest.mark.parametrize("heading", ["## My request for Codex:", "## My request:"])
@pytest.mark.parametrize(
    "section",
    [
        '## Referenced chats with Codex:\nThese are live references.\n[{"threadId":"t"}]',
        "## Prior conversation with Codex:\nThread: t",
        "# Applications mentioned by the user:\n\n<appshot app='Mail'>In</appshot>\n",
        "# MCP app context:\n\n## A board",
        "# Pull request merge conflict:\nPull request: #4",
        "The attached pasted text file(s) contain the user's request. Read and act on it.",
        "## Pull request merge task:\nRepository: till",
        "# Review findings:\n\n## Finding 1 (a.py:3-4)\nOff by one.",
    ],
)
def test_the_request_behind_a_section_is_the_prompt(
    tmp_path: Path, section: str, heading: str
) -> None:
    rows = said("user", f"{section}\n{heading}\nCount the coins.\n"), said("assistant", "Two.", 1)
    assert read_rows(tmp_path, *rows) == [[("prompt", "Count the coins."), ("answer", "Two.")]]


def test_a_heading_that_a_person_wrote_stays(tmp_path: Path) -> None:
    """Only where a request follows it was the program; other sections nobody writes by hand."""
    typed = "## Code review guidelines:\n- short functions\n\nReview a.py so."
    other = "# Pull request merge conflict: in till.py\nMend it."
    shown = "# MCP app context:\n\n## A board"
    rows = said("user", typed), said("user", other, 1), said("user", shown, 2)
    (said_all,) = read_rows(tmp_path, *rows)
    assert said_all == [("prompt", typed), ("prompt", other), ("context", shown)]


@pytest.mark.parametrize("newer", [True, False])
def test_what_another_thread_asks_is_a_task(tmp_path: Path, newer: bool) -> None:
    """Newer versions write it down as an output of a tool that this thread never called."""
    output = {"type": "function_call_output", "id": "fco_1", "name": "send_message_to_thread"}
    given = row("response_item", 0, **output, namespace="codex_app", output=GIVEN)
    begun = given if newer else said("user", GIVEN)
    asked = said("user", "And what is <codex_delegation>?", 2)
    assert read_rows(tmp_path, begun, said("assistant", "Two.", 1), asked) == [
        [
            ("task", "Count a < b && c."),
            ("answer", "Two."),
            ("prompt", "And what is <codex_delegation>?"),
        ]
    ]


def test_what_was_never_closed_is_read_once() -> None:
    def kind_of(count: int) -> Callable[[], object]:
        return partial(classify, "<codex_delegation>" + "<input>" * count)

    assert kind_of(1)() == ("context", "<codex_delegation><input>")
    assert growth(kind_of, 500) < 24
