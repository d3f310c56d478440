"""Write Modelfile and commands.md beside the shipped files."""

from __future__ import annotations

from pathlib import Path

from ..errors import UsageError
from ..shipping.guide import commands, make_modelfile
from ..shipping.modelfile import Modelfile, write
from ..shipping.run import Run
from .shop import SAFETENSORS, ShipOptions, Shipped, ShippedFile

#: The file that a Modelfile and `serve` take, the first that is there.
PREFERRED = ("q4_k_m", "q5_k_m", "q6_k", "q8_0", "bf16", "f16")


def pick(shipped: Shipped, kind: str | None = None) -> ShippedFile:
    """The GGUF to serve. UsageError when there is none (of that type)."""
    found = {f.type: f for f in shipped.files if f.type != SAFETENSORS and (not kind or not f.base)}
    for wanted in (kind,) if kind else (*PREFERRED, *found):
        if wanted in found:
            return found[wanted]
    raise UsageError(
        f"There is no GGUF{f' of type {kind}' if kind else ''} yet.",
        f"sessiontune ship RUN --type {kind or 'q8_0'}",
    )


def modelfile_of(run: Run, options: ShipOptions, shipped: Shipped) -> Modelfile:
    """The Modelfile for what was asked for last: the LoRA GGUF on its base, or the merged file."""
    wanted = next(f for f in shipped.files if f.type == options.types[0] and _kind(f, options))
    licenses = tuple(
        text
        for text in (" ".join((options.card.license, options.card.license_link)).strip(),)
        if text
    )
    source, adapter = (wanted.base, wanted.name) if wanted.base else (wanted.name, "")
    return make_modelfile(
        run,
        _place(source),
        adapter=_place(adapter) if adapter else "",
        context=shipped.context,
        system=options.system,
        licenses=licenses,
    )


def _kind(file: ShippedFile, options: ShipOptions) -> bool:
    return bool(file.base) is options.adapter_only


def _place(name: str) -> str:
    return name if name.startswith("/") else f"./{name}"


def write_guide(run: Run, options: ShipOptions, shipped: Shipped, out: Path) -> None:
    """Modelfile (for a GGUF) and commands.md, each written beside and renamed."""
    kinds = [kind for kind in options.types if kind != SAFETENSORS]
    if not kinds:
        return
    made = modelfile_of(run, _with_first(options, kinds), shipped)
    _put(out / "Modelfile", write(made))
    adapter = made.adapter.removeprefix("./")
    model = made.source.removeprefix("./")
    _put(out / "commands.md", commands(run, out, model, adapter, shipped.context))


def _with_first(options: ShipOptions, kinds: list[str]) -> ShipOptions:
    import msgspec

    return msgspec.structs.replace(options, types=tuple(kinds))


def _put(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.part")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
