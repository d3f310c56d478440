"""Secrets in forms that a standard sets: private key blocks, URLs, authorization headers."""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

import base64
import binascii
from typing import Any

import re2

from .checks import count_digits, entropy, is_placeholder, judged_random
from .decoders import QUAD
from .examples import is_published_example
from .keyblocks import BEGIN, SHOWN
from .pseudonym import LETTERS, without_pseudonyms
from .rules import Rule, quick, secret_rule
from .structured import QUOTE, whole


def _block(data: bytes, match: Any) -> tuple[int, int] | None:
    """A private key in PEM, if its body is no stand-in. An `END` line alone is none."""
    body = without_pseudonyms(match.group(2))
    letters = bytes(c for c in body if chr(c).isalnum())
    if len(letters) < 24 or entropy(letters) < 3.0 or b"..." in body[:60]:
        return None
    if not _RUN.search(body):
        return None  # code that searches for such a block
    start, end = match.span(1)
    if not data.startswith(b"-----END", match.end(2)):
        end = match.end(2)
    return start, end


#: Sixteen characters of base64 in a row: longer than words, and a key's body has different ones.
_RUN = re2.compile(rb"[A-Za-z0-9+/=]{16}")


_HEXUSER = re2.compile(
    rb"[0-9a-f]*[0-9][0-9a-f]*[a-f][0-9a-f]{6,}|[a-f]+[0-9][0-9a-f]{5,}|[a-f]{2,7}[0-9][a-f0-9]*"
)


_PORT = re2.compile(rb"\d{1,5}/")


def _url_password(data: bytes, match: Any) -> tuple[int, int] | None:
    """The password in `scheme://user:password@host`."""
    start, end = match.span(2)
    user, password = match.group(1), match.group(2)
    if is_placeholder(password) or password == user:
        return None
    if any(c in b"{}<>$*" for c in password) or (password.isupper() and password.isalpha()):
        return None
    if user and _PORT.match(password):
        return None  # a port and a path: `http://localhost:9001/users/anna@...`
    low = password.lower()
    if low.startswith((b"your", b"my-", b"my_", b"some")) or low == b"port":
        return None
    if password.isdigit() and len(password) < 6 and not user:
        return None
    if _HEXUSER.fullmatch(user) or (len(user) >= 12 and judged_random(user, 12)):
        start = match.start(1)
    return start, end


def _header(data: bytes, match: Any) -> tuple[int, int] | None:
    value = match.group(1).rstrip(b",;).\\")
    start, end = match.start(1), match.start(1) + len(value)
    if len(value) < 6 or is_placeholder(value) or any(c in b"{}<>$()[]*" for c in value):
        return None
    if data[end : end + 1] == b"(":
        return None  # a call in code
    if _FIELD.fullmatch(value) or _stand_in_pair(value) or is_published_example(value):
        return None
    if not count_digits(value) and value.isalpha() and (value.islower() or len(value) < 12):
        return None
    if len(value) < 16 and not count_digits(value) and b"=" not in value:
        return None
    return start, end


def _any_scheme(data: bytes, match: Any) -> tuple[int, int] | None:
    """`Authorization: V`, without a scheme or with one of the vendor's own."""
    value = match.group(1)
    if _FIELDS.match(value) or _PAGE.fullmatch(value) or not judged_random(value, 20):
        return None
    return _header(data, match)


#: The address of a login page: `authorization: "https://acme.example/oauth2/authorize"`.
_PAGE = re2.compile(rb"https?:/{2}[\w.-]+(?:/[\w.~-]*)*")
_FIELDS = re2.compile(rb"[A-Za-z_]+=|[A-Z0-9]+(?:-[A-Z0-9]+)+")
#: A first field in place of a value: `Digest username="..."`, `Bearer authorization_uri="..."`.
_FIELD = re2.compile(rb"[a-z_]+=")


def _login(value: bytes) -> tuple[bytes, bytes] | None:
    """The user and the password of Basic authorization, in base64 or as they are."""
    try:
        plain = value if b":" in value else base64.b64decode(value, validate=True)
    except binascii.Error:
        return None
    user, colon, password = plain.partition(b":")
    return (user, password) if colon else None


def _stand_in_pair(value: bytes) -> bool:
    """True for a login of stand-ins, such as `user:password` in manuals."""
    login = _login(value)
    return login is not None and all(map(is_placeholder, login))


def _user_and_password(data: bytes, match: Any) -> tuple[int, int] | None:
    """`Basic V` anywhere, if V decodes to a user and a password."""
    value = match.group(1)
    user, password = _login(value) or (b"", b"")
    plain = user.isascii() and user.decode("ascii").isprintable() and len(password) > 3
    shown = _stand_in_pair(value) or is_published_example(value)
    return match.span(1) if plain and user and not shown else None


_MADE = quick(rf"\{{REDACTED_URL_PASSWORD_[{LETTERS}]{{14}}\}}@")
_SCHEME = r"[a-zA-Z][a-zA-Z0-9+.-]{1,30}:(?:\\*/){2}"

_AUTH = (
    r"(?i)(?:authorization|x-[a-z-]{0,20}(?:api-?key|token|auth|secret)|api-?key|apikey|x-[a-z]{1,20}-apikey|"
    r"api-?token|private-token|job-token|token|cookie)"
)
_VALUE = r"[A-Za-z0-9_~.+/=!@#%^&:|\x7b\x7d<>*$-]"

RULES: tuple[Rule, ...] = (
    Rule(
        "private-key",
        BEGIN,
        rf"({BEGIN}({SHOWN}*?)"
        r"(?:-----END (?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?-----|[^A-Za-z0-9+/=,.:()<>@ \t\r\n_\"'|>#*\\%-]|$))",
        _block,
        window=(80, 9000),
        rank=9,
    ),
    Rule(
        "url-password",
        rf"{_SCHEME}(?:<[\w -]+>|[^\s:@/\"'<>\\]{{0,80}})(?::|%3A)[^\s@\"'<>]+(?:@|%40)",
        rf"{_SCHEME}(<[\w -]{{1,40}}>|[^\s:@/\"'<>\\]{{0,80}})(?::|%3A)([^\s/?#,\"'<>`]{{1,160}}|[^\s@/\"'<>`]{{1,160}}|[^\s\"'<>`]{{1,160}})(?:@|%40)"
        r"[A-Za-z0-9\[_$%\x7b<.-]",
        _url_password,
        "braced",
        near=lambda data, end: not _MADE.match(data, end - 39, end),
        window=(4200, 90),  # passwords of databases in clouds are tokens of 2 kB
        rank=4,
    ),
    Rule(
        "url-password",
        r"@[A-Za-z0-9.-]+\.[a-z]+:[^\s@/\"'<>`]+@[A-Za-z0-9]",
        rf"{_SCHEME}([^\s:@/\"'<>\\]{{1,80}}@[A-Za-z0-9.-]{{1,80}}):([^\s@/\"'<>`]{{1,160}})@[A-Za-z0-9]",
        _url_password,
        "braced",
        window=(420, 8),
        rank=4,
    ),
    Rule(
        "url-token",
        r"https?:(?:\\*/){2}([A-Za-z0-9_-]{20,120}):?@[A-Za-z0-9]",
        check=whole,
        window=(200, 8),
        rank=4,
    ),
    Rule(
        "authorization",
        rf"{_AUTH}{QUOTE}?\]?[ ]{{0,2}}(?::|=>|=|,|%3A)[ ]{{0,3}}{QUOTE}?[bBfF]?{QUOTE}?"
        rf"(?:(?i:basic|bearer|token|digest|api-?token|api-?key|bot|negotiate|splunk|sso-key|apikey)"
        rf"(?: |%20|\+|\\u0020){{1,3}}){{1}}{_VALUE}{{6}}",
        rf"{_AUTH}{QUOTE}?\]?[ ]{{0,2}}(?::|=>|=|,|%3A)[ ]{{0,3}}{QUOTE}?[bBfF]?{QUOTE}?"
        rf"(?:(?i:basic|bearer|token|digest|api-?token|api-?key|bot|negotiate|splunk|sso-key|apikey)"
        rf"(?: |%20|\+|\\u0020){{1,3}})({_VALUE}{{6,1000}}{_VALUE}{{0,1000}})",
        _header,
        window=(160, 2100),
        rank=4,
    ),
    Rule(
        "authorization",
        rf"\bBasic (?:{QUAD}){{3}}",
        r"\bBasic ([A-Za-z0-9+/]{12,1000}={0,2})",
        _user_and_password,
        window=(24, 1100),
        rank=3,
    ),
    secret_rule(
        "authorization",
        rf"-(?:H|-header)[ =]{{1,4}}{QUOTE}{_AUTH}:[ ]{{0,4}}",
        rf"{_VALUE}{{6,1000}}",
        _header,
    ),
    Rule(
        "authorization",
        rf"(?i:authorization){QUOTE}?[ ]{{0,2}}(?::|=>|,)[ ]{{0,3}}{QUOTE}?(?:[A-Za-z][A-Za-z0-9-]*[ ])?[A-Za-z0-9_~.+/=:-]{{20}}",
        rf"(?i:authorization){QUOTE}?[ ]{{0,2}}(?::|=>|,)[ ]{{0,3}}{QUOTE}?(?:[A-Za-z][A-Za-z0-9-]{{1,30}}[ ])?([A-Za-z0-9_~.+/=:-]{{20,1000}})",
        _any_scheme,
        window=(120, 1100),
        rank=3,
    ),
    Rule(
        "authorization",
        r"(?i:\bbearer|\bssws|authorization: ?token|authorization: ?basic)[ ]{1,2}[A-Za-z0-9_~.+/=-]{16}",
        r"(?i:bearer|ssws|token|basic)[ ]{1,2}([A-Za-z0-9_~.+/=-]{16,1000})",
        _header,
        window=(60, 1100),
        rank=3,
    ),
)
