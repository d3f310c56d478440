"""What the worker reports while it trains, and how it is asked to stop."""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Any

from .hook import MARK, any_process, measured
from .metrics import keep_until, tokens_seen

#: File that marks a checkpoint as completely written.
WHOLE = "whole"


class Reporter:
    """Events on stdout, measurements also in the metrics file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        #: With several GPUs there is a process for each; only the first one reports.
        self.speaks = os.environ.get("RANK", "0") == "0"

    def keep_until(self, step: int) -> None:
        """Remove from the metrics what comes after `step`."""
        if self.speaks:
            keep_until(self.path, step)

    def event(self, name: str, /, **facts: Any) -> None:
        """Report an event to the parent process."""
        if not self.speaks:
            return
        sys.stdout.write(MARK + json.dumps({"event": name, **facts}) + "\n")
        sys.stdout.flush()

    def measure(self, found: dict[str, Any]) -> None:
        """Write down one measurement, in the form of `metrics`, and report it."""
        if not self.speaks:
            return
        # JSON has no NaN or infinity, which fp16 gives while its scale is found, or divergence.
        entry = {k: None if _no_number(v) else v for k, v in found.items()}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        self.event("metric", **found)


def _no_number(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def missed(checkpoint: Path) -> int:
    """Evaluations without gain before a checkpoint. (Transformers restores them only together with
    the order to stop with which an interrupted run ended.)"""
    state = json.loads((checkpoint / "trainer_state.json").read_text("utf-8"))
    told = state.get("stateful_callbacks", {}).get("EarlyStoppingCallback") or {}
    return int(told.get("attributes", {}).get("early_stopping_patience_counter", 0))


class StopFlag:
    """Set by a signal, by the end of the parent process, or by a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._set = threading.Event()

    def set(self) -> None:
        self._set.set()

    def is_set(self) -> bool:
        if not self._set.is_set() and self.path.exists():
            self._set.set()
        return self._set.is_set()


def callbacks(report: Reporter, flag: StopFlag, patience: int) -> list[Any]:
    """Callbacks for a transformers Trainer."""
    from transformers import EarlyStoppingCallback, TrainerCallback

    class Watch(TrainerCallback):  # type: ignore[misc]
        """Measures after each step and evaluation; saves a checkpoint when asked to stop."""

        def __init__(self) -> None:
            self.started = time.monotonic()
            self.before = 0

        def on_train_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            self.started = time.monotonic()
            self.before = tokens_seen(report.path)  # TRL counts from 0 in a resumed run

        def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            if any_process(flag.is_set()):
                control.should_save = True
                control.should_training_stop = True

        def on_log(
            self, args: Any, state: Any, control: Any, logs: Any = None, **rest: Any
        ) -> None:
            logs = logs or {}
            found = measured(logs, state.global_step, float(state.epoch or 0))
            if found.get("kind") == "train":
                found |= _pace(logs, time.monotonic() - self.started, self.before)
                found["steps"] = state.max_steps
            elif found:
                found |= {k[5:]: v for k, v in logs.items() if k.startswith("eval_rewards/")}
            if found:
                report.measure(found)

        def on_save(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            (folder / WHOLE).write_text("")
            report.event("saved", step=state.global_step)

    made: list[Any] = [Watch()]
    if patience:
        made.append(EarlyStoppingCallback(patience))
    return made


def _pace(logs: dict[str, Any], seconds: float, before: int) -> dict[str, Any]:
    """What TRL reports of a step besides its loss; `before`: tokens seen before this process."""
    seen = int(logs.get("num_tokens") or 0)
    return {
        "grad_norm": logs.get("grad_norm"),
        "tokens": before + seen,
        "tokens_per_second": round(seen / seconds, 1) if seconds > 0 and seen else None,
        "seconds": round(seconds, 3),
    }


def last_whole_checkpoint(folder: Path) -> Path | None:
    """The newest complete checkpoint; incomplete ones are removed."""
    found = []
    for path in folder.glob("checkpoint-*"):
        if not (path / WHOLE).is_file():
            shutil.rmtree(path)
            continue
        found.append((int(path.name.rsplit("-", 1)[1]), path))
    return max(found)[1] if found else None
