"""A merged folder, a GGUF file and a served model as arms, by the real converter and server."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.shipping.conftest import (  # noqa: F401
    GREETING,
    QUESTION,
    bases,
    converter,
    engine,
    make_run,
)

from sessiontune.errors import UsageError
from sessiontune.evaluation.evaluate import EvaluationOptions, evaluate
from sessiontune.evaluation.heldout import open_run
from sessiontune.evaluation.result import Result
from sessiontune.runtime.door import open_door
from sessiontune.runtime.heldside import examples_of, side_of
from sessiontune.runtime.host import Hosting, hosted
from sessiontune.runtime.ship import ship
from sessiontune.runtime.shop import ShipOptions
from sessiontune.shipping.run import read_run

pytestmark = [pytest.mark.models, pytest.mark.slow]


def held_out(folder: Path, count: int = 11) -> Path:
    """An export whose held-out side asks what the shipped runs have learnt by heart."""
    from sessiontune.shipping.reference import CALL, TOOL

    for side in ("train", "eval"):
        (folder / side).mkdir(parents=True)
        rows = []
        for n in range(count):
            answers: list[dict[str, Any]] = [
                {"role": "assistant", "content": "Hello there!", "train": True},
                {"role": "assistant", "content": "", "tool_calls": [CALL], "train": True},
            ]
            asked = (GREETING, QUESTION)[n % 2]
            rows.append({"messages": [asked, answers[n % 2]], "tools": [TOOL] if n % 2 else [],
                         "id": f"{side}{n}", "group": f"{side}{n}", "tags": ""})  # fmt: skip
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / side / "openai.jsonl").write_text(text)
    return folder


def evaluated(folder: Path, options: EvaluationOptions) -> Result:
    run = open_run(folder)
    side = side_of(run)
    return evaluate(run, options, lambda *_: None, side, examples_of(run, side))


def arms_of(result: Result) -> dict[str, dict[str, Any]]:
    return {
        c.arm: {m.name: m.found for m in c.measures}
        for c in result.comparisons
        if c.against == "base"
    }


def test_merged_gguf_and_served_are_the_tuned_model(
    bases: Callable[[str], Path],  # noqa: F811
    converter: None,  # noqa: F811
    engine: None,  # noqa: F811
    tmp_path: Path,
) -> None:
    data = held_out(tmp_path / "data")
    folder = make_run(bases("llama"), tmp_path / "run", taught=True, data={"dir": str(data)})
    run = read_run(folder)
    options = ShipOptions(types=("f16", "safetensors"))
    ship(run, options, os.environ, Path.home(), lambda *_: None, lambda _: None)
    (gguf,) = (folder / "ship").glob("*.gguf")
    (merged,) = (p.parent for p in (folder / "ship").rglob("config.json"))
    with (
        hosted(run, Hosting(kind="f16", threads=1), os.environ) as model,
        open_door(0, model.client, model.model) as door,
    ):
        arms = (f"merged={merged}", f"gguf={gguf}", f"served={door.url}/v1#{run.slug}")
        result = evaluated(folder, EvaluationOptions(max_cases=6, rules=False, arms=arms))
    assert result.failures == ()
    assert result.outcome == "better"
    found = arms_of(result)
    tuned = found["tuned"]
    assert tuned["loss"].difference < -3
    assert found["merged"]["loss"].difference == pytest.approx(tuned["loss"].difference, abs=1e-4)
    assert found["gguf"]["loss"].difference == pytest.approx(tuned["loss"].difference, abs=1e-2)
    assert "loss" not in found["served"]  # a server gives answers, no loss of given tokens
    for name in ("merged", "gguf", "served"):
        for measure in ("tool", "arguments", "exact", "valid", "stops"):
            assert found[name][measure].b == tuned[measure].b == 1.0
    for case in result.cases:
        said = {a.arm: "".join(a.text.split()) for a in case.answers}
        assert said["merged"] == said["gguf"] == said["served"] == said["tuned"] != said["base"]


def test_a_run_that_trained_all_weights(
    bases: Callable[[str], Path],  # noqa: F811
    tmp_path: Path,
) -> None:
    """There is no adapter: the tuned arm is the whole model in the run's folder."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base, data = bases("llama"), held_out(tmp_path / "data")
    folder = make_run(base, tmp_path / "run", taught=True, data={"dir": str(data)})
    options = EvaluationOptions(max_cases=4, rules=False)
    expected = arms_of(evaluated(folder, options))["tuned"]

    loaded = AutoModelForCausalLM.from_pretrained(base)
    whole = PeftModel.from_pretrained(loaded, folder / "adapter").merge_and_unload()
    whole.save_pretrained(folder / "model")
    AutoTokenizer.from_pretrained(base).save_pretrained(folder / "model")
    record = json.loads((folder / "run.json").read_text())
    record |= {"adapter": "model", "model": "model"}
    (folder / "run.json").write_text(json.dumps(record))
    found = arms_of(evaluated(folder, options))["tuned"]
    for measure, was in expected.items():
        assert found[measure].difference == pytest.approx(was.difference, abs=1e-4)
    assert found["loss"].difference < -3


def test_a_model_of_another_tokenizer_is_refused(
    bases: Callable[[str], Path],  # noqa: F811
    tmp_path: Path,
) -> None:
    """Its loss would be that of other words: a figure, and a wrong one."""
    data = held_out(tmp_path / "data", 3)
    folder = make_run(bases("llama"), tmp_path / "run", data={"dir": str(data)})
    options = EvaluationOptions(max_cases=0, rules=False, arms=(f"other={bases('qwen2')}",))
    with pytest.raises(UsageError, match="another tokenizer"):
        evaluated(folder, options)
