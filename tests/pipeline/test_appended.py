"""What one appended line touches, by counting: its own log, its own unit, one sum of each kind."""

from __future__ import annotations

import builtins
import os
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest

from sessiontune.pipeline import Request, columnar, export, finishing, outfile, preparing
from sessiontune.privacy.options import PrivacyOptions
from sessiontune.recipe import Recipe
from sessiontune.runtime.local import LocalRunner
from sessiontune.store import Store

LOGS = 120
#: Units that may lie in one of the groups of `sums`; of 120 dealt to 64 it is five or so.
GROUP = 12


def _record(name: str, number: int, text: str) -> bytes:
    role = ("user", "assistant")[number % 2]
    record = {
        "type": role, "uuid": f"{name}-{number}", "sessionId": name, "cwd": "/srv/shop",
        "parentUuid": f"{name}-{number - 1}" if number else None,
        "timestamp": f"2026-03-01T10:{int(name[1:]) % 60:02d}:{number:02d}.000Z",
        "message": {"role": role, "content": text, "id": f"msg_{name}{number}"},
    }  # fmt: skip
    return orjson.dumps(record) + b"\n"


@pytest.fixture
def logs(tmp_path: Path) -> list[Path]:
    rng = Random(4)
    words = ["".join(rng.choices("abcdefghij", k=6)) for _ in range(900)]
    paths = []
    for at in range(LOGS):
        path = tmp_path / "logs" / "projects" / "-srv-shop" / f"s{at:03d}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [_record(path.stem, n, " ".join(rng.choices(words, k=40))) for n in range(4)]
        path.write_bytes(b"".join(lines))
        paths.append(path)
    return paths


class Touched:
    """What a run opens, and how often it does what costs; `copied`: bytes of these packs that it
    puts into files."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, packs: Collection[str] = ()) -> None:
        self.opened: set[str] = set()
        self.copied = 0
        self.counts: Counter[str] = Counter()
        for module in (os, builtins):
            self._note_opened(monkeypatch, module)
        self._count(monkeypatch, Store, "unit_summary")
        self._count(monkeypatch, Store, "build_summary")
        self._count(monkeypatch, columnar, "write_parquet")
        for module, name in ((preparing, "prepare"), (finishing, "finish")):
            self._count_units(monkeypatch, module, name)

        self._add_up_copied(monkeypatch, packs)

    def _add_up_copied(self, monkeypatch: pytest.MonkeyPatch, packs: Collection[str]) -> None:
        plain = outfile._opened

        def opened(runs: Any) -> Any:
            for file, run in plain(runs):
                self.copied += run.length if run.path in packs else 0
                yield file, run

        monkeypatch.setattr(outfile, "_opened", opened)

    def _note_opened(self, monkeypatch: pytest.MonkeyPatch, module: Any) -> None:
        plain = module.open

        def opening(path: Any, *more: Any, **named: Any) -> Any:
            if isinstance(path, str | bytes | os.PathLike):
                self.opened.add(os.fsdecode(path))
            return plain(path, *more, **named)

        monkeypatch.setattr(module, "open", opening)

    def _count(self, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
        plain = getattr(owner, name)

        def counted(*values: Any, **named: Any) -> Any:
            self.counts[name] += 1
            return plain(*values, **named)

        monkeypatch.setattr(owner, name, counted)

    def _count_units(self, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
        plain = getattr(owner, name)

        def counted(pack: Any) -> Any:
            self.counts[name] += len(pack.tasks)
            return plain(pack)

        monkeypatch.setattr(owner, name, counted)


def _export(folder: Path) -> None:
    recipe = Recipe(privacy=PrivacyOptions(enabled=False, gate=False))
    request = Request(recipe=recipe, roots=(folder / "logs",), out=folder / "data")
    with LocalRunner(1) as runner, Store(folder / "state", write=True) as store:
        export(request, store, runner)


def _packs(folder: Path) -> set[str]:
    return {str(p) for kind in ("shards", "segments") for p in (folder / "state" / kind).iterdir()}


def test_an_appended_line_touches_its_own_unit_alone(
    tmp_path: Path, logs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    _export(tmp_path)
    _export(tmp_path)  # a side is remembered for each session now
    packs = _packs(tmp_path)
    (whole,) = (tmp_path / "data").glob("*_combined.json")
    row = whole.stat().st_size / LOGS
    old = logs[LOGS // 3]
    with old.open("ab") as log:
        log.write(_record(old.stem, 4, "One more question: what is next?"))

    touched = Touched(monkeypatch, packs)
    _export(tmp_path)

    mine = {path for path in touched.opened if path.startswith(str(tmp_path / "logs"))}
    assert mine == {str(old)}
    assert not {path for path in touched.opened & packs if path.endswith(".shard")}
    assert touched.copied < 2 * row  # of the rows of others one, whose end was cut off
    assert touched.counts["prepare"] == touched.counts["finish"] == 1
    assert touched.counts["write_parquet"] <= 1
    assert 1 <= touched.counts["unit_summary"] <= GROUP
    assert 1 <= touched.counts["build_summary"] <= GROUP


def test_a_first_run_is_counted_whole(
    tmp_path: Path, logs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counters of the test above see what there is to see."""
    touched = Touched(monkeypatch)
    _export(tmp_path)
    assert {str(path) for path in logs} <= touched.opened
    assert touched.counts["prepare"] == touched.counts["finish"] == LOGS
    assert touched.counts["unit_summary"] >= LOGS
    assert touched.counts["build_summary"] >= LOGS
    assert touched.counts["write_parquet"] >= 2
