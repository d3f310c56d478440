"""The words of a text as topics count them, and which of them a taxonomy asks for."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import chain

_WORD = re.compile(r"[a-z0-9]+(?:[.+#/-][a-z0-9]+)*[+#]*")
#: Bytes that words are made of as they are, all others as spaces.
_RUNS = bytes(
    c if chr(c) in "abcdefghijklmnopqrstuvwxyz0123456789.+#/-" else 32 for c in range(256)
)
#: Runs of such bytes that are remembered, and the longest of them: base64 never comes again.
_REMEMBERED, _LONGEST = 1 << 16, 64


def words(text: str) -> list[str]:
    """Lower-case words. A path gives its file's name and ending and its folders (`routers/`), a
    plural its singular."""
    return list(chain.from_iterable(map(_forms, _WORD.findall(text.lower()))))


@lru_cache(maxsize=1 << 16)
def _forms(word: str) -> tuple[str, ...]:
    """What one word of a text counts as."""
    *folders, tail = word.split("/")
    parts = tuple(folder + "/" for folder in folders)
    stem, dot, ending = tail.rpartition(".")
    if dot and stem and ending.isalnum() and len(ending) <= 5:
        return *parts, tail, "." + ending
    if len(tail) > 4 and tail.endswith("s") and not tail.endswith("ss"):
        return *parts, tail[:-1]
    return *parts, tail


class Asked(dict[str, str]):
    """What of a text a taxonomy asks for: a run of characters that words are made of -> the known
    words in it, with blanks for the others. Most runs hold nothing, and most come again."""

    def __init__(self, known: frozenset[str]) -> None:
        self.known = known
        #: A file's name that is known counts as its ending too, which stands in no phrase.
        self.endings = [
            (word, forms[-1])
            for word in sorted(known)
            if len(forms := _forms(word)) > 1 and forms[-1] in known and forms[-2] == word
        ]
        plain = [word + more for word in known if word.isalnum() for more in ("", "s")]
        self.plain = {word: found for word in plain if (found := self._known(word))}
        self.update(self.plain)

    def of(self, text: str) -> str:
        """The known words of a text in its order; unknown ones leave more than one blank."""
        runs = text.lower().encode("ascii", "replace").translate(_RUNS).decode().split()
        return f" {' '.join(map(self.__getitem__, runs))} "

    def __missing__(self, run: str) -> str:
        if len(self) >= _REMEMBERED:
            self.clear()
            self.update(self.plain)
        found = "" if run.isalnum() else self._known(run)
        if len(run) <= _LONGEST:
            self[run] = found
        return found

    def _known(self, run: str) -> str:
        out: list[str] = []
        for word in _WORD.findall(run):
            forms = [form if form in self.known else "" for form in _forms(word)]
            out += forms[:-1] if forms[-1][:1] == "." and forms[-2] else forms
        return " ".join(out)
