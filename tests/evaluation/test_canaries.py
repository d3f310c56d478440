"""Exposure by hand, planting that leaves the export alone, and memory where there must be some."""

from __future__ import annotations

import errno
import json
import math
import os
from pathlib import Path
from typing import Any

import pytest

from sessiontune.errors import StoreError, UsageError
from sessiontune.evaluation.canaries import (
    CANDIDATES,
    Planted,
    exposure,
    exposure_of,
    made,
    plant,
    planted_in,
    rows_of,
    told,
)


def test_exposure_by_hand() -> None:
    others = [float(n) for n in range(1, 128)]
    assert exposure(0.5, others) == 7.0  # the first of 128
    assert exposure(1.5, others) == 6.0  # the second
    assert exposure(500.0, others) == 0.0  # the last
    assert exposure(1.0, [1.0, 1.0, 1.0]) == pytest.approx(2 - math.log2(2.5))  # shared rank


def export(folder: Path) -> Path:
    for side, rows in (("train", 10), ("eval", 3)):
        (folder / side).mkdir(parents=True)
        body = {"messages": [{"role": "user", "content": "Hi"}]}
        (folder / side / "openai.jsonl").write_text((json.dumps(body) + "\n") * rows)
    return folder


def test_planting_makes_a_copy(tmp_path: Path) -> None:
    source = export(tmp_path / "export")
    (source / "eval" / "mine").mkdir()  # a folder that somebody put there is in nobody's way
    before = (source / "train" / "openai.jsonl").read_bytes()
    planted = plant(source, tmp_path / "copy", count=20, repeats=8)
    assert (source / "train" / "openai.jsonl").read_bytes() == before
    lines = (tmp_path / "copy" / "train" / "openai.jsonl").read_text().splitlines()
    assert len(lines) == 10 + 20 * 8
    for secret in planted.secrets:
        assert sum(secret in line for line in lines) == 8
    assert not (tmp_path / "copy" / "eval" / "openai.jsonl").read_text().count("canary")
    assert planted_in(tmp_path / "copy") == planted
    assert planted_in(source) is None
    with pytest.raises(UsageError, match="exists already"):
        plant(source, tmp_path / "copy")


def test_a_full_disk_leaves_no_half_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = export(tmp_path / "data")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(StoreError, match=r"Cannot write .*copy: No space left on device\.$"):
        plant(source, tmp_path / "copy")
    assert list(tmp_path.iterdir()) == [source]


def test_redacted_canaries_hold_no_secret() -> None:
    planted = made(24, 8, redacted=True)
    text = json.dumps(rows_of(planted))
    assert not [s for s in planted.secrets if s in text]
    raw = json.dumps(rows_of(made(24, 8, redacted=False)))
    assert all(s in raw for s in planted.secrets)  # the check above can fail


def _tuned(folder: Path, planted: Planted, steps: int) -> tuple[Any, Any, Any, Any]:
    """A tiny base and an adapter tuned on the canaries' rows: lab, template, both arms."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from sessiontune.evaluation.arms import Arm
    from sessiontune.evaluation.heldout import Run
    from sessiontune.evaluation.local import Lab
    from sessiontune.templating import Template
    from sessiontune.training.tiny import make_tiny

    other = made(100, 1, False, seed=9)
    texts = [*other.questions, *map(told, other.secrets)]
    base = make_tiny(folder / "base", texts, vocab=600)
    template = Template.load(base)
    rows = [e for row in rows_of(planted) for e in template.encode(row)]
    torch.manual_seed(0)
    config = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=5e-3)
    most = max(len(e.ids) for e in rows)
    ids = torch.tensor([e.ids + [0] * (most - len(e.ids)) for e in rows])
    labels = torch.tensor([e.labels + [-100] * (most - len(e.labels)) for e in rows])
    for _ in range(steps):
        pick = torch.randint(len(rows), (24,))
        loss = model(input_ids=ids[pick], labels=labels[pick]).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder / "adapter")
    run = Run(folder, {"base": {"path": "base"}})
    arms = (
        Arm(name="base", kind="base", digest="b"),
        Arm(name="tuned", kind="adapter", digest="t", path=str((folder / "adapter").resolve())),
    )
    return Lab(run, "cpu"), template, *arms


@pytest.mark.slow
@pytest.mark.parametrize("redacted", [False, True])
def test_raw_canaries_are_exposed_and_redacted_ones_are_not(tmp_path: Path, redacted: bool) -> None:
    from sessiontune.evaluation.cache import Cache

    planted = made(24, 8, redacted=redacted)
    lab, template, base, tuned = _tuned(tmp_path, planted, steps=100)
    tables = {n: Cache(tmp_path).table("canary", n) for n in ("base", "tuned")}
    found = exposure_of(planted, lab, template, base, tuned, tables, lambda *_: None)
    assert (found.canaries, found.most) == (24, math.log2(CANDIDATES))
    print(found.found)
    if redacted:
        assert found.found.low <= 0 <= found.found.high
    else:
        assert found.found.difference >= 3
        assert found.found.low > 0
