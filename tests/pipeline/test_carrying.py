"""What a person did to an export is in the next one, however the folders are swapped."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Any

import pytest

from sessiontune.errors import StoreError
from sessiontune.manifest import File, Manifest, dump
from sessiontune.pipeline.carrying import MARKER, as_left
from sessiontune.pipeline.publish import (
    Layout,
    Staging,
    _exchange,
    _swap,
    new_name,
    old_name,
    read_layout,
    recover,
)

PAGES = {"README.md": "about", "train/a.jsonl": "rows a", "train/b.jsonl": "rows b"}
Left = dict[str, tuple[int, int]]


def stage(folder: Path, pages: dict[str, str]) -> Staging:
    staging = Staging(folder)
    for name, text in pages.items():
        staging.text(name, text)
    files = tuple(File(f.path, f.sha256, f.bytes) for f in staging.files.values())
    staging.text(MARKER, dump(Manifest(files=files)))
    return staging


def publish(folder: Path, pages: dict[str, str], noted: Left | None = None) -> Left:
    staging = stage(folder, pages)
    return staging.commit(as_left(folder, noted or {}))


def texts(folder: Path) -> dict[str, str]:
    """All files but the manifest, and links to folders."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_symlink():
            found[str(path.relative_to(folder))] = f"-> {path.readlink()}"
        elif path.is_file() and path.name != MARKER:
            found[str(path.relative_to(folder))] = path.read_text()
    return found


@pytest.fixture(params=["exchange", "two renames"])
def out(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for exports, on systems that can exchange two folders and on others."""
    if request.param == "two renames":
        monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())
    return tmp_path / "data"


def test_what_a_person_did_stays(out: Path) -> None:
    left = publish(out, PAGES)
    (out / "notes").mkdir()
    (out / "notes" / "mine.txt").write_text("mine")
    (out / "models").symlink_to("/nowhere/models")
    (out / "here").symlink_to("notes")
    (out / "train" / "a.jsonl").write_text("rows A")
    (out / "train" / "b.jsonl").unlink()
    person = {
        "notes/mine.txt": "mine",
        "models": "-> /nowhere/models",
        "here": "-> notes",
        "train/a.jsonl.yours": "rows A",
    }
    left = publish(out, PAGES, left)
    assert texts(out) == PAGES | person

    (out / "train" / "a.jsonl").write_text("again")
    left = publish(out, {"README.md": "short"}, left)
    person |= {"train/a.jsonl.yours": "again", "train/a.jsonl.yours.kept": "rows A"}
    assert texts(out) == {"README.md": "short"} | person
    publish(out, PAGES, left)
    assert texts(out) == PAGES | person
    assert [path.name for path in out.parent.iterdir()] == [out.name]


@pytest.mark.parametrize("noted", [False, True], ids=["a new state", "an older state"])
def test_what_the_state_does_not_know_the_manifest_tells(tmp_path: Path, noted: bool) -> None:
    out = tmp_path / "data"
    left = publish(out, {"README.md": "old"}) if noted else {}
    publish(out, PAGES, left)
    os.utime(out / "README.md", (1, 1))  # as a copy of the folder has it
    (out / "train" / "a.jsonl").write_text("rows A")
    (out / "train" / "b.jsonl").unlink()
    publish(out, PAGES, left)
    assert texts(out) == PAGES | {"train/a.jsonl.yours": "rows A"}
    assert not (out / f"{MARKER}.yours").exists()


@pytest.mark.parametrize("damaged", [b"\xff\xfe", b"{", b"", b'{"files":[{"path":"\xff"}]}'])
def test_a_damaged_manifest_alone_passes_for_edited(tmp_path: Path, damaged: bytes) -> None:
    out = tmp_path / "data"
    left = publish(out, PAGES)
    (out / MARKER).write_bytes(damaged)
    publish(out, PAGES, left)
    yours = out / f"{MARKER}.yours"
    assert yours.read_bytes() == damaged
    yours.unlink()
    assert texts(out) == PAGES


def test_a_run_that_was_killed_in_the_swap_is_finished(tmp_path: Path) -> None:
    out = tmp_path / "data"
    publish(out, PAGES)
    (out / "mine.txt").write_text("mine")
    os.rename(out, old_name(out))  # between the two renames
    stage(tmp_path / "next", PAGES).folder.rename(new_name(out))
    recover(out)
    assert texts(out) == PAGES | {"mine.txt": "mine"}
    assert [path.name for path in tmp_path.iterdir()] == [out.name]

    (out / "train" / "a.jsonl").write_text("rows A")
    os.rename(out, new_name(out))  # after the exchange
    stage(tmp_path / "next", {"README.md": "new"}).folder.rename(out)
    recover(out)
    person = {"mine.txt": "mine", "train/a.jsonl.yours": "rows A"}
    assert texts(out) == {"README.md": "new"} | person
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_what_was_not_finished_goes(tmp_path: Path) -> None:
    out = tmp_path / "data"
    half = new_name(out)
    half.mkdir()
    (half / "README.md").write_text("half")
    publish(out, PAGES)
    assert texts(out) == PAGES
    half.mkdir()
    (half / "README.md").write_text("half")
    recover(out)
    assert texts(out) == PAGES
    assert not half.exists()


def test_a_first_export_that_was_killed_when_it_was_whole_publishes_nothing(tmp_path: Path) -> None:
    out = tmp_path / "data"
    stage(out, PAGES)
    (new_name(out) / ".DS_Store").touch()  # nor may a file that a system put there
    recover(out)
    assert not list(tmp_path.iterdir())


def test_only_an_export_is_replaced(tmp_path: Path) -> None:
    out = tmp_path / "data"
    out.mkdir()
    publish(out, PAGES)  # an empty folder is
    (tmp_path / "link").symlink_to(out)
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.txt").write_text("mine")
    for folder, says in ((tmp_path / "link", "not a folder"), (other, "did not write")):
        with pytest.raises(StoreError, match=says):
            publish(folder, PAGES)
    assert texts(other) == {"mine.txt": "mine"}
    assert texts(out) == PAGES


def test_where_no_links_can_be_a_second_name_is_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    staging = stage(tmp_path / "data", PAGES)
    staging.link("a.jsonl", "train/a.jsonl")
    staging.commit({})
    assert texts(tmp_path / "data") == PAGES | {"a.jsonl": "rows a"}
    first, second = staging.files["train/a.jsonl"], staging.files["a.jsonl"]
    assert (second.path, second.sha256) == ("a.jsonl", first.sha256)


@pytest.mark.parametrize("noted", [None, b"", b"\x91\x01", b"\xc1"])
def test_a_layout_that_another_version_wrote_is_none(noted: bytes | None) -> None:
    assert read_layout(noted) == Layout()


class _Library:
    """A system's own library that has one of the calls, or none: it is done by two renames."""

    def __init__(self, call: str) -> None:
        self.calls = {call: getattr(self, f"_{call}", None)}

    def __getattr__(self, name: str) -> Any:
        if found := self.__dict__.get("calls", {}).get(name):
            return found
        raise AttributeError(name)

    def _renameat2(self, _: int, one: bytes, __: int, other: bytes, flags: int) -> int:
        return self._renamex_np(one, other, flags)

    def _renamex_np(self, one: bytes, other: bytes, flags: int) -> int:
        assert flags == 2
        os.rename(one, between := one + b"-between")
        os.rename(other, one)
        os.rename(between, other)
        return 0


@pytest.mark.parametrize("call", ["renameat2", "renamex_np", "neither"])
def test_folders_are_exchanged_by_the_call_that_a_system_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    new, target, old = (tmp_path / name for name in ("new", "target", "old"))
    for folder in (new, target):
        folder.mkdir()
        (folder / "named").write_text(folder.name)
    library = _Library(call)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    assert _exchange(new, target) is (call != "neither")
    if call != "neither":
        assert _exchange(new, target)
    _swap(new, target, old)
    assert not new.exists()
    assert (target / "named").read_text() == "new"
    assert (old / "named").read_text() == "target"
