"""Readings: stretches of text with marks taken out or written plainly, so that the rules see what
somebody saw or meant.

Colours and zero-width characters, escaped letters, quoted-printable, quotes written in another way,
the numbers and signs that a listing puts before its lines, a command as a list of its words, a value
in a here document.
"""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec

from .lines import LISTED
from .rules import NL, Rule, pattern, quick
from .views import View, replaced, windows

Stretches = Callable[[bytes, list[int]], list[tuple[int, int]]]


def _near_hits(data: bytes, ends: list[int]) -> list[tuple[int, int]]:
    return windows(ends, data)


class Reading(msgspec.Struct, frozen=True):
    """One reading. It is made as bytes first; the way back to the original takes longer, and is made
    only where the bytes show something.

    marks      what is taken out or written plainly
    resolve    gives what stands for a mark
    runs       a pattern that finds many marks at once, for the bytes alone
    stretches  (text, ends of hits) -> the starts and ends of the stretches to read
    """

    marks: Any
    resolve: Callable[[Any], bytes]
    runs: Any = None
    stretches: Stretches = _near_hits

    def plain(self, data: bytes, start: int, end: int) -> bytes:
        """A stretch as bytes."""
        text: bytes = (self.runs or self.marks).sub(self.resolve, data[start:end])
        return text

    def view(self, data: bytes, start: int, end: int) -> View:
        """The same, with the way back."""
        return replaced(data, start, end, self.marks, self.resolve)


def _nothing(_: Any) -> bytes:
    return b""


# ---------------------------------------------------------------- colours, zero-width characters

_MARK_ANCHOR = (
    r"\x1b\[|\xe2\x80[\x8b-\x8f]|\xe2\x81\xa0|\xef\xbb\xbf|\xc2\xad|\\u001[bB]\[|\\x1b\[|\\033\[|"
    r"\\u200[b-f]|\\ufeff"
)
#: Each choice begins with a fixed byte, so that the standard library searches for it fast.
_MARKS = (
    r"\x1b\[[0-9;?]{0,20}[A-Za-z]|\\(?:u001[bB]|x1b|033)\[[0-9;?]{0,20}[A-Za-z]|\xe2\x80[\x8b-\x8f]|"
    r"\xe2\x81\xa0|\xef\xbb\xbf|\xc2\xad|\\u200[b-f]|\\ufeff"
)

# ---------------------------------------------------------------- quoted-printable

#: An encoded equals or at sign. (A line that ends in `=` proves nothing: it may be an empty setting.)
_QUOTED_ANCHOR = r"=3D[^\s=]|=40[A-Za-z]"


def _byte(match: Any) -> bytes:
    return bytes.fromhex((match[1] or b"").decode())


# ---------------------------------------------------------------- escaped letters

#: Letters as `\uXXXX`. Only the last of each run is looked for, because a hit for every letter costs
#: ten times the pass. A run may be cut off inside a letter.
_LETTER_ANCHOR = (
    r"\\u(?:00[2-7c-fC-F]|0[1-9a-fA-F][0-9a-fA-F]|(?:[3-9a-dA-D][0-9a-fA-F]|[fF]{2})[0-9a-fA-F])[0-9a-fA-F]"
    r"(?:[^\\]|\\+(?:[^\\u]|u(?:[^03-9a-dA-D]|00[^2-7c-fC-F]|[0-9a-fA-F]{0,3}(?:[^0-9a-fA-F]|$))|$)|$)"
)
#: Up to 32 backslashes, as a text has that was escaped five times.
_SLASHES = r"\\{1,32}"
#: An escaped letter, perhaps of two surrogates.
_LETTERS = rf"{_SLASHES}u[dD][89abAB][0-9a-fA-F]{{2}}{_SLASHES}u[dD][c-fC-F][0-9a-fA-F]{{2}}|{_SLASHES}u[0-9a-fA-F]{{4}}"
#: A run of such letters. A pattern that begins with a fixed byte is searched many times as fast.
_LETTER_RUN = rf"\\\\{{0,31}}+u[0-9a-fA-F]{{4}}(?:{_SLASHES}u[0-9a-fA-F]{{4}})*"
_OF_LETTERS = b"\\u0123456789abcdefABCDEF"
#: How far apart places inside a long run are.
_STEP = 300


def _along_runs(data: bytes, ends: list[int]) -> list[tuple[int, int]]:
    """Stretches around the ends of runs of escaped letters, and all along the longer runs."""
    places: list[int] = []
    before = 0
    for end in ends:
        within = []
        at = end - _STEP
        while at > before and not data[max(0, at - 8) : at].translate(None, _OF_LETTERS):
            within.append(at)
            at -= _STEP
        places += reversed(within)
        places.append(end)
        before = end
    return windows(places, data)


def _letters(match: Any) -> bytes:
    run: bytes = match.group(0)
    return _few_letters(run) if len(run) <= 120 else _read_letters(run)


def _read_letters(run: bytes) -> bytes:
    """The letters of a run of escapes, however many backslashes each has."""
    text: str = json.loads(b'"' + b"\\u".join(run.translate(None, b"\\").split(b"u")) + b'"')
    return text.encode("utf-8", "replace")


_few_letters = lru_cache(maxsize=4096)(_read_letters)


# ---------------------------------------------------------------- quotes

#: A quote in a string of a shell (`'\\''`, `'"'"'`), as an entity of HTML, doubled in SQL or CSV. Of
#: two in a row the prefilter asks for what opens a string: empty strings are everywhere.
_SHELL_QUOTE = r"'\\+''|'\\*\"'\\*\"'"
_ENTITY = r"&(?:amp;)*(?:quot|apos|#0?3[49]|#[xX]0?2[27]);"
_OPENS = r"[\s(=:,>@{]"
_DOUBLED = r"(?<=[\s(=:,>@{])(?:''|\\*\"\\*\")(?=[^\s\"',;:)\]}])|(?<=[^\s\"'(=:,>@{\[])(?:''|\\*\"\\*\")(?![\"'])"
_IN_ROW = (rf"{_OPENS}''[A-Za-z0-9]", rf"{_OPENS}\"\"[A-Za-z0-9]", r"\\\"\\+\"[A-Za-z0-9]")
#: Apart, because each has fixed bytes of its own.
_QUOTES = (
    *(r"'\\+''", r"'\\*\"'\\*\"'", r"[&;](?:quot|apos);", r"[&;]#0?3[49];", r"[&;]#[xX]0?2[27];"),
    *_IN_ROW,
)


def _quote(match: Any) -> bytes:
    text: bytes = match.group()
    return b'"' if text[:1] == b'"' or b"quot" in text or text[-2:-1] in (b"4", b"2") else b"'"


# ---------------------------------------------------------------- listings

#: What else may stand before a line: the sign of a diff, a file that was searched, a container, a time.
_BEFORE_LINE = (
    r"(?:\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[\d.,]*Z? |"
    rf"{LISTED}|[+-]|[\w./-]{{1,80}}-\d{{1,6}}-|[\w.-]{{1,60}}[ ]{{1,12}}\| )"
)
#: The first line of a string of JSON begins behind its quote.
_LISTING = quick(
    rf"(?:(?<=\n)|(?<=\\n)){_BEFORE_LINE}|(?<=\")[ ]{{2,8}}\d{{1,6}}(?:\xe2\x86\x92|\\+u2192|\\+t)"
)
#: The next line, or, in a diff, one of those behind it.
_BEFORE_NEXT = quick(rf"{_BEFORE_LINE}|(?:[ ][^\n\\]{{0,100}}(?:\n|\\n)){{1,8}}[+-][ ]")
_WORD = r"(?i:pass(?:word|wd|phrase|code)?|pwd|secret|token|key|credentials?|users|stringdata)"
_ENDS_LINE = rf"[\w.-]*\\*[\"']?(?::[ ]?[|>]?[+-]?|[ ]\{{)?[ ]?{NL}"
#: A line whose value stands on the next one: `- name: DB_PASSWORD`, `password: |`, `kind: Secret`,
#: `variable "db_password" {`.
_LAST_IN_LINE = quick(
    rf"(?:(?i:name|key|kind|id)\\*[\"']?[:=][ ]?\\*[\"']?[\w.-]*{_WORD}[\w.-]*\\*[\"']?|"
    rf"{_WORD}[\w.-]*\\*[\"']?:[ ]?[|>]?[+-]?|"
    rf"variable[ ]\\*\"\w*{_WORD}\w*\\*\"[ ]\{{)[ ]?{NL}\Z"
)


def _in_listing(data: bytes, end: int) -> bool:
    """True where a listing goes on behind such a line."""
    if _BEFORE_NEXT.match(data, end, end + 400) is None:
        return False
    low = max(0, end - 200)
    line = data.rfind(b"\n", low, end - 1) + 1  # the line itself holds no line end
    return _LAST_IN_LINE.search(data, max(low, line), end) is not None


def _far(data: bytes, ends: list[int]) -> list[tuple[int, int]]:
    return windows(ends, data, 1500)


# ---------------------------------------------------------------- commands as lists of words

_Q = r"\\*[\"']"
_NEXT_WORD = rf"{_Q},(?:\s|\\+[nrt]){{0,40}}\[?{_Q}"
_ARGV_ANCHOR = rf"[\"'],(?:\s|\\+n)*{_Q}-[A-Za-z-]"
#: A list of words, or a program and the list of its arguments: `"curl", "-u", "V"`, `"curl", ["-u", "V"`.
#: In a list of sentences nothing belongs together.
_OF_WORDS = quick(
    rf"{_Q}[^\s\"'\\,][^\s\"'\\]{{0,400}}(?:{_NEXT_WORD}[^\s\"'\\,][^\s\"'\\]{{0,400}}){{1,60}}{_Q}"
)
#: How far the ends of a list are looked for, in bytes.
_REACH = 1000


def _lists(data: bytes, ends: list[int]) -> list[tuple[int, int]]:
    """The lists of words around the hits."""
    found: list[tuple[int, int]] = []
    done = 0
    for end in ends:
        if end <= done:
            continue
        for words in _OF_WORDS.finditer(data, max(0, end - _REACH), end + _REACH):
            if words.end() >= end:
                if words.start() < end:  # else it is a list behind this hit, with hits of its own
                    done = words.end()
                    found.append(words.span())
                break
    return found


# ---------------------------------------------------------------- here documents

#: `X=$(cat <<EOF` and a line end: what follows is the value of X, as if it stood there.
_HERE = r"(?:\\*\"?\$\(cat[ ]{1,2})?<<<?"
_HERE_OPENS = rf"{_HERE}[-~]?[ ]?\\*[\"']?[A-Za-z_]{{2,24}}\\*[\"']?{NL}[ \t]*"

BY_KIND = {
    "here": Reading(quick(_HERE_OPENS), _nothing),
    "quote": Reading(quick(f"{_SHELL_QUOTE}|{_ENTITY}|{_DOUBLED}"), _quote),
    "listing": Reading(_LISTING, _nothing, stretches=_far),
    "argv": Reading(quick(_NEXT_WORD), lambda _: b" ", stretches=_lists),
    "mark": Reading(quick(_MARKS), _nothing),
    "letter": Reading(pattern(_LETTERS), _letters, quick(_LETTER_RUN), _along_runs),
    "quoted": Reading(quick(r"=\r?\n|=([0-9A-F]{2})"), _byte),
}

RULES = (
    Rule("mark", _MARK_ANCHOR),
    Rule("quoted", _QUOTED_ANCHOR),
    Rule("letter", _LETTER_ANCHOR),
    Rule("quote", "|".join((_SHELL_QUOTE, _ENTITY, *_IN_ROW)), faster=_QUOTES),
    Rule("listing", _WORD + _ENDS_LINE, near=_in_listing),
    Rule("argv", _ARGV_ANCHOR),
    Rule("here", rf"{_WORD}[\w.-]*[ ]{{0,8}}=[ ]?{_HERE}"),
)
