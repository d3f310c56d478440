"""Random projects against the independent checker: whole ones, and ones that lost lines."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from tests.checker import checker
from tests.random_logs import Writer
from tests.random_rollouts import random_rollouts
from tests.support import Reading, describe, kind_of, read, texts_of

SEEDS = 60


def _wrong(files: list[str], got: Reading, source: str = "claude") -> list[str]:
    turns = [t for s in got.sessions for t in checker.turns_of_session(s)]
    wrong = checker.check(source, files, turns)
    wrong += [f"not balanced: {name} {numbers}" for name, numbers in got.unbalanced().items()]
    if got.ledger.records != checker.record_counts(files):
        wrong.append("records are counted otherwise")
    wrong += [f"injected text stays: {t[:60]}" for t in texts_of(got.sessions) if "never seen" in t]
    ids = [m.id for s in got.sessions for m in s.messages]
    if len(ids) != len(set(ids)):
        wrong.append("a message stands in two sessions")
    keys = {s.key for s in got.sessions}
    for session in got.sessions:
        if session.forked_from and session.forked_from.session not in keys:
            wrong.append("a branch of a session that did not come out")
        if session.parent_session and session.parent_session not in keys:
            wrong.append("an agent of a session that did not come out")
    return wrong


@pytest.mark.parametrize("start", range(0, SEEDS, 10))
def test_whole_projects(tmp_path: Path, start: int) -> None:
    for seed in range(start, start + 10):
        writer = Writer(seed)
        writer.project()
        root = tmp_path / str(seed)
        files = writer.save(root)
        got = read("claude", root, files)
        wrong = _wrong(files, got)
        assert not wrong, f"seed {seed}: {len(wrong)} problems\n" + "\n".join(wrong[:12])


@pytest.mark.parametrize("start", range(0, SEEDS, 10))
def test_sessions_copied_in_the_middle_of_an_answer(tmp_path: Path, start: int) -> None:
    """Somebody resumes a session elsewhere while it works: both go on from there."""
    for seed in range(start, start + 10):
        writer = Writer(3000 + seed, in_the_middle=True)
        writer.project()
        root = tmp_path / str(seed)
        files = writer.save(root)
        wrong = _wrong(files, read("claude", root, files))
        # A copy may end between a boundary and its summary.
        wrong = [w for w in wrong if not w.endswith("begin with its summary")]
        assert not wrong, f"seed {seed}: {len(wrong)} problems\n" + "\n".join(wrong[:12])


@pytest.mark.parametrize("start", range(0, SEEDS, 10))
def test_each_rewind_is_one_branch(tmp_path: Path, start: int) -> None:
    for seed in range(start, start + 10):
        writer = Writer(1000 + seed)
        writer.project(plain=True)
        root = tmp_path / str(seed)
        got = read("claude", root, writer.save(root))
        branches = [s for s in got.sessions if kind_of(s) == "branch"]
        assert len(branches) == writer.forks, f"seed {seed}\n" + describe(got.sessions)
        agents = [s for s in got.sessions if s.agent_id is not None]
        named = sum("/subagents/" in f or f.startswith("agent-") for f in writer.paths.values())
        assert len(agents) == named
        assert all(s.parent_session and s.parent_call for s in agents), describe(agents)


@pytest.mark.parametrize("start", range(0, SEEDS, 10))
def test_projects_that_lost_lines(tmp_path: Path, start: int) -> None:
    """Lost summaries, parents, calls and results: what is left is kept, once, in order."""
    for seed in range(start, start + 10):
        writer = Writer(2000 + seed)
        writer.project()
        root = tmp_path / str(seed)
        files = writer.save(root, spoil=True)
        got = read("claude", root, files)
        wrong = [w for w in _wrong(files, got) if not w.endswith("begin with its summary")]
        assert not wrong, f"seed {seed}: {len(wrong)} problems\n" + "\n".join(wrong[:12])


@pytest.mark.parametrize("start", range(0, SEEDS, 10))
def test_rollouts(tmp_path: Path, start: int) -> None:
    for seed in range(start, start + 10):
        root = tmp_path / str(seed)
        files = random_rollouts(seed, root)
        got = read("codex", root, files)
        wrong = _wrong(files, got, "codex")
        assert not wrong, f"seed {seed}: {len(wrong)} problems\n" + "\n".join(wrong[:12])
        agents = [s for s in got.sessions if s.agent_id is not None]
        assert len(agents) == len(files) - 1
        assert all(s.parent_session and s.parent_call for s in agents)


def _spoilt(data: bytes, random: Random) -> bytes:
    """Some bytes changed, cut out, doubled or put in: what a bad disk or a bad merge does."""
    spoilt = bytearray(data)
    for _ in range(random.randint(1, 6)):
        at = random.randrange(len(spoilt) + 1)
        draw = random.random()
        if draw < 0.4 and at < len(spoilt):
            spoilt[at] = random.choice(b'"{}[]\\,:\n\r\x00\xff0n')
        elif draw < 0.6:
            del spoilt[at : at + random.randint(1, 60)]
        elif draw < 0.8:
            spoilt[at:at] = spoilt[at : at + random.randint(1, 300)]
        else:
            spoilt[at:at] = random.choice(
                [b"\n", b"}{", b'"', b"\\ud800", b"\xed\xa0\x80", b"[" * 50]
            )
    return bytes(spoilt)


@pytest.mark.parametrize("source", ["claude", "codex"])
def test_spoilt_bytes_cost_lines_and_nothing_more(tmp_path: Path, source: str) -> None:
    """No exception, every record accounted for, and the lines that were not hit still count."""
    random = Random(11)
    for seed in range(60):
        root = tmp_path / str(seed)
        if source == "claude":
            writer = Writer(seed)
            writer.project()
            files = writer.save(root)
        else:
            files = random_rollouts(seed, root)
        for file in files:
            path = Path(file)
            path.write_bytes(_spoilt(path.read_bytes(), random))
        got = read(source, root, files)
        assert got.unbalanced() == {}, seed
        counted = checker.record_counts(files)
        for file, n in counted.items():
            assert abs(got.ledger.records.get(file, 0) - n) <= 12, (seed, file)
        for text in texts_of(got.sessions):
            text.encode("utf-8")
