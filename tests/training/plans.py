"""Twelve combinations of base, method and trainer, on invented machines."""

from __future__ import annotations

from sessiontune.ports import Job
from sessiontune.templating import Encoded
from sessiontune.training import axolotl, llamafactory, planner, settling, trl, unsloth
from sessiontune.training.bases import Base
from sessiontune.training.hardware import Gpu, Machine
from sessiontune.training.others import Given, jsonl
from sessiontune.training.prepare import Prepared
from sessiontune.training.spec import TrainSpec, make_spec

CPU = Machine(system="Linux", cpu="x", cores=8, memory=32, free=30, disk=500)
GPU = Machine(
    system="Linux", cpu="x", cores=16, memory=128, free=120, disk=500,
    gpus=(Gpu("Big", 80, "cuda"),), torch="2.9", bitsandbytes=True,
)  # fmt: skip
BASES = {
    family: Base(
        id="tiny",
        path="./base",
        family=family,
        billions=0.002,
        layers=2,
        hidden=256,
        rows=2048,
        context=32768,
    )
    for family in ("llama", "qwen2")
}
#: (trainer, base, method, machine)
COMBINATIONS = [
    (trainer, base, method)
    for trainer in ("trl", "llamafactory", "axolotl", "unsloth")
    for base, method in (("llama", "lora"), ("llama", "full"), ("qwen2", "qlora"))
]
PYTHON = "/env/bin/python"


def prepared(count: int) -> Prepared:
    """Made-up tokens: the files under test do not depend on them."""
    one = Encoded("train/openai.jsonl:1", [1, 2, 3], [-100, 2, 3], (1,), (3,))
    return Prepared(examples=(one,) * count, rows=count, targets=count)


def planned(trainer: str, base: str, method: str, **more: object) -> tuple[TrainSpec, planner.Plan]:
    spec = make_spec({"base": "tiny", "trainer": trainer, "method": method, **more})
    machine = GPU if method == "qlora" or more else CPU
    settings, lines = settling.settle(spec, BASES[base], machine)
    train, held = prepared(40), prepared(6)
    return spec, planner.plan(spec, BASES[base], machine, settings, lines, train, held, 40, True)


def job_of(trainer: str, base: str, method: str, **more: object) -> Job:
    """The job, with one line of data where the trainer's files hold data."""
    spec, plan = planned(trainer, base, method, **more)
    given = Given(
        spec=spec, plan=plan, base="./base", train=prepared(1), held=prepared(1),
        python=PYTHON,
    )  # fmt: skip
    if trainer == "trl":
        return trl.job(spec, plan, "./base", True, "<|im_end|>")
    if trainer == "llamafactory":
        row = [
            {
                "before": "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n",
                "after": "yes<|im_end|>",
                "where": "x",
            }
        ]
        return llamafactory.job(given, row, row)
    if trainer == "axolotl":
        row = [
            {
                "messages": [
                    {"role": "user", "content": "hi", "train": False},
                    {"role": "assistant", "content": "yes", "train": True},
                ]
            }
        ]
        return axolotl.job(given, {"train": row, "eval": row})
    return unsloth.job(given)


def as_text(job: Job) -> str:
    """A job as one text, for goldens."""
    parts = [
        f"argv: {' '.join(a if i or '/env' in a else 'PYTHON' for i, a in enumerate(job.argv))}"
    ]
    parts += [f"env: {name}={value}" for name, value in sorted(job.env.items())]
    parts += [f"needs: {name}{version}" for name, version in sorted(job.needs.items())]
    parts += [f"promises: {name}" for name in job.outputs]
    for name, text in sorted(job.files.items()):
        parts.append(f"--- {name}\n{text.rstrip()}")
    return "\n".join(parts) + "\n"


__all__ = ["COMBINATIONS", "as_text", "job_of", "jsonl", "planned"]
