"""What the trainers in their own environments have in common.

Each gets files below `trainer/` in the run's folder, which the user owns and can edit, and two
programs: `check.py`, which writes the trainer's own prepared examples as Parquet for preflight,
and the training itself. Paths are relative to the run's folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
import orjson

from ..templating import Encoded
from ..templating.rows import BREAK
from .planner import Plan
from .prepare import Prepared
from .spec import TrainSpec

#: Where check.py writes what the trainer prepared.
CHECKED = ("preflight/train.parquet", "preflight/eval.parquet")
#: Environment of all of them: no hub, no telemetry, caches inside the run.
ENV = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_DATASETS_CACHE": "trainer/cache",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "AXOLOTL_DO_NOT_TRACK": "1",
    "DO_NOT_TRACK": "1",
    "WANDB_DISABLED": "true",
    "TOKENIZERS_PARALLELISM": "false",
    "UNSLOTH_DISABLE_STATISTICS": "1",
}
#: Where a run keeps what Python reads at the start of the trainer's processes.
HOOK = "trainer/hook"
NOTE = """Made by sessiontune from plan.json; yours to edit.
Paths are relative to the run's folder: run it from there."""


def notes(given: Given, command: str) -> str:
    """The comment at the head of a trainer's file: how to run it, and why each setting is so."""
    why = [f"{line.name}: {line.value} ({line.reason})" for line in given.plan.lines]
    return "\n".join([NOTE, f"  {command}", "", *why])


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """What a planner of another trainer needs."""

    spec: TrainSpec
    plan: Plan
    base: str
    train: Prepared
    held: Prepared
    python: str


def jsonl(rows: Sequence[dict[str, Any]]) -> str:
    """Rows as JSON lines."""
    return "".join(orjson.dumps(row).decode() + "\n" for row in rows)


def turns_alone(prepared: Prepared, tokenizer: Any) -> tuple[list[dict[str, Any]], list[Encoded]]:
    """One row for each trained answer, as text before and text to write, and their tokens.

    For a trainer that has no mask for single turns. Control tokens that stand in a log's own
    text are split by a space there, because the trainer would take them for structure.
    """
    rows, tokens = [], []
    for example, source in zip(prepared.examples, prepared.sources, strict=True):
        for span in source.piece.spans[: len(example.ends)]:
            before = source.piece.text[: span.start].replace(BREAK, " ")
            after = source.piece.text[span.start : span.end].replace(BREAK, " ")
            rows.append({"before": before, "after": after, "where": example.where})
            head = tokenizer(before, add_special_tokens=False)["input_ids"]
            body = tokenizer(after, add_special_tokens=False)["input_ids"]
            ids = [*head, *body]
            labels = [-100] * len(head) + body
            targets = source.turns[span.turn].sources
            alone = Encoded(example.where, ids, labels, targets, (len(ids),), example.part)
            tokens.append(alone)
    return rows, tokens


def apart(prepared: Prepared) -> tuple[Prepared, Prepared]:
    """Examples that can be messages, and those that must be text: parts of an answer, because no
    message can say that it goes on, and examples in which the log's own text holds control tokens.
    """
    if not prepared.sources:
        return prepared, Prepared()
    both = list(zip(prepared.examples, prepared.sources, strict=True))
    alike = [bool(example.part) or BREAK in source.piece.text for example, source in both]
    split = [[pair for pair, text in zip(both, alike, strict=True) if text == t] for t in (0, 1)]
    whole, texts = (
        msgspec.structs.replace(
            prepared, examples=tuple(e for e, _ in some), sources=tuple(s for _, s in some)
        )
        for some in split
    )
    return whole, texts


def message_rows(prepared: Prepared) -> list[dict[str, Any]]:
    """Messages with a `train` flag for each, cut after the last trained one that fits."""
    out = []
    for example, source in zip(prepared.examples, prepared.sources, strict=True):
        spans = source.piece.spans[: len(example.ends)]
        trained = {span.turn for span in spans}
        messages = []
        for index, turn in enumerate(source.turns[: max(trained) + 1]):
            message = {k: v for k, v in turn.message.items() if k != "tool_calls"}
            calls = turn.message.get("tool_calls")
            if calls:
                message["tool_calls"] = [_arguments_as_text(call) for call in calls]
            messages.append({**message, "train": index in trained})
        row: dict[str, Any] = {"messages": messages}
        if source.tools:
            row["tools"] = orjson.dumps(source.tools).decode()
        out.append(row)
    return out


def _arguments_as_text(call: dict[str, Any]) -> dict[str, Any]:
    """Arrow wants one type for all arguments."""
    function = call["function"]
    arguments = function["arguments"]
    if not isinstance(arguments, str):
        arguments = orjson.dumps(arguments).decode()
    return {**call, "function": {**function, "arguments": arguments}}


def hook_files() -> dict[str, str]:
    """The watcher, which the trainer's own Python loads: see hook.py."""
    text = resources.files(__package__).joinpath("hook.py").read_text("utf-8")
    return {f"{HOOK}/sitecustomize.py": text}


def beside_python(python: str, program: str) -> str:
    """A console script of the environment that `python` belongs to."""
    return str(Path(python).parent / program)
