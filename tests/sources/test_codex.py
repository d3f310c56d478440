"""Codex rollouts: forks that copy their parent, agents, the ends of things."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support import read

from sessiontune.model import Session, Text, ToolResult


def row(kind: str, at: int, **payload: Any) -> dict[str, Any]:
    return {"timestamp": f"2026-03-01T10:00:{at:02}.000Z", "type": kind, "payload": payload}


def said(role: str, words: str, at: int = 0) -> dict[str, Any]:
    content = [{"type": "output_text" if role == "assistant" else "input_text", "text": words}]
    return row("response_item", at, type="message", role=role, content=content)


def call(name: str, at: int = 0) -> list[dict[str, Any]]:
    given = {"type": "function_call", "name": "shell", "arguments": "{}", "call_id": name}
    output = {"type": "function_call_output", "call_id": name, "output": f"out of {name}"}
    return [row("response_item", at, **given), row("response_item", at, **output)]


def write(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    path = folder / f"rollout-{name}.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))


TALK = [said("user", "one", 1), *call("c1", 2), said("assistant", "did", 3)]


def test_a_fork_that_copies_its_parent_is_a_branch(tmp_path: Path) -> None:
    parent = [row("session_meta", 0, id="p"), *TALK, said("user", "two", 4)]
    copied = [{**r, "timestamp": "2026-03-02T00:00:00.000Z"} for r in TALK]
    own = [said("user", "other", 8), said("assistant", "fine", 9), said("user", "one", 9)]
    head = row("session_meta", 7, id="f", forked_from_id="p")
    write(tmp_path, "b", parent)
    write(tmp_path, "a", [head, *copied, *own])
    reading = read("codex", tmp_path)
    assert reading.unbalanced() == {}
    main, branch = reading.sessions
    assert main.session_id == "p"
    texts = [p.text for m in branch.messages for p in m.parts if isinstance(p, Text)]
    assert texts == ["other", "fine", "one"]
    assert branch.forked_from is not None
    assert branch.forked_from.session == main.key
    assert branch.forked_from.message == main.messages[3].id
    assert branch.lineage == main.lineage
    assert reading.ledger.drops["link/resumed_copy"] == len(TALK)


def test_a_sub_agent_that_begins_with_a_copy_of_its_parent_tells_only_its_own(
    tmp_path: Path,
) -> None:
    """Also where the copy leaves something out, or holds something that its parent does not."""

    def numbered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{"ordinal": at, **r} for at, r in enumerate(rows)]

    spawn = {"subagent": {"thread_spawn": {"parent_thread_id": "p", "agent_path": "/root/child"}}}
    shrunk = row("compacted", 3, message="They looked.", replacement_history=[])
    head = row("session_meta", 0, id="p")
    write(tmp_path, "a", numbered([head, *TALK, shrunk, said("user", "two", 4)]))
    copy = [TALK[0], said("assistant", "of nowhere", 2), TALK[3], shrunk]
    own = [said("user", "look there", 8), said("assistant", "seen", 9)]
    start = {"subagent_history_start_ordinal": len(copy) + 2}
    meta = row("session_meta", 7, id="q", source=spawn, parent_thread_id="p", **start)
    write(tmp_path, "b", numbered([meta, head, *copy, *own]))
    reading = read("codex", tmp_path)
    assert reading.unbalanced() == {}
    main, after, child = reading.sessions
    texts = [p.text for m in child.messages for p in m.parts if isinstance(p, Text)]
    assert texts == ["of nowhere", "look there", "seen"]
    assert (child.agent_id, child.lineage) == ("q", main.lineage)
    assert child.forked_from is not None
    assert child.forked_from.session == after.key
    assert reading.ledger.drops["link/resumed_copy"] == 3


def test_a_fork_of_a_thread_that_was_compacted_repeats_no_summary(tmp_path: Path) -> None:
    shrunk = row("compacted", 3, message="They looked.", replacement_history=[])
    write(tmp_path, "a", [row("session_meta", 0, id="p"), *TALK, shrunk, said("user", "two", 4)])
    head = row("session_meta", 7, id="f", forked_from_id="p")
    write(tmp_path, "b", [head, *TALK, shrunk, said("user", "other", 8)])
    reading = read("codex", tmp_path)
    assert reading.unbalanced() == {}
    _, after, branch = reading.sessions
    texts = [p.text for m in branch.messages for p in m.parts if isinstance(p, Text)]
    assert texts == ["other"]
    assert branch.forked_from is not None
    assert branch.forked_from.session == after.key


def test_what_two_rollouts_have_in_common_by_chance_stays(tmp_path: Path) -> None:
    agent = {"subagent": {"thread_spawn": {"parent_thread_id": "p", "agent_role": "explorer"}}}
    write(tmp_path, "a", [row("session_meta", 0, id="p"), said("user", "look"), *call("c1")])
    write(tmp_path, "b", [row("session_meta", 0, id="q", source=agent), said("user", "look")])
    main, child = read("codex", tmp_path).sessions
    assert child.messages[0].parts == main.messages[0].parts
    assert (child.agent_id, child.agent_type) == ("q", "explorer")
    assert child.messages[0].kind == "task"


def test_an_interruption_flags_the_answer(tmp_path: Path) -> None:
    stopped = row("event_msg", 5, type="turn_aborted", reason="interrupted")
    write(tmp_path, "a", [row("session_meta", 0, id="p"), *TALK, stopped])
    (session,) = read("codex", tmp_path).sessions
    assert [m.flags for m in session.messages if m.kind == "answer"] == [(), ("interrupted",)]


def test_a_prompt_that_was_taken_back_does_not_break_off_the_answer_before_it(
    tmp_path: Path,
) -> None:
    stopped = row("event_msg", 6, type="turn_aborted", reason="interrupted")
    write(tmp_path, "a", [row("session_meta", 0, id="p"), *TALK, said("user", "no", 5), stopped])
    (session,) = read("codex", tmp_path).sessions
    assert not any(m.flags for m in session.messages)


def test_tokens_of_the_cache_are_told_apart(tmp_path: Path) -> None:
    last = {"input_tokens": 100, "cached_input_tokens": 60, "output_tokens": 7}
    count = row("event_msg", 5, type="token_count", info={"last_token_usage": last})
    write(tmp_path, "a", [row("session_meta", 0, id="p"), *TALK, count, count])
    (session,) = read("codex", tmp_path).sessions
    usage = session.messages[-1].usage
    assert usage is not None
    assert (usage.input, usage.cache_read, usage.output) == (40, 60, 7)


def test_what_is_noted_beside_an_item_may_stand_before_it(tmp_path: Path) -> None:
    def noted(given: dict[str, Any], number: int) -> dict[str, Any]:
        rest = {key: value for key, value in given.items() if key != "payload"}
        beside = {"metadata": {"history_sequence": number}}
        return {**rest, **beside, "payload": given["payload"]}

    parent = [row("session_meta", 0, id="p"), *[noted(r, n) for n, r in enumerate(TALK)]]
    own = [noted(said("user", "other", 8), 3), noted(said("assistant", "fine", 9), 4)]
    head = row("session_meta", 7, id="f", forked_from_id="p")
    for name, rows in (("b", parent), ("a", [head, *own])):
        lines = [json.dumps(r, separators=(",", ":")) + "\n" for r in rows]
        (tmp_path / f"rollout-{name}.jsonl").write_text("".join(lines))
    branch = read("codex", tmp_path).sessions[1]
    texts = [p.text for m in branch.messages for p in m.parts if isinstance(p, Text)]
    assert texts == ["other", "fine"]


def _lines(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    lines = [json.dumps(r, separators=(",", ":")) + "\n" for r in rows]
    (folder / f"rollout-{name}.jsonl").write_text("".join(lines))


def test_what_is_noted_beside_an_item_differs_in_the_copy_of_a_sub_agent(tmp_path: Path) -> None:
    """Versions of autumn 2026 note beside the items of a copy that they are inherited."""
    noted: dict[str, Any] = {"client_authored": False, "user_input_order": 0}
    spawn = {"subagent": {"thread_spawn": {"parent_thread_id": "p"}}}
    parent = [row("session_meta", 0, id="p"), *[{**r, "metadata": noted} for r in TALK]]
    beside = {"client_authored": False, "inherited_user_message": True}
    copy = [{**r, "metadata": beside} for r in TALK]
    own = [said("user", "look there", 8), said("assistant", "seen", 9)]
    start = {"subagent_history_start_ordinal": len(copy) + 1}
    head = row("session_meta", 7, id="q", source=spawn, parent_thread_id="p", **start)
    _lines(tmp_path, "a", [{"ordinal": at, **r} for at, r in enumerate(parent)])
    _lines(tmp_path, "b", [{"ordinal": at, **r} for at, r in enumerate([head, *copy, *own])])
    reading = read("codex", tmp_path)
    assert reading.unbalanced() == {}
    main, child = reading.sessions
    assert _texts(child) == ["look there", "seen"]
    assert child.lineage == main.lineage
    assert reading.ledger.drops["link/resumed_copy"] == len(TALK)


@pytest.mark.parametrize("odd", [{}, {"timestamp": 7}])
@pytest.mark.parametrize(
    ("noted", "reason"),
    [
        ({"compaction_output": True}, "summary_answer"),
        (
            {"delivered_assistant_message": "codex:code-mode-delivery:v1:complete"},
            "retained_context",
        ),
        ({"delivered_assistant_message": "Words of a tool."}, ""),
        ({"compaction_output": "odd"}, ""),
        ({}, ""),
    ],
)
def test_what_the_program_keeps_in_the_model_s_name_is_no_answer(
    tmp_path: Path, noted: dict[str, Any], reason: str, odd: dict[str, Any]
) -> None:
    beside = {"client_authored": False, **noted}
    kept = {**said("assistant", "Two files were ported.", 5), "metadata": beside, **odd}
    write(tmp_path, "a", [row("session_meta", 0, id="p"), *TALK, said("user", "On.", 4), kept])
    reading = read("codex", tmp_path)
    assert reading.unbalanced() == {}
    (session,) = reading.sessions
    assert ("Two files were ported." in _texts(session)) == (not reason)
    assert not reason or reading.ledger.drops[f"read/{reason}"] == 1


def test_an_answer_that_a_summary_happens_to_end_with_stays(tmp_path: Path) -> None:
    summary = row("compacted", 9, message="The till was ported, and the tests are done.")
    talk = [said("user", "Port it.", 1), said("assistant", "done.", 2), summary]
    write(tmp_path, "a", [row("session_meta", 0, id="p"), *talk, said("user", "And?", 10)])
    messages = [m for session in read("codex", tmp_path).sessions for m in session.messages]
    assert "done." in [p.text for m in messages for p in m.parts if isinstance(p, Text)]


def _back(turns: int, at: int = 5) -> dict[str, Any]:
    return row("event_msg", at, type="thread_rolled_back", num_turns=turns)


def _texts(session: Session) -> list[str]:
    return [p.text for m in session.messages for p in m.parts if isinstance(p, Text)]


@pytest.mark.parametrize(("own", "turns", "above"), [([], 1, 0), ([], 2, -1), (["3"], 2, 0)])
def test_going_back_behind_the_fork_that_a_thread_began_with(
    tmp_path: Path, own: list[str], turns: int, above: int
) -> None:
    """An editor that lets a person change a prompt forks the thread, then goes back in the fork."""
    first = [line for n in "12" for line in (said("user", n, int(n)), said("assistant", f"a{n}"))]
    mine = [line for n in own for line in (said("user", n, 7), said("assistant", f"a{n}", 8))]
    head = row("session_meta", 6, id="f", forked_from_id="p")
    last = [_back(turns), said("user", "new", 11), said("assistant", "done", 12)]
    write(tmp_path, "a", [row("session_meta", 0, id="p"), *first])
    write(tmp_path, "b", [head, row("session_meta", 0, id="p"), *first, *mine, *last])
    reading = read("codex", tmp_path)
    assert reading.unbalanced() == {}
    assert _texts(reading.sessions[-1]) == ["new", "done"]
    origin = reading.sessions[-1].forked_from
    answers = [m.id for m in reading.sessions[0].messages if m.kind == "answer"]
    assert (origin.message if origin is not None else None) == (
        answers[above] if above >= 0 else None
    )
    assert sum(len(session.messages) for session in reading.sessions) == 6 + 2 * len(own)


def test_a_fork_that_copies_how_a_person_went_back(tmp_path: Path) -> None:
    first = [said("user", "1", 1), said("assistant", "a1", 2), said("user", "2", 3)]
    again = [*first, said("assistant", "a2", 4), _back(1), said("user", "3", 6)]
    again.append(said("assistant", "a3", 7))
    write(tmp_path, "a", [row("session_meta", 0, id="p"), *again])
    head = row("session_meta", 8, id="f", forked_from_id="p")
    write(tmp_path, "b", [head, *again, said("user", "4", 9), said("assistant", "a4", 10)])
    reading = read("codex", tmp_path)
    assert [_texts(s) for s in reading.sessions] == [
        ["1", "a1", "2", "a2"],
        ["3", "a3"],
        ["4", "a4"],
    ]
    origin = reading.sessions[-1].forked_from
    assert origin is not None
    assert origin.message == reading.sessions[1].messages[-1].id


@pytest.mark.parametrize("turns", [0, 1])
def test_a_history_that_says_the_same_again_and_again(tmp_path: Path, turns: int) -> None:
    """A fork goes on from the last of what is alike, not from the first."""
    rules = said("developer", "Be kind.")
    talk = [
        [said("user", word, at), {**rules, "timestamp": str(at)}, said("assistant", "Done.", at)]
        for at, word in enumerate(["one", "two", "go", "go"], 1)
    ]
    first = [line for turn in talk for line in turn]
    back = [_back(turns)] if turns else []
    last = [*back, said("user", "new", 11), said("assistant", "fine", 12)]
    write(tmp_path, "a", [row("session_meta", 0, id="p"), *first])
    write(tmp_path, "b", [row("session_meta", 6, id="f", forked_from_id="p"), *first, *last])
    reading = read("codex", tmp_path)
    assert reading.unbalanced() == {}
    parent, branch = reading.sessions
    assert _texts(branch) == ["new", "fine"]
    assert branch.forked_from is not None
    answers = [m.id for m in parent.messages if m.kind == "answer"]
    assert branch.forked_from.message == answers[3 - turns]


def test_going_back_in_a_fork_and_then_behind_all_that_it_began_with(tmp_path: Path) -> None:
    """Nothing of what stood there is above the last words."""
    first = [line for n in "12" for line in (said("user", n, int(n)), said("assistant", f"a{n}"))]

    def turn(words: str) -> list[dict[str, Any]]:
        return [said("user", words, 7), said("assistant", f"did {words}", 8)]

    own = [*turn("other"), _back(2, 9), *turn("more"), _back(2, 10), *turn("new"), _back(1, 11)]
    own += turn("last")
    write(tmp_path, "a", [row("session_meta", 0, id="p"), *first])
    write(tmp_path, "b", [row("session_meta", 6, id="f", forked_from_id="p"), *first, *own])
    reading = read("codex", tmp_path)
    assert reading.unbalanced() == {}
    above = {_texts(session)[0]: session.forked_from for session in reading.sessions}
    answers = [m.id for m in reading.sessions[0].messages if m.kind == "answer"]
    assert {words: point and point.message for words, point in above.items()} == {
        "1": None,
        "other": answers[1],
        "more": answers[0],
        "new": None,
        "last": None,
    }


def test_going_back_to_before_the_first_prompt_begins_anew(tmp_path: Path) -> None:
    def turn(words: str) -> list[dict[str, Any]]:
        return [said("user", words, 1), said("assistant", f"done {words}", 2)]

    head = row("session_meta", 0, id="p")
    begun = [head, *turn("one"), *turn("two"), _back(1), *turn("three")]
    write(tmp_path, "a", begun)
    before = {s.key for s in read("codex", tmp_path).sessions}
    write(tmp_path, "a", [*begun, _back(2, 6), *turn("four"), _back(1, 7), *turn("five")])
    reading = read("codex", tmp_path)
    assert reading.unbalanced() == {}
    assert [_texts(s)[::2] for s in reading.sessions] == [
        ["one", "two"],
        ["three"],
        ["four"],
        ["five"],
    ]
    assert len({s.lineage for s in reading.sessions}) == 1
    assert before <= {s.key for s in reading.sessions}
    assert len({s.key for s in reading.sessions}) == 4
    assert [s.forked_from is None for s in reading.sessions] == [True, False, True, True]


def test_what_a_search_found_was_seen_before_the_words_behind_it(tmp_path: Path) -> None:
    """What it found is not in the log, but no model is to learn to answer first, search then."""

    def search(name: str) -> dict[str, Any]:
        asked = {"type": "search", "query": name}
        return row("response_item", 2, type="web_search_call", id=name, action=asked)

    talk = [said("user", "look", 1), said("assistant", "I look.", 2), search("w1"), search("w2")]
    write(tmp_path, "a", [row("session_meta", 0, id="p"), *talk, said("assistant", "There.", 3)])
    (session,) = read("codex", tmp_path).sessions
    assert [(m.kind, len(m.parts)) for m in session.messages] == [
        ("prompt", 1),
        ("answer", 3),
        ("results", 2),
        ("answer", 1),
    ]
    missing = [p.status for p in session.messages[2].parts if isinstance(p, ToolResult)]
    assert missing == ["missing", "missing"]


def test_a_call_before_a_search_and_one_behind_it_were_made_without_any_output(
    tmp_path: Path,
) -> None:
    def call(name: str) -> dict[str, Any]:
        asked = {"type": "function_call", "name": "look", "arguments": "{}"}
        return row("response_item", 2, **asked, call_id=name)

    def output(name: str) -> dict[str, Any]:
        return row("response_item", 4, type="function_call_output", call_id=name, output=name)

    search = row("response_item", 2, type="web_search_call", id="w", action={"query": "q"})
    asked = [said("user", "look", 1), call("c1"), search, call("c2"), output("c1"), output("c2")]
    write(tmp_path, "a", [row("session_meta", 0, id="p"), *asked, said("assistant", "So.", 5)])
    (session,) = read("codex", tmp_path).sessions
    told = [[getattr(p, "id", "") for p in m.parts] for m in session.messages]
    assert [m.kind for m in session.messages] == ["prompt", "answer", "results", "answer"]
    assert told[1] == ["c1", "w", "c2"]


def test_a_working_copy_of_claude_code_belongs_to_its_project(tmp_path: Path) -> None:
    """Filters and `forget` take it by the project's name, and so do the rows."""
    head = row("session_meta", 0, id="p", cwd="/w/shop/.claude/worktrees/w1")
    write(tmp_path, "a", [head, *TALK])
    (session,) = read("codex", tmp_path).sessions
    assert (session.project, session.cwd) == ("shop", "/w/shop/.claude/worktrees/w1")
