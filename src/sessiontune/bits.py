"""How a model is loaded, the same for training, evaluation and shipping: in 4 or 8 bits, from this
machine only, and decoded without a base's own settings."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def fewer_bits(method: str, compute: Any, storage: Any = None) -> dict[str, Any]:
    """Options of `from_pretrained` for `method`; none if the weights stay as they are.

    `compute` is the type for computing; `storage` that of the packed weights, for when all that is
    split over GPUs must have one type.
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


#: Words for a lack of memory in errors that are not torch's own: of the CUDA runtime and its
#: libraries before torch's allocator is asked, of Metal, and of the system.
NO_MEMORY = ("out of memory", "alloc_failed", "allocate memory")


def out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, of a device or of the machine."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or any(words in said for words in NO_MEMORY)


def model_class(folder: str | Path) -> Any:
    """The class that loads a base: for language models, or, if transformers knows its kind only as
    one that reads images too (Mistral Small, Devstral, Ministral), for those."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    kind = AutoConfig.from_pretrained(folder, local_files_only=True).model_type
    alone = kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    return AutoModelForCausalLM if alone else AutoModelForImageTextToText


def without_habits(model: Any) -> Any:
    """The model, set to be decoded greedily by its probabilities alone.

    `generate` takes what it is not told from the base's generation_config.json, such as Qwen 2.5's
    repetition penalty. That is not part of the training, a GGUF file does not carry it, and servers
    do not apply it. The tokens that end an answer stay.
    """
    from transformers import GenerationConfig

    ends = model.generation_config.eos_token_id
    model.generation_config = GenerationConfig(eos_token_id=ends, use_cache=True)
    return model


@contextlib.contextmanager
def nothing_fetched() -> Iterator[None]:
    """What is loaded and imported within this block comes from this machine.

    `local_files_only` is not enough: PEFT imports bitsandbytes, which on a processor with
    AVX512-BF16 asks the hub for code if the package `kernels` is installed, and warns if it is not.
    The worker processes have HF_HUB_OFFLINE; here the hub's client is already loaded.
    """
    from huggingface_hub import constants

    logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        with warnings.catch_warnings():
            # Ranks of experts. They are used; PEFT warns since it looks only among modules.
            warnings.filterwarnings("ignore", r"The following (rank|alpha)_pattern keys")
            yield
    finally:
        constants.HF_HUB_OFFLINE = before
