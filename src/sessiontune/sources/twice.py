"""Records that stand in one log twice."""

from __future__ import annotations

from typing import Any

from .linear import Linear
from .shapes import digest_of


class Twice:
    """Finds records that stand in one log twice: a copy of it was appended, or its program wrote
    them again after a crash."""

    def __init__(self, log: Linear) -> None:
        self.log = log
        self.told: list[bytes] = []  # digests of the records that count
        self.first: dict[bytes, int] = {}  # digest -> its first place there
        self.next = -1  # the place after the record that the last one was a copy of
        self.at: Any = None  # the time of the last record that had one, and where those began
        self.since = 0

    def drops(self, record: Any, *ids: Any, at: Any = None) -> bool:
        """Whether the current record was told before; then it is dropped. An equal one must have
        been read, and what tells the record from one that a person wrote again: an id, a time, or
        its place, if it follows a copy as it followed the original."""
        digest = digest_of(record)
        if at is not None and at != self.at:
            self.at, self.since = at, len(self.told)
        copied = self.first.get(digest, -1)
        if not (any(ids) or (at is not None and self._timed(copied))):
            copied = self.next if self.told[self.next : self.next + 1] == [digest] else -1
        self.next = copied + 1 if copied >= 0 and digest else -1
        if self.next > 0:
            self.log.drop("repeated_record", "link")
            return True
        self.first.setdefault(digest, len(self.told))
        self.told.append(digest)
        return False

    def _timed(self, copied: int) -> bool:
        """Whether a time tells: records with other times are between it and the original, or none
        is. A log that was written in one go, as when it was converted, has one time for all."""
        return copied < self.since or copied == len(self.told) - 1
