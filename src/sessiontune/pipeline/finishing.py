"""Running pass 2 over all units: rows that the state holds already are not encoded again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from .. import codec
from ..errors import PrivacyError
from ..ledger import Ledger
from ..measure import Truncation
from ..model import Finding, ToolDef
from ..packs import Place, packed
from ..ports import EncodeOptions
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
from .inputs import Runner
from .preparing import Prepared
from .sums import add_up

#: Raise when the same shards would give other rows.
FINISH_VERSION = 4


class BuildSum(msgspec.Struct):
    """What the summaries of finished units add up to."""

    ledger: Ledger = msgspec.field(default_factory=Ledger)
    stats: Stats = msgspec.field(default_factory=Stats)
    truncation: Truncation = msgspec.field(default_factory=Truncation)

    def add(self, other: BuildSummary | BuildSum) -> None:
        self.ledger.add(other.ledger)
        self.stats.merge(other.stats)
        self.truncation.add(other.truncation)


class Built(msgspec.Struct):
    """All units with their rows, in order, the sum of their summaries, and where the segments of
    all units are."""

    units: list[BuildOutline] = []
    sum: BuildSum = msgspec.field(default_factory=BuildSum)
    segments: dict[str, Place] = {}


def finish_all(
    prepared: Prepared,
    choices: dict[str, dict[str, Choice]],
    recipe: Recipe,
    store: Store,
    run: Runner,
) -> Built:
    """Encode the units whose rows are not in the state yet."""
    tools = tool_steps.definitions(prepared.sum.shapes)
    known = store.build_keys()
    there = store.segments.places(store.db)
    common = codec.digest(*_common(recipe))
    stands = {name: codec.digest(tool) for name, tool in tools.items()}  # each is in many units
    tasks: list[FinishTask] = []
    keys: list[str] = []
    for unit in prepared.units:
        summary, chosen = prepared.summaries[unit.key], choices[unit.key]
        names = sorted(summary.shapes)
        used = [(name, stands[name]) for name in names]
        stand = unit.key, prepared.shards[unit.key].crc  # logs may change and look as before
        key = codec.digest(FINISH_VERSION, stand, sorted(chosen.items()), used, common)
        keys.append(key)
        if key not in known or key not in there:
            mine = {name: tools[name] for name in names}
            tasks.append(_finish_task(unit, key, prepared, chosen, mine, recipe))
    for summary in prepared.summaries.values():
        summary.heads, summary.shapes = [], {}  # of many units they are large, and now told
    packs = [
        FinishPack(store.segments.path(*(t.key for t in mine)), mine)
        for mine in packed(tasks, lambda t: t.size)
    ]
    encode = msgspec.msgpack.encode
    for _, results in run.map(finish, packs, lambda p: sum(t.size for t in p.tasks)):
        store.put_builds((s.unit, s.key, encode(s), place) for s, place in results)
        there.update((s.key, place) for s, place in results)
    run.renew()  # the workers' memory goes back before what all gave is held
    outline = msgspec.msgpack.Decoder(BuildOutline).decode
    whole = msgspec.msgpack.Decoder(BuildSummary).decode
    names_of = zip((u.rows[0].file.path for u in prepared.units), keys, strict=True)
    unit_of = dict(zip(keys, (u.key for u in prepared.units), strict=True))
    total = add_up(
        store, names_of, lambda key: whole(store.build_summary(unit_of[key], key)), BuildSum
    )
    outlines = {key: outline(summary) for key, summary in store.builds() if key in unit_of}
    units = [outlines[key] for key in keys]
    made = {task.key for task in tasks}
    for stream in (s for unit in units if unit.key in made for s in unit.streams.values()):
        stream.sums = []  # only what a former run wrote is compared with its sums
    return Built(units, total, there)


def _common(recipe: Recipe) -> list[object]:
    """What the rows of every unit depend on."""
    files = side_files(recipe.tokenizer, recipe.topics)
    return [recipe.formats, _encode_options(recipe), _example_options(recipe), *files]


def _encode_options(recipe: Recipe) -> EncodeOptions:
    return EncodeOptions(tools=recipe.tools, thinking=recipe.thinking)


def _example_options(recipe: Recipe) -> ExampleOptions:
    return ExampleOptions(
        max_tokens=recipe.max_tokens,
        tokenizer=recipe.tokenizer,
        thinking=recipe.thinking,
        topics=recipe.topics,
        preferences=recipe.preferences,
        clusters=recipe.clusters,
    )


def _finish_task(
    unit: Unit,
    key: str,
    prepared: Prepared,
    chosen: dict[str, Choice],
    tools: dict[str, ToolDef],
    recipe: Recipe,
) -> FinishTask:
    summary = prepared.summaries[unit.key]
    return FinishTask(
        unit=unit.key,
        key=key,
        shard=prepared.shards[unit.key],
        size=sum(h.bytes for h in summary.heads) * 4,
        choices=chosen,
        tools=tools,
        formats=recipe.formats,
        encode=_encode_options(recipe),
        vocabulary=prepared.preparation.vocabulary,
        privacy=recipe.privacy,
        salt=prepared.preparation.salt,
        forks=forks_of(summary.heads),
        continued=continued_of(summary.heads),
        examples=_example_options(recipe),
    )


def gate(built: Iterable[BuildOutline]) -> None:
    """Stop before publishing when the second scan found something. Places, never values."""
    findings = [f for summary in built for f in summary.findings]
    if findings:
        raise gate_error(findings)


_DIGEST = re.compile(rf'"{DIGEST}[0-9a-f]{{8,64}}"'.encode())


def gate_pages(pages: Mapping[str, bytes], recipe: Recipe, prepared: Prepared) -> None:
    """The same for what is published beside the rows: the card, the report, the manifest ...; less
    the digests that stand in the recipe for what the user named."""
    known = prepared.preparation
    auditor = auditor_of(recipe.privacy, known.vocabulary, known.salt)
    findings = [
        found
        for name, page in pages.items()
        if auditor
        for found in auditor.scan(_DIGEST.sub(b'""', page), name)
    ]
    if findings:
        raise gate_error(findings)


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
