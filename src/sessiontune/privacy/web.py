"""Secrets in web requests: cookies, signatures, tokens of sign-in flows."""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from typing import Any

import re2

from .checks import is_placeholder, judged_random, no_stand_in
from .rules import UUID, Q, Rule, quick, secret_rule

_W = "[A-Za-z0-9_-]"
_IS_UUID = re2.compile(UUID.encode())


def _random(data: bytes, match: Any) -> tuple[int, int] | None:
    value = match.group(1)
    if _IS_UUID.fullmatch(value) or not judged_random(value, 16):
        return None
    return no_stand_in(data, match)


def _digest(data: bytes, match: Any) -> tuple[int, int] | None:
    """A field of a Digest header (RFC 7616)."""
    start = match.start(1)
    return (
        no_stand_in(data, match)
        if data.rfind(b"Digest ", max(0, start - 600), start) >= 0
        else None
    )


_COOKIES = (
    r"JSESSIONID|PHPSESSID|ASP\.NET_SessionId|ASPSESSIONID[A-Z]{8}|connect\.sid|sessionid|laravel_session|"
    r"csrftoken|XSRF-TOKEN|csrf_token|_csrf|remember_token|remember_user_token|remember_web_[0-9a-f]{40}|"
    r"(?:__Secure-|__Host-)?(?:next-auth|authjs)\.session-token|_[a-z]{2,20}_session|wordpress_logged_in_[0-9a-f]{32}"
)


#: A pair of a Cookie header; and names of cookies that count visits or keep a choice.
_PAIR = quick(r"[ ]{0,2}([\w.%$-]{1,120})=([^;\s\"'\\,]{0,3000}+)(?:;|(?=[\s\"'\\,]|\Z))")
_COUNTS = quick(
    r"(?i)_g[a-z]|__utm|_fb[pc]\b|_hj|ajs_|amp_|mp_|_pk_|(?:[\w.-]*consent|[\w.-]*version|locale|lang)\b"
)
#: A name that is a hit of its own. The walk over the pairs stops there, so that the walks of all hits
#: together take time linear in the line.
_AGAIN = quick(r"(?i)(?:.*[^\w])?(?:cookie|-b)\Z")
_PARTS = re2.compile(rb"%7C|%3A|\||:")


def _pairs(data: bytes, end: int) -> list[tuple[int, int]]:
    """The random values of cookies, whatever their names. The first name ends at `end`."""
    found: list[tuple[int, int]] = []
    at = end - 1
    while at > 0 and (
        data[at - 1 : at].isalnum() or data[at - 1 : at] in (b"_", b"-", b".", b"%", b"$")
    ):
        at -= 1
    while pair := _PAIR.match(data, at, at + 3200):
        name, value = pair.groups()
        if _AGAIN.match(name, 0, 200) and pair.end(1) >= end:
            break
        if not _COUNTS.match(name) and any(map(_is_session, _PARTS.split(value))):
            found.append(pair.span(2))
        at = pair.end()
    return found


_VALUE = quick(r"\\*[\"']value\\*[\"']:[ ]?\\*[\"']([^\s\"'\\;]{16,3000})\\*[\"']")
_NAME = quick(r"\\*[\"']name\\*[\"']:[ ]?\\*[\"']([\w.%$-]{1,120})")


def _kept(data: bytes, end: int) -> list[tuple[int, int]]:
    """The value in an object that says how a cookie is kept, as browsers write them."""
    low, high = data.rfind(b"{", max(0, end - 3500), end), data.find(b"}", end, end + 3500)
    if low < 0 or high < 0:
        return []
    value, name = _VALUE.search(data, low, high), _NAME.search(data, low, high)
    if not value or not name or _COUNTS.match(name[1]):
        return []
    return [value.span(1)] if any(map(_is_session, _PARTS.split(value[1]))) else []


def _is_session(part: bytes) -> bool:
    return judged_random(part, 20) and not is_placeholder(part)


RULES: tuple[Rule, ...] = (
    Rule(
        "cookie",
        r"(?i:\bcookie\\*[\"']?(?:: ?| ?= ?|, ?)\\*[\"']?)[\w.%$-]{1,80}=|[ \t](?:-b|--cookie)[ =]\^?\\*[\"']?[\w.%$-]{1,80}=",
        direct=_pairs,
        rank=2,
    ),
    Rule(
        "cookie",
        r"(?i:cookie)\\*[\"'],\s{0,40}\\*[\"']value\\*[\"']:[ ]?\\*[\"'][\w.%$-]{1,80}=",
        direct=_pairs,
        rank=2,
    ),
    Rule("cookie", r"\"(?:httpOnly|sameSite)\\*\":", direct=_kept, rank=2),
    secret_rule(
        "cookie", rf"(?:^|[^A-Za-z0-9_-])(?:{_COOKIES})=", r"[A-Za-z0-9_%.|:~+/-]{16,900}", _random
    ),
    secret_rule(
        "cookie",
        rf"\"name\\*\": ?\\*\"(?:{_COOKIES})\\*\", ?\\*\"value\\*\": ?\\*\"",
        r"[A-Za-z0-9_%.|:~+/-]{16,900}",
        _random,
    ),
    secret_rule(
        "csrf-token",
        rf"(?i:x-(?:csrf|xsrf)-?token|jenkins-crumb){Q}(?:: ?|=){Q}",
        r"[A-Za-z0-9_+/=%.-]{20,300}",
        _random,
    ),
    secret_rule("digest-auth", r"(?:response|c?nonce)=\\*\"", r"[0-9a-zA-Z+/=]{16,128}", _digest),
    secret_rule("request-signature", r"(?:[, \x00]|^)Signature=", r"[0-9a-f]{64}", no_stand_in),
    secret_rule(
        "request-signature",
        r"(?i:X-(?:Amz|Goog)-Signature(?:=|%3D))",
        r"[0-9a-fA-F]{32,1000}",
        no_stand_in,
    ),
    secret_rule("request-signature", r"[?&;]sig=", r"[A-Za-z0-9%+/_-]{40,90}={0,2}", _random),
    secret_rule(
        "request-signature", r"[?&]Signature=", r"[A-Za-z0-9~%+/_-]{27,900}={0,2}", _random
    ),
    secret_rule("device-token", r"thingsboard\.[a-z.]{2,30}/api/v1/", r"[A-Za-z0-9]{20}", _random),
    secret_rule("url-token", r"[?&]app_?id=", r"[0-9a-f]{32}", no_stand_in, "(?:[^A-Za-z0-9_-]|$)"),
    secret_rule("authorization-code", r"[?&]code=", r"[A-Za-z0-9._~%/-]{20,500}", _random),
    secret_rule(
        "session",
        rf"(?i:x-(?:[a-z]{{1,20}}-)?session(?:-?(?:id|token|key))?){Q}: ?{Q}",
        r"[A-Za-z0-9_+/=%.-]{20,900}",
        _random,
    ),
    secret_rule(
        "code-verifier",
        rf"code_verifier{Q}(?:=|: ?){Q}",
        r"[A-Za-z0-9._~-]{43,128}",
        _random,
    ),
    secret_rule(
        "saml-message",
        rf"SAML(?:Response|Request|art){Q}(?:=|: ?){Q}",
        r"[A-Za-z0-9+/%=]{60,1000}[A-Za-z0-9+/%=]{0,1000}[A-Za-z0-9+/%=]{0,1000}",
        no_stand_in,
    ),
    secret_rule(
        "sign-in-link",
        r"/(?:magic|magic-link|magiclink|verify|verify-email|reset|reset-password|password-reset|invite|invitation|confirm|activate|signin|login)/",
        rf"{_W}{{24,200}}",
        _random,
    ),
    secret_rule(
        "secret", r"\btok[ \t]{0,2}[=:][ \t]{0,2}\\*[\"']", r"[A-Za-z0-9_.-]{20,400}", _random
    ),
)
