"""Local arms: loss in pieces, a base as it was trained, and a card that is too small."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sessiontune.errors import ToolError
from sessiontune.evaluation import local
from sessiontune.evaluation.arms import Arm
from sessiontune.evaluation.cache import Cache
from sessiontune.evaluation.heldout import HeldExample, Run
from sessiontune.evaluation.losses import losses

pytest.importorskip("torch")
pytestmark = pytest.mark.models

BASE = Arm(name="base", kind="base", digest="b")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    from sessiontune.training.tiny import make_tiny

    folder = tmp_path_factory.mktemp("run")
    make_tiny(folder / "base", ["some words to learn from"], vocab=400)
    return Run(folder, {"base": {"path": "base"}, "method": "qlora"})


def test_loss_in_pieces_is_the_whole_loss(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = local.Lab(run, "cpu")
    ids = list(range(20, 60))
    labels = [-100, *ids[1:30], *[-100] * 10]
    whole = lab.loss(BASE, ids, labels)
    monkeypatch.setattr(local, "PIECE", 4)
    pieces = lab.loss(BASE, ids, labels)
    assert pieces.tokens == whole.tokens == 29
    assert pieces.nats == pytest.approx(whole.nats, rel=1e-6)


def test_a_bases_own_settings_change_no_answer(run: Run, tmp_path: Path) -> None:
    """Qwen 2.5 brings a repetition penalty; a server, or a GGUF file of the same, has none."""
    shutil.copytree(run.base, tmp_path / "base")
    settings = tmp_path / "base" / "generation_config.json"
    told = json.loads(settings.read_text())
    settings.write_text(json.dumps({**told, "repetition_penalty": 5.0}))
    prompts = [local.Prompt([20, 30, 40], 16), local.Prompt([50, 20], 16)]
    other = Run(tmp_path, run.record)
    plain, habits = (local.Lab(one, "cpu").answers(BASE, prompts, []) for one in (run, other))
    assert len(set(plain[0])) < 16  # what it would have been penalised for
    assert plain == habits


@pytest.mark.parametrize("bos", [None, 7])
def test_rules_before_an_example_bring_no_second_bos(
    run: Run, tmp_path: Path, bos: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab, asked = local.Lab(run, "cpu"), []
    monkeypatch.setattr(lab, "tokenizer", SimpleNamespace(bos_token_id=bos))

    def loss(arm: Arm, ids: list[int], labels: list[int]) -> local.Loss:
        asked.append((ids, labels))
        return local.Loss(1.0, 2)

    monkeypatch.setattr(lab, "loss", loss)
    held = [HeldExample("e", "c", [7, 20, 30], [-100, 20, 30])]
    table = Cache(tmp_path).table("loss", "r")
    for prefix in ([], [7, 50, 60], [50]):
        losses(lab, BASE, held, table, prefix, lambda *_: None)
    second = [] if bos else [7]
    masked = [-100] * len(second)
    assert asked == [
        ([7, 20, 30], [-100, 20, 30]),
        ([7, 50, 60, *second, 20, 30], [-100, -100, -100, *masked, 20, 30]),
        ([50, 7, 20, 30], [-100, -100, 20, 30]),
    ]


@pytest.mark.parametrize("where", ["_load", "adapter"])
@pytest.mark.parametrize(
    "said", ["CUDA out of memory. Tried to allocate 2.00 GiB.", "CUBLAS_STATUS_ALLOC_FAILED"]
)
def test_a_full_card_ends_with_what_to_do(
    said: str, where: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the base is loaded, and where an adapter is; libraries have errors of their own."""
    import peft
    import torch

    def full(*_: Any, **__: Any) -> Any:
        lab.device = "cuda"
        raise (torch.OutOfMemoryError if "CUDA" in said else RuntimeError)(said)

    lab, arm = local.Lab(run, "cpu"), BASE
    if where == "adapter":
        arm = Arm(name="tuned", kind="adapter", digest="t", path="x")
        monkeypatch.setattr(peft.PeftModel, "from_pretrained", full)
    else:
        monkeypatch.setattr(lab, "_load", full)
    with pytest.raises(ToolError, match=f"on the GPU, with arm '{arm.name}'") as error:
        lab.loss(arm, [1, 2], [-100, 2])
    assert "CUDA_VISIBLE_DEVICES" in error.value.hint


def test_other_faults_are_not_taken_for_a_lack_of_memory(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("device-side assert triggered")

    lab = local.Lab(run, "cpu")
    monkeypatch.setattr(lab, "_load", broken)
    with pytest.raises(RuntimeError, match="device-side"):
        lab.loss(BASE, [1, 2], [-100, 2])
    with pytest.raises(RuntimeError, match="device-side"):
        lab.answers(BASE, [local.Prompt([1], 2), local.Prompt([2], 2)], [])


def test_on_a_gpu_the_base_is_loaded_as_it_was_trained(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card that took the base in 4 bits does not take it in 16."""
    import torch
    from transformers import GenerationConfig

    asked: list[tuple[Path, dict[str, Any]]] = []

    def load(folder: Path, **options: Any) -> Any:
        asked.append((folder, options))
        model = torch.nn.Linear(1, 1)
        model.generation_config = GenerationConfig()
        return model

    monkeypatch.setattr(local, "fewer_bits", lambda method, compute: {"bits": (method, compute)})
    monkeypatch.setattr("transformers.AutoModelForCausalLM.from_pretrained", load)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    for major, dtype in ((8, torch.bfloat16), (7, torch.float16)):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda major=major: (major, 0))
        local.Lab(run, "cuda")._shared()
        options = asked.pop()[1]
        assert options["bits"] == ("qlora", dtype)
        assert options["dtype"] == dtype
        assert options["device_map"] == {"": 0}
    local.Lab(run, "cpu")._shared()
    assert asked.pop()[1] == {"dtype": torch.float32, "local_files_only": True}


def test_what_apples_gpu_trained_in_16_bits_is_evaluated_in_16(run: Run) -> None:
    import torch

    half = Run(run.folder, {**run.record, "settings": {"precision": "bf16"}})
    for place, record, dtype in (
        ("mps", half, torch.bfloat16), ("mps", run, torch.float32), ("cpu", half, torch.float32),
    ):  # fmt: skip
        assert local.Lab(record, place)._dtype() is dtype


def test_an_adapter_on_experts_is_the_one_that_was_trained(run: Run, tmp_path: Path) -> None:
    """Its ranks stand in patterns that PEFT holds for useless, and says so, when it loads them."""
    import warnings

    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(run.base)
    config = AutoConfig.for_model(
        "mixtral", vocab_size=len(tokenizer), hidden_size=64, intermediate_size=64,
        num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=2, num_local_experts=4,
        num_experts_per_tok=2, initializer_range=0.2,
    )  # fmt: skip
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config)
    model.save_pretrained(tmp_path / "base")
    tokenizer.save_pretrained(tmp_path / "base")
    adapted = get_peft_model(model, LoraConfig(r=2, target_modules="all-linear"))
    for name, parameter in adapted.named_parameters():
        if "experts" in name and "lora_B" in name:
            torch.nn.init.normal_(parameter)
    adapted.save_pretrained(tmp_path / "adapter")
    ids = list(range(20, 60))
    with torch.no_grad():
        given = torch.tensor([ids])
        trained = float(adapted.eval()(input_ids=given, labels=given).loss)
    lab = local.Lab(Run(tmp_path, run.record), "cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        arm = Arm(name="tuned", kind="adapter", digest="a", path=str(tmp_path / "adapter"))
        tuned = lab.loss(arm, ids, ids).mean
    assert tuned == pytest.approx(trained, rel=1e-5)
    assert abs(lab.loss(BASE, ids, ids).mean - trained) > 0.001


def test_loading_a_model_asks_the_hub_for_nothing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also not for code: what PEFT imports does so on some processors (`bits.nothing_fetched`)."""
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import OfflineModeIsEnabled
    from peft import LoraConfig, PeftModel, get_peft_model
    from transformers import AutoModelForCausalLM

    plain = AutoModelForCausalLM.from_pretrained(run.base)
    get_peft_model(plain, LoraConfig(r=2, target_modules="all-linear")).save_pretrained(tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    asked = []

    def loading(before: Any) -> Any:
        def load(*given: Any, **more: Any) -> Any:
            with pytest.raises(OfflineModeIsEnabled):
                HfApi(endpoint="http://127.0.0.1:9").model_info("any/model")
            asked.append(before)
            return before(*given, **more)

        return load

    for kind in (AutoModelForCausalLM, PeftModel):
        monkeypatch.setattr(kind, "from_pretrained", loading(kind.from_pretrained))
    arm = Arm(name="tuned", kind="adapter", digest="a", path=str(tmp_path))
    local.Lab(run, "cpu").loss(arm, [20, 21, 22], [-100, 21, 22])
    assert len(asked) == 2
    assert constants.HF_HUB_OFFLINE is False


@pytest.mark.parametrize(
    "called",
    [
        "weights._scaling({'alpha_pattern': {'q_proj': 4}}, 'q_proj', 8)",
        "reference._load(base, adapter)",
    ],
)
def test_importing_peft_says_and_asks_nothing(called: str, run: Run, tmp_path: Path) -> None:
    """In a process of its own, as an import happens once; what `kernels` is asked would be code."""
    import subprocess
    import sys

    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    plain = AutoModelForCausalLM.from_pretrained(run.base)
    get_peft_model(plain, LoraConfig(r=2, target_modules="all-linear")).save_pretrained(tmp_path)
    (tmp_path / "kernels.py").write_text(
        "from huggingface_hub import constants\n"
        "def get_kernel(*_, **__):\n"
        "    assert constants.HF_HUB_OFFLINE, 'the hub would be asked'\n"
        "    raise OSError('offline')\n"
    )
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2])\n"
        "base, adapter = map(Path, sys.argv[1:])\n"
        "from sessiontune.shipping import reference, weights\n"
        f"{called}\n"
        "assert 'peft' in sys.modules\n"
    )
    environment = {k: v for k, v in os.environ.items() if "OFFLINE" not in k}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(run.base), str(tmp_path)],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "gemm_4bit" not in done.stderr
    assert "would be asked" not in done.stderr
