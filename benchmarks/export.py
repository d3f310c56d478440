"""What an export costs, as ratios to bare `orjson.loads` of the same lines in the same run.

    python benchmarks/export.py [--mb 500] [--big 100] [--project-gb 2] [--quick] [--out FILE]
        [--dataclaw PROGRAM]

Every run is a fresh process and a fresh state. CPU seconds are those of the process and all its
children; bare loads are measured before and after each run, so that a busy machine slows both. Wall
times, and so the gain of a second process, are meaningful only on an idle machine. Memory is the
largest sum of proportional set sizes over the process tree. The table of stages (stages.py)
explains the ratio.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import orjson

HERE = Path(__file__).resolve().parent


Row = tuple[str, str, str, str]


@dataclass
class Run:
    """One measured command. Seconds; MiB."""

    cpu: float
    wall: float
    peak: float


def main() -> None:
    args = _arguments()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed program is compiled already
    work = Path(tempfile.mkdtemp(prefix="sessiontune-bench-", dir=args.work))
    rows: list[Row] = []
    try:
        _measure(args, work, rows)
    finally:
        shutil.rmtree(work, ignore_errors=True)
        _save(rows, args.out)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mb", type=int, default=500)
    parser.add_argument("--big", type=int, default=100, help="MB of the one big session")
    parser.add_argument("--project-gb", type=float, default=2.0, help="0 skips it")
    parser.add_argument("--quick", action="store_true", help="50 MB, no project")
    parser.add_argument("--work", default=None, help="where to generate")
    parser.add_argument("--out", default="", help="also write the table as JSON")
    parser.add_argument("--dataclaw", default="dataclaw", help="the program, or where it lies")
    args = parser.parse_args()
    if args.quick:
        args.mb, args.big, args.project_gb = 50, 10, 0
    return args


def _measure(args: argparse.Namespace, work: Path, rows: list[Row]) -> None:
    _first(work, rows)
    corpus = make_corpus(work / "corpus", args.mb, args.big)
    size = tree_bytes(corpus) / 1e6
    bare = [loads(corpus)]
    put(
        rows,
        ("bare orjson.loads", f"{size:.0f} MB", f"{bare[0]:.2f} s", f"{size / bare[0]:.0f} MB/s"),
    )
    one = export(corpus, work / "one", work / "s1", "--jobs", "1")
    bare.append(loads(corpus))
    put(rows, _ratio("export, privacy on, one process", one, bare, "<= 10"))
    put(rows, ("peak memory, one process", f"{one.peak:.0f} MiB", "", "<= 500"))
    two = export(corpus, work / "two", work / "s2", "--jobs", "2")
    put(
        rows,
        (
            "two processes: speed-up",
            f"{one.wall / two.wall:.2f}",
            f"{two.wall:.1f} s wall",
            ">= 1.7",
        ),
    )
    put(rows, ("peak memory, two processes", f"{two.peak:.0f} MiB", "", "<= 500"))
    bare = [loads(corpus)]
    off = export(corpus, work / "off", work / "s3", "--jobs", "1", "--no-privacy")
    bare.append(loads(corpus))
    put(rows, _ratio("export, privacy off, one process", off, bare, "<= 4"))
    again = export(corpus, work / "one", work / "s1", "--jobs", "1")
    limit = max(0.03 * one.cpu, 0.5)
    put(
        rows,
        (
            "nothing changed",
            f"{again.cpu:.2f} s",
            f"{again.cpu / one.cpu:.1%}",
            f"<= {limit:.2f} s",
        ),
    )

    small = make_corpus(work / "small", args.mb // 10, 0)
    small_size = tree_bytes(small) / 1e6
    few = export(small, work / "few", work / "s4", "--jobs", "1")
    drift = (one.cpu / size) / (few.cpu / small_size) - 1
    put(
        rows, (f"cost per MB, {small_size:.0f} to {size:.0f} MB", f"{drift:+.1%}", "", "within 15%")
    )
    for name in ("corpus", "small", "one", "two", "off", "few", "s1", "s2", "s3", "s4"):
        if name != "corpus":
            shutil.rmtree(work / name, ignore_errors=True)
    _stages(corpus, rows)
    put(rows, _dataclaw(args.dataclaw, corpus, work))
    shutil.rmtree(work / "corpus")
    if args.project_gb:
        _project(args, work, rows)


def _first(work: Path, rows: list[Row]) -> None:
    """What every run costs however little it reads, and what only the first run of a version costs:
    compiling the rules of privacy. The runs after it find them compiled."""
    os.environ["SESSIONTUNE_CACHE"] = str(work / "cache")
    tiny = make_corpus(work / "tiny", 1, 0)
    first = export(tiny, work / "t1", work / "st1", "--jobs", "1")
    then = export(tiny, work / "t2", work / "st2", "--jobs", "1")
    for name in ("tiny", "t1", "t2", "st1", "st2"):
        shutil.rmtree(work / name)
    put(rows, ("compiling the rules, once a version", f"{first.cpu - then.cpu:.2f} CPU s", "", ""))
    put(rows, ("export of 1 MB", f"{then.cpu:.2f} CPU s", "", ""))


def _project(args: argparse.Namespace, work: Path, rows: list[Row]) -> None:
    """One project of some GB: memory, and what one appended line costs."""
    project = make_corpus(work / "project", int(args.project_gb * 1000), args.big, "--one-project")
    size = tree_bytes(project) / 1e6
    first = export(project, work / "p", work / "sp")
    put(
        rows,
        (f"one project of {size:.0f} MB", f"{first.cpu:.1f} CPU s", f"{first.wall:.1f} s wall", ""),
    )
    put(rows, ("its peak memory", f"{first.peak:.0f} MiB", "", "<= 500"))
    logs = sorted(p for p in project.rglob("*.jsonl") if not p.name.startswith("agent-"))
    for which, log in (("any session", logs[0]), ("the newest session", max(logs, key=_began))):
        append_line(log)
        os.sync()  # pending writes of the previous run are not this one's cost
        more = export(project, work / "p", work / "sp")
        cost = (f"{more.cpu:.2f} s", f"{more.cpu / first.cpu:.1%}", "< 2%")
        put(rows, (f"one line appended to {which}", *cost))


def _ratio(name: str, run: Run, bare: list[float], goal: str) -> Row:
    """`bare`: cost of loads before and after the run."""
    return (name, f"{run.cpu / mean(bare):.1f} x", f"{run.cpu:.2f} CPU s", goal)


def make_corpus(folder: Path, mb: int, big: int, *more: str) -> Path:
    """Generate a corpus of the real shape."""
    command = [sys.executable, str(HERE / "make_corpus.py"), str(folder), "--mb", str(mb)]
    command += ["--big-session-mb", str(big), "--seed", "1", *more]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder


def tree_bytes(folder: Path) -> int:
    """Bytes of all session logs."""
    return sum(p.stat().st_size for p in folder.rglob("*.jsonl"))


def loads(folder: Path) -> float:
    """CPU seconds of reading every line with orjson."""
    start = time.process_time()
    for path in sorted(folder.rglob("*.jsonl")):
        with open(path, "rb") as log:
            for line in log:
                try:
                    orjson.loads(line)
                except orjson.JSONDecodeError:
                    continue
    return time.process_time() - start


def _began(path: Path) -> str:
    """When a session began."""
    with open(path, "rb") as log:
        for line in log:
            try:
                if when := orjson.loads(line).get("timestamp"):
                    return str(when)
            except (orjson.JSONDecodeError, AttributeError):
                continue
    return ""


def append_line(path: Path) -> None:
    """Append one user record to a session."""
    records = [orjson.loads(x) for x in path.read_bytes().splitlines()[:200] if x[:1] == b"{"]
    last = next(r for r in reversed(records) if r.get("type") == "user")
    own = str(uuid.uuid5(uuid.NAMESPACE_OID, path.name))
    record = {**last, "uuid": own, "parentUuid": last["uuid"]}
    record["message"] = {"role": "user", "content": "One more question, please: what is next?"}
    with open(path, "ab") as log:
        log.write(orjson.dumps(record) + b"\n")


def export(corpus: Path, out: Path, state: Path, *more: str) -> Run:
    """Run `sessiontune export` and measure it."""
    command = [sys.executable, "-m", "sessiontune", "export", str(corpus), "-o", str(out)]
    return measure([*command, "--state", str(state), "--quiet", *more])


def measure(command: list[str], **more: Any) -> Run:
    """CPU of the process tree, wall time, peak memory of the tree."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    process = subprocess.Popen(command, **more)
    peak = [0.0]
    watcher = threading.Thread(target=_watch, args=(process.pid, peak), daemon=True)
    watcher.start()
    if process.wait():
        raise SystemExit(f"failed: {' '.join(command)}")
    wall = time.perf_counter() - start
    watcher.join()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(cpu, wall, peak[0])


def _watch(pid: int, peak: list[float]) -> None:
    while os.path.exists(f"/proc/{pid}/status"):
        total = sum(_pss(p) for p in _tree(pid))
        peak[0] = max(peak[0], total / 1024)
        time.sleep(0.1)


def _tree(pid: int) -> list[int]:
    found = [pid]
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            children = Path(f"/proc/{pid}/task/{task}/children").read_text().split()
            for child in children:
                found += _tree(int(child))
    except OSError:
        return found
    return found


def _pss(pid: int) -> int:
    """Proportional set size in KiB; 0 for a process that has ended."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except OSError:
        return 0
    return 0


def _stages(corpus: Path, rows: list[Row]) -> None:
    """What each stage costs, with privacy and without, largest first."""
    on, off = _stages_of(corpus), _stages_of(corpus, "--no-privacy")
    put(rows, ("stage", "privacy on", "off", "CPU, as a multiple of bare loads"))
    for stage in sorted(on, key=lambda name: -on[name]):
        put(rows, (stage, f"{on[stage]:.2f} x", f"{off.get(stage, 0.0):.2f} x", ""))


def _stages_of(corpus: Path, *more: str) -> dict[str, float]:
    with tempfile.NamedTemporaryFile(suffix=".json") as table:
        command = [sys.executable, str(HERE / "stages.py"), str(corpus), *more]
        command += ["--json", table.name]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        found: dict[str, float] = json.loads(Path(table.name).read_bytes())
    return found


def _dataclaw(name: str, corpus: Path, work: Path) -> Row:
    """The same corpus with dataclaw, if it is installed."""
    program = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if program is None:
        return ("dataclaw", "not installed", "", "")
    home = work / "dataclaw-home"
    (home / ".claude").mkdir(parents=True)
    (home / ".claude" / "projects").symlink_to(next(corpus.rglob("projects"), corpus))
    os.environ["HOME"], old = str(home), os.environ["HOME"]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    try:
        # It requires these two decisions before an export.
        for decision in (["--source", "claude"], ["--confirm-projects"]):
            subprocess.run([program, "config", *decision], check=True, **quiet)
        out = work / "dataclaw.jsonl"
        export = [program, "export", "--source", "claude", "--all-projects", "--no-push"]
        bare = [loads(corpus)]
        run = measure([*export, "-o", str(out)], **quiet)
        bare.append(loads(corpus))
    except (SystemExit, subprocess.CalledProcessError) as error:
        return ("dataclaw", "failed", str(error)[:60], "")
    finally:
        os.environ["HOME"] = old
    size = f"{run.peak:.0f} MiB, {out.stat().st_size / 1e6:.0f} MB written"
    return _ratio("dataclaw export", run, bare, size)


def put(rows: list[Row], row: Row) -> None:
    """Add a result and print it at once: a whole run takes most of an hour."""
    rows.append(row)
    widths = (38, 12, 14, 0)
    print("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)), flush=True)


def _save(rows: list[Row], out: str) -> None:
    if out:
        Path(out).write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
