"""One main session of the sample: turns with oddities between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from . import agents, oddities, planted
from .dialogue import turns
from .emit_claude import ClaudeLog
from .features import FEATURES
from .records import Source


@dataclass
class Session:
    """A session while it is written: its log, its sub-agents, side files and planted values."""

    log: ClaudeLog
    rng: Random
    agents: list[agents.Agent] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    planted: list[planted.Planted] = field(default_factory=list)

    def plant(self, kind: str, value: str) -> str:
        """Remember a planted value."""
        self.planted.append(planted.Planted(kind, value))
        return value


def build(
    rng: Random,
    start: datetime,
    features: tuple[str, ...],
    *,
    count: int,
    version: str,
    model: str,
    entrypoint: str = "",
) -> Session:
    """A session of about `count` turns with the named features between them, in that order."""
    extra = {"entrypoint": entrypoint} if entrypoint else {}
    log = ClaudeLog(Source(rng, start), version=version, model=model, extra=extra)
    s = Session(log, rng)
    plan = turns(rng, count)
    places = sorted(rng.sample(range(1, len(plan)), len(features)))
    due = dict(zip(places, features, strict=True))
    for number, turn in enumerate(plan):
        if number in due:
            FEATURES[due[number]](s)
        if rng.random() < 0.1:
            oddities.snapshot(log)
        log.turn(turn, interleave=rng.random() < 0.12)
        if rng.random() < 0.12:
            oddities.turn_duration(log)
        if rng.random() < 0.03:
            oddities.reminders(log)
    oddities.title(log, plan[0].prompt[:50], rng.choice(("summary", "ai-title", "custom-title")))
    if rng.random() < 0.5:
        oddities.last_prompt(log, plan[-1].prompt)
    return s
