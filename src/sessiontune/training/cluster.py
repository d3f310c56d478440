"""More than one GPU or node: the files that accelerate, DeepSpeed, FSDP, Ray and SkyPilot take.

They are generated from the plan and checked here against what those programs demand; launching
them is the user's, since a cluster is theirs.
"""

from __future__ import annotations

import json
from typing import Any

from ..errors import UsageError
from ..ports import Job
from .others import NOTE
from .planner import Plan
from .spec import TrainSpec
from .yamltext import to_yaml

#: What each trainer can use, beyond one GPU.
KINDS = {
    "trl": ("ddp", "fsdp", "zero2", "zero3"),
    "llamafactory": ("ddp", "zero2", "zero3", "ray"),
    "axolotl": ("ddp", "fsdp", "zero2", "zero3", "ray"),
    "unsloth": ("ddp",),
}


def checked(spec: TrainSpec) -> None:
    """UsageError for a combination that the trainer does not have."""
    many = spec.gpus * spec.nodes > 1
    if spec.parallel == "none" and many:
        raise UsageError(
            f"{spec.gpus * spec.nodes} GPUs, but no --parallel.",
            f"{spec.trainer} takes: {', '.join(KINDS[spec.trainer])}.",
        )
    if spec.parallel != "none" and spec.parallel not in KINDS[spec.trainer]:
        raise UsageError(
            f"{spec.trainer} has no {spec.parallel}.",
            f"It takes: {', '.join(KINDS[spec.trainer])}.",
        )
    if spec.parallel in ("zero3", "fsdp") and spec.method in ("lora8",):
        raise UsageError(
            f"An 8-bit base cannot be split by {spec.parallel}.", "Use --method lora or qlora."
        )


def files(spec: TrainSpec, plan: Plan, job: Job) -> dict[str, str]:
    """Files below trainer/ for several GPUs, and a SkyPilot task; {} for one GPU."""
    checked(spec)
    if spec.parallel == "none":
        return {}
    out: dict[str, str] = {}
    if spec.parallel in ("zero2", "zero3"):
        text = json.dumps(deepspeed(spec, plan), indent=2) + "\n"
        out[f"trainer/{spec.parallel}.json"] = text
    if spec.trainer == "trl" and spec.parallel != "ray":
        out["trainer/accelerate.yaml"] = to_yaml(accelerate(spec, plan), NOTE)
    out["trainer/sky.yaml"] = to_yaml(skypilot(spec, plan, job), NOTE)
    return out


def deepspeed(spec: TrainSpec, plan: Plan) -> dict[str, Any]:
    """A DeepSpeed configuration; "auto" is filled in by transformers from its own arguments."""
    stage = 3 if spec.parallel == "zero3" else 2
    zero: dict[str, Any] = {
        "stage": stage,
        "overlap_comm": True,
        "contiguous_gradients": True,
        "reduce_bucket_size": "auto",
    }
    if stage == 3:
        zero |= {
            "stage3_prefetch_bucket_size": "auto",
            "stage3_param_persistence_threshold": "auto",
            "stage3_gather_16bit_weights_on_model_save": True,
        }
    return {
        "train_batch_size": "auto",
        "train_micro_batch_size_per_gpu": "auto",
        "gradient_accumulation_steps": "auto",
        "gradient_clipping": "auto",
        "bf16": {"enabled": "auto"},
        "fp16": {"enabled": "auto"},
        "zero_optimization": zero,
    }


def accelerate(spec: TrainSpec, plan: Plan) -> dict[str, Any]:
    """A configuration for `accelerate launch --config_file`."""
    kind = spec.parallel
    types = {"ddp": "MULTI_GPU", "fsdp": "FSDP", "zero2": "DEEPSPEED", "zero3": "DEEPSPEED"}
    precision = plan.settings.precision
    out: dict[str, Any] = {
        "compute_environment": "LOCAL_MACHINE",
        "debug": False,
        "distributed_type": types[kind],
        "downcast_bf16": "no",
        "machine_rank": 0,
        "main_training_function": "main",
        "mixed_precision": precision if precision in ("bf16", "fp16") else "no",
        "num_machines": spec.nodes,
        "num_processes": spec.gpus * spec.nodes,
        "rdzv_backend": "static",
        "same_network": True,
        "use_cpu": False,
    }
    if spec.nodes > 1:
        out |= {"main_process_ip": "127.0.0.1", "main_process_port": 29500}
    if kind == "fsdp":
        out["fsdp_config"] = {
            "fsdp_version": 2,
            "fsdp_auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
            "fsdp_reshard_after_forward": True,
            "fsdp_state_dict_type": "FULL_STATE_DICT",
            "fsdp_cpu_ram_efficient_loading": True,
        }
    if kind in ("zero2", "zero3"):
        out["deepspeed_config"] = {"deepspeed_config_file": f"trainer/{kind}.json"}
        if kind == "zero3":
            out["deepspeed_config"]["zero3_init_flag"] = True
    return out


def skypilot(spec: TrainSpec, plan: Plan, job: Job) -> dict[str, Any]:
    """A SkyPilot task that rents what the plan needs: `sky launch trainer/sky.yaml`.

    The run's folder is the working folder, so the private rows go to the rented machine; that is
    the user's decision, and nothing is sent before `sky launch`.
    """
    gpu = next((name for size, name in _GPUS if plan.settings.memory <= size * 0.92), "H200")
    needs = " ".join(f"'{name}{version}'" for name, version in job.needs.items())
    return {
        "name": f"sessiontune-{spec.trainer}",
        "workdir": ".",
        "num_nodes": spec.nodes,
        "resources": {
            "accelerators": f"{gpu}:{spec.gpus}",
            "disk_size": max(100, round(plan.disk) + 60),
        },
        "setup": f"pip install {needs}",
        "run": " ".join(_portable(job.argv)),
    }


#: Memory in GB and name of GPUs that are commonly rented.
_GPUS = ((24, "L4"), (48, "L40S"), (80, "A100-80GB"), (141, "H200"))


def _portable(argv: tuple[str, ...]) -> list[str]:
    """The command without this machine's paths."""
    return [argv[0].rsplit("/", 1)[-1], *argv[1:]] if argv else []
