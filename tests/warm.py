"""Workers that start warm: forked from a process that has imported their libraries.

A training or conversion of a test's size takes a second or two, and the imports before it ten times
as much. A warm worker has the same arguments, folder, environment, process group and pipes as a
started one, and runs the same code. `command` starts a whole command this way, to be killed; what
accelerate launches starts cold.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sessiontune.runtime import process

WORKERS = ("sessiontune.training.worker", "sessiontune.shipping.convert_main")
#: What a worker imports.
LIBRARIES = [
    "trl.trainer.sft_trainer",
    "trl.trainer.dpo_trainer",
    "trl.trainer.kto_trainer",
    "bitsandbytes",
]
_FORKED = multiprocessing.get_context("forkserver")
#: In a warm process: the child of the requester.
_FORK = multiprocessing.get_context("fork")


class Begun:
    """As much of a `Popen` as a `Service` needs, except for the pipes."""

    def __init__(self, context: Any, target: Callable[..., None], *args: Any) -> None:
        self._process = context.Process(target=target, args=args)
        self._process.start()
        self.pid: int = self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, seconds: float | None = None) -> int:
        self._process.join(seconds)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(str(self.pid), seconds or 0)
        return self._process.exitcode


class Warm(Begun):
    """A worker, and the pipes to it."""

    def __init__(
        self, context: Any, module: str, argv: Sequence[str], folder: Path, env: Mapping[str, str]
    ) -> None:
        (given, stdin), (stdout, told) = os.pipe(), os.pipe()
        ends = Connection(given, writable=False), Connection(told, readable=False)
        ours = (stdin, stdout) if context is _FORK else ()
        super().__init__(context, _work, module, list(argv), str(folder), dict(env), ours, *ends)
        for end in ends:
            end.close()
        self.stdin, self.stdout = os.fdopen(stdin, "wb", 0), os.fdopen(stdout, "rb", 0)


def _work(
    module: str,
    argv: list[str],
    folder: str,
    env: dict[str, str],
    inherited: Sequence[int],
    given: Connection,
    told: Connection,
) -> None:
    for end in inherited:  # otherwise its standard input would stay open after its parent's end
        os.close(end)
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


def command(argv: Sequence[str]) -> Begun:
    """`sessiontune ARGV`, warm, in a process and a group of its own; so is its worker."""
    _preload()
    return Begun(_FORKED, _command, list(argv), {**os.environ, "OMP_NUM_THREADS": "1"})


def _command(argv: list[str], env: dict[str, str]) -> None:
    os.setsid()
    os.environ.clear()
    os.environ.update(env)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    from sessiontune.cli.main import main

    with warm_workers(_FORK):
        sys.exit(main(argv))


def apart(work: Callable[..., Any], *args: Any) -> Any:
    """What `work` returns in a separate process, forked warm."""
    _preload()
    told, tells = _FORKED.Pipe(duplex=False)
    begun = Begun(_FORKED, _tell, tells, work, *args)
    tells.close()
    with told:
        found = told.recv()
    assert begun.wait() == 0
    return found


def _tell(tells: Connection, work: Callable[..., Any], *args: Any) -> None:
    with tells:
        tells.send(work(*args))


def _preload() -> None:
    _FORKED.set_forkserver_preload([*WORKERS, *LIBRARIES])


@contextmanager
def warm_workers(context: Any = _FORKED) -> Iterator[None]:
    """Inside, the workers of commands run in this process start warm."""

    def popen(argv: Sequence[str], **more: Any) -> Any:
        if argv[1:2] != ("-m",) or argv[2] not in WORKERS:
            return subprocess.Popen(argv, **more)
        with pytest.MonkeyPatch.context() as patch:
            for name, value in process.environment().items():  # imported modules read some of it
                patch.setenv(name, value)
            return Warm(context, argv[2], argv[3:], more["cwd"], more["env"])

    _preload()
    instead = SimpleNamespace(**{**vars(subprocess), "Popen": popen})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "subprocess", instead)
        yield
