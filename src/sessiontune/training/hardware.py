"""What this machine has: read from the system and from torch, without starting a program."""

from __future__ import annotations

import os
import platform
import shutil
from importlib.util import find_spec
from pathlib import Path

import msgspec


class Gpu(msgspec.Struct, frozen=True):
    """One accelerator; memory in GB (1e9 bytes). `backend`: cuda or mps."""

    name: str
    memory: float
    backend: str
    bf16: bool = True


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Memory and disk in GB (1e9 bytes); `free` is memory available now."""

    system: str
    cpu: str
    cores: int
    memory: float
    free: float
    disk: float
    gpus: tuple[Gpu, ...] = ()
    torch: str = ""
    bitsandbytes: bool = False


def machine(folder: Path) -> Machine:
    """Look at this machine; `folder` says which disk counts."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    total, free = _memory()
    gpus, torch = _gpus()
    return Machine(
        system=f"{platform.system()} {platform.release()}",
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count() or 1,
        memory=total,
        free=free,
        disk=shutil.disk_usage(place).free / 1e9,
        gpus=gpus,
        torch=torch,
        bitsandbytes=find_spec("bitsandbytes") is not None,
    )


def _memory() -> tuple[float, float]:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        table = {line.split(":")[0]: int(line.split()[1]) * 1024 / 1e9 for line in lines}
        return table["MemTotal"], table["MemAvailable"]
    except OSError:
        pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
        return pages * size / 1e9, pages * size / 1e9


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        return platform.processor() or platform.machine()
    return platform.processor() or platform.machine()


def _gpus() -> tuple[tuple[Gpu, ...], str]:
    if find_spec("torch") is None:
        return (), ""
    import torch

    if torch.cuda.is_available():
        found = []
        for index in range(torch.cuda.device_count()):
            facts = torch.cuda.get_device_properties(index)
            found.append(Gpu(facts.name, facts.total_memory / 1e9, "cuda", facts.major >= 8))
        return tuple(found), str(torch.__version__)
    if torch.backends.mps.is_available():
        # Apple's GPU shares the machine's memory; macOS lets it use about three quarters.
        return (Gpu("Apple", _memory()[0] * 0.75, "mps", True),), str(torch.__version__)
    return (), str(torch.__version__)
