"""How much memory a method needs: published figures, interpolated, said to be estimates.

Sources: Unsloth's documentation (minimum VRAM of QLoRA and LoRA by model size) and
LLaMA-Factory's README (bytes per parameter by method). The larger of the two is taken, and the
activations of long examples are added.
"""

from __future__ import annotations

from bisect import bisect_left

#: billions of parameters -> GB for (qlora, lora).
UNSLOTH: tuple[tuple[float, float, float], ...] = (
    (0.0, 0.5, 0.5),
    (3, 3.5, 8),
    (7, 5, 19),
    (8, 6, 22),
    (9, 6.5, 24),
    (14, 8.5, 33),
    (27, 22, 64),
    (32, 26, 76),
    (70, 41, 164),
)
#: GB per billion parameters.
LLAMA_FACTORY = {"full": 18.0, "bf16": 8.0, "lora": 2.0, "lora8": 1.0, "qlora": 0.5}
#: The tables were measured with examples of about this length, one at a time.
TABLE_LENGTH = 2048


def from_table(billions: float, method: str) -> float:
    """GB by the Unsloth table, on straight lines between its rows; beyond it, in proportion."""
    column = 1 if method == "qlora" else 2
    sizes = [row[0] for row in UNSLOTH]
    if billions >= sizes[-1]:
        return UNSLOTH[-1][column] * billions / sizes[-1]
    right = max(1, bisect_left(sizes, billions))
    low, high = UNSLOTH[right - 1], UNSLOTH[right]
    share = (billions - low[0]) / (high[0] - low[0])
    return low[column] + share * (high[column] - low[column])


def estimate(
    billions: float,
    method: str,
    length: int,
    batch: int,
    layers: int = 0,
    hidden: int = 0,
    *,
    width: int = 2,
    logits: bool = False,
) -> float:
    """GB of device memory for one training step: an estimate, not a promise.

    `width` is bytes per frozen weight: 2 as in the tables, 4 on the CPU, which trains in full
    precision. Activations beyond the tables' length: with gradient checkpointing one hidden state
    per layer and token, plus about 20 for the layer being recomputed. `logits`: the trainer holds
    all of them at once, 8 bytes per token and vocabulary entry (taken as 128k entries); TRL
    and Unsloth work through them in pieces.
    """
    per_parameter = LLAMA_FACTORY[method] * billions
    if method in ("lora", "qlora"):
        base = max(per_parameter, from_table(billions, method))
    elif method == "lora8":
        base = max(
            per_parameter, (from_table(billions, "lora") + from_table(billions, "qlora")) / 2
        )
    else:
        base = per_parameter
    if method == "lora":
        base += (width - 2) * billions
    layers = layers or round(16 + 0.9 * billions)
    hidden = hidden or round(1400 * billions**0.5) or 256
    extra = max(0, length * batch - TABLE_LENGTH)
    token = (layers + 20) * hidden * width
    if logits:
        token += int(8 * 128_000 * min(1, billions))
    return round(base + extra * token / 1e9, 2)


def largest(gigabytes: float, method: str, length: int = 4096, width: int = 2) -> float:
    """Billions of parameters that fit, to the nearest tenth below."""
    size = 0.0
    while estimate(size + 0.1, method, length, 1, width=width) <= gigabytes and size < 500:
        size = round(size + 0.1, 1)
    return size
