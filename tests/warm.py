"""Workers that begin warm: forked from a process that has imported their libraries.

A training or conversion of a test's size takes a second or two, and the imports before it ten times
as much. A warm worker has the same arguments, folder, environment, process group and pipes as one
that is started, and runs the same code. Commands that a test starts itself, to kill them, begin
cold, and so does what accelerate launches.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sessiontune.runtime import process

WORKERS = ("sessiontune.training.worker", "sessiontune.shipping.convert_main")
#: What a worker imports on its way.
LIBRARIES = [
    "trl.trainer.sft_trainer",
    "trl.trainer.dpo_trainer",
    "trl.trainer.kto_trainer",
    "bitsandbytes",
]
_FORKED = multiprocessing.get_context("forkserver")


class Warm:
    """As much of a `Popen` as a `Service` needs."""

    def __init__(
        self, module: str, argv: Sequence[str], folder: Path, env: Mapping[str, str]
    ) -> None:
        (given, stdin), (stdout, told) = os.pipe(), os.pipe()
        ends = Connection(given, writable=False), Connection(told, readable=False)
        self._process = _FORKED.Process(
            target=_work, args=(module, list(argv), str(folder), dict(env), *ends)
        )
        self._process.start()
        for end in ends:
            end.close()
        self.pid = self._process.pid
        self.stdin, self.stdout = os.fdopen(stdin, "wb", 0), os.fdopen(stdout, "rb", 0)

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, seconds: float | None = None) -> int:
        self._process.join(seconds)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(str(self.pid), seconds or 0)
        return self._process.exitcode


def _work(
    module: str,
    argv: list[str],
    folder: str,
    env: dict[str, str],
    given: Connection,
    told: Connection,
) -> None:
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    for end, numbers in ((given, (0,)), (told, (1, 2))):
        for number in numbers:
            os.dup2(end.fileno(), number)
        end.close()
    sys.stdout, sys.stderr = (os.fdopen(n, "w", 1, closefd=False) for n in (1, 2))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = [module, *argv]
    sys.exit(importlib.import_module(module).main(argv))


@contextmanager
def warm_workers() -> Iterator[None]:
    """Within, the workers of commands that are run in this process begin warm."""

    def popen(argv: Sequence[str], **more: Any) -> Any:
        if argv[1:2] != ("-m",) or argv[2] not in WORKERS:
            return subprocess.Popen(argv, **more)
        with pytest.MonkeyPatch.context() as patch:
            for name, value in process.environment().items():  # some is read by what is imported
                patch.setenv(name, value)
            return Warm(argv[2], argv[3:], more["cwd"], more["env"])

    _FORKED.set_forkserver_preload([*WORKERS, *LIBRARIES])
    instead = SimpleNamespace(**{**vars(subprocess), "Popen": popen})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "subprocess", instead)
        yield
