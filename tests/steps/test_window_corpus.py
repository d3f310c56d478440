"""The laws of cutting on real logs, at every length that people train with."""

from __future__ import annotations

import json
from functools import cache

import msgspec
import pytest
from test_label_corpus import corpus, corpus_sessions
from test_window import BUDGETS, check_laws

from sessiontune import registry
from sessiontune.evidence import text_of
from sessiontune.measure import Meter, Truncation
from sessiontune.model import Message, Session
from sessiontune.ports import Conversation, EncodeOptions
from sessiontune.steps.clean import clean
from sessiontune.steps.label import labels_of, train_flags
from sessiontune.steps.window import LONG, windower
from sessiontune.templating import Template


def prefix(session: Session, by_key: dict[str, Session]) -> tuple[Message, ...]:
    """What a branch repeats: the messages of its owner up to the fork point."""
    fork = session.forked_from
    owner = by_key.get(fork.session) if fork else None
    if fork is None or owner is None:
        return ()
    before = (*prefix(owner, by_key), *owner.messages)
    at = next((i for i, m in enumerate(before) if m.id == fork.message), -1)
    return before[: at + 1]


@pytest.fixture(scope="module")
def cleaned() -> list[Session]:
    return [one for raw in corpus_sessions(corpus()) if (one := clean(raw)[0]) is not None]


@pytest.mark.slow
def test_laws_on_the_corpus_at_every_length(cleaned: list[Session]) -> None:
    totals = {budget: Truncation() for budget in BUDGETS}
    by_key = {s.key: s for s in cleaned}
    for session in cleaned:
        train = list(train_flags(session, labels_of(session)[0]))
        for budget in BUDGETS:
            before = prefix(session, by_key)
            totals[budget].add(check_laws(session, budget, train, (), before))
    for budget, counts in totals.items():
        over = counts.reasons.get("turn_over_budget", 0)
        naive = counts.naive_tokens / counts.tokens
        print(
            f"{budget}: {counts.rows} rows, {over} of {counts.turns} turns longer than a row; "
            f"naive truncation keeps {naive:.1%} of the trained tokens",
            counts.reasons,
        )
        assert over == sum(n for name, n in counts.reasons.items() if "over_budget_" in name)
        assert counts.kept_turns == counts.turns
        assert counts.kept_tokens == counts.tokens > counts.naive_tokens
    assert totals[32768].reasons.get("turn_over_budget", 0) == 0
    assert totals[1024].naive_tokens < 0.1 * totals[1024].tokens


@pytest.fixture(scope="module")
def template(cleaned: list[Session], tmp_path_factory: pytest.TempPathFactory) -> Template:
    pytest.importorskip("transformers")
    from sessiontune.training.tiny import make_tiny

    texts = [text_of(m) for s in cleaned[::3] for m in s.messages[:40]]
    return Template.load(make_tiny(tmp_path_factory.mktemp("base") / "tiny", texts, vocab=8192))


@pytest.fixture(scope="module")
def meter(template: Template) -> Meter:
    """Counts each text once for all lengths: counting is most of the work."""

    @cache
    def count(text: str) -> int:
        return len(template.tokenizer(text, add_special_tokens=False)["input_ids"])

    return Meter(count)


def _longest(session: Session) -> int:
    """The bytes of the longest answer: it has no more tokens."""
    answers = (m for m in session.messages if m.role == "assistant")
    return max((len(msgspec.json.encode(m)) for m in answers), default=0)


@pytest.mark.slow
@pytest.mark.models
@pytest.mark.parametrize("budget", [1024, 8192])  # at 32,768 no answer is longer than a row
def test_every_token_of_every_answer_is_trained_once(
    budget: int, cleaned: list[Session], template: Template, meter: Meter
) -> None:
    """As the trainer reads the rows, rendered by a template and counted by its tokenizer: a
    twentieth of the rows of a third of the sessions, and answers longer than a row, at 8,192 all of
    them. Joined, the parts are the answer."""
    from partlaws import check_parts

    by_key = {s.key: s for s in cleaned}
    cut = windower(budget, meter)
    encode = registry.format("openai").encode
    long = parts = rows = 0
    third = {session.key for session in cleaned[::3]}
    for session in cleaned:
        if session.key not in third and (budget == 1024 or _longest(session) < budget):
            continue  # at 1,024 long answers are many
        before = prefix(session, by_key)
        flags = [False] * len(before) + list(train_flags(session, labels_of(session)[0]))
        examples, _ = cut(session, before, flags)
        for number, example in enumerate(examples):
            if LONG not in example.tags and number % 20:
                continue
            one = Conversation(
                session=msgspec.structs.replace(session, messages=example.messages),
                train=example.train,
            )
            for raw in encode(one, EncodeOptions(), {}):
                row = json.loads(raw)
                rows += LONG not in example.tags
                long += LONG in example.tags
                parts += check_parts(template, row, budget)
    print(f"{budget}: {long} answers longer than a row in {parts} parts; {rows} other rows")
    assert rows
    assert parts >= 2 * long
    assert long or budget > 1024
