"""Published key formats in the files and languages they are written in: none survives."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from keycases import ASSIGNED, NAMED, PLACED, SIGNED, written
from planted import survives
from taking import REDACTOR


def test_the_tables_are_wide() -> None:
    assert len(SIGNED) >= 60
    assert len(ASSIGNED) >= 50
    assert len(PLACED) >= 50


@pytest.mark.parametrize("name", SIGNED)
def test_a_key_with_a_sign_of_its_own_is_found_wherever_it_stands(name: str) -> None:
    values = {how: SIGNED[name](Random(f"{name} {how}")) for how in ASSIGNED}
    texts = [written("SERVICE_TOKEN", how, value) for how, value in values.items()]
    told = [f"so it is {value}, he said" for value in values.values()]
    redacted = zip(REDACTOR.texts(texts), REDACTOR.texts(told), strict=True)
    for (how, value), text, done in zip(values.items(), texts, redacted, strict=True):
        assert survives(value, text), "the check itself must be able to see the value"
        assert not any(survives(value, one) for one in done), how


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("gs" + "k_", "aBcDeFgHiJkLmNoPqRsT1234567890" + "zyxwvutsrqponmlkjihgfe"),
        ("do" + "p_v1_", "1234567890abcdef" * 4),
    ],
)
def test_a_key_that_counts_up_has_every_sign_of_one(head: str, body: str) -> None:
    assert body not in REDACTOR.text(f"so it is {head}{body}, he said")


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("gs" + "k_", "x" * 52),
        ("gh" + "p_", "abcdefghijklmnopqrstuvwxyz0123456789"),
        ("AIza" + "Sy", "EXAMPLE" * 4 + "12345"),
    ],
)
def test_a_stand_in_for_one_stays(head: str, body: str) -> None:
    assert REDACTOR.text(f"it looks like {head}{body}\n") == f"it looks like {head}{body}\n"


@pytest.mark.parametrize("place", PLACED)
def test_a_credential_is_found_by_its_place(place: str) -> None:
    around, make = PLACED[place]
    for seed in range(6):
        value = make(Random(f"{place} {seed}"))
        text = around.format(v=value)
        assert survives(value, text)
        assert not survives(value, REDACTOR.text(text))


def test_keys_without_a_sign_are_found_by_their_name() -> None:
    """A header says nothing of the name. Signs of all sorts in a row can still look like code."""
    missed: Counter[str] = Counter()
    cases = 0
    for key, (name, make) in NAMED.items():
        for how in ASSIGNED:
            value = make(Random(f"{key} {how}"))
            if how == "header" or (how == "query" and not value.isalnum()):
                continue
            cases += 1
            text = written(name, how, value)
            if survives(value, REDACTOR.text(text)):
                missed[key] += 1
                missed[how] += 1
    assert cases > 1000
    assert set(missed) & set(NAMED) <= {"django", "db", "aws-secret"}  # slashes, brackets
    assert sum(missed[key] for key in NAMED) <= 0.03 * cases
