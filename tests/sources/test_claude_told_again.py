"""Logs in which Claude Code writes again what it wrote before: at compactions, on resuming."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.sources.test_claude import answer, call, read_rows, result, text, user, write
from tests.support import Reading, read

from sessiontune.model import Session, Text


def turn(name: str, parent: str | None) -> list[dict[str, Any]]:
    return [
        user(f"u{name}", parent, f"ask {name}"),
        answer(f"a{name}", f"u{name}", f"msg_01{name * 20}", text(f"say {name}")),
    ]


def system(uuid: str, parent: str | None, subtype: str, **more: Any) -> dict[str, Any]:
    row = {"type": "system", "subtype": subtype, "uuid": uuid, "parentUuid": parent}
    return {**row, "sessionId": "s", **more}


def compaction(name: str, after: str, tail: str | None = None) -> list[dict[str, Any]]:
    kept = {"preservedSegment": {"headUuid": "h", "anchorUuid": f"s{name}", "tailUuid": tail}}
    about = {"trigger": "manual", **(kept if tail else {})}
    boundary = system(
        f"c{name}", None, "compact_boundary", logicalParentUuid=after, compactMetadata=about
    )
    return [boundary, user(f"s{name}", f"c{name}", f"sum {name}", isCompactSummary=True)]


def words(reading: Reading) -> list[list[str]]:
    """The words of each session, in order."""
    return [
        [part.text for m in session.messages for part in m.parts if isinstance(part, Text)]
        for session in reading.sessions
    ]


ONLY = "msg_01" + "1" * 20
STAMP = "2026-01-01T00:00:09.000Z"
HOOK = {
    "type": "attachment",
    "uuid": "k",
    "parentUuid": "a1",
    "attachment": {"type": "hook_success"},
}
BEFORE = [*turn("1", None), HOOK, *turn("2", "k")]
FIRST = ["ask 1", "say 1", "ask 2", "say 2"]


@pytest.mark.parametrize("below", ["k", "copied", "summary"])
def test_a_second_compaction_writes_the_summarised_history_again(
    tmp_path: Path, below: str
) -> None:
    last = {"k": "k", "copied": "u2", "summary": "sB"}[below]
    rows = [
        *BEFORE,
        *compaction("A", "a2", "a2"),
        *turn("3", "sA"),
        *BEFORE[: 3 if below == "k" else 4],
        system("h", last if below != "summary" else "u2", "stop_hook_summary"),
        *compaction("B", "h", "h"),
        *turn("4", last),
    ]
    reading = read_rows(tmp_path, rows)
    assert words(reading) == [FIRST, ["sum A", "ask 3", "say 3"], ["sum B", "ask 4", "say 4"]]
    assert [s.epoch for s in reading.sessions] == [0, 1, 2]
    assert all(s.forked_from is None for s in reading.sessions)


def gone_back(tail: str, **more: Any) -> dict[str, Any]:
    """What newer versions write where a person goes back: a compaction that took no time."""
    kept = {"headUuid": "u1", "anchorUuid": "c", "tailUuid": tail}
    about = {"trigger": "manual", "durationMs": 0, "preservedSegment": kept}
    return system("c", None, "compact_boundary", compactMetadata=about, **more)


@pytest.mark.parametrize("more", [{}, {"cwd": 5}])
@pytest.mark.parametrize("below", ["a1", "c"])
def test_who_goes_back_to_before_a_compaction_saw_no_summary(
    tmp_path: Path, below: str, more: dict[str, Any]
) -> None:
    boundary = gone_back("a1", **more)
    rows = [*BEFORE, *compaction("A", "a2"), *turn("3", "sA"), boundary, *turn("4", below)]
    reading = read_rows(tmp_path, rows)
    assert words(reading) == [FIRST, ["sum A", "ask 3", "say 3"], ["ask 4", "say 4"]]
    branch = reading.sessions[2]
    assert branch.forked_from is not None
    assert branch.forked_from.message == "a1"
    assert reading.unbalanced() == {}


def test_who_goes_back_to_what_is_not_in_the_log_saw_no_summary_either(tmp_path: Path) -> None:
    back = [gone_back("lost"), *turn("4", "c")]
    reading = read_rows(tmp_path, [*BEFORE, *compaction("A", "a2"), *turn("3", "sA"), *back])
    assert words(reading) == [FIRST, ["sum A", "ask 3", "say 3"], ["ask 4", "say 4"]]


def stamped(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with a time each, unless they have one, in their order."""
    return [{"timestamp": f"2026-01-01T00:00:{at:02}.000Z", **row} for at, row in enumerate(rows)]


def test_an_answer_that_is_told_again_after_somebody_spoke_stands_once(tmp_path: Path) -> None:
    before = stamped(BEFORE)
    again = {**before[1], "uuid": "again", "parentUuid": "a3"}
    rows = [*before, *compaction("A", "a2", "a2"), *turn("3", "sA"), again, *turn("4", "again")]
    later = ["sum A", "ask 3", "say 3", "ask 4", "say 4"]
    assert words(read_rows(tmp_path, stamped(rows))) == [FIRST, later]


def test_the_words_of_an_answer_from_before_a_compaction_may_be_said_anew(tmp_path: Path) -> None:
    """By a client that gives all its answers one id."""
    rows = [user("u1", None, "ask"), answer("a1", "u1", ONLY, text("Done."))]
    rows += [user("u2", "a1", "ask 2"), answer("a2", "u2", ONLY, text("Well."))]
    rows += [*compaction("A", "a2"), user("u3", "sA", "ask 3"), answer("a3", "u3", ONLY, call("c"))]
    rows += [user("r", "a3", [result("c")]), answer("a4", "r", ONLY, text("Done."))]
    reading = read_rows(tmp_path, stamped(rows))
    assert words(reading) == [["ask", "Done.", "ask 2", "Well."], ["sum A", "ask 3", "Done."]]


def test_records_on_one_line_behind_copies_stay_together(tmp_path: Path) -> None:
    """Of which the second names a parent that was never written."""
    write(tmp_path, "s.jsonl", [*turn("1", None), *turn("2", "a1"), *turn("4", "a2")])
    note = user("k", "a1", "<user-memory-input>mind it</user-memory-input>")
    own = [note, *turn("3", "nowhere")]
    copies = write(tmp_path, "t.jsonl", [{**r, "sessionId": "t"} for r in [*turn("1", None), *own]])
    lines = copies.read_text().splitlines()
    copies.write_text("\n".join([*lines[:2], lines[2] + lines[3], *lines[4:]]))
    assert words(read("claude", tmp_path)) == [
        [*FIRST, "ask 4", "say 4"],
        ["mind it", "ask 3", "say 3"],
    ]


def test_below_a_record_that_only_shares_its_id_all_is_new(tmp_path: Path) -> None:
    """Also an answer in the very words of the one of that id."""
    ids = [user("u1", None, "ask"), answer("a1", "u1", "m1", text("Done."))]
    ids += [user("u2", "a1", "more"), answer("a2", "u2", "m2", text("Done."))]
    other = [user("u1", None, "else"), *ids[1:]]
    for name, rows in (("s", [*ids, *turn("3", "a2")]), ("t", other)):
        write(tmp_path, f"{name}.jsonl", [{**row, "sessionId": name} for row in rows])
    reading = read("claude", tmp_path)
    assert reading.unbalanced() == {}
    assert words(reading)[1] == ["else", "Done.", "more", "Done."]


@pytest.mark.parametrize("again", [1, 2, 3, 4, 5])
def test_a_prompt_below_the_last_of_what_was_written_again(tmp_path: Path, again: int) -> None:
    """As it is where a sub-agent's context was compacted in between."""
    rows = [*BEFORE, *compaction("A", "a2", "a2"), *turn("3", "sA"), *BEFORE[:again]]
    rows += turn("4", BEFORE[again - 1]["uuid"])
    reading = read_rows(tmp_path, rows)
    assert words(reading) == [FIRST, ["sum A", "ask 3", "say 3", "ask 4", "say 4"]]
    assert reading.ledger.drops["link/repeated_record"] == again


@pytest.mark.parametrize("told_again", [False, True])
def test_what_a_compaction_keeps_is_no_branch(tmp_path: Path, told_again: bool) -> None:
    kept = [{**BEFORE[3], "parentUuid": "sA"}, BEFORE[4]] if told_again else []
    rows = [*BEFORE, *compaction("A", "a2", "a2"), *kept, *turn("3", "a2"), *turn("4", "a3")]
    reading = read_rows(tmp_path, rows)
    assert words(reading) == [FIRST, ["sum A", "ask 3", "say 3", "ask 4", "say 4"]]


@pytest.mark.parametrize("back", ["a1", "a2"])
def test_going_back_to_before_a_compaction_stays_a_branch(tmp_path: Path, back: str) -> None:
    rows = [*BEFORE, *compaction("A", "a2", "a2"), *turn("3", "sA"), *turn("4", back)]
    reading = read_rows(tmp_path, rows)
    assert words(reading) == [FIRST, ["sum A", "ask 3", "say 3"], ["ask 4", "say 4"]]
    assert [s.forked_from.message for s in reading.sessions if s.forked_from] == [back]


def test_going_back_behind_a_prompt_and_what_it_mentions(tmp_path: Path) -> None:
    """What the program showed after the words takes nothing from their being new."""
    shown = {"type": "nested_memory", "content": "memo"}
    memo = {"type": "attachment", "uuid": "m", "parentUuid": "u3", "attachment": shown}
    rows = [*BEFORE, *compaction("A", "a2", "a2"), turn("3", "sA")[0], memo, *turn("4", "a2")]
    reading = read_rows(tmp_path, rows)
    assert words(reading) == [FIRST, ["sum A", "ask 3", "memo"], ["ask 4", "say 4"]]


COMMON = [
    user("u1", None, "ask"),
    answer("a1", "u1", "m1", text("look"), call("c1")),
    user("r1", "a1", [result("c1")]),
]
ONE = [
    answer("b1", "r1", "m2", text("go on"), call("c2")),
    user("r2", "b1", [result("c2")]),
    answer("b2", "r2", "m3", text("done")),
    user("u3", "b2", "ask more"),
]
OTHER = [
    user("u2", "r1", "ask there"),
    answer("a2", "u2", "m4", text("done there")),
    user("u4", "a2", "more there"),
]


@pytest.mark.parametrize("turns", ["1121212", "2121211", "2112211", "1112212", "2221111"])
def test_two_programs_that_go_on_with_one_session_at_a_time(tmp_path: Path, turns: str) -> None:
    own = {"1": iter(ONE), "2": iter(OTHER)}
    reading = read_rows(tmp_path, [*COMMON, *(next(own[turn]) for turn in turns)])
    begun, one, other = ["ask", "look"], ["go on", "done", "ask more"], ["ask there", "done there"]
    other.append("more there")
    first, second = (other, one) if turns[0] == "2" else (one, other)
    assert words(reading) == [[*begun, *first], second]
    assert [s.forked_from is None for s in reading.sessions] == [True, False]
    assert not any("retried" in m.flags for s in reading.sessions for m in s.messages)


def test_a_fork_that_names_its_origin_in_the_copied_records(tmp_path: Path) -> None:
    """The desktop program rewrites no ids when it copies a session."""
    own = [{**row, "sessionId": "fork"} for row in turn("3", "a2")]
    write(tmp_path, "fork.jsonl", [*BEFORE, *own])
    reading = read("claude", tmp_path)
    assert [s.session_id for s in reading.sessions] == ["fork"]
    write(tmp_path, "s.jsonl", [*BEFORE, *turn("4", "a2")])
    found = {s.session_id: told for s, told in zip(*_both(tmp_path), strict=True)}
    assert found == {"fork": [*FIRST, "ask 3", "say 3"], "s": ["ask 4", "say 4"]}


def _both(root: Path) -> tuple[list[Session], list[list[str]]]:
    reading = read("claude", root)
    return reading.sessions, words(reading)


def test_contexts_of_hooks_that_all_bear_one_id(tmp_path: Path) -> None:
    def hook(parent: str | None) -> dict[str, Any]:
        return {"type": "saved_hook_context", "uuid": "x", "parentUuid": parent, "content": ["c"]}

    rows = [hook(None), *turn("1", "x"), hook("a1"), *turn("2", "x"), hook("a2"), *turn("3", "x")]
    reading = read_rows(tmp_path, rows)
    assert words(reading) == [[*FIRST, "ask 3", "say 3"]]
    assert reading.ledger.drops == {"read/saved_hook_context": 1, "link/repeated_record": 2}


def at(rows: list[dict[str, Any]], start: int = 0) -> list[dict[str, Any]]:
    """The rows, one a second."""
    return [
        {**row, "timestamp": f"2026-01-01T00:{n // 60:02d}:{n % 60:02d}.000Z"}
        for n, row in enumerate(rows, start)
    ]


def renamed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows under new ids, below one another; the first keeps its parent."""
    new = {row["uuid"]: f"{row['uuid']}x" for row in rows}
    return [
        {
            **row,
            "uuid": new[row["uuid"]],
            "parentUuid": new.get(row["parentUuid"], row["parentUuid"]),
        }
        for row in rows
    ]


TOOLS = at(
    [
        *turn("1", None),
        user("u2", "a1", "ask 2"),
        answer("a2", "u2", "msg_01" + "2" * 20, text("say 2")),
        answer("a3", "a2", "msg_01" + "2" * 20, call("toolu_1")),
        user("r3", "a3", [result("toolu_1")]),
        answer("a4", "r3", "msg_01" + "4" * 20, text("say 4")),
    ]
)


@pytest.mark.parametrize("since", [0, 2])
@pytest.mark.parametrize("compacted", [False, True])
def test_a_history_that_is_written_again_under_new_ids(
    tmp_path: Path, since: int, compacted: bool
) -> None:
    summary = at(compaction("A", "a4"), 20) if compacted else []
    rows = [*TOOLS, *summary, *renamed(TOOLS[since:]), *at(turn("5", "a4x"), 30)]
    reading = read_rows(tmp_path, rows)
    told = ["ask 1", "say 1", "ask 2", "say 2", "say 4"]
    last = ["ask 5", "say 5"]
    assert words(reading) == ([told, ["sum A", *last]] if compacted else [[*told, *last]])
    assert sum(m.kind == "results" for s in reading.sessions for m in s.messages) == 1


@pytest.mark.parametrize("elsewhere", [False, True])
def test_answers_that_begin_with_a_piece_without_content_stand_once(
    tmp_path: Path, elsewhere: bool
) -> None:
    """A quarter of all thoughts are a signature alone; their records are the first of a message."""
    signed = {"type": "thinking", "thinking": "", "signature": "x"}
    rows: list[dict[str, Any]] = []
    for n in range(1, 4):
        name = f"msg_01{str(n) * 20}"
        rows += [user(f"u{n}", f"a{n - 1}" if n > 1 else None, f"ask {n}")]
        rows += [answer(f"t{n}", f"u{n}", name, signed)]
        rows += [answer(f"a{n}", f"t{n}", name, text(f"say {n}"))]
    rows = at(rows)
    again = [*renamed(rows), *at(turn("4", "a3x"), 30)]
    if elsewhere:
        write(tmp_path, "t.jsonl", [{**row, "sessionId": "t"} for row in again])
        rows += at([user("u9", "a3", "anybody? " * 300)], 40)
    reading = read_rows(tmp_path, rows if elsewhere else [*rows, *again])
    told = [one.strip() for session in words(reading) for one in session if "anybody" not in one]
    every = [f"{what} {n}" for n in range(1, 5) for what in ("ask", "say")]
    assert told == every
    (link,) = (name for name in reading.ledger.drops if name.startswith("link/"))
    assert reading.ledger.drops == {"read/thinking_signature_only": 6, link: 6}


def test_the_same_words_typed_again_at_another_time_are_another_prompt(tmp_path: Path) -> None:
    again = [{**row, "timestamp": "2026-01-01T00:00:40.000Z"} for row in renamed(TOOLS[2:4])]
    reading = read_rows(tmp_path, [*TOOLS, *again])
    assert words(reading)[1] == ["ask 2", "say 2"]


def test_a_client_that_gives_all_answers_one_id_and_one_time(tmp_path: Path) -> None:
    rows, above = [], None
    for n in range(4):
        rows += [user(f"u{n}", above, "continue"), answer(f"a{n}", f"u{n}", ONLY, text("ok"))]
        above = f"a{n}"
    reading = read_rows(tmp_path, [{**row, "timestamp": STAMP} for row in rows])
    assert words(reading) == [["continue", "ok"] * 4]


SHOWN = "<ide_opened_file>The user opened till.py.</ide_opened_file>"


@pytest.mark.parametrize("chain", [False, True])
@pytest.mark.parametrize(
    "logged",
    [
        [[SHOWN], ["Fix it."], [SHOWN, "Fix it."]],
        [["Fix it."], ["Fix it."]],
        [[SHOWN, "Fix it."], ["Fix it."]],
    ],
)
def test_a_prompt_that_was_written_several_times_stands_once(
    tmp_path: Path, chain: bool, logged: list[list[str]]
) -> None:
    rows, above = at(turn("1", None)), "a1"
    for n, texts in enumerate(logged):
        row = user(f"p{n}", above, [text(words) for words in texts])
        rows.append({**row, "timestamp": "2026-01-01T00:00:09.000Z"})
        above = f"p{n}" if chain else above
    rows += at([answer("a", rows[-1]["uuid"], "m", text("Fixed."))], 10)
    reading = read_rows(tmp_path, rows)
    assert words(reading) == [["ask 1", "say 1", "Fix it.", "Fixed."]]


def test_two_prompts_of_one_time_with_other_words_stay(tmp_path: Path) -> None:
    rows = [{**row, "timestamp": "2026-01-01T00:00:09.000Z"} for row in turn("1", None)]
    rows += [{**user(n, "a1", n), "timestamp": rows[0]["timestamp"]} for n in ("one", "two")]
    assert words(read_rows(tmp_path, rows)) == [["ask 1", "say 1", "one"], ["two"]]


def test_a_prompt_that_two_sessions_got_stands_in_both(tmp_path: Path) -> None:
    """Under one id; a copy of a session, which hangs below the same record, stands once."""
    both = user("same", None, "go back")
    here = [*turn("1", None), {**both, "parentUuid": "a1"}, answer("x", "same", "m1", text("A"))]
    there = [*turn("2", None), *turn("3", "a2"), {**both, "parentUuid": "a3"}]
    there.append(answer("y", "same", "m2", text("B")))
    for name, rows in (("s", here), ("t", there), ("copy", there)):
        write(tmp_path, f"{name}.jsonl", [{**row, "sessionId": name} for row in rows])
    reading = read("claude", tmp_path)
    assert reading.unbalanced() == {}
    told = sorted(words(reading))
    assert told == [
        ["ask 1", "say 1", "go back", "A"],
        ["ask 2", "say 2", "ask 3", "say 3", "go back", "B"],
    ]


@pytest.mark.parametrize("asked", [False, True])
def test_an_answer_that_came_before_a_late_result_is_not_given_again(
    tmp_path: Path, asked: bool
) -> None:
    rows = [
        user("u1", None, "ask"),
        answer("a1", "u1", "m1", text("start"), call("slow")),
        *([user("u2", "a1", "hurry")] if asked else []),
        answer("a2", "u2" if asked else "a1", "m2", text("meanwhile"), call("quick")),
        user("r2", "a2", [result("quick")]),
        answer("a3", "r2", "m3", text("so far")),
        user("r1", "a1", [result("slow")]),
        answer("a4", "r1", "m4", text("in the end")),
    ]
    reading = read_rows(tmp_path, rows)
    begun = ["ask", "start", *(["hurry"] if asked else [])]
    assert words(reading) == [[*begun, "meanwhile", "so far", "in the end"]]
    assert not any(m.flags for m in reading.sessions[0].messages)


def many_turns(n: int) -> list[dict[str, Any]]:
    return at([row for i in range(n) for row in turn(f"{i:03d}", f"a{i - 1:03d}" if i else None)])


def shown_behind_a_compaction(n: int) -> list[dict[str, Any]]:
    shown = {"type": "nested_memory", "content": "memo"}
    row = {"type": "attachment", "parentUuid": "a2", "attachment": shown}
    return [*BEFORE, *compaction("A", "a2", "a2"), *({**row, "uuid": f"k{i}"} for i in range(n))]


@pytest.mark.parametrize(
    "shape",
    [
        lambda n: [*many_turns(n), *renamed(many_turns(n))],
        lambda n: [{**user(f"p{i}", None, "same"), "timestamp": STAMP} for i in range(n)],
        shown_behind_a_compaction,
    ],
    ids=["history", "prompt", "shown"],
)
def test_what_is_written_again_costs_its_length(
    tmp_path: Path, shape: Callable[[int], list[dict[str, Any]]]
) -> None:
    def steps(n: int) -> int:
        count = 0

        def step(*_: Any) -> None:
            nonlocal count
            count += 1

        write(tmp_path, "s.jsonl", shape(n))
        sys.setprofile(step)
        try:
            read("claude", tmp_path)
        finally:
            sys.setprofile(None)
        return count

    assert steps(400) < 6 * steps(100)
