"""Intervals that cover the truth, no win for equal arms, and verdicts that know their limits."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessiontune.evaluation.result import conclude, measure
from sessiontune.evaluation.statistics import (
    FEW,
    Case,
    clear,
    estimate,
    permuted,
    spread,
    t_quantile,
    verdict,
)

from .simulate import cases

TRIALS = 2_000


@pytest.mark.slow
@pytest.mark.parametrize("clusters", [10, 30, 100])
def test_intervals_cover_the_truth_and_equal_arms_seldom_win(clusters: int) -> None:
    rng = Random(clusters)
    covered = wins = 0
    for _ in range(TRIALS):
        found = estimate(cases(rng, clusters, effect=0.0))
        covered += found.low <= 0 <= found.high
        wins += verdict(found, True, "loss").outcome == "better"
    assert 0.93 <= covered / TRIALS <= 0.97
    assert wins / TRIALS <= 0.05


@pytest.mark.slow
def test_equal_arms_seldom_get_a_verdict_from_all_measures_together() -> None:
    """Eight measures of the same turns, of arms that do not differ."""
    rng = Random(8)
    outcomes = []
    for _ in range(400):
        names = ["loss", *"abcdefg"]
        made = [measure(n, n, cases(rng, 20), lower_is_better=n == "loss") for n in names]
        outcomes.append(conclude(made).outcome)
    print({o: outcomes.count(o) / 400 for o in set(outcomes)})
    assert outcomes.count("better") / 400 <= 0.05
    assert outcomes.count("worse") / 400 <= 0.10  # 2.5% by the loss, 5% of both sides by the others


def test_a_loss_on_one_of_many_measures_must_be_clear() -> None:
    """What one look would call worse is not worse as one of seven; a larger loss is."""
    better = measure("loss", "loss", cases(Random(1), 40, -1.0), lower_is_better=True)
    calm = [measure(n, n, cases(Random(3), 40), lower_is_better=False) for n in "abcdef"]
    found = [
        measure("tool", "tool", cases(Random(13), 40, -effect), lower_is_better=False)
        for effect in (0.3, 2.0)
    ]
    assert found[0].verdict.outcome == "worse"
    assert conclude([better, *calm, found[0]]).outcome == "better"
    assert conclude([better, found[0]]).outcome == "worse"
    assert conclude([better, *calm, found[1]]).outcome == "worse"


@pytest.mark.parametrize(("effect", "lower_is_better"), [(2.0, False), (-2.0, True)])
def test_a_clear_gain_on_another_measure_is_neither_a_loss_nor_a_verdict(
    effect: float, lower_is_better: bool
) -> None:
    loss = measure("loss", "loss", cases(Random(3), 40), lower_is_better=True)
    gain = measure("tool", "tool", cases(Random(13), 40, effect), lower_is_better=lower_is_better)
    assert (loss.verdict.outcome, gain.verdict.outcome) == ("unclear", "better")
    assert conclude([loss, gain]) == loss.verdict


def test_a_real_gain_is_seen_and_a_real_loss_too() -> None:
    rng = Random(1)
    assert verdict(estimate(cases(rng, 60, -1.0)), True, "loss").outcome == "better"
    assert verdict(estimate(cases(rng, 60, +1.0)), True, "loss").outcome == "worse"
    assert verdict(estimate(cases(rng, 60, +1.0)), False, "tools").outcome == "better"


def test_names_permuted_give_no_win() -> None:
    rng = Random(2)
    real = cases(rng, 60, -1.0)
    outcomes = [verdict(estimate(permuted(real, s)), True, "loss").outcome for s in range(40)]
    assert outcomes.count("unclear") >= 36


def test_few_lineages_say_so_and_what_to_add() -> None:
    found = estimate(cases(Random(3), 6, -3.0))
    said = verdict(found, True, "loss")
    assert said.outcome == "unclear"
    assert "6 held-out groups of sessions" in said.sentence
    assert "held-out" not in verdict(found, False, "your queries", "questions").sentence
    assert "Ask at least 4 more" in verdict(found, False, "your queries", "questions").words
    assert "4 more" in said.advice


def test_more_cases_of_one_lineage_do_not_narrow_the_interval() -> None:
    """What a naive interval gets wrong: repeating every case tenfold adds no evidence."""
    once = cases(Random(4), 20, -0.3)
    often = [Case(f"{c.id}/{i}", c.cluster, c.a, c.b, c.weight) for c in once for i in range(10)]
    a, b = estimate(once), estimate(often)
    assert b.high - b.low == pytest.approx(a.high - a.low)


def test_an_estimate_reckoned_by_hand() -> None:
    """Weighted, clustered: without each of the three lineages the ratio is 8/6, 2 and 1."""
    given = [("a", 1, 1), ("a", 3, 1), ("b", 0, 2), ("c", 2, 4)]
    found = estimate([Case(str(i), c, 1.0, 1.0 + d, w) for i, (c, d, w) in enumerate(given)])
    se = (2 / 3 * (1 / 36 + 1 / 4 + 1 / 4)) ** 0.5
    assert (found.difference, found.a, found.b) == pytest.approx((1.5, 1.0, 2.5))
    assert (found.se, found.effective) == pytest.approx((se, 64 / 24))
    half = se * t_quantile(0.975, 5 / 3)
    assert (found.low, found.high) == pytest.approx((1.5 - half, 1.5 + half))
    assert (found.needed_clusters, found.needed) == (FEW, 14), "ten lineages of 4/3 cases"


def test_arms_that_do_the_same_are_not_told_apart() -> None:
    found = estimate([Case(str(i), str(i), 2.0, 2.0) for i in range(20)])
    assert (found.low, found.high) == (0, 0)
    assert verdict(found, True, "loss").outcome == "unclear"


def test_a_few_lineages_make_nothing_clear() -> None:
    enough, few = (estimate(cases(Random(3), n, -3.0)) for n in (FEW, FEW - 1))
    assert few.high < 0
    assert clear(enough)
    assert not clear(few)


def test_no_more_lineages_are_asked_for_than_are_there() -> None:
    """One lineage with nearly all of the weight: it is what keeps the interval wide."""
    weights = [100.0] + [1.0] * 11
    gains = [1.0] + [1.2] * 11
    found = estimate(
        [Case(str(i), str(i), 0, g, w) for i, (g, w) in enumerate(zip(gains, weights, strict=True))]
    )
    assert found.low < 0 < found.high
    assert found.needed_clusters == FEW < found.clusters
    assert verdict(found, False, "loss").sentence.endswith("the interval includes 0.")


def test_one_lineage_has_no_interval() -> None:
    found = estimate([Case("1", "only", 1.0, 0.5), Case("2", "only", 1.0, 0.6)])
    assert found.se is None
    assert found.low == float("-inf")
    assert found.difference == pytest.approx(-0.45)


def test_no_cases_is_an_error() -> None:
    with pytest.raises(ValueError, match="no cases"):
        estimate([])


@settings(max_examples=60)
@given(st.integers(2, 40), st.integers(0, 1_000), st.floats(-3, 3))
def test_swapping_the_arms_swaps_the_sign(clusters: int, seed: int, effect: float) -> None:
    forward = cases(Random(seed), clusters, effect)
    back = [Case(c.id, c.cluster, c.b, c.a, c.weight) for c in forward]
    a, b = estimate(forward), estimate(back)
    assert a.difference == pytest.approx(-b.difference)
    assert a.low == pytest.approx(-b.high)


def test_needed_shrinks_with_the_effect() -> None:
    small, large = (estimate(cases(Random(5), 40, e)) for e in (-0.1, -1.0))
    assert small.needed_clusters is not None
    assert large.needed_clusters is not None
    assert small.needed_clusters > large.needed_clusters
    plain = estimate(cases(Random(5), 5, -20.0))
    assert plain.needed_clusters == FEW, "two groups would show it, and give no verdict"


@pytest.mark.parametrize(
    ("p", "df", "value"),
    [(0.975, 1, 12.7062), (0.975, 9, 2.26216), (0.975, 29, 2.04523), (0.95, 4, 2.13185)],
)
def test_t_quantiles_of_the_tables(p: float, df: float, value: float) -> None:
    assert t_quantile(p, df) == pytest.approx(value, abs=1e-4)


def test_spread_over_seeds() -> None:
    assert spread([1.0]) == (1.0, 0.0)
    assert spread([1.0, 3.0]) == (2.0, pytest.approx(2**0.5))
