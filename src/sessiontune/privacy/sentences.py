"""Secrets that are told in a sentence: `the password is ...`, ``Set `API_KEY` to ...``."""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from typing import Any

import re2

from .checks import is_placeholder, judged_random, wordy
from .examples import is_published_example
from .keynames import PASS_PARTS, dull, says_password
from .rules import Check, Rule, left_edge, quick
from .values import is_dull_value, is_gibberish, like_key

#: `the password is V`, ``Set `API_KEY` to `V` ``, in the languages of `PASS_WORDS`.
_SAID = (
    rf"(?i)(?:(?:{PASS_PARTS[0]})(?:e?[nt])?|mot de passe|\bmdp\b|api[ _-]?(?:keys?|schl\xc3\xbcssel)|secret(?:[ _-]?key)?|(?:access|auth|api|bot|bearer|session|refresh|security)[ _-]?token|access[ _-]?key|"
    rf"(?:this|the|my|our|your) (?:key|token)|\bpat|[A-Z0-9_]{{2,40}}_(?:KEY|TOKEN|SECRET|PASS|PWD|PW|PAT|APIKEY)(?:_[A-Z0-9]{{1,10}})?)"
)
#: For which server or user: `for the server`, `pour le serveur`, `vom Router`.
_WHOSE = (
    r"(?: (?:for|of|to|on|in|at|from|bei|beim|f\xc3\xbcrs|auf|im|am|au|sur|dans|en|nel|f\xc3\xbcr|vom|von|des|der|pour|de|du|del|della|per|para|do|da|voor|van|f\xc3\xb6r|di|zu[mr]|till?|do|od|ke?|untuk|"
    r"\xd0\xbe\xd1\x82|\xd0\xb4\xd0\xbb\xd1\x8f|\xd0\xb4\xd0\xbe|(?:de l|dell|d)(?:'|\xe2\x80\x99)[^\s\"'`]{1,24})(?: [`'\"]?[^\s\"'`<>()=;|]{1,32}){0,5}?)??"
)
#: A word wants a space behind it (`er` is one, and stands in many others), a sign none.
_VERB = (
    r"(?:(?:is(?: now| still)?|,? (?:enter|type)|(?:should|must|will) be|to|was|ist(?: jetzt)?|lautet|hei(?:\xc3\x9f|ss)t|wurde auf|adalah|est|es|sera|ser\xc3\xa1|sar\xc3\xa0|este|brzmi|l\xc3\xa0|\xc3[\xa9\xa8\xa4]r?|er|je|c(?:'|\xe2\x80\x99)est)(?:[ ]{1,2}|:[ ]{0,2})|"
    r"(?::|->|=>|(?:'|\xe2\x80\x99)s|\xe2\x86\x92|\xe2\x80[\x93\x94]|"
    r"\xe6\x98\xaf|\xe4\xb8\xba|\xe7\x82\xba|\xef\xbc\x9a|\xe3\x81\xaf|\xec\x9d\x80|\xeb\x8a\x94|\xec\x9d\xb4(?:\xec\x95\xbc)?:?|\xea\xb0\x80|\xec\x84\xa4\xec\xa0\x95\xec\x9d\x80|\xe3\x81\x8c|\xd1\x8d\xd1\x82\xd0\xbe|\xd1\x82\xd0\xb0\xd0\xba\xd0\xbe\xd0\xb9:?|\xe6\x94\xb9(?:\xe6\x88\x90|\xe4\xb8\xba)(?:\xe4\xba\x86)?|\xce\xb5\xce\xaf\xce\xbd\xce\xb1\xce\xb9|\xd9\x87\xd9\x8a|\xe0\xb8\x84\xe0\xb8\xb7\xe0\xb8\xad|\xc2\xa0:)[ ]{0,2})"
)
_IS = rf"(?:[`'\"*]{{0,3}}{_WHOSE}[`'\"*]{{0,3}}[ ]{{0,2}}{_VERB})"
#: The same in languages whose words for a key are not English's: `mi clave es V`, `токен: V`.
_SAID_ELSEWHERE = (
    rf"(?i)(?:{PASS_PARTS[1]}|palavra-passe|\xe7\xa7\x98\xe5\xaf\x86\xe9\x8d\xb5|\bclave|(?:\xd1\x82|\xd0\xa2)\xd0\xbe\xd0\xba\xd0\xb5\xd0\xbd|\xd0[\x9a\xba]\xd0\xbb\xd1\x8e\xd1\x87(?: \xd0\xb4\xd0\xbe\xd1\x81\xd1\x82\xd1\x83\xd0\xbf\xd0\xb0)?|\xe5\xaf\x86\xe9\x92\xa5|\xe9\x87\x91\xe9\x91\xb0|"
    r"\xe4\xbb\xa4\xe7\x89\x8c|\xe3\x82\xad\xe3\x83\xbc|\xe3\x83\x88\xe3\x83\xbc\xe3\x82\xaf\xe3\x83\xb3|\xed\x82\xa4|\xed\x86\xa0\xed\x81\xb0|\bcl\xc3\xa9|\bchave|\bchiave|"
    r"\bjeton(?: d(?:'|\xe2\x80\x99)(?:acc\xc3\xa8s|api))?|\banahtar\xc4\xb1|\bgeheimzahl|\bsleutel|\bnyckel|\bklucz|schl\xc3\xbcssel)"
)
#: `the access key I got is V`, `Bearer token we are using: V`, `API key provided: V`.
_WE_HAVE = (
    r"(?i)(?:key|token|secret|password|passphrase)(?: (?:i|we|you)(?:'m|'ve|'re)?(?: [a-z]{2,9}){1,2}(?: is|:)|"
    r"(?: was| is)? (?:created|generated|issued|provided|given|received|returned|used|supplied|rotated|refreshed|set|changed|updated|reset)(?: (?:as|to|from|is|was))?:?| \([^()\n]{1,40}\):)[ ]{1,2}"
)
#: What may stand between such a word and its key.
_IS_ELSEWHERE = rf"(?: api)?(?:{_IS}|[ ]{{1,2}})"
#: Before a value: quotes, also those of other languages.
_BEGIN = r"(?:\\*[`'\"*]{0,3}|\xe2\x80[\x98\x9a\x9c\x9e]|\xc2\xab(?:[ ]|\xc2\xa0|\xe2\x80\xaf)?|\xe3\x80[\x8c\x8e])"
_FIRST = r"[A-Za-z0-9!@#$%^&+_.~-]"
_REST = r"[^\s`'\"<>\x80-\xff]"


def typed(value: bytes) -> bool:
    """What no word or number of a sentence looks like: a digit among capitals, signs, gibberish."""
    digits = any(48 <= c <= 57 for c in value)
    signs = any(c in b"!@#$%^&*_-+=." for c in value)
    both = value != value.lower() and value != value.upper()
    return (digits and (both or signs) and wordy(value) < 0.85) or is_gibberish(value)


#: What passwords are kept as, and the like: `argon2id`, `sha256`.
_ALGORITHM = re2.compile(
    rb"(?i)(?:sha|md|argon|s?b?crypt|pbkdf|blake|base|utf|aes|rsa|hmac)[-_]?\d{1,3}[a-z]{0,3}"
)


#: A line's end or a quote as a string has them, and what stands behind it.
_ESCAPED_END = re2.compile(rb"\\+(?:[nrt]|\\u2192).*\z")


_LETTER = re2.compile(rb"u[0-9A-Fa-f]{4}[a-z]*")


def _trimmed(data: bytes, match: Any) -> tuple[int, bytes] | None:
    value = match.group(1)
    escaped = _ESCAPED_END.search(value)
    value = value[: escaped.start() if escaped else None].rstrip(b".,;:!?)`'\"*\\")
    if data[match.start(1) - 1 : match.start(1)] == b"\\" and _LETTER.fullmatch(value):
        return None  # a word whose first letter is written as Java and JSON do
    if (
        len(value) < 6
        or any(c in b"\\()[]{};," for c in value)
        or (any(c in b"/=" for c in value) and not (judged_random(value, 20) or _signed(value)))
        or is_placeholder(value)
        or is_dull_value(value)
        or is_published_example(value)
        or _ALGORITHM.fullmatch(value)
    ):
        return None
    return match.start(1), value


def _signed(value: bytes) -> bool:
    """An equals sign among others, as passwords have them, and no assignment, no query."""
    return b"/" not in value and typed(value) and any(c in b"!#%^*@$" for c in value)


def _said(data: bytes, match: Any) -> tuple[int, int] | None:
    """A value in a sentence: only what no word or number of a sentence looks like."""
    found = _trimmed(data, match)
    if found is None:
        return None
    start, value = found
    before = match.group(0)[: start - match.start()]
    if before[-1:].isalpha() or (
        _HANDS_ON.match(before, 0, len(before))
        and _WHO.search(data, max(0, match.start() - 12), match.start())
    ):
        return None  # a verb inside of a word: `password for user1`; `we pass to V`
    if says_password(before) or _SAYS_SO.search(before):
        good = (
            _quoted(data, start, value)
            or typed(value)
            or _chained(value)
            or (
                any(48 <= c <= 57 for c in value)
                and value.isalnum()
                and wordy(value) < 0.9
                and not value.isdigit()
            )
            or (value.isdigit() and _PIN.search(before) is not None)
        )
    else:
        plain = before.rstrip(b" `'\"*")
        said = b" " in plain or not plain.isascii() or not plain.endswith(b":")
        good = said and like_key(value, True)  # `name: value` is no sentence
    return (start, start + len(value)) if good else None


#: The verb, behind who does it.
_HANDS_ON = quick(r"(?i)pass to [`'\"*]{0,3}\Z")
_WHO = quick(
    r"(?i)\b(?:i|we|you|they|that|which|to|can|could|may|must|should|will|would|then|and) \Z"
)
_SAYS_SO = re2.compile(rb"(?i)mot de passe|\bmdp|palavra-passe|\bclave|geheimzahl")
_PIN = re2.compile(rb"(?i)geheimzahl")
#: `maple-river-anchor-31`, as generators chain words.
_CHAIN = re2.compile(rb"[A-Za-z]{3,10}(?:[-._][A-Za-z]{3,10}){2,5}[-._]?\d{1,4}")


def _chained(value: bytes) -> bool:
    return _CHAIN.fullmatch(value) is not None


#: A verb that says what a password is, and the quote that follows it.
_IS_QUOTED = quick(
    r"(?:is(?: now)?|was|be|ist|lautet|est|es|\xc3\xa8|\xc3\xa9|lautet:?) (?:\\*[\"']|\xe2\x80[\x98\x9a\x9c\x9e])\Z"
)
#: The quotes of other languages open and close with the same.
_OPENING = frozenset(map(str.encode, "\u2018\u2019\u201a\u201c\u201d\u201e"))


def _quoted(data: bytes, start: int, value: bytes) -> bool:
    """`the password is "..."`: a verb before the quote, and nothing in it but the value."""
    end = start + len(value)
    return (
        data[start - 1 : start] == data[end : end + 8].lstrip(b"\\")[:1]
        or (data[start - 3 : start] in _OPENING and data[end : end + 3] in _OPENING)
    ) and _IS_QUOTED.search(data, max(0, start - 12), start) is not None


def _beside(data: bytes, match: Any) -> tuple[int, int] | None:
    """`password V`, `admin / V`: with no verb between, the value must look the part."""
    found = _trimmed(data, match)
    if found is None:
        return None
    start, value = found
    call = data[start - 1 : start] == b"("  # as code calls: the value is no variable's name
    most = 0.4 if call else 0.7
    if most > 0.5 and (
        _between_quotes(data, start, value)
        or _NO_ENGLISH.search(data, match.start(), start)
        or _USER_SAID.search(data, max(0, start - 80), start)
    ):
        most = 0.9
    good = len(value) >= 8 and (typed(value) or _typed_low(value, most)) and wordy(value) < most
    good = good or (most > 0.8 and _chained(value))
    return (start, start + len(value)) if good else None


def _at_host(data: bytes, match: Any) -> tuple[int, int] | None:
    """`10.1.2.3 ada/V`: letters of both cases and digits, as no program's version and no pod has."""
    found = _beside(data, match)
    if found is None:
        return None
    value = data[found[0] : found[1]]
    both = value != value.lower() and value != value.upper()
    return found if both and _MARKS.fullmatch(value) and wordy(value) < 0.5 else None


_MARKS = re2.compile(rb"[A-Za-z0-9!@#$%^&*_+~]{8,40}")


def _typed_low(value: bytes, most: float) -> bool:
    """`maple71river` where it is clear that a password stands: more than one digit among letters."""
    return most > 0.8 and value.isalnum() and sum(48 <= c <= 57 for c in value) > 1


def _between_quotes(data: bytes, start: int, value: bytes) -> bool:
    before, end = data[start - 1 : start], start + len(value)
    return before in (b'"', b"'", b"`") and data[end : end + 8].lstrip(b"\\")[:1] == before


#: A word for passwords that code and English have no use for.
_NO_ENGLISH = quick(
    r"[\x80-\xff]|(?i:passwort|kennwort|mot de passe|contrase|senha|wachtwoord|heslo|sandi|parola|la password|salasana)"
)
#: Who signs in, right before the password: `user ada senha V`.
_USER_SAID = quick(
    r"(?i)(?:user(?:name)?|login|utente|usu\xc3\xa1rio|usuario|utilisateur|identifiant|benutzer(?:name)?|u\xc5\xbcytkownik|kullan\xc4\xb1c\xc4\xb1(?: ad\xc4\xb1)?|\xd0\xbb\xd0\xbe\xd0\xb3\xd0\xb8\xd0\xbd|\xe7\x94\xa8\xe6\x88\xb7\xe5\x90\x8d):?[ ]{1,2}[\w.@-]{2,40},?[ /]{1,3}[^\n]{3,24}\Z"
)

#: What a server says of a key that it does not take; the key may be one all the same.
_REFUSED = (b"invalid", b"incorrect", b"wrong", b"bad", b"unknown", b"expired")
#: The word before `token`, and what no name of a thing looks like: UUIDs and unbroken runs.
_LAST_WORD = quick(r"[A-Za-z]{1,24}[ _-]\Z")
_RUN = re2.compile(rb"[A-Za-z0-9]{16,}={0,2}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _one(data: bytes, match: Any) -> tuple[int, int] | None:
    """`the new one is V`: of what, was said before, unless V is no name and no version."""
    found = _beside(data, match)
    if found is None:
        return None
    value = data[found[0] : found[1]]
    odd = any(c in b"!@#$%^&*?" for c in value) or judged_random(value, 16)
    start = match.start()
    return found if odd or _SPOKEN.search(data, max(0, start - 200), start) else None


_SPOKEN = quick(r"(?i)(?:passw|pwd|passphrase|token|secret|key|credential|login)[^\n]{0,150}\Z")


def _key_beside(data: bytes, match: Any) -> tuple[int, int] | None:
    """`the secret VALUE`, `token - 'VALUE'`: only what a machine made, and no name of a resource."""
    name, value = match.group(1), match.group(2).rstrip(b".=-")
    start = match.start(2)
    last = _LAST_WORD.search(data, max(0, match.start() - 25), match.start())
    if last is not None and last.group().strip().lower() not in _REFUSED:
        name = last.group().strip() + b"_" + name
    if not left_edge(data, match.start()) or is_placeholder(value) or dull(name):
        return None
    cased = value != value.lower() and value != value.upper()
    if len(value) < 16 and not (value.isalnum() and sum(48 <= c <= 57 for c in value) > 1):
        return None
    if not _RUN.fullmatch(value) and not (cased and wordy(value) < 0.3 and b"/" not in value):
        return None
    return (start, start + len(value)) if like_key(value, True) else None


_DIGIT = quick(r"\d")
_SAID_VALUE = quick(r"[^\s`'\"<>\x00\x80-\xff]{6,200}")


def said_follows(data: bytes, end: int) -> bool:
    """What follows is longer than five characters and holds a digit, or reads like no word."""
    match = _SAID_VALUE.match(data, end - 4, end + 200)
    if match is None:
        return False
    if _DIGIT.search(data, end - 4, match.end()) or is_gibberish(match.group().rstrip(b".,;:!?)")):
        return True
    return _IS_QUOTED.search(data, max(0, end - 16), end - 4) is not None


_USER = r"[A-Za-z][\w.@-]{1,40}`?(?: ?/ |:| and | with )"
_SIGN_IN = r"(?i:credentials?|creds|zugangsdaten|identifiants|credenciais|credenciales|credenziali|inloggegevens|dane logowania|log ?in(?: (?:in)?to (?:[\w-]{1,20} ){0,2}[\w-]{1,20})?(?: with| as)?|log ?in (?:at|to|on) [^\s]{4,80} (?:with|as)|sign in with|(?:ssh|connect)(?: in)? (?:with|as))(?: are| is| sind| sont| son)?(?: ?|\xc2\xa0):? "

#: `ID/PW: master/V`, `user/pass - admin:V`.
_PAIR = r"(?i:\b(?:id|user(?:name)?|login|account)(?:[ ]?[/&,][ ]?(?:pw|pass(?:word|wd)?|pwd)\)?(?:/port)?|[ ](?:pw|pwd))[ ]{0,2}(?:[:=>-]{1,2}|is|are)?[ ]{0,2})[A-Za-z][\w.@-]{1,40}(?:[ ]{0,2}[/:,(]{1,2}[ ]{0,2}|[ ]{1,2})"
#: `user-ada password-V`, `ID-ada/PASS-V`.
_DASHED = r"(?i:\b(?:id|user(?:name)?|login|account)[ ]?[-:=][ ]?[\w.@]{2,40}[ /,]{1,3}(?:pw|pwd|pass(?:word|wd)?)[ ]?-[ ]?)"
#: The machine in front of who signs in, and with what: `10.1.2.3 (ada/V)`, `10.1.2.3 -> ada/V`.
_HOST = r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}"
_BEHIND = (
    r"(?::\d{1,5})?(?:[ ]{0,2}-{0,2}>[ ]{0,2}|[ ]{0,2}\(|,[ ]?|[ ]{1,2})[a-z][a-z0-9_.-]{1,20}//?"
)
_LOGIN_BEHIND = quick(_BEHIND + _REST + "{8}")
#: `password(V)`, and `(admin/V)`.
_IN_BRACKETS = r"(?:(?:^|[\s/,])(?i:password|passwd|pwd|pw)|\xeb\xb9\x84\xeb\xb0\x80\xeb\xb2\x88\xed\x98\xb8|\xed\x8c\xa8\xec\x8a\xa4\xec\x9b\x8c\xeb\x93\x9c|\xeb\xb9\x84\xeb\xb2\x88|\xec\x95\x94\xed\x98\xb8|\xe3\x83\xaf\xe3\x83\xbc\xe3\x83\x89|\xe5\xaf\x86\xe7\xa0\x81)[ ]?\((?:default:[ ]?)?"
_IN_PAIR = r"\((?:admin(?:istrator)?|root|master|user|guest|ubuntu)[/:]"
_NAMED = r"(?i:password|passwort|kennwort|passphrase|mot de passe|contrase\xc3\xb1a|senha|wachtwoord|\xbb\xd1\x8c(?: (?:\xd0\xbe\xd1\x82|\xd0\xb4\xd0\xbb\xd1\x8f|\xd0\xb4\xd0\xbe|\xd0\xba|\xd0\xbd\xd0\xb0) [^\s]{1,24}){0,2}|\xe5\xaf\x86\xe7\xa0\x81|\xe5\xaf\x86\xe7\xa2\xbc|\xe5\x8f\xa3\xe4\xbb\xa4|\xe3\x83\x91\xe3\x82\xb9\xe3\x83\xaf\xe3\x83\xbc\xe3\x83\x89|[\xc5\x9e\xc5\x9f]ifre(?:m|niz|si)?|\bparola(?:m|n\xc4\xb1z|s\xc4\xb1)?|has\xc5\x82[oa]|heslo|(?:la|una) password|sandi(?:nya)?|user(?:name)?:? [\w.@-]{2,32},? (?:and )?pass|\bpw|\bpwd|\xeb\xb9\x84\xeb\xb0\x80\xeb\xb2\x88\xed\x98\xb8|\xed\x8c\xa8\xec\x8a\xa4\xec\x9b\x8c\xeb\x93\x9c|\xeb\xb9\x84\xeb\xb2\x88|\xec\x95\x94\xed\x98\xb8|salasana(?:ni|si)?(?: on)?|\xd7\xa1\xd7\x99\xd7\xa1\xd7\x9e\xd7\x94(?: \xd7\x94\xd7\x99\xd7\x90)?|\xe0\xa4\xaa\xe0\xa4\xbe\xe0\xa4\xb8\xe0\xa4\xb5\xe0\xa4\xb0\xe0\xa5\x8d\xe0\xa4\xa1(?: \xe0\xa4\xb9\xe0\xa5\x88)?)[ ]{1,24}(?:-{1,6}[ ]{1,8})?"


#: `password changed from OLD to V`.
_CHANGED = (
    r"(?i:password|passwd|passphrase|\bpw|\bpwd)(?: [a-z]{2,8}){0,3} from [^\s\x80-\xff]{6,64} to "
)

_KEYED = r"(?i:secret|token|(?:api|access|auth|private|secret)[ _-]?key|credential)"
#: `secret V`, `token 2 = 'V'`, `token - 'V'`, `token "V"`.
_BESIDE = r"s?[ ]{1,2}(?:\d{1,2}[ ]{1,2}(?:[:=]{1,2}[ ]{1,2})?|-[ ]{1,2})?[`'\"(]?"


def _following(lead: str, before: int, check: Check = _beside) -> Rule:
    """A password that follows `lead` with no verb between; `before`: how long the lead may be."""
    return Rule(
        kind="password",
        layer="secrets",
        anchor=rf"{lead}{_BEGIN}{_FIRST}{_REST}{{3}}",
        exact=rf"{lead}{_BEGIN}({_FIRST}{_REST}{{7,200}})",
        check=check,
        near=said_follows,
        before=before,
        after=240,
        rank=1,
    )


RULES: tuple[Rule, ...] = (
    Rule(
        kind="secret",
        layer="secrets",
        anchor=_SAID + _IS + _BEGIN + r"[A-Za-z0-9!@#$%^&+_.~-]" + _REST + "{3}",
        exact=_SAID + _IS + _BEGIN + rf"({_FIRST}{_REST}{{5,200}})",
        check=_said,
        near=said_follows,
        before=240,
        after=240,
        rank=1,
    ),
    Rule(
        kind="secret",
        layer="secrets",
        anchor=rf"{_KEYED}{_BESIDE}[A-Za-z0-9_+/=.-]{{14}}",
        exact=rf"([\w.-]*{_KEYED}){_BESIDE}([A-Za-z0-9_+/=.-]{{14,900}})",
        check=_key_beside,
        before=80,
        after=960,
        rank=1,
    ),
    Rule(
        kind="secret",
        layer="secrets",
        anchor=rf"{_SAID_ELSEWHERE}{_IS_ELSEWHERE}{_BEGIN}{_FIRST}{_REST}{{3}}",
        exact=rf"{_SAID_ELSEWHERE}{_IS_ELSEWHERE}{_BEGIN}({_FIRST}{_REST}{{5,200}})",
        check=_said,
        near=said_follows,
        before=240,
        after=240,
        rank=1,
    ),
    Rule(
        kind="secret",
        layer="secrets",
        anchor=rf"{_WE_HAVE}{_BEGIN}{_FIRST}{_REST}{{3}}",
        exact=rf"{_WE_HAVE}{_BEGIN}({_FIRST}{_REST}{{5,200}})",
        check=_said,
        near=said_follows,
        before=80,
        after=240,
        rank=1,
    ),
    _following(_NAMED, before=110),
    _following(_CHANGED, before=140),
    _following(_PAIR, before=120),
    _following(_DASHED, before=110),
    _following(_IN_BRACKETS, before=40),
    _following(_IN_PAIR, before=32),
    Rule(
        kind="password",
        layer="secrets",
        anchor=_HOST,  # as the rule for addresses has it: it costs no pass of its own
        exact=rf"{_HOST}{_BEHIND}{_BEGIN}({_FIRST}{_REST}{{7,200}})",
        check=_at_host,
        near=lambda data, end: _LOGIN_BEHIND.match(data, end, end + 60) is not None,
        before=16,
        after=280,
        rank=1,
    ),
    _following(
        r"(?i:\b(?:new|old|other|current|right|correct) one(?:'s| is| was|:))[ ]{1,2}",
        before=48,
        check=_one,
    ),
    _following(f"{_SIGN_IN}{_BEGIN}{_USER}", before=120),
    Rule(
        kind="password",
        layer="secrets",
        anchor=r" / [^\s`'\"<>]+ to (?:log|sign) ?in",
        exact=rf"[A-Za-z][\w.@-]{{1,40}} / ({_FIRST}{_REST}{{7,200}}) to (?:log|sign) ?in",
        check=_beside,
        before=260,
        after=4,
        rank=1,
    ),
)
