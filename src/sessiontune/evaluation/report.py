"""The report: one self-contained page without scripts; `markdown` holds the same as Markdown."""

from __future__ import annotations

import math
from html import escape
from pathlib import Path

from ..html import facts, grid, note, page, panel, paragraph, section, table, words
from ..reasons import tag_words
from ..svg import intervals
from .markdown import further, interval_of
from .reportcases import CASES_CSS, cases_html
from .result import Comparison, Measure, Result
from .statistics import FEW

_CSS = """
.verdict{padding:1rem 1.2rem;border-radius:8px;border:2px solid}
.verdict p{margin:0;max-width:none;font-size:1.25rem;font-weight:600}
.verdict p+p{margin-top:.5rem;font-size:1rem;font-weight:400}
.better{border-color:#1f7a4a}.worse{border-color:#b3261e}.unclear{border-color:#8a6d00}
pre:focus-visible{outline:2px solid var(--c1)}
summary{cursor:pointer;padding:4px 0}
"""


#: Labels that fit beside a chart.
_SHORT = {
    "loss": "held-out loss",
    "forgetting": "general rows",
    "tool": "right tool",
    "arguments": "right arguments",
    "exact": "exactly the same",
    "valid": "calls that parse",
    "stops": "stops by itself",
    "edit": "code alike",
    "text": "words shared",
}


def report_html(result: Result, folder: Path) -> str:
    """Verdict first, then measures with intervals, then answers side by side. `folder`: the page's
    folder."""
    body = [
        f'<div class="verdict {result.outcome}"><p>{words(result.words)}</p>'
        f"<p>{escape(_figures(result.measures[0]))}</p></div>",
        facts(_facts(result)),
        *(note(text) for text in result.notes),
        section("Measures", "".join(map(_comparison, result.compared))),
        section("By tag", _tags(result)),
        section("What else was looked at", "".join(map(paragraph, further(result)))),
    ]
    if result.queries:
        cases = cases_html(result.queries, "q", result.data, folder)
        body.append(section("Your own queries", cases))
    body.append(section("Held-out turns side by side", _cases(result, folder)))
    if result.rules:
        body.append(
            section("The rules that the base was given", f"<pre>{escape(result.rules)}</pre>")
        )
    body.append(section("How to read this", _reading()))
    return page(
        f"Evaluation of {result.run}",
        "\n".join(body),
        lead=f"Base model: {result.base}",
        css=_CSS + CASES_CSS,
    )


def _figures(first: Measure) -> str:
    """The first measure in one sentence."""
    e = first.found
    reach = interval_of(e)
    reach = f"95% interval {reach}" if " to " in reach else reach
    figures = (
        f"{first.label[0].upper()}{first.label[1:]}: {e.a:.4f} before, {e.b:.4f} after "
        f"({e.difference:+.4f}; {reach}), on {e.clusters} held-out groups of sessions."
    )
    if first.name != "loss":
        return figures
    return (
        f"{figures} In other words: to the tuned model each token that was really written there "
        f"is, on average, {math.exp(-e.difference):.2f} times as likely as to its base."
    )


def _facts(result: Result) -> list[tuple[str, str]]:
    first = result.measures[0].found
    found = [("held-out groups", str(first.clusters)), ("held-out examples", str(first.cases))]
    if not result.answered:
        return found
    return [
        *found,
        ("secrets in answers", str(result.secrets_in_answers)),
        ("long passages of training text", str(result.regurgitated)),
    ]


def _comparison(comparison: Comparison) -> str:
    rows = [
        [
            m.label + (" (lower is better)" if m.lower_is_better else ""),
            f"{m.found.a:.4f}",
            f"{m.found.b:.4f}",
            f"{m.found.difference:+.4f}",
            interval_of(m.found),
            m.verdict.outcome,
            f"{m.control.difference:+.4f}",
            _needed(m),
        ]
        for m in comparison.measures
    ]
    head = [
        "measure", comparison.against, comparison.arm, "difference", "95% interval", "says",
        "control", "groups needed",
    ]  # fmt: skip
    title = f"{comparison.arm} minus {comparison.against}"
    body = _plots(comparison, title) + table(head, rows, numbers=(1, 2, 3, 6, 7))
    if (comparison.arm, comparison.against) == ("tuned", "base"):
        return f"<h3>{escape(title)}</h3>{body}"
    return f"<details><summary>{escape(title)}</summary>{body}</details>"


def _needed(m: Measure) -> str:
    return "-" if m.found.needed_clusters is None else f"{m.found.needed_clusters:,}"


def _plots(comparison: Comparison, title: str) -> str:
    """Losses in nats and shares have separate axes."""
    panels = []
    for name, lower in (("loss in nats: left is better", True), ("shares: right is better", False)):
        rows = [
            (_SHORT.get(m.name, m.name), m.found.difference, m.found.low, m.found.high)
            for m in comparison.measures
            if m.found.se is not None and m.lower_is_better is lower
        ]
        if rows:
            chart = intervals(rows, title=f"{title}, {name}, 95% intervals", mark=0.0)
            panels.append(panel(f"{title}, {name}", chart))
    return grid(panels) if panels else ""


def _tags(result: Result) -> str:
    rows = [
        [
            tag_words(tag.tag),
            m.label,
            f"{tag.found.difference:+.4f}",
            interval_of(tag.found),
            str(tag.found.clusters),
            str(tag.found.cases),
        ]
        for m in result.measures[:2]
        for tag in m.tags
    ]
    if not rows:
        return paragraph("The held-out rows have no tags.")
    head = ["tag", "measure", "tuned - base", "95% interval", "groups", "cases"]
    return table(head, rows, numbers=(2, 4, 5))


def _cases(result: Result, folder: Path) -> str:
    if not result.cases:
        return paragraph("No answers were generated (--max-cases 0).")
    how = paragraph(
        "The figure beside a name tells how close the answer is to what was done, 1 at most: by "
        "its calls if there were any, else by its words."
    )
    return how + cases_html(result.cases, "c", result.data, folder)


def _reading() -> str:
    return paragraph(
        "Every difference is taken on the same held-out cases. Cases of one group of sessions are "
        "not independent, so the group is the unit; the interval comes from leaving out one group "
        f"at a time. Where it includes 0, or with fewer than {FEW} groups, nothing can be said. "
        "The control is the same computation with the names of the arms exchanged at random in "
        "half of the groups: it should be near 0. 'Groups needed' would make a difference of "
        f"this size clear in four of five evaluations; a verdict needs {FEW}. 'Says' is about one "
        "measure alone: of eight without any difference one will often say better or worse by "
        "chance. Only the verdict at the top allows for their number."
    )
