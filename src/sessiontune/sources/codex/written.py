"""The items that a rollout holds, to tell those that it holds twice."""

from __future__ import annotations

from ...linking import Place


class Written:
    """Items by time, kind and words."""

    def __init__(self) -> None:
        self.first: dict[tuple[str, str, str], int] = {}  # on which line each stands
        #: Time and place of the last of them, its number, the number of the first of that time.
        self.last: tuple[str, Place, int, int] = "", (0, 0), 0, 0

    def stands(self, at: str | None, place: Place, piece: str, kind: str, words: str) -> str:
        """Where the same item of the same time stands: `before` others, which have other times;
        right `above`; `among` others of that time; nowhere. `piece` tells items of a line apart.

        A history that is written in one go (that of a fork, several items on a line) has one time:
        a person who went on with the same words twice did so among others.
        """
        if not at or not words:
            return ""
        time, last, number, since = self.last
        if last != place:
            number += 1
        if time != at:
            since = number
        self.last = at, place, number, since
        mark = (at, kind + piece, words)
        first = self.first.get(mark)
        self.first[mark] = number
        if first is None:
            return ""
        return "before" if first < since else "above" if first == number - 1 else "among"
