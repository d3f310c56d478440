"""Is training right on this machine's card? Packed examples stay separate, `kill -9` is survived.

    python benchmarks/gpurun.py --work DIR [--shape qwen2.5-0.5b]

Packing: the loss of eight made-up examples, each alone and packed, by the product's own trainer.
Kill: two runs of the same command; in one the training process is killed after step 5 and resumed
from the checkpoint of step 3. Prints the losses of the same steps, and how far apart they are.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from gpu import make_model, orders_of, write_rows

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "training"))
LENGTHS = (300, 211, 180, 97, 33, 500, 120, 64)


def packing(model: Path, place: Path) -> None:
    """Mean loss of a trained token, alone and packed, in full precision and in 16 bits."""
    import torch

    from sessiontune.templating.bundled import bundled

    place.mkdir(parents=True)
    os.chdir(place)
    Path("template.jinja").write_text(bundled("chatml"))
    write_rows(Path("data/train.parquet"), LENGTHS, 4000)
    for precision in ("fp32", "bf16") if torch.cuda.is_available() else ("fp32",):
        alone, packed = (loss_of(model, precision, packed) for packed in (False, True))
        apart = abs(alone - packed) / alone
        print(f"packing, {precision}: alone {alone:.6f}, packed {packed:.6f}, apart {apart:.1e}")


def loss_of(model: Path, precision: str, packed: bool) -> float:
    """Mean loss of the trainer's own batches in its own model."""
    import torch

    from sessiontune.training import worker

    given = {"method": "lora", "length": 1024, "precision": precision, "packing": packed}
    orders = orders_of(model, given, 0)[0]
    orders["arguments"] |= {"max_steps": 1, "save_strategy": "no"}
    worker._seeded(orders)
    trainer = worker._trainer(orders)
    trainer.model.eval()
    total = count = 0.0
    for index in range(len(trainer.train_dataset)):
        batch = trainer.data_collator([trainer.train_dataset[index]])
        moved = {
            k: v.to(trainer.model.device) if torch.is_tensor(v) else v for k, v in batch.items()
        }
        with torch.no_grad(), trainer.compute_loss_context_manager():
            out = trainer.model(**moved, fused_lm_head=True, use_cache=False)
        total -= float(out.log_probs.float().sum())
        count += int(out.label_mask.sum())
    return total / count


def kill(model: Path, place: Path) -> None:
    """Train, and train with a kill in between."""
    from exports import make_export

    make_export(place / "export", train=60)
    train(model, place, "whole").wait()
    cut = train(model, place, "cut")
    metrics = place / "cut" / "metrics.jsonl"
    while cut.poll() is None and 5 not in losses(metrics):
        time.sleep(0.02)
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == place / "cut":
                os.kill(int(process.name), signal.SIGKILL)
        except OSError:  # ended already, or not ours
            continue
    print(f"killed: the command ended with {cut.wait()}")
    train(model, place, "cut", "--resume").wait()
    whole, resumed = losses(place / "whole" / "metrics.jsonl"), losses(metrics)
    for step, loss in whole.items():
        apart = abs(loss - resumed[step]) / loss
        print(f"step {step}: {loss:.6f} and {resumed[step]:.6f}, apart {apart:.1e}")


def train(model: Path, place: Path, name: str, *more: str) -> subprocess.Popen[bytes]:
    """`sessiontune train`, started."""
    settings = {
        "base": model, "out": place / name, "method": "lora", "length": 1024, "rate": 2e-3,
        "max-steps": 8, "eval-every": 3, "accumulation": 2, "patience": 0, "eval-limit": 4,
    }  # fmt: skip
    flags = [word for key, value in settings.items() for word in (f"--{key}", str(value))]
    argv = [sys.executable, "-m", "sessiontune", "train", str(place / "export"), *flags, "--force"]
    return subprocess.Popen([*argv, *more], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def losses(path: Path) -> dict[int, float]:
    """Step -> loss, of what is written so far."""
    found: dict[int, float] = {}
    for line in path.read_text().splitlines() if path.is_file() else []:
        try:
            entry: dict[str, Any] = json.loads(line)
        except ValueError:  # being written
            continue
        if entry["kind"] == "train":
            found[entry["step"]] = entry["loss"]
    return found


def main() -> None:
    """Parse and go."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", default="gpu-work", help="folder for the model and the runs")
    parser.add_argument("--shape", default="qwen2.5-0.5b")
    chosen = parser.parse_args()
    work = Path(chosen.work).resolve()
    from exports import conversation

    texts = [str(conversation(number)) for number in range(30)]
    model = make_model(chosen.shape, work / chosen.shape, texts)
    place = work / "runs"
    shutil.rmtree(place, ignore_errors=True)
    kill(model, place)
    packing(model, place / "packing")


if __name__ == "__main__":
    main()
