"""Values that their surroundings tell in one place, and that stand bare in others.

`DB_PASSWORD=V` says what `V` is, wherever else it stands: in the same text (`elsewhere`), or in
another message of the same session (`Told`), where nothing around it would give it away. Of a log
that vanished only pseudonyms are left: they tell, too (`told_before`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import IO

from .checks import both_cases, count_digits, wordy
from .kinds import is_secret
from .prefilter import make_filter
from .pseudonym import LETTERS
from .rules import Span, left_edge, quick
from .values import typed

#: Numbers that belong to one person or account; as long as these, they are nothing else.
_NUMBERS = frozenset(
    ("phone", "national-id", "ssn", "card", "iban", "account", "cloud-account", "organisation")
)
_LONG_NUMBER = 7  # digits
#: How long a value must be to be looked for, and how many of a text's values are.
_LONG, _SHORT_SECRET, _LONG_PASSWORD, _LONG_NAME, _MOST = 20, 10, 8, 4, 32
#: So much of a long value is judged.
_HEAD = 400
#: A machine is looked for in other messages if its name cannot be that of a package, too.
_MACHINE = re.compile(rb"(?i)[0-9]|box\b|mac|pc\b|laptop|desktop|station|server|nas\b|thinkpad")
#: The longest value that is looked for in other messages, in bytes; how many of one kind are, so
#: that a list of phones hides no password; and how many bytes all are.
_LONGEST, _MOST_TOLD, _MOST_BYTES = 4096, 1000, 1 << 20
_WORD_AFTER = quick(r"[A-Za-z0-9]")
#: Pseudonyms of what a message may tell; words that one may stand for, and marks around them.
_MADE = re.compile(rf"(?:REDACTED_([A-Z0-9_]+)_|(host|user))[{LETTERS}]{{14}}".encode())
_WORD = re.compile(rb"[^\s\"'`<>(){}\[\],;=|\\]+")
_MARKS, _END = b".,:;?!*_()[]{}<>\"'`", b".,:;?"
#: Bytes of a file that are searched at once.
_CHUNK = 1 << 20


@lru_cache(maxsize=1024)
def _judge(kind: str) -> Callable[[bytes, int], bool] | None:
    """What says of a value (its first bytes) and its size whether the same bytes elsewhere are the
    same password, key, number, account or machine, and no word. None: nothing of this kind is."""
    if kind in _NUMBERS:
        return lambda value, _: count_digits(value) >= _LONG_NUMBER
    own: dict[str, Callable[[bytes, int], bool]] = {
        "password": lambda value, size: size >= _LONG_PASSWORD and typed(value),
        "host": lambda value, size: (
            size >= _LONG_NAME and (b"-" in value or count_digits(value) > 0)
        ),
        "user": lambda value, size: size > _LONG_NAME and count_digits(value) > 0,
        "secret": lambda value, size: _random(value, size) if size >= _LONG else _short(value),
    }
    return own.get(kind) or (_random if is_secret(kind) else None)


def _random(value: bytes, size: int) -> bool:
    """A long value without words."""
    return size >= _LONG and wordy(value) < (0.5 if value.isalnum() else 0.2)


def _short(value: bytes) -> bool:
    """A password, as a rule, under another name."""
    both = both_cases(value)
    return len(value) >= _SHORT_SECRET and both and typed(value)


def telling(data: bytes, spans: list[Span]) -> dict[bytes, Span]:
    """The values of those spans that tell what the same bytes are elsewhere. A value with words in
    it (an address, a name in code) does not: it may be a key at one place and none at others."""
    found: dict[bytes, Span] = {}
    for span in spans:
        judge = _judge(span.kind)
        if judge is not None and span.text is None:
            value = data[span.start : span.end]
            if judge(value[:_HEAD], len(value)):
                found[value] = span
    return found


def elsewhere(data: bytes, values: Mapping[bytes, Span]) -> list[Span]:
    """The other places of these values in their own text: `token = 'V' | 'V'`."""
    more: list[Span] = []
    for value, span in list(values.items())[:_MOST]:
        at = data.find(value)
        while at >= 0:
            end = at + len(value)
            if at != span.start and _whole(data, at, end):
                more.append(Span(at, end, span.kind, span.shape, 0))
            at = data.find(value, end)
    return more


def told_before(
    texts: Iterable[str], make: Callable[[str, str, bytes], bytes]
) -> dict[bytes, Span]:
    """The words of these texts whose pseudonyms stand in them, too: where the pseudonym stands,
    something told what the word is. `make`: kind, shape and value -> pseudonym."""
    made: dict[tuple[str, str], set[bytes]] = {}  # kind and shape -> pseudonyms
    words: set[bytes] = set()
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        for found in _MADE.finditer(data):
            shape = (found[2] or b"").decode()
            kind = shape or found[1].decode().lower().replace("_", "-")
            made.setdefault((kind, shape), set()).add(found[0])
        for whole in set(data.split()) - words:
            for word in (whole, *_WORD.findall(whole)):
                words.update((word, word.strip(_END), word.strip(_MARKS)))
    return {
        word: Span(0, len(word), kind, shape, 0)
        for (kind, shape), pseudonyms in made.items()
        if (judge := _judge(kind)) is not None
        for word in words - pseudonyms
        if len(word) >= _LONG_NAME and make(kind, shape, word) in pseudonyms
        if judge(word[:_HEAD], len(word))
    }


class Told:
    """Values that texts of a session told, with what they are: value -> kind and shape."""

    def __init__(self, values: Mapping[bytes, tuple[str, str]]) -> None:
        self.values = values
        order = sorted(values, key=lambda value: (-len(value), value))
        self._sizes = [len(value) for value in order]
        self._filter = make_filter([re.escape(value).decode("latin-1") for value in order])

    def find(self, data: bytes) -> list[tuple[int, int]]:
        """Start and end of each of them in a text, in order of their ends."""
        sizes = self._sizes
        places = ((end - sizes[index], end) for index, end in self._filter.scan(data))
        return [place for place in places if _whole(data, *place)]

    def within(self, file: IO[bytes]) -> bool:
        """Whether any of them stands in the rest of a file, if only inside something longer: what
        is around it may be the file's own, not the text's (the length of a string, `2` for 50)."""
        before = b""
        while chunk := file.read(_CHUNK):
            data = before + chunk
            if self._filter.scan(data):
                return True
            before = data[-_LONGEST:]
        return False


class Heard:
    """Collects what texts tell, up to a bound."""

    def __init__(self) -> None:
        self._values: dict[bytes, tuple[str, str]] = {}
        self._count: Counter[str] = Counter()  # by kind
        self._size = 0  # bytes

    def add(self, values: Mapping[bytes, Span]) -> None:
        """Values with the spans that told them. The first that told a value names its kind."""
        for value, span in values.items():
            size, kind = len(value), span.kind
            if value in self._values or size > _LONGEST or b"\0" in value:
                continue
            if kind == "host" and not _MACHINE.search(value):
                continue
            if self._count[kind] < _MOST_TOLD and self._size + size <= _MOST_BYTES:
                self._values[value] = kind, span.shape
                self._count[kind] += 1
                self._size += size

    def take(self) -> dict[bytes, tuple[str, str]]:
        """What was told since the last call: value -> kind and shape."""
        values = self._values
        self._values, self._count, self._size = {}, Counter(), 0
        return values


def _whole(data: bytes, start: int, end: int) -> bool:
    """Whether what stands there is no part of something longer."""
    return left_edge(data, start) and not _WORD_AFTER.match(data, end)
