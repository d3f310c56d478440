"""Looks (`Rule.near`): may the value behind a name be a key or a password?

The prefilter hits wherever some name is followed by some value. A look at the value's bytes takes a
microsecond and rules most hits out; the exact pattern takes fifty.
"""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

import re

from .checks import is_placeholder
from .keynames import says_password
from .rules import quick
from .values import TYPES, like_key, like_password, like_typed_secret

QUOTE = r"(?:\\*[\"'`]|%(?:25){0,4}2[27]|&(?:quot|apos|#0?3[49]|#x0?2[27]);|\\+u002[27])"
LEAD = r"(?:(?:[bBfFrRuU]{1,2}|@|\$|L|S|N)?" + QUOTE + r"(?:\\*\"\\*\"|'')?)?"
#: A whole value, with possessive repeats so that it never backtracks. (A NUL separates texts.)
_VALUE = quick(r"(?:[^\s\"'`\\<>;\x00]++|\\++[^\"'`nrt\s\x00]|<[\w -]{1,30}>)++")
QUOTES = (b'"', b"'", b"`")
#: The last character of an encoded quote (`%27`, `%22`, `&quot;`), or of something else.
_PERHAPS = (b"7", b"2", b";")
#: Bytes of a value that the prefilter asks for under a key's name, and the `Rule.first` of assignments.
LEAST_KEY = 10
MOST_VALUE = 256


def key_follows(data: bytes, end: int, seen: int = 4, fills: bool = False) -> bool:
    """True where the value whose first `seen` bytes end at `end` would be a key under some name.
    `fills`: it is all that its field holds, as if it stood in quotes."""
    start = end - seen
    match = _VALUE.match(data, start, start + 1000)
    if match is None or match.end() - start < LEAST_KEY:
        return False
    before = data[max(0, start - 2) : start]
    quoted = fills or before[-1:] in (b'"', b"'", b"`", b">", b"7", b"2", b";")
    shell = not quoted and before[-1:] == b"=" and before[:1].isupper()  # needs no quotes
    value = trimmed(match.group(), quoted)
    if not (quoted or shell) and _BRACKET.search(value):
        return False  # a call, a subscript
    return like_key(value, quoted or shell) or like_typed_secret(
        value, quoted or before[-1:] == b"="
    )


_BRACKET = quick(r"[()\[\]{}]")
#: A closing quote as an HTML entity, whose semicolon the value's pattern stops at.
_CLOSING = re.compile(rb"&(?:quot|apos|#0?3[49]|#x0?2[27])\Z")
#: The next field of a URL's query or a form.
_NEXT_FIELD = quick(r"&(?:amp;)?[A-Za-z_][A-Za-z0-9_.\[\]-]{0,40}=|&\Z")


def _says_password(name: bytes) -> bool:
    low = name.lower()
    return b"pass" in low or b"pw" in low or b"pswd" in low


#: Where `pass` and `pwd` mean something else: a test's verdict (`--- PASS: TestOne`), a folder.
_VERDICT = quick(r"(?i)[^A-Za-z0-9_.-](?:pass|pwd|pw)[^A-Za-z0-9_.]{1,12}\Z")
_SIGNS = quick(r"[0-9!@#$%^&*]")
_SAYS_USER = quick(r"(?i)user|login|email|uid")


def password_follows(data: bytes, end: int) -> bool:
    """True where the value whose first four bytes end at `end` may be a password."""
    start = end - 4
    match = _VALUE.match(data, start, start + 1000)
    if match is None:
        return True
    before = data[start - 1 : start]
    if _VERDICT.search(data, max(0, start - 17), start) and not _SIGNS.search(
        data, start, match.end()
    ):  # `judge._is_password` asks more of a value under such a name, or for a user beside it
        if before == b" ":
            return login_word(data, start, trimmed(match.group(), False))
        return before in QUOTES and _SAYS_USER.search(data, max(0, start - 120), start) is not None
    shell = before == b"="
    for quoted in (True, False) if before in _PERHAPS else (before in QUOTES,):
        value = trimmed(match.group(), quoted)
        if like_password(value, quoted, shell) and not is_placeholder(value):
            return True
    return before == b" " and login_word(data, start, trimmed(match.group(), False))


#: A line of settings that often stands beside a password (`username: ada`, `host: db`).
_LOGIN = r"[ \t-]{0,40}(?:[A-Za-z]{1,12}[_-])?(?:user(?:name)?|login|host(?:name)?|port|database|db(?:name)?)(?::[ \t]{1,8}|=)[^\s,;{}()]{1,80}[ \t\r]{0,4}"
_LOGIN_LINE = quick(rf"(?i){_LOGIN}\Z")
_LOGIN_BELOW = quick(rf"(?i)[ \t]{{0,8}}\r?\n{_LOGIN}(?:\n|\Z)")
_LOWER_WORD = quick(r"[a-z]{5,24}\Z")
#: A name that only settings have: `MYSQL_PASSWORD: `, `spring.datasource.password=`.
_SETTING = quick(
    r"(?:(?:\A|[\s\"'-])(?:[A-Z][A-Z0-9]*_)+PASS(?:WORD|WD|PHRASE)?\\*[\"']?:[ ]{1,4}|"
    r"(?:\A|[\s\"]|\\n)[a-z][\w-]*(?:\.[\w-]+)+[.-]password=)\Z"
)


def login_word(data: bytes, start: int, value: bytes) -> bool:
    """True where a plain word is a password in a settings file: it ends its line, and its name is one
    of settings, or the line above or below names a user, a host, a port or a database. Elsewhere it is
    a type, a verb, a name."""
    end = start + len(value)
    if (
        not _LOWER_WORD.match(value, 0, len(value))
        or (data[end : end + 1] not in (b"\n", b"\r", b"") and data[end : end + 2] != b"\\n")
        or is_placeholder(value)
        or value in TYPES
        or says_password(value)
    ):
        return False
    if _SETTING.search(data, max(0, start - 90), start):
        return True
    line = data.rfind(b"\n", max(0, start - 200), start)
    above = max(data.rfind(b"\n", 0, max(0, line)) + 1, line - 200)
    return (line > 0 and _LOGIN_LINE.match(data, above, line) is not None) or (
        _LOGIN_BELOW.match(data, end, end + 240) is not None
    )


def key_or_password_follows(data: bytes, end: int) -> bool:
    """`key_follows`, but any value may follow a name that says password."""
    return _says_password(data[max(0, end - 200) : end]) or key_follows(data, end)


def field_follows(data: bytes, end: int) -> bool:
    """`key_or_password_follows` for the whole value of a field: `value: V`."""
    return _says_password(data[max(0, end - 200) : end]) or key_follows(data, end, fills=True)


def trimmed(value: bytes, quoted: bool, field: bool = True) -> bytes:
    """The value without the punctuation that code puts behind it. `field`: it may be a field of a
    URL's query, which the next field ends."""
    if quoted:
        return _CLOSING.sub(b"", value).rstrip(b"\\")
    value = value.rstrip(b",;)]}.:|\\")
    next_field = _NEXT_FIELD.search(value, 0, 1000) if field and b"&" in value else None
    return value[: next_field.start()] if next_field else value


_DIGIT = quick(r"[^\s\"'`\d]{0,24}+\d")
#: What may stand before a value; the prefilter may have taken its first bytes for the value's.
_BEFORE_VALUE = quick(rf"(?i)[ \t\[(*]{{0,24}}{LEAD}")
_BEFORE = frozenset(b" \t[(*bfrulsnBFRULSN@$\\\"'`%&")


def vendor_value_follows(data: bytes, end: int) -> bool:
    """True where the value whose first eight bytes end at `end` may be a key under a vendor's name."""
    start = end - 8 if end > 8 else 0
    if _DIGIT.match(data, start, end + 17) is None:
        return False
    if _like_key_at(data, start):
        return True
    if data[start] in _BEFORE:
        begun = _BEFORE_VALUE.match(data, start, start + 24)
        if begun and begun.end() > start and _like_key_at(data, begun.end()):
            return True
    return _says_password(data[end - 170 if end > 170 else 0 : end])


def _like_key_at(data: bytes, at: int) -> bool:
    match = _VALUE.match(data, at, at + 1000)
    if match is None or match.end() - at < LEAST_KEY:
        return False
    value, before = match.group(), data[at - 1 : at]
    if before in _PERHAPS and like_key(trimmed(value, True), True):
        return True
    quoted = before in QUOTES
    return like_key(trimmed(value, quoted), quoted or before == b"=")
