"""The words of a text as topics count them, and which of them a taxonomy asks for."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain

_WORD = re.compile(r"[a-z0-9]+(?:[.+#/-][a-z0-9]+)*[+#]*")
#: Translates capitals to small letters, and bytes that are not part of words to spaces.
_RUNS = bytes(
    c if chr(c) in "abcdefghijklmnopqrstuvwxyz0123456789.+#/-" else 32
    for c in bytes(range(256)).lower()
)
#: Runs of such bytes that are remembered, and their greatest length: base64 does not recur.
_REMEMBERED, _LONGEST = 1 << 16, 64


def words(text: str) -> list[str]:
    """Lower-case words. A path gives its file name, its ending and its folders (`routers/`), a
    plural its singular."""
    return list(chain.from_iterable(map(_forms, _WORD.findall(text.lower()))))


@lru_cache(maxsize=1 << 16)
def _forms(word: str) -> tuple[str, ...]:
    """What one word of a text counts as."""
    *folders, tail = word.split("/")
    parts = tuple(folder + "/" for folder in folders)
    return parts + _last(tail)


def _last(tail: str) -> tuple[str, ...]:
    """What the last part of a word, after its folders, counts as."""
    stem, dot, ending = tail.rpartition(".")
    if dot and stem and ending.isalnum() and len(ending) <= 5:
        return tail, "." + ending
    if len(tail) > 4 and tail.endswith("s") and not tail.endswith("ss"):
        return (tail[:-1],)
    return (tail,)


class Asked(dict[str, str]):
    """What a taxonomy asks for: a run of characters that words are made of -> the known words in
    it, with blanks for the others. Most runs hold none, and most recur."""

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

    def of(self, text: str) -> list[str]:
        """The known words of each run of a text, in its order; "" where there are none."""
        runs = text.encode("ascii", "replace").translate(_RUNS).decode().split()
        return list(map(self.__getitem__, runs))

    def times(self, found: Iterable[str]) -> Counter[str]:
        """How often each word occurs in what `of` found."""
        times = Counter(filter(None, found))
        for several in [words for words in times if " " in words]:
            n = times.pop(several)
            for word in several.split():
                times[word] = times.get(word, 0) + n
        for name, ending in self.endings:
            if name in times:
                times[ending] = times.get(ending, 0) + times[name]
        return times

    def __missing__(self, run: str) -> str:
        if len(self) >= _REMEMBERED:
            self.clear()
            self.update(self.plain)
        found = "" if run.isalnum() else self._marked(run)
        if len(run) <= _LONGEST:
            self[run] = found
        return found

    def _marked(self, run: str) -> str:
        """The known words of a run with marks in it. Most are one word at the end of a sentence."""
        word = run.strip("./-")
        return self.plain.get(word, "") if word.isalnum() else self._known(run)

    def _known(self, run: str) -> str:
        known, out = self.known, []
        for word in _WORD.findall(run):
            *folders, tail = word.split("/")
            out += [name if (name := folder + "/") in known else "" for folder in folders]
            last = [form if form in known else "" for form in _last(tail)]
            out += last[:1] if len(last) > 1 and last[0] and last[1] else last
        return " ".join(out)
