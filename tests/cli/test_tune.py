"""The gates of `tune`: a clear question, the safe answer without a person, the way on with yes."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sessiontune.cli.console import Console
from sessiontune.cli.evening import Evening
from sessiontune.cli.main import main
from sessiontune.errors import (
    AdviceError,
    Interrupted,
    PreflightError,
    SessiontuneError,
    UsageError,
    WorseError,
)
from sessiontune.recipe import Recipe
from sessiontune.runtime.evening import Done
from sessiontune.training.spec import make_spec


def _evening(folder: Path, answers: bool) -> tuple[Evening, list[str]]:
    asked: list[str] = []

    def ask(question: str) -> bool:
        asked.append(question)
        return answers

    (folder / "data").mkdir(exist_ok=True)
    (folder / "data/manifest.json").write_text("{}")
    spec = make_spec({"base": "tiny"})
    console = Console(quiet=True, no_input=True)
    return Evening(console, folder, (), Recipe(), spec, ask=ask), asked


def _done(**data: Any) -> Done:
    return Done(name="x", fingerprint="", said="Worse by 0.3.", data=data)


@pytest.mark.parametrize(
    ("gate", "data", "words", "error"),
    [
        (
            "_findings",
            {"redactions": {"email": 7, "home": 2}},
            "e-mail addresses 7, home",
            UsageError,
        ),
        ("_findings", {"few": "5 of 36 are held out."}, "Train all the same?", UsageError),
        ("_findings", {"leakage": {"this split": 0.25}}, "25.0%", UsageError),
        ("_worse", {"outcome": "worse"}, "Worse by 0.3. Ship it", WorseError),
    ],
)
def test_no_ends_the_way_and_yes_goes_on(
    tmp_path: Path, gate: str, data: dict[str, Any], words: str, error: type[SessiontuneError]
) -> None:
    evening, asked = _evening(tmp_path, False)
    with pytest.raises(error):
        getattr(evening, gate)(_done(**data))
    assert words in asked[0]
    evening, asked = _evening(tmp_path, True)
    getattr(evening, gate)(_done(**data))
    assert len(asked) == 1


def test_nothing_is_asked_where_there_is_nothing_to_decide(tmp_path: Path) -> None:
    evening, asked = _evening(tmp_path, False)
    evening._findings(_done(redactions={}, leakage={"this split": 0.0, "random split": 0.4}))
    evening._worse(_done(outcome="better"))
    evening._worse(_done(outcome="unclear"))
    assert asked == []


@pytest.mark.parametrize(("exact", "near"), [(0.3, 0.0), (0.0, 0.3)])
def test_a_leak_of_either_kind_reaches_the_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exact: float, near: float
) -> None:
    """Word for word as well as nearly so."""
    from sessiontune.cli import export
    from sessiontune.manifest import Leakage

    made = SimpleNamespace(
        files=[],
        leakage=(Leakage("this split", exact, near), Leakage("random split", 0.5, 0.5)),
        records=SimpleNamespace(files=1, read=1),
        redactions={},
        statistics=SimpleNamespace(splits={}, conversations=0),
        options=SimpleNamespace(eval_share=0.15, split=""),
    )
    result = SimpleNamespace(manifest=made, unchanged=False)
    monkeypatch.setattr(export, "run_export", lambda *_: result)
    evening, asked = _evening(tmp_path, False)
    _, _, data = evening._export()
    with pytest.raises(UsageError) as stopped:
        evening._findings(_done(**data))
    assert asked[0].startswith("30.0% of the held-out conversations stand in training too")
    assert "answer, or add --yes" in stopped.value.hint


@pytest.mark.parametrize(("folder", "file"), [("adapter", "adapter_model"), ("model", "model")])
def test_what_was_trained_is_known_by_its_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, file: str
) -> None:
    """With --method full `tune` trained for hours and ended in a traceback: it has no adapter."""
    evening, _ = _evening(tmp_path, True)
    _, train, judge, *_ = evening.stages()
    assert not train.present()
    (evening.run / folder).mkdir(parents=True)
    record = {"status": "done", "adapter": folder, "base": {"id": "some"}}
    record["model"] = folder if folder == "model" else None
    (evening.run / "run.json").write_text(json.dumps(record))
    (evening.run / folder / f"{file}.safetensors").write_bytes(b"one")
    assert train.present()
    assert train.run()[0].startswith("model made from some" if record["model"] else "adapter for")
    before = judge.fingerprint()
    (evening.run / folder / f"{file}.safetensors").write_bytes(b"two")
    assert judge.fingerprint() != before


def test_too_few_for_a_verdict_names_the_command_that_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["sessiontune", "tune", "my logs", "--base", "tiny"])
    evening, _ = _evening(tmp_path, False)
    with pytest.raises(UsageError) as stopped:
        evening._findings(_done(few="5 of 36 are held out.", share=0.28))
    new = f"-o {tmp_path}-second --split second --eval-share 0.28\n"
    assert f"tune 'my logs' --base tiny {new}" in stopped.value.hint
    Path(f"{tmp_path}-second").mkdir()  # what is there keeps its sides: the command names a new one
    given = ["tune", "logs", "-o", str(tmp_path), "--eval-share=0.2", "--split", "second"]
    monkeypatch.setattr("sys.argv", ["sessiontune", *given])
    with pytest.raises(UsageError) as stopped:
        evening._findings(_done(few="5 of 36 are held out.", share=0.28))
    new = f"-o {tmp_path}-second-2 --split second-2 --eval-share 0.28\n"
    assert f"tune logs {new}" in stopped.value.hint
    with pytest.raises(UsageError) as stopped:  # of a split that was dealt already
        evening._findings(_done(few="5 of 36 are held out.", share=0.28, split="third"))
    assert f"tune logs -o {tmp_path}-third-2 --split third-2 " in stopped.value.hint
    with pytest.raises(UsageError) as stopped:
        evening._findings(_done(few="2 of 8 are held out.", share=0.0))
    assert "--eval-share" not in stopped.value.hint


def test_what_is_missing_is_said_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sessiontune.cli.evening import go
    from sessiontune.errors import ToolError

    monkeypatch.setattr(
        "sessiontune.runtime.checkup.find_spec", lambda n: None if n == "gguf" else n
    )
    evening, _ = _evening(tmp_path, True)
    with pytest.raises(ToolError) as stopped:
        go(evening.console, evening)
    assert "are missing: gguf." in stopped.value.message
    assert "pip install" in stopped.value.hint
    # `tune` says it before it looks for a converter or an engine: all that is missing, at once
    monkeypatch.setattr(
        "sessiontune.runtime.ship.check_tools_here", lambda *_: pytest.fail("asked")
    )
    assert main(["-q", "tune", "--base", "tiny", "-o", str(tmp_path / "e")]) == 6


def test_memory_is_asked_and_forced_only_with_yes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sessiontune.cli import train

    forced: list[bool] = []

    class Made:
        run = {"metrics": {"base_eval_loss": 2.0, "eval_loss": 1.5}, "base": {"id": "b"}}  # noqa: RUF012

    def run_train(*_: Any, force: bool = False, **__: Any) -> Any:
        forced.append(force)
        if not force:
            raise AdviceError("It needs 40 GB, there are 16.", "Take less. Or --force.")
        return Made()

    monkeypatch.setattr(train, "run_train", run_train)
    monkeypatch.setattr(Evening, "run", tmp_path / "run")
    evening, asked = _evening(tmp_path, False)
    with pytest.raises(PreflightError) as caught:
        evening._train()
    assert "It needs 40 GB" in asked[0]
    assert "--yes" in caught.value.hint
    assert "--force" not in caught.value.hint
    evening, _ = _evening(tmp_path, True)
    said, _, _ = evening._train()
    assert "2.00 -> 1.50" in said
    assert forced == [False, False, True]


def test_a_plan_that_warns_is_a_question_before_a_step_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A base of 70 billion weights on a machine of 24 GB: `train` says it, `tune` asks."""
    from sessiontune.cli import train
    from sessiontune.runtime import train as runtime
    from sessiontune.training.shortage import warnings

    settings = SimpleNamespace(memory=324.2, room=20.6, device="cpu", method="lora")
    said = warnings(settings, SimpleNamespace(disk=1.0, gpus=()), 25.0)  # type: ignore[arg-type]
    assert len(said) == 2
    steps: list[bool] = []

    def begun(request: Any, on_event: Any, approve: Any) -> Any:
        approve(SimpleNamespace(warnings=tuple(said)), [])
        steps.append(request.force)
        return SimpleNamespace(run={})

    monkeypatch.setattr(runtime, "train", begun)
    monkeypatch.setattr(Evening, "run", tmp_path / "run")
    evening, asked = _evening(tmp_path, False)
    with pytest.raises(AdviceError) as caught:
        evening._train()
    assert asked[0].startswith("The checks before training say: Memory: about 324.2 GB needed,")
    assert "there. Lower --length, " in asked[0]
    assert asked[0].endswith("Train all the same?")
    assert "answer yes, or add --yes" in caught.value.hint
    assert steps == []
    evening, _ = _evening(tmp_path, True)
    evening._train()
    train.run_train(evening.console, tmp_path, tmp_path / "other", evening.spec)
    assert steps == [True, False]


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (Interrupted("Stopped.", "Go on with --resume."), "Go on with the same command."),
        (PreflightError("no stop: bad", "Choose another template."), "Choose another template."),
    ],
)
def test_what_training_raises_is_said_in_terms_of_tune_and_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: SessiontuneError, hint: str
) -> None:
    from sessiontune.cli import train

    def run_train(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(train, "run_train", run_train)
    monkeypatch.setattr(Evening, "run", tmp_path / "run")
    evening, asked = _evening(tmp_path, True)
    with pytest.raises(type(error)) as caught:
        evening._train()
    assert caught.value.hint.startswith(hint)
    assert asked == []


@pytest.mark.parametrize(
    ("types", "words"),
    [
        (["-t", "q9_9"], "No type"),
        (["-t", "safetensors"], "needs a GGUF"),
        ([], "no converter"),
    ],
)
def test_what_shipping_will_lack_is_said_before_anything_is_done(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    types: list[str],
    words: str,
) -> None:
    monkeypatch.setenv("SESSIONTUNE_CACHE", str(tmp_path / "empty"))
    monkeypatch.setenv("HOME", str(tmp_path))
    out = tmp_path / "out"
    code = main(["tune", str(tmp_path), "--base", "tiny", "-o", str(out), *types])
    assert code == (6 if words == "no converter" else 2)
    said = capsys.readouterr().err
    assert words in said
    assert "--llama-cpp" not in said, "an option that tune does not have"
    assert not out.exists()


@pytest.mark.parametrize("command", [("demo",), ("tune", "--base", "tiny")])
def test_a_file_in_the_place_of_the_folder_is_no_riddle(
    command: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sessiontune.runtime.checkup.find_spec", lambda name: name)
    monkeypatch.setattr("sessiontune.runtime.ship.check_tools_here", lambda *_: None)
    (tmp_path / "file").touch()
    for folder in ("file", "file/below"):
        assert main([*command, "-o", str(tmp_path / folder)]) == 2
        assert f"{tmp_path / folder} is not a folder." in capsys.readouterr().err
    assert main([*command, "-o", ""]) == 2, "the variable in $EMPTY was not set"


def test_without_a_base_it_is_said_where_some_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tune", str(tmp_path), "-o", str(tmp_path / "e")]) == 2
    assert "`sessiontune doctor` names some" in capsys.readouterr().err
    assert not (tmp_path / "e").exists()
