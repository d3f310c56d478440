"""Runs pure functions over tasks in this process or in a pool of worker processes."""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from ..errors import StoreError
from ..ports import itself

A = TypeVar("A")
T = TypeVar("T")
R = TypeVar("R")

#: Below this many bytes of work a pool costs more than it saves.
_WORTH_A_POOL = 12_000_000
#: Tasks are handed over in groups of about this many bytes, so that small ones do not queue; at the
#: end, and before workers are replaced, one waits for the other's last group.
_GROUP = 2_000_000
#: Freed memory goes back to the system each time that so many bytes were worked on.
_FREED = 4_000_000
#: After this many bytes the workers are replaced: what piles up in them (caches, holes in freed
#: memory) would grow with the corpus.
_RENEW = 192_000_000


class LocalRunner:
    """`map` over up to `jobs` processes; the pool is made when first needed.

    The garbage collector rests while one is open."""

    def __init__(self, jobs: int = 0, notify: Callable[[int, int], None] | None = None) -> None:
        self.jobs = jobs or usable_cores()
        self._pool: ProcessPoolExecutor | None = None
        self._fed = 0  # bytes that the pool's workers were given
        self._notify = notify or (lambda done, total: None)

    def __enter__(self) -> LocalRunner:
        self._usual = gc.get_threshold()
        gc.set_threshold(*_RARELY)
        self._interrupts = _interrupt_once()
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        gc.freeze()  # both together age all objects, so that no full collection follows at once
        gc.unfreeze()
        gc.set_threshold(*self._usual)
        if self._pool is not None:
            # A worker that is ended while it hands over a result leaves the reader of it waiting
            # for ever: only Ctrl-C does so, and the command line then ends without that reader.
            now = kind is KeyboardInterrupt
            if now:
                _stop(self._pool)
            self._pool.shutdown(wait=not now, cancel_futures=True)
            self._pool = None
        if self._interrupts and kind is not KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def renew(self) -> None:
        """Later workers are forked anew, so they inherit what was compiled here meanwhile."""
        if self._pool is not None:
            self._pool.shutdown(wait=True)
            self._pool = None
        self._fed = 0
        _give_back()

    def map(
        self,
        function: Callable[[A], R],
        tasks: Sequence[T],
        weight: Callable[[T], int],
        make: Callable[[T], A] = itself,
    ) -> Iterator[tuple[int, R]]:
        """Yield (position, result) as they come. `weight` is in bytes of input; `make` gives what
        the function takes.

        A worker that dies (out of memory, killed) takes no other task with it: what it held is
        tried once more alone; a second death raises StoreError.
        """
        weights = [max(1, weight(t)) for t in tasks]
        total = sum(weights)
        done = 0
        if self.jobs == 1 or total < _WORTH_A_POOL:
            for i, task in enumerate(tasks):
                result = function(make(task))
                if weights[i] >= _FREED:
                    _give_back()
                yield i, result
                done += weights[i]
                self._notify(done, total)
            return
        groups = _groups(weights)
        for group, results in self._run(function, tasks, make, groups, weights):
            yield from zip(group, results, strict=True)
            done += sum(weights[i] for i in group)
            self._notify(done, total)

    def _run(
        self,
        function: Callable[[A], R],
        tasks: Sequence[T],
        make: Callable[[T], A],
        groups: list[list[int]],
        weights: Sequence[int],
    ) -> Iterator[tuple[list[int], list[R]]]:
        waiting = groups[::-1]
        retried: set[int] = set()
        while waiting:
            failed: list[list[int]] = []
            yield from self._drain(function, tasks, make, waiting, failed, weights)
            waiting = []
            for i in (i for group in failed for i in group):
                if i in retried:
                    raise StoreError(
                        "A worker process died twice on the same input.",
                        "It probably ran out of memory: try --jobs 1.",
                    )
                retried.add(i)
                waiting.append([i])

    def _drain(
        self,
        function: Callable[[A], R],
        tasks: Sequence[T],
        make: Callable[[T], A],
        waiting: list[list[int]],
        failed: list[list[int]],
        weights: Sequence[int],
    ) -> Iterator[tuple[list[int], list[R]]]:
        """Keep the pool fed; groups lost to a dead worker go to `failed`."""
        running: dict[Future[list[R]], list[int]] = {}
        while waiting or running:
            if not running and self._fed >= _RENEW:
                self.renew()
            # While one works on something large, the others need not wait for it to be replaced.
            largest = max((sum(weights[i] for i in group) for group in running.values()), default=0)
            enough = _RENEW + largest
            while waiting and len(running) < 2 * self.jobs and self._fed < enough and not failed:
                group = waiting[-1]
                size = sum(weights[i] for i in group)
                try:
                    future = self._executor().submit(
                        _each, function, [make(tasks[i]) for i in group], size
                    )
                except BrokenProcessPool:  # a worker died while it had nothing to do
                    if running:
                        break  # what ran beside it says so itself
                    self._pool = None
                    continue
                self._fed += size
                running[future] = waiting.pop()
            if not running:
                failed.extend(waiting)
                waiting.clear()
                break
            ready, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ready:
                group = running.pop(future)
                try:
                    yield group, future.result()
                except BrokenProcessPool:
                    failed.append(group)
                    self._pool = None

    def _executor(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self.jobs,
                mp_context=_context(),
                initializer=_start_worker,
                initargs=(os.getpid(),),
            )
        return self._pool


def usable_cores() -> int:
    """Cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _groups(weights: Sequence[int]) -> list[list[int]]:
    """Heaviest first, small ones together, so that no long task starts last."""
    order = sorted(range(len(weights)), key=lambda i: (-weights[i], i))
    groups: list[list[int]] = []
    size = _GROUP
    for i in order:
        if size >= _GROUP:
            groups.append([])
            size = 0
        groups[-1].append(i)
        size += weights[i]
    return groups


def _interrupt_once() -> bool:
    """Let the first Ctrl-C end the work and further ones not break into the tidying up, which is
    short. False where someone else sees to interrupts."""
    if threading.current_thread() is not threading.main_thread():
        return False
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return False

    def first(number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, first)
    return True


def _each(function: Callable[[Any], R], tasks: Sequence[Any], size: int) -> list[R]:
    results = [function(task) for task in tasks]
    _worked[0] += size
    if _worked[0] >= _FREED:
        _give_back()
        _worked[0] = 0
    return results


#: Bytes that this worker has worked on since it gave memory back.
_worked = [0]


def _give_back() -> None:
    """Return freed memory to the system: after a session of 100 MB, glibc keeps most of it."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _context() -> multiprocessing.context.BaseContext:
    """Fork where it is safe (Linux): workers share the parent's modules."""
    return multiprocessing.get_context("fork" if os.uname().sysname == "Linux" else "spawn")


def _start_worker(parent: int) -> None:
    """Workers leave Ctrl-C to the parent, and end when it does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with(parent)
    gc.set_threshold(*_RARELY)


def _end_with(parent: int) -> None:
    """A parent that is killed ends nobody: its workers would wait, and hold the state's lock."""
    if os.uname().sysname == "Linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_leave_after, daemon=True).start()
    if os.getppid() != parent:  # it was killed before we asked
        os._exit(1)


def _leave_after() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


#: From <sys/prctl.h>: the signal to get when the parent ends.
_PR_SET_PDEATHSIG = 1


#: The collector's thresholds during a run: records are acyclic, so it finds next to nothing.
_RARELY = (1_000_000, 50, 100)


def _stop(pool: ProcessPoolExecutor) -> None:
    for process in list((getattr(pool, "_processes", None) or {}).values()):
        process.terminate()
