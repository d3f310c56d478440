"""Which held-out side a run is tested on, weeks after its training.

An export that grows holds out more, and what was held out stays so. So its present held-out side is
an honest test for an older run too: a larger one, and the same for the old and the new run. But the
folder may hold other sessions by now, or sides that were assigned again. So what the run remembers
of its training decides: if nothing that is held out now was trained on, that is the test, else the
run's own copy of its held-out side is.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import Any

from ..errors import UsageError
from ..evaluation.heldout import (
    HeldExample,
    Run,
    held_digest,
    held_examples,
    numbered_examples,
    template_examples,
    with_long,
)
from ..evaluation.side import KEPT, HeldSide, groups_of, held_rows, kept_folder, side_of_then
from ..rows.read import rows_in
from ..runs import known_record
from ..templating import Template
from ..training.data import Row
from ..training.prepare import prepare, spread
from .trained import UNSEEN, Trained, keyed, lineages_of, makers, run_of, seen_in, trained_on


def side_of(run: Run) -> HeldSide:
    """The present held-out side of the export if that is an honest test, else the one at the time
    of training. Raises UsageError if there is neither."""
    trained, kept = trained_on(run.folder), kept_folder(run)
    now = held_digest(run.data)
    if now == run.record["data"].get("held", now):
        return side_of_then(run)
    then = HeldSide(root=kept, rows=held_rows(kept)) if kept else None
    if isinstance(trained, str):
        return (
            _kept(then, f"{run.data} has changed, and {trained}")
            if then
            else side_of_then(run, trained)
        )
    if not now:
        gone = f"{run.data} is not there" if not run.data.is_dir() else f"{run.data} holds out none"
        return _kept(then, gone)
    rows = held_rows(run.data)
    every = with_long(run.data, rows)
    why = _dishonest(trained, then, every, run.data)
    if why:
        return _kept(then, why)
    before = groups_of(then.everything) if then else 0
    note = (
        f"Tested on what {run.data} holds out now, {_groups(every)}; {before:,} when this "
        "run was trained. None of it was trained on."
    )
    return HeldSide(root=run.data, rows=rows, then=False, note=note)


def examples_of(run: Run, side: HeldSide) -> list[HeldExample]:
    """The held-out rows in tokens: as the trainer left them, else as it would cut them, in windows
    no longer than the run's length. Rows that the template refuses are none: no preflight has seen
    these."""
    left, every = run.folder / "data" / "eval.parquet", side.everything
    if side.then and left.is_file():
        return held_examples(left, every)
    template = Template.load(run.base, str(run.template))
    taken = (w for w, body in every.items() if template_examples(template, body, w))
    listed = [Row(where, every[where]) for where in taken]
    limit = int((run.record.get("spec") or {}).get("eval_limit") or 0)
    made = spread(prepare(listed, template, run.length), limit)
    return numbered_examples([(e.where, e.ids, e.labels) for e in made.examples], every)


def check_base(run: Run, side: HeldSide) -> list[str]:
    """Refuse a base that is another run's model and was trained on what is held out here: base and
    tuned would both show memory. Raises UsageError; returns notes on what is not known."""
    notes, known = [], _names_of(run, side)
    for maker in makers(run.base):
        who = f"The base of this run was made by {maker}, which"
        unknown = _unseen(maker, side, known, who, "base and tuned would both show memory", UNSEEN)
        notes += [f"Whether the base, which {maker} made, {why}" for why in unknown]
    return notes


def check_arms(run: Run, side: HeldSide, arms: Sequence[str]) -> list[str]:
    """Refuse an arm that was trained on what is held out here: it would show memory. Raises
    UsageError; returns notes on arms of which that is not known."""
    notes, known = [], _names_of(run, side)
    for text in arms:
        name, _, target = text.partition("=")
        folder = None if "://" in target or not target else run_of(Path(target))
        if folder is None or folder.resolve() == run.folder.resolve():
            continue
        who, so = f"{target} (arm '{name}')", "its figures would show memory"
        hint = (
            f"Evaluate it by itself (sessiontune evaluate {quote(str(folder))}), or compare runs"
            " whose exports share a split."
        )
        unknown = _unseen(folder, side, known, who, so, hint)
        notes += [f"Whether {name} {why}" for why in unknown]
    return notes


def _unseen(
    folder: Path, side: HeldSide, known: set[str], who: str, so: str, hint: str
) -> list[str]:
    """UsageError if a run was trained on what is held out; the end of a note if that is not
    known."""
    rows = side.everything
    seen, unknown = _seen(folder, side, rows, known)
    if seen:
        raise UsageError(
            f"{who} was trained on at least {seen:,} of the {len(rows):,} rows that are held out"
            f" here: {so}.",
            hint,
        )
    said = f"was trained on what is held out here is not known: {unknown}."
    return [said] if unknown else []


def _names_of(run: Run, side: HeldSide) -> set[str]:
    """Keyed lineages of what is held out, and of what the run was trained on."""
    own = trained_on(run.folder)
    names = lineages_of(side.everything.values())
    return names if isinstance(own, str) else names | keyed(own.lineages)


def _seen(
    folder: Path, side: HeldSide, rows: dict[str, dict[str, Any]], known: set[str]
) -> tuple[int, str]:
    """How many of the rows a run was trained on, or why that is not known."""
    trained = trained_on(folder)
    if isinstance(trained, str):
        held = (known_record(folder) or {}).get("data") or {}
        return 0, "" if held.get("held") == side.digest else trained
    seen = seen_in(trained, rows.values())
    if not seen and known.isdisjoint(keyed(trained.lineages) | _kept_names(folder)):
        return 0, "its export was made with another private state, or of other sessions"
    return seen, ""


def _kept(then: HeldSide | None, why: str) -> HeldSide:
    """The run's own copy, and why it is used. Raises UsageError if there is none."""
    if then is None:
        raise UsageError(
            f"There is no honest test for this run: it has no copy of a held-out side, and {why}.",
            "Train on an export with a held-out side (another -o), and evaluate that run.",
        )
    note = f"Tested on {_groups(then.everything)} that the run kept when it was trained: {why}."
    return HeldSide(root=then.root, rows=then.rows, note=note)


def _groups(rows: dict[str, dict[str, Any]]) -> str:
    count = groups_of(rows)
    return f"{count:,} group{'' if count == 1 else 's'} of sessions"


def _dishonest(trained: Trained, then: HeldSide | None, rows: dict[str, Any], export: Path) -> str:
    """Why the present held-out side is no test for the run; "" if it is one."""
    mine = keyed(trained.lineages) | lineages_of(then.everything.values() if then else ())
    if mine.isdisjoint(lineages_of(rows.values())) and mine.isdisjoint(_trained_names(export)):
        return (
            f"{export} now holds other sessions, or was made with another private state, so"
            " it cannot be told what of it was trained on"
        )
    seen = seen_in(trained, rows.values())
    if seen:
        return (
            f"of the {len(rows):,} rows that {export} holds out now, it was trained on at least"
            f" {seen:,}"
        )
    return ""


def _trained_names(export: Path) -> set[str]:
    path = export / "train" / "openai.jsonl"
    if not path.is_file():
        return set()
    return lineages_of(rows_in(path))


def _kept_names(folder: Path) -> set[str]:
    """The lineages that a run kept as its held-out side."""
    root = folder / "data" / KEPT
    if not (root / "eval" / "openai.jsonl").is_file():
        return set()
    return lineages_of(with_long(root, held_rows(root)).values())
