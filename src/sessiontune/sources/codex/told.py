"""The items of a unit's rollouts, to find those again that a fork or a sub-agent begins with.

An item is known by its payload, and the same payload may stand there many times ("Done."). A copy
keeps the order, so it is the next of them.
"""

from __future__ import annotations

from bisect import bisect_right

from ...linking import Node


class Told:
    """Items by the digests of their payloads; their numbers are the order of reading."""

    def __init__(self) -> None:
        self.nodes: list[Node | None] = []  # of each item: what was read up to it leads there
        self.first: dict[bytes, int] = {}
        self.again: dict[bytes, list[int]] = {}  # of payloads that stand there several times

    def add(self, digest: bytes, node: Node | None) -> None:
        """Note an item."""
        here = len(self.nodes)
        self.nodes.append(node)
        first = self.first.setdefault(digest, here)
        if first != here:
            self.again.setdefault(digest, [first]).append(here)

    def find(self, digest: bytes, after: int) -> int | None:
        """The number of the first such item behind number `after`, or else of the first of all;
        None where there is none."""
        numbers = self.again.get(digest)
        if numbers is None:
            return self.first.get(digest)
        at = bisect_right(numbers, after)
        return numbers[at if at < len(numbers) else 0]
