"""Worker processes end with the command that started them, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

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
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as stat:  # one that ended and is not yet waited for
        return stat.read().rpartition(")")[2].split()[0] != "Z"


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

    end = time.monotonic() + 20
    while any(map(_lives, workers)) and time.monotonic() < end:
        time.sleep(0.02)
    assert not any(map(_lives, workers))
