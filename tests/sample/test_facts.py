"""The world and its facts: the arithmetic holds, and what late sessions ask was answered before."""

from __future__ import annotations

import re
from decimal import Decimal
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sessiontune.sample import code, facts, questions, sums
from sessiontune.sample import world as w
from sessiontune.sample.corpus import compose


def _amount(text: str) -> Decimal:
    return Decimal(text.replace(",", ""))


def test_every_wording_can_be_filled() -> None:
    world = {value for fact in facts.all_facts() for _, value in fact.values}
    for fact in facts.all_facts():
        asked, answered = facts.WORDINGS[fact.kind]
        for text in (*asked, *answered):
            filled = text.format(**dict(fact.values))
            braces = re.findall(r"{[^}]*}", filled)
            assert all(any(brace in value for value in world) for brace in braces), filled


@given(st.sampled_from(w.CLIENT_TYPES), st.integers(0, 10**11), st.booleans(), st.integers(0, 5))
def test_fee_is_the_rate_or_the_minimum(
    client: w.ClientType, budget: int, rush: bool, won: int
) -> None:
    base = w.fee(client, budget)
    assert base >= client.minimum
    assert base == client.minimum or abs(base - budget * client.rate) <= 1
    changed = w.fee(client, budget, rush=rush, won=won)
    factor = (1 + w.RUSH * rush) * (1 - w.REPEAT * (won >= 2))
    assert abs(changed - base * factor) <= 2


@given(st.integers(0, 10**10), st.integers(-30, 400))
def test_late_fee_counts_started_months_after_the_grace(amount: int, days: int) -> None:
    fee = w.late_fee(amount, days)
    assert (fee == 0) or days > w.GRACE_DAYS
    months = max(0, days - w.GRACE_DAYS + 29) // 30
    assert abs(fee - amount * w.LATE * months) <= 1


def test_sums_in_the_answers_are_right() -> None:
    rng = Random(5)
    for _ in range(200):
        values = dict(sums.phase_sum(rng).values)
        net, vat, total = (_amount(values[name]) for name in ("net", "vat", "total"))
        assert net + vat == total
        assert abs(vat - net * w.VAT) <= Decimal("0.005")
        values = dict(sums.health_sum(rng).values)
        score = eval(values["terms"].replace("x", "*"), {"__builtins__": {}})
        assert abs(score - int(values["score"])) <= 0.5001
        limits = {"green": (75, 101), "amber": (50, 75), "red": (0, 50)}
        low, high = limits[values["colour"]]
        assert low <= int(values["score"]) < high


def test_starter_questions_cover_every_area() -> None:
    rows = questions(7)
    assert rows == questions(7)
    assert len({row["id"] for row in rows}) == len(rows) >= 50
    tags = {tag for row in rows for tag in row["tags"]}
    assert set(facts.AREAS) | {"fastapi", "sqlite", "react", "nextjs"} <= tags
    assert all(row["question"] and row["reference"] for row in rows)


def test_the_code_says_what_the_world_says() -> None:
    fees = code.source("backend/app/services/fees.py")
    for client in w.CLIENT_TYPES:
        assert f'"{client.name}": {{"rate": Decimal("{client.rate}")' in fees
    assert all(path in code.files() for *_, path in w.DECISIONS if path in code.files())
    for path, text in code.files().items():
        if path.endswith(".py"):
            compile(text, path, "exec")


def test_what_the_newest_sessions_ask_was_answered_in_older_ones() -> None:
    def answers(logs: list[Any]) -> set[str]:
        return {
            part["text"]
            for log in logs
            for thread in log.threads
            for message in thread.messages
            if message.kind == "answer"
            for part in message.parts
            if part["type"] == "text"
        }

    logs = [s.log for s in compose().sessions]
    cut = len(logs) * 85 // 100
    facts_in_words = [
        {facts._articles(a.format(**dict(fact.values))) for a in facts.WORDINGS[fact.kind][1]}
        for fact in facts.all_facts()
    ]
    old, new = "\n".join(answers(logs[:cut])), "\n".join(answers(logs[cut:]))
    asked = [texts for texts in facts_in_words if any(text in new for text in texts)]
    known = [texts for texts in asked if any(text in old for text in texts)]
    assert len(asked) > 30
    assert len(known) / len(asked) > 0.6
