"""Secrets whose name stands apart from them: in another tag, in another attribute, on the line above.

`<param-name>password</param-name><param-value>V`, `<input value="V" name="password">`,
`"db_password": {"type": "string", "value": "V"}`, `$ wg genkey` and the key on the next line.
"""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from typing import Any

import re2

from .checks import judged_random, wordy
from .envnames import machine_made
from .judge import judge
from .keynames import says_password
from .pseudonym import inside_pseudonym
from .rules import NL, Rule, secret_rule
from .structured import WORDS
from .typedin import as_asked
from .values import is_gibberish, no_secret, random_path, typed

#: The end of a name with a word for a secret, loosely, for the prefilter.
_SAYS = r"(?i:pass(?:word|wd|phrase|code)|pwd|secret|token|key|credentials?)[A-Za-z0-9_.-]*"
_LESS = r"(?:<|&lt;|\\+u003[cC])"
_MORE = r"(?:>|&gt;|\\+u003[eE])"
_GAP = r"(?:\s|\\+[nrt]){0,40}"
_PLAIN = r"[^\s\"'<>\\&]"


def _cell(data: bytes, match: Any) -> tuple[int, int] | None:
    """`<param-name>NAME</param-name><param-value>V<`. Cells of a table may be plain words, so more is
    asked of them (`|`)."""
    name, tag, value = match.group(1), match.group(2).lower(), match.group(3)
    start, end = match.span(3)
    operator = b"|" if tag in (b"td", b"th", b"dd", b"li", b"p", b"span", b"div") else b","
    if data[end : end + 1] not in (b"<", b"&", b"\\", b" ") or not judge(
        name, value, True, operator
    ):
        return None
    return (start, end) if data[end : end + 1] != b" " or not value.isalpha() else None


#: The value in an attribute of a tag or a field of an object.
_VALUE = re2.compile(
    rb"(?i)[\s{,\"'](?:value|content|val)\\*[\"']?\s{0,4}[:=]\s{0,4}\\*[\"']([^\s\"'<>\\]{4,900})\s?\\*[\"']"
)
_NAMED = re2.compile(
    rb"(?i)[\s{,\"'](?:key|name|id|type)\\*[\"']?\s{0,4}[:=]\s{0,4}\\*[\"']("
    + WORDS.encode()
    + rb"|pass)\\*[\"']"
)
#: How far from a name the ends of its tag or object are looked for, in bytes.
_REACH = 500


def _around(data: bytes, hit: int) -> list[tuple[int, int]]:
    """The value in the tag or the innermost object around the name that ends at `hit`."""
    least = max(0, hit - _REACH)
    low = max(data.rfind(b"<", least, hit), data.rfind(b"{", least, hit))
    if low < 0:
        return []
    tag = data[low] == 60
    high = data.find(b">" if tag else b"}", hit, hit + _REACH)
    if high < 0 or data.find(b"<" if tag else b"{", hit, high) >= 0:
        return []
    value = _VALUE.search(data, low, high + 1)
    name = _NAMED.search(data, low, high + 1)
    if value is None or name is None or not judge(name.group(1), value.group(1), True, b","):
        return []
    return [value.span(1)]


def _inner(data: bytes, match: Any) -> tuple[int, int] | None:
    """`"NAME": {..., "value": "V"}`, `&lt;NAME&gt;V&lt;`, `1) "NAME"` and `2) "V"`."""
    return match.span(2) if judge(match.group(1), match.group(2), True, b",") else None


def _alone(data: bytes, match: Any) -> tuple[int, int] | None:
    """A value alone on the line below its name: a random one, or one that looks like a password."""
    start, end = match.span(1)
    value = match.group(1)
    if (no_secret(value) and not random_path(value, True)) or _HASHING.search(match.group(0)):
        return None
    told = _TELLING.finditer(data, match.start(), start)
    if all(inside_pseudonym(data, *one.span()) for one in told):
        return None  # the only word for a secret is in a pseudonym: `REDACTED_GITHUB_TOKEN_...:`
    if _NAMES.fullmatch(value) or value.endswith(b":"):
        return None
    odd = judged_random(value, 16) or as_asked(value)
    if not _SAYS_SO.match(match.group(0)) and not odd:
        return None  # the line above ends in such a word by chance
    head = match.group(0)[: start - match.start()]
    most = 0.85 if says_password(head) or _REVEALS.search(head) else 0.7
    good = judged_random(value, 16) or is_gibberish(value) or (typed(value) and wordy(value) < most)
    return (start, end) if good else None


#: Commands that print digests and ids: `$ git rev-parse token-fix`.
_HASHING = re2.compile(
    rb"(?i)\bgit\b|sha\d|md5|hash|digest|checksum|fingerprint|cksum|uuid|\b(?:docker|podman|nerdctl)\b.*\b(?:run|create|start|build)\b"
)
#: Commands that print a secret and nothing else.
_REVEALS = re2.compile(rb"with-decryption|secret show|secrets? (?:get|access|versions access)")
#: A command, words with a colon at their end, or a heading above a block of code.
_SAYS_SO = re2.compile(rb"\$ |[^\n]*:[ \t]*(?:\r?\n|\\)|[^`]*```")
#: An e-mail address, or a name with a version: `max tokens:` above `claude-3-5-sonnet-20241022`.
_NAMES = re2.compile(
    rb"[^\s@]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[a-z]{2,}|[a-z]{2,}(?:[-._:/][a-z]+|[-._:/]v?\d+[a-z]{0,2})+"
)
_ALONE = r"[A-Za-z0-9!@#$%^&*_+.,:/=~?-]"
#: A character of a line and the line's end: in plain text, and in a JSON string.
_LINES = ((r"[^\n]", r"\r?\n"), (r"(?:[^\n\\]|\\+\")", r"(?:\\+r)?\\+n"))
_TELLS = r"(?i:passw(?:or)?d|passphrase|token|secret|genkey|api[_ -]?key|\bpass show|\bop read|\bbw unlock|key:generate|requirepass|openssl rand|\bpwgen|with-decryption|erlang\.cookie|randomBytes\(|/dev/u?random)"
#: The end of a name that says so in a command: `grep DB_PASS .env`, `config get root_pw`. In a pattern
#: of its own, because one for all words makes Hyperscan's pass an eighth slower.
_NAMES_SO = r"_(?i:pass|pwd|psk|pw)\b"
_TELLING = re2.compile(f"{_TELLS}|{_NAMES_SO}".replace(r"\b", "").encode())
_FENCE = "```[a-z]*"
_ENDS = r"[ \t]*(?:[\r\n\x00\"\\]|$)"
#: A field for a name, and a name with a word for a secret.
_FIELD = r"(?:[kK]ey|[nN]ame|[iI]d|type)"
_NAMED_SO = r"[:=][ ]?\\*[\"'][A-Za-z0-9_.-]*(?i:passw|pass\\*[\"']|passphrase|pwd|secret|token|api_?key|access_?key)"


def _below(line: str, end: str) -> Rule:
    """A rule for a value alone on the line below `line`, perhaps with an empty line or the fence of a
    block of code between."""
    head = rf"{line}[ \t]*{end}(?:[ \t]*{end})?(?:{_FENCE}{end})?[ \t]*"
    return Rule(
        "secret",
        rf"{head}{_ALONE}{{8,}}{_ENDS}",
        rf"{head}({_ALONE}{{8,900}}){_ENDS}",
        _alone,
        window=(1200, 960),
        rank=2,
    )


#: Prompts of interpreters and debuggers, and what they write before a value.
_PROMPT = r"(?:>>>|\((?:Pdb|gdb|lldb)\)|\birb(?:\([^)\n]{1,20}\))?[^>\n]{0,20}>|\bIn \[\d{1,4}\]:)"
_ANSWERS = r"(?:=> |\$\d{1,3} = (?:0x[0-9a-f]{1,16} )?|Out\[\d{1,4}\]: )?"
#: Commands and expressions that print a password and nothing else.
_PRINTS = (
    r"(?:\becho[ ]{1,2}\\*\"?\$\{?[A-Z0-9_]*(?:PASSW|PASSPH|_PASS|_PWD|_PW)[A-Z0-9_]*\}?\\*\"?|\bprintenv [A-Z0-9_]*(?:PASSW|PASSPH|_PASS|_PWD|_PW)[A-Z0-9_]*|"
    r"\bpass show [^\s|;]{1,60}|\bop read [^\n|;]{1,80}|\bnmcli [^\n|;]{1,80}\.(?:psk|password) [^\n|;]{1,80}|\bsecret-tool lookup [^\n|;]{1,80}|\bgopass show [^\n|;]{1,60}|\bbw get password [^\n|;]{1,60}|\bfind-(?:generic|internet)-password [^\n|;]{1,80}-w|"
    rf"{_PROMPT} [^\n\\]{{0,80}}(?i:passw(?:or)?d|passphrase|_pass|_pwd|\(pw)[A-Za-z0-9_]{{0,12}}[\"'\])]{{0,3}})[ \t]*"
)

_ASKS_KEY = rf"{_PROMPT} [^\n\\]{{0,80}}(?i:secret|token|api_?key)[A-Za-z0-9_]{{0,12}}\\*[\"'\])]{{0,3}}[ \t]*"


def _printed(data: bytes, match: Any) -> tuple[int, int] | None:
    start, end = match.span(1)
    value = match.group(1)
    if no_secret(value) or value.isalpha() or _NAMES.fullmatch(value) or value[-1:] in b":(":
        return None
    return start, end


def _of_variable(data: bytes, match: Any) -> tuple[int, int] | None:
    """What a variable holds, printed on the line below: judged as if it were assigned."""
    name, value = match.groups()
    good = machine_made(name, value) or judge(name, value, False, b"=")
    return match.span(2) if good else None


RULES: tuple[Rule, ...] = (
    secret_rule(
        "password",
        rf"{_PRINTS}{NL}{_ANSWERS}\\*[\"']?",
        rf"{_ALONE}{{6,120}}",
        _printed,
        rf"\\*[\"']?{_ENDS}",
    ),
    secret_rule(
        "secret",
        rf"{_ASKS_KEY}{NL}{_ANSWERS}\\*[\"']",
        r"[A-Za-z0-9!@#$%^&*()_+.,:/=~?-]{16,900}",
        _alone,
        r"\\*[\"']",
        rank=2,
    ),
    Rule(
        "secret",
        rf"(?:\bprintenv |\becho[ ]{{1,2}}\\*\"?\$\{{?)[A-Z0-9_]+\}}?\\*\"?[ ]?{NL}[A-Za-z0-9+/_-]{{24}}",
        rf"(?:\bprintenv |\becho[ ]{{1,2}}\\*\"?\$\{{?)([A-Z][A-Z0-9_]{{2,59}})\}}?\\*\"?[ ]?{NL}([A-Za-z0-9+/_-]{{24,900}}={{0,2}}){_ENDS}",
        _of_variable,
        window=(90, 960),
        rank=2,
    ),
    secret_rule(
        "secret",
        rf"form-data; name=\\*\"({WORDS})\\*\"{NL}{NL}",
        r"[^\s\"\\]{4,900}",
        _inner,
        rank=2,
    ),
    Rule(
        "secret",
        rf"{_SAYS}\s*{_LESS}/[\w:.-]+{_MORE}{_GAP}{_LESS}[\w:.-]+[^<>&]*{_MORE}\s*{_PLAIN}{{4}}",
        rf"{_MORE}\s{{0,20}}({WORDS})\s{{0,20}}{_LESS}/[\w:.-]{{1,60}}{_MORE}{_GAP}{_LESS}([\w:.-]{{1,60}})[^<>&]{{0,80}}{_MORE}\s{{0,40}}({_PLAIN}{{4,900}})",
        _cell,
        window=(340, 960),
        rank=2,
    ),
    Rule(
        "secret",
        rf"&lt;[A-Za-z0-9_.-]*{_SAYS}&gt;{_PLAIN}{{4}}|<(?i:pwd|pw|passwd)>{_PLAIN}{{4}}",
        rf"(?:&lt;|<)({WORDS}|(?i:pwd|pw|passwd))(?:&gt;|>)({_PLAIN}{{4,900}})(?:&lt;|<)/",
        _inner,
        window=(120, 960),
        rank=2,
    ),
    Rule(
        "secret",
        rf"\d\) \\*\"[A-Za-z0-9_.-]*(?:{_SAYS}|requirepass|masterauth)\\*\"(?:\s|\\+n)*\d+\) \\*\"[^\s\"\\]{{4}}",
        rf"\d\) \\*\"({WORDS}|requirepass|masterauth)\\*\"(?:\s|\\+n){{1,8}}\d{{1,6}}\) \\*\"([^\s\"\\]{{4,900}})\\*\"",
        _inner,
        window=(160, 960),
        rank=2,
    ),
    Rule(
        "secret",
        rf"{_FIELD}\\*[\"']?[ ]?{_NAMED_SO}",
        direct=_around,
        rank=2,
        # one pattern for each mark behind `key` and the like, which alone are in many texts
        faster=tuple(
            rf"{_FIELD}{mark}{_NAMED_SO}" for mark in (r"\\+[\"']?[ ]?", r"[\"'][ ]?", r"[ ]", r"")
        ),
    ),
    Rule(
        "secret",
        rf"{_SAYS}\\*[\"'](?:\s*:\s*\{{|\s*,)[^{{}}]*\"(?i:value|default|defaultvalue)\\*\"\s*:\s*\\*\"[^\s\"\\<$]{{4}}",
        rf"({WORDS})\\*[\"'](?:\s{{0,8}}:\s{{0,8}}\{{|\s{{0,8}},)[^{{}}]{{0,400}}\"(?i:value|default|defaultvalue)\\*\"\s{{0,8}}:\s{{0,8}}\\*\"([^\s\"\\<$]{{4,900}})\\*\"",
        _inner,
        window=(540, 960),
        rank=2,
    ),
    *(
        rule
        for char, end in _LINES
        for rule in (
            _below(rf"\$ {char}*{_TELLS}{char}*", end),
            _below(rf"\$ {char}*{_NAMES_SO}{char}*", end),
            # bounded: a row of JSON has no line end, and the search would run to the end of the row
            _below(rf"{_TELLS}(?:{char}{{0,240}}:)?", end),
        )
    ),
)
