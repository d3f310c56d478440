"""Commands that edit a file: in `sed 's|^X_PASS=.*|X_PASS=V|g'` only V is a secret."""

from __future__ import annotations

from .rules import quick

#: A pattern for any value, and the mark that ends it: `.*|`, `[^ ]*$/`.
_SOUGHT = quick(r"(?:\.|\[[^\]\s]{1,12}\]|\\[SwW])[*+]\$?[|/#,~@!%]")
#: The text up to the replacement.
_IN_PLACE = quick(
    r"\b(?:sed|perl)\b[^\n]{0,120}[\s\"';]s([|/#,~@!%])[^\n]{1,100}?\1[^\n\"'|/#,~@!%]{0,24}\Z"
)


def is_sought(data: bytes, start: int) -> bool:
    """True where the command looks for what stands at `start`, and the replacement follows."""
    return _SOUGHT.match(data, start, start + 24) is not None


def put_there(data: bytes, at: int, value: bytes) -> bytes:
    """The value of the name at `at`, without the end of the command: `V` of `V|g`."""
    if not any(c in b"|/#,~@!%" for c in value):
        return value
    before = _IN_PLACE.search(data, max(0, at - 280), at)
    return value.partition(before.group(1))[0] if before else value
