"""Specs, memory tables, settings with reasons, metrics: all without torch."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plans import BASES, CPU, GPU, prepared

from sessiontune.errors import UsageError
from sessiontune.howto import hardware
from sessiontune.training import planner, settling
from sessiontune.training.bases import Base, resolve
from sessiontune.training.hardware import Gpu, Machine
from sessiontune.training.metrics import (
    from_trainer_state,
    keep_until,
    overfitting,
    read_metrics,
    summary,
)
from sessiontune.training.shortage import crowded
from sessiontune.training.spec import LIMITS, from_where, make_spec
from sessiontune.training.yamltext import to_yaml

EIGHT = Base(
    id="m", path="/m", family="llama", billions=8.03, layers=32, hidden=4096, context=131072
)


def machine(gpu: float, bits: bool = True) -> Machine:
    return Machine(
        system="Linux", cpu="x", cores=8, memory=64, free=60, disk=500,
        gpus=(Gpu("G", gpu, "cuda"),), torch="2.9", bitsandbytes=bits,
    )  # fmt: skip


APPLE = Machine(
    system="Darwin", cpu="x", cores=8, memory=32, free=20, disk=500,
    gpus=(Gpu("Apple", 24, "mps"),), torch="2.9", bitsandbytes=True,
)  # fmt: skip


def test_settings_combine_in_order() -> None:
    spec = make_spec({"rank": 4, "base": None}, {"base": "x", "rank": 8, "alpha": 9}, "original")
    assert (spec.base, spec.rank, spec.alpha, spec.rate) == ("x", 4, 9, 5e-5)


def test_epochs_that_are_given_are_not_cut_by_the_steps_of_a_preset() -> None:
    assert make_spec({"rank": 4, "epochs": None}, None, "demo").max_steps == 60
    assert make_spec({"epochs": 2.0}, None, "demo").max_steps == 0
    assert make_spec({"max_steps": 7}, {"epochs": 2.0}, "demo").max_steps == 7


def test_the_original_preset_is_the_readmes() -> None:
    spec = make_spec({}, None, "original")
    assert (spec.batch, spec.accumulation, spec.epochs, spec.rate) == (4, 4, 3.0, 5e-5)
    assert (spec.length, spec.method) == (2048, "lora")


@pytest.mark.parametrize(
    "given",
    [{"rank": 0}, {"epochs": -1}, {"preset": "x"}, {"rnk": 3}, {"method": "magic"}, {"base": ""},
     {"length": 5}],
)  # fmt: skip
def test_wrong_settings_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        make_spec({"base": "tiny", **given}, None, str(given.pop("preset", "")))


def test_every_number_has_limits() -> None:
    from sessiontune.training.spec import TrainSpec, to_dict

    numbers = {
        k for k, v in to_dict(TrainSpec(base="x")).items()
        if isinstance(v, (int, float)) and not isinstance(v, bool)
    }  # fmt: skip
    assert numbers - set(LIMITS) == {"seed"}


def settle(spec_given: dict[str, object], base: Base, here: Machine) -> settling.Settings:
    return settling.settle(make_spec({"base": "x", **spec_given}), base, here)[0]


def test_method_and_length_follow_the_memory() -> None:
    """An 8B base on cards of 80, 16, 12 and 8 GB: as long as it fits, and no longer."""
    assert settle({}, EIGHT, machine(80)).method == "lora"
    assert settle({}, EIGHT, machine(80)).length == 8192
    for size, length in ((16, 8192), (12, 4096), (8, 2048)):
        small = settle({}, EIGHT, machine(size * 2**30 / 1e9))
        assert (small.method, small.length) == ("qlora", length)
    # LLaMA-Factory holds all logits at once, so that the same card takes less.
    assert settle({"trainer": "llamafactory"}, EIGHT, machine(17)).length == 4096
    assert settle({}, EIGHT, machine(12, bits=False)).method == "lora"


#: Layers, hidden and inner size, columns of queries and keys, whether head and embedding are one.
SIZES = {
    "1.5B": (28, 1536, 8960, 1536, 256, True),
    "3B": (36, 2048, 11008, 2048, 256, True),
    "4B": (36, 2560, 9728, 4096, 1024, True),
    "8B": (36, 4096, 12288, 4096, 1024, False),
    "14B": (40, 5120, 17408, 5120, 1024, False),
}


def like_qwen(layers: int, hidden: int, inner: int, query: int, key: int, tied: bool) -> Base:
    rows = 151_936
    ends = rows * hidden * (1 if tied else 2) / 1e9
    layer = hidden * (2 * query + 2 * key + 3 * inner)
    return Base(
        id="m", path="/m", family="qwen2", billions=ends + layers * layer / 1e9, layers=layers,
        hidden=hidden, inner=inner, ends=ends, rows=rows, context=40960,
    )  # fmt: skip


def test_the_cards_of_the_how_to_and_of_the_data_card_are_those_of_the_plan() -> None:
    page = (Path(__file__).parents[2] / "docs" / "howto" / "train.md").read_text("utf-8")
    rows = []
    for size in (8, 12, 16, 24):
        cells = []
        for sizes in SIZES.values():
            card = machine(size * 2**30 / 1e9)
            made = settle({}, like_qwen(*sizes), card)
            fits = made.memory <= card.gpus[0].room
            cells.append(f"{made.method}, {made.length}" if fits else "too large")
        rows.append(f"| {size} GB | " + " | ".join(cells) + " |\n")
    for text in (page, hardware()):
        assert "".join(rows) in text
        assert " | ".join(SIZES) in text


def test_what_other_programs_hold_is_not_there() -> None:
    card = Gpu("G", 17.2, "cuda", free=12.4)
    here = msgspec.structs.replace(machine(1), gpus=(card,))
    assert settle({}, EIGHT, machine(17.2)).length == 8192
    shared = settle({}, EIGHT, here)
    assert shared.length == 4096
    said = crowded(shared, here)
    assert len(said) == 1
    assert "4.8 GB" in said[0]


def test_apples_gpu_trains_in_16_bits_what_does_not_fit_in_32() -> None:
    half = settle({}, EIGHT, APPLE)
    assert (half.precision, half.method, half.length) == ("bf16", "lora", 4096)
    assert half.memory <= half.room
    assert settle({"precision": "fp32"}, EIGHT, APPLE).memory > 30
    small = msgspec.structs.replace(EIGHT, billions=1.5, layers=28, hidden=1536)
    assert settle({}, small, APPLE).precision == "fp32"
    older = msgspec.structs.replace(APPLE, gpus=(Gpu("Apple", 24, "mps", bf16=False),))
    assert settle({}, EIGHT, older).precision == "fp32"
    assert settle({"method": "full"}, EIGHT, APPLE).precision == "fp32"


def test_a_card_without_bf16_gets_fp16() -> None:
    old = msgspec.structs.replace(machine(1), gpus=(Gpu("2080 Ti", 11.5, "cuda", bf16=False),))
    plain, wide = settle({}, EIGHT, machine(11.5)), settle({}, EIGHT, old)
    assert (plain.precision, wide.precision) == ("bf16", "fp16")
    assert wide.memory > plain.memory  # its adapter stays in full precision


def test_the_rate_follows_the_task_and_the_method() -> None:
    def rate(**given: object) -> float:
        return settle(given, EIGHT, machine(500)).rate

    assert rate() > rate(method="full") > rate(task="dpo") > 0
    assert rate(task="kto", method="full") == rate(task="dpo")
    assert rate(task="dpo", rate=1e-4) == rate(rate=1e-4) == 1e-4
    said = {str(given): _line("learning rate", given).reason for given in ({}, {"rate": 1e-4})}
    assert len(set(said.values())) == 2


def _line(name: str, given: dict[str, object]) -> settling.Line:
    _, lines = settling.settle(make_spec({"base": "x", **given}), EIGHT, machine(500))
    return next(line for line in lines if line.name == name)


def test_dpo_holds_two_answers_at_once() -> None:
    one, two = (settle({"task": t, "length": 8192}, EIGHT, machine(80)) for t in ("sft", "dpo"))
    kto = settle({"task": "kto", "length": 8192}, EIGHT, machine(80))
    assert one.memory < two.memory == kto.memory  # KTO: two examples


def test_a_quantised_base_is_not_trained_as_a_whole() -> None:
    base = msgspec.structs.replace(EIGHT, quantised="fp8", bits=8)
    with pytest.raises(UsageError, match="quantised"):
        settle({"method": "full"}, base, machine(500))
    assert settle({}, base, machine(500)).method == "lora"


def test_kto_gets_two_at_once() -> None:
    """TRL refuses KTO with one example at a time."""
    settings = settle({"task": "kto"}, EIGHT, machine(80))
    assert (settings.batch, settings.accumulation) == (2, 4)
    assert settle({"task": "kto", "batch": 3}, EIGHT, machine(80)).batch == 3


@pytest.mark.parametrize(
    ("given", "here", "words"),
    [
        ({"method": "qlora"}, CPU, "NVIDIA GPU"),
        ({"method": "qlora"}, APPLE, "NVIDIA GPU"),
        ({"method": "lora8"}, CPU, "NVIDIA GPU"),
        ({"method": "qlora"}, machine(24, bits=False), "bitsandbytes"),
        ({"device": "cuda"}, CPU, "no cuda"),
        ({"length": 10**6}, GPU, "takes 131072 tokens"),
    ],
)
def test_what_cannot_be_had_is_refused(given: dict[str, object], here: Machine, words: str) -> None:
    with pytest.raises(UsageError, match=words) as error:
        settle(given, EIGHT, here)
    assert error.value.hint


def test_full_precision_on_the_cpu_counts() -> None:
    """The tables are for 16-bit weights; the CPU holds 4 bytes of each."""
    on_gpu, on_cpu = settle({}, EIGHT, machine(80)), settle({}, EIGHT, CPU)
    assert on_cpu.precision == "fp32"
    assert on_cpu.memory > on_gpu.memory + 2 * 8
    assert on_cpu.checkpointing
    assert not settle({}, BASES["llama"], CPU).checkpointing


def test_four_bits_on_the_cpu_need_only_bitsandbytes() -> None:
    able = msgspec.structs.replace(CPU, bitsandbytes=True)
    assert settle({"method": "qlora"}, EIGHT, able).method == "qlora"
    assert settle({}, EIGHT, able).method == "lora"


def safetensors(path: Path, tensors: dict[str, tuple[str, list[int]]]) -> None:
    """A file of which only the header is whole: nothing reads more here."""
    header = {k: {"dtype": d, "shape": s, "data_offsets": [0, 0]} for k, (d, s) in tensors.items()}
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text)


@pytest.mark.parametrize(
    ("config", "tensors"),
    [
        ({}, {"a.weight": ("BF16", [1000, 64])}),
        (
            {"quant_method": "bitsandbytes", "load_in_4bit": True},
            {
                "a.weight": ("U8", [32000, 1]),
                "a.weight.absmax": ("U8", [1000]),
                "a.weight.quant_map": ("F32", [16]),
                "a.weight.quant_state.bitsandbytes__nf4": ("U8", [80]),
            },
        ),
        (
            {"quant_method": "gptq", "bits": 4},
            {
                "a.qweight": ("I32", [8, 1000]),
                "a.qzeros": ("I32", [1, 125]),
                "a.scales": ("F16", [1, 1000]),
            },
        ),
    ],
)
def test_a_quantised_base_has_as_many_parameters(
    tmp_path: Path, config: dict[str, object], tensors: dict[str, tuple[str, list[int]]]
) -> None:
    settings = {"quantization_config": config} if config else {}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    safetensors(tmp_path / "model.safetensors", tensors)
    base = resolve(str(tmp_path))
    assert base.billions * 1e9 == pytest.approx(64000)
    assert base.quantised == config.get("quant_method", "")


def test_older_weights_are_counted_by_their_size(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"\0" * 4000)
    assert resolve(str(tmp_path)).billions * 1e9 == pytest.approx(2000)


def test_a_reason_tells_a_preset_from_what_was_given() -> None:
    """What the preset chose was called given, and a given length the preset's."""
    spec = make_spec({"length": 512}, None, "demo")
    told = {name: from_where(spec, name) for name in ("device", "batch", "patience", "length")}
    assert told == {**dict.fromkeys(told, "preset demo"), "length": "given"}
    assert from_where(make_spec({"base": "b", "batch": 2}), "batch") == "given"


def test_the_reason_for_the_warm_up_is_true() -> None:
    """Any warm-up was called "5-10% of the steps", also one of none and one of half."""

    def why(**given: object) -> str:
        spec = make_spec({"base": "x", **given})
        settings, lines = settling.settle(spec, BASES["llama"], CPU)
        made = planner.plan(
            spec, BASES["llama"], CPU, settings, lines, prepared(40), prepared(6), 40, True
        )
        return next(line.reason for line in made.lines if line.name == "schedule")

    assert why(warmup=0) == why(warmup=0.5) == "given"
    assert why() == "8% of the steps, 5 at least, half at most"


def test_every_line_of_a_plan_has_its_reason() -> None:
    spec = make_spec({"base": "tiny"})
    settings, lines = settling.settle(spec, BASES["llama"], CPU)
    made = planner.plan(
        spec, BASES["llama"], CPU, settings, lines, prepared(40), prepared(6), 40, True
    )
    assert (made.steps, made.steps_per_epoch) == (15, 5)
    assert made.warmup_steps == 5
    assert all(line.value and line.reason for line in made.lines)


def test_a_plan_without_a_held_out_side_promises_no_evaluation() -> None:
    """It said that the best checkpoint by evaluation would be used, and that it stops early."""
    for patience in (0, 2):
        spec = make_spec({"base": "tiny", "patience": patience})
        settings, lines = settling.settle(spec, BASES["llama"], CPU)
        made = planner.plan(
            spec, BASES["llama"], CPU, settings, lines, prepared(40), prepared(0), 40, False
        )
        told = {line.name: f"{line.value}: {line.reason}" for line in made.lines}
        assert "the last is used: nothing is held out" in told["checkpoints"]
        assert told["early stop"] == "off: nothing is held out"


def test_a_plan_says_how_many_held_out_examples_there_are_and_how_many_it_looks_at() -> None:
    """The preflight counted all of them, the plan those of one evaluation: 114 and 16."""
    told = []
    for preset in ("demo", ""):
        spec = make_spec({"base": "tiny"}, None, preset)
        settings, lines = settling.settle(spec, BASES["llama"], CPU)
        many = prepared(114)
        made = planner.plan(
            spec, BASES["llama"], CPU, settings, lines, prepared(40), many, 40, True
        )
        told.append(next(line.value for line in made.lines if line.name == "data"))
    assert told == [
        "40 rows, 40 examples; 114 held-out examples, 16 of them in each evaluation",
        "40 rows, 40 examples; 114 held-out examples",
    ]


def test_layers_that_the_base_does_not_have_are_refused_by_name(tmp_path: Path) -> None:
    """From the headers alone, before anything is rendered; a head tied to the embedding is one."""
    (tmp_path / "config.json").write_text("{}")
    layer = "model.layers.0.self_attn.q_proj"
    held = {
        f"{layer}.weight": ("U8", [32, 1]),
        f"{layer}.weight.absmax": ("F32", [4, 1]),
        "model.layers.0.mlp.up_proj.qweight": ("I32", [8, 8]),
        "model.norm.weight": ("F32", [8]),
    }
    safetensors(tmp_path / "model.safetensors", held)
    base = resolve(str(tmp_path))
    assert base.matrices == ("lm_head", "q_proj", "up_proj")
    for good in ("all-linear", "q_proj, up_proj", "self_attn.q_proj,lm_head"):
        settling.settle(make_spec({"base": "x", "targets": good}), base, CPU)
    for bad, advice in (("q_prj", "Did you mean 'q_proj'"), ("norm", "lm_head, q_proj, up_proj")):
        with pytest.raises(UsageError) as error:
            settling.settle(make_spec({"base": "x", "targets": bad}), base, CPU)
        assert f"no layer '{bad}'" in error.value.message
        assert advice in error.value.hint


@pytest.mark.parametrize("whole", ["model.safetensors", "pytorch_model.bin"])
def test_a_download_that_was_broken_off_is_known_before_the_training(
    whole: str, tmp_path: Path
) -> None:
    """Its plan was made for the half that was there, and the worker failed minutes later."""
    stem, _, kind = whole.partition(".")
    names = [f"{stem}-0000{n}-of-00002.{kind}" for n in (1, 2)]
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / names[0]).write_bytes((2).to_bytes(8, "little") + b"{}")
    index = tmp_path / f"{whole}.index.json"
    index.write_text(json.dumps({"weight_map": {"a": names[0], "b": names[1]}}))
    with pytest.raises(UsageError, match=f"1 of 2 files with weights .* .first: {names[1]}"):
        resolve(str(tmp_path))
    index.write_text('{"weight_map": ')
    with pytest.raises(UsageError, match="cannot be read"):
        resolve(str(tmp_path))
    (tmp_path / names[0]).rename(tmp_path / whole)  # as one file: the index is of another copy
    assert resolve(str(tmp_path)).path == str(tmp_path)


def test_layers_are_known_of_older_weights_too(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    (tmp_path / "config.json").write_text("{}")
    named = tmp_path / "pytorch_model.bin"
    torch.save({"a.q_proj.weight": torch.zeros(2, 2), "a.norm.weight": torch.zeros(2)}, named)
    base = resolve(str(tmp_path))
    assert base.matrices == ("lm_head", "q_proj")
    with pytest.raises(UsageError, match="no layer 'q_prj'"):
        settling.settle(make_spec({"base": "x", "targets": "q_prj"}), base, CPU)
    torch.save({"a": Path("no tensor")}, named)
    with pytest.raises(UsageError, match=r"pytorch_model\.bin cannot be read"):
        resolve(str(tmp_path))


def test_several_gpus_share_the_effective_batch() -> None:
    spec = make_spec({"base": "tiny", "gpus": 4, "parallel": "ddp", "method": "lora"})
    settings, lines = settling.settle(spec, EIGHT, machine(80))
    made = planner.plan(spec, EIGHT, machine(80), settings, lines, prepared(40), None, 40, True)
    assert settings.batch * settings.accumulation * 4 == 8
    assert made.steps_per_epoch == 5


def test_too_little_memory_is_a_warning_with_figures() -> None:
    spec = make_spec({"base": "x", "method": "lora"})
    settings, lines = settling.settle(spec, EIGHT, machine(12))
    made = planner.plan(spec, EIGHT, machine(12), settings, lines, prepared(9), None, 9, True)
    assert any("GB needed" in warning and "--method qlora" in warning for warning in made.warnings)
    spec = make_spec({"base": "x", "method": "qlora", "length": 8192, "batch": 64})
    settings, lines = settling.settle(spec, EIGHT, machine(12))
    made = planner.plan(spec, EIGHT, machine(12), settings, lines, prepared(9), None, 9, False)
    assert any("--length" in w and "qlora" not in w for w in made.warnings)  # it is qlora already


def metric(kind: str, step: int, loss: float) -> dict[str, object]:
    return {"kind": kind, "step": step, "loss": loss}


def test_overfitting_is_named_when_evaluation_turns_up() -> None:
    train = [metric("train", step, 5 - step / 10) for step in range(1, 31)]
    held = [metric("eval", s, v) for s, v in ((10, 3.0), (20, 2.5), (30, 2.9))]
    said = overfitting([metric("base", 0, 5.0), *train, *held])
    assert "step 20" in said and "2.9" in said  # noqa: PT018
    assert overfitting([metric("base", 0, 5.0), *train, *held[:2], metric("eval", 30, 2.4)]) == ""


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    lines = [json.dumps(metric("train", i, 1.0)) for i in range(1, 6)]
    path.write_text("\n".join(lines) + "\n" + lines[0][:9])
    assert len(read_metrics(path)) == 5
    keep_until(path, 3)
    assert [m["step"] for m in read_metrics(path)] == [1, 2, 3]
    assert summary(read_metrics(path))["steps"] == 3


def test_one_schema_for_every_trainer(tmp_path: Path) -> None:
    state = {
        "log_history": [
            {"eval_loss": 6.5, "step": 0, "epoch": 0},
            {"loss": 6.0, "step": 1, "epoch": 0.1, "learning_rate": 1e-4, "grad_norm": 1.0},
            {"eval_loss": 5.5, "step": 1, "epoch": 0.1},
            {"train_runtime": 3.0, "step": 1},
        ]
    }
    path = tmp_path / "trainer_state.json"
    path.write_text(json.dumps(state))
    assert [m["kind"] for m in from_trainer_state(path)] == ["base", "train", "eval"]


@given(
    st.dictionaries(
        st.text("abcdefghij_", min_size=1),
        st.one_of(st.booleans(), st.integers(-9, 10**6), st.text(max_size=20), st.floats(1e-6, 10)),
        min_size=1,
    )
)
def test_yaml_reads_back(value: dict[str, object]) -> None:
    yaml = pytest.importorskip("yaml")
    back = yaml.safe_load(to_yaml({f"k_{k}": v for k, v in value.items()}, "a comment"))
    for key, item in value.items():
        assert back[f"k_{key}"] == (
            pytest.approx(item, abs=1e-9) if isinstance(item, float) else item
        )


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"adapter_config.json": "{}"}, "LoRA adapter"),
        ({"m.gguf": "GGUF"}, "GGUF"),
        ({"config.json": "{}"}, "no weights"),
        ({"config.json": "{"}, "cannot be read"),
        ({"config.json": "{}", "model.safetensors": "torn"}, "cannot be read"),
    ],
)
def test_folders_that_are_no_base(tmp_path: Path, files: dict[str, str], words: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(UsageError) as error:
        resolve(str(tmp_path))
    assert words in error.value.message + error.value.hint


def test_bases_in_eight_bits_and_in_a_form_that_learns_nothing() -> None:
    eight = msgspec.structs.replace(BASES["llama"], billions=30, quantised="fp8", bits=8)
    four = msgspec.structs.replace(eight, quantised="bitsandbytes", bits=4)
    spec = make_spec({"base": "x", "length": 2048})
    need = {b.bits: settling.settle(spec, b, GPU)[0].memory for b in (eight, four)}
    assert need[8] > 30 > need[4]
    fixed = msgspec.structs.replace(eight, quantised="mxfp4", bits=0)
    with pytest.raises(UsageError, match="cannot be trained"):
        settling.settle(spec, fixed, GPU)


@pytest.mark.parametrize(("bf16", "verdict"), [(True, "fits at 64 tokens"), (False, "more than")])
def test_doctor_knows_that_a_mac_trains_in_16_bits_what_is_too_large(
    bf16: bool, verdict: str, tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    from sessiontune.cli.main import main
    from sessiontune.runtime.checkup import checkup
    from sessiontune.training.memory import estimate

    monkeypatch.setattr("sessiontune.runtime.checkup.resolve", lambda name: EIGHT)
    shape = EIGHT.shape
    room = (estimate(shape, "lora", 64) + estimate(shape, "lora", 64, width=4)) / 2
    card = Gpu("Apple", 24, "mps", bf16)
    here = Machine(
        system="Darwin", cpu="x", cores=8, memory=32, free=20, disk=500,
        gpus=(card,), torch="2.9", bitsandbytes=True,
    )  # fmt: skip
    monkeypatch.setattr("sessiontune.runtime.checkup.machine", lambda folder: here)
    monkeypatch.setattr("sessiontune.runtime.checkup._room", lambda here: room)
    found = checkup(tmp_path, str(tiny), 64)["base"]
    assert next(m for m in found["methods"] if m["method"] == "lora")["verdict"].startswith(verdict)
    assert main(["doctor", "--base", str(tiny)]) == 0
    following = capsys.readouterr().out.rpartition("Next:")[2]
    assert f"train DIR --base {tiny}" in following
    assert "--download" not in following


def test_doctor_looks_for_the_converter_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It called the converter "there" where only packages were, and shipping then had none."""
    from sessiontune.runtime.checkup import _parts

    def converter() -> dict[str, str]:
        return next(part for part in _parts() if part["name"] == "GGUF converter")

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SESSIONTUNE_CACHE", str(tmp_path / "cache"))
    assert converter()["state"] == "not here"
    assert "--fetch-converter" in converter()["hint"]
    monkeypatch.setenv("SESSIONTUNE_LLAMA_CPP", str(tmp_path / "wrong"))
    assert converter()["state"] == "not found"
    (tmp_path / "wrong").mkdir()
    (tmp_path / "wrong/convert_hf_to_gguf.py").touch()
    assert converter()["state"] == "there"


def test_a_trainer_that_is_not_installed_is_not_said_to_be_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from sessiontune.runtime import trainersenv

    monkeypatch.setattr(trainersenv, "find_spec", lambda name: None if name == "trl" else object())
    first = trainersenv.states()[0]
    assert (first["name"], first["state"]) == ("trl", "not installed")
    assert "sessiontune[train]" in first["place"]
