"""Runs pure functions over tasks in this process or in a pool of worker processes."""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import wait
from typing import TypeVar

from ..errors import StoreError
from ..ports import itself
from .workers import FREED, RARELY, Call, Group, Starter, Worker, dismiss, give_back, starter

A = TypeVar("A")
T = TypeVar("T")
R = TypeVar("R")

#: Below this many bytes of work a pool costs more than it saves.
_WORTH_A_POOL = 12_000_000
#: Tasks are handed over in groups of about this many bytes, so that small ones do not queue. Larger
#: groups would make the other workers wait longer for the last one.
_GROUP = 2_000_000
#: After this many bytes a worker is replaced: its caches and the holes in its memory would grow
#: with the corpus.
_RENEW = 96_000_000


class LocalRunner:
    """`map` over up to `jobs` processes, which start when first needed.

    While it is open the garbage collector runs rarely."""

    def __init__(self, jobs: int = 0, notify: Callable[[int, int], None] | None = None) -> None:
        self.jobs = jobs or usable_cores()
        self._starter: Starter | None = None
        self._workers: list[Worker] = []
        self._calls: list[Call] = []
        self._notify = notify or (lambda done, total: None)

    def __enter__(self) -> LocalRunner:
        self._usual = gc.get_threshold()
        gc.set_threshold(*RARELY)
        self._interrupts = _interrupt_once()
        if self.jobs > 1:  # now, while there is little memory to inherit
            self._starter = starter()
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        gc.freeze()  # together they age all objects, so that no full collection follows at once
        gc.unfreeze()
        gc.set_threshold(*self._usual)
        now = kind is KeyboardInterrupt  # a message may be cut in two: do not ask workers to end
        if now:
            for worker in self._workers:
                worker.connection.close()
        else:
            dismiss(self._workers)
        self._workers.clear()
        if self._starter is not None:
            self._starter.end(wait=not now)
            self._starter = None
        if self._interrupts and not now:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def begin_with(self, function: Callable[..., object], *arguments: object) -> None:
        """Let later workers start with what this call leaves in memory."""
        self._calls.append((function, arguments))
        self.renew()

    def renew(self, *, last: bool = False) -> None:
        """End all workers: their memory goes back, and so does what is free in this process."""
        dismiss(self._workers)
        self._workers.clear()
        if last and self._starter is not None:
            self._starter.end(wait=True)
            self._starter = None
        give_back()

    def map(
        self,
        function: Callable[[A], R],
        tasks: Sequence[T],
        weight: Callable[[T], int],
        make: Callable[[T], A] = itself,
    ) -> Iterator[tuple[int, R]]:
        """Yield (position, result) as they come. `weight` is in bytes of input; `make` gives what
        the function takes.

        If a worker dies (out of memory, killed), each task it held is tried once more alone; a
        second death raises StoreError.
        """
        weights = [max(1, weight(t)) for t in tasks]
        total = sum(weights)
        done = 0
        if self.jobs == 1 or total < _WORTH_A_POOL:
            for i, task in enumerate(tasks):
                result = function(make(task))
                if weights[i] >= FREED:
                    give_back()
                yield i, result
                done += weights[i]
                self._notify(done, total)
            return
        try:
            for group, results in self._run(function, tasks, make, weights):
                yield from zip(group, results, strict=True)
                done += sum(weights[i] for i in group)
                self._notify(done, total)
        finally:
            self._leave()

    def _run(
        self,
        function: Callable[[A], R],
        tasks: Sequence[T],
        make: Callable[[T], A],
        weights: Sequence[int],
    ) -> Iterator[tuple[Group, list[R]]]:
        """Keep all workers fed. What a dead one worked on is tried again, task by task."""
        waiting = _groups(weights)[::-1]
        retried: set[int] = set()

        def give(worker: Worker) -> bool:
            group = waiting[-1]
            size = sum(weights[i] for i in group)
            given = worker.give(group, function, [make(tasks[i]) for i in group], size)
            if given:
                waiting.pop()
            return given

        while True:
            self._feed(waiting, give, weights)
            busy = {worker.connection: worker for worker in self._workers if worker.held}
            if not busy:
                return
            for ready in wait(list(busy)):
                worker = busy[ready]  # type: ignore[index]
                try:
                    answer = worker.take()
                except EOFError:
                    self._workers.remove(worker)
                    self._bury(worker, waiting, retried)
                    continue
                self._feed(waiting, give, weights)  # before the caller works on this answer
                yield answer

    def _feed(
        self, waiting: list[Group], give: Callable[[Worker], bool], weights: Sequence[int]
    ) -> None:
        """Give every worker a group and, if that is small, the next one."""
        for most in (1, 2):
            for place in range(self.jobs):
                while waiting:
                    worker = self._worker(place)
                    if len(worker.held) >= most or (worker.held and _slow(worker, weights)):
                        break
                    if give(worker):
                        continue
                    if worker.held:
                        break  # it died: `take` finds that out
                    self._workers.remove(worker)  # while it had nothing to do
                    worker.connection.close()

    def _worker(self, place: int) -> Worker:
        """The worker at this place; a new one if the old one has done its share."""
        if place < len(self._workers):
            worker = self._workers[place]
            if worker.held or worker.fed < _RENEW:
                return worker
            self._workers.remove(worker)
            dismiss([worker])
        if self._starter is None:
            self._starter = starter()
        fresh = self._starter.start(self._calls)
        self._workers.insert(place, fresh)
        return fresh

    def _leave(self) -> None:
        """Let go of busy workers after an error, or if the caller wants no more: a later run must
        not take their answers for its own."""
        for worker in [worker for worker in self._workers if worker.held]:
            self._workers.remove(worker)
            worker.connection.close()

    def _bury(self, worker: Worker, waiting: list[Group], retried: set[int]) -> None:
        worker.connection.close()
        first, *rest = worker.held  # it worked on the first
        waiting += rest
        for i in first:
            if i in retried:
                raise StoreError(
                    "A worker process died twice on the same input.",
                    "It probably ran out of memory: try --jobs 1.",
                )
            retried.add(i)
            waiting.append([i])


def _slow(worker: Worker, weights: Sequence[int]) -> bool:
    """Whether nothing more should wait for this one: its group is large, or it will be replaced."""
    size = sum(weights[i] for i in worker.held[0])
    return size > 2 * _GROUP or worker.fed >= _RENEW


def usable_cores() -> int:
    """Cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _groups(weights: Sequence[int]) -> list[Group]:
    """Groups of tasks: heaviest first, small ones together, so that no long task starts last."""
    order = sorted(range(len(weights)), key=lambda i: (-weights[i], i))
    groups: list[Group] = []
    size = _GROUP
    for i in order:
        if size >= _GROUP:
            groups.append([])
            size = 0
        groups[-1].append(i)
        size += weights[i]
    return groups


def _interrupt_once() -> bool:
    """Let the first Ctrl-C end the work, and ignore further ones during the short clean-up. False
    if someone else handles interrupts."""
    if threading.current_thread() is not threading.main_thread():
        return False
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return False

    def first(number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, first)
    return True
