"""The corpus for benchmarks: valid, of the real shape, and the same for the same seed."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import orjson
import pytest

from . import reading

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    """The script as a module."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import make_corpus
    finally:
        sys.path.remove(str(BENCHMARKS))
    return make_corpus


@pytest.fixture(scope="module")
def made(maker: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A corpus of some six megabytes with one session of one, and what was planted."""
    out = tmp_path_factory.mktemp("corpus")
    files, size, values = maker.make(out, mb=6, big=1, seed=3)
    written = list(out.rglob("*.jsonl"))
    assert (len(written), sum(p.stat().st_size for p in written)) == (files, size)
    assert 3e6 < size < 12e6
    return out, values


def test_same_seed_same_bytes(
    maker: ModuleType, made: tuple[Path, list[str]], tmp_path: Path
) -> None:
    maker.make(tmp_path, mb=6, big=1, seed=3)
    first = {p.relative_to(made[0]): p.read_bytes() for p in made[0].rglob("*.jsonl")}
    again = {p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*.jsonl")}
    assert first == again


def test_shares_of_bytes_are_like_real_ones(made: tuple[Path, list[str]]) -> None:
    shares: Counter[str] = Counter()
    for path in made[0].rglob("*.jsonl"):
        for line in path.read_bytes().splitlines():
            record = orjson.loads(line)
            shares["all"] += len(line)
            shares["rich"] += len(orjson.dumps(record.get("toolUseResult", "")))
            content = record.get("message", {}).get("content", "")
            for block in content if isinstance(content, list) else []:
                shares[block["type"]] += len(orjson.dumps(block))
    assert 0.18 < shares["rich"] / shares["all"] < 0.40
    assert 0.12 < shares["tool_result"] / shares["all"] < 0.30
    assert 0.02 < shares["text"] / shares["all"] < 0.10


def test_long_lines_seldom_repeat(made: tuple[Path, list[str]]) -> None:
    seen: Counter[str] = Counter()
    for path in made[0].rglob("*.jsonl"):
        for line in path.read_bytes().splitlines():
            record = orjson.loads(line)
            if record["type"] == "assistant":
                for block in record["message"]["content"]:
                    if block["type"] == "text":
                        seen.update(x for x in block["text"].split("\n") if len(x) > 30)
    assert sum(seen.values()) > 500
    assert len(seen) / sum(seen.values()) > 0.9


def test_planted_values_stand_in_it(made: tuple[Path, list[str]]) -> None:
    data = "".join(p.read_text("utf-8") for p in made[0].rglob("*.jsonl"))
    assert made[1]
    single = [value for value in made[1] if "\n" not in value]
    assert all(value in data for value in single)


def test_reader_accounts_for_every_record(made: tuple[Path, list[str]]) -> None:
    files = reading.logs(made[0], "claude")
    sessions, ledger = reading.read(files, "claude")
    assert ledger.faults == []
    assert reading.unbalanced(files, sessions, ledger) == {}
    assert {"link/resumed_copy", "read/progress"} & set(ledger.drops)
