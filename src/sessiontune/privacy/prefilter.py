"""One pass over the text for all rules at once.

Hyperscan, where it has a wheel (x86-64 Linux): about 100 MB/s, and it tells the place of each hit.
Elsewhere RE2's sets: slower, and they tell only which rules may match, so the exact patterns of
these run over the whole text. Both take time linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Protocol

import re2

from . import compiled
from .rules import Rule

#: (index of the pattern, byte at which the hit ends); an end of -1 means "somewhere in the text".
Hit = tuple[int, int]


class Prefilter(Protocol):
    """Finds where rules may match. `places`: its hits have ends."""

    places: bool

    def scan(self, data: bytes) -> list[Hit]: ...


#: A group that may stand five times or more, with an upper bound.
_REPEATED = re.compile(r"(?<=\))\{(\d+),(?:[5-9]|\d{2,})\}")


def unbounded(anchor: str) -> str:
    """The pattern without upper bounds of repeated groups. Hyperscan writes out each repeat: 25
    patterns took a quarter of the time to compile all."""
    return _REPEATED.sub(r"{\1,}", anchor)


class HyperscanFilter:
    """The prefilter with Hyperscan, in block mode."""

    places = True

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
        """All hits, sorted by their ends."""
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


class SetFilter:
    """The prefilter with a set of RE2's."""

    places = False

    def __init__(self, anchors: Sequence[str]) -> None:
        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1
        options.max_mem = 256 << 20
        self._set = re2.Set.SearchSet(options)
        for anchor in anchors:
            self._set.Add(anchor.encode("latin-1"))
        self._set.Compile()

    def scan(self, data: bytes) -> list[Hit]:
        """A hit for each pattern that matches somewhere."""
        return [(index, -1) for index in self._set.Match(data) or ()]


def make_prefilter(rules: Sequence[Rule]) -> tuple[Prefilter, list[tuple[int, ...]]]:
    """The fastest prefilter on this machine for these rules, kept on disk where `compiled` allows;
    and for each of its patterns the indices of the rules that share it."""
    by_pattern: dict[str, list[int]] = {}
    for index, rule in enumerate(rules):
        for anchor in rule.faster or (rule.anchor,):
            by_pattern.setdefault(anchor, []).append(index)
    try:
        fast = HyperscanFilter([*by_pattern], True)
    except ImportError:
        return SetFilter([rule.anchor for rule in rules]), [(i,) for i in range(len(rules))]
    return fast, [tuple(indices) for indices in by_pattern.values()]


def make_filter(anchors: Sequence[str]) -> Prefilter:
    """The fastest prefilter on this machine for some patterns, which are not kept on disk."""
    try:
        return HyperscanFilter(anchors)
    except ImportError:
        return SetFilter(anchors)
