"""What a training run is told to do: one frozen value, its presets, and how settings combine.

Defaults are for sets of about 700 pairs: all linear layers and small batches (as "LoRA Without
Regret" found for small sets), a rate of 2e-4, dropout against memorisation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

import msgspec

from ..codec import meant
from ..errors import UsageError

Method = Literal["auto", "lora", "lora8", "qlora", "full"]
Trainer = Literal["trl", "llamafactory", "axolotl", "unsloth"]
Task = Literal["sft", "kto", "dpo"]

LOGGERS = ("tensorboard", "trackio", "wandb")
TRAINERS: tuple[Trainer, ...] = get_args(Trainer)


class TrainSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every setting of a run.

    base          local folder, hub id, or "tiny"
    trainer       which program trains
    task          sft on train/, or kto / dpo on preferences/
    method        lora, lora8 (8-bit base), qlora (4-bit base), full; auto picks by memory
    template      "" takes the base model's own; else a bundled name or a file
    rank, alpha, dropout, targets   of the adapter; targets "all-linear" or names with commas
    rate          peak learning rate; 0 takes 2e-4 (sft) or 5e-6 (kto, dpo), full 1e-5
    epochs        passes over the training rows; max_steps > 0 ends earlier
    batch         examples per device and step; accumulation 0 makes the effective batch 8
    length        tokens per example; 0 picks by method and memory
    schedule      cosine, linear or constant; warmup is a share of the steps (at least 5 steps)
    eval_limit    examples used in each evaluation, spread over the held-out side; 0 takes all
    eval_every    steps between evaluations and checkpoints; 0: four an epoch, at least 5 steps
    patience      evaluations without improvement before it stops; 0 never stops early
    keep          checkpoints kept (the best one always)
    precision     auto, fp32, bf16, fp16
    device        auto, cpu, cuda, mps
    threads       CPU threads; 0 leaves torch's choice
    beta          strength of kto and dpo
    log_to        tensorboard, trackio, wandb; nothing unless asked
    python        interpreter of the other trainers' environment
    gpus, nodes   for the generated cluster settings
    """

    base: str = ""
    trainer: Trainer = "trl"
    task: Task = "sft"
    method: Method = "auto"
    preset: str = ""
    template: str = ""
    rank: int = 16
    alpha: int = 32
    dropout: float = 0.05
    targets: str = "all-linear"
    rate: float = 0.0
    epochs: float = 3.0
    max_steps: int = 0
    batch: int = 1
    accumulation: int = 0
    length: int = 0
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup: float = 0.08
    weight_decay: float = 0.01
    clip: float = 1.0
    eval_limit: int = 0
    eval_every: int = 0
    patience: int = 2
    keep: int = 3
    packing: bool = False
    seed: int = 42
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    threads: int = 0
    beta: float = 0.1
    log_to: tuple[str, ...] = ()
    python: str = ""
    gpus: int = 1
    nodes: int = 1
    parallel: Literal["none", "ddp", "fsdp", "zero2", "zero3", "ray"] = "none"


#: The original README's three recipes agree on these; what they left open is LLaMA-Factory's
#: default of that time (rank 8, no dropout, linear decay, no warm-up).
ORIGINAL: dict[str, Any] = {
    "base": "meta-llama/Meta-Llama-3-8B",
    "method": "lora",
    "rank": 8,
    "alpha": 16,
    "dropout": 0.0,
    "rate": 5e-5,
    "epochs": 3.0,
    "batch": 4,
    "accumulation": 4,
    "length": 2048,
    "schedule": "linear",
    "warmup": 0.0,
    "weight_decay": 0.0,
}

#: A minute instead of hours: for a model of two million random weights, which needs a high rate.
DEMO: dict[str, Any] = {
    "base": "tiny",
    "method": "lora",
    "rate": 5e-3,
    "epochs": 3.0,
    "max_steps": 60,
    "batch": 2,
    "accumulation": 1,
    "length": 1024,
    "eval_every": 20,
    "eval_limit": 16,
    "patience": 0,
    "device": "cpu",
}

PRESETS: dict[str, dict[str, Any]] = {"original": ORIGINAL, "demo": DEMO}


def preset_of(base: str, task: str, preset: str) -> str:
    """The preset as named; "demo" for the tiny base, which is not worth more time."""
    return preset or ("demo" if base == "tiny" and task == "sft" else "")


#: The reason for a setting that whoever started the run chose.
GIVEN = "given"


def from_where(spec: TrainSpec, field: str) -> str:
    """Who chose a setting: whoever gave it, or the preset."""
    preset = PRESETS.get(spec.preset, {})
    return f"preset {spec.preset}" if preset.get(field) == getattr(spec, field) else GIVEN


def make_spec(
    given: Mapping[str, Any], recipe: Mapping[str, Any] | None = None, preset: str = ""
) -> TrainSpec:
    """Combine defaults < preset < recipe (its [train] table) < what is given (None: not given).

    Raises UsageError for an unknown field or preset, or a value out of range.
    """
    layers: dict[str, Any] = {}
    name = preset or str((recipe or {}).get("preset", ""))
    if name:
        if name not in PRESETS:
            raise UsageError(f"No preset '{name}'.", f"Known presets: {', '.join(PRESETS)}.")
        layers |= {**PRESETS[name], "preset": name}
    own = dict(recipe or {}) | {key: value for key, value in given.items() if value is not None}
    if "epochs" in own:  # whoever asks for whole passes gets them
        layers.pop("max_steps", None)
    layers |= own
    try:
        spec = msgspec.convert(layers, TrainSpec, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(
            f"Training settings: {error}.",
            f"{meant(error, TrainSpec.__struct_fields__)}Each is an option of `sessiontune train"
            " --help`, written with _ for -.",
        ) from error
    return checked(spec)


#: Shorter examples hold no question with its answer, and a session becomes thousands of windows.
SHORTEST = 64
#: Field -> (smallest, largest) value that makes sense.
LIMITS: dict[str, tuple[float, float]] = {
    "rank": (1, 1024),
    "alpha": (1, 4096),
    "dropout": (0, 0.9),
    "rate": (0, 1),
    "epochs": (0.01, 1000),
    "max_steps": (0, 10**9),
    "batch": (1, 4096),
    "accumulation": (0, 4096),
    "length": (0, 10**7),
    "warmup": (0, 0.9),
    "weight_decay": (0, 1),
    "clip": (0, 1000),
    "eval_every": (0, 10**9),
    "eval_limit": (0, 10**9),
    "patience": (0, 1000),
    "keep": (1, 1000),
    "threads": (0, 1024),
    "beta": (0, 100),
    "gpus": (1, 1024),
    "nodes": (1, 1024),
}


def checked(spec: TrainSpec) -> TrainSpec:
    """The spec itself, or UsageError naming the first field out of range."""
    for field, (low, high) in LIMITS.items():
        value = getattr(spec, field)
        if not low <= value <= high:
            raise UsageError(f"{field} = {value} is out of range.", f"From {low} to {high}.")
    if 0 < spec.length < SHORTEST:
        raise UsageError(
            f"length = {spec.length} is out of range.",
            f"From {SHORTEST}; left out, the longest that fits is taken.",
        )
    need_base(spec.base)
    strange = [name for name in spec.log_to if name not in LOGGERS]
    if strange:
        raise UsageError(f"No logger '{strange[0]}'.", f"Known: {', '.join(LOGGERS)}.")
    far = [name for name in spec.log_to if name != "tensorboard"]
    if far and spec.trainer != "trl":
        raise UsageError(
            f"{spec.trainer} runs here without {far[0]}: its environment sends nothing out.",
            "Log to tensorboard, or use --trainer trl.",
        )
    if spec.task != "sft" and spec.trainer != "trl":
        raise UsageError(
            f"{spec.trainer} is driven for SFT only.", "Use --trainer trl for KTO and DPO."
        )
    if spec.packing and (spec.task != "sft" or spec.trainer != "trl"):
        raise UsageError(
            "Packing is made for SFT by trl: others let packed examples see each other.",
            "Leave --packing out, or use --trainer trl.",
        )
    return spec


def need_base(base: str) -> None:
    """UsageError where no model is named; who has none in mind learns where some are."""
    if not base:
        raise UsageError(
            "No base model named.",
            "Give --base PATH or --base HUB/ID (`sessiontune doctor` names some that fit here), or"
            " --base tiny to try the way.",
        )


def to_dict(spec: TrainSpec) -> dict[str, Any]:
    """Plain JSON-able settings."""
    built: dict[str, Any] = msgspec.to_builtins(spec)
    return built


def named_targets(spec: TrainSpec) -> list[str] | None:
    """The layers that an adapter is put on, by name; None for all linear ones."""
    if spec.targets == "all-linear":
        return None
    return [name.strip() for name in spec.targets.split(",")]
