"""Quantise in a process of its own:
`python -m sessiontune.shipping.quantise_main SRC OUT NUMBER [LIBRARY]`.

Calls `llama_model_quantize` of the package `llama_cpp`, or of the libllama LIBRARY.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import Any

from .leash import end_with_parent


class _Params(ctypes.Structure):
    """The head of llama_model_quantize_params, the same in all versions since 2023; the rest is
    room for what the library fills in itself."""

    _fields_ = (
        ("nthread", ctypes.c_int32),
        ("ftype", ctypes.c_int32),
        ("rest", ctypes.c_uint8 * 504),
    )


def main(argv: list[str]) -> int:
    """Quantise; the exit status is the library's answer."""
    source, out, number, *library = argv
    end_with_parent()
    quantise = _library(*library) if library else _package()
    return int(quantise(os.fsencode(source), os.fsencode(out), int(number)))


def _package() -> Any:
    import llama_cpp  # type: ignore[import-not-found]

    def quantise(source: bytes, out: bytes, number: int) -> int:
        params = llama_cpp.llama_model_quantize_default_params()
        params.ftype = number
        status: int = llama_cpp.llama_model_quantize(source, out, params)
        return status

    return quantise


def _library(path: str) -> Any:
    beside = Path(path).parent
    for needed in (*sorted(beside.glob("libggml-base*")), *sorted(beside.glob("libggml.*"))):
        _load(needed)
    library = ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)
    library.llama_model_quantize_default_params.restype = _Params
    library.llama_model_quantize.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p]
    library.llama_model_quantize.restype = ctypes.c_uint32

    def quantise(source: bytes, out: bytes, number: int) -> int:
        params = library.llama_model_quantize_default_params()
        params.ftype = number
        library.llama_backend_init()
        status: int = library.llama_model_quantize(source, out, ctypes.byref(params))
        return status

    return quantise


def _load(path: Path) -> None:
    """Load one library that libllama needs; those that need others come later by themselves."""
    try:
        ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
    except OSError as later:
        print(f"{path.name}: {later}", file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
