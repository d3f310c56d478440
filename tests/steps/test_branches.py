"""Branches of threads that cleaning changes: they begin after what is left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from steps_synth import session
from steps_synth import user as prompt
from tests.sources.test_claude import answer, call, read_rows, result, text, user

from sessiontune.model import ForkPoint
from sessiontune.steps.branches import Branches
from sessiontune.steps.clean import clean

REFUSED = (
    "The user doesn't want to proceed with this tool use. The tool use was rejected. "
    "To tell you how to proceed, the user said:\nnot that one"
)
#: The same without words of the person.
NO = REFUSED.partition(" To tell you")[0]
FAILED = {**answer("e1", "u2", "e", text("API Error")), "isApiErrorMessage": True}


@pytest.mark.parametrize(
    ("rows", "below", "after"),
    [
        # the prompt failed and was typed again; then the person went back
        ([user("u2", "a1", "more"), FAILED, user("u3", "e1", "more")], "e1", "a1"),
        # words of the program alone
        ([user("u2", "a1", "<system-reminder>x</system-reminder>")], "u2", "a1"),
        # words in a rejection are below its result
        (
            [
                user("u2", "a1", "drop it"),
                answer("a2", "u2", "m2", call("c1")),
                user("r1", "a2", [{**result("c1", REFUSED), "is_error": True}]),
            ],
            "r1",
            "r1:said",
        ),
        # a rejection without words, and a result of a call that was made
        *(
            (
                [
                    user("u2", "a1", "drop it"),
                    answer("a2", "u2", "m2", call("c1")),
                    user("r1", "a2", [{**result("c1", told), "is_error": told == NO}]),
                ],
                "r1",
                "r1",
            )
            for told in (NO, "dropped")
        ),
    ],
)
def test_a_branch_begins_after_what_is_there(
    tmp_path: Path, rows: list[dict[str, Any]], below: str, after: str
) -> None:
    talk = [
        user("u1", None, "go"),
        answer("a1", "u1", "m1", text("Gone.")),
        *rows,
        user("x1", below, "this way"),
        answer("y1", "x1", "m8", text("This.")),
        user("x2", below, "that way"),
        answer("y2", "x2", "m9", text("That.")),
    ]
    main, *branches = read_rows(tmp_path, talk).sessions
    assert [m.id for m in branches[-1].messages] == ["x2", "y2"]
    for branch in branches:
        fork = branch.forked_from
        assert fork is not None
        assert (fork.session, fork.message) == (main.key, after)
        assert after in {m.id for m in main.messages}


def test_a_branch_of_which_nothing_before_is_left_is_a_beginning(tmp_path: Path) -> None:
    rows = [
        user("u1", None, "<system-reminder>x</system-reminder>"),
        user("x1", "u1", "this way"),
        answer("y1", "x1", "m8", text("This.")),
        user("x2", "u1", "that way"),
        answer("y2", "x2", "m9", text("That.")),
    ]
    sessions = read_rows(tmp_path, rows).sessions
    assert [[m.id for m in s.messages] for s in sessions] == [["x1", "y1"], ["x2", "y2"]]
    assert [s.forked_from for s in sessions] == [None, None]


def test_a_branch_of_a_session_of_which_nothing_is_left_is_a_beginning() -> None:
    """A log of words of the program alone, and a person's copy of it that goes on elsewhere."""
    stage = Branches(clean)
    hidden = prompt("u1", "<system-reminder>x</system-reminder>")
    kept, _ = stage(session("s", hidden))
    assert kept is None
    branch, _ = stage(session("b", prompt("x1", "this way"), forked_from=ForkPoint("s", "u1")))
    assert branch is not None
    assert branch.forked_from is None
