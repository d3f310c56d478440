"""Everything between the logs and the published folder, in order."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from .. import __version__, codec, registry
from ..decisions import DedupeOptions, SplitMemory, SplitOptions
from ..errors import PrivacyError, SourceError
from ..ledger import Ledger
from ..manifest import Leakage, Manifest
from ..model import Finding, ToolDef
from ..ports import EncodeOptions
from ..privacy.vocabulary import Vocabulary
from ..recipe import Recipe, dump_recipe
from ..stats import Stats
from ..steps import tools as tool_steps
from ..steps.dedupe import decide
from ..steps.mix import Mixed
from ..steps.split import Leakage as SplitLeakage
from ..steps.split import compare
from ..steps.window import Truncation
from ..store import FileRow, Store, UnitRow
from . import publish
from .describe import describe, write_folder
from .examples import Choice, ExampleOptions
from .finish import BuildSummary, FinishTask, continued_of, finish, forks_of
from .inputs import Inputs, Runner, Unit, discover, units_of
from .mixing import mix_in
from .prepare import Head, Preparation, PrepareTask, UnitSummary, hook_digest, prepare
from .select import reason_to_leave_out

#: Raise when the same input would give other shards, or other rows from the same shards.
PREPARE_VERSION = 1
FINISH_VERSION = 1

_BATCH = 64


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What one run is asked to do. `note(stage)` is called when a stage begins."""

    recipe: Recipe
    roots: tuple[Path, ...]
    out: Path
    force: bool = False
    verify: bool = False
    prune: bool = False
    dry_run: bool = False
    note: Callable[[str], None] = lambda stage: None


class Export(msgspec.Struct, frozen=True):
    """What a run gave. `unchanged`: nothing was new, the folder was left as it is."""

    folder: Path
    manifest: Manifest
    unchanged: bool
    new: int
    changed: int
    read: int


class Chosen(msgspec.Struct, frozen=True):
    """The decisions: by unit and session key; what to remember; counts for the report."""

    choices: dict[str, dict[str, Choice]]
    memory: SplitMemory
    duplicates: dict[str, int]
    leakage: tuple[Leakage, ...]


class Prepared(msgspec.Struct):
    """All units of this run with their summaries, in a fixed order."""

    units: list[Unit]
    summaries: dict[str, UnitSummary]
    preparation: Preparation


def export(request: Request, store: Store, run: Runner) -> Export:
    """Build and publish a data set.

    Raises SourceError (nothing to read), PrivacyError (the gate found something), StoreError.
    """
    publish.check_target(request.out)
    settle_memory(store)
    request.note("looking for logs")
    names = request.recipe.sources or tuple(registry.source_names())
    inputs = discover(request.roots, names, store, run, verify=request.verify)
    if request.prune:
        inputs = _prune(inputs, store)
    if not inputs.rows:
        raise SourceError(
            "No session logs found there.",
            "Give the folder that holds them, for example ~/.claude/projects.",
        )
    preparation = preparation_of(request.recipe, inputs, store.salt)
    units = units_of(inputs.rows, _preparation_key(preparation))
    quick = _quick_key(request, store, units, inputs)
    former = _former(request, store, quick)
    if former is not None:
        return Export(request.out, former, True, 0, 0, 0)
    request.note("reading")
    prepared, read = prepare_all(units, preparation, store, run)
    if request.dry_run:
        return _dry(request, inputs, prepared, store, read)
    request.note("deciding")
    chosen = choose(prepared, inputs, request.recipe, store)
    request.note("writing")
    built = finish_all(prepared, chosen.choices, request.recipe, store, run)
    mixed = Mixed()
    if request.recipe.mix:
        own = sum(b.stats.splits["train"].tokens for b in built if "train" in b.stats.splits)
        general, mixed = mix_in(request.recipe, prepared.preparation, own, store)
        built.append(general)
    _gate(built)
    request.note("publishing")
    return _publish(request, store, inputs, prepared, chosen, built, mixed, read)


# ------------------------------------------------------------------ prepare


def preparation_of(recipe: Recipe, inputs: Inputs, salt: bytes) -> Preparation:
    """What all shards depend on: salt, names seen in the logs' own paths, privacy options, hook."""
    seen = {name for row in inputs.rows for name in row.index.names}
    seen |= {str(Path(row.file.path).parent) for row in inputs.rows}
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


def _preparation_key(preparation: Preparation) -> str:
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
    key = _preparation_key(preparation)
    tasks = [
        _task(u, preparation, known, store)
        for u in units
        if u.key not in known or not store.shard(u.key).exists()
    ]
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


# ------------------------------------------------------------------ decide


def choose(prepared: Prepared, inputs: Inputs, recipe: Recipe, store: Store) -> Chosen:
    """For every unit, what becomes of each of its sessions; and what to remember of the split."""
    verdicts = store.verdicts()
    names = {row.file.path: row.index.names for row in inputs.rows}
    out: dict[str, dict[str, Choice]] = {}
    taken: list[tuple[str, Head]] = []
    marks = []
    for unit in prepared.units:
        summary = prepared.summaries[unit.key]
        chosen = out.setdefault(unit.key, {})
        for head, mark in zip(summary.heads, summary.marks, strict=True):
            reason = reason_to_leave_out(head, recipe, verdicts, names)
            if reason:
                chosen[head.key] = Choice(reason)
            else:
                taken.append((unit.key, head))
                marks.append(mark)
    old = store.memory("split")
    memory = msgspec.msgpack.decode(old, type=SplitMemory) if old else SplitMemory()
    options = SplitOptions(by=recipe.split_by, share=recipe.eval_share)
    outcome = decide(marks, memory, DedupeOptions(), options)
    for key, head in taken:
        place = outcome.decisions.for_session(head.key, head.lineage)
        reason = f"dedupe/{place.reason}" if place.reason else ""
        out[key][head.key] = Choice(reason, place.split, place.group)
    report = compare(marks, outcome.decisions)
    leaks = (_leakage("this split", report.ours), _leakage("random split", report.random))
    return Chosen(out, outcome.memory, outcome.counts, leaks)


def _leakage(name: str, measured: SplitLeakage) -> Leakage:
    return Leakage(name, round(measured.exact, 4), round(measured.near, 4))


def settle_memory(store: Store) -> None:
    """A run that died right after publishing had no time to remember its split: do it now."""
    pending = store.memory("split.pending")
    if pending is None:
        return
    folder, build, value = msgspec.msgpack.decode(pending, type=tuple[str, str, bytes])
    try:
        manifest = publish.read_manifest(Path(folder))
    except OSError:
        manifest = None
    if manifest is not None and manifest.build == build:
        store.remember("split", value)
    store.remove_memory("split.pending")


# ------------------------------------------------------------------ finish


def finish_all(
    prepared: Prepared,
    choices: dict[str, dict[str, Choice]],
    recipe: Recipe,
    store: Store,
    run: Runner,
) -> list[BuildSummary]:
    """Encode the units whose rows are not in the state yet; all summaries in unit order."""
    shapes: tool_steps.Shapes = {}
    for summary in prepared.summaries.values():
        tool_steps.merge(shapes, summary.shapes)
    tools = tool_steps.definitions(shapes)
    known = store.builds()
    tasks: list[FinishTask] = []
    keys: dict[str, str] = {}
    for unit in prepared.units:
        task = _finish_task(unit, prepared, choices[unit.key], tools, recipe, store)
        keys[unit.key] = task.key
        if task.key not in known or not store.segment(task.key).exists():
            tasks.append(task)
    decode = msgspec.msgpack.Decoder(BuildSummary).decode
    done = {k: decode(known[k]) for k in keys.values() if k in known}
    batch: list[tuple[str, str, bytes]] = []
    try:
        for _, result in run.map(finish, tasks, lambda t: t.size):
            done[result.key] = result
            batch.append((result.unit, result.key, msgspec.msgpack.encode(result)))
            if len(batch) >= _BATCH:
                store.put_builds(batch)
                batch.clear()
    finally:
        if batch:
            store.put_builds(batch)
    return [done[keys[unit.key]] for unit in prepared.units]


def _finish_task(
    unit: Unit,
    prepared: Prepared,
    chosen: dict[str, Choice],
    tools: dict[str, ToolDef],
    recipe: Recipe,
    store: Store,
) -> FinishTask:
    summary = prepared.summaries[unit.key]
    mine = {name: tools[name] for name in sorted(summary.shapes)}
    encode = EncodeOptions(tools=recipe.tools, thinking=recipe.thinking)
    examples = ExampleOptions(
        max_tokens=recipe.max_tokens,
        tokenizer=recipe.tokenizer,
        thinking=recipe.thinking,
        topics=recipe.topics,
        preferences=recipe.preferences,
    )
    key = codec.digest(
        FINISH_VERSION,
        unit.key,
        msgspec.to_builtins(sorted(chosen.items())),
        msgspec.to_builtins(mine),
        recipe.formats,
        msgspec.to_builtins(encode),
        msgspec.to_builtins(examples),
        *side_files(recipe.tokenizer, recipe.topics),
    )
    return FinishTask(
        unit=unit.key,
        key=key,
        shard=str(store.shard(unit.key)),
        segment=str(store.segment(key)),
        size=sum(h.bytes for h in summary.heads) * 4,
        choices=chosen,
        tools=mine,
        formats=recipe.formats,
        encode=encode,
        vocabulary=prepared.preparation.vocabulary,
        privacy=recipe.privacy,
        forks=forks_of(summary.heads),
        continued=continued_of(summary.heads),
        examples=examples,
    )


def _gate(built: Iterable[BuildSummary]) -> None:
    """Stop before publishing when the second scan found something. Places, never values."""
    findings = [f for summary in built for f in summary.findings]
    if findings:
        raise gate_error(findings)


def gate_error(findings: Sequence[Finding]) -> PrivacyError:
    """The gate's message: kinds and places of the first few findings."""
    shown = "; ".join(f"{f.kind} ({f.detector}) at {f.where}" for f in findings[:5])
    more = f" and {len(findings) - 5} more" if len(findings) > 5 else ""
    return PrivacyError(
        f"The second scan found {len(findings)} secrets in the rows: {shown}{more}.",
        "Nothing was published. Add the text to 'deny' in the [privacy] table of the recipe, "
        "or to 'allow' when it is harmless.",
    )


# ------------------------------------------------------------------ publish


def _publish(
    request: Request,
    store: Store,
    inputs: Inputs,
    prepared: Prepared,
    chosen: Chosen,
    built: list[BuildSummary],
    mixed: Mixed,
    read: int,
) -> Export:
    ledger, stats = totals(inputs, prepared, built)
    build = codec.digest([b.key for b in built], dump_recipe(request.recipe), request.out.name)
    manifest = describe(
        request.recipe,
        name_of(request),
        inputs,
        ledger,
        stats,
        build,
        store.salt,
        chosen.duplicates,
        chosen.leakage,
    )
    manifest = msgspec.structs.replace(manifest, truncation=truncation_of(built))
    if mixed.rows:
        manifest = msgspec.structs.replace(
            manifest, mixed={"rows": mixed.rows, "tokens": mixed.tokens, "left": mixed.left}
        )
    staging = publish.Staging(request.out)
    folder = str(request.out.absolute())
    former = store.published().get(folder)
    try:
        manifest = write_folder(staging, manifest, request.recipe, built, store)
        pending = (folder, build, msgspec.msgpack.encode(chosen.memory))
        store.remember("split.pending", msgspec.msgpack.encode(pending))
        files = staging.commit(former[1] if former else {})
    except OSError as error:
        staging.abandon()
        raise publish.disk_error(error, request.out) from error
    except BaseException:
        staging.abandon()
        raise
    store.note_published(
        request.out.absolute(), build, files, [s for b in built for s in b.sessions]
    )
    settle_memory(store)
    units = {u.key for u in prepared.units}
    _drop_stale(store, units, {b.key for b in built}, inputs.rows)
    store.remember(f"quick:{folder}", _quick_key(request, store, prepared.units, inputs).encode())
    return Export(request.out, manifest, False, inputs.new, inputs.changed, read)


def name_of(request: Request) -> str:
    """The file prefix: as given, else the folder's name with nothing but safe characters."""
    text = request.recipe.name or request.out.resolve().name
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.") or "sessions"


def truncation_of(built: Sequence[BuildSummary]) -> dict[str, int]:
    """Turns and tokens kept by cutting, and by naive truncation; {} where nothing was cut."""
    total = Truncation()
    for summary in built:
        total.add(summary.truncation)
    if not total.sessions:
        return {}
    counts = {n: getattr(total, n) for n in total.__struct_fields__ if n != "reasons"}
    return {**counts, **{f"reason/{k}": v for k, v in sorted(total.reasons.items())}}


def totals(
    inputs: Inputs, prepared: Prepared, built: Sequence[BuildSummary]
) -> tuple[Ledger, Stats]:
    """Sum of all ledgers and statistics. Sessions left out in pass 2 are no longer `used`."""
    ledger, stats = Ledger(), Stats()
    for unit in prepared.units:
        ledger.add(prepared.summaries[unit.key].ledger)
    for summary in built:
        for file, counts in summary.ledger.by_file.items():
            gone = sum(counts.values())
            ledger.used[file] = ledger.used.get(file, 0) - gone
        ledger.add(summary.ledger)
        stats.merge(summary.stats)
    ledger.faults.extend(inputs.faults)
    return ledger, stats


def _drop_stale(store: Store, units: set[str], builds: set[str], rows: Sequence[FileRow]) -> None:
    """Forget shards of these files that no longer serve, and old segments."""
    paths = {r.file.path for r in rows}
    stale = [u.key for u in store.units().values() if u.key not in units and paths & set(u.paths)]
    store.delete_units(stale)
    store.keep_builds(builds, units)


def _prune(inputs: Inputs, store: Store) -> Inputs:
    """Forget vanished files, as the user asked."""
    gone = [r.file.path for r in inputs.rows if r.gone]
    store.delete_files(gone)
    rows = [r for r in inputs.rows if not r.gone]
    return Inputs(rows, inputs.others, inputs.faults, inputs.new, inputs.changed, 0)


def _quick_key(request: Request, store: Store, units: Sequence[Unit], inputs: Inputs) -> str:
    """Equal to that of the last run when nothing that matters has changed."""
    return codec.digest(
        PREPARE_VERSION,
        FINISH_VERSION,
        sorted(u.key for u in units),
        sorted(r.file.path for r in inputs.rows if r.gone),
        dump_recipe(request.recipe),
        msgspec.to_builtins(sorted(store.verdicts().items())),
        store.memory("split") or b"",
        [msgspec.to_builtins(f) for f in inputs.faults],
        inputs.others,
        *side_files(recipe.tokenizer, recipe.topics, recipe.mix.rpartition(":")[0]),
    )


def side_files(*paths: str) -> list[str]:
    """Digests of files that a recipe names, so that a changed file counts as a change."""
    found = []
    for name in paths:
        path = Path(name) / "tokenizer.json" if name and Path(name).is_dir() else Path(name)
        found.append(codec.digest(path.read_bytes()) if name and path.is_file() else name)
    return found


def _former(request: Request, store: Store, quick: str) -> Manifest | None:
    """The manifest of the former export, when it is whole and still what would be built."""
    folder = str(request.out.absolute())
    noted = store.published().get(folder)
    if request.force or request.dry_run or noted is None:
        return None
    if (store.memory(f"quick:{folder}") or b"").decode() != quick:
        return None
    if not publish.untouched(request.out, noted[1]):
        return None
    return publish.read_manifest(request.out)


def _dry(request: Request, inputs: Inputs, prepared: Prepared, store: Store, read: int) -> Export:
    """What an export would hold, without writing rows."""
    ledger, stats = totals(inputs, prepared, [])
    manifest = describe(
        request.recipe, name_of(request), inputs, ledger, stats, "", store.salt, {}, ()
    )
    return Export(request.out, manifest, False, inputs.new, inputs.changed, read)
