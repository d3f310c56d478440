"""`sessiontune review`: the local page on which a person searches, looks, keeps or drops."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click

from ..errors import SourceError
from .console import Console, print_plain
from .options import PLACE, port_option, state_option
from .show import manifest_of

#: Where the page is unless told otherwise.
PORT = 8041


@click.command(no_args_is_help=True)
@click.argument("folder", type=PLACE, metavar="DIR")
@port_option(PORT)
@click.option("--base", metavar="MODEL", help="Folder, run or hub id: show which tokens bear loss.")
@state_option
@click.pass_obj
def review(console: Console, folder: Path, port: int, base: str | None, state: Path | None) -> None:
    """Look through an export in the browser: search, read, keep or drop.

    The page is on this machine alone, and answers only the browser that opened the address which
    is printed. It changes no file of DIR: a verdict is kept in the state, as by `drop`, and takes
    effect with the next export.
    """
    from ..review.catalogue import Catalogue
    from ..review.guard import Guard
    from ..review.judging import Judging
    from ..review.masks import Masks
    from ..review.server import Review, application, listening, serve
    from ..store import default_state

    manifest = manifest_of(folder)
    raw = folder / f"{manifest.name}_conversations_raw.jsonl"
    if not raw.is_file():
        raise SourceError(
            f"{folder} holds no raw rows, which the page shows.",
            "Export with --format raw (and others).",
        )
    masks = Masks(folder, manifest.name, base, manifest.options.max_tokens) if base else None
    with (
        listening(port) as there,
        contextlib.closing(Catalogue(raw)) as catalogue,
        contextlib.closing(masks) if masks else contextlib.nullcontext(),
    ):
        with console.progress("read") as step:
            catalogue.read(step)
        judging = Judging(state or default_state(), catalogue.threads())
        catalogue.judge({t: (v.decision, v.note) for t, v in judging.before.items()})
        at = there.getsockname()[1]
        guard = Guard(application(Review(manifest.name, catalogue, judging, masks)), at)
        url = f"http://127.0.0.1:{at}/?token={guard.token}"
        console.emit({"url": url}, lambda rich: print_plain(rich, f"Open: {url}"))
        console.say("It works once, in one browser. Ctrl-C ends it.")
        with contextlib.suppress(KeyboardInterrupt):  # the way to end it, not an error
            serve(guard, there)
