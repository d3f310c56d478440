"""From losses and answers of two arms to measures, and the cases that the report shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import orjson

from .actions import ActionCase, Answer
from .callforms import Call, without_thoughts
from .heldout import HeldExample
from .local import Loss
from .result import Failure, Measure, Shown, ShownAnswer, measure
from .statistics import TUNED, Arms, Case

#: Characters of a text that the report shows.
SHOWN = 600

_Value = Callable[[Answer], float]
_Applies = Callable[[ActionCase, Answer, Answer], bool]

_KINDS: tuple[tuple[str, str, _Value, _Applies], ...] = (
    ("tool", "right tool", lambda a: a.score.name, lambda c, a, b: bool(c.wanted)),
    ("arguments", "right arguments", lambda a: a.score.arguments, lambda c, a, b: bool(c.wanted)),
    ("exact", "exactly the same calls", lambda a: a.score.exact, lambda c, a, b: bool(c.wanted)),
    ("valid", "tool calls that parse", lambda a: a.score.valid, lambda c, a, b: bool(c.wanted)),
    ("stops", "stops by itself", lambda a: float(a.stopped), lambda c, a, b: True),
    ("edit", "code like the accepted edit", lambda a: a.edit or 0.0,
     lambda c, a, b: a.edit is not None),
    ("text", "words shared with the answer", lambda a: a.similarity, lambda c, a, b: bool(c.text)),
)  # fmt: skip


def loss_measure(
    examples: Sequence[HeldExample],
    a: Sequence[Loss],
    b: Sequence[Loss],
    name: str = "loss",
    label: str = "held-out loss per trained token",
    arms: Arms = TUNED,
) -> Measure | None:
    """Loss of arm b minus that of arm a, weighted by trained tokens; None without any."""
    cases = [
        Case(e.id, e.cluster, one.mean, two.mean, float(one.tokens), e.tags)
        for e, one, two in zip(examples, a, b, strict=True)
        if one.tokens
    ]
    return measure(name, label, cases, lower_is_better=True, arms=arms) if cases else None


def action_measures(
    cases: Sequence[ActionCase], a: Sequence[Answer], b: Sequence[Answer], arms: Arms = TUNED
) -> list[Measure]:
    """Every measure of answers, b minus a. A case that failed in either arm is in none."""
    found = []
    for name, label, value, applies in _KINDS:
        pairs = [
            Case(c.id, c.cluster, value(one), value(two), 1.0, c.tags)
            for c, one, two in zip(cases, a, b, strict=True)
            if not one.failed and not two.failed and applies(c, one, two)
        ]
        if pairs:
            found.append(measure(name, label, pairs, lower_is_better=False, arms=arms))
    return found


def failures_of(answers: Mapping[str, Sequence[Answer]]) -> tuple[Failure, ...]:
    """Cases without an answer by arm and reason."""
    counted = Counter((arm, a.failed) for arm, found in answers.items() for a in found if a.failed)
    return tuple(Failure(arm, reason, n) for (arm, reason), n in sorted(counted.items()))


def shown(cases: Sequence[ActionCase], answers: Mapping[str, Sequence[Answer]]) -> list[Shown]:
    """The cases side by side; long texts are cut, and say so."""
    return [
        Shown(
            id=case.id,
            row=case.row,
            prompt="\n\n".join(
                f"{m['role']}: {cut(str(m.get('content') or ''))}" for m in case.context[-3:]
            ),
            wanted=cut("\n".join(filter(None, (case.text, *map(_call, case.wanted))))),
            answers=tuple(
                ShownAnswer(arm, cut(without_thoughts(a.text)), nearness(case, a), a.failed)
                for arm, a in ((arm, found[number]) for arm, found in answers.items())
            ),
            tags=case.tags,
            cluster=case.cluster,
        )
        for number, case in enumerate(cases)
    ]


def _call(call: Call) -> str:
    body = orjson.dumps({"name": call.name, "arguments": call.arguments}).decode()
    return f"<tool_call>\n{body}\n</tool_call>"


def cut(text: str, most: int = SHOWN) -> str:
    """At most `most` characters, saying how many are missing."""
    return text if len(text) <= most else f"{text[:most]}\n[{len(text) - most} more characters]"


def nearness(case: ActionCase, answer: Answer) -> float:
    """One figure for a case: right arguments where calls were wanted, else shared words."""
    if answer.failed:
        return 0.0
    return answer.score.arguments if case.wanted else answer.similarity
