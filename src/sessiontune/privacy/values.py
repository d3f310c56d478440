"""What a value looks like, whatever its name: a password, a key, or code, a path, a version ..."""

from __future__ import annotations

from functools import lru_cache

import re2

from .checks import (
    as_servers_ask,
    both_cases,
    count_digits,
    entropy,
    even_case,
    is_limit,
    is_placeholder,
    is_qualified,
    judged_random,
    typed_out,
    wordy,
)
from .examples import is_published_example
from .rules import pattern, quick

_LINE = re2.compile(rb"\.[a-z]{1,5}:\d+")
UUID = re2.compile(rb"(?i)\{?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\}?")
_CODE = re2.compile(
    rb"[@&*]{0,2}(?:[A-Za-z_$][\w$]*(?:\.|::|->|\?\.))+[A-Za-z_$][\w$]*%?|[A-Za-z_$][\w$.:]*[\[(].*|"
    rb"@?[A-Za-z_]+|try[?!]|[A-Z]@_\d+|\$\w+|%\w+%|&\w+|\*\w+|!\w+|::?[A-Za-z_]\w*|\d+(?:\.[a-z_]+)+|"
    rb"(?:process|import\.meta)\.env\.\w+!?|[a-z]+\d{0,2}(?:_[a-z]+\d{0,2})+|(?:Big)?(?:[UI]i?nt|Float)\d{1,2}Array"
)
_PATHLIKE = re2.compile(
    rb"(?:https?|file|s3|gs|ftp|wss?|git|ssh|data|vault|op|env|secret|ref|urn|npm|docker)://?.*|arn:aws[\w-]*:.*|"
    rb"(?:~|\.{1,2}|[A-Za-z]:)?[/\\].*|[\w.-]+/|(?:[A-Za-z][A-Za-z._-]*/){2,}|@?(?:[a-z]+(?:-[a-z]+)*/)+[a-z]+(?:-[a-z0-9]+)*\.[A-Z][A-Za-z]+|[\w.-]+(?:/[\w.-]+){2,}|[\w.-]+(?:/[\w.-]+)+#\w+|[Xx]-[A-Za-z]{2,}(?:-[A-Za-z0-9]{2,})+|"
    rb"[\w-]+\.(?:json|ya?ml|txt|pem|key|env|py|js|ts|tsx|jsx|go|rs|java|kt|rb|sh|md|html|s?css|toml|vue|svelte|[cm]js|cs|php|swift|dart|scala|kts|exs?|tf|sql|ps1|gradle|properties|rst|ipynb|"
    rb"ini|cfg|conf|crt|cer|pub|png|jpg|svg|log|db|sqlite|lock|xml|csv|h|c|cc|cpp)|[\w.+-]+\.(?:so|dylib)(?:\.\d+)*"
)
_VERSION = re2.compile(
    rb"(?i)(?:[~^]|[<>=]=)?v?\d+(?:\.\d+)+(?:[-+.][\w.]*)?|v\d+\.\d+\.\d+-(?:[\w.]+\.)?\d{14}-[0-9a-f]{12}(?:\+incompatible)?(?:/go\.mod)?|(?:[a-z]+-)*\d{4}-\d\d-\d\d.*|\d{1,2}:\d\d.*|\d{1,13}(?:\.\d+)?[a-z%]{0,3}|"
    rb"0x[0-9a-f]{1,16}|[a-z][a-z0-9.-]*:\d+(?:\.\d+)+[\w.-]{0,20}"
)
#: The name of a program and its version: `python3.11`.
_PROGRAM = re2.compile(rb"[a-z]{2,}-?\d{1,3}(?:\.\d{1,3}){1,3}")
#: The key of a build cache: words and a digest.
_CACHE = re2.compile(rb"(?:[A-Za-z][A-Za-z0-9.]*[_-]){2,8}(?:[0-9a-f]{40}|[0-9a-f]{64})")
#: The name of a metric: words and numbers with dots between, `zyxel.3500_10.hw.uptime`.
_METRIC = re2.compile(rb"[a-z]+(?:\.(?:[a-z_]+|[\d_]+))+")
HASHES = re2.compile(rb"(?i)(?:sha(?:1|224|256|384|512)|md5|blake2b?|integrity|h1)[:-].*")
#: A release or an ASN.1 object identifier: `1.2.1`, `^7.0.0`, `1.2.840.113549`.
_RELEASE = re2.compile(rb"[~^]?\d{1,3}(?:\.\d{1,6}){2,12}")


def is_dull_value(value: bytes) -> bool:
    """True for a path, a version, a date, a number with its unit, a digest, a place in a file."""
    return (
        _PATHLIKE.fullmatch(value) is not None
        or _VERSION.fullmatch(value) is not None
        or _PROGRAM.fullmatch(value) is not None
        or HASHES.fullmatch(value) is not None
        or _LINE.search(value) is not None
    )


def no_secret(value: bytes) -> bool:
    """True for what is no secret wherever it stands: a placeholder, a path, a version, an
    example that a vendor publishes."""
    return is_placeholder(value) or is_dull_value(value) or is_published_example(value)


#: A package under another name, as lock files write it: `npm:@scope/name@1.2.3-linux-x64`.
_PACKAGE = quick(r"npm:(?:(?:@[\w.-]{1,80}/)?[\w.-]{1,80}@)?[~^<>=v]{0,2}\d+\.\d+\.\d")


def is_package(data: bytes, start: int, end: int) -> bool:
    """True where the value, perhaps with the `npm:` before it, is a package and its version."""
    at = data.find(b"npm:", max(0, start - 4), start + 4)
    return at >= 0 and _PACKAGE.match(data, at, end) is not None


#: A number that may be a password. Shorter ones, in tables, are counts.
DIGITS = re2.compile(rb"\d{6,13}")


def cased(value: bytes) -> bool:
    """True for letters and digits alone, with letters of both cases."""
    return value.isalnum() and both_cases(value)


@lru_cache(maxsize=8192)
def like_password(value: bytes, quoted: bool, shell: bool) -> bool:
    """True where `value` may be a password under a name that says so. `shell`: the assignment is
    one of a shell, where values need no quotes. Remembered, because logs repeat their values."""
    if len(value) < 4 or value[:2] == b"::" or _PATHLIKE.fullmatch(value):
        return False
    low = value.lower()
    if _LABEL.fullmatch(value) or _CONSTRAINTS.fullmatch(value) or in_other_letters(value):
        return False
    if quoted:
        if _RELEASE.fullmatch(value) or _NAMESPACE.fullmatch(value):
            return False
        if _MIME.match(value) or value[:1] == b"%" or b"%s" in value or b"%d" in value:
            return False
        words = low.replace(b"_", b"").replace(b"-", b"")
        if value == value.upper() and b"_" in value and words.isalpha():
            return False  # the name of a constant
        if _CONSTANT.fullmatch(value):
            return False
        return words.rstrip(b"?") not in _IDENTIFIERS and not (
            value == low and _field_name(low.lstrip(b"#.:@"))
        )
    shell = shell and b"(" not in value
    if _CODE.fullmatch(value) and not shell:
        return is_gibberish(value)
    first, comma, _ = value.partition(b",")
    if comma and not shell and _CODE.fullmatch(first):
        return False  # code: `password:this.password,user:...`, `[type="password"]:focus,.form`
    if any(c in b"()[]{}|" for c in value) and not shell:
        return False
    if any(c in b"=&*%" for c in value) and not (shell or _mixed_signs(value)):
        return False
    if _VERSION.fullmatch(value) and not (DIGITS.fullmatch(value) and (shell or len(value) >= 8)):
        return False
    return shell or any(not 65 <= (c & 0xDF) <= 90 and c != 95 for c in value)


#: A class with its namespaces: `App\\Http\\PasswordController`.
_NAMESPACE = re2.compile(rb"\\*(?:[A-Z][A-Za-z]+\\+){1,8}[A-Z][A-Za-z]+(?:::class)?")
_OTHER = pattern(r"[\x80-\xff]+|\\+u[0-9A-Fa-f]{4}")


def in_other_letters(value: bytes) -> bool:
    """True for words with letters outside ASCII: the rest are letters, or fewer than four bytes."""
    if value.isascii() and b"\\u" not in value:
        return False
    plain = bytes(c for c in _OTHER.sub(b"", value) if c not in b".,:;!?-")
    return len(plain) < 4 or plain.isalpha()


@lru_cache(maxsize=4096)
def is_gibberish(value: bytes) -> bool:
    """True for 12 to 40 letters as a password generator makes them: no word, no name in code."""
    return value.isalpha() and 12 <= len(value) <= 40 and wordy(value) < 0.2 and entropy(value) > 3


#: One capitalised word in any alphabet: the label of a field, or its translation.
_LABEL = pattern(
    r"(?:[A-Z][a-z]+|[A-Z]{2,4})-(?:de-)?(?:pass(?:e|wort|word)|Pass(?:e|wort))|&?(?:[A-Z]|[\xc3-\xdf][\x80-\xbf])(?:[a-z]|[\xc3-\xdf][\x80-\xbf])+[:?!.]{0,3}|[\xc3-\xef][\x80-\xff]*"
)
#: What a form asks of a password: `required|string|min:8`.
_CONSTRAINTS = re2.compile(
    rb"(?:(?:required|nullable|sometimes|present|filled|string|confirmed|bail|min|max|between|size|regex|"
    rb"same|different|alpha|alpha_num|alpha_dash|hash|current_password)(?:[_:][\w,/-]*)?(?:\||$))+"
)
#: `E2E_PASSWORD`
_CONSTANT = re2.compile(rb"(?:[A-Z][A-Z0-9]*_)+(?:PASS(?:WORD|WD|PHRASE)?|PWD)")
_MIME = re2.compile(
    rb"(?:application|text|image|audio|video|multipart|font)/|Password[A-Z][a-z]|[A-Z][a-zA-Z]*(?:Mgr|Manager|Handler|"
    rb"Realm|Auth|Error|Exception|Field|Input|Form|Type|Url|URL)"
)
_IDENTIFIERS = frozenset(b"string str text number boolean bool username email passwords".split())
#: Types, where a value would stand: `password: string`.
TYPES = _IDENTIFIERS | frozenset(
    b"varchar bytes option optional secret never unknown readonly object nullable".split()
)


def _field_name(low: bytes) -> bool:
    """True for the name of a field: `password_confirm`, `current-password`."""
    parts = re2.split(rb"[-_./]", low)
    return (
        len(parts) > 1
        and b"".join(parts).isalpha()
        and any(p in (b"password", b"pass", b"passwd", b"pwd", b"passphrase") for p in parts)
    )


@lru_cache(maxsize=8192)
def like_key(value: bytes, quoted: bool, strong: bool = True) -> bool:
    """True where `value` may be a key under a name that says so. `strong`: the name says it
    clearly, so less is asked of the value. Remembered, because logs repeat their values."""
    if len(value) < 10 or value.startswith(_STRICT):
        return False
    if is_limit(value) or is_qualified(value):
        return False
    if value.isalpha() or not _DIGIT.search(value, 0, len(value)):
        return value.isalpha() and (
            judged_random(value, 20) or (strong and len(value) >= 20 and is_gibberish(value))
        )
    if b"," in value:
        keys = value.split(b",")  # `API_KEYS=K1,K2`
        return all(len(key) >= 20 and like_key(key, quoted, strong) for key in keys)
    if any(c in b"()[]{}|*?;\\ " for c in value):
        bare = not any(c in b"()[]{}|" for c in value)
        return (quoted or bare) and strong and _typed_by_machine(value)
    if UUID.fullmatch(value):
        return strong and not typed_out(value.replace(b"-", b""))
    if _VERSION.fullmatch(value) or _LINE.search(value):
        return False
    if _PATHLIKE.fullmatch(value) and not random_path(value, strong):
        return False
    if not quoted and (
        (_CODE.fullmatch(value) and not value.isalnum() and not _in_two(value))
        or _camel_case(value)
    ):
        return False
    if not strong and (_CACHE.fullmatch(value) or _METRIC.fullmatch(value)):
        return False
    if _CIPHERS.match(value) or value.endswith((b"@openssh.com", b"@libssh.org")):
        return False  # the name of an algorithm
    if b"%" in value:
        value = _ESCAPED.sub(b"", value)
    return judged_random(value, 10 if strong else 16)


#: Names of algorithms in Java: `PBEWithSHA1AndDESede`.
_CIPHERS = re2.compile(
    rb"(?:PBE|PBKDF2|SHA|MD\d|RSA|DSA|ECDSA|Hmac|AES|NONE)[A-Za-z0-9/-]{0,12}[Ww]ith[A-Z]"
)
_DIGIT = quick(r"\d")
_ESCAPED = re2.compile(rb"%(?:25)*[0-9A-Fa-f]{2}")
_HUMPS = re2.compile(rb"[A-Z]*[a-z]+(?:[A-Z0-9]{1,3}[a-z]*)*[A-Z][a-z]{3,}(?:[A-Z][a-z]+)*")


def _camel_case(value: bytes) -> bool:
    """True for the name of a class (`GitLabOAuth2Adapter`): at most two digits, few capitals."""
    capitals = sum(65 <= c <= 90 for c in value)
    return (
        count_digits(value) <= 2
        and capitals <= 0.35 * len(value)
        and _HUMPS.fullmatch(value) is not None
    )


def random_path(value: bytes, strong: bool) -> bool:
    """True for base64 that holds slashes by chance (an AWS secret), unlike a path: no words, and a
    whole number of bytes unless the name says it clearly (`strong`)."""
    if value[:1] in b".~":
        return False
    if len(value) >= 32 and len(value) % 4 == 0 and entropy(value) >= 4.5 and wordy(value) < 0.3:
        return True
    random = len(value) >= 20 and entropy(value) >= 4 and wordy(value) < 0.25
    return strong and random and _BASE64.fullmatch(value) is not None


_BASE64 = re2.compile(rb"[A-Za-z0-9+/]+={0,2}")


_TWO_PARTS = re2.compile(rb"([A-Za-z0-9]{6,64})\.([A-Za-z0-9_-]{12,80})")
#: The longest part of such a key: its other parts may be short, or words.
_LONG_PART = re2.compile(rb"[A-Za-z0-9]{20,}")


def _in_two(value: bytes) -> bool:
    """True for a key's id and its secret with a dot between (`Ab3dE5gh.xY9...`), unlike a member in
    code: a long random part, or a random second part behind a first one that is no word."""
    if any(_no_name(part) for part in _LONG_PART.findall(value)):
        return True
    match = _TWO_PARTS.fullmatch(value)
    if match is None:
        return False
    first, second = match.groups()
    return (
        len(value) >= 24
        and wordy(first) < (0.6 if even_case(first) else 0.3)
        and (count_digits(first) > 0 or cased(first))
        and count_digits(second) >= 2
        and wordy(second) < (0.6 if even_case(second) else 0.3)
    )


def _no_name(part: bytes) -> bool:
    """True for a part that a machine made, in letters of both cases."""
    return both_cases(part) and count_digits(part) >= 3 and wordy(part) < 0.3


def _mixed_signs(value: bytes) -> bool:
    """True for letters, digits and signs that are no expression: `Winter*4602`."""
    if not count_digits(value) or not value[:1].isalnum():
        return False
    signs = {c for c in value if not (48 <= c <= 57 or 65 <= (c & 0xDF) <= 90)}
    many = len(signs) > 2 and not signs & _OF_CODE and len(value) >= 12 and wordy(value) < 0.4
    return many or not _EXPRESSION.search(value) or no_names(value)


def no_names(value: bytes) -> bool:
    """True where the sides of the one sign are no names of variables: `q7Rt=xK2mB`."""
    sides = re2.split(rb"[=&*%]", value)
    return (
        len(sides) == 2
        and all(side.isalnum() for side in sides)
        and len(value) >= 9
        and cased(b"".join(sides))
        and wordy(value) < 0.4
    )


#: Signs of code, which few passwords hold.
_OF_CODE = frozenset(b".()[]{};,<>'\"\\/:_$")


_EXPRESSION = re2.compile(rb"[=%&*]{2}|^[A-Za-z_]\w*[=%&*]\w*[a-z_]$|^\w+=\w")


def _typed_by_machine(value: bytes) -> bool:
    """True for a long random value with signs of all sorts, as Django's keys are: no code, no
    path."""
    letters = sum(48 <= c <= 57 or 65 <= (c & 0xDF) <= 90 for c in value)
    return (
        len(value) >= 32
        and not any(c in b",;\\ {}" for c in value)
        and letters > 0.55 * len(value)
        and entropy(value) >= 4.2
        and wordy(value) < 0.35
    )


def run_together(value: bytes) -> bool:
    """True for words and a number behind them, as in many passwords."""
    return _RUN_TOGETHER.fullmatch(value) is not None


_RUN_TOGETHER = re2.compile(
    rb"[a-z]{6,}[0-9]{3,}[a-z]*|[A-Z][a-z]{2,}[0-9]{2,}|[A-Za-z][a-z]{2,}(?:[A-Z][a-z]{2,}){1,3}[0-9]{2,}"
)


def numbered_words(value: bytes) -> bool:
    """True for words with capitals and a number behind them: `RiverTiger1387`."""
    return _NUMBERED.fullmatch(value) is not None


_NUMBERED = re2.compile(rb"(?:[A-Z][a-z]{2,}){2,4}[0-9]{2,6}")


def like_typed_secret(value: bytes, shown: bool) -> bool:
    """True where a person may have typed `value` under a name that says secret. `shown`: quotes or
    the form of the name show where it begins and ends; else more is asked of it."""
    if not shown:
        return as_servers_ask(value) and with_sign(value)
    return with_sign(value) or run_together(value)


def typed(value: bytes) -> bool:
    """True for a value that looks typed as a password, unlike the words and numbers of a sentence:
    a digit with a sign or with letters of both cases, or gibberish."""
    digits = count_digits(value) > 0
    signs = any(c in b"!@#$%^&*_-+=." for c in value)
    both = both_cases(value)
    return (digits and (both or signs) and wordy(value) < 0.85) or is_gibberish(value)


def with_sign(value: bytes) -> bool:
    """True for words, numbers and at least one of the signs that servers ask for in a password."""
    return _WITH_SIGN.fullmatch(value) is not None and typed(value)


_WITH_SIGN = re2.compile(rb"[A-Za-z0-9][\w-]*[!@#$%^&*?+][\w!@#$%^&*?+-]*")


#: Prefixes of formats that are known whole and have rules of their own: what only begins so is no
#: key.
_STRICT = (
    b"xoxb-",
    b"xoxp-",
    b"xoxa-",
    b"xoxs-",
    b"xoxe-",
    b"xapp-",
    b"AKIA",
    b"ghp_",
    b"glpat-",
    b"npm_",
    b"dapi",
)
