"""`evaluate RUN`: base against tuned on the held-out side, from examples to a result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import orjson

from ..privacy.engine import Redactor
from ..privacy.options import PrivacyOptions
from ..privacy.vocabulary import Vocabulary
from ..templating import Template
from .actions import SHOWN, ActionCase, Answer, action_cases, answer_all
from .heldout import HeldExample, Run, held_examples, held_rows
from .local import LocalPair, Loss
from .result import Measure, Result, Shown, conclude, measure
from .statistics import FEW, Case

Progress = Callable[[int, int, str], None]

#: Words of training text that an answer may repeat in a row before it counts as regurgitation.
VERBATIM = 30


class EvaluationOptions(msgspec.Struct, frozen=True):
    """max_cases: held-out turns answered by both arms, dealt over lineages; 0 answers none."""

    max_cases: int = 40
    seed: int = 0


def evaluate(run: Run, options: EvaluationOptions, progress: Progress) -> Result:
    """Score both arms. Raises UsageError, ToolError."""
    rows = held_rows(run)
    examples = held_examples(run, rows)
    pair = LocalPair(run.base, run.adapter)
    base = pair.losses("base", examples, progress)
    tuned = pair.losses("tuned", examples, progress)
    measures = [_loss_measure(examples, base, tuned)]
    cases = action_cases(rows, options.max_cases, options.seed)
    answers: dict[str, list[Answer]] = {}
    if cases:
        source = (run.folder / run.record.get("template", "template.jinja")).read_text("utf-8")
        template = Template.load(run.base, source)
        length = int(run.record.get("max_length") or 4096)
        stop = run.record.get("stop") or []
        for name in ("base", "tuned"):
            answers[name] = answer_all(pair, name, template, cases, length, stop, progress)
        measures += _action_measures(cases, answers)
    verdict = conclude(measures)
    return Result(
        run=str(run.record.get("name", run.folder.name)),
        base=str(run.record["base"].get("id", run.base.name)),
        outcome=verdict.outcome,
        sentence=verdict.sentence,
        measures=tuple(measures),
        cases=tuple(_shown(cases, answers)),
        secrets_in_answers=_secrets([a.text for group in answers.values() for a in group]),
        regurgitated=_repeated(run, [a.text for a in answers.get("tuned", [])]),
        notes=_notes(measures),
    )


def _loss_measure(
    examples: Sequence[HeldExample], base: Sequence[Loss], tuned: Sequence[Loss]
) -> Measure:
    cases = [
        Case(e.id, e.cluster, a.mean, b.mean, float(a.tokens), e.tags)
        for e, a, b in zip(examples, base, tuned, strict=True)
        if a.tokens
    ]
    return measure("loss", "held-out loss per trained token", cases, lower_is_better=True)


def _action_measures(
    cases: Sequence[ActionCase], answers: dict[str, list[Answer]]
) -> list[Measure]:
    kinds: list[tuple[str, str, Callable[[Answer], float], Callable[[ActionCase], bool]]] = [
        ("tool", "right tool", lambda a: a.score.name, lambda c: bool(c.wanted)),
        ("arguments", "right arguments", lambda a: a.score.arguments, lambda c: bool(c.wanted)),
        ("valid", "tool calls that parse", lambda a: a.score.valid, lambda c: True),
        ("stops", "stops by itself", lambda a: float(a.stopped), lambda c: True),
        ("text", "words shared with the answer", lambda a: a.similarity, lambda c: bool(c.text)),
    ]
    found = []
    for name, label, value, applies in kinds:
        pairs = [
            Case(c.id, c.cluster, value(a), value(b), 1.0, c.tags)
            for c, a, b in zip(cases, answers["base"], answers["tuned"], strict=True)
            if applies(c)
        ]
        if pairs:
            found.append(measure(name, label, pairs, lower_is_better=False))
    return found


def _shown(cases: Sequence[ActionCase], answers: dict[str, list[Answer]]) -> list[Shown]:
    if not cases:
        return []
    shown = []
    for case, base, tuned in zip(cases, answers["base"], answers["tuned"], strict=True):
        calls = "\n".join(
            f"-> {c.name} {orjson.dumps(c.arguments).decode()[:SHOWN]}" for c in case.wanted
        )
        before = "\n\n".join(
            f"{m['role']}: {str(m.get('content') or '')[:SHOWN]}" for m in case.context[-3:]
        )
        shown.append(
            Shown(
                id=case.id,
                prompt=before,
                wanted="\n".join(filter(None, (case.text[:SHOWN], calls))),
                base=base.text[:SHOWN],
                tuned=tuned.text[:SHOWN],
                base_score=_nearness(case, base),
                tuned_score=_nearness(case, tuned),
                tags=case.tags,
            )
        )
    return shown


def _nearness(case: ActionCase, answer: Answer) -> float:
    return answer.score.arguments if case.wanted else answer.similarity


def _secrets(texts: Sequence[str]) -> int:
    """Secrets in what was generated, by the product's own detectors."""
    detectors = PrivacyOptions(personal=False, places=False)
    redactor = Redactor(b"evaluate", Vocabulary(), detectors)
    return sum(len(redactor.find(text)) for text in texts)


def _repeated(run: Run, answers: Sequence[str]) -> int:
    """Answers that hold a run of `VERBATIM` words of the training side."""
    wanted: dict[str, set[int]] = {}
    for number, text in enumerate(answers):
        for gram in _grams(text):
            wanted.setdefault(gram, set()).add(number)
    path = run.data / "train" / "openai.jsonl"
    hits: set[int] = set()
    if not wanted or not path.is_file():
        return 0
    with open(path, "rb") as lines:
        for line in lines:
            row: dict[str, Any] = orjson.loads(line)
            for message in row["messages"]:
                if message["role"] == "assistant":
                    for gram in _grams(message.get("content") or ""):
                        hits |= wanted.get(gram, set())
    return len(hits)


def _grams(text: str) -> list[str]:
    words = text.split()
    return [" ".join(words[i : i + VERBATIM]) for i in range(len(words) - VERBATIM + 1)]


def _notes(measures: Sequence[Measure]) -> tuple[str, ...]:
    notes = []
    clusters = measures[0].found.clusters
    if clusters < FEW:
        notes.append(
            f"Only {clusters} lineages are held out; {FEW} is the least for a verdict. The figures "
            "below are what was measured, not what can be relied on."
        )
    return tuple(notes)
