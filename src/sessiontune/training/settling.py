"""Settings, resolved from what was asked, the base and the machine, each with its reason."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from difflib import get_close_matches

import msgspec

from ..errors import UsageError
from .bases import Base
from .hardware import Gpu, Machine
from .memory import estimate
from .spec import TrainSpec, from_where, named_targets

#: Tokens per example, tried in this order until it fits.
LENGTHS = (8192, 4096, 2048)
#: Ways of storing weights that pass no gradient back.
FIXED = ("mxfp4", "quark")
#: Billions of parameters below which a model is only for trying things out.
TINY = 0.05


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the trainer gets; nothing is `auto` any more. `room` and `memory` in GB."""

    device: str
    precision: str
    method: str
    length: int
    rate: float
    batch: int
    accumulation: int
    room: float
    memory: float
    checkpointing: bool
    dropout: float


class Line(msgspec.Struct, frozen=True):
    """One row of the plan's table."""

    name: str
    value: str
    reason: str


def settle(spec: TrainSpec, base: Base, machine: Machine) -> tuple[Settings, list[Line]]:
    """Device, method, length and the like. Raises UsageError if they are not possible."""
    gpu = _gpu(spec, machine)
    device = gpu.backend if gpu else "cpu"
    room = gpu.room if gpu else machine.free
    _possible(spec, machine, device, base)
    _targets(spec, base)
    lines = [
        Line("device", gpu.name if gpu else f"CPU, {machine.cores} cores", _device_why(spec, gpu))
    ]
    precision, why_precision = _precision(spec, gpu, base)
    need = functools.partial(needed, spec, base, precision)
    small = "qlora" if machine.bitsandbytes and device == "cuda" else "lora"
    length, why_length = _length(spec, base, room if gpu else 0.0, need, small)
    method, why_method = _method(spec, base, room, need("lora", length), device, machine)
    rate = spec.rate or (5e-6 if spec.task != "sft" else 1e-5 if method == "full" else 2e-4)
    devices = spec.gpus * spec.nodes
    batch = _batch(spec)
    accumulation = spec.accumulation or max(1, round(8 / (batch * devices)))
    memory = need(method, length)
    dropout = 0.0 if base.edges else spec.dropout  # PEFT refuses it on experts
    lines += [
        Line("base", f"{base.id} ({base.billions:.3g}B, {base.family})", "named"),
        Line("method", method, why_method),
        Line("length", f"{length} tokens", why_length),
        Line("precision", precision, why_precision),
        Line("learning rate", f"{rate:g}", _rate_why(spec, method)),
        Line("batch", _product(batch, accumulation, devices), _batch_why(spec)),
        Line("memory", f"about {memory:g} GB of {room:.3g}", "from the model's sizes, an estimate"),
    ]
    if method != "full":
        lines.append(_adapter_line(spec, base, dropout))
    settings = Settings(
        device=device,
        precision=precision,
        method=method,
        length=length,
        rate=rate,
        batch=batch,
        accumulation=accumulation,
        room=round(room, 1),
        memory=memory,
        # Half the speed for a fraction of the memory; a tiny model has no use for it.
        checkpointing=device == "cuda" or base.billions >= TINY,
        dropout=dropout,
    )
    return settings, lines


def _adapter_line(spec: TrainSpec, base: Base, dropout: float) -> Line:
    what = f"rank {spec.rank}, alpha {spec.alpha}, dropout {dropout:g}, {spec.targets}"
    every = "all linear layers; " if base.edges or not base.experts else "attention only; "
    every = every if named_targets(spec) is None else ""
    why = "on experts it has none" if base.edges else "dropout against memorising"
    return Line("adapter", what, f"{every}{why}")


def needed(spec: TrainSpec, base: Base, precision: str, method: str, length: int) -> float:
    """GB that the run needs; a base that is quantised already counts as 4- or 8-bit. DPO takes two
    answers at once."""
    kind = method
    if base.quantised and method == "lora":
        kind = "lora8" if base.bits == 8 else "qlora"
    return estimate(
        base.shape, kind, length, _batch(spec) * (2 if spec.task == "dpo" else 1), rank=spec.rank,
        width=4 if precision == "fp32" else 2, wide=precision == "fp16",
        logits=spec.trainer in ("llamafactory", "axolotl"),
    )  # fmt: skip


def _batch(spec: TrainSpec) -> int:
    """TRL refuses KTO with one example at a time."""
    return max(2, spec.batch) if spec.task == "kto" else spec.batch


def _batch_why(spec: TrainSpec) -> str:
    if _batch(spec) > spec.batch:
        return "KTO compares within a batch: 2 at least"
    if spec.accumulation:
        return from_where(spec, "accumulation")
    return "LoRA dislikes large batches; 8 in effect"


def _product(batch: int, accumulation: int, devices: int) -> str:
    parts = [batch, accumulation] + ([devices] if devices > 1 else [])
    return f"{' x '.join(map(str, parts))} = {math.prod(parts)}"


def _gpu(spec: TrainSpec, machine: Machine) -> Gpu | None:
    if spec.device == "cpu":
        return None
    found = [g for g in machine.gpus if spec.device in ("auto", g.backend)]
    if not found and spec.device != "auto":
        raise UsageError(
            f"This machine has no {spec.device} device that torch can use.",
            "Leave --device out, or install a torch build for it; see `sessiontune doctor`.",
        )
    return found[0] if found else None


def _device_why(spec: TrainSpec, gpu: Gpu | None) -> str:
    if spec.device != "auto":
        return from_where(spec, "device")
    return f"{gpu.memory:.0f} GB" if gpu else "no GPU that torch can use"


def _possible(spec: TrainSpec, machine: Machine, device: str, base: Base) -> None:
    """Refuse what cannot work here."""
    if spec.method in ("qlora", "lora8"):
        bits = "4" if spec.method == "qlora" else "8"
        if device == "mps" or (device == "cpu" and not machine.bitsandbytes):
            raise UsageError(
                f"A {bits}-bit base needs an NVIDIA GPU; there is none here.",
                "Use --method lora, or a smaller base; on the CPU `pip install bitsandbytes` "
                "makes it possible, and slow.",
            )
        if not machine.bitsandbytes:
            raise UsageError(f"A {bits}-bit base needs bitsandbytes.", "pip install bitsandbytes")
    if base.quantised == "bitsandbytes" and not machine.bitsandbytes:
        raise UsageError(
            f"{base.id} is quantised; loading it needs bitsandbytes.", "pip install bitsandbytes"
        )
    if base.quantised in FIXED:
        raise UsageError(
            f"{base.id} is stored as {base.quantised}, which cannot be trained.",
            "Name the same model in bf16, or in 4 bits by bitsandbytes.",
        )
    if base.quantised and spec.method == "full":
        raise UsageError(
            f"{base.id} is quantised ({base.quantised}); its weights cannot be trained.",
            "Use --method lora or qlora, or the original weights.",
        )


def _targets(spec: TrainSpec, base: Base) -> None:
    """Refuse names that the base does not have: trainers say so late, or adapt only the others."""
    known = base.matrices
    for name in named_targets(spec) or ():
        if known and name.rpartition(".")[2] not in known:
            near = get_close_matches(name, known, n=1)
            raise UsageError(
                f"{base.id} has no layer '{name}' to adapt.",
                f"Did you mean '{near[0]}'?" if near else f"There are: {', '.join(known)}.",
            )


def _length(
    spec: TrainSpec, base: Base, room: float, need: Callable[[str, int], float], small: str
) -> tuple[int, str]:
    """`room`: of the GPU, 0 without one; `small`: the method that needs least here."""
    if spec.length:
        if base.context and spec.length > base.context:
            raise UsageError(
                f"The base takes {base.context} tokens, not {spec.length}.", "Lower --length."
            )
        return spec.length, from_where(spec, "length")
    length, why = LENGTHS[0], "agent sessions are long: less loses answers"
    kind = small if spec.method == "auto" else spec.method
    for less in LENGTHS[1:]:
        least = need(kind, length)
        if not room or least <= room:
            break
        length, why = less, f"{length} would need about {least:g} GB"
    if base.billions < TINY and spec.task == "sft":  # a preference's prompt is a whole session
        length, why = 2048, "enough for a tiny model"
    if base.context and length > base.context:
        length, why = base.context, "all that the base takes"
    return length, why


def _method(
    spec: TrainSpec, base: Base, room: float, need: float, device: str, machine: Machine
) -> tuple[str, str]:
    """`need`: GB that lora would take."""
    if spec.method != "auto":
        return spec.method, from_where(spec, "method")
    if base.quantised:
        return "lora", f"on a base that is quantised already ({base.quantised})"
    if need <= room or device != "cuda":
        return "lora", "equals full tuning on small sets"
    if machine.bitsandbytes:
        return "qlora", f"lora would need about {need:g} GB"
    return "lora", f"needs about {need:g} GB; qlora would need bitsandbytes, which is missing"


def _precision(spec: TrainSpec, gpu: Gpu | None, base: Base) -> tuple[str, str]:
    if spec.precision != "auto":
        return spec.precision, from_where(spec, "precision")
    if gpu is None:
        return "fp32", "a CPU trains best in full precision"
    if gpu.backend != "mps":
        return ("bf16", "the GPU has it") if gpu.bf16 else ("fp16", "the GPU has no bf16")
    # Apple's GPUs compute no faster in 16 bits, and older ones convert to 32: it only saves memory.
    method = "full" if spec.method == "full" else "lora"
    whole = needed(spec, base, "fp32", method, spec.length or LENGTHS[0])
    if gpu.bf16 and method == "lora" and whole > gpu.room:
        return "bf16", f"full precision would need about {whole:g} GB"
    return "fp32", "MPS trains best in full precision"


def _rate_why(spec: TrainSpec, method: str) -> str:
    if spec.rate:
        return from_where(spec, "rate")
    if spec.task != "sft":
        return "preference tuning needs a small one"
    return "full tuning" if method == "full" else "LoRA takes about ten times full tuning's"
