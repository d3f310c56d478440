"""An answer that is longer than a row, in parts: each of its tokens bears loss exactly once.

The answer is rendered and tokenised whole; then its tokens are cut, so nothing in it changes. A
part is what was said before (only its head if all is too long), the mark that begins an answer, the
tokens just before as context, and the next tokens with loss. Only the last part holds the stop
token: no part teaches to stop in the middle. Cuts fall between words, where the tokenizer gives the
same tokens to the text on each side alone.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .engine import TemplateRefused
from .examples import IGNORED, Encoded, Piece, Span
from .rows import Turn

if TYPE_CHECKING:
    from .template import Template

#: Largest share of a row for what was said before; share of the rest for context.
HEAD, CONTEXT = 5 / 8, 1 / 3
#: Places for a cut, the best first: at white space, beside punctuation, anywhere.
_EDGES = (re.compile(r"\s"), re.compile(r"[\s\"'`,;:<>(){}\[\]|=]"), re.compile(r"[\s\S]"))
#: Tokens on each side of a cut that are encoded again, and those that must come out the same.
_NEAR, _SAME = 24, 6

Run = tuple[int, int]


def in_parts(
    template: Template,
    row: Mapping[str, Any],
    made: tuple[Piece, Encoded],
    length: int,
    first: int,
) -> list[tuple[Piece, Encoded]]:
    """The answers of an example from number `first` on, in parts of at most `length` tokens.

    `row` is what the example was made from.
    """
    piece, whole = made
    turns, tools, _ = template.prepare(row, whole.where)
    cutter = _Cutter(template, piece)
    out: list[tuple[Piece, Encoded]] = []
    for span in piece.spans[first:]:
        pinned = _pinned(template, piece, span, turns, tools)
        targets = turns[span.turn].sources
        out += [
            cutter.example(whole, span, targets, before, loss)
            for before, loss in cutter.parts(span, pinned, length)
        ]
    return out


def _pinned(
    template: Template, piece: Piece, span: Span, turns: Sequence[Turn], tools: Any
) -> tuple[int, int]:
    """The length of the head in characters (all before the first answer), and where the mark before
    the answer begins; 0 and the answer's own start if the template does not show them."""
    first = next(i for i, t in enumerate(turns) if t.role == "assistant")

    def shown(count: int) -> int:
        try:
            text = template.text(turns[:count], tools) if count else ""
        except TemplateRefused:
            return -1
        return len(text) if piece.text[: span.start].startswith(text) else -1

    mark = shown(span.turn)
    return max(0, shown(first)), span.start if mark < 0 else mark


class _Cutter:
    """The tokens of one example and the places where they may be cut. A run is [first, last) of
    them."""

    def __init__(self, template: Template, piece: Piece) -> None:
        self.template = template
        self.text = piece.text
        self.tokens = template.tokens_of(piece)
        self.starts = [start for _, start, _ in self.tokens]

    def parts(
        self, span: Span, pinned: tuple[int, int], length: int
    ) -> Iterator[tuple[list[Run], Run]]:
        """For each part, the runs of its context and the run that bears loss."""
        begin, end = bisect_left(self.starts, span.start), bisect_left(self.starts, span.end)
        head, mark = bisect_left(self.starts, pinned[0]), bisect_left(self.starts, pinned[1])
        if begin <= length * HEAD:
            head = mark = begin  # all that was said before fits
        elif head + begin - mark > length * HEAD:
            head = 0
        fixed = [(0, head), (mark, begin)]
        room = length - head - (begin - mark)
        at = begin
        while at < end:
            before = fixed
            most = room - (int(room * CONTEXT) if at > begin else 0)
            stop = end
            if end - at > most:
                # a last part of few tokens would hold little but the stop token
                last = at + most - (most // 4 if end - at < most + most // 4 else 0)
                stop = self._cut(at + most // 2, last)
            if at > begin:
                before = [*fixed, (self._word(max(begin, at - room + stop - at), at), at)]
            yield before, (at, stop)
            at = stop

    def _cut(self, least: int, most: int) -> int:
        """The last good place for a cut in [least, most]."""
        for edge in _EDGES:
            for at in range(most, least - 1, -1):
                if self._between(at, edge) and self._stable(at):
                    return at
        return most

    def _word(self, least: int, most: int) -> int:
        """The first position from `least` on at which a word begins."""
        for edge in _EDGES:
            found = next((i for i in range(least, most) if self._between(i, edge)), None)
            if found is not None:
                return found
        return most

    def _between(self, at: int, edge: re.Pattern[str]) -> bool:
        """Whether token `at` is the first after an edge, and no further piece of a character."""
        start, before = self.starts[at], self.tokens[at - 1][2]
        text = self.text
        return start >= before and bool(edge.match(text, start) or edge.match(text, start - 1))

    def _stable(self, at: int) -> bool:
        """Whether the texts before and after a cut, each alone, give the same tokens."""
        first, last = max(0, at - _NEAR), min(len(self.tokens), at + _NEAR)
        before = [i for i, _, _ in self.template.tokens(self._text((first, at)))]
        after = [i for i, _, _ in self.template.tokens(self._text((at, last)))]
        ids = [i for i, _, _ in self.tokens[first:last]]
        left, right = min(_SAME, at - first), min(_SAME, last - at)
        middle = at - first
        return before[-left:] == ids[middle - left : middle] and (
            after[:right] == ids[middle : middle + right]
        )

    def _text(self, run: Run) -> str:
        first, last = run
        end = self.starts[last] if last < len(self.starts) else len(self.text)
        return self.text[self.starts[first] : end] if first < last else ""

    def example(
        self, whole: Encoded, span: Span, targets: tuple[int, ...], before: list[Run], loss: Run
    ) -> tuple[Piece, Encoded]:
        """One part as an example, with its text."""
        context = "".join(map(self._text, before))
        text = context + self._text(loss)
        hidden = [token for first, last in before for token, _, _ in self.tokens[first:last]]
        shown = [token for token, _, _ in self.tokens[loss[0] : loss[1]]]
        first = self.starts[loss[0]] == span.start
        last = loss[1] == len(self.starts) or self.starts[loss[1]] >= span.end
        return Piece(text, (Span(len(context), len(text), span.turn),)), Encoded(
            where=whole.where,
            ids=hidden + shown,
            labels=[IGNORED] * len(hidden) + shown,
            targets=targets,
            ends=(len(hidden) + len(shown),),
            part="goes on" if not last else "alone" if first else "last",
        )
