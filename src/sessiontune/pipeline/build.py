"""Everything between the logs and the published folder, in order."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from .. import codec, notes, registry
from ..errors import DamagedError
from ..ledger import Books
from ..manifest import Manifest
from ..measure import Truncation
from ..model import Fault
from ..ports import Runner
from ..recipe import Recipe, dump_recipe
from ..stats import Stats
from ..steps.mix import Mixed
from ..steps.topics import Namer
from ..store import Store
from . import finishing, grouping, publish
from .belonging import dealt_elsewhere, former_of, same_split
from .carrying import as_left, read_manifest
from .choosing import Chosen, choose, refuse_nothing, settle_memory
from .describe import describe, with_clusters, write_folder
from .finishing import FINISH_VERSION, Built, finish_all, gate, side_files
from .grouping import Unit
from .inputs import Inputs, discover, no_logs
from .mending import forget_damaged
from .mixing import add_general
from .preparing import PREPARE_VERSION, Prepared, preparation_key, preparation_of, prepare_all
from .pruning import drop_stale, prune
from .shutout import ShutError, shut_out


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What one run is asked to do. `note(stage)` is called when a stage begins; `namer` makes a
    name of the terms of a cluster."""

    recipe: Recipe
    roots: tuple[Path, ...]
    out: Path
    force: bool = False
    verify: bool = False
    prune: bool = False
    dry_run: bool = False
    note: Callable[[str], None] = lambda stage: None
    namer: Namer | None = None


class Export(msgspec.Struct, frozen=True):
    """What a run gave. `unchanged`: nothing was new, the folder was left as it is.

    `faults` name files and lines, `others` files that no agent wrote: the manifest must not.
    `dealt_anew`: the folder held an export of another state, whose sides are not known here.
    """

    folder: Path
    manifest: Manifest
    unchanged: bool
    new: int
    changed: int
    read: int
    faults: tuple[Fault, ...] = ()
    others: tuple[str, ...] = ()
    dealt_anew: bool = False


def export(request: Request, store: Store, run: Runner) -> Export:
    """Build and publish a data set.

    Raises SourceError (nothing to read), PrivacyError (the gate found something), StoreError.
    """
    publish.check_target(request.out)
    former = former_of(request.out)
    recipe = same_split(request.recipe, request.out, former)
    request = msgspec.structs.replace(request, recipe=recipe)
    settle_memory(store)
    elsewhere = dealt_elsewhere(request.out, former, recipe.split, store)
    request.note("looking for logs")
    names = request.recipe.sources or tuple(registry.source_names())
    if request.verify:  # files that look unchanged may hold other ids
        grouping.forget(store)
    before = former.inputs if former else ()
    inputs = discover(request.roots, names, store, run, verify=request.verify, before=before)
    del former, before  # large where there are many logs
    if request.prune:
        inputs = prune(inputs)
    if not inputs.rows:
        raise no_logs(inputs, request.roots)
    damaged = False
    while True:
        try:
            result = _build(request, inputs, store, run)
            return msgspec.structs.replace(result, dealt_anew=elsewhere)
        except ShutError as shut:
            run.renew()
            shut_out(shut, inputs, store)
        except DamagedError:
            run.renew()
            if damaged or not forget_damaged(store):
                raise
            damaged = True
        noted = store.files()  # `_build` let go of what only grouping needs
        inputs.rows = [noted[row.file.path] for row in inputs.rows]
        if not inputs.rows:
            raise no_logs(inputs, request.roots)


def _build(request: Request, inputs: Inputs, store: Store, run: Runner) -> Export:
    """From the logs that were found to the published folder. Raises DamagedError if the state does
    not hold what was noted."""
    preparation = preparation_of(request.recipe, inputs, store.salt)
    known = grouping.side_by_side(store)
    units = grouping.units_of(inputs.rows, preparation_key(preparation), known)
    del known
    inputs.rows = sorted((r for u in units for r in u.rows), key=lambda r: r.file.path)
    quick = _quick_key(request, store, units, inputs)
    former = None if inputs.past else _former(request, store, quick)
    if former is not None:
        publish.recover(request.out)  # a run that was killed may have left a folder beside it
        return Export(request.out, former, True, 0, 0, 0)
    request.note("reading")
    prepared, read = prepare_all(units, preparation, inputs.now, store, run, verify=request.verify)
    grouping.note(store, units)
    if request.dry_run:
        return _dry(request, inputs, prepared, store, read)
    request.note("deciding")
    chosen = choose(prepared, inputs, request.recipe, store)
    refuse_nothing(prepared, chosen, inputs, store)
    run.renew()
    request.note("writing")
    built = finish_all(prepared, chosen.choices, request.recipe, store, run)
    mixed = None
    if request.recipe.mix:
        mixed = add_general(built, request.recipe, prepared.preparation, store)
    gate(built.findings)
    request.note("publishing")
    prepared.notes.clear()  # no longer needed, and large where there are many units
    prepared.shards.clear()
    run.renew(last=True)  # the workers' memory goes back before the files are written
    return _publish(request, store, inputs, prepared, chosen, built, mixed, read)


# ------------------------------------------------------------------ publish


def _publish(
    request: Request,
    store: Store,
    inputs: Inputs,
    prepared: Prepared,
    chosen: Chosen,
    built: Built,
    mixed: Mixed | None,
    read: int,
) -> Export:
    books, stats = totals(inputs, prepared, built)
    build = codec.digest(built.keys, dump_recipe(request.recipe), request.out.name)
    manifest = describe(
        request.recipe,
        name_of(request),
        inputs,
        books,
        stats,
        build,
        store.salt,
        duplicates=chosen.duplicates,
        leakage=chosen.leakage,
        truncation=truncation_of(built.sum.truncation),
        mixed=mixed,
    )
    if request.recipe.clusters:
        manifest = with_clusters(manifest, built.bags, request.namer)
    manifest, files, layout = _write(request, store, prepared, chosen, built, manifest)
    folder = str(request.out.absolute())
    store.note_published(request.out.absolute(), build, files, built.sessions)
    store.remember(publish.layout_name(folder), msgspec.msgpack.encode(layout))
    settle_memory(store)
    drop_stale(store, folder, {u.key for u in prepared.units}, built.keys, inputs)
    store.remember(f"quick:{folder}", _quick_key(request, store, prepared.units, inputs).encode())
    return _result(request, inputs, manifest, books, read)


def _write(
    request: Request,
    store: Store,
    prepared: Prepared,
    chosen: Chosen,
    built: Built,
    manifest: Manifest,
) -> tuple[Manifest, dict[str, tuple[int, int]], publish.Layout]:
    """Write the folder beside its place and swap it in. Returns the manifest with its files, the
    size and mtime of each, and their layout."""
    folder = str(request.out.absolute())
    anew = request.force or request.verify  # copy nothing, not even from what looks unchanged
    noted = None if anew else store.memory(publish.layout_name(folder))
    former = store.published().get(folder)
    with publish.staging(request.out, publish.read_layout(noted)) as staging:
        manifest = write_folder(staging, manifest, request.recipe, built, store.salt)
        finishing.gate_pages(staging.pages, request.recipe, prepared)
        split = msgspec.msgpack.encode(chosen.memory)
        name = notes.split_memory(request.recipe.split)
        if split != store.memory(name):
            pending = msgspec.msgpack.encode((folder, manifest.build, split, name))
            store.remember("split.pending", pending)
        files = staging.commit(as_left(request.out, former[1] if former else {}))
    return manifest, files, staging.layout


def _result(
    request: Request, inputs: Inputs, manifest: Manifest, books: Books, read: int
) -> Export:
    return Export(
        request.out,
        manifest,
        False,
        inputs.new,
        inputs.changed,
        read,
        tuple(books.faults),
        inputs.others,
    )


def name_of(request: Request) -> str:
    """The file prefix: as given, else the folder's name, in safe characters only."""
    text = request.recipe.name or request.out.resolve().name
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.") or "sessions"


def truncation_of(total: Truncation) -> dict[str, int]:
    """Turns and tokens kept by cutting, and by naive truncation; {} where nothing was cut."""
    if not total.sessions:
        return {}
    counts = {n: getattr(total, n) for n in total.__struct_fields__ if n != "reasons"}
    return {**counts, **{f"reason/{k}": v for k, v in sorted(total.reasons.items())}}


def totals(inputs: Inputs, prepared: Prepared, built: Built) -> tuple[Books, Stats]:
    """Sum of all ledgers and statistics. Sessions left out in pass 2 are no longer `used`."""
    books, later = prepared.sum.books, built.sum.books
    books.used -= later.dropped + later.faulty
    books.add(later)
    books.faults.sort(key=lambda f: (f.file, f.line))
    books.faults.extend(inputs.faults)
    return books, built.sum.stats


def _quick_key(request: Request, store: Store, units: Sequence[Unit], inputs: Inputs) -> str:
    """Equal to the last run's when nothing that matters has changed."""
    return codec.digest(
        PREPARE_VERSION,
        FINISH_VERSION,
        sorted(u.key for u in units),
        sorted(r.file.path for r in inputs.rows if r.gone),
        dump_recipe(request.recipe),
        msgspec.to_builtins(sorted(store.verdicts().items())),
        store.memory(notes.split_memory(request.recipe.split)) or b"",
        [msgspec.to_builtins(f) for f in inputs.faults],
        inputs.others,
        *side_files(
            request.recipe.tokenizer,
            request.recipe.topics,
            request.recipe.mix.rpartition(":")[0],
        ),
    )


def _former(request: Request, store: Store, quick: str) -> Manifest | None:
    """The manifest of the former export, when it is whole and still what would be built."""
    folder = str(request.out.absolute())
    noted = store.published().get(folder)
    if request.force or request.verify or request.dry_run or noted is None:
        return None
    if (store.memory(f"quick:{folder}") or b"").decode() != quick:
        return None
    if not publish.untouched(request.out, noted[1]):
        return None
    return read_manifest(request.out)


def _dry(request: Request, inputs: Inputs, prepared: Prepared, store: Store, read: int) -> Export:
    """What an export would hold, without writing rows."""
    books, stats = totals(inputs, prepared, Built())
    name = name_of(request)
    manifest = describe(request.recipe, name, inputs, books, stats, "", store.salt)
    return _result(request, inputs, manifest, books, read)
