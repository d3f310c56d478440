"""How long training takes, roughly: by the GPU's data sheet, but no less than a minimum."""

from __future__ import annotations

import msgspec

from .bases import Base
from .hardware import Machine

#: Share of a GPU's data sheet that training reaches: an H200 0.24 with 8B (`benchmarks/gpu.py`).
REACHED = 0.25
#: 16-bit operations a second of a GPU whose data sheet is unknown.
UNKNOWN = 3e13
#: Seconds for each layer that one pass takes at least: launching kernels takes time.
LEAST = 0.016


class Pace(msgspec.Struct, frozen=True):
    """Tokens a second, and the seconds that one pass takes at least."""

    speed: float
    least: float

    def seconds(self, tokens: float) -> float:
        """Seconds of a forward and backward pass over so many tokens at once."""
        return max(tokens / self.speed, self.least)


def pace_of(base: Base, machine: Machine, device: str, method: str, checkpointing: bool) -> Pace:
    """6 (full) or 4 operations per parameter and token, and a third more with checkpointing. A CPU
    does 20 GFLOP/s a core, less what other programs take."""
    work = (6.0 if method == "full" else 4.0) * base.billions * 1e9
    work *= 4 / 3 if checkpointing else 1
    sheet = machine.gpus[0].teraflops * 1e12 if machine.gpus else 0.0
    cores = machine.cores * share(machine)
    rates = {"cuda": sheet * REACHED or UNKNOWN, "mps": 4e12, "cpu": 2e10 * cores}
    least = LEAST * base.shape.layers if device == "cuda" else 0.0
    return Pace(max(1.0, rates[device] / max(work, 1e6)), least)


def share(machine: Machine) -> float:
    """The share of the processor that training gets with as many threads as cores."""
    return machine.cores / (machine.cores + machine.busy)


def span(seconds: float) -> str:
    """A time in words."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    if seconds < 5400:
        return f"about {round(seconds / 60)} min"
    return f"about {seconds / 3600:.1f} h"
