"""What the newest versions of Claude Code put before words, and how they tell who wrote them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.sources.test_claude import answer, call, only, read_rows, result, text, user
from tests.sources.test_claude_newer import said

NOTE = "<system-reminder>\nThe session for task t1 has ended.\n</system-reminder>\n"
MAIL = '<cross-session-message from="local_1" name="till">\nShip it.\n</cross-session-message>'
DONE = "<task-notification>\n<status>completed</status>\n<summary>Built</summary>\n"
ASKED = (
    "<command-message>review</command-message>\n<command-name>/review</command-name>\n"
    "<command-args>the tests first</command-args>"
)


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ("And why?", "prompt", ["And why?"]),
        (ASKED, "prompt", ["the tests first"]),
        (MAIL, "task", [MAIL]),
        (f"{DONE}</task-notification>", "context", ["Built"]),
        ("<bash-input>ls</bash-input>", "context", ["! ls"]),
        ("<system-reminder> is a tag", "prompt", ["<system-reminder> is a tag"]),
    ],
)
@pytest.mark.parametrize("before", [NOTE, f"\n{NOTE}\n{NOTE}\n"])
def test_what_follows_a_reminder_is_told_by_itself(
    tmp_path: Path, before: str, given: str, kind: str, words: list[str]
) -> None:
    rows = [user("u1", None, before + given), answer("a1", "u1", "m1", text("Well."))]
    reading = read_rows(tmp_path, rows)
    assert said(only(reading)) == [(kind, words), ("answer", ["Well."])]


def test_a_reminder_alone_is_no_prompt(tmp_path: Path) -> None:
    reading = read_rows(tmp_path, [user("u1", None, "go"), user("u2", "u1", NOTE * 2)])
    assert said(only(reading)) == [("prompt", ["go"])]
    assert reading.ledger.drops == {"clean/injected_only": 1}


@pytest.mark.parametrize("before", ["", NOTE])
@pytest.mark.parametrize("origin", [{}, {"origin": {"kind": "task-notification"}}])
def test_a_notification_inside_a_reminder_is_context(
    tmp_path: Path, before: str, origin: dict[str, object]
) -> None:
    """As newer versions tell, between two turns, that something in the background has ended."""
    told = f"<system-reminder>\n{DONE}<result>\nAll green.\n</result>\n</task-notification>\n"
    rows = [user("u1", None, f"{before}{told}</system-reminder>", **origin)]
    assert said(only(read_rows(tmp_path, rows))) == [("context", ["Built", "All green."])]


@pytest.mark.parametrize(
    ("origin", "kind"),
    [
        ("human", "prompt"),
        ("sdk", "prompt"),
        ("scheduled", "prompt"),
        ("peer", "task"),
        ("task_notification", "context"),
        ("auto_continuation", "context"),
        ("system", "context"),
        (["odd"], "prompt"),
    ],
)
def test_who_began_a_turn(tmp_path: Path, origin: object, kind: str) -> None:
    rows = [user("u1", None, "The build is done.", turnOrigin=origin)]
    assert said(only(read_rows(tmp_path, rows))) == [(kind, ["The build is done."])]
    told = [user("u1", None, "The build is done.", turnOrigin=origin, origin={"kind": "human"})]
    assert said(only(read_rows(tmp_path, told))) == [("prompt", ["The build is done."])]


SYSTEM = (
    "[SYSTEM NOTIFICATION - NOT USER INPUT]\n"
    "This is an automated background-task event, NOT a message from the user.\n"
    "Do NOT interpret this as user acknowledgement.\n\n"
)
SCHEDULE = (
    "[SCHEDULED TASK - AUTOMATED FIRING OF A CONFIGURED PROMPT]\n"
    "This turn was started automatically by a schedule, not typed live by the user.\n\n"
)


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        (f"{SYSTEM}{DONE}</task-notification>", "context", ["Built"]),
        (f"{SYSTEM}The limit has reset.\n\nGo on.", "context", ["The limit has reset.\n\nGo on."]),
        (f"{NOTE}{SYSTEM}{MAIL}", "task", [MAIL]),
        (
            f"{SCHEDULE}Look at the till.\n\nThen stop.",
            "prompt",
            ["Look at the till.\n\nThen stop."],
        ),
        ("[Cross-session idle notice] till is idle.", "context", None),
        ("[SYSTEM NOTIFICATION] is what I read", "prompt", None),
        ("[Cross-session] why?", "prompt", None),
    ],
)
def test_what_stands_below_a_banner(
    tmp_path: Path, given: str, kind: str, words: list[str] | None
) -> None:
    rows = [user("u1", None, given), answer("a1", "u1", "m1", text("Well."))]
    reading = read_rows(tmp_path, rows)
    assert said(only(reading)) == [(kind, words or [given]), ("answer", ["Well."])]


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({"promptSource": "system"}, "context"),
        ({"promptSource": "typed"}, "prompt"),
        ({"promptSource": ["odd"]}, "prompt"),
        ({"promptSource": "system", "turnOrigin": "scheduled"}, "prompt"),
        ({"promptSource": "system", "turnOrigin": "scheduled", "isMeta": True}, "task"),
        ({"turnOrigin": "scheduled", "isMeta": True}, "context"),
        ({"promptSource": "system", "origin": {"kind": "human"}}, "prompt"),
    ],
)
def test_what_the_program_itself_sent(tmp_path: Path, more: dict[str, object], kind: str) -> None:
    words = "7 background agents were stopped by the user."
    assert said(only(read_rows(tmp_path, [user("u1", None, words, **more)]))) == [(kind, [words])]


@pytest.mark.parametrize(
    ("reason", "words", "told"),
    [
        ("absorbed_mid_turn", "no, the other one", ["no, the other one"]),
        ("absorbed_mid_turn", f"{NOTE}\nno, the other one", ["no, the other one"]),
        ("delivered_to_agent", "no, the other one", []),  # its own log tells it
        ("agent_stopped", "no, the other one", []),
        ("absorbed_mid_turn", NOTE, []),
        (None, NOTE + DONE, []),
    ],
)
def test_why_words_left_the_queue(
    tmp_path: Path, reason: str | None, words: str, told: list[str]
) -> None:
    queue = {"type": "queue-operation", "sessionId": "s", "content": words}
    rows = [
        user("u1", None, "go"),
        answer("a1", "u1", "m1", call("c1")),
        {**queue, "operation": "enqueue"},
        user("r1", "a1", [result("c1", "done")]),
        {**queue, "operation": "remove", **({"reason": reason} if reason else {})},
        answer("a2", "r1", "m2", text("The other one.")),
    ]
    messages = only(read_rows(tmp_path, rows))
    queued = [text for kind, texts in said(messages) for text in texts if kind == "prompt"][1:]
    assert queued == told


FRAME = (
    "[Subagent hand-back] The text below is the final report of a subagent this session delegated "
    "to. It is model output, NOT a message from the user. The report follows:\n"
)


@pytest.mark.parametrize("head", ["", "Another Claude session sent a message:\n"])
def test_a_report_of_a_sub_agent_is_no_request(tmp_path: Path, head: str) -> None:
    report = f'<agent-message from="a1">\n{FRAME}  ## Found\n  \n    two lines\n</agent-message>'
    mail = f"{head}{report}\n\nThis came from another session."
    other = '<agent-message from="a2">\nStop.\n</agent-message>'
    rows = [
        user("u1", None, "go"),
        user("u2", "u1", mail, isMeta=True, origin={"kind": "peer"}),
        user("u3", "u2", f"{report}\n{other}", origin={"kind": "peer"}),
    ]
    assert said(only(read_rows(tmp_path, rows))) == [
        ("prompt", ["go"]),
        ("context", ["## Found\n\n  two lines"]),
        ("task", [f"{report}\n{other}"]),
    ]
