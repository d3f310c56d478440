"""Which files a loader reads together, and with which types: the head of a data set card.

`datasets` guesses the types of JSON from the first rows of a file, unless features are given. These
are the same for `datasets` 4 and 5.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from . import columns
from .columns import Schema

_SUFFIXES = {
    "_conversations_openai.jsonl": "openai",
    "_conversations_sharegpt.jsonl": "sharegpt",
    "_conversations_raw.jsonl": "raw",
    "_conversations_alpaca.jsonl": "alpaca",
}


class Config(NamedTuple):
    """A named part of the data set: (split, path) pairs and the columns."""

    name: str
    files: tuple[tuple[str, str], ...]
    schema: Schema


def format_of(path: str) -> str:
    """The format of an exported JSONL file by its path, or "" for any other file."""
    folder, _, file = path.rpartition("/")
    if folder in ("train", "eval", "preferences") and file.endswith(".jsonl"):
        return file.removesuffix(".jsonl")
    if folder == "long":  # answers longer than a row are apart from train/ and eval/
        return folder
    return next((name for end, name in _SUFFIXES.items() if path.endswith(end)), "")


def side_of(path: str) -> str:
    """`train`, `eval` or `preferences`; `all` for a file at the top level."""
    folder, _, file = path.rpartition("/")
    return file.partition(".")[0] if folder == "long" else folder or "all"


def configs(files: Iterable[tuple[str, int]], *, thinking: bool) -> list[Config]:
    """Configurations for the (path, rows) of an export; openai first. Empty files are left out.

    If there are `train/` and `eval/`, the file at the top level, which repeats the training side,
    is left out.
    """
    found: dict[str, dict[str, str]] = {}
    for path, rows in files:
        name = format_of(path)
        if not name or not rows:
            continue
        side = side_of(path)
        found.setdefault(name, {})["train" if side == "preferences" else side] = path
    made = []
    for name, sides in found.items():
        if len(sides) > 1:
            sides.pop("all", None)
        top = "whole" if name == "raw" else "train"  # raw holds both sides
        pairs = tuple((top if s == "all" else s, p) for s, p in sorted(sides.items()))
        pairs = tuple(sorted(pairs, key=lambda p: p[0] != "train"))
        made.append(Config(name, pairs, columns.schema(name, thinking=thinking)))
    return sorted(made, key=lambda c: (c.name != "openai", c.name))


def front_matter(files: Iterable[tuple[str, int]], *, thinking: bool) -> str:
    """The `configs` and `dataset_info` keys as YAML lines."""
    parts = configs(files, thinking=thinking)
    if not parts:
        return ""
    lines = ["configs:"]
    for config in parts:
        lines.append(f"- config_name: {config.name}")
        if config is parts[0]:
            lines.append("  default: true")
        lines.append("  data_files:")
        for split, path in config.files:
            lines += [f"  - split: {split}", f"    path: {quoted(path)}"]
    lines.append("dataset_info:")
    for config in parts:
        lines += [f"- config_name: {config.name}", "  features:"]
        lines += ["  " + line for line in _fields(config.schema)]
    return "\n".join(lines) + "\n"


def _fields(schema: Schema) -> Iterator[str]:
    for name, kind in schema.items():
        yield f"- name: {name}"
        if isinstance(kind, str):
            yield f"  dtype: {kind}"
        elif isinstance(kind, dict):
            yield "  struct:"
            yield from ("  " + line for line in _fields(kind))
        else:
            yield "  list:"
            yield from ("  " + line for line in _fields(kind[0]))


def quoted(text: str) -> str:
    """A YAML scalar that is always read as text."""
    import orjson

    return orjson.dumps(text).decode()
