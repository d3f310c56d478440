"""Files that cannot be opened, or whose names are no text, cost no other file and are named."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from tests.neighbours import claude_lines

from sessiontune.cli.main import main

linux = pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no such names")


def _named(folder: Path, name: bytes) -> None:
    with open(os.path.join(os.fsencode(folder), name), "wb") as log:
        log.write(b"\n".join(claude_lines()))


@linux
def test_a_name_that_is_not_utf8_is_a_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "logs").mkdir()
    _named(tmp_path / "logs", b"good.jsonl")
    _named(tmp_path / "logs", b"caf\xe9.jsonl")

    out, state = str(tmp_path / "data"), str(tmp_path / "state")
    assert main(["--json", "export", str(tmp_path / "logs"), "-o", out, "--state", state]) == 0
    made = json.loads(capsys.readouterr().out)["manifest"]
    assert made["faults"] == {"name_not_utf8": 1}
    assert made["records"]["files"] == 1

    assert main(["scan", str(tmp_path / "logs")]) == 0
    assert "caf\\xe9.jsonl  name not utf8" in capsys.readouterr().out


@linux
def test_a_folder_of_such_names_says_why_nothing_was_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _named(tmp_path, b"caf\xe9.jsonl")

    assert main(["scan", str(tmp_path)]) == 3

    assert "caf\\xe9.jsonl: name not utf8" in capsys.readouterr().err


def test_a_link_in_a_circle_is_named_with_its_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _named(tmp_path, b"good.jsonl")
    (tmp_path / "loop.jsonl").symlink_to("loop.jsonl")

    assert main(["scan", str(tmp_path)]) == 0

    assert "loop.jsonl  Too many levels of symbolic links" in capsys.readouterr().out
