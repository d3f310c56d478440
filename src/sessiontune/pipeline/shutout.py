"""Logs that cannot be opened: they may not have vanished, so what the state holds of them stays.

Most are found shut when they are looked for (`inputs.py`). One that was there then, and is shut,
moved away or deleted before it is read, would leave a shard without it under the key of a unit that
has it, and nobody would read it until it changes. So its unit is not noted, and the run goes on as
if the log had been shut from the beginning.
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
    """Logs that were found cannot be opened any more."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(", ".join(fault.file for fault in faults))
        self.faults = faults


def shut_of(files: tuple[str, ...], ledger: Ledger) -> Iterator[Fault]:
    """Those of the files that could not be opened when they were read. (One that can be, and holds
    something else than it should, stays so until it changes.)"""
    for fault in ledger.faults:
        if fault.line or fault.reason not in FILE_FAULTS or fault.file not in files:
            continue
        try:
            open_log(fault.file).close()
        except OSError as error:
            yield Fault("unreadable", fault.file, detail=error.strerror or "")
            continue
        number = getattr(errno, fault.detail, errno.EIO)
        if number != errno.EIO:  # that is also what a broken packed file gives
            yield Fault("unreadable", fault.file, detail=os.strerror(number))


def shut_out(shut: ShutError, inputs: Inputs, store: Store) -> None:
    """Treat the logs as gone where the state holds their sessions, and leave them out where it does
    not; a later run looks at them again."""
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
    """Paths of the logs that count as gone since they, or a folder above them, could not be
    opened: whether they vanished is not known."""
    places = [fault.file for fault in inputs.faults if fault.reason == "unreadable"]
    return {
        row.file.path
        for row in inputs.rows
        if row.gone and any(below(row.file.path, place) for place in places)
    }
