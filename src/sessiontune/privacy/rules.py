"""The shape of one detection rule, and small builders for the tables of rules.

A rule has two patterns. `anchor` is what the prefilter (one pass over the text for all rules)
looks for: short, bounded, and no longer than needed to be rare. `exact` is run by RE2 only in a
window around an anchor's hit; its group 1 is the value. Both are byte patterns, so a letter of
another alphabet is never part of a word here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal

import msgspec
import re2
from msgspec.structs import replace

Layer = Literal["secrets", "personal", "places"]

#: Decides on one exact match: (text, start and end of the value) -> span, or None to leave it.
Check = Callable[[bytes, Any], "tuple[int, int] | None"]

#: Says whether a look closer is worth it: (text, end of an anchor's hit).
Near = Callable[[bytes, int], bool]

#: What may follow a value that a limit cut off.
MORE = r"[A-Za-z0-9_+/=.%~-]*"
UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
#: 1 for letters and digits.
WORD = bytes(1 if (48 <= c <= 57 or 65 <= c <= 90 or 97 <= c <= 122) else 0 for c in range(256))

#: Finds the values from the end of an anchor's hit, for rules that hit very often.
Direct = Callable[[bytes, int], "list[tuple[int, int]]"]


class Rule(msgspec.Struct, frozen=True):
    """One kind of thing to find.

    kind    name in reports and placeholders (`github-token`)
    layer   the option that switches it on
    shape   what replaces it: `placeholder`, or a shape that keeps code working (`email`, `user`)
    near    a cheap look at the text around an anchor's end, before `exact` runs
    before  bytes of text before the anchor's end that the exact pattern may need
    after   bytes after it
    first   bytes after it that are looked at first, where few values reach farther
    wraps   the value may be broken over lines (prefixed keys)
    direct  finds the span from the anchor's end itself, instead of `exact`
    rank    who wins where two rules find overlapping values (higher)
    faster  what Hyperscan looks for in place of the anchor: patterns that match wherever the
            anchor ends and cost it less. Where they also match elsewhere, `near` decides
    table   it counts cells, which another rule may change: an address with a comma in it
    """

    kind: str
    layer: Layer
    anchor: str
    exact: str
    check: Check | None = None
    shape: str = "placeholder"
    before: int = 128
    after: int = 512
    first: int = 0
    wraps: bool = False
    rank: int = 5
    near: Near | None = None
    direct: Direct | None = None
    faster: tuple[str, ...] = ()
    table: bool = False


class Span(msgspec.Struct, frozen=True, array_like=True):
    """A found value: bytes `start` to `end`. `text` replaces it when already known."""

    start: int
    end: int
    kind: str
    shape: str
    rank: int
    text: bytes | None = None


@lru_cache(maxsize=256)
def quick(source: str) -> re.Pattern[bytes]:
    """A standard-library pattern, for anchored looks at a few bytes: its calls cost a tenth. Only
    patterns without nested repeats, and always with an end position."""
    return re.compile(source.encode("latin-1"))


def ends_with(source: str, size: int) -> Near:
    """A `near` for an anchor of `size` bytes, where a faster pattern stands in its place."""
    match = quick(source).match
    return lambda data, end: match(data, end - size if end > size else 0, end) is not None


@lru_cache(maxsize=1024)
def pattern(source: str) -> Any:
    """A compiled RE2 byte pattern (Latin-1: one byte, one character)."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = 64 << 20
    return re2.compile(source.encode("latin-1"), options)


#: A bound so wide that the window around a hit sets a nearer one.
_WIDE = re.compile(r"(?<!\\)\{(\d+),\d{3,}\}")


@lru_cache(maxsize=1024)
def windowed(source: str) -> Any:
    """A rule's exact pattern, without its wide bounds. RE2 writes out every repeat: `{4,900}` makes
    a program of thousands of steps, which takes milliseconds to build and more to run at first."""
    return pattern(_WIDE.sub(r"{\1,}", source))


#: Where a word begins, in a pattern.
_BEGINS = re.compile(r"(?:(?<=\(\?i\))|(?<![\w\])}?*+.\\]))\\b(?=[A-Za-z\[(\\])")


def after_escapes(source: str) -> str:
    """The pattern, whose words begin also after an escaped line end or tab: what begins a line of a
    text is seen in a row of JSON, too."""
    return _BEGINS.sub(lambda _: r"(?:\b|\\[nrt])", source)


def begun(rule: Rule) -> Rule:
    """The rule, whose words begin so."""
    faster = tuple(after_escapes(source) for source in rule.faster)
    anchor, exact = after_escapes(rule.anchor), after_escapes(rule.exact)
    return replace(rule, anchor=anchor, exact=exact, faster=faster)


_TAIL = re.compile(r"(\[(?:\\.|[^\]\\])*\]|=)\{(\d+),\d+\}\Z")


def least(source: str) -> str:
    """What must stand at least, as a pattern for the prefilter: less what a pattern may take
    more of at its end."""
    while match := _TAIL.search(source):
        kept = match[1] + "{" + match[2] + "}" if match[2] != "0" else ""
        source = source[: match.start()] + kept
        if kept:
            break
    return source


def secret_rule(
    kind: str,
    head: str,
    value: str,
    check: Check,
    tail: str = "",
    rank: int = 3,
    faster: tuple[str, ...] = (),
) -> Rule:
    """A rule for a value that follows `head`; the prefilter looks for both (or for one of the heads
    in `faster`)."""
    return Rule(
        kind=kind,
        layer="secrets",
        anchor=f"{head}(?:{least(value)})",
        exact=f"{head}({value}){tail}",
        check=check,
        before=320,
        after=1200,
        rank=rank,
        faster=tuple(f"{head}(?:{least(value)})" for head in faster),
    )


_COLOUR = re.compile(rb"(?:\x1b|u001[bB]|x1b|033)\[[0-9;]{0,12}m\Z")


def left_edge(data: bytes, start: int) -> bool:
    """True when a value may begin at `start`: no letter or digit before it, or the end of an
    escape (`\\n`, `%20`, `\\u003d`, a colour)."""
    if start <= 0:
        return True
    before = data[start - 1]
    if not WORD[before]:
        # a plus sign after a letter is the middle of base64
        return before != 43 or start < 2 or not (WORD[data[start - 2]] or data[start - 2] == 47)
    if before in b"nrtbfv" and data[start - 2 : start - 1] == b"\\":
        return True
    if data[start - 3 : start - 2] == b"%" and data[start - 2 : start].isalnum():
        return True
    if data[start - 6 : start - 4] in (b"\\u", b"\\U") or data[start - 4 : start - 2] == b"\\x":
        return True
    return before == 109 and _COLOUR.search(data, max(0, start - 18), start) is not None
