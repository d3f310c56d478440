"""Every generated file of twelve combinations, against goldens.

After a wanted change: SESSIONTUNE_GOLDENS=write pytest tests/training/test_jobs.py, and read the
difference. The frameworks' own validators run on the same files in tools/check_jobs.py.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import msgspec
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


@pytest.mark.parametrize("trainer", ["trl", "llamafactory", "axolotl", "unsloth"])
@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
def test_every_schedule_has_the_warm_up_of_the_plan(trainer: str, schedule: str) -> None:
    """The scheduler of transformers that is called "constant" has none."""
    optimization = pytest.importorskip("transformers.optimization")
    torch = pytest.importorskip("torch")
    job = job_of(trainer, "llama", "lora", schedule=schedule)
    text = "\n".join(job.files.values())
    said = re.search(r'lr_scheduler(?:_type)?"?: "?(\w+)', text)
    steps = re.search(r'warmup_steps"?: (\d+)', text)
    assert said
    assert steps
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    made = optimization.get_scheduler(said[1], optimizer, int(steps[1]), 100)
    rates = []
    for _ in range(int(steps[1]) + 1):
        rates.append(made.get_last_lr()[0])
        optimizer.step()
        made.step()
    assert rates == pytest.approx([n / int(steps[1]) for n in range(len(rates))])


@pytest.mark.parametrize("trainer", ["llamafactory", "axolotl"])
def test_yaml_reads_back_as_meant(trainer: str) -> None:
    yaml = pytest.importorskip("yaml")
    from plans import planned, prepared

    from sessiontune.training import axolotl, llamafactory
    from sessiontune.training.others import Given

    spec, plan = planned(trainer, "llama", "lora")
    given = Given(
        spec=spec, plan=plan, base="./base", train=prepared(1), held=prepared(1),
        python="p",
    )  # fmt: skip
    module = {"llamafactory": llamafactory, "axolotl": axolotl}[trainer]
    rows = ({"train": [{"messages": []}]},) if trainer == "axolotl" else ([], [])
    text = module.job(given, *rows).files
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
    job = job_of(trainer, "llama", "lora", **more)
    made = files(spec, plan, job, "/models/x")
    sky = yaml.safe_load(made["trainer/sky.yaml"])
    assert sky["num_nodes"] == 2
    assert sky["resources"]["accelerators"].endswith(":4")
    assert sky["file_mounts"] == {"/models/x": "/models/x"}
    assert "SESSIONTUNE_WATCH_STDIN" not in sky["envs"]
    assert "/env/" not in sky["run"]
    if parallel != "ray":
        assert "$SKYPILOT_NODE_RANK" in sky["run"]
        assert "$SKYPILOT_NODE_IPS" in sky["run"]
    if (trainer, parallel) == ("llamafactory", "ray"):
        assert sky["envs"]["USE_RAY"] == "1"
    if parallel.startswith("zero"):
        stage = json.loads(made[f"trainer/{parallel}.json"])["zero_optimization"]["stage"]
        assert stage == int(parallel[-1])


@pytest.mark.parametrize("parallel", ["ddp", "fsdp", "zero2", "zero3"])
def test_accelerate_takes_its_file(
    parallel: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By accelerate's own loader and the check that it makes before a launch."""
    launch = pytest.importorskip("accelerate.commands.launch")
    from plans import planned

    more = {"parallel": parallel, "gpus": 4, "nodes": 2}
    job = job_of("trl", "llama", "lora", **more)
    for name, text in files(*planned("trl", "llama", "lora", **more), job, "./base").items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    asked = launch.launch_command_parser().parse_args(list(job.argv[3:]))
    found, *_ = launch._validate_launch_command(asked)
    assert (found.num_processes, found.num_machines, found.mixed_precision) == (8, 2, "bf16")
    kinds = (found.multi_gpu, found.use_fsdp, found.use_deepspeed)
    assert kinds == (parallel == "ddp", parallel == "fsdp", parallel.startswith("zero"))
    if found.use_deepspeed:
        deepspeed = pytest.importorskip("accelerate.utils.deepspeed")
        known = deepspeed.HfDeepSpeedConfig(found.deepspeed_config_file)
        assert known.is_zero3() == (parallel == "zero3")
        assert known.get_value("zero_optimization.stage") == int(parallel[-1])


def test_a_plan_for_a_rented_gpu_is_made_for_that_gpu() -> None:
    """Not for this machine, which has none."""
    from plans import BASES, CPU

    from sessiontune.training.cluster import rent
    from sessiontune.training.settling import settle
    from sessiontune.training.spec import make_spec

    eight = msgspec.structs.replace(BASES["llama"], billions=8.0, layers=32, hidden=4096)
    thirty = msgspec.structs.replace(BASES["llama"], billions=32.0, layers=64, hidden=5120)
    for base, card in ((BASES["llama"], "L4"), (eight, "L40S"), (thirty, "H200")):
        spec = make_spec({"base": "x", "parallel": "ddp"})
        there = rent(spec, base, CPU)
        settings, _ = settle(spec, base, there)
        assert there.gpus[0].name.startswith(card)
        assert (settings.device, settings.precision, settings.method) == ("cuda", "bf16", "lora")
        assert settings.memory <= settings.room


def test_what_a_trainer_does_not_have_is_refused() -> None:
    from plans import planned

    with pytest.raises(UsageError, match="unsloth has no zero3"):
        files(
            *planned("unsloth", "llama", "lora", parallel="zero3"),
            job_of("unsloth", "llama", "lora"),
            "./base",
        )
    with pytest.raises(UsageError, match="no --parallel"):
        files(*planned("trl", "llama", "lora", gpus=2), job_of("trl", "llama", "lora"), "./base")
    for trainer in ("llamafactory", "axolotl", "unsloth"):  # it was ignored in silence
        with pytest.raises(UsageError, match=f"{trainer} runs here without wandb"):
            planned(trainer, "llama", "lora", log_to=("tensorboard", "wandb"))
        assert "tensorboard" in as_text(job_of(trainer, "llama", "lora", log_to=("tensorboard",)))
