"""Local arms in one process: base and adapters share the weights; others are loaded one by one."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from ..bits import (
    fewer_bits,
    model_class,
    nothing_fetched,
    out_of_memory,
    without_habits,
)
from ..errors import ToolError, UsageError
from ..templating import IGNORED
from .arms import Arm
from .heldout import Run

#: Positions whose logits are taken to full precision at once: 0.3 GB of a vocabulary of 150,000.
PIECE = 512
#: Prompts answered together, and the tokens that they and their answers may have, with padding: a
#: step reads all weights once for any number of answers. A CPU gets fewer, since its memory is the
#: machine's; on a GPU that is too small fewer are tried automatically.
ROWS = 16
ROOM = {"cuda": 32_768, "mps": 16_384, "cpu": 8_192}
#: What to do when one answer alone, or the model, is too much.
ADVICE = {
    "cuda": "Close what else uses the GPU, or hide it (CUDA_VISIBLE_DEVICES=) to evaluate on the "
    "CPU, slowly.",
    "mps": "Close other programs: the GPU shares the machine's memory.",
    "cpu": "Close other programs.",
}
KEPT = "What was scored is kept: the same command goes on from there."


class Loss(msgspec.Struct, frozen=True):
    """Summed negative log-likelihood (nats) of the tokens that bear loss, and their number."""

    nats: float
    tokens: int

    @property
    def mean(self) -> float:
        """Nats per token; 0 without tokens."""
        return self.nats / self.tokens if self.tokens else 0.0


class Prompt(msgspec.Struct, frozen=True):
    """A prompt in tokens, and the tokens that its answer may have."""

    ids: list[int]
    most: int


class Lab:
    """The models of one evaluation on CPU, CUDA or MPS. Raises ToolError without the extra."""

    def __init__(self, run: Run, device: str = "") -> None:
        try:
            import torch
            from transformers import AutoTokenizer
            from transformers.utils import logging
        except ImportError as error:
            raise ToolError(
                f"Evaluating a local model needs the extra 'train' ({error.name} is missing).",
                "pip install 'sessiontune[train]'",
            ) from error
        logging.disable_progress_bar()
        logging.set_verbosity_error()
        self.torch = torch
        self.run = run
        self.device = device or _device(torch)
        self.tokenizer = AutoTokenizer.from_pretrained(run.base, local_files_only=True)
        self.rows, self.room = ROWS, ROOM[self.device]
        self._base: Any = None
        self._adapters: dict[str, str] = {}
        self._other: tuple[str, Any] = ("", None)

    def _load(self, folder: Path, **more: Any) -> Any:
        from safetensors import SafetensorError
        from transformers import AutoModelForCausalLM

        dtype = self._dtype()
        if self.device == "cuda":  # straight onto the card, not through the machine's memory
            more |= {"device_map": {"": 0}}
        try:
            with nothing_fetched(), warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # of libraries about each other
                kind = AutoModelForCausalLM if "gguf_file" in more else model_class(folder)
                model = kind.from_pretrained(folder, dtype=dtype, local_files_only=True, **more)
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise UsageError(f"{folder} cannot be loaded as a model: {error}") from error
        if self.device != "cuda":
            model = model.to(self.device)
        return without_habits(model.eval())

    def _dtype(self) -> Any:
        """16 bits on an NVIDIA GPU, bf16 if it has it; elsewhere full precision, except for what
        Apple's GPU could only train in bf16."""
        torch = self.torch
        if self.device == "cuda":
            return torch.bfloat16 if torch.cuda.get_device_capability()[0] >= 8 else torch.float16
        trained = (self.run.record.get("settings") or {}).get("precision")
        half = self.device == "mps" and trained == "bf16"
        return torch.bfloat16 if half else torch.float32

    @contextmanager
    def model(self, arm: Arm) -> Iterator[Any]:
        """The model of a local arm, ready to be called. ToolError when memory runs out."""
        try:
            with self._ready(arm) as model:
                yield model
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
            where = "" if self.device == "cpu" else " on the GPU"
            raise ToolError(
                f"Out of memory{where}, with arm '{arm.name}'.", f"{ADVICE[self.device]} {KEPT}"
            ) from error

    @contextmanager
    def _ready(self, arm: Arm) -> Iterator[Any]:
        if arm.kind in ("folder", "gguf"):
            yield self._separate(arm)
            return
        base = self._shared()
        if arm.kind == "adapter":
            name = self._adapter(arm)
            self._base.set_adapter(name)
            yield self._base
        elif self._adapters:
            with base.disable_adapter():
                yield base
        else:
            yield base

    def _shared(self) -> Any:
        """The base, loaded once; adapters are put on it as they are asked for."""
        if self._base is None:
            self._leave_other()
            more = {}
            if self.device == "cuda":  # as it was trained: the GPU may hold it only in 4 bits
                method = str(self.run.record.get("method", ""))
                more = fewer_bits(method, self._dtype())
            self._base = self._load(self.run.base, **more)
        return self._base

    def _leave_other(self) -> None:
        """Free another whole model: a small GPU does not hold two."""
        self._other = ("", None)
        self._give_back()

    def _give_back(self) -> None:
        """Free what the allocator keeps of unused memory."""
        if self.device != "cpu":
            getattr(self.torch, self.device).empty_cache()

    def _adapter(self, arm: Arm) -> str:
        """The name under which an arm's adapter is loaded."""
        if arm.path in self._adapters:
            return self._adapters[arm.path]
        with nothing_fetched():
            from peft import PeftModel
            from safetensors import SafetensorError

        name = f"arm{len(self._adapters)}"
        try:
            with nothing_fetched(), warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)
                if self._adapters:
                    self._base.load_adapter(arm.path, adapter_name=name)
                else:
                    self._base = PeftModel.from_pretrained(self._base, arm.path, adapter_name=name)
        except SafetensorError as error:
            raise UsageError(
                f"The adapter in {arm.path} cannot be read: {error}", "Train again."
            ) from error
        except (OSError, ValueError, RuntimeError) as error:
            if out_of_memory(error):
                raise
            raise UsageError(
                f"The adapter of arm '{arm.name}' does not fit the base: {error}"
            ) from error
        if self.device != "cuda":
            self._base.to(self.device)
        self._base.eval()
        self._adapters[arm.path] = name
        return name

    def _separate(self, arm: Arm) -> Any:
        if self._other[0] != arm.path:
            if self.device == "cuda":
                self._base, self._adapters = None, {}
            self._leave_other()
            path = Path(arm.path)
            more = {"gguf_file": path.name} if arm.kind == "gguf" else {}
            folder = path.parent if arm.kind == "gguf" else path
            model = self._load(folder, **more)
            self._same_tokens(arm, folder, model)
            self._other = (arm.path, model)
        return self._other[1]

    def _same_tokens(self, arm: Arm, folder: Path, model: Any) -> None:
        """Raise UsageError if an arm's tokens mean other words than the base's."""
        from transformers import AutoTokenizer

        rows = model.get_input_embeddings().num_embeddings
        other = rows < len(self.tokenizer)
        if arm.kind == "folder" and (folder / "tokenizer.json").is_file():
            there = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            other = other or there.get_vocab() != self.tokenizer.get_vocab()
        if other:
            raise UsageError(
                f"Arm '{arm.name}' has another tokenizer than the base: its loss would mean "
                "nothing.",
                "Serve it and name its URL: answers are compared as text.",
            )

    def loss(self, arm: Arm, ids: Sequence[int], labels: Sequence[int]) -> Loss:
        """Loss of the tokens of `ids` whose label is not -100, each given all before it."""
        torch = self.torch
        keep = [i for i, label in enumerate(labels[1:]) if label != IGNORED]
        if not keep:
            return Loss(0.0, 0)
        with torch.inference_mode(), self.model(arm) as model:
            given = torch.tensor([list(ids)], device=self.device)
            at = torch.tensor(keep, device=self.device)
            # only the positions that bear loss: a whole row of a large vocabulary is gigabytes
            logits = model(input_ids=given, logits_to_keep=at).logits[0]
            if logits.shape[0] != len(keep):  # a model that does not know the argument
                logits = logits[at]
            wanted = torch.tensor([labels[i + 1] for i in keep], device=self.device)
            nats = 0.0
            for rows, right in zip(logits.split(PIECE), wanted.split(PIECE), strict=True):
                part = torch.nn.functional.cross_entropy(rows.float(), right, reduction="sum")
                nats += float(part)
        return Loss(nats, len(keep))

    def continuations(
        self, arm: Arm, head: Sequence[int], bodies: Sequence[Sequence[int]]
    ) -> list[float]:
        """Summed loss in nats of each continuation of one head, 32 at a time."""
        torch, batch = self.torch, 32
        found: list[float] = []
        with torch.inference_mode(), self.model(arm) as model:
            for start in range(0, len(bodies), batch):
                part = bodies[start : start + batch]
                most = max(map(len, part))
                # padding on the right, where no earlier token can see it
                rows = [[*head, *body, *[0] * (most - len(body))] for body in part]
                ids = torch.tensor(rows, device=self.device)
                at = torch.arange(len(head) - 1, len(head) + most - 1, device=self.device)
                logits = model(input_ids=ids, logits_to_keep=at).logits
                if logits.shape[1] != most:
                    logits = logits[:, at]
                said = logits.float().log_softmax(-1)
                taken = said.gather(-1, ids[:, len(head) :, None])[..., 0]
                found += [float(-taken[n, : len(body)].sum()) for n, body in enumerate(part)]
        return found

    def answers(self, arm: Arm, prompts: Sequence[Prompt], stop: Sequence[int]) -> list[list[int]]:
        """Greedy continuations of prompts, written together; each at most its own `most` tokens.

        The last token is the stop token if the model stopped by itself. What is too much for the
        GPU at once is written in halves.
        """
        if len(prompts) > 1 and not self._too_many(prompts):
            try:
                with self.torch.inference_mode(), self._ready(arm) as model:
                    return self._written(model, prompts, stop)
            except RuntimeError as error:
                if not out_of_memory(error):
                    raise
                self.room = max(_padded(prompts) // 2, 1)
            self._give_back()
        if len(prompts) > 1:
            half = len(prompts) // 2
            return [
                *self.answers(arm, prompts[:half], stop),
                *self.answers(arm, prompts[half:], stop),
            ]
        with self.torch.inference_mode(), self.model(arm) as model:
            return self._written(model, prompts, stop)

    def _too_many(self, prompts: Sequence[Prompt]) -> bool:
        return len(prompts) > self.rows or _padded(prompts) > self.room

    def _written(
        self, model: Any, prompts: Sequence[Prompt], stop: Sequence[int]
    ) -> list[list[int]]:
        if len(prompts) > 1 and getattr(model, "_is_stateful", False):
            # a recurrent state takes in padding as if it were text
            return [out for one in prompts for out in self._written(model, [one], stop)]
        torch = self.torch
        ends = list(stop) or _ends(model)
        longest = max(len(one.ids) for one in prompts)
        # padding on the left, so that every answer begins where the prompts end
        gaps = [longest - len(one.ids) for one in prompts]
        ids = [[*[0] * gap, *one.ids] for gap, one in zip(gaps, prompts, strict=True)]
        seen = [[0] * gap + [1] * len(one.ids) for gap, one in zip(gaps, prompts, strict=True)]
        out = model.generate(
            input_ids=torch.tensor(ids, device=self.device),
            attention_mask=torch.tensor(seen, device=self.device),
            max_new_tokens=max(one.most for one in prompts),
            do_sample=False,
            eos_token_id=ends or None,
            pad_token_id=ends[0] if ends else 0,
        )
        rows = out[:, longest:].tolist()
        return [_until(row[: one.most], ends) for row, one in zip(rows, prompts, strict=True)]


def _padded(prompts: Sequence[Prompt]) -> int:
    """Tokens that a batch takes, with answers and padding."""
    return len(prompts) * (max(len(p.ids) for p in prompts) + max(p.most for p in prompts))


def _ends(model: Any) -> list[int]:
    """The tokens that end an answer, by the model's own settings."""
    known = model.generation_config.eos_token_id
    return list(known) if isinstance(known, list) else [] if known is None else [known]


def _until(tokens: list[int], ends: Sequence[int]) -> list[int]:
    """Tokens up to and including the first that ends an answer."""
    at = next((n for n, token in enumerate(tokens) if token in ends), len(tokens))
    return tokens[: at + 1]


def _device(torch: Any) -> str:
    if torch.cuda.is_available():
        return "cuda"
    mps = getattr(torch.backends, "mps", None)
    return "mps" if mps is not None and mps.is_available() else "cpu"
