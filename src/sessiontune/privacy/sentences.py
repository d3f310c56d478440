"""Secrets that are told in a sentence: `the password is ...`, ``Set `API_KEY` to ...``."""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from typing import Any

from .checks import is_placeholder, wordy
from .examples import is_published_example
from .judge import PASS_WORDS, is_dull_value, like_key, says_password
from .rules import Rule, quick

#: `the password is V`, ``Set `API_KEY` to `V` ``, in the languages of `PASS_WORDS`.
_SAID = (
    rf"(?i)(?:{PASS_WORDS}|api[ _-]?keys?|secret(?:[ _-]?key)?|(?:access|auth|api|bot|bearer)[ _-]?token|access[ _-]?key|"
    rf"[A-Z0-9_]{{2,40}}_(?:KEY|TOKEN|SECRET|PASS|PWD|PW))"
)
_IS = (
    r"(?:[`'\"*]{0,3}(?: (?:for|of|to|on|in)(?: [A-Za-z0-9_.@'-]{1,24}){1,5})?[`'\"*]{0,3}[ ]{0,2}"
    r"(?::|is(?: now)?:?|to|was:?|ist|lautet:?|est|es|\xc3\xa9|\xe6\x98\xaf|\xef\xbc\x9a|\xd1\x8d\xd1\x82\xd0\xbe)[ ]{0,2})"
)


def _said(data: bytes, match: Any) -> tuple[int, int] | None:
    """A value in a sentence: only what no word or number of a sentence looks like."""
    value = match.group(1).rstrip(b".,;:!?)`'\"*")
    start = match.start(1)
    if (
        len(value) < 6
        or any(c in b"/\\()[]{}=;," for c in value)
        or is_placeholder(value)
        or is_dull_value(value)
        or is_published_example(value)
    ):
        return None
    digits = any(48 <= c <= 57 for c in value)
    signs = any(c in b"!@#$%^&*_-+=." for c in value)
    both = value != value.lower() and value != value.upper()
    typed = digits and (both or signs) and wordy(value) < 0.85
    if says_password(match.group(0)[: start - match.start()]):
        good = typed or (digits and value.isalnum() and wordy(value) < 0.85 and not value.isdigit())
    else:
        plain = match.group(0)[: start - match.start()].rstrip(b" `'\"*")
        good = not plain.endswith(b":") and like_key(value, True)  # `name: value` is no sentence
    return (start, start + len(value)) if good else None


_SAID_VALUE = quick(r"[^\s`'\"<>]{6,200}")


def said_follows(data: bytes, end: int) -> bool:
    """What follows is longer than five characters and holds a digit."""
    match = _SAID_VALUE.match(data, end - 4, end + 200)
    return match is not None and any(48 <= c <= 57 for c in match.group())


RULES: tuple[Rule, ...] = (
    Rule(
        kind="secret",
        layer="secrets",
        anchor=_SAID + _IS + r"[`'\"*]{0,3}[A-Za-z0-9!@#$%^&+_-]{4}",
        exact=_SAID + _IS + r"[`'\"*]{0,3}([A-Za-z0-9!@#$%^&+_-][^\s`'\"<>]{3,200})",
        check=_said,
        near=said_follows,
        before=200,
        after=240,
        rank=1,
    ),
)
