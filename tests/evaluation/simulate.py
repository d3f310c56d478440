"""Simulated evaluations with a known truth: clusters of unequal size, a shared effect in each."""

from __future__ import annotations

from random import Random

from sessiontune.evaluation.statistics import Case


def cases(rng: Random, clusters: int, effect: float = 0.0, unequal: float = 0.7) -> list[Case]:
    """Paired cases whose true difference is `effect`; turns of a lineage share part of theirs."""
    found = []
    for c in range(clusters):
        size = max(1, round(rng.lognormvariate(1.2, unequal)))
        shared = rng.gauss(0, 0.7)
        for i in range(size):
            level = rng.gauss(2, 1)
            gain = effect + shared + rng.gauss(0, 1)
            weight = rng.lognormvariate(4, 0.5)
            found.append(Case(f"{c}.{i}", f"lineage-{c}", level, level + gain, weight))
    return found
