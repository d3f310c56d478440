"""The whole way with the real converter and the real server, on tiny models of two families."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from sessiontune.errors import StoreError, ToolError, UsageError
from sessiontune.keeping import alone
from sessiontune.runtime import craft
from sessiontune.runtime.ship import ship
from sessiontune.runtime.shop import ShipOptions, Shipped, Watch
from sessiontune.shipping.gguf import check_whole
from sessiontune.shipping.run import Run, read_run

from .conftest import make_run

pytestmark = [pytest.mark.models, pytest.mark.slow, pytest.mark.usefixtures("converter", "engine")]


def quiet(stage: str, done: int, total: int) -> None:
    """Nobody watches."""


def make(run: Run, out: Path, *types: str, watch: Watch = quiet, **more: object) -> Shipped:
    options = ShipOptions(types=types, out=out, **more)  # type: ignore[arg-type]
    return ship(run, options, os.environ, Path.home(), watch, lambda line: None)


@pytest.mark.parametrize("kind", ["llama", "qwen2"])
def test_every_check_is_green(runs: Callable[[str], Run], kind: str, tmp_path: Path) -> None:
    shipped = make(runs(kind), tmp_path / "ship", "f16", "q8_0")
    assert [f.name for f in shipped.files] == [
        f"tiny-tiny-{kind}-f16.gguf",
        f"tiny-tiny-{kind}-q8_0.gguf",
    ]
    for file in shipped.files:
        bad = [c for c in file.checks if c.ok is False]
        assert not bad
        held = {c.name for c in file.checks if c.ok}
        wanted = {
            "merged weights",
            "rendered prompt",
            "tokens",
            "token count",
            "log-probabilities",
            "stop token",
            "stops by itself",
            "tool call",
        }
        assert wanted <= held
        assert ("greedy text" in held) is (file.type == "f16")


def test_a_family_that_begins_with_bos(bases: Callable[[str], Path], tmp_path: Path) -> None:
    """As Llama 3: the template writes the BOS, and the server must not write another."""
    base = tmp_path / "tiny-bos"
    shutil.copytree(bases("llama"), base)
    file = base / "tokenizer_config.json"
    settings = {**json.loads(file.read_text(encoding="utf-8")), "bos_token": "<|endoftext|>"}
    file.write_text(json.dumps(settings), encoding="utf-8")
    template = base / "chat_template.jinja"
    text = template.read_text(encoding="utf-8")
    template.write_text("{{- bos_token }}\n" + text, encoding="utf-8")
    run = read_run(make_run(base, tmp_path / "run", adds_bos=True))
    shipped = make(run, tmp_path / "ship", "f16")
    assert not [c for c in shipped.files[0].checks if c.ok is False]
    meta = check_whole(tmp_path / "ship" / shipped.files[0].name).meta
    assert meta["tokenizer.ggml.add_bos_token"] is True
    assert meta["general.base_model.0.repo_url"] == "https://huggingface.co/example/tiny-bos"


def test_what_is_there_is_reused_and_a_lost_file_is_made_again(
    runs: Callable[[str], Run], tmp_path: Path
) -> None:
    run = runs("llama")
    first = make(run, tmp_path, "f16")
    stages: list[str] = []
    again = make(run, tmp_path, "f16", watch=lambda stage, done, total: stages.append(stage))
    assert stages == [], "what takes seconds to check was checked when the file was made"
    assert again.files == first.files
    assert again.reused == (first.files[0].name,)
    assert not (tmp_path / ".work").exists()
    (tmp_path / first.files[0].name).unlink()
    third = make(run, tmp_path, "f16")
    assert third.reused == ()
    assert third.files[0].sha256 == first.files[0].sha256
    fourth = make(run, tmp_path, "f16", force=True)
    assert fourth.reused == (), "made again, if to the same bytes"


def test_one_command_at_a_time_fills_a_folder(runs: Callable[[str], Run], tmp_path: Path) -> None:
    """The second one took the file away that the first was proving."""
    out = tmp_path / "ship"
    out.mkdir()
    with alone(out, out), pytest.raises(StoreError, match="at work on"):
        make(runs("llama"), out, "f16")
    assert not list(out.glob("*.gguf"))


def test_an_adapter_alone_on_its_base(runs: Callable[[str], Run], tmp_path: Path) -> None:
    run = runs("qwen2")
    shipped = make(run, tmp_path, "f16", adapter_only=True)
    file = shipped.files[0]
    assert file.base == f"{run.slug}-base-f16.gguf"
    assert not [c for c in file.checks if c.ok is False]
    assert {"greedy text", "stops by itself"} <= {c.name for c in file.checks if c.ok}
    assert file.size < (tmp_path / file.base).stat().st_size


def test_a_base_that_is_no_gguf_is_said_before_anything_is_made(
    runs: Callable[[str], Run], tmp_path: Path
) -> None:
    """The adapter was converted first, and then came a traceback."""
    run, out = runs("qwen2"), tmp_path / "ship"
    for name in ("nowhere.gguf", "."):
        with pytest.raises(UsageError, match="is not there"):
            make(run, out, "f16", adapter_only=True, base_gguf=tmp_path / name)
    (tmp_path / "some.gguf").write_bytes(b"no model")
    with pytest.raises(ToolError, match="not a GGUF"):
        make(run, out, "f16", adapter_only=True, base_gguf=tmp_path / "some.gguf")
    assert not out.exists()


def test_the_room_that_is_asked_for_is_that_of_the_type(
    runs: Callable[[str], Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a base in 32 bits twice to four times the room was asked for that the file takes."""
    asked: list[int] = []
    monkeypatch.setattr(craft, "need_space", lambda folder, wanted: asked.append(wanted))
    shipped = make(runs("llama"), tmp_path, "f16", "q8_0")
    for wanted, file in zip(asked, shipped.files, strict=True):
        assert 0.8 < wanted / file.size <= 1  # besides, it holds the vocabulary


def test_an_interrupted_conversion_leaves_no_final_name(
    runs: Callable[[str], Run], tmp_path: Path
) -> None:
    """Ctrl-C while the converter runs: its process ends, and the next run goes on."""
    run = runs("llama")

    def interrupt(stage: str, done: int, total: int) -> None:
        if stage.startswith("convert"):
            signal.setitimer(signal.ITIMER_REAL, 0.2)  # it takes longer everywhere

    def alarm(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, alarm)
    try:
        with pytest.raises(KeyboardInterrupt):
            make(run, tmp_path, "f16", watch=interrupt)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert not list(tmp_path.glob("*.gguf"))
    assert not list(tmp_path.rglob("*.part"))
    assert next(tmp_path.rglob("merged")).is_dir()  # what was whole is kept for the next time
    assert make(run, tmp_path, "f16").files[0].type == "f16"


@pytest.mark.skipif(shutil.which("llama-server") is None, reason="llama-server is not on PATH")
def test_parity_by_the_program_llama_server(
    runs: Callable[[str], Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sessiontune.shipping.engine.find_spec", lambda name: None)
    merged = make(runs("llama"), tmp_path, "f16")
    both = make(runs("llama"), tmp_path, "f16", adapter_only=True)
    assert {file.engine for file in (*merged.files, *both.files)} == {"llama-server"}
    assert [c for file in both.files for c in file.checks if c.ok is False] == []
