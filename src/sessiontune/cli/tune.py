"""`sessiontune tune`: from your own logs to a chat with your own model, in one command."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import click

from .console import Console
from .options import PLACE, recipe_of, recipe_options, roots_argument, run_options
from .train import option_name, train_options

#: Settings of the training that are offered here; `train` has all.
_TRAINING = ("--rate", "--epochs", "--max-steps", "--length", "--method")


@click.command(no_args_is_help=True)
@roots_argument
@click.option("--base", default="", help="Local folder, hub id, or 'tiny' (required).")
@click.option(
    "-o",
    "--out",
    type=PLACE,
    default=Path("sessiontune-evening"),
    show_default=True,
    help="Folder for everything it makes.",
)
@click.option(
    "-t",
    "--type",
    "types",
    multiple=True,
    help="Shipped types (q8_0; f16 below 50 million weights).",
)
@click.option(
    "--preset", default="", help="Training preset: original, or demo (that of --base tiny)."
)
@train_options(*_TRAINING)
@click.option(
    "--max-cases", type=click.IntRange(0), default=40, show_default=True, help="Turns to evaluate."
)
@click.option("--download", is_flag=True, help="Fetch the base from the hub if it is not here.")
@click.option("--yes", is_flag=True, help="Answer yes at every gate.")
@recipe_options
@run_options
@click.pass_obj
def tune(
    console: Console,
    /,
    roots: tuple[str, ...],
    base: str,
    out: Path,
    types: tuple[str, ...],
    preset: str,
    max_cases: int,
    download: bool,
    yes: bool,
    state: Path | None,
    jobs: int,
    **options: Any,
) -> None:
    """Export, train, evaluate and ship in one evening, then chat.

    It stops with a question where you should decide: too few sessions for a verdict, what was
    found in the logs, a leaking split, too little memory, a model that is worse than its base.
    Without a terminal the safe answer is taken. Run the same command again and it goes on where it
    stopped.
    """
    import sys

    from ..runtime.evening import make_folder
    from ..training.spec import make_spec, need_base, preset_of
    from .chat import converse, take_any_bytes
    from .evening import Evening, go
    from .eveningview import as_json, draw

    started = time.monotonic()
    take_any_bytes()
    need_base(base)
    shipped = _checked_types(types, base, download)
    make_folder(out)
    training = {name: options.pop(name) for name in map(option_name, _TRAINING)}
    evening = Evening(
        console,
        out,
        roots,
        recipe_of(options),
        make_spec({"base": base, **training}, None, preset_of(base, "sft", preset)),
        state=state,
        types=shipped,
        jobs=jobs,
        max_cases=max_cases,
        ask=lambda question: _agreed(console, question) if yes else console.ask(question),
    )
    done = go(console, evening)
    seconds = time.monotonic() - started
    console.emit(as_json(evening, done, seconds), lambda rich: draw(rich, evening, done, seconds))
    if sys.stdin.isatty() and not (console.no_input or console.as_json):
        converse(console, evening.run)


def _checked_types(types: tuple[str, ...], base: str, download: bool) -> tuple[str, ...]:
    """The types to ship. What is missing is said here, before the export: all packages at once,
    then a base that is not here, a converter, an engine."""
    from ..runtime.checkup import need_extras
    from ..runtime.ship import check_tools_here
    from ..training.bases import resolve
    from .ship import usual_types

    need_extras()
    found = None if base == "tiny" else resolve(base, download=download)
    named = tuple(kind.lower() for kind in types)
    shipped = named or usual_types(found.billions if found else 0)
    check_tools_here(shipped, os.environ, Path.home(), Path(found.path) if found else None)
    return shipped


def _agreed(console: Console, question: str) -> bool:
    """What --yes agrees to is said all the same."""
    console.say(f"{question} Yes (--yes).")
    return True
