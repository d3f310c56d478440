"""Runs all rules over a text: prefilter, exact patterns around the hits, text inside text."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

from . import (
    accounts,
    apart,
    births,
    calls,
    collected,
    commands,
    context,
    coordinates,
    decoders,
    envnames,
    headers,
    homes,
    hooks,
    identity,
    keyblocks,
    nearby,
    network,
    payment,
    personal,
    phones,
    places,
    printed,
    programs,
    seeds,
    sentences,
    services,
    stored,
    streets,
    structured,
    tables,
    tokens,
    told,
    vendorkeys,
    web,
)
from .checks import wordy
from .prefilter import Hit, Prefilter, make_prefilter
from .pseudonym import is_pseudonym
from .rules import MORE, UUID, Rule, Span, begun, left_edge, pattern, quick, windowed
from .sentences import typed
from .views import View, windows

#: How deep text may stand inside text (base64 in JSON in hex ...).
MAX_DEPTH = 14

Make = Callable[[str, str, bytes], bytes]
#: Finds names in a text.
Named = Callable[[bytes], list[Span]]


@lru_cache(maxsize=1)
def all_rules() -> tuple[Rule, ...]:
    """Every rule of the three layers."""
    return tuple(begun(rule) for rule in _TABLES)


_TABLES = (
    *vendorkeys.RULES,
    *tokens.RULES,
    *headers.RULES,
    *structured.RULES,
    *apart.RULES,
    *programs.RULES,
    *web.RULES,
    *hooks.RULES,
    *seeds.RULES,
    *stored.RULES,
    *keyblocks.RULES,
    *commands.RULES,
    *calls.RULES,
    *context.RULES,
    *services.RULES,
    *sentences.RULES,
    *nearby.RULES,
    *told.RULES,
    *collected.RULES,
    *personal.RULES,
    *payment.RULES,
    *identity.RULES,
    *coordinates.RULES,
    *phones.RULES,
    *streets.RULES,
    *network.RULES,
    *homes.RULES,
    *places.RULES,
    *tables.RULES,
    *births.RULES,
    *printed.RULES,
    *envnames.RULES,
    *accounts.RULES,
)


_DECODERS = decoders.RULES
#: How a stretch reads, and the same with the way back, which is made only where something is found.
_READ_AS = {
    "mark": (decoders.unmarked, decoders.unmarked_view),
    "letter": (decoders.lettered, decoders.lettered_view),
}
_UUID = quick(UUID)
_WORD_AFTER = quick(r"[A-Za-z0-9]")


class Detector:
    """Finds what must go. `layers` are those switched on; `make` gives a value's replacement;
    `named` finds the names that stand alone, in text that was hidden (the caller sees to the rest).
    """

    def __init__(
        self, layers: Iterable[str], make: Make, allow: frozenset[bytes], named: Named
    ) -> None:
        chosen = frozenset(layers)
        rules = [rule for rule in all_rules() if rule.layer in chosen]
        self._rules: list[Rule] = [*_DECODERS, *rules]
        self._tables = frozenset(i for i, rule in enumerate(self._rules) if rule.table)
        self._filter, shared = _prefilter(chosen)
        #: For each pattern of the prefilter: its rules, with the look that each takes first.
        self._takers = [[(i, self._rules[i].near) for i in indices] for indices in shared]
        self._make = make
        self._named = named
        self._allow = allow

    def scan(self, data: bytes) -> list[Hit]:
        """Rules with the ends of their anchors (in one text, or several joined into one), less
        those that a cheap look at the text around rules out."""
        hits = self._filter.scan(data)
        if not self._filter.places:
            return hits
        takers = self._takers
        return [
            (index, end)
            for which, end in hits
            for index, near in takers[which]
            if near is None or near(data, end)
        ]

    def in_tables(self, hits: list[Hit]) -> bool:
        return any(index in self._tables for index, _ in hits)  # where cells are counted

    @property
    def placed(self) -> bool:
        """True when hits say where they are."""
        return self._filter.places

    def find(self, data: bytes, hits: list[Hit] | None = None, depth: int = 0) -> list[Span]:
        """Spans to replace, in order, not overlapping."""
        if hits is None:
            hits = self.scan(data)
        spans: list[Span] = self._named(data) if depth else []
        if not hits:
            return spans
        by_rule: dict[int, list[int]] = {}
        for index, end in hits:
            by_rule.setdefault(index, []).append(end)
        for index in sorted(by_rule, reverse=True):  # what is hidden comes last
            ends = by_rule[index]
            rule = self._rules[index]
            if not self._filter.places:
                ends = [m.end() for m in pattern(rule.anchor).finditer(data)]
                if index < len(_DECODERS) and rule.near is not None:
                    ends = [end for end in ends if rule.near(data, end)]
            if index < len(_DECODERS):
                if depth < MAX_DEPTH:
                    self._decode(rule.kind, data, ends, depth, spans)
            else:
                self._exact(rule, data, ends, spans)
        spans = resolve(spans)
        return again(data, spans) if spans else spans

    def apply(self, data: bytes, spans: list[Span]) -> bytes:
        """The text with the spans replaced."""
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
        position, size = 0, len(data)
        for end in ends:
            position = max(position, end - rule.before)
            limit = min(size, end + (rule.first or rule.after))
            while position < end:
                match = search(data, position, limit)
                if match is None or match.start() >= end:
                    break
                if rule.first and match.end() == limit < min(size, end + rule.after):
                    limit = min(size, end + rule.after)
                    continue
                found = check(data, match) if check else match.span(1)
                if found is None:
                    last = match.start(match.re.groups)
                    position = max(match.start() + 1, last if last > match.start() else 0)
                    continue
                low, high = found
                if low == high:  # not it, and nothing inside it either
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
        if kind in ("mark", "letter"):
            plain_of, view_of = _READ_AS[kind]
            if kind == "letter":
                ends = decoders.along_runs(data, ends, 300)
            for start, end in windows(ends, len(data)):
                plain = plain_of(data, start, end)
                if len(plain) < end - start and (found := self.find(plain, None, depth + 1)):
                    self._report(found, view_of(data, start, end), spans)
            return
        if kind == "quoted":
            for start, end in windows(ends, len(data)):
                self._through(decoders.quoted_view(data, start, end), depth, spans)
            return
        if kind == "wrap":
            for start, end in windows(ends, len(data), 700):
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
            read = decoders.base64_region if kind == "base64" else decoders.hex_region
            region = read(data, end, done)
            if region is None:
                continue
            done = region.end
            inner = self.find(region.content, None, depth + 1)
            if inner:
                text = region.encode(self.apply(region.content, inner))
                spans.append(Span(region.start, region.end, inner[0].kind, "region", 6, text))

    def _wrapped(self, view: View, data: bytes, spans: list[Span], all_joined: bool) -> bool:
        """Keys that are broken over lines; False when none begins here. What follows a key that is
        whole by itself is only taken when it looks like more of it."""
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
        """Finds in a view, and reports the places in the original."""
        if view.changed:  # else nothing was hidden
            self._report(self.find(view.data, None, depth + 1), view, spans)

    def _report(self, found: list[Span], view: View, spans: list[Span]) -> None:
        """Spans in a view as places in the original, with what replaces them."""
        for span in found:
            start, end = view.back(span.start, span.end)
            text = span.text
            if text is None:
                value = view.data[span.start : span.end]
                text = self._make(span.kind, span.shape, value)
            spans.append(Span(start, end, span.kind, span.shape, span.rank, text))


#: Kinds of values that are long and random: the same bytes elsewhere are the same key.
_TELLTALE = frozenset(("secret", "authorization", "prefixed-token", "url-token"))
#: How long a value must be to be looked for, and how many of a text's values are.
_LONG_VALUE, _SHORT_SECRET, _LONG_PASSWORD, _MOST = 20, 10, 8, 32


def _tells(data: bytes, span: Span) -> bool:
    """The same bytes elsewhere are the same key, password or machine, and no word."""
    value = data[span.start : min(span.end, span.start + 400)]
    size = span.end - span.start
    if span.kind == "password":
        return size >= _LONG_PASSWORD and typed(value)
    if span.kind == "host":
        return size >= 4 and any(c in b"-0123456789" for c in value)
    if span.kind == "secret" and _SHORT_SECRET <= size < _LONG_VALUE:  # a password, as a rule
        return typed(value) and sum(map(value.__ne__, (value.lower(), value.upper()))) == 2
    if span.kind not in _TELLTALE or size < _LONG_VALUE or _UUID.match(value, 0, size):
        return False
    return wordy(value) < (0.5 if value.isalnum() else 0.2)


def again(data: bytes, spans: list[Span]) -> list[Span]:
    """The spans, with the other places of keys that their name told: `token = 'V' | 'V'`; of
    passwords and machines, too. What has words in it (an address, a name in code) may be a key at
    one place and none at others."""
    values = {data[s.start : s.end]: s for s in spans if s.text is None and _tells(data, s)}
    more: list[Span] = []
    for value, span in list(values.items())[:_MOST]:
        at = data.find(value)
        while at >= 0:
            end = at + len(value)
            if at != span.start and left_edge(data, at) and not _WORD_AFTER.match(data, end):
                more.append(Span(at, end, span.kind, span.shape, 0))
            at = data.find(value, end)
    return resolve([*spans, *more]) if more else spans


def resolve(spans: list[Span]) -> list[Span]:
    """Overlapping spans become one: as wide as all, of the kind that ranks highest."""
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
    rules = [rule for rule in all_rules() if rule.layer in layers]
    return make_prefilter([*_DECODERS, *rules])
