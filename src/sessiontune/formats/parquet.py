"""Parquet: the rows of `openai`, typed and compressed (zstd), with the schema written out.

Made from the finished JSONL file, a few megabytes at a time, so that memory stays bounded and both
files hold the same bytes of text. Nothing is guessed: a field that the schema does not know is an
error, and strings that look like dates stay strings.
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


def write_parquet(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> int:
    """Turn a file of `openai` rows into Parquet at `target`. Returns the number of rows.

    Whether the rows hold reasoning is told by the first one. An empty file gives a Parquet file
    without rows. Raises OSError, or pyarrow.ArrowInvalid for rows that are not of this format.
    """
    from pyarrow import parquet, system_memory_pool

    rows = 0
    with open(source, "rb") as lines:
        thinking = b'"reasoning_content":' in lines.readline()  # quotes inside texts are escaped
        lines.seek(0)
        shape = arrow_schema(schema("openai", thinking=thinking))
        with parquet.ParquetWriter(
            target,
            shape,
            compression="zstd",
            compression_level=_ZSTD_LEVEL,
            memory_pool=system_memory_pool(),
        ) as out:
            while (table := _group(lines, shape)) is not None:
                out.write_table(table, row_group_size=len(table))
                rows += len(table)
    return rows


def read_rows(path: str | os.PathLike[str]) -> Iterator[dict[str, Any]]:
    """The rows of such a file, one row group in memory at a time."""
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=64):
            yield from batch.to_pylist()


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


def _group(lines: BinaryIO, shape: Any) -> Any:
    """The rows of the next `GROUP` bytes, to the end of a line; None at the end of the file."""
    import pyarrow as pa
    from pyarrow import json

    data = lines.read(GROUP)
    if not data:
        return None
    data += lines.readline()
    table = json.read_json(
        pa.BufferReader(data),
        memory_pool=pa.system_memory_pool(),  # returns pages less eagerly than Arrow's own
        read_options=json.ReadOptions(use_threads=False, block_size=len(data) + 1),
        parse_options=json.ParseOptions(explicit_schema=shape, unexpected_field_behavior="error"),
    )
    table = table.select(shape.names)
    return table if table.schema.equals(shape) else table.cast(shape)  # which imports a lot
