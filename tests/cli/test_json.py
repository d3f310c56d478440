"""What a command prints: one JSON object whatever it ends with, and readers that go early."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sessiontune.cli.main import main

#: Put together here, so that this file holds none.
KEY = "AK" + "IA" + "Q3EGT7WL" + "NZ5VYXHB"


def test_findings_and_the_error_are_one_object(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    planted = tmp_path / "settings.py"
    planted.write_text(f'key = "{KEY}"\n', encoding="utf-8")

    code = main(["scan", "--files", str(planted), "--fail-on-secrets", "--json"])

    shown = capsys.readouterr()
    told = json.loads(shown.out)
    assert code == told["error"]["code"] == 8
    assert told["findings"]
    assert shown.err == ""


@pytest.mark.parametrize(
    ("verb", "missing"),
    [("tune", "No base model named."), ("train", "Missing argument 'DIR'."),
     ("forget", "Missing argument 'PROJECT|SESSION|FILE'.")],
)  # fmt: skip
def test_a_verb_alone_says_what_it_lacks(
    verb: str, missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It said that arguments are missing."""
    assert main([verb, "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["message"] == missing


def test_a_value_that_is_missing_leads_to_the_help_of_its_verb(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It led to the help of the program."""
    assert main(["--json", "export", "-o"]) == 2
    assert (
        json.loads(capsys.readouterr().out)["error"]["hint"] == "See 'sessiontune export --help'."
    )


def test_a_file_in_the_place_of_the_state_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It said: File exists."""
    (tmp_path / "notes.txt").write_text("mine")
    where = ["-o", str(tmp_path / "out"), "--state", str(tmp_path / "notes.txt")]
    assert main(["--json", "export", str(tmp_path), *where]) == 5
    error = json.loads(capsys.readouterr().out)["error"]
    assert "there is a file in the place of a folder" in error["message"]
    assert error["hint"] == "Mend that, or give another folder with --state."


def test_a_person_is_shown_the_help_of_a_verb_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tune"]) == 2
    assert "Usage: sessiontune tune [OPTIONS]" in capsys.readouterr().err


def test_a_wrong_command_line_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json", "export", "--frobnicate"]) == 2

    assert json.loads(capsys.readouterr().out)["error"]["kind"] == "UsageError"


def test_a_path_that_is_no_text_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json", "scan", "/nowhere/caf\udce9"]) == 3

    assert "/nowhere/caf\udce9" in json.loads(capsys.readouterr().out)["error"]["message"]


def _run(*args: str, shell: str) -> subprocess.CompletedProcess[str]:
    """The command as a shell runs it; `shell` says where its streams lead."""
    line = f'set -o pipefail; "$@" {shell}'
    argv = ["bash", "-c", line, "bash", sys.executable, "-m", "sessiontune", *args]
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.run(argv, capture_output=True, text=True, timeout=600, env=buffered)


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_a_reader_that_leaves_early_changes_no_exit_code(flags: tuple[str, ...]) -> None:
    ended = _run("trainers", "list", *flags, shell="| true")

    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_findings_count_though_nobody_reads_them(tmp_path: Path, flags: tuple[str, ...]) -> None:
    many = "".join(f'key{n} = "{KEY}"\n' for n in range(2000))  # more than a pipe holds
    (tmp_path / "settings.py").write_text(many, encoding="utf-8")

    ended = _run("scan", "--files", str(tmp_path), "--fail-on-secrets", *flags, shell="| true")

    assert ended.returncode == 8
    assert "Traceback" not in ended.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_output_that_leads_to_a_full_disk_is_an_error_of_ours(flags: tuple[str, ...]) -> None:
    ended = _run("trainers", "list", *flags, shell="> /dev/full")

    assert ended.returncode == 5
    assert ended.stderr.startswith("Error: The disk is full.")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_what_is_said_beside_may_be_lost(exported: Path) -> None:
    """A training of hours ended when the reader of its log did."""
    where = ("-o", str(exported / "new"), "--state", str(exported / "state"))
    logs = str(exported / "logs")
    for argv, code in (
        (("export", logs, *where, "--verbose"), 0),
        (("show", str(exported / "missing")), 3),
        (("show",), 2),
    ):
        assert _run(*argv, shell="2> /dev/full").returncode == code


@pytest.mark.parametrize("shell", [">&-", "2>&-"])
def test_a_closed_stream_stops_nothing(shell: str) -> None:
    ended = _run("trainers", "list", "--json", shell=shell)

    assert ended.returncode == 0
    assert "Traceback" not in ended.stderr
    assert shell == ">&-" or json.loads(ended.stdout)["trainers"]


def test_what_may_not_be_opened_is_an_error_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where no command has words of its own for it, as of the recipe here."""

    def closed(path: Path, *_: object, **__: object) -> bytes:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    (tmp_path / "r.toml").touch()
    for read in ("read_bytes", "read_text", "open"):
        monkeypatch.setattr(Path, read, closed)
    code = main(["export", str(tmp_path), "--recipe", str(tmp_path / "r.toml")])
    monkeypatch.undo()
    assert code == 5
    assert f"Permission denied ({tmp_path / 'r.toml'}).\n  Change" in capsys.readouterr().err


@pytest.mark.parametrize("command", [("export", "."), ("train", ".", "--base", "tiny")])
def test_a_name_that_is_too_long_is_an_error_of_ours(
    command: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "-o", str(tmp_path / ("a" * 300))]) == 5
    said = " ".join(capsys.readouterr().err.split())
    assert "File name too long" in said
    assert said.endswith("Name another place.")
