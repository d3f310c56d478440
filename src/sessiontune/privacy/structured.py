"""Secrets known by the structure around them: URLs, headers, key blocks, options of commands."""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

import base64
import binascii
from typing import Any

import re2

from .checks import entropy, is_placeholder, judged_random
from .context import key_or_password_follows
from .examples import is_published_example
from .judge import is_gibberish, judge
from .pseudonym import LETTERS
from .rules import Rule, quick

QUOTE = r"(?:\\*[\"'`]|%(?:25){0,4}2[27]|&quot;|&#39;)"


def _plain(data: bytes, match: Any) -> tuple[int, int] | None:
    start, end = match.span(1)
    return (start, end) if end > start else None


def _block(data: bytes, match: Any) -> tuple[int, int] | None:
    """A private key: needs a body that is not a stand-in."""
    body = match.group(2)
    letters = bytes(c for c in body if chr(c).isalnum())
    if len(letters) < 24 or entropy(letters) < 3.0 or b"..." in body[:60]:
        return None
    start, end = match.span(1)
    return start, end


_HEXUSER = re2.compile(
    rb"[0-9a-f]*[0-9][0-9a-f]*[a-f][0-9a-f]{6,}|[a-f]+[0-9][0-9a-f]{5,}|[a-f]{2,7}[0-9][a-f0-9]*"
)


_PORT = re2.compile(rb"\d{1,5}/")


def _url_password(data: bytes, match: Any) -> tuple[int, int] | None:
    """The password of `scheme://user:password@host`."""
    start, end = match.span(2)
    user, password = match.group(1), match.group(2)
    if is_placeholder(password) or password in (b"pass", b"pw", b"PASSWORD", b"tiger", user):
        return None
    if any(c in b"{}<>$*" for c in password) or (password.isupper() and password.isalpha()):
        return None
    if user and _PORT.match(password):
        return None  # `http://localhost:9001/users/anna@...`
    low = password.lower()
    if low.startswith((b"your", b"my-", b"my_", b"some")) or low in (
        b"port",
        b"pwd",
        b"p",
        b"x",
        b"y",
    ):
        return None
    if password.isdigit() and len(password) < 6 and not user:
        return None
    if _HEXUSER.fullmatch(user) or (len(user) >= 12 and judged_random(user, 12)):
        start = match.start(1)
    return start, end


def _header(data: bytes, match: Any) -> tuple[int, int] | None:
    start, end = match.span(1)
    value = match.group(1)
    while value and value[-1:] in (b",", b";", b")", b".", b"\\"):
        value, end = value[:-1], end - 1
    if len(value) < 6 or is_placeholder(value) or any(c in b"{}<>$()[]*" for c in value):
        return None
    if _FIELD.fullmatch(value) or _stand_in_pair(value) or is_published_example(value):
        return None
    if (
        not any(48 <= c <= 57 for c in value)
        and value.isalpha()
        and (value.islower() or len(value) < 12)
    ):
        return None
    if len(value) < 16 and not any(48 <= c <= 57 for c in value) and b"=" not in value:
        return None
    return start, end


#: The first field of what follows: `Digest username="..."`, `Bearer authorization_uri="..."`.
_FIELD = re2.compile(rb"[a-z_]+=")


def _stand_in_pair(value: bytes) -> bool:
    """Basic authorization of `user:password`, as documentation shows it."""
    if b":" in value:
        user, _, password = value.partition(b":")
        return is_placeholder(user) and is_placeholder(password)
    try:
        user, colon, password = base64.b64decode(value, validate=True).partition(b":")
    except binascii.Error:
        return False
    return bool(colon) and is_placeholder(user) and is_placeholder(password)


def option(data: bytes, match: Any) -> tuple[int, int] | None:
    """`--password VALUE`, `<password>VALUE</password>`, `("PASSWORD", "VALUE")`."""
    start, end = match.span(2)
    value = match.group(2)
    while value and value[-1:] in (b",", b";", b")", b"\\"):
        value, end = value[:-1], end - 1
    if value[:2] == b"--":
        return None  # the next option
    quoted = data[start - 1 : start] in (b'"', b"'", b"`", b">")
    return (start, end) if judge(match.group(1), value, quoted, b"=") else None


#: In a list the name must say at its end that a key follows.
_KEY_LAST = re2.compile(
    rb"(?i)(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|key|auth|credentials?)s?(?:[_.-]?[a-z0-9]{1,4})?$"
    rb"|^[A-Z0-9_]+$"
)
_NAME_LIKE = re2.compile(rb"-{0,2}[A-Za-z]+(?:[._-][A-Za-z]+)*")


def _pair(data: bytes, match: Any) -> tuple[int, int] | None:
    """`("NAME", "VALUE")`, `key="NAME" value="VALUE"`, `<string name="NAME">VALUE<`; two words of a
    list are no such pair."""
    start, end = match.span(2)
    value = match.group(2)
    after = data[end : end + 1]
    if (data[start - 1 : start] == b">" and after != b"<") or (
        after == b" " and value.rstrip(b",.:;").isalpha()
    ):
        return None  # the first word of a text
    listed = data[match.end(1) : start].find(b",") >= 0
    if listed and (_NAME_LIKE.fullmatch(value) or not _KEY_LAST.search(match.group(1))):
        return None
    return (start, end) if judge(match.group(1), value, True, b",") else None


def whole(data: bytes, match: Any) -> tuple[int, int] | None:
    start, end = match.span(1)
    return None if is_placeholder(match.group(1)) else (start, end)


def _connection(data: bytes, match: Any) -> tuple[int, int] | None:
    """A part of a connection string; code (`password=dict(type='str')`, a bare name) is none."""
    value = match.group(1)
    words = value.rstrip(b"|&").replace(b"_", b"").replace(b".", b"").isalpha()
    if any(c in b"()[]" for c in value) or (words and not is_gibberish(value)):
        return None
    return whole(data, match)


_DATA = re2.compile(rb"(?:^|\n|\\n)([ \t]*)[\"']?(?:data|stringData)[\"']?:[ \t]*(?:\r?\n|\\n)")
_ENTRY = re2.compile(
    rb"([ \t]+)[\"']?[A-Za-z0-9_.-]{1,80}[\"']?:[ \t]*(?:[|>]-?[ \t]*(?:\r?\n|\\n)[ \t]*)?[\"']?"
    rb"([A-Za-z0-9+/=]*)[\"']?[ \t]*(?:#[^\n]*)?(?:\r?\n|\\n|$)"
)
_OTHER_LINE = re2.compile(rb"[ \t]+(?:#|[^\n:]{1,80}:)[^\n]{0,200}(?:\n|$)|[ \t]*\r?\n")


def _kube(data: bytes, hit: int) -> list[tuple[int, int]]:
    """The values under `data:` of a Kubernetes secret: base64 of something secret."""
    low = max(data.rfind(b"\n---", max(0, hit - 4000), hit), hit - 4000, 0)
    high = data.find(b"\n---", hit, hit + 8000)
    high = min(len(data), hit + 8000) if high < 0 else high
    found: list[tuple[int, int]] = []
    for head in _DATA.finditer(data, low, high):
        at, indent = head.end(), len(head.group(1))
        while at < high:
            entry = _ENTRY.match(data, at, high)
            if entry is not None and len(entry.group(1)) > indent:
                value = entry.group(2)
                if len(value) > 8 and not is_placeholder(value):
                    found.append(entry.span(2))
                at = entry.end()
                continue
            other = _OTHER_LINE.match(data, at, high)
            if other is None or not other.group().lstrip(b" \t"):
                break
            if len(other.group()) - len(other.group().lstrip(b" \t")) <= indent:
                break
            at = other.end()
    return found


_MADE = quick(rf"\{{REDACTED_URL_PASSWORD_[{LETTERS}]{{14}}\}}@")
_SCHEME = r"[a-zA-Z][a-zA-Z0-9+.-]{1,30}:(?:\\*/){2}"
WORDS = (
    r"[A-Za-z0-9_.-]{0,40}(?i:pass(?:word|wd|phrase|code)|secret|token|api[_-]?key|access[_-]?key|"
    r"auth[_-]?key|private[_-]?key|credentials?|key)[A-Za-z0-9_.-]{0,40}"
)
#: The same for the prefilter: without bounds, which it compiles and runs faster.
LOOSE_WORDS = WORDS.replace("{0,40}", "*")

_BEGIN = r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?-----"
_BODY = r"(?:[A-Za-z0-9+/=,.:()<>@ \t\r\n_\"'|>#*-]|\\[nrt\\\"'/u]|%[0-9A-Fa-f]{2})"
_AUTH = (
    r"(?i)(?:authorization|x-[a-z-]{0,20}(?:api-?key|token|auth|secret)|api-?key|apikey|x-[a-z]{1,20}-apikey|"
    r"api-?token|private-token|job-token|token|cookie)"
)
_VALUE = r"[A-Za-z0-9_~.+/=!@#%^&:|\x7b\x7d<>*$-]"

RULES: tuple[Rule, ...] = (
    Rule(
        "private-key",
        "secrets",
        _BEGIN,
        rf"({_BEGIN}({_BODY}*?)"
        r"(?:-----END (?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?-----|[^A-Za-z0-9+/=,.:()<>@ \t\r\n_\"'|>#*\\%-]|$))",
        _block,
        before=80,
        after=9000,
        rank=9,
    ),
    Rule(
        "putty-private-key",
        "secrets",
        r"PuTTY-User-Key-File-\d",
        r"(PuTTY-User-Key-File-\d:([^\x00]*))",
        _block,
        before=32,
        after=4000,
        rank=9,
    ),
    Rule(
        "url-password",
        "secrets",
        rf"{_SCHEME}[^\s:@/\"'<>\\]{{0,80}}(?::|%3A)[^\s@\"'<>]{{1,120}}(?:@|%40)",
        rf"{_SCHEME}([^\s:@/\"'<>\\]{{0,80}})(?::|%3A)([^\s@/\"'<>`]{{1,160}}|[^\s\"'<>`]{{1,160}})(?:@|%40)"
        r"[A-Za-z0-9\[_$\x7b<.-]",
        _url_password,
        "braced",
        near=lambda data, end: not _MADE.match(data, end - 39, end),
        before=340,
        after=90,
        rank=4,
    ),
    Rule(
        "url-token",
        "secrets",
        r"https?:(?:\\*/){2}[A-Za-z0-9_-]{20,120}@[A-Za-z0-9]",
        r"https?:(?:\\*/){2}([A-Za-z0-9_-]{20,120})@[A-Za-z0-9]",
        whole,
        before=200,
        after=8,
        rank=4,
    ),
    Rule(
        "authorization",
        "secrets",
        rf"{_AUTH}{QUOTE}?[ ]{{0,2}}(?::|=>|=|,|%3A)[ ]{{0,3}}{QUOTE}?[bBfF]?{QUOTE}?"
        rf"(?:(?i:basic|bearer|token|digest|api-?token|api-?key|bot|negotiate|splunk|sso-key|apikey)"
        rf"(?: |%20|\+|\\u0020){{1,3}}){{1}}{_VALUE}{{6}}",
        rf"{_AUTH}{QUOTE}?[ ]{{0,2}}(?::|=>|=|,|%3A)[ ]{{0,3}}{QUOTE}?[bBfF]?{QUOTE}?"
        rf"(?:(?i:basic|bearer|token|digest|api-?token|api-?key|bot|negotiate|splunk|sso-key|apikey)"
        rf"(?: |%20|\+|\\u0020){{1,3}})({_VALUE}{{6,1000}}{_VALUE}{{0,1000}})",
        _header,
        before=160,
        after=2100,
        rank=4,
    ),
    Rule(
        "authorization",
        "secrets",
        rf"-(?:H|-header)[ =]{{1,4}}{QUOTE}{_AUTH}:[ ]{{0,4}}{_VALUE}{{6}}",
        rf"-(?:H|-header)[ =]{{1,4}}{QUOTE}{_AUTH}:[ ]{{0,4}}({_VALUE}{{6,1000}})",
        _header,
        before=160,
        after=1100,
        rank=3,
    ),
    Rule(
        "authorization",
        "secrets",
        r"(?i:\bbearer|authorization: ?token|authorization: ?basic)[ ]{1,2}[A-Za-z0-9_~.+/=-]{16}",
        r"(?i:bearer|token|basic)[ ]{1,2}([A-Za-z0-9_~.+/=-]{16,1000})",
        _header,
        before=60,
        after=1100,
        rank=3,
    ),
    Rule(
        "secret",
        "secrets",
        rf"(?:^|[\s\"'(\x00])--?{LOOSE_WORDS}(?:[ \t]+|=){QUOTE}?[A-Za-z0-9_~.+/=!@#%^&:|-]{{4}}",
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
        rf"<{LOOSE_WORDS}(?: [^<>\n]{{0,80}})?>\s{{0,40}}[^\s<>]{{4}}",
        rf"<({WORDS})(?: [^<>\n]{{0,80}})?>\s{{0,40}}([^\s<>]{{4,900}})",
        option,
        near=key_or_password_follows,
        before=240,
        after=960,
        rank=2,
    ),
    Rule(
        "secret",
        "secrets",
        rf"(?i:key|name|id)={QUOTE}{LOOSE_WORDS}{QUOTE}(?:[ ]{{1,4}}(?i:value|content)={QUOTE}|[^<>\n]{{0,40}}>)[^\s\"'<>]{{4}}",
        rf"(?i:key|name|id)={QUOTE}({WORDS}){QUOTE}(?:[ ]{{1,4}}(?i:value|content)={QUOTE}|[^<>\n]{{0,40}}>)([^\s\"'<>]{{4,900}})",
        _pair,
        near=key_or_password_follows,
        before=180,
        after=960,
        rank=2,
    ),
    Rule(
        "secret",
        "secrets",
        rf"{LOOSE_WORDS}{QUOTE}?[,;]?(?:\s|\\n){{0,40}}"
        rf"{QUOTE}?(?i:value){QUOTE}?[ ]{{0,2}}[:=][ ]{{0,2}}{QUOTE}?[^\s\"'<>\\]{{4}}",
        rf"(?i:key|name|id){QUOTE}?[ ]{{0,2}}[:=][ ]{{0,2}}{QUOTE}?({WORDS}){QUOTE}?[,;]?(?:\s|\\n){{0,40}}"
        rf"{QUOTE}?(?i:value){QUOTE}?[ ]{{0,2}}[:=][ ]{{0,2}}{QUOTE}?([^\s\"'<>\\]{{4,900}})",
        _pair,
        near=key_or_password_follows,
        before=300,
        after=960,
        rank=2,
    ),
    Rule(
        "secret",
        "secrets",
        rf"{QUOTE}{LOOSE_WORDS}{QUOTE},[ ]{{0,3}}{QUOTE}{{1,2}}[^\s\"'`<>,\\]{{4}}",
        rf"{QUOTE}({WORDS}){QUOTE},[ ]{{0,3}}{QUOTE}{{1,2}}([^\s\"'`<>\\]{{4,900}})",
        _pair,
        near=key_or_password_follows,
        before=180,
        after=960,
        rank=2,
    ),
    Rule(
        "secret",
        "secrets",
        rf"\bvariable[ \t]+\"{LOOSE_WORDS}\"[ \t]*\{{[^{{}}]*default[ \t]*=[ \t]*\"[^\s\"$]{{4}}",
        rf"variable[ \t]+\"({WORDS})\"[ \t]*\{{[^{{}}]{{0,400}}default[ \t]*=[ \t]*\"([^\s\"$]{{4,900}})\"",
        option,
        near=key_or_password_follows,
        before=520,
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
    Rule(
        "kubernetes-secret",
        "secrets",
        r"(?i)(?:^|[\n\x00]|\\n)[ \t]*[\\\"']*kind[\\\"']*:[ \t]*[\\\"']*secret[\"']*[ \t]*(?:[\r\n\\\x00]|$)",
        "()",
        direct=_kube,
        rank=3,
    ),
    Rule(
        "bundler-credential",
        "secrets",
        r"BUNDLE_[A-Z0-9_]{4,60}[\\\"']*[ ]{0,2}[:=][ ]{0,2}[\\\"']*[^\s\"':$<{\\]{2,80}:[^\s\"':$<{/\\]{4}",
        r"BUNDLE_[A-Z0-9_]{4,60}[\\\"']*[ ]{0,2}[:=][ ]{0,2}[\\\"']*([^\s\"':$<{\\]{2,80}:[^\s\"'\\]{4,200})",
        whole,
        before=200,
        after=220,
        rank=4,
    ),
    Rule(
        "docker-auth",
        "secrets",
        rf"{QUOTE}auth{QUOTE}:[ ]{{0,2}}{QUOTE}[A-Za-z0-9+/]{{8}}",
        rf"{QUOTE}auth{QUOTE}:[ ]{{0,2}}{QUOTE}([A-Za-z0-9+/]{{8,400}}={{0,2}})",
        whole,
        before=90,
        after=420,
        rank=3,
    ),
    Rule(
        "connection-secret",
        "secrets",
        r"(?i)(?:AccountKey|SharedAccessKey|SharedSecret|Password|Pwd|AccessKey)=[^;\s\"'<>{}$%]{4}",
        r"(?i)(?:AccountKey|SharedAccessKey|SharedSecret|Password|Pwd|AccessKey)=([^;\s\"'<>{}$%&]{4,400})[;\"']",
        _connection,
        before=60,
        after=420,
        rank=3,
    ),
)
