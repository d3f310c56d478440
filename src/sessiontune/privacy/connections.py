"""Logins in one string: connection strings, and what Bundler and Docker keep for a server."""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from typing import Any

import re2

from .checks import is_placeholder
from .editing import is_sought, put_there
from .rules import Rule, secret_rule
from .structured import QUOTE, whole
from .values import is_gibberish


def _connection(data: bytes, match: Any) -> tuple[int, int] | None:
    """The password of a connection string. Code (`password=dict(type='str')`, a bare name) is none; a
    plain word counts only behind other parts of such a string."""
    start = match.start(1)
    value = put_there(data, match.start(), _LINE_END.split(match.group(1))[0])
    if is_sought(data, start):
        return None
    words = value.rstrip(b"|&,").replace(b"_", b"").replace(b".", b"").isalpha()
    if any(c in b"()[]" for c in value) or (words and not is_gibberish(value)):
        before = data[max(0, match.start() - 300) : match.start()]
        if not words or not (_PARTS.search(before) or _WORDS_OF_IT.search(before)):
            return None
    return None if is_placeholder(value) else (start, start + len(value))


#: The line end of a JSON string.
_LINE_END = re2.compile(rb"\\+[nr]")
#: Two other parts or more (`Server=...;User ID=...;`), also as literals that code joins with `&` or `+`.
_PARTS = re2.compile(
    rb"(?i)(?:(?:server|data source|host(?:name)?|database|initial catalog|user(?: ?id| ?name)?|uid|"
    rb"provider|driver|port|protocol|network library) ?="
    rb"[^;=\"'<>\n\\]{1,80};[ ]?(?:\\*[\"'] ?[&+.] ?\\*[\"'])?){2,9}\z"
)
#: The same with spaces between, as libpq reads them: `host=db user=ada `.
_WORDS_OF_IT = re2.compile(
    rb"(?:(?:host(?:addr)?|dbname|user|port|sslmode)=[^\s;=\"'<>\\]+ ){2,}\z"
)


RULES: tuple[Rule, ...] = (
    Rule(
        "bundler-credential",
        r"BUNDLE_[A-Z0-9_]{4,60}[\\\"']*[ ]{0,2}[:=][ ]{0,2}[\\\"']*[^\s\"':$<{\\]{2,80}:[^\s\"':$<{/\\]{4}",
        r"BUNDLE_[A-Z0-9_]{4,60}[\\\"']*[ ]{0,2}[:=][ ]{0,2}[\\\"']*([^\s\"':$<{\\]{2,80}:[^\s\"'\\]{4,200})",
        whole,
        window=(200, 220),
        rank=4,
    ),
    secret_rule(
        "docker-auth",
        rf"{QUOTE}auth{QUOTE}:[ ]{{0,2}}{QUOTE}",
        r"[A-Za-z0-9+/]{8,400}={0,2}",
        whole,
    ),
    secret_rule(
        "connection-secret",
        r"(?i:AccountKey|SharedAccessKey|SharedSecret|Password|Pwd|AccessKey) ?=\{?",
        r"[^;\s\"'<>{}$%&]{4,400}",
        _connection,
        r"\}?[;\"']",
    ),
)
