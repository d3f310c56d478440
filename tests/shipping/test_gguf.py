"""The head of a GGUF file: read, checked, never trusted."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sessiontune.errors import ToolError
from sessiontune.shipping.gguf import check_whole, read_head

from .gguf_edit import _text, edited, write_gguf

META = {
    "general.architecture": "llama",
    "a.number": 7,
    "a.flag": True,
    "a.real": 0.5,
    "a.text": "ü\nx",
    "a.list": ["one", "two"],
    "a.ids": [1, -2, 3],
}


def _file(folder: Path, kind: int = 1, shape: tuple[int, ...] = (256, 2), size: int = 1024) -> Path:
    info = _text("t") + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, 0)
    return write_gguf(folder / "x.gguf", META, b"\1" * size, [info])


def test_values_of_every_kind_and_the_tensor_table(tmp_path: Path) -> None:
    head = check_whole(_file(tmp_path))
    assert head.meta == META
    assert head.architecture == "llama"
    assert (head.tensors[0].name, head.tensors[0].shape, head.tensors[0].size) == (
        "t",
        (256, 2),
        1024,
    )
    assert head.tensors[0].type == 1, "f16"
    assert check_whole(_file(tmp_path, kind=12, size=288)).tensors[0].size == 288


def test_a_changed_copy_keeps_the_rest(tmp_path: Path) -> None:
    copy = edited(_file(tmp_path), tmp_path / "y.gguf", {"a.number": 8}, drop=("a.text",))
    assert check_whole(copy).meta == {k: v for k, v in META.items() if k != "a.text"} | {
        "a.number": 8
    }


def test_one_byte_less_is_cut_off(tmp_path: Path) -> None:
    file = _file(tmp_path)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ToolError, match="cut off"):
        check_whole(file)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damage_is_an_error_of_ours_and_never_a_crash(tmp_path: Path, data: st.DataObject) -> None:
    raw = bytearray(_file(tmp_path).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(raw[: data.draw(st.integers(0, len(raw)))])
    # Either it is read, or it is an error of ours: anything else fails the test.
    with contextlib.suppress(ToolError):
        assert read_head(bad).version in (2, 3)
