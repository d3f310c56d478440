"""Keys written as lists of numbers: `key = [201, 17, ...]`, `key := []byte{0x9C, ...}`."""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from itertools import pairwise

from .keynames import dull
from .rules import Rule, quick

_GAP = r"(?:\s|\\+[nrt]){0,24}"
_NUMBER = r"(?:0x[0-9a-fA-F]{1,2}|-?\d{1,3})"
#: A name, what stands between it and the bracket (a sign, a type, a call), and the first number.
_HEAD = r"(?i:key|secret|seed)[\w \t\"'.:=<>*&\[\](]{0,64}[\[{(](?:\s|\\+[nrt])*(?:0x[0-9a-fA-F]{2}|-?\d{1,3}),"
_NAMED = quick(rf"([\w.-]{{0,40}}{_HEAD})\Z")
_ASSIGNS = quick(
    r"([\w.-]{1,60})[\"'\]]{0,3}[ \t]{0,4}(?:\[\w{0,12}\]|: ?[\w\[\]<>&; ]{1,20})?[ \t]{0,8}(?::=|=|:)"
)
_LIST = quick(rf"{_GAP}({_NUMBER}(?:{_GAP},{_GAP}{_NUMBER}){{15,63}}+),?{_GAP}[\]}})]")
_VALUES = quick(_NUMBER)
#: How many bytes the keys of ciphers and signatures have.
_SIZES = (16, 24, 32, 48, 64)


def _random(numbers: list[int]) -> bool:
    """True for bytes as chance makes them: nearly all differ, they reach above 127, and few go up by
    the same step, as those of a table do."""
    size = len(numbers)
    if size not in _SIZES or min(numbers) < -128 or max(numbers) > 255:
        return False
    numbers = [number % 256 for number in numbers]
    steps = [after - before for before, after in pairwise(numbers)]
    common = max(map(steps.count, steps))
    return len(set(numbers)) > 0.7 * size and max(numbers) > 127 and common < 0.2 * size


def _listed(data: bytes, end: int) -> list[tuple[int, int]]:
    """The numbers between the brackets, of which the first ends at `end`, if they are a key."""
    named = _NAMED.search(data, max(0, end - 160), end)
    name = _ASSIGNS.match(named[1], 0, 120) if named else None
    if named is None or name is None or dull(name[1]):
        return []
    start = max(data.rfind(mark, named.start(), end) for mark in (b"[", b"{", b"(")) + 1
    match = _LIST.match(data, start, start + 900)
    if match is None:
        return []
    numbers = [int(value, 16 if b"x" in value else 10) for value in _VALUES.findall(match[1])]
    return [match.span(1)] if _random(numbers) else []


RULES: tuple[Rule, ...] = (Rule("secret", _HEAD, direct=_listed, rank=3),)
