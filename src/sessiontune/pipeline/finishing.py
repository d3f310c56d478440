"""Running pass 2 over all units: rows that the state holds already are not encoded again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from .. import codec
from ..errors import PrivacyError
from ..model import Finding, ToolDef
from ..ports import EncodeOptions
from ..recipe import Recipe
from ..steps import tools as tool_steps
from ..store import Store
from .examples import Choice, ExampleOptions
from .finish import BuildSummary, FinishTask, continued_of, finish, forks_of
from .inputs import Runner, Unit
from .preparing import Prepared

#: Raise when the same shards would give other rows.
FINISH_VERSION = 2
_BATCH = 64


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


def gate(built: Iterable[BuildSummary]) -> None:
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


def side_files(*paths: str) -> list[str]:
    """Digests of files that a recipe names, so that a changed file counts as a change."""
    found = []
    for name in paths:
        path = Path(name) / "tokenizer.json" if name and Path(name).is_dir() else Path(name)
        found.append(codec.digest(path.read_bytes()) if name and path.is_file() else name)
    return found
