"""The third opinion: another program's rules find nothing in what an export publishes.

The control is a planted key in the same folder: a scanner that sees nothing proves nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zlib
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from keycases import ALNUM, some
from tests.conftest import corpus

from sessiontune.cli.main import main
from sessiontune.errors import ToolError
from sessiontune.runtime.opinion import third_opinion
from sessiontune.sample import write_sample

PROGRAM = shutil.which(
    "kingfisher", path=os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
)
pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason="kingfisher is not installed: pip install 'sessiontune[scan]'"
)


def findings(folder: Path) -> Counter[str]:
    return Counter(found.kind for found in third_opinion([str(folder)]))


def exported(logs: Path, work: Path) -> Path:
    out = work / "out"
    given = ["export", str(logs), "-o", str(out), "--state", str(work / "state"), "--quiet"]
    assert main([*given, "--jobs", "1"]) == 0
    return out


def check(out: Path) -> None:
    assert dict(findings(out)) == {}, "by kind"
    body = some(Random(5), ALNUM, 30)
    planted = "gh" + "p_" + body + check_letters(body)
    (out / "planted.jsonl").write_text('{"content": "token ' + planted + '"}\n')
    assert findings(out), "the control must be found"


def check_letters(body: str) -> str:
    """The last six characters of GitHub's format: the CRC-32 of the rest, in base 62."""
    letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    number, text = zlib.crc32(body.encode()), ""
    while number:
        number, rest = divmod(number, 62)
        text = letters[rest] + text
    return text.rjust(6, "0")


def test_the_export_of_the_sample(tmp_path: Path) -> None:
    write_sample(tmp_path / "home")
    check(exported(tmp_path / "home", tmp_path))


def test_this_repository(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    named = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True)
    names = [name for name in named.stdout.decode().split("\0") if (root / name).is_file()]
    if not names:
        pytest.skip("no checkout")
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, tmp_path / name)
    check(tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(corpus() is None, reason="no real logs: set SESSIONTUNE_CORPUS")
def test_the_export_of_real_logs(tmp_path: Path) -> None:
    logs = corpus()
    assert logs is not None
    check(exported(logs, tmp_path))


def test_scan_shows_it_beside_its_own_findings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = some(Random(6), ALNUM, 30)
    planted = "gh" + "p_" + body + check_letters(body)
    (tmp_path / "notes.txt").write_text(f"one\ntoken {planted}\n")
    given = ["--json", "scan", "--files", str(tmp_path), "--kingfisher", "--fail-on-secrets"]
    assert main(given) == 8
    shown = capsys.readouterr().out
    found = json.loads(shown)["findings"]
    assert {f["detector"] for f in found} == {"audit", "kingfisher"}
    assert all(f["where"].split("notes.txt", 1)[1].startswith(":2") for f in found)
    assert planted not in shown


def test_without_files_or_the_program_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["--json", "scan", str(tmp_path), "--kingfisher"]) == 2
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(ToolError, match="kingfisher") as raised:
        third_opinion([str(tmp_path)])
    assert "sessiontune[scan]" in str(raised.value.hint)
