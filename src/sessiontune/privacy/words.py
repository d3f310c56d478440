"""Names that stand alone in a text: users, hosts, the user's own list.

A fast look finds them anywhere, also inside of words; what counts is a whole word.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import re2

from .options import PrivacyOptions
from .prefilter import make_filter
from .vocabulary import Vocabulary, is_generic

_WORD = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


class Names:
    """Finds the names of one vocabulary and one set of options."""

    def __init__(self, vocabulary: Vocabulary, options: PrivacyOptions) -> None:
        words = [word.encode() for word in _listed(vocabulary, options)]
        self._sizes = [len(word) for word in words]
        self._filter = self._pattern = None
        if words:
            escaped = [re2.escape(word) for word in words]
            self._filter = make_filter(["(?i)" + word.decode("latin-1") for word in escaped])
            self._pattern = _whole(escaped)

    def find(self, data: bytes) -> list[tuple[int, int]]:
        """Start and end of each name in the text, in order: the longest where several begin."""
        hits = self._filter.scan(data) if self._filter is not None else []
        if not hits:
            return []
        if self._filter is not None and not self._filter.places:
            return list(_matches(self._pattern, data))
        whole = []
        for index, end in hits:
            start = end - self._sizes[index]
            if (start == 0 or data[start - 1] not in _WORD) and (
                end == len(data) or data[end] not in _WORD
            ):
                whole.append((start, end))
        whole.sort(key=lambda place: (place[0], -place[1]))
        found: list[tuple[int, int]] = []
        for start, end in whole:
            if not found or start >= found[-1][1]:
                found.append((start, end))
        return found


def _listed(vocabulary: Vocabulary, options: PrivacyOptions) -> list[str]:
    """The names that stand alone: users, hosts, listed words, the deny list; longest first."""
    words: set[str] = set()
    if options.places:
        words |= {user for user in vocabulary.bare() if not is_generic(user)}
        words |= set(vocabulary.hosts) | {host.lower() for host in options.hosts}
    words |= set(vocabulary.words) | set(options.names) | set(options.deny)
    words = {word for word in words if len(word) >= 2}
    if not words or not options.enabled:
        return []
    return sorted(words, key=lambda word: (-len(word), word))


def _whole(escaped: list[bytes]) -> Any:
    """One pattern for the names, as whole words."""
    settings = re2.Options()
    settings.encoding = re2.Options.Encoding.LATIN1
    parts = b"|".join(escaped)
    return re2.compile(rb"(?i)(?:^|[^A-Za-z0-9])(" + parts + rb")(?:[^A-Za-z0-9]|$)", settings)


def _matches(pattern: Any, data: bytes) -> Iterator[tuple[int, int]]:
    """All matches of a pattern of `_whole`. The character between two names belongs to both of
    them (`owner owner` in a directory listing), so the search goes on right after the name."""
    at = 0
    while (match := pattern.search(data, at)) is not None:
        yield match.span(1)
        at = match.end(1)
