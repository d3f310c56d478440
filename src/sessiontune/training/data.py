"""Reading an export for training: rows of both sides, checked, with a digest."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path
from shlex import quote
from typing import Any

import msgspec
import orjson

from ..errors import PreflightError, StoreError, UsageError
from ..runs import is_run, known_record


class Row(msgspec.Struct, frozen=True):
    """One row and its place (`file:line`, from 1)."""

    where: str
    body: dict[str, Any]


class DataSet(msgspec.Struct, frozen=True):
    """What there is to train on. `digest` is the sha256 of the files' bytes, in order; `split` the
    name of the split, if the export has one."""

    folder: str
    train: tuple[Row, ...]
    eval: tuple[Row, ...]
    digest: str
    files: tuple[str, ...]
    split: str = ""


def read_export(folder: Path) -> DataSet:
    """Read train/ and eval/ of an export, or the top-level openai file of an older one.

    Answers that no row could hold are in long/, apart from the rows; they come last. Raises
    UsageError for a folder that is no export, PreflightError for an empty one or a line that cannot
    be read.
    """
    _must_be_export(folder)
    sides = (folder / "train" / "openai.jsonl", folder / "eval" / "openai.jsonl")
    if sides[0].is_file():
        rows_of = [
            [p for p in (side, folder / "long" / f"{side.parent.name}.jsonl") if p.is_file()]
            for side in sides
        ]
        train, held = (
            tuple(row for path in paths for row in _rows(path, folder)) for paths in rows_of
        )
        files = [path for paths in rows_of for path in paths]
    else:
        found = sorted(folder.glob("*_conversations_openai.jsonl"))
        if len(found) != 1:
            what = "no rows for training" if not found else f"{len(found)} exports"
            raise UsageError(
                f"{folder} holds {what}.",
                "It needs train/openai.jsonl: run `sessiontune export -o DIR`, with openai among"
                " the formats where --format names some.",
            )
        rows = list(_rows(found[0], folder))
        train = tuple(r for r in rows if r.body.get("split") != "eval")
        held = tuple(r for r in rows if r.body.get("split") == "eval")
        files = found
    if not train:
        raise PreflightError(
            f"{folder} has no training rows.",
            "Nothing was exported; `sessiontune scan` says what is there.",
        )
    names = tuple(str(f) for f in files)
    return DataSet(str(folder), train, held, _digest(files), names, _split(folder))


def _must_be_export(folder: Path) -> None:
    """UsageError, with the next step, for what is clearly something else."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder.", "Name what `sessiontune export` wrote.")
    if not is_run(folder) or (folder / "manifest.json").is_file():
        return
    run, data = known_record(folder) or {}, "DIR"
    with contextlib.suppress(LookupError, TypeError):  # damaged, or another program's
        data = quote(str(run["data"]["dir"]))
    go_on = f"To go on with it: sessiontune train {data} -o {quote(str(folder))} --resume. "
    raise UsageError(
        f"{folder} is a training run, and no export.",
        f"{'' if run.get('status') == 'done' else go_on}For a new run: sessiontune train {data}"
        " --base MODEL",
    )


def read_preferences(folder: Path, task: str) -> DataSet:
    """Read preferences/TASK.jsonl; rows with split "eval" are held out."""
    _must_be_export(folder)
    path = folder / "preferences" / f"{task}.jsonl"
    if not path.is_file():
        raise UsageError(
            f"{folder} holds no {task} rows.", "Export with `--preferences` to make them."
        )
    rows = list(_rows(path, folder))
    train = tuple(r for r in rows if r.body.get("split") != "eval")
    if not train:
        raise PreflightError(f"{path} has no training rows.", "Export more sessions.")
    held = tuple(r for r in rows if r.body.get("split") == "eval")
    return DataSet(str(folder), train, held, _digest([path]), (str(path),))


def _split(folder: Path) -> str:
    """The name of an export's split, from its manifest; "" for the usual one."""
    try:
        known = orjson.loads((folder / "manifest.json").read_bytes())
        return str(known["options"]["split"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""  # no manifest, or one of a version that had no other split


def _rows(path: Path, folder: Path) -> Iterator[Row]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                where = f"{path.relative_to(folder)}:{number}"
                try:
                    body = orjson.loads(line)
                except ValueError as error:
                    raise PreflightError(
                        f"{where} is not JSON ({error}).", "The file is damaged: export again."
                    ) from error
                if not isinstance(body, dict):
                    raise PreflightError(f"{where} is not an object.", "Export again.")
                yield Row(where, body)
    except OSError as error:
        raise StoreError(f"Cannot read {path}: {error.strerror}") from error


def _digest(files: list[Path]) -> str:
    total = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                total.update(block)
    return total.hexdigest()


def texts_of(data: DataSet) -> list[str]:
    """Texts of the training rows for a tiny tokenizer, up to about four million characters."""
    out: list[str] = []
    size = 0
    for row in data.train:
        for message in row.body.get("messages", ()):
            text = str(message.get("content") or "")
            calls = message.get("tool_calls")
            if calls:
                text += orjson.dumps(calls).decode()
            out.append(text)
            size += len(text)
        if size > 4_000_000:
            break
    return out
