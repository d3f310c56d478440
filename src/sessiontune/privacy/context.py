"""Secrets known by the name they are given: `password = ...`, `API_KEY: ...`, `--token ...`.

A name that says password: any value that is not a placeholder. A name that says key, token or
secret: a value that a machine made. Quotes may be escaped or URL-encoded, as they are when a
file stands inside a JSON string inside a log.
"""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

import re
from typing import Any

import re2

from .checks import is_placeholder, judged_random
from .editing import is_sought, put_there
from .judge import judge
from .keynames import KEY_WORDS, PASS_PARTS, VENDORS, dull, says_password
from .rules import Rule, quick
from .sentences import typed
from .values import TYPES, in_other_letters, is_package, like_key, like_password

_Q = r"(?:\\*[\"'`]|%(?:25){0,4}2[27]|&(?:quot|apos|#0?3[49]|#x0?2[27]);|\\+u002[27])"
_SP = r"(?:[ \t]|%20|\\*u0020)"
_OP = (
    r"(?:=>|<-|[!=]==?|:{0,3}=|[?.+|]{1,2}=|\|\||\?\?| or[ ]|:-?|->|%(?:25){0,4}3[AaDd]|\\+u003[aAdD]|"
    r"\xef\xbc\x9a|\xef\xbc\x9d|\||\xe2\x94\x82|;s:\d{1,4}:)"
)
_TYPE = (
    _SP + r"{0,3}(?:[:*]{0,2}" + _SP + r"{0,3}&?(?:'static )?[A-Za-z_][\w.<>\[\]|?* ]{0,24}[ \t]|"
    r"\{[^{}\n]{1,24}\}[ \t]*)"
)
_LEAD = r"(?:(?:[bBfFrRuU]{1,2}|@|\$|L|S|N)?" + _Q + r"(?:\\*\"\\*\"|'')?)?"
_RUN = r"(?:[^\s\"'`\\<>;]|\\+[^\"'`\\nrt\s]|<[\w -]{1,30}>)"
#: The value stands on the next line (of a numbered listing, of a change): a block of YAML, a bracket
#: or a backslash in code.
_FOLD = r"(?: ?[|>][+-]?\d?|[ ]?\(|[ ]?\\+)[ ]*(?:(?:\\+r)?\\+n|\r?\n)(?:[ ]{0,8}\d{1,6}(?:\xe2\x86\x92|\\+u2192|\t|\\+t|[:|-][ ]?)|[+-])?[ \t]+"
_NAME = r"([\w.-]*(?:WORDS)[\w.-]*)"


def assign(words: str) -> str:
    name = _NAME.replace("WORDS", words)
    return (
        rf"(?i){name}((?:{_Q}|\*\*)?(?:\[\d{{0,4}}\]|[\])]|%5[Dd])?(?:{_TYPE}:?=|{_SP}{{0,24}}{_OP}|,)(?:{_FOLD}|[ \t\[(*]{{0,24}}))({_LEAD})"
        rf"({_RUN}+)"
    )


def _anchor(words: str, size: int = 4) -> str:
    return (
        rf"(?i)(?:{words})[\w.-]*(?:{_QA}|\*\*)?(?:\[?\d*[\])]|%5d)?(?:[ \t:*&]{{0,4}}[a-z_][\w.<>?*]*|[ \t]*\{{[^{{}}\n]{{1,24}}\}})?[ \t]*"
        rf"{_OPA}(?: ?[|>][+-]?{_NLA}|[(\\](?:\r?\n|\\+n)|[ \t\[(*])*(?:[bfrulsn@$]{{0,2}}{_QA})?[^\s\"'`<>()$,;{{][^\s\"'`<>,;{{]{{{size - 1}}}"
    )


#: The same, loosely, for the prefilter.
_QA = r"(?:[\\\"'`]+|%(?:25)*2[27]|&[a-z#0-9]+;|\\+u002[27])"
_NLA = r"(?:\s|\\+n)(?:[+-]|[ ]*\d+(?:\xe2\x86\x92|[:|\t-]|\\+t))?"
_OPA = r"(?:[:?.!+|]{0,3}=[=>]{0,2}|<-|->|:-?|\|\|?|\?\?| or[ ]|%(?:25)*3[AaDd]|\\+u003[aAdD]|\xef\xbc[\x9a\x9d]|\xe2\x94\x82|;s:\d+:)"


#: The same as a whole: what it takes it never gives back. (A NUL ends one of many texts.)
_VALUE = quick(r"(?:[^\s\"'`\\<>;\x00]++|\\++[^\"'`nrt\s\x00]|<[\w -]{1,30}>)++")
_QUOTES = (b'"', b"'", b"`")
#: The last character of a quote that stands encoded: `%22`, `&quot;`.
_PERHAPS = (b"7", b"2", b";")
#: What the prefilter saw of a key's value (none is shorter), and what hardly a value exceeds.
_KEY = 10
_FIRST = 256


def key_follows(data: bytes, end: int, seen: int = 4) -> bool:
    """The value whose first bytes end at `end` would be a key under the right name."""
    start = end - seen
    match = _VALUE.match(data, start, start + 1000)
    if match is None or match.end() - start < _KEY:
        return False
    before = data[max(0, start - 2) : start]
    quoted = before[-1:] in (b'"', b"'", b"`", b">", b"7", b"2", b";")
    if not quoted and before[-1:] == b"=" and before[:1].isupper():
        return like_key(trimmed(match.group(), False), True)  # NAME=value, as in a shell
    return like_key(trimmed(match.group(), quoted), quoted)


#: A closing quote that stands as an entity of HTML; its semicolon is no part of a value.
_CLOSING = re.compile(rb"&(?:quot|apos|#0?3[49]|#x0?2[27])\Z")
#: The next field of a URL's query or a form.
_NEXT_FIELD = quick(r"&(?:amp;)?[A-Za-z_][A-Za-z0-9_.\[\]-]{0,40}=|&\Z")


def _says_password(name: bytes) -> bool:
    low = name.lower()
    return b"pass" in low or b"pwd" in low


#: A verdict, a table's head, the working folder: `--- PASS: TestOne`.
_VERDICT = quick(r"(?i)[^A-Za-z0-9_.-](?:pass|pwd|pw)[^A-Za-z0-9_.]{1,12}\Z")
_SIGNS = quick(r"[0-9!@#$%^&*]")
_SAYS_USER = quick(r"(?i)user|login|email|uid")


def password_follows(data: bytes, end: int) -> bool:
    """The value whose first four bytes end at `end` may be a password."""
    start = end - 4
    match = _VALUE.match(data, start, start + 1000)
    if match is None:
        return True
    before = data[start - 1 : start]
    if _VERDICT.search(data, max(0, start - 17), start) and not _SIGNS.search(
        data, start, match.end()
    ):  # `_is_password` asks for more under such a name, or for a user beside it
        if before == b" ":
            return _login_word(data, start, trimmed(match.group(), False))
        return before in _QUOTES and _SAYS_USER.search(data, max(0, start - 120), start) is not None
    shell = before == b"="
    for quoted in (True, False) if before in _PERHAPS else (before in _QUOTES,):
        value = trimmed(match.group(), quoted)
        if like_password(value, quoted, shell) and not is_placeholder(value):
            return True
    return before == b" " and _login_word(data, start, trimmed(match.group(), False))


#: The lines beside a password in a settings file: `username: ada`.
_LOGIN = r"[ \t-]{0,40}(?:[A-Za-z]{1,12}[_-])?(?:user(?:name)?|login|host(?:name)?|port|database|db(?:name)?):[ \t]{1,8}[^\s,;{}()]{1,80}[ \t\r]{0,4}"
_LOGIN_LINE = quick(rf"(?i){_LOGIN}\Z")
_LOGIN_BELOW = quick(rf"(?i)[ \t]{{0,8}}\r?\n{_LOGIN}(?:\n|\Z)")
_LOWER_WORD = quick(r"[a-z]{5,24}\Z")


def _login_word(data: bytes, start: int, value: bytes) -> bool:
    """A plain word for a password, in a settings file: it ends its line, and the line above or below
    says who signs in, or where. Elsewhere such a word is a type, a verb, a name in code."""
    end = start + len(value)
    if (
        not _LOWER_WORD.match(value, 0, len(value))
        or data[end : end + 1] not in (b"\n", b"\r", b"")
        or is_placeholder(value)
        or value in TYPES
        or says_password(value)
    ):
        return False
    line = data.rfind(b"\n", max(0, start - 200), start)
    above = max(data.rfind(b"\n", 0, max(0, line)) + 1, line - 200)
    return (line > 0 and _LOGIN_LINE.match(data, above, line) is not None) or (
        _LOGIN_BELOW.match(data, end, end + 240) is not None
    )


def key_or_password_follows(data: bytes, end: int) -> bool:
    """The same where the name may also say password."""
    if _says_password(data[max(0, end - 200) : end]):
        return True
    return key_follows(data, end)


def trimmed(value: bytes, quoted: bool, field: bool = True) -> bytes:
    """The value without what closes it in code; `field`: it may be one of a URL's query."""
    if quoted:
        return _CLOSING.sub(b"", value).rstrip(b"\\")
    value = value.rstrip(b",;)]}.:|\\")
    next_field = _NEXT_FIELD.search(value, 0, 1000) if field and b"&" in value else None
    return value[: next_field.start()] if next_field else value


#: From a vendor's name, loosely, to the beginning of a value. A dot or a dash alone assigns nothing:
#: `segments.Battery`.
_WAY = (
    r"[\w.-]*[\"'`\]\\&;a-z0-9%]*(?:[ \t:*&]*[a-z_][\w.<>?*]*[ \t])?[ \t]*"
    r"(?:SIGN|%3[AD]|\\u003[ad]|\xef\xbc[\x9a\x9d])[:=>|?.+,-]*[ \t\"'`\[(\\bfr%27]*[^\s\"'`]{8}"
)
VENDOR_VALUE = _WAY.replace("SIGN", "[.-]*[:=>|?+,]")
_DIGIT = quick(r"[^\s\"'`\d]{0,24}+\d")
#: What the prefilter may have taken for the value's beginning, and how that begins itself.
_BEFORE_VALUE = quick(rf"(?i)[ \t\[(*]{{0,24}}{_LEAD}")
_BEFORE = frozenset(b" \t[(*bfrulsnBFRULSN@$\\\"'`%&")
#: Hyperscan takes no more of the names in one pattern.
_PARTS = 4


def vendor_value_follows(data: bytes, end: int) -> bool:
    """The value whose first eight bytes end at `end` would be a key under a vendor's name."""
    start = end - 8 if end > 8 else 0
    if _DIGIT.match(data, start, end + 17) is None:
        return False
    if _like_key_at(data, start):
        return True
    if data[start] in _BEFORE:
        begun = _BEFORE_VALUE.match(data, start, start + 24)
        if begun and begun.end() > start and _like_key_at(data, begun.end()):
            return True
    return _says_password(data[end - 170 if end > 170 else 0 : end])


def _like_key_at(data: bytes, at: int) -> bool:
    match = _VALUE.match(data, at, at + 1000)
    if match is None or match.end() - at < _KEY:
        return False
    value, before = match.group(), data[at - 1 : at]
    if before in _PERHAPS and like_key(trimmed(value, True), True):
        return True
    quoted = before in _QUOTES
    return like_key(trimmed(value, quoted), quoted or before == b"=")


def _vendor_anchors() -> tuple[str, ...]:
    names = re.split(r"\|(?![^(]*\))", VENDORS)
    return tuple(f"(?i)(?:{'|'.join(names[i::_PARTS])}){VENDOR_VALUE}" for i in range(_PARTS))


_CONSTANT = re2.compile(rb"[A-Z0-9]+(?:_[A-Z0-9]+)+")
_FLAG = re2.compile(rb"[A-Z]{2,}(?:_[A-Z0-9]+){2,}")
_CMDLET = re2.compile(rb"[A-Z][a-zA-Z]+-[A-Z][A-Za-z]+")
#: What follows the first key of a map: `'password' => ['type' => ...`.
_MAPS = quick(r"\\*[\"'][ \t]{0,24}=>")
#: What is no secret: `cache key: ...`.
_SORT_OF_KEY = quick(
    r"(?i)(?:cache|primary|foreign|sort|partition|public|index|lookup|dedup|group) \Z"
)

_DOTTED = re2.compile(rb"[A-Za-z_]+(?:\.[A-Za-z_]+)+")
_STRONG_KEY = quick(r"(?i)(?:api|access|secret|private|license|auth|service) \Z")


#: A quote that closes a string, and another that is joined to it.
_JOINED = quick(r"\\*[\"'`][ ]{0,2}[+.&]")


#: What is called on the string that a quote closes: `"password: ".format(user`.
_METHOD = re2.compile(rb"\.[a-z_]{3,24}\(")


def _is_word(value: bytes) -> bool:
    return value.replace(b"-", b"").isalpha() or in_other_letters(value)


#: `user: "ada", ` before `pass: "..."`.
_USER_BEFORE = quick(
    r"(?i)(?:user(?:name)?|login|email|uid)\\*[\"']?[ ]{0,2}(?:[:=]|=>)[ ]{0,2}\\*[\"'][^\"'\\\n]{1,60}\\*[\"'],?\s{0,20}\\*[\"']?\Z"
)


def _beside_user(data: bytes, match: Any, value: bytes, operator: bytes) -> bool:
    """A word for a password, where what stands beside it says whose it is."""
    if not match.group(3):
        return operator == b":" and _login_word(data, match.start(4), value)
    start = match.start(1)
    return (
        operator in (b":", b"=", b"=>")
        and _USER_BEFORE.search(data, max(0, start - 100), start) is not None
        and value not in TYPES
        and not is_placeholder(value)
        and like_password(value, True, False)
    )


def _is_code(data: bytes, name: int, quoted: bool, value: bytes, end: int) -> bool:
    """A call of PowerShell behind `$name =`; the first key of a map that stands for the value;
    what a template binds, as `[password]="form.value"` and `:password="form.value"` do."""
    if quoted:
        bound = data[name - 1 : name] in (b"[", b":") and _DOTTED.fullmatch(value) is not None
        return bound or _MAPS.match(data, end, end + 32) is not None
    return data[name - 1 : name] == b"$" and _CMDLET.fullmatch(value) is not None


def assigned(data: bytes, match: Any) -> tuple[int, int] | None:
    name, middle, lead, value = (match.group(i) for i in (1, 2, 3, 4))
    start = match.start(4)
    value = put_there(data, match.start(), trimmed(value, bool(lead), b"=" in middle))
    end = start + len(value)
    if is_sought(data, start) or data[end : end + 3].startswith((b"..", b"\xe2\x80\xa6")):
        return None
    operator = middle.strip(b"'\"`\\]")
    plain = operator.strip(b" \t)")
    if plain in (b"or", b"||", b"??") and (not lead or _DOTTED.fullmatch(value)):
        return None
    if plain == b"or" and lead[-1:] == b"`" and value.isalpha():
        return None  # names in a text: `password` or `salt`
    if (
        plain in (b"|", b"\xe2\x94\x82")
        and lead
        and (_CONSTANT.fullmatch(value) or not judged_random(value, 16))
    ):
        return None  # names that are listed
    if plain == b"|" and _FLAG.fullmatch(value):
        return None  # flags that are joined
    if (plain[-2:] in (b"==", b"!=") and not lead) or (
        plain == b"->" and data[end : end + 1] == b":"
    ):
        return None  # `def new(key: Key) -> PKCS115_SigScheme:`
    if lead and data[end : end + 1] == b" " and _is_word(value):
        return None  # the first word of a sentence
    if name[:3].lower() == b"key":
        before = max(0, match.start() - 12)
        if _SORT_OF_KEY.search(data, before, match.start()):
            return None
        if _STRONG_KEY.search(data, before, match.start()):
            name = b"api_" + name
    if not lead and value[:1] == b":" and value[1:2].isalpha():
        return None  # `Secrets::Kind`
    if lead and value[-1:] == b":" and _JOINED.match(data, end, end + 8):
        return None  # `user = "name:" + name`
    if _is_code(data, match.start(1), bool(lead), value, end):
        return None
    if lead and (
        value[:2] == b".$"
        or _METHOD.match(value)
        or (value[:1] == b"+" and data[end : end + 1] not in _QUOTES)
    ):
        return None  # the quote before it closes a string: `"password = " + value`
    if operator.strip() == b"," and (
        value.isalpha()
        or not lead
        or middle[:1] not in (b'"', b"'", b"`", b"\\")
        or value.startswith(name.partition(b"-")[0] + b"-")
    ):
        return None  # a list of words, or of names: `"Adobe-CNS1-0", "Adobe-CNS1-1"`
    if value == name or is_package(data, start, end):
        return None
    if judge(name, value, bool(lead), operator) is None and not (
        says_password(name) and not dull(name) and _beside_user(data, match, value, plain)
    ):
        return None
    if lead:
        end = _joined_end(data, end)
        more = _LESS.match(data, end, end + 80) if data[end : end + 1] == b"<" else None
        if more and lead[-1:] == more.group(2) and typed(data[start : more.start(1)]):
            end = more.start(1)
    return (start, end) if end > start else None


#: The rest of a password that holds `<`, up to its quote.
_LESS = quick(r"(?:<[^\s\"'`\\<\x00]{0,40}){1,4}(\\*)([\"'`])")
#: The rest of a value that code puts together from literals: `"..." + "..."`, also over lines.
_MORE_OF_IT = quick(
    r"\\*[\"'`][ \t]{0,8}+[+.&\\]?(?:\s|\\+n){0,60}+[+.&]?[ \t]{0,8}+[bfru@]?\\*[\"'`]([A-Za-z0-9_+/=.-]{6,400})(?=\\*[\"'`])"
)


def _joined_end(data: bytes, end: int) -> int:
    """Where a value ends that goes on in the next literal: no word, and no other value of a list."""
    while (more := _MORE_OF_IT.match(data, end, end + 600)) and judged_random(more.group(1), 6):
        end = more.end()
    return end


RULES: tuple[Rule, ...] = (
    *(
        Rule(
            kind="password",
            layer="secrets",
            anchor=_anchor(words),
            exact=assign(words),
            check=assigned,
            near=password_follows,
            before=120,
            after=1000,
            first=_FIRST,
            rank=3,
        )
        for words in PASS_PARTS
    ),
    Rule(
        kind="secret",
        layer="secrets",
        anchor=_anchor(KEY_WORDS, _KEY),
        exact=assign(KEY_WORDS),
        check=assigned,
        near=lambda data, end: key_follows(data, end, _KEY),
        before=126,
        after=1000,
        first=_FIRST,
        rank=2,
    ),
    Rule(
        kind="secret",
        layer="secrets",
        anchor=f"(?i)(?:{VENDORS})",
        exact=assign(VENDORS),
        check=assigned,
        near=vendor_value_follows,
        before=170,
        after=1000,
        first=_FIRST,
        rank=2,
        faster=_vendor_anchors(),
    ),
)
