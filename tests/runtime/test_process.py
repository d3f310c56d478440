"""Programs are started in one place: their output streams, and they end with us."""

from __future__ import annotations

import os
import subprocess
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


def test_a_long_line_comes_whole(tmp_path: Path) -> None:
    """It was copied anew with each 64 kB of it."""
    seen: list[str] = []
    run_job(_python("print('x' * 30_000_000); print('end')"), tmp_path, seen.append)
    assert [len(line) for line in seen] == [30_000_000, 3]


def test_status_environment_and_missing_program(tmp_path: Path) -> None:
    code = "import os, sys; sys.exit(int(os.environ['STATUS']))"
    assert run_job(_python(code, env={"STATUS": "7"}), tmp_path) == 7
    with pytest.raises(ToolError, match="is not there"):
        run_job(Job(name="x", argv=("no-such-program-here",)), tmp_path)


def test_a_promise_that_is_not_kept_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"did not write out\.bin"):
        run_job(_python("pass", outputs=("out.bin",)), tmp_path)


def test_leaving_the_block_ends_the_whole_group(tmp_path: Path) -> None:
    job = Job(name="x", argv=("sh", "-c", "sleep 600 & echo $!; sleep 600"))
    with start(job, tmp_path) as it:
        child = int(next(it.lines()))
    assert _gone(child)


def test_leaving_the_block_ends_a_server(tmp_path: Path) -> None:
    with start(_python("import time; print('up', flush=True); time.sleep(600)"), tmp_path) as it:
        assert next(it.lines()) == "up"
        assert it.alive()
    assert not it.alive()


KILLED = """
import sys
from pathlib import Path
from sessiontune.runtime.process import run_job
from sessiontune.shipping.quantise import Quantiser, plan_quantise
job = plan_quantise(Quantiser("program", Path(sys.argv[1])), Path("a"), Path("b"), "q4_k_m")
run_job(job, Path("."), lambda line: print(line, flush=True))
"""


def test_a_program_of_others_ends_with_us_when_we_are_killed(tmp_path: Path) -> None:
    """llama-quantize knows nothing of us, ignores a closed input, and goes on for an hour."""
    program = tmp_path / "llama-quantize"
    program.write_text("#!/bin/sh\ntrap '' HUP PIPE\necho $$ $3\nexec sleep 600\n")
    program.chmod(0o755)
    ship = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(program)], cwd=tmp_path, stdout=subprocess.PIPE
    )
    assert ship.stdout
    with ship.stdout:
        number, kind = ship.stdout.readline().split()
    assert kind == b"Q4_K_M"
    assert not _gone(int(number), 0.5)
    ship.kill()
    ship.wait()
    assert _gone(int(number))


def test_a_leash_passes_on_output_and_status(tmp_path: Path) -> None:
    seen: list[str] = []
    job = _python("import sys; print(sys.argv[1:]); sys.exit(7)", leash=True)
    assert run_job(job, tmp_path, seen.append) == 7
    assert seen == ["[]"]
    with pytest.raises(ToolError, match="'no-such-program-here' for 'x' is not there"):
        run_job(Job(name="x", argv=("no-such-program-here",), leash=True), tmp_path)


def test_files_of_a_job_stay_below_the_folder(tmp_path: Path) -> None:
    write_files(Job(name="x", files={"a/b.yaml": "k: ü\n"}), tmp_path)
    assert (tmp_path / "a/b.yaml").read_text(encoding="utf-8") == "k: ü\n"
    with pytest.raises(StoreError, match="outside"):
        write_files(Job(name="x", files={"../b": ""}), tmp_path)


def _gone(pid: int, seconds: float = 10) -> bool:
    for _ in range(round(seconds / 0.05)):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except OSError:  # it went meanwhile, or the system has no such files
            if not _exists(pid):
                return True
        time.sleep(0.05)
    return False


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_file_that_is_no_program_is_not_said_to_be_missing(tmp_path: Path) -> None:
    (tmp_path / "quantizer").write_text("hello")
    job = Job(name="quantise", argv=(str(tmp_path / "quantizer"),), leash=True)
    with pytest.raises(ToolError, match="no program that can be started"):
        run_job(job, tmp_path)
