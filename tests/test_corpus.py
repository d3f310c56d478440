"""Real logs, and those of the bundled sample, against the independent checker."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import pytest

from tests.checker import checker
from tests.conftest import corpus
from tests.support import Reading, logs_under, read

FOLDERS = {"claude": "claude-code", "codex": "codex"}


def _repositories() -> list[tuple[str, Path]]:
    root = corpus()
    if root is None:
        return []
    found = []
    for source, folder in FOLDERS.items():
        if (root / folder).is_dir():
            found += [(source, p) for p in sorted((root / folder).iterdir()) if p.is_dir()]
    return found


REPOSITORIES = _repositories()
FILES = [(source, repo, file) for source, repo in REPOSITORIES for file in logs_under(repo, source)]
NO_CORPUS = pytest.mark.skipif(
    not REPOSITORIES, reason="no real logs: set SESSIONTUNE_CORPUS (0 of 2 agents read)"
)


@lru_cache(maxsize=2)
def reading(source: str, repo: Path) -> Reading:
    return read(source, repo)


@lru_cache(maxsize=2)
def counts(source: str, repo: Path) -> dict[str, int]:
    return checker.record_counts(source, logs_under(repo, source))


def _id(value: object) -> str:
    if isinstance(value, Path):
        return value.name
    return os.path.basename(value)[:24] if isinstance(value, str) else str(value)


@NO_CORPUS
def test_every_log_of_the_corpus_is_recognised() -> None:
    root = corpus()
    assert root is not None
    for source, folder in FOLDERS.items():
        known = set(logs_under(root / folder, source))
        for place, _, names in os.walk(root / folder):
            for name in names:
                path = os.path.join(place, name)
                with open(path, "rb") as log:
                    head = log.read(4096)
                is_list = b'"display"' in head or b'"ts":' in head or b'"thread_name"' in head
                assert (path in known) != (is_list or not name.endswith(".jsonl")), path


@pytest.mark.parametrize(("source", "repo", "file"), FILES, ids=_id)
def test_every_record_is_used_or_dropped_for_a_reason(source: str, repo: Path, file: str) -> None:
    got = reading(source, repo)
    n = counts(source, repo)[file]
    assert got.ledger.records[file] == n
    used = len(got.origins().get(file, ()))
    gone = got.ledger.by_file.get(file, {})
    assert all(name.split("/")[-1] for name in gone)
    assert used + sum(gone.values()) == n, (used, gone)


@pytest.mark.parametrize(("source", "repo"), REPOSITORIES, ids=_id)
def test_nothing_is_invented_lost_doubled_or_out_of_order(source: str, repo: Path) -> None:
    got = reading(source, repo)
    turns = [t for s in got.sessions for t in checker.turns_of_session(s)]
    problems = checker.check(source, logs_under(repo, source), turns)
    assert not problems, f"{len(problems)} problems\n" + "\n".join(problems[:20])
