"""Compiled rules are kept between runs, and never trusted blindly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sessiontune.privacy import compiled
from sessiontune.privacy.prefilter import HyperscanFilter

pytest.importorskip("hyperscan", reason="no wheel of hyperscan for this machine")
PATTERNS = ["token=[a-z]{4}", r"\d{3}-\d{2}"]
TEXT = b"a token=abcd and 123-45"
HITS = [(0, 12), (1, 23)]


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = compiled._where
    yield
    compiled.use(before)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    compiled.use(lambda: tmp_path / "rules")
    return tmp_path / "rules"


def kept(folder: Path) -> Path:
    (file,) = folder.iterdir()
    return file


def test_what_was_kept_finds_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert HyperscanFilter(PATTERNS, kept=True).scan(TEXT) == HITS
    assert kept(folder).stat().st_mode & 0o777 == 0o600
    monkeypatch.setattr(compiled, "keep", lambda *given: pytest.fail("compiled again"))
    assert HyperscanFilter(PATTERNS, kept=True).scan(TEXT) == HITS


@pytest.mark.parametrize("harm", ["cut", "altered", "empty", "of others", "other content"])
def test_what_is_harmed_is_compiled_anew(folder: Path, harm: str) -> None:
    HyperscanFilter(PATTERNS, kept=True)
    file, good = kept(folder), kept(folder).read_bytes()
    bad = {
        "cut": good[:-1],
        "altered": good[:-9] + bytes([good[-9] ^ 1]) + good[-8:],
        "empty": b"",
        "of others": good,
        "other content": b"",
    }[harm]
    if harm == "other content":  # a true mark over bytes that are no database
        compiled.keep(file.name, b"no database at all")
    else:
        file.write_bytes(bad)
    if harm == "of others":
        file.chmod(0o666)
        assert compiled.load(file.name) is None
    assert HyperscanFilter(PATTERNS, kept=True).scan(TEXT) == HITS
    assert file.read_bytes() == good
    assert compiled.load(file.name) is not None, "it was written anew, for the user alone"


def test_other_patterns_have_another_file_and_few_are_kept(folder: Path) -> None:
    for number in range(12):
        HyperscanFilter([f"pattern{number}x"], kept=True)
    assert len(list(folder.iterdir())) == 8


def test_nothing_is_written_unasked(folder: Path) -> None:
    compiled.use(None)
    HyperscanFilter(PATTERNS, kept=True)
    assert not folder.exists()


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    compiled.use(lambda: tmp_path / "file" / "rules")
    assert HyperscanFilter(PATTERNS, kept=True).scan(TEXT) == HITS
