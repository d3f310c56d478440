"""Runs the rules over a text: prefilter, exact patterns around its hits, text inside text."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

from . import decoders, readings
from .checks import wordy
from .prefilter import Hit, Prefilter, make_prefilter
from .pseudonym import is_pseudonym
from .rules import MORE, Rule, Span, pattern, windowed
from .ruleset import rules_of
from .told import elsewhere, telling
from .views import View, windows

#: How deep text may stand inside text (base64 in JSON in hex ...).
MAX_DEPTH = 14

Make = Callable[[str, str, bytes], bytes]
#: Finds the names in a text that stand alone.
Named = Callable[[bytes], list[Span]]


_DECODERS = decoders.RULES


class Detector:
    """Finds the values to replace.

    layers  the layers that are switched on
    make    gives a value's replacement: (kind, shape, value) -> bytes
    allow   values that are never replaced
    named   finds names that stand alone. It is called for decoded text only (base64, escapes):
            in the text itself the caller looks for names, many texts at once
    tell    gets the values that other texts may hold bare, with the spans that told them
    """

    def __init__(
        self,
        layers: Iterable[str],
        make: Make,
        allow: frozenset[bytes],
        named: Named,
        tell: Callable[[dict[bytes, Span]], None] | None = None,
    ) -> None:
        chosen = frozenset(layers)
        self._rules: list[Rule] = [*_DECODERS, *rules_of(chosen)]
        self._tables = frozenset(i for i, rule in enumerate(self._rules) if rule.table)
        self._filter, shared = _prefilter(chosen)
        #: By pattern of the prefilter: the rules that it stands for, each with its `near`.
        #: `near` looks around one certain end of an anchor; a decoder's takes any.
        asks = len(self._rules) if self._filter.every else len(_DECODERS)
        self._takers = [
            [(i, self._rules[i].near if i < asks else None) for i in indices] for indices in shared
        ]
        self._make = make
        self._named = named
        self._tell = tell
        self._allow = allow

    def scan(self, data: bytes) -> list[Hit]:
        """The prefilter's hits in a text, or in several joined by NULs: (index of a rule, end of
        its anchor). Hits that `near` rules out are left out."""
        takers = self._takers
        return [
            (index, end)
            for which, end in self._filter.scan(data)
            for index, near in takers[which]
            if near is None or near(data, end)
        ]

    def in_tables(self, hits: list[Hit]) -> bool:
        return any(index in self._tables for index, _ in hits)  # where cells are counted

    def find(self, data: bytes, hits: list[Hit] | None = None, depth: int = 0) -> list[Span]:
        """The spans to replace, in order, without overlaps. `hits` are those of `scan`, if it has
        run already; `depth` is 0 for a text, and one more for each text inside it."""
        if hits is None:
            hits = self.scan(data)
        spans: list[Span] = self._named(data) if depth else []
        if not hits:
            return spans
        by_rule: dict[int, list[int]] = {}
        for index, end in hits:
            by_rule.setdefault(index, []).append(end)
        for index in sorted(by_rule, reverse=True):  # decoders stand first in the list, run last
            ends = by_rule[index]
            rule = self._rules[index]
            if index < len(_DECODERS):
                if depth < MAX_DEPTH:
                    self._decode(rule.kind, data, ends, depth, spans)
            else:
                self._exact(rule, data, ends, spans)
        spans = resolve(spans)
        values = telling(data, spans)
        if not values:
            return spans
        if self._tell is not None:
            self._tell(values)
        more = elsewhere(data, values)
        return resolve([*spans, *more]) if more else spans

    def apply(self, data: bytes, spans: list[Span]) -> bytes:
        """The text with the spans (sorted, without overlaps) replaced."""
        pieces: list[bytes] = []
        done = 0
        for span in spans:
            pieces.append(data[done : span.start])
            new = span.text
            if new is None:
                new = self._make(span.kind, span.shape, data[span.start : span.end])
            pieces.append(new)
            done = span.end
        pieces.append(data[done:])
        return b"".join(pieces)

    def _exact(self, rule: Rule, data: bytes, ends: list[int], spans: list[Span]) -> None:
        if rule.direct is not None:
            self._direct(rule, data, ends, spans)
            return
        search, check = windowed(rule.exact).search, rule.check
        before, after = rule.window
        position, size = 0, len(data)
        for end in ends:
            position = max(position, end - before)
            limit = min(size, end + (rule.first or after))
            while position < end:
                match = search(data, position, limit)
                if match is None or match.start() >= end:
                    break
                if rule.first and match.end() == limit < min(size, end + after):
                    limit = min(size, end + after)
                    continue
                found = check(data, match) if check else match.span(1)
                if found is None:
                    last = match.start(match.re.groups)
                    position = max(match.start() + 1, last if last > match.start() else 0)
                    continue
                low, high = found
                if low == high:  # rejected, together with all that lies inside
                    position = max(high, match.start() + 1)
                    continue
                if high == limit < size:
                    high = pattern(MORE).match(data, high, min(size, high + 65536)).end()
                value = data[low:high]
                position = max(high, match.start() + 1)
                if value not in self._allow and not is_pseudonym(value):
                    spans.append(Span(low, high, rule.kind, rule.shape, rule.rank))

    def _direct(self, rule: Rule, data: bytes, ends: list[int], spans: list[Span]) -> None:
        done, direct, allow = -1, rule.direct, self._allow
        for end in ends:
            for low, high in direct(data, end) if direct else ():
                value = data[low:high]
                if low >= done and value not in allow and not is_pseudonym(value):
                    spans.append(Span(low, high, rule.kind, rule.shape, rule.rank))
                    done = high

    def _decode(
        self, kind: str, data: bytes, ends: list[int], depth: int, spans: list[Span]
    ) -> None:
        if reading := readings.BY_KIND.get(kind):
            for start, end in reading.stretches(data, ends):
                plain = reading.plain(data, start, end)
                if len(plain) < end - start and (found := self.find(plain, None, depth + 1)):
                    self._report(found, reading.view(data, start, end), spans)
            return
        if kind == "wrap":
            for start, end in windows(ends, data, 700):
                for number, view in enumerate(decoders.joined_views(data, start, end)):
                    if not self._wrapped(view, data, spans, number == 0):
                        break
            return
        done = 0
        for end in ends:
            if end <= done:
                continue
            if kind == "escape":
                views, done = decoders.escaped_views(data, end, done)
                for view in views:
                    self._through(view, depth, spans)
                continue
            region = decoders.REGIONS[kind](data, end, done)
            if region is None:
                continue
            done = region.end
            inner = self.find(region.content, None, depth + 1)
            if inner:
                text = region.encode(self.apply(region.content, inner))
                spans.append(Span(region.start, region.end, inner[0].kind, "region", 6, text))

    def _wrapped(self, view: View, data: bytes, spans: list[Span], all_joined: bool) -> bool:
        """Adds the keys that are broken over lines; False where no key begins in the view. Where
        the part before the break is a whole key already, the rest is taken only if it looks like a
        key's body (no words, 16 bytes or more)."""
        found: list[Span] = []
        begun = False
        for index, end in self.scan(view.data):
            rule = self._rules[index]
            if rule.wraps:
                begun = True
                ends = (
                    [end]
                    if end >= 0
                    else [m.end() for m in pattern(rule.anchor).finditer(view.data)]
                )
                self._exact(rule, view.data, ends, found)
        for span in resolve(found):
            start, end = view.back(span.start, span.end)
            if end - start == span.end - span.start:
                continue
            whole = [s for s in spans if s.start >= start and s.end <= end and s.rank == span.rank]
            rest = data[max((s.end for s in whole), default=start) : end].strip()
            if whole and (not all_joined or len(rest) < 16 or wordy(rest) > 0.5 or rest.isalpha()):
                continue
            text = self._make(span.kind, span.shape, view.data[span.start : span.end])
            spans.append(Span(start, end, span.kind, span.shape, span.rank, text))
        return begun

    def _through(self, view: View, depth: int, spans: list[Span]) -> None:
        """Adds what is found in a view, as places in the original."""
        if view.changed:  # else nothing was hidden
            self._report(self.find(view.data, None, depth + 1), view, spans)

    def _report(self, found: list[Span], view: View, spans: list[Span]) -> None:
        """Adds spans of a view as places in the original, with their replacements."""
        for span in found:
            start, end = view.back(span.start, span.end)
            text = span.text
            if text is None:
                value = view.data[span.start : span.end]
                text = self._make(span.kind, span.shape, value)
            spans.append(Span(start, end, span.kind, span.shape, span.rank, text))


def resolve(spans: list[Span]) -> list[Span]:
    """Merges overlapping spans: each group becomes one span over all of them, of the kind with the
    highest rank (of two with the same rank, the wider). Sorts `spans` in place."""
    if len(spans) < 2:
        return spans
    spans.sort(key=lambda span: (span.start, -span.end))
    kept: list[Span] = [spans[0]]
    for span in spans[1:]:
        last = kept[-1]
        if span.start >= last.end:
            kept.append(span)
            continue
        wide = last.end - last.start >= span.end - span.start and span.end <= last.end
        best = last if (last.rank, wide) >= (span.rank, not wide) else span
        low, high = last.start, max(last.end, span.end)
        if (best.start, best.end) == (low, high):
            kept[-1] = best
        else:
            kept[-1] = Span(low, high, best.kind, "placeholder", best.rank)
    return kept


@lru_cache(maxsize=8)
def _prefilter(layers: frozenset[str]) -> tuple[Prefilter, list[tuple[int, ...]]]:
    return make_prefilter([*_DECODERS, *rules_of(layers)])
