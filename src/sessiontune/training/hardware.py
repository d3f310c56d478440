"""What this machine has: read from the system and from torch, without starting a program."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec


class Gpu(msgspec.Struct, frozen=True):
    """One accelerator. `backend`: cuda or mps.

    memory, free   GB (1e9 bytes); `free` is what other programs leave now (None: unknown)
    teraflops      16-bit matrix work by the data sheet, 0: unknown
    """

    name: str
    memory: float
    backend: str
    bf16: bool = True
    free: float | None = None
    teraflops: float = 0.0

    @property
    def room(self) -> float:
        """GB that a run may take. If it is unknown what is free, a share is left to a desktop."""
        return self.memory * 0.92 if self.free is None else self.free * 0.98

    @property
    def taken(self) -> float:
        """GB that other programs hold, as far as it is known."""
        return 0.0 if self.free is None else self.memory - self.free


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Memory and disk in GB (1e9 bytes); `free` is memory available now, `busy` how many cores
    other programs would have taken in the last minute."""

    system: str
    cpu: str
    cores: int
    busy: float = 0.0
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
        busy=round(os.getloadavg()[0], 1),
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
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
        # macOS: the percentage that `memory_pressure` prints
        free = int.from_bytes(_sysctl("kern.memorystatus_level"), sys.byteorder)
        return total, total * (free or 100) / 100


def _cpu() -> str:
    named = _sysctl("machdep.cpu.brand_string").rstrip(b"\0").decode("utf-8", "replace")
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                named = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass
    return named or platform.processor() or platform.machine()


def _sysctl(name: str) -> bytes:
    """What macOS says of itself under this name; nothing elsewhere."""
    ask = getattr(ctypes.CDLL(None), "sysctlbyname", None) if sys.platform == "darwin" else None
    room = ctypes.create_string_buffer(256)
    size = ctypes.c_size_t(len(room))
    if ask is None or ask(name.encode(), room, ctypes.byref(size), None, ctypes.c_size_t(0)):
        return b""
    return room.raw[: size.value]


#: Compute capability -> 16-bit matrix operations of one multiprocessor per clock tick, summed in 32
#: bits. Listed are data-centre GPUs; all others from 7.5 on count as `GEFORCE`.
PER_TICK = {(7, 0): 1024, (8, 0): 2048, (9, 0): 4096, (10, 0): 8192, (10, 3): 8192}
GEFORCE = 512


def teraflops(facts: Any) -> float:
    """16-bit TFLOP/s as data sheets compute them; 0 if torch does not tell the clock."""
    ticks = float(getattr(facts, "clock_rate", 0) or 0) * 1e3
    if (facts.major, facts.minor) < (7, 0):
        return 0.0
    each = PER_TICK.get((facts.major, facts.minor), GEFORCE)
    return round(float(facts.multi_processor_count * ticks * each) / 1e12, 1)


def free_by_driver(uuid: str) -> float | None:
    """GB free on a GPU, as NVML says; asking torch would itself take some of the memory."""
    name = "nvml.dll" if platform.system() == "Windows" else "libnvidia-ml.so.1"
    handle, memory = ctypes.c_void_p(), (ctypes.c_ulonglong * 3)()
    try:
        driver = ctypes.CDLL(name)
        if not uuid or driver.nvmlInit_v2():
            return None
        card = uuid if uuid.startswith("GPU-") else f"GPU-{uuid}"
        failed = driver.nvmlDeviceGetHandleByUUID(card.encode(), ctypes.byref(handle))
        failed = failed or driver.nvmlDeviceGetMemoryInfo(handle, memory)
        driver.nvmlShutdown()
    except (OSError, AttributeError):  # no such library, or an older one
        return None
    return None if failed else float(memory[1]) / 1e9


def _gpus() -> tuple[tuple[Gpu, ...], str]:
    if find_spec("torch") is None:
        return (), ""
    import torch

    if torch.cuda.is_available():
        found = []
        for index in range(torch.cuda.device_count()):
            facts = torch.cuda.get_device_properties(index)
            found.append(
                Gpu(
                    facts.name,
                    facts.total_memory / 1e9,
                    "cuda",
                    facts.major >= 8,
                    free_by_driver(str(getattr(facts, "uuid", ""))),
                    teraflops(facts),
                )
            )
        return tuple(found), str(torch.__version__)
    if torch.backends.mps.is_available():
        # Apple's GPU shares the machine's memory; macOS lets it use two thirds, or three quarters.
        most = torch.mps.recommended_max_memory() / 1e9
        bf16 = torch.backends.mps.is_macos_or_newer(14, 0)
        card = Gpu(_cpu(), most, "mps", bf16, min(most, _memory()[1]))
        return (card,), str(torch.__version__)
    return (), str(torch.__version__)
