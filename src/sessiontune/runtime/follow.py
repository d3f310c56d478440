"""Follow a training process: events from its output, a log of the rest, Ctrl-C once and twice."""

from __future__ import annotations

import json
import queue
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import Interrupted
from ..ports import Job
from ..training.hook import MARK
from .process import Service, start


def follow(
    job: Job, cwd: Path, on_event: Callable[[dict[str, Any]], None], stop: Path
) -> tuple[int, list[str]]:
    """Run a job to its end. Returns its exit status and the last lines that were not events.

    The first Ctrl-C writes the file `stop`, which asks for a checkpoint; the second one ends the
    process at once and raises Interrupted.
    """
    stop.unlink(missing_ok=True)
    tail: deque[str] = deque(maxlen=30)
    with start(job, cwd) as service, _log(cwd).open("a", encoding="utf-8") as log:
        lines = _in_background(service)
        asked = False
        while True:
            try:
                line = lines.get()
                if line is None:
                    break
                if line.startswith(MARK):
                    on_event(json.loads(line[len(MARK) :]))
                else:
                    tail.append(line)
                    log.write(line + "\n")
                    on_event({"event": "line", "text": line})
            except KeyboardInterrupt:
                if asked:
                    service.stop(now=True)
                    raise Interrupted(
                        "Stopped at once.", "Go on from the last checkpoint with --resume."
                    ) from None
                asked = True
                stop.parent.mkdir(parents=True, exist_ok=True)
                stop.write_text("")
                on_event({"event": "stopping"})
        return service.wait(), list(tail)


def _log(cwd: Path) -> Path:
    path = cwd / "trainer" / "output.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _in_background(service: Service) -> queue.Queue[str | None]:
    """Lines by a thread: an interrupt in the main thread must not tear the pipe."""
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        try:
            for line in service.lines():
                lines.put(line)
        finally:
            lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    return lines
