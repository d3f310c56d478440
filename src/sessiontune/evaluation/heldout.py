"""The held-out side of a run: the examples as they were tokenised, and the rows behind them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import orjson

from ..errors import UsageError


class HeldExample(msgspec.Struct, frozen=True):
    """One tokenised example. `labels` is -100 where no loss is borne; `cluster` its lineage."""

    id: str
    cluster: str
    ids: list[int]
    labels: list[int]
    tags: tuple[str, ...] = ()


class Run(msgspec.Struct, frozen=True):
    """A run folder and its record (`run.json`)."""

    folder: Path
    record: dict[str, Any]

    @property
    def base(self) -> Path:
        """The folder of the base model; a relative path is inside the run."""
        return self.folder / Path(self.record["base"]["path"])

    @property
    def adapter(self) -> Path:
        """The folder of the adapter."""
        return self.folder / self.record.get("adapter", "adapter")

    @property
    def data(self) -> Path:
        """The export it was trained on."""
        return Path(self.record["data"]["dir"])


def open_run(folder: Path) -> Run:
    """Read a finished run. Raises UsageError for anything else."""
    try:
        record = orjson.loads((folder / "run.json").read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise UsageError(
            f"{folder} is not a run: run.json is missing or damaged.",
            "Give the folder that `sessiontune train` made.",
        ) from error
    run = Run(folder, record)
    if record.get("status") != "done" or not run.adapter.is_dir():
        raise UsageError(
            f"The run in {folder} is not finished (status: {record.get('status')}).",
            f"Go on with it first: sessiontune train {record['data']['dir']} -o {folder} --resume.",
        )
    return run


def held_rows(run: Run) -> dict[str, dict[str, Any]]:
    """Held-out rows by `file:line`, as examples name them. Raises UsageError when they changed."""
    path = run.data / "eval" / "openai.jsonl"
    if not path.is_file():
        raise UsageError(
            f"{run.data} has no held-out side.", "Export with --eval-share above 0 and train again."
        )
    with open(path, "rb") as lines:
        return {
            f"eval/openai.jsonl:{number}": orjson.loads(line)
            for number, line in enumerate(lines, 1)
        }


def held_examples(run: Run, rows: dict[str, dict[str, Any]]) -> list[HeldExample]:
    """The very examples that the trainer evaluated on, with the lineage of each."""
    import pyarrow.parquet as parquet

    path = run.folder / "data" / "eval.parquet"
    if not path.is_file():
        raise UsageError(f"{run.folder} has no prepared held-out examples.", "Train again.")
    table = parquet.read_table(path).to_pylist()
    found = []
    for number, entry in enumerate(table):
        where = str(entry["where"])
        row = rows.get(_row_of(where), {})
        found.append(
            HeldExample(
                id=f"{number}:{where}",
                cluster=str(row.get("group") or row.get("lineage") or where),
                ids=entry["input_ids"],
                labels=entry["labels"],
                tags=tuple(t for t in str(row.get("tags", "")).split(",") if t),
            )
        )
    return found


def _row_of(where: str) -> str:
    """`eval/openai.jsonl:12` out of whatever a trainer appends to it."""
    head, _, tail = where.partition("openai.jsonl:")
    digits = ""
    for letter in tail:
        if not letter.isdigit():
            break
        digits += letter
    return f"{head}openai.jsonl:{digits}"
