"""Comparing answers without their names: the case, not the arm, decides which is shown first."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ..figures import several
from .cache import Table, digest
from .callforms import without_thoughts
from .result import Judged, Result, tally
from .statistics import Case, Verdict


class Blind(msgspec.Struct, frozen=True):
    """One pair to decide. `swapped`: the tuned answer is first."""

    key: str
    cluster: str
    prompt: str
    first: str
    second: str
    swapped: bool


def pairs_of(result: Result) -> list[Blind]:
    """Pairs of base and tuned answers that differ: of queries if there are any, else of cases."""
    found = []
    for case in result.queries or result.cases:
        by_arm = {a.arm: a for a in case.answers}
        if "base" not in by_arm or "tuned" not in by_arm:
            continue
        a, b = by_arm["base"], by_arm["tuned"]
        one, two = without_thoughts(a.text), without_thoughts(b.text)
        if a.failed or b.failed or one == two:
            continue
        key = digest(case.prompt, a.text, b.text)
        swapped = int(key[:8], 16) % 2 == 1
        first, second = (two, one) if swapped else (one, two)
        found.append(Blind(key, case.cluster or case.id, case.prompt, first, second, swapped))
    return found


def decided(table: Table, pair: Blind) -> bool:
    """Has the pair been decided already?"""
    return pair.key in table


def put(table: Table, pair: Blind, key: str) -> None:
    """Keep the decision `1`, `2` or `=`, as the arm that it means."""
    if key == "=":
        table.put(pair.key, "tie")
    else:
        table.put(pair.key, "tuned" if (key == "1") == pair.swapped else "base")


def outcome(table: Table, pairs: Sequence[Blind], unit: str = "lineages") -> Judged:
    """Who won, over the pairs decided so far. The verdict waits for the last one: with a look after
    each of 40 pairs, two equal models were told apart in a fifth of 400 simulated comparisons, at
    the end in a twentieth."""
    share = {"tuned": 1.0, "base": 0.0, "tie": 0.5}
    cases = [
        Case(p.key, p.cluster, 0.5, share[table.get(p.key)]) for p in pairs if decided(table, p)
    ]
    found = tally(
        cases, arm="tuned", against="base", judge="you", unit=unit,
        what="your blind comparison", none="",
    )  # fmt: skip
    if left := len(pairs) - len(cases):
        waits = f"No verdict yet: {several(left, 'pair')} left. It is given once all are decided."
        found = msgspec.structs.replace(found, verdict=Verdict("unclear", waits))
    return found
