"""Watches a trainer that runs in an environment of its own, and stops it with a checkpoint.

Copied into a run as trainer/hook/sitecustomize.py, which Python loads at the start of each of the
trainer's processes, so it imports nothing of sessiontune. It adds one callback to the Trainer of
transformers, which all these trainers use. The callback writes measurements as events to stdout,
and saves a checkpoint and stops when the file trainer/stop appears. With another Trainer nothing
happens.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

MODULE = "transformers.trainer"
#: Begins an event's line, as in sessiontune's own worker.
MARK = "@@"
STOP = Path("trainer/stop")


class Finder(MetaPathFinder):
    """Waits for the Trainer's module and adds the callback once it is loaded. Others may only ask
    where the module is, so it waits for the loading."""

    asking = False

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        if fullname != MODULE or self.asking:
            return None
        self.asking = True
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self.asking = False
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def exec_module(module: Any) -> None:
            execute(module)
            if hasattr(module, "DEFAULT_CALLBACKS") and hasattr(module, "TrainerCallback"):
                module.DEFAULT_CALLBACKS.append(watcher(module.TrainerCallback))

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def watcher(kind: type) -> type:
    """The callback's class, made once transformers' own base class is known."""

    class Watcher(kind):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            if any_process(STOP.exists()):
                control.should_save = True
                control.should_training_stop = True

        def on_log(
            self, args: Any, state: Any, control: Any, logs: Any = None, **rest: Any
        ) -> None:
            entry = measured(logs or {}, state.global_step, float(state.epoch or 0))
            if entry and state.is_world_process_zero:
                event = {"event": "metric", "steps": state.max_steps, **entry}
                sys.stdout.write(f"\n{MARK}{json.dumps(event)}\n")
                sys.stdout.flush()

    return Watcher


def measured(logs: dict[str, Any], step: int, epoch: float) -> dict[str, Any]:
    """A measurement in sessiontune's schema; {} where the log holds none."""
    common = {"step": step, "epoch": round(epoch, 4)}
    if "eval_loss" in logs:
        kind = "eval" if step else "base"
        return {"kind": kind, **common, "loss": float(logs["eval_loss"])}
    if "loss" in logs:
        rate = logs.get("learning_rate")
        return {"kind": "train", **common, "loss": float(logs["loss"]), "rate": rate}
    return {}


def any_process(asked: bool) -> bool:
    """Whether any of several processes was asked to stop: they must stop at the same step."""
    from torch import distributed

    if not (distributed.is_available() and distributed.is_initialized()):
        return asked
    answers: list[bool | None] = [None] * distributed.get_world_size()
    distributed.all_gather_object(answers, asked)
    return any(answers)


if __name__ == "sitecustomize":
    sys.meta_path.insert(0, Finder())
