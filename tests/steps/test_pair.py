"""Preferences: identical context or no pair, one verdict per answer, evidence for each."""

from __future__ import annotations

import msgspec
import pytest
from steps_synth import answer, call, dialogue, results, session, user

from sessiontune.measure import Meter
from sessiontune.model import ForkPoint, Label, Message, Pair, Session, Text, ToolResult
from sessiontune.steps.label import labels_of
from sessiontune.steps.pair import pairer


def pairs(one: Session, *branches: Session, **options) -> list[Pair]:
    labels, _ = labels_of(one)
    return pairer(**options)(one, labels, (), branches, "g")


def fork(one: Session, at: str, key: str, *messages, session_id: str | None = None) -> Session:
    made = session(key, *messages, lineage=one.lineage, forked_from=ForkPoint(one.key, at))
    return msgspec.structs.replace(made, session_id=session_id or one.session_id)


def test_retry_from_the_same_context_is_a_strong_dpo_pair() -> None:
    one = session("s", user("u", "go", "1"), answer("a", "first try", at="2"))
    again = fork(one, "u", "b", answer("b1", "second try", at="3"))
    (pair,) = pairs(one, again)
    assert (pair.tier, pair.because) == ("strong", "rewind:retry:b1")
    assert [m.id for m in pair.prompt] == ["u"]
    assert [m.id for m in pair.chosen] == ["b1"]
    assert [m.id for m in pair.rejected] == ["a"]
    assert pair.group == "g"


def test_same_prompt_sent_again_is_a_medium_dpo_pair() -> None:
    one = session(
        "s",
        user("u", "go", "1"),
        answer("a", "ok", at="2"),
        user("v", "write  it", "3"),
        answer("c", "bad", at="4"),
    )
    again = fork(one, "a", "b", user("w", "write it", "5"), answer("d", "good", at="6"))
    (pair,) = pairs(one, again)
    assert pair.tier == "medium"
    assert [m.id for m in pair.prompt] == ["u", "a", "w"]


def test_rewritten_prompt_is_never_dpo() -> None:
    one = session(
        "s",
        user("u", "go", "1"),
        answer("a", "ok", at="2"),
        user("v", "do A", "3"),
        answer("c", "A", at="4"),
    )
    again = fork(one, "a", "b", user("w", "do B", "5"), answer("d", "B", at="6"))
    (pair,) = pairs(one, again)
    assert pair.chosen == ()
    assert [m.id for m in pair.rejected] == ["c"]
    assert pair.tier == "weak"


def test_a_copy_that_lives_on_elsewhere_is_weak_at_most() -> None:
    one = session("s", user("u", "go", "1"), answer("a", "one", at="2"))
    other = fork(one, "u", "b", answer("b1", "two", at="3"), session_id="other")
    assert {p.tier for p in pairs(one, other)} <= {"weak"}


def test_equal_answers_are_no_pair() -> None:
    one = session("s", user("u", "go", "1"), answer("a", "same", at="2"))
    assert pairs(one, fork(one, "u", "b", answer("b1", "same", at="3"))) == []


@pytest.mark.parametrize(("old", "new"), [("said", " \n"), ("\t", "said"), (" ", "\n")])
def test_an_answer_that_says_nothing_is_no_side_of_a_pair(old: str, new: str) -> None:
    one = session("s", user("u", "go", "1"), answer("a", old, at="2"))
    assert pairs(one, fork(one, "u", "b", answer("b1", new, at="3"))) == []


def test_three_ways_from_one_point() -> None:
    one = session("s", user("u", "go", "1"), answer("a", "one", at="2"))
    two = fork(one, "u", "b", answer("b1", "two", at="3"))
    three = fork(one, "u", "c", answer("c1", "three", at="4"))
    (pair,) = pairs(one, three, two)  # the second was preferred, then thrown away as well
    assert [m.id for m in (*pair.rejected, *pair.chosen)] == ["b1", "c1"]


def test_rejected_call_is_a_strong_negative() -> None:
    one = session(
        "s",
        user("u", "clean up"),
        answer("a", "", call("c", command="rm -rf /")),
        results("r", ToolResult("c", "Bash", "The user doesn't want to proceed.", "rejected")),
        answer("z", "Then not."),
    )
    (pair,) = pairs(one)
    assert (pair.tier, pair.chosen) == ("strong", ())
    assert pair.because == "rejected:structural:status:r"
    assert [m.id for m in pair.prompt] == ["u"]


def test_correction_is_medium_or_weak_by_confidence_and_acceptance_is_a_positive() -> None:
    one = session(
        "s",
        user("u", "x"),
        answer("a", "Here."),
        user("v", "No, that's wrong."),
        answer("b", "Here again."),
        user("w", "thanks!"),
    )
    bad, good = pairs(one)
    assert ([m.id for m in bad.rejected], bad.tier) == (["a"], "medium")
    assert ([m.id for m in good.chosen], good.tier) == (["b"], "weak")


def test_direction_change_is_no_evidence() -> None:
    one = session(
        "s", user("u", "x"), answer("a", "Here."), user("v", "actually, use a list instead")
    )
    assert pairs(one) == []


def test_one_verdict_per_answer() -> None:
    one = session(
        "s",
        user("u", "x"),
        answer("a", "", call("c", command="git commit -m x")),
        results("r", ToolResult("c", "Bash", "done")),
        user("v", "No, that's wrong. I told you to wait"),
    )
    found = pairs(one)
    assert sum(bool(p.rejected) for p in found) == 1
    assert not any(p.chosen for p in found)


def test_what_a_branch_says_of_its_answer_stands_against_the_fork() -> None:
    """The second try was refused: it is no answer to prefer, though it came later."""
    one = session("s", user("u", "go", "1"), answer("a", "first try", at="2"))
    again = fork(
        one,
        "u",
        "b",
        answer("b1", "", call("c", command="rm x"), at="3"),
        results("r", ToolResult("c", "Bash", "The user refused.", "rejected")),
    )
    labels, _ = labels_of(one)
    heard, _ = labels_of(again)
    assert any(x.name == "rejected" for x in heard)
    find = pairer()
    assert len(find(one, labels, (), (again,), "g")) == 1
    assert find(one, labels, (), (again,), "g", heard) == []


def test_a_rewritten_prompt_says_nothing_more_of_an_answer_that_a_branch_had_refused() -> None:
    one = session("s", user("u", "go", "1"), answer("a", "ok", at="2"), user("z", "on", "9"))
    refused = fork(
        one,
        "a",
        "b",
        user("v", "remove it", "3"),
        answer("d", "", call("c", command="rm x"), at="4"),
        results("r", ToolResult("c", "Bash", "The user refused.", "rejected")),
    )
    other = fork(one, "a", "e", user("w", "keep it", "5"), answer("f", "Kept.", at="6"))
    heard, _ = labels_of(refused)
    find = pairer()
    labels, _ = labels_of(one)
    assert [p.rejected[0].id for p in find(one, labels, (), (refused, other), "g")] == ["d"]
    assert find(one, labels, (), (refused, other), "g", heard) == []


def test_the_stronger_of_two_verdicts_counts() -> None:
    """The second try was preferred, and then found wrong: words are less than that."""
    one = session("s", user("u", "go", "1"), answer("a", "first try", at="2"))
    again = fork(one, "u", "b", answer("b1", "second try", at="3"), user("w", "No, that's wrong."))
    heard, _ = labels_of(again)
    (pair,) = pairer()(one, (), (), (again,), "g", heard)
    assert [m.id for m in pair.chosen] == ["b1"]


def test_of_what_a_branch_had_refused_the_better_one_is_still_told() -> None:
    one = session("s", user("u", "go", "1"), answer("a", "one", at="2"))
    asked = answer("b1", "", call("c", command="rm x"), at="3")
    refused = results("r", ToolResult("c", "Bash", "The user refused.", "rejected"))
    two = fork(one, "u", "b", asked, refused)
    three = fork(one, "u", "c", answer("c1", "three", at="4"), session_id="other")
    heard, _ = labels_of(two)
    found = pairer()(one, (), (), (two, three), "g", heard)
    assert [p.tier for p in found if p.rejected[0].id == "b1" and p.chosen] == ["weak"]


def test_what_was_put_into_the_mouth_of_the_model_is_no_answer() -> None:
    said = Label("a", "corrected", "lexical", "words")
    for injected in (False, True):
        one = session("s", user("u", "x"), answer("a", "Here.", injected=injected), user("v", "No"))
        assert len(pairer()(one, [said])) == (not injected)


def test_only_of_words_one_can_be_unsure() -> None:
    one = session("s", user("u", "x"), answer("a", "Here."))
    for kind, tier in (("structural", "strong"), ("lexical", "medium")):
        (pair,) = pairer()(one, [Label("a", "rejected", kind, "words", 0.5)])
        assert pair.tier == tier


def test_a_continuation_that_was_used_is_hardly_thrown_away() -> None:
    """Nor is one that begins with a word of the program another than it is."""
    notice = Message(id="n", role="system", kind="notice", parts=(), at="2")
    said = [notice, *(m for n in "bcd" for m in (answer(n, n, at="2"), user(f"{n}u", "on", "2")))]
    for more, tier in ((said, "strong"), ([*said, answer("e", "e", at="2")], "weak")):
        one = session("s", user("u", "go", "1"), *more)
        again = fork(one, "u", "x", notice, answer("x1", "second try", at="3"))
        (pair,) = pairs(one, again)
        assert ([m.id for m in pair.rejected], pair.tier) == (["b"], tier)


def test_prompts_without_an_answer_are_no_pair() -> None:
    first = user("u", "go", "1"), answer("a", "ok", at="2")
    for old, new, session_id in (
        ([user("w", "more"), answer("c", "C")], [answer("d", "D")], None),
        ([answer("c", "C")], [user("w", "more"), answer("d", "D")], "other"),
        ([answer("c", "C")], [answer("d", "D")], "other"),
    ):
        one = session("s", *first, user("v", "do A", "3"), *old)
        same = "do A" if session_id and new[0].role == "user" else "do B"
        again = fork(one, "a", "b", user("y", same, "5"), *new, session_id=session_id)
        assert pairs(one, again) == []


def test_keys_are_stable_and_different() -> None:
    one = dialogue("s", 1)
    made = msgspec.structs.replace(
        one,
        messages=(*one.messages, user("v", "no, wrong"), answer("q", "Sorry"), user("w", "thanks")),
    )
    first, again = pairs(made), pairs(made)
    assert first == again
    assert len({p.key for p in first}) == len(first) == 2


def test_context_fits_and_keeps_calls_whole() -> None:
    long = dialogue("s", 1, 60)
    one = msgspec.structs.replace(long, messages=(*long.messages, user("v", "no, wrong")))
    (pair,) = pairs(one, max_tokens=600)
    assert Meter().messages(pair.prompt) <= 600
    assert pair.prompt[0].id == long.messages[0].id
    assert pair.prompt[-1].id == long.messages[-2].id
    asked = [p.id for m in pair.prompt for p in m.parts if hasattr(p, "arguments")]
    told = [p.call_id for m in pair.prompt for p in m.parts if isinstance(p, ToolResult)]
    assert asked == told


def test_what_does_not_fit_is_the_oldest_of_the_middle_and_of_old_results_most() -> None:
    long = dialogue("s", 1, 60)
    notice = Message(id="n", role="system", kind="notice", parts=(Text("notice " * 2000),))
    one = msgspec.structs.replace(
        long, messages=(*long.messages[:9], notice, *long.messages[9:], user("v", "no, wrong"))
    )
    before = list(long.messages[:-1])
    whole = Meter().messages(before)
    assert list(pairs(one, max_tokens=whole)[0].prompt) == before
    assert list(pairs(one, max_tokens=0)[0].prompt) == before
    assert list(pairs(one, max_tokens=whole - 1)[0].prompt) != before
    cut = pairs(one, max_tokens=2000)[0].prompt
    assert Meter().messages(cut) <= 2000
    told = [p.content for m in cut for p in m.parts if isinstance(p, ToolResult)]
    assert len(told) > 6
    assert ["left out" in content for content in told] == [True] * (len(told) - 5) + [False] * 5


def test_a_long_task_leaves_room_for_what_came_last() -> None:
    long = dialogue("s", 1, 9)
    task = msgspec.structs.replace(long.messages[0], parts=(Text("many words " * 4000),))
    one = msgspec.structs.replace(long, messages=(task, *long.messages[1:], user("v", "no, wrong")))
    cut = pairs(one, max_tokens=1600)[0].prompt
    assert 1600 / 4 < Meter().messages(cut[:1]) <= 1600 / 2
    assert cut[-1].id == long.messages[-2].id


def test_a_long_prompt_is_cut_rather_than_all_that_was_before_it() -> None:
    asked = [user("t", "go"), answer("a", "one"), user("p", "a log line " * 900)]
    one = session("s", *asked, answer("b", "two"), user("v", "no, wrong"))
    prompt = pairs(one, max_tokens=1600)[0].prompt
    assert [m.id for m in prompt] == ["t", "a", "p"]
    assert Meter().messages(prompt[2:]) <= 1600 / 4 + Meter().base + Meter().per_message


def test_a_commit_speaks_for_the_last_edit_and_not_for_itself() -> None:
    def edit(name: str, old: str) -> object:
        return call(name, "Edit", file_path="a.py", old_string=old, new_string=f"{old}!")

    def done(name: str, told: str) -> object:
        return results(f"r{name}", ToolResult(name, "Bash", told))

    def commit(name: str) -> tuple[object, object]:
        asked = answer(f"a{name}", "", call(name, "Bash", command="git commit -am x"))
        return asked, done(name, "[main 1a2b3c4] x")

    one = session(
        "s",
        user("u", "add it and commit"),
        answer("e1", "", edit("c1", "x")),
        done("c1", "ok"),
        answer("e2", "", edit("c2", "y")),
        done("c2", "ok"),
        answer("e3", "", edit("c5", "z")),
        results("rc5", ToolResult("c5", "Edit", "no such text", "error")),
        *commit("c3"),
        *commit("c4"),
        answer("end", "Committed."),
    )
    (pair,) = pairs(one)
    assert [m.id for m in pair.chosen] == ["e2"]
    assert (pair.tier, pair.because.split(":")[0]) == ("medium", "committed")
    assert [m.id for m in pair.prompt] == ["u", "e1", "rc1"]


def test_a_commit_speaks_for_an_edit_that_other_labels_are_about_as_well() -> None:
    change = call("c", "Edit", file_path="a.py", old_string="x", new_string="y")
    one = session("s", user("u", "go"), answer("e", "", change), answer("k", "Committed."))
    commit = Label("k", "committed", "structural", "command:k")
    for name, kept in (("accepted", True), ("retried", True), ("tool_error", False)):
        found = pairer()(one, [Label("e", name, "structural", "x"), commit])
        assert [p.because.partition(":")[0] for p in found] == ["committed"] * kept


def test_a_branch_that_leaves_nothing_of_this_session_is_not_compared() -> None:
    one = session("s", user("u", "go", "1"), answer("a", "one", at="2"))
    assert pairs(one, fork(one, "gone", "b", answer("b1", "two", at="3"))) == []


def test_words_after_a_call_are_weak_evidence_against_it() -> None:
    def tier(*reply: object) -> str:
        (pair,) = pairs(session("s", user("u", "go"), *reply, user("w", "No, that is wrong.")))
        return pair.tier

    assert tier(answer("a", "It is done.")) == "medium"
    shown = results("r", ToolResult("c", "Bash", "fine"))
    assert tier(answer("a", "I look.", call("c", "Bash", command="ls")), shown) == "weak"
