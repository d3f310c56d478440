"""Tiny finished runs: a base made on the spot, a LoRA adapter, the folder that `train` leaves."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sessiontune.errors import SessiontuneError
from sessiontune.shipping.run import Run, read_run
from sessiontune.training.bases import describe
from warm import warm_workers

#: Text for the bases' tokenizers; it stays the same, so that the bases do.
WORDS = Path(__file__).with_name("words.txt").read_text(encoding="utf-8")
TEXTS = [WORDS, "Hello there. Say hello in one sentence."]
GREETING = {"role": "user", "content": "Say hello in one short sentence."}
QUESTION = {"role": "user", "content": "What is in src/main.py?"}
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def make_adapter(base: Path, folder: Path, *, seed: int = 0) -> None:
    """An adapter with random weights: it changes the model's answers but has learned nothing."""
    import torch

    tuned = _with_lora(base, seed, TARGETS)
    for name, weight in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.04)
    tuned.save_pretrained(folder)


def teach_adapter(base: Path, folder: Path) -> None:
    """An adapter that has learned two answers by heart: a greeting and a tool call, with stops."""
    import torch

    from sessiontune.shipping.reference import CALL, TOOL
    from sessiontune.templating import Template

    template = Template.load(base)
    rows = [
        {"messages": [GREETING, {"role": "assistant", "content": "Hello there!"}]},
        {"messages": [QUESTION, {"role": "assistant", "tool_calls": [CALL]}], "tools": [TOOL]},
    ]
    examples = [template.encode(row)[0] for row in rows]
    # Also the output layer: the random one is too flat for any word to be likely.
    tuned = _with_lora(base, 0, [*TARGETS, "lm_head"]).train()
    torch.set_num_threads(1)  # two million weights: more threads only wait for each other
    learned = [p for p in tuned.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=3e-3)
    for _ in range(400):
        total = 0.0
        for example in examples:
            loss = tuned(
                input_ids=torch.tensor([example.ids]), labels=torch.tensor([example.labels])
            ).loss
            loss.backward()
            total += float(loss.detach())
        optimizer.step()
        optimizer.zero_grad()
        if total < 0.05:
            break
    assert total < 0.05, total
    tuned.save_pretrained(folder)


def _with_lora(base: Path, seed: int, targets: list[str]) -> Any:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_pretrained(base)
    return get_peft_model(model, LoraConfig(r=16, lora_alpha=32, target_modules=targets))


def make_run(base: Path, folder: Path, *, taught: bool = False, **more: object) -> Path:
    """A RUN folder as `sessiontune train` writes it."""
    from transformers import AutoTokenizer

    (teach_adapter if taught else make_adapter)(base, folder / "adapter")
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


@pytest.fixture(scope="module", autouse=True)
def warm() -> Iterator[None]:
    with warm_workers():
        yield


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
            made[kind] = read_run(make_run(bases(kind), folder, taught=True))
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
