"""Names that need no context: users, hosts, and the lists of the options.

A prefilter finds them anywhere; only whole words count, except texts of the deny list, which count
inside words, too. The words of a listed name may be joined in any way (`ada_example`,
`Ada%20Example`, on two lines, `AdaExample`), in letters of any case.
"""

from __future__ import annotations

import json
import re
import unicodedata
from urllib.parse import quote

from .options import PrivacyOptions
from .prefilter import make_filter
from .pseudonym import inside_pseudonym
from .rules import left_edge
from .vocabulary import Vocabulary, is_generic

_WORD = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
#: Fewest letters of a text of the deny list that counts inside words.
_TELLING = 4
#: What may stand between the words of a name.
_GAP = r"(?:[\s_.+>#*/|-]|%(?:25)?20|\\[nrt]|\xc2\xa0){0,12}"
#: Most bytes that one character of a name may take; a gap is the longest.
_WIDEST = 12 * 5


class Names:
    """Finds the names of a vocabulary and of the options' lists."""

    def __init__(self, vocabulary: Vocabulary, options: PrivacyOptions) -> None:
        words = _listed(vocabulary, options)
        denied = {word for word in map(_plain, options.deny) if len(word) >= _TELLING}
        self._anywhere = [word in denied for word in words]
        self._sizes = [len(word) if word.isascii() and " " not in word else 0 for word in words]
        self._reach = [len(word) * _WIDEST for word in words]
        self._sources = [_GAP.join(map(_any_case, word.split())) for word in words]
        self._filter = make_filter([f"(?i){text}" for text in self._sources]) if words else None
        self._ends = [re.compile(f"(?i){text}\\Z".encode("latin-1")) for text in self._sources]

    def find(self, data: bytes) -> list[tuple[int, int]]:
        """Start and end (bytes) of each name in the text, in order; of several that begin at the
        same place, the longest."""
        whole = []
        for index, end in self._filter.scan(data) if self._filter is not None else ():
            start = end - (self._sizes[index] or self._size(index, data, end))
            if self._anywhere[index] or (
                (start == 0 or data[start - 1] not in _WORD or left_edge(data, start))
                and (end == len(data) or data[end] not in _WORD)
            ):
                whole.append((start, end))
        whole.sort(key=lambda place: (place[0], -place[1]))
        found: list[tuple[int, int]] = []
        for start, end in whole:
            if (not found or start >= found[-1][1]) and not inside_pseudonym(data, start, end):
                found.append((start, end))
        return found

    def _size(self, index: int, data: bytes, end: int) -> int:
        """How many bytes the name with this index takes where it ends at `end`: it depends on how
        it is spelled there."""
        match = self._ends[index].search(data, max(0, end - self._reach[index]), end)
        return end - match.start() if match is not None else 0


def _any_case(word: str) -> str:
    """A pattern for a word in any case. The engines fold only ASCII, so other letters are spelled
    out in both cases, composed and decomposed, and as escapes of JSON and URLs."""
    return "".join(re.escape(c) if c.isascii() else _any_form(c) for c in word)


def _any_form(letter: str) -> str:
    forms: set[str] = set()
    for text in {letter, letter.lower(), letter.upper()}:
        apart = unicodedata.normalize("NFD", text)
        forms |= {text, apart, json.dumps(text)[1:-1], quote(text, safe="")}
    known = sorted(re.escape(form.encode("utf-8", "surrogatepass")) for form in forms)
    return "(?:" + b"|".join(known).decode("latin-1") + ")"


def _plain(word: str) -> str:
    return unicodedata.normalize("NFC", " ".join(word.split()))


def _listed(vocabulary: Vocabulary, options: PrivacyOptions) -> list[str]:
    """All names to look for: users, hosts, listed words, the deny list; the longest first."""
    words: set[str] = set()
    if options.places:
        words |= {user for user in vocabulary.bare() if not is_generic(user)}
        words |= set(vocabulary.hosts) | {host.lower() for host in options.hosts}
        words -= {word.lower() for word in options.allow}
    words |= set(vocabulary.words) | set(options.names) | set(options.deny)
    words = {word for word in map(_plain, words) if len(word) >= 2}
    if not words or not options.enabled:
        return []
    return sorted(words, key=lambda word: (-len(word), word))
