"""How a model is loaded, alike where it is trained, evaluated and shipped: in 4 or 8 bits, from
this machine alone, and decoded without a base's own settings."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
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


#: What libraries say for want of memory besides raising torch's own error for it: the CUDA runtime
#: and its parts before torch's allocator is asked, Metal, and the system.
NO_MEMORY = ("out of memory", "alloc_failed", "allocate memory")


def out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, of a device or of the machine."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or any(words in said for words in NO_MEMORY)


def model_class(folder: str | Path) -> Any:
    """What loads a base: as a language model, or, where its kind is only known with the images that
    it can read too (Mistral Small, Devstral, Ministral), as that."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    kind = AutoConfig.from_pretrained(folder, local_files_only=True).model_type
    alone = kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    return AutoModelForCausalLM if alone else AutoModelForImageTextToText


def without_habits(model: Any) -> Any:
    """The model, to be decoded greedily by its probabilities alone.

    `generate` fills what it is not told from the base's generation_config.json, such as Qwen 2.5's
    repetition penalty. That was no part of the training, a GGUF file does not carry it, and servers
    do not apply it. The tokens that end an answer stay.
    """
    from transformers import GenerationConfig

    ends = model.generation_config.eos_token_id
    model.generation_config = GenerationConfig(eos_token_id=ends, use_cache=True)
    return model


@contextlib.contextmanager
def nothing_fetched() -> Iterator[None]:
    """What is loaded and imported within comes from this machine.

    `local_files_only` is not enough: PEFT imports bitsandbytes, which on a processor with
    AVX512-BF16 asks the hub for code where the package `kernels` is installed, and warns where it
    is not. The worker processes have HF_HUB_OFFLINE; here the hub's client is loaded already.
    """
    from huggingface_hub import constants

    logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        with warnings.catch_warnings():
            # Ranks of experts. They are used: PEFT looks for them among modules alone.
            warnings.filterwarnings("ignore", r"The following (rank|alpha)_pattern keys")
            yield
    finally:
        constants.HF_HUB_OFFLINE = before
