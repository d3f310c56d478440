"""Random strings of a key format, put together when the tests run."""

from __future__ import annotations

import re
from random import Random
from typing import Any

parser: Any = re._parser  # type: ignore[attr-defined]
sign: Any = re._constants  # type: ignore[attr-defined]

_ALNUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def made(form: str, rng: Random) -> str:
    """A random string that `form` (a pattern without look-around) matches."""
    return _make(parser.parse(form), rng)


def _make(tree: Any, rng: Random) -> str:
    text = ""
    for kind, value in tree:
        if kind is sign.LITERAL:
            text += chr(value)
        elif kind is sign.IN:
            text += rng.choice(_letters(value))
        elif kind is sign.NOT_LITERAL:
            text += rng.choice(_ALNUM)
        elif kind is sign.BRANCH:
            text += _make(rng.choice(value[1]), rng)
        elif kind is sign.SUBPATTERN:
            text += _make(value[3], rng)
        elif kind in (sign.MAX_REPEAT, sign.MIN_REPEAT):
            low, high, inner = value
            text += "".join(_make(inner, rng) for _ in range(rng.randint(low, min(high, low + 8))))
        elif kind is not sign.AT:
            raise ValueError(kind)
    return text


def _letters(items: Any) -> str:
    letters = ""
    for kind, value in items:
        if kind is sign.NEGATE:
            return _ALNUM
        if kind is sign.RANGE:
            letters += "".join(map(chr, range(value[0], value[1] + 1)))
        elif kind is sign.LITERAL:
            letters += chr(value)
        elif value is sign.CATEGORY_DIGIT:
            letters += "0123456789"
        elif value is sign.CATEGORY_SPACE:
            letters += " "
        else:
            letters += _ALNUM + "_"
    return letters
