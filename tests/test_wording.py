"""The rules that read a person's words."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessiontune import wording
from sessiontune.wording import Rule

RULES = [*wording._CORRECTIONS, *wording._DIRECTION, *wording._ACCEPTANCES]
ASCII = st.characters(codec="ascii")


@pytest.mark.parametrize("rule", [r for r in RULES if r.needs], ids=lambda r: r.name)
@settings(max_examples=150)
@given(data=st.data())
def test_what_a_rule_finds_holds_a_word_that_it_needs(rule: Rule, data: st.DataObject) -> None:
    pattern: re.Pattern[str] = rule.find.__self__  # type: ignore[attr-defined]
    found = data.draw(st.from_regex(pattern, alphabet=ASCII))
    assert any(word in found.casefold() for word in rule.needs)


@pytest.mark.parametrize("rule", [r for r in RULES if not r.needs], ids=lambda r: r.name)
def test_a_rule_without_such_words_reads_the_beginning_only(rule: Rule) -> None:
    pattern: re.Pattern[str] = rule.find.__self__  # type: ignore[attr-defined]
    texts = [
        c.strip() for c in ("no, that", "before we", "first, x", "commit it", "push", "undo it")
    ]
    for text in (*texts, "thanks", "perfect!", "the tests fail", "revert this"):
        for before in ("", "x. ", "well "):
            same = pattern.search(before + text)
            assert bool(same) == bool(pattern.match(before + text))
