"""Which sessions share something with another: few do, and only they need to be compared."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Collection, Sequence

from .marks import Mark, anchors


def keys_of(mark: Mark) -> bytes:
    """All that may tie a session to another, as 64-bit numbers: digest, anchors, bands of text and
    of row, and the session that it branches from. Two that differ may have one number."""
    halves = array("Q", b"".join(looks for looks in (mark.minhash, mark.row) if looks))
    return array(
        "Q",
        [
            _number(mark.digest),
            _number(mark.forked_from or mark.key),
            *anchors(mark),
            *((a ^ b * _ODD) & _WORD for a, b in zip(halves[::2], halves[1::2], strict=True)),
        ],
    ).tobytes()


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


_WORD, _ODD = (1 << 64) - 1, 0x9E3779B97F4A7C15


def meeting(
    new: Sequence[tuple[str, bytes]], old: Sequence[tuple[str, bytes]] = ()
) -> frozenset[str]:
    """Sessions that share a key with another: few do, and only they need to be compared. Each is
    given with its keys; `old` ones are not held against one another.

    Of many sessions the keys are looked at in several passes, each at its share of them."""
    passes = 1 + sum(len(keys) for _, keys in new) // (8 * _AT_ONCE)
    met: set[str] = set()
    for turn in range(passes):
        met |= _meeting(new, old, passes, turn)
    return frozenset(met)


#: Keys that are held in memory at a time, about: some 40 MB.
_AT_ONCE = 500_000


def _meeting(
    new: Sequence[tuple[str, bytes]], old: Sequence[tuple[str, bytes]], passes: int, turn: int
) -> set[str]:
    """The same by the keys that leave this rest when they are divided."""

    def share(keys: bytes) -> Collection[int]:
        own = memoryview(keys).cast("Q")
        return own if passes == 1 else [key for key in own if key % passes == turn]

    once: set[int] = set()
    twice: set[int] = set()
    met: set[str] = set()
    for _, keys in new:
        own = share(keys)
        if not once.isdisjoint(own):
            twice.update(once.intersection(own))
        once.update(own)
    for session, keys in old:
        own = share(keys)
        if not once.isdisjoint(own):
            twice.update(once.intersection(own))
            met.add(session)
    met.update(name for name, keys in new if not twice.isdisjoint(share(keys)))
    return met
