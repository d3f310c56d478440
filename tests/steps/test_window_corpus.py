"""The laws of cutting on real logs, at every length that people train with."""

from __future__ import annotations

import pytest
from test_label_corpus import corpus, corpus_sessions
from test_window import BUDGETS, check_laws

from sessiontune.model import Message, Session
from sessiontune.steps.clean import CleanOptions, cleaner
from sessiontune.steps.label import labeller, train_flags
from sessiontune.steps.window import Truncation


def prefix(session: Session, by_key: dict[str, Session]) -> tuple[Message, ...]:
    """What a branch repeats: the messages of its owner up to the fork point."""
    fork = session.forked_from
    owner = by_key.get(fork.session) if fork else None
    if fork is None or owner is None:
        return ()
    before = (*prefix(owner, by_key), *owner.messages)
    at = next((i for i, m in enumerate(before) if m.id == fork.message), -1)
    return before[: at + 1]


@pytest.mark.slow
def test_laws_on_the_corpus_at_every_length() -> None:
    label = labeller()
    totals = {budget: Truncation() for budget in BUDGETS}
    clean = cleaner(CleanOptions())
    cleaned = [one for raw in corpus_sessions(corpus()) if (one := clean(raw)[0]) is not None]
    by_key = {s.key: s for s in cleaned}
    for session in cleaned:
        train = list(train_flags(session, label(session)[0]))
        for budget in BUDGETS:
            before = prefix(session, by_key)
            totals[budget].add(check_laws(session, budget, train, (), before))
    for budget, counts in totals.items():
        over = counts.reasons.get("turn_over_budget", 0)
        kept = counts.kept_tokens / counts.tokens
        naive = counts.naive_tokens / counts.tokens
        print(f"{budget}: {counts.rows} rows, {over} of {counts.turns} turns too long, "
              f"{kept:.1%} of trained tokens kept, naive {naive:.1%}", counts.reasons)  # fmt: skip
        assert over == sum(n for name, n in counts.reasons.items() if "over_budget_" in name)
        assert counts.kept_turns + over == counts.turns
        assert counts.kept_tokens > counts.naive_tokens
    assert totals[32768].reasons.get("turn_over_budget", 0) == 0
    assert totals[1024].naive_tokens < 0.1 * totals[1024].tokens
