"""Results survive an interruption, a torn line and a second opinion."""

from __future__ import annotations

from pathlib import Path

import pytest

from sessiontune.errors import StoreError
from sessiontune.evaluation.cache import Cache, Table, digest, folder_digest


def test_what_was_put_is_there_again(tmp_path: Path) -> None:
    first = Cache(tmp_path / "cache").table("loss", "a" * 40)
    first.put("k1", [1.5, 3])
    first.put("k2", {"text": "ü\n"})
    again = Cache(tmp_path / "cache").table("loss", "a" * 40)
    assert (again.get("k1"), again.get("k2"), again.get("k3")) == ([1.5, 3], {"text": "ü\n"}, None)
    assert ("k1" in again, "k3" in again, len(again)) == (True, False, 2)


def test_a_line_cut_off_is_done_again_and_harms_no_other(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    table = Table(path)
    table.put("a", 1)
    table.put("b", 2)
    path.write_bytes(path.read_bytes()[:-9])
    torn = Table(path)
    assert (torn.get("a"), "b" in torn) == (1, False)
    torn.put("b", 3)
    torn.put("c", 4)
    whole = Table(path)
    assert [whole.get(k) for k in "abc"] == [1, 3, 4]


def test_a_later_line_replaces_an_earlier(tmp_path: Path) -> None:
    table = Table(tmp_path / "t.jsonl")
    table.put("a", 1)
    table.put("a", 2)
    assert (Table(tmp_path / "t.jsonl").get("a"), len(table)) == (2, 1)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="Cannot write"):
        Table(tmp_path / "file" / "t.jsonl").put("a", 1)


def test_digests_tell_content_apart(tmp_path: Path) -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest("ab", "c") != digest("a", "bc")
    one = tmp_path / "one.bin"
    one.write_bytes(b"1")
    before = folder_digest([one])
    one.write_bytes(b"2")
    assert folder_digest([one]) != before
