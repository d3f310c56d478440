"""Worker processes, each at the other end of a connection of its own.

On Linux they are forked from a process that was itself forked before anything was read (`Nursery`):
it has our modules, and what it was told to compile, but nothing that the parent holds of the logs.
Elsewhere each is a new program. A worker ends at once when it is told to, or when its parent is
gone. The end of a connection means that its worker died.
"""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from ..errors import StoreError
from ..privacy import compiled

#: A function and what to call it with.
Call = tuple[Callable[..., object], tuple[object, ...]]
#: An error of another process, and its traceback.
Failure = tuple[Exception, str]
#: What a worker is handed: the numbers of tasks, in the order in which it works on them.
Group = list[int]

#: The collector's thresholds during a run: records are acyclic, so it finds next to nothing.
RARELY = (1_000_000, 50, 100)
#: Freed memory goes back to the system each time this many bytes were worked on.
FREED = 4_000_000
#: From <sys/prctl.h>: the signal to get when the parent ends.
_PR_SET_PDEATHSIG = 1


class Worker:
    """One worker, seen from the parent. `fed`: bytes of work that it was given so far; `held`: the
    groups that it has not answered."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.fed = 0
        self.held: deque[Group] = deque()

    def give(self, group: Group, function: Callable[[Any], Any], tasks: list[Any], n: int) -> bool:
        """Hand over tasks, `n` bytes of work. False if the worker has died."""
        try:
            self.connection.send((function, tasks, n))
        except OSError:
            return False
        self.held.append(group)
        self.fed += n
        return True

    def take(self) -> tuple[Group, list[Any]]:
        """The next answer. Raises what the function raised; EOFError if the worker has died."""
        try:
            found, failure = self.connection.recv()
        except OSError as error:
            raise EOFError from error
        _raise(failure)
        return self.held.popleft(), found


def starter() -> Starter:
    """What makes workers on this system: on Linux forking is safe, and far cheaper."""
    return Nursery() if os.uname().sysname == "Linux" else Spawner()


def _raise(failure: Failure | None) -> None:
    if failure is not None:
        error, led = failure
        error.add_note(f"In a worker:\n{led}")
        raise error


def dismiss(workers: Sequence[Worker]) -> None:
    """End workers, busy or not, and wait until their memory is free."""
    for worker in workers:
        with suppress(OSError):  # it is dead already
            worker.connection.send_bytes(b"")
    for worker in workers:
        with suppress(EOFError, OSError):
            while True:
                worker.connection.recv_bytes()
        worker.connection.close()


class Nursery:
    """A process that only forks, made while this one is small. It makes each call once, so that all
    later workers have what the call left in memory."""

    def __init__(self) -> None:
        self._parent = os.getpid()
        self._made = 0
        self._begin()

    def _begin(self) -> None:
        self._made = 0
        self.connection, other = multiprocessing.Pipe()
        _flush()  # or a child would write the buffered output again

        def tend() -> None:
            self.connection.close()
            _tend(other)

        self.pid = _fork(tend, self._parent)
        other.close()

    def start(self, calls: Sequence[Call]) -> Worker:
        """Start a worker. Raises StoreError if the system has no room for it."""
        try:
            return self._start(calls)
        except (EOFError, OSError):  # most likely it died: another one can do it
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)  # or it would wait for its workers, and we for it
            self.end(wait=True)
        try:
            self._begin()
            return self._start(calls)
        except (EOFError, OSError) as error:
            said = f" ({error})" if str(error) else ""
            raise StoreError(
                f"No worker process can be started{said}.", "Try --jobs 1, or fewer."
            ) from error

    def _start(self, calls: Sequence[Call]) -> Worker:
        from multiprocessing import reduction

        while self._made < len(calls):
            self.connection.send(calls[self._made])
            _raise(self.connection.recv())
            self._made += 1
        mine, other = multiprocessing.Pipe()
        self.connection.send(None)
        reduction.send_handle(self.connection, other.fileno(), self.pid)
        other.close()
        return Worker(mine)

    def end(self, *, wait: bool) -> None:
        """End it. With `wait`, the time that its workers used counts as ours."""
        self.connection.close()
        if wait:
            with suppress(ChildProcessError):
                os.waitpid(self.pid, 0)


class Spawner:
    """Starts each worker as a program of its own."""

    def start(self, calls: Sequence[Call]) -> Worker:
        mine, other = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        worker = context.Process(
            target=_spawned, args=(other, list(calls), compiled.folder()), daemon=True
        )
        with _interrupts_wait():
            worker.start()
        other.close()
        return Worker(mine)

    def end(self, *, wait: bool) -> None:
        """Nothing to do: workers end by themselves."""


@contextmanager
def _interrupts_wait() -> Iterator[None]:
    """A program that is started within begins with Ctrl-C blocked: while it imports, it could
    leave it to the command in no other way. Here it comes a moment later."""
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # when it starts, it unblocks the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


#: Makes workers that have made the given calls before.
Starter = Nursery | Spawner


# ------------------------------------------------------------------ in the nursery


def _tend(connection: Connection) -> None:
    """Make calls and fork workers, as told, until the parent has gone."""
    from multiprocessing import reduction

    def begin() -> None:
        connection.close()
        work(Connection(handle))

    with suppress(EOFError, ConnectionError):
        while True:
            call = connection.recv()
            _wait_for_ended()
            if call is not None:
                connection.send(_made(call))
                gc.freeze()  # or the workers' collector would write to all shared pages
                continue
            handle = reduction.recv_handle(connection)
            _fork(begin, os.getpid())
            os.close(handle)
    _wait_for_ended(0)


def _fork(run: Callable[[], None], parent: int) -> int:
    """Fork a process that does this and nothing else. Returns its id."""
    if pid := os.fork():
        return pid
    try:
        _alone(parent)
        run()
        os._exit(0)
    except Exception:  # noqa: BLE001 - nobody is above who would show it
        traceback.print_exc()
    finally:
        os._exit(1)


def _made(call: Call) -> Failure | None:
    function, arguments = call
    try:
        function(*arguments)
    except Exception as error:  # noqa: BLE001 - it is raised in the parent
        return _told(error)
    return None


def _wait_for_ended(how: int = os.WNOHANG) -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, how)[0]:
            pass


# ------------------------------------------------------------------ in a worker


def _spawned(connection: Connection, calls: Sequence[Call], rules: Path | None) -> None:
    """What a new program does. `rules`: where the command keeps compiled rules."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.set_threshold(*RARELY)
    compiled.use(None if rules is None else lambda: rules)
    work(connection, calls)


def _alone(parent: int) -> None:
    """Make a forked process leave Ctrl-C to the command, and end with its parent: otherwise it
    would go on, and write, after the command was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it was killed before we asked
        os._exit(1)
    gc.set_threshold(*RARELY)


def work(connection: Connection, calls: Sequence[Call] = ()) -> None:
    """Make calls, then answer one group of tasks after another, until nobody takes the answer. A
    call that fails is the answer to the first."""
    waiting: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_listen, args=(connection, waiting), daemon=True).start()
    worked = 0
    with suppress(ConnectionError):
        for failure in filter(None, map(_made, calls)):
            connection.send(([], failure))
        while True:
            answer, size = _answer(waiting.get())
            connection.send_bytes(answer)
            del answer
            worked += size
            if worked >= FREED:
                give_back()
                worked = 0


def _listen(connection: Connection, waiting: SimpleQueue[bytes]) -> None:
    """Take what the parent sends at once, so that it never waits; end when told to, or with it."""
    try:
        while message := connection.recv_bytes():
            waiting.put(message)
    except (EOFError, OSError):
        os._exit(1)
    _flush()  # a user's hook may have printed
    os._exit(0)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()


def _answer(message: bytes) -> tuple[bytes, int]:
    """The encoded answer to a message, and how many bytes of work it was."""
    try:
        function, tasks, size = pickle.loads(message)
        return pickle.dumps(([function(task) for task in tasks], None)), size
    except Exception as error:  # noqa: BLE001 - it is raised in the parent
        return pickle.dumps(([], _told(error))), 0


def _told(error: Exception) -> Failure:
    """An error in a form that can be pickled, and its traceback."""
    led = "".join(traceback.format_exception(error))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception as other:  # noqa: BLE001 - an error may hold anything
        return RuntimeError(f"{error!r} ({other!r})"), led
    return error, led


def give_back() -> None:
    """Return freed memory to the system: after a session of 100 MB, glibc keeps most of it."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
