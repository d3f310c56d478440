"""Secrets in the output, the options and the settings of certain programs.

Each rule follows the manual or the output of one program. No common word for a secret stands right
before the value, so that no general rule finds it.
"""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from .checks import both_cases, is_placeholder, judged_random, wordy
from .judge import judge
from .lines import below
from .programs import given, random_value
from .rules import IN_COMMAND, NL, TAB, B, Check, Q, Rule, S, quick, secret_rule
from .structured import WORDS
from .values import is_dull_value, is_gibberish, typed


def _set(data: bytes, match: Any) -> tuple[int, int] | None:
    """A value that looks like a password or a key, and is `given`."""
    value = match.group(1)
    good = typed(value) or judged_random(value, 10) or is_gibberish(value)
    return given(data, match) if good and wordy(value) < 0.85 else None


def _in_pair(data: bytes, match: Any) -> tuple[int, int] | None:
    """A password behind a user's name, where types, places and methods stand, too."""
    value = match.group(1)
    marked = both_cases(value) or any(c in b"!@#$%^&*?" for c in value)
    good = marked and b"/" not in value and not is_dull_value(value)
    return _set(data, match) if good else None


def _named(data: bytes, match: Any) -> tuple[int, int] | None:
    """The value in group 2, if `judge` takes it for a secret under the name in group 1."""
    start, end = match.span(2)
    value = match.group(2)
    if is_placeholder(value) or judge(match.group(1), value, True, b",") is None:
        return None
    return (start, end) if typed(value) or judged_random(value, 12) else None


def _header(data: bytes, match: Any) -> tuple[int, int] | None:
    """The value of a header in a server's settings, if it is random."""
    name, value = match.group(1).lower(), match.group(2)
    if any(word in name for word in _PUBLIC) or is_placeholder(value):
        return None
    return match.span(2) if judged_random(value, 16) and b"$" not in value else None


#: Parts of the names of headers whose values are random and no secrets.
_PUBLIC = b"policy etag trace version hash digest -id pin link".split()


def _rule(kind: str, head: str, value: str, check: Check = _set, tail: str = "") -> Rule:
    return secret_rule(kind, head, value, check, tail)


# ---------------------------------------------------------------- lists of values

_ROW = quick(r"[ \t]*([A-Za-z0-9_.-]{1,80})[ \t]{1,40}([^\s\\]{4,900})[ \t\\r]*\Z")
#: Parts of names in the tables of Vault whose values are no secrets.
_TOLD = b"accessor _id duration time version policies path lease renewable".split()


def _lines(data: bytes, end: int) -> Iterator[tuple[int, int]]:
    """The lines behind `end`, up to an empty one."""
    line_end = b"\n" if data[end - 1 : end] == b"\n" else b"\\n"
    return below(data, end - len(line_end), line_end)


def _vaulted(data: bytes, end: int) -> list[tuple[int, int]]:
    """The values in the table of `Key  Value` that Vault prints for a secret."""
    found: list[tuple[int, int]] = []
    for low, high in _lines(data, end):
        if data[low : low + 2] == b"==":
            break  # the head of the next table
        row = _ROW.match(data, low, high)
        if row is None or any(word in row.group(1).lower() for word in _TOLD):
            continue
        value = row.group(2)
        if not is_placeholder(value) and (typed(value) or judged_random(value, 12)):
            found.append(row.span(2))
    return found


_ACCOUNT = quick(
    r"[ \t-]*[\"']?[a-z_][a-z0-9_.-]{0,31}:([^\s:\"'$][^\s:\"'\\]{3,100})[\"']?[ \t\\r]*\Z"
)


def _accounts(data: bytes, end: int) -> list[tuple[int, int]]:
    """The passwords of the lines `user:password` below `chpasswd:`."""
    found: list[tuple[int, int]] = []
    for low, high in _lines(data, end):
        row = _ACCOUNT.match(data, low, high)
        if row is None:
            break
        if not is_placeholder(row.group(1)):
            found.append(row.span(1))
    return found


#: The result of a Terraform resource that makes random values, as a command prints it, and in the
#: file of its state.
_RESULT = quick(
    r"[^{}]{0,400}\bresult[ \t]*=[ \t]*\\*\"([^\"\s\\]{6,200})\\*\"(?: -> \\*\"([^\"\s\\]{6,200})\\*\")?"
)
_STATED = quick(r"[\x00-\xff]{0,1400}?\\*\"result\\*\":[ ]?\\*\"([^\"\s\\]{6,200})\\*\"")


def _generated(data: bytes, end: int, result: Any) -> list[tuple[int, int]]:
    match = result.match(data, end, end + 1500)
    found = range(1, match.lastindex + 1) if match and match.lastindex else ()
    return [match.span(n) for n in found if match and not is_placeholder(match.group(n))]


#: `kubectl create secret` before its values, of which there may be many in the line.
_OF_SECRET = quick(r"(?:\b|(?<=\\[nrt]))secret[^\n]{1,900}\Z")
_ENDS_COMMAND = quick(r"[\n|;]|\\n|\Z")
_PUT = quick(rf"[ \t][\w.-]{{1,60}}={Q}({IN_COMMAND}{{6,900}})")


def _put(data: bytes, end: int) -> list[tuple[int, int]]:
    """The values of `vault kv put PATH name=V name=V`."""
    stop = _ENDS_COMMAND.search(data, end, min(len(data), end + 2000)).start()  # type: ignore[union-attr]
    found = (_set(data, pair) for pair in _PUT.finditer(data, end, stop))
    return [span for span in found if span is not None]


RULES: tuple[Rule, ...] = (
    # ------------------------------------------------------------ command lines
    secret_rule(
        "secret",
        rf"--from-literal[= ]{Q}[\w.-]{{1,60}}=",
        rf"{IN_COMMAND}{{6,900}}",
        _set,
        near=lambda data, end: _OF_SECRET.search(data, max(0, end - 900), end) is not None,
    ),
    Rule("secret", rf"\b(?:kv put|secrets set){S}", direct=_put, rank=3),
    _rule(
        "cookie",
        r"Net\.Cookie\(\\*\"[^\"\\\n]{1,60}\\*\",[ ]?\\*\"",
        r"[^\s\"\\]{16,900}",
        random_value,
    ),
    _rule(
        "secret",
        r"\"bearer\\*\":[ ]?\{(?:\s|\\+n){0,40}\\*\"[\w.-]{3,80}\\*\":[ ]?\\*\"",
        r"[A-Za-z0-9_.~+/=-]{16,900}",
        random_value,
    ),
    _rule(
        "password",
        rf"\bu:{S}\S{{1,60}}[ ]?(?:{NL}|[,/;][ ])[ \t]{{0,8}}p:{S}",
        r"[^\s\"'\\]{6,100}",
    ),
    _rule("password", r"\bFTP: PASS ", r"[^\s\"\\]{4,100}", given),
    _rule("password", rf"\bssh-keygen\b[^\n|;]{{0,120}}{S}-[NP]{S}?{Q}", rf"{IN_COMMAND}{{4,100}}"),
    _rule(
        "secret",
        rf"\buser-secrets{S}set{S}{Q}[\w:.-]{{1,100}}{Q}{S}{Q}",
        rf"{IN_COMMAND}{{6,900}}",
    ),
    _rule(
        "password",
        r"(?:\b(?:EAP|XAUTH|NTLM)|: (?:RSA|ECDSA|PKCS8|P12) \S{1,80})[ ]{1,4}\\*[\"']",
        r"[^\s\"'\\]{6,200}",
    ),
    _rule(
        "password",
        r"[\w\"][ \t]{1,8}\*[ \t]{1,8}\\*\"",
        r"[^\s\"\\]{6,200}",
        tail=r"\\*\"[ \t]{1,8}\*",
    ),
    _rule(
        "password",
        rf"\busername{S}\S{{1,40}}{S}(?:privilege{S}\d{{1,2}}{S})?(?:secret|password){S}(?:0{S})?",
        rf"{IN_COMMAND}{{6,100}}",
    ),
    _rule(
        "password",
        rf"\b(?:tacacs|radius)-server{S}(?:host{S}[^\n]{{1,80}}{S})?key{S}(?:0{S})?",
        rf"{IN_COMMAND}{{6,100}}",
    ),
    _rule("password", rf"{S}(?:pptpd|x?l2tpd?){S}{{1,20}}\\*\"?", rf"{IN_COMMAND}{{6,100}}"),
    # a user and a password as one value: `auth: ada:V`
    _rule(
        "password",
        r"(?:\b|_)(?i:auth|login|credentials?|creds|admins?)\\*[\"']?[ ]?(?:[:=]|=>)[ ]?\\*[\"']?[A-Za-z][\w.@-]{1,40}:",
        r"[^\s\"'`\\|;<>:]{6,100}",
        _in_pair,
        r"(?:\\*[\"'`]|[\s,;\x00\\]|$)",
    ),
    _rule("secret", rf"-setcookie{S}\\*[\"']?", rf"{IN_COMMAND}{{6,255}}"),
    _rule(
        "password",
        rf"\b(?:pre-shared-key{S}(?:ascii-text|hexadecimal)|ascii-text|plain-text-password-value){S}\\*\"",
        r"[^\s\"\\]{6,200}",
    ),
    _rule(
        "password",
        rf"\bLOGIN{S}\"?[\w.+-]{{1,60}}@[\w.-]{{1,80}}\"?{S}\\*\"?",
        rf"{IN_COMMAND}{{6,100}}",
        given,
    ),
    _rule("password", rf"\bIDENTIFY{S}(?:[\w-]{{1,30}}{S})?", rf"{IN_COMMAND}{{6,100}}"),
    _rule("password", rf"\bsend{S}(?:--{S})?\\*\"", r"[^\s\"\\$]{6,100}", tail=r"\\+[rn]"),
    _rule(
        "password",
        r"\b(?:pgp_sym_(?:en|de)crypt|AES_(?:EN|DE)CRYPT|aes_(?:en|de)crypt)\([^()\n]{1,200},[ ]?'",
        r"[^'\s]{8,200}",
    ),
    _rule(
        "secret",
        r"(?:CURLOPT_USERPWD|CURLOPT_PROXYUSERPWD)(?:,|[ ]?=>)[ ]?\\*[\"'][\w.@+-]{1,60}:",
        r"[^\s\"'$\\]{4,200}",
    ),
    _rule(
        "password",
        r"\bCredentials\.basic\(\\*[\"'][^\"'\n]{1,80}[\"'],[ ]?\\*[\"']",
        r"[^\s\"'$\\]{6,200}",
    ),
    _rule("secret", r"\bTOTP\(\\*[\"']", r"[A-Z2-7]{16,64}", random_value),
    Rule(
        "password",
        r"\bbase64 +(?:-d|-D|--decode)[^\n;]{0,80}\|[^\n;]{0,80}(?:--password-stdin|--with-token|chpasswd|sudo -S)",
        rf"{B}(?:echo|printf)[ \t]+(?:-n[ \t]+)?{Q}([A-Za-z0-9+/_-]{{8,900}}={{0,2}}){Q}[ \t]*\|[ \t]*base64",
        random_value,
        window=(1000, 8),
        rank=3,
    ),
    Rule(
        "secret",
        r"(?i:passw(?:or)?d|secret|token|api[_-]?key)\\*[\"'],[^\n]{0,120}default=\\*[\"'][^\s\"'\\]{8}",
        rf"--({WORDS})\\*[\"'],[^\n]{{0,120}}default=\\*[\"']([^\s\"'\\]{{8,900}})\\*[\"']",
        _named,
        window=(300, 960),
        rank=2,
    ),
    Rule(
        "secret",
        r"(?:setProperty|setenv)[ ]\\*\"[^\"\n]{1,80}\"[ ]\\*\"[^\s\"]{8}",
        rf"(?:setProperty|setenv)[ ]\\*\"({WORDS})\\*\"[ ]\\*\"([^\s\"\\]{{8,900}})",
        _named,
        window=(120, 960),
        rank=2,
    ),
    _rule(
        "secret",
        r"(?i:pass(?:w(?:or)?d)?|pwd|secret|token|key)(?:=%s(?:\\+n)?\\*[\"'][ ,]{1,3}\\*[\"']|=\\*[\"'] ?[+.&] ?[\w.:]{0,40}(?i:enc|esc|quote|b64|base64)\w{0,24}\(\\*[\"']|[ ]?[:=][ ]?\.\*[/|#][ ]{0,8}[\w.-]{1,60}[ ]?[:=][ ]?)",
        r"[^\s\"'/|#\\]{6,200}",
    ),
    # a change in a plan of Terraform's: `password = "OLD" -> "NEW"`
    _rule(
        "secret",
        r"(?i:passw(?:or)?d|secret|token|_key)[ ]{1,40}= \\*\"[^\"\n]{1,400}\" -> \\*\"",
        r"[^\s\"\\]{4,900}",
        given,
    ),
    # a cookie in a file of curl or wget
    _rule(
        "cookie",
        rf"(?:TRUE|FALSE){TAB}/[^\s\\]{{0,60}}{TAB}(?:TRUE|FALSE){TAB}\d{{1,12}}{TAB}[\w.-]{{1,60}}{TAB}",
        r"[A-Za-z0-9_%.|:+/=-]{16,900}",
        random_value,
    ),
    # ------------------------------------------------------------ settings
    Rule(
        "secret",
        r"(?i:set_header|header_up|RequestHeader[ \t]+(?:set|add)|set-header)[ \t]+[\"']?(?i:x-|[\w-]*(?:auth|key|token|secret))[\w-]*\\*[\"']?[ \t]+\\*[\"']?[^\s\"';$\\]{4}",
        r"(?i:set_header|header_up|RequestHeader[ \t]+(?:set|add)|set-header)[ \t]+\\*[\"']?([\w-]{2,60})\\*[\"']?[ \t]+\\*[\"']?(?:(?i:basic|bearer|token|apikey)[ ]+)?([^\s\"';$\\]{12,2000})",
        _header,
        window=(160, 2000),
        rank=3,
    ),
    _rule("secret", r"\bsecure_link_md5[ \t]+\"[^\"\n]{1,160}[ ]", r"[^\s\"$]{8,200}"),
    _rule(
        "secret",
        r"\b(?:secure|encryptionsalt):[ ]\\*\"?",
        r"(?:AAAB|v1:)[A-Za-z0-9+/=:]{20,900}",
        given,
    ),
    _rule(
        "password",
        r"addlinkedsrvlogin\b[^\n;]{1,160},[ ]?N?'",
        r"[^\s']{4,100}",
        given,
        r"'[ ]?(?:[;\r\n\x00]|$)",
    ),
    # ------------------------------------------------------------ output
    *(
        _rule("secret", rf"\"{name}\\*\":[ ]?\\*\"", r"[A-Za-z0-9_.~+/=-]{20,2000}", random_value)
        for name in ("access", "refresh")
    ),
    _rule(
        "secret",
        r"SecureString\\*\",(?:\s|\\n){1,40}\\*\"Value\\*\":[ ]?\\*\"",
        r"[^\s\"\\]{4,900}",
        given,
    ),
    _rule(
        "password",
        r"\b(?:Key Content|Contenu de la cl\xc3\xa9|Contenido de la clave|Schl\xc3\xbcsselinhalt|Contenuto chiave)[ \t]{1,20}:[ ]",
        r"\S{8,63}",
        given,
    ),
    _rule("password", r"\bNew value: ", r"[A-Za-z0-9+*=_-]{12,64}"),
    _rule("azure-key", r"\bFULL[ \t]{1,16}", r"[A-Za-z0-9+/]{86}==", random_value),
    _rule(
        "password-hash", r"(?:^|[\s'\"|(,])\*", r"[0-9A-F]{40}", random_value, r"(?:[^0-9A-Za-z]|$)"
    ),
    _rule(
        "password",
        r"\bss://",
        r"[A-Za-z0-9+/_-]{16,200}={0,2}",
        random_value,
        "(?:@|#|$|[^A-Za-z0-9+/=_.:-])",
    ),
    _rule(
        "url-token", r"/reset/[A-Za-z0-9_-]{1,24}/", r"[a-z0-9]{5,7}-[0-9a-f]{20,64}", random_value
    ),
    _rule(
        "totp-secret",
        r"\bmanually[^\n:]{0,24}:[ \t]{0,4}(?:(?:\r?\n|\\+n)[ \t]*)?",
        r"[a-z2-7]{4}(?: [a-z2-7]{4}){3,15}|[A-Z2-7]{4}(?: [A-Z2-7]{4}){3,15}",
        _set,
    ),
    Rule(
        "secret",
        rf"={{4,}}[ \t]*(?:Secret )?Data[ \t]*={{4,}}{NL}Key[ \t]+Value{NL}-+[ \t]+-+{NL}",
        direct=_vaulted,
        rank=2,
    ),
    Rule(
        "password",
        rf"\bchpasswd:[^\n]{{0,8}}{NL}(?:[ \t]+(?:expire|type):[^\n]{{0,20}}{NL})?[ \t]+(?:list|users):[ \t]*\|-?{NL}",
        direct=_accounts,
        rank=2,
    ),
    Rule(
        "secret",
        r"\"random_(?:password|string|id|bytes)\\*\"[ ]\\*\"[\w-]{1,60}\\*\"[ ]\{",
        direct=partial(_generated, result=_RESULT),
        rank=2,
    ),
    Rule(
        "secret",
        r"\"type\\*\": ?\\*\"random_(?:password|string|id|bytes)\\*\"|\"bcrypt_hash\\*\":",
        direct=partial(_generated, result=_STATED),
        rank=2,
    ),
)
