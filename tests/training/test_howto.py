"""The card's recipes name settings that the installed libraries take."""

from __future__ import annotations

import ast
import dataclasses
import re

import pytest
import yaml

from sessiontune.howto import Place, llamafactory, unsloth

PLACE = Place(
    "mine", openai="train/openai.jsonl", openai_eval="eval/openai.jsonl",
    sharegpt="train/sharegpt.jsonl", sharegpt_eval="eval/sharegpt.jsonl",
    parquet="train/data.parquet",
)  # fmt: skip
#: Settings of LLaMA-Factory itself; what else its YAML holds goes to transformers.
OWN = {
    "model_name_or_path", "template", "stage", "finetuning_type", "lora_target", "lora_rank",
    "lora_alpha", "lora_dropout", "dataset_dir", "dataset", "eval_dataset", "cutoff_len",
}  # fmt: skip


def _code(text: str, language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)
    assert found
    return found[1]


def _fields(cls: type) -> set[str]:
    assert dataclasses.is_dataclass(cls)
    return {field.name for field in dataclasses.fields(cls)}


def test_what_unsloth_passes_to_trl_is_taken() -> None:
    trl = pytest.importorskip("trl")
    calls = [
        n for n in ast.walk(ast.parse(_code(unsloth(PLACE), "python"))) if isinstance(n, ast.Call)
    ]
    named = {
        word.arg: call
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "SFTConfig"
        for word in call.keywords
    }
    assert len(named) > 5
    assert named.keys() - _fields(trl.SFTConfig) == set()


def test_what_llamafactory_passes_to_transformers_is_taken() -> None:
    transformers = pytest.importorskip("transformers")
    given = yaml.safe_load(_code(llamafactory(PLACE), "yaml"))
    assert given.keys() >= OWN
    assert given.keys() - OWN - _fields(transformers.TrainingArguments) == set()
