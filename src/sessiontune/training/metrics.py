"""One schema of metrics for every trainer, and what can be read from them.

A line of `metrics.jsonl`: `kind` ("base", "train", "eval" or "end"), `step`, `epoch`, `loss`,
and where known `rate`, `grad_norm`, `tokens` (seen so far), `tokens_per_second`, `seconds`.
Losses are natural-log cross-entropy per token that bears loss.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from .hook import measured


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """All whole lines; a last line cut by a crash is left out."""
    if not path.is_file():
        return []
    lines = path.read_bytes().splitlines(keepends=True)
    return [orjson.loads(line) for line in lines if line.endswith(b"\n") and line.strip()]


def keep_until(path: Path, step: int) -> None:
    """Remove lines after `step`: a resumed run writes them again."""
    if path.is_file():
        kept = [m for m in read_metrics(path) if m.get("step", 0) <= step and m["kind"] != "end"]
        path.write_bytes(b"".join(orjson.dumps(m) + b"\n" for m in kept))


def tokens_seen(path: Path) -> int:
    """Tokens that the training has seen by the last step it measured; 0 before the first."""
    return next((int(m["tokens"]) for m in reversed(read_metrics(path)) if m.get("tokens")), 0)


def evaluations(metrics: Iterable[Mapping[str, Any]]) -> list[tuple[int, float]]:
    """(step, loss) of each evaluation in order; step 0 is the base."""
    wanted = [m for m in metrics if m["kind"] in ("base", "eval") and _finite(m.get("loss"))]
    return [(int(m["step"]), float(m["loss"])) for m in wanted]


def training(metrics: Iterable[Mapping[str, Any]]) -> list[tuple[int, float]]:
    """(step, loss) of each training step that was logged."""
    wanted = [m for m in metrics if m["kind"] == "train" and _finite(m.get("loss"))]
    return [(int(m["step"]), float(m["loss"])) for m in wanted]


def _finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def overfitting(metrics: Iterable[Mapping[str, Any]]) -> str:
    """A sentence when the evaluation loss has turned up by more than 1% of the best while the
    training loss still falls; "" otherwise."""
    known = list(metrics)
    held, train = evaluations(known), training(known)
    if len(held) < 3 or len(train) < 4:
        return ""
    best_step, best = min(held, key=lambda pair: pair[1])
    last_step, last = held[-1]
    if last_step <= best_step or last <= best * 1.01:
        return ""
    before = [loss for step, loss in train if step <= best_step]
    after = [loss for step, loss in train if step > best_step]
    if not before or not after or sum(after) / len(after) >= sum(before) / len(before):
        return ""
    return (
        f"Overfitting: evaluation loss was best at step {best_step} ({best:.4f}) and is "
        f"{last:.4f} at step {last_step}, while training loss still falls."
    )


def summary(metrics: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Figures for run.json."""
    known = list(metrics)
    held, train = evaluations(known), training(known)
    out: dict[str, Any] = {"steps": train[-1][0] if train else 0}
    if train:
        out |= {"first_loss": train[0][1], "final_loss": train[-1][1]}
    base = [loss for step, loss in held if step == 0]
    tuned = [(step, loss) for step, loss in held if step > 0]
    if base:
        out["base_eval_loss"] = base[0]
    if tuned:
        step, loss = min(tuned, key=lambda pair: pair[1])
        out |= {"eval_loss": loss, "best_step": step, "final_eval_loss": tuned[-1][1]}
    speeds = [m["tokens_per_second"] for m in known if m.get("tokens_per_second")]
    if speeds:
        out["tokens_per_second"] = round(sorted(speeds)[len(speeds) // 2], 1)
    note = overfitting(known)
    if note:
        out["overfitting"] = note
    return out


def from_trainer_state(path: Path) -> list[dict[str, Any]]:
    """The schema from a Hugging Face `trainer_state.json`, which all four trainers write."""
    state = json.loads(path.read_text("utf-8"))
    out = []
    for entry in state.get("log_history", []):
        found = measured(entry, entry.get("step", 0), entry.get("epoch", 0.0))
        if found.get("kind") == "train":
            found["grad_norm"] = entry.get("grad_norm")
        out += [found] if found else []
    return out
