"""What logs give does not depend on earlier exports of them, whatever became of them meanwhile."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.random_logs import Writer
from tests.runs import rows

from sessiontune.errors import SourceError
from sessiontune.pipeline import Request, export
from sessiontune.privacy.options import PrivacyOptions
from sessiontune.recipe import Recipe
from sessiontune.runtime.local import LocalRunner
from sessiontune.store import Store


class Desk:
    """A home with logs that come, grow, go and move, and a state that follows them."""

    def __init__(self, folder: Path, seed: int, beside: bool = False) -> None:
        self.folder, self.random = folder, Random(seed)
        self.homes = 0
        self.final: dict[str, bytes] = {}
        self.sides: dict[str, str] = {}
        for number in range(self.random.choice([1, 2])):
            middle = self.random.random() < 0.4
            writer = Writer(100 * seed + number, in_the_middle=middle, beside=beside)
            writer.project()
            for log in writer.save(folder / "written", spoil=self.random.random() < 0.2):
                name = str(Path(log).relative_to(folder / "written"))
                self.final[f"p{number}/{name}"] = Path(log).read_bytes()
            for name, whole in writer.sides.items():
                self.sides[f"p{number}/projects/-home-dev-shop/{name}"] = whole
        self.where = {name: name for name in self.final}
        self.written: dict[str, bytes] = {}
        self.home.mkdir()

    @property
    def home(self) -> Path:
        return self.folder / f"home{self.homes}"

    def path(self, name: str) -> Path:
        return self.home / self.where[name]

    def _write(self, name: str, data: bytes) -> None:
        path, before = self.path(name), self.written.get(name, b"")
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and data.startswith(before):
            with path.open("ab") as log:
                log.write(data[len(before) :])
        else:
            path.write_bytes(data)
        self.written[name] = data

    def _grow(self, name: str, data: bytes) -> None:
        """Write a log up to some line, and never less than it was."""
        lines = data.splitlines(keepends=True)
        cut = b"".join(lines[: self.random.randint(1, len(lines))])
        self._write(name, max(cut, self.written.get(name, b""), key=len))

    def step(self) -> None:
        """Each log is written on, goes away, or moves; perhaps the whole home does."""
        for name, data in self.final.items():
            draw = self.random.random()
            there = self.path(name).exists()
            if draw < 0.3:
                self.path(name).unlink(missing_ok=True)
            elif draw < 0.5:
                self._grow(name, data)
            elif draw < 0.7:
                if there or self.random.random() < 0.5:
                    self._move(name, there)
                self._write(name, data)
        if self.random.random() < 0.3:
            before = self.home
            self.homes += 1
            before.rename(self.home)

    def week(self) -> None:
        """Logs are written on, move or are deleted; files beside them are written, and deleted for
        good."""
        for name, data in self.final.items():
            draw = self.random.random()
            if draw < 0.2:
                self.path(name).unlink(missing_ok=True)
            elif draw < 0.7:
                self._grow(name, data)
            elif draw < 0.8 and self.path(name).exists():
                self._move(name, there=True)
        for name, whole in [*self.sides.items()]:
            beside = self.home / name
            if beside.exists() and self.random.random() < 0.3:
                beside.unlink()
                del self.sides[name]
            elif not beside.exists() and self.random.random() < 0.8:
                beside.parent.mkdir(parents=True, exist_ok=True)
                beside.write_text(whole)

    def _move(self, name: str, there: bool) -> None:
        before = self.path(name)
        self.where[name] = f"m{self.random.randint(0, 2)}/{name}"
        if there and before != self.path(name):
            self.path(name).parent.mkdir(parents=True, exist_ok=True)
            move = self.random.choice([Path.rename, shutil.copyfile])
            move(before, self.path(name))
            before.unlink(missing_ok=True)

    def end(self) -> None:
        """All logs are there, whole."""
        for name, data in self.final.items():
            self._write(name, data)

    def export(self, out: str, state: str = "state", **how: bool) -> list[dict[str, Any]]:
        plain = PrivacyOptions(enabled=False)
        recipe = Recipe(thinking=True, parquet=False, eval_share=0.0, privacy=plain)
        request = Request(recipe=recipe, roots=(self.home,), out=self.folder / out, **how)
        with Store(self.folder / state, write=True) as store, LocalRunner(1) as runner:
            export(request, store, runner)
        return [] if how.get("dry_run") else rows(self.folder / out)


def _told(found: list[dict[str, Any]]) -> list[str]:
    """All rows, without the name of their group, which an earlier export gave."""
    return sorted(str({**row, "group": ""}) for row in found)


@pytest.mark.parametrize("start", range(0, 20, 10))
def test_what_is_exported_in_steps_is_what_is_exported_at_once(tmp_path: Path, start: int) -> None:
    for seed in range(start, start + 10):
        desk = Desk(tmp_path / str(seed), seed)
        for _ in range(desk.random.randint(1, 4)):
            desk.step()
            how = {name: desk.random.random() < 0.2 for name in ("prune", "dry_run", "verify")}
            try:
                desk.export(desk.random.choice(["one", "two"]), **how)
            except SourceError:  # no log is there yet
                continue
        desk.end()
        found = desk.export("one", force=True)
        scratch = desk.folder / "scratch"
        scratch.mkdir()
        shutil.copyfile(desk.folder / "state" / "salt", scratch / "salt")
        assert _told(found) == _told(desk.export("fresh", "scratch")), f"seed {seed}"


_SAID = re.compile(r"(?:prompt|answer|thought|command|output|objection)-\d+-\d{5}(?:-end)?")


@pytest.mark.parametrize("start", range(0, 12, 6))
def test_what_was_exported_once_stays_and_stands_once(tmp_path: Path, start: int) -> None:
    for seed in range(start, start + 6):
        desk = Desk(tmp_path / str(seed), seed, beside=True)
        known: set[str] = set()
        for _ in range(8):
            desk.week()
            dry, verify = desk.random.random() < 0.2, desk.random.random() < 0.2
            try:
                found = desk.export("one", dry_run=dry, verify=verify)
            except SourceError:  # no log is there yet
                continue
            told = Counter(said for row in found for said in _SAID.findall(str(row)))
            if not dry:
                assert max(told.values()) == 1, f"seed {seed}"
                assert known <= set(told), f"seed {seed}"
                known = set(told)
