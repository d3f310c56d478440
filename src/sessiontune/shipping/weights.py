"""Merge a LoRA adapter into its base, one piece of the weights at a time.

W' = W + scaling * B A, with scaling = alpha / r (alpha / sqrt(r) for rsLoRA), computed in float32
and stored in the dtype of the base (Hu et al. 2021; the arithmetic is PEFT's). Only one tensor and
one output shard are in memory at once, so a model is merged in a few GB whatever its size. What
this cannot do (DoRA, biases, new tokens, other checkpoint layouts) is left to PEFT itself, which
loads the whole model; `plan_merge` says which of the two it will be.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from ..bits import model_class, nothing_fetched
from ..errors import PreflightError, ToolError
from .run import adapter_config, config_of

#: Bytes per output shard; also about the peak of memory of a merge, besides the largest tensor.
SHARD = 1 << 30

Step = Callable[[int, int], None]
_OTHER = "It was trained on another base. Name the right one with --base PATH."


class Pair(msgspec.Struct, frozen=True):
    """The two matrices of one target, as keys in the adapter file, and their factor."""

    a: str
    b: str
    scaling: float
    transposed: bool


class MergePlan(msgspec.Struct, frozen=True):
    """What to do with each weight of the base.

    pairs       weight name in the base -> LoRA pair
    replaced    weight name in the base -> key of the saved weight that takes its place first
    whole       why PEFT must do it on the whole model; empty when it goes piece by piece
    """

    pairs: dict[str, Pair]
    replaced: dict[str, str]
    whole: str = ""


def adapter_file(adapter: Path) -> Path:
    """The weights of a PEFT folder. PreflightError when there are none in safetensors."""
    file = adapter / "adapter_model.safetensors"
    if not file.is_file():
        raise PreflightError(f"{file} is missing.", "Train again: the adapter was not saved.")
    return file


def base_weights(base: Path) -> dict[str, Path]:
    """Weight name -> safetensors file that holds it. Empty when the base has none."""
    index = base / "model.safetensors.index.json"
    if index.is_file():
        named = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        return {name: base / file for name, file in named.items()}
    single = base / "model.safetensors"
    if not single.is_file():
        return {}
    from safetensors import safe_open

    with safe_open(single, "pt") as opened:
        return dict.fromkeys(opened.keys(), single)


def count_weights(folder: Path) -> int:
    """How many numbers the safetensors of a model's folder hold."""
    return sum(math.prod(shape) for shape in _shapes(base_weights(folder)).values())


def plan_merge(base: Path, adapter: Path) -> MergePlan:
    """Match the adapter with the base, by names and shapes.

    PreflightError when the adapter was trained on another base: a target does not exist there or
    has other dimensions.
    """
    config = adapter_config(adapter)
    shapes = _shapes({name: adapter_file(adapter) for name in _keys(adapter_file(adapter))})
    here = base_weights(base)
    whole = _why_whole(config, shapes, here)
    pairs: dict[str, Pair] = {}
    replaced: dict[str, str] = {}
    for key in shapes:
        module = key.removeprefix("base_model.model.")
        if module.endswith(".lora_A.weight"):
            name = module.removesuffix(".lora_A.weight")
            b = key.replace(".lora_A.", ".lora_B.")
            if b not in shapes:
                raise PreflightError(f"The adapter has no {b}.", "Train again.")
            factor = _scaling(config, name, shapes[key][0])
            transposed = bool(config.get("fan_in_fan_out"))
            pairs[f"{name}.weight"] = Pair(key, b, factor, transposed)
        elif "lora_" not in module:
            # PEFT saves an adapted output layer's own weight too: "lm_head.base_layer.weight".
            name = module.replace(".modules_to_save.default", "").replace(".base_layer.", ".")
            replaced[name] = key
    names = (*pairs, *replaced)
    if not whole and _tied(base) and not all(".layers." in name for name in names):
        whole = "the output layer is tied to the embeddings"
    if not whole:
        _fits(base, {n: here[n] for n in names if n in here}, shapes, pairs, replaced)
        absent = [name for name in names if name not in here]
        if absent and len(absent) == len(names):
            whole = "the checkpoint names its weights differently"
        elif absent:
            raise PreflightError(
                f"The adapter does not fit {base.name}: it changes {absent[0]}, which is not there"
                f" ({len(absent)} such weights).",
                _OTHER,
            )
    return MergePlan(pairs, replaced, whole)


def _keys(file: Path) -> list[str]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "pt") as opened:
            return list(opened.keys())
    except (OSError, SafetensorError) as damaged:
        raise PreflightError(f"{file} cannot be read: {damaged}", "Train again.") from damaged


def _shapes(where: dict[str, Path]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(file.get_slice(name).get_shape()) for name, file in _opened(where)}


def _why_whole(
    config: dict[str, Any], shapes: dict[str, tuple[int, ...]], here: dict[str, Path]
) -> str:
    if not here:
        return "the base has no safetensors"
    if config.get("peft_type", "LORA") != "LORA":
        return f"the adapter is of type {config.get('peft_type')}"
    if config.get("use_dora") or config.get("lora_bias") or config.get("bias", "none") != "none":
        return "the adapter uses DoRA or biases"
    if config.get("trainable_token_indices") or config.get("alora_invocation_tokens"):
        return "the adapter trains single tokens"
    for key, shape in shapes.items():
        plain = key.endswith((".lora_A.weight", ".lora_B.weight"))
        if "lora_" in key and not plain:
            return f"the adapter holds {key}"
        if plain and len(shape) != 2:
            return f"{key} is not a matrix"
    return ""


def _scaling(config: dict[str, Any], module: str, rank: int) -> float:
    alpha = config.get("lora_alpha", 8)
    if patterns := config.get("alpha_pattern"):
        with nothing_fetched():
            from peft.utils.other import get_pattern_key

        alpha = patterns.get(get_pattern_key(list(patterns), module), alpha)
    return float(alpha) / (math.sqrt(rank) if config.get("use_rslora") else rank)


def _tied(base: Path) -> bool:
    return bool(config_of(base).get("tie_word_embeddings", False))


def _fits(
    base: Path,
    where: dict[str, Path],
    given: dict[str, tuple[int, ...]],
    pairs: dict[str, Pair],
    replaced: dict[str, str],
) -> None:
    for name, shape in _shapes(where).items():
        if name in pairs:
            pair = pairs[name]
            wanted: tuple[int, ...] = (given[pair.b][0], given[pair.a][1])
            wanted = wanted[::-1] if pair.transposed else wanted
        else:
            wanted = given[replaced[name]][:2] if len(shape) == 2 else shape
        if shape != wanted:
            raise PreflightError(
                f"The adapter does not fit {base.name}: it expects {name} to be"
                f" {'x'.join(map(str, wanted))}, there it is {'x'.join(map(str, shape))}.",
                "It was trained on another base, or the vocabulary was changed.",
            )


def merge_pieces(base: Path, adapter: Path, plan: MergePlan, out: Path, step: Step) -> None:
    """Write merged weights into `out` as safetensors shards. `step(done, total)` by weights."""
    from safetensors import safe_open

    where = base_weights(base)
    shards = _Shards(out)
    with safe_open(adapter_file(adapter), "pt") as trained:
        for number, (name, file) in enumerate(_opened(where), start=1):
            tensor = file.get_tensor(name)
            if name in plan.replaced:
                tensor = trained.get_tensor(plan.replaced[name]).to(tensor.dtype)
            if name in plan.pairs:
                tensor = _merged(tensor, trained, plan.pairs[name], name)
            shards.add(name, tensor)
            step(number, len(where))
    shards.close()


def _opened(where: dict[str, Path]) -> Iterator[tuple[str, Any]]:
    """Each weight with the opened file that holds it, file by file."""
    from safetensors import safe_open

    for file in sorted(set(where.values())):
        with safe_open(file, "pt") as opened:
            for name in sorted(n for n, f in where.items() if f == file):
                yield name, opened


def _merged(weight: Any, trained: Any, pair: Pair, name: str) -> Any:
    import torch

    a = trained.get_tensor(pair.a).to(torch.float32)
    b = trained.get_tensor(pair.b).to(torch.float32)
    change = (b @ a) * pair.scaling
    total = weight.to(torch.float32) + (change.T if pair.transposed else change)
    if not bool(torch.isfinite(total).all()):
        raise ToolError(
            f"Merging {name} gives numbers that are not finite.",
            "The training diverged: train again with a smaller learning rate.",
        )
    return total.to(weight.dtype)


class _Shards:
    """Collects tensors and writes them in files of about SHARD bytes, with an index."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._held: dict[str, Any] = {}
        self._size = 0
        self._files: list[list[str]] = []
        self._total = 0

    def add(self, name: str, tensor: Any) -> None:
        size = tensor.numel() * tensor.element_size()
        if self._held and self._size + size > SHARD:
            self._flush()
        self._held[name] = tensor.contiguous()
        self._size += size
        self._total += size

    def _flush(self) -> None:
        from safetensors.torch import save_file

        number = len(self._files) + 1
        with disk_trouble():
            save_file(self._held, self._out / f"part-{number}.safetensors", {"format": "pt"})
        self._files.append(list(self._held))
        self._held, self._size = {}, 0

    def close(self) -> None:
        if self._held:
            self._flush()
        count = len(self._files)
        if count == 1:
            (self._out / "part-1.safetensors").rename(self._out / "model.safetensors")
            return
        names: dict[str, str] = {}
        for number, held in enumerate(self._files, start=1):
            file = f"model-{number:05d}-of-{count:05d}.safetensors"
            (self._out / f"part-{number}.safetensors").rename(self._out / file)
            names.update(dict.fromkeys(held, file))
        index = {"metadata": {"total_size": self._total}, "weight_map": dict(sorted(names.items()))}
        text = json.dumps(index, indent=2)
        (self._out / "model.safetensors.index.json").write_text(text, encoding="utf-8")


def merge_whole(base: Path, adapter: Path, out: Path) -> None:
    """Merge with PEFT on the whole model in memory. PreflightError when the two do not fit.

    Where one matrix is both embeddings and output layer, they are parted first: the adapter
    changed one of the two, and merging it would change both.
    """
    with nothing_fetched():
        model = model_class(base).from_pretrained(
            base, dtype="auto", low_cpu_mem_usage=True, local_files_only=True
        )
    if _tied(base):
        _untie(model)
    tuned = with_adapter(model, base, adapter)
    with disk_trouble():
        tuned.merge_and_unload(safe_merge=True).save_pretrained(out, max_shard_size=SHARD)


def with_adapter(model: Any, base: Path, adapter: Path) -> Any:
    """The model of `base` with an adapter on it. PreflightError when the two do not fit."""
    try:
        with nothing_fetched():
            from peft import PeftModel

            return PeftModel.from_pretrained(model, adapter)
    except (RuntimeError, ValueError, KeyError) as wrong:
        raise PreflightError(
            f"The adapter does not fit {base.name}: {str(wrong).splitlines()[0]}", _OTHER
        ) from wrong


@contextlib.contextmanager
def disk_trouble() -> Iterator[None]:
    """The errors of the safetensors library are no OSErrors; those of the disk become one."""
    from safetensors import SafetensorError

    try:
        yield
    except SafetensorError as error:
        _, mark, said = str(error).partition("I/O error: ")
        if not mark:
            raise
        raise OSError(said) from error


def _untie(model: Any) -> None:
    import torch

    output = model.get_output_embeddings()
    output.weight = torch.nn.Parameter(model.get_input_embeddings().weight.detach().clone())
    model.config.tie_word_embeddings = False
