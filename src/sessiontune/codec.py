"""Records to bytes and back: msgpack for the private shards, digests and keyed hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import msgspec

from .model import Session

_sessions = msgspec.msgpack.Decoder(Session)
_encoder = msgspec.msgpack.Encoder()
_LENGTH = 8


class Out(Protocol):
    """What a shard is written to."""

    def write(self, data: bytes, /) -> object: ...


def write_session(out: Out, session: Session) -> None:
    """Append one session to a shard: 8 bytes of length, then msgpack."""
    body = _encoder.encode(session)
    out.write(len(body).to_bytes(_LENGTH, "big"))
    out.write(body)


class In(Protocol):
    """Where sessions are read from."""

    def read(self, size: int, /) -> bytes: ...


def read_sessions(source: In, length: int = -1) -> Iterator[Session]:
    """The sessions of a shard, one at a time: the next `length` bytes of a file, or all of it.
    Raises ValueError on a damaged shard."""
    left = length
    while left and ((head := source.read(_LENGTH)) or left > 0):
        size = int.from_bytes(head, "big")
        left -= _LENGTH + size
        body = source.read(size)
        if len(head) < _LENGTH or len(body) < size or left < 0 <= length:
            raise ValueError("shard ends in the middle of a session")
        session = _sessions.decode(body)
        del body  # a session may hold 100 MB: once is enough
        yield session


def keyed(salt: bytes) -> Callable[[str], str]:
    """A keyed hash: text -> 16 hex digits (BLAKE2b, key = salt), the first of them a letter.

    Sixteen decimal digits in a row can be the number of a credit card: one such id in a row, and
    the gate would rightly stop the export.
    """

    def of(text: str) -> str:
        data = text.encode("utf-8", "surrogatepass")
        found = hashlib.blake2b(data, digest_size=8, key=salt).hexdigest()
        return _LETTERS.get(found[0], found[0]) + found[1:]

    return of


def meant(error: msgspec.ValidationError, known: Iterable[str]) -> str:
    """A "Did you mean" hint for an unknown field of a record; "" where no known one is close."""
    from difflib import get_close_matches

    _, _, rest = str(error).partition("unknown field `")
    near = get_close_matches(rest.partition("`")[0], list(known), n=1)
    return f"Did you mean `{near[0]}`? " if near else ""


#: A letter for a decimal digit.
_LETTERS = dict(zip("0123456789", "abcdefabcd", strict=True))


def digest(*parts: Any) -> str:
    """A stable 32-hex digest of msgpack-able values (not keyed: for caches, not for output)."""
    return hashlib.blake2b(msgspec.msgpack.encode(parts), digest_size=16).hexdigest()
