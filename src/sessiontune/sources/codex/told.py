"""The items of a unit's rollouts, to find those with which a fork or a sub-agent begins.

An item is recognised by its payload, which may occur many times ("Done."). A copy keeps the order,
so it is the next of them.
"""

from __future__ import annotations

from bisect import bisect_right

from ...linking import Node


class Told:
    """Items by the digests of their payloads; their numbers are the order of reading."""

    def __init__(self) -> None:
        self.nodes: list[Node | None] = []  # of each item; None if it became no message
        self.first: dict[bytes, int] = {}
        self.again: dict[bytes, list[int]] = {}  # of payloads that occur several times

    def add(self, digest: bytes, node: Node | None) -> None:
        """Note an item."""
        here = len(self.nodes)
        self.nodes.append(node)
        first = self.first.setdefault(digest, here)
        if first != here:
            self.again.setdefault(digest, [first]).append(here)

    def find(self, digest: bytes, after: int) -> int | None:
        """The number of the first such item after number `after`, or else of the first of all; None
        if there is none."""
        numbers = self.again.get(digest)
        if numbers is None:
            return self.first.get(digest)
        at = bisect_right(numbers, after)
        return numbers[at if at < len(numbers) else 0]
