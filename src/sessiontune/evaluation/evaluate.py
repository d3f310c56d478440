"""`evaluate RUN`: the arms on the held-out side, from examples to a result."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import orjson

from ..errors import UsageError
from ..figures import several
from ..templating import Template
from .actions import ActionCase, Answer, action_cases, answer_all, dealt
from .answering import Answerer, Progress
from .arms import Arm, check_names, read_arm, seed_arm, unlike, usual_arms
from .cache import Cache, digest
from .canaries import exposure_of, planted_in
from .compare import action_measures, failures_of, loss_measure, shown
from .heldout import HeldExample, Run, probe_examples
from .judge import judge_at, judged
from .local import Lab, Loss
from .losses import losses, rules_prefix, trainer_mean
from .memory import asked_before, not_trained, repeated, secrets_in, trained_texts
from .queries import Query, ask_all, shown_queries
from .result import (
    Comparison,
    Exposure,
    Judged,
    Measure,
    Result,
    Seeds,
    Shown,
    TrainerCheck,
    conclude,
)  # fmt: skip
from .side import HeldSide, rules_for
from .statistics import spread


class EvaluationOptions(msgspec.Struct, frozen=True):
    """What to compare, and at what cost.

    max_cases       held-out turns answered by every arm, spread over lineages; 0 answers none
    max_examples    held-out examples whose loss is computed, spread over lineages; 0 takes all
    arms            further arms as NAME=PATH or NAME=URL
    seeds           further runs that differ from this one by their seed only
    rules           whether the base with mined rules is an arm
    queries         the user's own questions
    judge           URL#MODEL of the model that compares answers to them
    probe           file of general rows on which nothing should be forgotten
    """

    max_cases: int = 40
    seed: int = 0
    max_examples: int = 0
    arms: tuple[str, ...] = ()
    seeds: tuple[str, ...] = ()
    rules: bool = True
    queries: tuple[Query, ...] = ()
    judge: str = ""
    probe: str = ""


def evaluate(
    run: Run,
    options: EvaluationOptions,
    progress: Progress,
    side: HeldSide,
    held: Sequence[HeldExample],
) -> Result:
    """Score all arms on a held-out side; `held`: its rows in tokens. Raises UsageError, ToolError,
    StoreError; a second call resumes."""
    bench = Bench(run, options, progress, side, held)
    bench.lose()
    bench.act()
    verdict = conclude(bench.tuned)
    said = [a.text for found in bench.answers.values() for a in found]
    said += [a.text for s in bench.questions() for a in s.answers]
    return Result(
        run=str(run.record.get("name", run.folder.name)),
        base=str(run.record["base"].get("id", run.base.name)),
        data=str(run.data),
        held=bench.side.digest,
        outcome=verdict.outcome,
        sentence=verdict.sentence,
        advice=verdict.advice,
        measures=tuple(bench.tuned),
        comparisons=tuple(bench.comparisons()),
        cases=tuple(shown(bench.cases, bench.answers)),
        queries=tuple(bench.questions()),
        judged=tuple(bench.judgements()),
        failures=failures_of(bench.answers),
        seeds=bench.seeds(),
        trainer=bench.trainer_check(),
        exposure=bench.exposure(),
        rules=next((a.rules for a in bench.arms if a.kind == "rules"), ""),
        secrets_in_answers=secrets_in(said),
        regurgitated=len(bench.regurgitated()),
        notes=tuple(bench.notes()),
    )


class Bench:
    """One evaluation as it goes: arms, cases, and what is known of them so far."""

    def __init__(
        self,
        run: Run,
        options: EvaluationOptions,
        progress: Progress,
        side: HeldSide,
        held: Sequence[HeldExample],
    ) -> None:
        self.run, self.options, self.progress = run, options, progress
        self.side, self.held = side, held
        self.template = Template.load(run.base, str(run.template))
        self.probe: list[HeldExample] = []
        self.unprobed: list[int] = []
        self.mixed_in = 0
        if options.probe:  # a wrong file is named before any model is asked
            found, self.unprobed = probe_examples(Path(options.probe), self.template, run.length)
            self.probe = not_trained(run, found)
            self.mixed_in = len(found) - len(self.probe)
            if not self.probe:
                raise UsageError(
                    f"The run was trained on all rows of {options.probe}.",
                    "What was mixed in is not forgotten: give --probe other general rows.",
                )
        self.arms = usual_arms(run, rules_for(run) if options.rules else "")
        self.arms += [read_arm(run, text) for text in options.arms]
        self.seed_arms = [seed_arm(run, n, p) for n, p in enumerate(options.seeds, 2)]
        check_names([*self.arms, *self.seed_arms])
        if options.judge:
            judge_at(options.judge)  # a wrong address is refused before any model is asked
        self.cache = Cache(run.folder / "evaluation" / "cache")
        self.lab = Lab(run)
        self.examples = _sampled(held, options)
        self.cases = action_cases(side.rows, options.max_cases, options.seed)
        self.losses: dict[str, list[Loss]] = {}
        self.probed: dict[str, list[Loss]] = {}
        self.answers: dict[str, list[Answer]] = {}
        self.tuned: list[Measure] = []
        self._questions: list[Shown] | None = None

    def lose(self) -> None:
        """Loss of every local arm on the held-out side, and on the general rows."""
        for arm in [*self.arms, *self.seed_arms]:
            if not arm.local:
                continue
            prefix = rules_prefix(self.template, arm.rules)
            if arm.rules and not prefix:
                continue
            table = self.cache.table("loss", arm.digest)
            self.losses[arm.name] = losses(
                self.lab, arm, self.examples, table, prefix, self.progress
            )
            if self.probe and arm.kind != "rules":
                self.probed[arm.name] = losses(self.lab, arm, self.probe, table, [], self.progress)

    def act(self) -> None:
        """Answers of every arm to the held-out cases, then the measures of tuned minus base."""
        if self.cases:
            for arm in self.arms:
                self.answers[arm.name] = answer_all(self.asker(arm), self.cases, self.progress)
        self.tuned = self.measures("tuned", "base")
        if not self.tuned:
            raise UsageError(
                f"No token of the held-out side of {self.run.data} bears loss.",
                "Export with a larger --eval-share and train again.",
            )

    def asker(self, arm: Arm) -> Answerer:
        """What asks an arm and keeps its answers."""
        stop = self.run.record.get("stop") or self.template.stops
        key = digest("greedy", arm.digest, self.run.length, stop, self.template.source)
        table = self.cache.table("answer", key)
        return Answerer(arm, table, self.lab, self.template, stop, self.run.length)

    def measures(self, arm: str, against: str) -> list[Measure]:
        """All measures that two arms share, the first minus the second."""
        found: list[Measure | None] = []
        arms = (arm, against)
        if {*arms} <= self.losses.keys():
            a, b = self.losses[against], self.losses[arm]
            found.append(loss_measure(self.examples, a, b, arms=arms))
        if {*arms} <= self.probed.keys():
            a, b = self.probed[against], self.probed[arm]
            label = "loss on general rows (forgetting)"
            found.append(loss_measure(self.probe, a, b, "forgetting", label, arms))
        if {*arms} <= self.answers.keys():
            found += action_measures(self.cases, self.answers[against], self.answers[arm], arms)
        return [m for m in found if m is not None]

    def comparisons(self) -> list[Comparison]:
        """Every arm against the base, and tuned against every arm but the base."""
        others = [a.name for a in self.arms if a.name not in ("base", "tuned")]
        pairs = [("tuned", "base"), *((n, "base") for n in others), *(("tuned", n) for n in others)]
        made = ((arm, against, self.measures(arm, against)) for arm, against in pairs)
        return [Comparison(arm=a, against=b, measures=tuple(m)) for a, b, m in made if m]

    def questions(self) -> list[Shown]:
        """The user's own queries, answered by every arm."""
        if self._questions is None:
            asked = {
                arm.name: ask_all(self.asker(arm), self.options.queries, self.progress)
                for arm in (self.arms if self.options.queries else [])
            }
            self._questions = shown_queries(self.options.queries, asked)
        return self._questions

    def judgements(self) -> list[Judged]:
        """Tuned against each other arm, by the judge that the user named."""
        if not self.options.judge or not self.options.queries:
            return []
        others = [a.name for a in self.arms if a.name != "tuned"]
        table = self.cache.table("judge", digest(self.options.judge))
        return [
            judged(
                self.options.judge, self.options.queries, self.questions(), "tuned", other,
                table, self.progress,
            )
            for other in others
        ]  # fmt: skip

    def seeds(self) -> Seeds | None:
        """Spread of the gain over runs with other seeds; None for a single run."""
        if not self.seed_arms:
            return None
        names = ["tuned", *(a.name for a in self.seed_arms)]
        found = [
            m.found.difference
            for name in names
            if (m := loss_measure(self.examples, self.losses["base"], self.losses[name]))
        ]
        mean, deviation = spread(found)
        return Seeds((str(self.run.folder), *self.options.seeds), tuple(found), mean, deviation)

    def trainer_check(self) -> TrainerCheck | None:
        """Our losses, averaged in the trainer's way, against what it logged, if it did."""
        metrics = self.run.record.get("metrics") or {}
        if self.options.max_examples or "base_eval_loss" not in metrics or not self.side.then:
            return None
        if not self.examples or "eval_loss" not in metrics:
            return None
        batch = int((self.run.record.get("settings") or {}).get("batch") or 1)
        here = trainer_mean(self.losses["tuned"], batch) - trainer_mean(self.losses["base"], batch)
        return TrainerCheck(here, float(metrics["eval_loss"]) - float(metrics["base_eval_loss"]))

    def exposure(self) -> Exposure | None:
        """Exposure of the canaries, if the run was trained on a copy that holds some."""
        planted = planted_in(self.run.data)
        if planted is None:
            return None
        base, tuned = (next(a for a in self.arms if a.name == n) for n in ("base", "tuned"))
        tables = {a.name: self.cache.table("canary", a.digest) for a in (base, tuned)}
        return exposure_of(planted, self.lab, self.template, base, tuned, tables, self.progress)

    def regurgitated(self) -> list[int]:
        """Numbers of tuned answers that repeat long passages of the training side."""
        texts = [a.text for a in self.answers.get("tuned", [])]
        contexts = [_context_text(c) for c in self.cases] if texts else []
        return repeated(trained_texts(self.run, self.template), texts, contexts)

    def notes(self) -> list[str]:
        """What the reader must know before the figures."""
        notes = [self.side.note] if self.side.note else []
        limit = int((self.run.record.get("spec") or {}).get("eval_limit") or 0)
        if limit and len(self.held) >= limit:
            notes.append(
                f"The loss covers the {several(limit, 'held-out example')} that the training"
                " looked at; after `train --eval-limit 0` it covers all."
            )
        if len(self.examples) < len(self.held):
            notes.append(
                f"The loss was computed on {len(self.examples)} of {len(self.held)} held-out "
                "examples (--max-examples)."
            )
        if self.unprobed:
            count = len(self.unprobed)
            notes.append(
                f"{several(count, 'row')} of {Path(self.options.probe).name} could not be used for "
                f"--probe (first: row {self.unprobed[0]}): each needs `messages` with an answer."
            )
        if self.mixed_in:
            notes.append(
                f"{several(self.mixed_in, 'example')} of {Path(self.options.probe).name} were"
                " trained on, and are left out of --probe."
            )
        notes += self._asked_before()
        notes += [
            f"{path} differs from this run not in its seed alone ({how}): the spread over seeds is"
            " not that of chance."
            for path in self.options.seeds
            if (how := unlike(self.run, path))
        ]
        if rules := next((a for a in self.arms if a.kind == "rules"), None):
            notes += _against_rules(self.measures("tuned", rules.name))
        check = self.trainer_check()
        if check is not None and not check.agrees:
            notes.append(
                f"Tuned minus base is {check.here:+.4f} here and {check.trainer:+.4f} in the "
                "trainer's own record, averaged alike: check precision and templates."
            )
        return notes

    def _asked_before(self) -> list[str]:
        """Whether queries stand in the training data: then good answers may be memory."""
        queries = self.options.queries
        read = trained_texts(self.run, self.template, read=True)
        found = asked_before(read, [query.question for query in queries])
        if not found:
            return []
        return [
            f"{len(found)} of {several(len(queries), 'question')} stand word for word in what the"
            f" run was trained on (first: {queries[found[0]].id}): its answers may be memory."
        ]


def _against_rules(measures: Sequence[Measure]) -> list[str]:
    """Does tuning beat a page of instructions?"""
    if not measures:
        return []
    first = measures[0]
    words = {
        "better": "It also beats the base with the project's rules in its prompt",
        "worse": "The base with the project's rules in its prompt, which costs nothing, is better",
        "unclear": "Whether it beats the base with the project's rules in its prompt is not clear",
    }
    return [f"{words[first.verdict.outcome]} ({first.label}, {first.found.difference:+.4f})."]


def _context_text(case: ActionCase) -> str:
    parts: list[str] = []
    for message in case.context:
        parts.append(str(message.get("content") or ""))
        parts += [c["function"]["arguments"] for c in message.get("tool_calls") or []]
    return "\n".join(parts)


def _sampled(examples: Sequence[HeldExample], options: EvaluationOptions) -> Sequence[HeldExample]:
    if not options.max_examples or len(examples) <= options.max_examples:
        return examples
    groups: dict[str, list[HeldExample]] = {}
    for example in examples:
        groups.setdefault(example.cluster, []).append(example)
    return dealt(groups, options.max_examples, options.seed)


def result_json(result: Result) -> bytes:
    """The result as JSON text; the ends of an interval are null if there is one lineage only."""
    return orjson.dumps(msgspec.to_builtins(result), option=orjson.OPT_INDENT_2)
