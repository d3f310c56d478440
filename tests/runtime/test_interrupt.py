"""Ctrl-C while workers hand over results, and signals while a program of ours runs: the command
ends, at once and in one way."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main.main = command
    main.run([])
"""


@pytest.mark.parametrize("times", [1, 2])
def test_a_command_that_is_interrupted_ends(tmp_path: Path, times: int) -> None:
    script = tmp_path / "script.py"  # where workers are programs of their own they read it too
    script.write_text(SCRIPT)
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
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


#: A command that runs a program in a private folder, as `serve` does. `{}`: signals that it heeds,
#: whatever whoever started the tests ignores.
SERVING = """
import signal, sys, tempfile
from pathlib import Path
from sessiontune.ports import Job
from sessiontune.runtime.process import start

for number in {}:
    signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
job = Job(name="wait", argv=(sys.executable, "-c", "print(1, flush=True); input()"))
with tempfile.TemporaryDirectory() as folder, start(job, Path(folder)) as service:
    next(service.lines())
    print(folder, flush=True)
    service.wait()
"""


@contextmanager
def serving(heeded: list[signal.Signals], *before: str) -> Iterator[tuple[Any, Path]]:
    """The command while it runs, and its folder."""
    script = SERVING.format([int(number) for number in heeded])
    command = [*before, sys.executable, "-c", script]
    piped = subprocess.PIPE
    with subprocess.Popen(command, stdout=piped, stderr=piped, text=True) as process:
        try:
            assert process.stdout is not None
            folder = Path(process.stdout.readline().strip())
            assert folder.is_dir()
            yield process, folder
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_a_program_was_given_is_removed_however_it_ends(number: signal.Signals) -> None:
    with serving([number]) as (process, folder):
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
        assert said.rstrip().endswith("KeyboardInterrupt")
        assert not folder.exists()


def test_a_closed_terminal_is_ignored_under_nohup() -> None:
    with serving([signal.SIGINT], "nohup") as (process, folder):
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        assert folder.is_dir()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert not folder.exists()
