"""Next-action cases of the held-out side: what stood before a turn, and what was done then."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from ..templating import Template
from .local import LocalPair
from .nextaction import Call, Score, calls_in, score

#: Tokens generated for one turn, at most.
MOST_TOKENS = 160
#: Characters of an answer that the report shows.
SHOWN = 600


class ActionCase(msgspec.Struct, frozen=True):
    """One held-out assistant turn. `context` is everything before it."""

    id: str
    cluster: str
    context: tuple[dict[str, Any], ...]
    tools: Any
    wanted: tuple[Call, ...]
    text: str
    tags: tuple[str, ...] = ()


class Answer(msgspec.Struct, frozen=True):
    """What one arm answered. `stopped`: it ended by itself."""

    text: str
    score: Score
    stopped: bool
    similarity: float


def action_cases(rows: Mapping[str, dict[str, Any]], most: int, seed: int = 0) -> list[ActionCase]:
    """Trained turns of held-out rows, at most `most`, dealt evenly over the lineages."""
    by_cluster: dict[str, list[ActionCase]] = {}
    for where, row in rows.items():
        cluster = str(row.get("group") or row.get("lineage") or where)
        for at, message in enumerate(row["messages"]):
            if message["role"] != "assistant" or not message.get("train", True) or not at:
                continue
            by_cluster.setdefault(cluster, []).append(_case(where, cluster, row, at))
    rng = random.Random(seed)
    for cases in by_cluster.values():
        rng.shuffle(cases)
    chosen: list[ActionCase] = []
    names = sorted(by_cluster)
    while names and len(chosen) < most:
        names = [n for n in names if by_cluster[n]]
        chosen += [by_cluster[name].pop() for name in names[: most - len(chosen)]]
    return chosen


def _case(where: str, cluster: str, row: dict[str, Any], at: int) -> ActionCase:
    import json

    message = row["messages"][at]
    wanted = []
    for call in message.get("tool_calls") or []:
        arguments = json.loads(call["function"]["arguments"] or "{}")
        wanted.append(Call(call["function"]["name"], arguments))
    return ActionCase(
        id=f"{where}#{at}",
        cluster=cluster,
        context=tuple(row["messages"][:at]),
        tools=row.get("tools"),
        wanted=tuple(wanted),
        text=message.get("content") or "",
        tags=tuple(t for t in str(row.get("tags", "")).split(",") if t),
    )


def answer_all(
    pair: LocalPair,
    name: str,
    template: Template,
    cases: Sequence[ActionCase],
    length: int,
    stop: Sequence[str],
    progress: Callable[[int, int, str], None],
) -> list[Answer]:
    """Greedy answers of one arm. A context longer than `length` keeps its end."""
    ends = [pair.tokenizer.convert_tokens_to_ids(s) for s in stop]
    found = []
    for done, case in enumerate(cases):
        ids = template.ids(case.context, case.tools, generation=True)[-(length - MOST_TOKENS) :]
        out = pair.answer(name, ids, ends, MOST_TOKENS)
        stopped = bool(out) and out[-1] in ends
        text = pair.tokenizer.decode(out[:-1] if stopped else out, skip_special_tokens=False)
        calls, broken = calls_in(text)
        plain = text.partition("<tool_call>")[0].strip()
        found.append(
            Answer(text, score(calls, case.wanted, broken), stopped, similarity(plain, case.text))
        )
        progress(done + 1, len(cases), f"answers, {name}")
    return found


def similarity(given: str, wanted: str) -> float:
    """Share of words in common (F1 over word counts): 1 for equal texts, 1 for two empty ones."""
    from collections import Counter

    a, b = Counter(given.lower().split()), Counter(wanted.lower().split())
    if not a and not b:
        return 1.0
    common = sum((a & b).values())
    return 2 * common / (sum(a.values()) + sum(b.values()))
