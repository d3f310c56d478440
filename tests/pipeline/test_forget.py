"""What is forgotten leaves the state; what shared a unit with it stays, log or no log."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.random_logs import Thread, Writer
from tests.runs import Run, rows, run

from sessiontune.store import Store

Row = dict[str, Any]

#: Put together here, so that the repository itself names no home.
HOME = b"/" + b"home/"


class Desk:
    """A session, a copy of it in another log that goes on, and a project beside them."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder, self.options = folder, ("--no-privacy", *options)
        self.state = folder / "state"
        writer = Writer(1)
        first = Thread(writer.fresh("session"))
        writer.main(first)
        writer.turn(first)
        copy = Thread(writer.fresh("session"))
        copy.records = [{**record, "sessionId": copy.session} for record in first.records]
        copy.tip = first.tip
        writer.main(copy)
        for thread in (first, first, copy, copy):
            writer.turn(thread)
        logs = {Path(file).stem: Path(file) for file in writer.save(folder / "logs" / "a")}
        self.first, self.copy = logs[first.session], logs[copy.session]
        self.another(2)

    def another(self, seed: int) -> None:
        """A project in another folder: its names make all logs be read again."""
        writer = Writer(seed)
        writer.project(plain=True)
        for file in writer.save(self.folder / "logs" / str(seed)):
            text = Path(file).read_bytes().replace(HOME + b"dev/shop", HOME + b"eve%d/x" % seed)
            Path(file).write_bytes(text)

    def run(self, *args: str | Path, at: int = 0) -> Run:
        return run(self.folder / "run", *args, "--state", self.state, at=at)

    def export(self, *more: str) -> list[Row]:
        args = ("--json", "export", self.folder / "logs", "-o", self.folder / "data")
        done = self.run(*args, "--jobs", "1", "--thinking", "--no-parquet", *self.options, *more)
        assert done.code == 0, done.err
        records = done.json()["manifest"]["records"]
        assert records["read"] == records["used"] + records["dropped"] + records["faulty"]
        return rows(self.folder / "data")

    def forget(self, what: str | Path) -> None:
        done = self.run("forget", what, "--yes")
        assert done.code == 0, done.err

    def held(self, words: set[str]) -> set[str]:
        """Which of some words stand in the state."""
        state = b"".join(p.read_bytes() for p in self.state.rglob("*") if p.is_file())
        return {word for word in words if word.encode() in state}


def _words(log: Path, other: Path | None = None) -> set[str]:
    """The ids of the messages of a log that are not in another."""
    records = [orjson.loads(line) for line in log.read_bytes().splitlines()]
    found = {r["uuid"] for r in records if r["type"] in ("user", "assistant")}
    return found - _words(other) if other else found


def _texts(found: list[Row]) -> dict[tuple[str, str, str], str]:
    """What is said, and its side."""
    return {(r["message_id"], r["role"], r["content"]): r["split"] for r in found}


def _loose(found: list[Row]) -> set[str]:
    """Where branches leave a message that nothing holds."""
    held = {r["message_id"] for r in found}
    points = {r["forked_from"] for r in found if r["forked_from"]}
    return {point for point in points if point.partition("/")[2] not in held}


def _hook(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Leaves out the session that goes on from the copy."""
    (folder / "leaving.py").write_text(
        "def branches(session):\n    return None if session.forked_from else session\n"
    )
    monkeypatch.syspath_prepend(folder)
    return "leaving:branches"


@pytest.mark.parametrize("sibling", ["lives", "vanishes", "vanishes unseen"])
@pytest.mark.parametrize("asked", ["lives", "vanished"])
@pytest.mark.parametrize("name", ["first", "copy"])
def test_a_log_is_forgotten_and_its_sibling_stays(
    tmp_path: Path, name: str, asked: str, sibling: str
) -> None:
    desk = Desk(tmp_path)
    log, other = (desk.first, desk.copy) if name == "first" else (desk.copy, desk.first)
    before = _texts(desk.export())
    data = log.read_bytes()
    mine, kept = _words(log, other), _words(other, log)
    if asked == "vanished":
        log.unlink()
    if sibling == "vanishes":
        other.unlink()
    assert _texts(desk.export()) == before
    if sibling == "vanishes unseen":
        other.unlink()
    desk.forget(log)
    assert not desk.held({*mine, log.stem})
    if asked == "lives":
        log.unlink()
    rest = {text: side for text, side in before.items() if text[0] in kept}
    assert rest
    for seed in (3, 4):
        found = desk.export()
        after = _texts(found)
        assert after.items() >= rest.items()
        assert not {text[0] for text in after} & mine
        assert not _loose(found)
        assert not desk.held({*mine, log.stem})
        desk.another(seed)  # all is read again
    log.write_bytes(data)  # and what comes back is read again
    assert (
        _texts(desk.export()).items()
        >= {t: before[t] for t in before if t[0] in mine | kept}.items()
    )
    assert _texts(desk.export("--force")).keys() >= before.keys()


def test_a_working_copy_is_forgotten_with_its_project(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    project = (HOME + b"dev/shop").decode()
    copy = json.dumps(f"{project}/.claude/worktrees/w1")
    for log in (desk.first, desk.copy):
        log.write_text(log.read_text().replace(json.dumps(project), copy))
    desk.export()
    mine = _words(desk.first) | _words(desk.copy)
    assert desk.held(mine)
    desk.forget(project)
    assert not desk.held(mine)


@pytest.mark.parametrize("way", ["hard link", "link", "folder", "moved"])
def test_a_log_is_forgotten_by_another_name_of_it(tmp_path: Path, way: str) -> None:
    """The state knows it by the name that comes first, or by the one that it had when it was read:
    it knew nothing of it, or kept a word of where it had been."""
    desk = Desk(tmp_path)
    other = tmp_path / "logs" / "z" / desk.first.name
    other.parent.mkdir()
    desk.export()
    if way == "hard link":
        os.link(desk.first, other)
    elif way == "link":  # this is the name that the state knows
        desk.first.rename(tmp_path / desk.first.name)
        desk.first.symlink_to(tmp_path / desk.first.name)
        other = desk.first
    elif way == "folder":
        folder = desk.first.parent
        folder.rename(tmp_path / "disk")
        folder.symlink_to(tmp_path / "disk")
        other = desk.first
    else:
        shutil.copyfile(desk.first, other)
        with other.open("ab") as more:
            more.write(b'\n{"type":"x"}\n')
        desk.first.unlink()
    desk.export()
    mine = _words(desk.first if way != "moved" else other, desk.copy)
    desk.forget(other)
    assert not desk.held({*mine, desk.first.stem})
    assert desk.held({desk.copy.stem})


def test_a_log_that_is_forgotten_while_it_lives_is_read_again(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    before = _texts(desk.export())
    desk.copy.unlink()
    desk.export()
    desk.forget(desk.first)
    assert _texts(desk.export()) == before


def test_what_is_killed_half_way_is_done_when_asked_again(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    before = _texts(desk.export())
    mine, kept = _words(desk.first, desk.copy), _words(desk.copy, desk.first)
    desk.first.unlink()
    desk.copy.unlink()
    desk.export()
    shutil.copytree(desk.state, tmp_path / "whole")
    steps = desk.run("forget", desk.first, "--yes").steps
    assert steps > 10
    for at in range(2, steps, steps // 8):
        shutil.rmtree(desk.state)
        shutil.copytree(tmp_path / "whole", desk.state)
        assert desk.run("forget", desk.first, "--yes", at=at).code < 0
        again = desk.run("forget", desk.first, "--yes")
        assert again.code == 0 or "knows nothing of" in again.err, again.err
        assert not desk.held(mine)
        after = _texts(desk.export("--force"))
        assert after.items() >= {t: side for t, side in before.items() if t[0] in kept}.items()
        assert not {text[0] for text in after} & mine


def test_twice_is_said_and_takes_nothing_more(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.export()
    desk.first.unlink()
    desk.copy.unlink()
    desk.export()
    desk.forget(desk.first)
    again = desk.run("forget", desk.first, "--yes")
    assert (again.code, "knows nothing of" in again.err) == (2, True)
    after = _texts(desk.export())
    desk.another(3)
    assert _texts(desk.export()).keys() >= after.keys()
    desk.forget(desk.copy)  # the last one of the unit
    desk.export()
    assert not desk.held({desk.copy.stem, desk.first.stem})


@pytest.mark.parametrize("name", ["first", "copy"])
def test_what_a_hook_took_out_of_the_sibling_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    hook = _hook(tmp_path, monkeypatch)
    desk = Desk(tmp_path)
    log, other = (desk.first, desk.copy) if name == "first" else (desk.copy, desk.first)
    whole = {text[0] for text in _texts(desk.export())}
    before = _texts(desk.export("--preprocess", hook))
    mine, kept = _words(log, other), _words(other, log)
    assert whole - {text[0] for text in before}
    log.unlink()
    other.unlink()
    assert _texts(desk.export("--preprocess", hook)) == before
    desk.forget(log)
    assert not desk.held(mine)
    desk.export("--preprocess", hook)
    assert not desk.held(mine)
    without = {text[0] for text in _texts(desk.export())}
    assert without >= whole & kept
    assert not without & mine


def test_a_session_is_forgotten_and_the_others_of_its_log_stay(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    before = desk.export()
    threads = {r["thread"] for r in before if r["message_id"] in _words(desk.copy)}
    branch = next(r["thread"] for r in before if r["forked_from"] and r["thread"] in threads)
    mine = {r["message_id"] for r in before if r["thread"] == branch}
    desk.first.unlink()
    desk.copy.unlink()
    desk.export()
    desk.forget(branch)
    assert not desk.held(mine - {r["message_id"] for r in before if r["thread"] != branch})
    left = _texts([r for r in before if r["thread"] != branch])
    for seed in (3, 4):
        after = desk.export()
        assert _texts(after).items() >= left.items()
        assert branch not in {r["thread"] for r in after}
        desk.another(seed)


def test_prune_takes_what_stayed_too(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.export()
    kept = _words(desk.copy, desk.first)
    desk.first.unlink()
    desk.copy.unlink()
    desk.export()
    desk.forget(desk.first)
    assert desk.held(kept)
    after = desk.export("--prune")
    assert not {r["message_id"] for r in after} & kept
    assert not desk.held({desk.copy.name})


def test_a_vanished_log_with_nothing_behind_it_is_not_passed_over(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.export()
    desk.first.unlink()
    desk.export()
    with Store(desk.state, write=True) as store:
        lost = [key for key, paths in store.unit_paths().items() if str(desk.first) in paths]
        store.delete_units(lost)
    args = ("export", tmp_path / "logs", "-o", tmp_path / "data", "--force", "--no-privacy")
    done = desk.run(*args)
    assert done.code == 5
    assert f"has lost what it held of {desk.first}" in done.err
    assert "sessiontune forget" in done.err
    desk.forget(desk.first)
    assert desk.run(*args).code == 0


def test_a_log_that_vanished_before_it_was_read_stops_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path)
    before = desk.export()
    desk.another(3)
    log = min((tmp_path / "logs" / "3").rglob("*.jsonl"))
    args = ("export", tmp_path / "logs", "-o", tmp_path / "data", "--no-privacy")
    (tmp_path / "failing.py").write_text("def always(session):\n    raise ValueError\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert desk.run(*args, "--preprocess", "failing:always").code == 2  # when the logs are known
    with Store(desk.state, write=False) as store:
        assert str(log) in store.files()
    for path in (tmp_path / "logs" / "3").rglob("*.jsonl"):
        path.unlink()
    assert _texts(desk.export("--force")) == _texts(before)
    with Store(desk.state, write=False) as store:
        assert str(log) not in store.files()


def test_an_export_of_one_folder_keeps_what_a_vanished_log_of_another_held(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    apart = tmp_path / "logs" / "b" / "projects" / "-home-dev-shop" / desk.copy.name
    apart.parent.mkdir(parents=True)
    desk.copy.rename(apart)
    before = _texts(desk.export())
    desk.first.unlink()
    desk.export()
    args = ("export", tmp_path / "logs" / "b", "-o", tmp_path / "other", "--no-privacy", "--force")
    assert desk.run(*args).code == 0
    desk.another(3)
    assert _texts(desk.export()).items() >= before.items()
