"""LLaMA-Factory: a YAML file, a data folder with dataset_info.json, never an edit of its checkout.

It has no mask for single turns, so each trained answer is a row of its own, with `mask_history`.
The rows hold the text as the base's own chat template renders it, and the template named `empty`
adds nothing: the tokens are those of the other trainers, for every model family.
"""

from __future__ import annotations

import json
from typing import Any

from ..ports import Job
from .arguments import arguments, evaluated
from .others import CHECKED, ENV, Given, beside_python, jsonl, notes
from .yamltext import to_yaml

NAME = "llamafactory"
NEEDS = {"llamafactory": "==0.9.5"}

CHECK = '''"""Write what LLaMA-Factory really prepares, for sessiontune's preflight."""

import sys


def main():
    # In here: worker processes import this file again, and need none of it.
    import yaml
    from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
    from llamafactory.hparams import get_train_args
    from llamafactory.model import load_tokenizer

    with open(sys.argv[1]) as file:
        settings = yaml.safe_load(file)
    model, data, training, tuning, generating = get_train_args(settings)
    module = load_tokenizer(model)
    template = get_template_and_fix_tokenizer(module["tokenizer"], data)
    made = get_dataset(template, model, data, training, stage="sft", **module)
    for name, target in (("train_dataset", sys.argv[2]), ("eval_dataset", sys.argv[3])):
        part = made.get(name)
        if isinstance(part, dict):
            part = next(iter(part.values()))
        if part is not None:
            part.select_columns(["input_ids", "labels"]).to_parquet(target)


if __name__ == "__main__":
    main()
'''


def settings(given: Given) -> dict[str, Any]:
    """The YAML's content. Every key is a field of LLaMA-Factory's own arguments."""
    spec, plan = given.spec, given.plan
    chosen = plan.settings
    out: dict[str, Any] = {
        "model_name_or_path": given.base,
        "trust_remote_code": False,
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "full" if chosen.method == "full" else "lora",
    }
    if chosen.method != "full":
        target = "all" if spec.targets == "all-linear" else spec.targets
        out |= {
            "lora_rank": spec.rank,
            "lora_alpha": spec.alpha,
            "lora_dropout": chosen.dropout,
            "lora_target": target,
        }
    if chosen.method in ("qlora", "lora8"):
        out |= {
            "quantization_bit": 4 if chosen.method == "qlora" else 8,
            "quantization_method": "bnb",
        }
    out |= {
        "dataset_dir": "trainer/data",
        "dataset": "sessions_train",
        "template": "empty",
        "cutoff_len": chosen.length,
        "mask_history": True,
        "overwrite_cache": True,
        "preprocessing_num_workers": 1,
        "output_dir": "checkpoints",
        "overwrite_output_dir": False,
        **arguments(spec, plan),
        "packing": False,
        "disable_gradient_checkpointing": not chosen.checkpointing,
        "dataloader_pin_memory": chosen.device == "cuda",
    }
    if given.held.examples:
        out |= {"eval_dataset": "sessions_eval", "eval_on_start": True} | evaluated(plan)
        if spec.patience:
            out["early_stopping_steps"] = spec.patience
    return out | parallel(given)


def parallel(given: Given) -> dict[str, Any]:
    """More than one GPU: LLaMA-Factory starts torchrun by itself."""
    kind = given.spec.parallel
    if kind in ("zero2", "zero3"):
        return {"deepspeed": f"trainer/{kind}.json"}
    if kind == "ray":
        return {"ray_num_workers": given.spec.gpus * given.spec.nodes}
    return {}


def dataset_info(held: bool) -> dict[str, Any]:
    """dataset_info.json of the data folder."""
    shape = {
        "formatting": "sharegpt",
        "columns": {"messages": "conversations"},
        "tags": {
            "role_tag": "from",
            "content_tag": "value",
            "user_tag": "human",
            "assistant_tag": "gpt",
            "observation_tag": "observation",
            "function_tag": "function_call",
        },
    }
    out = {"sessions_train": {"file_name": "train.jsonl", **shape}}
    if held:
        out["sessions_eval"] = {"file_name": "eval.jsonl", **shape}
    return out


def rows_text(rows: list[dict[str, Any]]) -> str:
    """Rows of `others.turns_alone` as sharegpt."""
    return jsonl(
        [
            {
                "conversations": [
                    {"from": "human", "value": row["before"]},
                    {"from": "gpt", "value": row["after"]},
                ]
            }
            for row in rows
        ]
    )


def job(given: Given, train: list[dict[str, Any]], held: list[dict[str, Any]]) -> Job:
    """Files and program."""
    files = {
        "trainer/llamafactory.yaml": to_yaml(
            settings(given), notes(given, "llamafactory-cli train trainer/llamafactory.yaml")
        ),
        "trainer/check.py": CHECK,
        "trainer/data/dataset_info.json": json.dumps(dataset_info(bool(held)), indent=2) + "\n",
        "trainer/data/train.jsonl": rows_text(train),
    }
    if held:
        files["trainer/data/eval.jsonl"] = rows_text(held)
    env = dict(ENV)
    if given.spec.parallel == "ray":
        env |= {"USE_RAY": "1"}
    elif given.spec.nodes > 1:
        env |= {"FORCE_TORCHRUN": "1", "NNODES": str(given.spec.nodes)}
    return Job(
        name=NAME,
        files=files,
        argv=(
            beside_python(given.python, "llamafactory-cli"),
            "train",
            "trainer/llamafactory.yaml",
        ),
        env=env,
        needs=NEEDS,
        outputs=("checkpoints/trainer_state.json",),
    )


def check_argv(given: Given) -> tuple[str, ...]:
    """The program that writes what LLaMA-Factory prepares, for preflight."""
    return (given.python, "trainer/check.py", "trainer/llamafactory.yaml", *CHECKED)
