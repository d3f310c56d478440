"""Parquet from stretches: the same bytes at once or bit by bit, and little of it made anew."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import msgspec
import pytest
from tests.formats.make import conversation, said

from sessiontune.general import read_rows
from sessiontune.pipeline import columnar, digesting, outfile
from sessiontune.pipeline.assemble import Former, Part, look
from sessiontune.pipeline.columnar import Kept
from sessiontune.ports import EncodeOptions
from sessiontune.registry import format as format_of

NAME = "OPENBLAS_NUM_THREADS"


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columnar, "_STRETCH", 20_000)
    monkeypatch.setattr(outfile, "_BUFFER", 4096)
    monkeypatch.setattr(outfile, "_STEP", 4096)


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """(start, length) of the rows that were encoded."""
    seen: list[tuple[int, int]] = []
    real = columnar.write_parquet

    def spy(source: Path, target: Path, start: int, length: int, thinking: bool) -> int:
        seen.append((start, length))
        return real(source, target, start, length, thinking)

    monkeypatch.setattr(columnar, "write_parquet", spy)
    return seen


def rows_of(unit: int, extra: str = "") -> bytes:
    """The rows of a unit: one to four conversations."""
    random = Random(unit)
    out = []
    for n in range(random.randrange(1, 5)):
        words = " ".join(f"w{random.randrange(1000)}" for _ in range(random.randrange(5, 600)))
        made = conversation(said("user", f"{unit} {n} {extra}"), said("assistant", words))
        out += format_of("openai").encode(made, EncodeOptions(), {})
    return b"".join(row + b"\n" for row in out)


class Export:
    """`openai.jsonl` and `data.parquet` of some units, each with an extra word or none."""

    def __init__(self, folder: Path, units: dict[int, str], before: Export | None = None) -> None:
        folder.mkdir()
        self.source, self.target = folder / "openai.jsonl", folder / "data.parquet"
        texts = {unit: rows_of(unit, extra) for unit, extra in units.items()}
        self.source.write_bytes(b"".join(texts.values()))
        parts = [
            (Part(hashlib.sha256(text).hexdigest(), "", [(0, len(text))]), f"session {unit}")
            for unit, text in texts.items()
        ]
        former = Former(before.target, before.kept.laid) if before else None
        done, kept, self.rows = columnar.write(
            self.source, self.target, parts, former, before.kept if before else None
        )
        self.data = self.target.read_bytes()
        assert done.sha256 == hashlib.sha256(self.data).hexdigest()
        laid = msgspec.structs.replace(kept.laid, stat=look(self.target))
        encoded = msgspec.msgpack.encode(Kept(laid, kept.entries, kept.ends))
        self.kept = msgspec.msgpack.decode(encoded, type=Kept)
        assert [p.name for p in folder.iterdir() if p.name.endswith(".part")] == []
        assert list(read_rows(str(self.target))) == [
            json.loads(line) for line in self.source.read_bytes().split(b"\n") if line
        ]
        assert self.rows == self.source.read_bytes().count(b"\n")


def test_day_by_day_equals_at_once(tmp_path: Path, encoded: list[tuple[int, int]]) -> None:
    random = Random(4)
    units = dict.fromkeys(range(40), "")
    before = Export(tmp_path / "0", units)
    assert len(before.kept.entries) > 5
    for day in range(1, 8):
        units = dict(units)
        if day == 3:
            del units[min(units)]
        elif day == 5:
            units[100] = ""
        else:
            units[random.choice(sorted(units))] += f" day {day}"
        encoded.clear()
        after = Export(tmp_path / str(day), units, before)
        anew = sum(length for _, length in encoded)
        assert anew < after.source.stat().st_size / 2
        assert after.data == Export(tmp_path / f"{day}-fresh", units).data
        before = after


def test_nothing_changed_encodes_nothing(tmp_path: Path, encoded: list[tuple[int, int]]) -> None:
    before = Export(tmp_path / "a", dict.fromkeys(range(20), ""))
    encoded.clear()
    assert Export(tmp_path / "b", dict.fromkeys(range(20), ""), before).data == before.data
    assert encoded == []


@pytest.mark.skipif(digesting.Digest().state() is None, reason="no resumable digest here")
def test_the_digest_goes_on_where_the_files_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    units = dict.fromkeys(range(40), "")
    before = Export(tmp_path / "a", units)
    hashed = []
    real = digesting.Digest.update

    def spy(self: digesting.Digest, data: bytearray, length: int, start: int = 0) -> None:
        hashed.append(length)
        real(self, data, length, start)

    monkeypatch.setattr(digesting.Digest, "update", spy)
    for changed, most in ((39, 0.5), (0, 1.0)):  # late in the file, and in its beginning
        hashed.clear()
        after = Export(tmp_path / str(changed), units | {changed: "more"}, before)
        assert 0 < sum(hashed) <= most * len(after.data)
    first = Export(tmp_path / "first", {100: "", **units}, before)  # before all that is kept
    assert first.data == Export(tmp_path / "fresh", {100: "", **units}).data


def test_no_rows(tmp_path: Path) -> None:
    empty = Export(tmp_path / "a", {})
    assert empty.rows == 0
    some = Export(tmp_path / "b", {1: ""}, empty)
    assert some.rows == Export(tmp_path / "c", {1: ""}).rows
    assert Export(tmp_path / "d", {}, some).data == empty.data


def test_an_edited_file_is_not_copied_from(tmp_path: Path, encoded: list[tuple[int, int]]) -> None:
    before = Export(tmp_path / "a", dict.fromkeys(range(20), ""))
    real = columnar.File.copy

    def edit(self: columnar.File, runs: list[columnar.Run]) -> None:
        before.target.write_bytes(b"PAR1 mine")
        columnar.File.copy = real  # type: ignore[method-assign]
        real(self, runs)

    columnar.File.copy = edit  # type: ignore[method-assign]
    try:
        after = Export(tmp_path / "b", dict.fromkeys(range(20), ""), before)
    finally:
        columnar.File.copy = real  # type: ignore[method-assign]
    assert after.data == before.data


def test_rows_whose_key_says_too_little_are_always_encoded(
    tmp_path: Path, encoded: list[tuple[int, int]]
) -> None:
    part = Part("", "", [(0, 7)])
    assert [s.key for s in columnar.stretches([(part, "mix")], False)] == [""]


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="counts threads by /proc")
def test_arrow_starts_no_threads_that_have_nothing_to_do() -> None:
    def threads(load: str, **more: str) -> str:
        code = f"{load}; import os; print(len(os.listdir('/proc/self/task')), os.environ.get(NAME))"
        env = {name: value for name, value in os.environ.items() if name != NAME} | more
        made = [sys.executable, "-c", f"NAME = {NAME!r}; {code}"]
        return subprocess.run(made, env=env, check=True, capture_output=True, text=True).stdout

    ours = "from sessiontune.formats.parquet import load_arrow; load_arrow()"
    fewest = threads("import pyarrow", **{NAME: "1"})
    assert threads(ours) == fewest.replace(" 1\n", " None\n")
    assert threads(ours, **{NAME: "1"}) == fewest
