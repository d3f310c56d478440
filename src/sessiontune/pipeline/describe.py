"""What is written beside the rows: manifest, card, report, recipe, dataset_info."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import date

import msgspec

from .. import __version__, codec, registry
from ..ledger import Books
from ..manifest import File, Input, Leakage, Manifest, Options, Records, dump
from ..recipe import Recipe, dump_recipe
from ..stats import Stats, ranked
from ..steps.mix import Mixed
from ..steps.topics import Namer, clusters, shared_words
from ..steps.window import LONG
from .carrying import MARKER
from .finish import WHOLE, separator, stream_name
from .finishing import Built
from .inputs import Inputs, named_in
from .publish import Staging, Target
from .shutout import closed


def describe(
    recipe: Recipe,
    name: str,
    inputs: Inputs,
    books: Books,
    stats: Stats,
    build: str,
    salt: bytes,
    *,
    duplicates: dict[str, int] | None = None,
    leakage: Sequence[Leakage] = (),
    truncation: dict[str, int] | None = None,
    mixed: Mixed | None = None,
) -> Manifest:
    """The manifest without the files, which are not written yet."""
    return Manifest(
        tool=f"sessiontune {__version__}",
        build=build,
        name=name,
        date=recipe.date or _newest(inputs),
        recipe=codec.keyed(salt)(dump_recipe(recipe)),
        options=_options(recipe),
        privacy=recipe.privacy.enabled,
        gate=recipe.privacy.gate and recipe.privacy.enabled,
        records=_records(inputs, books),
        inputs=_inputs(inputs, books, salt),
        sources=dict(sorted(Counter(r.file.source for r in inputs.rows).items())),
        source_gone=sum(r.gone for r in inputs.rows) - len(closed(inputs)),
        statistics=stats.summary(),
        drops=ranked(books.drops),
        faults=ranked(Counter(f.reason for f in books.faults)),
        repairs=ranked(books.repairs),
        losses=ranked(books.losses),
        redactions=ranked(books.redactions),
        duplicates=dict(sorted((duplicates or {}).items())),
        leakage=tuple(leakage),
        truncation=truncation or {},
        mixed=_mixed(mixed),
    )


def _inputs(inputs: Inputs, books: Books, salt: bytes) -> tuple[Input, ...]:
    named = named_in(salt)
    return tuple(
        Input(
            digest=named(row),
            source=row.file.source,
            bytes=row.file.size,
            records=books.records.get(row.file.path, 0),
            gone=row.gone,
        )
        for row in inputs.rows
    )


def _mixed(mixed: Mixed | None) -> dict[str, int]:
    if mixed is None or not mixed.rows:
        return {}
    return {"rows": mixed.rows, "tokens": mixed.tokens, "left": mixed.left}


def with_clusters(
    manifest: Manifest, bags: Sequence[tuple[str, str, str]], namer: Namer | None
) -> Manifest:
    """The manifest with groups of the conversations that no topic covers, below the topics."""
    groups = tuple(clusters(shared_words(bags), namer=namer))
    statistics = msgspec.structs.replace(
        manifest.statistics, topics=manifest.statistics.topics + groups
    )
    return msgspec.structs.replace(manifest, statistics=statistics)


def _newest(inputs: Inputs) -> str:
    """The day of the newest record, so that the same input gives the same date."""
    newest = max((r.index.last for r in inputs.rows), default="")
    try:
        return date.fromisoformat(newest[:10]).isoformat()
    except ValueError:
        return ""


def _options(recipe: Recipe) -> Options:
    filters = ("projects", "exclude", "sources", "models", "vendors", "preprocess")
    return Options(
        formats=recipe.formats,
        tools=recipe.tools,
        thinking=recipe.thinking,
        subagents=recipe.subagents,
        since=recipe.since,
        until=recipe.until,
        max_tokens=recipe.max_tokens,
        eval_share=recipe.eval_share,
        split_by=recipe.split_by,
        split=recipe.split,
        mix=bool(recipe.mix),
        filtered=tuple(f for f in filters if getattr(recipe, f)),
    )


def _records(inputs: Inputs, books: Books) -> Records:
    return Records(
        files=len(inputs.rows),
        read=sum(books.records.values()),
        used=books.used,
        dropped=books.dropped,
        faulty=books.faulty,
    )


# ------------------------------------------------------------------ files


def write_folder(
    staging: Staging,
    manifest: Manifest,
    recipe: Recipe,
    built: Built,
    salt: bytes,
) -> Manifest:
    """Write all files of the data set into the staging folder; the manifest last."""
    from ..formats import preference
    from ..formats.card import card
    from ..formats.dataset_info import dataset_info
    from ..formats.report import report_html

    targets = [t for name in recipe.formats for t in _targets(name, manifest)]
    if recipe.preferences:
        targets += [
            Target(f"preferences/{name}.jsonl", f"preferences.{name}") for name in preference.NAMES
        ]
    for side in ("train", "eval"):
        stream = stream_name(LONG, side)
        if stream in built.rows:
            targets.append(Target(f"{LONG}/{side}.jsonl", stream))
    columns = {f"{side}/data.parquet": f"{side}/openai.jsonl" for side in ("train", "eval")}
    with_columns = recipe.parquet and "openai" in recipe.formats
    staging.rows(targets, built.rows, columns if with_columns else {})
    for name in recipe.formats:
        if name not in WHOLE:
            top = registry.format(name).filename.format(name=manifest.name)
            staging.link(top, f"train/{name}.jsonl")
    manifest = _with_files(manifest, staging)
    info = dataset_info(manifest.name, [(f.path, f.rows) for f in manifest.files])
    if info:
        staging.text("llamafactory/dataset_info.json", json.dumps(info, indent=2) + "\n")
    staging.text("recipe.toml", _public_recipe(recipe, salt))
    staging.text("report.html", report_html(manifest))
    manifest = _with_files(manifest, staging)
    staging.text("README.md", card(manifest))
    manifest = _with_files(manifest, staging)
    staging.text(MARKER, dump(manifest))
    return manifest


def _targets(name: str, manifest: Manifest) -> list[Target]:
    """The files of one format: one with everything, or one for each side of the split."""
    encoder = registry.format(name)
    head = getattr(encoder, "head", b"")
    tail_of = getattr(encoder, "tail", None)
    tail = tail_of(_metadata(manifest)) if tail_of else b""
    cut = len(separator(name)) if tail else 0
    if name in WHOLE:
        return [Target(encoder.filename.format(name=manifest.name), name, head, tail, cut)]
    return [
        Target(f"{side}/{name}.jsonl", stream_name(name, side), head, tail, cut)
        for side in ("train", "eval")
    ]


def _metadata(manifest: Manifest) -> dict[str, object]:
    """The end of the combined file."""
    summary = manifest.statistics
    return {
        "name": manifest.name,
        "tool": manifest.tool,
        "date": manifest.date,
        "files_processed": manifest.records.files,
        "records_parsed": manifest.records.read,
        "messages_extracted": summary.messages,
        "conversation_pairs": summary.pairs,
        "conversations": summary.conversations,
        "privacy": manifest.privacy,
    }


def _with_files(manifest: Manifest, staging: Staging) -> Manifest:
    files = tuple(
        File(f.path, f.sha256, f.bytes, f.rows)
        for f in sorted(staging.files.values(), key=lambda f: f.path)
    )
    return msgspec.structs.replace(manifest, files=files)


def _public_recipe(recipe: Recipe, salt: bytes) -> str:
    """The recipe as it may be published: names, words and paths as keyed digests."""
    keyed = codec.keyed(salt)

    def hide(values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(f"keyed:{keyed(v)}" for v in values)

    privacy = msgspec.structs.replace(
        recipe.privacy,
        **{f: hide(getattr(recipe.privacy, f)) for f in ("names", "hosts", "deny", "allow")},
    )
    public = msgspec.structs.replace(
        recipe,
        privacy=privacy,
        projects=hide(recipe.projects),
        exclude=hide(recipe.exclude),
        **{
            f: f"keyed:{keyed(getattr(recipe, f))}"
            for f in ("preprocess", "tokenizer", "mix", "topics", "cluster_namer")
            if getattr(recipe, f)
        },
    )
    return dump_recipe(public)
