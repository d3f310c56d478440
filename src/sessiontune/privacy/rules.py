"""The shape of one detection rule, and small builders for the tables of rules.

A rule has two patterns. `anchor` is what the prefilter (one pass over the text for all rules)
looks for: short, bounded, and no longer than needed to be rare. `exact` is run by RE2 only in a
window around an anchor's hit; its group 1 is the value. Both are byte patterns, so a letter of
another alphabet is never part of a word here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal

import msgspec
import re2

Layer = Literal["secrets", "personal", "places"]

#: Decides on one exact match: (text, start and end of the value) -> span, or None to leave it.
Check = Callable[[bytes, Any], "tuple[int, int] | None"]


class Rule(msgspec.Struct, frozen=True):
    """One kind of thing to find.

    kind    name in reports and placeholders (`github-token`)
    layer   the option that switches it on
    shape   what replaces it: `placeholder`, or a shape that keeps code working (`email`, `user`)
    before  bytes of text before the anchor's end that the exact pattern may need
    after   bytes after it
    wraps   the value may be broken over lines (prefixed keys)
    rank    who wins where two rules find overlapping values (higher)
    """

    kind: str
    layer: Layer
    anchor: str
    exact: str
    check: Check | None = None
    shape: str = "placeholder"
    before: int = 128
    after: int = 512
    wraps: bool = False
    rank: int = 5


class Span(msgspec.Struct, frozen=True, array_like=True):
    """A found value: bytes `start` to `end`. `text` replaces it when already known."""

    start: int
    end: int
    kind: str
    shape: str
    rank: int
    text: bytes | None = None


@lru_cache(maxsize=1024)
def pattern(source: str) -> Any:
    """A compiled RE2 byte pattern (Latin-1: one byte, one character)."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = 64 << 20
    return re2.compile(source.encode("latin-1"), options)
