"""What the writers of logs share: ids and times from a seed, expected messages, lines of JSON."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

Record = dict[str, Any]
_LONE = re.compile("[\ud800-\udfff]")
_HEX = "0123456789abcdef"
_ALNUM = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz123456789"


class Source:
    """Ids and times of one file, from its own generator."""

    def __init__(self, rng: Random, start: datetime) -> None:
        self.rng = rng
        self.now = start

    def uuid(self) -> str:
        """A version 4 UUID."""
        n = self.rng.getrandbits(128) & ~(0xF << 76) | (4 << 76)
        n = n & ~(3 << 62) | (2 << 62)
        h = f"{n:032x}"
        return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"

    def hexes(self, count: int) -> str:
        """Hexadecimal digits."""
        return "".join(self.rng.choices(_HEX, k=count))

    def name(self, prefix: str, count: int = 22) -> str:
        """An identifier as the API gives them: prefix and letters."""
        return prefix + "".join(self.rng.choices(_ALNUM, k=count))

    def tick(self, low: float = 0.2, high: float = 4.0) -> str:
        """Let time pass; the new time as ISO-8601 UTC with milliseconds."""
        self.now += timedelta(seconds=self.rng.uniform(low, high))
        return self.stamp()

    def stamp(self) -> str:
        """The present time."""
        at = self.now.astimezone(UTC)
        return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


@dataclass
class Expect:
    """A message that a reader should find. `tip` is the parent record of a successor."""

    role: str
    kind: str
    parts: list[dict[str, Any]]
    uuids: list[str]
    tip: str = ""


@dataclass
class Thread:
    """A straight thread: the messages that belong to it alone, without a fork's prefix."""

    name: str
    messages: list[Expect] = field(default_factory=list)
    forked_after: str | None = None
    epoch: int = 0


def encode(record: Record) -> bytes:
    """A record as one line of JSON; a lone surrogate stays an escape, as JavaScript writes it."""
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    return _LONE.sub(lambda m: f"\\u{ord(m[0]):04x}", text).encode("utf-8")
