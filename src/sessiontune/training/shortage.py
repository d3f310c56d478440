"""What a plan warns of: too little memory or disk, and a GPU that others use too."""

from __future__ import annotations

from .hardware import Machine
from .settling import Settings


def warnings(settings: Settings, machine: Machine, disk: float) -> list[str]:
    """What the machine has too little of. `disk`: GB that the run takes."""
    out = []
    if settings.memory > settings.room:
        fewer = "" if settings.method == "qlora" else "use --method qlora on an NVIDIA GPU, "
        out.append(
            f"Memory: about {settings.memory:g} GB needed, {settings.room:g} GB there. "
            f"Lower --length, {fewer}or take a smaller base."
        )
    out += crowded(settings, machine)
    if disk > machine.disk:
        out.append(
            f"Disk: about {disk:.1f} GB needed, {machine.disk:.1f} GB free. "
            "Free some space, or train with a lower --keep."
        )
    return out


def crowded(settings: Settings, machine: Machine) -> list[str]:
    """What other programs hold of the GPU, if it is much."""
    card = machine.gpus[0] if machine.gpus and settings.device != "cpu" else None
    if card is None or card.taken <= 0.1 * card.memory:
        return []
    return [f"Other programs hold {card.taken:.1f} GB of the GPU: close them to use it too."]
