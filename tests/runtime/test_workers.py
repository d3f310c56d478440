"""Workers end with the command that started them, however it ends; a run goes on without them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from sessiontune.runtime.local import LocalRunner

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
@pytest.mark.parametrize("how", ["killed", "thread"])
def test_workers_that_died_while_they_waited_are_replaced(how: str) -> None:
    found: set[int] = set()
    with LocalRunner(2) as runner:

        def work() -> None:
            found.update(pid for _, pid in runner.map(_who, range(6), lambda _: 5_000_000))

        if how == "thread":  # the system ends workers with the thread that started them
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
        else:
            work()
            os.kill(min(found), signal.SIGKILL)  # the pool ends the other one
        _wait_for_end(before := set(found))
        work()
    assert found - before


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
