"""The only module that starts programs. A program runs in its own process group, so that all of
it ends when we are interrupted, and its output is passed on line by line.

Run as `python -m sessiontune.runtime.process PROGRAM ...` it is the leash of a program that is not
ours: it starts it and ends it when standard input closes, that is, when we were killed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType

from ..errors import StoreError, ToolError, cannot_write
from ..ports import Job
from ..shipping.leash import when_stdin_closes
from ..whole import write_whole

OnLine = Callable[[str], None]
#: Seconds between the polite and the hard end of a program.
GRACE = 10.0
#: Lines of output kept for the error message.
_KEPT = 60


def write_files(job: Job, folder: Path) -> None:
    """Write the files of a job below `folder`, each whole. StoreError on trouble."""
    for name, text in job.files.items():
        target = folder / name
        if not target.resolve().is_relative_to(folder.resolve()):
            raise StoreError(f"The job '{job.name}' wants to write {name}, outside {folder}.")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            write_whole(target, text.encode())
        except OSError as error:
            raise cannot_write(target, error, ", or name another place.") from error


def run_job(job: Job, cwd: Path, on_line: OnLine | None = None) -> int:
    """Run the program of a job and return its exit status.

    `on_line` gets each line of its output (stdout and stderr, in the order they came; a progress
    bar's redraws count as lines). Raises ToolError when the program cannot be started, or ends well
    without what the job promises (`outputs`, relative to `cwd`). On Ctrl-C, SIGTERM or a
    closed terminal the whole process group is ended first.
    """
    with start(job, cwd) as service:
        for line in service.lines():
            if on_line:
                on_line(line)
        status = service.wait()
    if status == 0 and (missing := [name for name in job.outputs if not (cwd / name).exists()]):
        raise ToolError(
            f"'{job.name}' ended without an error but did not write {', '.join(missing)}."
        )
    return status


def run_kept(job: Job, cwd: Path, on_line: OnLine) -> tuple[int, list[str]]:
    """`run_job`; with the status come the lines of the output."""
    said: list[str] = []

    def keep(line: str) -> None:
        said.append(line)
        on_line(line)

    return run_job(job, cwd, keep), said


@contextlib.contextmanager
def start(job: Job, cwd: Path) -> Iterator[Service]:
    """Start a job's program and end it, with its children, when the block is left."""
    service = Service(job, cwd)
    with _ended_as_interrupted():
        try:
            yield service
        finally:
            service.stop()


class Service:
    """A running program. Its standard input stays open while we live, and closes with us."""

    def __init__(self, job: Job, cwd: Path) -> None:
        self.job = job
        self.tail: deque[str] = deque(maxlen=_KEPT)
        self._drain: threading.Thread | None = None
        try:
            self._process = subprocess.Popen(
                _leashed(job.argv) if job.leash else job.argv,
                cwd=cwd,
                env={**os.environ, **job.env},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            if Path(job.argv[0]).is_file():
                raise ToolError(
                    f"'{job.argv[0]}' for '{job.name}' is no program that can be started.",
                    "Make it executable, or name another one.",
                ) from error
            raise ToolError(
                f"The program '{job.argv[0]}' for '{job.name}' is not there.",
                "Install it, or put it on PATH.",
            ) from error
        except OSError as error:
            raise ToolError(f"'{job.argv[0]}' cannot be started: {error.strerror}") from error

    def lines(self) -> Iterator[str]:
        """Its output as it comes, until it ends."""
        pipe = self._process.stdout
        if pipe is None:
            raise AssertionError("the output of a started program is piped")
        rest: list[bytes] = []  # of a line that has not ended: it may be long
        with pipe:
            while block := os.read(pipe.fileno(), 1 << 16):
                first, *more = block.replace(b"\r", b"\n").split(b"\n")
                rest.append(first)
                for begun in more:
                    yield from self._line(rest)
                    rest = [begun]
        yield from self._line(rest)

    def _line(self, pieces: list[bytes]) -> Iterator[str]:
        """A line of the output, if something stands in it."""
        if line := b"".join(pieces).decode("utf-8", "replace").rstrip():
            self.tail.append(line)
            yield line

    def drain(self) -> None:
        """Read the output in the background, so that a server never blocks on a full pipe."""
        self._drain = threading.Thread(target=lambda: deque(self.lines(), maxlen=0), daemon=True)
        self._drain.start()

    def alive(self) -> bool:
        """Whether the program still runs."""
        return self._process.poll() is None

    def wait(self) -> int:
        """Wait for its end; the exit status (negative: the number of the signal)."""
        return self._process.wait()

    def stop(self, now: bool = False) -> None:
        """End it and all its children; harmless when it has ended. `now`: without asking first."""
        if self._process.stdin:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        for number in (signal.SIGKILL,) if now else (signal.SIGTERM, signal.SIGKILL):
            if not _group_lives(self._process.pid) and not self.alive():
                break
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)
            end = time.monotonic() + GRACE
            while time.monotonic() < end and (self.alive() or _group_lives(self._process.pid)):
                time.sleep(0.02)
        self._process.wait()
        if self._drain:
            self._drain.join(GRACE)
        if self._process.stdout and not self._process.stdout.closed:
            with contextlib.suppress(OSError):
                self._process.stdout.close()


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


@contextlib.contextmanager
def _ended_as_interrupted() -> Iterator[None]:
    """While a program of ours runs, SIGTERM and a closed terminal act like Ctrl-C, so that the
    program ends too. What is ignored (`nohup`) stays so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGHUP)}
    heeded = [number for number, handler in before.items() if handler not in (signal.SIG_IGN, None)]
    for number in heeded:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in heeded:
            signal.signal(number, before[number])


def _leashed(argv: tuple[str, ...]) -> tuple[str, ...]:
    if shutil.which(argv[0]) is None:
        raise FileNotFoundError(argv[0])
    return (sys.executable, "-m", "sessiontune.runtime.process", *argv)


def _hold(argv: list[str]) -> int:
    """Run a program in our process group, and end the group when our standard input closes."""
    # `start` made us the head of our group.
    when_stdin_closes(lambda: os.killpg(os.getpid(), signal.SIGKILL))
    status = subprocess.call(argv, stdin=subprocess.DEVNULL)
    return status if status >= 0 else 128 - status


def environment(extra: Mapping[str, str] = {}) -> dict[str, str]:
    """What every Python program of ours gets: no hub, no telemetry, no tokenizer threads."""
    quiet = {
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONUNBUFFERED": "1",
    }
    return {**quiet, **extra}


if __name__ == "__main__":
    raise SystemExit(_hold(sys.argv[1:]))
