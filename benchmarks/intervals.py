"""Which interval covers the true value? Coverage of several methods in simulated evaluations.

    python benchmarks/intervals.py [--trials 1000]

Clusters have equal sizes, very unequal sizes, or unequal sizes and a skewed shared effect. Needs
numpy. A method is good if its column is near 0.95 in every line.
"""

from __future__ import annotations

import argparse
from math import sqrt

import numpy as np

from sessiontune.evaluation.statistics import t_quantile

KINDS = ("equal", "unequal", "unequal, skewed")
CLUSTERS = (5, 10, 30, 100)
RESAMPLES = 499


def totals(kind: str, clusters: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Weighted sums of differences and of weights, by cluster; the true difference is 0."""
    equal = kind == "equal"
    sizes = np.full(clusters, 6) if equal else np.maximum(1, rng.lognormal(1.5, 1, clusters))
    shared = 0.7 * (
        rng.exponential(1, clusters) - 1 if "skewed" in kind else rng.normal(0, 1, clusters)
    )
    ups, downs = np.empty(clusters), np.empty(clusters)
    for c, size in enumerate(sizes.astype(int)):
        weight = np.full(size, 100.0) if equal else rng.lognormal(5, 0.8, size)
        ups[c] = (weight * (shared[c] + rng.normal(0, 1, size))).sum()
        downs[c] = weight.sum()
    return ups, downs


def methods(
    ups: np.ndarray, downs: np.ndarray, rng: np.random.Generator
) -> dict[str, tuple[float, float]]:
    """95% intervals by name."""
    n = len(ups)
    whole = ups.sum() / downs.sum()
    left_out = (ups.sum() - ups) / (downs.sum() - downs)
    jackknife = sqrt((n - 1) / n * ((left_out - whole) ** 2).sum())
    rest = ups - whole * downs
    linear = sqrt(n / (n - 1) * (rest**2).sum()) / downs.sum()
    effective = downs.sum() ** 2 / (downs**2).sum()
    picks = rng.integers(0, n, (RESAMPLES, n))
    draws = ups[picks].sum(1) / downs[picks].sum(1)
    rests = ups[picks] - draws[:, None] * downs[picks]
    errors = np.sqrt(n / (n - 1) * (rests**2).sum(1)) / downs[picks].sum(1)
    with np.errstate(all="ignore"):
        scores = (draws - whole) / errors
    scores = scores[np.isfinite(scores)]
    low, high = np.quantile(scores, [0.025, 0.975])
    both = np.quantile(abs(scores), 0.95)
    plain, careful = t_quantile(0.975, n - 1), t_quantile(0.975, max(1.0, effective - 1))
    return {
        "jackknife, effective t": (whole - careful * jackknife, whole + careful * jackknife),
        "jackknife, t": (whole - plain * jackknife, whole + plain * jackknife),
        "linear, t": (whole - plain * linear, whole + plain * linear),
        "percentile": tuple(np.quantile(draws, [0.025, 0.975])),
        "bootstrap-t": (whole - high * linear, whole - low * linear),
        "symmetric bootstrap-t": (whole - both * linear, whole + both * linear),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1000)
    trials = parser.parse_args().trials
    rng = np.random.default_rng(1)
    for kind in KINDS:
        for clusters in CLUSTERS:
            covered: dict[str, int] = {}
            for _ in range(trials):
                found = methods(*totals(kind, clusters, rng), rng)
                for name, (low, high) in found.items():
                    covered[name] = covered.get(name, 0) + (low <= 0 <= high)
            shares = "  ".join(f"{name} {n / trials:.3f}" for name, n in covered.items())
            print(f"{kind}, {clusters} clusters: {shares}", flush=True)


if __name__ == "__main__":
    main()
