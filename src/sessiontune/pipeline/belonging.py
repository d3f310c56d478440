"""Whether an export may go into a folder: what trains there must not be held out later.

So a folder keeps the split that it was dealt by, and the state that remembers its sides.
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
    """The manifest of the export that is there; None where none is, or it is damaged."""
    if not folder.exists():
        publish.recover(folder)  # a run that was killed may have left the former one beside it
    try:
        return read_manifest(folder)
    except OSError:
        return None


def same_split(recipe: Recipe, folder: Path, former: Manifest | None) -> Recipe:
    """The recipe with the split of the folder. Raises UsageError where it asks for another."""
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
    """The split as the recipe beside the data tells it: the manifest is damaged, or not there."""
    try:
        return str(tomllib.loads((folder / "recipe.toml").read_text("utf-8")).get("split", ""))
    except (OSError, ValueError):
        return default


def refuse_strange(folder: Path, former: Manifest | None, split: str, store: Store) -> None:
    """Raise UsageError where this state remembers nothing of how the folder was dealt."""
    if former is None or store.made(former.build):
        return
    noted = store.memory(notes.split_memory(split))
    seats = msgspec.msgpack.decode(noted, type=SplitMemory).seats if noted else {}
    strange = None
    for name in _lineages(folder, former):
        if name in seats:
            return  # a copy, or moved here
        strange = name
    if strange is not None:
        raise UsageError(
            f"{folder} was made with another state. This one ({store.folder}) does not remember"
            " its sides, and would deal all sessions anew, under other pseudonyms.",
            "Name that state with --state or SESSIONTUNE_STATE, or another folder with -o."
            " Is it lost? `sessiontune export --force` deals anew; what trained there may be held"
            " out then.",
        )


class _Row(msgspec.Struct):
    lineage: str = ""


def _lineages(folder: Path, manifest: Manifest) -> Iterator[str]:
    """The lineages of the rows of an export; each is named as often as it has rows."""
    decode = msgspec.json.Decoder(_Row).decode
    for file in manifest.files:
        if not file.path.endswith(".jsonl"):
            continue
        with (
            contextlib.suppress(OSError, msgspec.DecodeError),  # not there, or not as we left it
            open(folder / file.path, "rb") as lines,
        ):
            yield from filter(None, (decode(line).lineage for line in lines))
