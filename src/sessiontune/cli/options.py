"""Options that several verbs share, and how they become a recipe."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..recipe import Recipe, ignored, load_recipe

if TYPE_CHECKING:
    from .console import Console

F = TypeVar("F", bound=Callable[..., Any])


_EMPTY = "It is empty: give it a value, or leave it out."


class Place(click.Path):
    """A file or folder by name. An empty name, as of a variable that is not set, would be the
    folder that the command was started in; links that lead in a circle are no name."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("It is empty: name a folder, or leave the option out.", param, ctx)
        try:
            os.stat(value)
        except OSError as error:
            if error.errno == errno.ELOOP:
                self.fail(f"The links of {value} lead in a circle.", param, ctx)
        return super().convert(value, param, ctx)


class Text(click.types.StringParamType):
    """A text that says something: an empty filter or recipe would let everything through."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail(_EMPTY, param, ctx)
        return super().convert(value, param, ctx)


TEXT = Text()
PLACE = Place(path_type=Path)


def _listed(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> list[str] | None:
    """`--x a,b --x c` -> [a, b, c]; nothing given -> None."""
    parts = [p.strip() for text in value for p in text.split(",") if p.strip()]
    if value and not parts:
        raise click.BadParameter(_EMPTY, ctx, param)
    return parts or None


#: Where logs are.
roots_argument = click.argument("roots", nargs=-1, type=TEXT, metavar="[ROOT]...")
#: `--type`, of the files that were shipped.
shipped_option = click.option(
    "-t",
    "--type",
    "kind",
    metavar="TYPE",
    help="Which shipped file: q8_0, f16, ... (the smallest).",
)


def port_option(usual: int) -> Callable[[F], F]:
    """`--port`, on which a command listens."""
    return click.option(
        "--port",
        type=click.IntRange(0, 65535),
        default=usual,
        show_default=True,
        help="Port to listen on; 0: any that is free.",
    )


def _many(name: str, field: str, text: str, metavar: str) -> Callable[[F], F]:
    return click.option(
        name,
        field,
        type=TEXT,
        multiple=True,
        callback=_listed,
        metavar=metavar,
        help=text + " Repeatable.",
    )


def _text(name: str, metavar: str, text: str) -> Callable[[F], F]:
    return click.option(name, type=TEXT, metavar=metavar, help=text)


def _switch(names: str, text: str) -> Callable[[F], F]:
    return click.option(names, default=None, help=text)


recipe_option = click.option(
    "--recipe",
    "recipe_file",
    type=TEXT,
    metavar="FILE",
    help="TOML file with options as fields, and a [privacy] table for words of your own.",
)
source_option = _many(
    "--source",
    "sources",
    "Keep agents (default: all): claude, codex, gemini, copilot, pi, opencode, aider, "
    "swe-agent, mini-swe-agent, qwen, cline, droid, continue, goose, crush, cursor, "
    "vscode, amp, kiro, openhands, kimi, zed, cursor-agent, sessiontune.",
    "A,B",
)

_RECIPE_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    _text("--name", "NAME", "File prefix; default: the folder's name."),
    _many(
        "--format",
        "formats",
        "Formats (default: all but alpaca): sharegpt, raw, combined, openai, alpaca.",
        "A,B",
    ),
    _text("--since", "DATE", "Keep sessions whose newest message is of DATE or later."),
    _text("--until", "DATE", "Keep sessions whose newest message is of DATE or earlier."),
    _many("--project", "projects", "Keep projects by folder, path or glob.", "GLOB"),
    _many("--exclude", "exclude", "Leave out projects by folder, path or glob.", "GLOB"),
    source_option,
    _many("--model", "models", "Keep sessions answered only by these models.", "GLOB"),
    _many("--vendor", "vendors", "Keep sessions answered only by these vendors.", "NAME"),
    _switch("--tools/--no-tools", "Keep tool calls and results (default: on)."),
    _switch("--thinking/--no-thinking", "Keep reasoning (default: off)."),
    _switch("--subagents/--no-subagents", "Keep threads of sub-agents (default: on)."),
    _text(
        "--preprocess", "MODULE:FUNCTION", "Your own function: a session in, a session or None out."
    ),
    click.option(
        "--max-tokens",
        type=int,
        metavar="N",
        help="Cut examples to N tokens (default: none is cut).",
    ),
    _text(
        "--tokenizer",
        "PATH",
        "Count tokens with this tokenizer.json or folder (default: 4 bytes each).",
    ),
    click.option(
        "--eval-share",
        type=float,
        metavar="X",
        help="Share of the sessions that is held out (default: 0.15).",
    ),
    click.option(
        "--split-by",
        type=click.Choice(["time", "project"]),
        help="Hold out the newest sessions, or whole projects (default: time).",
    ),
    _text(
        "--split", "NAME", "Name of another split: assigns all sessions anew, into a new folder."
    ),
    _text("--mix", "FILE:RATIO", "Mix general rows into the training side."),
    _switch(
        "--preferences/--no-preferences",
        "Write preferences/ for KTO and DPO (default: off).",
    ),
    _switch("--parquet/--no-parquet", "Write data.parquet of each side (default: on)."),
    _text("--topics", "FILE", "Your own taxonomy of topics (TOML; default: the bundled one)."),
    _switch(
        "--clusters/--no-clusters", "Group the conversations that no topic covers (default: off)."
    ),
    _text("--cluster-namer", "URL#MODEL", "Local model that names the groups of --clusters."),
    _text("--date", "DATE", "Date that the card states (default: the newest record's)."),
    click.option(
        "--max-line", type=int, metavar="BYTES", help="Longest line that is read (default: 64 MiB)."
    ),
    recipe_option,
    # Without it, for tests and measurements, the card says so in large letters.
    _switch("--privacy/--no-privacy", "Redaction and gate (default: on)."),
)


state_option = click.option(
    "--state",
    type=PLACE,
    help="Folder of the private state (default: in your data folder).",
)

jobs_option = click.option(
    "--jobs", type=click.IntRange(0), default=0, help="Processes (default: 0, one for each core)."
)


def _apply(options: tuple[Callable[[Any], Any], ...]) -> Callable[[F], F]:
    def decorate(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


recipe_options = _apply(_RECIPE_OPTIONS)
run_options = _apply((state_option, jobs_option))


def recipe_of(values: dict[str, Any]) -> Recipe:
    """Take the recipe options out of a command's arguments and build the recipe. What of the
    environment sets nothing is said."""
    if context := click.get_current_context(silent=True):
        for line in ignored(os.environ):
            context.obj.say(line)
    file = values.pop("recipe_file", None) or ""
    privacy = values.pop("privacy", None)
    fields = [f for f in Recipe.__struct_fields__ if f != "privacy"]
    flags: dict[str, Any] = {f: values.pop(f) for f in fields if values.get(f) is not None}
    for field in fields:
        values.pop(field, None)
    if privacy is not None:
        flags["privacy"] = {"enabled": privacy, "gate": privacy}
    return load_recipe(flags, file)


def say_if_slow(console: Console) -> None:
    """Say so where this machine looks for secrets the slow way."""
    from ..privacy.prefilter import SLOW, has_hyperscan

    if not has_hyperscan():
        console.say(SLOW)
