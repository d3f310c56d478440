"""The shape of one rule of detection, and builders for tables of rules.

A rule finds a value in up to three steps, from cheap to dear:

1. `anchor`, a short and rare pattern. The prefilter looks for the anchors of all rules in one pass.
2. `near`, a function that looks at a few bytes around a hit and may rule it out.
3. `exact`, the whole pattern, which RE2 runs in a window around the hit. Group 1 is the value,
   unless `check` names another place or rejects the match.

A rule that hits very often has a function `direct` in place of the third step. All patterns are
over bytes (UTF-8), so `\\w` and `[A-Za-z]` never match a letter outside ASCII; all places are byte
offsets.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec
import re2
from msgspec.structs import replace

#: Decides on a match of `exact`: (text, match) -> start and end of the value, or None to reject it.
#: An empty span rejects it and everything up to there.
Check = Callable[[bytes, Any], "tuple[int, int] | None"]

#: Says whether the exact pattern is worth running: (text, end of the anchor's hit).
Near = Callable[[bytes, int], bool]

#: The rest of a value that was cut off where the window ended.
MORE = r"[A-Za-z0-9_+/=.%~-]*"
UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
#: A line end, as it is or escaped in a JSON string.
NL = r"(?:\r?\n|(?:\\+r)?\\+n)"
#: A blank; a tab, also escaped; where a word begins, also behind an escaped line end; a quote, also
#: escaped or none; a character of a value in a command, and of base64.
S = r"[ \t]"
TAB = r"(?:\t|\\+t)"
B = r"(?:\b|\\n)"
Q = r"(?:\\*[\"'])?"
IN_COMMAND = r"[^\s\"'`\\|;<>]"
B64 = "[A-Za-z0-9+/]"
#: By byte: 1 for an ASCII letter or digit, else 0.
WORD = bytes(1 if (48 <= c <= 57 or 65 <= c <= 90 or 97 <= c <= 122) else 0 for c in range(256))

#: Finds values from the end of an anchor's hit: (text, end) -> their starts and ends.
Direct = Callable[[bytes, int], "list[tuple[int, int]]"]


class Rule(msgspec.Struct, frozen=True):
    """One kind of thing to find.

    kind    name in reports and placeholders (`github-token`)
    anchor  what the prefilter looks for
    exact   the whole pattern, with the value in group 1; the anchor itself where none is given
    check   judges a match of `exact`; None accepts every match
    shape   what replaces the value: `placeholder`, or one that keeps code working (`email`, `user`)
    window  what `exact` sees: so many bytes before the anchor's end, and behind it
    first   a smaller number of bytes behind it, tried first because few values are longer
    wraps   the value may be broken over lines (keys with a prefix)
    rank    where two rules find overlapping values, the higher rank wins
    near    a cheap look around the anchor's end, before `exact` runs
    direct  finds the values from the anchor's end, in place of `exact`
    faster  patterns for Hyperscan in place of the anchor, because they cost it less. They match
            wherever the anchor ends; where they match elsewhere, too, `near` tells the difference
    table   it reads rows by the number of their cells, so it runs again when another rule has
            replaced something (an address with a comma in it)
    """

    kind: str
    anchor: str
    exact: str = ""
    check: Check | None = None
    shape: str = "placeholder"
    window: tuple[int, int] = (128, 512)
    first: int = 0
    wraps: bool = False
    rank: int = 5
    near: Near | None = None
    direct: Direct | None = None
    faster: tuple[str, ...] = ()
    table: bool = False


class Span(msgspec.Struct, frozen=True, array_like=True):
    """A found value: bytes `start` to `end`. `text` is its replacement where that is known already;
    otherwise it is made from `kind` and `shape`."""

    start: int
    end: int
    kind: str
    shape: str
    rank: int
    text: bytes | None = None


@lru_cache(maxsize=256)
def quick(source: str) -> re.Pattern[bytes]:
    """A pattern of the standard library, for looks at a few bytes: a call costs a tenth of RE2's.
    It backtracks, so use no nested repeats, and give each call an end position."""
    return re.compile(source.encode("latin-1"))


def ends_with(source: str, size: int) -> Near:
    """A `near` that matches `source` against the last `size` bytes of a hit: the anchor itself, for
    a rule whose `faster` patterns also match elsewhere."""
    match = quick(source).match
    return lambda data, end: match(data, end - size if end > size else 0, end) is not None


@lru_cache(maxsize=1024)
def pattern(source: str) -> Any:
    """A compiled RE2 pattern over bytes (as Latin-1: one byte is one character)."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = 64 << 20
    return re2.compile(source.encode("latin-1"), options)


#: An upper bound of three digits or more: the window around a hit is a closer one.
_WIDE = re.compile(r"(?<!\\)\{(\d+),\d{3,}\}")


@lru_cache(maxsize=1024)
def windowed(source: str) -> Any:
    """A rule's exact pattern without its wide bounds, compiled. RE2 writes out every repeat:
    `{4,900}` makes thousands of steps, which take milliseconds to build and longer to run at first.
    """
    return pattern(_WIDE.sub(r"{\1,}", source))


#: A `\b` in a pattern where a word begins (not where one ends).
_BEGINS = re.compile(r"(?:(?<=\(\?i\))|(?<![\w\])}?*+.\\]))\\b(?=[A-Za-z\[(\\])")


def after_escapes(source: str) -> str:
    """The pattern with every word allowed to begin right after `\\n`, `\\r` or `\\t`, as the first
    word of a line does inside a JSON string."""
    if r"\b" not in source:  # as in most patterns
        return source
    return _BEGINS.sub(lambda _: r"(?:\b|\\[nrt])", source)


def begun(rule: Rule) -> Rule:
    """The rule with `after_escapes` applied to all its patterns."""
    faster = tuple(after_escapes(source) for source in rule.faster)
    anchor, exact = after_escapes(rule.anchor), after_escapes(rule.exact or rule.anchor)
    return replace(rule, anchor=anchor, exact=exact, faster=faster)


_TAIL = re.compile(r"(\[(?:\\.|[^\]\\])*\]|=)\{(\d+),\d+\}\Z")


def least(source: str) -> str:
    """The shortest text that a pattern takes, as a pattern for the prefilter: `x[a-z]{4,90}`
    becomes `x[a-z]{4}`."""
    while match := _TAIL.search(source):
        kept = match[1] + "{" + match[2] + "}" if match[2] != "0" else ""
        source = source[: match.start()] + kept
        if kept:
            break
    return source


#: A wide gap in a head: `[^\n|;]{0,160}`.
_GAP = re.compile(r"(?<=\])\{\d+,(?:[89]\d|\d{3,})\}")


def secret_rule(
    kind: str,
    head: str,
    value: str,
    check: Check | None,
    tail: str = "",
    rank: int = 3,
    faster: tuple[str, ...] = (),
    near: Near | None = None,
    before: int = 320,
) -> Rule:
    """A rule for a value that follows `head` and may need `tail` behind it. The prefilter looks for
    the head with the first bytes of the value (or for the heads in `faster` in place of it). A wide
    gap in the head ends as early as it can: of two commands in one line of JSON, both are found."""
    return Rule(
        kind=kind,
        anchor=f"{head}(?:{least(value)})",
        exact=_GAP.sub(lambda gap: gap[0] + "?", head) + f"({value}){tail}",
        check=check,
        window=(before, 1200),
        rank=rank,
        faster=tuple(f"{head}(?:{least(value)})" for head in faster),
        near=near,
    )


_COLOUR = re.compile(rb"(?:\x1b|u001[bB]|x1b|033)\[[0-9;]{0,12}m\Z")


def left_edge(data: bytes, start: int) -> bool:
    """True when a value may begin at `start`: the byte before it is no letter or digit, or it ends
    an escape (`\\n`, `%20`, `\\u003d`, a colour)."""
    if start <= 0:
        return True
    before = data[start - 1]
    if not WORD[before]:
        # a plus sign after a letter, a digit or a slash is inside base64
        return before != 43 or start < 2 or not (WORD[data[start - 2]] or data[start - 2] == 47)
    if before in b"nrtbfv" and data[start - 2 : start - 1] == b"\\":
        return True
    if data[start - 3 : start - 2] == b"%" and data[start - 2 : start].isalnum():
        return True
    if data[start - 6 : start - 4] in (b"\\u", b"\\U") or data[start - 4 : start - 2] == b"\\x":
        return True
    return before == 109 and _COLOUR.search(data, max(0, start - 18), start) is not None
