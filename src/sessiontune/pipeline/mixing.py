"""General rows mixed into the training side: redacted, tagged, scanned like everything else."""

from __future__ import annotations

from pathlib import Path

from .. import codec, registry
from ..errors import UsageError
from ..general import read_rows, to_sessions
from ..ledger import Ledger
from ..measure import Truncation
from ..packs import Place, writing
from ..ports import EncodeOptions
from ..privacy.engine import Redactor
from ..recipe import Recipe
from ..stats import Stats
from ..steps.mix import Mixed, mixer, parse_mix
from ..steps.redact import redactor_stage
from ..store import Store
from .examples import meter_of
from .finish import (
    WHOLE,
    BuildSummary,
    Segment,
    auditor_of,
    count_losses,
    rows_of,
    separator,
    stream_name,
)
from .finishing import Built, options_of
from .prepare import Preparation


def add_general(built: Built, recipe: Recipe, preparation: Preparation, store: Store) -> Mixed:
    """Add the general rows to what the units gave."""
    train = built.sum.stats.splits.get("train")
    own = train.tokens if train else 0
    general, place, mixed = mix_in(recipe, preparation, own, store)
    built.add(general, place, "")  # the rows depend on more than their key covers
    built.sum.add(general)
    return mixed


def mix_in(
    recipe: Recipe, preparation: Preparation, own_tokens: int, store: Store
) -> tuple[BuildSummary, Place, Mixed]:
    """Encode the general rows for the training files as a segment of their own.

    Raises UsageError if there is no such file, or no usable row in it.
    """
    path, ratio = parse_mix(recipe.mix)
    refused: dict[str, int] = {}
    redactor = Redactor(preparation.salt, preparation.vocabulary, preparation.privacy)
    redact = redactor_stage(redactor)
    meter = meter_of(recipe.tokenizer, recipe.tools, recipe.thinking)
    general = (s for s, _ in map(redact, to_sessions(read_rows(path), refused)) if s is not None)
    taken, counts = mixer(ratio, meter)(general, own_tokens)
    if not taken and ratio:
        raise UsageError(
            f"{Path(path).name} has no rows that can be mixed in"
            f" ({f'{sum(refused.values()):,} refused' if refused else 'it is empty'}).",
            "Give a JSONL or Parquet file of chat rows (messages, conversations or alpaca).",
        )
    key = codec.digest("mix", [c.session.key for c in taken], own_tokens, recipe.formats)
    summary = BuildSummary("mix", key, {}, Ledger(), Stats(), Truncation(), [], [])
    formats = [name for name in recipe.formats if name not in WHOLE]
    separators = {stream_name(name, "train"): separator(name) for name in formats}
    auditor = auditor_of(recipe.privacy, preparation.vocabulary, preparation.salt)
    with writing(store.segments.path(key)) as pack:
        segment = Segment(pack, separators, auditor)
        encode = options_of(recipe, EncodeOptions)
        for conversation in taken:
            segment.next_session()
            for name in formats:
                losses: dict[str, int] = {}
                rows = rows_of(registry.format(name), conversation, encode, losses)
                segment.add(stream_name(name, "train"), rows)
                count_losses(losses, name, summary.ledger)
        place = segment.close()
    summary.streams = segment.streams
    summary.findings = segment.findings
    for reason, n in refused.items():
        summary.ledger.drops[f"mix/{reason}"] = n
    return summary, place, counts
