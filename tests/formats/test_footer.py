"""Footers of Parquet files: walked, and written again with the row groups elsewhere."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from sessiontune.formats import footer

SCHEMA = pa.schema(
    [
        ("text", pa.string()),
        ("flag", pa.bool_()),
        ("number", pa.int64()),
        ("list", pa.list_(pa.struct([("name", pa.string()), ("half", pa.float64())]))),
    ]
)


def rows(seed: int, count: int) -> list[dict[str, Any]]:
    return [
        {
            "text": None if n % 5 == 4 else f"text {seed} {n}",
            "flag": n % 2 == 0,
            "number": seed * n - 3,
            "list": [{"name": "x" * n, "half": n / 2}] * (n % 3),
        }
        for n in range(count)
    ]


def encoded(groups: list[list[dict[str, Any]]], **how: Any) -> bytes:
    out = io.BytesIO()
    with parquet.ParquetWriter(out, SCHEMA, compression="zstd", **how) as file:
        for group in groups:
            file.write_table(pa.Table.from_pylist(group, SCHEMA), row_group_size=len(group))
    return out.getvalue()


def taken_apart(data: bytes, folder: Path) -> tuple[footer.Footer, bytes]:
    path = folder / "a.parquet"
    path.write_bytes(data)
    found, size = footer.read_file(path)
    return found, data[4 : 4 + size]


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"use_dictionary": False},
        {"write_statistics": False},
        {"write_page_checksum": True},
        {"version": "1.0"},
        {"data_page_version": "2.0"},
        {"bloom_filter_options": {"text": True}},
    ],
    ids=str,
)
def test_the_same_footer_comes_out(tmp_path: Path, how: dict[str, Any]) -> None:
    try:
        data = encoded([rows(1, 9), rows(2, 4), rows(3, 30)], **how)
    except TypeError:
        pytest.skip("this pyarrow has no such option")
    found, body = taken_apart(data, tmp_path)
    again = footer.write(found.head, found.tail, [(4, found.entries)])
    assert b"PAR1" + body + again == data


@settings(max_examples=60)
@given(
    files=st.lists(st.lists(st.integers(1, 12), min_size=0, max_size=20), min_size=1, max_size=5)
)
def test_row_groups_of_several_files(
    files: list[list[int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("footer")
    out, parts, wanted = b"PAR1", [], []
    for seed, sizes in enumerate(files):
        groups = [rows(seed, size) for size in sizes]
        found, body = taken_apart(encoded(groups), folder)
        parts.append((len(out), found.entries))
        out += body
        wanted += [row for group in groups for row in group]
    out += footer.write(found.head, found.tail, parts)
    file = parquet.ParquetFile(io.BytesIO(out))
    assert file.metadata.num_rows == len(wanted)
    assert file.metadata.num_row_groups == sum(map(len, files))
    assert file.read().to_pylist() == wanted
    for group in range(file.metadata.num_row_groups):
        entry = file.metadata.row_group(group)
        ends = [entry.column(c).data_page_offset + 1 for c in range(file.metadata.num_columns)]
        assert all(4 <= end < len(out) for end in ends)


def test_what_is_no_footer_is_refused() -> None:
    with pytest.raises(ValueError, match="damaged"):
        footer.read(b"\x15\x04\x00")
