"""Is a difference real? Paired differences, clustered by lineage, with reliable intervals.

Turns of one session, and sessions of one lineage, are not independent, so the cluster is the
unit (Miller, "Adding error bars to evals", 2024). The interval is a jackknife over clusters with a
t quantile whose degrees of freedom come from the *effective* number of clusters, 1 / sum of squared
weight shares: a few large sessions hold most tokens. `benchmarks/intervals.py` compares six methods
at 5 to 100 clusters of equal and of very unequal size; this one stays closest to 95%, while a
percentile bootstrap covers 80 to 88% at 10 clusters.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence

import msgspec

from ..portions import ENOUGH

#: Fewer lineages give no verdict, whatever the interval is.
FEW = ENOUGH


class Case(msgspec.Struct, frozen=True):
    """One paired measurement: `a` and `b` are per unit of `weight` (e.g. mean loss, tokens)."""

    id: str
    cluster: str
    a: float
    b: float
    weight: float = 1.0
    tags: tuple[str, ...] = ()


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """Weighted mean of b - a with its 95% interval; `se` is None with a single cluster.

    needed   cases that would make a difference of this size clear at 80% power, None if there is
             no difference; `needed_clusters` the same in lineages
    """

    difference: float
    low: float
    high: float
    a: float
    b: float
    cases: int
    clusters: int
    effective: float
    se: float | None
    needed: int | None = None
    needed_clusters: int | None = None


def estimate(cases: Sequence[Case], level: float = 0.95) -> Estimate:
    """The paired difference b - a over all cases. Raises ValueError without cases."""
    if not cases:
        raise ValueError("no cases to compare")
    totals: dict[str, tuple[float, float]] = {}
    for case in cases:
        up, down = totals.get(case.cluster, (0.0, 0.0))
        totals[case.cluster] = (up + case.weight * (case.b - case.a), down + case.weight)
    pairs = [totals[name] for name in sorted(totals)]
    weight = sum(down for _, down in pairs)
    difference = sum(up for up, _ in pairs) / weight
    n = len(pairs)
    effective = weight**2 / sum(down**2 for _, down in pairs)
    se = _jackknife(pairs, difference) if n > 1 else None
    half = reach(se, effective, level)
    needed = _needed(difference, se, n)
    return Estimate(
        difference=difference,
        low=difference - half,
        high=difference + half,
        a=sum(c.a * c.weight for c in cases) / weight,
        b=sum(c.b * c.weight for c in cases) / weight,
        cases=len(cases),
        clusters=n,
        effective=effective,
        se=se,
        needed=None if needed is None else math.ceil(needed * len(cases) / n),
        needed_clusters=needed,
    )


def reach(se: float | None, effective: float, level: float) -> float:
    """Half the width of the interval at a level; infinite for one lineage, which has no error."""
    if se is None:
        return math.inf
    return se * t_quantile(0.5 + level / 2, max(1.0, effective - 1))


def clear(found: Estimate, looks: int = 1) -> bool:
    """Whether the interval excludes 0, if this is one of `looks` looks at the same data.

    Each gets its share of the 5% (Bonferroni): otherwise, of eight measures without a difference
    one would look worse in 18% of evaluations (1 - 0.975 ** 8).
    """
    half = reach(found.se, found.effective, 1 - 0.05 / looks)
    return found.clusters >= FEW and abs(found.difference) > half


def _jackknife(pairs: Sequence[tuple[float, float]], whole: float) -> float:
    """Standard error of the ratio by leaving out one cluster at a time."""
    n = len(pairs)
    ups, downs = sum(p[0] for p in pairs), sum(p[1] for p in pairs)
    spread = sum(((ups - up) / (downs - down) - whole) ** 2 for up, down in pairs)
    return math.sqrt((n - 1) / n * spread)


def _needed(difference: float, se: float | None, clusters: int) -> int | None:
    """Clusters for 80% power at 5%, at least enough for a verdict: the variance of the mean falls
    as 1/n."""
    if not difference or se is None or not se:
        return None
    z = 1.959964 + 0.841621
    return max(FEW, math.ceil(clusters * (z * se / abs(difference)) ** 2))


class Verdict(msgspec.Struct, frozen=True):
    """`better`, `worse` or `unclear`, a sentence for the user, and what would help."""

    outcome: str
    sentence: str
    advice: str = ""

    @property
    def words(self) -> str:
        """Sentence and advice."""
        return f"{self.sentence} {self.advice}".rstrip()


#: Names of clusters in a sentence, and how to get more of them.
UNITS = {
    "lineages": (
        "held-out group{} of sessions",
        "Hold out at least {} more: export more sessions, or into a second folder with a larger "
        "--eval-share and a --split of its own, and train on that.",
    ),
    "questions": ("question{}", "Ask at least {} more (questions of one session count once)."),
}


#: Two arms, the first minus the second.
Arms = tuple[str, str]
TUNED: Arms = ("tuned", "base")
_NAMES = {
    "tuned": "the tuned model",
    "base": "the base",
    "rules": "the base with the project's rules",
}


def verdict(
    found: Estimate, lower_is_better: bool, what: str, unit: str = "lineages", arms: Arms = TUNED
) -> Verdict:
    """The verdict of an estimate of the first arm minus the second for one measure."""
    gain = -found.difference if lower_is_better else found.difference
    called, advice = UNITS[unit]
    if found.clusters < FEW:
        lacking = FEW - found.clusters
        held = called.format("" if found.clusters == 1 else "s")
        return Verdict(
            "unclear",
            f"Not enough data to tell: {found.clusters} {held}, and a verdict needs {FEW}.",
            advice.format(lacking),
        )
    if found.low <= 0 <= found.high:
        more = (
            f" About {found.needed_clusters} {called.format('s')} would show a difference of this "
            "size."
            if found.needed_clusters and found.needed_clusters > found.clusters
            else ""
        )
        return Verdict(
            "unclear", f"Not enough data to tell: on {what} the interval includes 0.{more}"
        )
    word = "better" if gain > 0 else "worse"
    one, other = (_NAMES.get(arm, f"'{arm}'") for arm in arms)
    other = "its base" if arms == TUNED else other
    return Verdict(word, f"{one[0].upper()}{one[1:]} is {word} than {other} on {what}.")


def spread(values: Sequence[float]) -> tuple[float, float]:
    """Mean and standard deviation over seeds (0 for a single one)."""
    mean = sum(values) / len(values)
    if len(values) < 2:
        return mean, 0.0
    return mean, math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1))


def permuted(cases: Iterable[Case], seed: int = 0) -> list[Case]:
    """The same cases with the names of the arms exchanged in a random half of the clusters.

    The control of every comparison: such names must not give a win.
    """
    cases = list(cases)
    flip = {c: random.Random(f"{seed}/{c}").random() < 0.5 for c in {x.cluster for x in cases}}
    return [msgspec.structs.replace(x, a=x.b, b=x.a) if flip[x.cluster] else x for x in cases]


# ------------------------------------------------------------------ Student's t


def t_quantile(p: float, df: float) -> float:
    """Quantile of Student's t, from the median up, for any positive degrees of freedom, by Newton's
    method. The CDF is concave above 0, so no step from there passes the quantile."""
    half = (df + 1) / 2
    peak = math.exp(math.lgamma(half) - math.lgamma(df / 2)) / math.sqrt(df * math.pi)
    t = 0.0
    for _ in range(200):
        step = (p - _t_cdf(t, df)) / (peak * (1 + t * t / df) ** -half)
        t += step
        if step < 1e-12 * max(1.0, t):
            break
    return t


def _t_cdf(t: float, df: float) -> float:
    """The CDF for t >= 0, by the regularised incomplete beta function."""
    return 1 - 0.5 * _beta(df / (df + t * t), df / 2, 0.5)


def _beta(x: float, a: float, b: float) -> float:
    """Regularised incomplete beta I_x(a, b) by its continued fraction (Lentz's method)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(x, a, b) / a
    return 1 - front * _fraction(1 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    tiny = 1e-300
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1) or tiny)
    total = d
    for m in range(1, 500):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / (1 + even * d or tiny)
        c = 1 + even / c or tiny
        total *= d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1 / (1 + odd * d or tiny)
        c = 1 + odd / c or tiny
        step = d * c
        total *= step
        if abs(step - 1) < 1e-14:
            break
    return total
