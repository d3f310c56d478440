"""KTO and DPO rows: prompt and answers by the template, nothing doubled, nothing too long."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

pytest.importorskip("trl")

from exports import conversation, write_jsonl

from sessiontune.cli.main import main
from sessiontune.errors import PreflightError
from sessiontune.templating import Template
from sessiontune.training.data import Row, read_preferences
from sessiontune.training.metrics import evaluations, read_metrics
from sessiontune.training.preference import weights
from sessiontune.training.preferencedata import check_preferences, prepare_preferences

pytestmark = pytest.mark.models


def kto(number: int, split: str = "train") -> dict[str, Any]:
    row = conversation(number)
    prompt, answer = row["messages"][:-1], row["messages"][-1]
    if number % 2:
        answer = {"role": "assistant", "content": "I will not do that, it is too hard."}
    tier = "strong" if number % 3 else "weak"
    return {
        "prompt": prompt,
        "completion": [answer],
        "label": number % 2 == 0,
        "tools": row["tools"],
        "tier": tier,
        "split": split,
    }


def dpo(number: int, split: str = "train") -> dict[str, Any]:
    row = conversation(number)
    return {
        "prompt": row["messages"][:-1],
        "chosen": [row["messages"][-1]],
        "rejected": [{"role": "assistant", "content": "No."}],
        "tools": row["tools"],
        "tier": "strong",
        "split": split,
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("preferences")
    for name, make in (("kto", kto), ("dpo", dpo)):
        rows = [make(i) for i in range(16)] + [make(i, "eval") for i in range(40, 46)]
        write_jsonl(place / "preferences" / f"{name}.jsonl", rows)
    return place


def test_prompt_ends_at_the_answer_and_the_answer_at_its_stop(folder: Path, tiny: Path) -> None:
    template = Template.load(tiny)
    for task in ("kto", "dpo"):
        made = prepare_preferences(read_preferences(folder, task).train, template, 2048, task)
        assert len(made.rows) == 16
        for row in made.rows:
            assert row["prompt"].endswith("<|im_start|>assistant\n")
            for side in ("completion", "chosen", "rejected"):
                assert row.get(side, "<|im_end|>").endswith("<|im_end|>")
                assert row.get(side, "<|im_end|>").count("<|im_end|>") == 1


def test_rows_too_long_are_named_and_one_side_is_said(folder: Path, tiny: Path) -> None:
    template = Template.load(tiny)
    rows = read_preferences(folder, "kto").train
    short = prepare_preferences(rows, template, 320, "kto")
    assert 0 < len(short.rows) < 16
    assert len(short.rows) + len(short.too_long) == 16
    check = check_preferences(short, short, "kto")[0]
    assert check.level == ("soft" if len(short.too_long) > 3 else "note")
    assert short.too_long[0] in check.seen
    wanted = tuple(r for r in rows if r.body["label"])
    one = prepare_preferences(wanted, template, 2048, "kto")
    levels = {c.name: c.level for c in check_preferences(one, one, "kto")}
    assert levels["both sides"] == "soft"
    assert levels["train and evaluation apart"] == "bad"
    assert levels["strong rows"] == "note"


@pytest.mark.parametrize("task", ["kto", "dpo"])
def test_rows_on_both_sides_are_found(task: str, folder: Path, tiny: Path) -> None:
    data, template = read_preferences(folder, task), Template.load(tiny)
    train, held = (prepare_preferences(r, template, 2048, task) for r in (data.train, data.eval))
    leaking = msgspec.structs.replace(held, rows=(*held.rows, train.rows[0]))
    for side, level, count in ((held, "good", 0), (leaking, "bad", 1)):
        check = check_preferences(train, side, task)[-1]
        assert (check.level, check.seen) == (level, f"{count} rows on both sides")


def test_a_preference_of_a_group_that_is_held_out_stops_the_run(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another answer of the same session is no copy of a row, and yet tells how it went on."""
    rows = [{**kto(i), "group": f"g{i}"} for i in range(16)]
    rows += [{**kto(i, "eval"), "group": f"g{i % 41}"} for i in range(40, 46)]
    write_jsonl(tmp_path / "preferences" / "kto.jsonl", rows)
    given = ["train", str(tmp_path), "--base", str(tiny), "--task", "kto", "--device", "cpu"]
    assert main([*given, "-o", str(tmp_path / "run"), "--length", "2048", "--force"]) == 10
    said = " ".join(capsys.readouterr().err.split())
    assert "preferences/kto.jsonl:18 and 4 more share a lineage or group" in said


def test_a_row_that_does_not_end_in_an_answer_is_named(tiny: Path) -> None:
    row = kto(2)
    row["completion"] = [{"role": "user", "content": "x"}]
    with pytest.raises(PreflightError, match="kto:9"):
        prepare_preferences([Row("kto:9", row)], Template.load(tiny), 2048, "kto")


@pytest.mark.parametrize(
    ("wanted", "unwanted", "expected"),
    [
        (7, 7, (1, 1)),
        (8, 6, (1, 1)),
        (6, 7, (7 / 6, 1)),
        (9, 6, (1, 9 / 8)),
        (1, 40, (40, 1)),
        (40, 1, (1, 30)),
        (0, 5, (1, 1)),
        (5, 0, (1, 1)),
    ],
)
def test_the_rarer_side_weighs_more(
    wanted: int, unwanted: int, expected: tuple[float, float]
) -> None:
    good, bad = weights(wanted, unwanted)
    assert (good, bad) == pytest.approx(expected)
    if wanted and unwanted:
        assert 1 - 1e-9 <= good * wanted / (bad * unwanted) <= 4 / 3 + 1e-9


@pytest.mark.slow
def test_uneven_answers_are_weighed_in_the_trainer_and_said(
    tmp_path: Path, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from sessiontune.training.preference import preference_trainer

    numbers = [0, 2, *range(1, 15, 2)]
    write_jsonl(tmp_path / "preferences" / "kto.jsonl", [kto(n) for n in numbers])
    given = ["train", str(tmp_path), "--base", str(tiny), "--task", "kto", "--dry-run"]
    assert main([*given, "-o", str(tmp_path / "run"), "--device", "cpu"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "wanted 3.5, unwanted 1" in said
    assert "2 wanted, 7 not" in said

    rows = prepare_preferences(
        read_preferences(tmp_path, "kto").train, Template.load(tiny), 2048, "kto"
    ).rows
    write_jsonl(tmp_path / "train.jsonl", list(rows))
    orders = {
        "stop": "<|im_end|>", "train": str(tmp_path / "train.jsonl"), "eval": "", "length": 512,
        "beta": 0.1, "task": "kto",
        "arguments": {"use_cpu": True, "report_to": "none", "per_device_train_batch_size": 2},
    }  # fmt: skip
    model = AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    trainer = preference_trainer(orders, lambda _: model, tokenizer, None)
    assert (trainer.desirable_weight, trainer.undesirable_weight) == (3.5, 1.0)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["kto", "dpo"])
def test_it_trains(task: str, folder: Path, tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / task
    # KTO as it comes: the plan must take two at once, or TRL refuses.
    batch = ["--accumulation", "2"] if task == "kto" else ["--batch", "4", "--accumulation", "1"]
    settings = ["--device", "cpu", "--rate", "2e-3", *batch]
    settings += ["--max-steps", "6", "--eval-every", "3", "--length", "1024", "--threads", "1"]
    arguments = ["train", str(folder), "-o", str(out), "--base", str(tiny), "--task", task]
    assert main([*arguments, *settings, "--quiet"]) == 0
    held = evaluations(read_metrics(out / "metrics.jsonl"))
    assert held[-1][1] < held[0][1]
    assert (out / "adapter" / "adapter_model.safetensors").is_file()
