"""Private keys in other forms than plain PEM: with line numbers, as JWK, XML, SSH2, OpenVPN."""

from __future__ import annotations

from typing import Any

from .checks import entropy, is_placeholder
from .pseudonym import without_pseudonyms
from .rules import NL, Rule, secret_rule

BEGIN = r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?-----"
_END = r"-----END (?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?-----"
#: A line end and the next line's number, as `cat -n`, editors and agents' tools print it.
_NUMBER = rf"{NL}[ \t]*\d{{1,6}}(?:\xe2\x86\x92|\\+u2192|\t|\\+t|[ ]?[|:][ ]?|[ ]{{1,2}})[ \t]*"
_LINE = r"(?:[A-Z][A-Za-z-]{2,20}: [^\n\\]{0,100}|[A-Za-z0-9+/=]{0,80})"
_BODY = r"(?:[A-Za-z0-9+/=,.:()<>@ \t\r\n\"'|#-]|\\[nrt\\\"'/])"


def _block(data: bytes, match: Any) -> tuple[int, int] | None:
    letters = bytes(c for c in without_pseudonyms(match.group(1)) if chr(c).isalnum())
    return match.span(1) if len(letters) > 60 and entropy(letters) > 3.0 else None


def _number_of_key(*signs: bytes) -> Any:
    """A check for one number of a key, which counts only if one of `signs` stands near it."""

    def check(data: bytes, match: Any) -> tuple[int, int] | None:
        start, end = match.span(1)
        value = match.group(1)
        low, high = max(0, start - 4000), min(len(data), end + 4000)
        near = any(data.find(sign, low, high) >= 0 for sign in signs)
        return (start, end) if near and len(set(value)) > 8 and not is_placeholder(value) else None

    return check


def _framed(kind: str, begin: str, end: str, body: str) -> Rule:
    return Rule(
        kind,
        begin,
        rf"({begin}{body}*?(?:{end}|$))",
        _block,
        window=(80, 9000),
        rank=9,
    )


RULES: tuple[Rule, ...] = (
    Rule(
        "private-key",
        rf"{BEGIN}(?:\r|\\+r)?(?:\n|\\+n)[ \t]*\d",
        rf"({BEGIN}(?:{_NUMBER}{_LINE})+(?:{_NUMBER}{_END})?)",
        _block,
        window=(90, 9000),
        rank=9,
    ),
    _framed(
        "private-key",
        "---- BEGIN SSH2 (?:ENCRYPTED )?PRIVATE KEY ----",
        "---- END SSH2 (?:ENCRYPTED )?PRIVATE KEY ----",
        _BODY,
    ),
    _framed(
        "openvpn-key",
        "-----BEGIN OpenVPN (?:Static|tls-crypt-v2 (?:client|server)) [Kk]ey(?: V1)?-----",
        "-----END OpenVPN [A-Za-z0-9 -]{4,40}-----",
        _BODY,
    ),
    secret_rule(
        "private-key",
        r"\"(?:d|p|q|dp|dq|qi|k)\\*\": ?\\*\"",
        r"[A-Za-z0-9_-]{22,990}",
        _number_of_key(b"kty", b"AQAB"),
        rank=4,
        faster=(
            r"\"(?:d|p|q|dp|dq|qi|k)\": ?\\*\"",
            r"\"(?:d|p|q|dp|dq|qi|k)\\+\": ?\\*\"",
        ),
    ),
    secret_rule(
        "private-key",
        r"<(?:D|P|Q|DP|DQ|InverseQ)>",
        r"[A-Za-z0-9+/]{22,990}={0,2}",
        _number_of_key(b"RSAKeyValue"),
        rank=4,
    ),
)
