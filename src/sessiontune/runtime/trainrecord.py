"""run.json and report.html: what a run was, so that it can be repeated, compared and shipped."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec
import orjson

from .. import __version__
from ..errors import StoreError, UsageError, cannot_write
from ..evaluation.heldout import held_digest
from ..runs import RECORD, TEMPLATE, known_record, read_record, settled
from ..training.metrics import read_metrics, summary
from ..training.report import render_report
from ..training.spec import TrainSpec, to_dict
from ..training.trl import saved_in
from ..whole import write_whole
from .trainprep import Ready

PACKAGES = ("torch", "transformers", "trl", "peft", "datasets", "accelerate", "tokenizers")
#: What run.json says of a run that ended early.
STOPPED = ("failed", "interrupted")


def now() -> str:
    """This moment in UTC, to the second, as ISO-8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def to_resume(folder: Path) -> dict[str, Any]:
    """The record of a run that is to go on. UsageError where there is none."""
    return read_record(folder, "Start one without --resume.")


def spent(folder: Path) -> bool:
    """Whether a run ended before it had trained a step, or is only a plan (`--dry-run`)."""
    if (known_record(folder) or {}).get("status") not in (*STOPPED, "planned"):
        return False
    trained = any(m["kind"] == "train" for m in read_metrics(folder / "metrics.jsonl"))
    return not (trained or any((folder / "checkpoints").glob("checkpoint-*")))


def set_aside(folder: Path) -> Path:
    """Free the name of a spent run; all that is in it is kept under another one."""
    numbers = (f"-{n}" if n > 1 else "" for n in itertools.count(1))
    names = (folder.with_name(f"{folder.name}.untrained{number}") for number in numbers)
    aside = next(name for name in names if not name.exists())
    try:
        folder.rename(aside)
    except OSError as error:
        raise StoreError(
            f"Cannot rename {folder}: {error.strerror}", "Name another run with -o."
        ) from error
    return aside


def must_be_resumable(folder: Path) -> None:
    """UsageError unless the folder is a run that can go on."""
    if to_resume(folder).get("status") == "done":
        raise UsageError(
            f"{folder} is done: nothing is left to resume.",
            "For a new run leave --resume out, and -o, or name another folder with -o.",
        )


def must_be_free(folder: Path) -> None:
    """UsageError where something stands in the way of a new run: what, and whether it can go on."""
    if (folder.is_dir() and not any(folder.iterdir())) or not folder.exists():
        return
    run = known_record(folder)
    if run is None:
        raise UsageError(f"{folder} is no run.", "Name another folder with -o.")
    if run.get("status") == "done":
        raise UsageError(
            f"{folder} is a run that is done.", "Name another folder with -o, or leave -o out."
        )
    raise UsageError(f"{folder} exists.", "Go on with --resume, or name another folder with -o.")


#: Settings that the machine decides where they are left open, and how that is written.
OPEN: dict[str, Any] = {"method": "auto", "precision": "auto", "length": 0}


def as_begun(folder: Path, spec: TrainSpec) -> TrainSpec:
    """What the plan of an interrupted run settled stays settled, even if the GPU is fuller now, or
    another one."""
    chosen = to_resume(folder).get("settings") or {}
    left = {k: chosen[k] for k, v in OPEN.items() if getattr(spec, k) == v and k in chosen}
    return msgspec.structs.replace(spec, **left)


def another(known: dict[str, Any], now: dict[str, Any]) -> UsageError:
    """Why a run cannot be resumed with what would be trained now: what differs, or, if nothing
    does, that another version began it."""
    data, differs = now["data"], []
    if known.get("base", {}).get("sha256") != now["base"]["sha256"]:
        differs.append(f"the base ({now['base']['id']}, was {known.get('base', {}).get('id')})")
    if known.get("data", {}).get("digest") != data["digest"]:
        differs.append(f"the rows of {data['dir']}")
    was, wanted = settled(known), settled(now)
    flags = [
        f"{_option(name)} ({wanted[name]}, was {was[name]})"
        for name in wanted
        if name in was and was[name] != wanted[name]
    ]
    differs += flags
    if not differs:
        return UsageError(
            f"The run was begun by an earlier version{_by(known, now)}: it made other examples of"
            " the same rows, or counted the settings in another way.",
            "Start a new run with -o. What this one trained stays in its checkpoints.",
        )
    hint = "Leave out what is given: --resume takes it from the run. Or s" if flags else "S"
    return UsageError(
        f"The run cannot be resumed, since this differs: {'; '.join(differs)}.",
        f"{hint}tart a new run with -o.",
    )


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}" if name in TrainSpec.__struct_fields__ else name


def _by(known: dict[str, Any], now: dict[str, Any]) -> str:
    """The versions that differ, of sessiontune and of the packages that make examples."""
    was, here = known.get("versions", {}), now["versions"]
    named = [
        f"{name} {was[name]}, now {here[name]}"
        for name in ("sessiontune", "transformers", "tokenizers")
        if name in was and was[name] != here[name]
    ]
    return f" ({'; '.join(named)})" if named else ""


def start(ready: Ready, folder: Path, started: str) -> dict[str, Any]:
    """run.json before the first step."""
    spec, plan, base = ready.spec, ready.plan, ready.base
    return {
        "version": 1,
        "name": folder.name,
        "status": "planned",
        "base": {
            "id": base.id,
            "path": ready.base_path,
            "revision": base.revision,
            "sha256": base.sha256,
        },
        "data": _data(ready),
        "trainer": spec.trainer,
        "task": spec.task,
        "method": plan.settings.method,
        "spec": to_dict(spec),
        "settings": msgspec.to_builtins(plan.settings),
        # The folder of what was trained; for a full run that is a whole model.
        "adapter": saved_in(plan.settings.method),
        "model": saved_in("full") if plan.settings.method == "full" else None,
        "template": TEMPLATE,
        "tokenizer": "tokenizer",
        "adds_bos": ready.template.adds_bos,
        "stop": ready.template.stops,
        "max_length": plan.settings.length,
        "metrics": {},
        "versions": {"sessiontune": __version__, **_versions()},
        "hardware": msgspec.to_builtins(ready.machine),
        "seeds": {"seed": spec.seed},
        "started": started,
        "ended": None,
    }


def _data(ready: Ready) -> dict[str, Any]:
    folder = Path(ready.data.folder)
    return {
        "dir": str(folder.resolve()),
        "digest": ready.data.digest,
        "held": held_digest(folder),
        "train_rows": len(ready.data.train),
        "eval_rows": len(ready.data.eval),
        "train_examples": len(ready.train.examples),
        "eval_examples": len(ready.held.examples),
        "trained_tokens": ready.train.trained,
        "tokens": ready.fingerprint,
        **_manifest(folder),
    }


def _manifest(folder: Path) -> dict[str, Any]:
    """What the export says of itself, if it has a manifest."""
    path = folder / "manifest.json"
    if not path.is_file():
        return {}
    try:
        known = orjson.loads(path.read_bytes())
    except (OSError, ValueError):
        return {"manifest": "unreadable"}
    return {"recipe": known["recipe"]} if "recipe" in known else {}


def _versions() -> dict[str, str]:
    out = {}
    for name in PACKAGES:
        try:
            out[name] = version(name)
        except PackageNotFoundError:
            out[name] = "not installed"
    return out


def finish(ready: Ready, folder: Path, run: dict[str, Any], status: str) -> dict[str, Any]:
    """Write run.json and report.html as they stand at the end."""
    metrics = read_metrics(folder / "metrics.jsonl")
    done = {**run, "status": status, "metrics": summary(metrics), "ended": now()}
    result = folder / "trainer" / "result.json"
    if status == "done" and result.is_file():
        done["metrics"] |= {"best_checkpoint": orjson.loads(result.read_bytes())["best_checkpoint"]}
    write(folder, done)
    lines = msgspec.to_builtins(list(ready.plan.lines))
    checks = msgspec.to_builtins(list(ready.checks))
    page = render_report(done, lines, checks, metrics)
    _put(folder / "report.html", page)
    return done


def write(folder: Path, run: dict[str, Any]) -> None:
    """Write run.json, whole or not at all. Raises StoreError."""
    _put(folder / RECORD, json.dumps(run, indent=2) + "\n")


def _put(path: Path, text: str) -> None:
    try:
        write_whole(path, text.encode())
    except OSError as error:
        raise cannot_write(path, error, ", then go on with --resume.") from error
