"""Secrets whose name is an option, a tag or one of a pair: `--password V`, `<password>V<`, `("KEY", "V")`.

Group 1 of each exact pattern is the name, group 2 the value.
"""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from typing import Any

import re2

from .checks import is_placeholder, is_small_word
from .judge import judge
from .looks import field_follows, key_or_password_follows
from .rules import Rule, quick

QUOTE = r"(?:\\*[\"'`]|%(?:25){0,4}2[27]|&quot;|&#39;)"


def option(data: bytes, match: Any) -> tuple[int, int] | None:
    """The check for a name and its value: `judge` decides, and closing marks are left out."""
    start, end = match.span(2)
    value = match.group(2)
    while value and value[-1:] in (b",", b";", b")", b"\\"):
        value, end = value[:-1], end - 1
    if value[:2] == b"--" or is_small_word(value):
        return None  # the next option, or the next word of a sentence
    quoted = data[start - 1 : start] in (b'"', b"'", b"`", b">")
    return (start, end) if judge(match.group(1), value, quoted, b"=") else None


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
    listed = data[match.end(1) : start].find(b",") >= 0
    if listed and _NEXT_KEY.match(data, end, end + 6):
        return None  # the next field's name: `"kind": "api-key", "V": ...`
    if listed and (_NAME_LIKE.fullmatch(value) or not _KEY_LAST.search(match.group(1))):
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

RULES: tuple[Rule, ...] = (
    Rule(
        "secret",
        "secrets",
        rf"(?:^|[\s\"'(\x00])--?{WORDS}(?:[ \t]+|=){QUOTE}?[A-Za-z0-9_~.+/=!@#%^&:|-]{{4}}",
        rf"(?:^|[\s\"'(])--?({WORDS})(?:[ \t]+|=){QUOTE}?([A-Za-z0-9_~.+/=!@#%^&:|-]{{4,900}})",
        option,
        near=key_or_password_follows,
        before=140,
        after=960,
        rank=2,
    ),
    Rule(
        "secret",
        "secrets",
        rf"[<:](?:{WORDS}|[Pp]ass)(?: [^<>\n]{{0,80}})?>(?:\s|\\+[nrt]){{0,40}}[^\s<>]{{4}}",
        rf"<(?:[A-Za-z][\w.-]{{0,30}}:)?({WORDS}|[Pp]ass)(?: [^<>\n]{{0,80}})?>(?:\s|\\+[nrt]){{0,40}}([^\s<>]{{4,900}})",
        _tag,
        near=key_or_password_follows,
        before=240,
        after=960,
        rank=2,
    ),
    Rule(
        "secret",
        "secrets",
        rf"<{WORDS}[ ]{{1,4}}value[ ]?=[ ]?{QUOTE}[^\s\"'<>]{{4}}",
        rf"<({WORDS})[ ]{{1,4}}value[ ]?=[ ]?{QUOTE}([^\s\"'<>\\]{{4,900}})",
        _pair,
        near=key_or_password_follows,
        before=160,
        after=960,
        rank=2,
    ),
    Rule(
        "secret",
        "secrets",
        rf"(?i:key|name|id)={QUOTE}{WORDS}{QUOTE}(?:(?:[ ]{{1,4}}[a-z-]+={QUOTE}[^\s\"'<>]*{QUOTE}){{0,3}}[ ]{{1,4}}(?i:value|content)={QUOTE}|[^<>\n]{{0,60}}>(?:\s*<(?i:value|string|val)(?: [^<>]*)?>)?)[^\s\"'<>]{{4}}",
        rf"(?i:key|name|id)={QUOTE}({WORDS}){QUOTE}(?:(?:[ ]{{1,4}}[a-z-]{{1,20}}={QUOTE}[^\s\"'<>]{{0,40}}{QUOTE}){{0,3}}[ ]{{1,4}}(?i:value|content)={QUOTE}|[^<>\n]{{0,60}}>(?:\s{{0,40}}<(?i:value|string|val)(?: [^<>]{{0,40}})?>)?)([^\s\"'<>\\]{{4,900}})",
        _pair,
        near=key_or_password_follows,
        before=300,
        after=960,
        rank=2,
    ),
    Rule(
        "secret",
        "secrets",
        rf"(?:{WORDS}|[a-z]Pw){QUOTE}?[,;]?(?:\s|\\+n){{0,40}}"
        rf"{QUOTE}?(?i:(?:parameter)?value){QUOTE}?[ ]{{0,2}}[:=][ ]{{0,2}}{QUOTE}?[^\s\"'<>\\]{{4}}",
        rf"(?i:key|name|id){QUOTE}?[ ]{{0,2}}[:=][ ]{{0,2}}{QUOTE}?({WORDS}|[A-Za-z0-9_.-]*[a-z]Pw){QUOTE}?[,;]?(?:\s|\\+n){{0,40}}"
        rf"{QUOTE}?(?i:(?:parameter)?value){QUOTE}?[ ]{{0,2}}[:=][ ]{{0,2}}{QUOTE}?([^\s\"'<>\\]{{4,900}})",
        _pair,
        near=field_follows,
        before=300,
        after=960,
        rank=2,
    ),
    Rule(
        "secret",
        "secrets",
        rf"{QUOTE}{WORDS}{QUOTE}[ ]?,[ ]{{0,3}}{QUOTE}{{1,2}}[^\s\"'`<>,\\]{{4}}",
        rf"{QUOTE}({WORDS}){QUOTE}[ ]?,[ ]{{0,3}}{QUOTE}{{1,2}}([^\s\"'`<>\\]{{4,900}})",
        _pair,
        near=key_or_password_follows,
        before=180,
        after=960,
        rank=2,
    ),
    Rule(
        "secret",
        "secrets",
        rf"[\"']--?{WORDS}\\*[\"'],(?:\r?\n|\\+n)(?:\s|\\+t)*\\*[\"'][^\s\"'`<>,\\-]{{4}}",
        rf"[\"'](--?{WORDS})\\*[\"'],(?:\r?\n|\\+n)(?:\s|\\+t){{0,40}}\\*[\"']([^\s\"'`<>\\-][^\s\"'`<>\\]{{3,900}})",
        option,
        near=key_or_password_follows,
        before=180,
        after=960,
        rank=2,
    ),
    Rule(
        "secret",
        "secrets",
        rf"\bvariable[ \t]+\"{WORDS}\"[ \t]*\{{[^{{}}]*default[ \t]*=[ \t]*\"[^\s\"$]{{4}}",
        rf"variable[ \t]+\"({WORDS})\"[ \t]*\{{[^{{}}]{{0,400}}default[ \t]*=[ \t]*\"([^\s\"$]{{4,900}})\"",
        option,
        near=key_or_password_follows,
        before=520,
        after=960,
        rank=2,
    ),
    Rule(
        "secret",
        "secrets",
        rf"<{WORDS}>\{{[^<>\n{{}}]{{0,60}}[ ][A-Za-z0-9_+/=.~-]{{12}}",
        rf"<({WORDS})>\{{[^<>\n{{}}]{{0,60}}[ ]([A-Za-z0-9_+/=.~-]{{12,900}})\}}?<",
        option,
        before=200,
        after=960,
        rank=2,
    ),
    Rule(
        "secret",
        "secrets",
        rf"{WORDS}=[\"']?\\\r?\n[ \t]*[A-Za-z0-9_+/.-]{{12}}",
        rf"({WORDS})=[\"']?\\\r?\n[ \t]{{0,40}}([^\s\"'`\\<>;]{{12,900}})",
        option,
        before=200,
        after=960,
        rank=2,
    ),
    Rule(
        "npm-auth",
        "secrets",
        r":_(?:authToken|auth|password)[ ]?=[ ]?[\"']?[^\s\"'$]{8}",
        r":_(?:authToken|auth|password)[ ]?=[ ]?[\"']?([^\s\"'$]{8,400})",
        whole,
        before=40,
        after=420,
        rank=3,
    ),
)
