"""One shard or many, one process or two, at once or day by day: the same bytes, the same ledger."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.runs import Run, is_whole, rows, run, tree
from tests.support import keyed, logs_under, units

from sessiontune import codec, registry
from sessiontune.ledger import Ledger
from sessiontune.model import Drop, Fault, Session
from sessiontune.ports import ReadOptions
from sessiontune.sample import write_sample


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sample")
    write_sample(root, seed=11)
    return root


@pytest.fixture(scope="module")
def salt(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One salt for all states of this module, so that their bytes can be compared."""
    folder = tmp_path_factory.mktemp("salt")
    (folder / "logs").mkdir()
    (folder / "logs" / "a.jsonl").write_text(_line("u1", "hello") + "\n")
    assert _export(folder, folder / "logs").code == 0
    return (folder / "state" / "salt").read_text()


def _line(uuid: str, text: str) -> str:
    message = {"role": "user", "content": text}
    row = {"type": "user", "uuid": uuid, "parentUuid": None, "sessionId": "s", "message": message}
    return json.dumps(row)


def _state(folder: Path, salt: str) -> None:
    (folder / "state").mkdir(parents=True, mode=0o700)
    (folder / "state" / "salt").write_text(salt)
    (folder / "state" / "salt").chmod(0o600)


def _export(folder: Path, logs: Path, *more: str, prepare: Callable[[], None] | None = None) -> Run:
    args: list[str | Path] = ["--json", "export", logs, "-o", folder / "data"]
    args += ["--state", folder / "state", "--no-privacy", *more]
    if "--jobs" not in more:
        args += ["--jobs", "1"]
    done = run(folder / "run", *args, prepare=prepare)
    assert done.code == 0, done.err
    assert is_whole(folder / "data")
    return done


# ------------------------------------------------------------------ shards


def _sessions(source: str, parts: list[tuple[str, ...]]) -> tuple[dict[str, Session], Ledger]:
    """All sessions by key, and the sum of the ledgers of the parts."""
    found: dict[str, Session] = {}
    total = Ledger()
    for part in parts:
        ledger = Ledger()
        for session in registry.source(source).sessions(part, ReadOptions(), ledger, keyed):
            assert session.key not in found
            found[session.key] = session
        total.add(ledger)
    return found, total


def _by_name(session: Session) -> Session:
    """Origins with the file's path instead of its place in the list of this unit."""
    messages = tuple(
        msgspec.structs.replace(
            m, origin=tuple((session.files[o.file], o.line, o.nth) for o in m.origin)
        )
        for m in session.messages
    )
    return msgspec.structs.replace(session, messages=messages, files=())


def _as_counts(ledger: Ledger) -> dict[str, Any]:
    counts: dict[str, Any] = msgspec.to_builtins(ledger)
    counts["faults"] = sorted(counts["faults"], key=str)
    return counts


@pytest.mark.parametrize("source", ["claude", "codex"])
def test_one_shard_or_many(sample: Path, source: str) -> None:
    files = logs_under(sample, source)
    parts = units(source, files)
    assert len(parts) > 1
    many, ledger_of_many = _sessions(source, parts)
    one, ledger_of_one = _sessions(source, [tuple(files)])
    assert {k: _by_name(s) for k, s in one.items()} == {k: _by_name(s) for k, s in many.items()}
    assert _as_counts(ledger_of_one) == _as_counts(ledger_of_many)


def test_what_belongs_together_is_one_unit(sample: Path) -> None:
    """A session and its sub-agents, an original and its resumed copy."""
    place = {
        f: i for i, unit in enumerate(units("claude", logs_under(sample, "claude"))) for f in unit
    }
    owner: dict[str, str] = {}
    copies = agents = 0
    for file in place:
        for line in Path(file).read_bytes().split(b"\n"):
            try:
                record = json.loads(line)
            except ValueError:
                continue
            uuid = record.get("uuid") if isinstance(record, dict) else None
            if isinstance(uuid, str):
                first = owner.setdefault(uuid, file)
                assert place[first] == place[file], (first, file)
                copies += first != file
        if "/subagents/" in file:
            parent = os.path.dirname(os.path.dirname(file)) + ".jsonl"
            assert parent not in place or place[parent] == place[file]
            agents += parent in place
    assert copies
    assert agents


@pytest.mark.parametrize("group", [1, 60_000, 10**9])
def test_one_process_or_two(sample: Path, salt: str, tmp_path: Path, group: int) -> None:
    def many() -> None:
        from sessiontune.runtime import local

        local._WORTH_A_POOL = 0
        local._GROUP = group

    ledgers = []
    for name, jobs, prepare in (("one", "1", None), ("two", "2", many)):
        folder = tmp_path / name
        _state(folder, salt)
        done = _export(folder, sample, "--jobs", jobs, prepare=prepare)
        ledgers.append(done.json()["manifest"])
    assert ledgers[0] == ledgers[1]
    assert tree(tmp_path / "one" / "data") == tree(tmp_path / "two" / "data")


def test_files_found_in_another_order(sample: Path, salt: str, tmp_path: Path) -> None:
    """Roots given apart and twice make no difference, nor does the order of directory entries."""
    for name in ("straight", "turned"):
        _state(tmp_path / name, salt)
    _export(tmp_path / "straight", sample)

    def turned() -> None:
        walk = os.walk

        def backwards(*args: Any, **how: Any) -> Any:
            for folder, names, files in walk(*args, **how):
                names.reverse()
                yield folder, names, files[::-1]

        os.walk = backwards  # type: ignore[assignment]

    args = [str(sample / ".codex"), str(sample / ".claude"), str(sample / ".claude" / "projects")]
    _export(tmp_path / "turned", sample, *args, prepare=turned)
    assert tree(tmp_path / "straight" / "data") == tree(tmp_path / "turned" / "data")


names = st.sampled_from(["a.jsonl", "b.jsonl", "c.jsonl"])
drops = st.builds(
    Drop,
    st.just("read"),
    st.sampled_from(["x", "y"]),
    names,
    st.integers(1, 9),
    count=st.integers(1, 5),
)
faults = st.builds(Fault, st.sampled_from(["bad", "long"]), names, st.integers(0, 9))


@given(st.lists(st.tuples(names, st.one_of(drops, faults)), max_size=12), st.randoms())
def test_ledgers_add_up_in_any_order(
    entries: list[tuple[str, Drop | Fault]], random: Random
) -> None:
    def book(parts: list[list[tuple[str, Drop | Fault]]]) -> dict[str, Any]:
        total = Ledger()
        for part in parts:
            ledger = Ledger()
            for file, entry in part:
                ledger.records[file] = ledger.records.get(file, 0) + 1
                if isinstance(entry, Drop):
                    ledger.drop(entry)
                else:
                    ledger.fault(entry)
            total.add(ledger)
        return _as_counts(total)

    shuffled = [[e] for e in entries]
    random.shuffle(shuffled)
    assert book([entries]) == book(shuffled)


# ------------------------------------------------------------------ day by day


class Days:
    """A folder of logs that changes from day to day, built from whole logs held in memory."""

    def __init__(self, logs: Path, whole: dict[str, list[bytes]], random: Random) -> None:
        self.logs, self.whole, self.random = logs, whole, random
        self.shown: dict[str, int] = {}
        logs.mkdir(parents=True)

    def write(self, name: str, lines: int) -> None:
        """Show the first lines of a log: appending where it grows, as agents do."""
        path = self.logs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        before = self.shown.get(name, 0)
        if before and lines > before:
            with path.open("ab") as log:
                log.write(b"".join(self.whole[name][before:lines]))
        else:
            path.write_bytes(b"".join(self.whole[name][:lines]))
        self.shown[name] = lines

    def new(self) -> None:
        hidden = sorted(set(self.whole) - set(self.shown))
        for name in self.random.sample(hidden, min(3, len(hidden))):
            self.write(name, self.random.randint(1, len(self.whole[name])))

    def grow(self) -> None:
        for name in sorted(self.shown):
            if self.shown[name] < len(self.whole[name]) and self.random.random() < 0.6:
                self.write(name, self.random.randint(self.shown[name] + 1, len(self.whole[name])))

    def shrink(self) -> None:
        for name in sorted(self.shown):
            if self.shown[name] > 2 and self.random.random() < 0.3:
                self.write(name, self.random.randint(1, self.shown[name] - 1))

    def replace(self) -> None:
        """A new file under the old name: another inode, other content of the same log."""
        name = self.random.choice(sorted(self.shown))
        (self.logs / name).unlink()
        self.shown.pop(name)
        self.write(name, self.random.randint(1, len(self.whole[name])))

    def nothing(self) -> None:
        """A day without work."""

    def touch(self) -> None:
        name = self.random.choice(sorted(self.shown))
        (self.logs / name).touch()


@pytest.fixture(scope="module")
def whole(sample: Path) -> dict[str, list[bytes]]:
    """A dozen logs of the sample, resumed copies and agents among them, as lists of lines."""
    projects = sample / ".claude" / "projects"
    found = sorted(projects.rglob("*.jsonl"), key=lambda p: p.stat().st_size)
    agents = [p for p in found if "agent-" in p.name]
    parents = [
        a.parent.parent.with_suffix(".jsonl") for a in agents if a.parent.name == "subagents"
    ]
    chosen = found[5:12] + agents + [p for p in parents if p.exists()]
    return {
        str(p.relative_to(projects)): p.read_bytes().splitlines(keepends=True)
        for p in sorted(set(chosen))
    }


@pytest.mark.parametrize("seed", range(3))
def test_day_by_day_equals_from_scratch(
    whole: dict[str, list[bytes]], salt: str, tmp_path: Path, seed: int
) -> None:
    random = Random(seed)
    days = Days(tmp_path / "logs", whole, random)
    daily = tmp_path / "daily"
    _state(daily, salt)
    days.new()
    plan = [days.new, days.grow, days.shrink, days.replace, days.touch, days.nothing, days.grow]
    random.shuffle(plan)
    for day in plan[:5]:
        day()
        _export(daily, days.logs, "--eval-share", "0")
    scratch = tmp_path / "scratch"
    _state(scratch, salt)
    _export(scratch, days.logs, "--eval-share", "0")
    assert tree(daily / "data") == tree(scratch / "data")


def test_nothing_changed(sample: Path, salt: str, tmp_path: Path) -> None:
    _state(tmp_path, salt)
    first = _export(tmp_path, sample).json()
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "data").rglob("*")}
    bytes_before = tree(tmp_path / "data")
    second = _export(tmp_path, sample).json()
    assert not first["unchanged"]
    assert second["unchanged"]
    assert second["read_units"] == 0
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "data").rglob("*")} == before
    assert second["manifest"] == first["manifest"]
    for more in ("--force", "--verify"):
        _export(tmp_path, sample, more)
        assert tree(tmp_path / "data") == bytes_before, more


def _changed_behind(log: str) -> None:
    """Other words in a log of the same size and time."""
    info = os.stat(log)
    data = Path(log).read_bytes()
    word = next(w for w in (b"invoice", b"proposal", b"project") if w in data[: len(data) // 2])
    with open(log, "r+b") as out:
        out.write(data.replace(word, word.upper()))
    os.utime(log, ns=(info.st_atime_ns, info.st_mtime_ns))


def _as_fresh(folder: Path, logs: Path, salt: str) -> None:
    scratch = folder / "scratch"
    _state(scratch, salt)
    _export(scratch, logs)
    assert tree(folder / "data") == tree(scratch / "data")


def test_what_changed_behind_its_size_and_its_time_is_read_when_asked(
    sample: Path, salt: str, tmp_path: Path
) -> None:
    """A restored copy, or a log on a file system whose clock stands."""
    logs = tmp_path / "logs"
    shutil.copytree(sample, logs)
    _state(tmp_path, salt)
    _export(tmp_path, logs)
    _changed_behind(max(logs_under(logs, "codex"), key=os.path.getsize))
    other = tmp_path / "other" / "data"
    _export(tmp_path, logs, "-o", str(other))
    assert _export(tmp_path, logs).json()["unchanged"]
    _export(tmp_path, logs, "--verify")
    _as_fresh(tmp_path, logs, salt)
    assert not _export(tmp_path, logs, "-o", str(other)).json()["unchanged"]  # nor does it pass
    assert tree(other) == tree(tmp_path / "data")
    kept, fresh = (
        list((f / "state" / "shards").iterdir()) for f in (tmp_path, tmp_path / "scratch")
    )
    assert len(kept) == len(fresh)


@pytest.mark.parametrize(
    "name", ["train/openai.jsonl", "train/data.parquet", "eval/sharegpt.jsonl"]
)
def test_a_published_file_that_changed_behind_its_size_and_its_time_is_not_copied(
    name: str, sample: Path, salt: str, tmp_path: Path
) -> None:
    """Neither when asked to look at all, nor when there is something new."""
    logs = tmp_path / "logs"
    shutil.copytree(sample, logs)
    _state(tmp_path, salt)
    _export(tmp_path, logs)
    whole = tree(tmp_path / "data")
    path = tmp_path / "data" / name
    _another_byte(path)
    assert tree(tmp_path / "data") != whole
    _export(tmp_path, logs, "--verify")
    assert tree(tmp_path / "data") == whole
    _another_byte(path)
    _append(logs_under(logs, "codex")[0])
    _export(tmp_path, logs)
    grown = tree(tmp_path / "data")
    _export(tmp_path, logs, "--force")  # nothing is copied
    assert tree(tmp_path / "data") == grown


def _another_byte(path: Path) -> None:
    """A file that is otherwise in its middle, with the size and the time that it had."""
    info = path.stat()
    with open(path, "r+b") as file:
        file.seek(info.st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 0xFF]))
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))


@pytest.mark.parametrize("left", [0.0, 0.5, 1.0])
def test_a_damaged_shard_of_a_log_that_changed_behind_its_size_and_its_time(
    left: float, sample: Path, salt: str, tmp_path: Path
) -> None:
    """It is read again under the same key: nothing that was made of the former one may stay."""
    logs = tmp_path / "logs"
    shutil.copytree(sample, logs)
    _state(tmp_path, salt)
    _export(tmp_path, logs)
    _changed_behind(max(logs_under(logs, "codex"), key=os.path.getsize))
    for shard in (tmp_path / "state" / "shards").iterdir():
        data = shard.read_bytes()
        whole = int(len(data) * left)
        shard.write_bytes(data[:whole] if whole < len(data) else bytes(whole))
    _export(tmp_path, logs, "--force", "--thinking")
    _export(tmp_path, logs)
    _as_fresh(tmp_path, logs, salt)


def test_one_appended_line_is_all_that_is_read(sample: Path, salt: str, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    shutil.copytree(sample, logs)
    folder = tmp_path / "work"
    _state(folder, salt)
    _export(folder, logs)
    _append(logs_under(logs, "codex")[0])
    again = _export(folder, logs).json()
    assert again["read_units"] == 1
    assert any(r["content"] == "one more" for r in rows(folder / "data"))


def _append(codex: str) -> None:
    """One more prompt in a Codex log."""
    said = {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": "one more"}],
    }
    record = {"timestamp": "2025-12-01T00:00:00.000Z", "type": "response_item", "payload": said}
    with open(codex, "ab") as log:
        log.write(json.dumps(record).encode() + b"\n")


def _contents(folder: Path) -> list[str]:
    return sorted(r["content"] for r in rows(folder / "data"))


def test_a_vanished_log_stays_until_it_is_pruned(sample: Path, salt: str, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    shutil.copytree(sample, logs)
    folder = tmp_path / "work"
    _state(folder, salt)
    _export(folder, logs)
    before = _contents(folder)
    alone = [u for u in units("claude", logs_under(logs, "claude")) if len(u) == 1]
    lost = max((u[0] for u in alone), key=os.path.getsize)
    joined = max(units("claude", logs_under(logs, "claude")), key=len)
    agent = next(f for f in joined if "agent-" in f)
    kept = {f: Path(f).read_bytes() for f in (lost, agent)}
    for file in kept:
        os.remove(file)
    gone = _export(folder, logs).json()
    assert gone["manifest"]["source_gone"] == len(kept)
    assert _contents(folder) == before
    once_more = _export(folder, logs, "--force").json()
    assert once_more["manifest"]["source_gone"] == len(kept)
    assert _contents(folder) == before
    for file, data in kept.items():
        Path(file).write_bytes(data)
    back = _export(folder, logs).json()
    assert back["manifest"]["source_gone"] == 0
    assert _contents(folder) == before
    for file in kept:
        os.remove(file)
    pruned = _export(folder, logs, "--prune").json()
    assert pruned["manifest"]["source_gone"] == 0
    assert len(_contents(folder)) < len(before)
    scratch = tmp_path / "scratch"
    _state(scratch, salt)
    _export(scratch, logs)
    assert _contents(scratch) == _contents(folder)


def test_a_vanished_log_beside_one_that_grew(
    whole: dict[str, list[bytes]], salt: str, tmp_path: Path
) -> None:
    """The unit is read again, the vanished part comes from the state: nothing lost or doubled."""
    parent, agent = _parent_and_agent(whole)
    days = Days(tmp_path / "logs", whole, Random(1))
    days.write(parent, len(whole[parent]) - 2)
    days.write(agent, len(whole[agent]))
    folder = tmp_path / "work"
    _state(folder, salt)
    _export(folder, days.logs)
    agents_before = sorted(r["content"] for r in rows(folder / "data") if r["agent_id"])
    assert agents_before
    (days.logs / agent).unlink()
    days.write(parent, len(whole[parent]))
    gone = _export(folder, days.logs).json()
    assert gone["manifest"]["source_gone"] == 1
    assert sorted(r["content"] for r in rows(folder / "data") if r["agent_id"]) == agents_before
    keys = {(r["id"], r["message_id"], r["role"], r["tool_call_id"]) for r in rows(folder / "data")}
    assert len(keys) == len(rows(folder / "data"))


def _parent_and_agent(whole: dict[str, list[bytes]]) -> tuple[str, str]:
    """A log and that of an agent at work below it."""
    for agent in sorted(whole):
        folder, _, name = agent.partition("/subagents/agent-")
        if name[:1].isdigit() and f"{folder}.jsonl" in whole:
            return f"{folder}.jsonl", agent
    raise AssertionError("no log has an agent")


def test_once_in_eval_always_in_eval(
    whole: dict[str, list[bytes]], salt: str, tmp_path: Path
) -> None:
    random = Random(3)
    days = Days(tmp_path / "logs", whole, random)
    folder = tmp_path / "work"
    _state(folder, salt)
    days.new()
    days.new()
    side: dict[str, str] = {}
    for day in (days.nothing, days.grow, days.new, days.new, days.grow):
        day()
        _export(folder, days.logs, "--eval-share", "0.4")
        for row in rows(folder / "data"):
            assert side.setdefault(row["lineage"], row["split"]) == row["split"]
    assert set(side.values()) == {"train", "eval"}


def test_shards_hold_what_was_written(tmp_path: Path, sample: Path) -> None:
    files = logs_under(sample, "claude")
    found, _ = _sessions("claude", [tuple(files)])
    path = tmp_path / "shard"
    with path.open("wb") as out:
        for session in found.values():
            codec.write_session(out, session)
    with path.open("rb") as shard:
        assert list(codec.read_sessions(shard)) == list(found.values())
    cut = path.read_bytes()[:-3]
    path.write_bytes(cut)
    with path.open("rb") as shard, pytest.raises(ValueError, match="middle of a session"):
        list(codec.read_sessions(shard))
