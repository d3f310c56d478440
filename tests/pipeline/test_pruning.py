"""What the state forgets after an export, and what it keeps for another one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.runs import run

from sessiontune.pipeline.pruning import FOLDERS
from sessiontune.store import Store


def log(path: Path, session: str, turns: int = 1) -> None:
    """A log of some turns."""
    records = []
    for n in range(2 * turns):
        role = "assistant" if n % 2 else "user"
        parts = [{"type": "text", "text": f"{session} {role} {n}"}]
        parent = f"{session}{n - 1}" if n else None
        message = {"role": role, "content": parts, "model": "m"}
        one = {"type": role, "uuid": f"{session}{n}", "parentUuid": parent, "sessionId": session}
        records.append(json.dumps({**one, "cwd": "/home/dev/shop", "message": message}) + "\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(records))


def export(folder: Path, logs: Path | str, out: str = "data", *more: str) -> Any:
    args = ["--json", "export", folder / logs, "-o", folder / out, "--state", folder / "state"]
    done = run(folder / "run", *args, "--jobs", "1", "--no-parquet", *more)
    assert done.code == 0, done.err
    return done.json()


def held(folder: Path) -> tuple[int, int]:
    """How many units and segments the state holds."""
    with Store(folder / "state", write=False) as store:
        return len(store.unit_keys()), len(store.build_keys())


def test_an_export_of_other_logs_leaves_those_of_the_first_in_the_state(tmp_path: Path) -> None:
    log(tmp_path / "home" / "a.jsonl", "a")
    log(tmp_path / "work" / "b.jsonl", "b")
    assert export(tmp_path, "home", "one")["read_units"] == 1
    assert export(tmp_path, "work", "two")["read_units"] == 1
    assert held(tmp_path) == (2, 2)
    assert export(tmp_path, "home", "one", "--force")["read_units"] == 0
    assert export(tmp_path, "work", "two", "--force")["read_units"] == 0


def test_a_log_that_grew_is_held_once_and_one_that_was_moved_too(tmp_path: Path) -> None:
    log(tmp_path / "logs" / "a.jsonl", "a")
    log(tmp_path / "logs" / "b.jsonl", "b")
    export(tmp_path, "logs")
    log(tmp_path / "logs" / "a.jsonl", "a", 3)
    assert export(tmp_path, "logs")["read_units"] == 1
    assert held(tmp_path) == (2, 2)
    (tmp_path / "logs" / "b.jsonl").rename(tmp_path / "logs" / "c.jsonl")
    assert export(tmp_path, "logs")["manifest"]["source_gone"] == 0
    assert held(tmp_path) == (2, 2)
    with Store(tmp_path / "state", write=False) as store:
        assert {Path(name).name for name in store.files()} == {"a.jsonl", "c.jsonl"}


@pytest.mark.parametrize("how", ["dry", "all logs are away"])
def test_a_run_that_publishes_nothing_prunes_nothing(tmp_path: Path, how: str) -> None:
    for name in "ab":
        log(tmp_path / "logs" / f"{name}.jsonl", name)
    export(tmp_path, "logs")
    (tmp_path / "logs" / "a.jsonl").unlink()
    before = export(tmp_path, "logs")["manifest"]["statistics"]
    if how == "dry":
        assert export(tmp_path, "logs", "data", "--prune", "--dry-run")["manifest"]["inputs"]
    else:
        (tmp_path / "logs").rename(tmp_path / "away")
        (tmp_path / "logs").mkdir()
        args = ["export", tmp_path / "logs", "-o", tmp_path / "data", "--state", tmp_path / "state"]
        assert run(tmp_path / "run", *args, "--prune").code == 3
        (tmp_path / "logs").rmdir()
        (tmp_path / "away").rename(tmp_path / "logs")
    assert export(tmp_path, "logs", "data", "--force")["manifest"]["statistics"] == before
    assert before["conversations"] == 2
    last = export(tmp_path, "logs", "data", "--prune")["manifest"]
    assert (last["statistics"]["conversations"], len(last["inputs"])) == (1, 1)
    assert held(tmp_path) == (1, 1)


@pytest.mark.parametrize("removed", [False, True])
def test_rows_are_kept_for_the_newest_exports_that_are_there(tmp_path: Path, removed: bool) -> None:
    log(tmp_path / "logs" / "a.jsonl", "a")
    for n in range(FOLDERS + 1):
        export(tmp_path, "logs", f"out{n}", "--max-tokens", f"{1000 + n}")
        assert held(tmp_path) == (1, min(n + 1, FOLDERS))
    if removed:
        shutil.rmtree(tmp_path / "out2")
    export(tmp_path, "logs", f"out{FOLDERS}", "--max-tokens", "3000")
    assert held(tmp_path) == (1, FOLDERS - removed)
