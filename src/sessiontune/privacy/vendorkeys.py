"""Keys of published formats: a rule for each line of `data/key_formats.tsv`, and the check of
all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import re2

from .checks import both_cases, count_digits, counts_up, even_case, is_example, wordy
from .examples import is_published_example
from .rules import MORE, WORD, Rule, left_edge, pattern, quick
from .vendors import ANCHORS, FASTER, NEAR, formats, spelled

_ASSET = quick(r"\.(?:png|jpe?g|gif|svg|css|js|ico|woff2?|map|html)")
#: Formats of letters and digits alone, which base64 may hold by chance.
_BY_CHANCE = frozenset({"facebook-page-token", "square-token"})
_INSIDE = quick(r"(?=[A-Za-z0-9+/]{0,40}[0-9])(?=[A-Za-z0-9+/]{0,40}[A-Z]{2})[A-Za-z0-9+/]{40}\Z")
#: The words in front of a weak format.
_WORDS = re2.compile(rb"[a-z]{1,12}_(?:[a-z]{3,10}_)?|[a-z]{1,3}-")
_HEX = re2.compile(rb"[0-9a-f]+|[0-9A-F]+")
_DASHES = re2.compile(r"_-\]\{[\d,]+\}$")
#: Formats so special that even a value of few different letters is a key.
_SURE = frozenset({"age-key", "anthropic-key"})
#: Formats of one fixed length: what is longer is something else.
_ENDS = frozenset({"azure-client-secret"})
#: Formats that do not count with a body of nothing but hexadecimal digits: OpenAI's `ctc_...` is
#: the id of an item.
_NEVER_HEX = frozenset({"chief-tools-token"})
#: Formats whose prefix built files and pods have, too: a key has digits and letters of both cases.
_CASED = frozenset({"databento-key", "dify-key"})
#: Formats with a short prefix: the rest must not read like words.
_WEAK = frozenset(
    """
    braintree-tokenization-key brave-key browserbase-key composio-key devcycle-key exoscale-key
    fauna-key gocardless-token hashicorp-vault-token huggingface-token lichess-token lob-key
    mailchimp-transactional-key midtrans-key mollie-key pagerduty-key persona-key pinterest-token
    polar-token prismic-token proof-key tailscale-key thunderstore-token upstash-key val-town-token
    voyage-key
    """.split()  # noqa: SIM905
)


def _check(kind: str, fixed: bool, dashes: bool) -> Callable[[bytes, Any], tuple[int, int] | None]:
    sure, weak, by_chance = kind in _SURE, kind in _WEAK, kind in _BY_CHANCE

    def check(data: bytes, match: Any) -> tuple[int, int] | None:
        start, end = match.span(1)
        if not left_edge(data, start):
            return None
        if (
            by_chance
            and data[start - 1 : start] == b"/"
            and _INSIDE.match(data, max(0, start - 40), start)
        ):
            return None
        after = data[end : end + 1]
        if after == b"#" or _ASSET.match(data, end, min(len(data), end + 6)):
            return None
        if after and (WORD[after[0]] or (after in b"_-" and (dashes or weak))):
            if fixed:
                return None
            end = pattern(MORE).match(data, end, min(len(data), end + 8192)).end()
        value = data[start:end]
        if kind in _NEVER_HEX and _HEX.fullmatch(value.partition(b"_")[2]):
            return None
        if kind in _CASED and not _has_all(value):
            return None
        if sure:
            return None if counts_up(value) > 0.5 else (start, end)
        part = data[start - 1 : start] == b"_" and not even_case(value)
        if weak and (part or not _mixed(value) or _HEX.fullmatch(value)):
            return None
        return None if is_example(value) or is_published_example(value) else (start, end)

    return check


def _has_all(value: bytes) -> bool:
    """True for digits and letters of both cases that are no chain of words."""
    return both_cases(value) and count_digits(value) > 0 and wordy(value) < 0.5


def _mixed(value: bytes) -> bool:
    """True for a token with a short prefix whose rest is no chain of words and not of one case."""
    words = _WORDS.match(value)
    body = value[words.end() if words else 2 :]
    if body.isupper() or (body.islower() and body.isalpha() and len(body) < 30):
        return False
    if wordy(body) > 0.4 and not even_case(body):
        return False
    return value[:2] != b"s." or (count_digits(body) > 0 and body != body.lower())


def _rules() -> Iterator[Rule]:
    for kind, pattern_head, tail in formats():
        head = pattern_head.removeprefix(r"\b")  # `left_edge` checks this, and knows escapes
        anchor = ANCHORS.get(kind, head)
        yield Rule(
            kind=kind,
            anchor=anchor,
            near=NEAR.get(anchor, NEAR.get(kind)),
            faster=FASTER.get(anchor, FASTER.get(kind, spelled(anchor))),
            exact=f"({head}{tail})",
            check=_check(kind, not tail or kind in _ENDS, bool(_DASHES.search(head))),
            window=(260, 1200),
            wraps=True,
            rank=7,
        )


RULES = tuple(_rules())
