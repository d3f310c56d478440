"""Programs are started in one place: their output streams, and they end with us."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from sessiontune.errors import StoreError, ToolError
from sessiontune.ports import Job
from sessiontune.runtime.process import run_job, start, write_files


def _python(code: str, **more: object) -> Job:
    return Job(name="probe", argv=(sys.executable, "-c", code), **more)  # type: ignore[arg-type]


def test_output_comes_line_by_line_and_redraws_count(tmp_path: Path) -> None:
    code = "import sys; print('one'); sys.stderr.write('1%\\r2%\\r'); print('zwei ü', end='')"
    seen: list[str] = []
    assert run_job(_python(code), tmp_path, seen.append) == 0
    assert sorted(seen) == ["1%", "2%", "one", "zwei ü"]


def test_status_environment_and_missing_program(tmp_path: Path) -> None:
    code = "import os, sys; sys.exit(int(os.environ['STATUS']))"
    assert run_job(_python(code, env={"STATUS": "7"}), tmp_path) == 7
    with pytest.raises(ToolError, match="is not there"):
        run_job(Job(name="x", argv=("no-such-program-here",)), tmp_path)


def test_a_promise_that_is_not_kept_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"did not write out\.bin"):
        run_job(_python("pass", outputs=("out.bin",)), tmp_path)


def test_past_the_timeout_the_whole_group_ends(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    seen: list[str] = []
    with pytest.raises(ToolError, match="took longer"):
        run_job(_python(code), tmp_path, seen.append, timeout=2)
    assert _gone(int(seen[0]))


def test_leaving_the_block_ends_a_server(tmp_path: Path) -> None:
    with start(_python("import time; print('up', flush=True); time.sleep(600)"), tmp_path) as it:
        assert next(it.lines()) == "up"
        assert it.alive()
    assert not it.alive()


def test_files_of_a_job_stay_below_the_folder(tmp_path: Path) -> None:
    write_files(Job(name="x", files={"a/b.yaml": "k: ü\n"}), tmp_path)
    assert (tmp_path / "a/b.yaml").read_text(encoding="utf-8") == "k: ü\n"
    with pytest.raises(StoreError, match="outside"):
        write_files(Job(name="x", files={"../b": ""}), tmp_path)


def _gone(pid: int) -> bool:
    for _ in range(200):
        stat = Path(f"/proc/{pid}/stat")
        if not stat.exists() and os.name == "posix" and not _exists(pid):
            return True
        if stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
