"""Accounts in listings of processes, commands and sessions: `ps`, `top`, crontab, `quser`."""

from __future__ import annotations

from functools import partial
from typing import Any

from .accounts import is_person
from .lines import around, below, unlisted
from .places import name_behind
from .rules import Rule, quick

_USER = r"([A-Za-z_][\w.-]{1,31})"
#: The heads of listings, and where the account stands in the lines below.
_LISTINGS = (
    (r"R?(?:USER|UID)[ ]+PID[ ]", rf"[ ]{{0,4}}{_USER}\+?[ ]{{1,28}}\d{{1,7}}[ ]"),
    (r"PID[ ]+USER[ ]+PRI?[ ]", rf"[ ]{{0,8}}\d{{1,7}}[ ]{{1,4}}{_USER}\+?[ ]"),
    (
        r"COMMAND[ ]+PID[ ]+USER[ ]+FD",
        rf"\S{{1,15}}[ ]{{1,12}}\d{{1,7}}[ ]{{1,4}}{_USER}[ ]",
    ),
    (
        r"dow(?:[ \t]|\\+t)+user(?:-name)?(?:[ \t]|\\+t)+command",
        rf"(?:[\d*/,a-zA-Z-]{{1,20}}(?:[ ]|\t|\\+t){{1,8}}){{5}}{_USER}(?:[ \t]|\\+t)",
    ),
    (r"USERNAME[ ]+SESSIONNAME[ ]", rf"[ >]{_USER}[ ]{{2,24}}"),
)


def _accounts(data: bytes, end: int, head: Any, row: Any) -> list[tuple[int, int]]:
    """The accounts of people in the lines from the head that ends at `end` to the next head."""
    _, high, line_end = around(data, end, 300)
    found: list[tuple[int, int]] = []
    for start, stop in below(data, high, line_end):
        if head.search(data, start, stop):
            break  # it has a hit of its own
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
            rf"\b{head}",
            shape="user",
            direct=partial(_accounts, head=quick(head), row=quick(row)),
            rank=2,
        )
        for head, row in _LISTINGS
    ),
    name_behind(
        "user",
        r"\bAccount Name:(?:[ \t]|\\+t){1,8}",
        r"[A-Za-z_][\w.-]{1,31}",
        _person,
        r"(?:[\s\\\"]|$)",
    ),
)
