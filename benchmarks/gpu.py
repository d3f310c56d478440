"""Memory and seconds of a training step on a CUDA card, beside the plan's estimates.

    python benchmarks/gpu.py grid  --work DIR > measured.jsonl     # sizes x methods x lengths
    python benchmarks/gpu.py cards --work DIR                      # plans for 8 to 24 GB cards

Base models are made on the card: real shapes and vocabularies, random weights (memory and time do
not depend on their values). Every cell is a separate process that runs the product's worker on
made-up tokens of one length, all of which bear loss. `grid` prints the peak of PyTorch's allocator
for each length; `cards` lets the planner choose for a card of a given size, limits the allocator to
the plan's memory (less CUDA's own), and tells whether the run succeeded.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

#: name -> (family, hidden, intermediate, layers, heads, key-value heads, head size, rows, tied)
SHAPES: dict[str, tuple[str, int, int, int, int, int, int, int, bool]] = {
    "tiny": ("qwen2", 256, 512, 2, 4, 2, 64, 8192, True),
    "qwen2.5-0.5b": ("qwen2", 896, 4864, 24, 14, 2, 64, 151936, True),
    "qwen2.5-1.5b": ("qwen2", 1536, 8960, 28, 12, 2, 128, 151936, True),
    "qwen2.5-3b": ("qwen2", 2048, 11008, 36, 16, 2, 128, 151936, True),
    "qwen3-4b": ("qwen3", 2560, 9728, 36, 32, 8, 128, 151936, True),
    "qwen3-8b": ("qwen3", 4096, 12288, 36, 32, 8, 128, 151936, False),
    "llama3-8b": ("llama", 4096, 14336, 32, 32, 8, 128, 128256, False),
    "qwen3-14b": ("qwen3", 5120, 17408, 40, 40, 8, 128, 151936, False),
}
LENGTHS = (1024, 2048, 4096, 8192, 16384)
#: Bytes.
GB = 1e9
#: Shares of the longest example, in an order that leaves gaps.
MIXED = (1.0, 0.37, 0.09, 1.0, 0.18, 0.61, 0.98, 0.05, 0.73, 0.31, 1.0)
GRID = (
    "qwen2.5-0.5b:lora", "qwen2.5-0.5b:qlora", "qwen2.5-0.5b:full", "qwen2.5-1.5b:lora",
    "qwen2.5-1.5b:qlora", "qwen2.5-1.5b:lora8", "qwen2.5-1.5b:full", "qwen2.5-3b:lora",
    "qwen2.5-3b:qlora", "qwen3-8b:lora", "qwen3-8b:qlora", "llama3-8b:lora", "llama3-8b:qlora",
)  # fmt: skip


def make_model(name: str, folder: Path, texts: Iterable[str] = ()) -> Path:
    """A base of the named shape with random weights, its tokenizer and template; made once."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from sessiontune.training.tiny import _tokenizer

    if (folder / "config.json").is_file():
        return folder
    family, hidden, inner, layers, heads, kv, size, rows, tied = SHAPES[name]
    tokenizer = _tokenizer(texts, "llama" if family == "llama" else "qwen2", 4096)
    config = AutoConfig.for_model(
        family, vocab_size=rows, hidden_size=hidden, intermediate_size=inner,
        num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=kv,
        head_dim=size, max_position_embeddings=40960, tie_word_embeddings=tied,
        bos_token_id=None, eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    beside = folder.with_name(f".{folder.name}.part")
    model.save_pretrained(beside, max_shard_size="2GB")
    tokenizer.save_pretrained(beside)
    beside.rename(folder)
    return folder


def orders_of(
    model: Path, given: dict[str, Any], card: float
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The worker's orders for one cell, and its plan. `card` in GB, 0: this one."""
    import torch

    from sessiontune.templating import Encoded
    from sessiontune.training import planner, settling, trl
    from sessiontune.training.bases import resolve
    from sessiontune.training.hardware import Gpu, Machine, machine
    from sessiontune.training.prepare import Prepared
    from sessiontune.training.spec import make_spec

    base = resolve(str(model))
    here = machine(Path.cwd())
    if card:
        here = Machine(
            system="Linux", cpu="", cores=8, memory=32, free=30, disk=500,
            gpus=(Gpu("card", card, "cuda"),), torch=torch.__version__, bitsandbytes=True,
        )  # fmt: skip
    spec = make_spec({"base": str(model), **given})
    settings, lines = settling.settle(spec, base, here)
    one = Encoded("made up", [1] * settings.length, [1] * settings.length, (1,), (1,))
    rows = Prepared(examples=(one,) * 80, rows=80, targets=80)
    plan = planner.plan(spec, base, here, settings, lines, rows, None, 80, False)
    orders = trl.orders(spec, plan, base.path, False)
    tokens = settings.length * settings.batch
    known = {
        "method": settings.method, "length": settings.length, "precision": settings.precision,
        "room": settings.room, "estimate": settings.memory,
        "plan_tokens_per_second": round(80 * settings.length * 3 / max(plan.seconds, 1e-9)),
    }  # fmt: skip
    return orders, {**known, "tokens": tokens, "billions": round(base.billions, 3)}


def write_rows(path: Path, lengths: Iterable[int], rows: int) -> None:
    """Made-up token ids, one example for each length; all but the first bear loss."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pick = random.Random(0)
    ids = [[pick.randrange(300, min(rows, 4000)) for _ in range(n)] for n in lengths]
    labels = [[-100, *row[1:]] for row in ids]
    path.parent.mkdir(parents=True, exist_ok=True)
    numbers = pa.list_(pa.int32())
    pq.write_table(
        pa.table({"input_ids": pa.array(ids, numbers), "labels": pa.array(labels, numbers)}), path
    )


def cell(job: dict[str, Any]) -> None:
    """Run one cell here and print what it took, one JSON line for each length."""
    import torch

    from sessiontune.training import worker

    began = time.monotonic()
    cuda = torch.cuda.is_available()
    place = Path(job["work"]) / "cells" / job["name"]
    place.mkdir(parents=True, exist_ok=True)
    os.chdir(place)
    model = Path(job["work"]) / job["shape"]
    orders, known = orders_of(model, job["given"], job.get("card", 0))
    if "context" in job:
        cap = known["estimate"] - job["context"]
        share = cap * 1e9 / torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, share))
    from sessiontune.templating.bundled import bundled

    Path("template.jinja").write_text(bundled("chatml"))
    # Otherwise all lengths up to the longest, in an order that leaves gaps.
    lengths = job.get("lengths") or [max(64, int(known["length"] * part)) for part in MIXED]
    batch = orders["arguments"]["per_device_train_batch_size"]
    # A short first step, in which the optimizer creates its states.
    written = [n for n in (256, *lengths) for _ in range(2 * batch)]
    write_rows(Path("data/train.parquet"), written, SHAPES[job["shape"]][7])
    orders["arguments"] |= {
        "gradient_accumulation_steps": 2, "max_steps": len(lengths) + 1, "save_strategy": "no",
        "train_sampling_strategy": "sequential", "warmup_steps": 0,
    }  # fmt: skip
    seen: list[dict[str, float]] = []
    head = {k: job[k] for k in ("name", "shape", "card") if k in job} | known
    try:
        worker._seeded(orders)
        trainer = worker._trainer(orders)
        head |= facts(trainer)
        if cuda:
            head["loaded"] = round(torch.cuda.memory_allocated() / GB, 3)
            head["loading"] = round(torch.cuda.max_memory_allocated() / GB, 3)
        trainer.add_callback(watcher(seen, cuda))
        trainer.train()
        head["loss"] = trainer.state.log_history[-1].get("train_loss")
    except torch.OutOfMemoryError as error:
        head["out_of_memory"] = str(error).splitlines()[0][:200]
    if cuda:
        free, total = torch.cuda.mem_get_info()
        head["device_used"] = round((total - free) / GB, 3)
    head["wall"] = round(time.monotonic() - began, 1)
    for length, step in zip(lengths, seen[1:], strict=False):
        estimated = estimate_for(model, job["given"], known, length)
        print(json.dumps({**head, "length": length, "estimate": estimated, **step}), flush=True)
    if "out_of_memory" in head or len(seen) < len(lengths) + 1:
        print(json.dumps({**head, "fits": False, "steps": len(seen)}), flush=True)


def watcher(seen: list[dict[str, float]], cuda: bool) -> Any:
    """A callback that notes the peak and the seconds of each step."""
    import torch
    from transformers import TrainerCallback

    class Look(TrainerCallback):  # type: ignore[misc]
        started = 0.0

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            if cuda:
                torch.cuda.synchronize()
                torch.cuda.reset_peak_memory_stats()
            self.started = time.monotonic()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            if cuda:
                torch.cuda.synchronize()
            seen.append(
                {
                    "seconds": round(time.monotonic() - self.started, 3),
                    "allocated": round(torch.cuda.max_memory_allocated() / GB, 3),
                    "reserved": round(torch.cuda.max_memory_reserved() / GB, 3),
                }
            )

    return Look()


def facts(trainer: Any) -> dict[str, Any]:
    """How the model really runs."""
    import torch

    parameters = [p for p in trainer.model.parameters() if p.requires_grad]
    return {
        "attention": getattr(trainer.model.config, "_attn_implementation", ""),
        "trained": sum(p.numel() for p in parameters),
        "trained_type": str(parameters[0].dtype).removeprefix("torch."),
        "checkpointing": bool(getattr(trainer.args, "gradient_checkpointing", False)),
        "tf32": bool(torch.backends.cuda.matmul.allow_tf32),
    }


def estimate_for(model: Path, given: dict[str, Any], known: dict[str, Any], length: int) -> float:
    """The plan's GB for another length of the same cell."""
    from sessiontune.training import settling
    from sessiontune.training.bases import resolve
    from sessiontune.training.spec import make_spec

    spec = make_spec({"base": str(model), **given})
    return settling.needed(spec, resolve(str(model)), known["precision"], known["method"], length)


def run_cells(jobs: list[dict[str, Any]], chosen: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Run each job in a process; yields their lines as they end."""

    def one(job: dict[str, Any]) -> list[dict[str, Any]]:
        env = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
        env |= {"PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True"} if chosen.expand else {}
        argv = [sys.executable, __file__, "cell", json.dumps(job)]
        done = subprocess.run(argv, capture_output=True, text=True, env=env, check=False)
        lines = [json.loads(x) for x in done.stdout.splitlines() if x.startswith('{"name"')]
        if not lines or done.returncode:
            sys.stderr.write(f"{job['name']}: status {done.returncode}\n{done.stderr[-1500:]}\n")
        return lines

    with ThreadPoolExecutor(chosen.jobs) as pool:
        for lines in pool.map(one, jobs):
            yield from lines


def grid(chosen: argparse.Namespace) -> None:
    """Every size and method, at every length."""
    jobs = []
    for name in chosen.cells or GRID:
        shape, method, *more = name.split(":")
        given: dict[str, Any] = {"method": method, "length": max(chosen.lengths)}
        given |= dict(pair.split("=") for pair in more)
        jobs.append(
            {"name": name.replace(":", "-"), "shape": shape, "given": given, "work": chosen.work,
             "lengths": chosen.lengths}
        )  # fmt: skip
    for line in run_cells(jobs, chosen):
        print(json.dumps(line), flush=True)


def cards(chosen: argparse.Namespace) -> None:
    """What the planner chooses for each card, and whether it succeeds in that much memory."""
    jobs = []
    for card in chosen.cards:
        for shape in chosen.shapes:
            size = card * 2**30 / 1e9
            jobs.append(
                {"name": f"{shape}-{card}", "shape": shape, "given": {}, "work": chosen.work,
                 "card": size, "context": chosen.context}
            )  # fmt: skip
    for line in run_cells(jobs, chosen):
        print(json.dumps(line), flush=True)


def main() -> None:
    """Parse and go."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("models", "grid", "cards", "cell"))
    parser.add_argument("job", nargs="?", help="a cell, as JSON")
    parser.add_argument("--work", default="gpu-work", help="folder for models and cells")
    parser.add_argument("--shapes", nargs="*", default=list(SHAPES)[1:])
    parser.add_argument("--cells", nargs="*", help="shape:method[:setting=value...]")
    parser.add_argument("--lengths", nargs="*", type=int, default=list(LENGTHS))
    parser.add_argument("--cards", nargs="*", type=int, default=[8, 12, 16, 24], help="GiB")
    parser.add_argument("--context", type=float, default=0.55, help="GB that CUDA itself takes")
    parser.add_argument("--expand", action="store_true", help="expandable segments, as `train`")
    parser.add_argument("--jobs", type=int, default=1, help="cells at once (times suffer)")
    chosen = parser.parse_args()
    chosen.work = str(Path(chosen.work).resolve())
    if chosen.what == "cell":
        cell(json.loads(chosen.job))
        return
    needed = {name.split(":")[0] for name in chosen.cells or GRID}
    for shape in chosen.shapes if chosen.what != "grid" else sorted(needed):
        made = time.monotonic()
        make_model(shape, Path(chosen.work) / shape)
        sys.stderr.write(f"{shape}: made in {time.monotonic() - made:.1f} s\n")
    if chosen.what != "models":
        {"grid": grid, "cards": cards}[chosen.what](chosen)


if __name__ == "__main__":
    main()
