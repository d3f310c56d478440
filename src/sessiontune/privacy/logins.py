"""Passwords noted without a verb: `password V`, `admin / V`, `10.1.2.3 ada/V`."""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from typing import Any

import re2

from .checks import both_cases, judged_random, numbered, wordy
from .rules import Check, Rule, quick, secret_rule
from .sentences import BEGIN, FIRST, REST, chained, said_follows, told_value
from .values import is_dull_value, numbered_words, typed


def _beside(data: bytes, match: Any) -> tuple[int, int] | None:
    """`password V`, `admin / V`: with no verb before it, the value must look like a password."""
    found = told_value(data, match)
    if found is None:
        return None
    start, value = found
    call = data[start - 1 : start] == b"("  # may be a call in code, and the value a variable
    most = 0.4 if call else 0.7
    if most > 0.5 and (
        _between_quotes(data, start, value)
        or _NO_ENGLISH.search(data, match.start(), start)
        or _USER_SAID.search(data, max(0, start - 80), start)
    ):
        most = 0.9
    clear = most > 0.8  # then letters and two digits are enough: `maple71river`
    good = len(value) >= 8 and (typed(value) or (clear and numbered(value))) and wordy(value) < most
    good = good or (clear and chained(value)) or (not call and numbered_words(value))
    return (start, start + len(value)) if good else None


def _ahead(data: bytes, match: Any) -> tuple[int, int] | None:
    """`V is the password for ...`: a sentence may begin with words of all sorts."""
    value = match.group(1)
    if not chained(value) and (not typed(value) or wordy(value) > 0.8 or is_dull_value(value)):
        return None
    return match.span(1) if told_value(data, match) else None


def _told_first(data: bytes, match: Any) -> tuple[int, int] | None:
    """`password from V to ...`: what it was before; in such a place words and files stand, too."""
    return match.span(1) if typed(match.group(1)) and told_value(data, match) else None


def _at_host(data: bytes, match: Any) -> tuple[int, int] | None:
    """`10.1.2.3 ada/V`: letters of both cases and digits, unlike versions and names of pods."""
    found = _beside(data, match)
    if found is None:
        return None
    value = data[found[0] : found[1]]
    both = both_cases(value)
    return found if both and _MARKS.fullmatch(value) and wordy(value) < 0.5 else None


_MARKS = re2.compile(rb"[A-Za-z0-9!@#$%^&*_+~]{8,40}")


def _between_quotes(data: bytes, start: int, value: bytes) -> bool:
    before, end = data[start - 1 : start], start + len(value)
    return before in (b'"', b"'", b"`") and data[end : end + 8].lstrip(b"\\")[:1] == before


#: A word for passwords in another language: code and English texts have no other use for it.
_NO_ENGLISH = quick(
    r"[\x80-\xff]|(?i:passwort|kennwort|mot de passe|contrase|senha|wachtwoord|heslo|sandi|parola|la password|salasana)"
)
#: A user's name right before the password: `user ada senha V`.
_USER_SAID = quick(
    r"(?i)(?:user(?:name)?|login|utente|usu\xc3\xa1rio|usuario|utilisateur|identifiant|benutzer(?:name)?|u\xc5\xbcytkownik|kullan\xc4\xb1c\xc4\xb1(?: ad\xc4\xb1)?|\xd0\xbb\xd0\xbe\xd0\xb3\xd0\xb8\xd0\xbd|\xe7\x94\xa8\xe6\x88\xb7\xe5\x90\x8d):?[ ]{1,2}[\w.@-]{2,40},?[ /]{1,3}[^\n]{3,24}\Z"
)


def _one(data: bytes, match: Any) -> tuple[int, int] | None:
    """`the new one is V`: a word for a secret stands on the line before, or V is no name or version."""
    found = _beside(data, match)
    if found is None:
        return None
    value = data[found[0] : found[1]]
    odd = any(c in b"!@#$%^&*?" for c in value) or judged_random(value, 16)
    start = match.start()
    return found if odd or _SPOKEN.search(data, max(0, start - 200), start) else None


_SPOKEN = quick(r"(?i)(?:passw|pwd|passphrase|token|secret|key|credential|login)[^\n]{0,150}\Z")
_USER = r"[A-Za-z][\w.@-]{1,40}`?(?: ?/ |:| and | with )"
_SIGN_IN = r"(?i:credentials?|creds|zugangsdaten|identifiants|credenciais|credenciales|credenziali|inloggegevens|dane logowania|log ?in(?: (?:in)?to (?:[\w-]{1,20} ){0,2}[\w-]{1,20})?(?: with| as)?|log ?in (?:at|to|on) [^\s]{4,80} (?:with|as)|sign in with|(?:ssh|connect)(?: in)? (?:with|as))(?: are| is| sind| sont| sono?)?(?: ?|\xc2\xa0):? "
#: `ID/PW: master/V`, `user/pass - admin:V`.
_PW = r"[ ]?(?:pw|pass(?:word|wd)?|pwd)\)?(?:/port)?"
_PAIR_WORDS = (rf"[/&,]{_PW}", rf"[ ][/&,]{_PW}", r"[ ](?:pw|pwd)")
_PAIR = r"(?i:\b(?:id|user(?:name)?|login|account)(?:{})[ ]{{0,2}}(?:[:=>-]{{1,2}}|is|are)?[ ]{{0,2}})[A-Za-z][\w.@-]{{1,40}}(?:[ ]{{0,2}}[/:,(]{{1,2}}[ ]{{0,2}}|[ ]{{1,2}})"
#: `user-ada password-V`, `ID-ada/PASS-V`.
_DASHED = r"(?i:\b(?:id|user(?:name)?|login|account)[ ]?[-:=][ ]?[\w.@]{2,40}[ /,]{1,3}(?:pw|pwd|pass(?:word|wd)?)[ ]?-[ ]?)"
#: A machine, and behind it a user and a password: `10.1.2.3 (ada/V)`, `10.1.2.3 -> ada/V`.
_HOST = r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}"
_BEHIND = (
    r"(?::\d{1,5})?(?:[ ]{0,2}-{0,2}>[ ]{0,2}|[ ]{0,2}\(|,[ ]?|[ ]{1,2})[a-z][a-z0-9_.-]{1,20}//?"
)
_LOGIN_BEHIND = quick(_BEHIND + REST + "{8}")
#: `password(V)`, and `(admin/V)`.
_IN_BRACKETS = r"(?:(?:^|[\s/,])(?i:password|passwd|pwd|pw)|\xeb\xb9\x84\xeb\xb0\x80\xeb\xb2\x88\xed\x98\xb8|\xed\x8c\xa8\xec\x8a\xa4\xec\x9b\x8c\xeb\x93\x9c|\xeb\xb9\x84\xeb\xb2\x88|\xec\x95\x94\xed\x98\xb8|\xe3\x83\xaf\xe3\x83\xbc\xe3\x83\x89|\xe5\xaf\x86\xe7\xa0\x81)[ ]?\((?:default:[ ]?)?"
_IN_PAIR = r"\((?:admin(?:istrator)?|root|master|user|guest|ubuntu)[/:]"
_NAMED = r"(?i:password|passwort|kennwort|passphrase|mot de passe|contrase\xc3\xb1a|senha|wachtwoord|\xbb\xd1\x8c(?: (?:\xd0\xbe\xd1\x82|\xd0\xb4\xd0\xbb\xd1\x8f|\xd0\xb4\xd0\xbe|\xd0\xba|\xd0\xbd\xd0\xb0) [^\s]{1,24}){0,2}|\xe5\xaf\x86\xe7\xa0\x81|\xe5\xaf\x86\xe7\xa2\xbc|\xe5\x8f\xa3\xe4\xbb\xa4|\xe3\x83\x91\xe3\x82\xb9\xe3\x83\xaf\xe3\x83\xbc\xe3\x83\x89|[\xc5\x9e\xc5\x9f]ifre(?:m|niz|si)?|\bparola(?:m|n\xc4\xb1z|s\xc4\xb1)?|has\xc5\x82[oa]|heslo|(?:la|una) password|sandi(?:nya)?|user(?:name)?:? [\w.@-]{2,32},? (?:and )?pass|\bpw|\bpwd|\xeb\xb9\x84\xeb\xb0\x80\xeb\xb2\x88\xed\x98\xb8|\xed\x8c\xa8\xec\x8a\xa4\xec\x9b\x8c\xeb\x93\x9c|\xeb\xb9\x84\xeb\xb2\x88|\xec\x95\x94\xed\x98\xb8|salasana(?:ni|si)?(?: on)?|passord(?:et)?|adgangskode|l\xc3\xb6senord|\xd7\xa1\xd7\x99\xd7\xa1\xd7\x9e\xd7\x94(?: \xd7\x94\xd7\x99\xd7\x90)?|\xe0\xa4\xaa\xe0\xa4\xbe\xe0\xa4\xb8\xe0\xa4\xb5\xe0\xa4\xb0\xe0\xa5\x8d\xe0\xa4\xa1(?: \xe0\xa4\xb9\xe0\xa5\x88)?)[ ]{1,24}(?:-{1,6}[ ]{1,8})?"
#: `password changed from OLD to V`.
_CHANGED = (
    r"(?i:password|passwd|passphrase|\bpw|\bpwd)(?: [a-z]{2,8}){0,3} from [^\s\x80-\xff]{6,64} to "
)

#: Behind a value: `V is the root password for ...`, `V, that's my password`.
_IS_THE = (
    r"(?:,? (?:(?:\xe2\x80[\x93\x94]|\\+u201[34]|-{1,2}) )?(?:is|was|that's|that is|it's|this is) (?:the|my|our|your)| ist (?:das|mein|unser)| est le| es la| \xc3\xa8 la) "
    r"(?:[\w-]{1,16} ){0,3}(?i:password|passphrase|passcode|passwort|kennwort|mot de passe|contrase\xc3\xb1a)(?: for| on| of| to| in| f(?:\xc3\xbc|\\+u00fc)r| de| per|[.,;!?)\r\n\x00]|\\|\"|$)"
)


def _following(
    lead: str, before: int, check: Check = _beside, faster: tuple[str, ...] = ()
) -> Rule:
    """A rule for a password right behind `lead`, which is at most `before` bytes long. The prefilter
    looks for the leads in `faster` in its place."""
    return Rule(
        kind="password",
        anchor=rf"{lead}{BEGIN}{FIRST}{REST}{{3}}",
        exact=rf"{lead}{BEGIN}({FIRST}{REST}{{7,200}})",
        check=check,
        near=said_follows,
        window=(before, 240),
        rank=1,
        faster=tuple(rf"{lead}{BEGIN}{FIRST}{REST}{{3}}" for lead in faster),
    )


RULES: tuple[Rule, ...] = (
    _following(_NAMED, before=110),
    _following(_CHANGED, before=140),
    secret_rule(
        "password",
        rf"(?i:password|passwd|passphrase) from {BEGIN}",
        rf"{FIRST}{REST}{{7,64}}",
        _told_first,
        r"\\*[`'\"*]{0,3} to ",
    ),
    _following(
        _PAIR.format("|".join(_PAIR_WORDS)),
        before=120,
        faster=tuple(_PAIR.format(words) for words in _PAIR_WORDS),  # `id` is a part of many words
    ),
    _following(_DASHED, before=110),
    _following(_IN_BRACKETS, before=40),
    _following(_IN_PAIR, before=32),
    Rule(
        kind="password",
        anchor=_HOST,  # the same as in the rule for IPv4 addresses, so the prefilter looks for it once
        exact=rf"{_HOST}{_BEHIND}{BEGIN}({FIRST}{REST}{{7,200}})",
        check=_at_host,
        near=lambda data, end: _LOGIN_BEHIND.match(data, end, end + 60) is not None,
        window=(16, 280),
        rank=1,
    ),
    _following(
        r"(?i:\b(?:new|old|other|current|right|correct) one(?:'s| is| was|:))[ ]{1,2}",
        before=48,
        check=_one,
    ),
    _following(f"{_SIGN_IN}{BEGIN}{_USER}", before=120),
    Rule(
        kind="password",
        anchor=_IS_THE,
        exact=rf"(?:^|[\s`'\"(])({FIRST}{REST}{{7,64}})[`'\"]{{0,3}}{_IS_THE}",
        check=_ahead,
        window=(180, 8),
        rank=1,
    ),
)
