"""What an evaluation found: measures with intervals, cases, and the verdict."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ..figures import several
from .statistics import TUNED, Arms, Case, Estimate, Verdict, clear, estimate, permuted, verdict


class TagEstimate(msgspec.Struct, frozen=True):
    """One measure on the cases of one tag."""

    tag: str
    found: Estimate


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """One measure of two arms. `control`: the same with the arms' names permuted."""

    name: str
    label: str
    lower_is_better: bool
    found: Estimate
    verdict: Verdict
    control: Estimate
    tags: tuple[TagEstimate, ...] = ()


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """All measures of `arm` minus `against`."""

    arm: str
    against: str
    measures: tuple[Measure, ...]


class ShownAnswer(msgspec.Struct, frozen=True):
    """One arm's answer in a case. `score` in [0, 1]; `failed`: why there is none."""

    arm: str
    text: str
    score: float
    failed: str = ""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """One case side by side, for the report. `row`: what `sessiontune show DIR ROW` takes."""

    id: str
    row: str
    prompt: str
    wanted: str
    answers: tuple[ShownAnswer, ...]
    tags: tuple[str, ...] = ()
    cluster: str = ""


class Failure(msgspec.Struct, frozen=True):
    """Cases without an answer of an arm, for one reason; they are left out of its figures."""

    arm: str
    reason: str
    cases: int


class Seeds(msgspec.Struct, frozen=True):
    """Held-out loss minus the base's, over runs that differ only by their seed."""

    runs: tuple[str, ...]
    differences: tuple[float, ...]
    mean: float
    deviation: float


class TrainerCheck(msgspec.Struct, frozen=True):
    """Tuned minus base, computed here with the trainer's way of averaging, and by the trainer."""

    here: float
    trainer: float

    @property
    def agrees(self) -> bool:
        """Equal within 1e-3."""
        return abs(self.here - self.trainer) <= 1e-3


class Exposure(msgspec.Struct, frozen=True):
    """Canaries: exposure in bits, of at most `most`. `found`: tuned minus base over canaries."""

    canaries: int
    repeats: int
    redacted: bool
    most: float
    found: Estimate


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """Pairwise judgements on the user's own queries. `rate`: tuned's share, ties count a half.

    reversed    pairs with another winner when the order was changed; they count as ties
    why         the most frequent reason of those that failed
    """

    arm: str
    against: str
    judge: str
    wins: int
    losses: int
    ties: int
    reversed: int
    failed: int
    rate: Estimate | None
    verdict: Verdict
    why: str = ""


def tally(
    cases: Sequence[Case],
    *,
    arm: str,
    against: str,
    judge: str,
    unit: str,
    what: str,
    none: str,
    flips: int = 0,
    failed: Sequence[str] = (),
) -> Judged:
    """Who won. `b` of a case is 1 for `arm`, 0 for `against`, a half for neither; `what` names, for
    the verdict, what was compared, `none` tells why there may be no case, `failed` why a pair
    has no outcome."""
    rate = estimate(cases) if cases else None
    if rate is None:
        said = Verdict("unclear", f"Not enough data to tell: {none}")
    else:
        said = verdict(rate, False, what, unit, (arm, against))
    return Judged(
        arm=arm,
        against=against,
        judge=judge,
        wins=sum(c.b == 1 for c in cases),
        losses=sum(c.b == 0 for c in cases),
        ties=sum(c.b == 0.5 for c in cases),
        reversed=flips,
        failed=len(failed),
        rate=rate,
        verdict=said,
        why=max(failed, key=failed.count, default=""),
    )


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The evaluation of one run. `outcome` is that of the first measure, held-out loss, unless next
    actions are clearly worse; `advice` is what would help to a verdict. `measures` are tuned minus
    base; `held` is the digest of the held-out rows."""

    run: str
    base: str
    outcome: str
    sentence: str
    advice: str = ""
    data: str = ""
    held: str = ""
    measures: tuple[Measure, ...]
    comparisons: tuple[Comparison, ...] = ()
    cases: tuple[Shown, ...] = ()
    queries: tuple[Shown, ...] = ()
    judged: tuple[Judged, ...] = ()
    failures: tuple[Failure, ...] = ()
    seeds: Seeds | None = None
    trainer: TrainerCheck | None = None
    exposure: Exposure | None = None
    rules: str = ""
    secrets_in_answers: int = 0
    regurgitated: int = 0
    notes: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The verdict's sentence and advice."""
        return f"{self.sentence} {self.advice}".rstrip()

    @property
    def answered(self) -> bool:
        """Whether any answer was generated, to a held-out case or a query."""
        return bool(self.cases or self.queries)

    @property
    def compared(self) -> tuple[Comparison, ...]:
        """All comparisons; tuned against base, if no others were made."""
        only = Comparison(arm="tuned", against="base", measures=self.measures)
        return self.comparisons or (only,)


def measure(
    name: str, label: str, cases: list[Case], *, lower_is_better: bool, arms: Arms = TUNED
) -> Measure:
    """Estimate, verdict and control of one measure of two arms, and its figures by tag."""
    found = estimate(cases)
    return Measure(
        name=name,
        label=label,
        lower_is_better=lower_is_better,
        found=found,
        verdict=verdict(found, lower_is_better, label, arms=arms),
        control=estimate(permuted(cases)),
        tags=_by_tag(cases),
    )


def _by_tag(cases: Sequence[Case]) -> tuple[TagEstimate, ...]:
    groups: dict[str, list[Case]] = {}
    for case in cases:
        for tag in case.tags:
            groups.setdefault(tag, []).append(case)
    return tuple(TagEstimate(tag, estimate(groups[tag])) for tag in sorted(groups))


def conclude(measures: Sequence[Measure]) -> Verdict:
    """One verdict from all measures: worse if any is worse; else that of the first.

    Held-out loss alone never makes a model better: low perplexity and good answers can disagree
    (LIMA), so a tuned model that is clearly worse at its next actions is called worse, and a better
    one says whether its answers show it. The other measures share the 5% of that look, or one would
    too often be worse by chance.
    """
    first, *others = measures
    if first.verdict.outcome == "worse":
        return first.verdict
    told = [m for m in others if clear(m.found, len(others))]
    worse = [m for m in told if (m.found.difference > 0) is m.lower_is_better]
    if worse:
        return worse[0].verdict
    if first.verdict.outcome == "unclear":
        return first.verdict
    seen = _in_answers([m for m in others if not m.lower_is_better], told)
    return msgspec.structs.replace(first.verdict, sentence=f"{first.verdict.sentence} {seen}")


def _in_answers(answers: Sequence[Measure], told: Sequence[Measure]) -> str:
    """Whether a lower loss shows in the measures of answers; `told`: those that differ clearly."""
    if not answers:
        return "No answers were looked at."
    if shown := [m for m in answers if m in told]:
        listed = ", ".join(f"{m.label} {m.found.a:.2f} to {m.found.b:.2f}" for m in shown)
        return f"Its answers show it, too: {listed}."
    if not any(m.found.b for m in answers):
        return "Its answers do not show it: every measure of them is 0, so they are of no use yet."
    return (
        f"Its answers do not show it: of {several(len(answers), 'measure')} none is clearly better."
    )
