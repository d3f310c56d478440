"""What the state notes of units and adds up: whatever happened to logs or notes, the next export
has the bytes of a fresh one."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sqlite3
import uuid
import zlib
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.runs import is_whole, run, tree

from sessiontune import candidates
from sessiontune.candidates import meeting
from sessiontune.sample import write_sample


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dozen logs of the sample: sessions, agents below them, resumed copies."""
    root = tmp_path_factory.mktemp("sample")
    write_sample(root, seed=11)
    projects = root / ".claude" / "projects"
    found = sorted(projects.rglob("*.jsonl"), key=lambda p: p.stat().st_size)
    agents = [p for p in found if "agent-" in p.name][:3]
    kept = tmp_path_factory.mktemp("logs")
    mains = [p for p in found if "agent-" not in p.name and p.stat().st_size > 4000]
    for path in mains[:9] + agents:
        to = kept / path.relative_to(projects)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, to)
    return kept


class Desk:
    """Logs that change, and the export that follows them."""

    def __init__(self, folder: Path, logs: Path) -> None:
        self.folder, self.logs = folder, folder / "logs"
        shutil.copytree(logs, self.logs)
        self.export("daily")

    def export(self, name: str, *more: str) -> Any:
        here = self.folder / name
        if not (here / "state").exists() and name != "daily":
            (here / "state").mkdir(parents=True, mode=0o700)
            shutil.copy(self.folder / "daily" / "state" / "salt", here / "state" / "salt")
        args = ["--json", "export", str(self.logs), "-o", str(here / "data"), "--no-privacy"]
        args += ["--state", str(here / "state"), "--jobs", "1", "--eval-share", "0", *more]
        done = run(here / "run", *args)
        assert done.code == 0, done.err
        assert is_whole(here / "data")
        return done.json()

    def check(self, *more: str) -> Any:
        """Export again; a fresh export has the same bytes."""
        done = self.export("daily", *more)
        shutil.rmtree(self.folder / "fresh", ignore_errors=True)
        self.export("fresh")
        assert tree(self.folder / "daily" / "data") == tree(self.folder / "fresh" / "data")
        return done

    @property
    def state(self) -> sqlite3.Connection:
        return sqlite3.connect(self.folder / "daily" / "state" / "state.sqlite")

    def sessions(self) -> list[Path]:
        return sorted(p for p in self.logs.rglob("*.jsonl") if "agent-" not in p.name)


def append(path: Path, text: str, name: str) -> None:
    """One more prompt."""
    records = [json.loads(x) for x in path.read_text().splitlines() if x.startswith("{")]
    last = next(r for r in reversed(records) if r.get("type") == "user")
    record = {**last, "uuid": name, "parentUuid": last["uuid"]}
    record["message"] = {"role": "user", "content": text}
    ended = path.read_bytes().endswith(b"\n")
    with path.open("a") as log:
        log.write(("" if ended else "\n") + json.dumps(record) + "\n")


UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|msg_[0-9A-Za-z]+"


def other_id(name: str) -> str:
    """Another id of the same kind."""
    made = hashlib.sha256(name.encode()).hexdigest()
    return f"msg_{made}" if name.startswith("msg_") else str(uuid.UUID(made[:32]))


def test_whatever_happens_to_the_logs(logs: Path, tmp_path: Path) -> None:
    desk = Desk(tmp_path, logs)
    one, two, three, four = desk.sessions()[:4]
    append(one, "What is next?", "0a0e2d6c-5f0d-4a4e-9a51-1c6a3a0c1d01")
    assert desk.check()["read_units"] == 1
    append(one, "And then?", "1b0e2d6c-5f0d-4a4e-9a51-1c6a3a0c1d02")
    append(two, "And here?", "2c0e2d6c-5f0d-4a4e-9a51-1c6a3a0c1d03")
    assert desk.check()["read_units"] == 2
    before = two.read_bytes()
    append(two, "A copy of what stands elsewhere.", "0a0e2d6c-5f0d-4a4e-9a51-1c6a3a0c1d01")
    assert desk.check()["read_units"] == 1, "the line makes one unit of two"
    two.write_bytes(before)
    assert desk.check()["read_units"] == 2, "without it they are two again"
    three.write_bytes(four.read_bytes())
    desk.check()
    copy = four.with_name(f"{other_id(four.stem)}.jsonl")
    copy.write_text(re.sub(UUID, lambda m: other_id(m[0]), four.read_text()))
    # What an earlier export kept stays kept, so which of the two is left out may differ.
    counts = desk.export("daily")["manifest"]["duplicates"]
    assert counts["duplicate"] + counts["near_duplicate"] > 0, "the new one meets an old one"
    copy.unlink()
    three.unlink()
    desk.check("--prune")
    assert desk.export("daily")["unchanged"]


def _wrong_values(db: sqlite3.Connection) -> None:
    db.execute("update sums set value = ?", (b"\x00",))


def _values_of_another_version(db: sqlite3.Connection) -> None:
    value = msgspec.msgpack.encode([1, 2])
    db.execute("update sums set value = ?, crc = ?", (value, zlib.crc32(value)))


def _sums_of_others(db: sqlite3.Connection) -> None:
    db.execute("update sums set number = number + 1000")
    db.execute("update sums set number = (number - 999) % 64")


def _no_tables(db: sqlite3.Connection) -> None:
    db.execute("drop table sums")
    db.execute("drop table sketches")


def _some_sketches_lost(db: sqlite3.Connection) -> None:
    db.execute("delete from sketches where unit in (select unit from sketches limit 3)")


def _nobody_met(db: sqlite3.Connection) -> None:
    db.execute("update memory set value = ? where name = 'meeting'", (b"\xc1",))


def _nothing_decided(db: sqlite3.Connection) -> None:
    assert db.execute("delete from memory where name = 'decided'").rowcount == 1


@pytest.mark.parametrize(
    ("damage", "least"),
    [
        (_wrong_values, 1),
        (_values_of_another_version, 1),
        (_sums_of_others, 1),
        (_no_tables, 5),
        (_some_sketches_lost, 3),
        (_nobody_met, 1),
        (_nothing_decided, 1),
    ],
)
def test_notes_that_are_lost_or_wrong_are_made_anew(
    damage: Callable[[sqlite3.Connection], None], least: int, logs: Path, tmp_path: Path
) -> None:
    desk = Desk(tmp_path, logs)
    desk.export("daily", "--force")  # what is decided is noted once it stays as it was
    with desk.state as db:
        damage(db)
    append(desk.sessions()[0], "What is next?", "0a0e2d6c-5f0d-4a4e-9a51-1c6a3a0c1d01")
    assert desk.check()["read_units"] >= least


def test_a_vanished_log_whose_notes_are_lost_stays(logs: Path, tmp_path: Path) -> None:
    desk = Desk(tmp_path, logs)
    desk.sessions()[0].unlink()
    desk.export("daily")
    before = tree(tmp_path / "daily" / "data")
    with desk.state as db:
        _no_tables(db)
    assert desk.export("daily", "--force")["read_units"] > 5
    assert tree(tmp_path / "daily" / "data") == before


def test_nothing_of_what_is_forgotten_stays_in_the_notes(logs: Path, tmp_path: Path) -> None:
    desk = Desk(tmp_path, logs)
    desk.export("daily", "--force")
    gone = desk.sessions()[0]
    state = tmp_path / "daily" / "state"
    made_of_many = "select count(*) from memory where name in ('meeting', 'decided')"
    assert desk.state.execute(made_of_many).fetchone() == (2,)
    key = gone.stem
    done = run(tmp_path / "run", "forget", str(gone), "--state", str(state), "--yes")
    assert done.code == 0, done.err
    left = b"".join(p.read_bytes() for p in state.rglob("*") if p.is_file())
    assert key.encode() not in left
    assert desk.state.execute(made_of_many).fetchone() == (0,)


KEYS = st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=4), max_size=12)


@given(KEYS, st.integers(0, 12))
def test_who_meets_whom_is_the_same_for_all_at_once_and_for_new_ones_after_old(
    keys: list[list[int]], cut: int
) -> None:
    packed = [(str(i), array("Q", own).tobytes()) for i, own in enumerate(keys)]
    expected = {
        str(i)
        for i, own in enumerate(keys)
        if any(set(own) & set(other) for j, other in enumerate(keys) if j != i)
    }
    assert meeting(packed) == expected
    old, new = packed[:cut], packed[cut:]
    assert meeting(old) | meeting(new, old) == expected
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates, "_AT_ONCE", 5)  # in several passes the same
        assert meeting(packed) == expected
        assert meeting(old) | meeting(new, old) == expected
