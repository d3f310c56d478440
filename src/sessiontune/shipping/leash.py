"""Lets a program of ours end with the one that started it, even if that one was killed."""

from __future__ import annotations

import os
import threading

#: Set for programs whose standard input is a pipe that nobody writes to: it closes when we end.
WATCHED = {"SESSIONTUNE_WATCH_STDIN": "1"}


def end_with_parent() -> None:
    """End at once when standard input closes: a killed `ship` leaves nobody writing its files."""
    if os.environ.get("SESSIONTUNE_WATCH_STDIN"):
        threading.Thread(target=_watch, daemon=True).start()


def _watch() -> None:
    while os.read(0, 4096):
        continue
    os._exit(1)
