"""The fixed beginnings of the published key formats, taken from their patterns.

A key that is broken over lines matches no format, but its beginning can still be found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_TOKEN = re.compile(
    r"\\b|\\([.$|?+])|(\[[A-Za-z0-9]{1,6}\])|\(\?:([^()\[\]{}?*+\\]+)\)|([A-Za-z0-9_:/=~!-])|(.)",
    re.S,
)
_REPEAT = re.compile(r"[{?*+]")
#: Fewest characters of a beginning: shorter ones are everywhere.
_LEAST = 4
_COMMON = frozenset((
    "AAAA", "API-", "1000.", "wandb_v", "http", "test_", "user:", "service:", "prod:", "dev:",
    "preview:", "api-", "key_", "live_", "local-", "redis_", "secret_", "sandbox_", "discord",
    "organizations/", "ext_", "ver:", "pat.", "sat.", "sess-", "sdk-", "mob-", "sig=", "4b1d",
    "1//0", "org_", "production_",
))  # fmt: skip
#: Short beginnings that are rare all the same, and some that the patterns write as a choice of
#: letters.
_SHORT = (
    "AKIA", "ASIA", "hf_", "SG.", "r8_", "sq0", "sk-", "re_", "fc-", "A3-", "NF-",
    "eyJhbGci", "eyJ0eXAi", "eyJraWQi", "eyJlbmMi",
)  # fmt: skip


def prefixes(heads: Iterable[str]) -> list[str]:
    """The literal beginnings of these patterns, less common words, and less those that begin with
    another one."""
    found: set[str] = set(_SHORT)
    for head in heads:
        found.update(text for text in _beginnings(head) if _tells(text))
    shortest: list[str] = []
    for text in sorted(found):  # sorted: what begins with another one comes right behind it
        if not (shortest and text.startswith(shortest[-1])):
            shortest.append(text)
    return shortest


def _tells(text: str) -> bool:
    return len(text) >= _LEAST and text not in _COMMON


def _beginnings(head: str) -> list[str]:
    made, at = [""], 0
    while (match := _TOKEN.match(head, at)) is not None:
        escaped, some, group, plain, other = match.groups()
        at = match.end()
        if other is not None or (_REPEAT.match(head, at) and match.group() != "\\b"):
            break
        choices = (
            list(some[1:-1]) if some else group.split("|") if group else [escaped or plain or ""]
        )
        if len(made) * len(choices) > 64:
            break
        made = [text + choice for text in made for choice in choices]
    return made
