"""The held-out side of a run: the examples as they were tokenised, and the rows behind them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import Any

import msgspec

from ..errors import PreflightError, UsageError, no_run
from ..general import read_rows
from ..rows.columns import tags_in
from ..rows.read import rows_in
from ..runs import TEMPLATE, read_record
from ..templating import IGNORED, Encoded, Template, TemplateRefused
from .cache import folder_digest


class HeldExample(msgspec.Struct, frozen=True):
    """One tokenised example. `labels` is -100 for tokens without loss; `cluster` its lineage."""

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
        return self.folder / str(self.record.get("adapter", "adapter"))

    @property
    def data(self) -> Path:
        """The export it was trained on."""
        return Path(self.record["data"]["dir"])

    @property
    def length(self) -> int:
        """Tokens of context that it was trained with."""
        return int(self.record.get("max_length") or 4096)

    @property
    def template(self) -> Path:
        """File of the chat template that it was trained with."""
        return self.folder / TEMPLATE


def open_run(folder: Path) -> Run:
    """Read a finished run. Raises UsageError for anything else."""
    record = read_record(folder)
    try:
        _ = record["base"]["path"], record["data"]["dir"]
    except (LookupError, TypeError) as error:
        raise no_run(folder) from error
    run = Run(folder, record)
    if record.get("status") != "done" or not run.adapter.is_dir():
        raise UsageError(
            f"The run in {folder} is not finished (status: {record.get('status')}).",
            f"Go on with it first: sessiontune train {quote(str(run.data))} -o"
            f" {quote(str(folder))} --resume",
        )
    if not (run.base / "config.json").is_file():
        raise UsageError(
            f"The base model is not at {run.base} any more.", "Put it, or a link to it, back there."
        )
    lora = (run.adapter / "adapter_config.json").is_file()
    if lora and not any(run.adapter.glob("adapter_model.*")):
        raise UsageError(f"The weights in {run.adapter} are gone.", "Train again.")
    return run


#: Where an export holds its held-out rows.
HELD_FILES = ("eval/openai.jsonl", "long/eval.jsonl")


def held_digest(data: Path) -> str:
    """Digest of an export's held-out rows; "" if it has none."""
    there = [data / name for name in HELD_FILES if (data / name).is_file()]
    return folder_digest(there) if there else ""


def cluster_of(row: Mapping[str, Any], where: str) -> str:
    """The lineage of a row, merged with its near-copies if the export knows them."""
    return str(row.get("group") or row.get("lineage") or where)


def numbered(path: Path) -> dict[str, dict[str, Any]]:
    """The rows of a file by `folder/file:line`."""
    where = f"{path.parent.name}/{path.name}"
    return {f"{where}:{n}": row for n, row in enumerate(rows_in(path, "messages"), 1)}


def with_long(root: Path, rows: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The rows, and the held-out answers that no row could hold."""
    long = root / HELD_FILES[1]
    return {**rows, **numbered(long)} if long.is_file() else rows


def held_examples(path: Path, rows: dict[str, dict[str, Any]]) -> list[HeldExample]:
    """The examples that the trainer evaluated on and left in `path`, with the lineage of each. An
    answer longer than the context gives several, each with other tokens of it."""
    import pyarrow.parquet as parquet

    table = parquet.read_table(path).to_pylist()
    return numbered_examples([(str(e["where"]), e["input_ids"], e["labels"]) for e in table], rows)


def numbered_examples(
    tokens: Sequence[tuple[str, list[int], list[int]]], rows: dict[str, dict[str, Any]]
) -> list[HeldExample]:
    """Examples of (where, ids, labels), each with the lineage of its row."""
    found = []
    for number, (where, ids, labels) in enumerate(tokens):
        row = rows.get(_row_of(where), {})
        found.append(
            HeldExample(
                id=f"{number}:{where}",
                cluster=cluster_of(row, where),
                ids=ids,
                labels=labels,
                tags=tags_in(row.get("tags")),
            )
        )
    return found


def _row_of(where: str) -> str:
    """`eval/openai.jsonl:12`, without what a trainer appends to it."""
    found = re.match(r".*?\.jsonl:\d+", where)
    return found.group() if found else where


def probe_examples(
    path: Path, template: Template, length: int
) -> tuple[list[HeldExample], list[int]]:
    """General rows (`messages`) as examples, for the forgetting probe, and the numbers of the rows
    that give none.

    Each row is its own cluster. Rows that are too long keep their beginning.
    """
    found: list[HeldExample] = []
    unused = []
    for number, row in enumerate(read_rows(str(path)), 1):
        before = len(found)
        given = isinstance(row.get("messages"), list)
        where = f"{path.name}:{number}"
        for encoded in template_examples(template, row, where) if given else []:
            ids, labels = encoded.ids[:length], encoded.labels[:length]
            if any(label != IGNORED for label in labels):
                found.append(HeldExample(where, f"probe-{number}", ids, labels))
        if len(found) == before:
            unused.append(number)
    if not found:
        raise UsageError(
            f"{path} holds no rows for the probe.",
            'Each line needs "messages" with an answer, as in openai.jsonl.',
        )
    return found, unused


def template_examples(template: Template, row: dict[str, Any], where: str) -> list[Encoded]:
    """A row in tokens, as the trainer would see it; none if the template refuses it."""
    try:
        return template.encode(row, where)
    except (TemplateRefused, PreflightError):
        return []
