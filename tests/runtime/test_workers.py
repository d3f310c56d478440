"""Workers end with the command that started them, however it ends; a run goes on without them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from multiprocessing import reduction
from pathlib import Path
from typing import Any

import pytest

from sessiontune.errors import StoreError
from sessiontune.privacy import compiled
from sessiontune.runtime.local import LocalRunner
from sessiontune.runtime.workers import Nursery

PROGRAM = """
import os, sys, time
from sessiontune.runtime import local

def work(seconds):
    os.write(1, b"%d\\n" % os.getpid())
    time.sleep(seconds)

if __name__ == "__main__":
    if sys.argv[1:] == ["thread"]:
        local.os.uname = lambda: type("Other", (), {"sysname": "Other"})  # not Linux: spawn
    with local.LocalRunner(2) as runner:
        os.write(1, b"%d\\n" % os.getpid())
        list(runner.map(work, [60, 60], lambda task: 20_000_000))
"""


def _lives(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:  # Z: one that ended and is not yet waited for
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _wait_for_end(pids: Iterable[int]) -> None:
    end = time.monotonic() + 20
    while any(map(_lives, pids)) and time.monotonic() < end:
        time.sleep(0.02)
    assert not any(map(_lives, pids))


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("how", ["signal", "thread"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_of_a_killed_command_end(tmp_path: Path, how: str, number: signal.Signals) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    argv = [sys.executable, str(program), how]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as command:
        assert command.stdout is not None
        parent, *workers = (int(command.stdout.readline()) for _ in range(3))
        assert parent == command.pid
        assert all(map(_lives, workers))
        os.kill(parent, number)
        command.wait()

    _wait_for_end(workers)


def _who(_: int) -> int:
    time.sleep(0.05)
    return os.getpid()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_workers_that_died_while_they_waited_are_replaced() -> None:
    with LocalRunner(2) as runner:

        def work() -> set[int]:
            return {pid for _, pid in runner.map(_who, range(6), lambda _: 5_000_000)}

        found = work()
        assert len(found) == 2
        os.kill(dead := min(found), signal.SIGKILL)
        _wait_for_end([dead])
        again = work()
    assert dead not in again
    assert len(again - found) == 1  # the other one goes on


def test_workers_outlive_the_thread_that_first_needed_them() -> None:
    found: list[set[int]] = []
    with LocalRunner(2) as runner:

        def work() -> None:
            found.append({pid for _, pid in runner.map(_who, range(6), lambda _: 5_000_000)})

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        work()
    assert found[0] == found[1]


def _dies_once(flag: str) -> int:
    time.sleep(0.05)
    if flag and not os.path.exists(flag):
        Path(flag).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


def test_what_a_dead_worker_was_at_is_tried_again(tmp_path: Path) -> None:
    tasks = ["", "", str(tmp_path / "flag"), "", "", ""]
    with LocalRunner(2) as runner:
        found = dict(runner.map(_dies_once, tasks, lambda _: 2_500_000))
    assert found.keys() == set(range(6))


def _dies(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_what_kills_two_workers_is_given_up() -> None:
    with LocalRunner(2) as runner, pytest.raises(StoreError, match="died twice"):
        list(runner.map(_dies, [1, 2], lambda _: 10_000_000))


@pytest.mark.skipif(sys.platform != "linux", reason="there is a nursery on Linux alone")
def test_a_dead_nursery_is_replaced() -> None:
    with LocalRunner(2) as runner:
        nursery = runner._starter
        assert isinstance(nursery, Nursery)
        os.kill(nursery.pid, signal.SIGKILL)
        found = dict(runner.map(_who, range(4), lambda _: 5_000_000))
    assert len(found) == 4


@pytest.fixture(params=[os.uname().sysname, "Other"])
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """This system, and one whose workers are programs of their own."""
    monkeypatch.setattr("os.uname", lambda: type("Any", (), {"sysname": request.param}))


_known: list[int] = []


def _learn(what: int) -> None:
    _known.append(what)


def _knows(_: int) -> tuple[int, ...]:
    return tuple(_known)


@pytest.mark.usefixtures("system")
def test_workers_begin_with_what_was_asked_for() -> None:
    with LocalRunner(2) as runner:
        runner.begin_with(_learn, 7)
        first = dict(runner.map(_knows, range(4), lambda _: 5_000_000))
        runner.begin_with(_learn, 8)
        second = dict(runner.map(_knows, range(4), lambda _: 5_000_000))
    assert set(first.values()) == {(7,)}
    assert set(second.values()) == {(7, 8)}
    assert _known == []


def _cannot(_: int) -> None:
    raise StoreError("no rules", "because")


@pytest.mark.usefixtures("system")
def test_what_workers_cannot_begin_with_is_said() -> None:
    with LocalRunner(2) as runner:
        runner.begin_with(_cannot, 7)
        with pytest.raises(StoreError, match="no rules"):
            list(runner.map(_knows, range(4), lambda _: 5_000_000))


def _rules(_: int) -> Path | None:
    return compiled.folder()


@pytest.mark.usefixtures("system")
def test_workers_keep_compiled_rules_where_the_command_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "_where", lambda: tmp_path)
    with LocalRunner(2) as runner:
        found = dict(runner.map(_rules, range(4), lambda _: 5_000_000))
    assert set(found.values()) == {tmp_path}


INTERRUPTED = """
import os, signal
from sessiontune.runtime import local

if __name__ != "__main__":  # a worker that still imports what it needs
    os.kill(os.getpid(), signal.SIGINT)

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever starts this may ignore it
    local.os.uname = lambda: type("Other", (), {"sysname": "Other"})
    with local.LocalRunner(2) as runner:
        print(dict(runner.map(abs, [-1, -2], lambda task: 20_000_000)))
    os.kill(os.getpid(), signal.SIGINT)
    print("not interrupted")
"""


def test_an_interrupt_while_workers_start_is_left_to_the_command(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(INTERRUPTED)
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True)
    assert done.stdout in ("{0: 1, 1: 2}\n", "{1: 2, 0: 1}\n")
    assert done.stderr.count("Traceback") == 1
    assert done.returncode == -signal.SIGINT


def test_an_error_in_a_worker_is_raised_here_with_what_led_to_it() -> None:
    with LocalRunner(2) as runner, pytest.raises(StoreError, match="no") as raised:
        list(runner.map(_refuses, range(4), lambda _: 5_000_000))
    assert "in _refuses" in "".join(raised.value.__notes__)


def _refuses(_: int) -> None:
    raise StoreError("no", "because")


def test_workers_can_be_asked_for_after_the_last() -> None:
    with LocalRunner(2) as runner:
        runner.begin_with(_learn, 7)
        runner.renew(last=True)
        found = dict(runner.map(_knows, range(4), lambda _: 5_000_000))
    assert set(found.values()) == {(7,)}


def test_a_worker_that_has_done_its_share_is_replaced() -> None:
    with LocalRunner(2) as runner:
        found = {pid for _, pid in runner.map(_who, range(8), lambda _: 60_000_000)}
    assert len(found) in (4, 5)  # a worker takes two


def test_what_a_function_takes_is_made_when_it_is_handed_over() -> None:
    """Of many tasks that wait, only those that are worked on are in memory."""
    waiting, most = 0, 0

    def make(task: int) -> int:
        nonlocal waiting, most
        waiting += 1
        most = max(most, waiting)
        return task * 2

    for jobs in (1, 2):
        found = {}
        with LocalRunner(jobs) as runner:
            for i, result in runner.map(abs, range(40), lambda task: 5_000_000, make):
                found[i] = result
                waiting -= 1
        assert found == {i: i * 2 for i in range(40)}
        assert most <= 3 * jobs


def _fails_at(task: int) -> int:
    time.sleep(0.02)
    if task == 0:
        raise StoreError("no", "because")
    return -task


def test_what_workers_still_give_after_an_error_is_not_taken_for_a_later_run() -> None:
    with LocalRunner(2) as runner:
        with pytest.raises(StoreError, match="no"):
            list(runner.map(_fails_at, range(8), lambda _: 2_500_000))
        found = dict(runner.map(abs, range(8), lambda _: 2_500_000))
        assert found == {i: i for i in range(8)}
        for _, first in runner.map(_who, range(8), lambda _: 2_500_000):
            assert first  # who asked has enough
            break
        found = dict(runner.map(abs, range(8), lambda _: 2_500_000))
        assert found == {i: i for i in range(8)}


def _lost(task: int) -> int:
    if task == 3:
        raise FileNotFoundError("the shard is gone")
    return task


def test_a_task_that_cannot_be_made_is_no_dead_worker() -> None:
    with LocalRunner(2) as runner, pytest.raises(FileNotFoundError, match="shard"):
        list(runner.map(abs, range(6), lambda _: 5_000_000, _lost))


@pytest.mark.skipif(sys.platform != "linux", reason="there is a nursery on Linux alone")
def test_no_room_for_another_worker_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The nursery is alive then, and waits for the worker that is at something."""
    handed = 0
    send = reduction.send_handle

    def third_fails(*arguments: Any) -> None:
        nonlocal handed
        handed += 1
        if handed >= 3:
            raise OSError(24, "Too many open files")
        send(*arguments)

    monkeypatch.setattr(reduction, "send_handle", third_fails)
    with LocalRunner(4) as runner, pytest.raises(StoreError, match="Too many open files"):
        list(runner.map(_who, range(8), lambda _: 5_000_000))
