"""Keys without a name among the arguments of a call: `new Acme("V")`, `acme.connect('V')`, `jwt.sign(x, "V")`.

`arguments` has the passwords; here a value must look random, or the call must be one that signs.
"""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from typing import Any

from .checks import count_digits, is_placeholder, judged_random, numbered, wordy
from .keynames import vendor_of
from .nearby import HEX, no_name, whole_key
from .rules import Rule, quick, secret_rule
from .values import typed

#: Characters of a value that the prefilter asks for.
_SIZE = 20
_LITERAL = r"[^\s\"'`\\<>$()]"
#: Calls that sign or encrypt, up to the argument that is the key.
_SIGNS = (
    r"\b(?:jwt|jsonwebtoken|JWT|jws|jose)\.(?:sign|verify|encode|decode)\([^,\n]+,[ ]?|"
    r"\bcreate(?:Hmac|Cipheriv)\([^,\n]+,[ ]?|\b(?:hmac\.new|Fernet|AES\.new|from_secret|hmacShaKeyFor)\(|\bhmac\.New\([^,\n]+,[ ]?|"
    r"\bHashids\(|SymmetricSecurityKey\((?:System\.Text\.)?Encoding\.\w+\.GetBytes\(|\bsignWith\([^,\n]+,[ ]?|\bhash_hmac\([^,\n]+,[^,\n]+,[ ]?"
)
_B_QUOTE = r"(?:b|Buffer\.from\(|\[\]byte\()?\\*[\"'`]"


def _signing(data: bytes, match: Any) -> tuple[int, int] | None:
    """The key of such a call: a random value, or one that looks like a password."""
    value = match.group(1)
    good = judged_random(value, 16) or (typed(value) and wordy(value) < 0.7)
    good = good or (numbered(value) and wordy(value) < 0.9)
    return match.span(1) if good and not is_placeholder(value) else None


#: Calls that take keys: `Client::new("V")`, `acme.configure('V')`, `OAuth("V", "V")`.
_OPENED = (
    r"(?:Client|Api|API|SDK|Sdk|OAuth\d?|OAuth1Session|OAuthHandler|Credentials?)"
    r"(?:(?:::|\.)(?:new|create|from|init))?\(|\.(?:configure|authenticate|set_access_token)\("
)
_RUN = quick(r"[A-Za-z0-9_.-]{20,900}")
_CLOSES = quick(r"\\*[\"'](?:[ ]?[,)]|\s)")
_UUID = quick(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-")
#: How far behind the bracket a literal may stand, in bytes.
_FAR = 400


def _opening(data: bytes, end: int) -> list[tuple[int, int]]:
    """A literal among the arguments, whose first twenty characters end at `end`, if it is a long
    random run without words."""
    start = end - _SIZE
    if data.rfind(b"(", max(0, start - _FAR), start) < 0:
        return []
    match = _RUN.match(data, start, start + 900)
    if match is None or not _CLOSES.match(data, match.end(), match.end() + 12):
        return []
    value = match.group()
    plain = value.replace(b"_", b"").replace(b"-", b"").isalnum()
    good = plain and count_digits(value) > 0 and judged_random(value, 20)
    if not good or wordy(value) >= 0.3 or is_placeholder(value) or _UUID.match(value):
        return []
    return _and_next(data, (start, match.end()))


#: From one literal argument to the next.
_BETWEEN = quick(r"\\*[\"'],\s{0,20}\\*[\"']")


def _and_next(data: bytes, span: tuple[int, int]) -> list[tuple[int, int]]:
    """The key at `span`, and the next argument if it is one, too: `new Acme("KEY", "SECRET")`."""
    gap = _BETWEEN.match(data, span[1], span[1] + 32)
    second = whole_key(data, gap.end()) if gap else None
    if second is None or not _CLOSES.match(data, second[1], second[1] + 12):
        return [span]
    return [span, second]


#: What is called, up to the quote of its first argument: `new Acme("`, `require('acme')('`.
_CALLEE = quick(
    r"(?:((?:[\w$]{1,40}(?:\.|::|->|\\{1,4})){0,5}[\w$]{1,40})|require\(\\*[\"']([\w@/-]{1,60})\\*[\"']\))\(\\*[\"']\Z"
)
#: Calls that may take a key: constructors, and verbs such as `connect`.
_TAKES = quick(
    r"(?:.*[.:>\\])?(?:[A-Z]\w*|(?:new|init|initiali[sz]e|setup|connect|log_?in|sign_?in|auth\w*|client|create\w*|configure|from_\w+|"
    r"start|use|register|with\w+|set\w+|token|key|credentials?))\Z"
)
#: Calls whose name says that their argument is something else than a key.
_MAKES = quick(
    r"(?i).*(?:id|hash|digest|uuid|guid|image|img|sha\d*|md5|commit|ref|bytes|buffer|array|date|base64|b64|code[cr]?|string|str|"
    r"url|uri|path|file|version|regexp?|pattern|text|title|name|class|style|attribute|item|element|content|data|value|state|html|print)\Z"
)
_FIRST = quick(r"\w*")
_OF_SERVICE = quick(r"(?i).*(?:client|api|sdk)\Z")


def _given(data: bytes, end: int) -> list[tuple[int, int]]:
    """A key as the first argument of a call, whose first characters end at `end`, and perhaps the
    second argument."""
    start = end - _SIZE
    span = whole_key(data, start)  # asked first, because it takes less time than the look back
    if span is None or not _CLOSES.match(data, span[1], span[1] + 12):
        return []
    callee = _CALLEE.search(data, max(0, start - 90), start)
    if callee is None:
        return []
    name, required = callee.groups()
    vendor = vendor_of(required or _FIRST.match(name).group())  # type: ignore[union-attr]
    if not (required or vendor or _TAKES.match(name)) or (name and _MAKES.match(name)):
        return []
    if vendor or required or not HEX.match(data, *span):
        return _and_next(data, span)
    is_id = _UUID.match(data, *span) or not _OF_SERVICE.match(name)  # or a digest
    return [] if is_id else _and_next(data, span)


RULES: tuple[Rule, ...] = (
    Rule(
        "secret",
        rf"(?:{_OPENED})[^()\x00]*[\"'][A-Za-z0-9_.-]{{{_SIZE}}}",
        direct=_opening,
        rank=2,
    ),
    Rule(
        "secret",
        rf"[A-Za-z0-9_)]\(\\*[\"'][A-Za-z0-9_.-]{{{_SIZE}}}",
        near=no_name,
        direct=_given,
        rank=1,
        faster=tuple(
            rf"\({quote}[A-Za-z0-9_.-]{{{_SIZE}}}" for quote in ('"', "'", r"\\+\"", r"\\+'")
        ),
    ),
    secret_rule(
        "secret",
        rf"(?:{_SIGNS}){_B_QUOTE}",
        rf"{_LITERAL}{{8,900}}",
        _signing,
        r"\\*[\"'`]",
    ),
    Rule(
        "password",
        r"\"\.toCharArray\(",
        r"\"([^\s\"\\<>$]{6,200})\\*\"\.toCharArray\(",
        _signing,
        window=(240, 4),
        rank=3,
    ),
)
