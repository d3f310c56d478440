"""Logs that cannot be opened: they may not have vanished, so what the state holds of them stays.

Most are noticed during the search for logs (`inputs.py`). If one becomes unreadable, is moved or
deleted after that and before it is read, its unit's key would get a shard without it, and the log
would not be read until it changes. So its unit is not noted, and the run goes on as if the log had
been shut from the beginning.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence

import msgspec

from ..ledger import Ledger
from ..model import Fault
from ..sources.lines import FILE_FAULTS, open_log
from ..store import Store
from .inputs import Inputs, held
from .walking import below


class ShutError(Exception):
    """Logs that were found can no longer be opened."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(", ".join(fault.file for fault in faults))
        self.faults = faults


def shut_of(files: tuple[str, ...], ledger: Ledger) -> Iterator[Fault]:
    """Those of the files that could not be opened when they were read. (One that opens, but is not
    what it should be, stays so until it changes.)"""
    for fault in ledger.faults:
        if fault.line or fault.reason not in FILE_FAULTS or fault.file not in files:
            continue
        try:
            open_log(fault.file).close()
        except OSError as error:
            yield Fault("unreadable", fault.file, detail=error.strerror or "")
            continue
        number = getattr(errno, fault.detail, errno.EIO)
        if number != errno.EIO:  # a broken packed file gives that too
            yield Fault("unreadable", fault.file, detail=os.strerror(number))


def shut_out(shut: ShutError, inputs: Inputs, store: Store) -> None:
    """Treat the logs as gone if the state holds their sessions, else leave them out; a later run
    tries them again."""
    paths = {fault.file for fault in shut.faults}
    inputs.faults += shut.faults
    rows = [row for row in inputs.rows if row.file.path in paths]
    noted = store.files()
    gone = held([msgspec.structs.replace(row, gone=True) for row in rows], noted, store)
    stay = {row.file.path for row in gone}
    store.put_files(msgspec.structs.replace(noted[path], gone=True) for path in sorted(stay))
    inputs.rows = [row for row in inputs.rows if row.file.path not in paths - stay]
    inputs.gone += len(stay)


def closed(inputs: Inputs) -> set[str]:
    """Paths of the logs that count as gone because they, or a folder above them, could not be
    opened: they may still exist."""
    places = [fault.file for fault in inputs.faults if fault.reason == "unreadable"]
    return {
        row.file.path
        for row in inputs.rows
        if row.gone and any(below(row.file.path, place) for place in places)
    }
