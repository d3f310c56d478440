"""A base in 4 or 8 bits, loaded alike where it is trained and where it is evaluated."""

from __future__ import annotations

from typing import Any


def fewer_bits(method: str, compute: Any, storage: Any = None) -> dict[str, Any]:
    """Options of `from_pretrained` for `method`; none where the weights stay as they are.

    `compute` is the type that is computed in; `storage` the one that packed weights are kept in,
    where what is split over GPUs must have one type.
    """
    if method not in ("qlora", "lora8"):
        return {}
    from transformers import BitsAndBytesConfig

    if method == "lora8":
        return {"quantization_config": BitsAndBytesConfig(load_in_8bit=True)}
    packed = {} if storage is None else {"bnb_4bit_quant_storage": storage}
    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=compute,
        **packed,
    )
    return {"quantization_config": config}
