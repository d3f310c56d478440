"""What the state forgets after an export: old shards and segments, and vanished logs with
`--prune`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from ..store import Store
from .inputs import Inputs
from .shutout import closed

#: Exports whose segments are kept; the rows of an older one are encoded again as a whole.
FOLDERS = 4
#: `serves:FOLDER` is the name under which the keys of an export's segments are remembered.
_SERVES = "serves"
_keys = msgspec.msgpack.Decoder(list[str]).decode


def drop_stale(
    store: Store, folder: str, units: set[str], builds: Sequence[str], inputs: Inputs
) -> None:
    """Forget old shards and segments. Kept are the shards of logs that this run was not asked for,
    and the segments of the newest exports. `units`, `builds`: keys of this export's units and
    segments."""
    others = store.unit_keys() - units
    if others:
        mine = {r.file.path for r in inputs.rows} | inputs.past | inputs.moved

        def elsewhere(unit: str) -> bool:
            return any(p not in mine and store.is_log(p) for p in store.paths_of(unit))

        store.delete_units([unit for unit in others if not elsewhere(unit)])
    store.delete_files(inputs.past)
    store.remember(f"{_SERVES}:{folder}", msgspec.msgpack.encode(builds))
    there = [name for name in store.folders() if Path(name).is_dir()][-FOLDERS:]
    keep: set[str] = set()
    for name, noted in store.memories(_SERVES):
        if name.partition(":")[2] in there:
            keep.update(_keys(noted))
        else:
            store.remove_memory(name)
    store.keep_builds(keep, units)
    store.sweep()


def prune(inputs: Inputs) -> Inputs:
    """The logs without those that vanished, as the user asked; those that could not be opened stay.
    The state forgets them only when the run has published: it may be a dry one, or fail because a
    whole disk is away."""
    stay = closed(inputs)
    past = {r.file.path for r in inputs.rows if r.gone} - stay
    rows = [r for r in inputs.rows if r.file.path not in past]
    return msgspec.structs.replace(inputs, rows=rows, gone=len(stay), past=inputs.past | past)
