"""Passwords and keys among the arguments of a call: `setPassword("V")`, `login("ada", "V")`."""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from typing import Any

import re2

from .checks import count_digits, is_placeholder, judged_random, numbered, wordy
from .judge import judge
from .keynames import says_password
from .rules import Rule, left_edge, quick, secret_rule
from .structured import WORDS, whole
from .values import is_dull_value, is_gibberish, like_password, typed


def _listed(data: bytes, match: Any) -> tuple[int, int] | None:
    """`NAME   V`, `NAME,V`, `NAME | what it is | V`, as tables have them: only what a machine made."""
    start, end = match.span(2)
    value = match.group(2)
    if not left_edge(data, match.start(1)) or not judged_random(value, 16):
        return None
    return (start, end) if judge(match.group(1), value, True, b",") else None


def _argument(data: bytes, match: Any) -> tuple[int, int] | None:
    """A password among the arguments of a call: no plain word, and what `like_password` accepts."""
    value = match.group(1)
    plain = value.replace(b"_", b"").isalpha() and not is_gibberish(value)
    if plain or is_placeholder(value) or not like_password(value, True, False):
        return None
    start, end = match.span(1)
    return start, end


def _behind_address(data: bytes, match: Any) -> tuple[int, int] | None:
    """`("ada@...", "V")`, `hashSync("V", 10)`: what looks like a password, and is no address, host,
    path or date."""
    value = match.group(1)
    if not typed(value) or is_dull_value(value) or _ADDRESS.fullmatch(value):
        return None
    return _argument(data, match)


def _behind_user(data: bytes, match: Any) -> tuple[int, int] | None:
    """`db.auth("ada", "V")`: such calls also take other things, so only what has few words."""
    return None if wordy(match.group(1)) > 0.8 else _behind_address(data, match)


def _kept(data: bytes, match: Any) -> tuple[int, int] | None:
    """`keychain.set("V", forKey: "authToken")`."""
    return match.span(1) if judge(match.group(2), match.group(1), True, b",") else None


#: Another address, a host, a name with dashes (`Subject-line1`).
_ADDRESS = re2.compile(
    rb"[\w.+-]+@(?:[\w-]+\.)+[A-Za-z]\w*|[\w.+-]+@[a-z]+|[\w-]+(?:\.[\w-]+)+(?::\d+)?|[A-Z]+(?:-\d+)+|[a-z]+(?:[_-][a-z0-9]+)+|"
    rb"[A-Za-z]+(?:[_-][A-Za-z]+)+\d?"
)
#: Calls that hash, check or set a password.
_HASHES = r"\bSensitive(?:\.new)?|\bbcrypt(?:\.\w+)?|\bHash::make|\bhashpw|\bhashSync|\b(?:make|generate|hash|check|verify|set)_password(?:_hash)?|\bpassword_(?:hash|verify)|[pP]ass\w{0,20}(?:\(\))?\.(?:encode|matches|hash|make|verify|check|compare)|\b(?:Create|AddPassword|CheckPassword|PasswordSignIn|ResetPassword)Async"
#: A name, and between it and its value a call or nothing: `setPassword("V")`, `key := []byte("V")`,
#: `api_key: SecretStr = SecretStr("V")`, `api_key "V"`.
_CALLED = r"passw(?:or)?d|passphrase|secret|token|key|bearer"
_CALL = (
    r"(?:(?:(?:\\*[\"'])?(?::[ ]?[A-Za-z][\w.\[\]|]*)?[ \t]?(?:[:=]{1,2}|=>)[ \t]{0,24}(?:new )?[\w.:\[\]!]+)?"
    r"[?!]?[({][ ]?(?:default=)?[bfru@]{0,2}|[ ])"
)
_LITERAL = r"[^\s\"'`\\<>$()]"


def _called(data: bytes, match: Any) -> tuple[int, int] | None:
    """A literal behind such a name: a random value, or a password that looks like one."""
    name, value = match.group(1), match.group(2)
    if judge(name, value, True, b"=") is None or is_dull_value(value):
        return None
    if says_password(name):
        told = typed(value) or numbered(value)
        good = len(value) >= 8 and told and wordy(value) < 0.9
    else:
        good = judged_random(value, 16) and not _RESOURCE.match(value, 0, len(value))
    return match.span(2) if good else None


#: The name of a thing in a cluster: `secret "app-tls-9c8d7f6b5-x2x4z" deleted`.
_RESOURCE = quick(r"[a-z]{3,20}(?:-[a-z0-9]{1,15}){2,9}\Z")


def _literal_follows(data: bytes, end: int) -> bool:
    match = _REST.match(data, end - 8, end + 200)
    return match is not None and count_digits(match.group()) > 0


_REST = quick(r"[^\s\"'`\\<>\x00]{8,200}")
_TEXT = r"\\*[\"'][^\"'\n]{0,80}[\"'],[ ]{0,2}"
#: From one argument to the next, perhaps on a new line.
_NEXT = r",(?:\s|\\n){0,40}"
#: A character of a literal that no variable begins, and one of any literal.
_PLAIN, _ANY = r"[^\s\"'$<>{}()\\]", r"[^\s\"'<>{}()\\]"
_Q = r"\\*[\"']"
#: A password of four characters or more, and one of six.
_FOUR, _SIX = rf"{_PLAIN}{_ANY}{{3,200}}", rf"{_PLAIN}{_ANY}{{5,200}}"
#: From its end to the next argument, or to the end of the call.
_MORE = rf"{_Q}[ ]?[,)]"

RULES: tuple[Rule, ...] = (
    Rule(
        "secret",
        rf",[ ]?(?:forK|k)ey:[ ]?{_Q}{WORDS}{_Q}",
        rf"\([ ]?{_Q}({_PLAIN}{{8,300}}){_Q},[ ]?(?:forK|k)ey:[ ]?{_Q}({WORDS}){_Q}",
        _kept,
        window=(400, 40),
        rank=2,
    ),
    Rule(
        "secret",
        rf"(?i)(?:{_CALLED})\w*{_CALL}\\*[\"'`]{_LITERAL}{{8}}",
        rf"(?i)([\w.-]*(?:{_CALLED})\w*){_CALL}\\*[\"'`]({_LITERAL}{{8,900}})\\*[\"'`]",
        _called,
        near=_literal_follows,
        window=(200, 960),
        rank=2,
    ),
    Rule(
        "secret",
        r"(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD)(?:_[A-Z0-9]{1,12})?[\"`]?(?:[ ]{2,60}|\t{1,8}|[,;]|[ ]*\|[^|\n]*\|)[ \t]*[\"'`]?[A-Za-z0-9_+/=.~-]{16}",
        r"([A-Z][A-Z0-9_]*(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD)(?:_[A-Z0-9]{1,12})?)[\"`]?(?:[ ]{2,60}|\t{1,8}|[,;]|[ ]{0,40}\|[^|\n]{0,120}\|)[ \t]*[\"'`]?([A-Za-z0-9_+/=.~-]{16,900})",
        _listed,
        window=(320, 960),
        rank=2,
    ),
    secret_rule(
        "password",
        rf"(?:\b[lL]og_?[iI]n|\b[sS]ign_?[iI]n|\bauthenticate|(?i:basic_?auth(?:entication)?)|\boci_?(?:p?connect|logon)|[uU]ser(?:name)?Password\w*|\bauth[ ]?=[ ]?|\bsimple_bind(?:_s)?|[cC]redential\]::new|[cC]redentials?|WiFi(?:Multi)?\.(?:begin|addAP|softAP)|[\"']auth[\"'][ ]?=>[ ]?)[\[( ]{_TEXT}(?:Some\()?{_Q}",
        _FOUR,
        _argument,
        rf"{_Q}(?:[ ]?[\],)]|\s|$)",
    ),
    secret_rule(
        "password",
        rf"(?:mysqli?(?:_p?connect)?|MySQLdb\.connect|mysql\.connect|pymysql\.connect|getConnection|new PDO|\bFTP(?:_TLS|\.open|\.new)?|pg_connect|ftp_login|DirectoryEntry|ssh2_auth_password|DBI(?:->|\.)connect|imap_open|odbc_connect|ldap_(?:simple_)?bind(?:_s)?|(?i:mqtt)\w*\.connect)[(,][^,()\n]{{1,200}}{_NEXT}{_Q}[^\"'\n]{{0,80}}[\"']{_NEXT}{_Q}",
        _FOUR,
        _argument,
        _MORE,
    ),
    # calls in which more than a user stands before the password
    *(
        Rule(
            "password",
            rf"\b{call}\(",
            rf"\b{call}\((?:\s|\\n){{0,40}}(?:[^,()\n]{{1,80}}{_NEXT}){{{number}}}{_Q}({_FOUR}){_Q}[ ]?[,)]",
            check,
            window=(60, 600),
            rank=3,
        )
        for call, number, check in (
            ("mysql_real_connect", 3, _argument),
            ("PQsetdbLogin", 6, _argument),
            (r"FinTS3?\w*Client", 2, whole),
        )
    ),
    secret_rule(
        "password",
        rf"\bjdbc:[a-z][^\"'\n]{{1,200}}[\"']{_NEXT}[\w.\"'\\]{{1,60}}{_NEXT}{_Q}",
        rf"{_PLAIN}{{4}}{_ANY}{{0,200}}",
        _argument,
        _MORE,
        before=420,
    ),
    Rule(
        "password",
        rf"@[A-Za-z0-9.-]+\.[a-z]+{_Q}(?:\.\w+\(\))?,[ ]?{_Q}{_PLAIN}(?:{_PLAIN}|\$){{5}}",
        rf"\([^()\n]{{0,200}}@[A-Za-z0-9.-]{{1,80}}\.[a-z]{{2,10}}{_Q}(?:\.\w{{2,12}}\(\))?,[ ]?{_Q}({_SIX}){_Q}(?:\.\w{{2,12}}\(\))?[ ]?[,)]",
        _behind_address,
        window=(400, 220),
        rank=3,
    ),
    secret_rule(
        "password",
        rf"[.:](?:connect|auth|credentials?)\((?:[\w.\"'\\-]{{1,60}},[ ]?){{0,4}}{_Q}[A-Za-z][\w.@-]{{1,40}}{_Q},[ ]?{_Q}",
        _SIX,
        _behind_user,
        _MORE,
    ),
    secret_rule(
        "password", rf"[.:]auth\({_Q}", rf"{_PLAIN}{{6,200}}", _behind_address, rf"{_Q}[ ]?\)"
    ),
    secret_rule(
        "password",
        rf"(?:{_HASHES})\((?:[\w.$]{{1,40}},[ ]?)?b?{_Q}",
        rf"{_PLAIN}{{6}}{_ANY}{{0,200}}",
        _behind_address,
        _Q,
    ),
    secret_rule(
        "password",
        r"(?i:passw|pwd|[#\"'=_-]pass|[\"'=]pw)[^\n\"'`]{0,30}[\"'`][\])]{0,3}\.(?i:type|fill|send_?keys|set_?value|press_?sequentially)\(\\*[\"'`]",
        _FOUR,
        _argument,
        r"(?:\{[a-zA-Z]{2,12}\})?\\*[\"'`]",
    ),
    secret_rule(
        "password",
        rf"(?:\.(?:fill|type|set_?[vV]alue)\(|fill[_ ]in[( ]){_Q}[^\"'\n]*(?i:passw|pwd|[#=_-]pass)[^\"'\n]*[\"'](?:,[ ]?(?:with: )?|[ ]with[ ]){_Q}",
        _FOUR,
        _argument,
        _Q,
    ),
    Rule(
        "password",
        r"[A-Za-z0-9]@(?:tcp|unix|udp)\(",
        r"[A-Za-z0-9_.-]{1,60}:([^\s:/\"'`@$<{%]{4,100})@(?:tcp|unix|udp)\(",
        whole,
        window=(200, 8),
        rank=3,
    ),
    secret_rule(
        "secret", r"(?:AUTH|LOGGED_IN|NONCE)_(?:KEY|SALT)'[ ]?,[ ]*'", r"[^'\n]{40,90}", None, "'"
    ),
)
