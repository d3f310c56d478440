"""Whole runs with TRL on the CPU: they learn, record, repeat, stop, and go on after a kill."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl")

from exports import make_export

from sessiontune.cli.main import main
from sessiontune.cli.train import default_run
from sessiontune.errors import UsageError
from sessiontune.keeping import alone
from sessiontune.training import hardware
from sessiontune.training.data import read_export
from sessiontune.training.metrics import evaluations, read_metrics
from warm import Begun
from warm import command as begin

pytestmark = [pytest.mark.models, pytest.mark.slow]

SETTINGS = [
    *("--device", "cpu", "--rate", "5e-3", "--batch", "2", "--accumulation", "1"),
    *("--length", "512", "--max-steps", "12", "--eval-every", "4", "--patience", "0"),
    *("--threads", "1"),
]


def command(export: Path, tiny: Path, out: Path, *more: str) -> list[str]:
    return ["train", str(export), "-o", str(out), "--base", str(tiny), *SETTINGS, *more]


def read(path: Path) -> Any:
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def run(export: Path, tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "one"
    assert main([*command(export, tiny, out), "--quiet"]) == 0
    return out


def test_it_learns(run: Path) -> None:
    held = evaluations(read_metrics(run / "metrics.jsonl"))
    assert [step for step, _ in held] == [0, 4, 8, 12]
    assert held[-1][1] < held[0][1] - 0.3


def test_the_record_is_whole(run: Path, export: Path, tiny: Path) -> None:
    record = read(run / "run.json")
    assert record["status"] == "done"
    assert record["base"]["path"] == str(tiny)
    assert len(record["base"]["sha256"]) == len(record["data"]["digest"]) == 64
    assert (record["data"]["train_rows"], record["data"]["eval_rows"]) == (24, 6)
    assert record["stop"] == ["<|im_end|>"]
    assert record["adds_bos"] is False
    assert record["seeds"] == {"seed": 42}
    assert record["metrics"]["eval_loss"] < record["metrics"]["base_eval_loss"]
    assert record["versions"]["trl"]
    assert record["hardware"]["cores"]
    assert (run / record["template"]).read_text() == (tiny / "chat_template.jinja").read_text()
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        assert (run / record["adapter"] / name).is_file()
    page = (run / "report.html").read_text()
    assert "<svg" in page
    assert "http" not in page.replace("http://www.w3.org", "").replace("http-equiv", "")


def test_the_adapter_loads_and_lowers_the_loss(run: Path, tiny: Path) -> None:
    import pyarrow.parquet as pq
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    row = pq.read_table(run / "data" / "eval.parquet").to_pylist()[0]
    ids, labels = torch.tensor([row["input_ids"]]), torch.tensor([row["labels"]])
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny), run / "adapter")
    model.eval()
    with torch.no_grad():
        tuned = float(model(input_ids=ids, labels=labels).loss)
        with model.disable_adapter():
            base = float(model(input_ids=ids, labels=labels).loss)
    assert tuned < base - 0.3


def test_the_same_seed_gives_the_same_adapter(
    run: Path, export: Path, tiny: Path, tmp_path: Path
) -> None:
    assert main([*command(export, tiny, tmp_path / "two"), "--quiet"]) == 0
    one, two = (
        hashlib.sha256((p / "adapter" / "adapter_model.safetensors").read_bytes()).hexdigest()
        for p in (run, tmp_path / "two")
    )
    assert one == two


def start(arguments: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "sessiontune", *arguments, "--quiet"],
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        # A shell starts what runs in its background with Ctrl-C ignored, and that is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def wait_for_step(out: Path, step: int, process: subprocess.Popen[bytes] | Begun) -> None:
    for _ in range(15_000):
        if process.poll() is not None or any(
            m["step"] >= step for m in read_metrics(out / "metrics.jsonl")
        ):
            return
        time.sleep(0.02)
    raise AssertionError("the run did not get going")


def worker_of(process: Begun) -> list[int]:
    """Process ids of the children of a process."""
    path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(number) for number in path.read_text().split()]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
def test_killed_anywhere_it_goes_on_to_the_same_loss(
    run: Path, export: Path, tiny: Path, tmp_path: Path
) -> None:
    """Five kills at random steps, the trainer or the whole command; one final loss."""
    out = tmp_path / "killed"
    pick = random.Random(5)
    arguments = command(export, tiny, out)
    killed = 0
    for kill in range(5):
        more = ["--resume"] if (out / "run.json").exists() else []
        process = begin([*arguments, "--quiet", *more])
        wait_for_step(out, 2 * kill + pick.randint(1, 2), process)
        time.sleep(pick.random() / 10)
        if process.poll() is not None:  # a fast machine is through before the last kill
            break
        killed += 1
        children = worker_of(process)
        if kill % 2 == 0:
            os.kill(process.pid, signal.SIGKILL)
        for child in children:
            if kill % 2 == 1:
                os.kill(child, signal.SIGKILL)
        process.wait()
        for child in children:  # the worker ends by itself when its parent is gone
            for _ in range(600):
                if (
                    not Path(f"/proc/{child}").exists()
                    or "Z" in Path(f"/proc/{child}/stat").read_text().split()[2]
                ):
                    break
                time.sleep(0.1)
    assert killed >= 4
    if read(out / "run.json")["status"] != "done":
        assert main([*arguments, "--resume", "--quiet"]) == 0
    whole, mended = (read_metrics(p / "metrics.jsonl") for p in (run, out))
    assert [m["step"] for m in whole] == [m["step"] for m in mended]
    for one, two in zip(whole, mended, strict=True):
        assert one["loss"] == pytest.approx(two["loss"], abs=1e-3)


def test_ctrl_c_saves_a_checkpoint(
    export: Path, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "stopped"
    arguments = command(export, tiny, out, "--max-steps", "36")
    process = start(arguments)
    wait_for_step(out, 2, process)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=300) == 130
    assert read(out / "run.json")["status"] == "interrupted"
    saved = list((out / "checkpoints").glob("checkpoint-*/whole"))
    assert saved
    capsys.readouterr()
    assert main([*arguments, "--resume", "--json"]) == 0
    assert read(out / "run.json")["metrics"]["steps"] == 36
    reasons = {line["reason"] for line in json.loads(capsys.readouterr().out)["plan"]}
    assert "as begun" in reasons
    assert "given" not in reasons  # neither was the length nor the precision of the first plan


def test_a_dry_run_writes_the_plan_and_trains_nothing(
    export: Path, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "planned"
    assert main([*command(export, tiny, out), "--dry-run", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["status"] == "planned"
    assert {line["name"] for line in told["plan"]} >= {"method", "learning rate", "steps", "time"}
    assert all(line["reason"] for line in told["plan"])
    assert read(out / "plan.json")["plan"]["steps"] == 12
    assert read(out / "trainer" / "orders.json")["adapter"]["r"] == 16
    assert not (out / "adapter").exists()
    assert not (out / "checkpoints").exists()


def refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str], code: int, *words: str
) -> None:
    assert main([*arguments, "--json"]) == code
    error = json.loads(capsys.readouterr().out)["error"]
    for word in words:
        assert word in error["message"] + error["hint"]
    assert error["hint"]


def test_errors_name_the_next_step_and_leave_nothing(
    export: Path,
    tiny: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "runs" / "r"
    refused(command(tmp_path / "none", tiny, out), capsys, 2, "is not a folder", "export")
    (tmp_path / "bare").mkdir()
    refused(
        command(tmp_path / "bare", tiny, out), capsys, 2, "no rows for training", "openai among"
    )
    (tmp_path / "my run").mkdir()
    (tmp_path / "my run" / "run.json").write_text('{"data": {"dir": "my data"}}')
    on = f"sessiontune train 'my data' -o '{tmp_path / 'my run'}' --resume"
    for task in ((), ("--task", "kto")):
        refused(command(tmp_path / "my run", tiny, out, *task), capsys, 2, "is a training run", on)
    # ... nothing goes on with a run that is done
    note = '{"data": {"dir": "my data"}, "status": "done"}'
    (tmp_path / "my run" / "run.json").write_text(note)
    with pytest.raises(UsageError) as done:
        read_export(tmp_path / "my run")
    assert done.value.hint == "For a new run: sessiontune train 'my data' --base MODEL"
    # ... and where it stands in the way of a new one
    told = (("done", "run that is done", "leave -o out"), ("interrupted", "exists", "--resume"))
    for status, *words in told:
        (tmp_path / "my run" / "run.json").write_text(json.dumps({"status": status}))
        refused(command(export, tiny, tmp_path / "my run"), capsys, 2, *words)
    empty = make_export(tmp_path / "empty", train=0, held=0)
    refused(command(empty, tiny, out), capsys, 10, "no training rows", "scan")
    refused(command(export, tmp_path / "nobase", out), capsys, 2, "No base model")
    refused(command(export, tmp_path / "bare", out), capsys, 2, "config.json is missing")
    refused(
        command(export, Path("some-owner/no-such-model"), out), capsys, 2, "not on this machine"
    )
    with monkeypatch.context() as without:
        without.setattr(
            hardware, "find_spec", lambda name: None if "bits" in name else find_spec(name)
        )
        refused(command(export, tiny, out, "--method", "qlora"), capsys, 2, "needs an NVIDIA GPU")
    many = ("--epochs", "9", "--max-steps", "0")
    refused(command(export, tiny, out, *many), capsys, 10, "--force")
    few = ("--epochs", "9", "--max-steps", "2", "--dry-run")
    assert main(command(export, tiny, tmp_path / "few", *few)) == 0, "two steps are no nine epochs"
    capsys.readouterr()
    refused(command(export, tiny, out, "--targets", "q_prj"), capsys, 2, "q_proj")
    refused(command(export, tiny, out, "--rank", "0"), capsys, 2, "rank")
    refused(command(export, tiny, out, "--resume"), capsys, 2, "no training run")
    refused(
        command(export, tiny, out, "--trainer", "axolotl", "--python", "/nowhere/python"),
        capsys,
        6,
        "trainers install",
    )
    assert not (tmp_path / "runs" / "r").exists() or not list((tmp_path / "runs" / "r").iterdir())
    out.mkdir(parents=True, exist_ok=True)
    (out / "mine.txt").write_text("keep")
    refused(command(export, tiny, out), capsys, 2, "is no run", "another folder")
    assert [p.name for p in out.parent.rglob("*")] == ["r", "mine.txt"]
    begun = tmp_path / "begun"
    begun.mkdir()
    (begun / "run.json").write_text('{"status": "interrupted"}')
    refused(["train", str(export), "-o", str(begun)], capsys, 2, "exists", "Go on with --resume")


@pytest.mark.parametrize("note", [b"[]", b'{"status": "fail', b"\xff", b'"done"', b""])
def test_a_damaged_record_is_no_run(
    note: bytes, export: Path, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A list ended in a traceback, and who did not resume was told not to."""
    monkeypatch.chdir(tmp_path)
    name = f"{export.name}-run"
    Path(name).mkdir()
    Path(name, "run.json").write_bytes(note)
    refused(command(export, tiny, Path(name)), capsys, 2, "is no run", "another folder")
    refused(command(export, tiny, Path(name), "--resume"), capsys, 2, "damaged", "without --resume")
    for verb in ("evaluate", "ship", "chat", "serve"):
        refused([verb, name], capsys, 2, "is no training run", "`sessiontune train` made")
    refused(["train", name, "--base", "tiny"], capsys, 2, "is a training run", "train DIR")
    assert default_run(export, resume=False) == Path(f"{name}-2")


def test_a_record_may_hold_a_path_that_is_no_text(
    export: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such a run could be shipped, but neither evaluated nor resumed."""
    data = os.fsdecode(b"caf\xe9")
    record = {"status": "failed", "base": {"path": "base"}, "data": {"dir": data}}
    (tmp_path / "run.json").write_text(json.dumps(record))
    for verb in ("evaluate", "ship"):
        refused([verb, str(tmp_path)], capsys, 2, "is not finished (status: failed)", "--resume")


def test_one_command_at_a_time_makes_or_resumes_a_run(
    export: Path, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second one emptied the folder that the first was filling, or trained into its run."""
    out, beside = tmp_path / "r", tmp_path / ".r.part"
    beside.mkdir()
    (beside / "half").write_text("of another command")
    with alone(beside, out):
        refused(command(export, tiny, out), capsys, 5, f"at work on {out}", "another folder")
        assert (beside / "half").exists()
    assert main([*command(export, tiny, out, "--dry-run"), "--quiet"]) == 0
    with alone(out, out):
        refused(command(export, tiny, out, "--resume"), capsys, 5, f"at work on {out}")
    done = json.loads((out / "run.json").read_text()) | {"status": "done"}
    (out / "run.json").write_text(json.dumps(done))
    refused(command(export, tiny, out, "--resume"), capsys, 2, "nothing is left", "and -o")


def test_a_tokenizer_of_another_model_is_refused(
    export: Path, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    from sessiontune.training.tiny import make_tiny

    mixed = tmp_path / "mixed"
    shutil.copytree(tiny, mixed)
    larger = make_tiny(tmp_path / "larger", [str(i) * 3 for i in range(3000)], vocab=2000)
    shutil.copy(larger / "tokenizer.json", mixed / "tokenizer.json")
    refused(command(export, mixed, tmp_path / "r"), capsys, 10, "no row in the base's embedding")
    assert not (tmp_path / "r").exists()


def test_a_tokenizer_that_names_no_end_and_no_padding(
    export: Path, tiny: Path, tmp_path: Path
) -> None:
    """As of some bases that were never made for chat: the template's stop token serves as both."""
    import shutil

    base = tmp_path / "bare"
    shutil.copytree(tiny, base)
    path = base / "tokenizer_config.json"
    named = json.loads(path.read_text())
    for name in ("eos_token", "pad_token"):
        del named[name]
    path.write_text(json.dumps(named))
    out = tmp_path / "run"
    assert main([*command(export, base, out, "--max-steps", "2"), "--quiet"]) == 0
    assert json.loads((out / "run.json").read_text())["stop"] == ["<|im_end|>"]
