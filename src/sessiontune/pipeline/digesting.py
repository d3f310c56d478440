"""A SHA-256 that can be paused and resumed.

A file of gigabytes to which a line was added often begins as it did before. hashlib does not expose
its state, but in the OpenSSL below it the whole state is a plain block of memory. Where its
functions are missing, or misbehave, a digest starts from the beginning.
"""

from __future__ import annotations

import ctypes
import hashlib
from functools import lru_cache
from mmap import mmap
from typing import Any

_BLOCK = 112  # sizeof(SHA256_CTX)
_ROOM = 256


class Digest:
    """SHA-256 of what `update` was given, resumed from `state` if there is one."""

    def __init__(self, state: bytes | None = None) -> None:
        self.library = _openssl()
        self.block = ctypes.create_string_buffer(_ROOM)
        if self.library is None:
            if state is not None:
                raise ValueError("a digest cannot be resumed here")
            self.plain = hashlib.sha256()
        elif state is not None:
            if not can_resume(state):
                raise ValueError("the state of a digest was noted by another version of OpenSSL")
            ctypes.memmove(self.block, state[-_BLOCK:], _BLOCK)
        else:
            self.library.SHA256_Init(self.block)

    def update(self, data: bytearray | mmap, length: int, start: int = 0) -> None:
        """Add `length` bytes of a buffer."""
        if self.library is None:
            self.plain.update(memoryview(data)[start : start + length])
        else:
            view = (ctypes.c_char * length).from_buffer(data, start)
            self.library.SHA256_Update(self.block, view, length)

    def state(self) -> bytes | None:
        """What a later `Digest` can resume from, under the same version of OpenSSL; None if it
        cannot."""
        return None if self.library is None else _version() + self.block.raw[:_BLOCK]

    def hexdigest(self) -> str:
        """The digest; nothing can be added after it."""
        if self.library is None:
            return self.plain.hexdigest()
        found = ctypes.create_string_buffer(32)
        self.library.SHA256_Final(found, self.block)
        return found.raw.hex()


def can_resume(state: bytes) -> bool:
    """Whether a digest can resume from this state: each version of OpenSSL has its own layout."""
    if _openssl() is None:
        return False
    return len(state) == len(_version()) + _BLOCK and state.startswith(_version())


@lru_cache(maxsize=1)
def _version() -> bytes:
    return bytes(_openssl().OpenSSL_version(0))


@lru_cache(maxsize=1)
def _openssl() -> Any:
    """The library that hashlib uses, or None where it cannot resume a digest."""
    try:
        import _hashlib

        library = ctypes.CDLL(_hashlib.__file__)
        library.SHA256_Init.argtypes = [ctypes.c_void_p]
        library.SHA256_Update.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
        library.SHA256_Final.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
        library.OpenSSL_version.argtypes = [ctypes.c_int]
        library.OpenSSL_version.restype = ctypes.c_char_p
    except (ImportError, AttributeError, OSError):
        return None
    return library if _behaves(library) else None


def _behaves(library: Any) -> bool:
    """Does a digest that is paused in the middle of a block come out right?"""
    text = b"sessiontune" * 50
    one, two = ctypes.create_string_buffer(_ROOM), ctypes.create_string_buffer(_ROOM)
    found = ctypes.create_string_buffer(32)
    library.SHA256_Init(one)
    library.SHA256_Update(one, text, len(text))
    ctypes.memmove(two, one.raw[:_BLOCK], _BLOCK)
    library.SHA256_Update(two, text, len(text))
    library.SHA256_Final(found, two)
    return found.raw == hashlib.sha256(text + text).digest()
