"""Secrets in files that programs write, and as they print them: password hashes, key pairs,
vaults."""

from __future__ import annotations

from typing import Any

from .checks import count_digits, no_stand_in, random_of, wordy
from .rules import B64, NL, Check, Rule, S, secret_rule
from .values import numbered_words

_RANDOM = random_of(12)
_SALT = r"[A-Za-z0-9./]"
_KEY_ID = r"(?:A3T[A-Z0-9]|AKIA|ASIA)[A-Z0-9]{16}"


def accepted_hash(data: bytes, match: Any) -> tuple[int, int] | None:
    """A password's hash, which allows guessing without limit. Placeholders do not have its form."""
    return match.span(1) if len(set(match.group(1)[-20:])) > 6 else None


def _ticket(data: bytes, match: Any) -> tuple[int, int] | None:
    """A Kerberos ticket. Where it is none, an empty span rejects the whole run, so that it is not
    read again from each of its bytes."""
    end = match.end(1)
    return accepted_hash(data, match) or (end, end)


def _told(data: bytes, match: Any) -> tuple[int, int] | None:
    """`password V` alone on a line, with a digit in V that is no chain of words."""
    value = match.group(1)
    wordless = wordy(value) <= 0.6 or numbered_words(value)
    if not count_digits(value) or not wordless or not value[:1].isalnum():
        return None
    return no_stand_in(data, match)


def _no_call(data: bytes, match: Any) -> tuple[int, int] | None:
    """The value, unless it is a call in code: `_auth = Settings(token)`."""
    end = match.end(1)
    return None if data[end : end + 1] in (b"(", b".") else no_stand_in(data, match)


def _hashed(form: str) -> Rule:
    return Rule("password-hash", f"({form})", check=accepted_hash, window=(260, 200), rank=7)


def _after(kind: str, head: str, value: str, check: Check = no_stand_in, tail: str = "") -> Rule:
    return secret_rule(kind, head, value, check, tail, rank=4)


#: crypt(3), Cisco's types 8 and 9, PHC strings, and those of Django and Werkzeug.
_HASHES = (
    rf"\$(?:1|apr1)\${_SALT}{{1,8}}\${_SALT}{{22}}",
    r"\${1,2}2[abxy]\${1,2}\d\d\${1,2}[A-Za-z0-9./]{53}",
    rf"\$[89]\${_SALT}{{14}}\${_SALT}{{43}}",
    rf"\$5\$(?:rounds=\d{{1,9}}\$)?{_SALT}{{1,16}}\${_SALT}{{43}}",
    rf"\$6\$(?:rounds=\d{{1,9}}\$)?{_SALT}{{1,16}}\${_SALT}{{86}}",
    rf"\$(?:y|gy|7)\${_SALT}{{2,40}}\${_SALT}{{1,86}}\${_SALT}{{43}}",
    rf"\$argon2(?:id|i|d)\$v=\d{{1,3}}\$m=\d{{1,9}},t=\d{{1,4}},p=\d{{1,3}}\${B64}{{8,64}}={{0,2}}\${B64}{{22,128}}",
    rf"pbkdf2_sha(?:1|256|512)\$\d{{1,8}}\$[A-Za-z0-9./+=_-]{{1,64}}\${B64}{{27,100}}={{0,2}}",
    rf"pbkdf2:sha(?:1|256|512)(?::\d{{1,8}})?\${_SALT}{{4,32}}\$[0-9a-f]{{40,128}}",
    rf"scrypt:\d{{1,8}}:\d{{1,3}}:\d{{1,3}}\${_SALT}{{4,32}}\$[0-9a-f]{{64,128}}",
    rf"SCRAM-SHA-(?:1|256)\$\d{{1,8}}:{B64}{{16,44}}={{0,2}}\${B64}{{27,44}}={{0,2}}:{B64}{{27,44}}={{0,2}}",
    rf"\{{(?:S?SHA(?:256|384|512)?|SMD5)\}}{B64}{{24,140}}={{0,2}}",
)

RULES: tuple[Rule, ...] = (
    *(_hashed(form) for form in _HASHES),
    Rule(
        "password-hash",
        r"\$krb5(?:asrep|tgs|pa)\$\d{1,2}\$[A-Za-z0-9*@.$:/_-]{40}",
        r"(\$krb5(?:asrep|tgs|pa)\$\d{1,2}\$[A-Za-z0-9*@.$:/_-]{40,9000})",
        _ticket,
        window=(260, 8000),
        first=1200,
        rank=7,
    ),
    _after("password", r"(?i:password)>\s{0,20}<Value>", r"[^\s<>]{4,300}", no_stand_in, "<"),
    _after(
        "api-key",
        r"auth\.login_with_api_key\\*\"\s{0,4},\s{0,20}\\*\"params\\*\"\s{0,4}:\s{0,4}\[\s{0,20}\\*\"",
        r"\d{1,6}-[A-Za-z0-9]{64}",
    ),
    _after(
        "password", r"(?i:schtasks)[^\n]{1,200}[ \t]/(?i:rp)[ \t]{1,3}\\*\"?", r"[^\s\"'\\]{4,100}"
    ),
    _after(
        "password",
        r"(?:^|[\s\"'\x00\x92]|\\n)[A-Za-z0-9*][A-Za-z0-9.*_-]{1,100}:(?:543\d|6432|6543|26257|\*):[A-Za-z0-9_.*-]{1,63}:[A-Za-z0-9_.*@-]{1,63}:",
        r"[^\s\"'\\:$<{]{4,200}",
    ),
    _after(
        "password",
        r"(?:^|[\s\"'\x00])\*:(?:\*|\d{2,5}):(?:\*|[A-Za-z0-9_.-]{1,63}):(?:\*|[A-Za-z0-9_.@-]{1,63}):",
        r"[^\s\"'\\:$<{]{4,200}",
    ),
    _after(
        "aws-secret-key",
        rf"{_KEY_ID}[^\n]{{0,40}}?(?:[ \t:,;|\"'=]|\\+t)",
        r"[A-Za-z0-9/+]{40}",
        _RANDOM,
        r"(?:[^A-Za-z0-9/+=]|$)",
    ),
    _after(
        "aws-secret-key",
        r"(?i:secret access key)(?: \[[^\]\n]{0,30}\])?: ?",
        r"[A-Za-z0-9/+]{40}",
        _RANDOM,
        r"(?:[^A-Za-z0-9/+=]|$)",
    ),
    _after(
        "password",
        rf"(?:^|\n|\\n|\x00){S}*pass(?:word|wd)?{S}{{1,12}}\\*[\"']?",
        r"[^\s\"'\\]{6,200}",
        _told,
        rf"\\*[\"']?{S}*(?:[\r\n\\\"\x00]|$)",
    ),
    _after(
        "secret",
        rf"(?:^|\n|\\n|\x00){S}*[a-z_-]{{0,24}}(?:key|token|secret){S}{{1,12}}",
        r"[A-Za-z0-9_+/=.~-]{16,300}",
        _RANDOM,
        rf"{S}*(?:[\r\n\\\"\x00]|$)",
    ),
    _after(
        "vault-unseal-key",
        r"(?:(?:Unseal|Recovery) Key \d{1,2}: |\bvault operator unseal )",
        r"[A-Za-z0-9+/]{43,66}={0,2}",
    ),
    _after("jenkins-secret", r"\{", r"AQAAABAAAA[A-Za-z0-9+/]{16,900}={0,2}", no_stand_in, r"\}"),
    _after(
        "ansible-vault",
        rf"\$ANSIBLE_VAULT;[0-9.]{{3,5}};AES(?:256)?(?:;[\w.-]{{0,40}})?{NL}{S}*",
        rf"[0-9a-f]{{32,80}}(?:{NL}{S}*[0-9a-f]{{2,80}})*",
    ),
    _after(
        "django-secret-key",
        r"(?:^|[^a-z-])",
        r"django-insecure-[a-z0-9!@#$%^&*(_=+)-]{40,60}",
        accepted_hash,
    ),
    _after(
        "rails-master-key",
        rf"(?:master|production|staging|development)\.key{NL}",
        r"[0-9a-f]{32}",
        no_stand_in,
        "(?:[^0-9a-f]|$)",
    ),
    _after(
        "docker-auth",
        r"\.docker(?:configjson|cfg)\\*[\"']?: ?\\*[\"']?",
        r"[A-Za-z0-9+/]{40,1000}[A-Za-z0-9+/]{0,1000}={0,2}",
    ),
    _after("npm-auth", r"(?:^|[\s\"'\x00]|\\n)_auth ?= ?", r"[A-Za-z0-9+/]{8,400}={0,2}", _no_call),
    _after("wireguard-key", r"(?:Private|Preshared)Key ?= ?", r"[A-Za-z0-9+/]{43}="),
)
