"""User and machine names in shell prompts, and the names that systems give machines."""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from typing import Any

from .rules import Check, Rule, least
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

#: Names that macOS gives a machine: its owner's, with a number where another one has it.
_MAC = r"(?i:macbook)(?:-(?i:pro|air))?|iMac(?:-Pro)?|Mac-(?:mini|Studio|Pro)|MBP"
_OF = r"(?:von|van|de|di|do|da|du|af)"

#: As macOS writes it: `X’s MacBook Pro`.
_APOSTROPHE = r"(?:\xe2\x80\x99|\\+u2019)"


def _owned(data: bytes, match: Any) -> tuple[int, int] | None:
    return None if match.group(1).startswith((b"Apple", b"Today")) else match.span(1)


#: A user and a machine, and the beginning of a path, as prompts of shells have them.
_USER, _HOST = r"[a-z_][a-z0-9_.-]{1,31}", r"[A-Za-z0-9][A-Za-z0-9.-]{1,60}"
_PROMPT = rf"@{_HOST}:[~/]"
_IN_BRACKETS = rf"\[{_USER}@{_HOST} [^\]\n]{{1,80}}\][$#] "
_INNER = r"[A-Za-z0-9][A-Za-z0-9-]{1,60}(?:\.(?:local|lan|home|fritz\.box))?"
_FOLDER = r"[^\s\d][^\s]{0,60}"
_ZSH = rf"@{_INNER} {_FOLDER} %(?:[ \r\n\\\"\x00]|$)"
_LINE = r"(?:^|[\n\x00\"]|\\n)(?:\([\w.-]{1,40}\) )?"


def name_rule(kind: str, anchor: str, exact: str, check: Check | None) -> Rule:
    """A rule for a user or a host, who gets another such name."""
    return Rule(kind, anchor, exact, check, kind, (240, 110), rank=3)


def name_behind(kind: str, head: str, name: str, check: Check, tail: str = "") -> Rule:
    """The same for a name that follows `head`, and may need `tail` behind it."""
    return name_rule(kind, head + least(name), f"{head}({name}){tail}", check)


RULES: tuple[Rule, ...] = (
    name_rule("user", _PROMPT, rf"\b({_USER})@{_HOST}:[~/][^\s]{{0,100}}[$#%] ", prompt_user),
    name_rule("host", _PROMPT, rf"\b{_USER}@({_HOST}):[~/][^\s]{{0,100}}[$#%] ", host_name),
    name_rule("user", _IN_BRACKETS, rf"\[({_USER})@{_HOST} [^\]\n]{{1,80}}\][$#] ", prompt_user),
    name_rule("host", _IN_BRACKETS, rf"\[{_USER}@({_HOST}) [^\]\n]{{1,80}}\][$#] ", host_name),
    name_rule(
        "host",
        r"(?:MacBook|iMac|Mac-mini|MacBook-Pro|MacBook-Air|Mac-Studio|PC|Laptop|laptop|"
        r"desktop|Desktop|ThinkPad|XPS|workstation)[A-Za-z0-9-]{0,24}\.(?:local|lan|home|fritz\.box)\b",
        r"\b([A-Za-z0-9][A-Za-z0-9-]{1,62})\.(?:local|lan|home|fritz\.box)\b",
        host_name,
    ),
    # the prompt of zsh: a line begins with it
    name_rule("user", _ZSH, rf"{_LINE}({_USER})@{_INNER} {_FOLDER} %", prompt_user),
    name_rule("host", _ZSH, rf"{_LINE}{_USER}@({_INNER}) {_FOLDER} %", host_name),
    name_rule("host", rf"\b({_MACHINE})\b", "", None),
    name_behind("user", rf"\b(?:{_MACHINE})\\{{1,4}}", r"[A-Za-z][\w.-]{1,31}", prompt_user),
    name_rule(
        "user",
        r"@(?:[A-Za-z0-9]{1,24}s-)?(?:MacBook|iMac|Mac|MBP|Air)[A-Za-z0-9-]{0,30}(?:\.[a-z]{2,8})? [^\s]{1,60} %",
        rf"\b({_USER})@[A-Za-z0-9-]{{3,60}}(?:\.[a-z]{{2,8}})? [^\s]{{1,60}} %",
        prompt_user,
    ),
    # the prompt of bash on a Mac
    name_rule(
        "user",
        rf"(?:MacBook|iMac|Mac-|MBP|s-Air)[A-Za-z0-9-]{{0,40}}:[^\s:]{{1,60}} {_USER}\$ ",
        rf"[A-Za-z0-9-]:[^\s:]{{1,60}} ({_USER})\$ ",
        prompt_user,
    ),
    name_rule(
        "host",
        r"[A-Za-z]s-(?:(?i:macbook)|iMac|Mac-|MBP|Air\b)",
        rf"\b([A-Za-z]{{2,25}}s-(?:{_MAC}|Air)(?:-\d{{1,3}})?)\b",
        host_name,
    ),
    name_rule(
        "host",
        rf"{_APOSTROPHE}s (?:MacBook|iMac|Mac )",
        rf"\b([A-Z][A-Za-z\x80-\xff]{{1,24}}{_APOSTROPHE}s (?:MacBook(?: Pro| Air)?|iMac(?: Pro)?|Mac (?:mini|Studio|Pro)))\b",
        _owned,
    ),
    name_rule(
        "host",
        rf"(?:MacBook|iMac|Mac-mini)(?:-Pro|-Air)?-{_OF}-[A-Za-z]",
        rf"\b((?:{_MAC})-{_OF}-[A-Za-z][A-Za-z-]{{1,40}})\b",
        host_name,
    ),
)
