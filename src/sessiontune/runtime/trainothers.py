"""Runs of LLaMA-Factory, Axolotl and Unsloth: their environments, preflight and results."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import orjson

from ..errors import PreflightError, ToolError
from ..ports import Job
from ..templating import Encoded
from ..training import axolotl, llamafactory, unsloth
from ..training.checks import Check
from ..training.metrics import from_trainer_state
from ..training.others import (
    CHECKED,
    ENV,
    HOOK,
    Given,
    apart,
    hook_files,
    message_rows,
    turns_alone,
)
from ..training.preflight import compare_prepared
from ..training.prepare import read_tokens
from ..training.trl import saved_in
from .process import environment, run_kept, write_files

if TYPE_CHECKING:
    from .trainprep import OnEvent, Ready


def environment_of(trainer: str) -> Path:
    """Where `sessiontune trainers install` puts a trainer's environment."""
    from platformdirs import user_data_path

    return user_data_path("sessiontune") / "trainers" / trainer


def python_of(trainer: str, named: str) -> str:
    """The interpreter to use: the one named, else our own environment's. It may not exist yet."""
    if named:
        return str(Path(named).expanduser().absolute())
    return str(environment_of(trainer) / "bin" / "python")


def need_python(trainer: str, python: str) -> None:
    """ToolError with the next step when there is no such interpreter."""
    if not Path(python).is_file():
        raise ToolError(
            f"{trainer} is not installed ({python} is missing).",
            f"`sessiontune trainers install {trainer}`, or name its interpreter with --python.",
        )


def given_of(ready: Ready) -> Given:
    """What the planners of the other trainers need of a run."""
    base = "./base" if ready.base_path == "base" else ready.base_path
    return Given(
        spec=ready.spec,
        plan=ready.plan,
        base=base,
        train=ready.train,
        held=ready.held,
        python=python_of(ready.spec.trainer, ready.spec.python),
    )


def plan_job(ready: Ready) -> Job:
    """The trainer's job, with the files that its program reads."""
    given = given_of(ready)
    if ready.spec.trainer == "llamafactory":
        tokenizer = ready.template.tokenizer
        train, held = (turns_alone(part, tokenizer)[0] for part in (ready.train, ready.held))
        job = llamafactory.job(given, train, held)
    elif ready.spec.trainer == "axolotl":
        rows = {}
        for side, prepared in (("train", ready.train), ("eval", ready.held)):
            whole, texts = apart(prepared)
            rows[side] = message_rows(whole)
            alone = turns_alone(texts, ready.template.tokenizer)[0]
            rows[f"{side}_text"] = axolotl.segments(alone)
        job = axolotl.job(given, rows)
    else:
        job = unsloth.job(given)
    return msgspec.structs.replace(job, files={**job.files, **hook_files()})


def expected(ready: Ready, held: bool) -> Sequence[Encoded]:
    """The examples that the trainer must have prepared."""
    part = ready.held if held else ready.train
    if ready.spec.trainer == "llamafactory":
        return turns_alone(part, ready.template.tokenizer)[1]
    if ready.spec.trainer == "axolotl":
        whole, texts = apart(part)
        return [*whole.examples, *turns_alone(texts, ready.template.tokenizer)[1]]
    return part.examples


def preflight(ready: Ready, folder: Path, on_event: OnEvent) -> list[Check]:
    """Let the trainer prepare its data and compare that with ours, both sides.

    Raises ToolError when its own preparation fails and PreflightError on a mismatch.
    """
    given = given_of(ready)
    need_python(ready.spec.trainer, given.python)
    argv = {
        "llamafactory": llamafactory.check_argv,
        "axolotl": axolotl.check_argv,
        "unsloth": unsloth.check_argv,
    }[ready.spec.trainer](given)
    (folder / "preflight").mkdir(exist_ok=True)
    on_event({"event": "phase", "text": f"{ready.spec.trainer} prepares its data"})
    check = Job(name=f"{ready.spec.trainer} check", argv=argv, env=environment(ENV))
    status, tail = run_kept(check, folder, lambda line: on_event({"event": "line", "text": line}))
    if status != 0:
        last = next((line for line in reversed(tail) if line.strip()), "no output")
        (folder / "trainer" / "check.log").write_text("\n".join(tail), encoding="utf-8")
        raise ToolError(
            f"{ready.spec.trainer} cannot prepare the data: {last}",
            "All of its output is in trainer/check.log of the run.",
        )
    out = []
    for name, held in ((CHECKED[0], False), (CHECKED[1], True)):
        if held and not ready.held.examples:
            continue
        if not (folder / name).is_file():
            raise PreflightError(
                f"{ready.spec.trainer} prepared no {'evaluation' if held else 'training'} data."
            )
        found = compare_prepared(expected(ready, held), read_tokens(folder / name))
        out.append(found)
        if found.level == "bad":
            raise PreflightError(
                f"{ready.spec.trainer}, {name}: {found.seen}", found.hint or "Use --trainer trl."
            )
    return out


def watched(job: Job) -> Job:
    """The job with our watcher on the trainer's Python path, before the user's own entries."""
    path = os.pathsep.join(filter(None, (HOOK, os.environ.get("PYTHONPATH", ""))))
    return msgspec.structs.replace(job, env={**job.env, "PYTHONPATH": path})


def stopped_at(folder: Path, steps: int) -> int | None:
    """The step at which a trainer stopped because it was asked to; None if it went to its end."""
    newest = last_checkpoint(folder)
    step = int(newest.rsplit("-", 1)[1]) if newest else 0
    return step if (folder / "trainer" / "stop").exists() and step < steps else None


def last_checkpoint(folder: Path) -> str:
    """The newest checkpoint that holds a trainer state, relative to the run; "" for none."""
    found = [
        (int(path.parent.name.rsplit("-", 1)[1]), path.parent)
        for path in (folder / "checkpoints").glob("checkpoint-*/trainer_state.json")
    ]
    return str(max(found)[1].relative_to(folder)) if found else ""


def resumed(job: Job, folder: Path) -> Job:
    """The job that goes on from the last checkpoint; the user's own edits of its files stay."""
    newest = last_checkpoint(folder)
    if not newest:
        return job
    if job.name == "unsloth":
        return msgspec.structs.replace(job, argv=(*job.argv, "--resume"))
    path = folder / "trainer" / f"{job.name}.yaml"
    kept = [
        line
        for line in path.read_text("utf-8").splitlines()
        if not line.startswith("resume_from_checkpoint:")
    ]
    lines = [*kept, f"resume_from_checkpoint: {newest}"]
    write_files(Job(name=job.name, files={f"trainer/{path.name}": "\n".join(lines) + "\n"}), folder)
    return job


def collect(ready: Ready, folder: Path) -> None:
    """Put adapter, tokenizer, metrics and result where a run has them."""
    made = folder / "checkpoints"
    state = made / "trainer_state.json"
    if not state.is_file():
        newest = last_checkpoint(folder)
        state = folder / newest / "trainer_state.json" if newest else state
    if not state.is_file():
        raise ToolError(f"{ready.spec.trainer} left no trainer_state.json.", "See output.log.")
    metrics = from_trainer_state(state)
    (folder / "metrics.jsonl").write_bytes(b"".join(orjson.dumps(m) + b"\n" for m in metrics))
    known = json.loads(state.read_text("utf-8"))
    if ready.plan.settings.method == "full":
        names = ["config.json", *(p.name for p in sorted(made.glob("*.safetensors*")))]
        names += [n for n in ("generation_config.json",) if (made / n).is_file()]
    else:
        names = ["adapter_config.json", "adapter_model.safetensors"]
    saved = folder / saved_in(ready.plan.settings.method)
    saved.mkdir(exist_ok=True)
    for name in names:
        if not (made / name).is_file():
            raise ToolError(f"{ready.spec.trainer} left no {name}.", "See trainer/output.log.")
        shutil.copyfile(made / name, saved / name)
    ready.template.tokenizer.chat_template = ready.template.source
    ready.template.tokenizer.save_pretrained(folder / "tokenizer")
    if ready.plan.settings.method == "full":
        ready.template.tokenizer.save_pretrained(saved)
    result = {
        "steps": known.get("global_step", 0),
        "best_checkpoint": known.get("best_model_checkpoint"),
        "best_loss": known.get("best_metric"),
    }
    (folder / "trainer" / "result.json").write_text(json.dumps(result, indent=2) + "\n")
