"""Finds the places in a text where rules may match.

Hyperscan looks for all rules in one pass, some 80 MB per second. Where it has no wheel, RE2 looks
for one rule after the other, which takes some 70 times as long. Both take time linear in
the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Protocol

from . import compiled
from .rules import Rule, pattern

#: (index of the pattern, byte at which the hit ends).
Hit = tuple[int, int]

#: What to tell a user whose machine or Python has no wheel of Hyperscan.
SLOW = (
    "Hyperscan is not installed, so looking for secrets takes some 70 times as long. "
    "It has wheels for Linux and macOS, Python 3.11 to 3.14: pip install hyperscan"
)


class Prefilter(Protocol):
    """Finds where rules may match. `every`: it tells each byte at which a pattern can end, not one
    end for each stretch of text that fits."""

    every: bool

    def scan(self, data: bytes) -> list[Hit]:
        """All hits, sorted by their ends."""


#: A group that may stand five times or more, with an upper bound.
_REPEATED = re.compile(r"(?<=\))\{(\d+),(?:[5-9]|\d{2,})\}")


def unbounded(anchor: str) -> str:
    """The pattern without upper bounds of repeated groups. Hyperscan writes out each repeat: 25
    patterns took a quarter of the time to compile all."""
    return _REPEATED.sub(r"{\1,}", anchor)


class HyperscanFilter:
    """The prefilter with Hyperscan, in block mode."""

    every = True

    def __init__(self, anchors: Sequence[str], kept: bool = False) -> None:
        import hyperscan

        engine: Any = hyperscan  # its type stubs lack `__version__`
        anchors = [unbounded(anchor) for anchor in anchors]
        name = compiled.name_of(f"hyperscan {engine.__version__}", anchors) if kept else ""
        self._database: Any = _read(compiled.load(name)) if kept else None
        if self._database is None:
            self._database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
            self._database.compile(
                expressions=[a.encode("latin-1") for a in anchors],
                ids=list(range(len(anchors))),
                flags=[0] * len(anchors),
            )
            if kept:
                compiled.keep(name, hyperscan.dumpb(self._database))

    def scan(self, data: bytes) -> list[Hit]:
        hits: list[Hit] = []
        take = hits.append

        def report(index: int, start: int, end: int, flags: int, context: object) -> None:
            take((index, end))

        self._database.scan(data, match_event_handler=report)
        return hits


def _read(content: bytes | None) -> Any:
    """The database that these bytes hold, or None where this build of Hyperscan refuses them."""
    import hyperscan

    if content is None:
        return None
    try:
        database = hyperscan.loadb(content, mode=hyperscan.HS_MODE_BLOCK)
        database.scratch = hyperscan.Scratch(database)
    except hyperscan.HyperscanError:
        return None
    return database


class SingleFilter:
    """The prefilter with RE2, one pattern at a time. Its sets, which look for many at once, take
    longer: their automata grow faster than they are used."""

    every = False

    def __init__(self, anchors: Sequence[str]) -> None:
        self._patterns = [pattern(anchor) for anchor in anchors]

    def scan(self, data: bytes) -> list[Hit]:
        hits: set[Hit] = set()
        for index, one in enumerate(self._patterns):
            for match in one.finditer(data):
                hits.add((index, match.end()))
                if b"\x00" in match.group():  # it began in one text and took the next one's end
                    ends = _apart(one, data, match.start(), match.end())
                    hits |= {(index, end) for end in ends}
        return sorted(hits, key=lambda hit: hit[::-1])


def _apart(one: Any, data: bytes, start: int, end: int) -> Iterator[int]:
    """The ends of a pattern's matches in each text, by itself, that a stretch touches."""
    low, high = data.rfind(b"\x00", 0, start) + 1, data.find(b"\x00", end)
    for text in data[low : high if high >= 0 else len(data)].split(b"\x00"):
        yield from (low + match.end() for match in one.finditer(text))
        low += len(text) + 1


@lru_cache
def has_hyperscan() -> bool:
    try:
        import hyperscan  # noqa: F401
    except ImportError:  # no wheel, or one that does not load on this system
        return False
    return True


def make_prefilter(rules: Sequence[Rule]) -> tuple[Prefilter, list[tuple[int, ...]]]:
    """The fastest prefilter on this machine for these rules, kept on disk where `compiled` allows;
    and for each of its patterns the indices of the rules that share it."""
    by_pattern: dict[str, list[int]] = {}
    for index, rule in enumerate(rules):
        for anchor in rule.faster or (rule.anchor,):
            by_pattern.setdefault(anchor, []).append(index)
    if not has_hyperscan():
        return SingleFilter([rule.anchor for rule in rules]), [(i,) for i in range(len(rules))]
    fast = HyperscanFilter([*by_pattern], True)
    return fast, [tuple(indices) for indices in by_pattern.values()]


def make_filter(anchors: Sequence[str]) -> Prefilter:
    """The fastest prefilter on this machine for some patterns, which are not kept on disk."""
    return HyperscanFilter(anchors) if has_hyperscan() else SingleFilter(anchors)
