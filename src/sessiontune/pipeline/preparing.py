"""Running pass 1 over all units: what is in the state stays, the rest is read."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import msgspec

from .. import __version__, codec, notes
from ..errors import StoreError
from ..ledger import Books, Ledger, add_counts
from ..model import Fault
from ..packs import Place, left_of, packed
from ..ports import Runner
from ..privacy.vocabulary import Vocabulary
from ..recipe import Recipe
from ..steps.tools import Shapes, merge
from ..store import Store, UnitRow
from .grouping import Unit
from .hooks import hook_digest
from .inputs import Inputs
from .prepare import (
    Noted,
    Preparation,
    PreparePack,
    PrepareTask,
    UnitOutline,
    UnitStart,
    UnitSummary,
    prepare,
    redactor_of,
)
from .shutout import ShutError
from .sums import add_up
from .vanished import Carried

T = TypeVar("T")

#: Raise when the same input would give other shards.
PREPARE_VERSION = 23


class PreparedSum(msgspec.Struct):
    """What the summaries of units add up to."""

    books: Books = msgspec.field(default_factory=Books)
    shapes: Shapes = {}

    def add(self, other: UnitSummary | PreparedSum) -> None:
        self.books.add(other.ledger if isinstance(other, UnitSummary) else other.books)
        merge(self.shapes, other.shapes)


class UnitNote(msgspec.Struct, frozen=True):
    """What stays in memory for every unit: the names of the tools that it calls, and the size of
    its sessions. `outlines` reads more from the state, one unit at a time."""

    tools: tuple[str, ...]
    size: int


class Prepared(msgspec.Struct):
    """The result of pass 1.

    units        all units of this run, in a fixed order
    notes        unit key -> what stays in memory of it
    sum          ledgers and tool shapes, added up
    shards       unit key -> where its shard lies
    preparation  what all shards depend on
    """

    units: list[Unit]
    notes: dict[str, UnitNote]
    sum: PreparedSum
    shards: dict[str, Place]
    preparation: Preparation


def preparation_of(recipe: Recipe, inputs: Inputs, salt: bytes) -> Preparation:
    """What all shards depend on: salt, names in the logs' own paths, privacy options, hook."""
    seen = {name for row in inputs.rows for name in row.index.names}
    seen |= {row.file.path.rpartition("/")[0] for row in inputs.rows}
    vocabulary = Vocabulary.from_names(seen, words=recipe.privacy.names, hosts=recipe.privacy.hosts)
    return Preparation(
        salt=salt,
        vocabulary=vocabulary,
        privacy=recipe.privacy,
        preprocess=recipe.preprocess,
        max_line=recipe.max_line,
    )


def preparation_key(preparation: Preparation) -> str:
    """Changes with all that pass 1 depends on, except the files."""
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
    units: Sequence[Unit],
    preparation: Preparation,
    now: Mapping[str, str],
    store: Store,
    run: Runner,
    *,
    verify: bool = False,
) -> tuple[Prepared, int]:
    """Prepare the units that are new or changed; with `verify` all whose logs are there. `now`:
    former paths of logs and those of today. Returns the result over all units, and how many were
    read.

    Raises ShutError if a log can no longer be opened. Its unit is not written to the state, or no
    run would read it again until it changes."""
    noted = notes.sketched(store.db)
    there = store.shards.places(store.db)
    back = _back(units, store)
    missing = [
        u
        for u in units
        if u.key not in noted or u.key in back or _lacks(u, there, preparation, verify)
    ]
    stale = _replaced(missing, there, store)
    _read(missing, preparation, there, _holding(missing, now, store), bool(stale), store, run)
    there.update(store.shards.tidy(store.transaction, stale, wholly=False))
    run.renew()  # the workers' memory goes back before what is noted of all units is held
    unit_notes, begin = _noted(units, store)
    whole = msgspec.msgpack.Decoder(UnitSummary).decode
    names = ((u.rows[0].file.path, u.key) for u in units)
    total = add_up(store, names, lambda unit: whole(store.unit_summary(unit)), PreparedSum)
    ordered = sorted(units, key=lambda u: begin[u.key])
    return Prepared(ordered, unit_notes, total, there, preparation), len(missing)


def _replaced(missing: Sequence[Unit], there: dict[str, Place], store: Store) -> set[str]:
    """The names of the packs that hold older shards of these units. Sums that count such a unit are
    forgotten."""
    before = store.unit_keys() if missing else set()
    again = {u.key for u in missing if u.key in before}  # read under the same key
    if again:
        store.forget_sums()
        store.remove_memory("quick:")  # no folder passes for up to date unseen
    return {os.path.basename(there[key].path) for key in again if key in there}


def _read(
    missing: Sequence[Unit],
    preparation: Preparation,
    there: dict[str, Place],
    older: dict[str, list[tuple[int, str]]],
    afresh: bool,
    store: Store,
    run: Runner,
) -> None:
    """Prepare units in workers and note them, and in `there` where their shards lie. `older`: see
    `_holding`. `afresh`: some have a shard already. Raises ShutError."""
    if missing and preparation.privacy.enabled:
        # The rules take most of a second to compile: once, not once in every worker.
        run.begin_with(redactor_of, preparation.salt, preparation.vocabulary, preparation.privacy)
    by_key = {u.key: u for u in missing}
    key = preparation_key(preparation)
    # A pack is never overwritten: after a crash nothing could tell what its places hold.
    fresh = (secrets.token_hex(8),) if afresh else ()

    def pack(mine: tuple[Unit, ...]) -> PreparePack:
        tasks = tuple(_task(u, preparation, older, there, store) for u in mine)
        return PreparePack(store.shards.path(*(u.key for u in mine), *fresh), tasks)

    shut: list[Fault] = []
    packs = list(packed(missing, lambda u: u.size))
    for _, done in run.map(prepare, packs, lambda p: sum(u.size for u in p), pack):
        rows = []
        for one in done:
            if one.shut:
                shut += one.shut
                continue
            row, places = _kept(one, by_key[one.key], key)
            rows.append((row, places, one.sketches))
            there.update(places)
        store.put_units(rows)
    if shut:
        raise ShutError(shut)


def _kept(one: Noted, unit: Unit, key: str) -> tuple[UnitRow, dict[str, Place]]:
    """What the state keeps of a prepared unit, and where its shards lie."""
    gone = [row.file.path for row in unit.rows if row.gone]
    by = f"{key} {msgspec.json.encode(gone).decode()}" if gone else key
    places = {one.key: one.place}
    if one.left is not None:
        places[left_of(one.key)] = one.left
    paths = tuple(row.file.path for row in unit.rows)
    return UnitRow(one.key, paths, one.summary, by), places


def _back(units: Iterable[Unit], store: Store) -> set[str]:
    """Keys of the units of which a log was missing when they were prepared, and is back unchanged:
    their shard has it from an older shard, which may have been made with other options."""
    without = store.made_without()
    return {
        unit.key
        for unit in units
        if unit.key in without
        and any(not row.gone and row.file.path in without[unit.key] for row in unit.rows)
    }


def _lacks(unit: Unit, there: dict[str, Place], preparation: Preparation, verify: bool) -> bool:
    """Whether a unit must be read: its shard is missing; or its logs are there, and either `verify`
    asks for it or what a user's hook took out is missing."""
    if unit.key not in there:
        return True
    lost = bool(preparation.preprocess) and left_of(unit.key) not in there
    return bool(unit.size) and (verify or lost)


def outlines(units: Iterable[Unit], store: Store, kind: type[T]) -> Iterator[T]:
    """The summaries of units, decoded as `kind` (a struct with some of the fields), one at a time
    and in any order: those of 100,000 units would fill half a gigabyte."""
    mine = {unit.key for unit in units}
    decode = msgspec.msgpack.Decoder(kind).decode
    return (decode(noted) for key, noted in store.unit_summaries() if key in mine)


def outline_of(unit: Unit, store: Store) -> UnitOutline:
    """The outline of one unit."""
    return msgspec.msgpack.decode(store.unit_summary(unit.key), type=UnitOutline)


def _noted(
    units: Sequence[Unit], store: Store
) -> tuple[dict[str, UnitNote], dict[str, tuple[str, str]]]:
    """Unit key -> what stays in memory, and unit key -> what it is sorted by."""
    found: dict[str, UnitNote] = {}
    begin: dict[str, tuple[str, str]] = {}
    alike: dict[tuple[str, ...], tuple[str, ...]] = {}  # most units call the same tools
    for one in outlines(units, store, UnitStart):
        tools = tuple(sorted(one.shapes))
        size = sum(head.bytes for head in one.heads)
        found[one.key] = UnitNote(alike.setdefault(tools, tools), size)
        begin[one.key] = _order(one)
    return found, begin


def _order(summary: UnitStart) -> tuple[str, str]:
    """Oldest first; ties by key. Independent of where the files lie."""
    heads = summary.heads
    return min([h.first for h in heads], default="~"), min([h.key for h in heads], default="~")


def _holding(
    units: Iterable[Unit], now: Mapping[str, str], store: Store
) -> dict[str, list[tuple[int, str]]]:
    """For each log of these units: the units in the state that hold it, perhaps under a former path
    (`now` maps these), numbered as they lie there, oldest first."""
    mine = {row.file.path for unit in units for row in unit.rows}
    found: dict[str, list[tuple[int, str]]] = {}
    for number, (key, paths) in enumerate(store.unit_paths().items() if mine else ()):
        for path in mine.intersection([now.get(path, path) for path in paths]):
            found.setdefault(path, []).append((number, key))
    return found


def _task(
    unit: Unit,
    preparation: Preparation,
    older: dict[str, list[tuple[int, str]]],
    there: dict[str, Place],
    store: Store,
) -> PrepareTask:
    gone = tuple(r.file.path for r in unit.rows if r.gone)
    carry, ledger = _carry(gone, older, there, store) if gone else ((), Ledger())
    files = tuple(r.file.path for r in unit.rows if not r.gone)
    return PrepareTask(
        key=unit.key,
        source=unit.source,
        files=files,
        gone=gone,
        carry=carry,
        carry_ledger=ledger,
        older=tuple(_carried(key, there) for key in _holders((*files, *gone), older, there)),
        preparation=preparation,
    )


def _holders(
    paths: Iterable[str], older: dict[str, list[tuple[int, str]]], there: dict[str, Place]
) -> list[str]:
    """The keys of the units that hold any of these logs, oldest first."""
    units = sorted({unit for path in paths for unit in older.get(path, ())})
    return [key for _, key in units if key in there]


def _carried(key: str, there: dict[str, Place]) -> Carried:
    return Carried(there[key], there.get(left_of(key)))


def _carry(
    gone: tuple[str, ...],
    older: dict[str, list[tuple[int, str]]],
    there: dict[str, Place],
    store: Store,
) -> tuple[tuple[Carried, ...], Ledger]:
    """Older shards that hold the vanished files' sessions, with those files' own counts. Raises
    StoreError if such a shard is lost: nothing else holds those sessions."""
    ledger, shards = Ledger(), []
    for key in _holders(gone, older, there):
        mine = set(gone).intersection(store.paths_of(key))
        shard = _carried(key, there)
        shards.append((key, shard))
        old = msgspec.msgpack.decode(store.unit_summary(key), type=UnitSummary).ledger
        ledger.add(counts_of(mine - ledger.records.keys(), old, hooked=shard.left is not None))
    if lost := set(gone) - ledger.records.keys():
        raise StoreError(
            f"The state has lost what it held of {min(lost)}"
            + (f" and {len(lost) - 1} more logs" if len(lost) > 1 else "")
            + ", which vanished.",
            "Restore the whole state from a copy, or go on without: `sessiontune forget` takes one"
            " such log out of the state, --prune all that vanished.",
        )
    return tuple(one for _, one in sorted(shards, key=lambda s: s[0])), ledger


def counts_of(files: set[str], old: Ledger, *, hooked: bool) -> Ledger:
    """What a ledger counts for some of its files, without what is used. If their sessions are as
    before a hook (`hooked`), also without what that took out: it will be counted again."""
    ledger = Ledger()
    for path in files:
        ledger.records[path] = old.records.get(path, 0)
        counts = old.by_file.get(path, {}).items()
        again = "preprocess/" if hooked else "/"
        ledger.by_file[path] = {k: n for k, n in counts if not k.startswith(again)}
        dropped = {k: n for k, n in ledger.by_file[path].items() if not k.startswith("fault/")}
        add_counts(ledger.drops, dropped)
    ledger.faults.extend(f for f in old.faults if f.file in files)
    return ledger
