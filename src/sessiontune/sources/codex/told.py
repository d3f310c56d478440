"""The items of a unit's rollouts, to find those again that a fork or a sub-agent begins with.

An item is known by its payload, and the same payload may stand there many times ("Done."). A copy
keeps the order, so it is the next of them.
"""

from __future__ import annotations

from bisect import bisect_right
from operator import itemgetter

from ...linking import Node


class Told:
    """Digests of items, each with the nodes that it stands in; all in the order of reading."""

    def __init__(self) -> None:
        self.items: dict[bytes, list[tuple[int, Node | None]]] = {}
        self.count = 0

    def add(self, digest: bytes, node: Node | None) -> None:
        """Note an item: what was read up to it leads to this node."""
        self.count += 1
        self.items.setdefault(digest, []).append((self.count, node))

    def find(self, digest: bytes, after: int) -> tuple[int, Node | None] | None:
        """The number and the node of the first such item behind number `after`, or else the first
        of all; None where there is none."""
        found = self.items.get(digest)
        if found is None:
            return None
        at = bisect_right(found, after, key=itemgetter(0))
        return found[at if at < len(found) else 0]
