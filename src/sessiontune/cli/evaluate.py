"""`sessiontune evaluate`: is the tuned model better than its base?"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click
import msgspec

from ..errors import UsageError, WorseError
from ..whole import write_whole
from .again import program
from .console import Console, print_plain
from .options import PLACE

if TYPE_CHECKING:
    from rich.console import Console as RichConsole

    from ..evaluation.evaluate import EvaluationOptions
    from ..evaluation.result import Comparison, Result


@click.command()
@click.argument("run", type=PLACE, metavar="RUN")
@click.option("--max-cases", type=click.IntRange(0), default=40, help="Turns to answer (40).")
@click.option(
    "--max-examples", type=click.IntRange(0), default=0, help="Examples for the loss (0: all)."
)
@click.option("--seed", type=int, default=0, help="Which turns are sampled (0).")
@click.option(
    "--arm",
    "arms",
    multiple=True,
    metavar="NAME=PATH|URL",
    help="A further model to compare. Repeatable.",
)
@click.option(
    "--seed-run",
    "seeds",
    multiple=True,
    metavar="RUN",
    help="A run that differs in its seed alone. Repeatable.",
)
@click.option(
    "--rules/--no-rules", default=True, help="Base with mined rules as an arm (default: on)."
)
@click.option("--queries", type=PLACE, metavar="FILE", help="Your own questions (TOML or JSONL).")
@click.option("--judge", default="", metavar="URL#MODEL", help="Model that compares the answers.")
@click.option("--probe", type=PLACE, metavar="FILE", help="General rows: is anything forgotten?")
@click.option("--fail-if-worse", is_flag=True, help="Exit 9 when the tuned model is worse.")
@click.option("--blind", is_flag=True, help="Compare the answers yourself, without names.")
@click.option("--make-queries", type=PLACE, metavar="FILE", help="Write queries to edit; stop.")
@click.option("--starter", is_flag=True, help="With --make-queries: the bundled starter set.")
@click.option(
    "--plant-canaries", type=PLACE, metavar="DIR", help="Write a copy with made-up keys; stop."
)
@click.option("--canaries", type=click.IntRange(1), default=24, help="How many to plant (24).")
@click.option("--repeats", type=click.IntRange(1), default=8, help="Copies of each (8).")
@click.option("--redacted", is_flag=True, help="Plant canaries as the redaction leaves them.")
@click.pass_obj
def evaluate(console: Console, /, run: Path, **chosen: Any) -> None:
    """Is the tuned model better than its base?

    Base, base with the project's rules in its prompt, tuned and any --arm are scored on the
    held-out side of the export: loss per trained token, choice of tool and arguments, whether
    calls parse and answers end. Differences are paired, and their intervals count groups of
    sessions. Results are kept: the same command goes on where it stopped. The report is
    RUN/evaluation/report.html. Defaults stand in parentheses.
    """
    from .evaluateextra import make_queries, plant_canaries, read_options

    _together(console, chosen)
    if chosen["make_queries"]:
        make_queries(console, run, chosen["make_queries"], chosen["starter"])
        return
    if chosen["plant_canaries"]:
        plant_canaries(console, run, chosen)
        return
    result = _evaluated(console, run, read_options(chosen))
    if chosen["blind"]:
        from .blind import compare_blind

        compare_blind(result, run / "evaluation" / "blind.jsonl")
        return
    worse = WorseError(result.sentence, f"Look at {run / 'evaluation' / 'report.html'}.")
    fails = chosen["fail_if_worse"] and result.outcome == "worse"
    console.emit(
        msgspec.to_builtins(result),
        lambda rich: draw(rich, result, run),
        worse if fails else None,
    )


#: Option -> the one that it belongs to, and what it does to that one.
_MORE = {
    "judge": ("queries", "compares answers to"),
    "starter": ("make_queries", "says which queries are written by"),
    "redacted": ("plant_canaries", "says what is planted by"),
}


def _together(console: Console, chosen: Mapping[str, Any]) -> None:
    """Refuse options that would be ignored, before hours of work."""
    for name, (needed, what) in _MORE.items():
        if chosen[name] and not chosen[needed]:
            other = f"--{needed.replace('_', '-')}"
            raise UsageError(f"--{name} {what} {other}.", f"Add {other}, or leave --{name} out.")
    if chosen["blind"] and (console.no_input or console.as_json):
        raise UsageError("--blind asks you: it cannot run with --json or --no-input.")


def run_evaluation(console: Console, run: Path, max_cases: int) -> Result:
    """Evaluate and write RUN/evaluation/; the same for `evaluate`, `tune` and `demo`."""
    from ..evaluation.evaluate import EvaluationOptions

    return _evaluated(console, run, EvaluationOptions(max_cases=max_cases))


def _evaluated(console: Console, run: Path, options: EvaluationOptions) -> Result:
    from ..evaluation.evaluate import evaluate as evaluate_run
    from ..evaluation.evaluate import result_json
    from ..evaluation.heldout import open_run
    from ..evaluation.markdown import report_markdown
    from ..evaluation.report import report_html
    from ..runtime.heldside import check_arms, check_base, examples_of, side_of

    opened = open_run(run)
    side = side_of(opened)
    arms = (*options.arms, *(f"seed={one}" for one in options.seeds))
    notes = [*check_base(opened, side), *check_arms(opened, side, arms)]
    with console.progress("evaluate") as progress:
        result = evaluate_run(opened, options, progress, side, examples_of(opened, side))
    result = msgspec.structs.replace(result, notes=(*result.notes, *notes))
    folder = run / "evaluation"
    folder.mkdir(exist_ok=True)
    _set_aside(folder, result.held)
    texts = {
        RESULT: result_json(result),
        "report.md": report_markdown(result).encode("utf-8", "replace"),
        "report.html": report_html(result, folder).encode("utf-8", "replace"),
    }
    for name, text in texts.items():
        write_whole(folder / name, text)
    return result


RESULT = "result.json"


def _set_aside(folder: Path, held: str) -> None:
    """Keep the report of a test on other held-out sessions beside the new one."""
    import orjson

    try:
        former = orjson.loads((folder / RESULT).read_bytes()).get("held")
    except (OSError, ValueError, AttributeError):
        return
    if former in (None, held):
        return
    numbers = itertools.count(1)
    earlier = next(p for n in numbers if not (p := folder / f"earlier-{n}").exists())
    earlier.mkdir()
    for name in (RESULT, "report.md", "report.html"):
        if (folder / name).is_file():
            (folder / name).rename(earlier / name)


def _further(comparison: Comparison) -> str:
    """One further arm in a line: its first measure, and what it says."""
    from ..evaluation.markdown import interval_of

    m = comparison.measures[0]
    return (
        f"{comparison.arm} against {comparison.against}: {m.label} {m.found.difference:+.4f} "
        f"({interval_of(m.found)}), {m.verdict.outcome}"
    )


def draw(rich: RichConsole, result: Result, run: Path) -> None:
    """Verdict and measures in the terminal."""
    from rich.markup import escape
    from rich.table import Table

    from ..evaluation.markdown import interval_of, judged_words

    colours = {"better": "green", "worse": "red", "unclear": "yellow"}
    rich.print(f"[bold {colours[result.outcome]}]{escape(result.sentence)}[/]")
    table = Table("measure", "base", "tuned", "difference", "95% interval", "groups", box=None)
    for m in result.measures:
        e = m.found
        table.add_row(
            m.label, f"{e.a:.4f}", f"{e.b:.4f}", f"{e.difference:+.4f}", interval_of(e),
            str(e.clusters),
        )  # fmt: skip
    rich.print(table)
    for comparison in result.comparisons:
        if {comparison.arm, comparison.against} - {"base", "rules", "tuned"}:
            rich.print(escape(_further(comparison)))
    for judged in result.judged:
        rich.print(escape(judged_words(judged)))
    for failure in result.failures:
        rich.print(escape(f"{failure.arm}: {failure.cases} cases failed ({failure.reason})"))
    for text in result.notes:
        rich.print(escape(text))
    print_plain(rich, f"Report: {run / 'evaluation' / 'report.html'}")
    if result.outcome == "unclear" and (options := _more_held_out(run)):
        print_plain(rich, f"For a verdict: {options}; then train and evaluate on that")
    elif result.advice:
        print_plain(rich, f"For a verdict: {result.advice}")
    if result.outcome != "worse":
        print_plain(rich, f"Next:   {program()} ship {quote(str(run))}")


def _more_held_out(run: Path) -> str:
    """The command and options that hold out enough for a verdict; "" if the run's own export does
    or is gone, or if no share would."""
    from ..pipeline.carrying import read_manifest
    from ..portions import made_by, share_to_propose
    from ..runs import read_record
    from .again import more_held_out

    named = str(read_record(run).get("data", {}).get("dir", ""))
    folder = Path(named)
    try:
        manifest = read_manifest(folder) if named else None
    except OSError:
        return ""
    share = share_to_propose(manifest) if manifest else 0.0
    if manifest is None or not share:
        return ""
    verb, given = made_by(folder)
    shown = given.name if given.parent == Path.cwd() else str(given)
    return f"the same `{verb}` with {more_held_out(shown, manifest.options.split, share)}"
