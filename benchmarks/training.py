"""Cost of a training step of `sessiontune train`, compared with a TRL script written by hand.

    python benchmarks/training.py [--steps 20 120] [--rounds 3]

Both run as for a user, on the CPU, on the same tokens and a tiny model: the whole command (its own
process and its worker's, with plan, metrics, progress and checkpoints), and a script of TRL's
SFTTrainer with the same settings. Each runs for two numbers of steps, alternately; the difference
of their CPU seconds, divided by that of the steps, is the cost of one step, without the start. CPU
time is little disturbed by other work of the machine. Prints the seconds a step of each round, and
the ratio of the medians.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "training"))

#: As one would write it from TRL's documentation, for existing tokens.
BY_HAND = """
import json, sys
import pyarrow.parquet as pq
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer

base, steps, data, out = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
rows = {n: Dataset(pq.read_table(f"{data}/{n}.parquet", columns=["input_ids", "labels"]))
        for n in ("train", "eval")}
trainer = SFTTrainer(
    model=AutoModelForCausalLM.from_pretrained(base),
    args=SFTConfig(
        output_dir=out, max_steps=steps, per_device_train_batch_size=2,
        per_device_eval_batch_size=2, gradient_accumulation_steps=1, learning_rate=5e-3,
        lr_scheduler_type="cosine", warmup_steps=5, weight_decay=0.01, logging_steps=1,
        eval_strategy="steps", eval_steps=steps, save_steps=steps, report_to="none", use_cpu=True,
        bf16=False, gradient_checkpointing=False, max_length=None, seed=42,
        dataset_kwargs={"skip_prepare_dataset": True}, load_best_model_at_end=True,
    ),
    train_dataset=rows["train"],
    eval_dataset=rows["eval"],
    processing_class=AutoTokenizer.from_pretrained(base),
    peft_config=LoraConfig(task_type="CAUSAL_LM", r=16, lora_alpha=32, lora_dropout=0.05,
                           target_modules="all-linear"),
)
trainer.evaluate()
trainer.train()
trainer.save_model(out + "/adapter")
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, nargs=2, default=(20, 120))
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    short, long = chosen.steps
    from exports import conversation, make_export

    from sessiontune.training.tiny import make_tiny

    costs: dict[str, list[float]] = {"by hand": [], "sessiontune train": []}
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        base = make_tiny(place / "base", [str(conversation(i)) for i in range(30)])
        make_export(place / "export", train=40)
        (place / "by_hand.py").write_text(BY_HAND)
        # The first run of ours makes the tokens for the script.
        spent(ours(place, base, 1, "first"))
        for number in range(chosen.rounds):
            for kind, known in costs.items():
                make = by_hand if kind == "by hand" else ours
                taken = [spent(make(place, base, n, f"{number}-{n}")) for n in (short, long)]
                known.append((taken[1] - taken[0]) / (long - short))
    for kind, known in costs.items():
        print(f"{kind:20}" + "  ".join(f"{cost:.4f}" for cost in known) + "  CPU s a step")
    hand, own = (median(known) for known in costs.values())
    print(f"ratio {own / hand:.3f}")


def by_hand(place: Path, base: Path, steps: int, name: str) -> list[str]:
    """The script's command line."""
    data = place / "run-first" / "data"
    script = str(place / "by_hand.py")
    return [sys.executable, script, str(base), str(steps), str(data), str(place / f"hand-{name}")]


def ours(place: Path, base: Path, steps: int, name: str) -> list[str]:
    """Our command line."""
    told = {
        "base": base, "max-steps": steps, "epochs": 1000, "eval-every": steps, "batch": 2,
        "accumulation": 1, "rate": 5e-3, "patience": 0, "device": "cpu", "length": 1024,
        "warmup": 5 / steps if steps > 5 else 0, "out": place / f"run-{name}",
    }  # fmt: skip
    flags = [word for key, value in told.items() for word in (f"--{key}", str(value))]
    export = str(place / "export")
    return [sys.executable, "-m", "sessiontune", "train", export, *flags, "--force"]


def spent(argv: list[str]) -> float:
    """CPU seconds of a program and all its children."""

    def so_far() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before = so_far()
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    subprocess.run(argv, check=True, capture_output=True, env=env)
    return so_far() - before


if __name__ == "__main__":
    main()
