"""What few logs of Claude Code hold: its first versions, printed output, refusals in sub-agents."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.sources.test_claude import answer, call, only, read_rows, result, text, user, write
from tests.sources.test_claude_newer import said
from tests.support import growth, read, texts_of

from sessiontune import registry
from sessiontune.evidence import refused_by_person
from sessiontune.model import ToolResult

DENIED = (
    "Permission for this tool use was denied. The tool use was rejected (eg. if it was a file edit,"
    " the new_string was NOT written to the file)."
)
NO_SURFACE = "Permission for this tool use was denied. It requires approval, and this session"
PLAN = "The agent proposed a plan that was rejected by the user. The user chose"
ASKED = "Claude requested permissions to write to /w/a.py, but you haven't granted it yet."


@pytest.mark.parametrize(
    ("words", "by_person", "typed"),
    [
        (f"{DENIED} The user said:\nnot that file", True, ["not that file"]),
        (f"{DENIED} Try a different approach.", True, []),
        (f"{PLAN} to stay in plan mode rather than proceed.\n\nRejected plan:\n1. all", True, []),
        (f"{NO_SURFACE} has no approval surface.", False, []),
        (ASKED, False, []),
    ],
)
def test_a_refusal_in_the_words_that_sub_agents_and_plans_get(
    tmp_path: Path, words: str, by_person: bool, typed: list[str]
) -> None:
    rows = [
        user("u1", None, "go"),
        answer("a1", "u1", "m1", call("c1")),
        user("r1", "a1", [result("c1", words, is_error=True)]),
    ]
    messages = only(read_rows(tmp_path, rows))
    (part,) = (p for m in messages for p in m.parts if isinstance(p, ToolResult))
    assert (part.status, refused_by_person(part)) == ("rejected", by_person)
    assert [w for kind, ws in said(messages)[1:] for w in ws if kind == "prompt"] == typed


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("[Request interrupted by user for tool use]", "interrupted"),
        ("The user doesn't want to proceed with this tool use.", "rejected"),
        (DENIED, "ok"),
    ],
)
def test_what_the_first_versions_did_not_mark_as_an_error(
    tmp_path: Path, words: str, status: str
) -> None:
    """Sentences of later versions are marked: without the mark they are a tool's own output."""
    rows = [
        user("u1", None, "go"),
        answer("a1", "u1", "m1", call("c1")),
        user("r1", "a1", [result("c1", words)]),
    ]
    (part,) = only(read_rows(tmp_path, rows))[-1].parts
    assert isinstance(part, ToolResult)
    assert part.status == status


def test_words_that_a_person_had_remembered_are_no_request(tmp_path: Path) -> None:
    rows = [
        user("u1", None, "<user-memory-input>use tabs</user-memory-input>"),
        user("u2", "u1", "<local-command-stdout>Noted.</local-command-stdout>"),
        user("u3", "u2", "go"),
        answer("a1", "u3", "m1", text("With tabs.")),
        user("u4", "a1", "<user-memory-input> is a tag of what?"),
    ]
    assert said(only(read_rows(tmp_path, rows))) == [
        ("context", ["use tabs"]),
        ("prompt", ["go"]),
        ("answer", ["With tabs."]),
        ("prompt", ["<user-memory-input> is a tag of what?"]),
    ]


COMPACTED = (
    "Use the /compact command to clear the conversation history, and start a new conversation with"
    " the summary in context."
)


def test_the_first_versions_began_a_compacted_conversation_with_an_answer(tmp_path: Path) -> None:
    rows = [
        user("u1", None, "go"),
        answer("a1", "u1", "m1", text("Gone.")),
        user("u2", None, COMPACTED),
        answer("a2", "u2", "m2", text("We went.")),
        user("u3", "a2", "Use the door"),
        answer("a3", "u3", "m3", text("Used.")),
    ]
    reading = read_rows(tmp_path, rows)
    first, second = reading.sessions
    assert said(first.messages) == [("prompt", ["go"]), ("answer", ["Gone."])]
    assert second.epoch == first.epoch + 1
    assert said(second.messages) == [
        ("summary", ["We went."]),
        ("prompt", ["Use the door"]),
        ("answer", ["Used."]),
    ]
    assert reading.ledger.drops == {"read/compaction_request": 1}


def test_a_summary_that_never_came_takes_no_other_answer(tmp_path: Path) -> None:
    rows = [
        user("u1", None, COMPACTED),
        user("u2", "u1", "go"),
        answer("a1", "u2", "m1", text("Gone.")),
    ]
    assert said(only(read_rows(tmp_path, rows))) == [("prompt", ["go"]), ("answer", ["Gone."])]


def test_an_answer_that_calls_tools_is_no_summary(tmp_path: Path) -> None:
    """Its results would stand behind words of the program."""
    rows = [
        user("u1", None, "go"),
        answer("a1", "u1", "m1", text("Gone.")),
        user("u2", "a1", COMPACTED),
        answer("a2", "u2", "m2", text("We look.")),
        answer("a3", "a2", "m2", call("c1")),
        user("r1", "a3", [result("c1")]),
    ]
    assert [(m.kind, m.role, m.injected) for m in only(read_rows(tmp_path, rows))[1:]] == [
        ("answer", "assistant", False),
        ("answer", "assistant", False),
        ("results", "tool", False),
    ]


def test_conversations_that_the_first_versions_kept_as_arrays(tmp_path: Path) -> None:
    """Their records name no parents; a fork repeats them in a file of its own."""

    def kept(record: dict[str, Any]) -> dict[str, Any]:
        own = ("type", "uuid", "message", "cwd", "timestamp")
        return {name: record[name] for name in own if name in record} | {
            "userType": "external",
            "sessionId": "first",
            "version": "0.2.35",
        }

    rows = [
        user("u1", None, "go"),
        answer("a1", None, "m1", text("On it."), call("c1")),
        user("r1", None, [result("c1", "done")]),
        answer("a2", None, "m2", text("Done.")),
        user("u2", None, "more"),
        answer("a3", None, "m3", text("More.")),
    ]
    folder = tmp_path / "messages"
    folder.mkdir()
    for name, count in (("2025-03-01T10-00-00-000Z", 4), ("2025-03-01T10-00-00-000Z-1", 6)):
        given = [kept(row) | {"costUSD": 0.1} for row in rows[:count]]
        (folder / f"{name}.json").write_text(json.dumps(given, indent=2))
    path = folder / f"{name}.json"
    assert registry.source("claude").recognise(str(path), path.read_bytes())
    reading = read("claude", tmp_path)
    assert reading.unbalanced() == {}
    assert [m.kind for m in only(reading)] == [
        *("prompt", "answer", "results", "answer", "prompt", "answer")
    ]
    assert reading.ledger.drops == {"link/resumed_copy": 4}


def test_what_printed_output_calls_synthetic_was_not_typed(tmp_path: Path) -> None:
    ids = {"sessionId": None, "session_id": "z"}
    rows = [
        {"type": "system", "subtype": "init", "session_id": "z", "cwd": "/w/shop", "uuid": "i"},
        {**user("u1", None, "go"), **ids, "isReplay": True},
        {**answer("a1", None, "m1", text("Gone.")), **ids},
        {**user("u2", None, [text("Check the lint.")]), **ids, "isSynthetic": True},
        {**user("u3", None, "more"), **ids, "isSynthetic": "odd"},
    ]
    write(tmp_path, "audit.jsonl", rows)
    assert said(only(read("claude", tmp_path))) == [
        ("prompt", ["go"]),
        ("answer", ["Gone."]),
        ("context", ["Check the lint."]),
        ("prompt", ["more"]),
    ]


def test_an_agent_that_was_woken_again_hangs_below_its_first_call(tmp_path: Path) -> None:
    rows = [
        user("u1", None, "go"),
        answer("a1", "u1", "m1", call("c1", "Agent", prompt="dig")),
        user("r1", "a1", [result("c1", "dug")], toolUseResult={"agentId": "ab12"}),
        answer("a2", "r1", "m2", call("c2", "Agent", prompt="deeper", resume="ab12")),
        user("r2", "a2", [result("c2", "deep")], toolUseResult={"agentId": "ab12"}),
    ]
    more = {"agentId": "ab12", "isSidechain": True}
    write(tmp_path, "s.jsonl", rows)
    own = [
        user("k1", None, "dig", **more),
        answer("k2", "k1", "m3", text("dug"), **more),
        user("k3", "k2", "deeper", **more),
        answer("k4", "k3", "m4", text("deep"), **more),
    ]
    write(tmp_path, "s/subagents/agent-ab12.jsonl", own)
    main, agent = read("claude", tmp_path).sessions
    assert (agent.parent_call, agent.parent_session) == ("c1", main.key)
    assert [m.kind for m in agent.messages] == ["task", "answer", "task", "answer"]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"type": "relevant_memories", "memories": [{"content": "A."}, {"content": "B."}]}, "A.B."),
        ({"type": "invoked_skills", "skills": [{"name": "s", "content": "How."}]}, "How."),
        ({"type": "plan_file_reference", "planContent": "1. all"}, "1. all"),
        ({"type": "selected_lines_in_ide", "content": "x = 1", "lineStart": 1}, "x = 1"),
        ({"type": "selected_lines_in_diff", "content": "+x", "filePath": "a.py"}, "+x"),
        (
            {"type": "plugin_note", "plugin": "p", "content": ["Mind ", "", 5, "this."]},
            "Mind this.",
        ),
        ({"type": "plugin_note", "plugin": "p", "content": []}, ""),
        (
            {"type": "poll_events", "envelopes": ["<event kind=x>1</event>"]},
            "<event kind=x>1</event>",
        ),
        ({"type": "poll_events", "envelopes": ["<event>"], "deliveredVia": "poll_tool"}, ""),
        ({"type": "relevant_memories", "memories": 5}, ""),
        ({"type": "account_memory_recall", "content": "A.", "files": []}, "A."),
        ({"type": "cowork_memory_context", "version": None, "content": None}, ""),
        ({"type": "invoked_skills", "skills": [{"content": 5}]}, ""),
        ({"type": "plan_file_reference", "planContent": []}, ""),
    ],
)
def test_memories_skills_plans_and_selected_lines_are_context(
    tmp_path: Path, given: dict[str, Any], shown: str
) -> None:
    rows = [
        user("u1", None, "go"),
        {"type": "attachment", "uuid": "x1", "parentUuid": "u1", "attachment": given},
        answer("a1", "x1", "m1", text("Gone.")),
    ]
    reading = read_rows(tmp_path, rows)
    told = said(only(reading))
    assert (told[0], told[-1]) == (("prompt", ["go"]), ("answer", ["Gone."]))
    assert "".join(w for kind, ws in told for w in ws if kind == "context") == shown
    assert reading.ledger.drops == ({} if shown else {f"read/attachment:{given['type']}": 1})


def test_words_that_stand_in_a_connector_block_are_words(tmp_path: Path) -> None:
    rows = [
        user("u1", None, "go"),
        answer("a1", "u1", "m1", {"type": "connector_text", "connector_text": "First this."}),
        answer("a2", "a1", "m1", {"type": "connector_text", "signature": "x"}),
    ]
    assert texts_of(read_rows(tmp_path, rows).sessions) == ["go", "First this."]


@pytest.mark.parametrize("went_back", [True, False])
def test_a_command_that_is_run_after_going_back_belongs_to_the_branch(
    tmp_path: Path, went_back: bool
) -> None:
    below = "a1" if went_back else "a2"
    rows = [
        user("u1", None, "one"),
        answer("a1", "u1", "m1", text("One.")),
        user("u2", "a1", "two"),
        answer("a2", "u2", "m2", text("Two.")),
        user("b1", below, "<bash-input>ls</bash-input>"),
        user("b2", "b1", "<bash-stdout>a.py</bash-stdout><bash-stderr></bash-stderr>"),
        user("u3", "b2", "three"),
        answer("a3", "u3", "m3", text("Three.")),
    ]
    sessions = read_rows(tmp_path, rows).sessions
    ran = ["! ls", "a.py", "three", "Three."]
    assert [texts_of([s]) for s in sessions] == (
        [["one", "One.", "two", "Two."], ran]
        if went_back
        else [["one", "One.", "two", "Two.", *ran]]
    )
    if went_back:
        assert sessions[1].forked_from is not None
        assert sessions[1].forked_from.message == sessions[0].messages[1].id


NOTES = (
    "If you need specific details from before exiting plan mode (like exact code snippets, error"
    " messages, or content you generated), read the full transcript at: /home/dev/x/s.jsonl\n\n"
    "If this plan can be broken down into multiple independent tasks, consider using a team."
)


@pytest.mark.parametrize("more", ["", "\n\nUser feedback on this plan: smaller steps"])
def test_what_the_program_says_behind_a_plan_is_cut(tmp_path: Path, more: str) -> None:
    plan = "Implement the following plan:\n\n1. all\n\nIf this fails, stop."
    rows = [
        user("u1", None, f"{plan}\n\n{NOTES}{more}"),
        answer("a1", "u1", "m1", text("Built.")),
    ]
    assert said(only(read_rows(tmp_path, rows)))[0] == ("prompt", [plan + more])


@pytest.mark.parametrize("again", ["s2.jsonl", "audit.jsonl"])
def test_a_plan_that_is_told_again_is_a_copy(tmp_path: Path, again: str) -> None:
    """In a session that was resumed, and in the audit of Claude Desktop under ids of its own."""
    plan = f"Implement the following plan:\n\n1. all\n\n{NOTES}"
    rows = [user("u1", None, plan), answer("a1", "u1", "m1", text("Built."))]
    write(tmp_path, "s.jsonl", rows)
    copies = [{**row, "sessionId": "s2"} for row in rows]
    if again == "audit.jsonl":
        own = {"session_id": "s", "sessionId": None, "_audit_timestamp": "2026-01-01T00:00:00Z"}
        copies = [{**rows[0], **own, "uuid": "x1"}, {**rows[1], **own}]
    write(tmp_path, again, copies)
    reading = read("claude", tmp_path)
    assert texts_of(reading.sessions) == [plan.removesuffix(f"\n\n{NOTES}"), "Built."]
    assert reading.ledger.drops == {"link/resumed_copy": 2}


def test_a_plan_in_the_name_of_the_program_begins_anew_too(tmp_path: Path) -> None:
    rows = [
        user("u1", None, "go"),
        answer("a1", "u1", "m1", text("Gone.")),
        user("u2", None, f"Implement the following plan:\n\n1. all\n\n{NOTES}", isMeta=True),
        answer("a2", "u2", "m2", text("Built.")),
    ]
    first, second = read_rows(tmp_path, rows).sessions
    assert said(first.messages) == [("prompt", ["go"]), ("answer", ["Gone."])]
    assert said(second.messages) == [
        ("context", ["Implement the following plan:\n\n1. all"]),
        ("answer", ["Built."]),
    ]


def test_a_question_that_is_asked_aside_is_no_prompt_of_the_session(tmp_path: Path) -> None:
    rows = [
        user("u1", None, "<command-name>/btw</command-name>\n<command-args>why?</command-args>"),
        user("u2", "u1", "go"),
    ]
    assert said(only(read_rows(tmp_path, rows))) == [("prompt", ["go"])]


def test_a_history_told_again_behind_a_compaction_that_shares_its_line(tmp_path: Path) -> None:
    """Two records may stand on one line: what is before the boundary there is above it too."""
    again = [user("u1", None, "one"), answer("a1", "u1", "m1", text("One."))]
    edge = {"type": "system", "subtype": "compact_boundary", "uuid": "b", "logicalParentUuid": "a1"}
    rows = [
        user("k", "b", "What was.", isCompactSummary=True),
        *again,
        user("u2", "a1", "two"),
        answer("a2", "u2", "m2", text("Two.")),
    ]
    first, last = (json.dumps(row) for row in again)
    lines = [first, last + json.dumps(edge), *(json.dumps(row) for row in rows)]
    path = tmp_path / "s.jsonl"
    path.write_text("\n".join(lines))
    reading = read("claude", tmp_path, [str(path)])
    assert [texts_of([s]) for s in reading.sessions] == [
        ["one", "One."],
        ["What was.", "two", "Two."],
    ]


def test_an_answer_of_very_many_pieces_costs_its_length(tmp_path: Path) -> None:
    """As of a client that gives all its answers one id."""

    def answered(count: int) -> Callable[[], None]:
        pieces = [call(f"c{i}") if i % 2 else text(f"say {i}") for i in range(count)]
        rows = [user("u1", None, "go")]
        for i, piece in enumerate([*pieces, *pieces[:200]]):
            rows.append(answer(f"a{i}", rows[-1]["uuid"], "m1", piece))

        def reads() -> None:
            reading = read_rows(tmp_path, rows)
            assert len(only(reading)[1].parts) == count
            assert reading.ledger.drops == {"read/repeated_block": 200}

        return reads

    assert growth(answered, 1500) < 24
