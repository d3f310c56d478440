"""Secrets known by the structure around them: options of commands, tags, pairs, settings files."""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from typing import Any

import re2

from .checks import is_placeholder, is_small_word, wordy
from .context import key_or_password_follows
from .editing import is_sought, put_there
from .judge import judge
from .rules import Rule, quick
from .values import is_dull_value, is_gibberish, like_password

QUOTE = r"(?:\\*[\"'`]|%(?:25){0,4}2[27]|&quot;|&#39;)"


def option(data: bytes, match: Any) -> tuple[int, int] | None:
    """`--password VALUE`, `<password>VALUE</password>`, `("PASSWORD", "VALUE")`."""
    start, end = match.span(2)
    value = match.group(2)
    while value and value[-1:] in (b",", b";", b")", b"\\"):
        value, end = value[:-1], end - 1
    if value[:2] == b"--" or is_small_word(value):
        return None  # the next option, the next word of a sentence
    quoted = data[start - 1 : start] in (b'"', b"'", b"`", b">")
    return (start, end) if judge(match.group(1), value, quoted, b"=") else None


def _tag(data: bytes, match: Any) -> tuple[int, int] | None:
    """`<password>VALUE`, but not the place of one in an address (`//<user>:<password>@host`), and
    no stand-in with the next line behind it: `password: <your-password>`, `api_key: ...`."""
    if data[match.start() - 1 : match.start()] in _IN_ADDRESS:
        return None
    start, end = match.span(2)
    between, escaped = data[match.end(1) : start], _ESCAPED_END.search(match.group(2))
    if b"\n" in between or b"\\" in between:
        end = start + escaped.start() if escaped else end
        if not _CLOSED.match(data, end, end + 80):
            return None
    found = option(data, match)
    return (start, min(found[1], end)) if found else None


_IN_ADDRESS = (b":", b"/", b"@", b"=")
#: The end of an element whose text stands on lines of its own.
_CLOSED = quick(r"(?:\s|\\+[nrt])*<\\*/")
#: What ends a line in a string of JSON.
_ESCAPED_END = re2.compile(rb"(?:\\+[nrt])+\z")


#: In a list the name must say at its end that a key follows.
_KEY_LAST = re2.compile(
    rb"(?i)(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|key|auth|credentials?)s?(?:[_.-]?[a-z0-9]{1,4})?$"
    rb"|^[A-Z0-9_]+$"
)
_NAME_LIKE = re2.compile(
    rb"(?:-{0,2}|[_$]{1,2})[A-Za-z]+(?:[._-][A-Za-z]+)*(?:\.\*)?|[A-Z]{2,4}\d[A-Z]{3,12}"
)


_NEXT_KEY = quick(r"\\{0,3}[\"'][ ]?:")


def _pair(data: bytes, match: Any) -> tuple[int, int] | None:
    """`("NAME", "VALUE")`, `key="NAME" value="VALUE"`, `<string name="NAME">VALUE<`; two words of a
    list are no such pair."""
    start, end = match.span(2)
    value = match.group(2)
    after = data[end : end + 1]
    if (data[start - 1 : start] == b">" and after != b"<") or (
        after == b" " and value.rstrip(b",.:;").isalpha()
    ):
        return None  # the first word of a text
    listed = data[match.end(1) : start].find(b",") >= 0
    if listed and _NEXT_KEY.match(data, end, end + 6):
        return None  # the name of the next field: `"kind": "api-key", "V": ...`
    if listed and (_NAME_LIKE.fullmatch(value) or not _KEY_LAST.search(match.group(1))):
        return None
    return (start, end) if judge(match.group(1), value, True, b",") else None


def whole(data: bytes, match: Any) -> tuple[int, int] | None:
    """The whole value, unless it is a placeholder."""
    start, end = match.span(1)
    return None if is_placeholder(match.group(1)) else (start, end)


def _connection(data: bytes, match: Any) -> tuple[int, int] | None:
    """A part of a connection string; code (`password=dict(type='str')`, a bare name) is none. A
    word is one where other parts of such a string stand before it."""
    start = match.start(1)
    value = put_there(data, match.start(), match.group(1))
    if is_sought(data, start):
        return None
    words = value.rstrip(b"|&").replace(b"_", b"").replace(b".", b"").isalpha()
    if any(c in b"()[]" for c in value) or (words and not is_gibberish(value)):
        before = data[max(0, match.start() - 300) : match.start()]
        if not words or not (_PARTS.search(before) or _WORDS_OF_IT.search(before)):
            return None
    return None if is_placeholder(value) else (start, start + len(value))


#: Two parts and more (`Server=...;User ID=...;`), also where code joins them: `...; " & "Password=`.
_PARTS = re2.compile(
    rb"(?i)(?:(?:server|data source|host(?:name)?|database|initial catalog|user(?: ?id| ?name)?|uid|"
    rb"provider|driver|port|protocol|network library) ?="
    rb"[^;=\"'<>\n\\]{1,80};[ ]?(?:\\*[\"'] ?[&+.] ?\\*[\"'])?){2,9}\z"
)
#: The same as libpq parts them: `host=db user=ada `.
_WORDS_OF_IT = re2.compile(
    rb"(?:(?:host(?:addr)?|dbname|user|port|sslmode)=[^\s;=\"'<>\\]+ ){2,}\z"
)


_DATA = re2.compile(rb"(?:^|\n|\\n)([ \t]*)[\"']?(?:data|stringData)[\"']?:[ \t]*(?:\r?\n|\\n)")
_ENTRY = re2.compile(
    rb"([ \t]+)[\"']?[A-Za-z0-9_.-]{1,80}[\"']?:[ \t]*(?:[|>]-?[ \t]*(?:\r?\n|\\n)[ \t]*)?[\"']?"
    rb"([A-Za-z0-9+/=]*)[\"']?[ \t]*(?:#[^\n]*)?(?:\r?\n|\\n|$)"
)
_OTHER_LINE = re2.compile(
    rb"[ \t]+(?:#|[^\n:\\]{1,80}:)[^\n\\]{0,200}(?:\n|\\n|$)|[ \t]*(?:\r?\n|\\n)"
)


def _kube(data: bytes, hit: int) -> list[tuple[int, int]]:
    """The values under `data:` of a Kubernetes secret: base64 of something secret."""
    low = max(data.rfind(b"\n---", max(0, hit - 4000), hit), hit - 4000, 0)
    high = data.find(b"\n---", hit, hit + 8000)
    high = min(len(data), hit + 8000) if high < 0 else high
    found: list[tuple[int, int]] = []
    for head in _DATA.finditer(data, low, high):
        at, indent = head.end(), len(head.group(1))
        while at < high:
            entry = _ENTRY.match(data, at, high)
            if entry is not None and len(entry.group(1)) > indent:
                value = entry.group(2)
                if len(value) > 8 and not is_placeholder(value):
                    found.append(entry.span(2))
                at = entry.end()
                continue
            other = _OTHER_LINE.match(data, at, high)
            if other is None or not other.group().lstrip(b" \t"):
                break
            if len(other.group()) - len(other.group().lstrip(b" \t")) <= indent:
                break
            at = other.end()
    return found


#: The end of a line, also where a string holds it.
_LINE_END = r"(?:\r?\n|(?:\\+r)?\\+n)"
#: A line of a block in YAML: its indent, the name, the value. A comment may end it.
_YAML_LINE = quick(
    r"([ \t]*(?:- )?)\\*+[\"']?([A-Za-z0-9_.@-]{1,60})\\*+[\"']?:[ \t]*\\*+[\"']?"
    r"((?:[^\s\"'#\\]|\\(?!\\{0,8}[rn\"']))*+)(?:\\++[\"']|[\"'])?[ \t]*(?:#[^\n\\]*)?"
    rf"(?:{_LINE_END}|\\*[\"']|\Z)"
)
#: What stands beside a secret: who signs in, where, how, for what.
_BESIDE = quick(
    r"(?i).*(?:id|type|scope|name|user|login|email|host|url|uri|endpoint|region|path|file|port|version|class|"
    r"provider|source|store|kind|ref|issuer|method|scheme|expir|date|description|project|database|bucket|profile|image|digest|hash|"
    r"algorithm|curve|cipher|format|protocol|flow|stage|vault|tenant|audience|role|mode|team|environment|"
    r"step|note|output|label|title)s?\Z"
)


def stands_beside(name: bytes) -> bool:
    """A field that a secret has beside it says no password: `id`, `url`, `role`."""
    return _BESIDE.match(name, 0, len(name)) is not None


#: What parts the head of a block from its first line, which a hit reaches one byte into.
_BREAK = quick(rf"{_LINE_END}[ \t-]\Z")
_VALUE_NAMED = frozenset((b"value", b"secret", b"pass", b"code", b"pin"))


def _credentials(data: bytes, hit: int) -> list[tuple[int, int]]:
    """Secrets in a block under `credentials:` whose names do not say what they are: a user's, as in
    `ada: Winter4602`, or `value`."""
    end = _BREAK.search(data, max(0, hit - 80), hit)
    line = data[max(0, hit - 300) : end.start() if end is not None else hit]
    line = line[max(line.rfind(b"\n") + 1, line.rfind(b"\\n") + 2 if b"\\n" in line else 0) :]
    indent = len(line) - len(line.lstrip(b" \t-"))
    found: list[tuple[int, int]] = []
    at = hit - 1
    while (pair := _YAML_LINE.match(data, at, at + 400)) and len(pair[1]) > indent:
        name, value = pair[2].lower(), pair[3]
        if not value and name.endswith(b"credentials"):
            break  # a block of its own: it is looked through by itself
        told = name in _VALUE_NAMED
        if (told or not _BESIDE.match(name, 0, len(name))) and _set_by_somebody(value, told):
            found.append(pair.span(3))
        at = pair.end()
    return found


def _set_by_somebody(value: bytes, told: bool) -> bool:
    """Letters and digits, and (where no name says what it is) capitals among small ones."""
    digits = sum(48 <= c <= 57 for c in value)
    return (
        8 <= len(value) <= 64
        and 0 < digits < len(value)
        and (told or (value.lower() != value and wordy(value) < 0.7))
        and value.upper() != value
        and like_password(value, False, False)
        and not is_dull_value(value)
        and not is_placeholder(value)
    )


#: A name with such a word in it. (Without bounds, which both engines compile and run faster.)
WORDS = (
    r"[A-Za-z0-9_.-]*(?i:pass(?:word|wd|phrase|code)|secret|token|api[_-]?key|access[_-]?key|"
    r"auth[_-]?key|private[_-]?key|credentials?|[._-](?:pass|pwd|pw)|key)[A-Za-z0-9_.-]*"
)

RULES: tuple[Rule, ...] = (
    Rule(
        "secret",
        "secrets",
        rf"(?:^|[\s\"'(\x00])--?{WORDS}(?:[ \t]+|=){QUOTE}?[A-Za-z0-9_~.+/=!@#%^&:|-]{{4}}",
        rf"(?:^|[\s\"'(])--?({WORDS})(?:[ \t]+|=){QUOTE}?([A-Za-z0-9_~.+/=!@#%^&:|-]{{4,900}})",
        option,
        near=key_or_password_follows,
        before=140,
        after=960,
        rank=2,
    ),
    Rule(
        "secret",
        "secrets",
        rf"<(?:{WORDS}|[Pp]ass)(?: [^<>\n]{{0,80}})?>(?:\s|\\+[nrt]){{0,40}}[^\s<>]{{4}}",
        rf"<({WORDS}|[Pp]ass)(?: [^<>\n]{{0,80}})?>(?:\s|\\+[nrt]){{0,40}}([^\s<>]{{4,900}})",
        _tag,
        near=key_or_password_follows,
        before=240,
        after=960,
        rank=2,
    ),
    Rule(
        "secret",
        "secrets",
        rf"<{WORDS}[ ]{{1,4}}value[ ]?=[ ]?{QUOTE}[^\s\"'<>]{{4}}",
        rf"<({WORDS})[ ]{{1,4}}value[ ]?=[ ]?{QUOTE}([^\s\"'<>\\]{{4,900}})",
        _pair,
        near=key_or_password_follows,
        before=160,
        after=960,
        rank=2,
    ),
    Rule(
        "secret",
        "secrets",
        rf"(?i:key|name|id)={QUOTE}{WORDS}{QUOTE}(?:(?:[ ]{{1,4}}[a-z-]+={QUOTE}[^\s\"'<>]*{QUOTE}){{0,3}}[ ]{{1,4}}(?i:value|content)={QUOTE}|[^<>\n]{{0,60}}>(?:\s*<(?i:value|string|val)(?: [^<>]*)?>)?)[^\s\"'<>]{{4}}",
        rf"(?i:key|name|id)={QUOTE}({WORDS}){QUOTE}(?:(?:[ ]{{1,4}}[a-z-]{{1,20}}={QUOTE}[^\s\"'<>]{{0,40}}{QUOTE}){{0,3}}[ ]{{1,4}}(?i:value|content)={QUOTE}|[^<>\n]{{0,60}}>(?:\s{{0,40}}<(?i:value|string|val)(?: [^<>]{{0,40}})?>)?)([^\s\"'<>\\]{{4,900}})",
        _pair,
        near=key_or_password_follows,
        before=300,
        after=960,
        rank=2,
    ),
    Rule(
        "secret",
        "secrets",
        rf"{WORDS}{QUOTE}?[,;]?(?:\s|\\+n){{0,40}}"
        rf"{QUOTE}?(?i:value){QUOTE}?[ ]{{0,2}}[:=][ ]{{0,2}}{QUOTE}?[^\s\"'<>\\]{{4}}",
        rf"(?i:key|name|id){QUOTE}?[ ]{{0,2}}[:=][ ]{{0,2}}{QUOTE}?({WORDS}){QUOTE}?[,;]?(?:\s|\\+n){{0,40}}"
        rf"{QUOTE}?(?i:value){QUOTE}?[ ]{{0,2}}[:=][ ]{{0,2}}{QUOTE}?([^\s\"'<>\\]{{4,900}})",
        _pair,
        near=key_or_password_follows,
        before=300,
        after=960,
        rank=2,
    ),
    Rule(
        "secret",
        "secrets",
        rf"{QUOTE}{WORDS}{QUOTE}[ ]?,[ ]{{0,3}}{QUOTE}{{1,2}}[^\s\"'`<>,\\]{{4}}",
        rf"{QUOTE}({WORDS}){QUOTE}[ ]?,[ ]{{0,3}}{QUOTE}{{1,2}}([^\s\"'`<>\\]{{4,900}})",
        _pair,
        near=key_or_password_follows,
        before=180,
        after=960,
        rank=2,
    ),
    Rule(
        "secret",
        "secrets",
        rf"\bvariable[ \t]+\"{WORDS}\"[ \t]*\{{[^{{}}]*default[ \t]*=[ \t]*\"[^\s\"$]{{4}}",
        rf"variable[ \t]+\"({WORDS})\"[ \t]*\{{[^{{}}]{{0,400}}default[ \t]*=[ \t]*\"([^\s\"$]{{4,900}})\"",
        option,
        near=key_or_password_follows,
        before=520,
        after=960,
        rank=2,
    ),
    Rule(
        "secret",
        "secrets",
        rf"<{WORDS}>\{{[^<>\n{{}}]{{0,60}}[ ][A-Za-z0-9_+/=.~-]{{12}}",
        rf"<({WORDS})>\{{[^<>\n{{}}]{{0,60}}[ ]([A-Za-z0-9_+/=.~-]{{12,900}})\}}?<",
        option,
        before=200,
        after=960,
        rank=2,
    ),
    Rule(
        "secret",
        "secrets",
        rf"{WORDS}=[\"']?\\\r?\n[ \t]*[A-Za-z0-9_+/.-]{{12}}",
        rf"({WORDS})=[\"']?\\\r?\n[ \t]{{0,40}}([^\s\"'`\\<>;]{{12,900}})",
        option,
        before=200,
        after=960,
        rank=2,
    ),
    Rule(
        "npm-auth",
        "secrets",
        r":_(?:authToken|auth|password)[ ]?=[ ]?[\"']?[^\s\"'$]{8}",
        r":_(?:authToken|auth|password)[ ]?=[ ]?[\"']?([^\s\"'$]{8,400})",
        whole,
        before=40,
        after=420,
        rank=3,
    ),
    Rule(
        "kubernetes-secret",
        "secrets",
        r"(?i)(?:^|[\n\x00]|\\n)[ \t]*[\\\"']*kind[\\\"']*:[ \t]*[\\\"']*secret[\"']*[ \t]*(?:[\r\n\\\x00]|$)",
        "()",
        direct=_kube,
        rank=3,
    ),
    Rule(
        "secret",
        "secrets",
        rf"(?i)(?:[\s\"'._\x00-]|\\n)credentials\\*[\"']?:[ \t]*{_LINE_END}[ \t-]|^credentials:[ \t]*{_LINE_END}[ \t-]",
        "()",
        direct=_credentials,
        rank=2,
    ),
    Rule(
        "bundler-credential",
        "secrets",
        r"BUNDLE_[A-Z0-9_]{4,60}[\\\"']*[ ]{0,2}[:=][ ]{0,2}[\\\"']*[^\s\"':$<{\\]{2,80}:[^\s\"':$<{/\\]{4}",
        r"BUNDLE_[A-Z0-9_]{4,60}[\\\"']*[ ]{0,2}[:=][ ]{0,2}[\\\"']*([^\s\"':$<{\\]{2,80}:[^\s\"'\\]{4,200})",
        whole,
        before=200,
        after=220,
        rank=4,
    ),
    Rule(
        "docker-auth",
        "secrets",
        rf"{QUOTE}auth{QUOTE}:[ ]{{0,2}}{QUOTE}[A-Za-z0-9+/]{{8}}",
        rf"{QUOTE}auth{QUOTE}:[ ]{{0,2}}{QUOTE}([A-Za-z0-9+/]{{8,400}}={{0,2}})",
        whole,
        before=90,
        after=420,
        rank=3,
    ),
    Rule(
        "connection-secret",
        "secrets",
        r"(?i)(?:AccountKey|SharedAccessKey|SharedSecret|Password|Pwd|AccessKey) ?=[^;\s\"'<>{}$%]{4}",
        r"(?i)(?:AccountKey|SharedAccessKey|SharedSecret|Password|Pwd|AccessKey) ?=([^;\s\"'<>{}$%&]{4,400})[;\"']",
        _connection,
        before=60,
        after=420,
        rank=3,
    ),
)
