"""Lets a program of ours end with the one that started it, even if that one was killed."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

#: Set for programs whose standard input is a pipe that nobody writes to: it closes when we end.
WATCHED = {"SESSIONTUNE_WATCH_STDIN": "1"}


def end_with_parent() -> None:
    """End at once when standard input closes: a killed `ship` leaves nobody writing its files."""
    if os.environ.get("SESSIONTUNE_WATCH_STDIN"):
        when_stdin_closes(lambda: os._exit(1))


def when_stdin_closes(end: Callable[[], object]) -> None:
    """Call `end`, in a thread, once nobody can write to our standard input any more."""

    def watch() -> None:
        while os.read(0, 4096):
            continue
        end()

    threading.Thread(target=watch, daemon=True).start()
