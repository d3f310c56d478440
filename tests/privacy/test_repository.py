"""The repository itself is clean under its own scanner, and the scanner is not blind."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from sessiontune.cli.main import main

ROOT = Path(__file__).resolve().parents[2]


def tracked() -> list[Path]:
    """Files under version control; all files where this is no checkout."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True)
    names = [n for n in done.stdout.decode().split("\0") if n]
    found = [ROOT / n for n in names] if done.returncode == 0 else list(ROOT.glob("src/**/*.py"))
    return [p for p in found if p.is_file()]


def scan(paths: list[Path], capsys: pytest.CaptureFixture[str]) -> tuple[int, list[dict[str, str]]]:
    capsys.readouterr()
    flags = [word for path in paths for word in ("--files", str(path))]
    code = main(["--json", "scan", "--fail-on-secrets", *flags])
    return code, json.loads(capsys.readouterr().out)["findings"]


def test_the_repository_is_clean(capsys: pytest.CaptureFixture[str]) -> None:
    code, findings = scan(tracked(), capsys)
    assert findings == []
    assert code == 0


def test_a_planted_key_is_found_and_not_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The control: without it, a blind scanner would pass the test above."""
    value = "AK" + "IA" + "Q3EGT7WLNZ5VYXHB"
    planted = tmp_path / "settings.py"
    planted.write_text(f'aws_access_key_id = "{value}"\n')
    code, findings = scan([planted], capsys)
    assert code == 8
    assert findings
    assert value not in json.dumps(findings)
