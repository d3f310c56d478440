"""User and machine names in shell prompts, and the names that systems give machines."""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from typing import Any

from .rules import Rule
from .vocabulary import is_generic


def prompt_user(data: bytes, match: Any) -> tuple[int, int] | None:
    start, end = match.span(1)
    return None if is_generic(match.group(1).decode("latin-1")) else (start, end)


_COMMON_HOSTS = frozenset(
    b"localhost host hostname server ubuntu debian github gitlab bitbucket ssh example remote "
    b"machine computer local docker container node vm box my-host myhost yourhost origin codeberg".split()
)


def host_name(data: bytes, match: Any) -> tuple[int, int] | None:
    start, end = match.span(1)
    return (start, end) if is_machine(match.group(1)) else None


def is_machine(name: bytes) -> bool:
    """No name that stands for any machine."""
    name = name.lower()
    return b"example" not in name and name.split(b".")[0] not in _COMMON_HOSTS


#: Names that Windows gives a machine when it is set up.
_MACHINE = r"(?:DESKTOP|LAPTOP)-[A-Z0-9]{7}|WIN-[A-Z0-9]{11}"

#: A machine and the beginning of a path, as prompts of shells have them.
_PROMPT = r"@[A-Za-z0-9][A-Za-z0-9.-]{1,60}:[~/]"

RULES: tuple[Rule, ...] = (
    Rule(
        "user",
        "places",
        _PROMPT,
        r"\b([a-z_][a-z0-9_.-]{1,31})@[A-Za-z0-9][A-Za-z0-9.-]{1,60}:[~/][^\s]{0,100}[$#%] ",
        prompt_user,
        "user",
        before=100,
        after=104,
        rank=3,
    ),
    Rule(
        "host",
        "places",
        _PROMPT,
        r"\b[a-z_][a-z0-9_.-]{1,31}@([A-Za-z0-9][A-Za-z0-9.-]{1,60}):[~/][^\s]{0,100}[$#%] ",
        host_name,
        "host",
        before=100,
        after=104,
        rank=3,
    ),
    Rule(
        "user",
        "places",
        r"\[[a-z_][a-z0-9_.-]{1,31}@[A-Za-z0-9][A-Za-z0-9.-]{1,60} [^\]\n]{1,80}\][$#] ",
        r"\[([a-z_][a-z0-9_.-]{1,31})@[A-Za-z0-9][A-Za-z0-9.-]{1,60} [^\]\n]{1,80}\][$#] ",
        prompt_user,
        "user",
        before=240,
        after=8,
        rank=3,
    ),
    Rule(
        "host",
        "places",
        r"\[[a-z_][a-z0-9_.-]{1,31}@[A-Za-z0-9][A-Za-z0-9.-]{1,60} [^\]\n]{1,80}\][$#] ",
        r"\[[a-z_][a-z0-9_.-]{1,31}@([A-Za-z0-9][A-Za-z0-9.-]{1,60}) [^\]\n]{1,80}\][$#] ",
        host_name,
        "host",
        before=240,
        after=8,
        rank=3,
    ),
    Rule(
        "host",
        "places",
        r"(?:MacBook|iMac|Mac-mini|MacBook-Pro|MacBook-Air|Mac-Studio|PC|Laptop|laptop|"
        r"desktop|Desktop|ThinkPad|XPS|workstation)[A-Za-z0-9-]{0,24}\.(?:local|lan|home|fritz\.box)\b",
        r"\b([A-Za-z0-9][A-Za-z0-9-]{1,62})\.(?:local|lan|home|fritz\.box)\b",
        host_name,
        "host",
        before=80,
        after=16,
        rank=2,
    ),
    Rule(
        "host",
        "places",
        rf"\b(?:{_MACHINE})\b",
        rf"\b({_MACHINE})\b",
        None,
        "host",
        before=24,
        after=8,
        rank=2,
    ),
    Rule(
        "user",
        "places",
        rf"\b(?:{_MACHINE})\\{{1,4}}[A-Za-z]",
        rf"\b(?:{_MACHINE})\\{{1,4}}([A-Za-z][\w.-]{{1,31}})",
        prompt_user,
        "user",
        before=24,
        after=40,
        rank=2,
    ),
    Rule(
        "user",
        "places",
        r"@(?:[A-Za-z0-9]{1,24}s-)?(?:MacBook|iMac|Mac)[A-Za-z0-9-]{0,30}(?:\.[a-z]{2,8})? [^\s]{1,60} %",
        r"\b([a-z_][a-z0-9_.-]{1,31})@[A-Za-z0-9-]{3,60}(?:\.[a-z]{2,8})? [^\s]{1,60} %",
        prompt_user,
        "user",
        before=160,
        after=4,
        rank=3,
    ),
)
