"""Next-action cases of the held-out side: what came before a turn, and what was done then."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec
import orjson

from ..rows.columns import tags_in
from .answering import Answerer, Asked, Progress
from .callforms import Call, calls_in, said_in
from .heldout import cluster_of
from .nextaction import Score, edit_similarity, score
from .remote import Reply

#: Tokens that an answer may have beyond the length of the original, and in all.
MOST_TOKENS = 160
WHOLE_TOKENS = 1_024

T = TypeVar("T")


class ActionCase(msgspec.Struct, frozen=True):
    """One held-out assistant turn. `context` is everything before it; `row` the row's id."""

    id: str
    cluster: str
    context: tuple[dict[str, Any], ...]
    tools: Any
    wanted: tuple[Call, ...]
    text: str
    tags: tuple[str, ...] = ()
    row: str = ""


class Answer(msgspec.Struct, frozen=True):
    """What one arm answered. `stopped`: it ended by itself; `failed`: why there is no answer;
    `edit`: similarity of written code, None if the turn wrote none."""

    text: str
    score: Score
    stopped: bool
    similarity: float
    edit: float | None = None
    failed: str = ""


def dealt(by_cluster: Mapping[str, Sequence[T]], most: int, seed: int) -> list[T]:
    """At most `most` things, spread over the clusters as evenly as possible. 0 or less: none."""
    rng = random.Random(seed)
    left: dict[str, list[T]] = {}
    for name in sorted(by_cluster):
        left[name] = list(by_cluster[name])
        rng.shuffle(left[name])
    names = sorted(left)
    chosen: list[T] = []
    while names and len(chosen) < most:
        names = [n for n in names if left[n]]
        chosen += [left[name].pop() for name in names[: max(0, most - len(chosen))]]
    return chosen


def action_cases(rows: Mapping[str, dict[str, Any]], most: int, seed: int = 0) -> list[ActionCase]:
    """Trained turns of held-out rows, at most `most`, spread evenly over the lineages."""
    by_cluster: dict[str, list[tuple[str, int]]] = {}
    for where, row in rows.items():
        for at, message in enumerate(row["messages"]):
            if message["role"] == "assistant" and message.get("train", True) and at:
                by_cluster.setdefault(cluster_of(row, where), []).append((where, at))
    return [_case(where, rows[where], at) for where, at in dealt(by_cluster, most, seed)]


def _case(where: str, row: dict[str, Any], at: int) -> ActionCase:
    message = row["messages"][at]
    made = [call["function"] for call in message.get("tool_calls") or []]
    wanted = [Call(inner["name"], _arguments(inner["arguments"])) for inner in made]
    return ActionCase(
        id=f"{where}#{at}",
        cluster=cluster_of(row, where),
        context=tuple(row["messages"][:at]),
        tools=row.get("tools"),
        wanted=tuple(wanted),
        text=message.get("content") or "",
        tags=tags_in(row.get("tags")),
        row=str(row.get("id") or where),
    )


def _arguments(text: str) -> dict[str, Any]:
    """Arguments as they were given; free text (a patch, a script) under an empty name."""
    try:
        value = orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        value = text
    return value if isinstance(value, dict) else {"": value}


def limit_of(case: ActionCase) -> int:
    """Tokens that an answer to a case may have: more if the original answer was longer.

    Counted in characters, so that it is the same for every arm and tokenizer.
    """
    written = len(case.text) + sum(len(orjson.dumps(c.arguments)) for c in case.wanted)
    return min(WHOLE_TOKENS, MOST_TOKENS + written // 3)


def answer_all(asker: Answerer, cases: Sequence[ActionCase], progress: Progress) -> list[Answer]:
    """Scored answers of one arm, in the order of the cases."""
    asked = [Asked(case.context, case.tools, limit_of(case)) for case in cases]
    replies = asker.replies(asked, progress, "answers")
    return [scored(case, reply) for case, reply in zip(cases, replies, strict=True)]


def scored(case: ActionCase, reply: Reply) -> Answer:
    """An answer measured against what was done in the case."""
    calls, broken = calls_in(reply.text)
    return Answer(
        reply.text,
        score(calls, case.wanted, broken),
        reply.stopped,
        similarity(said_in(reply.text), case.text),
        edit_similarity(calls, case.wanted),
        reply.failed,
    )


def similarity(given: str, wanted: str) -> float:
    """Share of words in common (F1 over word counts): 1 for equal texts, 1 for two empty ones."""
    a, b = Counter(given.lower().split()), Counter(wanted.lower().split())
    if not a and not b:
        return 1.0
    common = sum((a & b).values())
    return 2 * common / (sum(a.values()) + sum(b.values()))
