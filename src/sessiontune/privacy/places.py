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
    name = match.group(1).lower()
    if name in _COMMON_HOSTS or b"example" in name or name.split(b".")[0] in _COMMON_HOSTS:
        return None
    return start, end


#: Names that Windows gives a machine when it is set up.
_MACHINE = r"(?:DESKTOP|LAPTOP)-[A-Z0-9]{7}|WIN-[A-Z0-9]{11}"

RULES: tuple[Rule, ...] = (
    Rule(
        "user",
        "places",
        r"\b[a-z_][a-z0-9_.-]{1,31}@[A-Za-z0-9][A-Za-z0-9.-]{1,60}:[~/][^\s]{0,100}[$#%] ",
        r"\b([a-z_][a-z0-9_.-]{1,31})@[A-Za-z0-9][A-Za-z0-9.-]{1,60}:[~/][^\s]{0,100}[$#%] ",
        prompt_user,
        "user",
        before=240,
        after=8,
        rank=3,
    ),
    Rule(
        "host",
        "places",
        r"\b[a-z_][a-z0-9_.-]{1,31}@[A-Za-z0-9][A-Za-z0-9.-]{1,60}:[~/][^\s]{0,100}[$#%] ",
        r"\b[a-z_][a-z0-9_.-]{1,31}@([A-Za-z0-9][A-Za-z0-9.-]{1,60}):[~/][^\s]{0,100}[$#%] ",
        host_name,
        "host",
        before=240,
        after=8,
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
    Rule(
        "host",
        "places",
        r"\$ hostname(?: -[a-z])?(?:\r?\n|\\+n)[A-Za-z0-9]|\bLinux [A-Za-z0-9.-]{1,60} \d\.\d{1,2}\.\d{1,3}[A-Za-z0-9._+-]{0,40} #",
        r"(?:\$ hostname(?: -[a-z])?(?:\r?\n|\\+n)|\bLinux )([A-Za-z0-9][A-Za-z0-9.-]{1,62})",
        host_name,
        "host",
        before=160,
        after=64,
        rank=2,
    ),
)
