"""Reads the key formats that vendors publish (`data/key_formats.tsv`), and makes them fast to find.

A new format is a line there; it needs an entry here only if its head has no rare letters of its
own.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files
from string import ascii_letters, digits, hexdigits

from .rules import Near, ends_with, left_edge, quick
from .tokens import MARKED_RUN

#: By kind: a cheaper anchor for a head without fixed letters to search by.
ANCHORS = {
    "hashicorp-vault-token": r"(?:\b|[nrtm])s\.[A-Za-z0-9]{24}|hv[sbr]\.[A-Za-z0-9_-]{24}",
    "unleash-token": r"[a-z]\.[0-9a-f]{16}",
    # only at the beginning of a word: zeros in base64 are a run of this letter, too
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
#: The second of Mailgun's two formats.
_MAILGUN = r"[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}"


def _each(source: str, letters: str) -> tuple[str, ...]:
    """The pattern once for each letter in the place of `@`. Hyperscan searches by fixed bytes;
    where a pattern has only one or two, it stops at every word that holds them."""
    return tuple(source.replace("@", letter) for letter in letters)


#: Two or three letters at the beginning of a pattern, and a choice behind them.
_CHOICE = re.compile(r"([A-Za-z]{2,3})(?:\[([A-Za-z]{2,6})\]|\(\?:([a-z|]+)\))(?=[A-Za-z_-])")


def spelled(source: str) -> tuple[str, ...]:
    """A pattern that begins with letters and a choice (`gh[pousr]_`) as one pattern for each
    choice; none where it does not begin so."""
    match = _CHOICE.match(source)
    if match is None:
        return ()
    choices = tuple(match[2]) if match[2] else tuple(match[3].split("|"))
    return tuple(match[1] + choice + source[match.end() :] for choice in choices)


#: By kind, or by anchor where a kind has several formats: patterns that Hyperscan finds with less
#: work or shares with other rules (`Rule.faster`). `NEAR` has the looks that go with them.
FASTER = {
    "ngrok-token": (*MARKED_RUN, r"[A-Za-z0-9]{10}_01[A-Za-z0-9]{18}"),
    "hashicorp-vault-token": (
        *_each(r"(?:\b|[nrtm])s\.@[A-Za-z0-9]{23}", ascii_letters + digits),
        r"hv[sbr]\.[A-Za-z0-9_-]{24}",
    ),
    "fal-key": _each(r"-[0-9a-fA-F]{11}@:[0-9a-f]{32}", hexdigits),
    _MAILGUN: _each(r"[0-9a-f]-[0-9a-f]{7}@-[0-9a-f]{8}", hexdigits[:16]),
}
#: Its first half begins with the time: 1 from 2018 on, 2 from 2021, 3 from 2025, 4 from 2029.
_NGROK = quick(r"[1-4][A-Za-z0-9]{26}_")
#: A name in code: `s.` and letters without a digit, or of one case.
_LETTERS = quick(r"(?<!hv)s\.(?:[A-Za-z]{24}|[a-z0-9]{24})\Z")
NEAR: dict[str, Near] = {
    "ngrok-token": lambda data, end: (
        end >= 48 and data[end - 48] in b"1234" and _NGROK.match(data, end - 48, end) is not None
    ),
    "hashicorp-vault-token": lambda data, end: _LETTERS.match(data, max(0, end - 26), end) is None,
    # behind a plus sign it is inside base64
    "pagerduty-key": lambda data, end: left_edge(data, end - 20),
    _MAILGUN: ends_with(_MAILGUN, 50),
}


@lru_cache(maxsize=1)
def formats() -> tuple[tuple[str, str, str], ...]:
    """(kind, head, tail) of every format. The head is the least that a key has, and what the
    prefilter looks for; the tail is what may follow, or empty."""
    text = (files("sessiontune") / "data" / "key_formats.tsv").read_text("utf-8")
    rows = [line.split("\t") for line in text.split("\n") if line and not line.startswith("#")]
    return tuple((row[0], row[1], row[2] if len(row) > 2 else "") for row in rows)
