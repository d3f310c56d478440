"""Base and tuned model in one process: the adapter is switched off for the base."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from ..errors import ToolError
from .heldout import HeldExample

IGNORED = -100


class Loss(msgspec.Struct, frozen=True):
    """Summed negative log-likelihood (nats) of the tokens that bear loss, and their number."""

    nats: float
    tokens: int

    @property
    def mean(self) -> float:
        return self.nats / self.tokens if self.tokens else 0.0


class LocalPair:
    """A base model with a LoRA adapter on CPU, CUDA or MPS. Raises ToolError without the extra."""

    def __init__(self, base: Path, adapter: Path, device: str = "") -> None:
        try:
            import torch
            from peft import PeftModel
            from transformers import AutoModelForCausalLM, AutoTokenizer
        except ImportError as error:
            raise ToolError(
                f"Evaluating a local model needs the extra 'train' ({error.name} is missing).",
                "pip install 'sessiontune[train]'",
            ) from error
        self.torch = torch
        self.device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        dtype = torch.bfloat16 if self.device == "cuda" else torch.float32
        model = AutoModelForCausalLM.from_pretrained(base, dtype=dtype, local_files_only=True)
        self.model = PeftModel.from_pretrained(model, adapter).to(self.device).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=True)

    @contextmanager
    def arm(self, name: str) -> Iterator[Any]:
        """The model as `base` or `tuned`."""
        if name == "base":
            with self.model.disable_adapter():
                yield self.model
        else:
            yield self.model

    def losses(
        self,
        name: str,
        examples: Sequence[HeldExample],
        progress: Callable[[int, int, str], None],
    ) -> list[Loss]:
        """One `Loss` for each example."""
        torch = self.torch
        found = []
        with torch.inference_mode(), self.arm(name) as model:
            for done, example in enumerate(examples):
                ids = torch.tensor([example.ids], device=self.device)
                labels = torch.tensor(example.labels[1:], device=self.device)
                logits = model(input_ids=ids).logits[0, :-1].float()
                keep = labels != IGNORED
                nats = torch.nn.functional.cross_entropy(
                    logits[keep], labels[keep], reduction="sum"
                )
                found.append(Loss(float(nats), int(keep.sum())))
                progress(done + 1, len(examples), f"loss, {name}")
        return found

    def answer(self, name: str, ids: Sequence[int], stop: Sequence[int], most: int) -> list[int]:
        """Greedy continuation of `ids`: at most `most` tokens, ending before a stop token.

        The last token is the stop token where the model stopped by itself.
        """
        torch = self.torch
        with torch.inference_mode(), self.arm(name) as model:
            out = model.generate(
                input_ids=torch.tensor([list(ids)], device=self.device),
                attention_mask=torch.ones((1, len(ids)), device=self.device, dtype=torch.long),
                max_new_tokens=most,
                do_sample=False,
                eos_token_id=list(stop) or None,
                pad_token_id=stop[0] if stop else 0,
            )
        return [int(i) for i in out[0, len(ids) :]]
