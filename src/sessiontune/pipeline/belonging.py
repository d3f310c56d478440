"""The split that an export folder already has: what trains there must not be held out later.

So a folder keeps its split, and an export into a folder made with another state says so.
"""

from __future__ import annotations

import contextlib
import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from .. import notes
from ..decisions import SplitMemory
from ..errors import UsageError
from ..manifest import Manifest
from ..recipe import Recipe
from ..store import Store
from . import publish
from .carrying import read_manifest


def former_of(folder: Path) -> Manifest | None:
    """The manifest of the export that is there; None where there is none, or it is damaged."""
    if not folder.exists():
        publish.recover(folder)  # a run that was killed may have left the former one beside it
    try:
        return read_manifest(folder)
    except OSError:
        return None


def same_split(recipe: Recipe, folder: Path, former: Manifest | None) -> Recipe:
    """The recipe with the split of the folder. Raises UsageError if it asks for another one."""
    split = former.options.split if former else _written_split(folder, recipe.split)
    if split == recipe.split:
        return recipe
    if recipe.split:
        raise UsageError(
            f"{folder} is dealt by {split or 'the usual split'} already, and"
            " what trains there must not be held out later.",
            f"Give the split {recipe.split} a folder of its own with -o; this one stays.",
        )
    return msgspec.structs.replace(recipe, split=split)


def _written_split(folder: Path, default: str) -> str:
    """The split in the recipe beside the data, for when the manifest is damaged or missing."""
    try:
        return str(tomllib.loads((folder / "recipe.toml").read_text("utf-8")).get("split", ""))
    except (OSError, ValueError):
        return default


def dealt_elsewhere(folder: Path, former: Manifest | None, split: str, store: Store) -> bool:
    """Whether another state made the export in this folder: this one remembers none of its sides,
    so it assigns all sessions again, under other pseudonyms."""
    if former is None or store.made(former.build):
        return False
    noted = store.memory(notes.split_memory(split))
    seats = msgspec.msgpack.decode(noted, type=SplitMemory).seats if noted else {}
    rows = 0
    for name in _lineages(folder, former):
        if name in seats:
            return False  # a copy, or moved here
        rows += 1
    return rows > 0


class _Row(msgspec.Struct):
    lineage: str = ""


def _lineages(folder: Path, manifest: Manifest) -> Iterator[str]:
    """The lineage of each row of an export."""
    decode = msgspec.json.Decoder(_Row).decode
    for file in manifest.files:
        if not file.path.endswith(".jsonl"):
            continue
        with (
            contextlib.suppress(OSError, ValueError),  # not there, or not as we left it
            open(folder / file.path, "rb") as lines,
        ):
            yield from filter(None, (decode(line).lineage for line in lines))
