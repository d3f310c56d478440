"""How the worker loads a base and what it trains, told from what it asks for; no GPU needed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from plans import planned

from sessiontune.training import trl, worker

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.models


def orders(method: str, device: str, **more: Any) -> dict[str, Any]:
    base = {"base": "b", "precision": "bf16", "parallel": "none"}
    return {**base, "method": method, "device": device, **more}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Options of each model that was asked for."""
    found: list[dict[str, Any]] = []

    def load(_: str, **options: Any) -> Any:
        found.append(options)
        model = torch.nn.Linear(1, 1)
        model.config = type("Config", (), {})()
        return model

    monkeypatch.setattr(worker, "model_class", lambda _: SimpleNamespace(from_pretrained=load))
    monkeypatch.setattr(
        worker, "fewer_bits", lambda method, *_, **__: {"bits": 4} if method == "qlora" else {}
    )
    return found


def test_a_base_goes_straight_onto_its_card(
    asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the machine's memory, a 16 GB base would need 16 GB there too."""
    worker._model(orders("lora", "cuda"))
    monkeypatch.setenv("LOCAL_RANK", "1")
    worker._model(orders("qlora", "cuda"))
    worker._model(orders("lora", "cuda", parallel="fsdp"))
    worker._model(orders("lora", "cpu", precision="fp32"))
    assert [o.get("device_map") for o in asked] == [{"": 0}, {"": 1}, None, None]
    assert [o.get("bits") for o in asked] == [None, 4, None, None]
    assert asked[0]["dtype"] == torch.bfloat16


def test_with_fp16_what_is_trained_stays_in_full_precision() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)).to(torch.bfloat16)
    for frozen in model[0].parameters():
        frozen.requires_grad = False
    worker._scalable(model)
    assert {p.dtype for p in model[0].parameters()} == {torch.bfloat16}
    assert {p.dtype for p in model[1].parameters()} == {torch.float32}


def test_eight_bits_are_checkpointed_in_the_way_that_frees_them() -> None:
    """In the other one bitsandbytes keeps every layer's inputs: measured, 2.5 times the memory."""
    found = {}
    for method in ("lora", "lora8", "qlora"):
        spec, plan = planned("trl", "llama", method, length=8192)
        told = trl.orders(spec, plan, "./base", True)["arguments"]
        assert told["gradient_checkpointing"]
        found[method] = told.get("gradient_checkpointing_kwargs")
    assert found == {"lora": None, "lora8": {"use_reentrant": True}, "qlora": None}
