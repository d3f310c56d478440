"""Next-action cases of the held-out side: what stood before a turn, and what was done then."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
import orjson

from ..errors import PreflightError, UsageError
from ..templating import Template, TemplateRefused
from .arms import Arm
from .cache import Table, digest
from .local import Lab
from .nextaction import Call, Score, calls_in, edit_similarity, score
from .remote import Remote, Reply

#: Tokens generated for a turn beyond what was written then, at most, and of the whole answer.
MOST_TOKENS = 160
WHOLE_TOKENS = 1_024

Progress = Callable[[int, int, str], None]
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
    """What one arm answered. `stopped`: it ended by itself; `failed`: why there is no answer.

    edit    similarity of written code, None where the turn wrote none
    """

    text: str
    score: Score
    stopped: bool
    similarity: float
    edit: float | None = None
    failed: str = ""


def dealt(by_cluster: Mapping[str, Sequence[T]], most: int, seed: int) -> list[T]:
    """At most `most` things, as evenly over the clusters as they allow. 0 or less: none."""
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
    """Trained turns of held-out rows, at most `most`, dealt evenly over the lineages."""
    by_cluster: dict[str, list[tuple[str, int]]] = {}
    for where, row in rows.items():
        for at, message in enumerate(row["messages"]):
            if message["role"] == "assistant" and message.get("train", True) and at:
                by_cluster.setdefault(cluster_of(row, where), []).append((where, at))
    return [_case(where, rows[where], at) for where, at in dealt(by_cluster, most, seed)]


def cluster_of(row: Mapping[str, Any], where: str) -> str:
    """The lineage of a row, merged with its near-copies where the export knows them."""
    return str(row.get("group") or row.get("lineage") or where)


def tags_of(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Tags of a row: it keeps them in one text, separated by commas."""
    return tuple(t.strip() for t in str(row.get("tags") or "").split(",") if t.strip())


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
        tags=tags_of(row),
        row=str(row.get("id") or where),
    )


def _arguments(text: str) -> dict[str, Any]:
    """Arguments as they were given; free text (a patch, a script) under an empty name."""
    try:
        value = orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        value = text
    return value if isinstance(value, dict) else {"": value}


def with_rules(context: Sequence[dict[str, Any]], rules: str) -> list[dict[str, Any]]:
    """A conversation with rules in its system message, before what stands there."""
    if not rules:
        return list(context)
    if context and context[0]["role"] == "system":
        first = {**context[0], "content": f"{rules}\n\n{context[0].get('content') or ''}"}
        return [first, *context[1:]]
    return [{"role": "system", "content": rules}, *context]


class Answerer:
    """Asks one arm, local or remote, and keeps what it says."""

    def __init__(
        self,
        arm: Arm,
        table: Table,
        lab: Lab | None = None,
        template: Template | None = None,
        stop: Sequence[str] = (),
        length: int = 4096,
    ) -> None:
        self.arm = arm
        self.table = table
        self._lab = lab
        self._template = template
        self._stop = tuple(stop)
        self._length = length
        self._remote = Remote(arm.url, arm.model) if arm.kind == "endpoint" else None

    def reply(self, context: Sequence[dict[str, Any]], tools: Any, most: int) -> Reply:
        """The answer to a conversation, from the table where it has one already.

        A failed case is asked for again: nothing of it was ever counted.
        """
        key = digest(list(context), tools, most)
        held = self.table.get(key)
        if held is not None and not held.get("failed"):
            return msgspec.convert(held, Reply)
        if self._remote is not None:
            found = self._remote.answer(context, tools, most)
        else:
            found = self._generate(context, tools, most)
        self.table.put(key, msgspec.to_builtins(found))
        return found

    def _generate(self, context: Sequence[dict[str, Any]], tools: Any, most: int) -> Reply:
        lab, template = self._lab, self._template
        if lab is None or template is None:
            raise UsageError(f"Arm '{self.arm.name}' needs the run's base model.")
        try:
            ids = self._fitting(template, with_rules(context, self.arm.rules), tools, most)
        except (TemplateRefused, PreflightError) as error:
            return Reply(failed=f"the template takes no such conversation: {str(error)[:160]}")
        ends = [lab.tokenizer.convert_tokens_to_ids(s) for s in self._stop]
        out = lab.answer(self.arm, ids, ends, most)
        stopped = bool(out) and out[-1] in ends
        text = lab.tokenizer.decode(out[:-1] if stopped else out, skip_special_tokens=False)
        return Reply(text, stopped)

    def _fitting(
        self, template: Template, context: Sequence[dict[str, Any]], tools: Any, most: int
    ) -> list[int]:
        """A conversation in tokens that leaves room for the answer.

        One that is too long keeps its head (system message with the rules, first request) and its
        end, as the windows of training do; the head takes half of the room at most.
        """
        ids = template.ids(context, tools, generation=True)
        room = max(32, self._length - most)
        if len(ids) <= room:
            return ids
        asked = next((n for n, m in enumerate(context) if m["role"] == "user"), 0)
        head = template.ids(context[: asked + 1], tools)
        pairs = enumerate(zip(ids, head, strict=False))
        same = next((n for n, (a, b) in pairs if a != b), len(head))
        kept = min(same, room // 2)
        return ids[:kept] + ids[kept - room :]


def limit_of(case: ActionCase) -> int:
    """Tokens that an answer to a case may have: more where more was written then.

    Counted in characters, so that it is the same for every arm and tokenizer.
    """
    written = len(case.text) + sum(len(orjson.dumps(c.arguments)) for c in case.wanted)
    return min(WHOLE_TOKENS, MOST_TOKENS + written // 3)


def answer_all(asker: Answerer, cases: Sequence[ActionCase], progress: Progress) -> list[Answer]:
    """Scored answers of one arm."""
    found = []
    for done, case in enumerate(cases):
        reply = asker.reply(case.context, case.tools, limit_of(case))
        found.append(scored(case, reply))
        progress(done + 1, len(cases), f"answers, {asker.arm.name}")
    return found


def scored(case: ActionCase, reply: Reply) -> Answer:
    """An answer measured against what was done in the case."""
    calls, broken = calls_in(reply.text)
    plain = reply.text.partition("<tool_call>")[0].strip() if calls or broken else reply.text
    return Answer(
        reply.text,
        score(calls, case.wanted, broken),
        reply.stopped,
        similarity(plain, case.text),
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
