"""Each thing that is known to go wrong in silence is planted here, and must be caught."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sessiontune.cli.main import main
from sessiontune.errors import PreflightError, StoreError, ToolError, UsageError
from sessiontune.runtime.serving import served
from sessiontune.runtime.ship import check_tools_here, ship
from sessiontune.runtime.shop import ShipOptions
from sessiontune.runtime.trainprep import _can_ship
from sessiontune.shipping import merge as merging
from sessiontune.shipping.convert import check_model
from sessiontune.shipping.converter import Converter, find_converter
from sessiontune.shipping.merge import check_fit, merge
from sessiontune.shipping.parity import Check, compare, refuse
from sessiontune.shipping.reference import Reference, make_reference
from sessiontune.shipping.run import Run, read_run
from sessiontune.shipping.tokenizer import read_vocabulary
from sessiontune.training.bases import resolve

from .conftest import make_adapter, make_run
from .gguf_edit import edited

pytestmark = [pytest.mark.models, pytest.mark.slow]


class Good:
    """One good f16 file and what the trained model does, made once."""

    def __init__(self, run: Run, file: Path, reference: Reference) -> None:
        self.run = run
        self.file = file
        self.reference = reference
        self.vocabulary = read_vocabulary(run)

    def failures(self, file: Path, **more: Any) -> set[str]:
        with served(file, "t", context=1024, threads=1, **more) as server:
            checks: list[Check] = compare(server, self.reference, "f16")
        with pytest.raises(PreflightError):
            refuse(checks, file.name)
        return {check.name for check in checks if check.ok is False}


@pytest.fixture(scope="module")
def good(
    runs: Callable[[str], Run],
    converter: None,
    engine: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Good:
    run = runs("llama")
    out = tmp_path_factory.mktemp("good")
    made = ship(
        run, ShipOptions(types=("f16",), out=out), os.environ, Path.home(), quiet, lambda _: None
    )
    return Good(run, out / made.files[0].name, make_reference(run))


def quiet(stage: str, done: int, total: int) -> None:
    """Nobody watches."""


def test_a_bos_that_training_did_not_have(good: Good, tmp_path: Path) -> None:
    bos = good.vocabulary.ids["<|endoftext|>"]
    changes = {"tokenizer.ggml.add_bos_token": True, "tokenizer.ggml.bos_token_id": bos}
    file = edited(good.file, tmp_path / "bos.gguf", changes)
    with pytest.raises(PreflightError, match="add_bos_token"):
        check_model(file, good.run, good.vocabulary)
    assert "token count" in good.failures(file)


def test_a_bos_that_nobody_stated(good: Good, tmp_path: Path) -> None:
    file = edited(good.file, tmp_path / "x.gguf", {}, drop=("tokenizer.ggml.add_bos_token",))
    with pytest.raises(PreflightError, match="add_bos_token = None"):
        check_model(file, good.run, good.vocabulary)
    assert "token count" in good.failures(file)


def test_another_pre_tokenizer(good: Good, tmp_path: Path) -> None:
    file = edited(good.file, tmp_path / "pre.gguf", {"tokenizer.ggml.pre": "gpt-2"})
    assert "tokens" in good.failures(file)


def test_an_unknown_pre_tokenizer_is_not_guessed(
    good: Good, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sessiontune.shipping import convert

    monkeypatch.setattr(convert, "pre_tokenizer_name", lambda folder: None)
    options = ShipOptions(types=("q8_0",), out=tmp_path)
    with pytest.raises(ToolError, match="does not know this model's pre-tokenizer") as caught:
        ship(good.run, options, os.environ, Path.home(), quiet, lambda _: None)
    assert "--pre-tokenizer" in caught.value.hint
    # A wrong name converts, and is caught by parity: nothing gets the final name.
    wrong = msgspec.structs.replace(options, pre_tokenizer="gpt-2")
    with pytest.raises(PreflightError, match="tokens"):
        ship(good.run, wrong, os.environ, Path.home(), quiet, lambda _: None)
    assert not list(tmp_path.glob("*.gguf"))


def test_another_template(good: Good, tmp_path: Path) -> None:
    other = good.run.template.replace("<|im_start|>' + message.role", "<|im_start|>' ~ 'x'")
    assert other != good.run.template
    file = edited(good.file, tmp_path / "t.gguf", {"tokenizer.chat_template": other})
    with pytest.raises(PreflightError, match="chat template"):
        check_model(file, good.run, good.vocabulary)
    assert "rendered prompt" in good.failures(file)


def test_no_template(good: Good, tmp_path: Path) -> None:
    file = edited(good.file, tmp_path / "n.gguf", {}, drop=("tokenizer.chat_template",))
    with pytest.raises(PreflightError, match="chat template"):
        check_model(file, good.run, good.vocabulary)


def test_a_stop_that_does_not_stop(good: Good, tmp_path: Path) -> None:
    # <|im_end|> is known to llama.cpp by its text: the reply of another family would go on.
    run = msgspec.structs.replace(good.run, stop=("</tool_response>",))
    with pytest.raises(PreflightError, match="does not stop at"):
        check_model(good.file, run, good.vocabulary)
    number = good.vocabulary.ids["</tool_response>"]
    wrong = msgspec.structs.replace(good.reference, stop_ids=[number])
    with served(good.file, "t", context=1024, threads=1) as server:
        checks = compare(server, wrong, "f16")
    assert "stop token" in {check.name for check in checks if check.ok is False}


def test_a_stop_that_is_no_token(good: Good) -> None:
    run = msgspec.structs.replace(good.run, stop=("<|eot_id|>",))
    with pytest.raises(PreflightError, match="not in the vocabulary"):
        check_fit(run)


def test_an_adapter_of_another_base_with_the_same_shapes(
    good: Good, bases: Callable[[str], Path], tmp_path: Path
) -> None:
    from sessiontune.training.tiny import make_tiny

    other = make_tiny(tmp_path / "other", [good.run.template], kind="llama", seed=5)
    run = msgspec.structs.replace(good.run, base=other)
    with pytest.raises(PreflightError, match="not the base that this adapter was trained on"):
        ship(run, ShipOptions(out=tmp_path / "o"), os.environ, Path.home(), quiet, lambda _: None)
    assert not list(tmp_path.glob("o/*.gguf"))


def test_an_adapter_with_other_layers(good: Good, tmp_path: Path) -> None:
    from sessiontune.training.tiny import make_tiny

    wide = make_tiny(tmp_path / "wide", ["a b c"], kind="llama", hidden=512, layers=1)
    make_adapter(wide, tmp_path / "adapter")
    run = msgspec.structs.replace(good.run, adapter=tmp_path / "adapter")
    with pytest.raises(PreflightError, match="does not fit"):
        check_fit(run)


def test_other_weights_are_seen_by_their_behaviour(good: Good, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(good.run.folder, folder, ignore=shutil.ignore_patterns("ship"))
    shutil.rmtree(folder / "adapter")
    make_adapter(good.run.base, folder / "adapter", seed=9)
    wrong = make_reference(read_run(folder))
    with served(good.file, "t", context=1024, threads=1) as server:
        failed = {c.name for c in compare(server, wrong, "q8_0") if c.ok is False}
    assert "log-probabilities" in failed


def test_a_changed_vocabulary(good: Good, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(good.run.folder, folder, ignore=shutil.ignore_patterns("ship"))
    file = folder / "tokenizer/tokenizer.json"
    data = json.loads(file.read_text(encoding="utf-8"))
    vocab = data["model"]["vocab"]
    one, two = [t for t in vocab if t.isalpha()][:2]
    vocab[one], vocab[two] = vocab[two], vocab[one]
    file.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(PreflightError, match="vocabulary was changed"):
        check_fit(read_run(folder))


def test_a_file_with_another_vocabulary(good: Good, tmp_path: Path) -> None:
    from sessiontune.shipping.gguf import read_head

    tokens = list(read_head(good.file).meta["tokenizer.ggml.tokens"])
    tokens[40:50] = tokens[50:40:-1]
    file = edited(good.file, tmp_path / "v.gguf", {"tokenizer.ggml.tokens": tokens})
    with pytest.raises(PreflightError, match="vocabulary"):
        check_model(file, good.run, good.vocabulary)


@pytest.mark.parametrize("share", [0.001, 0.3, 0.999])
def test_a_truncated_file(good: Good, tmp_path: Path, share: float) -> None:
    file = tmp_path / "short.gguf"
    file.write_bytes(good.file.read_bytes()[: int(good.file.stat().st_size * share)])
    with pytest.raises(ToolError, match="cut off"):
        check_model(file, good.run, good.vocabulary)
    with pytest.raises(ToolError, match="cut off"), served(file, "t"):
        pass


def test_a_refused_file_never_gets_its_name(
    good: Good, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sessiontune.runtime import craft

    bad = [Check("token count", False, "planted")]
    monkeypatch.setattr(craft, "compare", lambda *_: bad)
    out = tmp_path / "ship"
    options = ShipOptions(types=("f16",), out=out)
    with pytest.raises(PreflightError, match="planted"):
        ship(good.run, options, os.environ, Path.home(), quiet, lambda _: None)
    assert [p.name for p in out.glob("*.gguf*")] == [f"{good.file.name}.rejected"]


def test_an_unknown_architecture_is_named(
    good: Good, converter: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = merging.write_tokenizer

    def renamed(run: Run, vocabulary: Any, out: Path) -> None:
        real(run, vocabulary, out)
        config = json.loads((out / "config.json").read_text(encoding="utf-8"))
        config["architectures"] = ["NobodyKnowsForCausalLM"]
        (out / "config.json").write_text(json.dumps(config), encoding="utf-8")

    monkeypatch.setattr(merging, "write_tokenizer", renamed)
    options = ShipOptions(types=("q8_0",), out=tmp_path)
    with pytest.raises(ToolError, match="NobodyKnowsForCausalLM") as caught:
        ship(good.run, options, os.environ, Path.home(), quiet, lambda _: None)
    assert "--llama-cpp" in caught.value.hint
    assert not list(tmp_path.glob("*.gguf"))


def test_an_unknown_architecture_is_known_before_training(
    bases: Callable[[str], Path],
    converter: None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Read from the converter's own source; asked of a base before hours are spent on it."""
    found = find_converter(None, os.environ, Path.home())
    assert found
    assert {"LlamaForCausalLM", "Qwen2ForCausalLM", "Gemma3ForCausalLM"} <= found.architectures()
    strange = tmp_path / "strange"
    shutil.copytree(bases("llama"), strange)
    config = json.loads((strange / "config.json").read_text(encoding="utf-8"))

    def put(**more: Any) -> None:
        (strange / "config.json").write_text(json.dumps({**config, **more}), encoding="utf-8")

    put(architectures=["NobodyKnowsForCausalLM"])
    with pytest.raises(ToolError, match="does not know the architecture NobodyKnowsForCausalLM"):
        check_tools_here(("q8_0",), os.environ, Path.home(), strange)
    assert main(["tune", "--base", str(strange), str(tmp_path)]) == 6
    assert "NobodyKnowsForCausalLM" in capsys.readouterr().err
    [check] = _can_ship(resolve(str(strange)))
    assert (check.level, "SESSIONTUNE_LLAMA_CPP" in check.seen) == ("note", True)
    # Models with parts for images name their text's architecture inside.
    put(architectures=["NobodyKnows"], text_config={"architectures": ["LlamaForCausalLM"]})
    check_tools_here(("q8_0",), os.environ, Path.home(), strange)
    assert [c.level for c in _can_ship(resolve(str(strange)))] == ["good"]


def test_an_older_converter_marks_its_classes(tmp_path: Path) -> None:
    (tmp_path / "convert_hf_to_gguf.py").write_text(
        '@ModelBase.register("AForCausalLM", "BForCausalLM")\nclass A: ...\n'
        "@Model.register(\n    'CForCausalLM',\n)\nclass C: ...\n",
        encoding="utf-8",
    )
    older = Converter(tmp_path, "llama.cpp checkout")
    assert older.architectures() == {"AForCausalLM", "BForCausalLM", "CForCausalLM"}
    (tmp_path / "config.json").write_text('{"architectures": ["DForCausalLM"]}')
    assert older.unknown(tmp_path) == "DForCausalLM"
    (tmp_path / "convert_hf_to_gguf.py").write_text("# written in another way\n")
    assert older.unknown(tmp_path) == ""


def test_a_full_disk_leaves_nothing_and_the_rerun_goes_on(
    good: Good, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sessiontune.shipping import weights

    target = tmp_path / "merged"
    real = weights._merged

    def full(weight: Any, trained: Any, pair: Any, name: str) -> Any:
        if "layers.1" in name:
            raise OSError(28, "No space left on device")
        return real(weight, trained, pair, name)

    monkeypatch.setattr(weights, "_merged", full)
    with pytest.raises(StoreError, match="No space left"):
        merge(good.run, target, lambda *_: None)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(weights, "_merged", real)
    assert (merge(good.run, target, lambda *_: None) / "model.safetensors").is_file()


def test_what_is_missing_in_a_run_is_said(bases: Callable[[str], Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"run\.json is missing"):
        read_run(tmp_path)
    folder = make_run(bases("llama"), tmp_path / "r")
    note = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    for change, error, words in (
        ({"status": "interrupted"}, UsageError, "not finished"),
        ({"stop": []}, PreflightError, "no stop token"),
        ({"base": {"path": "/nowhere"}}, UsageError, "not at"),
    ):
        (folder / "run.json").write_text(json.dumps({**note, **change}), encoding="utf-8")
        with pytest.raises(error, match=words):
            read_run(folder)
    (folder / "run.json").write_text(json.dumps(note), encoding="utf-8")
    (folder / "template.jinja").unlink()
    with pytest.raises(PreflightError, match="no chat template"):
        read_run(folder)
