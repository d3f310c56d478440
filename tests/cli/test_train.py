"""The verbs train, trainers and doctor at the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sessiontune.cli.console import Console
from sessiontune.cli.main import main
from sessiontune.cli.train import before
from sessiontune.cli.trainview import RunView
from sessiontune.errors import UsageError
from sessiontune.runtime import checkup as checked
from sessiontune.runtime.checkup import checkup
from sessiontune.runtime.trainrecord import another
from sessiontune.shipping.converter import MODEL_SCRIPT
from sessiontune.training.bases import Base, resolve
from sessiontune.training.hardware import Gpu, Machine
from sessiontune.training.memory import estimate, typical
from sessiontune.training.settling import settle
from sessiontune.training.spec import make_spec


@pytest.mark.parametrize("verb", ["train", "trainers", "doctor"])
def test_help_loads_nothing_heavy(verb: str) -> None:
    heavy = "torch transformers trl peft datasets rich pyarrow numpy jinja2"
    code = (
        "import sys\nfrom sessiontune.cli.main import main\n"
        f"main([{verb!r}, '--help'])\n"
        f"print([m for m in {heavy.split()!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert "Usage: sessiontune" in done.stdout


def test_unknown_trainer_and_wrong_number_are_usage_errors(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["train", "x", "--trainer", "magic"]) == 2
    assert main(["train", "x", "--rank", "many"]) == 2
    assert main(["train", "x", "--base", "tiny", "--preset", "huge", "--json"]) == 2
    assert "Known presets" in json.loads(capsys.readouterr().out)["error"]["hint"]


def test_a_recipe_gives_settings_and_says_what_it_does_not_know(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from sessiontune.cli.train import recipe_table

    recipe = tmp_path / "recipe.toml"
    recipe.write_text('[train]\nbase = "tiny"\nrank = 4\n')
    assert make_spec({}, recipe_table(recipe)).rank == 4
    recipe.write_text('[train]\nbase = "tiny"\nrnk = 4\n')
    assert main(["train", "x", "--recipe", str(recipe), "--json"]) == 2
    assert "rnk" in json.loads(capsys.readouterr().out)["error"]["message"]


def test_runs_get_names_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sessiontune.cli.train import default_run

    monkeypatch.chdir(tmp_path)
    assert default_run(Path("data"), resume=False) == Path("data-run")
    Path("data-run").mkdir()
    assert default_run(Path("data"), resume=False) == Path("data-run-2")
    assert default_run(Path("data"), resume=True) == Path("data-run")


@pytest.mark.parametrize(
    ("status", "kept", "name"),
    [
        ("failed", "", "data-run"),
        ("interrupted", "", "data-run"),
        ("failed", "checkpoints/checkpoint-2/x", "data-run-2"),
        ("failed", "metrics.jsonl", "data-run-2"),
        ("running", "", "data-run-2"),
        ("planned", "", "data-run"),
        ("done", "", "data-run-2"),
    ],
)
def test_a_run_that_trained_no_step_does_not_keep_the_name(
    status: str, kept: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sessiontune.cli.train import default_run

    monkeypatch.chdir(tmp_path)
    Path("data-run").mkdir()
    Path("data-run/run.json").write_text(json.dumps({"status": status}))
    if kept:
        Path("data-run", kept).parent.mkdir(parents=True, exist_ok=True)
        Path("data-run", kept).write_text('{"kind": "train", "step": 1}\n')
    assert default_run(Path("data"), resume=False) == Path(name)
    assert default_run(Path("data"), resume=True) == Path("data-run")


def test_the_time_left_is_told_however_slow_a_step_is() -> None:
    """rich alone forgets what is older than half a minute, as every step of a large model is."""
    now = 0.0
    with RunView(Console()) as shown:
        shown.live = True
        shown.__enter__()
        shown.bar.get_time = lambda: now
        for step in (1, 2, 3):
            now = step * 120.0
            event = {"event": "metric", "kind": "train", "step": step, "steps": 10, "loss": 1.0}
            shown.on_event(event)
        assert shown.bar.tasks[0].time_remaining == 7 * 120


def test_where_output_is_kept_each_phase_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Rendering long sessions takes minutes, and a log of the run said nothing until the plan."""
    with RunView(Console()) as shown:
        shown.on_event({"event": "phase", "text": "rendering and masking"})
    assert capsys.readouterr().err == "  rendering and masking\n"
    with RunView(Console(quiet=True)) as shown:
        shown.on_event({"event": "phase", "text": "rendering and masking"})
    assert capsys.readouterr().err == ""


def test_a_hub_that_is_out_of_reach_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever gave --download is not told to give it."""
    errors = pytest.importorskip("huggingface_hub.errors")

    def unreachable(*_: object, **__: object) -> str:
        raise errors.LocalEntryNotFoundError("no connection")

    monkeypatch.setattr("huggingface_hub.snapshot_download", unreachable)
    for download, said in ((False, "--download"), (True, "Check the network")):
        with pytest.raises(UsageError) as found:
            resolve("some-owner/no-such-model", download=download)
        assert said in found.value.hint


def test_resume_needs_no_more_than_the_folder(tmp_path: Path) -> None:
    from sessiontune.cli.train import settings_of
    from sessiontune.training.spec import make_spec, to_dict

    begun = make_spec({"base": "tiny", "rank": 4, "log_to": ("trackio",)}, None, "demo")
    (tmp_path / "run.json").write_text(json.dumps({"spec": to_dict(begun)}))
    assert make_spec({}, settings_of(tmp_path)) == begun
    assert make_spec({"rank": 8}, settings_of(tmp_path)).rank == 8


def test_a_verb_alone_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("Usage: sessiontune train")
    assert "Error" not in said
    assert main(["--json", "train"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["hint"] == "See 'sessiontune train --help'."


def test_trainers_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trainers", "--json"]) == 0
    names = [one["name"] for one in json.loads(capsys.readouterr().out)["trainers"]]
    assert names == ["trl", "llamafactory", "axolotl", "unsloth"]


def test_a_trainer_that_is_not_here_is_listed_with_its_next_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "sessiontune.runtime.trainersenv.environment_of", lambda name: tmp_path / name
    )
    assert main(["trainers"]) == 0
    shown = capsys.readouterr().out
    for name in ("llamafactory", "axolotl", "unsloth"):
        assert f"not installed   sessiontune trainers install {name}\n" in shown


def test_doctor_compares_with_the_original_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path / "none"))
    assert not any("Claude" in warning for warning in checkup(tmp_path, None)["warnings"])
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path))
    found = checkup(tmp_path, None)
    assert [(r["what"], r["minimum"], r["recommended"]) for r in found["requirements"]] == [
        ("memory", 16, 32),
        ("gpu", 8, 16),
        ("disk", 50, 100),
    ]
    assert {f["method"] for f in found["fits"]} >= {"full", "lora", "lora8", "qlora"}
    assert any("cleanupPeriodDays" in warning for warning in found["warnings"])


@pytest.mark.parametrize(
    ("card", "lora", "qlora", "named"),
    [(8, 2.8, 7.5, "Gemma 4 E2B"), (12, 4.6, 13, "Gemma 4 E2B"), (24, 9.8, 30, "Qwen3.8 27B")],
)
def test_doctor_advises_the_owner_of_one_card(
    card: int, lora: float, qlora: float, named: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Sizes that a card of so many GiB, as on its box, takes at 2048 tokens."""
    size = card * 2**30 / 1e9
    here = Machine(
        system="Linux", cpu="x", cores=8, memory=33, free=28, disk=200,
        gpus=(Gpu("Card", size, "cuda"),), torch="2.9", bitsandbytes=True,
    )  # fmt: skip
    monkeypatch.setattr("sessiontune.runtime.checkup.machine", lambda folder: here)
    found = checkup(tmp_path, None)
    fits = {f["method"]: f["largest"] for f in found["fits"]}
    assert fits["lora"][0] == pytest.approx(lora, rel=0.1)
    assert fits["qlora"][0] == pytest.approx(qlora, rel=0.1)
    for sizes in fits.values():
        assert sizes == sorted(sizes, reverse=True)
    assert named in found["suggested"]
    begin = {b["method"]: b["base"] for b in found["begin"]}
    assert (
        begin
        == {
            8: {"lora": "Qwen/Qwen3-1.7B", "qlora": "Qwen/Qwen3-4B"},
            12: {"lora": "Qwen/Qwen3-4B", "qlora": "Qwen/Qwen3-8B"},
            24: {"lora": "Qwen/Qwen3-8B", "qlora": "Qwen/Qwen3-14B"},
        }[card]
    )
    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert f"train DIR --base {begin['lora']} --download" in shown
    assert f"Card ({card} GB)" in shown
    assert "8 GB: yes" in shown


def test_doctor_speaks_of_the_card_that_a_run_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It promised what fits on the largest, and the plan was made for the first."""
    cards = (Gpu("Small", 8.6, "cuda"), Gpu("Large", 25.8, "cuda"))
    here = Machine(
        system="Linux", cpu="x", cores=8, memory=33, free=28, disk=200,
        gpus=cards, torch="2.9", bitsandbytes=True,
    )  # fmt: skip
    monkeypatch.setattr("sessiontune.runtime.checkup.machine", lambda folder: here)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    found = checkup(tmp_path, None)
    spec = make_spec({"base": "b"})
    room = settle(spec, Base(id="b", path="b", billions=1.0), here)[0].room
    need = estimate(typical(found["fits"][1]["largest"][0]), "lora", found["lengths"][0])
    assert room * 0.9 < need <= room
    assert any("CUDA_VISIBLE_DEVICES=1" in warning for warning in found["warnings"])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")  # torch sees the last two of four
    again = checkup(tmp_path, None)["warnings"]
    assert any("CUDA_VISIBLE_DEVICES=3" in warning for warning in again)


def test_doctor_does_not_say_that_a_card_is_missing_that_it_cannot_see(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """After `pip install .` alone there is no torch: who owns a card is not told to rent one."""
    here = Machine(system="Linux", cpu="x", cores=8, memory=33, free=28, disk=200)
    monkeypatch.setattr("sessiontune.runtime.checkup.machine", lambda folder: here)
    gpu = checkup(tmp_path, None)["requirements"][1]
    assert (gpu["have"], gpu["enough"]) == (None, [None, None])
    assert main(["doctor", "--base", "tiny"]) == 0
    shown = capsys.readouterr().out
    assert "torch is missing, so no GPU can be seen" in shown
    assert "8 GB: ?" in shown
    assert "renting" not in shown
    assert "--base tiny\n" in shown.split("Next: ")[1]


def test_doctor_reads_when_logs_are_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path))
    (tmp_path / "settings.json").write_text('{"cleanupPeriodDays": 77}')
    assert any("after 77 days" in w for w in checkup(tmp_path, None)["warnings"])
    (tmp_path / "settings.json").write_text("{")
    assert any("cannot be read" in w for w in checkup(tmp_path, None)["warnings"])


@pytest.mark.parametrize(
    ("absent", "arguments"),
    [
        ("safetensors", ("train", "data", "--base", "tiny", "-o", "r")),
        ("tokenizers", ("train", "data", "--base", "tiny", "-o", "r")),
        ("transformers", ("ship", "run")),
    ],
)
def test_what_an_installation_lacks_is_named_with_its_extra(
    absent: str, arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program of its own: what is loaded here already would not be missed."""
    from tests.cli.test_ship import run_folder
    from tests.training.exports import make_export

    make_export(tmp_path / "data")
    weights = run_folder(tmp_path / "run") / "base" / "pytorch_model.bin"
    weights.write_bytes(b"0" * 4000)
    llama = tmp_path / "llama.cpp"  # no test needs what a user's cache holds
    llama.mkdir()
    (llama / MODEL_SCRIPT).touch()
    monkeypatch.setenv("SESSIONTUNE_LLAMA_CPP", str(llama))
    code = (
        f"import sys\nsys.modules[{absent!r}] = None\nfrom sessiontune.cli.main import run\nrun()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, "Traceback" in done.stderr) == (6, False), done.stderr
    assert "sessiontune[train]" in done.stderr


def test_a_second_run_is_to_be_compared_with_the_first(tmp_path: Path) -> None:
    run = {"base": {"sha256": "a"}, "status": "done"}
    first = tmp_path / "data-run"
    assert before(tmp_path / "data-run-2", run) is None  # there is none
    first.mkdir()
    (first / "run.json").write_text(json.dumps(run))
    assert before(tmp_path / "data-run-2", run) == first
    assert before(first, run) is None
    assert before(tmp_path / "data-run-3", run) is None
    assert before(tmp_path / "my-own", run) is None
    for other in ({"base": {"sha256": "b"}}, {"status": "failed"}):
        (first / "run.json").write_text(json.dumps({**run, **other}))
        assert before(tmp_path / "data-run-2", run) is None


BEGUN = {
    "base": {"id": "some/model", "sha256": "a"},
    "data": {"dir": "/data", "digest": "d"},
    "spec": {"base": "some/model", "rate": 0.0, "length": 0, "keep": 3, "seed": 42},
    "settings": {"rate": 2e-4, "length": 8192, "checkpointing": True, "room": 7.1},
    "versions": {"sessiontune": "0.1.0", "transformers": "5.1"},
}


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({}, "begun by an earlier version: "),
        ({"settings": {**BEGUN["settings"], "room": 3.0}, "spec": {**BEGUN["spec"], "keep": 9}},
         "begun by an earlier version: "),
        ({"versions": {"sessiontune": "0.2.0", "transformers": "5.1"}},
         "earlier version (sessiontune 0.1.0, now 0.2.0): "),
        ({"base": {"id": "other", "sha256": "b"}}, "differs: the base (other, was some/model)."),
        ({"data": {"dir": "/data", "digest": "e"}}, "differs: the rows of /data."),
        ({"settings": {**BEGUN["settings"], "length": 512}, "spec": {**BEGUN["spec"], "seed": 7}},
         "differs: --seed (7, was 42); --length (512, was 8192)."),
        ({"settings": {**BEGUN["settings"], "checkpointing": False}},
         "differs: checkpointing (False, was True)."),
    ],
)  # fmt: skip
def test_why_a_run_cannot_go_on_is_named(now: dict[str, Any], said: str) -> None:
    """`The data, base or settings differ`: which of them, somebody had to find out."""
    assert said in another(BEGUN, {**BEGUN, **now}).message


def test_a_loss_above_the_bases_is_no_overfitting(capsys: pytest.CaptureFixture[str]) -> None:
    """At step 20 of a first pass nothing is learnt by heart."""
    with RunView(Console()) as progress:
        for step, loss in ((0, 7.7), (20, 7.9), (40, 7.0), (60, 7.2)):
            kind = "eval" if step else "base"
            progress.on_event({"event": "metric", "kind": kind, "step": step, "loss": loss})
    _, above, better, worse = capsys.readouterr().err.splitlines()
    assert "above the base's 7.7000" in above
    assert "overfitting" not in above + better
    assert "above the best of 7.0000: it may be overfitting" in worse


def test_what_a_training_lacks_is_said_before_it_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first missing one was named alone, after the data had been read."""
    monkeypatch.setattr(checked, "find_spec", lambda name: None if name in ("peft", "trl") else 1)
    assert main(["train", str(tmp_path / "none"), "--base", "tiny"]) == 6
    said = capsys.readouterr().err
    assert "trl, peft" in said
    assert "reading" not in said
    assert "sessiontune[train]" in said


@pytest.mark.parametrize(
    ("given", "rate"),
    [((), 5e-3), (("--preset", "original"), 5e-5), (("--rate", "0.01"), 0.01)],
)
def test_the_tiny_base_takes_a_minute_unless_told_otherwise(
    given: tuple[str, ...], rate: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its three passes over real logs took an hour, for a model that knows nothing."""
    specs: list[Any] = []

    def stop(console: Any, data: Any, folder: Any, spec: Any, **how: Any) -> None:
        specs.append(spec)
        raise UsageError("seen")

    monkeypatch.setattr("sessiontune.cli.train.run_train", stop)
    assert main(["-q", "train", "x", "--base", "tiny", *given]) == 2
    assert specs[0].rate == rate
    assert specs[0].max_steps == (0 if "original" in given else 60)
    assert main(["-q", "train", "x", "--base", "some/model"]) == 2
    assert specs[1].max_steps == 0
