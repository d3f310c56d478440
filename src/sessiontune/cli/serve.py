"""`sessiontune serve`: a shipped model on loopback for the user's own programs."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click
import msgspec

from ..errors import ToolError, UsageError
from ..shipping.clients import CLIENTS, Target
from ..shipping.clients import write as write_settings
from .again import program
from .console import Console, print_plain
from .options import PLACE, port_option, shipped_option

if TYPE_CHECKING:
    from ..runtime.host import Hosted, Hosting
    from ..shipping.run import Run

#: Where `serve` listens unless told otherwise; `--client` prints settings for it.
PORT = 8040
#: Tokens of context that an agent's prompts need.
AGENTS = 32768
_USUAL = ("port", PORT)
_ENGINES = ("xllamacpp", "llama-server", "ollama", "vllm")


@click.command(no_args_is_help=True)
@click.argument("run", type=PLACE, metavar="RUN")
@port_option(PORT)
@shipped_option
@click.option("--adapter", is_flag=True, help="Serve the base with the LoRA GGUF.")
@click.option(
    "--engine", type=click.Choice(_ENGINES), help="What runs the model (the first that is here)."
)
@click.option(
    "--context", type=click.IntRange(0), default=0, help="Tokens of context (as shipped)."
)
@click.option(
    "--parallel", type=click.IntRange(1), default=1, show_default=True, help="Requests at once."
)
@click.option("--threads", type=click.IntRange(0), default=0, help="CPU threads (all).")
@click.option("--client", type=click.Choice(list(CLIENTS)), help="Print this client's settings.")
@click.option("--write", is_flag=True, help="With --client: write them, keeping a backup.")
@click.option(
    "--allow-origin",
    multiple=True,
    metavar="URL",
    help="Let web pages of this origin call. Repeatable.",
)
@click.option("-o", "--out", type=PLACE, help="Where it was shipped to (RUN/ship).")
@click.option("--base", type=PLACE, help="Where the base lies, if moved.")
@click.pass_obj
def serve(
    console: Console,
    /,
    run: Path,
    port: int,
    client: str | None,
    write: bool,
    allow_origin: tuple[str, ...],
    base: Path | None,
    out: Path | None,
    **given: Any,
) -> None:
    """Serve a shipped model on 127.0.0.1: OpenAI and Anthropic interfaces, streaming, tools.

    Only programs on this machine are answered; web pages are refused. With --client nothing is
    started: the client's settings are printed, or written. Defaults stand in parentheses.
    """
    from ..runtime.door import as_origin, check_port, open_door
    from ..runtime.host import Hosting, context_to_serve
    from ..runtime.serving import ENDED
    from ..shipping.run import read_run

    known = read_run(run, base, out)
    if client:
        if not port:
            raise UsageError(
                "Which port? Settings name the one that `serve` says it has.", "--port N"
            )
        context = context_to_serve(known, Hosting(**given))
        _settings(console, client, write, Target(f"http://127.0.0.1:{port}", known.slug, context))
        return
    if write:
        raise UsageError("--write needs --client NAME.", f"Known: {', '.join(CLIENTS)}.")
    origins = tuple(map(as_origin, allow_origin))
    check_port(port)
    with (
        loaded(console, known, Hosting(**given)) as model,
        open_door(port, model.client, model.model, origins) as door,
    ):
        data = {"url": door.url, "model": model.model, "context": model.context}
        asked = {"port": door.port, "context": given["context"], "out": out, "base": base}
        told = _told(door.url, model.model, run, asked)
        console.emit(data, lambda rich: print_plain(rich, told))
        console.say(f"Serving {model.what}, {model.context} tokens of context. Ctrl-C ends it.")
        with contextlib.suppress(KeyboardInterrupt):  # the way to end it, not an error
            while model.alive():
                time.sleep(1)
            raise ToolError(*ENDED)


@contextlib.contextmanager
def loaded(console: Console, known: Run, hosting: Hosting) -> Iterator[Hosted]:
    """The model while the block runs; that it is loaded, which can take minutes, is shown."""
    from ..runtime.host import hosted

    with contextlib.ExitStack() as serving:
        with console.progress("load the model"):
            model = serving.enter_context(hosted(known, hosting, os.environ))
        yield model


def _told(url: str, model: str, run: Path, asked: dict[str, Any]) -> str:
    """Where it is served, and the command that prints a client's settings for just this."""
    given = {name: value for name, value in asked.items() if value and (name, value) != _USUAL}
    more = "".join(f" --{name} {quote(str(value))}" for name, value in given.items())
    return "\n".join(
        [
            f"Model:      {model}",
            f"OpenAI:     {url}/v1",
            f"Anthropic:  {url}",
            f"Settings:   {program()} serve {quote(str(run))}{more} --client NAME",
            f"            ({', '.join(CLIENTS)})",
        ]
    )


def _settings(console: Console, client: str, write: bool, target: Target) -> None:
    found = CLIENTS[client](target, Path.cwd(), os.environ)
    if not write:
        data: dict[str, Any] = {
            "client": client,
            "text": found.text,
            "files": [str(change.file) for change in found.changes],
        }
        console.emit(data, lambda rich: print_plain(rich, found.text))
    else:
        written = write_settings(found)
        data = {"client": client, "files": [msgspec.to_builtins(w, enc_hook=str) for w in written]}
        said = "\n".join(
            f"Written: {w.file}" + (f" (the old one: {w.backup})" if w.backup else "")
            for w in written
        )
        console.emit(data, lambda rich: print_plain(rich, said))
    if target.context < AGENTS:
        console.say(
            f"Agents send 10,000 tokens or more before your first word, but the context here is"
            f" {target.context} tokens. Give more, here and to `serve`: --context {AGENTS}."
        )
