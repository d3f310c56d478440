"""`sessiontune trainers`: which trainers there are, and an environment for one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..training.spec import TRAINERS
from .again import program
from .console import Console, print_plain

if TYPE_CHECKING:
    from rich.console import Console as RichConsole

#: Those with an environment of their own: the first is embedded.
NAMES = TRAINERS[1:]


@click.group(invoke_without_command=True)
@click.pass_context
def trainers(ctx: click.Context) -> None:
    """List trainers, or install one in its own environment."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_trainers)


@trainers.command("list")
@click.pass_obj
def list_trainers(console: Console) -> None:
    """Which trainers are there."""
    from ..runtime.trainersenv import states

    found = states()

    def draw(rich: RichConsole) -> None:
        for one in found:
            name, place = one["name"], one["place"]
            if name in NAMES and one["state"] == "not installed":
                place = f"{program()} trainers install {name}"
            line = f"{name:14}{one['state']:16}{place}".rstrip()
            print_plain(rich, line)

    console.emit({"trainers": found}, draw)


@trainers.command()
@click.argument("name", type=click.Choice(NAMES), metavar="NAME")
@click.option("--force", is_flag=True, help="Make it anew when it is there.")
@click.pass_obj
def install(console: Console, name: str, force: bool) -> None:
    """Make the environment of one trainer (2 to 4 GB, some minutes)."""
    from ..runtime.trainersenv import make

    with console.progress(f"installing {name}") as step:

        def line(text: str) -> None:
            step(0, 0, text[:60])
            console.detail(text)

        place = make(name, force, line)

    def draw(rich: RichConsole) -> None:
        print_plain(rich, f"{name} is ready: {program()} train DIR --trainer {name}")

    console.emit({"name": name, "place": str(place)}, draw)
