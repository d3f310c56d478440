"""Names for groups of conversations, from a model on this machine: it sees terms, never texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ..errors import UsageError
from .callforms import without_thoughts
from .endpoint import address, is_loopback
from .remote import Remote

#: Characters of a name, at most.
LONGEST = 40
_ASK = (
    "These words are common in a group of conversations with a coding agent: {terms}.\n"
    "Name the subject of the group in two to four words. Answer with the name only."
)


def local_namer(place: str, failed: Callable[[str], None]) -> Callable[[Sequence[str]], str]:
    """A function terms -> name from the model at `place` (URL#MODEL), "" if it gives none.

    `failed` is told why, once for each group. Raises UsageError for another machine: subjects of
    private sessions stay here.
    """
    url, _, model = place.partition("#")
    host = address(url).hostname or "" if url else ""
    if not is_loopback(host):
        raise UsageError(
            f"cluster_namer: {host or place!r} is not this machine.",
            "Start a model here, for example with `sessiontune serve`, and name its address.",
        )
    remote = Remote(url, model)

    def name(terms: Sequence[str]) -> str:
        question = {"role": "user", "content": _ASK.format(terms=", ".join(terms))}
        reply = remote.answer([question], most=200)
        if reply.failed:
            failed(reply.failed)
            return ""
        return tidy(reply.text)

    return name


def tidy(answer: str) -> str:
    """The last line of an answer without any marks; "" if it cannot be a name."""
    lines = without_thoughts(answer).splitlines()
    line = next((x for x in reversed(lines) if x.strip()), "")
    line = re.sub(r"[^\w &+#/.-]+", " ", line).strip(" .-#/")
    return line if 0 < len(line) <= LONGEST else ""
