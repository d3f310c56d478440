"""Cleaning one session: words out of rejections, calls closed, nothing lost without a reason."""

from __future__ import annotations

from sessiontune.model import (
    Message,
    MessageKind,
    Origin,
    Part,
    Role,
    Session,
    Text,
    ToolCall,
    ToolResult,
)
from sessiontune.steps.clean import clean

ROLES: dict[str, Role] = {"prompt": "user", "answer": "assistant", "results": "tool"}


def message(name: str, kind: MessageKind, *parts: Part, line: int = 1) -> Message:
    role = ROLES.get(kind, "system")
    return Message(id=name, role=role, kind=kind, parts=parts, origin=(Origin(0, line),))


def session(*messages: Message) -> Session:
    return Session(
        key="k",
        thread="t",
        lineage="l",
        source="claude",
        session_id="s",
        messages=messages,
        files=("log",),
    )


def kept(*messages: Message) -> tuple[Message, ...]:
    done, drops = clean(session(*messages))
    assert done is not None
    assert drops == []
    return done.messages


def test_what_is_clean_stays_the_very_same() -> None:
    given = message("p", "prompt", Text("Do <b>it</b>."))
    assert kept(given)[0] is given


def test_a_call_without_result_is_closed() -> None:
    answer = message("a", "answer", ToolCall("c1", "Bash", {}), ToolCall("c2", "Read", {}))
    made = kept(answer)[1]
    assert made.role == "tool"
    assert made.origin == ()
    assert made.parts == (
        ToolResult("c1", "Bash", "", "missing"),
        ToolResult("c2", "Read", "", "missing"),
    )


def test_half_a_set_of_results_is_filled_in_call_order() -> None:
    answer = message("a", "answer", ToolCall("c1", "Bash", {}), ToolCall("c2", "Read", {}))
    results = message("r", "results", ToolResult("c2", "Read", "text"), line=2)
    made = kept(answer, results)[1]
    assert [p.call_id for p in made.parts if isinstance(p, ToolResult)] == ["c1", "c2"]
    assert made.origin == results.origin


def test_a_result_of_no_call_is_left_to_be_counted() -> None:
    calls = message("1", "answer", ToolCall("a", "x", {}), ToolCall("b", "y", {}))
    stray = ToolResult("z", "x", "text")
    found = kept(calls, message("2", "results", stray))
    parts = found[1].parts
    assert [(p.call_id, p.status) for p in parts if isinstance(p, ToolResult)] == [
        ("a", "missing"),
        ("b", "missing"),
        ("z", "ok"),
    ]
    assert kept(*found) == found


def test_the_person_s_words_in_a_rejection_become_their_prompt() -> None:
    content = (
        "The user doesn't want to proceed with this tool use. The tool use was rejected. "
        "To tell you how to proceed, the user said:\nUse tabs.\n\n"
        "Note: The user's next message may contain a correction or preference. Heed it."
    )
    results = message("r", "results", ToolResult("c", "Edit", content, "rejected"))
    answer = message("a", "answer", ToolCall("c", "Edit", {}))
    _, refused, words = kept(answer, results)
    assert isinstance(refused.parts[0], ToolResult)
    assert refused.parts[0].content.endswith("The tool use was rejected.")
    assert (words.role, words.kind, words.parts) == ("user", "prompt", (Text("Use tabs."),))
    assert words.origin == results.origin


def test_what_a_tool_says_of_a_user_is_no_prompt() -> None:
    answer = message("a", "answer", ToolCall("c", "Bash", {}))
    results = message("r", "results", ToolResult("c", "Bash", "the user said:\nhello"))
    assert kept(answer, results)[1:] == (results,)


def test_a_message_of_injected_text_alone_goes_with_its_record() -> None:
    noise = message("p", "prompt", Text("<system-reminder>x</system-reminder>"), line=4)
    done, drops = clean(session(noise, message("q", "prompt", Text("Go."), line=5)))
    assert done is not None
    assert [m.id for m in done.messages] == ["q"]
    assert [(d.reason, d.file, d.line, d.count) for d in drops] == [("injected_only", "log", 4, 1)]


def test_nothing_left_is_a_dropped_session() -> None:
    noise = message("p", "prompt", Text("<system-reminder>x</system-reminder>"))
    done, drops = clean(session(noise))
    assert done is None
    assert sum(drop.count for drop in drops) == 1


def test_a_prompt_typed_again_after_its_turn_failed_stands_once() -> None:
    first = message("p", "prompt", Text("Go."), line=1)
    again = message("q", "prompt", Text("Go."), line=2)
    done, drops = clean(session(first, again))
    assert done is not None
    assert [m.id for m in done.messages] == ["q"]
    assert [(d.reason, d.line) for d in drops] == [("retyped_prompt", 1)]


def test_cleaning_twice_changes_nothing() -> None:
    content = "rejected. the user said:\nUse tabs."
    given = session(
        message("p", "prompt", Text("<ide_selection>x</ide_selection>Go.")),
        message("a", "answer", ToolCall("c", "Edit", {})),
        message("r", "results", ToolResult("c", "Edit", content, "rejected")),
        message("b", "answer", ToolCall("d", "Edit", {})),
    )
    once, _ = clean(given)
    assert once is not None
    twice, drops = clean(once)
    assert twice == once
    assert drops == []


def test_blanks_in_a_refused_call_are_gone_through_once() -> None:
    """A picture that a stopped program drew with blanks, and empty lines in what a person pasted:
    from each of them all that follow were gone through again."""
    blanks = " " * 300_000
    note = "\n\n Note: The user's next message may contain a correction or preference. So wait."
    said = "no,\n" + "\n" * 5_000 + "use tabs"
    drawn = f"{blanks}x{blanks}\n The user said:\n{said}{note}"
    call = message("a", "answer", ToolCall("c", "Bash", {}))
    done = kept(call, message("r", "results", ToolResult("c", "Bash", drawn, "interrupted")))
    assert done[1].parts == (ToolResult("c", "Bash", f"{blanks}x", "interrupted"),)
    assert done[2].parts == (Text(said),)
