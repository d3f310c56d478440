"""Held-out loss of local arms, each example kept by its digest."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..errors import PreflightError
from ..templating import IGNORED, Template, TemplateRefused
from .answering import Progress
from .arms import Arm
from .cache import Table, digest
from .heldout import HeldExample
from .local import Lab, Loss


def losses(
    lab: Lab,
    arm: Arm,
    examples: Sequence[HeldExample],
    table: Table,
    prefix: Sequence[int],
    progress: Progress,
) -> list[Loss]:
    """One `Loss` for each example. `prefix`: tokens put before each (the rules' arm)."""
    found = []
    for done, example in enumerate(examples, 1):
        ids, labels = _after(prefix, example, lab.tokenizer.bos_token_id)
        key = digest(ids, labels, [])
        held = table.get(key)
        if held is None:
            loss = lab.loss(arm, ids, labels)
            if not math.isfinite(loss.nats):
                raise PreflightError(
                    f"The model of arm '{arm.name}' computes no numbers: the loss of a held-out"
                    f" example is {loss.nats}.",
                    "Its training diverged: train again with a smaller --rate."
                    if arm.kind == "adapter"
                    else "Its weights are damaged, or too large for 16 bits.",
                )
            table.put(key, [loss.nats, loss.tokens])
        else:
            loss = Loss(float(held[0]), int(held[1]))
        found.append(loss)
        progress(done, len(examples), f"loss, {arm.name}")
    return found


def _after(
    prefix: Sequence[int], example: HeldExample, bos: int | None
) -> tuple[list[int], list[int]]:
    """The example behind the prefix, as ids and labels. A second BOS, which no model has seen
    there, would make the rules' arm look worse than it is."""
    twice = bool(prefix) and prefix[0] == example.ids[0] == bos
    ids, labels = example.ids[twice:], example.labels[twice:]
    return [*prefix, *ids], [IGNORED] * len(prefix) + labels


def rules_prefix(template: Template, rules: str) -> list[int]:
    """The rules as a system message in tokens; empty if the template takes none by itself."""
    if not rules:
        return []
    try:
        return template.ids([{"role": "system", "content": rules}])
    except TemplateRefused:
        return []


def trainer_mean(found: Sequence[Loss], batch: int) -> float:
    """The mean as the trainer computes it: per batch over tokens, then over examples.

    That weighs a short example as much as a long one; our own measure weighs tokens. Both are
    computed from the same losses, so equality here shows that the same tokens were scored.
    """
    total = 0.0
    for start in range(0, len(found), batch):
        part = found[start : start + batch]
        tokens = sum(loss.tokens for loss in part)
        total += len(part) * (sum(loss.nats for loss in part) / tokens if tokens else 0.0)
    return total / len(found)
