"""Answers of a run on this machine's card: in batches and one by one, and with less memory.

    python benchmarks/gpuanswers.py RUN [--cases 16] [--precision bf16]

With the product's own answerer, for the base and for the tuned model: how many answers are the same
in batches and one by one, how long both take, and whether they stay the same if a card is limited
to less memory than a batch needs, so that batches are halved.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

GB = 1e9


class Kept(dict[str, Any]):
    """A table of answers in memory."""

    def put(self, key: str, value: Any) -> None:
        self[key] = value


class Bench:
    """The questions of one run, and a lab that answers them."""

    def __init__(self, chosen: argparse.Namespace) -> None:
        import torch

        from sessiontune.evaluation import local
        from sessiontune.evaluation.actions import action_cases, limit_of
        from sessiontune.evaluation.answering import Asked
        from sessiontune.evaluation.arms import usual_arms
        from sessiontune.evaluation.heldout import open_run
        from sessiontune.evaluation.side import held_rows
        from sessiontune.templating import Template

        self.torch = torch
        if chosen.precision == "fp32":
            local.Lab._dtype = lambda _: torch.float32  # type: ignore[method-assign,assignment]
        run = open_run(chosen.run)
        cases = action_cases(held_rows(run.data), chosen.cases)
        self.asked = [Asked(c.context, c.tools, min(chosen.most, limit_of(c))) for c in cases]
        self.template = Template.load(run.base, str(run.template))
        self.stop = run.record.get("stop") or self.template.stops
        self.lab, self.arms = local.Lab(run), usual_arms(run, "")
        self.run, self.cuda = run, self.lab.device == "cuda"

    def written(self, arm: Any, rows: int) -> tuple[list[str], float, tuple[float, float]]:
        """Answers of an arm, at most `rows` together; seconds; GB used and held at the peak."""
        from sessiontune.evaluation.answering import Answerer

        self.lab.rows = rows
        table: Any = Kept()
        asker = Answerer(arm, table, self.lab, self.template, self.stop, self.run.length)
        if self.cuda:
            self.torch.cuda.empty_cache()
            self.torch.cuda.reset_peak_memory_stats()
        began = time.monotonic()
        replies = asker.replies(self.asked, lambda *_: None, "")
        card = self.torch.cuda
        used, held = card.max_memory_allocated() / GB, card.max_memory_reserved() / GB
        peak = (used, held) if self.cuda else (0.0, 0.0)
        return [r.text + str(r.stopped) for r in replies], time.monotonic() - began, peak

    def look(self, arm: Any) -> dict[str, Any]:
        """One arm: together, one by one, and together in less memory."""
        self.warm(arm)
        together, seconds, peak = self.written(arm, 16)
        alone, longer, least = self.written(arm, 1)
        tokens = sum(len(self.lab.tokenizer(text)["input_ids"]) for text in together)
        found = {
            "arm": arm.name, "answers": len(together), "tokens": tokens,
            "same": same(together, alone), "seconds": round(seconds, 2),
            "one_by_one": round(longer, 2), "used": round(peak[0], 2), "held": round(peak[1], 2),
            "used_one_by_one": round(least[0], 2), "held_one_by_one": round(least[1], 2),
        }  # fmt: skip
        return found | (self.short(arm, together, alone, peak[0], least[1]) if self.cuda else {})

    def warm(self, arm: Any) -> None:
        """Load the model and its kernels."""
        from sessiontune.evaluation.local import Prompt

        self.lab.rows = 2
        self.lab.answers(arm, [Prompt([5, 6, 7], 4), Prompt([5, 6], 4)], [])

    def short(
        self, arm: Any, together: list[str], alone: list[str], peak: float, least: float
    ) -> dict[str, Any]:
        """The same with less memory than the largest batch used, and more than one answer needs."""
        total = self.torch.cuda.get_device_properties(0).total_memory / GB
        room, tried = self.lab.room, 0
        before = self.lab._written

        def counted(*given: Any) -> Any:
            nonlocal tried
            tried += 1
            return before(*given)

        self.lab._written = counted  # type: ignore[method-assign,assignment]
        held = least + max(0.05 * least, (peak - least) * 0.3)
        self.torch.cuda.set_per_process_memory_fraction(held / total)
        halved, seconds, _ = self.written(arm, 16)
        self.torch.cuda.set_per_process_memory_fraction(1.0)
        self.lab._written = before  # type: ignore[method-assign]
        said = {
            "held_to": round(held, 2), "batches_tried": tried, "room_then": self.lab.room,
            "halved_same": same(halved, together), "halved_same_as_one": same(halved, alone),
            "halved_seconds": round(seconds, 2),
        }  # fmt: skip
        self.lab.room = room
        return said


def same(some: list[str], others: list[str]) -> int:
    """The number of equal answers."""
    return sum(a == b for a, b in zip(some, others, strict=True))


def main() -> None:
    """Parse and go."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--cases", type=int, default=16)
    parser.add_argument("--most", type=int, default=160, help="tokens of an answer")
    parser.add_argument("--precision", choices=("auto", "fp32"), default="auto")
    chosen = parser.parse_args()
    bench = Bench(chosen)
    for arm in bench.arms:
        print(json.dumps({"precision": chosen.precision, **bench.look(arm)}), flush=True)


if __name__ == "__main__":
    main()
