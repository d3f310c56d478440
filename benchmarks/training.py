"""What our worker adds to TRL's own time for a step: the same script with and without us.

    python benchmarks/training.py [--steps 30] [--rounds 3]

In one process, on the CPU and a tiny model: TRL's SFTTrainer as one would write it by hand, and the
same trainer with our callbacks (metrics file, events, stop flag), by turns. CPU time counts, so a
busy machine does not disturb the ratio. Prints seconds a step for both and the ratio.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "training"))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    from exports import conversation
    from transformers.utils import logging

    from sessiontune.templating import Template
    from sessiontune.training.data import Row
    from sessiontune.training.prepare import prepare
    from sessiontune.training.tiny import make_tiny

    logging.set_verbosity_error()
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        base = make_tiny("base", [str(conversation(i)) for i in range(30)])
        rows = [Row(str(i), conversation(i)) for i in range(60)]
        made = prepare(rows, Template.load(base), 1024)
        data = [{"input_ids": e.ids, "labels": e.labels} for e in made.examples]
        times: dict[str, list[float]] = {"by hand": [], "ours": []}
        for _ in range(chosen.rounds):
            for kind, known in times.items():
                known.append(one(base, data, chosen.steps, ours=kind == "ours"))
    hand, ours = (median(known) / chosen.steps for known in times.values())
    print(f"by hand {hand:.4f} s a step, ours {ours:.4f} s, ratio {ours / hand:.3f}")


def one(base: Path, data: list[dict[str, Any]], steps: int, ours: bool) -> float:
    """CPU seconds of one training of `steps` steps."""
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    from sessiontune.training.watch import Reporter, StopFlag, callbacks

    arguments = SFTConfig(
        output_dir="out",
        max_steps=steps,
        per_device_train_batch_size=2,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        max_length=None,
        disable_tqdm=True,
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(base),
        args=arguments,
        train_dataset=Dataset.from_list(data),
        processing_class=AutoTokenizer.from_pretrained(base),
        peft_config=LoraConfig(task_type="CAUSAL_LM", target_modules="all-linear"),
    )
    if ours:
        for callback in callbacks(Reporter(Path("metrics.jsonl")), StopFlag(Path("stop")), 0):
            trainer.add_callback(callback)
    with contextlib.redirect_stdout(io.StringIO()):
        started = time.process_time()
        trainer.train()
        return time.process_time() - started


if __name__ == "__main__":
    main()
