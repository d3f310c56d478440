"""Keys in environment variables whose name no table holds: `ACMECO=V`.

A long run of random letters and digits under a name in capitals is a key, unless a word of the name
says that it is something else: an id, a digest, a revision. Digests are hexadecimal, so a run of
hexadecimal digits is a key only if a word of the name says so.
"""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from string import ascii_uppercase

import re2

from .checks import both_cases, count_digits, is_placeholder, judged_random, typed_out, wordy
from .examples import is_published_example
from .keynames import IS_KEY, dull, says_password, vendor_of
from .rules import Rule, quick

#: Words of a name that say its value is something else than a secret.
_NO_SECRET = re2.compile(
    rb"(?:^|_)(?:[A-Z]*IDS?|SHA\d*|[A-Z]*HASH(?:ES)?|[A-Z]*DIGEST|[A-Z]*SUMS?|MD5|CRC\d*|ETAG|COMMIT|REV|REVISION|"
    rb"VERSION|TAG|UUID|GUID|BUILD|MODEL|[A-Z]*FILE|[A-Z]*PATH|[A-Z]*DIR|UR[IL]|HOST|REF|HEAD|BASE|TREE|PARENT|BRANCH|"
    rb"CURSOR|NEXT|PREV|AFTER|BEFORE|SNAPSHOT|FINGERPRINT|PUB|PUBLIC|PUBKEY|ADDR|ADDRESS|CONTRACT|WALLET|MINT|TX|TXN|BLOCK|"
    rb"CERT|CA|CRT|CSR|PEM|CID|DATA|IMAGE|IMG|ICON|LOGO|FONT|CURVE|ALPHABET|CHARS?|CHARSET|DIGITS|TABLE|"
    rb"TESTS?|EXPECTED|ACTUAL|RESULT|OUTPUT|OUT|INPUT|IN|EXAMPLE|SAMPLE|VECTOR|[A-Z]+TEXT|DEPLOYMENT|PRODUCT|PRICE|"
    rb"PROJECT|CACHE|LOCK|INTEGRITY|NAME|CLASS|TITLE|PKG|PACKAGE|MODULE|SYMBOL|FLAGS?|ROUTE|COMPONENT|TRACE|SPAN|REQUEST|"
    rb"DEVICE|SERIAL|MACHINE|INSTANCE|TARGET|NONCE|IV|OPTS|OPTIONS|ARGS|[A-Z]*COLORS?|MESSAGE|MSG|BODY|PAYLOAD|CONTENT|"
    rb"FOO|BAR|BAZ|FAIL|PASS|PASSED|ERROR|WARN|INFO|DEBUG|TODO|NOTE|FIXME|VIDEO|PLAYLIST|CHANNEL|SHEET|FOLDER|DRIVE|DOC|SIG|"
    rb"SIGNATURE|RUNNER|SEED|VOICE|CUSTOMER|PLAN)(?:_|\d*\z)"
)
#: Words of a name that say its value is a secret.
_SECRET = re2.compile(
    rb"(?:^|_)(?:SIGN(?:ER|ING)?|PEPPER|SALT|H?MAC|[A-Z]*CRYPT(?:ION|O)?|CIPHER|COOKIE|SESSION|[A-Z]*HOOK|WH|ADMIN|AUTH|"
    rb"BOT|API|PSK|CRED|JWT|LICEN[CS]E|DSN|OAUTH|SSO|ROOT|MASTER|PAT)(?:_|\d*\z)"
)
_NAME = quick(r"[A-Z][A-Z0-9_]{2,59}\Z")
_RUN = quick(r"[A-Za-z0-9+/_-]{24,200}={0,2}")
_HEX = quick(r"(?:[0-9a-f]+|[0-9A-F]+)\Z")
_UUID = quick(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_ENDS = b" \t\r\n\"'\\`,;)}]&|<#\x00"
_NAME_BYTES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"


def machine_made(name: bytes, value: bytes) -> bool:
    """True where `value` is a key under `name`, judged by the words of the name."""
    if IS_KEY.search(name) or says_password(name):
        return False  # these names have rules of their own, which know the formats of their keys
    if _NO_SECRET.search(name) or dull(name) or is_placeholder(value):
        return False
    says = _SECRET.search(name) is not None or vendor_of(name) is not None
    if _HEX.match(value) or _UUID.match(value):
        return says and len(value) >= 32 and judged_random(value, 24) and not typed_out(value)
    digits = count_digits(value)
    plain = value.isalnum()
    words = wordy(value) < (0.45 if plain and len(value) >= 28 and digits > 3 else 0.15)
    good = digits >= (2 if says else 3) and words and judged_random(value, 24)
    if not good or is_published_example(value):
        return False
    mixed = both_cases(value)
    if b"/" in value[:2] or value.count(b"/") > 3 or value.count(b"-") > 3 or value.count(b"_") > 3:
        return False  # a path, or joined words
    return mixed or (plain and len(value) >= (24 if says else 28))


def _under(data: bytes, end: int) -> list[tuple[int, int]]:
    """The value whose first 24 characters end at `end`, if the name before it allows it."""
    start = end - 24
    at = start
    while at and data[at - 1] in b" \"':=\\\r\n\t":
        at -= 1
    gap = start - at - 2 * data.count(b"\\", at, start)
    if data[at - 5 : at] == b"value" and gap < 5:
        at = data.rfind(b"ame", max(0, at - 160), at)  # `name: NAME`, `value: V` on the next line
        named = _NAMED.match(data, at + 3, start) if at >= 0 else None
        low, high = named.span(1) if named else (0, 0)
    else:
        low = high = at if gap < 5 else 0
        while low and high - low < 60 and data[low - 1] in _NAME_BYTES:
            low -= 1
    value = _RUN.match(data, start, min(len(data), start + 204))
    if value is None or not _NAME.match(data, low, high) or not _begins(data, low):
        return []
    stop = value.end()
    if data[stop : stop + 1].strip(_ENDS) or not machine_made(data[low:high], value.group()):
        return []
    return [value.span()]


def _begins(data: bytes, low: int) -> bool:
    """True where the name of a variable begins at `low`, not one in code or of an option."""
    before = data[low - 1 : low]
    if before.isalnum() or before in (b"$", b".", b"/", b"-", b"{"):
        return data[low - 2 : low] in (b"\\n", b"-D")
    return True


_NAMED = quick(r"\\*\"?[ ]?[:=][ ]?\\*[\"']?([A-Z][A-Z0-9_]{2,59})\\*[\"']?")

_VALUE = r"[A-Za-z0-9+/_-]{24}"

#: Hyperscan searches by fixed bytes: `=` is everywhere, a certain capital letter before it is not. So
#: there is a pattern for each last letter of a name.
_CAPITALS = ascii_uppercase + "0123456789_"

#: From `name` over the name itself to its value.
_NAMES_ONE = rf"[:=] ?\\*[\"']?[A-Z0-9_]{{3,60}}\\*[\"']?,?(?:\s|\\+[nr]){{1,40}}\\*\"?value\\*\"?[ ]?[:=] ?\\*[\"']?{_VALUE}"

RULES: tuple[Rule, ...] = tuple(
    Rule("secret", anchor, direct=_under, rank=1, faster=faster)
    for anchor, faster in (
        (
            rf"[A-Z0-9_](?:=\\*[\"']?| = \\*[\"']){_VALUE}",
            tuple(rf"{letter}(?:=\\*[\"']?| = \\*[\"']){_VALUE}" for letter in _CAPITALS),
        ),
        (
            rf"[A-Z0-9_]\\*[\"']: ?\\*[\"']{_VALUE}",
            tuple(
                rf"{letter}{quote}: ?\\*[\"']{_VALUE}"
                for letter in _CAPITALS
                for quote in (r"[\"']", r"\\+[\"']")
            ),
        ),
        (
            rf"ame\\*\"?[ ]?{_NAMES_ONE}",
            tuple(rf"ame{mark}{_NAMES_ONE}" for mark in (r"\\+\"?[ ]?", r"\"[ ]?", "[ ]", "")),
        ),
    )
)
