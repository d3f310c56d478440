"""`sessiontune train`: an export in, a LoRA adapter out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import click
import msgspec

from ..errors import AdviceError, UsageError
from ..training.spec import TrainSpec
from .again import program
from .console import Console, print_plain
from .options import PLACE

if TYPE_CHECKING:
    from rich.console import Console as RichConsole

    from ..runtime.train import Outcome
    from ..training.checks import Check
    from ..training.planner import Plan

#: Flag and help; each is a field of the spec, which knows its type, and of a recipe's [train].
FIELDS: dict[str, str] = {
    "--base": "The model to tune: local folder, hub id, or 'tiny'.",
    "--trainer": "Which program trains (trl).",
    "--task": "Train on examples (sft, default) or preferences.",
    "--method": "Which weights are tuned, in how many bits (auto: what fits).",
    "--template": "Chat template: chatml, llama3, gemma or a file (the base's own).",
    "--rank": "LoRA rank (16).",
    "--alpha": "LoRA alpha (32).",
    "--dropout": "LoRA dropout (0.05).",
    "--targets": "Adapted layers: all-linear (default), or names with commas.",
    "--rate": "Peak learning rate (2e-4; full 1e-5; kto, dpo 5e-6).",
    "--epochs": "Passes over the data (3).",
    "--max-steps": "End after this many steps (0, the default: all epochs).",
    "--batch": "Examples per device and step (1).",
    "--accumulation": "Steps summed before an update (effective batch 8).",
    "--length": "Tokens per example (8192, less on small machines).",
    "--schedule": "Schedule of the learning rate (cosine).",
    "--warmup": "Share of the steps in which the learning rate rises (0.08).",
    "--weight-decay": "Weight decay (0.01).",
    "--clip": "Gradient norm limit (1.0).",
    "--eval-every": "Steps between evaluations and checkpoints (four an epoch).",
    "--eval-limit": "Held-out examples in each evaluation (0, the default: all).",
    "--patience": "Evaluations without gain before stopping (2; 0: never).",
    "--keep": "Checkpoints kept (3).",
    "--seed": "Seed (42).",
    "--precision": "Number format (auto: what the device does well).",
    "--device": "Where to train (auto: a GPU if there is one).",
    "--threads": "CPU threads (0: as torch chooses).",
    "--beta": "Strength of kto and dpo (0.1).",
    "--python": "Python of another trainer's environment (found by itself).",
    "--gpus": "GPUs per node, for the generated cluster settings (1).",
    "--nodes": "Nodes, for the generated cluster settings (1).",
    "--parallel": "How to use several GPUs (none).",
}


def option_name(flag: str) -> str:
    """The field that a flag sets."""
    return flag.removeprefix("--").replace("-", "_")


def train_options(*only: str) -> Callable[[Any], Any]:
    """The settings of a run as options, all or those named; not given means None."""

    def add(command: Any) -> Any:
        types = get_type_hints(TrainSpec)
        for flag, text in reversed(FIELDS.items()):
            if not only or flag in only:
                kind = types[option_name(flag)]
                given = click.Choice(get_args(kind)) if get_args(kind) else kind
                command = click.option(flag, type=given, default=None, help=text)(command)
        return command

    return add


@click.command(no_args_is_help=True)
@click.argument("data", type=PLACE, metavar="DIR")
@click.option("-o", "--out", type=PLACE, metavar="RUN", help="Folder to make (DIR-run).")
@click.option(
    "--preset",
    default="",
    metavar="NAME",
    help="original (the settings of the first README) or demo (those of --base tiny).",
)
@train_options()
@click.option(
    "--packing/--no-packing",
    default=None,
    help="Several short examples in one row (trl, sft; default: off).",
)
@click.option(
    "--log-to",
    multiple=True,
    help="Also log to tensorboard; with trl to trackio or wandb too. Repeatable.",
)
@click.option("--recipe", type=PLACE, help="TOML with a [train] table.")
@click.option("--dry-run", is_flag=True, help="Write the plan and the trainer's files; stop.")
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint.")
@click.option("--force", is_flag=True, help="Train despite checks that advise against it.")
@click.option("--download", is_flag=True, help="Fetch the base from the hub if it is not here.")
@click.pass_obj
def train(
    console: Console,
    /,
    data: Path,
    out: Path | None,
    preset: str,
    recipe: Path | None,
    dry_run: bool,
    resume: bool,
    force: bool,
    download: bool,
    log_to: tuple[str, ...],
    **given: Any,
) -> None:
    """Tune a model on an export.

    DIR is what `sessiontune export` wrote. The plan is shown before anything runs and written to
    RUN/plan.json; the adapter goes to RUN/adapter, the curves to RUN/report.html. Defaults
    stand in parentheses.
    """
    from ..runtime.trainrecord import must_be_free
    from ..training.spec import make_spec, preset_of

    settings = {**given, "log_to": log_to or None}
    folder = out or default_run(data, resume)
    if out and not resume:
        must_be_free(out)
    table = recipe_table(recipe)
    if resume and not (recipe or preset):
        table = settings_of(folder)
    elif not table.get("preset"):
        base, task = (str(settings.get(n) or table.get(n) or "") for n in ("base", "task"))
        preset = preset_of(base, task or "sft", preset)
    spec = make_spec(settings, table, preset)
    if not (out or resume) and folder.exists():
        make_way(console, folder)
    outcome = run_train(
        console, data, folder, spec,
        dry_run=dry_run, resume=resume, force=force, download=download,
    )  # fmt: skip
    console.emit(as_json(outcome), lambda rich: draw(rich, outcome, data, dry_run))


def recipe_table(path: Path | None) -> dict[str, Any]:
    """The [train] table of a recipe file."""
    if path is None:
        return {}
    import tomllib

    try:
        table = tomllib.loads(path.read_text("utf-8-sig")).get("train", {})
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read: {error}", "It must be TOML.") from error
    if not isinstance(table, dict):
        raise UsageError(f"{path}: [train] is not a table.")
    return table


def settings_of(run: Path) -> dict[str, Any]:
    """The settings that a run was begun with, so that --resume needs no more than the folder."""
    from ..runtime.trainrecord import to_resume

    return dict(to_resume(run).get("spec", {}))


def default_run(data: Path, resume: bool) -> Path:
    """DIR-run, or the first DIR-run-N that is free or spent (with --resume: the last there is)."""
    from ..runtime.trainrecord import spent

    name = f"{data.resolve().name}-run"
    found = [Path(name)]
    while found[-1].exists() and (resume or not spent(found[-1])):
        found.append(Path(f"{name}-{len(found) + 1}"))
    return found[-2] if resume and len(found) > 1 else found[-1]


def make_way(console: Console, folder: Path) -> None:
    """A run that never trained a step does not keep the name; what is in it is kept."""
    from ..runtime.trainrecord import set_aside

    kept = set_aside(folder)
    console.say(f"No step was trained in {folder}: what was there is kept as {kept}.")


def run_train(
    console: Console,
    data: Path,
    folder: Path,
    spec: TrainSpec,
    heed: bool = False,
    **how: bool,
) -> Outcome:
    """Train with the plan and the progress on stderr; the same for `train`, `tune` and `demo`.

    `heed`: a plan that warns (too little memory or disk) is an AdviceError unless forced. `how`:
    what of `runtime.train.Request` is so: dry_run, resume, force, download.
    """
    from ..runtime.train import Request, train
    from .trainview import RunView, show_plan

    request = Request(data=data, out=folder, spec=spec, **how)

    def approve(plan: Plan, checks: list[Check]) -> None:
        if not (console.quiet or console.as_json):
            show_plan(plan, checks, console.verbose, progress.bar)
        for warning in plan.warnings if heed and not request.force else ():
            said, _, advice = warning.partition(". ")
            raise AdviceError(f"{said}.", advice, advice)

    with RunView(console) as progress:
        return train(request, progress.on_event, approve)


def as_json(outcome: Outcome) -> dict[str, Any]:
    """The result for `--json`."""
    return {
        "run": str(outcome.folder),
        "status": outcome.run.get("status", "planned"),
        "metrics": outcome.run.get("metrics", {}),
        "plan": msgspec.to_builtins(list(outcome.plan.lines)),
        "warnings": list(outcome.plan.warnings),
        "checks": msgspec.to_builtins(list(outcome.checks)),
        "files": sorted(outcome.job.files),
        "argv": list(outcome.job.argv),
    }


def draw(rich: RichConsole, outcome: Outcome, data: Path, dry_run: bool) -> None:
    """The result for a person."""
    if dry_run:
        rich.print(f"Planned. The trainer's files are in {outcome.folder}:", markup=False)
        for name in sorted(outcome.job.files):
            rich.print(f"  {name}", markup=False)
        print_plain(rich, f"Plan:    {outcome.folder / 'plan.json'}")
        go_on = f"{program()} train {quote(str(data))} -o {quote(str(outcome.folder))} --resume"
        print_plain(rich, f"Next:    {go_on}   (runs it as planned)")
        return
    metrics = outcome.run.get("metrics", {})
    if "eval_loss" in metrics:
        base = metrics.get("base_eval_loss", float("nan"))
        best = f"{metrics['eval_loss']:.4f} (best at step {metrics['best_step']})"
        rich.print(f"Evaluation loss {base:.4f} -> {best}.", markup=False)
    if metrics.get("overfitting"):
        rich.print(metrics["overfitting"], markup=False)
    saved = outcome.folder / outcome.run["adapter"]
    what = "Model:  " if outcome.run.get("model") else "Adapter:"
    print_plain(rich, f"{what} {saved}")
    print_plain(rich, f"Curves:  {outcome.folder / 'report.html'}")
    former = before(outcome.folder, outcome.run)
    more = f" --arm before={quote(str(former))}" if former else ""
    print_plain(rich, f"Next:    {program()} evaluate {quote(str(outcome.folder))}{more}")


def before(folder: Path, run: dict[str, Any]) -> Path | None:
    """The run before DIR-run-N, where both are of one base: whether the new one is better than it
    is the question then."""
    from ..runs import known_record

    name, _, number = folder.name.rpartition("-run-")
    if not number.isdecimal():
        return None
    former = folder.with_name(f"{name}-run" if number == "2" else f"{name}-run-{int(number) - 1}")
    known = known_record(former) or {}
    same = known.get("base", {}).get("sha256") == run.get("base", {}).get("sha256")
    return former if same and known.get("status") == "done" else None
