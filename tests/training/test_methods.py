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
