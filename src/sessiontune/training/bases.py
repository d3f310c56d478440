"""Base models: found on this machine, never fetched unless asked, with the facts a plan needs."""

from __future__ import annotations

import hashlib
import json
import math
import os
import zipfile
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import msgspec

from ..errors import ToolError, UsageError
from ..runs import is_run
from .memory import EAGER, Shape, typical

#: Families whose experts "all linear layers" leaves out: PEFT does not see them as linear layers.
NO_EXPERTS = ("gpt_oss",)


class Base(msgspec.Struct, frozen=True, kw_only=True):
    """A base model in a local folder.

    billions    parameters / 1e9, from the weight files' own headers (their size for *.bin)
    sha256      of config, tokenizer and the weight files' names, sizes and first and last MiB
    rows        rows of the input embedding (0: unknown); context in tokens (0: unknown)
    ends        of the billions, those in embeddings and head; inner: columns inside a block
    experts     of the billions, those in experts, and edges: rows and columns / 1e9 of those that
                an adapter reaches
    heads       of attention
    bits        of a weight that is quantised already
    matrices    last names of the modules that hold one, as `--targets` takes them (none: unknown)
    """

    id: str
    path: str
    revision: str = ""
    sha256: str = ""
    family: str = ""
    billions: float = 0.0
    layers: int = 0
    hidden: int = 0
    inner: int = 0
    ends: float = 0.0
    rows: int = 0
    context: int = 0
    quantised: str = ""
    bits: int = 0
    experts: float = 0.0
    edges: float = 0.0
    heads: int = 0
    matrices: tuple[str, ...] = ()

    @property
    def shape(self) -> Shape:
        """What memory depends on; what the config does not tell is taken from similar models."""
        like = typical(self.billions)
        hidden = self.hidden or like.hidden
        return Shape(
            billions=self.billions,
            # bitsandbytes leaves experts as they are: they are not linear layers
            ends=(self.ends or like.ends) + (0.0 if self.quantised else self.experts),
            edges_of_experts=self.edges * 1e9,
            layers=self.layers or like.layers,
            hidden=hidden,
            inner=self.inner or 4 * hidden,
            rows=self.rows or like.rows,
            square=EAGER.get(self.family, 0.0) * self.heads,
        )


def resolve(name: str, *, download: bool = False) -> Base:
    """Find a base by folder or hub id. Raises UsageError, with what to do, if it is not here."""
    path = Path(name).expanduser()
    if path.is_dir():
        return describe(path, str(name))
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise UsageError(
            f"No base model '{name}'.", "Give a local folder, a hub id (owner/name), or tiny."
        )
    return describe(_from_hub(name, download), name)


def _from_hub(name: str, download: bool) -> Path:
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
    except ImportError as missing:
        raise ToolError(
            "Finding a hub model needs huggingface_hub.", "pip install 'sessiontune[train]'"
        ) from missing
    try:
        folder = snapshot_download(
            name,
            local_files_only=not download,
            ignore_patterns=["*.bin", "*.pth", "original/*", "*.gguf", "*.onnx"],
        )
    except LocalEntryNotFoundError as error:
        if download:
            raise UsageError(
                f"{name} is not on this machine, and the hub cannot be reached.",
                "Check the network (HF_HUB_OFFLINE must not be set), or name a local folder.",
            ) from error
        raise UsageError(
            f"{name} is not on this machine, and nothing is fetched unless asked.",
            f"Fetch it with `hf download {name}`, or give --download to `train` or `tune`, or name "
            "a local folder.",
        ) from error
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise UsageError(
            f"{name} cannot be fetched: {error}", "Check the name, access rights and network."
        ) from error
    return Path(folder)


def describe(path: Path, name: str) -> Base:
    """Facts from config.json and the safetensors headers; no weights are loaded."""
    path = path.resolve()
    config = _config(path)
    weights = sorted(path.glob("*.safetensors"))
    older = sorted(path.glob("pytorch_model*.bin"))
    if not weights and not older:
        raise UsageError(f"{path} holds no weights.", _AGAIN)
    _must_be_whole(path, weights or older)
    inner = config.get("text_config") or config
    tensors = [tensor for file in weights for tensor in _tensors(file)]
    embedding = next((t.shape for t in tensors if t.name.endswith("embed_tokens.weight")), None)
    ends = [t for t in tensors if t.name.endswith(("embed_tokens.weight", "lm_head.weight"))]
    quantised: dict[str, Any] = config.get("quantization_config") or {}
    bits = _bits(quantised)
    experts = [t.shape for t in tensors if ".experts." in t.name and len(t.shape) > 1]
    count = _count(tensors, bits) or sum(file.stat().st_size for file in older) // 2
    snapshot = path.name if path.parent.name == "snapshots" else ""
    return Base(
        id=name,
        path=str(path),
        revision=snapshot,
        sha256=_digest(path, weights or older),
        family=str(config.get("model_type", "")),
        billions=count / 1e9,
        layers=int(inner.get("num_hidden_layers") or 0),
        hidden=int(inner.get("hidden_size") or 0),
        inner=_inner(inner),
        ends=sum(math.prod(t.shape) for t in ends) / 1e9,
        rows=embedding[0] if embedding else int(inner.get("vocab_size") or 0),
        context=int(inner.get("max_position_embeddings") or 0),
        quantised=str(quantised.get("quant_method", "")),
        bits=bits,
        experts=sum(map(math.prod, experts)) / 1e9,
        edges=_edges(experts) if config.get("model_type") not in NO_EXPERTS else 0.0,
        heads=int(inner.get("num_attention_heads") or 0),
        matrices=_matrices(tensors or [t for file in older for t in _older(file)]),
    )


_AGAIN = "Download the model again, completely: `hf download`, or --download of `train` or `tune`."


def _must_be_whole(path: Path, weights: list[Path]) -> None:
    """UsageError where a download was broken off: transformers would say so late, and at length."""
    whole = "model.safetensors" if weights[0].suffix == ".safetensors" else "pytorch_model.bin"
    index, there = path / f"{whole}.index.json", {file.name for file in weights}
    if whole in there or not index.is_file():
        return
    try:
        wanted = set(json.loads(index.read_bytes())["weight_map"].values())
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise UsageError(f"{index} cannot be read: {error!r}", _AGAIN) from error
    if missing := sorted(wanted - there):
        raise UsageError(
            f"{path} is not whole: {len(missing)} of {len(wanted)} files with weights are not there"
            f" (first: {missing[0]}).",
            _AGAIN,
        )


def _config(path: Path) -> dict[str, Any]:
    """config.json. Raises UsageError, saying what the folder is instead of a base."""
    try:
        config: dict[str, Any] = json.loads((path / "config.json").read_text("utf-8"))
    except FileNotFoundError as error:
        hint = "It should hold config.json, tokenizer.json and *.safetensors."
        if (path / "adapter_config.json").is_file():
            hint = "It is a LoRA adapter; name the base model that it was trained on."
        elif is_run(path):
            hint = (
                "It is a training run: `sessiontune ship RUN -t safetensors` makes a model of it "
                "that can be trained on."
            )
        elif list(path.glob("*.gguf")):
            hint = "It holds GGUF files; training needs the original weights (safetensors)."
        raise UsageError(f"{path} is not a base model: config.json is missing.", hint) from error
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}/config.json cannot be read: {error}", _AGAIN) from error
    if not isinstance(config, dict):
        raise UsageError(f"{path}/config.json cannot be read: it is no object", _AGAIN)
    return config


def _edges(matrices: list[list[int]]) -> float:
    return sum(math.prod(s[:-2]) * (s[-1] + s[-2]) for s in matrices) / 1e9


def _bits(quantised: dict[str, Any]) -> int:
    """Bits of a quantised weight; 0 if it is not quantised, or its kind is not known."""
    if quantised.get("load_in_8bit") or "fp8" in str(quantised.get("quant_method")):
        return 8
    return 4 if quantised.get("load_in_4bit") else int(quantised.get("bits") or 0)


def _inner(config: dict[str, Any]) -> int:
    """Columns inside a feed-forward block; for experts those that one token goes through."""
    if experts := config.get("num_experts_per_tok"):
        size = config.get("moe_intermediate_size") or config.get("intermediate_size") or 0
        return int(experts) * int(size)
    size = config.get("intermediate_size") or 0
    return max(size) if isinstance(size, list) else int(size)


class _Tensor(msgspec.Struct, frozen=True):
    name: str
    dtype: str
    shape: list[int]


def _tensors(file: Path) -> list[_Tensor]:
    """Every tensor of a safetensors file, from its header."""
    try:
        with file.open("rb") as handle:
            length = int.from_bytes(handle.read(8), "little")
            if not 2 <= length <= 100_000_000:
                raise ValueError("no safetensors header")
            header = json.loads(handle.read(length))
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} cannot be read: {error}", "Download the model again.") from error
    header.pop("__metadata__", None)
    return [_Tensor(k, str(v["dtype"]), list(v["shape"])) for k, v in header.items()]


def _older(file: Path) -> list[_Tensor]:
    """Every tensor of a *.bin file, without its values; none if torch is not here, or the file is
    no archive, as before PyTorch 1.6."""
    if not zipfile.is_zipfile(file):
        return []
    try:
        import torch

        held = torch.load(file, mmap=True, weights_only=True, map_location="meta")
    except ImportError:
        return []
    except (RuntimeError, UnpicklingError) as error:
        said = str(error).partition("\n")[0]
        raise UsageError(f"{file} cannot be read: {said}", "Download the model again.") from error
    return [_Tensor(name, str(held[name].dtype), list(held[name].shape)) for name in held]


def _matrices(tensors: list[_Tensor]) -> tuple[str, ...]:
    """`q_proj` and the like; the head is one even if its weights are the embedding's."""
    found = {"lm_head"} if tensors else set()
    for tensor in tensors:
        module, _, kind = tensor.name.rpartition(".")
        if kind == "qweight" or (kind == "weight" and len(tensor.shape) > 1):
            found.add(module.rpartition(".")[2])
    return tuple(sorted(found))


def _count(tensors: list[_Tensor], bits: int) -> int:
    """Number of parameters. A quantised base packs several into one number: `weight` (bitsandbytes,
    bytes) or `qweight` (GPTQ and AWQ, 32 bits); what only serves to unpack them does not count."""
    total = 0
    for tensor in tensors:
        kind = tensor.name.rpartition(".")[2]
        packed = {"U8": 8, "I32": 32}.get(tensor.dtype, 0) if kind in ("weight", "qweight") else 0
        if bits and not packed and kind != "weight" and kind != "bias":
            continue
        size = math.prod(tensor.shape)
        total += size * packed // bits if bits and packed else size
    return total


def _digest(path: Path, weights: list[Path]) -> str:
    """Enough to tell models apart without reading 140 GB: see `Base.sha256`."""
    total = hashlib.sha256()
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        file = path / name
        if file.is_file():
            total.update(name.encode() + b"\0" + file.read_bytes())
    for file in weights:
        size = file.stat().st_size
        total.update(f"{file.name}\0{size}\0".encode())
        with file.open("rb") as handle:
            total.update(handle.read(1 << 20))
            handle.seek(max(0, size - (1 << 20)), os.SEEK_SET)
            total.update(handle.read(1 << 20))
    return total.hexdigest()
