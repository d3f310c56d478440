"""What comes to Claude Code from chats and from the channel of a project, in envelopes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.sources.test_claude import answer, only, read_rows, text, user
from tests.sources.test_claude_newer import said
from tests.support import growth

PERSON = {
    "origin": {"kind": "human"},
    "turnOrigin": "human",
    "promptSource": "sdk",
    "projectsUserTurn": True,
}
LEAD = {
    "origin": {"kind": "task-notification", "subkind": "projects-relay"},
    "turnOrigin": "peer",
    "promptSource": "system",
}
SPAWN = {"isMeta": True, "turnOrigin": "system", "promptSource": "system"}
SETTING = (
    '<session-context nonce="n1">\nChannel: #till\n</session-context nonce="n2">\n'
    '</session-context nonce="n1">\n'
)


def message(words: str, trigger: bool = True, sender: str = "human") -> str:
    mark = 'trigger="true" ' if trigger else ""
    return f'<message {mark}from="{sender}" trust="principal" id="cmsg_1">{words}</message>\n'


def wake(*messages: str) -> str:
    told = "".join(f"    {one}" for one in messages)
    return (
        '<wake reason="mention" current-time="2026-10-04T07:18:45Z">\n  <project id="chan_1">\n'
        f"{told}  </project>\n  <system-note>The text above is complete.</system-note>\n</wake>\n"
    )


def relay(words: str, about: str = "") -> str:
    return (
        f'<relay {about}from="coordinator" session="s1">\n  The note below was written by the'
        f" coordinator session, not by your user.\n  <note>\n    {words}\n  </note>\n</relay>\n"
    )


def read_one(root: Path, given: str, marks: dict[str, Any]) -> list[Any]:
    rows = [user("u1", None, given, **marks), answer("a1", "u1", "m1", text("Well."))]
    return said(only(read_rows(root, rows)))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (wake(message("Who&#39;s at a &lt; b &amp;&amp; c?")), "Who's at a < b && c?"),
        (wake(message("First."), message("Second.")), "First.\n\nSecond."),
        (wake(message("said before", trigger=False), message("Now this.")), "Now this."),
        (SETTING + wake(message("Go.")), "Go."),
        (
            wake(message("Go.")) + '<untrusted-uploads nonce="n">\na.png\n</untrusted-uploads>',
            "Go.",
        ),
    ],
)
def test_the_words_that_woke_the_session_are_the_prompt(
    tmp_path: Path, given: str, words: str
) -> None:
    assert read_one(tmp_path, given, PERSON) == [("prompt", [words]), ("answer", ["Well."])]


@pytest.mark.parametrize(
    ("given", "marks"),
    [
        (relay("Check a &amp; b."), LEAD),
        (f'<project_claude_message session="s">\n{relay("Check a &amp; b.")}'
         "</project_claude_message>\n", LEAD),
        (relay("Check a &amp; b.", 'reason="spawn" '), SPAWN),
        ("<coordinator-relay>Check a &amp; b.</coordinator-relay>", {}),
    ],
)  # fmt: skip
def test_a_note_of_the_session_that_leads_is_a_task(
    tmp_path: Path, given: str, marks: dict[str, Any]
) -> None:
    assert read_one(tmp_path, given, marks) == [("task", ["Check a & b."]), ("answer", ["Well."])]


@pytest.mark.parametrize("given", [SETTING.strip(), wake(), wake(message("x", sender="system"))])
def test_where_nobody_asked_it_is_context(tmp_path: Path, given: str) -> None:
    assert read_one(tmp_path, given, {"isMeta": True})[0][0] == "context"


@pytest.mark.parametrize(
    "given",
    [
        "<wake> is a tag, is it?",
        '<relay from="here"> and no end',
        f"Why is {wake(message('Go.'))} in my titles?",
        f"{wake(message('Go.'))}\nWhat does this log say?",
        "<wakeful>yes</wakeful>",
    ],
)
def test_words_about_envelopes_stay(tmp_path: Path, given: str) -> None:
    assert read_one(tmp_path, given, {}) == [("prompt", [given]), ("answer", ["Well."])]


def chat(words: str, about: str = ' chat_id="7" message_id="1" user="ann"') -> str:
    return f'<channel source="plugin:telegram:telegram"{about}>\n{words}\n</channel>'


@pytest.mark.parametrize("meta", [True, False])  # older versions did not mark them
@pytest.mark.parametrize(
    ("given", "words"),
    [
        (chat("Ship a < b."), "Ship a < b."),
        (chat("Close </channel> it."), "Close </channel> it."),
        (chat("One.") + "\n" + chat("Two."), "One.\n\nTwo."),
    ],
)
def test_what_a_person_wrote_in_a_chat_is_the_prompt(
    tmp_path: Path, given: str, words: str, meta: bool
) -> None:
    marks: dict[str, Any] = {"origin": {"kind": "channel", "server": "plugin:telegram:telegram"}}
    marks |= {"isMeta": True, "promptSource": "system"} if meta else {}
    assert read_one(tmp_path, given, marks) == [("prompt", [words]), ("answer", ["Well."])]


def test_an_event_of_a_channel_is_context(tmp_path: Path) -> None:
    given = chat("Build failed.", ' severity="high"')
    marks = {"origin": {"kind": "channel", "server": "ci"}}
    assert read_one(tmp_path, given, marks) == [("context", [given]), ("answer", ["Well."])]


def test_words_about_a_channel_stay(tmp_path: Path) -> None:
    given = chat("x") + " is what I see, why?"
    assert read_one(tmp_path, given, {}) == [("prompt", [given]), ("answer", ["Well."])]


ALONE = (
    "This is an automated run of a scheduled task. The user is not present. Go on alone.\n"
    "When in doubt, report.\n\n"
)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (f"\n{ALONE}Count the tills.\n\nThen stop.\n", "Count the tills.\n\nThen stop."),
        ("\nCount the tills.\n", "Count the tills."),
        ("Look for </scheduled-task> tags.", "Look for </scheduled-task> tags."),
    ],
)
def test_what_a_schedule_says_is_a_prompt_without_the_program_s_words(
    tmp_path: Path, given: str, words: str
) -> None:
    tagged = f'<scheduled-task name="tills" file="C:\\tasks\\SKILL.md">{given}</scheduled-task>'
    marks = {"origin": {"kind": "human"}, "promptSource": "sdk", "entrypoint": "claude-desktop"}
    told = read_one(tmp_path, tagged, marks)
    assert told == [("prompt", [words]), ("answer", ["Well."])]


@pytest.mark.parametrize(
    "given", ['<scheduled-task name="a">\nno end', "<scheduled-task> is a tag of yours"]
)
def test_a_person_may_write_about_that_tag(tmp_path: Path, given: str) -> None:
    assert read_one(tmp_path, given, {})[0] == ("prompt", [given])


def test_white_space_behind_the_tag_costs_its_length(tmp_path: Path) -> None:
    def spaced(count: int) -> Callable[[], None]:
        given = '<scheduled-task name="a">' + "\n" * count + "no end"

        def reads() -> None:
            assert read_one(tmp_path, given, {})[0] == ("prompt", [given])

        return reads

    assert growth(spaced, 2000) < 24
