"""Secrets in blocks of YAML: under `data:` in a Kubernetes secret, and under `credentials:`."""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

import re2

from .checks import count_digits, is_placeholder, wordy
from .rules import NL, Rule, quick
from .values import like_password, no_secret

_DATA = re2.compile(
    rb"(?:^|[\n\x00\"]|\\n)([ \t]*)[\"']?(?:data|stringData)[\"']?:[ \t]*(?:\r?\n|\\n)"
)
_ENTRY = re2.compile(
    rb"([ \t]+)[\"']?[A-Za-z0-9_.-]{1,80}[\"']?:[ \t]*(?:[|>]-?[ \t]*(?:\r?\n|\\n)[ \t]*)?[\"']?"
    rb"([A-Za-z0-9+/=]*)[\"']?[ \t]*(?:#[^\n]*)?(?:\r?\n|\\n|$)"
)
_OTHER_LINE = re2.compile(
    rb"[ \t]+(?:#|[^\n:\\]{1,80}:)[^\n\\]{0,200}(?:\n|\\n|$)|[ \t]*(?:\r?\n|\\n)"
)


def _kube(data: bytes, hit: int) -> list[tuple[int, int]]:
    """The values under `data:` and `stringData:` of the Kubernetes secret whose `kind` ends at `hit`."""
    low = max(data.rfind(b"\n---", max(0, hit - 4000), hit), hit - 4000, 0)
    high = data.find(b"\n---", hit, hit + 8000)
    high = min(len(data), hit + 8000) if high < 0 else high
    return [
        span
        for head in _DATA.finditer(data, low, high)
        for span in _entries(data, head.end(), high, len(head.group(1)))
    ]


def _strings(data: bytes, hit: int) -> list[tuple[int, int]]:
    """The values under `stringData:`, which only such secrets have, where their `kind` is not shown."""
    head = _DATA.search(data, max(0, hit - 100), hit)
    return _entries(data, hit, min(len(data), hit + 8000), len(head.group(1))) if head else []


def _entries(data: bytes, at: int, high: int, indent: int) -> list[tuple[int, int]]:
    """The values of the lines from `at` on that stand deeper than `indent`."""
    found: list[tuple[int, int]] = []
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


#: A line of a block: indent, name and value, perhaps with a comment behind them.
_YAML_LINE = quick(
    r"([ \t]*(?:- )?)(?:\\*+[\"'])?([A-Za-z0-9_.@-]{1,60})(?:\\*+[\"'])?:[ \t]*(?:\\*+[\"'])?"
    r"((?:[^\s\"'#\\]|\\(?!\\{0,8}[rn\"']))*+)(?:\\++[\"']|[\"'])?[ \t]*(?:#[^\n\\]*)?"
    rf"(?:{NL}|\\*[\"']|\Z)"
)
#: Names of fields that stand beside a secret: who signs in, where, how, for what.
_BESIDE = quick(
    r"(?i).*(?:id|type|scope|name|user|login|email|host|url|uri|endpoint|region|path|file|port|version|class|"
    r"provider|source|store|kind|ref|issuer|method|scheme|expir|date|description|project|database|bucket|profile|image|digest|hash|"
    r"algorithm|curve|cipher|format|protocol|flow|stage|vault|tenant|audience|role|mode|team|environment|"
    r"step|note|output|label|title)s?\Z"
)


def stands_beside(name: bytes) -> bool:
    """True where a field of this name stands beside a secret and is none: `id`, `url`, `role`."""
    return _BESIDE.match(name, 0, len(name)) is not None


#: From the end of `credentials:` to one byte into the next line, where a hit ends.
_BREAK = quick(rf"{NL}[ \t-]\Z")
_VALUE_NAMED = frozenset((b"value", b"secret", b"pass", b"code", b"pin"))


def _credentials(data: bytes, hit: int) -> list[tuple[int, int]]:
    """Secrets under `credentials:` whose names do not say what they are: the user's own name, as in
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
            break  # a block inside the block has a hit of its own
        told = name in _VALUE_NAMED
        if (told or not stands_beside(name)) and _set_by_somebody(value, told):
            found.append(pair.span(3))
        at = pair.end()
    return found


def _set_by_somebody(value: bytes, told: bool) -> bool:
    """True for letters and digits as people choose passwords. `told`: the name says it is a secret;
    otherwise it also needs letters of both cases."""
    digits = count_digits(value)
    return (
        8 <= len(value) <= 64
        and 0 < digits < len(value)
        and (told or (value.lower() != value and wordy(value) < 0.7))
        and value.upper() != value
        and like_password(value, False, False)
        and not no_secret(value)
    )


RULES: tuple[Rule, ...] = (
    Rule(
        "kubernetes-secret",
        r"(?i)(?:^|[\n\x00\"]|\\n)[ \t]*[\\\"']*kind[\\\"']*:[ \t]*[\\\"']*secret[\"']*[ \t]*(?:[\r\n\\\x00]|$)",
        direct=_kube,
        rank=3,
    ),
    Rule(
        "kubernetes-secret",
        rf"[\n\x00 \tn\"']stringData[\"']?:[ \t]*{NL}|^[\"']?stringData[\"']?:[ \t]*{NL}",
        direct=_strings,
        rank=3,
    ),
    Rule(
        "secret",
        rf"(?i)(?:[\s\"'._\x00-]|\\n)(?:credentials|passwords|users)\\*[\"']?:[ \t]*{NL}[ \t-]|^(?:credentials|passwords|users):[ \t]*{NL}[ \t-]",
        direct=_credentials,
        rank=2,
    ),
)
