"""Ctrl-C while workers hand over results: the command ends, at once and in one way."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

#: Results so large that a worker is in the middle of one whenever it is stopped.
SCRIPT = """
import signal
from sessiontune.cli import main
from sessiontune.runtime.local import LocalRunner

def work(task):
    return bytes(8_000_000)

def command(argv):
    try:
        with LocalRunner(2) as runner:
            for _ in runner.map(work, range(100_000), lambda task: 4_000_000):
                print("busy", flush=True)
    except KeyboardInterrupt:
        return 130

signal.signal(signal.SIGINT, signal.default_int_handler)
main.main = command
main.run([])
"""


@pytest.mark.parametrize("times", [1, 2])
def test_a_command_that_is_interrupted_ends(times: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "busy\n"
        for _ in range(times):
            process.send_signal(signal.SIGINT)
            time.sleep(0.002)
        try:
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert said == ""
