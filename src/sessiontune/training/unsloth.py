"""Unsloth: a generated Python script that trains on our own tokens and labels, run as a program.

Its YAML runner has no evaluation, resuming or early stopping. Parts of Unsloth are AGPL, so nothing
of it is imported here.
"""

from __future__ import annotations

import json
from typing import Any

from ..ports import Job
from .arguments import arguments, evaluated
from .others import CHECKED, ENV, Given
from .spec import named_targets

NAME = "unsloth"
NEEDS = {"unsloth": ">=2026.9"}

#: "All linear layers" of Llama-like models; Unsloth requires names.
LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")

SCRIPT = '''"""Train with Unsloth. Made by sessiontune from plan.json; yours to edit.

Run it from the run's folder:  python trainer/train_unsloth.py [--check | --resume]
--check writes the prepared examples for sessiontune's preflight and stops.
"""

import json
import sys
from pathlib import Path

from unsloth import FastLanguageModel  # first: it prepares the other libraries

import pyarrow.parquet as pq
from datasets import Dataset
from transformers import EarlyStoppingCallback
from trl import SFTConfig, SFTTrainer

SETTINGS = json.loads(Path("trainer/unsloth.json").read_text())


def rows(name):
    """Our own tokens and labels: nothing is rendered or masked here."""
    return Dataset(pq.read_table(name, columns=["input_ids", "labels"]))


def main():
    model, tokenizer = FastLanguageModel.from_pretrained(**SETTINGS["model"])
    tokenizer.chat_template = Path("template.jinja").read_text()
    if SETTINGS["adapter"]:
        model = FastLanguageModel.get_peft_model(model, **SETTINGS["adapter"])
    trainer = SFTTrainer(
        model=model,
        processing_class=tokenizer,
        args=SFTConfig(**SETTINGS["arguments"]),
        train_dataset=rows("data/train.parquet"),
        eval_dataset=rows("data/eval.parquet") if SETTINGS["evaluate"] else None,
    )
    if "--check" in sys.argv:
        for part, target in zip((trainer.train_dataset, trainer.eval_dataset), SETTINGS["checked"]):
            if part is not None:
                part.select_columns(["input_ids", "labels"]).to_parquet(target)
        return
    if SETTINGS["patience"]:
        trainer.add_callback(EarlyStoppingCallback(SETTINGS["patience"]))
    trainer.train(resume_from_checkpoint="--resume" in sys.argv)
    trainer.save_model("checkpoints")
    trainer.save_state()


if __name__ == "__main__":
    main()
'''


def settings(given: Given) -> dict[str, Any]:
    """unsloth.json: all settings of the script."""
    spec, plan = given.spec, given.plan
    chosen = plan.settings
    held = bool(given.held.examples)
    adapter: dict[str, Any] = {}
    if chosen.method != "full":
        adapter = {
            "r": spec.rank,
            "lora_alpha": spec.alpha,
            "lora_dropout": chosen.dropout,
            "target_modules": named_targets(spec) or list(LINEAR),
            "bias": "none",
            "use_gradient_checkpointing": "unsloth" if chosen.checkpointing else False,
            "random_state": spec.seed,
        }
    told: dict[str, Any] = {
        "output_dir": "checkpoints",
        "max_length": None,
        "packing": False,
        "dataset_kwargs": {"skip_prepare_dataset": True},
        **arguments(spec, plan),
        "disable_tqdm": True,
    }
    if held:
        told |= evaluated(plan) | {"eval_on_start": True}
    return {
        "model": {
            "model_name": given.base,
            "max_seq_length": chosen.length,
            "load_in_4bit": chosen.method == "qlora",
            "load_in_8bit": chosen.method == "lora8",
            "full_finetuning": chosen.method == "full",
            "local_files_only": True,
        },
        "adapter": adapter,
        "arguments": told,
        "evaluate": held,
        "patience": spec.patience if held else 0,
        "checked": list(CHECKED),
    }


def job(given: Given) -> Job:
    """The script as a job: files and program."""
    argv = [given.python, "trainer/train_unsloth.py"]
    if given.spec.parallel != "none":
        launch = ["-m", "torch.distributed.run", f"--nproc-per-node={given.spec.gpus}"]
        argv[1:1] = launch + [f"--nnodes={given.spec.nodes}"] * (given.spec.nodes > 1)
    return Job(
        name=NAME,
        files={
            "trainer/train_unsloth.py": SCRIPT,
            "trainer/unsloth.json": json.dumps(settings(given), indent=2) + "\n",
        },
        argv=tuple(argv),
        env=ENV,
        needs=NEEDS,
        outputs=("checkpoints/trainer_state.json",),
    )


def check_argv(given: Given) -> tuple[str, ...]:
    """The program that writes the examples as Unsloth gets them, for preflight."""
    return (given.python, "trainer/train_unsloth.py", "--check")
