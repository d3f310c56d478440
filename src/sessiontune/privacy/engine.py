"""The redactor: text in, text out, with pseudonyms in place of what must not leave.

Clean text costs one pass of the prefilter. Exact rules run only around its hits.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import accumulate
from typing import Any

import msgspec
import re2
from msgspec.structs import replace

from .detect import Detector, resolve
from .options import PrivacyOptions
from .prefilter import Hit
from .pseudonym import Pseudonyms, is_pseudonym
from .rules import Span
from .together import mended
from .told import Heard, Told
from .vocabulary import Vocabulary
from .words import Names

#: Characters of a text that is redacted in one go; longer ones are cut, so memory is bounded.
LONG = 4 << 20

#: How often a string is looked at under its key: what was replaced may show what stands behind.
_ROUNDS = 3

#: Start and end.
Place = tuple[int, int]


class Found(msgspec.Struct, frozen=True):
    """A place in a text: characters `start` to `end`, without the value."""

    start: int
    end: int
    kind: str
    fingerprint: str


class Redactor:
    """Redacts with one salt, one vocabulary, one set of options. Not for use by two threads."""

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
        """`text` with everything replaced that the options say."""
        return self.texts([text])[0]

    def texts(self, texts: Sequence[str]) -> list[str]:
        """Many texts in one pass of the prefilter."""
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
        """Any JSON value: strings at every depth, and keys."""
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
        """A JSON value whose strings, taken one by one, become `changed`; and what they are under
        their keys, and beside each other."""
        new = rebuild(obj, changed, self.keyed, self.numbers)
        for _ in range(_ROUNDS if new else 0):
            beside = mended(new, self._detector.find, self._counted)
            if not beside:
                break
            new = rebuild(new, beside, None)
        return new

    def ident(self, kind: str, text: str) -> str:
        """Pseudonym of an identifier: session id, project, branch, call id."""
        if not self.options.enabled or not self.options.places:
            return text
        return self._pseudonyms.ident(kind, text)

    def digest(self, text: str) -> str:
        """A digest under the salt, of something that others may have too (a picture): 32 hex."""
        return self._pseudonyms.digest(text)

    def take_counts(self) -> dict[str, int]:
        """Replacements by kind since the last call."""
        counts = dict(self._counts)
        self._counts.clear()
        return counts

    def set_counts(self, counts: dict[str, int]) -> None:
        """Go on from these, whatever was replaced meanwhile."""
        self._counts.clear()
        self._counts.update(counts)

    def told(self) -> Told | None:
        """The values that were told since the last call, which other texts may hold bare."""
        return self._heard.take()

    @contextmanager
    def knowing(self, told: Told) -> Iterator[None]:
        """Replaces these values too, wherever they stand."""
        self._known = told
        try:
            yield
        finally:
            self._known = None
            self._heard.take()

    def find(self, text: str) -> list[Found]:
        """What would be replaced, by place (in characters), without the value."""
        raw = text.encode("utf-8", "surrogatepass")
        found = []
        for span in self._spans(raw, None, self._alone(raw)):
            start = len(raw[: span.start].decode("utf-8", "surrogatepass"))
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
        return [self._name(raw, start, end) for start, end in self._alone(raw)]

    def _alone(self, raw: bytes) -> list[Place]:
        """What needs nothing around it: names, and values that other texts told."""
        names = self._names.find(raw)
        return names if self._known is None else names + self._known.find(raw)

    def _redact(self, raw: bytes, hits: list[Hit], names: list[Place]) -> bytes:
        spans = self._spans(raw, hits, names)
        if not spans:
            return raw
        new = self._counted(raw, spans)
        if self._detector.in_tables(hits):  # the rows may fit their head only now
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
        """A string under a dictionary key, judged as `"key": "text"` would be in a text."""
        new = None
        for _ in range(_ROUNDS):
            if not 4 <= len(text) <= 4096 or not (spans := self._under(key, text)):
                break
            raw = text.encode("utf-8", "surrogatepass")
            new = text = self._counted(raw, spans).decode("utf-8", "surrogatepass")
        return None if new is None else self.text(new)

    def numbers(self, key: str, value: Any) -> Any:
        """A number, or a list of them, under a dictionary key, judged as JSON writes it (`"lat":
        48.21`), a single one also as a string; None where nothing is found."""
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


def looked(
    detector: Detector, find: Callable[[bytes], list[Place]], texts: Sequence[str], joined: bytes
) -> Iterator[tuple[int, bytes, list[Hit], list[Place]]]:
    """Index, bytes, hits and names (as `find` tells them) of each text that has any, from one pass
    over all of them; `joined`: all, NULs between."""
    if not detector.placed:
        for index, raw in enumerate(map(encoded, texts)):
            hits, names = detector.scan(raw), find(raw)
            if hits or names:
                yield index, raw, hits, names
        return
    hits, names = detector.scan(joined), find(joined)
    if not hits and not names:
        return
    found: dict[int, tuple[bytes, list[Hit], list[Place]]] = {}
    low = high = -1
    locate = locator(texts, joined)
    for rule, end in hits:
        if not low < end <= high + 1:  # a hit on a NUL belongs to the text before it
            index, low, high = locate(end - 1)
            mine = found.setdefault(index, (joined[low:high], [], []))[1]
        mine.append((rule, end - low))
    locate = locator(texts, joined) if names else locate
    for start, end in sorted(names):
        index, low, high = locate(start)
        text = found.setdefault(index, (joined[low:high], [], []))
        text[2].append((start - low, end - low))
    for index in sorted(found):
        yield index, *found[index]


def under(key: str, text: str, detector: Detector) -> list[Span]:
    """What is found in a string when it stands under a key, as places in the string."""
    return within(detector.find(encoded(keyed_text(key, text))), key, len(encoded(text)))


def keyed_text(key: str, text: str) -> str:
    """A string under its key, as a text has it."""
    return f'"{key}": "{text}"'


def within(spans: list[Span], key: str, size: int) -> list[Span]:
    """The spans of such a text that begin in the string of `size` bytes, as places in it."""
    head = len(encoded(key)) + 5
    return [
        replace(span, start=span.start - head, end=min(span.end - head, size))
        for span in spans
        if head <= span.start < head + size
    ]


def pieces(text: str) -> list[str]:
    """A long text cut at line ends (else between the fields of data or statements of code, else at
    spaces, else anywhere), not inside a key block."""
    found: list[str] = []
    at = 0
    while len(text) - at > LONG:
        end = at + LONG
        cut = max(text.rfind("\n", end - 65_536, end), at)
        if cut == at:
            cut = max(at, *(text.rfind(mark, end - 65_536, end) for mark in ",;}&"))
        if cut == at:
            cut = max(text.rfind(" ", end - 65_536, end), at)
        begin = text.rfind("-----BEGIN", cut - 16_384, cut)
        if begin > at and text.find("-----END", begin, cut) < 0:
            cut = begin - 1
        end = cut + 1 if cut > at else end
        found.append(text[at:end])
        at = end
    found.append(text[at:])
    return found


def encoded(text: str) -> bytes:
    """The text as bytes, also where it holds halves of pairs, which UTF-8 has no place for."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def locator(texts: Sequence[str], joined: bytes) -> Callable[[int], tuple[int, int, int]]:
    """Says which of the texts, `joined` with NULs between, holds a byte, and where that text begins
    and ends. Asked in order: it counts NULs from the place that was asked for last."""
    if joined.count(0) != len(texts) - 1:  # a text holds one
        sizes = (len(encoded(text)) + 1 for text in texts)
        starts = list(accumulate(sizes, initial=0))

        def by_size(place: int) -> tuple[int, int, int]:
            index = bisect_right(starts, place) - 1
            return index, starts[index], starts[index + 1] - 1

        return by_size
    index = last = 0

    def by_nul(place: int) -> tuple[int, int, int]:
        nonlocal index, last
        low, high = joined.rfind(0, 0, place) + 1, joined.find(0, place)
        index, last = index + joined.count(0, last, low), low
        return index, low, high if high >= 0 else len(joined)

    return by_nul


def collect_strings(obj: Any, leaves: list[str]) -> None:
    """All strings of a JSON value, keys included, without recursion."""
    stack = [obj]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            leaves.append(item)
        elif isinstance(item, dict):
            for key, value in item.items():
                if isinstance(key, str):
                    leaves.append(key)
                stack.append(value)
        elif isinstance(item, list | tuple):
            stack.extend(item)


_HOT_KEY = re2.compile(
    r"(?i)pass|pwd|secret|token|key|cred|auth|cookie|jwt|bearer|signature|email|phone|uuid|_id|Id$|"
    r"account|org|lat|lon|lng|coord|address|mobil|^tel$|telefon|fax|handy|street|strasse|line_?1|"
    r"direcci|indirizzo|endere|adres|iban|ssn|^mac|^gps|^geo|passport|routing|aadha|pesel|insurance"
)


@lru_cache(maxsize=4096)
def hot(key: str) -> bool:
    """What stands under such a key is judged with it. (The same keys come again and again.)"""
    return _HOT_KEY.search(key) is not None


def may_tell(key: str, value: Any) -> bool:
    """Whether it is a number under a key that tells (or a few, as of a place), or as long as that
    of a card."""
    if isinstance(value, list):
        return 1 < len(value) <= 4 and all(type(n) in (int, float) for n in value) and hot(key)
    kind = type(value)
    return (kind is int or kind is float) and ((kind is int and value >= 10**11) or hot(key))


def rebuild(obj: Any, changed: dict[str, str], keyed: Any, numbers: Any = None) -> Any:
    """The value with its strings replaced, and the numbers under keys that tell; unchanged parts
    are the same objects."""
    if isinstance(obj, str):
        return changed.get(obj, obj)
    if isinstance(obj, dict):
        new: dict[Any, Any] = {}
        same = True
        for key, value in obj.items():
            fresh_key = changed.get(key, key) if isinstance(key, str) else key
            if (
                isinstance(value, str)
                and isinstance(key, str)
                and keyed
                and (hot(key) or hot(fresh_key))
            ):
                fresh = keyed(key, value)
                if fresh is None:
                    fresh = changed.get(value, value)
                if fresh_key is not key:  # it says less now, or more
                    fresh = keyed(fresh_key, fresh) or fresh
            elif numbers and isinstance(key, str) and may_tell(key, value):
                fresh = numbers(key, value)
                fresh = value if fresh is None else fresh
            else:
                fresh = rebuild(value, changed, keyed, numbers)
            while fresh_key in new:
                fresh_key = f"{fresh_key}_"
            new[fresh_key] = fresh
            same = same and fresh is value and fresh_key is key
        return obj if same else new
    if isinstance(obj, list | tuple):
        items = [rebuild(item, changed, keyed, numbers) for item in obj]
        if all(a is b for a, b in zip(items, obj, strict=True)):
            return obj
        return type(obj)(items)
    return obj
