"""Axolotl: one YAML file; messages with a flag for each turn that bears loss.

What cannot be a message (parts of an answer that is longer than the context, and text that holds
control tokens) goes as segments with a flag for each, into a separate data set.
"""

from __future__ import annotations

from typing import Any

from ..ports import Job
from ..runs import TEMPLATE
from .arguments import arguments, evaluated
from .others import CHECKED, ENV, Given, apart, beside_python, jsonl, notes
from .planner import Plan
from .prepare import Prepared
from .settling import Settings
from .spec import TrainSpec, named_targets
from .yamltext import to_yaml

NAME = "axolotl"
NEEDS = {"axolotl": "==0.19.0"}

CHECK = '''"""Write what Axolotl really prepares, for sessiontune's preflight."""

import sys


def main():
    # In here: worker processes import this file again, and need none of it.
    from axolotl.cli.args import PreprocessCliArgs
    from axolotl.cli.config import load_cfg
    from axolotl.common.datasets import load_datasets

    made = load_datasets(cfg=load_cfg(sys.argv[1]), cli_args=PreprocessCliArgs())
    for part, target in ((made.train_dataset, sys.argv[2]), (made.eval_dataset, sys.argv[3])):
        if part is not None:
            part.select_columns(["input_ids", "labels"]).to_parquet(target)


if __name__ == "__main__":
    main()
'''


def dataset(path: str) -> dict[str, Any]:
    """One entry of `datasets`: the rows' own `train` flag decides, not the role."""
    return {
        "path": path,
        "ds_type": "json",
        "split": "train",
        "type": "chat_template",
        "field_messages": "messages",
        "field_tools": "tools",
        "message_property_mappings": {"role": "role", "content": "content"},
        "message_field_training": "train",
        "roles_to_train": [],
        "train_on_eos": "turn",
    }


def datasets(side: str, prepared: Prepared) -> list[dict[str, Any]]:
    """The entries of one side: messages, and text to which nothing is added."""
    whole, texts = apart(prepared)
    out = []
    if whole.examples:
        out.append(dataset(f"trainer/data/{side}.jsonl"))
    if texts.examples:
        path = f"trainer/data/{side}_text.jsonl"
        out.append({"path": path, "ds_type": "json", "split": "train", "type": "input_output"})
    return out


def segments(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of `others.turns_alone` as Axolotl's `input_output` takes them."""
    return [
        {
            "segments": [
                {"label": False, "text": row["before"]},
                {"label": True, "text": row["after"]},
            ]
        }
        for row in rows
    ]


def _adapter(spec: TrainSpec, chosen: Settings) -> dict[str, Any]:
    """Without `adapter` Axolotl tunes all weights."""
    method = chosen.method
    if method == "full":
        return {}
    names = named_targets(spec)
    return {
        "adapter": "qlora" if method == "qlora" else "lora",
        "load_in_4bit": method == "qlora",
        "load_in_8bit": method == "lora8",
        "lora_r": spec.rank,
        "lora_alpha": spec.alpha,
        "lora_dropout": chosen.dropout,
        **({"lora_target_modules": names} if names else {"lora_target_linear": True}),
        # Fused kernels need a GPU, and refuse dropout.
        **{f"lora_{part}_kernel": False for part in ("mlp", "qkv", "o")},
    }


def settings(given: Given) -> dict[str, Any]:
    """The YAML's content, as Axolotl's own schema takes it."""
    spec, plan = given.spec, given.plan
    out: dict[str, Any] = {"base_model": given.base, "trust_remote_code": False}
    out |= _adapter(spec, plan.settings) | {
        "chat_template": "jinja",
        "chat_template_jinja": TEMPLATE,
        "datasets": datasets("train", given.train),
        "dataset_prepared_path": "trainer/prepared",
        "dataset_num_proc": 1,
        "val_set_size": 0,
        "sequence_len": plan.settings.length,
        "sample_packing": False,
        "pad_to_sequence_len": False,
        "train_on_inputs": False,
        "output_dir": "checkpoints",
    }
    out |= _steps(spec, plan)
    if given.held.examples:
        out |= {"test_datasets": datasets("eval", given.held), **evaluated(plan)}
        if spec.patience:
            out["early_stopping_patience"] = spec.patience
    return out | parallel(given)


#: Arguments of transformers that have another name in Axolotl, and those that it does not take.
_WORDS = {
    "per_device_train_batch_size": "micro_batch_size",
    "per_device_eval_batch_size": "eval_batch_size",
    "lr_scheduler_type": "lr_scheduler",
}
_NOT_TAKEN = ("report_to", "data_seed", "use_cpu")


def _steps(spec: TrainSpec, plan: Plan) -> dict[str, Any]:
    """The arguments for the plan's steps and checkpoints, in Axolotl's words."""
    told = {_WORDS.get(name, name): value for name, value in arguments(spec, plan).items()}
    for name in _NOT_TAKEN:
        del told[name]
    return told | {
        "num_epochs": max(1, round(spec.epochs)),
        "optimizer": "adamw_torch",
        "tf32": False,
        "gradient_checkpointing": plan.settings.checkpointing,
        "flash_attention": False,
        "use_tensorboard": "tensorboard" in spec.log_to,
    }


def parallel(given: Given) -> dict[str, Any]:
    """More than one GPU."""
    kind = given.spec.parallel
    if kind in ("zero2", "zero3"):
        return {"deepspeed": f"trainer/{kind}.json"}
    if kind == "fsdp":
        return {
            "fsdp_version": 2,
            "fsdp_config": {
                "auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
                "state_dict_type": "FULL_STATE_DICT",
                "reshard_after_forward": True,
            },
        }
    if kind == "ray":
        return {"use_ray": True, "ray_num_workers": given.spec.gpus * given.spec.nodes}
    return {}


def job(given: Given, files: dict[str, list[dict[str, Any]]]) -> Job:
    """Files and program. `files`: rows by the names that `datasets` gives, without the folder."""
    yaml = to_yaml(settings(given), notes(given, "axolotl train trainer/axolotl.yaml"))
    written = {"trainer/axolotl.yaml": yaml, "trainer/check.py": CHECK}
    written |= {f"trainer/data/{name}.jsonl": jsonl(rows) for name, rows in files.items() if rows}
    full = given.plan.settings.method == "full"
    program = beside_python(given.python, "axolotl")
    launch = ["--launcher", "python"]
    if given.spec.parallel in ("ddp", "fsdp", "zero2", "zero3"):
        launch = ["--launcher", "torchrun", "--", f"--nproc-per-node={given.spec.gpus}"]
        if given.spec.nodes > 1:
            launch.append(f"--nnodes={given.spec.nodes}")
    return Job(
        name=NAME,
        files=written,
        argv=(program, "train", "trainer/axolotl.yaml", *launch),
        env=ENV,
        needs=NEEDS,
        outputs=("checkpoints/config.json" if full else "checkpoints/adapter_config.json",),
    )


def check_argv(given: Given) -> tuple[str, ...]:
    """The program that writes what Axolotl prepares, for preflight."""
    return (given.python, "trainer/check.py", "trainer/axolotl.yaml", *CHECKED)
