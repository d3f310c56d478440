"""What doctor knows: requirements, sizes that fit, parts that are missing, logs in danger."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import orjson

from ..training.bases import resolve
from ..training.hardware import Machine, machine
from ..training.memory import estimate, largest
from .trainothers import environment_of

#: The original README: what, minimum and recommended, in GB.
ORIGINAL = (("memory", 16, 32), ("gpu", 8, 16), ("disk", 50, 100))
#: Base models that Unsloth's documentation names for a GPU size in GB.
SUGGESTED = (
    (8, "Gemma 4 E2B, Qwen3.5 0.8B and 2B"),
    (16, "Qwen3.5 4B, Gemma 4 E4B, 14B-class models with qlora"),
    (24, "Qwen3.5 9B (lora: qlora is advised against for Qwen3.5), Qwen3.8 27B with qlora"),
)
#: Days after which Claude Code deletes a log unless told otherwise.
CLAUDE_DAYS = 30


def checkup(folder: Path, base: str | None, length: int) -> dict[str, Any]:
    """Everything that `doctor` shows, as plain data. Sizes in GB."""
    here = machine(folder)
    gpu = max((g.memory for g in here.gpus), default=0.0)
    found: dict[str, Any] = {
        "machine": msgspec.to_builtins(here),
        "length": length,
        "requirements": _requirements(here, gpu),
        "fits": _fits(here, gpu, length),
        "parts": _parts(),
        "warnings": _warnings(here, gpu),
    }
    if base and base != "tiny":
        found["base"] = _base(base, here, gpu, length)
    return found


def _requirements(here: Machine, gpu: float) -> list[dict[str, Any]]:
    """Half a GB of tolerance: a 16 GB machine reports a little less."""
    have = {"memory": here.memory, "gpu": gpu, "disk": here.disk}
    return [
        {"what": what, "have": round(have[what] + 0.5, 1), "minimum": low, "recommended": high}
        for what, low, high in ORIGINAL
    ]


def _fits(here: Machine, gpu: float, length: int) -> list[dict[str, str]]:
    out = []
    for method in ("full", "lora", "lora8", "qlora"):
        room, note = (gpu * 0.92, "on the GPU") if gpu else (here.free, "on the CPU, slowly")
        if not gpu and method in ("qlora", "lora8"):
            out.append({"method": method, "largest": "-", "note": "needs an NVIDIA GPU"})
            continue
        size = largest(room, method, length)
        shown = f"{size:g}B" if size else "nothing"
        out.append({"method": method, "largest": shown, "note": note})
    named = [text for size, text in SUGGESTED if gpu + 0.5 >= size]
    if named:
        out.append({"method": "for example", "largest": "", "note": named[-1]})
    return out


def _base(name: str, here: Machine, gpu: float, length: int) -> dict[str, Any]:
    base = resolve(name)
    room = gpu * 0.92 if gpu else here.free
    methods = []
    for method in ("full", "lora", "lora8", "qlora"):
        need = estimate(base.billions, method, length, 1, base.layers, base.hidden)
        verdict = "fits" if need <= room else f"does not fit into {room:.0f} GB"
        if not gpu and method in ("qlora", "lora8"):
            verdict = "needs an NVIDIA GPU"
        methods.append({"method": method, "needs": need, "verdict": verdict})
    return {"id": base.id, "billions": base.billions, "methods": methods}


def _parts() -> list[dict[str, str]]:
    """Packages, trainers and programs: there or not, and how to get them."""
    out = []
    extras = (
        ("TRL and PEFT", ("trl", "peft", "torch"), "pip install 'sessiontune[train]'"),
        ("GGUF converter", ("gguf", "sentencepiece"), "pip install 'sessiontune[ship]'"),
        ("local server", ("xllamacpp",), "pip install 'sessiontune[serve]'"),
        ("4- and 8-bit bases", ("bitsandbytes",), "pip install bitsandbytes (NVIDIA GPU)"),
    )
    for name, modules, hint in extras:
        missing = [m for m in modules if find_spec(m) is None]
        state = f"missing: {', '.join(missing)}" if missing else "there"
        out.append({"name": name, "state": state, "hint": hint if missing else ""})
    for trainer in ("llamafactory", "axolotl", "unsloth"):
        there = (environment_of(trainer) / "bin" / "python").is_file()
        hint = "" if there else f"sessiontune trainers install {trainer}"
        out.append({"name": trainer, "state": "there" if there else "not installed", "hint": hint})
    for program, hint in (
        ("ollama", "https://ollama.com/download"),
        ("llama-quantize", "llama.cpp"),
    ):
        there = shutil.which(program) is not None
        out.append(
            {
                "name": program,
                "state": "there" if there else "not on PATH",
                "hint": "" if there else hint,
            }
        )
    return out


def _warnings(here: Machine, gpu: float) -> list[str]:
    out = [_claude_cleanup(os.environ)]
    if not gpu:
        out.append(
            "No GPU that torch can use: training a model of more than about 1B would take days. "
            "`sessiontune train --dry-run --parallel ddp --gpus 1` writes a task for renting one."
        )
    if gpu and find_spec("bitsandbytes") is None:
        out.append("bitsandbytes is missing: 4-bit bases (qlora) cannot be used.")
    return out


def _claude_cleanup(env: os._Environ[str] | dict[str, str]) -> str:
    """Agents delete old logs; say when, and how to keep them."""
    home = Path(env.get("CLAUDE_CONFIG_DIR") or Path.home() / ".claude")
    settings = home / "settings.json"
    days: Any = None
    if settings.is_file():
        try:
            days = orjson.loads(settings.read_bytes()).get("cleanupPeriodDays")
        except (ValueError, AttributeError):
            return f"{settings} cannot be read, so it is unknown when Claude Code deletes its logs."
    if isinstance(days, (int, float)):
        return f"Claude Code deletes logs after {days:g} days (cleanupPeriodDays in {settings})."
    return (
        f'Claude Code deletes logs after {CLAUDE_DAYS} days: put "cleanupPeriodDays": 3650 into '
        f"{settings} to keep them, and export regularly."
    )
