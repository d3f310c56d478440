"""Private keys in other forms than plain PEM: with line numbers, as JWK, XML, SSH2, OpenVPN, PuTTY;
and those in PEM that are too long for the window of a pattern."""

from __future__ import annotations

from typing import Any

from .checks import entropy, is_placeholder
from .pseudonym import without_pseudonyms
from .rules import NL, Direct, Rule, pattern, secret_rule

BEGIN = r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?-----"
_END = r"-----END (?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?-----"
#: A line end and the next line's number, as `cat -n`, editors and agents' tools print it.
_NUMBER = rf"{NL}[ \t]*\d{{1,6}}(?:\xe2\x86\x92|\\+u2192|\t|\\+t|[ ]?[|:][ ]?|[ ]{{1,2}})[ \t]*"
_LINE = r"(?:[A-Z][A-Za-z-]{2,20}: [^\n\\]{0,100}|[A-Za-z0-9+/=]{0,80})"
_BODY = r"(?:[A-Za-z0-9+/=,.:()<>@ \t\r\n\"'|#-]|\\[nrt\\\"'/])"


#: What a key may be made of as tools print it: numbered, quoted, escaped, in a diff or a table.
SHOWN = (
    r"(?:[A-Za-z0-9+/=,.:()<>@ \t\r\n_\"'|>#*-]|\\[nrt\\\"'/u]|%[0-9A-Fa-f]{2}|"
    r"\xe2\x86\x92|\xe2\x94\x82)"
)
#: A part of a key's line: longer than words.
_RUN = pattern("[A-Za-z0-9+/]{32}")
#: Bytes of a body that the windows of the patterns hold, and at most.
_SHORT, _LONGEST = 8000, 1 << 20


def _block(data: bytes, match: Any) -> tuple[int, int] | None:
    return match.span(1) if _keylike(match.group(1), 60) else None


def _keylike(body: bytes, least: int) -> bool:
    letters = bytes(c for c in without_pseudonyms(body) if chr(c).isalnum())
    return len(letters) > least and entropy(letters) > 3.0


def _from(begin: bytes, stop: bytes, last: str, least: int) -> Direct:
    """Finds a key from its first line, which has `begin`, to `last`, which begins with `stop`, or
    as far as a body goes. Bodies of fewer than `least` bytes are left to others. Each byte is
    looked at once, as a body ends where the next key begins."""
    body, closing = pattern(f"{SHOWN}*"), pattern(last)

    def direct(data: bytes, end: int) -> list[tuple[int, int]]:
        limit = min(len(data), end + _LONGEST)
        following = data.find(begin, end, limit)
        limit = limit if following < 0 else following
        at = data.find(stop, end, limit)
        close = limit if at < 0 else at
        if close - end < least:
            return []
        high = body.match(data, end, close).end()
        whole = data[end:high]
        if high - end < least or not (_RUN.search(whole) and _keylike(whole, 60)):
            return []
        ended = closing.match(data, at, min(len(data), at + 160)) if high == at else None
        return [(data.rfind(begin, 0, end), ended.end() if ended else high)]

    return direct


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
        BEGIN,
        direct=_from(b"-----BEGIN", b"----", _END, _SHORT),
        rank=9,
    ),
    Rule(
        "private-key",
        "---- BEGIN SSH2 (?:ENCRYPTED )?PRIVATE KEY ----",
        direct=_from(
            b"---- BEGIN", b"----", "---- END SSH2 (?:ENCRYPTED )?PRIVATE KEY ----", _SHORT
        ),
        rank=9,
    ),
    Rule(
        "putty-private-key",
        r"PuTTY-User-Key-File-\d",
        direct=_from(
            b"PuTTY-User-Key-File-", b"Private-MAC", r"Private-MAC: ?[0-9A-Fa-f]{0,64}", 120
        ),
        rank=9,
    ),
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
