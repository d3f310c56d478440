"""TRL and PEFT, the default trainer: our worker process trains on our own tokens and labels."""

from __future__ import annotations

import json
import sys
from typing import Any

from ..ports import Job
from ..runs import TEMPLATE
from .arguments import arguments, evaluated
from .planner import Plan
from .spec import TrainSpec, named_targets

NAME = "trl"
NEEDS = {"trl": ">=1.9", "peft": ">=0.20", "transformers": ">=5.6", "datasets": ">=4.7"}
#: The file with the worker's orders, relative to the run.
ORDERS = "trainer/orders.json"


def saved_in(method: str) -> str:
    """The folder of a run for what was trained: an adapter, or the whole model."""
    return "model" if method == "full" else "adapter"


def orders(spec: TrainSpec, plan: Plan, base: str, held: bool, stop: str = "") -> dict[str, Any]:
    """Everything the worker needs to know. Paths are relative to the run, except the base's."""
    settings = plan.settings
    return {
        "base": base,
        "task": spec.task,
        "method": settings.method,
        "saved": saved_in(settings.method),
        "parallel": spec.parallel,
        "device": settings.device,
        "precision": settings.precision,
        "threads": spec.threads,
        "seed": spec.seed,
        "beta": spec.beta,
        "train": "data/train.parquet" if spec.task == "sft" else "data/train.jsonl",
        "eval": ("data/eval.parquet" if spec.task == "sft" else "data/eval.jsonl") if held else "",
        "template": TEMPLATE,
        "stop": stop,
        "length": settings.length,
        "adapter": {
            "r": spec.rank,
            "lora_alpha": spec.alpha,
            "lora_dropout": plan.settings.dropout,
            "target_modules": named_targets(spec) or "all-linear",
        },
        "patience": spec.patience if held else 0,
        "arguments": _arguments(spec, plan, held),
    }


def _arguments(spec: TrainSpec, plan: Plan, held: bool) -> dict[str, Any]:
    """The arguments that all of TRL's configurations take."""
    settings = plan.settings
    out = arguments(spec, plan) | {
        "disable_tqdm": True,
        "dataloader_pin_memory": settings.device == "cuda",
        # TRL checkpoints activations unless told otherwise.
        "gradient_checkpointing": settings.checkpointing,
    }
    if settings.checkpointing and settings.method == "lora8":
        # Non-reentrant checkpointing cannot drop the inputs of 8-bit products of bitsandbytes.
        out["gradient_checkpointing_kwargs"] = {"use_reentrant": True}
    if spec.task == "sft":
        out["packing"] = spec.packing
        if spec.packing:  # held-out examples are scored one by one
            out["eval_packing"] = False
    return out | evaluated(plan) if held else out


def job(spec: TrainSpec, plan: Plan, base: str, held: bool, stop: str = "") -> Job:
    """The worker as a job, to be run in the run's folder."""
    text = json.dumps(orders(spec, plan, base, held, stop), indent=2) + "\n"
    program: tuple[str, ...] = (sys.executable, "-m", "sessiontune.training.worker", ORDERS)
    if spec.parallel != "none":
        launch = ("-m", "accelerate.commands.launch", "--config_file", "trainer/accelerate.yaml")
        program = (sys.executable, *launch, *program[1:])
    return Job(
        name=NAME,
        files={ORDERS: text},
        argv=program,
        env={
            "SESSIONTUNE_WATCH_STDIN": "1",
            "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
            # Examples of varying length fragment the GPU's memory.
            "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True",
            # Waiting threads sleep: spinning costs ten times the work on a busy machine.
            "OMP_WAIT_POLICY": "PASSIVE",
        },
        needs=NEEDS,
        outputs=("trainer/result.json",),
    )
