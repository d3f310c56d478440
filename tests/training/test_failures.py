"""What goes wrong while training: each has its message, its next step and its exit status."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

pytest.importorskip("trl")

from exports import make_export
from plans import BASES, GPU, planned, prepared

from sessiontune.cli.main import main
from sessiontune.errors import PreflightError, StoreError, ToolError
from sessiontune.runtime import train as runs
from sessiontune.runtime.trainprep import Ready
from sessiontune.training import worker
from sessiontune.training.hardware import Gpu

pytestmark = pytest.mark.models


#: As CUDA's runtime, its libraries, Metal and the system say it.
SAID = (
    "CUDA out of memory. Tried to allocate 2.00 GiB",
    "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported",
    "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    "MPS backend out of memory (MPS allocated: 1.00 GiB)",
    "[enforce fail at alloc_cpu.cpp:119] DefaultCPUAllocator: can't allocate memory",
)


@pytest.fixture
def ready() -> Ready:
    spec, plan = planned("trl", "llama", "lora", batch=4, length=8192, gpus=1)
    nothing: Any = None
    return Ready(
        spec=spec, data=nothing, base=BASES["llama"], base_path="./base", machine=GPU,
        template=nothing, train=prepared(3), held=prepared(1), plan=plan, checks=(), fingerprint="",
    )  # fmt: skip


def test_out_of_memory_gives_advice_with_numbers(ready: Ready) -> None:
    error = runs._failure(worker.NO_MEMORY, [], {}, ready)
    assert isinstance(error, ToolError)
    for words in ("--batch 1 --accumulation 8", "--length 4096 (about", "--method qlora", "GB"):
        assert words in error.hint
    other = runs._failure(1, ["torch.OutOfMemoryError: CUDA out of memory."], {}, ready)
    assert other.message == "Out of memory."


def test_no_advice_needs_more_than_there_is(ready: Ready) -> None:
    """An 8B base on a card of 12 GB, of which a game holds 2: only what fits is named."""
    base = msgspec.structs.replace(BASES["llama"], billions=8.03, layers=32, hidden=4096)
    card = Gpu("G", 12.9, "cuda", free=10.9)
    ready.base, ready.machine = base, msgspec.structs.replace(GPU, gpus=(card,))
    settings = msgspec.structs.replace(
        ready.plan.settings, method="qlora", batch=1, length=8192, room=card.room, memory=12.4
    )
    ready.plan = msgspec.structs.replace(ready.plan, settings=settings)
    ready.spec = msgspec.structs.replace(ready.spec, batch=1)
    said = ready.memory_advice()
    assert "--length 4096 (about" in said
    assert "qlora" not in said
    assert "Other programs hold 2.0 GB" in said
    settings = msgspec.structs.replace(settings, method="lora", memory=24.0)
    ready.plan = msgspec.structs.replace(ready.plan, settings=settings)
    assert "Try --method qlora --length 4096 (about" in ready.memory_advice()
    few = msgspec.structs.replace(settings, room=6.0)
    ready.plan = msgspec.structs.replace(ready.plan, settings=few)
    assert "Try a smaller base model." in ready.memory_advice()


@pytest.mark.parametrize("said", SAID)
def test_the_worker_reports_lack_of_memory(
    said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import signal

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    (tmp_path / "orders.json").write_text("{}")

    def fail(*_: object) -> int:
        raise RuntimeError(said)

    monkeypatch.setattr(worker, "_train", fail)
    assert worker.main(["orders.json"]) == worker.NO_MEMORY
    assert '"no_memory"' in capsys.readouterr().out


def test_other_ends_are_told_apart(ready: Ready) -> None:
    killed = runs._failure(-9, [], {}, ready)
    assert "SIGKILL" in killed.message
    assert "--resume" in killed.hint
    full = runs._failure(1, ["OSError: [Errno 28] No space left on device"], {}, ready)
    assert isinstance(full, StoreError)
    lost = runs._failure(worker.BAD_LOSS, [], {"base": {"loss": float("nan")}}, ready)
    assert isinstance(lost, PreflightError)
    facts = {"preflight": {"rows": 3, "wanted_rows": 4, "trained": 7, "wanted": 9}}
    wrong = runs._failure(worker.BAD_DATA, [], facts, ready)
    assert "3 of 4 examples" in wrong.message
    other = runs._failure(1, ["Traceback", "ValueError: no"], {}, ready)
    assert "ValueError: no" in other.message
    for error in (killed, full, lost, wrong, other):
        assert error.hint


def test_a_full_disk_leaves_nothing(
    export: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    import pyarrow.parquet as pq

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    out = tmp_path / "runs" / "r"
    assert main(["train", str(export), "-o", str(out), "--base", str(tiny), "--json"]) == 5
    error = json.loads(capsys.readouterr().out)["error"]
    assert "No space left" in error["message"]
    assert "Free some space" in error["hint"]
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(
    export: Path, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "run"
    assert main(["train", str(export), "-o", str(out), "--base", str(tiny), "--json"]) == 5
    assert "Cannot write" in json.loads(capsys.readouterr().out)["error"]["message"]


def test_resuming_with_other_data_is_refused(
    export: Path, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "r"
    common = ["-o", str(out), "--base", str(tiny), "--device", "cpu", "--length", "512"]
    assert main(["train", str(export), *common, "--dry-run", "--quiet"]) == 0
    other = make_export(tmp_path / "other", train=10)
    assert main(["train", str(other), *common, "--resume", "--json"]) == 2
    assert "cannot be resumed" in json.loads(capsys.readouterr().out)["error"]["message"]


def test_a_fuller_card_does_not_change_a_run_that_goes_on(
    export: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """What was settled by free memory stays; memory that is gone is named with what went wrong."""

    def card(free: float) -> None:
        gpu = msgspec.structs.replace(GPU, gpus=(Gpu("G", 24, "cuda", free=free),))
        for module in ("runtime.trainprep", "runtime.train"):
            monkeypatch.setattr(f"sessiontune.{module}.machine", lambda _: gpu)

    out = tmp_path / "r"
    command = ["train", str(export), "-o", str(out), "--base", str(tiny)]
    card(free=23)
    assert main([*command, "--dry-run", "--quiet"]) == 0
    planned = json.loads((out / "trainer" / "orders.json").read_text())
    assert planned["method"] == "lora"
    card(free=0.3)  # alone, that would be planned in 4 bits
    monkeypatch.setattr(runs, "follow", lambda *_: (worker.NO_MEMORY, []))
    for more in ([], ["--method", "lora"]):
        assert main([*command, "--resume", "--json", *more]) == 6
        error = json.loads(capsys.readouterr().out)["error"]
        assert error["message"] == "Out of memory."
        assert "Other programs hold 23.7 GB" in error["hint"]
        assert "--resume" in error["hint"]
    assert json.loads((out / "trainer" / "orders.json").read_text()) == planned
    assert main([*command, "--resume", "--json", "--method", "qlora"]) == 2
    assert "cannot be resumed" in json.loads(capsys.readouterr().out)["error"]["message"]


def test_a_first_run_that_failed_gives_its_name_to_the_next(
    export: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """README's `evaluate DIR-run` must mean the run that trained."""
    monkeypatch.setattr(runs, "follow", lambda *_: (1, ["boom"]))
    monkeypatch.chdir(tmp_path)
    common = [str(export), "--base", str(tiny), "--device", "cpu", "--length", "512"]
    assert main(["train", *common, "--rank", "4"]) == 6
    run = Path(f"{export.name}-run")
    (run / "note.txt").write_text("mine")
    capsys.readouterr()
    assert main(["train", *common, "--rank", "8"]) == 6
    kept = Path(f"{export.name}-run.untrained")
    assert f"kept as {kept}" in capsys.readouterr().err
    assert json.loads((run / "run.json").read_text())["spec"]["rank"] == 8
    assert json.loads((kept / "run.json").read_text())["spec"]["rank"] == 4
    assert (kept / "note.txt").read_text() == "mine"
    assert main(["train", *common]) == 6
    assert Path(f"{kept}-2").is_dir()
    assert main(["train", *common, "-o", str(run)]) == 2  # named: never moved


def test_a_missing_extra_names_the_command(
    export: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    import sys

    monkeypatch.setitem(sys.modules, "transformers", None)
    out = tmp_path / "r"
    assert main(["train", str(export), "-o", str(out), "--base", str(tiny), "--json"]) == 6
    assert "sessiontune[train]" in json.loads(capsys.readouterr().out)["error"]["hint"]
    assert list(tmp_path.iterdir()) == []


def test_a_disk_too_small_for_the_tiny_base_is_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The library that writes weights has errors of its own, which are no OSErrors."""
    from safetensors import SafetensorError
    from transformers import PreTrainedModel

    def full(*_: Any, **__: Any) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device")

    monkeypatch.setattr(PreTrainedModel, "save_pretrained", full)
    export = make_export(tmp_path / "x")
    out = tmp_path / "r"
    assert main(["train", str(export), "--base", "tiny", "-o", str(out)]) == 5
    said = capsys.readouterr().err
    assert f"Cannot write {out}: No space left on device" in said.replace("\n", " ")
    assert "Free some space, or name another place with -o." in said
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_figures_that_are_no_numbers_leave_the_metrics_readable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """fp16 has infinite gradients while it looks for its scale."""
    from sessiontune.training.metrics import read_metrics, training
    from sessiontune.training.watch import Reporter

    report = Reporter(tmp_path / "metrics.jsonl")
    report.measure({"kind": "train", "step": 1, "loss": 2.0, "grad_norm": float("inf")})
    report.measure({"kind": "train", "step": 2, "loss": float("nan"), "grad_norm": 1.0})
    found = read_metrics(report.path)
    assert [m["grad_norm"] for m in found] == [None, 1.0]
    assert training(found) == [(1, 2.0)]
    report.keep_until(1)
    assert len(read_metrics(report.path)) == 1


def test_a_resumed_run_counts_tokens_on(tmp_path: Path) -> None:
    """TRL begins at 0 again; speed is that of the steps since then."""
    from types import SimpleNamespace

    from sessiontune.training.metrics import read_metrics
    from sessiontune.training.watch import Reporter, StopFlag, callbacks

    report = Reporter(tmp_path / "metrics.jsonl")
    told = []
    for step in (1, 2, 3):  # begun, and resumed twice
        watch = callbacks(report, StopFlag(tmp_path / "stop"), 0)[0]
        state = SimpleNamespace(global_step=step, epoch=0.1, max_steps=3)
        watch.on_train_begin(None, state, None)
        watch.started -= 10
        watch.on_log(None, state, None, logs={"loss": 1.0, "num_tokens": 500})
        told.append(read_metrics(report.path)[-1])
    assert [m["tokens"] for m in told] == [500, 1000, 1500]
    assert all(m["tokens_per_second"] == pytest.approx(50, rel=0.1) for m in told)


def test_a_resumed_run_remembers_its_patience(
    export: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two evaluations without gain end a run, also when it was stopped after the first."""
    pytest.importorskip("trl")
    from transformers import EarlyStoppingCallback

    from sessiontune.training.metrics import evaluations, read_metrics
    from sessiontune.training.watch import missed

    told = [
        *("train", str(export), "-o", str(tmp_path / "run"), "--base", str(tiny)),
        *("--device", "cpu", "--length", "512", "--threads", "1", "--accumulation", "1"),
        *("--rate", "1e-30", "--warmup", "0"),  # so small that no evaluation gains anything
        *("--eval-every", "1", "--max-steps", "4", "--quiet"),
    ]
    assert main(told) == 0
    monkeypatch.chdir(tmp_path / "run")
    checkpoints = sorted(Path("checkpoints").glob("c*"), key=lambda p: int(p.name.split("-")[1]))
    held = [loss for _, loss in evaluations(read_metrics(Path("metrics.jsonl")))][1:]
    gone = len(held) - 1 - held.index(min(held))
    assert missed(checkpoints[-1]) == gone > 0
    orders = json.loads(Path("trainer/orders.json").read_text())
    trainer = worker._trainer(orders)
    trainer.add_callback(EarlyStoppingCallback(2))
    worker._patient(trainer, checkpoints[-1])
    kept = next(
        c for c in trainer.callback_handler.callbacks if hasattr(c, "early_stopping_patience")
    )
    assert kept.early_stopping_patience_counter == gone
