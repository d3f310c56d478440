"""One export of a small sample for all command tests."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
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


def _export(folder: Path, largest: int = 1 << 20) -> None:
    """Write the sample, without logs larger than `largest`, to `logs`, and export it to `data` with
    its `state` beside it."""
    write_sample(folder / "logs")
    for log in (folder / "logs").rglob("*.jsonl"):
        if log.stat().st_size > largest:
            log.unlink()
    where = ("-o", str(folder / "data"), "--state", str(folder / "state"))
    assert main(["export", str(folder / "logs"), *where, "--jobs", "1", "--quiet"]) == 0


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `logs`, their export `data` and its `state`."""
    base = tmp_path_factory.mktemp("made")
    _export(base)
    return base


@pytest.fixture(scope="session")
def _kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("exported")
    _export(base / "world", largest=80_000)
    (base / "world").rename(base / "kept")
    return base


@pytest.fixture
def exported(_kept: Path) -> Iterator[Path]:
    """The same with the smaller half of the logs, which a test may change, except for their bytes.
    It is always in the same place, and the logs are the same files, so that the state is valid."""
    kept, world = _kept / "kept", _kept / "world"
    logs = _times(kept / "logs")
    shutil.copytree(kept / "logs", world / "logs", copy_function=os.link)
    for name in ("data", "state"):
        shutil.copytree(kept / name, world / name)
    yield world
    shutil.rmtree(world)
    assert _times(kept / "logs") == logs, "use `world` where a log is written to"


def _times(folder: Path) -> dict[Path, tuple[int, int]]:
    stats = {path: path.stat() for path in folder.rglob("*.jsonl")}
    return {path: (info.st_size, info.st_mtime_ns) for path, info in stats.items()}


@pytest.fixture
def world(made: Path, tmp_path: Path) -> Path:
    """A copy that a test may change. Paths differ, so the state is built anew there."""
    shutil.copytree(made / "logs", tmp_path / "logs")
    return tmp_path


def manifest(folder: Path) -> dict[str, Any]:
    """The manifest of an export."""
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return found
