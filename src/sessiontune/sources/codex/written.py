"""The items of a rollout, to find those that it holds twice."""

from __future__ import annotations

from ...linking import Place


class Written:
    """Items by time, kind and words."""

    def __init__(self) -> None:
        self.first: dict[tuple[str, str, str], int] = {}  # the line of each
        #: Time and place of the last of them, its number, the number of the first of that time.
        self.last: tuple[str, Place, int, int] = "", (0, 0), 0, 0

    def stands(self, at: str | None, place: Place, piece: str, kind: str, words: str) -> str:
        """Where the same item of the same time is: `before` others, which have other times; right
        `above`; `among` others of that time; nowhere. `piece` distinguishes the items of a line.

        A history that is written at once (that of a fork, several items on a line) has one time: a
        person who repeated the same words did so among others.
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
