"""An evening goes on where it stopped, and ends at a gate that is answered with no."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sessiontune.errors import StoreError, WorseError
from sessiontune.runtime.evening import NOTES, Done, Stage, peak_memory, walk


class Way:
    """Three stages that count how often they ran; each writes one file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ran: list[str] = []
        self.keys = {"one": "a", "two": "b", "three": "c"}
        self.broken = ""
        self.gates: dict[str, Callable[[Done], None]] = {}

    def stages(self) -> list[Stage]:
        return [self._stage(name) for name in self.keys]

    def _stage(self, name: str) -> Stage:
        def run() -> tuple[str, dict[str, str], dict[str, Any]]:
            self.ran.append(name)
            if name == self.broken:
                raise KeyboardInterrupt
            (self.folder / name).write_text("x")
            return f"{name} is done", {"file": str(self.folder / name)}, {"n": len(self.ran)}

        return Stage(
            name=name,
            fingerprint=lambda: self.keys[name],
            present=(self.folder / name).is_file,
            run=run,
            gate=self.gates.get(name, lambda done: None),
        )

    def go(self) -> list[Done]:
        self.ran.clear()
        return walk(self.folder, self.stages(), lambda number, stage: None)


def test_the_second_time_everything_is_reused(tmp_path: Path) -> None:
    way = Way(tmp_path)
    first = way.go()
    assert way.ran == ["one", "two", "three"]
    assert not any(done.reused for done in first)
    second = way.go()
    assert way.ran == []
    assert all(done.reused for done in second)
    assert [d.said for d in second] == [d.said for d in first]


def test_after_an_interruption_only_the_rest_is_done(tmp_path: Path) -> None:
    way = Way(tmp_path)
    way.broken = "two"
    with pytest.raises(KeyboardInterrupt):
        way.go()
    way.broken = ""
    way.go()
    assert way.ran == ["two", "three"]


def test_changed_inputs_and_vanished_results_are_done_again(tmp_path: Path) -> None:
    way = Way(tmp_path)
    way.go()
    way.keys["two"] = "changed"
    (tmp_path / "three").unlink()
    way.go()
    assert way.ran == ["two", "three"]


def test_a_gate_ends_the_way_also_for_a_reused_result(tmp_path: Path) -> None:
    way = Way(tmp_path)

    def no(done: Done) -> None:
        raise WorseError(done.said)

    way.gates["two"] = no
    for ran in (["one", "two"], []):
        with pytest.raises(WorseError, match="two is done"):
            way.go()
        assert way.ran == ran


def test_damaged_notes_are_named(tmp_path: Path) -> None:
    (tmp_path / NOTES).write_text(json.dumps({"one": 1}))
    with pytest.raises(StoreError, match="cannot be read"):
        Way(tmp_path).go()


def test_memory_is_in_bytes() -> None:
    assert 1 << 20 < peak_memory() < 1 << 40
