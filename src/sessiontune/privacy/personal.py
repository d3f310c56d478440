"""E-mail addresses and US social security numbers."""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from typing import Any

import re2

from .rules import Rule, left_edge, quick

_AT = r"(?:@|%(?:25){0,4}40|\\+u0040|&#64;|\xef\xbc\xa0)"
_AT_SIGN = quick(_AT)
#: A letter or digit of a host name: ASCII, and the other letters of European languages.
_ALNUM = r"(?:[A-Za-z0-9]|[\xc3-\xc5][\x80-\xbf])"
_EMAIL = (
    r"((?:\b(?:[A-Za-z0-9]{1,20}[._-])?[oOdD]'|)[A-Za-z0-9](?:[A-Za-z0-9._+-]|%2[Bb])*"
    + _AT
    + rf"(?:{_ALNUM}(?:[A-Za-z0-9\xc3\xc4\xc5\x80-\xbf-]*{_ALNUM})?\.){{1,6}}[A-Za-z]{{2,24}})"
)

#: Top-level domains that belong to nobody (RFC 2606, RFC 6761).
_RESERVED = (b"example", b"invalid", b"test", b"localhost", b"local", b"internal", b"lan", b"home")
_SHARED = (b"support@github.com", b"security@github.com")
_SERVICES = (b"git", b"hg", b"svn", b"ssh", b"noreply", b"no-reply")
#: Hosts in names of protocols (`aes256-gcm@openssh.com`); domains as manuals call them.
_PROTOCOLS = (b"openssh.com", b"libssh.org", b"ssh.com", b"lysator.liu.se")
_DOMAINS = (b"yourdomain", b"domain", b"yourcompany", b"mycompany", b"mydomain", b"email")
#: Names that stand for anybody, at providers where everybody can have an address.
_ANYBODY = frozenset(
    b"""
    src dst from to sender receiver recipient source destination your you youremail your_email
    your.email your-email yourname your_name your.name your-name myemail my_email my.email email
    name username user_name
    """.split()
)
_PROVIDERS = (
    b"gmail.com",
    b"outlook.com",
    b"hotmail.com",
    b"yahoo.com",
    b"mail.com",
    b"icloud.com",
)
#: Endings of files and of names in code, which are no top-level domains: `logo@2x.png`, `a@b.py`.
_FILE_ENDINGS = frozenset(
    b"""
    png jpg jpeg gif svg webp ico css scss less js mjs cjs jsx ts tsx vue py pyc rb go java kt swift
    c h cc cpp hpp cs php json yaml yml toml xml html htm md txt log lock map min sum mod so dll exe
    tar gz tgz zip bz whl jar war class obj o a lib service target socket timer mount slice scope
    catalog local internal lan test invalid example localhost utf iso ascii property setter getter override get set
    """.split()
)


def _email(data: bytes, match: Any) -> tuple[int, int] | None:
    start, end = match.span(1)
    if data[start - 1 : start] == b"\\" and data[start : start + 1] in (b"n", b"r", b"t"):
        start += 1
        while data[start] in b"-+._":  # a line of a diff: `\n-git@github.com:`
            start += 1
    value = _AT_SIGN.sub(b"@", data[start:end].lower())
    before = data[start - 1 : start]
    if before == b"/":  # the host of a URL, `//user@host.com/x`; `mail/name@host` may be a person's
        other = data[start - 2 : start] == b"//"
    elif before == b":":
        other = b"://" in data[max(0, start - 120) : start].rsplit(b" ", 1)[-1]
    else:  # a variable, `$TOKEN@github.com`; a call; a parameter
        other = before == b"$"
    other = other or (before != b"/" and data[end : end + 1] in (b"(", b"="))
    return (end, end) if other or _is_nobodys(value) else (start, end)


def _is_nobodys(value: bytes) -> bool:
    """True for an address of a service or of anybody, and for what only looks like one."""
    local, _, domain = value.partition(b"@")
    labels = domain.split(b".")
    return (
        labels[-1] in _FILE_ENDINGS
        or any(label in _RESERVED for label in labels[-2:])
        or (local in (b"this", b"super") and domain not in _PROVIDERS)  # `this@label.member`
        or value in _SHARED
        or local in _SERVICES
        or (local in _ANYBODY and domain in _PROVIDERS)
        or domain.startswith(b"odata.")  # an annotation: `user@odata.bind`
        or domain in _PROTOCOLS
        or labels[-2] in _DOMAINS
        or (len(labels) > 2 and domain[:1].isdigit() and not domain[:-3].strip(b"0123456789.-"))
    )


#: Hosts of addresses that name nobody; those in the group belong to services.
_KNOWN_HOST = quick(
    r"@(?:example\.(?:com|org|net)|(github\.com|anthropic\.com))(?![A-Za-z0-9.\x80-\xff-])"
)
_SERVICE = quick(r"(?:^|[^A-Za-z0-9._+-])(?:git|noreply)\Z")


def _may_be_somebody(data: bytes, end: int) -> bool:
    """A look that rules out most addresses in logs, as `_email` would do later."""
    at = data.rfind(b"@", end - 84 if end > 84 else 0, end)
    host = _KNOWN_HOST.match(data, at, at + 20) if at >= 0 else None
    if host is None:
        return True
    return host.lastindex == 1 and _SERVICE.search(data, max(0, at - 8), at) is None


#: `(at)` and the like in place of `@`, as people hide addresses from machines.
_AT_WORDS = tuple(
    rf"\{left}{gap}(?i:at){gap}\{right}" for left, right in ("()", "[]", "{}") for gap in ("", " ")
)
_AT_WORD = rf" ?(?:{'|'.join(_AT_WORDS)}) ?"
_DOT_WORD = r"(?: ?[\[({] ?(?i:dot) ?[\])}] ?| dot )"
#: The host behind it, with dots or words for them.
_HOST = rf"[A-Za-z0-9][A-Za-z0-9-]*{_DOT_WORD}[A-Za-z]{{2}}"
_WRITTEN = r"[A-Za-z0-9][A-Za-z0-9.-]*\.[A-Za-z]{2}"
_SPOKEN_WAYS = tuple(f"{at} ?(?:{_HOST}|{_WRITTEN})" for at in _AT_WORDS)
_SPOKEN_AT = re2.compile(_AT_WORD.encode())
_SPOKEN_DOT = re2.compile(_DOT_WORD.encode())


#: Code that looks the same: `f(at) x.y`, `if (at) this.z`, `a[at] = b.c`.
_STATEMENT = re2.compile(
    rb"(?i)(?:if|elif|while|for|switch|until|unless|with|catch|return|match|and|or|not)[ ]?[(\[]|"
    rb"[^ (\[{]+[(\[{] ?at ?[)\]}] |[^(\[{]+[(\[{] ?at ?[)\]}] ?(?:this|self|super|window|document|console)\."
)
_GOES_ON = quick(r"[(\[=+]|[ ]=|[A-Za-z0-9_]")


def _spoken(data: bytes, match: Any) -> tuple[int, int] | None:
    """An address with words for its signs, if it is not code or a sentence with such words."""
    start, end = match.span(1)
    value = _SPOKEN_DOT.sub(b".", _SPOKEN_AT.sub(b"@", match.group(1), 1)).lower()
    labels = value.partition(b"@")[2].split(b".")
    if labels[-1] in _FILE_ENDINGS or any(label in _RESERVED for label in labels[-2:]):
        return None
    if not _SPOKEN_DOT.search(match.group(1)) and (
        _STATEMENT.match(match.group(1)) or _GOES_ON.match(data, end, end + 2)
    ):
        return None
    return (start, end) if left_edge(data, start) else None


def _ssn(data: bytes, match: Any) -> tuple[int, int] | None:
    start, end = match.span(1)
    area, group, serial = match.group(1)[:3], match.group(1)[4:6], match.group(1)[7:]
    if all(len(set(part)) == 1 for part in (area, group, serial)):
        return None  # a made-up number: 111-22-3333
    if area in (b"000", b"666") or area[:1] == b"9" or group == b"00" or serial == b"0000":
        return None
    told = re2.search(rb"(?i)ssn|social", data[max(0, start - 40) : start])
    if match.group(1) in (b"123-45-6789", b"078-05-1120", b"219-09-9999") and not told:
        return None
    before, after = data[start - 1 : start], data[end : end + 1]
    if (
        not left_edge(data, start)
        or after.isalnum()
        or before in (b"-", b".", b"_", b"/")
        or after in (b"-", b"_")
    ):
        return None
    return start, end


def _nine(data: bytes, match: Any) -> tuple[int, int] | None:
    """Nine digits without dashes, under a name that says what they are."""
    value = match.group(1)
    return None if len(set(value)) < 4 or value == b"123456789" else match.span(1)


RULES: tuple[Rule, ...] = (
    Rule(
        "email",
        "|".join(_SPOKEN_WAYS),
        rf"([A-Za-z0-9][A-Za-z0-9._+-]*(?:{_AT_WORD}(?:[A-Za-z0-9][A-Za-z0-9-]*{_DOT_WORD}){{1,4}}[A-Za-z]{{2,24}}| ?(?:{'|'.join(_AT_WORDS)}) ?(?:[A-Za-z0-9][A-Za-z0-9-]*\.){{1,4}}[A-Za-z]{{2,24}}))",
        _spoken,
        "email",
        window=(120, 80),
        rank=3,
        faster=_SPOKEN_WAYS,
    ),
    Rule(
        "email",
        rf"[A-Za-z0-9._+-]{_AT}[A-Za-z0-9\xc3-\xc5][A-Za-z0-9.\xc3-\xc5\x80-\xbf-]{{0,80}}\.[A-Za-z]{{2}}",
        _EMAIL,
        _email,
        "email",
        near=_may_be_somebody,
        window=(172, 80),
        rank=4,
        faster=tuple(
            rf"[A-Za-z0-9._+-]{at}[A-Za-z0-9\xc3-\xc5][A-Za-z0-9.\xc3-\xc5\x80-\xbf-]{{0,80}}\.[A-Za-z]{{2}}"
            for at in ("@", _AT.replace("@|", ""))
        ),
    ),
    Rule(
        "ssn",
        r"(?i)(?:\bssn|social security)[^\n\d]{1,24}(\d{3}[ .]\d{2}[ .]\d{4})",
        check=_ssn,
        window=(64, 4),
        rank=3,
    ),
    Rule(
        "ssn",
        r"(?i)(?:\bssn|social[ _]?security(?:[ _]?(?:number|no))?)\\*[\"']?(?:[ ]?[:=#]|[ ]is)?[ ]?\\*[\"']?[0-8]\d{8}",
        r"(?i)(?:\bssn|social[ _]?security(?:[ _]?(?:number|no))?)\\*[\"']?(?:[ ]?[:=#]|[ ]is)?[ ]?\\*[\"']?([0-8]\d{8})(?:\.?(?:[^\d.]|$))",
        _nine,
        window=(64, 4),
        rank=3,
    ),
    Rule(
        "ssn",
        r"(\d{3}-\d{2}-\d{4})",
        check=_ssn,
        window=(16, 4),
        rank=3,
    ),
)
