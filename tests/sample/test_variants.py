"""Variants of the oddities that the corpus of real logs lacks: the reader finds their truth."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sessiontune.sample import variants
from sessiontune.sample.variants import KINDS

from . import paths, reading


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_reader_finds_the_truth_of_every_variant(kind: str, tmp_path: Path) -> None:
    folders = variants(tmp_path, kind, 24)
    assert len(folders) == 24
    for folder in folders:
        truth = json.loads((folder / "truth.json").read_text("utf-8"))
        files = reading.logs(folder, "claude")
        assert len(files) == len(truth["files"])
        sessions, ledger = reading.read(files, "claude")
        assert sum(ledger.records.values()) == truth["records"]
        assert reading.unbalanced(files, sessions, ledger) == {}, folder.name
        assert ledger.faults == [], folder.name
        assert paths.found_paths(sessions) == paths.true_paths(truth["threads"]), folder.name


def test_sub_agents_are_linked_to_the_calls_that_began_them(tmp_path: Path) -> None:
    linked = 0
    for folder in variants(tmp_path, "subagents", 24):
        truth = json.loads((folder / "truth.json").read_text("utf-8"))
        sessions, _ = reading.read(reading.logs(folder, "claude"), "claude")
        calls = {s.agent_id: s.parent_call for s in sessions if s.agent_id}
        left_out = {agent["agent"] for agent in truth["left_out"]}
        named = {agent["agent"] for agent in truth["agents"] if agent["agent"]}
        assert named <= set(calls)
        assert len(calls) == len(truth["agents"])
        assert not left_out & set(calls)
        for agent in truth["agents"]:
            if agent["call"] and not agent["orphan"]:
                assert agent["call"] in calls.values()
                assert agent["agent"] is None or calls[agent["agent"]] == agent["call"]
                linked += 1
    assert linked >= 12


def test_variants_are_deterministic_and_differ(tmp_path: Path) -> None:
    for kind in KINDS:
        first = [(f / "truth.json").read_bytes() for f in variants(tmp_path / "a", kind, 3)]
        again = [(f / "truth.json").read_bytes() for f in variants(tmp_path / "b", kind, 3)]
        assert first == again
        assert len(set(first)) == 3


def test_unknown_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        variants(tmp_path, "teleport")
