"""Finds damaged shards and segments of the state, and forgets them so that they are made anew.

A run checks the sums only of what it reads. If one is wrong, all shards and segments are checked
once, and the bad ones count as lost: a segment is encoded again from its shard, a shard is read
again from its logs. What only vanished logs held cannot be recovered; `preparing` says so. What a
user's hook took out is checked apart from its shard.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

import msgspec

from ..errors import DamagedError
from ..packs import Place
from ..store import Store
from .finish import BuildOutline, Stream
from .prepare import sessions_at

_COPY = 1 << 20


def forget_damaged(store: Store) -> int:
    """Forget the damaged shards and segments. Returns how many there were."""
    shards = list(_bad_shards(store))
    segments = list(_bad_segments(store))
    with store.transaction() as db:
        packs = store.shards.drop(db, shards), store.segments.drop(db, segments)
    store.shards.tidy(store.transaction, packs[0], wholly=False)
    store.segments.tidy(store.transaction, packs[1], wholly=False)
    return len(shards) + len(segments)


def _bad_shards(store: Store) -> Iterator[str]:
    for key, place in store.shards.places(store.db).items():
        try:
            for _ in sessions_at(place):
                pass
        except DamagedError:
            yield key


def _bad_segments(store: Store) -> Iterator[str]:
    places = store.segments.places(store.db)
    decode = msgspec.msgpack.Decoder(BuildOutline).decode
    for key, summary in store.builds():
        place = places.get(key)
        if place is not None and not _holds(place, decode(summary).streams.values()):
            yield key


def _holds(place: Place, streams: Iterable[Stream]) -> bool:
    """Whether each chunk of a segment has the sum that was noted."""
    with open(place.path, "rb") as pack:
        for stream in streams:
            for (start, size), wanted in zip(stream.chunks, stream.sums, strict=False):
                pack.seek(place.at + start)
                crc = 0
                while size and (data := pack.read(min(size, _COPY))):
                    crc = zlib.crc32(data, crc)
                    size -= len(data)
                if size or crc != wanted:
                    return False
    return True
