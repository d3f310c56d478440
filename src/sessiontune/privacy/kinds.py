"""Which kinds of findings are secrets, as opposed to personal data and places."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=1)
def _personal_and_places() -> frozenset[str]:
    from .ruleset import all_rules

    return frozenset(rule.kind for rule in all_rules() if rule.layer != "secrets") | {
        "user",
        "name",
        "word",
        "host",
    }


def is_secret(kind: str) -> bool:
    """True for keys, passwords and the like, and for a kind that no rule has."""
    return kind not in _personal_and_places()
