"""Secrets on command lines and in statements: `curl -u`, `mysql -p`, `ENV NAME value`, SQL."""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from typing import Any

import re2

from .checks import is_placeholder, judged_random, wordy
from .context import key_or_password_follows
from .judge import judge
from .keynames import says_password
from .rules import Rule, left_edge, quick
from .sentences import typed
from .structured import QUOTE, WORDS, option, whole
from .values import is_dull_value, is_gibberish, like_password


def _curl_user(data: bytes, match: Any) -> tuple[int, int] | None:
    start, end = match.span(1)
    raw = match.group(1)
    user, _, password = raw.strip(b"\"'").partition(b":")
    if (
        (not password and not user)
        or b"$" in raw[:1]
        or b"$(" in raw
        or b"${" in raw
        or b"`" in raw
    ):
        return None
    if is_placeholder(password) and (is_placeholder(user) or not password):
        return None
    if (
        any(c in b"<>[]" for c in raw)
        or b"**" in raw
        or b"{{" in raw
        or password[:1] == b"$"
        or b"%(" in raw
    ):
        return None
    if b"x" * 3 in password.lower() or b"y" * 3 in password.lower():
        return None
    return start, end


def _only_user(data: bytes, match: Any) -> tuple[int, int] | None:
    """`-u KEY:`, `-u KEY:x`: the key stands for the user."""
    user = match.group(1)
    return match.span(1) if judged_random(user, 8) and not is_placeholder(user) else None


#: Commands that set a variable, an option or a secret, and what may stand between name and value.
_SETTERS = (
    r"\bENV|\bARG|#define",
    r"\bset[ \t]+-[a-zU]{1,3}",
    r"\bsetenv|\bsetx|\bputenv",
    r"\bput",
    r"\b(?:secrets?|variable|env)[ \t]+(?:set|add)",
    r"\bconfig(?:ure)?(?:[ \t]+(?:set|add|--global|--local|-g)){0,3}",
)
_SETS = "|".join(_SETTERS)
_SET_TO = rf"{QUOTE}?(?:[ \t]+-(?:b|-body|-value|v)[ =]|[ \t]+)"


def _listed(data: bytes, match: Any) -> tuple[int, int] | None:
    """`NAME<spaces>VALUE` or `NAME,VALUE`, as tables and CSV have it: only what a machine made."""
    start, end = match.span(2)
    value = match.group(2)
    if not left_edge(data, match.start(1)) or not judged_random(value, 16):
        return None
    return (start, end) if judge(match.group(1), value, True, b",") else None


def _argument(data: bytes, match: Any) -> tuple[int, int] | None:
    """A password among the arguments of a call: no word, and not the user's name again."""
    value = match.group(1)
    plain = value.replace(b"_", b"").isalpha() and not is_gibberish(value)
    if plain or is_placeholder(value) or not like_password(value, True, False):
        return None
    start, end = match.span(1)
    return start, end


def _behind_address(data: bytes, match: Any) -> tuple[int, int] | None:
    """`("ada@...", "V")`, `hashSync("V", 10)`: what looks the part, and is no host or date."""
    value = match.group(1)
    if not typed(value) or is_dull_value(value) or _ADDRESS.fullmatch(value):
        return None
    return _argument(data, match)


def _behind_user(data: bytes, match: Any) -> tuple[int, int] | None:
    """`db.auth("ada", "V")`: the same, of fewer words, as a call is given other things, too."""
    return None if wordy(match.group(1)) > 0.8 else _behind_address(data, match)


#: Another address, a host, the name of a thing: `Subject-line1`.
_ADDRESS = re2.compile(
    rb"[\w.+-]+@[\w.-]+|[\w-]+(?:\.[\w-]+)+|[A-Z]+(?:-\d+)+|[a-z]+(?:[_-][a-z0-9]+)+|"
    rb"[A-Za-z]+(?:[_-][A-Za-z]+)+\d?"
)
#: Calls that hash a password, check it or set it.
_HASHES = r"\bbcrypt\.\w+|\bhashpw|\bhashSync|\b(?:make|generate|hash|check|verify|set)_password(?:_hash)?|\bpassword_(?:hash|verify)|\b(?:Create|AddPassword|CheckPassword|PasswordSignIn|ResetPassword)Async"


def _netrc(data: bytes, match: Any) -> tuple[int, int] | None:
    """The end of `machine HOST login USER ...`; in a sentence other words stand there. Behind
    `user NAME pass`, as other programs have it, only what no sentence has."""
    if match.group(0)[:5].lower() != b"login" and not typed(match.group(2)):
        return None
    if match.group(1).lower() in (
        b"and",
        b"or",
        b"with",
        b"without",
        b"but",
        b"&",
    ) or is_placeholder(match.group(2)):
        return None
    start, end = match.span(2)
    return start, end


#: `setPassword("V")`, `key := []byte("V")`, `api_key: SecretStr = SecretStr("V")`, `api_key "V"`: a call
#: between the name and its value, or nothing.
_CALLED = r"passw(?:or)?d|passphrase|secret|token|key|bearer"
_CALL = (
    r"(?:(?:(?:\\*[\"'])?(?::[ ]?[A-Za-z][\w.\[\]|]*)?[ \t]?(?:[:=]{1,2}|=>)[ \t]?(?:new )?[\w.:\[\]!]+)?"
    r"\([ ]?(?:default=)?[bfru@]{0,2}|[ ])"
)
_LITERAL = r"[^\s\"'`\\<>$()]"


def _called(data: bytes, match: Any) -> tuple[int, int] | None:
    """A literal behind a call: only what a machine made, or a password that looks the part."""
    name, value = match.group(1), match.group(2)
    if judge(name, value, True, b"=") is None or is_dull_value(value):
        return None
    if says_password(name):
        told = typed(value) or (value.isalnum() and sum(48 <= c <= 57 for c in value) > 1)
        good = len(value) >= 8 and told and wordy(value) < 0.9
    else:
        good = judged_random(value, 16) and not _RESOURCE.match(value, 0, len(value))
    return match.span(2) if good else None


#: What a cluster calls a thing: `secret "app-tls-9c8d7f6b5-x2x4z" deleted`.
_RESOURCE = quick(r"[a-z]{3,20}(?:-[a-z0-9]{1,15}){2,9}\Z")


def _literal_follows(data: bytes, end: int) -> bool:
    match = _REST.match(data, end - 8, end + 200)
    return match is not None and any(48 <= c <= 57 for c in match.group())


_REST = quick(r"[^\s\"'`\\<>\x00]{8,200}")

_TEXT = r"\\*[\"'][^\"'\n]{0,80}[\"'],[ ]{0,2}"
#: Between two arguments of a call, also on lines of their own.
_NEXT = r",(?:\s|\\n){0,40}"
_ARGUMENT = r"[^\s\"'$<>{}()]"
_PLAIN = r"[^\s\"'$<>{}()\\]"
_Q = r"\\*[\"']"


RULES: tuple[Rule, ...] = (
    Rule(
        "secret",
        "secrets",
        rf"(?i)(?:{_CALLED})\w*{_CALL}\\*[\"'`]{_LITERAL}{{8}}",
        rf"(?i)([\w.-]*(?:{_CALLED})\w*){_CALL}\\*[\"'`]({_LITERAL}{{8,900}})\\*[\"'`]",
        _called,
        near=_literal_follows,
        before=200,
        after=960,
        rank=2,
    ),
    Rule(
        "secret",
        "secrets",
        r"(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD)(?:_[A-Z0-9]{1,12})?\"?(?:[ ]{2,60}|\t{1,8}|[,;])[ \t]*[\"']?[A-Za-z0-9_+/=.~-]{16}",
        r"([A-Z][A-Z0-9_]*(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD)(?:_[A-Z0-9]{1,12})?)\"?(?:[ ]{2,60}|\t{1,8}|[,;])[ \t]*[\"']?([A-Za-z0-9_+/=.~-]{16,900})",
        _listed,
        before=170,
        after=960,
        rank=2,
    ),
    Rule(
        "password",
        "secrets",
        rf"(?:\b[lL]og_?[iI]n|\b[sS]ign_?[iI]n|\bauthenticate|(?i:basic_?auth(?:entication)?)|\bauth[ ]?=[ ]?|\bsimple_bind(?:_s)?|[cC]redential\]::new|[cC]redentials?|WiFi(?:Multi)?\.(?:begin|addAP|softAP)|[\"']auth[\"'][ ]?=>[ ]?)[\[( ]\\*[\"'][^\"'\n]*[\"'],[ ]{{0,2}}(?:Some\()?\\*[\"']{_ARGUMENT}(?:{_ARGUMENT}|\$){{3}}",
        rf"[\[( ]{_TEXT}(?:Some\()?\\*[\"']({_PLAIN}(?:{_PLAIN}|\$){{3,200}})\\*[\"'](?:[ ]?[\],)]|\s|$)",
        _argument,
        before=140,
        after=220,
        rank=3,
    ),
    Rule(
        "password",
        "secrets",
        rf"(?:mysqli?(?:_p?connect)?|MySQLdb\.connect|mysql\.connect|pymysql\.connect|getConnection|new PDO|\bFTP(?:_TLS|\.open|\.new)?|pg_connect|ftp_login|DirectoryEntry|ssh2_auth_password|DBI(?:->|\.)connect|mysql_real_connect\([^,()\n]*|(?i:mqtt)\w*\.connect)[(,][^,()\n]*{_NEXT}{_Q}[^\"'\n]*[\"']{_NEXT}{_Q}{_PLAIN}(?:{_PLAIN}|\$){{3}}",
        rf"[(,][^,()\n]{{1,200}}{_NEXT}{_Q}[^\"'\n]{{0,80}}[\"']{_NEXT}{_Q}({_PLAIN}(?:{_PLAIN}|\$){{3,200}}){_Q}[ ]?[,)]",
        _argument,
        before=320,
        after=220,
        rank=3,
    ),
    Rule(
        "password",
        "secrets",
        rf"@[A-Za-z0-9.-]+\.[a-z]+{_Q}(?:\.\w+\(\))?,[ ]?{_Q}{_PLAIN}{{6}}",
        rf"\([^()\n]{{0,200}}@[A-Za-z0-9.-]{{1,80}}\.[a-z]{{2,10}}{_Q}(?:\.\w{{2,12}}\(\))?,[ ]?{_Q}({_PLAIN}{{6,200}}){_Q}(?:\.\w{{2,12}}\(\))?[ ]?[,)]",
        _behind_address,
        before=400,
        after=220,
        rank=3,
    ),
    Rule(
        "password",
        "secrets",
        rf"\.(?:connect|auth|send|credentials?)\((?:[\w.]{{1,24}},[ ]?)?{_Q}[\w.@-]{{2,40}}{_Q},[ ]?{_Q}{_PLAIN}(?:{_PLAIN}|\$){{5}}",
        rf"{_Q}[A-Za-z][\w.@-]{{1,40}}{_Q},[ ]?{_Q}({_PLAIN}(?:{_PLAIN}|\$){{5,200}}){_Q}[ ]?[,)]",
        _behind_user,
        before=120,
        after=220,
        rank=3,
    ),
    Rule(
        "password",
        "secrets",
        rf"[.:]auth\({_Q}{_PLAIN}{{6}}",
        rf"[.:]auth\({_Q}({_PLAIN}{{6,200}}){_Q}[ ]?\)",
        _behind_address,
        before=20,
        after=220,
        rank=3,
    ),
    Rule(
        "password",
        "secrets",
        rf"(?:{_HASHES})\((?:[\w.$]{{1,40}},[ ]?)?b?{_Q}{_PLAIN}{{6}}",
        rf"\((?:[\w.$]{{1,40}},[ ]?)?b?{_Q}({_PLAIN}{{6,200}}){_Q}",
        _behind_address,
        before=100,
        after=220,
        rank=3,
    ),
    Rule(
        "password",
        "secrets",
        rf"(?i:passw|pwd)[^\n\"'`]{{0,30}}[\"'`][\])]{{0,3}}\.(?i:type|fill|send_?keys|set_?value|press_?sequentially)\(\\*[\"'`]{_ARGUMENT}{{4}}",
        rf"\.(?i:type|fill|send_?keys|set_?value|press_?sequentially)\(\\*[\"'`]({_PLAIN}{{4,200}})(?:\{{[a-zA-Z]{{2,12}}\}})?\\*[\"'`]",
        _argument,
        before=80,
        after=220,
        rank=3,
    ),
    Rule(
        "password",
        "secrets",
        rf"(?:\.(?:fill|type|set_?[vV]alue)\(|fill_in[( ])[\"'][^\"'\n]*(?i:passw|pwd)[^\"'\n]*[\"'],[ ]?(?:with: )?[\"']{_ARGUMENT}{{4}}",
        rf"[\"'],[ ]?(?:with: )?[\"']({_ARGUMENT}{{4,200}})[\"']",
        _argument,
        before=24,
        after=220,
        rank=3,
    ),
    Rule(
        "password",
        "secrets",
        r"[A-Za-z0-9]@(?:tcp|unix|udp)\(",
        r"[A-Za-z0-9_.-]{1,60}:([^\s:/\"'`@$<{%]{4,100})@(?:tcp|unix|udp)\(",
        whole,
        before=200,
        after=8,
        rank=3,
    ),
    Rule(
        "secret",
        "secrets",
        r"(?:AUTH|LOGGED_IN|NONCE)_(?:KEY|SALT)'[ ]?,[ ]*'[^'\n]{40}",
        r"(?:AUTH|LOGGED_IN|NONCE)_(?:KEY|SALT)'[ ]?,[ ]*'([^'\n]{40,90})'",
        None,
        before=100,
        after=60,
        rank=3,
    ),
    Rule(
        "curl-password",
        "secrets",
        r"[ \t](?:-u|--user)[ =]{1,3}\\*[\"']?[^\s\"'\\:$]{6}[^\s\"'\\:$]*:(?:x-oauth-basic|[xX])?[\s\"'\\]",
        r"[ \t](?:-u|--user)[ =]{1,3}\\*[\"']?([^\s\"'\\:$]{6,200}):(?:x-oauth-basic|[xX])?[\s\"'\\]",
        _only_user,
        before=240,
        after=20,
        rank=3,
        faster=tuple(
            rf"{option}[ =]{{1,3}}\\*[\"']?[^\s\"'\\:$]{{6}}[^\s\"'\\:$]*:(?:x-oauth-basic|[xX])?[\s\"'\\]"
            for option in (r"[ \t]-u", "--user")
        ),
    ),
    Rule(
        "curl-password",
        "secrets",
        r"[ \t](?:-u|--user|--proxy-user|-U)[ =]{1,3}\\*[\"']?[^\s\"'\\:]{0,80}[\"']?:[\"']?[^\s\"':/]{3}",
        r"[ \t](?:-u|--user|--proxy-user|-U)[ =]{1,3}\\*[\"']?([^\s\"'\\:`]{0,80}[\"']?:[\"']?[^\s\"'\\`]{3,120})",
        _curl_user,
        before=200,
        after=200,
        rank=3,
    ),
    Rule(
        "secret",
        "secrets",
        rf"(?:{_SETS})[ \t]+{WORDS}{_SET_TO}{QUOTE}?[^\s\"'`<>$(=]{{4}}",
        rf"(?:{_SETS})[ \t]+{QUOTE}?({WORDS}){_SET_TO}{QUOTE}?([^\s\"'`<>$(=][^\s\"'`<>]{{3,900}})",
        option,
        near=key_or_password_follows,
        before=160,
        after=960,
        rank=2,
        faster=tuple(
            rf"(?:{sets})[ \t]+{WORDS}{_SET_TO}{QUOTE}?[^\s\"'`<>$(=]{{4}}" for sets in _SETTERS
        ),
    ),
    Rule(
        "password",
        "secrets",
        r"\bdocker[ \t]+login[^\n]{0,120}[ ](?:-p|--password)[ =]{1,2}[\"']?[^\s\"'$-]{4}|"
        r"\bredis-cli[^\n]{0,120}[ ](?:-a|--pass)[ =]{1,2}[\"']?[^\s\"'$-]{4}|"
        r"\bopenssl[^\n]{0,160}[ ](?:-k[ ]|-pass(?:in|out)?[ ]pass:)[\"']?[^\s\"'$-]{4}|"
        r"\bhtpasswd[ ]+-[A-Za-z]{0,4}b[A-Za-z]{0,4}[ ]+\S{1,60}[ ]+\S{1,40}[ ]+[\"']?[^\s\"'$-]{4}",
        r"(?:[ ](?:-p|--password|-a|--pass|-k)[ =]{1,2}|[ ]-pass(?:in|out)?[ ]pass:|"
        r"htpasswd[ ]+-[A-Za-z]{1,9}[ ]+\S{1,60}[ ]+\S{1,40}[ ]+)[\"']?([^\s\"'$-][^\s\"']{3,200})",
        whole,
        before=240,
        after=220,
        rank=3,
    ),
    Rule(
        "password",
        "secrets",
        r"(?i:identified[ \t]+(?:with[ \t]+\S+[ \t]+)?by|(?-i:\bPASSWORD)[ ]?\(|(?:with|login|role[ \t]+\w+|superuser|createdb|createrole|encrypted|inherit)[ \t]+password|set[ \t]+password(?:[ \t]+for[ \t]+[^\n=;]{1,80})?[ \t]*=)[ \t]*(?i:password[ \t]+)?'[^'\s]{3}",
        r"(?i:by|(?-i:\bPASSWORD)[ ]?\(|password|=)[ \t]*(?i:password[ \t]+)?'([^'\s]{3,200})'",
        whole,
        before=64,
        after=220,
        rank=3,
    ),
    Rule(
        "password",
        "secrets",
        r"\bsshpass[ \t]+-p[ \t]{0,2}[^\s-]{3}",
        r"sshpass[ \t]+-p[ \t]{0,2}[\"']?([^\s\"']{3,200})",
        whole,
        before=40,
        after=220,
        rank=3,
    ),
    Rule(
        "password",
        "secrets",
        r"\bmysql(?:dump|admin)?\b[^\n]{0,120}[ ]-p(?:\\*[\"'])?[^\s\"'$\\-][^\s]{3}",
        r" -p(?:\\*[\"'])?([^\s\"'$\\-][^\s\"'\\]{3,100})",
        whole,
        before=200,
        after=120,
        rank=3,
    ),
    Rule(
        "password",
        "secrets",
        r"(?i)\blogin[ \t\n]+\S{1,60}[ \t\n]+password[ \t]+\S{4}|\buser(?:name)?[ \t]+\S{1,60}[ \t]+pass(?:word)?[ \t]+\S{4}",
        r"(?i)(?:login|user(?:name)?)[ \t\n]+(\S{1,60})[ \t\n]+pass(?:word)?[ \t]+\\*[\"']?([^\s\"'\\]{3,199}[^\s\"'\\,;])",
        _netrc,
        before=120,
        after=220,
        rank=3,
    ),
)
