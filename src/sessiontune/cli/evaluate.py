"""`sessiontune evaluate`: is the tuned model better than its base?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import WorseError
from .console import Console

if TYPE_CHECKING:
    from rich.console import Console as RichConsole

    from ..evaluation.result import Result


@click.command()
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@click.option("--max-cases", type=click.IntRange(0), default=40, help="Turns to answer (40).")
@click.option("--seed", type=int, default=0, help="Which turns are sampled.")
@click.option("--fail-if-worse", is_flag=True, help="Exit 9 when the tuned model is worse.")
@click.pass_obj
def evaluate(console: Console, run: Path, max_cases: int, seed: int, fail_if_worse: bool) -> None:
    """Is the tuned model better than its base?

    Both are scored on the held-out side of the export: loss per trained token, choice of tool and
    arguments, whether calls parse and answers end. Differences are paired, clustered by lineage.
    The report is RUN/evaluation/report.html.
    """
    result = run_evaluation(console, run, max_cases, seed)
    import msgspec

    console.emit(msgspec.to_builtins(result), lambda rich: draw(rich, result, run))
    if fail_if_worse and result.outcome == "worse":
        raise WorseError(result.sentence, f"Look at {run / 'evaluation' / 'report.html'}.")


def run_evaluation(console: Console, run: Path, max_cases: int = 40, seed: int = 0) -> Result:
    """Evaluate and write RUN/evaluation/; the same for `evaluate`, `tune` and `demo`."""
    import msgspec

    from ..evaluation.evaluate import EvaluationOptions
    from ..evaluation.evaluate import evaluate as evaluate_run
    from ..evaluation.heldout import open_run
    from ..evaluation.report import report_html, report_markdown

    opened = open_run(run)
    with console.progress("evaluate") as progress:
        result = evaluate_run(opened, EvaluationOptions(max_cases, seed), progress)
    folder = run / "evaluation"
    folder.mkdir(exist_ok=True)
    (folder / "result.json").write_bytes(msgspec.json.format(msgspec.json.encode(result)))
    (folder / "report.md").write_text(report_markdown(result), "utf-8")
    (folder / "report.html").write_text(report_html(result), "utf-8")
    return result


def draw(rich: RichConsole, result: Result, run: Path) -> None:
    """Verdict and measures in the terminal."""
    from rich.table import Table

    colours = {"better": "green", "worse": "red", "unclear": "yellow"}
    rich.print(f"[bold {colours[result.outcome]}]{result.sentence}[/]")
    table = Table("measure", "base", "tuned", "difference", "95% interval", "lineages", box=None)
    for m in result.measures:
        e = m.found
        reach = "-" if e.se is None else f"{e.low:+.4f} to {e.high:+.4f}"
        table.add_row(
            m.label, f"{e.a:.4f}", f"{e.b:.4f}", f"{e.difference:+.4f}", reach, str(e.clusters)
        )
    rich.print(table)
    rich.print(f"Report: {run / 'evaluation' / 'report.html'}")
