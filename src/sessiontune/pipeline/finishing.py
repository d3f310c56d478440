"""Running pass 2 over all units: rows that the state holds already are not encoded again."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from .. import codec
from ..errors import PrivacyError
from ..ledger import Books
from ..measure import Truncation
from ..model import Finding, ToolDef
from ..packs import Place, packed
from ..ports import EncodeOptions, Runner
from ..recipe import DIGEST, Recipe
from ..stats import Stats
from ..steps import tools as tool_steps
from ..store import Store
from .examples import Choice, ExampleOptions
from .finish import (
    BuildOutline,
    BuildSummary,
    FinishPack,
    FinishTask,
    auditor_of,
    continued_of,
    finish,
    forks_of,
)
from .grouping import Unit
from .preparing import Prepared, outline_of
from .rowplaces import RowPlaces
from .sums import add_up

T = TypeVar("T")

#: Raise when the same shards would give other rows.
FINISH_VERSION = 12


class BuildSum(msgspec.Struct):
    """What the summaries of finished units add up to."""

    books: Books = msgspec.field(default_factory=Books)
    stats: Stats = msgspec.field(default_factory=Stats)
    truncation: Truncation = msgspec.field(default_factory=Truncation)

    def add(self, other: BuildSummary | BuildSum) -> None:
        self.books.add(other.ledger if isinstance(other, BuildSummary) else other.books)
        self.stats.merge(other.stats)
        self.truncation.add(other.truncation)


class Built(msgspec.Struct):
    """What pass 2 gave, over all units in order.

    keys      of the units
    rows      where the rows of each output file lie
    sum       ledgers, statistics and truncation, added up
    sessions  keys of the sessions that have rows
    findings  what the gate found
    bags      (project, lineage, words) of conversations without a topic, for clusters
    """

    keys: list[str] = []
    rows: RowPlaces = msgspec.field(default_factory=RowPlaces)
    sum: BuildSum = msgspec.field(default_factory=BuildSum)
    sessions: list[str] = []
    findings: list[Finding] = []
    bags: list[tuple[str, str, str]] = []

    def add(
        self, one: BuildOutline | BuildSummary, place: Place, key: str, *, fresh: bool = True
    ) -> None:
        """Add the next unit. `key`: its rows' key, "" if they depend on more than it covers."""
        self.keys.append(one.key)
        first = one.sessions[0] if one.sessions else ""
        self.rows.add(key, first, place, one.streams, fresh=fresh)
        self.sessions += one.sessions
        self.findings += one.findings
        self.bags += one.bags


def finish_all(
    prepared: Prepared,
    choices: dict[str, dict[str, Choice]],
    recipe: Recipe,
    store: Store,
    run: Runner,
) -> Built:
    """Encode the units whose rows are not in the state yet."""
    tools = tool_steps.definitions(prepared.sum.shapes)
    held = store.build_keys()
    there = store.segments.places(store.db)
    common = codec.digest(*_common(recipe))
    digests = {name: codec.digest(tool) for name, tool in tools.items()}  # each is in many units
    tasks: list[tuple[Unit, str]] = []
    keys: list[str] = []
    for unit in prepared.units:
        noted, chosen = prepared.notes[unit.key], choices[unit.key]
        used = [(name, digests[name]) for name in noted.tools]
        shard = unit.key, prepared.shards[unit.key].crc  # a log may change and keep size and time
        key = codec.digest(FINISH_VERSION, shard, sorted(chosen.items()), used, common)
        keys.append(key)
        if key not in held or key not in there:
            tasks.append((unit, key))

    def size(task: tuple[Unit, str]) -> int:
        return prepared.notes[task[0].key].size * 4

    def pack(mine: tuple[tuple[Unit, str], ...]) -> FinishPack:
        made = (_finish_task(u, k, prepared, choices[u.key], tools, recipe, store) for u, k in mine)
        return FinishPack(store.segments.path(*(key for _, key in mine)), tuple(made))

    packs = list(packed(tasks, size))
    if packs and recipe.privacy.enabled:
        known = prepared.preparation
        run.begin_with(auditor_of, recipe.privacy, known.vocabulary, known.salt)
    encode = msgspec.msgpack.encode
    for _, results in run.map(finish, packs, lambda p: sum(map(size, p)), pack):
        store.put_builds((s.unit, s.key, encode(s), place) for s, place in results)
        there.update((s.key, place) for s, place in results)
    choices.clear()
    run.renew()  # the workers' memory goes back before what all gave is held
    return _built(prepared.units, keys, {key for _, key in tasks}, there, store)


def _built(
    units: Sequence[Unit],
    keys: Sequence[str],
    fresh: set[str],
    there: dict[str, Place],
    store: Store,
) -> Built:
    """The result over all units. `keys`: of their builds, `fresh`: those that this run made."""
    outline = msgspec.msgpack.Decoder(BuildOutline).decode
    whole = msgspec.msgpack.Decoder(BuildSummary).decode
    names = zip((u.rows[0].file.path for u in units), keys, strict=True)
    unit_of = dict(zip(keys, (u.key for u in units), strict=True))
    total = add_up(
        store, names, lambda key: whole(store.build_summary(unit_of[key], key)), BuildSum
    )
    built = Built(sum=total)
    builds = [(unit_of[key], key) for key in keys]
    for (_, key), noted in zip(builds, store.build_summaries(builds), strict=True):
        built.add(outline(noted), there[key], key, fresh=key in fresh)
    return built


def _common(recipe: Recipe) -> list[object]:
    """What the rows of every unit depend on."""
    files = side_files(recipe.tokenizer, recipe.topics)
    return [
        recipe.formats,
        options_of(recipe, EncodeOptions),
        options_of(recipe, ExampleOptions),
        *files,
    ]


def options_of(recipe: Recipe, kind: type[T]) -> T:
    """Options of a step: the recipe's fields of the same names."""
    return msgspec.convert(recipe, kind, from_attributes=True)


def _finish_task(
    unit: Unit,
    key: str,
    prepared: Prepared,
    chosen: dict[str, Choice],
    tools: dict[str, ToolDef],
    recipe: Recipe,
    store: Store,
) -> FinishTask:
    noted = prepared.notes[unit.key]
    heads = outline_of(unit, store).heads
    return FinishTask(
        unit=unit.key,
        key=key,
        shard=prepared.shards[unit.key],
        choices=chosen,
        tools={name: tools[name] for name in noted.tools},
        formats=recipe.formats,
        encode=options_of(recipe, EncodeOptions),
        vocabulary=prepared.preparation.vocabulary,
        privacy=recipe.privacy,
        salt=prepared.preparation.salt,
        forks=forks_of(heads),
        continued=continued_of(heads),
        examples=options_of(recipe, ExampleOptions),
    )


def gate(findings: Sequence[Finding]) -> None:
    """Stop before publishing when the second scan found something. Places, never values."""
    if findings:
        raise gate_error(findings)


_DIGEST = re.compile(rf'"{DIGEST}[0-9a-f]{{8,64}}"'.encode())


def gate_pages(pages: Mapping[str, bytes], recipe: Recipe, prepared: Prepared) -> None:
    """The same for what is published beside the rows (card, report, manifest ...), without the
    digests that stand in the recipe for what the user named."""
    known = prepared.preparation
    auditor = auditor_of(recipe.privacy, known.vocabulary, known.salt)
    findings = [
        found
        for name, page in pages.items()
        if auditor
        for found in auditor.scan(_DIGEST.sub(b'""', page), name)
    ]
    gate(findings)


def gate_error(findings: Sequence[Finding]) -> PrivacyError:
    """The gate's message: kinds and places of the first few findings."""
    shown = "; ".join(f"{f.kind} ({f.detector}) at {f.where}" for f in findings[:5])
    more = f" and {len(findings) - 5} more" if len(findings) > 5 else ""
    return PrivacyError(
        f"The second scan found {len(findings)} secrets in the data set: {shown}{more}.",
        "Nothing was published. Add the text to 'deny' in the [privacy] table of the recipe, "
        "or to 'allow' when it is harmless.",
    )


def side_files(*paths: str) -> list[str]:
    """Digests of files that a recipe names, so that a changed file counts as a change."""
    found = []
    for name in paths:
        path = Path(name) / "tokenizer.json" if name and Path(name).is_dir() else Path(name)
        found.append(codec.digest(path.read_bytes()) if name and path.is_file() else name)
    return found
