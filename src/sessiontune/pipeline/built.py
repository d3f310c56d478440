"""What pass 2 gave of all units: where their rows lie, and the sums of what was counted.

What is counted of one unit is some kilobytes of small tables, and there may be a hundred thousand
units. So each is added up when its turn comes, and of where its rows lie only numbers are held.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from itertools import groupby

from ..ledger import Ledger
from ..measure import Truncation
from ..model import Finding
from ..packs import Place
from ..stats import Stats
from .assemble import Part
from .finish import BuildSummary


class Built:
    """The sums over all units added, in their order; `keys` are those of their segments."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.sessions: list[str] = []
        self.findings: list[Finding] = []
        self.bags: list[tuple[str, str, str]] = []
        self.ledger, self.stats, self.truncation = Ledger(), Stats(), Truncation()
        self._first = array("I")  # of each unit the position of its first session
        self._streams: dict[str, _Chunks] = {}
        self._mixed = ""

    def add(self, summary: BuildSummary) -> None:
        """The next unit."""
        unit = len(self.keys)
        self.keys.append(summary.key)
        self._first.append(len(self.sessions))
        self.sessions += summary.sessions
        self.findings += summary.findings
        self.bags += summary.bags
        self.ledger.add(summary.ledger)
        self.stats.merge(summary.stats)
        self.truncation.add(summary.truncation)
        if summary.unit == MIXED:
            self._mixed = summary.key
        for name, stream in summary.streams.items():
            chunks = self._streams.setdefault(name, _Chunks())
            chunks.rows += stream.rows
            for start, size in stream.chunks:
                chunks.units.append(unit)
                chunks.starts.append(start)
                chunks.sizes.append(size)

    @property
    def streams(self) -> Mapping[str, int]:
        """How many rows each stream has."""
        return {name: chunks.rows for name, chunks in self._streams.items()}

    def parts(self, stream: str, places: Mapping[str, Place]) -> Iterator[tuple[Part, str]]:
        """What each unit has of a stream, with the key of its first session, which stands for it.

        The key of a part is that of the segment; mixed rows have none, because theirs does not tell
        all that they depend on.
        """
        chunks = self._streams.get(stream, _Chunks())
        for unit, mine in groupby(chunks, key=lambda chunk: chunk[0]):
            key = self.keys[unit]
            place = places[key]
            where = [(place.at + start, size) for _, start, size in mine]
            yield Part("" if key == self._mixed else key, place.path, where), self._session(unit)

    def _session(self, unit: int) -> str:
        ends = len(self.sessions) if unit + 1 == len(self.keys) else self._first[unit + 1]
        return self.sessions[self._first[unit]] if self._first[unit] < ends else ""


#: The unit of mixed rows.
MIXED = "mix"


class _Chunks:
    """Chunks of one stream in the order of their units: unit, offset in its segment, bytes."""

    def __init__(self) -> None:
        self.rows = 0
        self.units, self.starts, self.sizes = array("I"), array("Q"), array("Q")

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        return zip(self.units, self.starts, self.sizes, strict=True)
