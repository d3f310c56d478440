"""Values in commands that edit a file: the secret in `sed 's|^X_PASS=.*|X_PASS=V|g'` is V alone."""

from __future__ import annotations

from .rules import quick

#: A pattern for any value, and what ends it: `.*|`, `[^ ]*$/`.
_SOUGHT = quick(r"(?:\.|\[[^\]\s]{1,12}\]|\\[SwW])[*+]\$?[|/#,~@!%]")
#: Before what is put in place of what is found.
_IN_PLACE = quick(
    r"\b(?:sed|perl)\b[^\n]{0,120}[\s\"';]s([|/#,~@!%])[^\n]{1,100}?\1[^\n\"'|/#,~@!%]{0,24}\Z"
)


def is_sought(data: bytes, start: int) -> bool:
    """What stands at `start` is what the command looks for; what it puts there follows."""
    return _SOUGHT.match(data, start, start + 24) is not None


def put_there(data: bytes, at: int, value: bytes) -> bytes:
    """The value under the name at `at`, without the rest of the command: `V|g`."""
    if not any(c in b"|/#,~@!%" for c in value):
        return value
    before = _IN_PLACE.search(data, max(0, at - 280), at)
    return value.partition(before.group(1))[0] if before else value
