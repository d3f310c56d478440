"""One export of a small sample for all command tests."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sessiontune.cli.main import main
from sessiontune.sample import write_sample

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run a command: (exit code, stdout, stderr)."""

    def run(*args: str | Path) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(a) for a in args])
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `logs`, their export `data` and its `state`."""
    base = tmp_path_factory.mktemp("made")
    write_sample(base / "logs")
    code = main(
        [
            "export",
            str(base / "logs"),
            "-o",
            str(base / "data"),
            "--state",
            str(base / "state"),
            "--jobs",
            "1",
            "--quiet",
        ]
    )
    assert code == 0
    return base


@pytest.fixture
def world(made: Path, tmp_path: Path) -> Path:
    """A copy that a test may change. Paths differ, so the state is built anew there."""
    shutil.copytree(made / "logs", tmp_path / "logs")
    return tmp_path


def manifest(folder: Path) -> dict[str, Any]:
    """The manifest of an export."""
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return found
