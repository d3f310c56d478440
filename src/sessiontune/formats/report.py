"""The report of an export: one HTML page with plots, a function of the manifest alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from .. import html, svg
from ..figures import (
    agent_name,
    listed,
    long_date,
    number,
    percent,
    replaced_before,
    size,
)
from ..manifest import Manifest
from ..portions import few_held_out
from ..reasons import (
    content_words,
    drop_words,
    fault_words,
    kind_words,
    label_words,
    loss_words,
    plain,
    repair_words,
    worded,
)
from ..summary import Summary

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_HOURS = tuple(str(hour) for hour in range(24))
_TOP = 12
#: Columns that fit beside one another.
_MONTHS = 24


def report_html(manifest: Manifest) -> str:
    """The whole page. Only counts, names of tools, models, languages and topics stand in it."""
    s = manifest.statistics
    name = manifest.name or "Agent sessions"
    agents = listed(agent_name(a) for a in s.agents) or "coding agents"
    when = f", {long_date(s.first)} to {long_date(s.last)}" if s.first else ""
    body = "".join(
        (
            _warning(manifest),
            _facts(manifest),
            html.section("Shape", html.grid(_shape(s))),
            html.section("What it contains", html.grid(_contents(s))),
            _splits(manifest),
            html.section("What was left out, and why", _left_out(manifest)),
            _privacy(manifest),
            _files(manifest),
        )
    )
    return html.page(
        f"{name}: what the data holds",
        body,
        lead=f"Sessions of {agents}{when}.",
        footer=f"Written by {manifest.tool}, export of {long_date(manifest.date)}.",
    )


def _warning(manifest: Manifest) -> str:
    if manifest.privacy:
        return ""
    return html.note("Privacy was switched off: this data holds everything as the logs held it.")


def _facts(manifest: Manifest) -> str:
    s = manifest.statistics
    tokens = "Tokens" if s.tokens_exact else "Tokens (bytes / 4)"
    return html.facts(
        [
            ("Conversations", number(s.conversations)),
            ("Question and answer pairs", number(s.pairs)),
            ("Messages", number(s.messages)),
            (tokens, number(s.tokens)),
            ("Tool calls", number(sum(s.tools.values()))),
            ("Log files", number(manifest.records.files)),
            ("Entries read", number(manifest.records.read)),
            ("Entries used", number(manifest.records.used)),
        ]
    )


def _shape(s: Summary) -> Iterator[str]:
    # in this order two columns end about level
    yield _histogram("Length of conversations", s.lengths, "tokens, up to")
    if s.calendar and any(s.calendar):
        week = [s.calendar[day * 24 : day * 24 + 24] for day in range(7)]
        chart = svg.heatmap(_DAYS, _HOURS, week, title="Prompts by weekday and hour (UTC)")
        yield html.panel("When people asked (weekday and hour, UTC)", chart)
    yield _histogram("Messages in a conversation", s.turns, "messages, up to")
    if s.months:
        yield _months(_every_month(s.months))


def _contents(s: Summary) -> Iterator[str]:
    if s.tokens_by_part:
        yield _bars("Tokens by kind of content", worded(s.tokens_by_part, content_words))
    groups: dict[str, dict[str, int]] = {}
    for topic in s.topics:
        groups.setdefault(topic.group or "Topics", {})[topic.name] = topic.conversations
    for group, topics in groups.items():
        yield _bars(f"{group} (conversations)", topics)
    for title, counts in (
        ("Tools (calls)", s.tools),
        ("Tools (failures)", s.tool_failures),
        ("Languages (files touched)", s.languages),
        ("Models (answers)", s.models),
        ("Vendors (answers)", s.vendors),
        ("What happened to turns", worded(s.labels, label_words)),
        ("How sessions ended", worded(s.end_reasons, plain)),
    ):
        named = {k: n for k, n in counts.items() if k}
        if named:
            yield _bars(title, named)


def _splits(manifest: Manifest) -> str:
    sides = manifest.statistics.splits
    few = few_held_out(manifest)
    note = html.note(_bare(few)) if few else ""
    if "eval" not in sides:
        return html.section("Split", note) if note else ""
    rows = [
        (name, number(x.conversations), number(x.pairs), number(x.tokens), number(x.groups))
        for name, x in sorted(sides.items(), reverse=True)
    ]
    head = ("Side", "Conversations", "Pairs", "Tokens", "Independent groups")
    body = note + html.table(head, rows, numbers=(1, 2, 3, 4))
    if manifest.leakage:
        body += html.paragraph(
            "Leakage: the share of held-out conversations whose content also stands in the "
            "training side. The random split of the same data is there for comparison."
        )
        leaks = [(x.split, percent(x.exact), percent(x.near)) for x in manifest.leakage]
        body += html.table(("Split", "Exact", "Near-copies"), leaks, numbers=(1, 2))
    return html.section("Split", body)


def _left_out(manifest: Manifest) -> str:
    r = manifest.records
    body = html.paragraph(
        f"Of {number(r.read)} entries, {number(r.used)} are used, {number(r.dropped)} were left "
        f"out and {number(r.faulty)} could not be read."
    )
    body += _table(("Left out", "Entries"), worded(manifest.drops, drop_words))
    body += _table(("Could not be read", "Count"), worded(manifest.faults, fault_words))
    body += _table(("Mended", "Lines"), worded(manifest.repairs, repair_words))
    if manifest.losses:
        rows = []
        for name, n in sorted(manifest.losses.items()):
            where, _, reason = name.partition("/")
            rows.append((where, _bare(loss_words(reason)), number(n)))
        head = ("Format", "What it cannot carry", "Count")
        body += html.table(head, rows, numbers=(2,))
    return body


def _privacy(manifest: Manifest) -> str:
    if not manifest.privacy:
        return ""
    named = worded(manifest.redactions, kind_words)
    body = html.paragraph(
        f"{number(sum(named.values()))} places were replaced. {replaced_before(manifest.sources)}"
        "No detector finds everything: look before you share."
    )
    return html.section("Privacy", body + _table(("Kind", "Replacements"), named))


def _files(manifest: Manifest) -> str:
    # Twelve digits: from 13 on they may all be decimal, and the number of a credit card.
    rows = [
        (f.path, number(f.rows) if f.rows else "", size(f.bytes), f.sha256[:12])
        for f in manifest.files
    ]
    head = ("File", "Rows", "Size", "SHA-256 (begins)")
    return html.section("Files", html.table(head, rows, numbers=(1, 2))) if rows else ""


def _histogram(title: str, bins: Mapping[str, int], x_label: str) -> str:
    """Conversations by powers of two; a size that none has is an empty place, not a gap closed."""
    tops = sorted(map(int, bins))
    every = [*(t for t in tops[:1] if t == 0)]
    top = next((t for t in tops if t), 0)
    while top and top <= tops[-1]:
        every.append(top)
        top *= 2
    named = [(_short(t), bins.get(str(t), 0)) for t in every]
    chart = svg.histogram(named, title=title, x_label=x_label, y_label="conversations")
    return html.panel(title, chart)


def _months(months: list[tuple[str, int]]) -> str:
    """The last ones, and how many conversations are older."""
    title = "Conversations by month"
    if older := sum(count for _, count in months[:-_MONTHS]):
        title += f" (the last {_MONTHS}; {number(older)} before)"
    chart = svg.histogram(months[-_MONTHS:], title=title, y_label="conversations")
    return html.panel(title, chart)


def _every_month(months: Mapping[str, int]) -> list[tuple[str, int]]:
    """The months from the first to the last, those without a conversation too."""
    if not all(re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", name) for name in months):
        return list(months.items())  # a clock that wrote something else
    first, last = (int(m[:4]) * 12 + int(m[5:7]) - 1 for m in (min(months), max(months)))
    names = (f"{n // 12:04d}-{n % 12 + 1:02d}" for n in range(first, last + 1))
    return [(name, months.get(name, 0)) for name in names]


def _bars(title: str, counts: Mapping[str, int]) -> str:
    ranked = sorted(counts.items(), key=lambda kv: (-kv[1], kv[0]))
    shown: list[tuple[str, float]] = list(ranked[:_TOP])
    rest = ranked[_TOP:]
    if len(rest) > 1:
        shown.append((f"{len(rest)} more", sum(n for _, n in rest)))
    shown += rest if len(rest) == 1 else []
    return html.panel(title, svg.bars(shown, title=title))


def _table(head: tuple[str, str], counts: Mapping[str, int]) -> str:
    rows = [(_bare(name), number(n)) for name, n in counts.items() if n]
    return html.table(head, rows, numbers=(1,)) if rows else ""


def _bare(text: str) -> str:
    """Words of the card without its marks of code."""
    return text.replace("`", "")


def _short(value: int) -> str:
    """The upper bound of a bin: 8192 as 8k."""
    for unit, name in ((1 << 20, "M"), (1 << 10, "k")):
        if value >= unit:
            return f"{value // unit}{name}"
    return str(value)
