"""The redactor: text in, text out, with pseudonyms in place of secrets and personal data.

A text without findings costs one pass of the prefilter; exact patterns run only around its hits.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from .detect import Detector, resolve
from .joined import LONG, Place, encoded, looked, pieces
from .options import PrivacyOptions
from .prefilter import Hit
from .pseudonym import Pseudonyms, is_pseudonym
from .rules import Span
from .together import mended
from .told import Heard, Told, told_before
from .trees import collect_strings, rebuild, under
from .vocabulary import Vocabulary
from .words import Names

#: How often a text is redacted again after something was replaced in it: a replacement may let a
#: rule match that did not match before. Without this, redacting twice would not equal once.
_ROUNDS = 3


class Found(msgspec.Struct, frozen=True):
    """A found value by its place: characters `start` to `end`. `fingerprint` is a keyed digest of
    the value, 10 hex digits; the value itself is not kept."""

    start: int
    end: int
    kind: str
    fingerprint: str


class Redactor:
    """Redacts with one salt, one vocabulary and one set of options. Not safe for threads: it counts
    what it replaces."""

    def __init__(self, salt: bytes, vocabulary: Vocabulary, options: PrivacyOptions) -> None:
        self.options = options
        self._users, self._hosts = frozenset(vocabulary.users), frozenset(vocabulary.hosts)
        self._pseudonyms = Pseudonyms(salt)
        self._counts: Counter[str] = Counter()
        allow = frozenset(text.encode() for text in options.allow)
        self._names = Names(vocabulary, options)
        self._heard = Heard()
        self._known: Told | None = None
        layers = options.layers()
        self._detector = Detector(layers, self._make, allow, self._named, self._heard.add)

    # ------------------------------------------------------------ public

    def text(self, text: str) -> str:
        """The text with everything replaced that the options ask for."""
        return self.texts([text])[0]

    def texts(self, texts: Sequence[str]) -> list[str]:
        """The same for many texts, in one pass of the prefilter: one call costs more than a pass
        over a short text."""
        result = list(texts)
        if not self.options.enabled:
            return result
        joined = "\x00".join(texts)
        if len(joined) > LONG and max(map(len, texts)) > LONG:
            texts = [text if len(text) <= LONG else "" for text in texts]
            joined = "\x00".join(texts)
            for index, text in enumerate(result):
                if len(text) > LONG:
                    result[index] = "".join(self.texts([piece])[0] for piece in pieces(text))
        for index, raw, hits, names in looked(self._detector, self._alone, texts, encoded(joined)):
            new = self._redact(raw, hits, names)
            if new is not raw:
                result[index] = new.decode("utf-8", "surrogatepass")
        return result

    def value(self, obj: Any) -> Any:
        """A JSON value with its strings redacted, at every depth, keys too. What is unchanged is
        the same object."""
        if not self.options.enabled:
            return obj
        leaves: list[str] = []
        collect_strings(obj, leaves)
        if not leaves:
            return obj
        changed = {
            old: new for old, new in zip(leaves, self.texts(leaves), strict=True) if old != new
        }
        return self.structure(obj, changed)

    def structure(self, obj: Any, changed: dict[str, str]) -> Any:
        """A JSON value whose strings were redacted one by one (`changed`: old -> new), redacted
        also by what keys say of their values and neighbours of each other."""
        new = rebuild(obj, changed, self.keyed, self.numbers)
        for _ in range(_ROUNDS if new else 0):
            beside = mended(new, self._detector.find, self._counted)
            if not beside:
                break
            new = rebuild(new, beside, None)
        return new

    def ident(self, kind: str, text: str) -> str:
        """The pseudonym of an identifier: session id, project, branch, call id."""
        if not self.options.enabled or not self.options.places:
            return text
        return self._pseudonyms.ident(kind, text)

    def digest(self, text: str) -> str:
        """A digest under the salt, 32 hex digits, of something that others may hold, too (a
        picture): without the salt nobody can tell that it is the same."""
        return self._pseudonyms.digest(text)

    def take_counts(self) -> dict[str, int]:
        """How many values of each kind were replaced since the last call."""
        counts = dict(self._counts)
        self._counts.clear()
        return counts

    def set_counts(self, counts: dict[str, int]) -> None:
        """Sets the counts, so that what was replaced since they were taken does not count."""
        self._counts.clear()
        self._counts.update(counts)

    def hear_again(self, texts: Iterable[str]) -> None:
        """Hear what redacted texts still tell by their pseudonyms."""
        self._heard.add(told_before(texts, self._make))

    def told(self) -> Told | None:
        """The values told since the last call that other texts may hold unseen; None if there are
        none. A value that is found where it stands alone needs nobody to tell it."""
        values = self._heard.take()
        unseen = {v: what for v, what in values.items() if not self._found_alone(v)}
        self._heard.take()
        return Told(unseen) if unseen else None

    def _found_alone(self, value: bytes) -> bool:
        spans = self._detector.find(value)
        return bool(spans) and (spans[0].start, spans[0].end) == (0, len(value))

    @contextmanager
    def knowing(self, told: Told) -> Iterator[None]:
        """While it lasts, these values are replaced wherever they stand."""
        self._known = told
        try:
            yield
        finally:
            self._known = None
            self._heard.take()

    def find(self, text: str) -> list[Found]:
        """What would be replaced, in order."""
        raw = text.encode("utf-8", "surrogatepass")
        found = []
        at = start = 0  # the same place in bytes and in characters
        for span in self._spans(raw, None, self._alone(raw)):
            start += len(raw[at : span.start].decode("utf-8", "surrogatepass"))
            at = span.start
            value = raw[span.start : span.end]
            size = len(value.decode("utf-8", "surrogatepass"))
            mark = self._pseudonyms.fingerprint(value)
            found.append(Found(start, start + size, span.kind, mark))
        return found

    # ------------------------------------------------------------ inner

    def _spans(self, raw: bytes, hits: list[Hit] | None, names: list[Place]) -> list[Span]:
        spans = self._detector.find(raw, hits)
        if names:
            spans = resolve([*spans, *(self._name(raw, start, end) for start, end in names)])
        return spans

    def _named(self, raw: bytes) -> list[Span]:
        return resolve([self._name(raw, start, end) for start, end in self._alone(raw)])

    def _alone(self, raw: bytes) -> list[Place]:
        """Where names stand, and values that other texts told: they count whatever is around
        them."""
        names = self._names.find(raw)
        return names if self._known is None else names + self._known.find(raw)

    def _redact(self, raw: bytes, hits: list[Hit], names: list[Place]) -> bytes:
        spans = self._spans(raw, hits, names)
        if not spans:
            return raw
        new = self._counted(raw, spans)
        if self._detector.in_tables(hits):  # a row may have as many cells as its head only now
            for _ in range(_ROUNDS - 1):
                spans = self._spans(new, None, self._alone(new))
                if not spans:
                    break
                new = self._counted(new, spans)
        return new

    def _make(self, kind: str, shape: str, value: bytes) -> bytes:
        return self._pseudonyms.make(kind, shape, value)

    def _name(self, raw: bytes, start: int, end: int) -> Span:
        if self._known is not None and (told := self._known.values.get(raw[start:end])):
            return Span(start, end, *told, 0)
        text = raw[start:end].lower().decode("utf-8", "replace")
        if text in self._users:
            return Span(start, end, "user", "user", 1)
        if text in self._hosts:
            return Span(start, end, "host", "host", 1)
        return Span(start, end, "name", "name", 8)

    def _counted(self, raw: bytes, spans: list[Span]) -> bytes:
        for span in spans:
            self._counts[span.kind] += 1
        return self._detector.apply(raw, spans)

    def keyed(self, key: str, text: str) -> str | None:
        """The string `text` under a dictionary key, redacted as `"key": "text"` would be; None
        where the key makes no difference."""
        new = None
        for _ in range(_ROUNDS):
            if not 4 <= len(text) <= 4096 or not (spans := self._under(key, text)):
                break
            raw = text.encode("utf-8", "surrogatepass")
            new = text = self._counted(raw, spans).decode("utf-8", "surrogatepass")
        return None if new is None else self.text(new)

    def numbers(self, key: str, value: Any) -> Any:
        """A number, or a list of numbers, under a dictionary key, redacted as JSON writes it
        (`"lat": 48.21`), a single number also as a string would be; None where nothing is found."""
        head, told = f'"{key}": ', json.dumps(value)
        new = self.text(head + told)
        if new != head + told and new.startswith(head):
            try:
                return json.loads(new[len(head) :])
            except ValueError:
                return new[len(head) :]
        return None if isinstance(value, list) else self.keyed(key, told)

    def _under(self, key: str, text: str) -> list[Span]:
        raw = text.encode("utf-8", "surrogatepass")
        spans = under(key, text, self._detector)
        return [span for span in spans if not is_pseudonym(raw[span.start : span.end])]
