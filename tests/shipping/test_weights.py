"""Merging piece by piece gives what PEFT gives on the whole model."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sessiontune.errors import StoreError
from sessiontune.shipping import weights
from sessiontune.shipping.leash import WATCHED
from sessiontune.shipping.merge import merge
from sessiontune.shipping.run import Run
from sessiontune.shipping.weights import merge_pieces, merge_whole, plan_merge

pytestmark = pytest.mark.models

VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "rslora": {"use_rslora": True},
    "patterns": {"rank_pattern": {"q_proj": 4}, "alpha_pattern": {"layers.1.self_attn.v_proj": 64}},
    "saved": {"modules_to_save": ["embed_tokens"]},
    "output": {"target_modules": ["q_proj", "lm_head"]},
    "dora": {"use_dora": True},
}


def _adapter(base: Path, folder: Path, **more: Any) -> Path:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(3)
    model = AutoModelForCausalLM.from_pretrained(base)
    settings = {"r": 8, "lora_alpha": 16, "target_modules": ["q_proj", "v_proj"], **more}
    tuned = get_peft_model(model, LoraConfig(**settings))
    for name, weight in tuned.named_parameters():
        if "lora_" in name or "modules_to_save" in name:
            torch.nn.init.normal_(weight, std=0.05)
    tuned.save_pretrained(folder)
    return folder


def _tensors(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    found: dict[str, Any] = {}
    for file in folder.glob("*.safetensors"):
        found |= load_file(file)
    return found


@pytest.mark.parametrize("variant", sorted(VARIANTS))
def test_pieces_equal_the_whole(
    bases: Callable[[str], Path], tmp_path: Path, variant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    base = bases("llama")
    adapter = _adapter(base, tmp_path / "adapter", **VARIANTS[variant])
    plan = plan_merge(base, adapter)
    assert bool(plan.whole) is (variant == "dora")
    (tmp_path / "whole").mkdir()
    merge_whole(base, adapter, tmp_path / "whole")
    wanted = _tensors(tmp_path / "whole")
    assert set(wanted) >= set(weights.base_weights(base))
    if plan.whole:
        return
    monkeypatch.setattr(weights, "SHARD", 1 << 20)
    (tmp_path / "pieces").mkdir()
    steps: list[tuple[int, int]] = []
    merge_pieces(base, adapter, plan, tmp_path / "pieces", lambda *step: steps.append(step))
    made = _tensors(tmp_path / "pieces")
    assert set(made) == set(wanted)
    for name, tensor in made.items():
        assert torch.allclose(tensor, wanted[name], atol=1e-6), name
    assert any(not torch.equal(made[n], t) for n, t in _tensors(base).items())
    assert steps[-1] == (len(made), len(made))
    index = json.loads((tmp_path / "pieces/model.safetensors.index.json").read_text())
    assert set(index["weight_map"]) == set(made)
    assert len(set(index["weight_map"].values())) == len(
        list(tmp_path.glob("pieces/*.safetensors"))
    )


def test_what_diverged_is_not_shipped(bases: Callable[[str], Path], tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    from sessiontune.errors import ToolError

    adapter = _adapter(bases("llama"), tmp_path / "adapter")
    file = adapter / "adapter_model.safetensors"
    held = load_file(file)
    name = next(n for n in held if "lora_B" in n)
    held[name] = held[name] * float("nan")
    save_file(held, file)
    plan = plan_merge(bases("llama"), adapter)
    with pytest.raises(ToolError, match="not finite"):
        merge_pieces(bases("llama"), adapter, plan, tmp_path, lambda *_: None)


def test_what_the_disk_does_not_take_is_no_riddle(
    runs: Callable[[str], Run], tmp_path: Path
) -> None:
    """A real limit on files, as a full disk: the library's own error says nothing of the kind."""
    run = runs("llama")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        with pytest.raises(StoreError, match=f"Cannot write {tmp_path / 'merged'}") as caught:
            merge(run, tmp_path / "merged", lambda *_: None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "run the command again" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_converter_ends_with_the_program_that_started_it() -> None:
    line = "import time; from sessiontune.shipping.leash import end_with_parent as e; e();"
    program = subprocess.Popen(
        [sys.executable, "-c", f"{line} print(1, flush=True); time.sleep(600)"],
        env={**os.environ, **WATCHED},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert program.stdin
    assert program.stdout
    try:
        program.stdout.readline()
        assert program.poll() is None
        program.stdin.close()  # as when the other side is killed
        assert program.wait(30) == 1
    finally:
        program.kill()
        program.stdout.close()
        program.wait()
