"""Reads a folder of the sample with the project's own reader and cleaner, for the tests."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

from sessiontune import registry
from sessiontune.ledger import Ledger
from sessiontune.model import Session
from sessiontune.ports import ReadOptions
from sessiontune.steps.clean import clean

PLACES = {"claude": ".claude/projects/**/*.jsonl", "codex": ".codex/sessions/**/*.jsonl"}


def keyed(text: str) -> str:
    """A keyed hash for the tests."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def logs(folder: Path, source: str) -> tuple[str, ...]:
    """The log files of one source below a folder."""
    return tuple(sorted(str(path) for path in folder.glob(PLACES[source])))


def read(files: tuple[str, ...], source: str) -> tuple[list[Session], Ledger]:
    """Sessions after cleaning, and the ledger of reading and cleaning."""
    ledger, kept = Ledger(), []
    for session in registry.source(source).sessions(files, ReadOptions(), ledger, keyed):
        cleaned, drops = clean(session)
        for drop in drops:
            ledger.drop(drop)
        if cleaned is not None:
            kept.append(cleaned)
    return kept, ledger


def unbalanced(files: tuple[str, ...], sessions: list[Session], ledger: Ledger) -> dict[str, int]:
    """Records that are neither used nor dropped with a reason: file -> number."""
    used: Counter[str] = Counter()
    for session in sessions:
        places = {(o.file, o.line, o.nth) for m in session.messages for o in m.origin}
        used.update(session.files[file] for file, _, _ in places)
    rest = {
        file: ledger.records.get(file, 0) - used[file] - sum(ledger.by_file.get(file, {}).values())
        for file in files
    }
    return {file: count for file, count in rest.items() if count}
