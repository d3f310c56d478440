"""Passwords known by their form and a word near them: `mosquitto_passwd -b users ada V`.

What stands between a word for a password and the password differs in every program, call and sentence.
So here only three things count: the word, the line that both stand in, and a form that words, names in
code, versions and paths do not have. The weaker the word, the more is asked of the form.
"""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from functools import lru_cache
from typing import Any

from .checks import both_cases, count_digits, judged_random, wordy
from .rules import Rule, quick, secret_rule
from .values import cased, no_secret, numbered_words, run_together

#: How far behind the word a password is looked for, in bytes, and how long one is at most.
_REACH, _MOST = 60, 40
#: Words for a password, and parts of them that other words hold, too (`_SAYS` tells them apart). Not
#: `pass` alone, which begins `passed`: summaries of tests are full of numbers. Nor `pw` before what
#: base64 has.
_WORDS = (
    r"(?i:pass(?:w(?:or|d)|phr|code)|de[_ ]?passe)",
    r"(?i:pass)[^A-Za-z\n\x00]",
    r"(?i:kennw|contrase|clave|senha|wachtwoord|has(?:lo|\xc5\x82o)|heslo|(?:s|\xc5[\x9e\x9f])ifre|parola|l\xc3\xb6senord|adgangskode|salasana|jelsz)",
    r"\xe5\xaf\x86\xe7\xa2\xbc|\xe3\x83\x91\xe3\x82\xb9\xe3\x83\xaf\xe3\x83\xbc\xe3\x83\x89|\xeb\xb9\x84\xeb\xb0\x80\xeb\xb2\x88\xed\x98\xb8|\xeb\xb9\x84\xeb\xb2\x88",
    r"(?i:pw)[^A-Za-z0-9+/\n\x00]|(?i:[a-z_]pwd|pwd[\"'\]]{0,2}[ ]{0,2}[:=,])",
    r"\xd0\xbf\xd0\xb0\xd1\x80\xd0\xbe\xd0\xbb\xd1\x8c|\xe5\xaf\x86\xe7\xa0\x81",
)
#: Words for what needs a password.
_NEEDS = r"(?i:log[ -]?in|inlogg|zaloguj|sign[ -]?in|unlock|protect|encrypt|decrypt|credential|creds|zugang|anmeld)"
_SAYS = quick(
    r"(?i)pass(?:w(?:or[dt]|d)|phrase|code)|de[_ ]?passe(?![a-z])|(?<![a-z])(?:[a-z]{1,12}_?)?pw(?![a-z])|"
    r"[a-z]_?(?<!by)(?<!com)(?<!sur)(?<!tres)(?:pass|pwd)(?![a-z])|(?<![a-z])(?:pass|pwd)(?=[\"'`\])]{0,2}[ ]{0,2}[:=,>])|kennw|contrase|(?:la|mi|tu|my|our|your) pass(?![a-z])|credentials [^;:()]{0,50}\bare\b|"
    r"(?<![a-z])(?:clave|senha|has(?:lo|\xc5\x82o)|heslo|(?:s|\xc5[\x9e\x9f])ifre(?:[ms]i?n?)?|parola?|l\xc3\xb6senord(?:et)?|adgangskode[nr]?|salasana)(?![a-z])|wachtwoord|jelsz|"
    r"\xe5\xaf\x86\xe7\xa2\xbc|\xe3\x83\x91\xe3\x82\xb9\xe3\x83\xaf\xe3\x83\xbc\xe3\x83\x89|\xeb\xb9\x84\xeb\xb0\x80\xeb\xb2\x88\xed\x98\xb8|\xeb\xb9\x84\xeb\xb2\x88|"
    r"\xd0\xbf\xd0\xb0\xd1\x80\xd0\xbe\xd0\xbb\xd1\x8c|\xe5\xaf\x86\xe7\xa0\x81"
)
#: Words that ask for a password, or mean something else: a verb, a folder.
_ASKS = quick(rf"{_NEEDS}|(?i:(?<!by)(?<!com)(?<!sur)(?<!tres)(?:pass|pwd)(?![a-z]))")
#: A whole word of the signs that passwords have, between blanks, quotes, brackets and marks.
_WHOLE = quick(
    rf"(?<![^\s\"'`(=:,>\[|/%])([A-Za-z0-9!#$%^&*?@+_~-]{{8,{_MOST}}})(?=[.:]?(?:[\s\"'`),;<\\|\]\x00]|\Z))"
)
_LINE_END = quick(r"\n|\x00|\\n")
_SIGN = quick(r".+[!#$%^&*?@+]")
#: Signs of code: an escape of URLs, operators, a variable, a reference, an account at a machine; a
#: sign that ends a sentence.
_CODE = quick(
    r".*(?:%[0-9A-Fa-f]{2}|[&*+?%#$]{2}|&\Z)|[$@&*#]|[\w-]+@[A-Za-z][\w.-]*\Z|[A-Za-z]+\d[A-Za-z]*[!?]\Z"
)
#: Small letters and a number with a sign behind them: `anvil23!`.
_LOW = quick(r"(?:[a-z]{4,}\d{2,}|\d{2,}[a-z]{4,})[!?#*$]\Z")
#: Words right before a name or number that is no password, though it may have the form of one.
_NAMES = quick(
    r"(?i)(?:users?|accounts?|for|of|and|by|from|file|in|at|on|host|id|hash|class|test|key|token)\W{1,4}\Z"
)
#: Before a value: a path, and not a user's name and a slash.
_PATH = quick(r"(?:[/:]|[^\s\"'`(][^\s\"'`(/]{33})[\w.@-]{0,32}/\Z")


_QUOTES = (b'"', b"'", b"`")
#: A character of such a word; what the whole has to hold: small letters and a digit, and a capital or
#: nothing but these.
_SIGNS = r"[A-Za-z0-9!#$%^&*?@+_~-]"
_LEFT = quick(
    r"(?<![A-Za-z0-9!#$%^&*?@+_~-])(?:[A-Za-z!#$%^&*?@+_~-]{1,39}[0-9]|[0-9]{1,39}[A-Za-z])\Z"
)
_RIGHT = quick(rf"{_SIGNS}{{0,{_MOST}}}")
_FORM = quick(r"(?=.*[a-z])(?=.*[0-9])(?:.*[A-Z]|[a-z0-9]{8,}[!?#*$]?\Z)")


@lru_cache(maxsize=4096)
def as_asked(value: bytes) -> bool:
    """True for letters of both cases, a digit and a sign, as servers ask for them, and no code."""
    return (
        count_digits(value) > 0
        and both_cases(value)
        and _SIGN.match(value) is not None
        and _CODE.match(value) is None
        and wordy(value) < 0.9
        and not no_secret(value)
    )


@lru_cache(maxsize=4096)
def _as_typed(value: bytes) -> bool:
    """True for words and a number, or for what a machine made of letters of both cases and digits."""
    mixed = cased(value)
    return (
        numbered_words(value)
        or run_together(value)
        or _LOW.match(value) is not None
        or (mixed and judged_random(value, 10))
    ) and not no_secret(value)


def _may_be_typed(data: bytes, end: int) -> bool:
    """The look for such rules: whether the word whose first change from letters to digits (or back) is
    the hit's end has a password's form."""
    left = _LEFT.search(data, max(0, end - _MOST - 1), end)
    right = _RIGHT.match(data, end, end + _MOST)
    if left is None or right is None:
        return False
    value = data[left.start() : right.end()]
    return (
        7 < len(value) <= _MOST
        and _FORM.match(value) is not None
        and (as_asked(value) or _as_typed(value))
    )


def _behind(data: bytes, end: int) -> list[tuple[int, int]]:
    """The passwords in the line behind the word before `end`."""
    low = max(0, end - _REACH - _MOST)
    for broken in _LINE_END.finditer(data, low, end):
        low = broken.end()
    says = _SAYS.search(data, low, end)
    word = says or _ASKS.search(data, low, end)
    if word is None:
        return []
    found = []
    for match in _WHOLE.finditer(data, word.end(), min(len(data), end + _MOST)):
        start, stop = match.span(1)
        if start > end or _LINE_END.search(data, word.end(), start):
            break
        if _fits(data, start, stop, says is not None):
            found.append((start, stop))
    return found


def _fits(data: bytes, start: int, end: int, says: bool) -> bool:
    """True where the value may be a password in its place. `says`: the word says password."""
    value, low = data[start:end], max(0, start - 40)
    if _PATH.search(data, low, start):
        return False
    quoted = data[start - 1] in b"\"'`" and data[end : end + 8].lstrip(b"\\").startswith(_QUOTES)
    if as_asked(value):
        return quoted or value[-1:] != b"!" or data[end : end + 1] not in (b")", b",", b";")
    named = _NAMES.search(data, low, start) and not (
        (quoted and data[start - 5 : start - 1] == b"and ")
        or (data[start - 5 : start] == b"from " and data[end : end + 4] == b" to ")
    )
    return says and _as_typed(value) and not named


#: Behind a value: `use ada with V to log in`, `take V as the password`, `V when it asks`.
_AS_PASSWORD = (
    r"(?:as (?:the |my |your |new |its )?pass(?:word|phrase)|comme mot de passe|como (?:contrase|senha|clave)|"
    r"come password|als (?:passwor[dt]|kennwort|wachtwoord)|jako has)"
)
_USE = (
    rf" (?i:to (?:log|sign)[ -]?in|{_AS_PASSWORD}|(?:when|if) (?:it|you'?re|sudo|ssh) (?:ask|prompt)|"
    r"(?:when|if) (?:asked|prompted)|at the (?:password )?prompt)"
)
_BEFORE_USE = quick(
    rf"(?:\A|[\s\"'`(/])([^\s\"'`(/]{{8,{_MOST}}})[\"'`)]{{0,3}} ((?:to|a[ts]|com[eo]|comme|als|jako|when|if) [a-zA-Z' -]{{3,24}})\Z"
)
_SAYS_AS = quick(rf"(?i){_AS_PASSWORD}\Z")


def _ahead(data: bytes, end: int) -> list[tuple[int, int]]:
    """The password before the words that end at `end`."""
    match = _BEFORE_USE.search(data, max(0, end - 100), end)
    if match is None:
        return []
    value, use = match.groups()
    good = as_asked(value) or (_SAYS_AS.match(use) is not None and _as_typed(value))
    return [match.span(1)] if good else []


#: The option for a password behind the one for a user, in a command of whatever program.
_OPTIONS = (
    r"[ \t](?:-[uU]|--user(?:name)?)[ =]{1,2}[^\s|;]{1,60}[ \t](?:[^\n\x00|;]{0,60}[ \t])?"
    r"-(?:[pPw]|pw)[ =]\\*[\"']?"
)


def _option(data: bytes, match: Any) -> tuple[int, int] | None:
    value = match.group(1)
    return match.span(1) if as_asked(value) or _as_typed(value) else None


RULES: tuple[Rule, ...] = (
    Rule("password", _USE, direct=_ahead, rank=1),
    secret_rule(
        "password",
        _OPTIONS,
        rf"{_SIGNS}{{8,{_MOST}}}",
        _option,
        r"(?:[\s\"'`)\\\x00]|$)",
        rank=1,
    ),
    *(
        Rule(
            "password",
            rf"(?:{words})[^\n\x00]{{0,{_REACH}}}(?:[A-Za-z!#$%^&*?@+_~-][0-9]|[0-9][A-Za-z])",
            near=_may_be_typed,
            direct=_behind,
            rank=1,
        )
        for words in (*_WORDS, _NEEDS)
    ),
)
