"""A training run from start to end: read, prepare, check, plan, run, record.

The pieces are pure (`training`); here they meet the disk and the worker process. If a check fails
before the first step, nothing is left behind.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from ..bits import NO_MEMORY
from ..errors import (
    Interrupted,
    PreflightError,
    SessiontuneError,
    StoreError,
    ToolError,
    cannot_write,
)
from ..keeping import alone
from ..ports import Job
from ..training import cluster, planner, worker
from ..training.checks import Check, stop_on
from ..training.hardware import machine
from ..training.preflight import check_loss
from ..training.spec import GIVEN, TrainSpec
from . import trainothers as others
from . import trainrecord as record
from .checkup import need_trainer
from .follow import follow
from .process import environment, write_files
from .trainprep import OnEvent, Ready, make_ready


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for. `out` is the run's folder; `resume` continues the one that is there."""

    data: Path
    out: Path
    spec: TrainSpec
    dry_run: bool = False
    resume: bool = False
    force: bool = False
    download: bool = False


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended. `run` is the content of run.json ({} after a dry run)."""

    folder: Path
    plan: planner.Plan
    checks: tuple[Check, ...]
    job: Job
    run: dict[str, Any]


def train(
    request: Request, on_event: OnEvent, approve: Callable[[planner.Plan, list[Check]], None]
) -> Outcome:
    """Train. `approve` sees plan and checks before anything runs and may raise.

    Raises UsageError, PreflightError, ToolError or StoreError with the next step; Interrupted
    after a checkpoint was saved on Ctrl-C.
    """
    folder, spec = request.out, request.spec
    cluster.checked(spec)
    need_trainer(spec, request.dry_run)
    if spec.trainer != "trl" and not request.dry_run:
        others.need_python(spec.trainer, others.python_of(spec.trainer, spec.python))
    if request.resume:
        record.must_be_resumable(folder)
        spec = record.as_begun(folder, spec)
    else:
        record.must_be_free(folder)
    with contextlib.ExitStack() as held:
        return _train(request, spec, _claimed(folder, held), on_event, approve)


def _train(
    request: Request,
    spec: TrainSpec,
    beside: Path,
    on_event: OnEvent,
    approve: Callable[[planner.Plan, list[Check]], None],
) -> Outcome:
    """`train`, with the run's folder held: it is made in `beside`."""
    folder = request.out
    try:
        ready = make_ready(
            request.data, spec, beside, folder, on_event,
            download=request.download, elsewhere=request.dry_run and spec.parallel != "none",
        )  # fmt: skip
        if request.resume:
            _as_begun(ready, folder)
        approve(ready.plan, list(ready.checks))
        stop_on(ready.checks, request.force)
        job = ready.job()
        if request.resume:  # it has all its files
            (folder / "trainer" / "stop").unlink(missing_ok=True)
        else:
            _write(ready, job, beside, folder, on_event)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    if request.dry_run:
        return Outcome(folder=folder, plan=ready.plan, checks=ready.checks, job=job, run={})
    run = _run(ready, folder, job, request, on_event)
    return Outcome(folder=folder, plan=ready.plan, checks=ready.checks, job=job, run=run)


def _claimed(folder: Path, held: contextlib.ExitStack) -> Path:
    """An empty folder beside the run's, to be renamed; while both are held, nobody else makes or
    resumes this run."""
    beside = folder.with_name(f".{folder.name}.part")
    try:
        for path in (folder, beside):
            if path.is_dir():
                held.enter_context(alone(path, folder))
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        held.enter_context(alone(beside, folder))
    except OSError as error:
        raise cannot_write(folder, error, ", or name another place with -o.") from error
    return beside


def _as_begun(ready: Ready, folder: Path) -> None:
    """UsageError, naming what differs, unless the run would go on as it was begun. Its plan then
    says so: what the machine decided at that time was not given."""
    known = record.to_resume(folder)
    if known.get("data", {}).get("tokens") != ready.fingerprint:
        raise record.another(known, record.start(ready, folder, ""))
    begun = [
        msgspec.structs.replace(line, reason="as begun") if line.reason == GIVEN else line
        for line in ready.plan.lines
    ]
    ready.plan = msgspec.structs.replace(ready.plan, lines=tuple(begun))


def _write(ready: Ready, job: Job, beside: Path, folder: Path, on_event: OnEvent) -> None:
    """Fill the run's folder: beside, then renamed."""
    try:
        write_files(job, beside)
        ready.write(beside, on_event)
        record.write(beside, record.start(ready, folder, record.now()))
        if folder.exists():
            folder.rmdir()
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside.rename(folder)
    except OSError as error:
        raise cannot_write(folder, error, ", or name another place with -o.") from error


def _run(
    ready: Ready, folder: Path, job: Job, request: Request, on_event: OnEvent
) -> dict[str, Any]:
    run = {**record.start(ready, folder, record.now()), "status": "running"}
    record.write(folder, run)
    seen: dict[str, Any] = {}

    def note(event: dict[str, Any]) -> None:
        seen[event["event"]] = event
        on_event(event)

    foreign = ready.spec.trainer != "trl"
    if request.resume:
        job = _resumed(ready, job, folder)
    if foreign:
        job = others.watched(job)
    job = msgspec.structs.replace(job, env=environment(job.env))
    status = "failed"
    try:
        if foreign:
            others.preflight(ready, folder, on_event)
        code, tail = follow(job, folder, note, folder / "trainer" / "stop")
        code = _told(code, seen)
        if code == 0 and foreign:
            step = others.stopped_at(folder, ready.plan.steps)
            if step is not None:
                code, seen["stopped"] = worker.STOPPED, {"step": step}
        status = {0: "done", worker.STOPPED: "interrupted"}.get(code, "failed")
        if code == 0 and foreign:
            others.collect(ready, folder)
    except (KeyboardInterrupt, Interrupted):
        status = "interrupted"
        raise
    finally:
        run = record.finish(ready, folder, run, status)
    if code == worker.STOPPED:
        step = seen.get("stopped", {}).get("step", 0)
        raise Interrupted(
            f"Stopped; a checkpoint of step {step} is saved.",
            "Go on with the same command and --resume.",
        )
    if code != 0:
        raise _failure(code, tail, seen, ready)
    return run


def _told(code: int, seen: Mapping[str, Any]) -> int:
    """The worker's own status: a launcher of several processes ends with 1 whatever theirs is."""
    told = {"stopped": worker.STOPPED, "no_memory": worker.NO_MEMORY}
    return next((status for name, status in told.items() if code > 0 and name in seen), code)


def _resumed(ready: Ready, job: Job, folder: Path) -> Job:
    """The job that goes on from the last checkpoint (or starts from the beginning without one)."""
    if ready.spec.trainer == "trl":
        return msgspec.structs.replace(job, argv=(*job.argv, "--resume"))
    return others.resumed(job, folder)


def _failure(code: int, tail: list[str], seen: Mapping[str, Any], ready: Ready) -> SessiontuneError:
    """The error for a worker that ended badly, with what to do."""
    if code == worker.NO_MEMORY or any(w in line.lower() for line in tail for w in NO_MEMORY):
        now = msgspec.structs.replace(ready, machine=machine(Path.cwd()))
        return ToolError("Out of memory.", now.memory_advice())
    if code == worker.BAD_LOSS:
        check = check_loss(float(seen.get("base", {}).get("loss", float("nan"))))
        return PreflightError(f"{check.name}: {check.seen}", check.hint)
    if code == worker.BAD_DATA and "mixed" in seen:
        return PreflightError(
            f"With {ready.base.id} packed examples would see each other.", "Leave --packing out."
        )
    if code == worker.BAD_DATA:
        facts = seen.get("preflight", {})
        return PreflightError(
            f"The trainer would use {facts.get('rows')} of {facts.get('wanted_rows')} examples and "
            f"{facts.get('trained')} of {facts.get('wanted')} trained tokens.",
            "This is a fault of the trainer's version; try `pip install -U trl`.",
        )
    if any("no space left" in line.lower() for line in tail):
        return StoreError(
            "The disk is full.", f"Free about {ready.plan.disk:.2g} GB, then go on with --resume."
        )
    resume = "Go on with --resume; at most the steps since the last checkpoint are lost."
    if code < 0:
        with contextlib.suppress(ValueError):
            name = signal.Signals(-code).name
            more = " (the system may be out of memory)" if name == "SIGKILL" else ""
            return ToolError(f"The trainer was ended by {name}{more}.", resume)
    last = next((line for line in reversed(tail) if line.strip()), "no output")
    return ToolError(
        f"The trainer ended with status {code}: {last}",
        "All of its output is in trainer/output.log of the run.",
    )
