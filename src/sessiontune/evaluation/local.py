"""Local arms in one process: base and adapters share the weights; others are loaded one by one."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from ..bits import fewer_bits, nothing_fetched
from ..errors import ToolError, UsageError
from .arms import Arm
from .heldout import Run

IGNORED = -100
#: Positions whose logits are taken to full precision at once: 0.3 GB of a vocabulary of 150,000.
PIECE = 512


class Loss(msgspec.Struct, frozen=True):
    """Summed negative log-likelihood (nats) of the tokens that bear loss, and their number."""

    nats: float
    tokens: int

    @property
    def mean(self) -> float:
        """Nats per token; 0 without tokens."""
        return self.nats / self.tokens if self.tokens else 0.0


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
        self._base: Any = None
        self._adapters: dict[str, str] = {}
        self._other: tuple[str, Any] = ("", None)

    def _load(self, folder: Path, **more: Any) -> Any:
        from safetensors import SafetensorError
        from transformers import AutoModelForCausalLM

        dtype = _dtype(self.torch, self.device)
        if self.device == "cuda":  # straight onto the card, not through the machine's memory
            more |= {"device_map": {"": 0}}
        try:
            with nothing_fetched(), warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # of libraries about each other
                model = AutoModelForCausalLM.from_pretrained(
                    folder, dtype=dtype, local_files_only=True, **more
                )
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise UsageError(f"{folder} cannot be loaded as a model: {error}") from error
        if self.device != "cuda":
            model = model.to(self.device)
        return model.eval()

    @contextmanager
    def model(self, arm: Arm) -> Iterator[Any]:
        """The model of a local arm, ready to be called. ToolError when memory runs out."""
        try:
            with self._ready(arm) as model:
                yield model
        except self.torch.OutOfMemoryError as error:
            raise ToolError(
                f"Out of memory on the GPU, with arm '{arm.name}'.",
                "Close what else uses the card, or hide it (CUDA_VISIBLE_DEVICES=) to evaluate on "
                "the CPU, slowly. What was scored is kept: the same command goes on from there.",
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
            if self.device == "cuda":  # as it was trained: a card that took it in 4 bits only
                method = str(self.run.record.get("method", ""))
                more = fewer_bits(method, _dtype(self.torch, self.device))
            self._base = self._load(self.run.base, **more)
        return self._base

    def _leave_other(self) -> None:
        """A small card does not hold two whole models."""
        self._other = ("", None)
        if self.device == "cuda":
            self.torch.cuda.empty_cache()

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
        """Raises UsageError where an arm's tokens mean other words than the base's do."""
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
                # padding stands on the right, where no earlier token can see it
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

    def answer(self, arm: Arm, ids: Sequence[int], stop: Sequence[int], most: int) -> list[int]:
        """Greedy continuation of `ids`: at most `most` tokens.

        The last token is the stop token where the model stopped by itself.
        """
        torch = self.torch
        with torch.inference_mode(), self.model(arm) as model:
            out = model.generate(
                input_ids=torch.tensor([list(ids)], device=self.device),
                attention_mask=torch.ones((1, len(ids)), device=self.device, dtype=torch.long),
                max_new_tokens=most,
                do_sample=False,
                temperature=None,
                top_p=None,
                top_k=None,
                eos_token_id=list(stop) or None,
                pad_token_id=stop[0] if stop else 0,
            )
        return [int(i) for i in out[0, len(ids) :]]


def _dtype(torch: Any, device: str) -> Any:
    """16 bits on an NVIDIA card, bf16 where it has it; full precision elsewhere."""
    if device != "cuda":
        return torch.float32
    return torch.bfloat16 if torch.cuda.get_device_capability()[0] >= 8 else torch.float16


def _device(torch: Any) -> str:
    if torch.cuda.is_available():
        return "cuda"
    mps = getattr(torch.backends, "mps", None)
    return "mps" if mps is not None and mps.is_available() else "cpu"
