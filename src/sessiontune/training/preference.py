"""KTO and DPO in the worker: preference rows as text by our own template, for TRL's trainers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

#: How much more wanted answers may weigh than unwanted ones (KTO, equation 8).
EVEN = (1.0, 4 / 3)


def weights(wanted: int, unwanted: int) -> tuple[float, float]:
    """The weight of an answer of each side in KTO: more for the rarer side if shares are uneven, or
    the other would drown it; 1 if a side is empty."""
    if not wanted or not unwanted or EVEN[0] <= wanted / unwanted <= EVEN[1]:
        return 1.0, 1.0
    if wanted < unwanted:
        return unwanted / wanted, 1.0
    # wanted answers weigh the most that the rule allows, so the others are raised the least
    return 1.0, wanted / unwanted / EVEN[1]


def preference_trainer(
    orders: dict[str, Any], load: Callable[[dict[str, Any]], Any], tokenizer: Any, adapter: Any
) -> Any:
    """TRL's trainer for `task` kto or dpo; `load` gives the model. The rows hold `prompt` and
    completions as text that was rendered already, so nothing is added to it (no second BOS)."""
    from datasets import Dataset

    def read(name: str) -> Any:
        lines = Path(name).read_bytes().splitlines()
        return Dataset.from_list([orjson.loads(line) for line in lines])

    # TRL ends every answer with the tokenizer's end token: it must be the template's.
    tokenizer.eos_token = orders["stop"]
    train = read(orders["train"])
    held = read(orders["eval"]) if orders["eval"] else None
    common: dict[str, Any] = {
        "output_dir": "checkpoints",
        "max_length": orders["length"],
        "beta": orders["beta"],
        **orders["arguments"],
    }
    if orders["task"] == "dpo":
        from trl import DPOConfig, DPOTrainer

        make, arguments = DPOTrainer, DPOConfig(**common)
    else:
        from trl import KTOConfig, KTOTrainer

        wanted = sum(train["label"])
        good, bad = weights(wanted, len(train) - wanted)
        common |= {"desirable_weight": good, "undesirable_weight": bad}
        make, arguments = KTOTrainer, KTOConfig(**common)
    return make(
        model=load(orders),
        args=arguments,
        train_dataset=train,
        eval_dataset=held,
        processing_class=tokenizer,
        peft_config=adapter,
    )
