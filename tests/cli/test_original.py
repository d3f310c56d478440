"""`python3 export_conversations.py` takes every option of `sessiontune export`, global ones too."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sessiontune.sample import write_sample
from sessiontune.shipping.converter import cache_folder

SCRIPT = Path(__file__).resolve().parents[2] / "export_conversations.py"


@pytest.mark.parametrize("flags", [["-q"], ["--json"], []])
def test_a_folder_is_honoured_whatever_stands_before_it(tmp_path: Path, flags: list[str]) -> None:
    write_sample(tmp_path / "all")
    logs = sorted((tmp_path / "all").rglob("*.jsonl"), key=lambda path: path.stat().st_size)
    (tmp_path / "home" / ".claude" / "projects" / "p").mkdir(parents=True)
    shutil.copy(logs[len(logs) // 2], tmp_path / "home" / ".claude" / "projects" / "p")
    away = {"CLAUDE_CONFIG_DIR", "XDG_DATA_HOME", "SESSIONTUNE_STATE"}
    env = {k: v for k, v in os.environ.items() if k not in away}
    env["HOME"] = str(tmp_path / "home")
    env["SESSIONTUNE_CACHE"] = str(cache_folder(os.environ))  # rules are compiled once

    subprocess.run(
        [sys.executable, str(SCRIPT), *flags, "-o", "mine"], cwd=tmp_path, env=env, check=True
    )

    assert (tmp_path / "mine" / "mine_conversations_sharegpt.jsonl").exists()
    assert not (tmp_path / "conversations").exists()
