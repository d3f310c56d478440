"""Names of users and machines where programs were asked for them (`whoami`, `hostname`, `stat`, `tar`,
`systeminfo`, `kubectl config`), and in addresses of profiles."""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from functools import partial
from typing import Any

from .accounts import account, is_person
from .places import host_name, is_machine, name_behind, name_rule
from .rules import NL, Rule, quick

_USER = r"[A-Za-z_][\w.-]{1,31}"
_HOST = r"[A-Za-z0-9][\w.-]{1,62}"
#: A prompt and the command, which others may follow in the same line.
_ASKED = r"[$>#%] (?:whoami|hostname|id -un|logname|\$env:(?:USERNAME|COMPUTERNAME))"
_LINE = quick(rf"([^\r\n\\]{{3,110}}?)[ ]?{NL}")
#: `# hostname` alone on its line may be a comment or a heading.
_COMMENT = quick(r"(?:\A|[\n\x00\"]|\\n)[ \t]{0,32}#{1,6} \Z")
_PARTS = quick(r" ?(?:&&|;) ?")
_ASKS_USER = quick(r"(?:whoami|id -un|logname|\$env:USERNAME)\Z")
_ASKS_HOST = quick(r"(?:hostname(?: -[a-z])?|\$env:COMPUTERNAME)\Z")
#: A line of an answer: `ada`, or, on Windows, `machine\ada`, with as many marks as the text has.
_ANSWER = rf"(?:({_HOST})\\{{%d}}(?=[A-Za-z]))?({_HOST})(?:{NL}|[\"\x00]|\Z)"
_OTHER = quick(rf"[^\r\n\x00\"\\]{{0,200}}{NL}")


def _answers(data: bytes, end: int, kind: str) -> list[tuple[int, int]]:
    """The users (or hosts) among the lines below a command, of which each part writes one."""
    begin = (
        max(data.rfind(mark, max(0, end - 24), end) for mark in (b"$ ", b"> ", b"# ", b"% ")) + 2
    )
    command = _LINE.match(data, begin, min(len(data), end + 90))
    if command is None or _COMMENT.search(data, max(0, begin - 40), begin):
        return []
    found: list[tuple[int, int]] = []
    at = command.end()
    escapes = len(data[begin : at - 1]) - len(data[begin : at - 1].rstrip(b"\\"))
    answer = quick(_ANSWER % max(1, 2 * escapes))
    for part in _PARTS.split(command.group(1)):
        user, host = (asks.match(part) is not None for asks in (_ASKS_USER, _ASKS_HOST))
        line = (answer if user or host else _OTHER).match(data, at, min(len(data), at + 260))
        if line is None:
            break
        at = line.end()
        if kind == "user" and user and is_person(line.group(2)):
            found.append(line.span(2))
        name = 1 if user else 2
        if kind == "host" and (user or host) and line.group(name) and is_machine(line.group(name)):
            found.append(line.span(name))
    return found


def _users(data: bytes, match: Any) -> tuple[int, int] | None:
    """The account of a line of /etc/passwd, if its number is one of those that people get."""
    return (
        match.span(1) if 500 <= int(match.group(2)) < 65534 and is_person(match.group(1)) else None
    )


#: Two words or more, as people are called; words that descriptions of accounts have.
_A_PERSON = quick(
    r"[^\W\d][\w.'\x80-\xff-]{1,40}(?: [^\W\d][\w.'\x80-\xff-]{0,40}){1,4}(?:,[^:]*)?\Z"
)
_A_SERVICE = quick(
    r"(?i)(?:\b|_)(?:user|account|service|daemon|server|system|admin\w*|runner|bot|test|default|agent|job|build|deploy\w*)(?:\b|_)"
)


def _described(data: bytes, match: Any) -> tuple[int, int] | None:
    """The name of the person, with what else a line of /etc/passwd tells of them (office, phones)."""
    told = match.group(2)
    if not 1000 <= int(match.group(1)) < 65534 or _A_SERVICE.search(told):
        return None
    return match.span(2) if _A_PERSON.match(told, 0, len(told)) else None


RULES: tuple[Rule, ...] = (
    *(
        Rule(kind, _ASKED, shape=kind, direct=partial(_answers, kind=kind), rank=2)
        for kind in ("user", "host")
    ),
    *(
        name_behind("user", head, name, account, tail)
        for head, name, tail in (
            (r"\b[UG]id: \( {1,8}\d{1,8}/ {0,8}", _USER, r"\)"),
            (r"\bCRON\[\d{1,8}\]: \(", _USER, r"\) "),
            (r"\bRegistered Owner:[ ]{2,20}", _USER, ""),
            (r"\buid=", _USER, ",(?:ou|cn|dc|o)="),
            (r"linkedin\.com/in/", r"[A-Za-z0-9][\w%-]{2,98}", ""),
        )
    ),
    *(
        name_behind("host", head, _HOST, host_name, tail)
        for head, tail in (
            (r"\bHost Name:[ ]{2,20}", rf"(?:{NL}|\"|$)"),
            (r"\bLogon Server:[ ]{2,20}\\{2,16}", ""),
            (r"\b_HOSTNAME(?:=|\\*\":[ ]?\\*\")", ""),
        )
    ),
    name_rule(
        "user",
        r":x:\d{3,5}:\d",
        rf"(?:^|[\n\x00\"']|\\n)({_USER}):x:(\d{{3,5}}):\d{{1,5}}:",
        _users,
    ),
    name_rule(
        "name",
        r":x:\d{3,5}:\d",
        r":x:(\d{3,5}):\d{1,5}:([^:\n\"\\]{3,100}):[/~]",
        _described,
    ),
    name_rule("host", " Darwin Kernel Version ", rf"\bDarwin ({_HOST}) \d", host_name),
    name_rule(
        "host",
        r"\bLinux [A-Za-z0-9.-]{1,60} \d\.\d{1,2}\.\d{1,3}[A-Za-z0-9._+-]{0,40} #",
        r"\bLinux ([A-Za-z0-9][A-Za-z0-9.-]{1,62})",
        host_name,
    ),
    Rule(
        "cloud-account",
        r"\bgke_[a-z]",
        r"\bgke_([a-z][a-z0-9-]{4,28}[a-z0-9])_[a-z]{2,12}-[a-z]{3,14}\d",
        shape="org",
        window=(120, 110),
        rank=2,
    ),
)
