"""Numbers of cards and bank accounts."""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from typing import Any

from .checks import digits_of
from .examples import is_published_example
from .rules import Rule, left_edge, pattern, quick

_CARD = r"((?:\d[ -]?){12,18}\d)"
#: What a hit may end with: the first thirteen digits in one run, or the first group of four.
_BEGUN = quick(r"[2-6]\d{12}\Z|[\x00-\xff]{1,3}[2-6]\d{12}\Z|[2-6]\d{3}[ -]|3\d{3}[ -]")


def _may_be_card(data: bytes, end: int) -> bool:
    if end >= 20 and data[end - 20 : end].isdigit():
        return False  # no card has so many digits
    return _BEGUN.match(data, max(0, end - 16), end) is not None


#: What may stand before a card's digits as part of an escape (`%20`, `\\x20`, `\\u0020`), so that the
#: digits in a row are more than the card's.
_ESCAPE = frozenset(b"%xuU0123456789")


def _card(data: bytes, match: Any) -> tuple[int, int] | None:
    """A card's number; or an empty span behind the digits in a row, where the next may begin."""
    found = _is_card(data, match)
    start = match.start(1)
    if found is not None or (start and data[start - 1] in _ESCAPE):
        return found
    end = _IN_A_ROW.match(data, start, match.end(1)).end()  # type: ignore[union-attr]
    return end, end


_IN_A_ROW = quick(r"\d+")


def _is_card(data: bytes, match: Any) -> tuple[int, int] | None:
    start, end = match.span(1)
    if data[start - 1 : start] == b"%":  # %20 before the number
        start += 2
    value = data[start:end]
    digits = digits_of(value)
    if not left_edge(data, start) or data[end : end + 1].isalnum():
        return None
    odd = data[start - 1 : start] in (b".", b"-", b"_", b"+", b"/") or (
        data[end : end + 1] in (b".", b"-", b"_")
    )
    if odd and data[end : end + 2] not in (b".", b". ", b".\n", b'."'):
        return None
    if not _issuer(digits) or not luhn(digits) or digits in _TEST_CARDS or len(set(digits)) < 4:
        return None
    groups = value.replace(b"-", b" ").split()
    spoken = _spoken(data, start, 48)
    alone = len(groups) == 1
    if not spoken and (len(digits) == 13 or (alone and len(digits) == 19)):
        return None  # few cards have so few digits or so many: it is an id
    if not spoken and alone and _is_number(data, start, end):
        return None
    if alone and (_IS_ID if not spoken else _CARD_ID).search(data, max(0, start - 40), start):
        return None
    if len(groups) > 1 and (
        _PORTS.search(data, max(0, start - 40), start)
        or _DUMP.search(data, max(0, start - 56), start)
    ):
        return None
    if len(groups) > 1 and not (
        all(len(g) == 4 for g in groups)
        or [len(g) for g in groups] in ([4, 6, 5], [4, 6, 4], [4, 4, 4, 3], [4, 4, 4, 4, 3])
    ):
        return None
    return start, end


def luhn(digits: bytes) -> bool:
    """True where the check digit of a payment card is right (ISO/IEC 7812-1). Digits only."""
    total = 0
    for index, char in enumerate(reversed(digits)):
        number = char - 48
        if index % 2:
            number = number * 2 - 9 if number > 4 else number * 2
        total += number
    return total % 10 == 0


#: Ports, years and the like in a row: `EXPOSE 2379 2380 4001 7001`.
_PORTS = quick(
    r"(?i)(?:\b|_|\\n)(?:expose|ports?|listen|ulimit|years?|pids?)[\\\"']*(?:[ \t]|[:=]){1,3}[\[\"']?(?:\d{2,5},? ){0,5}\Z"
)
#: The bytes before, in a dump of `xxd`: `00006d60: 4157 `.
_DUMP = quick(r"[0-9a-f]{7,8}: (?:[0-9a-f]{4} ){0,7}\Z")
_CARD_WORDS = pattern(r"(?i)card|(?:\b|\\[nrt])(?:pan\b|cc)|visa|amex|payment|credit|debit|kart")


def _spoken(data: bytes, start: int, size: int) -> bool:
    """True where a word before the number speaks of cards. A card's pseudonym is no such word."""
    before = data[max(0, start - size) : start].replace(b"REDACTED_CARD", b"")
    return _CARD_WORDS.search(before) is not None


#: A name that says id: one id of sixteen digits in ten has a card's check digit.
_IS_ID = quick(
    r"(?:(?:\b|_)(?:ids?|ts|snowflake)|Ids?|(?<=\\[nrt])ids?)(?:\\{0,3}[\"']?[ ]?[:=][ ]?\[?|[ ])\\{0,3}[\"']?\Z"
)
#: The same for a name that also speaks of cards: `"card_id": `.
_CARD_ID = quick(r"(?:(?<=[A-Za-z0-9])_ids?|Ids?)\\{0,3}[\"']?[ ]?[:=][ ]?\[?\\{0,3}[\"']?\Z")
_BEFORE_NUMBER = quick(r"[\[(,=+*/-] ?\Z")
#: An element on a line of its own, in a table of numbers in code.
_INDENTED = quick(r"[\[({,][ \t]{0,8}(?:\r?\n|(?:\\+r)?\\+n)(?:[ ]{2,40}|(?:\t|\\+t){1,12})\Z")
_AFTER_NUMBER = quick(r" ?[\]}),*/+;-]|\\n|\s*\Z")


def _is_number(data: bytes, start: int, end: int) -> bool:
    """True for a number in code: `default_rng(4202...)`."""
    indented = _INDENTED.search(data, max(0, start - 48), start) is not None
    if indented and _spoken(data, start, 400):
        return False
    return (
        indented or _BEFORE_NUMBER.search(data, max(0, start - 2), start) is not None
    ) and _AFTER_NUMBER.match(data, end, end + 4) is not None


def _issuer(digits: bytes) -> bool:
    """True for the first digits of Visa, Mastercard, American Express, Discover, JCB, Diners, Maestro
    and UnionPay, with as many digits as their cards have."""
    size, two, four = len(digits), int(digits[:2]), int(digits[:4])
    if digits[:1] == b"4":
        return size in (13, 16, 19)
    if 51 <= two <= 55 or 2221 <= four <= 2720:
        return size == 16
    if two in (34, 37):
        return size == 15
    if two in (36, 38) or 300 <= four // 10 <= 305:
        return size == 14
    if four == 6011 or two == 65 or 644 <= four // 10 <= 649 or 3528 <= four <= 3589 or two == 62:
        return size in (16, 19)
    return False


#: The last eight digits of test cards that payment companies publish.
_TEST_CARDS = frozenset(
    head + tail
    for head, tail in (
        (b"42424242", b"42424242"),
        (b"41111111", b"11111111"),
        (b"40000566", b"55665556"),
        (b"55555555", b"55554444"),
        (b"22230031", b"22003222"),
        (b"51051051", b"05105100"),
        (b"3782822", b"46310005"),
        (b"3714496", b"35398431"),
        (b"60111111", b"11111117"),
        (b"60110009", b"90139424"),
        (b"305693", b"09025904"),
        (b"385200", b"00023237"),
        (b"35660020", b"20360505"),
        (b"40000000", b"00000002"),
        (b"40000000", b"00009995"),
        (b"40128888", b"88881881"),
        (b"42222222", b"22222"),
    )
)

_IBAN = r"([A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?)"
_IBAN_SIZES = {
    b"AD": 24, b"AE": 23, b"AL": 28, b"AT": 20, b"AZ": 28, b"BA": 20, b"BE": 16, b"BG": 22, b"BH": 22,
    b"BR": 29, b"BY": 28, b"CH": 21, b"CR": 22, b"CY": 28, b"CZ": 24, b"DE": 22, b"DK": 18, b"DO": 28,
    b"EE": 20, b"EG": 29, b"ES": 24, b"FI": 18, b"FO": 18, b"FR": 27, b"GB": 22, b"GE": 22, b"GI": 23,
    b"GL": 18, b"GR": 27, b"GT": 28, b"HR": 21, b"HU": 28, b"IE": 22, b"IL": 23, b"IQ": 23, b"IS": 26,
    b"IT": 27, b"JO": 30, b"KW": 30, b"KZ": 20, b"LB": 28, b"LC": 32, b"LI": 21, b"LT": 20, b"LU": 20,
    b"LV": 21, b"LY": 25, b"MC": 27, b"MD": 24, b"ME": 22, b"MK": 19, b"MR": 27, b"MT": 31, b"MU": 30,
    b"NL": 18, b"NO": 15, b"PK": 24, b"PL": 28, b"PS": 29, b"PT": 25, b"QA": 29, b"RO": 24, b"RS": 22,
    b"SA": 24, b"SC": 31, b"SE": 24, b"SI": 19, b"SK": 24, b"SM": 27, b"SV": 28, b"TL": 23, b"TN": 24,
    b"TR": 26, b"UA": 29, b"VA": 22, b"VG": 24, b"XK": 20,
}  # fmt: skip


def _of_a_country(data: bytes, end: int) -> bool:
    """True where what ends at `end` begins at a left edge with the code of a country that has IBANs."""
    return any(
        data[start : start + 2] in _IBAN_SIZES and left_edge(data, start)
        for start in range(max(0, end - 18), max(0, end - 14))
    )


def _of_someone(value: bytes) -> bool:
    """True for an IBAN with the right check digits that is no example of the registry's."""
    return iban(value) and not is_published_example(value.replace(b" ", b"").upper())


#: An IBAN as people write it behind the word: with other marks between its groups, in small letters.
_LABELLED_IBAN = r"(?i)iban[^\n\d]{0,16}?([a-z]{2}\d{2}(?:(?:[ .-]{0,2}|\xc2\xa0|\xe2\x80\xaf|&nbsp;)[a-z0-9]){11,30})"
_BETWEEN = pattern(r"[ .-]|\xc2\xa0|\xe2\x80\xaf|&nbsp;")


def iban(value: bytes) -> bool:
    """True where the check digits of an IBAN are right (ISO 13616: the remainder modulo 97 is 1)."""
    plain = value.replace(b" ", b"").upper()
    moved = plain[4:] + plain[:4]
    number = "".join(str(int(chr(c), 36)) for c in moved)
    return int(number) % 97 == 1


def _iban(data: bytes, match: Any) -> tuple[int, int] | None:
    start, end = match.span(1)
    size = _IBAN_SIZES.get(match.group(1)[:2].upper())
    if size is None or not left_edge(data, start):
        return None
    at = seen = 0
    while seen < size and start + at < end:
        gap = _BETWEEN.match(data, start + at, end)
        at, seen = (gap.end() - start, seen) if gap else (at + 1, seen + 1)
    value = _BETWEEN.sub(b"", data[start : start + at])
    if seen != size or data[start + at : start + at + 1].isalnum() or not _of_someone(value):
        return None
    return start, start + at


RULES: tuple[Rule, ...] = (
    Rule(
        "card",
        r"[2-6]\d{3}[ -]?\d{4}[ -]?\d{4}[ -]?\d|3\d{3}[ -]\d{6}[ -]\d{4}",
        _CARD,
        _card,
        near=_may_be_card,
        window=(32, 32),
        rank=3,
        faster=(
            r"\d{13}",
            r"[2-6]\d{3}[ -]\d{4}[ -]\d{4}[ -]\d",
            r"3\d{3}[ -]\d{6}[ -]\d{4}",
        ),
    ),
    Rule(
        "iban",
        r"[A-Z]{2}\d{2} ?[A-Z0-9]{4} ?[A-Z0-9]{4} ?[A-Z0-9]{3}",
        _IBAN,
        _iban,
        near=_of_a_country,
        window=(32, 48),
        rank=3,
    ),
    Rule(
        "iban",
        r"(?i)iban[^\n\d]{0,16}[a-z]{2}\d{2}",
        _LABELLED_IBAN,
        _iban,
        window=(32, 120),
        rank=2,
    ),
)
