"""What an evaluation found: measures with intervals, cases, and the verdict."""

from __future__ import annotations

import msgspec

from .statistics import Case, Estimate, Verdict, estimate, permuted, verdict


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """One measure of base against tuned. `control`: the same with the arms' names permuted."""

    name: str
    label: str
    lower_is_better: bool
    found: Estimate
    verdict: Verdict
    control: Estimate


class Shown(msgspec.Struct, frozen=True):
    """One case side by side, for the report."""

    id: str
    prompt: str
    wanted: str
    base: str
    tuned: str
    base_score: float
    tuned_score: float
    tags: tuple[str, ...] = ()


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The evaluation of one run. `outcome` is that of the first measure, held-out loss, unless a
    clear loss on next actions contradicts it."""

    run: str
    base: str
    outcome: str
    sentence: str
    measures: tuple[Measure, ...]
    cases: tuple[Shown, ...] = ()
    secrets_in_answers: int = 0
    regurgitated: int = 0
    notes: tuple[str, ...] = ()


def measure(name: str, label: str, cases: list[Case], *, lower_is_better: bool) -> Measure:
    """Estimate, verdict and control of one measure."""
    found = estimate(cases)
    return Measure(
        name=name,
        label=label,
        lower_is_better=lower_is_better,
        found=found,
        verdict=verdict(found, lower_is_better, label),
        control=estimate(permuted(cases)),
    )


def conclude(measures: list[Measure]) -> Verdict:
    """One verdict from all measures: worse on any is worse; else that of the first.

    Held-out loss alone never makes a model better: low perplexity and good answers can disagree
    (LIMA), so a tuned model that is clearly worse at its next actions is called worse.
    """
    worse = [m for m in measures if m.verdict.outcome == "worse"]
    if worse:
        return worse[0].verdict
    return measures[0].verdict
