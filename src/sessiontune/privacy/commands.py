"""Secrets on command lines and in statements: `curl -u`, `mysql -p`, `ENV NAME value`, SQL, netrc."""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from typing import Any

from .checks import is_placeholder, judged_random
from .looks import key_or_password_follows
from .rules import Rule
from .structured import QUOTE, WORDS, option, whole
from .values import typed


def _curl_user(data: bytes, match: Any) -> tuple[int, int] | None:
    start, end = match.span(1)
    raw = match.group(1)
    user, _, password = raw.strip(b"\"'").partition(b":")
    if (
        (not password and not user)
        or b"$" in raw[:1]
        or b"$(" in raw
        or b"${" in raw
        or b"`" in raw
    ):
        return None
    if is_placeholder(password) and (is_placeholder(user) or not password):
        return None
    if (
        any(c in b"<>[]" for c in raw)
        or b"**" in raw
        or b"{{" in raw
        or password[:1] == b"$"
        or b"%(" in raw
    ):
        return None
    if b"x" * 3 in password.lower() or b"y" * 3 in password.lower():
        return None
    return start, end


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
        r"[ \t](?:-u|--user|--proxy-user|-U)[ =]{1,3}\\*[\"']?[^\s\"'\\:]{0,80}[\"']?:[\"']?[^\s\"':/]{3}",
        r"[ \t](?:-u|--user|--proxy-user|-U)[ =]{1,3}\\*[\"']?([^\s\"'\\:`]{0,80}[\"']?:[\"']?[^\s\"'\\`]{3,120})",
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
    Rule(
        "password",
        r"\bdocker[ \t]+login[^\n]{0,120}[ ](?:-p|--password)[ =]{1,2}\\*[\"']?[^\s\"'$\\-]{4}|"
        r"\b(?:sqlcmd|bcp|isql|tsql)\b[^\n]{0,160}[ ]-P[ ]?\\*[\"']?[^\s\"'<$-]{4}|\bnet(?:\.exe)?[ ]user[ ][^\s/]{1,40}[ ][^\s/*]{4,40}[ ]/|"
        r"\bredis-cli[^\n]{0,120}[ ](?:-a|--pass)[ =]{1,2}\\*[\"']?[^\s\"'$\\-]{4}|"
        r"\bopenssl[^\n]{0,160}[ ](?:-k[ ]|-pass(?:in|out)?[ ]pass:)\\*[\"']?[^\s\"'$\\-]{4}|"
        r"\bhtpasswd[ ]+-[A-Za-z]{0,4}b[A-Za-z]{0,4}[ ]+\S{1,60}[ ]+\S{1,40}[ ]+\\*[\"']?[^\s\"'$\\-]{4}",
        r"(?:[ ]-P[ ]?|\bnet(?:\.exe)?[ ]user[ ][^\s/]{1,40}[ ]|[ ](?:-p|--password|-a|--pass|-k)[ =]{1,2}|[ ]-pass(?:in|out)?[ ]pass:|"
        r"htpasswd[ ]+-[A-Za-z]{1,9}[ ]+\S{1,60}[ ]+\S{1,40}[ ]+)\\*[\"']?([^\s\"'<$\\-][^\s\"'\\]{3,200})",
        whole,
        window=(240, 220),
        rank=3,
    ),
    Rule(
        "password",
        r"(?i:identified[ \t]+(?:with[ \t]+\S+[ \t]+)?by|(?-i:\bPASSWORD)[ ]?\(|(?:with|login|role[ \t]+\w+|superuser|createdb|createrole|encrypted|inherit)[ \t]+password|set[ \t]+password(?:[ \t]+for[ \t]+[^\n=;]{1,80})?[ \t]*=)[ \t]*(?i:password[ \t]+)?'[^'\s]{3}",
        r"(?i:by|(?-i:\bPASSWORD)[ ]?\(|password|=)[ \t]*(?i:password[ \t]+)?'([^'\s]{3,200})'",
        whole,
        window=(64, 220),
        rank=3,
    ),
    Rule(
        "password",
        r"\bsshpass[ \t]+-p[ \t]{0,2}[^\s-]{3}",
        r"sshpass[ \t]+-p[ \t]{0,2}\\*[\"']?([^\s\"'\\]{3,200})",
        whole,
        window=(40, 220),
        rank=3,
    ),
    Rule(
        "password",
        r"\bmysql(?:dump|admin)?\b[^\n]{0,120}[ ]-p(?:\\*[\"'])?[^\s\"'$\\-][^\s]{3}",
        r" -p(?:\\*[\"'])?([^\s\"'$<\\-][^\s\"'<\\]{3,100})",
        whole,
        window=(200, 120),
        rank=3,
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
