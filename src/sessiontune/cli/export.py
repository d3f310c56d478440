"""`sessiontune export`: logs in, a data set folder out."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click
import msgspec

from ..errors import UsageError
from ..recipe import Recipe
from .again import program
from .console import Console, print_plain
from .options import (
    PLACE,
    recipe_of,
    recipe_options,
    roots_argument,
    run_options,
    say_if_slow,
)

if TYPE_CHECKING:
    from rich.console import Console as RichConsole

    from ..pipeline import Export
    from ..steps.topics import Namer


_DEALT_ANEW = (
    "{folder} was made with another state. This one ({state}) did not remember its sides: all"
    " sessions are dealt anew, under other pseudonyms, and what trained there may be held out"
    " now. Was --state forgotten? The same command with it makes the former export again."
)


@click.command(no_args_is_help=False)
@roots_argument
@click.option(
    "-o",
    "--out",
    type=PLACE,
    metavar="DIR",
    help="Folder to write (sessions-export).",
)
@recipe_options
@run_options
@click.option("--dry-run", is_flag=True, help="Read and count; write no data set.")
@click.option("--force", is_flag=True, help="Build anew even when nothing changed.")
@click.option("--verify", is_flag=True, help="Read every log again, whatever its date and size.")
@click.option("--prune", is_flag=True, help="Forget sessions whose logs have vanished.")
@click.pass_obj
def export(
    console: Console,
    /,
    roots: tuple[str, ...],
    out: Path | None,
    state: Path | None,
    jobs: int,
    dry_run: bool,
    force: bool,
    verify: bool,
    prune: bool,
    **options: Any,
) -> None:
    """Turn session logs into training data.

    Without ROOT every known agent's default place is read: ~/.claude, ~/.codex and those of the
    others (docs/reference/sources.md lists them all), and what CLAUDE_CONFIG_DIR, CODEX_HOME and
    the like name. ROOT may be a home folder, a projects folder, one project or one file: each log
    is recognised by its content.
    """
    recipe = recipe_of(options)
    folder = out or Path(f"{recipe.name or 'sessions'}-export")
    result = run_export(
        console, recipe, roots, folder, state, jobs,
        dry_run=dry_run, force=force, verify=verify, prune=prune,
    )  # fmt: skip
    console.emit(as_json(result), lambda rich: draw(rich, result, dry_run, console.verbose))


def run_export(
    console: Console,
    recipe: Recipe,
    roots: tuple[str, ...],
    folder: Path,
    state: Path | None,
    jobs: int,
    **how: bool,
) -> Export:
    """Run an export with progress on stderr; the same for `export`, `tune` and `demo`. `how`: what
    of `pipeline.Request` is so: dry_run, force, verify, prune."""
    from ..pipeline import Request, export
    from ..runtime.local import LocalRunner
    from ..store import Store, default_state

    _must_not_stand_in(folder)
    places = _checked(recipe, roots)
    if recipe.privacy.enabled:
        say_if_slow(console)
    stage = [""]
    unnamed: list[str] = []
    namer = _namer(recipe, unnamed)
    with console.progress("export") as progress:

        def note(name: str) -> None:
            stage[0] = name
            console.detail(name)
            progress(0, 0, name)

        with (
            # First: its workers neither hold the state's lock nor begin with what is open.
            LocalRunner(jobs, lambda done, total: progress(done, total, stage[0])) as runner,
            Store(state or default_state(), write=True) as store,
        ):
            request = Request(
                recipe=recipe, roots=places, out=folder, note=note, namer=namer, **how
            )
            result = export(request, store, runner)
            if result.dealt_anew:
                console.say(_DEALT_ANEW.format(folder=folder, state=store.folder))
    if unnamed:
        console.say(f"{len(unnamed)} groups keep their terms as names: {unnamed[0]}")
    return result


def _namer(recipe: Recipe, unnamed: list[str]) -> Namer | None:
    """What names groups, where the recipe names a model for it; why it did not goes to `unnamed`,
    once for each."""
    if not recipe.cluster_namer:
        return None
    from ..evaluation.naming import local_namer

    return local_namer(recipe.cluster_namer, unnamed.append)


def _checked(recipe: Recipe, roots: tuple[str, ...]) -> tuple[Path, ...]:
    """Where the logs lie. What a recipe names must be there before anything is read."""
    import os

    from .. import registry
    from ..general import read_rows
    from ..pipeline.examples import counter
    from ..pipeline.hooks import load_hook
    from ..pipeline.inputs import find_roots
    from ..steps.mix import parse_mix
    from ..steps.topics import load_taxonomy, needs_clusters

    for name in recipe.formats:
        registry.format(name)
    if recipe.preprocess:
        load_hook(recipe.preprocess)
    if recipe.clusters:
        needs_clusters()
    if recipe.topics:
        load_taxonomy(recipe.topics)
    if recipe.tokenizer:
        counter(recipe.tokenizer)
    if recipe.mix:
        next(read_rows(parse_mix(recipe.mix)[0]), None)
    sources = recipe.sources or tuple(registry.source_names())
    for name in sources:
        registry.source(name)  # loaded before the workers begin
    return tuple(find_roots(roots, sources, os.environ, os.path.expanduser("~")))


def _must_not_stand_in(folder: Path) -> None:
    """An export replaces its folder as a whole: the shell of who stands in it would be lost."""
    place, here = folder.resolve(), Path.cwd()
    if place == here or place in here.parents:
        raise UsageError(
            f"{folder} is the folder you are in, or one above it; an export replaces it as a"
            " whole.",
            f"cd {quote(str(place.parent))} && sessiontune export -o {quote(place.name or '.')}",
        )


def as_json(result: Export) -> dict[str, Any]:
    """The machine-readable result."""
    return {
        "folder": str(result.folder),
        "unchanged": result.unchanged,
        "read_units": result.read,
        "dealt_anew": result.dealt_anew,
        "manifest": msgspec.to_builtins(result.manifest),
    }


def draw(rich: RichConsole, result: Export, dry_run: bool, whole: bool) -> None:
    """The readable result; `whole`: no list is cut."""
    from .summary import draw_few, draw_manifest, draw_places

    if result.unchanged:
        print_plain(rich, f"Nothing changed: {result.folder} is up to date.")
        return
    draw_manifest(rich, result.manifest, rows=not dry_run, whole=whole)
    draw_places(rich, result.faults, result.others, whole)
    if dry_run:
        rich.print("\nDry run: nothing was written.")
    else:
        print_plain(rich, f"\nWritten: {result.folder}")
        print_plain(rich, f"Report:  {result.folder / 'report.html'}")
        show = f"{program()} show {quote(str(result.folder))}"
        print_plain(rich, f"Next:    {show}")
    draw_few(rich, result.manifest, _again(result))  # last, where it is seen before training


def _again(result: Export) -> str:
    """The command that holds out enough for a verdict; "" where it is enough, or none would."""
    from ..portions import share_to_propose
    from .again import with_more_held_out

    share = share_to_propose(result.manifest)
    split = result.manifest.options.split
    return with_more_held_out(str(result.folder), split, share) if share else ""
