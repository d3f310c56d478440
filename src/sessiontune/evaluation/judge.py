"""Pairwise judging by any OpenAI-compatible model: both orders, ties, a rubric.

Judges prefer a place (about a third of their choices flip with the order), so each pair is shown
twice with the places exchanged, and an answer wins only if it wins in both. A judge that always
says "first" gives only ties.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Literal

from ..errors import UsageError
from .answering import Progress
from .cache import Table, digest
from .callforms import words_of
from .queries import Query
from .remote import Remote, Reply
from .result import Judged, Shown, ShownAnswer, tally
from .statistics import Case

#: Tokens of a judgement, at most: many judges think before they speak.
MOST_TOKENS = 2_048

Choice = Literal["first", "second", "tie"]

_ASK = """Two assistants answered the same question. Say which answer is better for the person \
who asked. Judge what is said, not its length or style.

Question:
{question}
{more}
First answer:
{first}

Second answer:
{second}

End with one line: VERDICT: FIRST, VERDICT: SECOND or VERDICT: TIE."""

_SAID = re.compile(r"VERDICT\W+(FIRST|SECOND|TIE)\b", re.IGNORECASE)
_BARE = re.compile(r"\b(FIRST|SECOND|TIE)\b", re.IGNORECASE)


#: Who compares: the prompt in, the answer out.
Judge = Callable[[str], Reply]


def judge_at(place: str) -> Judge:
    """The model at URL#MODEL. UsageError if that is no address."""
    url, _, model = place.partition("#")
    if "://" not in url:
        raise UsageError(
            f"--judge '{place}' is not URL#MODEL.",
            "For example --judge http://127.0.0.1:8080/v1#model.",
        )
    remote = Remote(url, model)
    return lambda prompt: remote.answer([{"role": "user", "content": prompt}], most=MOST_TOKENS)


def prompt_of(query: Query, first: str, second: str) -> str:
    """What the judge reads."""
    more = ""
    if query.reference:
        more += f"\nA good answer, for reference:\n{query.reference}\n"
    if query.rubric:
        more += f"\nWhat counts:\n{query.rubric}\n"
    return _ASK.format(question=query.question, more=more, first=first, second=second)


def choice_in(text: str) -> Choice | None:
    """The judge's choice: its last verdict, or its only word; None where it made none."""
    found = _SAID.findall(text) or (_BARE.findall(text) if len(text) < 40 else [])
    word = found[-1].lower() if found else ""
    return word if word in ("first", "second", "tie") else None  # type: ignore[return-value]


def both_orders(one: Choice, other: Choice) -> tuple[int, bool]:
    """(+1: b wins, -1: a wins, 0: tie; whether the judge changed its mind with the order).

    `one` was said with a first, `other` with b first.
    """
    value = {"first": -1, "second": 1, "tie": 0}
    forward, backward = value[one], -value[other]
    if forward == backward:
        return forward, False
    return 0, forward * backward < 0


def judged(
    judge: str,
    queries: Sequence[Query],
    asked: Sequence[Shown],
    arm: str,
    against: str,
    table: Table,
    progress: Progress,
    ask: Judge | None = None,
) -> Judged:
    """Compare `arm` with `against` on every query that both answered. `ask` replaces the model that
    `judge` names."""
    ask = ask or judge_at(judge)
    cases: list[Case] = []
    flips = 0
    failed: list[str] = []
    for done, (query, found) in enumerate(zip(queries, asked, strict=True), 1):
        by_arm = {a.arm: a for a in found.answers}
        outcome = _pair(query, by_arm[against], by_arm[arm], table, ask)
        progress(done, len(queries), f"judging {arm} against {against}")
        if isinstance(outcome, str):
            failed.append(outcome)
            continue
        flips += outcome[1]
        share = (1 + outcome[0]) / 2
        cases.append(Case(query.id, query.cluster, 0.5, share, 1.0, query.tags))
    return tally(
        cases, arm=arm, against=against, judge=judge, unit="questions", flips=flips, failed=failed,
        what="judged queries", none="no pair was judged.",
    )  # fmt: skip


def _pair(
    query: Query, a: ShownAnswer, b: ShownAnswer, table: Table, ask: Judge
) -> tuple[int, bool] | str:
    """The outcome of one pair, or why there is none."""
    for answer in (a, b):
        if answer.failed:
            return f"{answer.arm}: {answer.failed}"
    one, two = words_of(a.text), words_of(b.text)
    if one == two:
        return 0, False
    said: list[Choice] = []
    for first, second in ((one, two), (two, one)):
        prompt = prompt_of(query, first, second)
        key = digest(prompt)
        held = table.get(key)
        if held is None:
            reply = ask(prompt)
            choice = None if reply.failed else choice_in(reply.text)
            if choice is None:  # not kept: a later run asks again
                return reply.failed or "the judge gave no verdict"
            table.put(key, choice)
            held = choice
        said.append(held)
    return both_orders(said[0], said[1])
