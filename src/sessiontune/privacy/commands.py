"""Secrets on command lines and in statements: `curl -u`, `ENV NAME value`, SQL, netrc."""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from typing import Any

from .checks import is_placeholder, judged_random
from .looks import key_or_password_follows
from .rules import Rule, quick, secret_rule
from .structured import QUOTE, WORDS, option, whole
from .values import typed

#: Signs of templates, of variables of a shell, of a choice in a manual.
_FILLED = (b"$(", b"${", b"`", b"**", b"{{", b"%(", b"<", b">", b"[", b"]")


def _curl_user(data: bytes, match: Any) -> tuple[int, int] | None:
    raw = match.group(1)
    user, _, password = raw.strip(b"\"'").partition(b":")
    if match.group(0)[:1] in b" \t" and _is_group(data, match.start(), password):
        return None
    if raw[:1] == b"$" or password[:1] == b"$" or any(sign in raw for sign in _FILLED):
        return None
    if is_placeholder(password) and (is_placeholder(user) or not password):
        return None
    low = password.lower()
    return None if b"xxx" in low or b"yyy" in low else match.span(1)


_OF_CONTAINER = quick(
    r"\b(?:docker|podman|nerdctl|kubectl|compose)\b(?:(?!curl|wget)[^\n|;&]){0,190}\Z"
)
_GROUP = quick(r"(?:[a-z_][a-z0-9_-]{0,31}|\d{1,10})\Z")


def _is_group(data: bytes, start: int, name: bytes) -> bool:
    """Whether it is a container's, behind its user: `docker run -u node:node`."""
    return (
        _GROUP.match(name) is not None
        and not typed(name)
        and not judged_random(name, 8)
        and _OF_CONTAINER.search(data, max(0, start - 200), start + 1) is not None
    )


def _only_user(data: bytes, match: Any) -> tuple[int, int] | None:
    """`-u KEY:`, `-u KEY:x`: a key in the place of the user."""
    user = match.group(1)
    return match.span(1) if judged_random(user, 8) and not is_placeholder(user) else None


#: Commands that set a variable, an option or a secret; a name and its value follow.
_SETTERS = (
    r"\bENV|\bARG|#define",
    r"\bset[ \t]+-[a-zU]{1,3}",
    r"\bsetenv|\bsetx|\bputenv",
    r"\bput",
    r"\b(?:secrets?|variable|env)[ \t]+(?:set|add)",
    r"\bconfig(?:ure)?(?:[ \t]+(?:set|add|--global|--local|-g)){0,3}",
)
_SETS = "|".join(_SETTERS)
_SET_TO = rf"{QUOTE}?(?:[ \t]+-(?:b|-body|-value|v)[ =]|[ \t]+)"


def _netrc(data: bytes, match: Any) -> tuple[int, int] | None:
    """The password in `machine HOST login USER password V`; in a sentence `login and password` are
    words. Behind `user NAME pass` it must look like a password."""
    if match.group(0)[:5].lower() != b"login" and not typed(match.group(2)):
        return None
    if match.group(1).lower() in (
        b"and",
        b"or",
        b"with",
        b"without",
        b"but",
        b"&",
    ) or is_placeholder(match.group(2)):
        return None
    start, end = match.span(2)
    return start, end


#: An option for a user; curl's may be the last of several letters, and glued to its value: `-sSuada:`.
_FOR_USER = (
    r"(?:[ \t](?:-u|--user|--proxy-user|-U)[ =]{1,3}|"
    r"\bcurl\b[^\n\x00|;&]{0,120}?[ \t]-[a-zA-Z]{0,6}u[ =]{0,3})"
)
#: Between the words of such a file: spaces, or line ends as they are or escaped.
_W = r"(?:[ \t\n]|\\+[nrt])+"
_WHO = r"\S{1,60}?"

RULES: tuple[Rule, ...] = (
    Rule(
        "curl-password",
        r"[ \t](?:-u|--user)[ =]{1,3}\\*[\"']?[^\s\"'\\:$]{6}[^\s\"'\\:$]*:(?:x-oauth-basic|[xX])?[\s\"'\\]",
        r"[ \t](?:-u|--user)[ =]{1,3}\\*[\"']?([^\s\"'\\:$]{6,200}):(?:x-oauth-basic|[xX])?[\s\"'\\]",
        _only_user,
        window=(240, 20),
        rank=3,
        faster=tuple(
            rf"{option}[ =]{{1,3}}\\*[\"']?[^\s\"'\\:$]{{6}}[^\s\"'\\:$]*:(?:x-oauth-basic|[xX])?[\s\"'\\]"
            for option in (r"[ \t]-u", "--user")
        ),
    ),
    Rule(
        "curl-password",
        rf"{_FOR_USER}\\*[\"']?[^\s\"'\\:]{{0,80}}[\"']?:[\"']?[^\s\"':/]{{3}}",
        rf"{_FOR_USER}\\*[\"']?([^\s\"'\\:`]{{0,80}}[\"']?:[\"']?[^\s\"'\\`]{{3,120}})",
        _curl_user,
        window=(200, 200),
        rank=3,
    ),
    Rule(
        "secret",
        rf"(?:{_SETS})[ \t]+{WORDS}{_SET_TO}{QUOTE}?[^\s\"'`<>$(=]{{4}}",
        rf"(?:{_SETS})[ \t]+{QUOTE}?({WORDS}){_SET_TO}{QUOTE}?([^\s\"'`<>$(=][^\s\"'`<>]{{3,900}})",
        option,
        near=key_or_password_follows,
        window=(160, 960),
        rank=2,
        faster=tuple(
            rf"(?:{sets})[ \t]+{WORDS}{_SET_TO}{QUOTE}?[^\s\"'`<>$(=]{{4}}" for sets in _SETTERS
        ),
    ),
    secret_rule(
        "password",
        r"(?i:identified[ \t]+(?:with[ \t]+\S+[ \t]+)?by|(?-i:\bPASSWORD)[ ]?\(|(?:with|login|role[ \t]+\w+|superuser|createdb|createrole|encrypted|inherit)[ \t]+password|set[ \t]+password(?:[ \t]+for[ \t]+[^\n=;]{1,80})?[ \t]*=)[ \t]*(?i:password[ \t]+)?'",
        r"[^'\s]{3,200}",
        whole,
        "'",
    ),
    Rule(
        "password",
        rf"(?i)\blogin{_W}{_WHO}{_W}(?:account{_W}{_WHO}{_W})?password[ \t]+\S{{4}}|\buser(?:name)?[ \t]+{_WHO}{_W}pass(?:word)?[ \t]+\S{{4}}",
        rf"(?i)(?:login|user(?:name)?){_W}({_WHO}){_W}(?:account{_W}{_WHO}{_W})?pass(?:word)?[ \t]+\\*[\"']?([^\s\"'\\]{{3,199}}[^\s\"'\\,;])",
        _netrc,
        window=(120, 220),
        rank=3,
    ),
)
