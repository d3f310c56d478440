"""The estimate of memory and time against what was measured on a card, row by row."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiontune.training import memory
from sessiontune.training.bases import Base, describe
from sessiontune.training.hardware import Gpu, Machine, teraflops
from sessiontune.training.memory import estimate
from sessiontune.training.pace import pace_of
from sessiontune.training.settling import settle
from sessiontune.training.spec import make_spec
from warm import apart

LINES = (Path(__file__).parent / "measured.jsonl").read_text().splitlines()
HEAD = json.loads(LINES[0])
ROWS = [json.loads(line) for line in LINES[1:]]
#: How far above the measured peak an estimate may lie; without dropout it may be a little more.
MARGIN, WITHOUT_DROPOUT = 1.12, 1.17


def named(row: dict[str, Any]) -> str:
    return f"{row['shape']}-{row['method']}-{row['length']}"


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_no_plan_says_less_than_was_measured(row: dict[str, Any]) -> None:
    shape = msgspec.convert(row["sizes"], memory.Shape)
    said = memory.estimate(shape, row["method"], row["length"], rank=row["rank"])
    needed = row["allocated"] + HEAD["context"]
    assert said >= needed
    assert said <= needed * (MARGIN if row["dropout"] else WITHOUT_DROPOUT)
    if row["expandable"]:  # as `train` sets the allocator: what it holds is hardly more
        assert said >= row["reserved"] + HEAD["context"]


def test_the_time_of_a_pass_is_near_what_was_measured() -> None:
    card = Gpu("H200", 150, "cuda", teraflops=teraflops(facts(9, 0, 132, 1.98e6)))
    here = Machine(system="", cpu="", cores=8, memory=64, free=60, disk=500, gpus=(card,))
    alone = [row for row in ROWS if row["alone"]]
    assert alone
    for row in alone:
        sizes = row["sizes"]
        base = Base(id="m", path="/m", billions=sizes["billions"], layers=sizes["layers"])
        pace = pace_of(base, here, "cuda", row["method"], True)
        assert 0.6 < pace.seconds(row["length"]) / (row["seconds"] / 2) < 1.4


def facts(major: int, minor: int, processors: int, kilohertz: float) -> Any:
    return SimpleNamespace(
        major=major, minor=minor, multi_processor_count=processors, clock_rate=kilohertz
    )


@pytest.mark.parametrize(
    ("major", "minor", "processors", "megahertz", "sheet"),
    [
        (8, 9, 128, 2520, 165),  # RTX 4090
        (8, 6, 28, 1777, 25),  # RTX 3060
        (8, 0, 108, 1410, 312),  # A100
        (9, 0, 132, 1830, 989),  # H100 SXM
        (12, 0, 170, 2407, 209),  # RTX 5090
    ],
)
def test_the_data_sheets_come_out(
    major: int, minor: int, processors: int, megahertz: int, sheet: float
) -> None:
    """Dense 16-bit matrix work summed in 32 bits, as the makers print it."""
    found = teraflops(facts(major, minor, processors, megahertz * 1e3))
    assert found == pytest.approx(sheet, rel=0.03)


def test_a_torch_that_tells_no_clock_leaves_it_unknown() -> None:
    assert teraflops(SimpleNamespace(major=8, minor=6, multi_processor_count=28)) == 0


METHODS = ("full", "lora", "lora8", "qlora")


@given(st.floats(0.1, 120), st.floats(0.1, 120), st.sampled_from(METHODS))
def test_more_parameters_never_need_less(one: float, two: float, method: str) -> None:
    small, large = (memory.typical(size) for size in sorted((one, two)))
    assert memory.estimate(small, method, 8192) <= memory.estimate(large, method, 8192)


@given(st.floats(0.5, 70), st.integers(128, 65536))
def test_less_precise_bases_never_need_more(billions: float, length: int) -> None:
    needs = [memory.estimate(memory.typical(billions), m, length) for m in METHODS]
    assert needs == sorted(needs, reverse=True)


@given(st.floats(2, 200), st.sampled_from(["lora", "qlora"]))
def test_the_largest_that_fits_fits(room: float, method: str) -> None:
    size = memory.largest(room, method)
    assert size == 0 or memory.estimate(memory.typical(size), method, 4096) <= room
    assert memory.estimate(memory.typical(size + 0.2), method, 4096) > room


def test_a_card_says_what_is_left_of_it() -> None:
    known, unknown = Gpu("G", 12.9, "cuda", free=9.0), Gpu("G", 12.9, "cuda")
    assert known.room == pytest.approx(9.0 * 0.98)
    assert known.taken == pytest.approx(3.9)
    assert unknown.room == pytest.approx(12.9 * 0.92)
    assert unknown.taken == 0


#: As the how-to prints it: base -> for cards of 8, 12, 16 and 24 GB, method and length ("": no).
PLANNED = {
    "1.5B": ("lora 8192", "lora 8192", "lora 8192", "lora 8192"),
    "3B": ("qlora 8192", "lora 8192", "lora 8192", "lora 8192"),
    "4B": ("qlora 8192", "qlora 8192", "lora 8192", "lora 8192"),
    "8B": ("", "qlora 4096", "qlora 8192", "qlora 8192"),
    "14B": ("", "", "qlora 4096", "qlora 8192"),
}
#: billions, ends, layers, hidden, inner of the Qwen2.5 and Qwen3 bases of these sizes.
SIZES = {
    "1.5B": (1.544, 0.233, 28, 1536, 8960),
    "3B": (3.086, 0.311, 36, 2048, 11008),
    "4B": (4.022, 0.389, 36, 2560, 9728),
    "8B": (8.191, 1.245, 36, 4096, 12288),
    "14B": (14.768, 1.556, 40, 5120, 17408),
}


@pytest.mark.parametrize("name", PLANNED)
def test_the_how_to_says_what_is_planned(name: str) -> None:
    billions, ends, layers, hidden, inner = SIZES[name]
    base = Base(
        id=name, path="/m", billions=billions, ends=ends, layers=layers, hidden=hidden,
        inner=inner, rows=151936, context=32768,
    )  # fmt: skip
    found = []
    for size in (8, 12, 16, 24):
        card = Gpu("card", size * 2**30 / 1e9, "cuda")
        here = Machine(
            system="", cpu="", cores=8, memory=32, free=30, disk=500, gpus=(card,),
            bitsandbytes=True,
        )  # fmt: skip
        settings = settle(make_spec({"base": "x"}), base, here)[0]
        fits = settings.memory <= settings.room
        found.append(f"{settings.method} {settings.length}" if fits else "")
    assert tuple(found) == PLANNED[name]
    page = (Path(__file__).parents[2] / "docs" / "howto" / "train.md").read_text()
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    column = next(row for row in rows if row[0] == "GPU").index(name)
    cards = [next(row for row in rows if row[0] == f"{size} GB") for size in (8, 12, 16, 24)]
    printed = [row[column].replace(",", "").replace("too large", "") for row in cards]
    assert printed == found


def test_experts_stay_as_they_are_whatever_the_method(tmp_path: Path) -> None:
    """bitsandbytes packs linear layers; experts stand in one block, which it leaves in 16 bits."""
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    expert = "model.layers.0.mlp.experts"
    (tmp_path / "config.json").write_text('{"model_type": "qwen3_moe", "num_hidden_layers": 1}')
    save_file(
        {
            f"{expert}.0.gate_proj.weight": torch.zeros(32, 64),
            f"{expert}.1.gate_proj.weight": torch.zeros(32, 64),
            "model.layers.0.mlp.shared_experts.gate_proj.weight": torch.zeros(32, 64),
        },
        tmp_path / "model.safetensors",
    )
    base = describe(tmp_path, "moe")
    assert base.experts == pytest.approx(2 * 32 * 64 / 1e9)
    assert base.edges == pytest.approx(2 * (32 + 64) / 1e9)
    dense = msgspec.structs.replace(base, billions=30, ends=0.6, experts=0, edges=0).shape
    mixed = msgspec.structs.replace(base, billions=30, ends=0.6, experts=28, edges=0).shape
    assert estimate(dense, "qlora", 2048) < 30
    assert estimate(mixed, "qlora", 2048) > 57


def _peak(family: str) -> float:
    """What a pass takes at its peak, in bytes for each head and pair of tokens."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    length, heads = 1024, 16
    sizes: dict[str, Any] = {
        "vocab_size": 256, "hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": heads, "num_key_value_heads": 2, "head_dim": 16,
    }  # fmt: skip
    if family == "gpt_oss":
        sizes |= {"num_local_experts": 2, "num_experts_per_tok": 1}
        sizes |= {"layer_types": ["sliding_attention", "full_attention"]}
    torch.set_num_threads(1)
    config = AutoConfig.for_model(family, **sizes)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.config.use_cache = False
    for name, weights in model.named_parameters():
        weights.requires_grad_("proj" in name)
    model.train()
    model.gradient_checkpointing_enable({"use_reentrant": False})
    model.enable_input_require_grads()

    def peak() -> int:
        """Its own: what getrusage says begins with the peak of the process that started it."""
        found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
        assert found is not None
        return int(found[1]) * 1024

    ids = torch.randint(0, 255, (1, length))
    model(input_ids=ids[:, :64], labels=ids[:, :64]).loss.backward()
    before = peak()
    model(input_ids=ids, labels=ids).loss.backward()
    return (peak() - before) / (heads * length * length)


@pytest.mark.slow
@pytest.mark.models
@pytest.mark.skipif(sys.platform != "linux", reason="peaks are read as Linux counts them")
@pytest.mark.parametrize("family", sorted(memory.EAGER))
def test_attention_step_by_step_takes_what_is_said(family: str) -> None:
    pytest.importorskip("transformers")
    measured = apart(_peak, family)
    assert memory.EAGER[family] / 1.5 < measured <= memory.EAGER[family]


def test_long_examples_weigh_more_where_attention_goes_step_by_step(tmp_path: Path) -> None:
    like = Base(id="m", path="/m", billions=9.2, layers=42, hidden=3584, inner=14336, heads=16)
    other, gemma = (msgspec.structs.replace(like, family=f) for f in ("llama", "gemma2"))
    short, long = (
        estimate(gemma.shape, "qlora", n) - estimate(other.shape, "qlora", n) for n in (2048, 8192)
    )
    assert long == pytest.approx(16 * short, rel=0.02)
    assert long > 15  # 16 heads, 67 million pairs
    card = Machine(
        system="", cpu="", cores=8, memory=64, free=60, disk=500, bitsandbytes=True,
        gpus=(Gpu("card", 24, "cuda", bf16=True),),
    )  # fmt: skip
    spec = make_spec({"base": "m"})
    assert settle(spec, other, card)[0].length == 8192
    assert settle(spec, gemma, card)[0].length == 4096


def test_gpt_oss_has_experts_that_no_adapter_reaches(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    config = {
        "model_type": "gpt_oss", "num_hidden_layers": 1, "num_attention_heads": 4,
        "intermediate_size": 32, "num_experts_per_tok": 2,
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    experts = {"model.layers.0.mlp.experts.down_proj": torch.zeros(2, 32, 64)}
    save_file(experts, tmp_path / "model.safetensors")
    base = describe(tmp_path, "oss")
    assert (base.edges, base.heads, base.inner) == (0, 4, 64)
    assert base.experts == pytest.approx(2 * 32 * 64 / 1e9)
    here = Machine(system="", cpu="", cores=8, memory=64, free=60, disk=500)
    settings, lines = settle(make_spec({"base": "m"}), base, here)
    adapter = next(line for line in lines if line.name == "adapter")
    assert adapter.reason == "attention only; dropout against memorising"
    assert settings.dropout == 0.05
