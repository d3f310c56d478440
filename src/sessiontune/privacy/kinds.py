"""Which kinds of findings are secrets, as opposed to personal data and places."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=1)
def _personal_and_places() -> frozenset[str]:
    from .ruleset import rules_of

    ruled = frozenset(rule.kind for rule in rules_of(frozenset(("personal", "places"))))
    return ruled | {"user", "name", "word", "host"}


def is_secret(kind: str) -> bool:
    """True for keys, passwords and the like, and for a kind that no rule has."""
    return kind not in _personal_and_places()
