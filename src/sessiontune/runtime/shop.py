"""The records of shipping, and the converter that it needs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from ..errors import StoreError, ToolError, UsageError
from ..shipping import convert, quantise
from ..shipping.converter import HINT, Converter, find_converter, plan_fetch, unpack
from ..shipping.parity import Check
from ..shipping.run import Run, config_of, digest_of
from ..shipping.tokenizer import Vocabulary, read_vocabulary
from .process import run_kept, write_files

SAFETENSORS = "safetensors"
TYPES = (*convert.DIRECT, *quantise.K_QUANTS, SAFETENSORS)

#: Called with (stage, done, total).
Watch = Callable[[str, int, int], None]


class ShipOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What to make and with what. `context` 0: the training's length, at least 4096."""

    types: tuple[str, ...] = ("q8_0",)
    adapter_only: bool = False
    base_gguf: Path | None = None
    out: Path | None = None
    llama_cpp: Path | None = None
    quantizer: Path | None = None
    pre_tokenizer: str | None = None
    card: convert.Card = convert.Card()
    context: int = 0
    system: str = ""
    keep_merged: bool = False
    force: bool = False


class ShippedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One result. `base`: the GGUF under an adapter, relative to the folder or absolute."""

    name: str
    type: str
    size: int
    sha256: str
    fingerprint: str
    engine: str
    base: str = ""
    checks: tuple[Check, ...] = ()


class Shipped(msgspec.Struct, frozen=True, kw_only=True):
    """All of ship.json. `context` in tokens; `reused`: names that were there already."""

    version: int = 1
    name: str
    run: str
    base: str
    data: str
    converter: str
    context: int
    stop: tuple[str, ...]
    system: str = ""
    files: tuple[ShippedFile, ...] = ()
    reused: tuple[str, ...] = ()


class Shop(msgspec.Struct, frozen=True, kw_only=True):
    """One call of `ship`: what all steps need.

    trained   digest of what the training wrote; for a whole model that is gigabytes to read
    say       tells the user what matters; `on_line` gets the output of programs
    """

    run: Run
    options: ShipOptions
    out: Path
    trained: str
    converter: Converter | None
    env: Mapping[str, str]
    watch: Watch
    on_line: Callable[[str], None]
    say: Callable[[str], None]

    @property
    def vocabulary(self) -> Vocabulary:
        """The run's vocabulary, read only where something is made: that takes seconds."""
        return read_vocabulary(self.run)

    @property
    def work(self) -> Path:
        """Where this run's files are made; another adapter or tokenizer has another place."""
        return self.out / ".work" / self.fingerprint("work")[:12]

    def fingerprint(self, kind: str) -> str:
        """What a result of type `kind` is made from."""
        run, options = self.run, self.options
        weights = sorted(run.base.glob("*.safetensors"))
        stamps = [f"{p.name} {p.stat().st_size} {p.stat().st_mtime_ns}" for p in weights]
        said = [kind, run.template, str(run.adds_bos), *run.stop, run.base_digest, *stamps]
        said += [run.name, run.base_id, run.data_digest, repr(options.card)]
        said += [options.pre_tokenizer or "", str(options.base_gguf or "")]
        said += [str(options.adapter_only), self.converter.origin if self.converter else ""]
        return digest_of(*said, self.trained)

    def name(self, kind: str) -> str:
        """The file, or folder, of one kind."""
        return file_name(self.run, self.options, kind)


def file_name(run: Run, options: ShipOptions, kind: str) -> str:
    """The name of a run's file of one kind; of a folder for safetensors."""
    if kind == SAFETENSORS:
        return f"{run.slug}-{SAFETENSORS}"
    return f"{run.slug}-{'lora-' if options.adapter_only else ''}{kind}.gguf"


def need_converter(found: Converter | None) -> Converter:
    """The converter; ToolError when there is none."""
    if found is None:
        raise ToolError("There is no converter to GGUF here.", HINT)
    return found


def fetch_converter(
    env: Mapping[str, str], home: Path, on_line: Callable[[str], None]
) -> Converter:
    """The converter that is here, else the pinned one, fetched by pip. ToolError when offline."""
    if found := find_converter(None, env, home):
        return found
    with tempfile.TemporaryDirectory(prefix="sessiontune-") as name:
        folder = Path(name)
        job = plan_fetch(folder)
        write_files(job, folder)
        status, said = run_kept(job, folder, on_line)
        if status != 0:
            why = next((x for x in reversed(said) if "error" in x.lower()), [*said, "?"][-1])
            missing_pip = any("No module named pip" in line for line in said)
            hint = "python -m ensurepip, then again."
            if not missing_pip:
                hint = "Can pip reach its index? Or name your llama.cpp checkout: --llama-cpp PATH."
            raise ToolError(f"pip cannot fetch the converter: {why[:300]}", hint)
        return unpack(folder / job.outputs[0], env)


def read_shipped(out: Path) -> Shipped | None:
    """What ship.json of a folder says, without files that are gone; None when there is none."""
    note = out / "ship.json"
    if not note.is_file():
        return None
    try:
        said = msgspec.json.decode(note.read_bytes(), type=Shipped)
    except (ValueError, OSError) as wrong:
        raise StoreError(f"{note} cannot be read: {wrong}", "Delete it and ship again.") from wrong
    here = tuple(f for f in said.files if (out / f.name).exists())
    return msgspec.structs.replace(said, files=here)


def context_of(run: Run, wanted: int, otherwise: int = 0) -> int:
    """Tokens of context to serve with: `wanted`, else `otherwise`, else as trained, at least 4096.

    UsageError for more than the base was made for: llama.cpp would take less without a word.
    """
    config = config_of(run.base)
    inner = config.get("text_config") or {}
    most = config.get("max_position_embeddings") or inner.get("max_position_embeddings") or 131072
    if wanted > int(most):
        raise UsageError(
            f"{run.base_id} was made for {most} tokens of context, not for {wanted}.",
            f"--context {most}, or less.",
        )
    return wanted or otherwise or min(max(run.max_length, 4096), int(most))
