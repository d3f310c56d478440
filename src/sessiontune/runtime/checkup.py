"""What doctor knows: requirements, sizes that fit, parts that are missing, logs in danger."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import orjson

from ..errors import ToolError
from ..privacy.prefilter import SLOW, has_hyperscan
from ..shipping.converter import find_converter
from ..shipping.engine import engines
from ..training.bases import resolve
from ..training.hardware import Gpu, Machine, machine
from ..training.memory import estimate, largest, typical
from ..training.spec import TrainSpec
from .trainothers import environment_of

#: The original README: what, minimum and recommended, in GB.
ORIGINAL = (("memory", 16, 32), ("gpu", 8, 16), ("disk", 50, 100))
#: Bases to begin with, and their size in billions: one family of open text models in every size,
#: whose template calls tools, and on which memory and masks were measured.
BEGIN = (
    ("Qwen/Qwen3-0.6B", 0.6),
    ("Qwen/Qwen3-1.7B", 1.72),
    ("Qwen/Qwen3-4B", 4.02),
    ("Qwen/Qwen3-8B", 8.19),
    ("Qwen/Qwen3-14B", 14.77),
    ("Qwen/Qwen3-32B", 32.76),
)
#: Billions of weights: without a GPU larger models take days.
MOST_ON_CPU = 1.0
#: Base models that Unsloth's documentation names for a GPU size in GB.
SUGGESTED = (
    (8, "Gemma 4 E2B, Qwen3.5 0.8B and 2B"),
    (16, "Qwen3.5 4B, Gemma 4 E4B, 14B-class models with qlora"),
    (24, "Qwen3.5 9B, Qwen3.8 27B with qlora"),
)
#: Added where one of them is a Qwen3.5.
ADVISED = "qlora is advised against for Qwen3.5"
#: Tokens per example for which sizes are shown: what short rows, small GPUs and sessions need.
LENGTHS = (2048, 4096, 8192)
#: Days after which Claude Code deletes a log unless told otherwise.
CLAUDE_DAYS = 30


def checkup(folder: Path, base: str | None, length: int = 0) -> dict[str, Any]:
    """Everything that `doctor` shows, as plain data. Sizes in GB; length 0 takes LENGTHS."""
    here = machine(folder)
    lengths = (length,) if length else LENGTHS
    found: dict[str, Any] = {
        "machine": msgspec.to_builtins(here),
        "lengths": list(lengths),
        "requirements": _requirements(here),
        "fits": [_fits(here, method, lengths) for method in METHODS],
        "begin": _begin(here, lengths[len(lengths) // 2]),
        "suggested": _suggested(here),
        "parts": _parts(),
        "warnings": _warnings(here),
    }
    if base:
        found["asked"] = base
    if base and base != "tiny":
        found["base"] = _base(base, here, lengths)
    return found


#: Modules by which the extras `train`, `ship` and `serve` are known to be here.
NEEDED = ("torch", "transformers", "trl", "peft", "datasets", "gguf", "sentencepiece", "xllamacpp")

METHODS = ("full", "lora", "lora8", "qlora")


def _gpu(here: Machine) -> Gpu | None:
    """The one that a run would take: the first that torch lists, be another one larger."""
    return next(iter(here.gpus), None)


def _room(here: Machine) -> float:
    """GB that a run may take, as the plan counts them."""
    gpu = _gpu(here)
    return gpu.room if gpu else here.free


def _width(here: Machine) -> int:
    """Bytes per frozen weight: what has no CUDA trains in full precision."""
    gpu = _gpu(here)
    return 2 if gpu and gpu.backend == "cuda" else 4


def _impossible(here: Machine, method: str) -> str:
    """Why a method cannot be used here; "" if it can."""
    if method not in ("lora8", "qlora"):
        return ""
    gpu = _gpu(here)
    if gpu is None or gpu.backend != "cuda":
        return "needs an NVIDIA GPU"
    return "" if here.bitsandbytes else "needs bitsandbytes"


def _requirements(here: Machine) -> list[dict[str, Any]]:
    """Half a GB of tolerance: a 16 GB machine reports a little less. None: it cannot be seen."""
    gpu = _gpu(here)
    card = gpu.memory * 1e9 / 2**30 if gpu else 0.0  # cards are named by GiB
    seen = {"memory": here.memory, "gpu": card if gpu or here.torch else None, "disk": here.disk}
    out = []
    for what, low, high in ORIGINAL:
        have = seen[what]
        enough = [None if have is None else have + 0.5 >= least for least in (low, high)]
        rounded = have if have is None else round(have, 1)
        out.append(
            {"what": what, "have": rounded, "minimum": low, "recommended": high, "enough": enough}
        )
    return out


def _fits(here: Machine, method: str, lengths: tuple[int, ...]) -> dict[str, Any]:
    """The largest model, in billions of parameters, for each length."""
    gpu = _gpu(here)
    note = _impossible(here, method) or ("on the GPU" if gpu else "on the CPU, slowly")
    if note.startswith("needs"):
        return {"method": method, "largest": [0.0 for _ in lengths], "note": note}
    sizes = [largest(_room(here), method, length, _width(here)) for length in lengths]
    return {"method": method, "largest": sizes, "note": note}


def _suggested(here: Machine) -> str:
    """What Unsloth's documentation names for a GPU of this size; "" below its smallest."""
    gpu = _gpu(here)
    named = [text for size, text in SUGGESTED if gpu and gpu.memory + 0.5 >= size]
    if not named:
        return ""
    return f"{named[-1]} ({ADVISED})" if "Qwen3.5" in named[-1] else named[-1]


def _begin(here: Machine, length: int) -> list[dict[str, Any]]:
    """The largest base to begin with, for each method that can be used here."""
    gpu, found = _gpu(here), list[dict[str, Any]]()
    for method in ("lora", "qlora"):
        if _impossible(here, method):
            continue
        for name, billions in reversed(BEGIN):
            need = estimate(typical(billions), method, length, width=_width(here))
            if need <= _room(here) and (gpu or billions <= MOST_ON_CPU):
                one = {"base": name, "method": method, "length": length, "needs": round(need, 1)}
                found.append(one)
                break
    return found


def _base(name: str, here: Machine, lengths: tuple[int, ...]) -> dict[str, Any]:
    base = resolve(name)
    room, methods = _room(here), []
    gpu, width = _gpu(here), _width(here)
    for method in METHODS:
        needs = [estimate(base.shape, method, length, width=width) for length in lengths]
        if gpu and gpu.backend == "mps" and gpu.bf16 and method == "lora" and min(needs) > room:
            needs = [estimate(base.shape, method, length) for length in lengths]  # as the plan does
        fitting = [n for n, need in zip(lengths, needs, strict=True) if need <= room]
        verdict = f"fits at {fitting[-1]} tokens" if fitting else f"more than {room:.0f} GB"
        verdict = _impossible(here, method) or verdict
        methods.append({"method": method, "needs": needs, "verdict": verdict})
    return {"id": base.id, "billions": base.billions, "methods": methods}


def need_extras() -> None:
    """ToolError if a package is missing that would stop the way to a chat hours later."""
    needed = [name for name in NEEDED if name != "xllamacpp" or not engines()]
    _need("The way to a chat", needed, "train,evaluate,ship,serve")


def need_trainer(spec: TrainSpec, dry_run: bool) -> None:
    """ToolError if a package is missing that would stop a training after its data were read."""
    needed = ["transformers", "jinja2"]
    if spec.base == "tiny" or (spec.trainer == "trl" and not dry_run):
        needed += ["torch", "safetensors"]
    if spec.trainer == "trl" and not dry_run:
        needed += ["trl", "peft", "datasets", "accelerate"]
    _need("Training", needed, "train")


def _need(what: str, packages: list[str], extras: str) -> None:
    if missing := [name for name in packages if find_spec(name) is None]:
        raise ToolError(
            f"{what} needs packages that are missing: {', '.join(missing)}.",
            f"Nothing was started. First: pip install 'sessiontune[{extras}]'",
        )


def _part(name: str, trouble: str, hint: str) -> dict[str, str]:
    """One part; `hint` says how to get it if there is trouble."""
    return {"name": name, "state": trouble or "there", "hint": hint if trouble else ""}


def _converter() -> dict[str, str]:
    """llama.cpp's converter, which no package of ours brings."""
    try:
        found = find_converter(None, os.environ, Path.home())
    except ToolError as wrong:  # SESSIONTUNE_LLAMA_CPP names another folder
        return _part("GGUF converter", "not found", wrong.message)
    fetch = "sessiontune ship --fetch-converter"
    return _part("GGUF converter", "" if found else "not here", fetch)


def _parts() -> list[dict[str, str]]:
    """Packages, trainers and programs: whether they are here, and how to get them."""
    out = []
    extras = (
        ("TRL and PEFT", ("trl", "peft", "torch"), "pip install 'sessiontune[train]'"),
        ("for GGUF files", ("gguf", "sentencepiece"), "pip install 'sessiontune[ship]'"),
        ("local server", ("xllamacpp",), "pip install 'sessiontune[serve]'"),
        ("4- and 8-bit bases", ("bitsandbytes",), "pip install bitsandbytes (NVIDIA GPU)"),
    )
    for name, modules, hint in extras:
        missing = [m for m in modules if find_spec(m) is None]
        out.append(_part(name, f"missing: {', '.join(missing)}" if missing else "", hint))
    out.append(_converter())
    for trainer in ("llamafactory", "axolotl", "unsloth"):
        there = (environment_of(trainer) / "bin" / "python").is_file()
        hint = f"sessiontune trainers install {trainer}"
        out.append(_part(trainer, "" if there else "not installed", hint))
    programs = {"ollama": "https://ollama.com", "llama-quantize": "llama.cpp"}
    for program, hint in programs.items():
        out.append(_part(program, "" if shutil.which(program) else "not on PATH", hint))
    return out


def _warnings(here: Machine) -> list[str]:
    gpu = _gpu(here)
    claude = Path(os.environ.get("CLAUDE_CONFIG_DIR") or Path.home() / ".claude")
    out = [_claude_cleanup(claude)] if claude.is_dir() else []
    out += [] if has_hyperscan() else [SLOW]
    largest = max(here.gpus, key=lambda card: card.memory, default=None)
    if gpu and largest and largest.memory > gpu.memory:
        number = _shown_as(here.gpus.index(largest))
        out.append(
            f"A run takes the first GPU ({gpu.name}), and what fits is said for it. Set"
            f" CUDA_VISIBLE_DEVICES={number} to take the larger one ({largest.name})."
        )
    if gpu is None and not here.torch:
        out.append(
            "torch is missing, so no GPU can be seen, and what fits is said for the CPU. First: "
            "pip install 'sessiontune[train]'"
        )
    elif gpu is None:
        out.append(
            "No GPU that torch can use: training a model of more than about 1B would take days. "
            "`sessiontune train --dry-run --parallel ddp --gpus 1` writes a task for renting one."
        )
    elif gpu.backend == "cuda" and not here.bitsandbytes:
        out.append(
            "bitsandbytes is missing: 4-bit bases (qlora) cannot be used. pip install bitsandbytes"
        )
    return out


def _shown_as(number: int) -> str:
    """What stands for a GPU of torch's list in CUDA_VISIBLE_DEVICES, which may show only some."""
    shown = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")]
    return shown[number] if number < len(shown) else str(number)


def _claude_cleanup(home: Path) -> str:
    """Agents delete old logs; say when, and how to keep them."""
    settings = home / "settings.json"
    days: Any = None
    if settings.is_file():
        try:
            days = orjson.loads(settings.read_bytes()).get("cleanupPeriodDays")
        except (OSError, ValueError, AttributeError):
            return f"{settings} cannot be read, so it is unknown when Claude Code deletes its logs."
    if isinstance(days, (int, float)):
        return f"Claude Code deletes logs after {days:g} days (cleanupPeriodDays in {settings})."
    return (
        f'Claude Code deletes logs after {CLAUDE_DAYS} days: put "cleanupPeriodDays": 3650 into '
        f"{settings} to keep them, and export regularly."
    )
