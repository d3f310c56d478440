"""From an export and a spec to a run that is ready: base, template, tokens, checks, plan, job."""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from ..errors import ToolError, UsageError, cannot_write
from ..figures import several
from ..ports import Job
from ..runs import PASSING, TEMPLATE
from ..shipping.convert import not_known
from ..shipping.converter import find_converter
from ..shipping.weights import disk_trouble
from ..templating import Template
from ..training import cluster, planner, settling, trl
from ..training.bases import Base, resolve
from ..training.checks import Check
from ..training.data import DataSet, read_export, read_preferences, texts_of
from ..training.hardware import Machine, machine
from ..training.others import jsonl
from ..training.preference import weights
from ..training.preferencedata import Preferences, check_preferences, prepare_preferences
from ..training.preflight import check_data, groups_on_both_sides
from ..training.prepare import Prepared, packs, prepare, spread, write_tokens
from ..training.shortage import crowded
from ..training.spec import TrainSpec, to_dict
from ..training.tiny import make_tiny
from . import trainothers as others
from .trained import UNSEEN, is_general, keep, makers, marked, seen_in, trained_on

OnEvent = Callable[[dict[str, Any]], None]


def counter(on_event: OnEvent) -> Callable[[int, int], None]:
    """Reports the progress of the present phase: rows that are done, and all rows."""
    return lambda done, total: on_event({"event": "prepared", "done": done, "total": total})


class Ready(msgspec.Struct, kw_only=True):
    """Everything known before the first step."""

    spec: TrainSpec
    data: DataSet
    base: Base
    base_path: str
    machine: Machine
    template: Template
    train: Prepared
    held: Prepared
    plan: planner.Plan
    checks: tuple[Check, ...]
    fingerprint: str
    pairs: tuple[Preferences, Preferences] = (Preferences(), Preferences())

    def job(self) -> Job:
        """The trainer's job, with paths as seen from the run's folder."""
        if self.spec.trainer == "trl":
            held = bool(self.held.examples or self.pairs[1].rows)
            stop = self.template.stops[0]
            job = trl.job(self.spec, self.plan, self.base_path, held, stop)
        else:
            job = others.plan_job(self)
        extra = cluster.files(self.spec, self.plan, job, self.base_path)
        return msgspec.structs.replace(job, files={**job.files, **extra})

    def write(self, folder: Path, on_event: OnEvent) -> None:
        """Write what the job reads."""
        (folder / TEMPLATE).write_text(self.template.source, encoding="utf-8")
        plan = {
            "version": 1,
            "spec": to_dict(self.spec),
            "plan": msgspec.to_builtins(self.plan),
            "checks": msgspec.to_builtins(list(self.checks)),
        }
        (folder / "plan.json").write_text(json.dumps(plan, indent=2) + "\n", encoding="utf-8")
        on_event({"event": "phase", "text": "noting what is trained on"})
        rows = [row.body for row in self.data.train]
        keep(Path(self.data.folder), rows, folder, counter(on_event))
        if self.spec.task != "sft":
            for name, part in zip(("train", "eval"), self.pairs, strict=True):
                if part.rows:
                    (folder / "data" / f"{name}.jsonl").write_text(jsonl(part.rows), "utf-8")
            return
        write_tokens(self.train, folder / "data" / "train.parquet")
        if self.held.examples:
            write_tokens(self.held, folder / "data" / "eval.parquet")

    def memory_advice(self) -> str:
        """What to change after memory ran out, with figures: settings that need less than what
        failed, and less than there is; then what other programs hold, which may be the cause."""
        settings, base = self.plan.settings, self.base
        least = 2 if self.spec.task == "kto" else 1
        alone = msgspec.structs.replace(self.spec, batch=least)
        need = functools.partial(settling.needed, alone, base, settings.precision)
        room = min(settings.room, settings.memory * 0.95)
        length, words = settings.length, []
        if settings.batch > least:
            sums = settings.batch * settings.accumulation // least
            words = [f"--batch {least} --accumulation {sums}"]
        shorter = [length // 2**n for n in range(1, 8) if length // 2**n >= 512]
        options = [(settings.method, shorter)]
        if words:
            options.insert(0, (settings.method, [length]))
        if settings.device == "cuda" and settings.method != "qlora" and not base.quantised:
            options.append(("qlora", [length, *shorter]))
        said = []
        for method, lengths in options:
            fitting = next((n for n in lengths if need(method, n) <= room), 0)
            if fitting:
                flags = [*words, *([] if method == settings.method else [f"--method {method}"])]
                flags += [] if fitting == length else [f"--length {fitting}"]
                said.append(f"{' '.join(flags)} (about {need(method, fitting):g} GB)")
        advice = "Try " + ", or ".join(said or ["a smaller base model"]) + "."
        crowd = crowded(settings, self.machine)
        return " ".join([advice, *crowd, *(["Then go on with --resume."] if crowd else [])])


def make_ready(
    folder: Path,
    spec: TrainSpec,
    beside: Path,
    final: Path,
    on_event: OnEvent,
    *,
    download: bool,
    elsewhere: bool,
) -> Ready:
    """Read, resolve, prepare, check and plan; writes only the tiny base, into `beside`.

    `elsewhere`: nothing will run here, so the plan may be for a GPU that is to be rented.
    """
    on_event({"event": "phase", "text": "reading the data"})
    data = read_export(folder) if spec.task == "sft" else read_preferences(folder, spec.task)
    base, base_path = _base(spec, data, beside, final, download, on_event)
    here = machine(final)
    if elsewhere and spec.device in ("auto", "cuda") and not here.gpus:
        here = cluster.rent(spec, base, here)
    settings, lines = settling.settle(spec, base, here)
    template = Template.load(base.path, spec.template or None)
    on_event({"event": "phase", "text": "rendering and masking"})

    ready = functools.partial(
        Ready,
        spec=spec,
        data=data,
        base=base,
        base_path=base_path,
        machine=here,
        template=template,
    )
    if spec.task != "sft":
        return _preferences(ready, spec, data, base, here, (settings, lines), template)
    apart = spec.trainer != "trl"
    train = prepare(data.train, template, settings.length, counter(on_event), apart)
    held = prepare(data.eval, template, settings.length, None, apart)
    looked = spread(held, spec.eval_limit)
    count = _examples(spec, train, settings.length)
    judged = bool(held.examples)
    plan = planner.plan(spec, base, here, settings, lines, train, held, count, judged)
    epochs = plan.steps / plan.steps_per_epoch
    checks = check_data(data, train, held, template, base.rows, epochs)
    checks = [*_mixed_in(data), *checks, *_unseen(base, data), *_extra_checks(template)]
    checks += _can_ship(base)
    return ready(
        train=train,
        held=looked,
        plan=plan,
        checks=tuple(checks),
        fingerprint=_fingerprint(train, looked, base, spec, plan),
    )


def _sides(train: Preferences) -> settling.Line:
    """How wanted and unwanted answers are weighed."""
    wanted = sum(bool(row["label"]) for row in train.rows)
    unwanted = len(train.rows) - wanted
    good, bad = weights(wanted, unwanted)
    why = "even enough" if good == bad else "the rarer side weighs more, or the other drowns it"
    return settling.Line(
        "weights",
        f"wanted {good:.3g}, unwanted {bad:.3g}",
        f"{wanted} wanted, {unwanted} not; {why}",
    )


def _preferences(
    ready: Callable[..., Ready],
    spec: TrainSpec,
    data: DataSet,
    base: Base,
    here: Machine,
    settled: tuple[settling.Settings, list[settling.Line]],
    template: Template,
) -> Ready:
    """The same for KTO and DPO."""
    settings, lines = settled
    train = prepare_preferences(data.train, template, settings.length, spec.task)
    held = prepare_preferences(data.eval, template, settings.length, spec.task)
    if spec.task == "kto":
        lines = [*lines, _sides(train)]
    count, judged = max(1, len(train.rows)), bool(held.rows)
    plan = planner.plan(spec, base, here, settings, lines, None, None, count, judged)
    total = hashlib.sha256(jsonl((*train.rows, *held.rows)).encode())
    total.update(_what_is_done(base, spec, plan))
    return ready(
        train=Prepared(rows=len(data.train)),
        held=Prepared(rows=len(data.eval)),
        plan=plan,
        checks=(
            *check_preferences(train, held, spec.task),
            *groups_on_both_sides(data),
            *_unseen(base, data),
        ),
        fingerprint=total.hexdigest(),
        pairs=(train, held),
    )


def _examples(spec: TrainSpec, train: Prepared, length: int) -> int:
    """Examples in one epoch: LLaMA-Factory has one for each answer, packed ones share a row."""
    if spec.packing:
        return packs([len(e.ids) for e in train.examples], length)
    if spec.trainer == "llamafactory":
        return sum(len(e.ends) for e in train.examples)
    return len(train.examples)


def _base(
    spec: TrainSpec, data: DataSet, beside: Path, final: Path, download: bool, on_event: OnEvent
) -> tuple[Base, str]:
    """The base as found, and the path that the run should know it by."""
    if spec.base == "tiny":
        if (final / "base" / "config.json").is_file():  # a resumed run has it
            found = resolve(str(final / "base"))
        else:
            on_event({"event": "phase", "text": "making a tiny model"})
            try:
                with disk_trouble():
                    found = resolve(str(make_tiny(beside / "base", texts_of(data))))
            except OSError as error:
                raise cannot_write(final, error, ", or name another place with -o.") from error
        return msgspec.structs.replace(found, id="tiny"), "base"
    found = resolve(spec.base, download=download)
    if final.resolve() in Path(found.path).resolve().parents:
        raise UsageError("The base lies in the folder of the run.", "Name another run with -o.")
    return found, found.path


def _extra_checks(template: Template) -> list[Check]:
    if template.one_example_per_turn:
        seen = "it is not prefix-stable: each answer that it changes becomes an example of its own"
        return [Check("template", "note", seen)]
    return [Check("template", "good", "prefix-stable: one example for each row or window")]


def _mixed_in(data: DataSet) -> list[Check]:
    """Whether general rows are copies of what is held out, or nearly so: an export splits its own
    sessions, and takes the rows of --mix as they are."""
    rows = [row.body for row in data.train if is_general(row.body)]
    if not rows:
        return []
    name, held = "general rows apart from the test", [row.body for row in data.eval]
    if seen := seen_in(marked(rows), held):
        said = f"they repeat {seen:,} of {several(len(held), 'held-out row')}, or nearly so."
        return [Check(name, "soft", said, "Export with other rows in --mix.")]
    return [Check(name, "good", f"{several(len(rows), 'row')}, none a copy of a held-out one")]


def _unseen(base: Base, data: DataSet) -> list[Check]:
    """Whether a base that is another run's model was trained on what is held out here: better known
    before the training than from `evaluate`."""
    name, checks = "the base has not seen the test", []
    for maker in makers(Path(base.path)):
        trained = trained_on(maker)
        if isinstance(trained, str):
            checks.append(
                Check(name, "note", f"not known of the base that {maker} made: {trained}")
            )
        elif seen := seen_in(trained, [row.body for row in data.eval]):
            said = f"{maker}, which made it, was trained on {seen:,} of the {len(data.eval):,} rows"
            checks.append(Check(name, "soft", f"{said} that are held out here.", UNSEEN))
        else:
            checks.append(Check(name, "good", f"{maker} was trained on nothing held out here"))
    return checks


def _can_ship(base: Base) -> list[Check]:
    """Whether the converter here knows the base: better known before the training than after."""
    name = "can become a GGUF"
    try:
        converter = find_converter(None, os.environ, Path.home())
        if converter is None:
            return []
        if unknown := converter.unknown(Path(base.path)):
            raise not_known(unknown)
    except ToolError as error:
        return [Check(name, "note", f"{error.message} {error.hint}")]
    return [Check(name, "good", f"known to the converter ({converter.origin})")]


def _fingerprint(
    train: Prepared, held: Prepared, base: Base, spec: TrainSpec, plan: planner.Plan
) -> str:
    """Runs with the same fingerprint would do the same steps."""
    total = hashlib.sha256()
    for example in (*train.examples, *held.examples):
        total.update(repr((example.ids, example.labels)).encode())
    total.update(_what_is_done(base, spec, plan))
    return total.hexdigest()


def _what_is_done(base: Base, spec: TrainSpec, plan: planner.Plan) -> bytes:
    """Base, settings and steps. What the plan decides counts as decided there, whether it was given
    or left open."""
    kept = {k: v for k, v in to_dict(spec).items() if k not in PASSING}
    chosen = msgspec.to_builtins(plan.settings)
    chosen = {k: v for k, v in chosen.items() if k not in ("room", "memory")}
    steps = [plan.steps, plan.warmup_steps, plan.eval_every, chosen]
    return json.dumps([base.sha256, kept, steps], sort_keys=True).encode()
