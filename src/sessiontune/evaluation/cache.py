"""Results kept by digest, so that an interrupted evaluation goes on where it stopped.

One JSON Lines file for each arm and kind of result. A key is the digest of everything that the
result depends on; a later line for a key replaces an earlier one. A line cut off by a crash is
ignored and written again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from ..errors import StoreError, cannot_write


def digest(*parts: Any) -> str:
    """32 hex digits for values that JSON can hold; equal values give equal digests."""
    total = hashlib.sha256()
    for part in parts:
        total.update(orjson.dumps(part, option=orjson.OPT_SORT_KEYS, default=str) + b"\0")
    return total.hexdigest()[:32]


def folder_digest(files: Iterable[Path]) -> str:
    """Digest of files by content; those above 1 GB by name, size and time of change."""
    total = hashlib.sha256()
    for path in sorted(files):
        state = path.stat()
        total.update(f"{path.name}:{state.st_size}\0".encode())
        if state.st_size > 10**9:
            total.update(str(state.st_mtime_ns).encode())
            continue
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                total.update(block)
    return total.hexdigest()[:32]


class Table:
    """Results of one arm: key -> value, appended to a file as they come."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._held: dict[str, Any] = {}
        self._torn = False
        try:
            raw = path.read_bytes() if path.exists() else b""
        except OSError as error:
            raise StoreError(f"Cannot read {path}: {error.strerror}") from error
        self._torn = bool(raw) and not raw.endswith(b"\n")
        for line in raw.split(b"\n"):
            try:
                entry = orjson.loads(line) if line else None
            except orjson.JSONDecodeError:
                continue  # cut off while it was written: the case is not done
            if isinstance(entry, dict) and "key" in entry:
                self._held[entry["key"]] = entry.get("value")

    def __contains__(self, key: str) -> bool:
        return key in self._held

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: str) -> Any:
        """The value kept for a key, else None."""
        return self._held.get(key)

    def put(self, key: str, value: Any) -> None:
        """Keep a value, on disk before this returns. Raises StoreError when it cannot be."""
        line = orjson.dumps({"key": key, "value": value}) + b"\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file:
                file.write(b"\n" + line if self._torn else line)
        except OSError as error:
            raise cannot_write(self.path, error, "; the same command goes on.") from error
        self._torn = False
        self._held[key] = value


class Cache:
    """All tables of one evaluation folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def table(self, kind: str, arm: str) -> Table:
        """The table of one kind of result (`loss`, `answer`, `judge`) for one digest."""
        return Table(self.folder / f"{kind}-{arm[:24]}.jsonl")
