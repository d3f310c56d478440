"""Other kinds of runs than a plain LoRA in one float32 file: each is shipped and proven whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sessiontune.errors import UsageError
from sessiontune.runtime.host import Hosting, hosted
from sessiontune.runtime.publish import prepare
from sessiontune.shipping.publish import Terms
from sessiontune.shipping.run import read_run
from sessiontune.training.bases import describe

from .conftest import TARGETS, make_run
from .test_ship import make

pytestmark = [pytest.mark.models, pytest.mark.slow, pytest.mark.usefixtures("converter", "engine")]


def _base(source: Path, folder: Path, *, dtype: str = "float32", **config: Any) -> Path:
    """A copy of a tiny base in several files, with other settings."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(source, dtype=getattr(torch, dtype), **config)
    model.tie_weights()
    model.save_pretrained(folder, max_shard_size="2MB")
    AutoTokenizer.from_pretrained(source).save_pretrained(folder)
    assert len(list(folder.glob("*.safetensors"))) > 1
    return folder


def _full(base: Path, folder: Path) -> Path:
    """A run as `train --method full` leaves it: a whole model where else the adapter is."""
    import shutil

    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    make_run(base, folder)
    shutil.rmtree(folder / "adapter")
    model = AutoModelForCausalLM.from_pretrained(base, dtype="auto")
    torch.manual_seed(5)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "proj" in name:
                weight += torch.randn_like(weight) * 0.02
    model.save_pretrained(folder / "adapter", max_shard_size="2MB")
    AutoTokenizer.from_pretrained(base).save_pretrained(folder / "adapter")
    return folder


@pytest.mark.parametrize(("kind", "dtype"), [("llama", "float32"), ("qwen2", "bfloat16")])
def test_all_weights_were_trained(
    bases: Callable[[str], Path], tmp_path: Path, kind: str, dtype: str
) -> None:
    base = _base(bases(kind), tmp_path / "base", dtype=dtype)
    run = read_run(_full(base, tmp_path / "run"))
    wide, also = ("f16", ()) if dtype == "float32" else ("bf16", ("q8_0",))
    shipped = make(run, tmp_path / "run/ship", *also, wide, "safetensors")
    assert [c for f in shipped.files for c in f.checks if c.ok is False] == []
    whole = tmp_path / "run/ship" / f"{run.slug}-safetensors"
    assert [p for p in whole.iterdir() if p.is_symlink()] == []  # it may be moved elsewhere
    again = make(run, tmp_path / "run/ship", wide)
    assert set(again.reused) == {f.name for f in shipped.files}, "those not asked for are there too"


def test_what_needs_an_adapter_says_that_there_is_none(
    bases: Callable[[str], Path], tmp_path: Path
) -> None:
    run = read_run(_full(_base(bases("llama"), tmp_path / "base"), tmp_path / "run"))
    with pytest.raises(UsageError, match="no adapter"):
        make(run, tmp_path / "ship", "f16", adapter_only=True)
    with pytest.raises(UsageError, match="two models"), hosted(run, Hosting(adapter=True), {}):
        pass
    with pytest.raises(UsageError, match="no adapter to publish"):
        prepare(run.folder, Terms())


@pytest.mark.parametrize("kind", ["llama", "qwen2"])
@pytest.mark.parametrize(
    "case", ["tied", "tied output", "tied saved", "saved", "bfloat16", "padded"]
)
def test_lora_on_other_bases(
    bases: Callable[[str], Path], tmp_path: Path, kind: str, case: str
) -> None:
    """tied: one matrix in and out, adapted; saved: embeddings trained whole; padded: a token was
    added that the base has a spare row for."""
    settings: dict[str, Any] = {"tie_word_embeddings": True} if "tied" in case else {}
    dtype = "bfloat16" if case == "bfloat16" else "float32"
    base = _base(bases(kind), tmp_path / "base", dtype=dtype, **settings)
    if case == "padded":
        _pad(base)
    folder = make_run(base, tmp_path / "run")
    if case == "padded":
        _add_token(base, folder)
    more: dict[str, Any] = {}
    if case == "tied":
        more = {"target_modules": [*TARGETS, "embed_tokens"]}
    elif case == "tied output":
        more = {"target_modules": [*TARGETS, "lm_head"]}
    elif case == "tied saved":
        more = {"modules_to_save": ["embed_tokens"]}
    elif case == "saved":
        more = {"modules_to_save": ["embed_tokens", "lm_head"]}
    _adapt(base, folder / "adapter", **more)
    run = read_run(folder)
    wide = "bf16" if case == "bfloat16" else "f16"
    also = ("q8_0",) if kind == "qwen2" else ()  # what it does to a family, `test_ship` shows
    shipped = make(run, tmp_path / "ship", wide, *also)
    assert [c for f in shipped.files for c in f.checks if c.ok is False] == []
    assert {"log-probabilities", "greedy text"} <= {
        c.name for f in shipped.files for c in f.checks if c.ok
    }


def _adapt(base: Path, folder: Path, **more: Any) -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_pretrained(base, dtype="auto")
    settings = {"r": 8, "lora_alpha": 16, "target_modules": TARGETS, **more}
    tuned = get_peft_model(model, LoraConfig(**settings))
    with torch.no_grad():
        for name, weight in tuned.named_parameters():
            if "lora_B" in name or "lora_embedding_A" in name or "modules_to_save" in name:
                weight += torch.randn_like(weight) * 0.03
    tuned.save_pretrained(folder)


def _pad(base: Path) -> None:
    """More rows than tokens, as most published models have."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base)
    model.resize_token_embeddings(model.config.vocab_size + 64, mean_resizing=False)
    for file in base.glob("model*"):
        file.unlink()
    model.save_pretrained(base, max_shard_size="2MB")


def _add_token(base: Path, folder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base)
    assert tokenizer.add_tokens(["<|plan|>"]) == 1
    tokenizer.save_pretrained(folder / "tokenizer")
    note = json.loads((folder / "run.json").read_text())
    note["base"]["sha256"] = describe(base, base.name).sha256
    (folder / "run.json").write_text(json.dumps(note))
