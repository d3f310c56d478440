"""Copies are found in whatever form they come, and unrelated sessions are left alone."""

from __future__ import annotations

import random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from steps_synth import (
    answer,
    branch,
    call,
    dialogue,
    nearly,
    prose,
    renamed,
    results,
    session,
    user,
)

from sessiontune.decisions import SplitMemory, SplitOptions
from sessiontune.marks import Mark, jaccard
from sessiontune.model import Session, ToolResult
from sessiontune.steps.dedupe import decide, mark


def marks(*sessions: Session) -> list[Mark]:
    return [mark(s) for s in sessions]


def group_of(found, s: Session) -> str:
    return found.decisions.for_sessions([(s.key, s.lineage)])[0].group


def test_unrelated_sessions_stay_apart() -> None:
    some = [dialogue(f"s{i}", i) for i in range(40)]
    found = decide(marks(*some))
    assert len({group_of(found, s) for s in some}) == 40
    assert found.counts["duplicate"] == found.counts["near_duplicate"] == 0


def test_exact_copy_is_left_out_and_names_its_original() -> None:
    one = dialogue("one", 1)
    two = renamed(one, "two")
    found = decide(marks(one, two))
    gone = [s for s in (one, two) if found.decisions.for_sessions([(s.key, s.lineage)])[0].reason]
    assert len(gone) == 1
    key = gone[0].key
    assert found.decisions.for_sessions([(key, gone[0].lineage)])[0].reason == "duplicate"
    assert {key, found.decisions.duplicates[key]} == {"one", "two"}


def test_near_copy_shares_the_group() -> None:
    one = dialogue("one", 1, 8)
    two = nearly(one, "two", 5, 0.05)
    a, b = marks(one, two)
    assert a.minhash
    assert b.minhash
    assert 0.55 < jaccard(a.minhash, b.minhash) < 0.9
    found = decide([a, b])
    assert group_of(found, one) == group_of(found, two)
    assert found.counts["near_duplicate"] == 0, "a changed copy is grouped, not thrown away"


def test_copy_with_every_seventh_word_changed_is_still_found() -> None:
    for seed in range(8):
        one = dialogue("one", seed, 5)
        two = nearly(one, "two", seed, 0.14)
        found = decide(marks(one, two))
        assert group_of(found, one) == group_of(found, two)


def test_resumed_copy_that_grew_three_times_is_found_though_minhash_is_blind() -> None:
    one = dialogue("one", 1, 4)
    more = dialogue("more", 2, 12)
    grown = renamed(one, "grown", messages=one.messages + more.messages)
    a, b = marks(one, grown)
    assert a.minhash
    assert b.minhash
    assert jaccard(a.minhash, b.minhash) < 0.55
    found = decide([a, b])
    assert group_of(found, one) == group_of(found, grown)


def test_same_short_prompts_do_not_join_sessions() -> None:
    rng = random.Random(3)
    some = [
        session(
            f"s{i}",
            user("1", "continue"),
            answer("2", prose(rng, 50)),
            user("3", "commit and push"),
            answer("4", "Done."),
        )
        for i in range(12)
    ]
    found = decide(marks(*some))
    assert len({group_of(found, s) for s in some}) == 12


def short_talk(key: str, turns: list[tuple[str, str]], seed: int) -> Session:
    """Questions and answers of a few words, with long tool output of its own between them."""
    rng = random.Random(seed)
    said = []
    for n, (asked, told) in enumerate(turns):
        said += [
            user(f"{key}u{n}", asked),
            answer(f"{key}c{n}", "", call(f"{key}t{n}", command="ls")),
            results(f"{key}r{n}", ToolResult(f"{key}t{n}", "Bash", prose(rng, 120))),
            answer(f"{key}a{n}", told),
        ]
    return session(key, *said)


def turns_of(seed: int, n: int) -> list[tuple[str, str]]:
    rng = random.Random(seed)
    return [(prose(rng, 6), prose(rng, 8)) for _ in range(n)]


def test_a_copy_of_short_messages_is_found_though_its_tool_output_differs() -> None:
    """No answer is long enough to stand for the session, and most of its words are output."""
    talk = turns_of(1, 5)
    one, two = short_talk("a", talk, 1), short_talk("b", talk, 2)
    assert max(len(told) for _, told in talk) < 132
    assert jaccard(marks(one)[0].minhash, marks(two)[0].minhash) < 0.5
    found = decide(marks(one, two))
    assert group_of(found, one) == group_of(found, two)


def test_a_copy_of_short_messages_that_grew_is_found() -> None:
    talk = turns_of(1, 4)
    one, two = short_talk("a", talk, 1), short_talk("b", talk + turns_of(2, 12), 2)
    found = decide(marks(one, two))
    assert group_of(found, one) == group_of(found, two)


def test_one_short_exchange_in_common_joins_no_sessions() -> None:
    common = turns_of(3, 2)
    one = short_talk("a", turns_of(1, 4) + common + turns_of(4, 4), 1)
    two = short_talk("b", turns_of(2, 5) + common + turns_of(5, 4), 2)
    found = decide(marks(one, two))
    assert group_of(found, one) != group_of(found, two)


def test_equal_short_tails_of_branches_are_not_copies() -> None:
    one, two = dialogue("one", 1), dialogue("two", 2)
    tails = [
        msgspec.structs.replace(
            branch(one, "b1", 9), messages=(user("x", "go on"), answer("y", "Done."))
        ),
        msgspec.structs.replace(
            branch(two, "b2", 9), messages=(user("p", "go on"), answer("q", "Done."))
        ),
    ]
    found = decide(marks(one, two, *tails))
    assert not found.decisions.duplicates
    assert group_of(found, one) != group_of(found, two)


def test_owner_of_a_staying_branch_is_never_left_out() -> None:
    one = dialogue("one", 1)
    copy = renamed(one, "copy")
    fork = branch(copy, "fork", 77)
    big = msgspec.structs.replace(one, messages=one.messages)
    found = decide(marks(big, copy, fork))
    gone = set(found.decisions.duplicates)
    assert "copy" not in gone
    assert "fork" not in gone


def test_chinese_without_spaces_is_compared() -> None:
    text = "".join(chr(0x4E00 + random.Random(1).randrange(900) + i) for i in range(300))
    one = session("a", user("1", "修复" + text), answer("2", text * 2))
    two = session("b", user("1", "修復" + text), answer("2", text * 2 + "好"))
    a, b = marks(one, two)
    assert a.minhash
    assert b.minhash
    assert jaccard(a.minhash, b.minhash) > 0.8


def test_empty_session_has_a_mark() -> None:
    empty = mark(session("e"))
    assert empty.minhash is None
    assert decide([empty]).counts["sessions"] == 1


def test_what_was_found_to_be_near_stays_one_group_after_an_edit() -> None:
    one, two = dialogue("one", 1), dialogue("two", 2)
    both = renamed(one, "both", messages=one.messages + two.messages)
    first = decide(marks(one, two, both))
    assert group_of(first, one) == group_of(first, two)
    later = decide(marks(one, two), first.memory)
    assert group_of(later, one) == group_of(later, two) == group_of(first, one)


@settings(max_examples=25)
@given(st.randoms(use_true_random=False), st.integers(2, 30))
def test_order_of_the_marks_is_of_no_account(rng: random.Random, n: int) -> None:
    some = [dialogue(f"s{i}", i % 20, 2, f"2026-01-{i % 28 + 1:02d}T00:00:00Z") for i in range(n)]
    given_marks = marks(*some)
    shuffled = list(given_marks)
    rng.shuffle(shuffled)
    memory = SplitMemory()
    for by in ("time", "project"):
        options = SplitOptions(by=by)
        assert decide(given_marks, memory, split=options) == decide(shuffled, memory, split=options)


def test_sub_agents_share_the_group_of_the_session_that_started_them() -> None:
    main = dialogue("main", 1)
    agents = [
        msgspec.structs.replace(dialogue("a1", 2), session_id=main.session_id, agent_id="x"),
        msgspec.structs.replace(dialogue("a2", 3), parent_session="main", agent_id="y"),
    ]
    other = dialogue("other", 4)
    found = decide(marks(main, *agents, other))
    assert {group_of(found, s) for s in (main, *agents)} == {group_of(found, main)}
    assert group_of(found, other) != group_of(found, main)


def test_of_many_equal_copies_one_stays() -> None:
    one = dialogue("s0", 1)
    some = [one, *(renamed(one, f"s{i}") for i in range(1, 80))]
    assert decide(marks(*some)).counts["duplicate"] == 79
    near = [one, *(nearly(one, f"n{i}", i, 0.002) for i in range(60))]
    found = decide(marks(*near)).counts
    assert found["duplicate"] + found["near_duplicate"] >= 55


def test_of_copies_the_larger_stays_and_of_equal_ones_the_newer() -> None:
    one = dialogue("b", 1, 6)
    shorter = nearly(one, "a", 1, 0.001)
    shorter = msgspec.structs.replace(shorter, messages=shorter.messages[:-1])
    assert decide(marks(one, shorter)).decisions.duplicates == {"a": "b"}
    later = dialogue("b", 1, 6, "2026-02-01T00:00:00Z")
    earlier = renamed(dialogue("a", 1, 6, "2026-01-01T00:00:00Z"), "a")
    assert decide(marks(earlier, later)).decisions.duplicates == {"a": "b"}


def long_branch(one: Session, key: str, seed: int) -> Session:
    """A branch with enough content of its own to be compared."""
    return msgspec.structs.replace(
        branch(one, key, seed), messages=dialogue(key, seed, 8).messages, session_id=key
    )


def test_the_same_work_done_in_two_branches_is_a_copy_and_in_two_epochs_it_is_none() -> None:
    one = dialogue("one", 1)
    branches = [long_branch(one, key, 9) for key in ("b1", "b2")]
    assert decide(marks(one, *branches)).decisions.duplicates == {"b2": "b1"}
    epochs = [msgspec.structs.replace(one, key=f"e{n}", epoch=n) for n in range(2)]
    assert not decide(marks(*epochs)).decisions.duplicates


def test_a_branch_of_a_branch_keeps_all_that_it_goes_on_from() -> None:
    one = dialogue("a1", 1)
    two = renamed(one, "z1")
    first, copy = long_branch(one, "a2", 9), long_branch(two, "z2", 9)
    assert decide(marks(one, two, first, copy)).decisions.duplicates == {"z1": "a1", "z2": "a2"}
    last = long_branch(copy, "z3", 5)
    assert not decide(marks(one, two, first, copy, last)).decisions.duplicates
