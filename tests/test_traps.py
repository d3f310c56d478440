"""The traps of coding-agent logs: what each tiny log under `tests/logs` must become.

`tests/logs/README.md` explains `expected.json`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support import LOGS, Reading, compare, counted, describe, read, texts_of

CASES = sorted(p.parent for p in LOGS.glob("*/*/expected.json"))
TRAPS = [f"T{n:02d}" for n in range(1, 16)]


def _case(folder: Path) -> tuple[dict[str, Any], Reading]:
    expected = json.loads((folder / "expected.json").read_text("utf-8"))
    return expected, read(folder.parent.name, folder / "input")


def test_every_trap_has_a_log() -> None:
    there = {p.name[:3] for p in CASES if p.parent.name == "claude"}
    assert there == set(TRAPS)


@pytest.mark.parametrize("folder", CASES, ids=lambda p: f"{p.parent.name}-{p.name}")
def test_threads(folder: Path) -> None:
    expected, reading = _case(folder)
    wrong = compare(expected, reading)
    assert not wrong, expected["why"] + "\n" + "\n".join(wrong)
    if "lineages" in expected:
        lineages = {s.lineage for s in reading.sessions}
        assert len(lineages) == expected["lineages"], describe(reading.sessions)
    for flag, n in expected.get("flagged", {}).items():
        carriers = [m for s in reading.sessions for m in s.messages if flag in m.flags]
        assert len(carriers) == n, (flag, describe(reading.sessions))


@pytest.mark.parametrize("folder", CASES, ids=lambda p: f"{p.parent.name}-{p.name}")
def test_nothing_injected_stays(folder: Path) -> None:
    expected, reading = _case(folder)
    texts = texts_of(reading.sessions)
    assert texts
    for text in expected.get("absent", ()):
        assert not [t for t in texts if text in t], text
    for text, n in expected.get("counts", {}).items():
        assert sum(t == text for t in texts) == n, text


@pytest.mark.parametrize("folder", CASES, ids=lambda p: f"{p.parent.name}-{p.name}")
def test_every_record_is_accounted_for(folder: Path) -> None:
    expected, reading = _case(folder)
    root = folder / "input"
    assert reading.unbalanced() == {}
    for file, n in expected.get("records", {}).items():
        assert reading.ledger.records[str(root / file)] == n, file
    if "faults" in expected:
        assert len(reading.ledger.faults) == expected["faults"], reading.ledger.faults
    assert sum(reading.ledger.repairs.values()) >= expected.get("repairs", 0)
    used = reading.used()
    for file, lines in expected.get("used", {}).items():
        assert sorted(used.get(file, ())) == lines, file
    if "used_total" in expected:
        assert sum(map(len, reading.origins().values())) == expected["used_total"], used
    drops = reading.drops()
    for file, words in expected.get("drops", {}).items():
        for word, n in words.items():
            assert counted(drops.get(file, {}), word) >= n, (file, word, drops)
    for word, n in expected.get("drops_total", {}).items():
        assert sum(counted(counts, word) for counts in drops.values()) >= n, (word, drops)


@pytest.mark.parametrize("folder", CASES, ids=lambda p: f"{p.parent.name}-{p.name}")
def test_keys_are_unique_and_a_message_is_owned_once(folder: Path) -> None:
    _, reading = _case(folder)
    keys = [s.key for s in reading.sessions]
    assert len(keys) == len(set(keys))
    ids = [m.id for s in reading.sessions for m in s.messages]
    assert len(ids) == len(set(ids)), describe(reading.sessions)
    by_key = {s.key for s in reading.sessions}
    for session in reading.sessions:
        assert session.parent_session is None or session.parent_session in by_key
        assert session.forked_from is None or session.forked_from.session in by_key
