"""The manifest survives a round trip and later versions' extra fields."""

from __future__ import annotations

import json

import msgspec
import pytest

from sessiontune.manifest import File, Input, Manifest, Records, dump, load


def test_round_trip_and_layout() -> None:
    manifest = Manifest(
        tool="sessiontune 0",
        records=Records(files=1, read=5, used=3, dropped=1, faulty=1),
        inputs=(Input("00ff", "claude", 10, 5, True),),
        files=(File("a.jsonl", "ab", 3, 1),),
        drops={"read/empty": 1},
    )
    text = dump(manifest)
    assert load(text) == manifest
    assert text.endswith("}\n")
    assert json.loads(text)["files"] == [{"path": "a.jsonl", "sha256": "ab", "bytes": 3, "rows": 1}]


def test_fields_of_a_later_version_are_ignored_and_other_files_refused() -> None:
    assert load(b'{"version": 2, "name": "x", "new": [1]}').name == "x"
    with pytest.raises(msgspec.ValidationError):
        load(b"[1, 2]")
