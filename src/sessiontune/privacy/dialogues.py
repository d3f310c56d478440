"""Passwords in a dialogue and in data without a name: the answer to `what is the password?`, `use V as
the password`, `users = {"ada": "V"}`, the text for a form's field.
"""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from functools import partial
from itertools import islice

from .blocks import stands_beside
from .checks import is_placeholder, numbered, wordy
from .keynames import says_password
from .lines import around, below, unlisted
from .pseudonym import inside_pseudonym
from .rules import Rule, quick
from .sentences import chained
from .values import like_password, no_secret, typed

#: Words for a password, but for the two short ones.
_LONGER = r"passw(?:or)?d|passphrase|passwort|kennwort|mot de passe|contrase|senha|wachtwoord|\bheslo|\bhas\xc5\x82o|\xd0\xbf\xd0\xb0\xd1\x80\xd0\xbe\xd0\xbb(?:\xd1\x8c)?|\xe5\xaf\x86\xe7\xa0\x81|\xe3\x83\x91\xe3\x82\xb9\xe3\x83\xaf\xe3\x83\xbc\xe3\x83\x89"
_PASSWORD = rf"(?i:\bpw\b|\bpwd\b|{_LONGER})"
#: A line with nothing but an answer, perhaps behind the time and the name of who said it.
_ANSWER = quick(
    r"[ \t>*-]{0,8}(?:\[[^\]\n]{1,24}\][ ]?)?(?:[*<]{0,2}[\w][\w .@-]{0,30}[>*]{0,2}:[>*]{0,2}[ ]{1,3})?(?:(?:it(?:'s| is)|try|sure,?|here:?)[ ]{1,2})?"
    r"([`'\"]?)([^\s`'\"<>\\\x00]{6,64})[`'\"]?[.!]?(?:[ \t\r]|\\+r)*\Z"
)
#: What may follow the question on its line: no code (`password?: string`, `password ? 1 : 0`), no tag.
_AFTER_QUESTION = quick(r"[\\\"'`*_)]{0,6}(?:(?<=\\)r)?(?:[ \t\r][^:;=<>{}\n]{0,80})?\Z")
#: So many lines below a question may hold its answer.
_LINES = 3
#: The last word before `as the password`.
_LEFT = quick(r"[ (`'\"]([^\s`'\"<>()\\,;\x00]{8,64})[`'\"]?[,]?\Z")
#: A call, a file, a constant, an address: words of sentences about code.
_NAME_OF_CODE = quick(
    r"[A-Za-z]+[(.]|[\w.-]+\.[a-z]{2,5}\Z|[A-Z0-9_]+\Z|.*[(){}\[\];=/]|[\w+-]+@[\w-]+\.|[#@]"
)
#: Algorithms, models, branches, tickets, steps: `bcrypt-12`, `Qwen2.5-7B`, `ip-10-0-3-4`, `ABC-12`.
_NAME_OF_THING = quick(
    r"(?i:.*(?:sha|md|argon|crypt|pbkdf|aes|rsa|hmac|utf|chacha|base)[-_]?\d)|.*\d\.\d|[a-z0-9]+(?:[_-][a-z0-9]+)+\Z|"
    r"[A-Z]{1,10}\d?-\d+\Z|[A-Z\xc3][a-z\x80-\xff]+-\d{1,2}\Z"
)


def _by_somebody(value: bytes, most: float = 0.8) -> bool:
    """True for what a person would choose as a password: no word, number, name or address."""
    few = numbered(value) and not value.isdigit()
    return (
        (typed(value) or few)
        and wordy(value) < most
        and not _NAME_OF_CODE.match(value, 0, len(value))
        and (chained(value) or not _NAME_OF_THING.match(value, 0, len(value)))
        and not no_secret(value)
        and not says_password(value)
    )


def _answer(data: bytes, end: int) -> list[tuple[int, int]]:
    """The value that is alone on one of the lines below the question."""
    _, high, line_end = around(data, end, 300)
    if not _AFTER_QUESTION.match(data, end, high):
        return []
    for start, stop in islice(below(data, high, line_end), _LINES):
        start = unlisted(data, start, stop)
        match = _ANSWER.match(data, start, min(stop, start + 160))
        if match and inside_pseudonym(data, *match.span(2)):
            break  # the answer, in a text that was redacted before
        if match and match.end() == stop and typed(match.group(2)):
            value = match.group(2).rstrip(b".!") if match.group(1) else match.group(2)
            if _by_somebody(value, 0.85):
                return [(match.start(2), match.start(2) + len(value))]
    return []


_AS = r"[ ](?:as|als|comme|como|come|jako|is|ist)[ ]"
_WHOSE = r"(?i:an?|the|your|my|our|their|its|das|dein|le|la|il|de|new|neues|initial|temporary|admin|root|master|database|db|login|wi-?fi|wlan)[ -]"


def _used_as(data: bytes, end: int, head: str) -> list[tuple[int, int]]:
    """`use V as the password`, `V is the root password`: the value before those words."""
    start = max(0, end - 90)
    lead = quick(rf"{head}\Z").search(data, start, end)
    if lead is None:
        return []
    match = _LEFT.search(data, max(0, lead.start() - 70), lead.start())
    return [match.span(1)] if match and _by_somebody(match.group(1)) else []


_PAIR = quick(
    r"(?:\s|\\+[nrt]){0,40}\\*[\"']([\w.@+-]{1,60})\\*[\"'][ ]?(?::|=>)[ ]?\\*[\"']([^\s\"'\\<>]{4,64})\\*[\"'],?"
)


def _of_users(data: bytes, end: int) -> list[tuple[int, int]]:
    """The values under the names of users: `{"ada": "V", "bob": "V"}`."""
    found: list[tuple[int, int]] = []
    at = data.rfind(b"{", max(0, end - 60), end) + 1
    while match := _PAIR.match(data, at, at + 240):
        name, value = match.groups()
        if not stands_beside(name.lower()) and _by_somebody(value):
            found.append(match.span(2))
        at = match.end()
    return found


_ENTERED = quick(r"\\*\"(?:text|value)\\*\"\s{0,4}:\s{0,4}\\*\"([^\s\"\\]{4,200})\\*\"")


def _entered(data: bytes, end: int) -> list[tuple[int, int]]:
    """The text that a call types into a field for passwords."""
    close = data.find(b"}", end, end + 400)
    low = data.rfind(b"{", max(0, end - 300), end)
    match = _ENTERED.search(data, low, close + 1) if 0 <= low < close else None
    good = match and like_password(match.group(1), True, False)
    return [match.span(1)] if match and good and not is_placeholder(match.group(1)) else []


_OF_WLAN = r"(?i:wlan|wi-?fi)-?(?i:schl\xc3\xbcssel|key)"
_KEY_HEAD = rf"{_AS}(?:{_WHOSE}){{0,3}}(?:{_PASSWORD}|{_OF_WLAN})"

RULES: tuple[Rule, ...] = (
    Rule("password", rf"{_PASSWORD}[^\n?\x00]{{0,80}}\?", direct=_answer, rank=1),
    Rule(
        "password",
        _KEY_HEAD,
        direct=partial(_used_as, head=_KEY_HEAD),
        rank=1,
        # by its end, because ` is ` and ` as ` are everywhere; `_used_as` looks at what is before
        faster=(
            rf"(?:{_AS}|{_WHOSE})(?:(?i:{_LONGER})|{_OF_WLAN})",
            r"[ -](?i:(?:\\[nrt])?pwd?)\b",
        ),
    ),
    Rule(
        "password",
        r"(?i:passw(?:or)?d|pwd|passphrase|passcode)[\w \]\\\"'=*-]{0,24}\"[ ]?,\s{0,20}\\*\"(?:ref|text|value|target|submit|type|slowly)\\*\"",
        direct=_entered,
        rank=1,
    ),
    Rule(
        "password",
        r"(?i:users|logins|passwords|creds)\\*[\"']?[ ]?(?::|=|=>|:=)[ ]?\{(?:\s|\\+[nrt]){0,20}\\*[\"']\w",
        direct=_of_users,
        rank=1,
    ),
)
