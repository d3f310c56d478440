"""Starter questions for an evaluation, in the domain of the sample."""

from __future__ import annotations

from random import Random
from typing import Any

from . import facts
from .sums import SUMS

#: What an area is built with, as further tags of the starter questions.
TECHNOLOGY = {"api": ("fastapi",), "database": ("sqlite",), "dashboard": ("react", "nextjs")}


def questions(seed: int = 7) -> list[dict[str, Any]]:
    """A starter set for evaluation: question, reference and tags, a few for each area.

    Deterministic for a seed. The tags name the area and the kind of fact.
    """
    rng = Random(seed)
    known = list(facts.all_facts())
    chosen: list[facts.Fact] = []
    for area in facts.AREAS:
        pool = [f for f in known if f.area == area]
        chosen += rng.sample(pool, min(5, len(pool)))
    chosen += [make(rng) for make in SUMS for _ in range(2)]
    rows = []
    for number, fact in enumerate(chosen, 1):
        question, answer = facts.ask(fact, rng)
        rows.append(
            {
                "id": f"starter-{number:03d}",
                "question": question,
                "reference": answer,
                "rubric": "States the same facts and figures as the reference.",
                "tags": [fact.area, fact.kind, *TECHNOLOGY.get(fact.area, ())],
            }
        )
    return rows
