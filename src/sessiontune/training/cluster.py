"""More than one GPU or node: the files that accelerate, DeepSpeed, FSDP, Ray and SkyPilot take.

They are generated from the plan, also for a GPU that is not here yet; launching them is left to the
user, whose cluster it is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from ..errors import UsageError
from ..ports import Job
from .bases import Base
from .hardware import Gpu, Machine
from .memory import estimate
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


SKY_NOTE = """`sky launch -c tune trainer/sky.yaml` copies the run's folder, and so your rows.
Afterwards bring it back, `rsync -a tune:sky_workdir/ .`, and give it up, `sky down tune`."""


def checked(spec: TrainSpec) -> None:
    """UsageError for a combination that the trainer cannot do."""
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


def files(spec: TrainSpec, plan: Plan, job: Job, base: str) -> dict[str, str]:
    """Files below trainer/ for several GPUs, and a SkyPilot task; {} for one GPU."""
    checked(spec)
    if spec.parallel == "none":
        return {}
    out: dict[str, str] = {}
    if spec.parallel in ("zero2", "zero3"):
        text = json.dumps(deepspeed(spec), indent=2) + "\n"
        out[f"trainer/{spec.parallel}.json"] = text
    if spec.trainer == "trl" and spec.parallel != "ray":
        out["trainer/accelerate.yaml"] = to_yaml(accelerate(spec, plan), NOTE)
    out["trainer/sky.yaml"] = to_yaml(skypilot(spec, plan, job, base), f"{NOTE}\n{SKY_NOTE}")
    return out


def deepspeed(spec: TrainSpec) -> dict[str, Any]:
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
        "use_cpu": plan.settings.device == "cpu",
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


#: Memory in GiB and name of GPUs that are commonly rented.
RENTED = ((24, "L4"), (48, "L40S"), (80, "A100-80GB"), (141, "H200"))


def rent(spec: TrainSpec, base: Base, here: Machine) -> Machine:
    """The machine to plan for if there is no GPU here: the smallest commonly rented one that holds
    the base by lora, else by qlora, at the default length."""
    method = spec.method if spec.method != "auto" else "lora"
    for kind in (method, "qlora") if spec.method == "auto" else (method,):
        for size, name in RENTED:
            need = estimate(base.shape, kind, spec.length or 8192, spec.batch, rank=spec.rank)
            if need <= size * 2**30 / 1e9 * 0.92:
                return _with(here, name, size)
    return _with(here, RENTED[-1][1], RENTED[-1][0])


def _with(here: Machine, name: str, size: int) -> Machine:
    card = Gpu(f"{name}, to be rented", size * 2**30 / 1e9, "cuda")
    return msgspec.structs.replace(here, gpus=(card,), bitsandbytes=True)


def skypilot(spec: TrainSpec, plan: Plan, job: Job, base: str) -> dict[str, Any]:
    """A SkyPilot task that rents what the plan needs: `sky launch trainer/sky.yaml`.

    The run's folder is the working folder, so the private rows go to the rented machine; that is
    the user's decision, and nothing is sent before `sky launch`. The base goes along, at the same
    path, so that the trainer's files hold there too.
    """
    fitting = (name for size, name in RENTED if plan.settings.memory <= size * 0.92)
    needs = "'sessiontune[train]'"
    if spec.trainer != "trl":
        needs = " ".join(f"'{name}{version}'" for name, version in job.needs.items())
    needs += " bitsandbytes" if plan.settings.method in ("qlora", "lora8") else ""
    needs += " deepspeed" if spec.parallel in ("zero2", "zero3") else ""
    local = ("SESSIONTUNE_WATCH_STDIN",)  # there, no parent of ours holds the other end
    out: dict[str, Any] = {
        "name": f"sessiontune-{spec.trainer}",
        "workdir": ".",
        "num_nodes": spec.nodes,
        "resources": {
            "accelerators": f"{next(fitting, RENTED[-1][1])}:{spec.gpus}",
            "disk_size": max(100, round(plan.disk) + 60),
        },
        "envs": {name: value for name, value in job.env.items() if name not in local},
    }
    if Path(base).is_absolute():
        out["file_mounts"] = {base: base}
    return out | {"setup": f"pip install {needs}", "run": _there(spec, job)}


#: The first node's address, as SkyPilot tells it to each.
_FIRST = '"$(echo "$SKYPILOT_NODE_IPS" | head -n1)"'


def _there(spec: TrainSpec, job: Job) -> str:
    """The command without this machine's paths; with several nodes it tells each its rank."""
    argv = [job.argv[0].rsplit("/", 1)[-1], *job.argv[1:]]
    if argv[0].startswith("python"):
        argv[0] = "python"
    if spec.nodes == 1 or spec.parallel == "ray":
        return " ".join(argv)
    rank = '"$SKYPILOT_NODE_RANK"'
    if spec.trainer == "llamafactory":
        told = {
            "FORCE_TORCHRUN": "1", "NNODES": str(spec.nodes), "NODE_RANK": rank,
            "MASTER_ADDR": _FIRST, "MASTER_PORT": "29500",
        }  # fmt: skip
        return " ".join([*(f"{name}={value}" for name, value in told.items()), *argv])
    if spec.trainer == "trl":
        place = argv.index("--config_file")
        argv[place:place] = ["--machine_rank", rank, "--main_process_ip", _FIRST]
    else:
        launch = ["--node-rank", rank, "--master-addr", _FIRST, "--master-port", "29500"]
        place = next(i for i, word in enumerate(argv) if word.startswith("--nproc-per-node"))
        argv[place + 1 : place + 1] = launch
    return " ".join(argv)
