"""Running pass 1 over all units: what is kept in the state, what must be read."""

from __future__ import annotations

import os
from collections.abc import Sequence

import msgspec

from .. import __version__, codec
from ..ledger import Ledger
from ..privacy.vocabulary import Vocabulary
from ..recipe import Recipe
from ..store import Store, UnitRow
from .inputs import Inputs, Runner, Unit
from .prepare import Preparation, PrepareTask, UnitSummary, hook_digest, prepare, redactor_of

#: Raise when the same input would give other shards.
PREPARE_VERSION = 3
_BATCH = 64


class Prepared(msgspec.Struct):
    """All units of this run with their summaries, in a fixed order."""

    units: list[Unit]
    summaries: dict[str, UnitSummary]
    preparation: Preparation


def preparation_of(recipe: Recipe, inputs: Inputs, salt: bytes) -> Preparation:
    """What all shards depend on: salt, names seen in the logs' own paths, privacy options, hook."""
    seen = {name for row in inputs.rows for name in row.index.names}
    seen |= {os.path.dirname(row.file.path) for row in inputs.rows}
    vocabulary = Vocabulary.from_names(
        sorted(seen), words=recipe.privacy.names, hosts=recipe.privacy.hosts
    )
    return Preparation(
        salt=salt,
        vocabulary=vocabulary,
        privacy=recipe.privacy,
        preprocess=recipe.preprocess,
        max_line=recipe.max_line,
    )


def preparation_key(preparation: Preparation) -> str:
    return codec.digest(
        PREPARE_VERSION,
        __version__,
        preparation.salt,
        preparation.vocabulary.digest(),
        msgspec.to_builtins(preparation.privacy),
        hook_digest(preparation.preprocess),
        preparation.max_line,
    )


def prepare_all(
    units: Sequence[Unit], preparation: Preparation, store: Store, run: Runner
) -> tuple[Prepared, int]:
    """Prepare the units that are new or changed. Returns all summaries, and how many were read."""
    known = store.units()
    there = store.shard_keys()
    key = preparation_key(preparation)
    tasks = [
        _task(u, preparation, known, store)
        for u in units
        if u.key not in known or u.key not in there
    ]
    if tasks and preparation.privacy.enabled:
        # The rules take most of a second to compile: once here, not once in every worker.
        redactor_of(preparation.salt, preparation.vocabulary, preparation.privacy)
        run.renew()
    by_key = {u.key: u for u in units}
    decode = msgspec.msgpack.Decoder(UnitSummary).decode
    summaries = {u.key: decode(known[u.key].summary) for u in units if u.key in known}
    batch: list[UnitRow] = []
    try:
        for i, summary in run.map(prepare, tasks, lambda t: t.size):
            unit = by_key[tasks[i].key]
            summaries[unit.key] = summary
            paths = tuple(row.file.path for row in unit.rows)
            batch.append(UnitRow(unit.key, paths, msgspec.msgpack.encode(summary), key))
            if len(batch) >= _BATCH:
                store.put_units(batch)
                batch.clear()
    finally:
        if batch:
            store.put_units(batch)
    ordered = sorted(units, key=lambda u: _order(summaries[u.key]))
    return Prepared(ordered, summaries, preparation), len(tasks)


def _order(summary: UnitSummary) -> tuple[str, str]:
    """Oldest first; ties by key. Independent of where the files lie."""
    heads = summary.heads
    return (min((h.first for h in heads), default="~"), min((h.key for h in heads), default="~"))


def _task(
    unit: Unit, preparation: Preparation, known: dict[str, UnitRow], store: Store
) -> PrepareTask:
    gone = tuple(r.file.path for r in unit.rows if r.gone)
    carry, ledger = _carry(gone, known, store) if gone else ((), Ledger())
    return PrepareTask(
        key=unit.key,
        source=unit.source,
        files=tuple(r.file.path for r in unit.rows if not r.gone),
        gone=gone,
        carry=carry,
        carry_ledger=ledger,
        shard=str(store.shard(unit.key)),
        size=unit.size,
        preparation=preparation,
    )


def _carry(
    gone: tuple[str, ...], known: dict[str, UnitRow], store: Store
) -> tuple[tuple[str, ...], Ledger]:
    """Older shards that hold the vanished files' sessions, with those files' own counts."""
    ledger, shards = Ledger(), []
    for row in known.values():
        mine = set(gone) & set(row.paths)
        if not mine or not store.shard(row.key).exists():
            continue
        shards.append(str(store.shard(row.key)))
        old = msgspec.msgpack.decode(row.summary, type=UnitSummary).ledger
        for path in mine:
            if path in ledger.records:
                continue
            ledger.records[path] = old.records.get(path, 0)
            ledger.by_file[path] = dict(old.by_file.get(path, {}))
            for name, n in ledger.by_file[path].items():
                if not name.startswith("fault/"):
                    ledger.drops[name] = ledger.drops.get(name, 0) + n
            ledger.faults.extend(f for f in old.faults if f.file == path)
    return tuple(sorted(shards)), ledger
