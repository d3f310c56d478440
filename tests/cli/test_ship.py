"""ship, serve, chat, publish, tune on the command line: exit codes and what is said."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console as RichConsole

from sessiontune.cli.main import main
from sessiontune.cli.ship import draw
from sessiontune.errors import UsageError
from sessiontune.runtime.guide import Guide
from sessiontune.runtime.shop import Shipped, ShippedFile
from sessiontune.shipping.modelfile import Modelfile


def told(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, dict[str, Any]]:
    """Exit code and the error of a command run with --json."""
    code = main(["--json", *argv])
    out = capsys.readouterr().out
    return code, json.loads(out)["error"] if code else json.loads(out)


def run_folder(folder: Path, **more: Any) -> Path:
    """A RUN folder with just enough to be read; no weights."""
    for name in ("adapter", "tokenizer", "base"):
        (folder / name).mkdir(parents=True)
    (folder / "adapter/adapter_config.json").write_text("{}")
    (folder / "tokenizer/tokenizer_config.json").write_text("{}")
    (folder / "base/config.json").write_text("{}")
    (folder / "template.jinja").write_text("{{ messages }}")
    note = {
        "version": 1, "name": "mine", "status": "done", "base": {"id": "b", "path": "base"},
        "data": {"digest": "d"}, "adapter": "adapter", "template": "template.jinja",
        "adds_bos": False, "stop": ["<|im_end|>"], "max_length": 8192, **more,
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(note))
    return folder


def _shipped(folder: Path) -> Path:
    out = folder / "ship"
    out.mkdir()
    (out / "mine-q8_0.gguf").write_bytes(b"GGUF")
    file = {
        "name": "mine-q8_0.gguf", "type": "q8_0", "size": 4, "sha256": "", "fingerprint": "",
        "engine": "",
    }  # fmt: skip
    note = {
        "name": "mine", "run": "mine", "base": "b", "data": "d", "converter": "", "context": 16384,
        "stop": ["<|im_end|>"], "files": [file],
    }  # fmt: skip
    (out / "ship.json").write_text(json.dumps(note))
    return folder


def test_what_is_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export, gone = tmp_path / "data", tmp_path / "gone"
    export.mkdir()
    (export / "manifest.json").write_text("{}")
    said = {
        tmp_path: "is no training run: run.json is missing.",
        gone: "is no training run: there is no such folder.",
        export: "is an export, and no training run.",
    }
    for verb in ("evaluate", "ship", "serve", "chat"):
        for folder, words in said.items():
            code, error = told(capsys, verb, str(folder))
            assert (code, error["message"]) == (2, f"{folder} {words}")
            assert error["hint"]


def test_ship_without_a_run_and_with_wrong_types(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, error = told(capsys, "ship", "--force")
    assert (code, error["message"]) == (2, "Which run?")
    run = str(run_folder(tmp_path / "r"))
    code, error = told(capsys, "ship", run, "-t", "q9")
    assert code == 2
    assert "q8_0" in error["hint"]
    code, error = told(capsys, "ship", run, "--adapter-only", "-t", "q4_k_m")
    assert code == 2


def test_what_a_chat_needs_is_named_for_what_it_asks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A merged model was advised for --compare, which then asked for the adapter."""
    run = str(run_folder(tmp_path / "r"))
    for options, needed in (((), ""), (("--compare",), " --adapter-only")):
        code, error = told(capsys, "chat", run, "-p", "x", *options)
        assert (code, error["hint"]) == (6, f"sessiontune ship {run}{needed}")


def test_a_question_that_stands_alone_is_told_its_option(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """So it is asked of other programs; it was an unexpected extra argument."""
    code, error = told(capsys, "chat", str(run_folder(tmp_path / "r")), "who", "owes most?")
    assert (code, error["hint"]) == (2, "-p 'who owes most?'")


@pytest.mark.parametrize("flag", ["--json", "--quiet"])
def test_a_chat_that_shows_nothing_is_refused(
    flag: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It answered what was piped to it, and kept the answers to itself."""
    assert main([flag, "chat", str(run_folder(tmp_path / "r"))]) == 2
    assert "Ask with -p TEXT." in "".join(capsys.readouterr())


def test_a_missing_program_is_said_before_anything_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tokenizer and the weights, which are not even there, were looked at first; that no engine
    is here was said after the conversion, which takes an hour for a large model."""
    monkeypatch.setenv("SESSIONTUNE_CACHE", str(tmp_path / "empty"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("sessiontune.shipping.engine.engines", list)
    run = str(run_folder(tmp_path / "r"))
    code, error = told(capsys, "ship", run, "-t", "q8_0")
    assert (code, "no converter" in error["message"]) == (6, True)
    assert "--fetch-converter" in error["hint"]
    (tmp_path / "llama.cpp").mkdir()
    (tmp_path / "llama.cpp/convert_hf_to_gguf.py").touch()
    code, error = told(
        capsys, "ship", run, "-t", "q8_0", "--llama-cpp", str(tmp_path / "llama.cpp")
    )
    assert (code, "nothing here that serves" in error["message"]) == (6, True)
    code, error = told(capsys, "ship", run, "-t", "safetensors")
    assert (code, "holds no weights" in error["message"]) == (2, True)


@pytest.mark.parametrize(
    ("weights", "given", "made"),
    [(2_000_000, (), "f16"), (135_000_000, (), "q8_0"), (2_000_000, ("-t", "q8_0"), "q8_0"),
     (135_000_000, ("--adapter-only",), "f16")],
)  # fmt: skip
def test_what_is_shipped_where_no_type_is_named(
    weights: int,
    given: tuple[str, ...],
    made: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The tiny model's Q8_0 file was refused at the end of the README's own way, and so was that of
    a run on the base that such a run had made, whatever its name."""
    seen: list[tuple[str, ...]] = []

    def stop(run: Any, options: Any, *_: Any) -> None:
        seen.append(options.types)
        raise UsageError("seen")

    monkeypatch.setattr("sessiontune.runtime.ship.ship", stop)
    run = run_folder(tmp_path / "run")
    tensor = {"dtype": "F32", "shape": [weights], "data_offsets": [0, 4 * weights]}
    head = json.dumps({"model.norm.weight": tensor}).encode()
    file = run / "base" / "model.safetensors"
    file.write_bytes(len(head).to_bytes(8, "little") + head)
    assert main(["-q", "ship", str(run), *given]) == 2
    assert seen == [(made,)]


def test_a_run_without_stop_ends_with_ten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, error = told(capsys, "ship", str(run_folder(tmp_path / "r", stop=[])))
    assert (code, error["kind"]) == (10, "PreflightError")


def test_serve_says_what_must_be_done_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_folder(tmp_path / "r")
    code, error = told(capsys, "serve", str(run))
    assert code == 6
    assert "sessiontune ship" in error["hint"]
    code, error = told(capsys, "serve", str(_shipped(run)), "-t", "f16")
    assert code == 2
    assert "--type f16" in error["hint"]
    code, error = told(capsys, "chat", str(run), "-p", "x", "--compare")
    assert code == 2
    assert "--adapter-only" in error["hint"]


def test_a_damaged_file_is_not_served(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, error = told(capsys, "serve", str(_shipped(run_folder(tmp_path / "r"))))
    assert code == 6
    assert "cut off" in error["message"]


def test_client_settings_are_printed_and_nothing_is_started(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = str(_shipped(run_folder(tmp_path / "r")))
    code, data = told(capsys, "serve", run, "--client", "claude", "--port", "9999")
    assert code == 0
    assert "ANTHROPIC_BASE_URL=http://127.0.0.1:9999" in data["text"]
    assert not (tmp_path / ".claude").exists()
    code, data = told(capsys, "serve", run, "--client", "opencode", "--write")
    assert code == 0
    written = json.loads((tmp_path / "opencode.json").read_text())
    assert written["provider"]["sessiontune"]["models"]["mine"]["limit"]["context"] == 16384
    code, _ = told(capsys, "serve", run, "--write")
    assert code == 2


def test_publish_is_refused_without_its_flags(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "manifest.json").write_text('{"privacy": true, "gate": true, "files": []}')
    code, error = told(capsys, "publish", str(tmp_path), "--repo", "me/x")
    assert code == 2
    assert "licence" in error["message"]
    code, error = told(capsys, "publish", str(tmp_path), "--repo", "me/x", "--license", "mit")
    assert code == 2
    assert "--i-may-publish" in error["hint"]
    (tmp_path / "manifest.json").write_text('{"privacy": false, "gate": true, "files": []}')
    flags = ("--license", "mit", "--i-may-publish")
    code, error = told(capsys, "publish", str(tmp_path), "--repo", "me/x", *flags)
    assert code == 4


@pytest.mark.parametrize("verb", ["ship", "serve", "chat", "publish", "tune", "demo"])
def test_help_loads_nothing_heavy(verb: str) -> None:
    import subprocess
    import sys

    code = (
        "import sys; from sessiontune.cli.main import main; main([sys.argv[1], '--help']);"
        "heavy = {'torch', 'transformers', 'pyarrow', 'huggingface_hub', 'xllamacpp'};"
        "sys.exit(1 if heavy & set(sys.modules) else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code, verb], capture_output=True).returncode == 0


def test_a_wrong_folder_is_told_before_repository_licence_and_consent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, error = told(capsys, "publish", str(tmp_path / "typo"))
    assert code == 2
    assert "neither an export nor a run" in error["message"]

    code, error = told(capsys, "publish", str(run_folder(tmp_path / "run")))
    assert (code, error["message"]) == (2, "Which repository?")


def test_what_is_named_next_can_be_done_with_what_was_shipped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def said(*types: str, adapter: str = "") -> str:
        files = tuple(
            ShippedFile(name=t, type=t, size=4, sha256="", fingerprint="", engine="") for t in types
        )
        shipped = Shipped(
            name="mine", run="mine", base="b", data="d", converter="", context=1, stop=(),
            files=files,
        )  # fmt: skip
        rich = RichConsole(file=io.StringIO(), width=200)
        guide = Guide(Modelfile(source="x.gguf", adapter=adapter))
        draw(rich, shipped, Path("mine"), Path("mine/ship").resolve(), guide, None)
        return rich.file.getvalue()  # type: ignore[attr-defined, no-any-return]

    assert "chat mine" in said("f16", "safetensors")
    assert "serve mine --engine vllm\n" in said("safetensors")
    assert "chat" not in said("safetensors"), "only vLLM takes them"
    assert "up to 0.34.0" in said("f16", adapter="lora.gguf")
    assert "0.34" not in said("f16")
    monkeypatch.setattr("sys.argv", [".venv/bin/sessiontune"])
    monkeypatch.setenv("PATH", "/usr/bin")  # the environment is not activated
    assert "Chat:    .venv/bin/sessiontune chat mine" in said("f16")
