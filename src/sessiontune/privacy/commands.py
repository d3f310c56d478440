"""Secrets on command lines and in statements: `curl -u`, `mysql -p`, `ENV NAME value`, SQL."""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from typing import Any

from .checks import is_placeholder, judged_random
from .context import key_or_password_follows
from .rules import Rule
from .structured import LOOSE_WORDS, QUOTE, WORDS, option, whole


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
    only_user = not password and judged_random(user, 8)
    if not only_user and is_placeholder(password) and (is_placeholder(user) or not password):
        return None
    if any(c in b"<>[]*" for c in raw) or b"{{" in raw or password[:1] == b"$" or b"%(" in raw:
        return None
    if b"x" * 3 in password.lower() or b"y" * 3 in password.lower():
        return None
    return start, end


RULES: tuple[Rule, ...] = (
    Rule(
        "curl-password",
        "secrets",
        r"[ \t](?:-u|--user)[ =]{1,3}[\"'][^\s\"'\\:$]+:[\"']",
        r"[ \t](?:-u|--user)[ =]{1,3}([\"'][^\s\"'\\:$]{6,120}:[\"'])",
        _curl_user,
        before=200,
        after=20,
        rank=3,
    ),
    Rule(
        "curl-password",
        "secrets",
        r"[ \t](?:-u|--user|--proxy-user|-U)[ =]{1,3}[\"']?[^\s\"'\\:]{0,80}[\"']?:[\"']?[^\s\"':/]{3}",
        r"[ \t](?:-u|--user|--proxy-user|-U)[ =]{1,3}[\"']?([^\s\"'\\:`]{0,80}[\"']?:[\"']?[^\s\"'\\`]{3,120})",
        _curl_user,
        before=200,
        after=200,
        rank=3,
    ),
    Rule(
        "secret",
        "secrets",
        rf"(?:\bENV|\bARG|#define|\bset[ \t]+-[a-zU]{{1,3}}|\bsetenv|\bput(?:env)?)[ \t]+{LOOSE_WORDS}[ \t]+{QUOTE}?[^\s\"'`<>$(=]{{4}}",
        rf"(?:ENV|ARG|#define|set[ \t]+-[a-zU]{{1,3}}|setenv|put(?:env)?)[ \t]+({WORDS})[ \t]+{QUOTE}?([^\s\"'`<>$(=][^\s\"'`<>]{{3,900}})",
        option,
        near=key_or_password_follows,
        before=160,
        after=960,
        rank=2,
    ),
    Rule(
        "password",
        "secrets",
        r"\bdocker[ \t]+login[^\n]{0,120}[ ](?:-p|--password)[ =]{1,2}[\"']?[^\s\"'$-]{4}|"
        r"\bredis-cli[^\n]{0,120}[ ](?:-a|--pass)[ =]{1,2}[\"']?[^\s\"'$-]{4}|"
        r"\bopenssl[^\n]{0,160}[ ](?:-k[ ]|-pass(?:in|out)?[ ]pass:)[\"']?[^\s\"'$-]{4}|"
        r"\bhtpasswd[ ]+-[A-Za-z]{0,4}b[A-Za-z]{0,4}[ ]+\S{1,60}[ ]+\S{1,40}[ ]+[\"']?[^\s\"'$-]{4}",
        r"(?:[ ](?:-p|--password|-a|--pass|-k)[ =]{1,2}|[ ]-pass(?:in|out)?[ ]pass:|"
        r"htpasswd[ ]+-[A-Za-z]{1,9}[ ]+\S{1,60}[ ]+\S{1,40}[ ]+)[\"']?([^\s\"'$-][^\s\"']{3,200})",
        whole,
        before=240,
        after=220,
        rank=3,
    ),
    Rule(
        "password",
        "secrets",
        r"(?i:identified[ \t]+by|with[ \t]+password|set[ \t]+password[ \t]*=)[ \t]+(?i:password[ \t]+)?'[^'\s]{3}",
        r"(?i:identified[ \t]+by|password|=)[ \t]+(?i:password[ \t]+)?'([^'\s]{3,200})'",
        whole,
        before=64,
        after=220,
        rank=3,
    ),
    Rule(
        "password",
        "secrets",
        r"\bsshpass[ \t]+-p[ \t]{0,2}[^\s-]{3}",
        r"sshpass[ \t]+-p[ \t]{0,2}[\"']?([^\s\"']{3,200})",
        whole,
        before=40,
        after=220,
        rank=3,
    ),
    Rule(
        "password",
        "secrets",
        r"\bmysql(?:dump|admin)?\b[^\n]{0,120}[ ]-p[^\s\"'$-][^\s]{3}",
        r" -p([^\s\"'$-][^\s\"']{3,100})",
        whole,
        before=200,
        after=120,
        rank=3,
    ),
    Rule(
        "password",
        "secrets",
        r"(?i)\blogin[ \t\n]+\S{1,60}[ \t\n]+(?i:password)[ \t]+\S{4}",
        r"(?i)password[ \t]+(\S{4,200})",
        whole,
        before=120,
        after=220,
        rank=3,
    ),
)
