"""Long lines, and files that are none, change or vanish: memory stays bounded, good files survive.

Memory is measured in a subprocess, so that what other tests used does not count.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.neighbours import (
    GOOD,
    LINES,
    MARK,
    SESSION,
    SOURCES,
    between,
    claude_lines,
    read_bytes,
    record_with,
    survived,
    write_log,
)
from tests.support import Reading, keyed, texts_of

from sessiontune import registry
from sessiontune.ledger import Ledger
from sessiontune.pipeline.inputs import discover
from sessiontune.ports import ReadOptions
from sessiontune.runtime.local import LocalRunner
from sessiontune.store import Store

# ------------------------------------------------------------------ long lines


@pytest.mark.parametrize("source", SOURCES)
def test_a_line_over_the_limit_is_skipped_and_named(tmp_path: Path, source: str) -> None:
    lines = LINES[source]()
    limit = max(map(len, lines)) + 10
    bad = record_with(source, MARK.encode() + b"y" * limit)
    reading = read_bytes(tmp_path, source, between(lines, bad), ReadOptions(max_line=limit))
    survived(reading)
    assert [f.line for f in reading.ledger.faults] == [len(lines) - 1]
    at_the_end = read_bytes(
        tmp_path, source, b"\n".join([*lines, bad]), ReadOptions(max_line=limit)
    )
    survived(at_the_end)
    assert [f.line for f in at_the_end.ledger.faults] == [len(lines) + 1]


@pytest.mark.parametrize("source", SOURCES)
def test_a_line_at_the_limit_is_read(tmp_path: Path, source: str) -> None:
    lines = LINES[source]()
    reading = read_bytes(
        tmp_path, source, b"\n".join(lines), ReadOptions(max_line=max(map(len, lines)))
    )
    survived(reading)
    assert not reading.ledger.faults


_MEASURE = """
import json, resource, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.support import read, texts_of
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
got = read({source!r}, Path({folder!r}), [{path!r}])
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([(after - before) // 1024, texts_of(got.sessions),
                  [(f.reason, f.line) for f in got.ledger.faults], got.unbalanced()]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES)
def test_a_line_of_300_megabytes_costs_no_memory(tmp_path: Path, source: str) -> None:
    lines = LINES[source]()
    head, tail = record_with(source, b"@@").split(b"@@")
    path = write_log(tmp_path, source, b"")
    with path.open("wb") as log:
        at = len(lines) - 2
        log.write(b"\n".join(lines[:at]) + b"\n" + head)
        for _ in range(300):
            log.write(b"z" * 1_000_000)
        log.write(tail + b"\n" + b"\n".join(lines[at:]) + b"\n")
    root = str(Path(__file__).parent.parent)
    code = _MEASURE.format(root=root, source=source, folder=str(tmp_path), path=str(path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    grown, texts, faults, unbalanced = json.loads(done.stdout)
    assert [t for t in texts if t in GOOD] == GOOD
    assert [line for _, line in faults] == [at + 1]
    assert not unbalanced
    assert grown < 200, f"{grown} MiB more at the peak"
    path.unlink()


# ------------------------------------------------------------------ bad files


_NOBODY = 65534


def _good_file(folder: Path, name: str = SESSION) -> Path:
    path = folder / f"{name}.jsonl"
    path.write_bytes(b"\n".join(claude_lines()))
    return path


def _found(root: Path, state: Path) -> tuple[list[str], list[tuple[str, str]]]:
    """Logs that discovery finds under `root`, and its faults."""
    with Store(state, write=True) as store:
        inputs = discover([root], ["claude", "codex"], store, LocalRunner(1), verify=False)
    faults = [(os.path.relpath(f.file, root), f.reason) for f in inputs.faults]
    return [os.path.relpath(r.file.path, root) for r in inputs.rows], faults


def test_an_empty_folder_and_an_empty_file(tmp_path: Path) -> None:
    root = tmp_path / "logs"
    (root / "empty").mkdir(parents=True)
    assert _found(root, tmp_path / "state") == ([], [])
    (root / "nothing.jsonl").touch()
    (root / "blank.jsonl").write_bytes(b"\n\n  \n")
    _good_file(root)
    found, faults = _found(root, tmp_path / "state")
    assert f"{SESSION}.jsonl" in found
    assert faults == []


def test_what_is_no_file_is_named_and_harms_nobody(tmp_path: Path) -> None:
    root = tmp_path / "logs"
    root.mkdir()
    _good_file(root)
    (root / "folder.jsonl").mkdir()
    (root / "folder.jsonl" / "inner.jsonl").write_bytes((root / f"{SESSION}.jsonl").read_bytes())
    os.mkfifo(root / "pipe.jsonl")
    (root / "dangling.jsonl").symlink_to(root / "nowhere")
    (root / "loop.jsonl").symlink_to(root / "loop.jsonl")
    (root / "round").symlink_to(root, target_is_directory=True)
    found, faults = _found(root, tmp_path / "state")
    assert sorted(found) == [f"{SESSION}.jsonl", "folder.jsonl/inner.jsonl"]
    assert {name for name, _ in faults} == {"pipe.jsonl", "dangling.jsonl", "loop.jsonl"}


def test_a_linked_folder_and_a_second_name_are_read_once(tmp_path: Path) -> None:
    root = tmp_path / "logs"
    (root / "a").mkdir(parents=True)
    good = _good_file(root / "a")
    os.link(good, root / "a" / "second-name.jsonl")
    (root / "b").symlink_to(root / "a", target_is_directory=True)
    found, _ = _found(root, tmp_path / "state")
    assert len(found) == 1


def test_a_project_folder_that_was_moved_and_linked_is_read(tmp_path: Path) -> None:
    root, disk = tmp_path / "logs", tmp_path / "disk"
    (root / "a").mkdir(parents=True)
    _good_file(root / "a")
    (disk / "moved" / "deeper").mkdir(parents=True)
    log = _good_file(disk / "moved")
    log.rename(disk / "moved" / "other.jsonl")
    (disk / "moved" / "deeper" / "back").symlink_to(root, target_is_directory=True)
    (root / "b").symlink_to(disk / "moved", target_is_directory=True)
    (root / "c").symlink_to(disk / "moved" / "deeper", target_is_directory=True)
    (root / "whole disk").symlink_to(disk, target_is_directory=True)
    found, faults = _found(root, tmp_path / "state")
    assert sorted(found) == [f"a/{SESSION}.jsonl", "b/other.jsonl"]
    assert faults == []


_OPEN = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from sessiontune import registry
from sessiontune.ledger import Ledger
from sessiontune.ports import ReadOptions
from tests.support import keyed
ledger = Ledger()
got = list(registry.source({source!r}).sessions({files!r}, ReadOptions(), ledger, keyed))
print(len(got), sorted((Path(f.file).name, f.reason) for f in ledger.faults))
"""


@pytest.mark.parametrize("source", SOURCES)
def test_a_file_that_cannot_be_opened_is_one_fault(tmp_path: Path, source: str) -> None:
    """Between discovery and reading a file may turn into anything."""
    good = write_log(tmp_path, source, b"\n".join(LINES[source]()))
    (tmp_path / "folder.jsonl").mkdir()
    os.mkfifo(tmp_path / "pipe.jsonl")
    (tmp_path / "loop.jsonl").symlink_to(tmp_path / "loop.jsonl")
    names = ["folder.jsonl", "loop.jsonl", "pipe.jsonl", "vanished.jsonl"]
    files = tuple(sorted([str(good), *(str(tmp_path / n) for n in names)]))
    code = _OPEN.format(root=str(Path(__file__).parent.parent), source=source, files=files)
    done = subprocess.run(  # the limit is there so that a pipe that hangs fails the test
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    number, _, faults = done.stdout.partition(" ")
    assert number == "1"
    assert [name for name, _ in eval(faults)] == names


@contextmanager
def _nobody(folder: Path) -> Iterator[None]:
    """As a user who may not read every file: root steps down for a while."""
    if os.geteuid() != 0:
        yield
        return
    folder.chmod(0o755)
    os.chown(folder, _NOBODY, -1)
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_no_permission() -> None:
    with tempfile.TemporaryDirectory() as given, _nobody(Path(given)):
        name = os.path.realpath(given)  # on macOS that is a link
        root = Path(name) / "logs"
        root.mkdir()
        _good_file(root)
        closed = _good_file(root, "22222222-0000-4000-8000-000000000002")
        closed.chmod(0)
        (root / "shut").mkdir()
        _good_file(root / "shut", "33333333-0000-4000-8000-000000000003")
        (root / "shut").chmod(0)
        found, faults = _found(root, Path(name) / "state")
        assert found == [f"{SESSION}.jsonl"]
        assert sorted(name for name, _ in faults) == [closed.name, "shut"]
        (root / "shut").chmod(0o700)


@pytest.mark.parametrize("source", SOURCES)
def test_a_file_that_grows_and_shrinks_while_it_is_read(tmp_path: Path, source: str) -> None:
    lines = LINES[source]()
    path = write_log(tmp_path, source, b"\n".join(lines) + b"\n")
    more = [
        record_with(source, f"word {i}".encode()).replace(b'"bad"', b'"b%d"' % i)
        for i in range(400)
    ]
    stop = threading.Event()

    def write() -> None:
        for _ in range(3):
            with path.open("ab", buffering=0) as log:
                for line in more:
                    half = len(line) // 2
                    log.write(line[:half])
                    log.write(line[half:] + b"\n")
            os.truncate(path, len(b"\n".join(lines)) + 1)
        stop.set()

    writer = threading.Thread(target=write)
    writer.start()
    readings = 0
    while not stop.is_set() or readings < 2:
        ledger = Ledger()
        adapter = registry.source(source)
        sessions = list(adapter.sessions((str(path),), ReadOptions(), ledger, keyed))
        got = Reading(tmp_path, sessions, ledger)
        assert got.unbalanced() == {}
        assert len(ledger.faults) <= 1
        texts = texts_of(sessions)
        assert [t for t in texts if t in GOOD] == GOOD
        readings += 1
    writer.join()
