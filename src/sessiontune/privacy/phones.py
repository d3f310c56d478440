"""Phone numbers: with a plus sign anywhere, in national forms behind words for a phone.

A national number is digits in groups, as are dates, sizes and counts. So it needs a label or a key in
front (`Tel.:`, `"mobilePhone": `), with no word between that speaks of something else (`mobile
users:`), or a request to call; and its digits must be grouped as those of phones are.
"""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from typing import Any

from .checks import counts_up, digits_of
from .pseudonym import inside_pseudonym
from .rules import Rule, after_escapes, left_edge, pattern, quick, windowed

_PLUS = (
    r"(\+[1-9]\d{0,2}[ .()-]{0,2}\(?\d{1,4}\)?(?:[ .-]?\d{2,5}){2,5}"
    r"|\(\d{3}\)[ -]?\d{3}[ -.]\d{4}|\b\d{3}[-.]\d{3}[-.]\d{4}\b)"
)
_PHONE_WORDS = pattern(
    r"(?i)phone|tel\b|tel[:.]|office:|mobile|cell|fax|call|whatsapp|sms|contact|dial|handy|rufnummer|\xe7\x94\xb5\xe8\xaf\x9d"
    r"|\xe6\x89\x8b\xe6\x9c\xba|telefon"
)

#: Office, mobile, cell, telephone: `o: 503-...`, as signatures have it.
_INITIAL = quick(r"(?:(?<![A-Za-z0-9_])|(?<=\\n))[omctOMCT][:.] ?\Z")


def _spoken(data: bytes, start: int) -> bool:
    """The words before speak of phones. The word in what replaced another number is none: redacting
    once more would find what the first time left."""
    if _INITIAL.search(data, max(0, start - 5), start):
        return True
    words = _PHONE_WORDS.finditer(data, max(0, start - 60), start)
    return any(not inside_pseudonym(data, *word.span()) for word in words)


_DIGITS = quick(r"\d+")


def _phone(data: bytes, match: Any) -> tuple[int, int] | None:
    start, end = match.span(1)
    value = match.group(1)
    digits = digits_of(value)
    if not 8 <= len(digits) <= 15 or len(set(digits)) < 4:
        return None
    before = data[start - 1 : start]
    odd = data[end : end + 1].isdigit() or before in (b".", b"-", b"/", b"_")
    odd = odd or (before == b"=" and b" " not in value)
    if (before.isalnum() and not left_edge(data, start)) or (odd and not _spoken(data, start)):
        return None
    if _made_up(digits):
        return None
    groups = _DIGITS.findall(value, 0, len(value))
    if value[:1] != b"+":
        return (start, end) if _AMERICAN.match(value) or _spoken(data, start) else None
    if (
        _dated(value, groups)
        or (data[end : end + 1] == b"T" and _FAR_DATE.fullmatch(value))
        or (len(groups) == 2 and b"." in value and not _spoken(data, start))
    ):
        return None  # a date, a time or a decimal
    alone = 11 <= len(digits) <= 13 and before in (b" ", b'"', b"'", b"")
    return (start, end) if len(groups) > 1 or alone or _spoken(data, start) else None


#: The form of North America, which hardly anything else has.
_AMERICAN = quick(r"\([2-9]\d\d\) [2-9]\d\d-\d{4}\Z")
#: A date of ISO 8601 with more than four digits for the year, which need a sign.
_FAR_DATE = quick(r"\+\d{5,9}-[01]\d-[0-3]\d")


def _dated(value: bytes, groups: list[bytes]) -> bool:
    """True for a date, or an IPv4 address."""
    sizes = [len(group) for group in groups]
    if sizes[:3] in ([4, 2, 2], [2, 2, 4]) and value[:1] != b"(":
        return b"19" in (groups[0][:2], groups[2][:2]) or b"20" in (groups[0][:2], groups[2][:2])
    return len(groups) == 4 and value.count(b".") == 3 and max(sizes) <= 3


def _made_up(digits: bytes) -> bool:
    """True for numbers of examples: those that count up, and the exchange or area 555 in North America."""
    if digits[-10:] in (b"1234567890", b"9876543210", b"0123456789") or counts_up(digits) > 0.6:
        return True
    if len(digits) == 10 or (len(digits) == 11 and digits[:1] == b"1"):
        return b"555" in (digits[-10:-7], digits[-7:-4])
    return b"55501" in digits[-8:]


#: Labels and keys, in the languages of `streets` and in Arabic, Finnish, Greek, Hebrew, Indonesian,
#: Korean, Russian, Thai and Vietnamese. In two parts, which is less work for Hyperscan.
_LABEL_PARTS = (
    r"(?:tele)?phone|telefon|telefoon|tel\xc3\xa9fon|t\xc3\xa9l\xc3\xa9phon|\btel[.:;=\"'\\ \t_(<]|\bt\xc3\xa9l[. ]|mobil|\bhandy|\bcell[ :.#(=\"'u]|"
    r"celular|\bm[o\xc3]\xb3?vil\b|telem[o\xc3]\xb3?ve|kom\xc3\xb3rk|rufnummer|whatsapp|\bfax|hotline|\bcontact[ :]|\bgsm[ ]?:|\bportable :|\bport\.[ ]|\bfixe[ ]?:|"
    r"\xe7\x94\xb5\xe8\xaf\x9d|\xe6\x89\x8b\xe6\x9c\xba|\xe9\x9b\xbb\xe8\xa9\xb1|\xe6\x90\xba\xe5\xb8\xaf|\xec\xa0\x84\xed\x99\x94|"
    r"(?:\xd1\x82|\xd0\xa2)\xd0\xb5\xd0\xbb(?:\xd0\xb5\xd1\x84\xd0\xbe\xd0\xbd|[.:])|\xd0\xbf\xd0\xbe \xd0\xbd\xd0\xbe\xd0\xbc\xd0\xb5\xd1\x80\xd1\x83|\xec\x97\xb0\xeb\x9d\xbd\xec\xb2\x98|\xe9\x80\xa3\xe7\xb5\xa1\xe5\x85\x88|\xd0\xbc\xd0\xbe\xd0\xb9 \xd0\xbd\xd0\xbe\xd0\xbc\xd0\xb5\xd1\x80|(?:\xeb\x82\xb4|\xec\xa0\x9c) \xeb\xb2\x88\xed\x98\xb8\xeb\x8a\x94",
    r"telepon|\bfone?[ :.]|\bmob[ :.]|mobiel|\bph[.:]|\btfno|\bkom\.|\btl[fm][.:]|\bpuh(?:elin|\.)|\bnatel|\bcel[.:]|wa\.me/|"
    r"(?:\xce\xa4|\xcf\x84)\xce\xb7\xce\xbb|\xce[\x9a\xba]\xce\xb9\xce\xbd\xce\xb7\xcf\x84|\xd7\x98\xd7\x9c\xd7\xa4\xd7\x95\xd7\x9f|\xd7\xa0\xd7\x99\xd7\x99\xd7\x93|"
    r"\xd9\x87\xd8\xa7\xd8\xaa\xd9\x81|\xd8\xaa\xd9\x84\xd9\x8a\xd9\x81\xd9\x88\xd9\x86|\xd8\xac\xd9\x88\xd8\xa7\xd9\x84|\xe0\xb9\x82\xe0\xb8\x97\xe0\xb8\xa3|"
    r"\xc4[\x90\x91]i\xe1\xbb\x87n tho\xe1\xba\xa1i|\xc4[\x90\x91]t[ :.]|\xed\x9c\xb4\xeb\x8c\x80|\xed\x95\xb8\xeb\x93\x9c\xed\x8f\xb0|\xd0[\x9c\xbc]\xd0\xbe\xd0\xb1[. ]",
)
_LABELS = "|".join(_LABEL_PARTS)
#: Requests to call, up to the number: the common verbs, whom and where, and others.
_VERBS = "ring|text|dial|phone"
_WHOM, _AT = r"(?:me|us|him|her|them|back|now)", r"(?:at|on|to)"
_OTHERS = (
    r"sms (?:to|at)|reach (?:me|us|him|her|them)(?: by \w+)? (?:at|on)|"
    r"ruf(?:en sie|e?)? mich (?:an|(?:an )?(?:unter|auf))|erreich\w{0,5}(?: \w+){0,2} unter|(?:appel|joign)\w{1,4}[- ]\w{2,4} au|joignable au|r\xc3\xbcckruf unter|mon num\xc3\xa9ro est le|appelle(?:z)? le|"
    r"ll\xc3\xa1ma(?:me|nos) al|chiam\w{2,4} (?:al|allo)|bel (?:me|mij|ons) op|lig(?:ue|a)(?: me)? (?:para|pra|no)|zadzwo\xc5\x84 (?:pod|na)(?: numer| nr)?|"
    r"ring (?:mig|oss) p\xc3\xa5|my (?:number|cell) is|meine nummer ist|mi n\xc3\xbamero es(?: el)?|meu n\xc3\xbamero \xc3\xa9(?: o)?|"
    r"mio numero \xc3\xa8(?: il)?|m\xc3\xb3j numer to"
)
_REQUESTS = rf"\b(?:(?:(?:please )?call|{_VERBS})(?:/text)?(?: {_WHOM})?(?: {_AT})?|{_OTHERS}):? "
#: The same with what follows a verb, because verbs alone are a part of many words (`string`, `context`).
_EACH_REQUEST = (
    rf"\b(?:{_OTHERS}):? ",
    rf"\b(?:call|{_VERBS}) (?:{_WHOM}(?: {_AT})?:? |{_AT}:? )?",
    rf"\b(?:call|{_VERBS}): ",
    rf"\b(?:call|{_VERBS})/text(?: {_WHOM})?(?: {_AT})?:? ",
)
#: A person to ask, up to the number: `Kontakt: Ada Berg (030/...`.
_CONTACT = (
    r"(?i:contact|kontakt|contatto|contacto|contato|ansprechpartner(?:in)?|r\xc3\xa9f\xc3\xa9rent|referente)[ ]?:[ ]{1,2}"
    r"(?:[A-Z][A-Za-z.\x80-\xff'-]{0,24},?[ ]){1,4}(?:[/|-] )?"
)
#: A letter at the beginning of a line, as in signatures of mail: `T: 030 ...`.
_LETTER = r"(?:^|[\n\x00|/\"] ?|\\n)[TMFP]:? "
#: The beginnings of numbers that `_of_someone` accepts.
_DIALS = (r"\+[(\d]", "0", r"\([+0]")
#: One pattern for each choice, so that each has fixed bytes for Hyperscan to search by.
_LETTERS = tuple(
    rf"{letter}{colon} {start}[\d ()./-]{{7}}"
    for letter in "TMFP"
    for colon in (":", "")
    for start in _DIALS
)
#: `number` in many languages, behind a word for whose it is or at the beginning of a line.
_OF_WHOM = (
    r"(?:\A|[\n\x00\"'>(\[{,;.!] ?|\b(?:my|meine?|neue|mon|ton|son|votre|mi|tu|meu|mio|mijn|m\xc3\xb3j|min|mitt)[ ])"
    r"(?:number|nummer|num[e\xc3]\xa9?ro|n\xc3\xbamero|numer)(?: is| ist| est| es| to|:| :|\xc2\xa0:)[ ]{1,2}"
)
_START = r"(?:\+|%2B|00)?[(]{0,2}\d"
_NUMBER = r"(?:\+|\(\+|%2B|00)?\(?\d(?:[ .()/-]{0,3}\d|\xc2\xa0\d){6,16}"

#: Names of lists of numbers, and the beginning of an item in YAML.
_LISTS = r"phones?|(?:phone|mobile|fax)[_ ]?numbers?|telefon\w{0,10}|m\xc3\xb3viles|celulares"
_ITEM = r"(?:\r?\n|\\+n)[ \t]{0,12}- \\*[\"']?"

#: Words that may stand between a label and its number, or be the rest of the label's own word.
_BETWEEN = frozenset(
    b"""
    number numbers num no nr nbr nummer numer numero num\xc3\xa9ro n\xc3\xbamero n\xc3\xbam numaram numaras\xc4\xb1 s n e a is at on to or and
    home work office private personal direct business day evening me us him her contact main pref
    primary secondary support customer service line phone mobile cell tel fax telephone text voice
    value uri type ist lautet unter privat dienstlich est le au es el al il op para pra pod kom p\xc3\xa5
    \xd0\xbd\xd0\xbe\xd0\xbc\xd0\xb5\xd1\x80\xd1\x83 \xd0\xbd\xd0\xbe\xd0\xbc\xd0\xb5\xd1\x80 \xeb\xb2\x88\xed\x98\xb8\xeb\x8a\x94 \xc3\xa9 \xc3\xa8 \xd0\xbc\xd0\xbd\xd0\xb5 ou call sms whatsapp app string str u202d b p span strong td th class href a r ular are er o ne nn
    tho\xe1\xba\xa1i t
    \xe7\x94\xb5\xe8\xaf\x9d \xe6\x89\x8b\xe6\x9c\xba \xe9\x9b\xbb\xe8\xa9\xb1 \xe5\x8f\xb7\xe7\xa0\x81 \xe7\x95\xaa\xe5\x8f\xb7
    """.split()
)
_LABELLED = after_escapes(
    rf"(?i)(?:{_LABELS})(?:[^\n\d\x00]{{0,40}}?|[^\n\d\x00]{{0,12}}:{_ITEM})({_NUMBER})"
)
_NEXT = quick(
    rf"(?:[ \t]?(?:[,;/|]|or|oder|ou|o|und|and|et|y|e)[ \t]{{1,2}}|\\*[\"'][ ]?,\s{{0,20}}\\*[\"']|\\*[\"']?{_ITEM})({_NUMBER})"
)
_WORD = quick(r"[A-Za-z\x80-\xff]+")
_PIECES = quick(r"[A-Z]?[a-z\x80-\xff]+|[A-Z]+")
_UNIT = quick(
    r"[ \xc2\xa0]?(?:px|ms|s|KB|MB|GB|kB|bytes?|rows?|users?|EUR|USD|GBP|%|\xe2\x82\xac|x|\xc3\x97)(?:[^A-Za-z]|\Z)"
)


def _labelled(data: bytes, match: Any) -> tuple[int, int] | None:
    """The number behind a label, unless a word between says that it is something else."""
    start, label = match.start(1), match.start()
    if data[label] == 92:  # the label begins behind an escape: `\\nTel.`
        label += 2
    inside = data[label] < 128 and data[label - 1 : label].isalpha() and not left_edge(data, label)
    if inside and not (97 <= data[label - 1] <= 122 and 65 <= data[label] <= 90):
        return None  # the end of another word: `microphone`
    between = data[label:start].replace(b"\xef\xbc\x9a", b":")
    words = _WORD.findall(between, 0, len(between))[1:]
    tail = _PIECES.findall(_WORD.search(between, 0, len(between)).group(), 0, 64)[1:]  # type: ignore[union-attr]
    if any(word.lower() not in _BETWEEN for word in (*words, *tail)):
        return None
    return _national(data, start, match.end(1), True)


def _behind_label(data: bytes, hit: int) -> list[tuple[int, int]]:
    """The number behind the label that the hit belongs to, and the numbers listed behind it."""
    low, high = max(0, hit - 96), min(len(data), hit + 32)
    while (match := windowed(_LABELLED).search(data, low, high)) and match.start() < hit:
        if match.end(1) < hit - 12:  # an earlier label with its number
            low = match.end(1)
        elif (first := _labelled(data, match)) is not None:
            return [first, *_listed(data, first[1])]
        else:
            low = match.start() + 1
    return []


def _listed(data: bytes, end: int) -> list[tuple[int, int]]:
    """The further numbers of a list whose first number ends at `end`."""
    found: list[tuple[int, int]] = []
    while more := _NEXT.match(data, end, end + 80):
        one = _national(data, more.start(1), more.end(1), True)
        if one is None:
            break
        found.append(one)
        end = one[1]
    return found


def _requested(data: bytes, match: Any) -> tuple[int, int] | None:
    """The number behind a request to call. `call 12 34 56 78` may be code, so less is sure there."""
    sure = b" " in data[match.start() : match.start(1)].strip()
    return _national(data, match.start(1), match.end(1), sure)


def _of_someone(data: bytes, match: Any) -> tuple[int, int] | None:
    """The number behind a name, a letter, or the word number, which may be any: it must begin as
    numbers are dialled, and be in groups."""
    value = match.group(1)
    groups = _DIGITS.findall(value, 0, len(value))
    if value.lstrip(b"(")[:1] not in (b"+", b"0") or len(groups) == 1 or value[1:2] == b".":
        return None
    if all(group[:1] == b"0" for group in groups):
        return None  # a row of numbers with leading zeros: `0755 0644 0600`
    return _national(data, match.start(1), match.end(1), False)


def _national(data: bytes, start: int, end: int, sure: bool) -> tuple[int, int] | None:
    """The number from `start` to `end`, if its digits are as many as those of phones and grouped like
    them. `sure`: the words before leave no doubt, so the grouping matters less."""
    if data[start : start + 1] == b"(" and b")" not in data[start:end]:
        start += 1  # a bracket around more than the number
    value = data[start:end]
    if value[:3].upper() == b"%2B":
        start, value = start + 3, value[3:]
    digits = digits_of(value)
    if len(digits) > 15 and b" / " in value:  # two numbers
        value = value[: value.index(b" / ")]
        end, digits = start + len(value), digits_of(value)
    after = data[end : end + 1]
    if not 8 <= len(digits) <= 15 or len(set(digits)) < 4 or _made_up(digits):
        return None
    if (
        after.isalnum()
        or after in (b"_", b"%")
        or (after in (b".", b",", b"-", b":") and data[end + 1 : end + 2].isdigit())
    ):
        return None
    if _UNIT.match(data, end, end + 10):
        return None
    groups = _DIGITS.findall(value, 0, len(value))
    called = value[:1] in (b"+", b"0") or value[:2] == b"(0"
    if value[:1] != b"+" and (_dated(value, groups) or groups[0].strip(b"0") == b""):
        return None
    if len(groups) == 1:
        return (start, end) if called or (sure and _subscriber(digits)) else None
    if len(groups) == 2 and b"." in value and not called:
        return None  # a decimal
    if max(map(len, groups)) > (11 if value[:2] == b"00" else 9) or (
        len(groups) > 2 and max(map(len, groups)) > (8 if value[:2] == b"00" else 7)
    ):
        return None
    usual = called or (len(digits) in (10, 11) and len(groups[-1]) == 4)
    return (start, end) if usual or sure else None


def is_dialled(value: bytes) -> bool:
    """True where the whole value is a phone number."""
    return _WHOLE.match(value, 0, len(value)) is not None and _national(
        value, 0, len(value), True
    ) == (0, len(value))


_WHOLE = quick(rf"{_NUMBER}\Z")


def _subscriber(digits: bytes) -> bool:
    """True for digits without marks that are as long as a phone number and no time in seconds."""
    if len(digits) == 11 and digits[0] in b"178":
        return digits[1] > 50
    if 11 <= len(digits) <= 13:  # with the country's code in front, as services store numbers
        return digits[0] in b"234569" and not digits.endswith(b"0000")
    return 9 <= len(digits) <= 10 and digits[0] in b"23456789"


#: A link up to its text: `<a href="tel:+44...">`.
_LINK = r"(?i)href=\\*[\"']tel:[^\"'<>\n]{7,40}\\*[\"'][^<>\n]{0,80}>[ ]{0,2}"

RULES: tuple[Rule, ...] = (
    Rule(
        "phone",
        rf"{_LINK}{_START}[\d ()./-]{{7}}",
        rf"{_LINK}({_NUMBER})",
        lambda data, match: _national(data, match.start(1), match.end(1), True),
        window=(180, 32),
        rank=1,
    ),
    Rule(
        "phone",
        r"\+[1-9]\d{0,2}[ .()-]{0,2}\(?\d{1,4}\)?[ .-]?\d{2,5}[ .-]?\d{2}|\(\d{3}\) ?\d{3}[ .-]\d{4}"
        r"|\b\d{3}[.-]\d{3}[.-]\d{4}\b",
        _PLUS,
        _phone,
        window=(40, 40),
        rank=1,
        faster=(
            r"\+[1-9][\d .()-]{5}",
            r"\) ?\d{3}[ .-]\d{4}",
            r"\d{3}[.-]\d{3}[.-]\d{4}",
        ),
    ),
    *(
        Rule("phone", anchor, direct=_behind_label, rank=1)
        for anchor in (
            *(
                rf"(?i)(?:{part})[^\n\d\x00]{{0,40}}{_START}[\d ()./-]{{7}}"
                for part in _LABEL_PARTS
            ),
            rf"(?i)(?:{_LISTS}):{_ITEM}{_START}",
        )
    ),
    Rule(
        "phone",
        rf"(?i){_REQUESTS}{_START}[\d ()./-]{{7}}",
        rf"(?i){_REQUESTS}({_NUMBER})",
        _requested,
        window=(80, 32),
        rank=1,
        faster=tuple(rf"(?i){request}{_START}[\d ()./-]{{7}}" for request in _EACH_REQUEST),
    ),
    *(
        Rule(
            "phone",
            rf"{lead}{start}[\d ()./-]{{7}}",
            rf"{lead}({_NUMBER})",
            _of_someone,
            window=(160, 32),
            rank=1,
            faster=faster,
        )
        for lead, start, faster in (
            (_CONTACT, _START, ()),
            (_LETTER, f"(?:{'|'.join(_DIALS)})", _LETTERS),
            (f"(?i:{_OF_WHOM})", _START, ()),
        )
    ),
)
