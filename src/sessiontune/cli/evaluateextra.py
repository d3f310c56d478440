"""What `evaluate` does besides evaluating: query files, planted canaries, its options read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import msgspec

from ..errors import UsageError, cannot_write
from .again import program
from .console import Console, print_plain

if TYPE_CHECKING:
    from ..evaluation.evaluate import EvaluationOptions

_STARTER = """Starter questions: proposals, contracts, finance, e-mail, documents, project health,
dashboards (React/Next.js), APIs (FastAPI), SQLite. They ask about the bundled sample's invented
company: keep the kind of question and put in your own facts."""
_MADE = """Made from held-out prompts: edit the questions, correct the references, say in each
rubric what a good answer must hold. `cluster` keeps questions of one session together."""


def read_options(chosen: Mapping[str, Any]) -> EvaluationOptions:
    """The command line as options. Raises UsageError for a file that cannot be read."""
    from ..evaluation.evaluate import EvaluationOptions
    from ..evaluation.queries import read_queries
    from ..general import must_be_there

    if chosen["probe"]:
        must_be_there(str(chosen["probe"]))
    return EvaluationOptions(
        max_cases=chosen["max_cases"],
        seed=chosen["seed"],
        max_examples=chosen["max_examples"],
        arms=tuple(chosen["arms"]),
        seeds=tuple(chosen["seeds"]),
        rules=chosen["rules"],
        queries=read_queries(chosen["queries"]) if chosen["queries"] else (),
        judge=chosen["judge"],
        probe=str(chosen["probe"] or ""),
    )


def make_queries(console: Console, run: Path, target: Path, starter: bool) -> None:
    """Write a file of queries to be edited; never over one that exists."""
    from ..evaluation.heldout import open_run
    from ..evaluation.queries import Query, made_queries, queries_toml
    from ..runtime.heldside import side_of

    if target.exists():
        raise UsageError(f"{target} exists already.", "Name a new file: edits are not overwritten.")
    if starter:
        from ..sample import questions

        made = [msgspec.convert(entry, Query) for entry in questions()]
    else:
        made = made_queries(side_of(open_run(run)).rows)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(queries_toml(made, _STARTER if starter else _MADE), "utf-8")
    except OSError as error:
        raise cannot_write(target, error, ", or name another file.") from error
    done = {"queries": len(made), "file": str(target)}
    again = f"{program()} evaluate {quote(str(run))} --queries {quote(str(target))}"
    said = f"{len(made)} queries: {target}\nEdit them, then: {again}"
    console.emit(done, lambda rich: print_plain(rich, said))


def plant_canaries(console: Console, run: Path, chosen: Mapping[str, Any]) -> None:
    """Write a copy of the run's export with canaries among its training rows."""
    from ..evaluation.canaries import plant
    from ..evaluation.heldout import open_run

    target: Path = chosen["plant_canaries"]
    planted = plant(
        open_run(run).data, target, chosen["canaries"], chosen["repeats"],
        redacted=chosen["redacted"], seed=chosen["seed"],
    )  # fmt: skip
    said = (
        f"{len(planted.secrets)} canaries, each {planted.repeats} times: {target}\n"
        f"Train on it: {program()} train {quote(str(target))} --base MODEL\n"
        "Then evaluate that run: it reports their exposure. Never ship it."
    )
    console.emit(
        {"canaries": len(planted.secrets), "repeats": planted.repeats, "folder": str(target)},
        lambda rich: print_plain(rich, said),
    )
