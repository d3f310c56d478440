"""The report as Markdown: the verdict and all figures, without the answers."""

from __future__ import annotations

from collections.abc import Sequence

from ..reasons import tag_words
from .result import Judged, Measure, Result
from .statistics import Estimate


def report_markdown(result: Result) -> str:
    """Verdict first, then every comparison, then what else was looked at."""
    lines = [f"# Evaluation of {result.run}", "", f"**{result.words}**", ""]
    lines += [f"- {text}" for text in (*result.notes, *further(result))]
    for comparison in result.compared:
        lines += ["", f"## {comparison.arm} against {comparison.against}", ""]
        lines += _table(comparison.measures, comparison.against, comparison.arm)
    lines += ["", "## By tag: tuned against base", ""]
    lines += ["| tag | measure | difference | 95% interval | groups |", "|---|---|---|---|---|"]
    for m in result.measures:
        for tag in m.tags:
            e = tag.found
            name = tag_words(tag.tag).replace("|", "\\|")
            lines.append(
                f"| {name} | {m.label} | {e.difference:+.4f} | {interval_of(e)} | {e.clusters} |"
            )
    return "\n".join(lines) + "\n"


def _table(measures: Sequence[Measure], a: str, b: str) -> list[str]:
    lines = [
        f"| measure | {a} | {b} | difference | 95% interval | groups | cases | says |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for m in measures:
        e = m.found
        lines.append(
            f"| {m.label} | {e.a:.4f} | {e.b:.4f} | {e.difference:+.4f} | {interval_of(e)} "
            f"| {e.clusters} | {e.cases} | {m.verdict.outcome} |"
        )
    return lines


def interval_of(e: Estimate) -> str:
    """The interval of an estimate, or why there is none. If no case differs, that is no interval
    around 0: nothing was seen."""
    if e.se is None:
        return "one group: none"
    if e.se == 0 and e.difference == 0:
        return "no case differs"
    return f"{e.low:+.4f} to {e.high:+.4f}"


def further(result: Result) -> list[str]:
    """What else was looked at, in sentences."""
    found = ["No answers were generated, so none was searched for secrets."]
    if result.answered:
        found = [
            f"Secrets found in generated answers: {result.secrets_in_answers}.",
            f"Answers that repeat long passages of training text: {result.regurgitated}.",
        ]
    if (e := result.exposure) is not None:
        kind = "redacted" if e.redacted else "raw"
        found.append(
            f"{e.canaries} canaries, {kind}, {e.repeats} times each: exposure tuned minus base "
            f"{e.found.difference:+.2f} bits of {e.most:g} "
            f"({e.found.low:+.2f} to {e.found.high:+.2f})."
        )
    if (s := result.seeds) is not None:
        listed = ", ".join(f"{d:+.4f}" for d in s.differences)
        found.append(
            f"Over {len(s.runs)} seeds, loss minus the base's is {s.mean:+.4f} with a standard "
            f"deviation of {s.deviation:.4f} ({listed})."
        )
    if (t := result.trainer) is not None:
        found.append(
            f"Tuned minus base as the trainer averages it: {t.here:+.4f} here, "
            f"{t.trainer:+.4f} in its record."
        )
    found += [judged_words(j) for j in result.judged]
    return found + [
        f"{f.arm}: {f.cases} cases without an answer ({f.reason})." for f in result.failures
    ]


def judged_words(j: Judged) -> str:
    """Who won before a judge."""
    failed = f"{j.failed} failed" + (f": {j.why}" if j.why else "")
    return (
        f"Judged against {j.against}: {j.wins} won, {j.losses} lost, {j.ties} ties "
        f"({j.reversed} changed with the order, {failed}). {j.verdict.words}"
    )
