"""Logs in other forms than a program's own file of lines: one JSON array, or printed output."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from ..ledger import Ledger
from ..ports import ReadOptions
from .lines import BOM, head_of, read_lines, size_of, too_long
from .mending import LineFault, line_fault, values

#: File endings of a program's printed output, looked for in the first three.
STREAMS = (".jsonl", ".json", ".ndjson", ".log", ".txt")


def is_array(path: str) -> bool:
    """Whether a file begins like a JSON array."""
    return head_of(path, 4096).lstrip(BOM + b" \t\r\n")[:1] == b"["


def array_lines(
    path: str, options: ReadOptions, ledger: Ledger
) -> Iterator[tuple[int, bytes | memoryview]]:
    """The elements of a file that is one JSON array, as the lines of a log.

    Such a file is read whole, so the limit of a line applies to it.
    """
    if size_of(path) > options.max_line:
        too_long(path, 1, ledger)
        return
    scratch = Ledger()
    text = b"\n".join(bytes(raw) for _, raw in read_lines(path, options, scratch))
    ledger.faults.extend(scratch.faults)
    try:
        found = orjson.loads(text.removeprefix(BOM)) if text else []
    except orjson.JSONDecodeError:
        found = values(text, ledger, listed=True)
    for number, value in enumerate(found if isinstance(found, list) else [found], 1):
        try:
            line = orjson.dumps(value)
        except orjson.JSONEncodeError:  # of a fault, or of what is nested too deep
            fault = value if isinstance(value, LineFault) else LineFault("too_deep")
            ledger.record(path)
            ledger.fault(line_fault(fault, path, number, text))
        else:
            yield number, line


def is_remark(path: str, raw: bytes | memoryview) -> bool:
    """Whether a line of a printed output is plain text between the records."""
    return path.endswith((".log", ".txt")) and not bytes(raw[:200]).lstrip().startswith(b"{")
