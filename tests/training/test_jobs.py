"""Every generated file of twelve combinations, against goldens.

After a wanted change: SESSIONTUNE_GOLDENS=write pytest tests/training/test_jobs.py, and read the
difference. The frameworks' own validators run on the same files in tools/check_jobs.py.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from plans import COMBINATIONS, as_text, job_of

from sessiontune.errors import UsageError
from sessiontune.training.cluster import files

GOLDENS = Path(__file__).parent / "goldens"


@pytest.mark.parametrize(("trainer", "base", "method"), COMBINATIONS)
def test_files_equal_the_golden(trainer: str, base: str, method: str) -> None:
    text = as_text(job_of(trainer, base, method))
    path = GOLDENS / f"{trainer}-{base}-{method}.txt"
    if os.environ.get("SESSIONTUNE_GOLDENS") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text("utf-8")


@pytest.mark.parametrize("trainer", ["llamafactory", "axolotl"])
def test_yaml_reads_back_as_meant(trainer: str) -> None:
    yaml = pytest.importorskip("yaml")
    from plans import planned, prepared

    from sessiontune.training import axolotl, llamafactory
    from sessiontune.training.others import Given

    spec, plan = planned(trainer, "llama", "lora")
    given = Given(
        spec=spec, plan=plan, base="./base", train=prepared(1), held=prepared(1),
        template="t", python="p",
    )  # fmt: skip
    module = {"llamafactory": llamafactory, "axolotl": axolotl}[trainer]
    text = module.job(given, [], [{"messages": []}] if trainer == "axolotl" else []).files
    assert yaml.safe_load(text[f"trainer/{trainer}.yaml"]) == module.settings(given)


@pytest.mark.parametrize(
    ("trainer", "parallel"),
    [
        ("trl", "ddp"), ("trl", "fsdp"), ("trl", "zero3"), ("llamafactory", "zero3"),
        ("llamafactory", "ray"), ("axolotl", "fsdp"), ("axolotl", "zero2"), ("axolotl", "ray"),
    ],
)  # fmt: skip
def test_files_for_several_gpus(trainer: str, parallel: str) -> None:
    yaml = pytest.importorskip("yaml")
    from plans import planned

    more = {"parallel": parallel, "gpus": 4, "nodes": 2}
    spec, plan = planned(trainer, "llama", "lora", **more)
    made = files(spec, plan, job_of(trainer, "llama", "lora", **more))
    sky = yaml.safe_load(made["trainer/sky.yaml"])
    assert sky["num_nodes"] == 2
    assert sky["resources"]["accelerators"].endswith(":4")
    assert "/env/" not in sky["run"]
    if parallel.startswith("zero"):
        stage = json.loads(made[f"trainer/{parallel}.json"])["zero_optimization"]["stage"]
        assert stage == int(parallel[-1])
    if trainer == "trl":
        accelerate = pytest.importorskip("accelerate.commands.config.config_args")
        known = yaml.safe_load(made["trainer/accelerate.yaml"])
        assert "accelerate.commands.launch" in job_of(trainer, "llama", "lora", **more).argv
        config = accelerate.ClusterConfig(**known)
        assert config.num_processes == 8


def test_what_a_trainer_does_not_have_is_refused() -> None:
    from plans import planned

    with pytest.raises(UsageError, match="unsloth has no zero3"):
        files(
            *planned("unsloth", "llama", "lora", parallel="zero3"),
            job_of("unsloth", "llama", "lora"),
        )
    with pytest.raises(UsageError, match="no --parallel"):
        files(*planned("trl", "llama", "lora", gpus=2), job_of("trl", "llama", "lora"))
