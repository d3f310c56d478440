"""Accounts in listings of processes, commands and sessions: `ps`, `top`, crontab, `quser`."""

from __future__ import annotations

from functools import partial
from typing import Any

from .accounts import is_person
from .lines import around, below, unlisted
from .rules import Rule, quick

_USER = r"([A-Za-z_][\w.-]{1,31})"
#: The heads of listings, and where the account stands in the lines below.
_LISTINGS = (
    (r"\bR?(?:USER|UID)[ ]+PID[ ]", rf"[ ]{{0,4}}{_USER}\+?[ ]{{1,28}}\d{{1,7}}[ ]"),
    (r"\bPID[ ]+USER[ ]+PRI?[ ]", rf"[ ]{{0,8}}\d{{1,7}}[ ]{{1,4}}{_USER}\+?[ ]"),
    (
        r"\bCOMMAND[ ]+PID[ ]+USER[ ]+FD",
        rf"\S{{1,15}}[ ]{{1,12}}\d{{1,7}}[ ]{{1,4}}{_USER}[ ]",
    ),
    (
        r"\bdow(?:[ \t]|\\+t)+user(?:-name)?(?:[ \t]|\\+t)+command",
        rf"(?:[\d*/,a-zA-Z-]{{1,20}}(?:[ ]|\t|\\+t){{1,8}}){{5}}{_USER}(?:[ \t]|\\+t)",
    ),
    (r"\bUSERNAME[ ]+SESSIONNAME[ ]", rf"[ >]{_USER}[ ]{{2,24}}"),
)


def _accounts(data: bytes, end: int, row: Any) -> list[tuple[int, int]]:
    """The accounts of people in the lines below the head that ends at `end`."""
    _, high, line_end = around(data, end, 300)
    found: list[tuple[int, int]] = []
    for start, stop in below(data, high, line_end):
        start = unlisted(data, start, stop)
        match = row.match(data, start, stop)
        if match is not None and is_person(match[1]):
            found.append(match.span(1))
    return found


def _person(data: bytes, match: Any) -> tuple[int, int] | None:
    """An account of Windows; those of the system are in capitals, those of machines end in `$`."""
    name = match.group(1)
    return None if name.isupper() or not is_person(name) else match.span(1)


RULES: tuple[Rule, ...] = (
    *(
        Rule(
            "user",
            head,
            shape="user",
            direct=partial(_accounts, row=quick(row)),
            rank=2,
        )
        for head, row in _LISTINGS
    ),
    Rule(
        "user",
        r"\bAccount Name:(?:[ \t]|\\+t)",
        rf"\bAccount Name:(?:[ \t]|\\+t){{1,8}}{_USER}(?:[\s\\\"]|$)",
        _person,
        "user",
        window=(40, 60),
        rank=2,
    ),
)
