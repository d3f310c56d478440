"""Which sessions share something with another: few do, and only they need to be compared."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence

from .marks import Mark, anchors

#: Sessions compared with one another for sharing an anchor or a band, at most.
NEIGHBOURS = 16


def neighbours(
    keys: Sequence[Collection[object]], most: int = NEIGHBOURS
) -> Iterator[tuple[int, int]]:
    """Pairs of positions (i < j) that share a key, each pair once.

    Each position meets at most the last `most` others of a bucket, so a bucket of n costs
    n * most and not n squared; chains still join the whole bucket where they are alike.
    """
    shared = _shared(keys)
    buckets: dict[object, list[int]] = {}
    for position, own in enumerate(keys):
        if shared.isdisjoint(own):  # so it is with most
            continue
        seen = {position}
        for key in own:
            if key not in shared:
                continue
            bucket = buckets.setdefault(key, [])
            if bucket and bucket[-1] == position:
                continue
            for other in bucket[-most:]:
                if other not in seen:
                    seen.add(other)
                    yield other, position
            bucket.append(position)


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
    new: Sequence[tuple[str, bytes]], old: Iterable[tuple[str, bytes]] = ()
) -> frozenset[str]:
    """Sessions that share a key with another: few do, and only they need to be compared. Each is
    given with its keys; `old` ones are not held against one another."""
    once: set[int] = set()
    twice: set[int] = set()
    met: set[str] = set()
    for _, keys in new:
        own = memoryview(keys).cast("Q")
        if not once.isdisjoint(own):
            twice.update(once.intersection(own))
        once.update(own)
    for session, keys in old:
        own = memoryview(keys).cast("Q")
        if not once.isdisjoint(own):
            twice.update(once.intersection(own))
            met.add(session)
    met.update(name for name, keys in new if not twice.isdisjoint(memoryview(keys).cast("Q")))
    return frozenset(met)


def _shared(keys: Iterable[Collection[object]]) -> set[object]:
    """Keys that two positions have. Sets are compared, which asks for no step of ours per key."""
    once: set[object] = set()
    twice: set[object] = set()
    for own in keys:
        if not once.isdisjoint(own):
            twice.update(once.intersection(own))
        once.update(own)
    return twice
