"""run.json, the record of a training run: whether a folder holds one, and what stands in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .errors import no_run

RECORD = "run.json"
#: The chat template of the training, beside the record.
TEMPLATE = "template.jinja"
#: Settings that change no step, or that the plan decides.
PASSING = ("python", "log_to", "keep", "method", "precision", "length")


def is_run(folder: Path) -> bool:
    """Whether a folder holds a record, be it damaged."""
    return (folder / RECORD).is_file()


def known_record(folder: Path) -> dict[str, Any] | None:
    """The record of a run; None where there is none, or it is damaged."""
    try:  # json: a path in it may be no text, which the faster readers refuse
        record = json.loads((folder / RECORD).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def read_record(folder: Path, hint: str = "") -> dict[str, Any]:
    """The record of a run. UsageError, with `hint`, where there is none, or it is damaged."""
    record = known_record(folder)
    if record is None:
        raise no_run(folder, hint)
    return record


def settled(record: dict[str, Any]) -> dict[str, Any]:
    """What decides the steps of a run, as options: the given ones, and the values chosen for the
    others."""
    given = {k: v for k, v in (record.get("spec") or {}).items() if k not in PASSING}
    chosen = record.get("settings") or {}
    return given | {k: v for k, v in chosen.items() if k not in ("room", "memory")}
