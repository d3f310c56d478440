"""The data set card, `README.md` of an export: a pure function of the manifest.

It begins with the YAML that `datasets` reads (files, splits, types), and then answers a reader's
questions: what is this, how much, which file, what is in it, what is not, how do I train on it.
No licence is stamped: what may be done with the data is the user's to decide.
"""

from __future__ import annotations

from collections.abc import Mapping

from .. import howto
from ..figures import (
    agent_name,
    listed,
    long_date,
    number,
    percent,
    ranking,
    replaced_before,
    several,
    size_category,
)
from ..manifest import Manifest, Options
from ..portions import cutting, few_held_out
from ..reasons import (
    drop_words,
    fault_words,
    kind_words,
    label_words,
    loss_words,
    plain,
    repair_words,
    worded,
)
from ..rows import features
from ..summary import SideSummary
from .cardfiles import files, loading, place


def card(manifest: Manifest) -> str:
    """The whole card as Markdown."""
    parts = [
        _front(manifest),
        _overview(manifest),
        _statistics(manifest),
        files(manifest),
        loading(manifest),
        _contents(manifest),
        _splits(manifest),
        _privacy(manifest),
        _left_out(manifest),
        _models(manifest),
        _training(manifest),
        howto.exporting_again(),
    ]
    return "\n".join(part for part in parts if part).rstrip() + "\n"


# ------------------------------------------------------------------------------- pieces


def _front(manifest: Manifest) -> str:
    known = [(f.path, f.rows) for f in manifest.files]
    rows = max((n for path, n in known if features.format_of(path)), default=0)
    yaml = features.front_matter(known, thinking=manifest.options.thinking)
    return (
        "---\n"
        f"pretty_name: {features.quoted(_title(manifest))}\n"
        "language:\n- code\n"
        "task_categories:\n- text-generation\n"
        f"size_categories:\n- {size_category(rows)}\n"
        "tags:\n- agent-sessions\n- tool-calling\n- sessiontune\n"
        f"{yaml}---\n"
    )


def _overview(manifest: Manifest) -> str:
    s = manifest.statistics
    agents = listed(agent_name(a) for a in s.agents) or "coding agents"
    when = f" from {long_date(s.first)} to {long_date(s.last)}" if s.first else ""
    if s.first and s.first == s.last:
        when = f" of {long_date(s.first)}"
    exact = "" if s.tokens_exact else "about "
    text = (
        f"# {_title(manifest)} - LLM Training Data\n\n## Overview\n\n"
        f"Sessions of {agents}{when}: {several(s.conversations, 'conversation')} with "
        f"{several(s.pairs, 'pair')} of question and answer, {exact}{number(s.tokens)} "
        "tokens. They show how real work was asked for, done, corrected and finished, "
    )
    if manifest.options.tools:
        text += "with the tool calls and their results in the places where they happened.\n"
    else:
        text += "without the tool calls and their results.\n"
    if passed := _filters(manifest.options):
        text += f"\nNot every session is in it, only those that passed the filters: {passed}.\n"
    if not manifest.privacy:
        text += (
            "\n> **Privacy was switched off for this export.** It holds keys, names, paths and "
            "addresses as they are in the logs. Do not share it.\n"
        )
    return text


def _filters(options: Options) -> str:
    """The filters in use; those that could name someone or something without their values."""
    said = list(options.filtered)
    said += [f"since {long_date(options.since)}"] if options.since else []
    said += [f"until {long_date(options.until)}"] if options.until else []
    said += [] if options.subagents else ["no sub-agents"]
    return listed(said)


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _statistics(manifest: Manifest) -> str:
    s, r = manifest.statistics, manifest.records
    out = [
        "## Export Statistics\n",
        f"- **Total conversation files processed**: {number(r.files)}",
        f"- **Total entries parsed**: {number(r.read)}",
        f"- **Total messages extracted**: {number(s.messages)} "
        f"({number(s.pairs)} cleaned conversation pairs)",
        f"- **Export date**: {long_date(manifest.date)} (the day of the newest "
        "record, unless `--date` gave one: the same logs give the same card)",
        "",
        "| What | Count |",
        "| --- | ---: |",
    ]
    rows = [
        ("Conversations", s.conversations),
        ("of these by sub-agents", s.subagents),
        ("of these branches of another", s.branches),
        ("of these continued after a compaction", s.compacted),
        ("Projects", s.projects),
        ("Prompts", s.prompts),
        ("Tool calls", sum(s.tools.values())),
        ("Pictures (written as a short text)", s.images),
        ("Answers kept as context but not trained", s.untrained),
        ("Tokens" if s.tokens_exact else "Tokens (estimated: bytes / 4)", s.tokens),
    ]
    out += [f"| {name} | {number(value)} |" for name, value in rows if value]
    out += ["", _lengths(s.lengths)]
    out.append(
        f"Every record is accounted for: of {number(r.read)} entries, {number(r.used)} went into "
        f"conversations, {number(r.dropped)} {_were(r.dropped)} left out for a reason given below, "
        f"and {number(r.faulty)} could not be read."
    )
    return "\n".join(out) + "\n"


def _lengths(lengths: Mapping[str, int]) -> str:
    total = sum(lengths.values())
    if not total:
        return ""
    fits = []
    for limit in (2048, 8192, 32768):
        share = sum(n for top, n in lengths.items() if int(top) <= limit) / total
        fits.append(f"{percent(share)} fit into {number(limit)} tokens")
    return f"Of the conversations, {listed(fits)}.\n"


def _contents(manifest: Manifest) -> str:
    s = manifest.statistics
    out = ["## What This Data Contains\n"]
    groups: dict[str, list[str]] = {}
    for topic in s.topics:
        name = f"- {topic.name} ({number(topic.conversations)} conversations)"
        groups.setdefault(topic.group or "Topics", []).append(name)
    for group, names in groups.items():
        out += [f"### {group}\n", *names, ""]
    if groups:
        out.append("Only topics that occur in at least three independent sessions are named.\n")
    out += ranking("Languages", "Files touched", s.languages, name="Language")
    out += ranking("Tools", "Calls", s.tools, name="Tool")
    out += ranking(
        "How sessions ended", "Conversations", worded(s.end_reasons, plain), name="Ending"
    )
    out += ranking(
        "What happened to turns", "Messages", worded(s.labels, label_words), name="Event"
    )
    if s.tools_inferred:
        out.append(
            f"The logs of {several(s.tools_inferred, 'conversation')} do not define the tools. "
            "There the schemas in `tools` were inferred from all calls seen (names and JSON types "
            "of the arguments), and the rows are marked `tools_inferred`. System prompts are not "
            "in the logs either, unless an agent records them.\n"
        )
    return "\n".join(out) if len(out) > 1 else ""


def _splits(manifest: Manifest) -> str:
    sides = manifest.statistics.splits
    few = few_held_out(manifest)
    if "eval" not in sides:
        return f"## Splits\n\n{few}\n" if few else ""
    out = [
        "## Splits\n",
        *([f"{few}\n"] if few else []),
        "Whole lineages are held out, never single rows: a resumed copy, a branch, a sub-agent or "
        "a near-copy is on the same side as its relatives. The held-out side is the "
        + ("newest work" if manifest.options.split_by == "time" else "work of whole projects")
        + ", and what is once held out stays so in later exports.\n",
        "| Split | Conversations | Pairs | Tokens | Independent groups |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name in ("train", "eval"):
        side = sides.get(name, SideSummary(0, 0, 0, 0))
        cells = (side.conversations, side.pairs, side.tokens, side.groups)
        out.append(f"| {name} | " + " | ".join(number(c) for c in cells) + " |")
    if manifest.leakage:
        out += [
            "",
            "Measured leakage, as the share of held-out conversations whose content is also in "
            "the training side:\n",
            "| | Exact | Near-copies |",
            "| --- | ---: | ---: |",
            *(f"| {x.split} | {percent(x.exact)} | {percent(x.near)} |" for x in manifest.leakage),
        ]
    return "\n".join([*out, *cutting(manifest)]) + "\n"


def _privacy(manifest: Manifest) -> str:
    if not manifest.privacy:
        return ""
    out = ["## Privacy\n"]
    total = sum(manifest.redactions.values())
    out.append(
        f"{number(total)} places were replaced before anything was stored or compared. The same "
        "value always gets the same placeholder, so the text keeps its sense. Session ids and "
        "project names are pseudonyms. "
        + replaced_before(manifest.sources)
        + ("The finished files were scanned a second time." if manifest.gate else "")
    )
    out.append("")
    kinds = worded(manifest.redactions, kind_words)
    out += ranking("", "Replacements", kinds, limit=40, name="Kind")
    out.append(
        "No detector finds everything. Look through the data before you share it: "
        "`sessiontune show .`\n"
    )
    return "\n".join(out)


def _left_out(manifest: Manifest) -> str:
    out = ["## What Was Left Out, and Why\n"]
    drops = worded(manifest.drops, drop_words)
    out += ranking("", "Entries", drops, limit=60, name="Reason")
    faults = worded(manifest.faults, fault_words)
    out += ranking("Could not be read", "Count", faults, limit=20, name="Fault")
    repairs = worded(manifest.repairs, repair_words)
    out += ranking("Mended", "Lines", repairs, limit=20, name="Repair")
    if manifest.source_gone:
        out.append(
            f"{number(manifest.source_gone)} of the logs have since vanished from the disk (agents "
            "delete old logs); their sessions stay in the data.\n"
        )
    by_format: dict[str, list[str]] = {}
    for name, n in sorted(manifest.losses.items(), key=lambda kv: (kv[0].split("/")[0], -kv[1])):
        where, _, reason = name.partition("/")
        by_format.setdefault(where, []).append(f"| {where} | {loss_words(reason)} | {number(n)} |")
    if by_format:
        out += [
            "### What a format cannot carry\n",
            "| Format | What | Count |",
            "| --- | --- | ---: |",
        ]
        out += [line for lines in by_format.values() for line in lines]
        out.append("")
    return "\n".join(out) if len(out) > 1 else ""


def _models(manifest: Manifest) -> str:
    s = manifest.statistics
    vendors = {k or "unknown": n for k, n in s.vendors.items()}
    models = {k or "unknown": n for k, n in s.models.items()}
    if not vendors:
        return ""
    out = ["## Models and Vendors\n"]
    out += ranking("", "Answers", vendors, name="Vendor", share=True)
    out += ranking("", "Answers", models, name="Model", share=True)
    out.append(
        "> **Terms.** Some vendors' terms restrict training on what their models wrote: "
        "Anthropic's help pages prohibit training AI models on outputs without permission, except "
        "for some non-competing, specialised uses; OpenAI prohibits competing models. Much of the "
        "rest comes from open-weight models. `--vendor` and `--model` filter by them. This card "
        "sets no licence; what you do with the data is your decision.\n"
    )
    return "\n".join(out)


def _training(manifest: Manifest) -> str:
    s = manifest.statistics
    trained = s.splits["train"].pairs if "train" in s.splits else 0
    return howto.training(place(manifest), several(trained, "pair"))


def _title(manifest: Manifest) -> str:
    return manifest.name or "Agent sessions"
