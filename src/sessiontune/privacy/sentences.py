"""Secrets told in a sentence: `the password is V`, ``set `API_KEY` to V``, `the secret V`."""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from typing import Any

import re2

from .checks import both_cases, count_digits, is_placeholder, judged_random, numbered, wordy
from .keynames import PASS_PARTS, dull, says_password
from .rules import Rule, left_edge, quick
from .values import is_gibberish, like_key, no_names, no_secret, typed

#: What a sentence calls a secret: `the password`, `API_KEY`, in the languages of `PASS_WORDS`.
_SAID = (
    rf"(?i)(?:(?:{PASS_PARTS[0]})(?:e?[nt])?|mot de passe|\bmdp\b|api[ _-]?(?:keys?|schl\xc3\xbcssel)|secret(?:[ _-]?key)?|(?:access|auth|api|bot|bearer|session|refresh|security)[ _-]?token|access[ _-]?key|"
    rf"(?:this|the|my|our|your) (?:key|token)|wi-?fi[ -]key|wlan[ -]key|\bpat|[A-Z0-9_]{{2,40}}_(?:KEY|TOKEN|SECRET|PASS|PWD|PW|PAT|APIKEY)(?:_[A-Z0-9]{{1,10}})?)"
)
#: What the secret is for: `for the server`, `pour le serveur`, `vom Router`.
_WHOSE = (
    r"(?: (?:for|of|to|on|in|at|from|bei|beim|f\xc3\xbcrs|auf|im|am|au|sur|dans|en|nel|f\xc3\xbcr|vom|von|des|der|pour|de|du|del|della|per|para|do|da|voor|van|f\xc3\xb6r|di|zu[mr]|till?|do|od|ke?|untuk|c\xe1\xbb\xa7a|cho|"
    r"\xd0\xbe\xd1\x82|\xd0\xb4\xd0\xbb\xd1\x8f|\xd0\xb4\xd0\xbe|(?:de l|dell|d)(?:'|\xe2\x80\x99)[^\s\"'`]{1,24})"
)
_WORDS = r"(?: [`'\"]?[^\s\"'`<>()=;|]{1,32}){0,5}?)??"
#: The same without a colon at a word's end: the first colon behind them begins the value.
_EXACT_WORDS = r"(?: [`'\"]?[^\s\"'`<>()=;|]{0,31}[^\s\"'`<>()=;|:]){0,5}?)??"
#: A word between, where it stands before what the secret is for: `contraseña nueva`, `mật khẩu mới`;
#: in Arabic, words with their article.
_SORT = r"(?: (?:nuev[ao]|nov[ao]|actual|wi-?fi|m\xe1\xbb\x9bi|(?:\xd8\xa7|\xd9\x84)\xd9\x84[\x80-\xff]+))*"
#: A verb needs a space behind it (`er` also ends many words), a sign none.
_VERB = (
    r"(?:(?:is(?: now| still)?|,? enter|, type|(?:should|must|will) be|to|was|ist(?: jetzt)?|lautet|hei(?:\xc3\x9f|ss)t|wurde auf|adalah|est|es|sera|ser\xc3\xa1|sar\xc3\xa0|este|brzmi|l\xc3\xa0|\xc3[\xa9\xa8\xa4]r?|er|je|c(?:'|\xe2\x80\x99)est)(?:[ ]{1,2}|:[ ]{0,2})|"
    r"(?::|->|=>|(?:'|\xe2\x80\x99)s|\xe2\x86\x92|\xe2\x80[\x93\x94]|"
    r"\xe6\x98\xaf|\xe4\xb8\xba|\xe7\x82\xba|\xef\xbc\x9a|\xe3\x81\xaf|\xec\x9d\x80|\xeb\x8a\x94|\xec\x9d\xb4(?:\xec\x95\xbc)?:?|\xea\xb0\x80|\xec\x84\xa4\xec\xa0\x95\xec\x9d\x80|\xe3\x81\x8c|\xd1\x8d\xd1\x82\xd0\xbe|\xd1\x82\xd0\xb0\xd0\xba\xd0\xbe\xd0\xb9:?|\xe6\x94\xb9(?:\xe6\x88\x90|\xe4\xb8\xba)(?:\xe4\xba\x86)?|\xce\xb5\xce\xaf\xce\xbd\xce\xb1\xce\xb9|\xd9\x87\xd9\x8a|\xe0\xb8\x84\xe0\xb8\xb7\xe0\xb8\xad|\xc2\xa0:)[ ]{0,2})"
)
_IS = rf"(?:[`'\"*]{{0,3}}{_SORT}{_WHOSE}{_WORDS}[`'\"*]{{0,3}}[ ]{{0,2}}{_VERB})"
_IS_EXACT = _IS.replace(_WORDS, _EXACT_WORDS)
#: The same in languages with words of their own for a key: `mi clave es V`, `токен: V`.
_SAID_ELSEWHERE = (
    rf"(?i)(?:{PASS_PARTS[1]}|palavra-passe|\xe7\xa7\x98\xe5\xaf\x86\xe9\x8d\xb5|\bclave|(?:\xd1\x82|\xd0\xa2)\xd0\xbe\xd0\xba\xd0\xb5\xd0\xbd|\xd0[\x9a\xba]\xd0\xbb\xd1\x8e\xd1\x87(?: \xd0\xb4\xd0\xbe\xd1\x81\xd1\x82\xd1\x83\xd0\xbf\xd0\xb0)?|\xe5\xaf\x86\xe9\x92\xa5|\xe9\x87\x91\xe9\x91\xb0|"
    r"\xe4\xbb\xa4\xe7\x89\x8c|\xe3\x82\xad\xe3\x83\xbc|\xe3\x83\x88\xe3\x83\xbc\xe3\x82\xaf\xe3\x83\xb3|\xed\x82\xa4|\xed\x86\xa0\xed\x81\xb0|\bcl\xc3\xa9|\bchave|\bchiave|"
    r"\bjeton(?: d(?:'|\xe2\x80\x99)(?:acc\xc3\xa8s|api))?|\banahtar(?:\xc4\xb1)?|\bgeheimzahl|\bsleutel|\bnyckel|\bklucz|schl\xc3\xbcssel)"
)
#: `the access key I got is V`, `Bearer token we are using: V`, `API key provided: V`.
_WE_HAVE = (
    r"(?i)(?:key|token|secret|password|passphrase)(?: (?:i|we|you)(?:'m|'ve|'re)?(?: [a-z]{2,9}){1,2}(?: is|:)|"
    r"(?: was| is| has been)? (?:created|generated|issued|provided|given|received|returned|used|supplied|rotated|refreshed|set|changed|updated|reset)(?: (?:as|to|from|is|was))?:?| \([^()\n]{1,40}\):)[ ]{1,2}"
)
#: What may stand between such a word and the value.
_IS_ELSEWHERE = rf"(?: api)?(?:{_IS}|[ ]{{1,2}})"
_IS_EXACT_ELSEWHERE = rf"(?: api)?(?:{_IS_EXACT}|[ ]{{1,2}})"
#: Opening quotes before a value, also those of other languages.
BEGIN = r"(?:\\*[`'\"*]{0,3}|\xe2\x80[\x98\x9a\x9c\x9e]|\xc2\xab(?:[ ]|\xc2\xa0|\xe2\x80\xaf)?|\xe3\x80[\x8c\x8e])"
FIRST = r"[A-Za-z0-9!@#$%^&+_.~-]"
REST = r"[^\s`'\"<>\x80-\xff]"


#: Names of algorithms, which sentences about passwords hold: `argon2id`, `sha256`.
_ALGORITHM = re2.compile(
    rb"(?i)(?:sha|md|argon|s?b?crypt|pbkdf|blake|base|utf|aes|rsa|hmac)[-_]?\d{1,3}[a-z]{0,3}"
)


#: An escaped line end or tab (or an arrow after a line's number), and all behind it.
_ESCAPED_END = re2.compile(rb"\\+(?:[nrt]|\\u2192).*\z")


_LETTER = re2.compile(rb"u[0-9A-Fa-f]{4}[a-z]*")


def told_value(data: bytes, match: Any) -> tuple[int, bytes] | None:
    value = match.group(1)
    escaped = _ESCAPED_END.search(value)
    value = value[: escaped.start() if escaped else None].rstrip(b".,;:!?)`'\"*\\")
    escape = data[match.start(1) - 1 : match.start(1)] == b"\\"
    if escape and (value[:1] in b"nrt" or _LETTER.fullmatch(value)):
        return None  # a word behind an escape, or that begins with one: `\nweb-1`, `\u0434...`
    if (
        len(value) < 6
        or any(c in b"\\()[]{};," for c in value)
        or (
            any(c in b"/=" for c in value)
            and not (judged_random(value, 20) or _signed(value))
            and not no_names(value)
        )
        or no_secret(value)
        or _ALGORITHM.fullmatch(value)
    ):
        return None
    return match.start(1), value


def _signed(value: bytes) -> bool:
    """True where an equals sign is one of a password's signs, not an assignment or a query."""
    return b"/" not in value and typed(value) and any(c in b"!#%^*@$" for c in value)


def _said(data: bytes, match: Any) -> tuple[int, int] | None:
    """A value after a verb, if it looks like no word or number of a sentence."""
    found = told_value(data, match)
    if found is None:
        return None
    start, value = found
    before = match.group(0)[: start - match.start()]
    if before[-1:].isalpha() or (
        _HANDS_ON.match(before, 0, len(before))
        and _WHO.search(data, max(0, match.start() - 12), match.start())
    ):
        return None  # the verb is part of a word (`user1`), or `pass` is one: `we pass to V`
    if says_password(before) or _SAYS_SO.search(data, max(0, match.start() - 5), start):
        good = (
            _quoted(data, start, value)
            or typed(value)
            or chained(value)
            or (
                count_digits(value) > 0
                and value.isalnum()
                and wordy(value) < 0.9
                and not value.isdigit()
            )
            or (value.isdigit() and _PIN.search(before) is not None)
        )
    else:
        plain = before.rstrip(b" `'\"*")
        said = b" " in plain or not plain.isascii() or not plain.endswith(b":")
        # `name: value` is no sentence, unless a word that no program has tells of a long key
        good = (said or _FOREIGN.search(plain)) and like_key(value, True)
    return (start, start + len(value)) if good else None


_FOREIGN = re2.compile(
    rb"(?i)(?:sleutel|nyckel|klucz|chiave|chave|anahtar(?:\xc4\xb1)?)(?: api)?:$"
)
#: `pass to`, which is a verb behind a word for who does it.
_HANDS_ON = quick(r"(?i)pass to [`'\"*]{0,3}\Z")
_WHO = quick(
    r"(?i)\b(?:i|we|you|they|that|which|to|can|could|may|must|should|will|would|then|and) \Z"
)
_SAYS_SO = re2.compile(
    rb"(?i)mot de passe|\bmdp|palavra-passe|\bclave|geheimzahl|(?:wi-?fi|wlan)[ -](?:key|schl\xc3\xbcssel)"
)
_PIN = re2.compile(rb"(?i)geheimzahl")
#: Words and a number as generators of passphrases chain them: `maple-river-anchor-31`.
_CHAIN = re2.compile(rb"[A-Za-z]{3,10}(?:[-._][A-Za-z]{3,10}){2,5}[-._]?\d{1,4}")


def chained(value: bytes) -> bool:
    return _CHAIN.fullmatch(value) is not None


#: A verb and an opening quote: `is "`.
_IS_QUOTED = quick(
    r"(?:is(?: now)?|was|be|ist|lautet|est|es|\xc3\xa8|\xc3\xa9|lautet:?) (?:\\*[\"']|\xe2\x80[\x98\x9a\x9c\x9e])\Z"
)
#: Quotes of other languages; some open in one language and close in another.
_QUOTES = frozenset(map(str.encode, "\u2018\u2019\u201a\u201c\u201d\u201e"))


def _quoted(data: bytes, start: int, value: bytes) -> bool:
    """True where the value is all of a quoted string behind a verb: `the password is "..."`."""
    end = start + len(value)
    return (
        data[start - 1 : start] == data[end : end + 8].lstrip(b"\\")[:1]
        or (data[start - 3 : start] in _QUOTES and data[end : end + 3] in _QUOTES)
    ) and _IS_QUOTED.search(data, max(0, start - 12), start) is not None


#: What servers say of a key that they refuse; it may be a real key all the same.
_REFUSED = (b"invalid", b"incorrect", b"wrong", b"bad", b"unknown", b"expired")
#: The word before `token`, and forms that names of things do not have: an unbroken run, a UUID.
_LAST_WORD = quick(r"[A-Za-z]{1,24}[ _-]\Z")
_RUN = re2.compile(rb"[A-Za-z0-9]{16,}={0,2}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _key_beside(data: bytes, match: Any) -> tuple[int, int] | None:
    """`the secret V`, `token - 'V'`: only what a machine made, and no name of a resource."""
    name, value = match.group(1), match.group(2).rstrip(b".=-")
    start = match.start(2)
    last = _LAST_WORD.search(data, max(0, match.start() - 25), match.start())
    if last is not None and last.group().strip().lower() not in _REFUSED:
        name = last.group().strip() + b"_" + name
    if not left_edge(data, match.start()) or is_placeholder(value) or dull(name):
        return None
    cased = both_cases(value)
    if len(value) < 16 and not numbered(value):
        return None
    if not _RUN.fullmatch(value) and not (cased and wordy(value) < 0.3 and b"/" not in value):
        return None
    return (start, start + len(value)) if like_key(value, True) else None


_DIGIT = quick(r"\d")
_SAID_VALUE = quick(r"[^\s`'\"<>\x00\x80-\xff]{6,200}")


def said_follows(data: bytes, end: int) -> bool:
    """True where the value whose first four bytes end at `end` has six bytes or more and holds a
    digit, reads like no word, or is quoted behind a verb."""
    match = _SAID_VALUE.match(data, end - 4, end + 200)
    if match is None:
        return False
    if _DIGIT.search(data, end - 4, match.end()) or is_gibberish(match.group().rstrip(b".,;:!?)")):
        return True
    return _IS_QUOTED.search(data, max(0, end - 16), end - 4) is not None


_KEYED = r"(?i:secret|token|(?:api|access|auth|private|secret)[ _-]?key|credential)"
#: `secret V`, `token 2 = 'V'`, `token - 'V'`, `token "V"`.
_BESIDE = r"s?[ ]{1,2}(?:\d{1,2}[ ]{1,2}(?:[:=]{1,2}[ ]{1,2})?|-[ ]{1,2})?[`'\"(]?"


RULES: tuple[Rule, ...] = (
    Rule(
        kind="secret",
        anchor=_SAID + _IS + BEGIN + FIRST + REST + "{3}",
        exact=_SAID + _IS_EXACT + BEGIN + rf"({FIRST}{REST}{{5,200}})",
        check=_said,
        near=said_follows,
        window=(240, 240),
        rank=1,
    ),
    Rule(
        kind="secret",
        anchor=rf"{_KEYED}{_BESIDE}[A-Za-z0-9_+/=.-]{{14}}",
        exact=rf"([\w.-]*{_KEYED}){_BESIDE}([A-Za-z0-9_+/=.-]{{14,900}})",
        check=_key_beside,
        window=(80, 960),
        rank=1,
    ),
    Rule(
        kind="secret",
        anchor=rf"{_SAID_ELSEWHERE}{_IS_ELSEWHERE}{BEGIN}{FIRST}{REST}{{3}}",
        exact=rf"{_SAID_ELSEWHERE}{_IS_EXACT_ELSEWHERE}{BEGIN}({FIRST}{REST}{{5,200}})",
        check=_said,
        near=said_follows,
        window=(240, 240),
        rank=1,
    ),
    Rule(
        kind="secret",
        anchor=rf"{_WE_HAVE}{BEGIN}{FIRST}{REST}{{3}}",
        exact=rf"{_WE_HAVE}{BEGIN}({FIRST}{REST}{{5,200}})",
        check=_said,
        near=said_follows,
        window=(80, 240),
        rank=1,
    ),
)
