"""Ways of tuning other than one process with LoRA, run for real on the CPU."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl")

from sessiontune.cli.main import main
from sessiontune.training.metrics import evaluations, read_metrics

pytestmark = [pytest.mark.models, pytest.mark.slow]

SETTINGS = [
    *("--device", "cpu", "--batch", "1", "--accumulation", "2", "--length", "512"),
    *("--max-steps", "6", "--eval-every", "3", "--patience", "0", "--threads", "1"),
]


def run(export: Path, tiny: Path, out: Path, *more: str) -> dict[str, Any]:
    told = ["train", str(export), "-o", str(out), "--base", str(tiny), *SETTINGS, *more]
    assert main([*told, "--quiet"]) == 0
    held = evaluations(read_metrics(out / "metrics.jsonl"))
    assert held[-1][1] < held[0][1]
    record: dict[str, Any] = json.loads((out / "run.json").read_text())
    return record


def test_a_full_run_saves_a_model_that_loads(export: Path, tiny: Path, tmp_path: Path) -> None:
    import pyarrow.parquet as pq
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    out = tmp_path / "full"
    record = run(export, tiny, out, "--method", "full", "--rate", "1e-3")
    assert (record["method"], record["model"], record["adapter"]) == ("full", "model", "model")
    assert not (out / "adapter").exists()
    model = AutoModelForCausalLM.from_pretrained(out / "model").eval()
    tokenizer = AutoTokenizer.from_pretrained(out / "model")
    assert tokenizer.chat_template == (out / record["template"]).read_text()
    row = pq.read_table(out / "data" / "eval.parquet").to_pylist()[0]
    ids, labels = torch.tensor([row["input_ids"]]), torch.tensor([row["labels"]])
    with torch.no_grad():
        tuned = float(model(input_ids=ids, labels=labels).loss)
        base = AutoModelForCausalLM.from_pretrained(tiny).eval()
        assert tuned < float(base(input_ids=ids, labels=labels).loss)


def test_two_processes_train_together(export: Path, tiny: Path, tmp_path: Path) -> None:
    """By accelerate's launcher with the generated file, as on two GPUs."""
    out = tmp_path / "two"
    record = run(export, tiny, out, "--rate", "5e-3", "--parallel", "ddp", "--gpus", "2")
    assert record["status"] == "done"
    steps = [m["step"] for m in read_metrics(out / "metrics.jsonl") if m["kind"] == "train"]
    assert steps == [1, 2, 3, 4, 5, 6]
    assert (out / "adapter" / "adapter_model.safetensors").is_file()


@pytest.mark.parametrize("method", ["qlora", "lora8"])
def test_a_quantised_base_trains_on_the_cpu(
    method: str, export: Path, tiny: Path, tmp_path: Path
) -> None:
    pytest.importorskip("bitsandbytes")
    record = run(export, tiny, tmp_path / method, "--rate", "5e-3", "--method", method)
    assert (record["method"], record["adapter"], record["model"]) == (method, "adapter", None)


def made(kind: str, tiny: Path, folder: Path) -> Path:
    """A base of another architecture, with the tiny one's tokenizer."""
    import torch
    from transformers import AutoConfig, AutoTokenizer

    from sessiontune.bits import model_class

    tokenizer = AutoTokenizer.from_pretrained(tiny)
    sizes: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "eos_token_id": tokenizer.eos_token_id,
        "bos_token_id": None,
    }
    if kind == "qwen3_moe":
        sizes |= {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
    else:
        eyes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1}
        eyes |= {"num_attention_heads": 2, "image_size": 28, "patch_size": 14}
        vision = {"model_type": "pixtral" if kind == "mistral3" else "siglip_vision_model", **eyes}
        text = {"model_type": "mistral" if kind == "mistral3" else "gemma3_text", **sizes}
        sizes = {"text_config": text, "vision_config": vision}
    config = AutoConfig.for_model(kind, **sizes)
    config.save_pretrained(folder)
    torch.manual_seed(0)
    model_class(folder).from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("kind", ["qwen3_moe", "mistral3", "gemma3"])
def test_experts_and_bases_that_see_train_with_the_defaults(
    kind: str, export: Path, tiny: Path, tmp_path: Path
) -> None:
    """PEFT refuses dropout on experts, transformers knows Mistral 3 with its images only, and what
    reads images learns nothing from text."""
    from safetensors import safe_open

    from sessiontune.evaluation.arms import usual_arms
    from sessiontune.evaluation.heldout import open_run
    from sessiontune.evaluation.local import Lab
    from sessiontune.evaluation.losses import trainer_mean
    from sessiontune.runtime.heldside import examples_of, side_of

    base, out = made(kind, tiny, tmp_path / "base"), tmp_path / "run"
    record = run(export, base, out, "--rate", "5e-3")
    with safe_open(out / "adapter" / "adapter_model.safetensors", "pt") as file:
        names = set(file.keys())
    assert not [n for n in names if "vision" in n or "projector" in n]
    assert any(("experts" if kind == "qwen3_moe" else "down_proj") in n for n in names)
    found = open_run(out)
    lab = Lab(found, "cpu")
    held = examples_of(found, side_of(found))
    means = [
        trainer_mean([lab.loss(arm, e.ids, e.labels) for e in held], 1)
        for arm in usual_arms(found, "")
    ]
    # what the trainer adds for the balance of experts is the same before and after
    told = record["metrics"]["eval_loss"] - record["metrics"]["base_eval_loss"]
    assert means[1] - means[0] == pytest.approx(told, abs=1e-3)
