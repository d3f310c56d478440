"""How much memory a training step needs, from the model's sizes.

The parts: weights; the adapter with its gradients and optimizer states; for each token the hidden
state of every layer, and the activations of the one layer that is being recomputed (gradient
checkpointing); and CUDA's own. The numbers below were fitted to the peaks that `benchmarks/gpu.py
grid` measured (tests/training/measured.jsonl), and lie a little above them.
"""

from __future__ import annotations

import msgspec

#: GB that a process takes on the GPU before the first tensor, and that the loss's pieces take.
OWN = 0.6
#: Bytes per frozen parameter, including the scales of quantised ones.
WEIGHT = {"lora": 2.0, "lora8": 1.05, "qlora": 0.525}
#: Bytes per parameter of a full run: weights, gradients and two states in 32 bits, and copies.
FULL = 18.6
#: Bytes per trained parameter of an adapter. On a base in fewer bits TRL keeps it in 16.
ADAPTER = {"lora": 18.0, "lora8": 9.0, "qlora": 9.0}
#: Bytes per token in the layer at work: for each column of its hidden state, and of its inner one.
LAYER = {"full": (54, 17.0), "lora": (54, 17.0), "lora8": (54, 12.0), "qlora": (53, 9.5)}
#: Bytes per head and pair of tokens, in 16 bits, for families whose attention transformers computes
#: step by step (no sdpa): the peaks of one layer's forward and backward pass, and a little more.
EAGER = {"gemma2": 16.5, "gpt_oss": 11.5}
#: Factor for memory that the allocator holds but cannot use.
SLACK = 1.04


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """The sizes of a model that memory depends on.

    billions   parameters / 1e9; `ends` of them in embeddings and head, which no method quantises
    layers, hidden, inner   inner: columns between the two halves of a feed-forward block
    rows       of the embedding
    square     bytes for each pair of tokens, if attention holds a number for each
    """

    billions: float
    ends: float
    layers: int
    hidden: int
    inner: int
    rows: int
    edges_of_experts: float = 0.0
    square: float = 0.0

    @property
    def edges(self) -> float:
        """Parameters of an adapter of rank 1 on all linear layers: rows and columns, summed."""
        inside = self.layers * (9.5 * self.hidden + 3 * self.inner)
        return inside + self.edges_of_experts


def typical(billions: float) -> Shape:
    """The shape of a model of which only the size is known."""
    hidden = max(64, round(1350 * billions**0.45))
    rows = 151_936
    ends = rows * hidden * (2 if billions >= 6 else 1) / 1e9
    return Shape(
        billions=billions,
        ends=min(ends, billions / 2),
        layers=round(22 + 5 * billions**0.6),
        hidden=hidden,
        inner=4 * hidden,
        rows=rows,
    )


def estimate(
    shape: Shape,
    method: str,
    length: int,
    batch: int = 1,
    *,
    rank: int = 16,
    width: int = 2,
    wide: bool = False,
    logits: bool = False,
) -> float:
    """GB of device memory for one training step: an estimate, not a promise.

    `width` is bytes per frozen weight: 2, or 4 on the CPU, which trains in full precision. `wide`:
    the adapter stays in full precision whatever the base (fp16 needs that). `logits`: the trainer
    holds all of them at once, 8 bytes per token and vocabulary entry; TRL and Unsloth work through
    them in pieces.
    """
    inside = shape.billions - shape.ends
    if method == "full":
        kept = FULL * shape.billions
    else:
        each = WEIGHT[method] if method != "lora" else float(width)
        adapter = ADAPTER["lora" if wide else method] * rank * shape.edges / 1e9
        kept = each * inside + width * shape.ends + adapter
    hidden, inner = LAYER[method]
    token = 2.0 * shape.layers * shape.hidden + hidden * shape.hidden + inner * shape.inner
    token *= width / 2
    if logits:
        token += 8.0 * shape.rows
    # some numbers for pairs have 32 bits in any case
    token += length * shape.square * (width + 2) / 4
    return round(OWN + (kept + length * batch * token / 1e9) * SLACK, 2)


def largest(gigabytes: float, method: str, length: int = 4096, width: int = 2) -> float:
    """Billions of parameters that fit, to the nearest tenth below."""
    size = 0.0
    while size < 500:
        more = round(size + 0.1, 1)
        if estimate(typical(more), method, length, width=width) > gigabytes:
            break
        size = more
    return size
