"""The plan: settings, steps, time and disk of a run, before anything runs."""

from __future__ import annotations

import math

import msgspec

from .bases import Base
from .hardware import Machine
from .pace import pace_of, share, span
from .prepare import Prepared, spread
from .settling import Line, Settings
from .shortage import warnings
from .spec import TrainSpec, from_where


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A run before it runs. `seconds` and `disk` (GB) are estimates."""

    settings: Settings
    steps: int
    steps_per_epoch: int
    warmup_steps: int
    eval_every: int
    seconds: float
    disk: float
    lines: tuple[Line, ...]
    warnings: tuple[str, ...] = ()


def plan(
    spec: TrainSpec,
    base: Base,
    machine: Machine,
    settings: Settings,
    lines: list[Line],
    train: Prepared | None,
    held: Prepared | None,
    examples: int,
    judged: bool,
) -> Plan:
    """Steps, checkpoints, time and disk, for `examples` training examples; `lines` are those of the
    settings. `held`: all that is held out; of that `spec.eval_limit` are looked at each time.
    `judged`: whether anything is."""
    course = _course(spec, settings, examples)
    rows = examples if train is None or spec.packing else len(train.examples)
    mean = train.tokens / max(1, rows) if train else settings.length / 2
    looks = 1 + course.steps // course.every
    watched = spread(held, spec.eval_limit) if held else None
    looked = watched.tokens * looks / 3 if watched else 0.0  # no backward pass: a third
    pace = pace_of(base, machine, settings.device, settings.method, settings.checkpointing)
    passes = course.steps * settings.accumulation
    seconds = passes * pace.seconds(_at_once(spec, settings) * mean) + looked / pace.speed
    disk = _disk(spec, base, settings)
    lines = [*lines]
    if train is not None:
        lines.append(_data_line(train, held, watched, examples if spec.packing else 0))
        lines += [Line("note", f"{n} rows", text) for text, n in sorted(train.changes.items())]
    lines += _course_lines(spec, course, judged)
    lines += [
        Line("time", span(seconds), _time_why(settings, machine)),
        Line("disk", f"about {max(disk, 0.01):.2g} GB", "an estimate"),
    ]
    return Plan(
        settings=settings,
        steps=course.steps,
        steps_per_epoch=course.per_epoch,
        warmup_steps=course.warmup,
        eval_every=course.every,
        seconds=round(seconds, 1),
        disk=round(disk, 3),
        lines=tuple(lines),
        warnings=tuple(warnings(settings, machine, disk)),
    )


class _Course(msgspec.Struct, frozen=True):
    """Steps in all, in an epoch, in the warm-up, and between evaluations."""

    steps: int
    per_epoch: int
    warmup: int
    every: int


def _course(spec: TrainSpec, settings: Settings, examples: int) -> _Course:
    batches = math.ceil(examples / _at_once(spec, settings))
    per_epoch = max(1, math.ceil(batches / settings.accumulation))
    steps = max(1, math.ceil(per_epoch * spec.epochs))
    if spec.max_steps:
        steps = min(spec.max_steps, steps)
    warmup = 0 if spec.warmup == 0 else min(steps // 2, max(5, round(steps * spec.warmup)))
    # Four times an epoch; on a small set less often, or evaluating would take longer than training.
    every = spec.eval_every or min(per_epoch, max(5, per_epoch // 4))
    return _Course(steps, per_epoch, warmup, min(every, steps))


def _at_once(spec: TrainSpec, settings: Settings) -> int:
    """Examples that go through the model together, on all devices."""
    return settings.batch * spec.gpus * spec.nodes


def _disk(spec: TrainSpec, base: Base, settings: Settings) -> float:
    """GB for the result and the kept checkpoints, with the optimizer's states."""
    if settings.method == "full":
        return base.billions * 14 * (spec.keep + 1)
    return base.billions * 0.09 * spec.rank / 16 * (spec.keep + 1) + 0.01


def _course_lines(spec: TrainSpec, course: _Course, judged: bool) -> list[Line]:
    every = f"every {course.every} steps, {spec.keep} kept"
    steps = f"{course.steps} ({course.steps / course.per_epoch:.3g} epochs)"
    patience = ("off", from_where(spec, "patience") if judged else "nothing is held out")
    if spec.patience and judged:
        patience = (f"patience {spec.patience}", "small sets overfit")
    used = "the best by evaluation is used" if judged else "the last is used: nothing is held out"
    return [
        Line("steps", steps, _steps_why(spec)),
        Line("schedule", f"{spec.schedule}, {course.warmup} warm-up steps", _warmup_why(spec)),
        Line("checkpoints", every, used),
        Line("early stop", *patience),
    ]


def _data_line(
    train: Prepared, held: Prepared | None, watched: Prepared | None, packed: int
) -> Line:
    held_n, watched_n = (len(side.examples) if side else 0 for side in (held, watched))
    value = f"{train.rows:,} rows, {len(train.examples):,} examples; {held_n:,} held-out examples"
    if watched_n < held_n:
        value += f", {watched_n:,} of them in each evaluation"
    why = f"{train.tokens:,} tokens, {train.trained:,} bear loss, longest {train.longest:,}"
    if packed:
        why += f"; packed into {packed:,} rows"
    if train.windowed:
        why += f"; {train.windowed} rows cut into windows"
    if train.cut:
        why += f"; {train.cut} answers cut in {train.parts} examples"
    return Line("data", value, why)


def _steps_why(spec: TrainSpec) -> str:
    if spec.max_steps:
        return f"at most {spec.max_steps}: {from_where(spec, 'max_steps')}"
    few = "at most 3 epochs: small sets overfit"
    return few if spec.epochs <= 3 else from_where(spec, "epochs")


def _warmup_why(spec: TrainSpec) -> str:
    if spec.warmup != TrainSpec().warmup:
        return from_where(spec, "warmup")
    return f"{spec.warmup:.0%} of the steps, 5 at least, half at most"


def _time_why(settings: Settings, machine: Machine) -> str:
    if settings.device != "cpu" or share(machine) > 0.9:
        return "an estimate"
    return f"an estimate: other programs now take {1 - share(machine):.0%} of the processor"
