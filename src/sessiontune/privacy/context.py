"""Secrets known by the name they are given: `password = ...`, `API_KEY: ...`, `--token ...`.

Under a name that says password every value counts that is not a placeholder; under a name that says
key, token or secret, only a value that a machine made (`judge`). Quotes may be escaped or
URL-encoded, as they are when a file stands inside a JSON string inside a log.
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
from .looks import (
    LEAD,
    LEAST_KEY,
    MOST_VALUE,
    QUOTE,
    QUOTES,
    key_follows,
    login_word,
    password_follows,
    trimmed,
    vendor_value_follows,
)
from .owners import vendor_around
from .rules import NL, Rule, quick
from .values import TYPES, in_other_letters, is_package, like_password, typed, with_sign

_SP = r"(?:[ \t]|%20|\\*u0020)"
_OP = (
    r"(?:=>|<-|[!=]==?|:{0,3}=|[?.+|]{1,2}=|\|\||\?\?| or[ ]|:-?|->|%(?:25){0,4}3[AaDd]|\\+u003[aAdD]|"
    r"\xef\xbc\x9a|\xef\xbc\x9d|\||\xe2\x94\x82|;s:\d{1,4}:)"
)
_TYPE = (
    _SP + r"{0,3}(?:[:*]{0,2}" + _SP + r"{0,3}&?(?:'static )?[A-Za-z_][\w.<>\[\]|?* ]{0,24}[ \t]|"
    r"\{[^{}\n]{1,24}\}[ \t]*)"
)
_RUN = r"(?:[^\s\"'`\\<>;]|\\+[^\"'`\\nrt\s]|<[\w -]{1,30}>)"
#: A line break between name and value: a block of YAML, an open bracket or a backslash in code.
_FOLD = rf"(?: ?[|>][+-]?\d?|[ ]?\(|[ ]?\\+)[ ]*{NL}[ \t]+"
_NAME = r"([\w.-]*(?:WORDS)[\w.-]*)"


def assign(words: str) -> str:
    """A pattern for names with one of `words` and their values. Groups: the name, all up to the value,
    an opening quote (with a prefix such as `b`), the value."""
    name = _NAME.replace("WORDS", words)
    return (
        rf"(?i){name}((?:{QUOTE}|\*\*)?(?:\[\d{{0,4}}\]|[\])]|%5[Dd])?(?:{_TYPE}:?=|{_SP}{{0,24}}{_OP}|,)(?:{_FOLD}|[ \t\[(*]{{0,24}}))({LEAD})"
        rf"({_RUN}+)"
    )


def _anchor(words: str, size: int = 4) -> str:
    """A looser pattern for the prefilter, up to `size` bytes into the value."""
    return (
        rf"(?i)(?:{words})[\w.-]*(?:{_QA}|\*\*)?(?:\[?\d*[\])]|%5d)?(?:[ \t:*&]{{0,4}}[a-z_][\w.<>?*]*|[ \t]*\{{[^{{}}\n]{{1,24}}\}})?[ \t]*"
        rf"{_OPA}(?: ?[|>][+-]?{NL}|[(\\](?:\r?\n|\\+n)|[ \t\[(*])*(?:[bfrulsn@$]{{0,2}}{_QA})?[^\s\"'`<>()$,;{{\x00][^\s\"'`<>,;{{\x00]{{{size - 1}}}"
    )


#: Looser forms of the above for the prefilter, which pays for every choice.
_QA = r"(?:[\\\"'`]+|%(?:25)*2[27]|&[a-z#0-9]+;|\\+u002[27])"
_OPA = r"(?:[:?.!+|]{0,3}=[=>]{0,2}|<-|->|:-?|\|\|?|\?\?| or[ ]|%(?:25)*3[AaDd]|\\+u003[aAdD]|\xef\xbc[\x9a\x9d]|\xe2\x94\x82|;s:\d+:)"


#: From a vendor's name to the first eight bytes of a value, loosely, for the prefilter. A dot or a
#: dash alone is no assignment: `segments.Battery`.
_WAY = (
    r"[\w.-]*[\"'`\]\\&;a-z0-9%]*(?:[ \t:*&]*[a-z_][\w.<>?*]*[ \t])?[ \t]*"
    r"(?:SIGN|%3[AD]|\\u003[ad]|\xef\xbc[\x9a\x9d])[:=>|?.+,-]*[ \t\"'`\[(\\bfr%27]*[^\s\"'`\x00]{8}"
)
VENDOR_VALUE = _WAY.replace("SIGN", "[.-]*[:=>|?+,]")
#: In how many patterns the names of vendors are looked for: Hyperscan refuses longer ones.
_PARTS = 4


def _vendor_anchors() -> tuple[str, ...]:
    names = re.split(r"\|(?![^(]*\))", VENDORS)
    return tuple(f"(?i)(?:{'|'.join(names[i::_PARTS])}){VENDOR_VALUE}" for i in range(_PARTS))


_CONSTANT = re2.compile(rb"[A-Z0-9]+(?:_[A-Z0-9]+)+")
_FLAG = re2.compile(rb"[A-Z]{2,}(?:_[A-Z0-9]+){2,}")
#: A filter in a template: `.Values.auth.password | b64enc`.
_FILTER = re2.compile(rb"(?:b(?:ase)?64|sha\d+|md5|adler32|bcrypt)_?[a-z]*")
_CMDLET = re2.compile(rb"[A-Z][a-zA-Z]+-[A-Z][A-Za-z]+")
#: Behind a word that is no value but the first key of a map: `'password' => ['type' => ...`.
_MAPS = quick(r"\\*[\"'][ \t]{0,24}=>")
#: A word before `key` that says it is no secret: `cache key: ...`.
_SORT_OF_KEY = quick(
    r"(?i)(?:cache|primary|foreign|sort|partition|public|index|lookup|dedup|group) \Z"
)

_DOTTED = re2.compile(rb"[A-Za-z_]+(?:\.[A-Za-z_]+)+")
_STRONG_KEY = quick(r"(?i)(?:api|access|secret|private|license|auth|service) \Z")


#: The closing quote of a string to which code adds another: `"name:" + name`.
_JOINED = quick(r"\\*[\"'`][ ]{0,2}[+.&]")


#: A method called on a string that has just ended: `"password: ".format(user`.
_METHOD = re2.compile(rb"\.[a-z_]{3,24}\(")


def _is_word(value: bytes) -> bool:
    return value.replace(b"-", b"").isalpha() or in_other_letters(value)


#: `user: "ada", ` before `pass: "..."`.
_USER_BEFORE = quick(
    r"(?i)(?:user(?:name)?|login|email|uid)\\*[\"']?[ ]{0,2}(?:[:=]|=>)[ ]{0,2}\\*[\"'][^\"'\\\n]{1,60}\\*[\"'],?\s{0,20}\\*[\"']?\Z"
)


def _beside_user(data: bytes, match: Any, value: bytes, operator: bytes) -> bool:
    """True where a plain word is a password because a user's name stands right before it."""
    if not match.group(3):
        return operator in (b":", b"=") and login_word(data, match.start(4), value)
    start = match.start(1)
    return (
        operator in (b":", b"=", b"=>")
        and _USER_BEFORE.search(data, max(0, start - 100), start) is not None
        and value not in TYPES
        and not is_placeholder(value)
        and like_password(value, True, False)
    )


def _is_code(data: bytes, name: int, quoted: bool, value: bytes, end: int) -> bool:
    """True where the value is code: a member (`Secrets::Kind`), a PowerShell command behind `$name =` or
    `(`, the first key of a map, or what a template binds (`[password]="form.value"`)."""
    before = data[name - 1 : name]
    if quoted:
        bound = before in (b"[", b":") and _DOTTED.fullmatch(value) is not None
        return bound or _MAPS.match(data, end, end + 32) is not None
    member = value[:1] == b":" and value[1:2].isalpha()
    called = before == b"$" or data[end - len(value) - 1 : end - len(value)] == b"("
    return member or (called and _CMDLET.fullmatch(value) is not None)


def _closes_a_string(data: bytes, end: int, value: bytes) -> bool:
    """True where the quote before the value closes a string, or the one behind it is followed by more
    of it: `"password = " + value`, `user = "name:" + name`."""
    return (
        value[:2] == b".$"
        or _METHOD.match(value) is not None
        or (value[:1] == b"+" and data[end : end + 1] not in QUOTES)
        or (value[-1:] == b":" and _JOINED.match(data, end, end + 8) is not None)
    )


def _assigns_nothing(name: bytes, sign: bytes, lead: bytes, value: bytes, after: bytes) -> bool:
    """True where the sign between name and value (and the byte after it) says that it is no value."""
    if sign in (b"or", b"||", b"??") and (not lead or _DOTTED.fullmatch(value)):
        return True  # a fallback that is a name
    if sign == b"or" and lead[-1:] == b"`" and value.isalpha():
        return True  # names in a sentence: `password` or `salt`
    if sign in (b"|", b"\xe2\x94\x82") and lead:
        typed_in = says_password(name) and with_sign(value) and after == lead[-1:]
        return _CONSTANT.fullmatch(value) is not None or not (
            typed_in or judged_random(value, 16)  # cells
        )
    if sign == b"|":
        return _FLAG.fullmatch(value) is not None or _FILTER.fullmatch(value) is not None
    if sign[-2:] in (b"==", b"!="):
        return not lead  # a comparison of names
    return sign == b"->" and after == b":"  # a return type: `def new(key: Key) -> SigScheme:`


def _in_a_list(name: bytes, middle: bytes, lead: bytes, value: bytes) -> bool:
    """True where a comma separates words or names, not a name and its value: `"CNS1-0", "CNS1-1"`."""
    return (
        value.isalpha()
        or not lead
        or middle[:1] not in (b'"', b"'", b"`", b"\\")
        or value.startswith(name.partition(b"-")[0] + b"-")
    )


def _owned(data: bytes, match: Any, value: bytes, quoted: bool, operator: bytes) -> bool:
    """True where a bare `key` is that of a service that the block or the address around it names."""
    begin, end = match.span(1)
    begin += data[begin - 1 : begin + 1] in _ESCAPED_ENDS
    if data[begin:end].lower() != b"key":
        return False
    vendor = vendor_around(data, begin)
    return vendor is not None and judge(vendor + b"_key", value, quoted, operator) is not None


#: A line end or a tab of a JSON string, whose letter the name behind it takes for its own.
_ESCAPED_ENDS = (b"\\n", b"\\r", b"\\t")


def assigned(data: bytes, match: Any) -> tuple[int, int] | None:
    """The check for `assign`: the value, if it is a secret under its name."""
    name, middle, lead, value = (match.group(i) for i in (1, 2, 3, 4))
    begin, start, quoted = match.start(), match.start(4), bool(lead)
    value = put_there(data, begin, trimmed(value, quoted, b"=" in middle))
    if data[begin - 1 : begin] == b"/":  # the user in an address: `https://x-access-token:V@host`
        value = value.partition(b"@")[0]
    end = start + len(value)
    if is_sought(data, start) or data[end : end + 3].startswith((b"..", b"\xe2\x80\xa6")):
        return None
    if name[:1] in b"nrt" and name[1:].isupper() and data[begin - 1 : begin] == b"\\":
        name = name[1:]  # the letter is part of an escaped line end: `\nDB_PASSWORD=V` in JSON
    if name[:3].lower() == b"key":
        before = max(0, begin - 12)
        if _SORT_OF_KEY.search(data, before, begin):
            return None
        if _STRONG_KEY.search(data, before, begin):
            name = b"api_" + name
    operator, after = middle.strip(b"'\"`\\]"), data[end : end + 1]
    sign = operator.strip(b" \t)")
    if (
        _assigns_nothing(name, sign, lead, value, after)
        or (operator.strip() == b"," and _in_a_list(name, middle, lead, value))
        or (quoted and after == b" " and _is_word(value))  # the first word of a sentence
        or (quoted and _closes_a_string(data, end, value))
        or _is_code(data, begin, quoted, value, end)
        or value == name
        or (value[:1] == b"?" and data[begin - 2 : begin] == b"${")  # `${NAME:?is not set}`
        or is_package(data, start, end)
    ):
        return None
    if (
        judge(name, value, quoted, operator) is None
        and not _owned(data, match, value, quoted, operator)
        and not (says_password(name) and not dull(name) and _beside_user(data, match, value, sign))
    ):
        return None
    if quoted:
        end = _joined_end(data, end)
        more = _LESS.match(data, end, end + 80) if data[end : end + 1] == b"<" else None
        if more and lead[-1:] == more.group(2) and typed(data[start : more.start(1)]):
            end = more.start(1)
    return (start, end) if end > start else None


#: The rest of a password that holds `<`, up to its quote.
_LESS = quick(r"(?:<[^\s\"'`\\<\x00]{0,40}){1,4}(\\*)([\"'`])")
#: The next literal of a value that code puts together: `"..." + "..."`, also over lines.
_MORE_OF_IT = quick(
    r"\\*[\"'`][ \t]{0,8}+[+.&\\]?(?:\s|\\+n){0,60}+[+.&]?[ \t]{0,8}+[bfru@]?\\*[\"'`]([A-Za-z0-9_+/=.-]{6,400})(?=\\*[\"'`])"
)


def _joined_end(data: bytes, end: int) -> int:
    """The end of a value that may go on in the next literals. A literal is part of it only if it is
    random; a word is another value of a list."""
    while (more := _MORE_OF_IT.match(data, end, end + 600)) and judged_random(more.group(1), 6):
        end = more.end()
    return end


RULES: tuple[Rule, ...] = (
    *(
        Rule(
            kind="password",
            anchor=_anchor(words),
            exact=assign(words),
            check=assigned,
            near=password_follows,
            window=(120, 1000),
            first=MOST_VALUE,
            rank=3,
        )
        for words in PASS_PARTS
    ),
    Rule(
        kind="secret",
        anchor=_anchor(KEY_WORDS, LEAST_KEY),
        exact=assign(KEY_WORDS),
        check=assigned,
        near=lambda data, end: key_follows(data, end, LEAST_KEY),
        window=(126, 1000),
        first=MOST_VALUE,
        rank=2,
    ),
    Rule(
        kind="secret",
        anchor=f"(?i)(?:{VENDORS})",
        exact=assign(VENDORS),
        check=assigned,
        near=vendor_value_follows,
        window=(170, 1000),
        first=MOST_VALUE,
        rank=2,
        faster=_vendor_anchors(),
    ),
)
