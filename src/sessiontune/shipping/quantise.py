"""Find what can make K-quants, and plan it. f16, bf16 and q8_0 need none of this.

Order: what the user names, `llama-quantize` on PATH or in the llama.cpp checkout, the package
`llama_cpp`. Where none is here, an Ollama up to 0.34.0 can quantise while it creates the model.
"""

from __future__ import annotations

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import msgspec

from ..errors import PreflightError, ToolError, UsageError
from ..ports import Job
from .gguf import GgufHead
from .leash import WATCHED

#: Our name -> number of the file type in llama.h (enum llama_ftype).
K_QUANTS: dict[str, int] = {
    "q2_k": 10,
    "q3_k_s": 11,
    "q3_k_m": 12,
    "q3_k_l": 13,
    "q4_k_s": 14,
    "q4_k_m": 15,
    "q5_k_s": 16,
    "q5_k_m": 17,
    "q6_k": 18,
}

NONE_HERE = (
    "Put llama.cpp's llama-quantize on PATH, `pip install llama-cpp-python`, or let an Ollama up to"
    " 0.34.0 do it: --type f16 --ollama NAME --ollama-quantize q4_K_M. Without any of them: --type"
    " q8_0."
)


class Quantiser(msgspec.Struct, frozen=True):
    """A program (`llama-quantize`), a shared library (libllama) or the package `llama_cpp`."""

    kind: str
    path: Path | None = None


def find_quantiser(named: Path | None, checkout: Path | None) -> Quantiser | None:
    """What is here. UsageError when the named one is not."""
    if named is not None:
        if not named.is_file():
            raise UsageError(f"{named} is not there.", "Name llama-quantize or libllama.")
        library = named.name.startswith("libllama") or named.suffix in (".so", ".dylib")
        return Quantiser("library" if library else "program", named.resolve())
    if found := shutil.which("llama-quantize"):
        return Quantiser("program", Path(found))
    for inner in ("build/bin/llama-quantize", "llama-quantize"):
        if checkout and (checkout / inner).is_file():
            return Quantiser("program", (checkout / inner).resolve())
    return Quantiser("package") if find_spec("llama_cpp") else None


def plan_quantise(quantiser: Quantiser, source: Path, out: Path, kind: str) -> Job:
    """Quantise the 16-bit file `source` to `out`."""
    name = f"quantise to {kind.upper()}"
    program = quantiser.kind == "program"
    if program:
        argv = [str(quantiser.path), str(source), str(out), kind.upper()]
    else:
        argv = [sys.executable, "-m", "sessiontune.shipping.quantise_main"]
        argv += [str(source), str(out), str(K_QUANTS[kind])]
        argv += [str(quantiser.path)] if quantiser.path else []
    return Job(name=name, argv=tuple(argv), env=WATCHED, outputs=(str(out),), leash=program)


def check_rows(head: GgufHead, kind: str) -> None:
    """K-quants pack 256 weights. PreflightError when the model's rows cannot be packed."""
    width = head.meta.get(f"{head.architecture}.embedding_length", 256)
    if width % 256:
        raise PreflightError(
            f"{kind} needs rows of a multiple of 256 weights; this model has {width}.",
            "Ship it with --type q8_0.",
        )


def need_quantiser(named: Path | None, checkout: Path | None, kind: str) -> Quantiser:
    """What is here, or ToolError with what to do."""
    if found := find_quantiser(named, checkout):
        return found
    raise ToolError(f"There is nothing here that quantises to {kind}.", NONE_HERE)
