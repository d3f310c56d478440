"""The report: one self-contained page, and the same as Markdown."""

from __future__ import annotations

from html import escape

from ..html import facts, note, page, paragraph, section, table
from ..svg import intervals
from .result import Measure, Result
from .statistics import FEW

_CSS = """
.verdict{font-size:1.25rem;font-weight:600;padding:1rem 1.2rem;border-radius:8px;border:2px solid}
.better{border-color:#1f7a4a}.worse{border-color:#b3261e}.unclear{border-color:#8a6d00}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(280px,1fr));gap:.8rem}
.case pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:0;max-height:24rem;overflow:auto}
.case{content-visibility:auto;contain-intrinsic-size:auto 260px;margin:1rem 0}
"""


def report_html(result: Result) -> str:
    """Verdict first, then measures with intervals, then answers side by side."""
    body = [
        f'<p class="verdict {result.outcome}">{escape(result.sentence)}</p>',
        facts(_facts(result)),
        *(note(text) for text in result.notes),
        section("Measures", _measures(result)),
        section("Answers side by side", _cases(result)),
        section("How to read this", _reading()),
    ]
    return page(
        f"Evaluation of {result.run}", "\n".join(body), lead=f"Base model: {result.base}", css=_CSS
    )


def report_markdown(result: Result) -> str:
    """The same without the answers."""
    lines = [f"# Evaluation of {result.run}", "", f"**{result.sentence}**", ""]
    lines += ["| measure | base | tuned | difference | 95% interval | lineages | cases |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for m in result.measures:
        e = m.found
        lines.append(
            f"| {m.label} | {e.a:.4f} | {e.b:.4f} | {e.difference:+.4f} "
            f"| {e.low:+.4f} to {e.high:+.4f} | {e.clusters} | {e.cases} |"
        )
    lines += ["", f"Secrets found in generated answers: {result.secrets_in_answers}."]
    lines += [f"Answers that repeat long passages of training text: {result.regurgitated}."]
    lines += [f"- {text}" for text in result.notes]
    return "\n".join(lines) + "\n"


def _facts(result: Result) -> list[tuple[str, str]]:
    first = result.measures[0].found
    return [
        ("held-out lineages", str(first.clusters)),
        ("held-out examples", str(first.cases)),
        ("secrets in answers", str(result.secrets_in_answers)),
        ("long passages of training text", str(result.regurgitated)),
    ]


def _measures(result: Result) -> str:
    rows = [
        [
            m.label + (" (lower is better)" if m.lower_is_better else ""),
            f"{m.found.a:.4f}",
            f"{m.found.b:.4f}",
            f"{m.found.difference:+.4f}",
            _range(m),
            m.verdict.outcome,
            f"{m.control.difference:+.4f}",
        ]
        for m in result.measures
    ]
    head = ["measure", "base", "tuned", "tuned - base", "95% interval", "says", "control"]
    finite = [
        (m.name, m.found.difference, m.found.low, m.found.high)
        for m in result.measures
        if m.found.se is not None
    ]
    plot = intervals(finite, title="Tuned minus base, 95% intervals", mark=0.0) if finite else ""
    return table(head, rows, numbers=(1, 2, 3, 6)) + plot


def _range(m: Measure) -> str:
    if m.found.se is None:
        return "one lineage: none"
    return f"{m.found.low:+.4f} to {m.found.high:+.4f}"


def _cases(result: Result) -> str:
    if not result.cases:
        return paragraph("No answers were generated (--max-cases 0).")
    by_tag: dict[str, list[str]] = {}
    for case in result.cases:
        mark = (
            "tuned nearer"
            if case.tuned_score > case.base_score
            else ("base nearer" if case.tuned_score < case.base_score else "level")
        )
        text = (
            f'<div class="case"><p><b>{escape(mark)}</b> <code>{escape(case.id)}</code></p>'
            f"<details><summary>What stood before</summary><pre>{escape(case.prompt)}</pre>"
            f"</details><div class='pair'>"
            f"<div><h3>what was done</h3><pre>{escape(case.wanted)}</pre></div>"
            f"<div><h3>base ({case.base_score:.2f})</h3><pre>{escape(case.base)}</pre></div>"
            f"<div><h3>tuned ({case.tuned_score:.2f})</h3><pre>{escape(case.tuned)}</pre></div>"
            "</div></div>"
        )
        by_tag.setdefault(case.tags[0] if case.tags else "no topic", []).append(text)
    groups = [
        f"<details open><summary>{escape(tag)} ({len(texts)})</summary>{''.join(texts)}</details>"
        for tag, texts in sorted(by_tag.items())
    ]
    return "\n".join(groups)


def _reading() -> str:
    return paragraph(
        "Every difference is tuned minus base on the same held-out cases. Cases of one lineage are "
        "not independent, so the lineage is the unit; the interval comes from leaving out one "
        "lineage at a time. Where it includes 0, or with fewer than "
        f"{FEW} lineages, nothing can be said. The control is the same computation with the names "
        "of the arms exchanged at random in half of the lineages: it should be near 0."
    )
