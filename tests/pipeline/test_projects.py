"""Teams have thousands of projects: what one more of them costs those that were there."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from tests.runs import run

from sessiontune.cli.main import main
from sessiontune.privacy.words import Names
from sessiontune.store import Store

HOME = "/" + "home/"


def _log(logs: Path, cwd: str, name: str) -> None:
    """One question and its answer."""
    folder = logs / "projects" / cwd.replace("/", "-")
    folder.mkdir(parents=True, exist_ok=True)
    said = {"user": "Ask anna.beck why.", "assistant": "Look at the queue."}
    lines = [
        {"type": role, "uuid": f"{name}-{role}", "sessionId": name, "cwd": cwd,
         "timestamp": "2026-03-01T10:00:00.000Z",
         "message": {"role": role, "content": f"{text} {name}", "id": f"msg_{name}"}}
        for role, text in said.items()
    ]  # fmt: skip
    (folder / f"{name}.jsonl").write_bytes(b"".join(orjson.dumps(x) + b"\n" for x in lines))


def _read(folder: Path) -> int:
    """Export; how many units were read."""
    before = _units(folder)
    args: list[str | Path] = ["export", folder / "logs", "-o", folder / "data"]
    done = run(folder / "run", *args, "--state", folder / "state", "--jobs", "1")
    assert done.code == 0, done.err
    return len(_units(folder) - before)


def _units(folder: Path) -> set[str]:
    with Store(folder / "state", write=True) as store:
        return store.unit_keys()


def test_a_new_project_leaves_what_was_read_and_a_new_user_does_not(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    _log(logs, HOME + "kdoyle/src/alpha", "one")
    _log(logs, HOME + "kdoyle/src/beta", "two")
    assert _read(tmp_path) == 2

    _log(logs, HOME + "kdoyle/src/gamma", "three")
    assert _read(tmp_path) == 1

    _log(logs, HOME + "anna.beck/src/alpha", "four")  # her name stands in every log
    assert _read(tmp_path) == 4
    (whole,) = (tmp_path / "data").glob("*_raw.jsonl")
    assert b"anna.beck" not in whole.read_bytes()


def test_scan_looks_for_the_names_of_all_users_and_compiles_them_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    users = [f"{first}.{last}" for first in ("kai", "mia", "noa") for last in ("abt", "beck")]
    for n, user in enumerate([*users, "anna.beck"]):
        _log(tmp_path / "logs", f"{HOME}{user}/src/app", f"s{n}")
    made: list[None] = []
    whole = Names.__init__
    monkeypatch.setattr(Names, "__init__", lambda *args: made.append(whole(*args)))

    assert main(["--json", "scan", str(tmp_path / "logs"), "--jobs", "1"]) == 0

    found = orjson.loads(capsys.readouterr().out)
    assert len(made) == 1
    assert len(found["projects"]) == found["files"] == 7
    assert found["kinds"] == {"user": 7}
