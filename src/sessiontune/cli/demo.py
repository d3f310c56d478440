"""`sessiontune demo`: the whole way on the bundled sample and a tiny model, on this machine."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click

from .console import Console
from .options import PLACE


@click.command()
@click.option(
    "-o",
    "--out",
    type=PLACE,
    default=Path("sessiontune-demo"),
    show_default=True,
    help="Folder for everything it makes.",
)
@click.pass_obj
def demo(console: Console, out: Path) -> None:
    """The whole way in minutes: sample logs, export, training, evaluation, GGUF, one answer.

    Nothing is read outside the folder and nothing leaves this machine. Run again, it reuses what
    is there. The tiny model learns the shape of a conversation and knows nothing.
    """
    from ..recipe import load_recipe
    from ..runtime.checkup import need_extras
    from ..runtime.evening import make_folder
    from ..runtime.shop import fetch_converter
    from ..sample import write_sample
    from ..training.spec import make_spec
    from .evening import Evening, go
    from .eveningview import as_json, draw

    started = time.monotonic()
    need_extras()  # before the converter is fetched
    make_folder(out)
    with console.progress("prepare") as progress:
        progress(0, 0, "converter")
        fetch_converter(os.environ, Path.home(), console.detail)
        progress(0, 0, "sample logs")
        logs = out / "logs"
        if not logs.is_dir():
            beside = out / ".logs.part"
            write_sample(beside)
            beside.rename(logs)
    evening = Evening(
        console,
        out,
        (str(logs),),
        load_recipe({"name": "demo", "eval_share": 0.35}, "", {}),  # clearer than ten groups
        make_spec({}, None, "demo"),
        state=out / "state",
        types=("f16",),
        max_cases=12,
        ask=lambda question: True,  # invented logs and a tiny model: there is nothing to decide
        more=(("your logs", "tune --base FOLDER_OR_ID"),),
    )
    done = go(console, evening)
    seconds = time.monotonic() - started
    console.emit(as_json(evening, done, seconds), lambda rich: draw(rich, evening, done, seconds))
