"""What cannot be read costs no other file, and is named in words."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import orjson
import pytest
from tests.neighbours import claude_lines

from sessiontune.cli.main import main
from sessiontune.reasons import FAULTS

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


@linux
def test_a_target_of_such_a_name_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "logs").mkdir()
    _named(tmp_path / "logs", b"good.jsonl")
    out, state = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"), str(tmp_path / "state")

    assert main(["--json", "export", str(tmp_path / "logs"), "-o", out, "--state", state]) == 5

    assert "is not UTF-8" in json.loads(capsys.readouterr().out)["error"]["message"]


def test_a_link_in_a_circle_is_named_with_its_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _named(tmp_path, b"good.jsonl")
    (tmp_path / "loop.jsonl").symlink_to("loop.jsonl")

    assert main(["scan", str(tmp_path)]) == 0

    assert "loop.jsonl  Too many levels of symbolic links" in capsys.readouterr().out


def test_every_reason_of_a_fault_has_words() -> None:
    """Reasons as they stand in the source: one that is misspelt has no words."""
    source = Path(__file__).parents[1] / "src" / "sessiontune"
    code = "".join(path.read_text() for path in source.rglob("*.py"))
    used = set(re.findall(r'Fault\(\s*(?:reason=)?"(\w+)"', code))

    assert {"line_too_long", "bad_json", "too_deep"} <= used
    assert used - FAULTS.keys() == set()


def test_a_line_over_the_limit_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = claude_lines()
    long = b'{"type":"user","message":{"role":"user","content":"%b"}}' % (b"x" * 70_000_000)
    (tmp_path / "a.jsonl").write_bytes(b"\n".join([good[0], long, *good[1:]]))

    assert main(["scan", str(tmp_path)]) == 0

    assert "a.jsonl:2  line too long" in capsys.readouterr().out


def test_thousands_of_projects_leave_the_rest_in_sight(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for n in range(45):
        rows = [orjson.loads(line) for line in claude_lines()]
        for row in rows:
            ids = {"uuid": f"{n}{row['uuid']}", "parentUuid": n and f"{n}{row['parentUuid']}"}
            row |= {**ids, "sessionId": f"s{n}", "cwd": f"/srv/p{n}"}
            row["message"]["id"] = f"m{row['uuid']}"
        (tmp_path / f"s{n}.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))

    assert main(["scan", str(tmp_path)]) == 0

    shown = capsys.readouterr().out
    assert shown.count("/srv/p") == 40
    assert "and 5 more (--verbose lists all)" in shown
