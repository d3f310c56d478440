"""Parquet: the rows of `openai`, typed and compressed (zstd), with the schema written out.

Made from the finished JSONL file, a few megabytes at a time, so that memory stays bounded and both
files hold the same text; or from a piece of it, whose row groups are then joined with those of
other pieces (footer.py). Nothing is guessed: a field that the schema does not know is an error, and
strings that look like dates stay strings.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, BinaryIO

from ..rows.columns import Schema, schema

#: Bytes of JSON per row group, about. A single larger row makes a larger group.
GROUP = 16 << 20
#: The fastest level: on chat text a seventh larger than level 3, in about half the time.
_ZSTD_LEVEL = 1
#: The mark of reasoning (quotes inside texts are escaped), and bytes that are searched at a time.
_THINKING, _PIECE = b'"reasoning_content":', 1 << 20
#: Columns of texts that rarely repeat: a dictionary would be tried in vain, and the smallest and
#: the largest text mean nothing.
_TEXTS = ("content", "reasoning_content", "arguments", "tools")
_THREADS = "OPENBLAS_NUM_THREADS"


def write_parquet(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    start: int = 0,
    length: int | None = None,
    thinking: bool | None = None,
) -> int:
    """Turn `openai` rows into Parquet at `target`: `length` bytes of a file from `start` on.

    Returns the number of rows. If `thinking` (they hold reasoning) is not given, the first row
    tells. No rows give a Parquet file without rows. Raises OSError, or pyarrow.ArrowInvalid for
    rows that are not of this format.
    """
    load_arrow()
    from pyarrow import parquet, system_memory_pool

    rows = 0
    with open(source, "rb") as lines:
        if thinking is None:
            thinking = has_thinking(lines)
        end = os.fstat(lines.fileno()).st_size if length is None else start + length
        lines.seek(start)
        shape = arrow_schema(schema("openai", thinking=thinking))
        columns = [c for field in shape for c in _columns(field.name, field.type)]
        with parquet.ParquetWriter(
            target,
            shape,
            compression="zstd",
            compression_level=_ZSTD_LEVEL,
            use_dictionary=columns,
            write_statistics=columns,
            memory_pool=system_memory_pool(),
        ) as out:
            while (table := _group(lines, end, shape)) is not None:
                out.write_table(table, row_group_size=len(table))
                rows += len(table)
                del table  # before the next one is read
    return rows


def load_arrow() -> str:
    """Load pyarrow; returns its version. The numpy that it loads starts threads for its algebra,
    each of which spins for a tenth of a second before it sleeps; nothing here has work for them."""
    given = os.environ.get(_THREADS)
    os.environ[_THREADS] = given or "1"
    try:
        from pyarrow import __version__
    finally:
        if given is None:
            del os.environ[_THREADS]  # programs that are started later may need them
    return str(__version__)


def has_thinking(lines: BinaryIO) -> bool:
    """Whether the first row has the column of reasoning; a large one is read in pieces."""
    seen = b""
    while piece := lines.readline(_PIECE):
        seen = seen[-len(_THINKING) :] + piece
        if _THINKING in seen:
            return True
        if piece.endswith(b"\n"):
            break
    return False


def arrow_schema(shape: Schema) -> Any:
    """An Arrow schema with the columns of `shape`."""
    import pyarrow as pa

    return pa.schema([pa.field(name, _arrow(kind)) for name, kind in shape.items()])


def _arrow(kind: Any) -> Any:
    import pyarrow as pa

    if isinstance(kind, dict):
        return pa.struct([pa.field(name, _arrow(inner)) for name, inner in kind.items()])
    if isinstance(kind, list):
        return pa.list_(_arrow(kind[0]))
    return {"string": pa.string(), "int64": pa.int64(), "bool": pa.bool_()}[kind]


def _columns(path: str, kind: Any) -> Iterator[str]:
    """The columns below a field that are worth a dictionary and statistics."""
    from pyarrow import types

    if types.is_struct(kind):
        for field in kind:
            yield from _columns(f"{path}.{field.name}", field.type)
    elif types.is_list(kind):
        yield from _columns(f"{path}.list.element", kind.value_type)
    elif path.rsplit(".", 1)[-1] not in _TEXTS:
        yield path


def _group(lines: BinaryIO, end: int, shape: Any) -> Any:
    """The rows of the next `GROUP` bytes, to the end of a line; None at the end."""
    import pyarrow as pa
    from pyarrow import json

    start = lines.tell()
    data = lines.read(min(GROUP, end - start))
    if not data:
        return None
    if not data.endswith(b"\n"):  # read it again whole: joining pieces would hold it twice
        del data
        while (piece := lines.readline(_PIECE)) and not piece.endswith(b"\n"):
            pass
        size = lines.tell() - start
        lines.seek(start)
        data = lines.read(size)
    table = json.read_json(
        pa.BufferReader(data),
        memory_pool=pa.system_memory_pool(),  # returns pages less eagerly than Arrow's own
        read_options=json.ReadOptions(use_threads=False, block_size=len(data) + 1),
        parse_options=json.ParseOptions(explicit_schema=shape, unexpected_field_behavior="error"),
    )
    table = table.select(shape.names)
    return table if table.schema.equals(shape) else table.cast(shape)  # which imports a lot
