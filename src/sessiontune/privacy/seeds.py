"""Seeds and codes: wallet phrases and keys, second factors, recovery codes, licence keys, PINs."""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from typing import Any

from .checks import count_digits, is_placeholder, no_stand_in, random_of
from .rules import Rule, left_edge, quick, secret_rule
from .seedwords import WORDS

_QUOTE = r"(?:\\*[\"'`])?"
#: An operator or the verb between a name and its value.
_IS = rf"{_QUOTE}(?: is|[ \t]{{0,3}}(?::=|=>|[:=]))[ \t]{{0,3}}{_QUOTE}"

# ---------------------------------------------------------------- wallet phrases (BIP-39)

_LEAST = 12
#: Words near a phrase. Looking for any twelve words in a row would cost too much.
_SPOKEN_OF = (
    r"(?i)mnemonic|seed[ _-]?(?:phrase|words)|bip-?39|wallet|(?:recovery|backup|secret)[ _-]?phrase"
)
_LINE = quick(r"[a-z ]*")
_PHRASE = quick(r"[\x00-\xff]{0,120}?(?<![a-z])((?:[a-z]{3,8} ){11,23}[a-z]{3,8})(?![a-z])")


def _phrases(data: bytes, end: int) -> list[tuple[int, int]]:
    """Runs of twelve or more words of the published list that are not in its own order."""
    match = _PHRASE.match(data, end, end + 500)
    if match is None:
        return []
    start, stop = match.span(1)
    if data[start - 1 : start] == b"\\" and data[start] in b"nrt":
        start += 1  # the letter of an escape: `\\n`
    stop = _LINE.match(data, stop, stop + 300).end()  # type: ignore[union-attr]
    found: list[tuple[int, int]] = []
    words: list[bytes] = []
    first = at = start
    for word in [*data[start:stop].split(b" "), b""]:
        if word in WORDS:
            first = first if words else at
            words.append(word)
        else:
            if len(words) >= _LEAST and words != sorted(words) and len(set(words)) > _LEAST // 2:
                found.append((first, first + sum(map(len, words)) + len(words) - 1))
            words = []
        at += len(word) + 1
    return found


# ---------------------------------------------------------------- wallet keys


def _key_bytes(data: bytes, match: Any) -> tuple[int, int] | None:
    """64 bytes as numbers, as in the file of a wallet. Other tables of numbers repeat some, or hold
    larger ones."""
    numbers = [int(number) for number in match.group(1)[1:-1].split(b",")]
    if max(numbers) > 255 or max(numbers) < 128 or len(set(numbers)) < 40:
        return None
    start, end = match.span(1)
    return start, end


# ---------------------------------------------------------------- codes

_CODE = quick(
    r"(?:[ \t]|\\+[nrt]|[\r\n,;\"'\[\]*-]|\d{1,2}[.)] )*((?:[a-z0-9]{4,10}-){1,3}[a-z0-9]{4,10}|[a-z0-9]{8,16}|[A-Z0-9]{8,16}|[A-Z0-9]{4,6}(?:-[A-Z0-9]{4,6}){1,3})(?![A-Za-z0-9_-])"
)


def _codes(data: bytes, end: int) -> list[tuple[int, int]]:
    """The codes that follow `recovery codes:`."""
    found: list[tuple[int, int]] = []
    while len(found) < 24 and (match := _CODE.match(data, end, end + 120)):
        code = match.group(1)
        if not count_digits(code) or len(set(code)) < 4:
            break
        found.append(match.span(1))
        end = match.end()
    return found


def _bytes(data: bytes, match: Any) -> tuple[int, int] | None:
    """A bytes literal of Python with escapes in it."""
    value = match.group(1)
    return match.span(1) if value.count(b"\\x") > 3 and len(set(value)) > 10 else None


def _lettered(data: bytes, match: Any) -> tuple[int, int] | None:
    """A licence key: letters and digits in groups."""
    value = match.group(1)
    digits = count_digits(value)
    return no_stand_in(data, match) if digits and digits < len(value.replace(b"-", b"")) else None


#: Names of codes of a few digits: of a phone, a door, a card, a message.
_OF_DIGITS = (
    r"(?:(?:\b|_)(?i:pin|puk)(?:[ _-]?(?i:code|number|nummer))?|(?i:\bcv[vc]2?|(?:door|alarm|\bsafe|verification|security|access|unlock|entry|"
    r"one-time|2fa|sms|confirmation|disarm|\b(?:gate|lock|pass)|_(?:gate|lock|pass))[ _-]?code|\botp|"
    r"(?:freischalt|zugangs|zutritts|t\xc3\xbcr|sicherheits|best\xc3\xa4tigungs|sperr)code|c\xc3\xb3digo de (?:acceso|seguridad|verificaci\xc3\xb3n)|"
    r"c\xc3\xb3digo de (?:verifica|seguran|acesso)[a-z\xc3\xa7\xc3\xa3]{0,6}|code de (?:v\xc3\xa9rification|s\xc3\xa9curit\xc3\xa9|confirmation)|codice di (?:verifica|conferma)|kod (?:weryfikacyjny|dost\xc4\x99pu)|"
    r"\xe9\xaa\x8c\xe8\xaf\x81\xe7\xa0\x81|\xe9\xa9\x97\xe8\xad\x89\xe7\xa2\xbc|\xe8\xaa\x8d\xe8\xa8\xbc\xe3\x82\xb3\xe3\x83\xbc\xe3\x83\x89|\xe7\xa2\xba\xe8\xaa\x8d\xe3\x82\xb3\xe3\x83\xbc\xe3\x83\x89|\xe6\x9a\x97\xe8\xa8\xbc\xe7\x95\xaa\xe5\x8f\xb7|\xec\x9d\xb8\xec\xa6\x9d\xeb\xb2\x88\xed\x98\xb8|\xec\x9d\xb8\xec\xa6\x9d \xec\xbd\x94\xeb\x93\x9c|\xd0\xba\xd0\xbe\xd0\xb4 \xd0\xbf\xd0\xbe\xd0\xb4\xd1\x82\xd0\xb2\xd0\xb5\xd1\x80\xd0\xb6\xd0\xb4\xd0\xb5\xd0\xbd\xd0\xb8\xd1\x8f|do\xc4\x9frulama kodu|"
    r"code d(?:'|\xe2\x80\x99)(?:acc\xc3\xa8s|entr\xc3\xa9e)|codice di (?:accesso|sicurezza|sblocco)))"
)
#: `the code for the side door`, and for the next one `the one for the safe`.
_OF_DOORS = r"(?i:\b(?:code|combination|number|one) (?:for|to|of) (?:the|my|our|your) (?:[a-z]{1,12} ){0,2}(?:door|safe|gate|alarm|lock|locker|garage|keypad|vault|building|entrance|lift|elevator))"
_FOR = r"(?:[ ](?i:for|of|f\xc3\xbcrs?|vom|der|des|pour|para|per|de|du|del|they|you|i)(?:[ ][^\s\d:=]{1,16}){1,4}?)?"
#: The signs and verbs of Chinese, Japanese and Korean between a name and its value.
_IN_SIGNS = r"(?:\xef\xbc\x9a|\xe6\x98\xaf|\xe4\xb8\xba|\xe7\x82\xba|\xe3\x81\xaf|\xeb\x8a\x94|\xea\xb0\x80)"
#: From a name to its value in the next field: `name: ADMIN_PIN`, `value: V`.
_NEXT_FIELD = r",?(?:\s|\\+[nr]){0,40}\\*\"?value\\*\"?[ ]?[:=][ ]?"
_SHOWN = rf"{_QUOTE}(?:[ ](?i:is|was|ist|lautet|es|est|\xc3\xa9|\xc3\xa8)(?: now)?:?[ ]|[ \t]{{0,3}}[:=][ \t]{{0,3}}|[ ]|{_IN_SIGNS}[ ]?|{_NEXT_FIELD}){_QUOTE}"
#: Behind a code, as services send it: `V is your login code`, `V ist Ihr Code`.
_YOURS = r" (?:is your|ist (?:dein|Ihr)|est (?:votre|ton)|es (?:tu|su)) "


def _code(data: bytes, match: Any) -> tuple[int, int] | None:
    """The code, unless it is a placeholder, a round number or digits that count up. Without a sign or
    a verb before it, only a PIN, a PUK or the code of a card counts."""
    head, value = match.group(0)[: match.start(1) - match.start()], match.group(1)
    card = head[:2].lower() == b"cv"
    if (len(value) < 4 and not card) or value.endswith(b"000") or is_placeholder(value):
        return None
    if not _SAID_SO.search(head) and not (head[:3] in (b"PIN", b"PUK") or card):
        return None
    return match.span(1) if len(set(value)) > 1 and value not in b"0123456789" else None


def _next_code(data: bytes, match: Any) -> tuple[int, int] | None:
    """A code for a door, where the text before it speaks of codes. A price or a count is none."""
    start, end = match.span(1)
    if _COUNTED.match(data, end, end + 16) or not _OF_CODES.search(
        data, max(0, start - 200), start
    ):
        return None
    return _code(data, match)


def _sent(data: bytes, match: Any) -> tuple[int, int] | None:
    """The code of a message, unless it is what a program or a server answered."""
    value = match.group(1)
    answered = _ANSWERED.search(match.group(0)) or len(set(value)) < 2
    return None if answered or not left_edge(data, match.start(1)) else match.span(1)


_ANSWERED = quick(r"(?i)error|exit|status|http|return|response|zip|post")
#: A word for a code on the same line.
_OF_CODES = quick(r"(?i)(?:code|combination|\bpin\b)[^\n]{0,190}\Z")
#: Behind a count or a price: a unit, a currency.
_COUNTED = quick(r" ?(?:%|[A-Z]{3}\b|\xe2\x82\xac|[a-z]{2})")
_SAID_SO = quick(
    rf"[:=]|{_IN_SIGNS}|[ ](?i:is|was|ist|lautet|es|est|\xc3\xa9|\xc3\xa8)(?![A-Za-z])"
)

_LICENCE = r"(?i:licen[cs]e|product|serial|activation|registration|cd)[ _-]?(?i:key|code|number)"

RULES: tuple[Rule, ...] = (
    Rule("wallet-phrase", _SPOKEN_OF, direct=_phrases, rank=8),
    Rule(
        "solana-key",
        r"(?i:id\.json|keypair|solana|phantom|secret_?key|private_?key)[^\[\n]{0,60}(?:\n|\\n)?[^\[\n]{0,20}\[[0-9]{1,3}, ?[0-9]{1,3},",
        r"(\[[0-9]{1,3}(?:, ?[0-9]{1,3}){63}\])",
        _key_bytes,
        window=(20, 420),
        rank=8,
    ),
    secret_rule(
        "totp-secret",
        r"otpauth-migration://offline\?data=",
        r"[A-Za-z0-9+/%=_-]{20,1000}",
        no_stand_in,
    ),
    Rule(
        "recovery-code",
        r"(?i)(?:recovery|backup|emergency|scratch|one-time)[ _-]codes?[\"']?[ \t]{0,2}:",
        direct=_codes,
        rank=3,
    ),
    secret_rule(
        "bitlocker-key",
        r"(?i:recovery[ _-]?(?:key|password)|bitlocker)[^0-9]{1,40}",
        r"\d{6}-\d{6}-\d{6}-\d{6}-\d{6}-\d{6}-\d{6}-\d{6}",
        no_stand_in,
        "(?:[^0-9-]|$)",
    ),
    secret_rule(
        "app-password",
        rf"(?i:app(?:lication)?[ _-]?(?:specific[ _-])?password){_IS}",
        r"[a-z]{4}[ -][a-z]{4}[ -][a-z]{4}[ -][a-z]{4}",
        no_stand_in,
        "(?:[^a-z]|$)",
        rank=4,
    ),
    secret_rule(
        "code",
        rf"{_OF_DIGITS}{_FOR}{_SHOWN}",
        r"\d{3,8}",
        _code,
        r"(?:[^\w.,%-]|[.,](?:[^\d]|$)|$)",
    ),
    Rule(
        "code",
        rf"\d{_YOURS}",
        rf"(\d{{4,8}}){_YOURS}(?:[\w'-]{{1,20}} ){{0,3}}[\w\x80-\xff-]{{0,20}}(?i:code|c\xc3\xb3digo|otp|pin)\b",
        _sent,
        window=(32, 90),
        rank=3,
    ),
    secret_rule(
        "code",
        rf"{_OF_DOORS}{_SHOWN}",
        r"\d{4,8}",
        _next_code,
        r"(?:[^\w.,%-]|[.,](?:[^\d]|$)|$)",
    ),
    secret_rule(
        "secret",
        r"(?i:secret|_key)\w*[\"'\]]{0,3}[ ]?[:=][ ]?b\\*[\"']",
        r"(?:\\+x[0-9a-fA-F]{2}|[^\"'\\\s]){8,200}",
        _bytes,
        r"\\*[\"']",
    ),
    secret_rule(
        "licence-key",
        rf"{_LICENCE}(?:{_IS}|[ \t]{{1,2}}{_QUOTE})",
        r"[A-Z0-9]{4,8}(?:-[A-Z0-9]{4,8}){2,7}",
        _lettered,
        "(?:[^A-Za-z0-9_-]|$)",
        rank=4,
    ),
    secret_rule(
        "secret",
        r"(?i:key|secret|seed|token|nonce)[A-Za-z0-9_]{0,20}(?:: [a-z]{3,12})? ?:?= ?(?:bytes\.fromhex|bytearray\.fromhex|(?:binascii\.)?unhexlify|hex2bin|Buffer\.from)\(b?\\*[\"']",
        r"[0-9a-fA-F]{32,512}",
        random_of(12),
    ),
)
