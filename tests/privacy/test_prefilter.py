"""What Hyperscan is asked in place of an anchor finds what the anchor finds."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sessiontune.privacy.detect import _DECODERS, Detector
from sessiontune.privacy.options import PrivacyOptions
from sessiontune.privacy.prefilter import Hit, SingleFilter
from sessiontune.privacy.rules import Rule, pattern
from sessiontune.privacy.ruleset import all_rules
from sessiontune.privacy.sentences import said_follows
from sessiontune.privacy.vocabulary import Vocabulary
from sessiontune.privacy.words import Names

pytest.importorskip("hyperscan", reason="no wheel of hyperscan for this machine")
RULES = [*_DECODERS, *all_rules()]
DETECTOR = Detector(
    PrivacyOptions().layers(), lambda kind, shape, value: b"", frozenset(), lambda data: []
)
#: A card's number has separators everywhere or nowhere, an address of hardware one kind of them;
#: with a vendor's name, its value is asked for; a name in code may look like a token of Vault.
#: Their anchors find more, which the exact patterns and the checks refuse.
NARROWER = {"card", "mac", "secret", "hashicorp-vault-token"}
SAME = [i for i, rule in enumerate(RULES) if rule.faster and rule.kind not in NARROWER]
#: Looks that judge the value behind the anchor. The others tell which hits are the anchor's own.
JUDGES = {said_follows}


def text_for(rule: Rule) -> st.SearchStrategy[bytes]:
    return st.from_regex(re.compile(rule.anchor.encode("latin-1")), fullmatch=True)


@pytest.mark.parametrize("index", SAME, ids=lambda index: RULES[index].kind)
@settings(max_examples=25)
@given(data=st.data(), before=st.sampled_from([b"", b"x = ", b"\n", b'{"a": "', b"\x1b[0m"]))
def test_a_faster_pattern_misses_nothing(index: int, data: st.DataObject, before: bytes) -> None:
    text = before + data.draw(text_for(RULES[index]))
    after = b"x\ny" if RULES[index].kind == "wrap" else b" and more"
    assume(pattern(RULES[index].anchor).search(text + after))  # behind `before` no word may begin
    hits = asked(text + after) if RULES[index].near in JUDGES else DETECTOR.scan(text + after)
    assert index in {found for found, _ in hits}


def asked(text: bytes) -> list[Hit]:
    """All hits of the prefilter, also those that `near` rules out."""
    return [
        (index, end)
        for which, end in DETECTOR._filter.scan(text)
        for index, _ in DETECTOR._takers[which]
    ]


@pytest.mark.parametrize(
    "text",
    [mark.join(("4539", "5787", "6362", "1486")) for mark in ("", " ", "-")],
)
def test_cards_are_seen_with_and_without_separators(text: str) -> None:
    assert [span.kind for span in DETECTOR.find(text.encode())] == ["card"]


NAMES = Names(
    Vocabulary(), PrivacyOptions(names=("zelda", "zelda77", "zelda-fitz", "fitz"), deny=("o'hara",))
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("zelda zelda77 ZELDA", ["zelda", "zelda77", "ZELDA"]),
        ("zelda-fitz, fitz-zelda", ["zelda-fitz", "fitz", "zelda"]),
        ("zeldas azelda zelda7 fitz7 zelda_7", ["zelda"]),
        ("O'Hara's o'haras", ["O'Hara", "o'hara"]),
        ("fitz", ["fitz"]),
        ("日zelda語", ["zelda"]),
        ("", []),
    ],
)
def test_names_count_as_whole_words_the_longest_first(text: str, found: list[str]) -> None:
    raw = text.encode()
    assert [raw[start:end].decode() for start, end in NAMES.find(raw)] == found


@pytest.mark.parametrize(
    "before", ["token: ", "my key", "unexpected token '", "API_KEY=", "segment:"]
)
def test_nothing_is_looked_for_across_two_texts(before: str) -> None:
    """Texts are joined by NULs for one pass. The end of one names nothing in the next."""
    after = "call" + "_l60TLUHMKhytonPFbK7eA723"
    apart = len(DETECTOR.scan(before.encode())) + len(DETECTOR.scan(after.encode()))
    assert len(DETECTOR.scan(f"{before}\x00{after}".encode())) == apart


def test_without_hyperscan_a_text_hides_nothing_of_the_one_before() -> None:
    """A pattern that takes as much as it can went on into the next text."""
    value = "Ehqf616" + "PVrztfwo"
    text = f"ldapsearch -D cn=admin,dc=a -w {value} -H ldap://h"
    one = SingleFilter([r"ldapsearch\b[^\n]{0,200}[ ]-w[ ]"])
    ends = [end for _, end in one.scan(text.encode())]
    joined = [end for _, end in one.scan(f"{text}\x00{text}".encode())]
    assert {*ends, *(len(text) + 1 + end for end in ends)} == set(joined)
