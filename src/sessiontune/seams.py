"""Texts that are side by side in a row, and how the gate is told where one ends.

The redactor sees each text by itself. A format joins several into one string (results of parallel
calls, parts of one message), or writes a whole structure as one (the arguments of a call). Read as
one text, the last word of one could be taken for the name of the value that the next begins with.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

#: Between two texts, as the gate reads them. Never published.
SEAM = "\n\n\x1e\n\n"
#: The same inside a JSON string.
_ESCAPED = b"\\n\\n\\u001e\\n\\n"


class Seamed(bytes):
    """Bytes of a row. `apart`: what the gate reads in their place, with the same texts in it. Texts
    that other rows hold too are the same objects here, so the gate reads them once."""

    apart: tuple[bytes, ...]


def seamed(published: bytes, apart: tuple[bytes, ...]) -> Seamed:
    """`published`, which the gate reads as the parts `apart`."""
    made = Seamed(published)
    made.apart = apart
    return made


def apart(part: bytes) -> tuple[bytes, ...]:
    """A part of a row as the gate reads it."""
    return part.apart if type(part) is Seamed else (part,)


def in_turn(texts: Sequence[bytes]) -> tuple[bytes, ...]:
    """Texts as the gate reads them, one by one."""
    return spread(_ESCAPED, map(apart, texts))


def spread(between: bytes, items: Iterable[tuple[bytes, ...]]) -> tuple[bytes, ...]:
    """Items in parts, with `between` between them."""
    found: list[bytes] = []
    for item in items:
        found += (*item, between)
    return tuple(found[:-1])


def joined(gap: bytes, texts: Sequence[bytes]) -> bytes:
    """Texts, escaped for the inside of a JSON string, with `gap` between them."""
    if len(texts) == 1:
        return texts[0]
    return seamed(gap.join(texts), in_turn(texts))
