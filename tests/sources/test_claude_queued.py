"""Prompts that were queued in a session of which a longer copy owns the records around them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.sources import test_claude as claude
from tests.support import growth, read, texts_of

SERVED = [f"msg_01{letter * 22}" for letter in "ABCD"]
ASKED = "Only the files."
Rows = list[dict[str, Any]]


def attached(words: str = ASKED) -> Rows:
    given = {"type": "queued_command", "prompt": words, "commandMode": "prompt"}
    name = f"q{words[0]}"
    return [{"type": "attachment", "uuid": name, "parentUuid": "a1", "attachment": given}]


def queued(words: str = ASKED) -> Rows:
    step = {"type": "queue-operation"}
    return [{**step, "operation": "enqueue", "content": words}, {**step, "operation": "remove"}]


FORMS: dict[str, Callable[..., Rows]] = {"attached": attached, "queued": queued}


def talk(session: str, *between: dict[str, Any], new: bool = False, more: int = 0) -> Rows:
    """A session; `new`: with other ids, as versions of 2025 copied it; `more`: longer by that."""
    rows = [
        claude.user("u1", None, "Look at the till."),
        claude.answer("a1", "u1", SERVED[0], claude.text("I look."), claude.call("t1", c="ls")),
        claude.user("u2", "a1", [claude.result("t1", "till.py")]),
        *between,
        claude.answer("a2", "u2", SERVED[1], claude.text("One file.")),
        claude.user("u3", "a2", "Thanks."),
        claude.answer("a3", "u3", SERVED[2], claude.text("Fine.")),
    ]
    if more:
        rows += [
            claude.user("u4", "a3", "And more?"),
            claude.answer("a4", "u4", SERVED[3], claude.text("x" * more)),
        ]
    for nth, row in enumerate(rows):
        row |= {"sessionId": session, "timestamp": f"2026-03-01T10:00:{nth:02d}.000Z"}
        for name in ("uuid", "parentUuid"):
            if new and row.get(name):
                row[name] = f"n{row[name]}"
    return rows


def told(folder: Path, **files: Rows) -> tuple[list[list[str]], dict[str, int]]:
    for name, rows in files.items():
        claude.write(folder, f"{name}.jsonl", rows)
    reading = read("claude", folder)
    assert reading.unbalanced() == {}
    return [texts_of([session]) for session in reading.sessions], reading.ledger.drops


BEGUN = ["Look at the till.", "I look.", '{"c": "ls"}', "till.py"]
END = ["One file.", "Thanks.", "Fine.", "And more?", "x" * 2000]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("new", [False, True])
def test_it_stands_where_the_model_got_it(tmp_path: Path, form: str, new: bool) -> None:
    """The copy lacks it, and so it would be lost, or a branch without an answer."""
    copy = talk("s2", new=new, more=2000)
    sessions, _ = told(tmp_path, s1=talk("s1", *FORMS[form]()), s2=copy)
    assert sessions == [[*BEGUN, ASKED, *END]]


@pytest.mark.parametrize("form", FORMS)
def test_several_between_two_answers_keep_their_order(tmp_path: Path, form: str) -> None:
    between = [row for words in ("And fast.", ASKED) for row in FORMS[form](words)]
    sessions, _ = told(tmp_path, s1=talk("s1", *between), s2=talk("s2", more=2000))
    assert sessions == [[*BEGUN, "And fast.", ASKED, *END]]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("other", FORMS)
def test_what_the_copy_holds_too_counts_once(tmp_path: Path, form: str, other: str) -> None:
    """A backup, or a copy by a version that copies attachments."""
    copy = talk("s2", *FORMS[other](), more=2000)
    sessions, _ = told(tmp_path, s1=talk("s1", *FORMS[form]()), s2=copy)
    assert sessions == [[*BEGUN, ASKED, *END]]


@pytest.mark.parametrize("form", FORMS)
def test_two_files_that_hold_it_tell_it_once(tmp_path: Path, form: str) -> None:
    short = talk("s1", *FORMS[form]())
    backup = [dict(row) for row in short]
    sessions, drops = told(tmp_path, s1=short, s3=backup, s2=talk("s2", more=2000))
    assert sessions == [[*BEGUN, ASKED, *END]]
    assert drops["link/resumed_copy"] == 13


def test_what_was_sent_later_as_a_prompt_is_not_told_before_it(tmp_path: Path) -> None:
    """The words left the queue to become a record of their own, which is a copy."""
    step = {"type": "queue-operation"}
    between = [
        {**step, "operation": "enqueue", "content": "Thanks."},
        {**step, "operation": "remove"},
    ]
    sessions, _ = told(tmp_path, s1=talk("s1", *between), s2=talk("s2", more=2000))
    assert sessions == [[*BEGUN, *END]]


def test_a_longer_file_of_its_own_keeps_its_queue(tmp_path: Path) -> None:
    """The session that was copied went on longer: then it owns the records."""
    copy = talk("s2")
    sessions, _ = told(tmp_path, s1=talk("s1", *queued(), more=2000), s2=copy)
    assert sessions == [[*BEGUN, ASKED, *END]]


def test_the_same_words_queued_often_cost_their_number(tmp_path: Path) -> None:
    def repeated(count: int) -> Callable[[], None]:
        rows: Rows = []
        for nth in range(count):
            given = {"type": "queued_command", "prompt": "continue"}
            rows += [
                {"type": "attachment", "uuid": f"q{nth}", "parentUuid": None, "attachment": given},
                claude.user(f"u{nth}", f"q{nth}", "continue"),
                claude.answer(f"a{nth}", f"u{nth}", f"m{nth}", claude.text("Going on.")),
            ]
            rows[-3]["parentUuid"] = f"a{nth - 1}" if nth else None
        claude.write(tmp_path, "s.jsonl", rows)

        def reading() -> None:
            assert read("claude", tmp_path).ledger.drops == {"read/queued_twin": count}

        return reading

    assert growth(repeated, 200) < 24


def test_words_that_were_queued_again_after_an_answer_are_told_again(tmp_path: Path) -> None:
    rows = talk("s", *attached("Thanks."))
    texts, dropped = told(tmp_path, s=rows)
    assert dropped == {}
    assert [words for session in texts for words in session].count("Thanks.") == 2


def test_records_of_one_id_cost_their_number(tmp_path: Path) -> None:
    def same(count: int) -> Callable[[], None]:
        rows: Rows = []
        for nth in range(count):
            rows += [
                claude.user("x", None, f"q{nth}"),
                claude.answer("y", "x", "m", claude.text(f"a{nth}")),
            ]
        claude.write(tmp_path, "s.jsonl", rows)

        def reading() -> None:
            assert len(texts_of(read("claude", tmp_path).sessions)) == 2 * count

        return reading

    assert growth(same, 500) < 24
