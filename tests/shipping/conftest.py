"""Tiny finished runs: a base made on the spot, a LoRA adapter, the folder that `train` leaves."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sessiontune.errors import SessiontuneError
from sessiontune.shipping.run import Run, read_run
from sessiontune.training.bases import describe

TEXTS = [Path(__file__).read_text(encoding="utf-8"), "Hello there. Say hello in one sentence."]
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def make_adapter(base: Path, folder: Path, *, seed: int = 0, scale: float = 0.3) -> None:
    """An adapter with random weights that change the model's answers."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_pretrained(base)
    tuned = get_peft_model(model, LoraConfig(r=8, lora_alpha=16, target_modules=TARGETS))
    for name, weight in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=scale / 8)
    tuned.save_pretrained(folder)


def make_run(base: Path, folder: Path, **more: object) -> Path:
    """A RUN folder as `sessiontune train` writes it."""
    from transformers import AutoTokenizer

    make_adapter(base, folder / "adapter")
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.save_pretrained(folder / "tokenizer")
    (folder / "template.jinja").write_text(str(tokenizer.chat_template), encoding="utf-8")
    note = {
        "version": 1,
        "name": f"Tiny {base.name}",
        "status": "done",
        "base": {
            "id": f"example/{base.name}",
            "path": str(base),
            "revision": "",
            "sha256": describe(base, base.name).sha256,
        },
        "data": {"dir": "data", "digest": "d1g357", "train_rows": 1, "eval_rows": 1},
        "adapter": "adapter",
        "template": "template.jinja",
        "adds_bos": False,
        "stop": ["<|im_end|>"],
        "max_length": 2048,
        **more,
    }
    (folder / "run.json").write_text(json.dumps(note), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`bases("llama")`: a tiny base of that kind, made once."""
    pytest.importorskip("torch")
    from sessiontune.training.tiny import make_tiny

    made: dict[str, Path] = {}

    def base(kind: str) -> Path:
        if kind not in made:
            folder = tmp_path_factory.mktemp("bases") / f"tiny-{kind}"
            made[kind] = make_tiny(folder, TEXTS, kind=kind)  # type: ignore[arg-type]
        return made[kind]

    return base


@pytest.fixture(scope="session")
def runs(
    bases: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Run]:
    """`runs("qwen2")`: a finished run on the tiny base of that kind. Shared: do not change it."""
    made: dict[str, Run] = {}

    def run(kind: str) -> Run:
        if kind not in made:
            folder = tmp_path_factory.mktemp("runs") / f"run-{kind}"
            made[kind] = read_run(make_run(bases(kind), folder))
        return made[kind]

    return run


@pytest.fixture(scope="session")
def converter() -> None:
    """The real converter, fetched once into the user's cache; the tests are skipped offline."""
    from sessiontune.runtime.shop import fetch_converter

    try:
        fetch_converter(os.environ, Path.home(), lambda line: None)
    except SessiontuneError as error:
        pytest.skip(f"no converter: {error.message}")


@pytest.fixture(scope="session")
def engine() -> None:
    """A program that serves GGUF files."""
    from sessiontune.shipping.engine import engines

    if not engines():
        pytest.skip("nothing here serves a GGUF")
