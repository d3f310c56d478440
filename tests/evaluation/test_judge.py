"""Judging in both orders: a judge that prefers a place gives no winner."""

from __future__ import annotations

from pathlib import Path

import pytest

from sessiontune.errors import UsageError
from sessiontune.evaluation.actions import ActionCase, scored
from sessiontune.evaluation.blind import pairs_of
from sessiontune.evaluation.cache import Cache
from sessiontune.evaluation.callforms import Call
from sessiontune.evaluation.compare import shown
from sessiontune.evaluation.judge import both_orders, choice_in, judge_at, judged, prompt_of
from sessiontune.evaluation.markdown import judged_words
from sessiontune.evaluation.queries import Query, shown_queries
from sessiontune.evaluation.remote import Reply
from sessiontune.evaluation.result import Judged, Result, Shown, ShownAnswer, measure, tally
from sessiontune.evaluation.statistics import Case

from .conftest import ModelServer

QUERIES = [Query(f"Question {n}?", f"q{n}", "ref", "short", (), f"q{n}") for n in range(14)]


def asked() -> list[Shown]:
    return [
        Shown(
            id=q.id,
            row="",
            prompt=q.question,
            wanted="",
            answers=(
                ShownAnswer("base", f"bad {q.id}", 0.0),
                ShownAnswer("tuned", f"good {q.id}", 0.0),
            ),
        )
        for q in QUERIES
    ]


def run(folder: Path, said: object) -> Judged:
    table = Cache(folder).table("judge", "d")

    def ask(prompt: str) -> Reply:
        return said(prompt) if callable(said) else Reply(str(said))

    return judged("http://x", QUERIES, asked(), "tuned", "base", table, lambda *_: None, ask)


@pytest.mark.parametrize("word", ["FIRST", "SECOND", "TIE"])
def test_a_judge_that_always_says_the_same_gives_no_winner(tmp_path: Path, word: str) -> None:
    found = run(tmp_path, f"VERDICT: {word}")
    assert (found.wins, found.losses, found.ties) == (0, 0, 14)
    assert found.verdict.outcome == "unclear"
    assert found.reversed == (0 if word == "TIE" else 14)


def test_a_judge_that_sees_the_better_answer(tmp_path: Path) -> None:
    def said(prompt: str) -> Reply:
        return Reply(
            "VERDICT: FIRST"
            if prompt.index("good q") < prompt.index("bad q")
            else "VERDICT: SECOND"
        )

    found = run(tmp_path, said)
    assert (found.wins, found.losses, found.ties) == (14, 0, 0)
    assert found.verdict.sentence == "The tuned model is better than its base on judged queries."


@pytest.mark.parametrize(
    ("against", "named"),
    [("rules", "the base with the project's rules"), ("big", "'big'")],
)
def test_the_verdict_names_the_arm_that_it_is_about(against: str, named: str) -> None:
    """A model that beats a page of rules has not beaten its base by that."""
    cases = [Case(f"q{n}", f"q{n}", 0.5, 1.0) for n in range(14)]
    found = tally(
        cases, arm="tuned", against=against, judge="j", unit="questions", what="it", none=""
    )
    assert found.verdict.words == f"The tuned model is better than {named} on it."
    other = measure("loss", "loss", cases, lower_is_better=True, arms=("big", "base"))
    assert other.verdict.words == "'big' is worse than the base on loss."


def test_thoughts_are_no_part_of_what_is_compared(tmp_path: Path) -> None:
    query = [Query("Which port?", "q", "It is 8080")]
    thoughts = "<think>\nThe user wants a port. It may be 80.\n</think>\n\nIt is 8080"
    replies = {"base": [Reply(thoughts, True)], "tuned": [Reply("It is 8080", True)]}
    found = shown_queries(query, replies)
    assert [a.score for a in found[0].answers] == [1.0, 1.0]
    assert found[0].answers[0].text == thoughts  # the report shows them

    seen: list[str] = []

    def ask(prompt: str) -> Reply:
        seen.append(prompt)
        return Reply("VERDICT: TIE")

    def compare(name: str) -> Judged:
        table = Cache(tmp_path).table("judge", name)
        return judged("http://x", query, found, "tuned", "base", table, lambda *_: None, ask)

    assert compare("same").ties == 1
    assert not seen
    replies["tuned"] = [Reply("It is 80", True)]
    found = shown_queries(query, replies)
    assert compare("other").ties == 1
    assert len(seen) == 2
    assert "The user wants" not in seen[0] + seen[1]


def test_a_thought_longer_than_what_is_shown_hides_no_answer() -> None:
    """Nor does it tell a person who compares blindly which model wrote it."""
    call = '<tool_call>\n{"name": "Read", "arguments": {"path": "a.py"}}\n</tool_call>'
    texts = {"base": f"<think>{'so ' * 400}</think>\n\nI look.\n{call}", "tuned": call}
    case = ActionCase("c", "l", (), None, (Call("Read", {"path": "a.py"}),), "")
    answers = {name: [scored(case, Reply(text, True))] for name, text in texts.items()}
    found = shown([case], answers)
    assert [a.text for a in found[0].answers] == [f"I look.\n{call}", call]
    result = Result(
        run="r", base="b", data="d", outcome="unclear", sentence="", measures=(), cases=tuple(found)
    )
    pair = pairs_of(result)[0]
    assert {pair.first, pair.second} == {f"I look.\n{call}", call}


def test_what_was_judged_is_not_asked_again(tmp_path: Path) -> None:
    asks: list[str] = []

    def said(prompt: str) -> Reply:
        asks.append(prompt)
        return Reply("", failed="busy") if len(asks) == 3 else Reply("VERDICT: TIE")

    first = run(tmp_path, said)
    assert (first.failed, first.why, len(asks)) == (
        1,
        "busy",
        27,
    )  # the failed one is not asked in the other order
    asks.clear()
    asks += ["", "", ""]  # past the fault
    second = run(tmp_path, said)
    assert (second.failed, second.why, second.ties, len(asks) - 3) == (0, "", 14, 2)
    assert "1 failed: busy)" in judged_words(first)


def test_a_judge_that_decides_nothing_or_has_no_address(tmp_path: Path) -> None:
    found = run(tmp_path, "I cannot say.")
    assert (found.failed, found.why) == (14, "the judge gave no verdict")
    with pytest.raises(UsageError, match="is not URL#MODEL"):
        judge_at("judge-model")


def test_through_a_server(model_server: ModelServer, tmp_path: Path) -> None:
    model_server.said = lambda body: "I think so.\nVERDICT: FIRST"
    table = Cache(tmp_path).table("judge", "d")
    url = f"{model_server.url}#judge"
    found = judged(url, QUERIES[:2], asked()[:2], "tuned", "base", table, lambda *_: None)
    assert (found.ties, found.reversed) == (2, 2)
    assert len(model_server.asked) == 4
    assert model_server.asked[0]["model"] == "judge"


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("VERDICT: FIRST", "first"),
        ("At first I thought VERDICT: FIRST, but no.\n**VERDICT:** second", "second"),
        ("tie", "tie"),
        ("The first is nice but long and I cannot say more about it than that.", None),
        ("", None),
    ],
)
def test_choices(text: str, choice: str | None) -> None:
    assert choice_in(text) == choice


def test_both_orders() -> None:
    assert both_orders("second", "first") == (1, False)
    assert both_orders("first", "second") == (-1, False)
    assert both_orders("first", "first") == (0, True)
    assert both_orders("tie", "first") == (0, False)


def test_the_judge_reads_reference_and_rubric() -> None:
    text = prompt_of(QUERIES[0], "one", "two")
    assert text.index("ref") < text.index("short") < text.index("one") < text.index("two")
