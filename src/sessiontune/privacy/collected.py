"""Several secrets under one name: `TOKENS = ["V", "V"]`, `users = {"ada": "V"}`, a section `[passwords]`;
and logins noted as `admin / V`.
"""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from typing import Any

from .checks import numbered, wordy
from .nearby import HEX, whole_key
from .rules import NL, Rule, quick
from .sentences import said_follows
from .values import HASHES, no_secret, typed

_NAMES = r"(?i:passwords|passwd|users|accounts|logins|credentials|creds|tokens|secrets|api_?keys|cookies)"
_OPENS = r"\\*[\"']?(?:\]|: ?[A-Za-z\[\], |]{1,24})?[ ]?(?:=|:|=>)[ ]?[\[{(]"
_SPACE = r"(?:\s|\\+[nt]){0,80}"
#: The next value of a list, and the next entry of a map.
_ITEM = quick(rf"{_SPACE}\\*[\"']([^\s\"'\\]{{6,400}})\\*[\"'],?")
_ENTRY = quick(
    rf"{_SPACE}\\*[\"']?([\w.@-]{{1,60}})\\*[\"']?[ ]?(?::|=>|=)[ ]?\\*[\"']([^\s\"'\\]{{6,400}})\\*[\"'],?"
)
#: Keys of a map whose values are no passwords: what else is known of a user.
_TOLD = quick(
    r"(?i).*(?:id|type|name|user|login|email|mail|host|url|uri|path|file|version|role|group|date|time|hash|phone|avatar|colou?r|title|label|key|ref|region|scope|provider)s?\Z"
)
#: Names of collections that hold only random values. (`tokens` may be those of a design: `"Blue-500"`.)
_MADE = quick(r"(?i)(?:tokens|api_?keys|cookies)[^a-z]")
#: Names of collections whose lists hold ids and addresses.
_PEOPLE = quick(r"(?i)(?:users|accounts|logins)[^a-z]")
#: A colour, the number of an account, the name of a constant.
_CODE = quick(r"#[0-9a-fA-F]{6,8}\Z|[A-Z]{2,5}(?:-[0-9]+[A-Z]?)+\Z|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\Z")
#: The private key of an account (an address has 40 digits).
_WALLET = quick(r"0x[0-9a-fA-F]{64}\Z")
_MOST = 60


def _collected(data: bytes, end: int) -> list[tuple[int, int]]:
    """The secrets of the list or map that begins at `end`, up to what is no more a part of it."""
    found: list[tuple[int, int]] = []
    head, at = data[max(0, end - 48) : end], end
    made, people = _MADE.search(head, 0, 48), _PEOPLE.search(head, 0, 48)
    for _ in range(_MOST):
        entry = _ENTRY.match(data, at, at + 700)
        item = entry or _ITEM.match(data, at, at + 700)
        if item is None:
            break
        start, stop = item.span(item.re.groups)
        key = (
            (start, stop)
            if people and _WALLET.match(data, start, stop)
            else None
            if people and (not entry or HEX.match(data, start, stop))
            else whole_key(data, start)
        )
        if (key is not None and key[1] == stop) or (
            entry and not made and not _TOLD.match(entry[1]) and _set_by_somebody(entry[2])
        ):
            found.append((start, stop))
        at = item.end()
    return found


def _set_by_somebody(value: bytes) -> bool:
    return (
        typed(value)
        and wordy(value) < 0.85
        and not no_secret(value)
        and not HASHES.match(value)
        and not _CODE.match(value)
        and not any(c in b"/@:<>{}()[]" for c in value[1:-1])
    )


_ADMINS = ("[aA]dmin(?:istrator)?", "root", r"\bsa")
_MARKS = r"[`*]{0,3}"
_WHERE = r"(?i:router|nas|wi-?fi|wlan|ftp|sftp|ssh|vpn|rdp|ipmi|idrac|ilo|login|zugang\w{0,8}|access|account|creds|credentials|acc\xc3\xa8s|acceso|acesso|accesso)"
_WHO = r"[A-Za-z][\w.@-]{1,40}"
_SIGN = r"[A-Za-z0-9!@#$%^&+_.~-][^\s`'\"<>\x80-\xff]"


def _signs_in(data: bytes, match: Any) -> tuple[int, int] | None:
    """`admin / V`, if V looks like a password and not like a path, a version or a role."""
    value, bracket, rest = match.group(1).partition(b"(")
    if bracket and (rest or data[match.end(1) : match.end(1) + 1] < b"\x80"):
        return None  # a call; what follows in brackets in Chinese is a remark
    value = value.partition(b"\\")[0].rstrip(b".,;:!?)`*")
    start = match.start(1)
    before = data[match.start() - 1 : match.start()]
    if data[start - 1] == 58 and before in (b"/", b"-", b".", b":"):
        return None  # an image and its tag, fields of a list: `acme/admin:V`, `main.cf:f:root:V`
    good = (
        len(value) >= 7
        and (typed(value) or numbered(value))
        and wordy(value) < 0.9
        and not any(c in b"/){}[]|<>," for c in value)
        and not no_secret(value)
    )
    return (start, start + len(value)) if good else None


def _login(lead: str, faster: tuple[str, ...] = ()) -> Rule:
    return Rule(
        "password",
        rf"{lead}{_MARKS}{_SIGN}{{3}}",
        rf"{lead}{_MARKS}({_SIGN}{{6,80}})",
        _signs_in,
        near=said_follows,
        window=(160, 120),
        rank=1,
        faster=tuple(rf"{lead}{_MARKS}{_SIGN}{{3}}" for lead in faster),
    )


#: What stands between a user and a password, each apart: `sa` alone is a part of many words.
_EACH_BETWEEN = (" / ", " : ", ":", r"[`*]{1,3}(?: / | : |:)")

RULES: tuple[Rule, ...] = (
    Rule("secret", rf"{_NAMES}{_OPENS}", direct=_collected, rank=2),
    Rule(
        "secret",
        rf"(?:^|[\n\x00\"]|\\n)\[{_NAMES}\][ \t]*{NL}",
        direct=_collected,
        rank=2,
    ),
    *(
        _login(
            rf"{who}{_MARKS}(?: / | : |:)", tuple(f"{who}{between}" for between in _EACH_BETWEEN)
        )
        for who in _ADMINS
    ),
    _login(rf"@[A-Za-z0-9.-]+\.[a-z]+{_MARKS} / "),
    _login(rf"\b{_WHERE}[^\n/]{{0,40}}:[ ]{_WHO}{_MARKS} / "),
)
