"""Secrets whose name is an option, a tag or one of a pair: `--password V`, `<password>V<`, `("KEY", "V")`.

Group 1 of each exact pattern is the name, group 2 the value.
"""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from typing import Any

import re2

from .checks import is_placeholder, is_small_word
from .judge import judge
from .keynames import dull, says_password
from .looks import field_follows, key_or_password_follows
from .rules import Check, Near, Rule, quick, secret_rule
from .values import TYPES

QUOTE = r"(?:\\*[\"'`]|%(?:25){0,4}2[27]|&quot;|&#39;)"


def option(data: bytes, match: Any) -> tuple[int, int] | None:
    """The check for a name and its value: `judge` decides, and closing marks are left out."""
    start, value = match.start(2), match.group(2).rstrip(b",;)\\")
    if value[:2] == b"--" or is_small_word(value):
        return None  # the next option, or the next word of a sentence
    quoted = data[start - 1 : start] in (b'"', b"'", b"`", b">")
    judged = judge(match.group(1), value, quoted, b"=") or _word_of_user(data, match, value)
    return (start, start + len(value)) if judged else None


#: The option for a user in the same command.
_USER = quick(
    r"[ \t](?:-[uU]|--(?:user(?:name)?|login|email))[ =]\\*[\"']?[^\s\"'|;<>\[]{2,60}[ \t\"'\\][^\n|;&]{0,80}\Z"
)
_WORD = quick(r"[a-z]{5,24}\Z")


def _word_of_user(data: bytes, match: Any, value: bytes) -> bool:
    """True where a plain word is a password because the command names a user before it."""
    begin = match.start(1)
    return (
        says_password(match.group(1))
        and not dull(match.group(1))
        and _WORD.match(value, 0, len(value)) is not None
        and value not in TYPES
        and not is_placeholder(value)
        and _USER.search(data, max(0, begin - 160), begin) is not None
    )


def _tag(data: bytes, match: Any) -> tuple[int, int] | None:
    """`<password>V`. In an address the tag is a stand-in (`//<user>:<password>@host`). A value on the
    next line counts only if its element ends there, too: behind `password: <your-password>` the next
    line is another field."""
    if data[match.start() - 1 : match.start()] in _IN_ADDRESS:
        return None
    start, end = match.span(2)
    between, escaped = data[match.end(1) : start], _ESCAPED_END.search(match.group(2))
    if b"\n" in between or b"\\" in between:
        end = start + escaped.start() if escaped else end
        if not _CLOSED.match(data, end, end + 80):
            return None
    found = option(data, match)
    return (start, min(found[1], end)) if found else None


_IN_ADDRESS = (b":", b"/", b"@", b"=")
#: The closing tag of an element, perhaps on a line of its own.
_CLOSED = quick(r"(?:\s|\\+[nrt])*<\\*/")
#: The line end of a JSON string.
_ESCAPED_END = re2.compile(rb"(?:\\+[nrt])+\z")


#: In a list of words only a name that ends in a word for a secret (or a constant) is followed by one.
_KEY_LAST = re2.compile(
    rb"(?i)(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|key|auth|credentials?)s?(?:[_.-]?[a-z0-9]{1,4})?$"
    rb"|^[A-Z0-9_]+$"
)
_NAME_LIKE = re2.compile(
    rb"(?:-{0,2}|[_$]{1,2})[A-Za-z]+(?:[._-][A-Za-z]+)*(?:\.\*)?|[A-Z]{2,4}\d[A-Z]{3,12}"
)


#: A constant of PHP's: `define('DB_PASSWORD', 'V')`.
_DEFINES = quick(r"(?i)\bdefine\([ ]?\Z")
_NEXT_KEY = quick(r"\\{0,3}[\"'][ ]?:")


def _pair(data: bytes, match: Any) -> tuple[int, int] | None:
    """`("NAME", "V")`, `key="NAME" value="V"`, `<string name="NAME">V<`, but not two words of a list."""
    start, end = match.span(2)
    value = match.group(2)
    after = data[end : end + 1]
    if (data[start - 1 : start] == b">" and after != b"<") or (
        after == b" " and value.rstrip(b",.:;").isalpha()
    ):
        return None  # the first word of a text
    if value[:2] == b"--":
        return None  # the next option
    listed = data[match.end(1) : start].find(b",") >= 0
    if listed and _NEXT_KEY.match(data, end, end + 6):
        return None  # the next field's name: `"kind": "api-key", "V": ...`
    defined = _DEFINES.search(data, max(0, match.start() - 10), match.start())
    if (
        listed
        and not defined
        and (_NAME_LIKE.fullmatch(value) or not _KEY_LAST.search(match.group(1)))
    ):
        return None
    return (start, end) if judge(match.group(1), value, True, b",") else None


def whole(data: bytes, match: Any) -> tuple[int, int] | None:
    """The check that accepts every value but placeholders."""
    start, end = match.span(1)
    return None if is_placeholder(match.group(1)) else (start, end)


#: A name with a word for a secret in it. Unbounded: both engines compile and run that faster.
WORDS = (
    r"[A-Za-z0-9_.-]*(?i:pass(?:word|wd|phrase|code)|secret|token|api[_-]?key|access[_-]?key|"
    r"auth[_-]?key|private[_-]?key|credentials?|(?:[._-]|db)(?:pass|pwd|pw)|pswd|key)[A-Za-z0-9_.-]*"
)


def _named(
    head: str,
    value: str,
    check: Check = _pair,
    tail: str = "",
    before: int = 320,
    near: Near = key_or_password_follows,
    faster: tuple[str, ...] = (),
) -> Rule:
    """A rule for a value behind `head`, whose group is the name."""
    return secret_rule("secret", head, value, check, tail, 2, faster, near, before)


_BREAK = r"(?:\s|\\+[nrt]){0,40}"
_SIGNS, _FIELD = r"[^\s\"'<>\\]{4,900}", rf"{QUOTE}?[ ]{{0,2}}[:=][ ]{{0,2}}{QUOTE}?"
_VALUE_OF = rf"{QUOTE}?[,;]?(?:\s|\\+n){{0,40}}{QUOTE}?(?i:(?:parameter)?value){_FIELD}"
_RANDOM = r"[A-Za-z0-9_+/=.~-]{12,900}"

RULES: tuple[Rule, ...] = (
    _named(
        rf"(?:^|[\s\"'(\x00])--?({WORDS})(?:[ \t]+|=){QUOTE}?",
        r"[A-Za-z0-9_~.+/=!@#%^&:|-]{4,900}",
        option,
    ),
    _named(
        rf"<(?:[A-Za-z][\w.-]{{0,30}}:)?({WORDS}|[Pp]ass)(?: [^<>\n]{{0,80}})?>{_BREAK}",
        r"[^\s<>]{4,900}",
        _tag,
    ),
    _named(rf"<({WORDS})[ ]{{1,4}}value[ ]?=[ ]?{QUOTE}", _SIGNS),
    _named(
        rf"(?i:key|name|id)={QUOTE}({WORDS}){QUOTE}(?:(?:[ ]{{1,4}}[a-z-]{{1,20}}={QUOTE}[^\s\"'<>]{{0,40}}{QUOTE}){{0,3}}[ ]{{1,4}}(?i:value|content)={QUOTE}|[^<>\n]{{0,60}}>(?:\s{{0,40}}<(?i:value|string|val)(?: [^<>]{{0,40}})?>)?)",
        _SIGNS,
    ),
    _named(
        rf"(?i:key|name|id){_FIELD}({WORDS}|[A-Za-z0-9_.-]*[a-z]Pw){_VALUE_OF}",
        _SIGNS,
        near=field_follows,
        faster=(rf"(?:{WORDS}|[a-z]Pw){_VALUE_OF}",),
    ),
    _named(rf"{QUOTE}({WORDS}){QUOTE}[ ]?,[ ]{{0,3}}{QUOTE}{{1,2}}", r"[^\s\"'`<>\\]{4,900}"),
    _named(
        rf"[\"'](--?{WORDS})\\*[\"'],(?:\r?\n|\\+n)(?:\s|\\+t){{0,40}}\\*[\"']",
        r"[^\s\"'`<>\\-][^\s\"'`<>\\]{3,900}",
        option,
    ),
    _named(
        rf"\bvariable[ \t]+\\*\"({WORDS})\\*\"[ \t]*\{{[^{{}}]{{0,400}}default[ \t]*=[ \t]*\\*\"",
        r"[^\s\"\\$]{4,900}",
        option,
        r"\\*\"",
        before=520,
    ),
    secret_rule(
        "secret", rf"<({WORDS})>\{{[^<>\n{{}}]{{0,60}}[ ]", _RANDOM, option, r"\}?<", rank=2
    ),
    secret_rule(
        "secret",
        rf"({WORDS})=[\"']?\\\r?\n[ \t]{{0,40}}",
        r"[^\s\"'`\\<>;]{12,900}",
        option,
        rank=2,
    ),
    secret_rule(
        "npm-auth", r":_(?:authToken|auth|password)[ ]?=[ ]?[\"']?", r"[^\s\"'$]{8,400}", whole
    ),
)
