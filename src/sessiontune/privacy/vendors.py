"""Key formats that vendors publish: the table is `data/key_formats.tsv`, one format a line."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files
from string import ascii_letters, digits, hexdigits

from .rules import Near, ends_with, left_edge, quick
from .tokens import MARKED_RUN

#: Cheaper things to look for where the head has no letters of its own to search by.
ANCHORS = {
    "hashicorp-vault-token": r"(?:\b|[nrtm])s\.[A-Za-z0-9]{24}|hv[sbr]\.[A-Za-z0-9_-]{24}",
    "unleash-token": r"[a-z]\.[0-9a-f]{16}",
    # where a word begins only: zeros in base64 are a run of this letter, too
    "twitter-bearer-token": r"(?:^|[^A-Za-z0-9]|\\[nrtbfv]|%[0-9A-Za-z]{2}|\\[uU].{4}|\\x..|m)"
    r"A{22}[A-Za-z0-9%]{60}",
    "hubspot-token": r"(?:na|eu|ap)[12]-[0-9a-f]{4}-|pat-(?:na|eu|ap)\d-",
    "mapbox-token": r"[ps]k\.[a-zA-Z0-9_-]{48}",
    "facebook-access-token": r"\d{4}(?:\||%7C)[0-9A-Za-z_-]{27}",
    "fal-key": r"-[0-9a-fA-F]{12}:[0-9a-f]{32}",
    "deepl-key": r"-[0-9a-fA-F]{12}:fx",
    "mailchimp-key": r"[0-9a-f]{8}-us\d{1,2}",
    "discord-bot-token": r"\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27}",
    "twitter-app-token": r"%(?:25)?3D[A-Za-z0-9]{40}",
    "hubspot-key": r"(?:eu|na|ap)\d-[0-9a-f]{4}-[0-9a-f]{4}-",
}
#: One of the two formats of its kind.
_MAILGUN = r"[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}"


def _each(source: str, letters: str) -> tuple[str, ...]:
    """The pattern once for each letter that may stand at `@`. Hyperscan searches by fixed bytes:
    where a pattern has one or two of them, it stops at every word that has them, too."""
    return tuple(source.replace("@", letter) for letter in letters)


#: A beginning of two or three letters, before a choice.
_CHOICE = re.compile(r"([A-Za-z]{2,3})(?:\[([A-Za-z]{2,6})\]|\(\?:([a-z|]+)\))(?=[A-Za-z_-])")


def spelled(source: str) -> tuple[str, ...]:
    """A pattern that begins with letters and a choice (`gh[pousr]_`), once for each choice."""
    match = _CHOICE.match(source)
    if match is None:
        return ()
    choices = tuple(match[2]) if match[2] else tuple(match[3].split("|"))
    return tuple(match[1] + choice + source[match.end() :] for choice in choices)


#: By kind, or by what is looked for where a kind has more than one format: patterns that Hyperscan
#: shares with other rules or finds with less work, and the look that tells these formats apart.
FASTER = {
    "ngrok-token": (*MARKED_RUN, r"[A-Za-z0-9]{10}_01[A-Za-z0-9]{18}"),
    "hashicorp-vault-token": (
        *_each(r"(?:\b|[nrtm])s\.@[A-Za-z0-9]{23}", ascii_letters + digits),
        r"hv[sbr]\.[A-Za-z0-9_-]{24}",
    ),
    "fal-key": _each(r"-[0-9a-fA-F]{11}@:[0-9a-f]{32}", hexdigits),
    _MAILGUN: _each(r"[0-9a-f]-[0-9a-f]{7}@-[0-9a-f]{8}", hexdigits[:16]),
}
_NGROK = quick(r"2[A-Za-z0-9]{26}_")
#: A name in code: `s.` and letters of one case, or without a digit.
_LETTERS = quick(r"(?<!hv)s\.(?:[A-Za-z]{24}|[a-z0-9]{24})\Z")
NEAR: dict[str, Near] = {
    "ngrok-token": lambda data, end: (
        end >= 48 and data[end - 48] == 50 and _NGROK.match(data, end - 48, end) is not None
    ),
    "hashicorp-vault-token": lambda data, end: _LETTERS.match(data, max(0, end - 26), end) is None,
    # a plus sign within base64
    "pagerduty-key": lambda data, end: left_edge(data, end - 20),
    _MAILGUN: ends_with(_MAILGUN, 50),
}


@lru_cache(maxsize=1)
def formats() -> tuple[tuple[str, str, str], ...]:
    """(kind, head, tail) of every format: the head is what the prefilter looks for."""
    text = (files("sessiontune") / "data" / "key_formats.tsv").read_text("utf-8")
    rows = [line.split("\t") for line in text.split("\n") if line and not line.startswith("#")]
    return tuple((row[0], row[1], row[2] if len(row) > 2 else "") for row in rows)
