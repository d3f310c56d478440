"""`sessiontune ship`: from a finished run to files for Ollama, llama.cpp, LM Studio and vLLM."""

from __future__ import annotations

import os
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click
import msgspec

from ..errors import UsageError
from ..figures import several
from .again import program
from .console import Console, print_plain
from .options import PLACE

if TYPE_CHECKING:
    from rich.console import Console as RichConsole

    from ..runtime.guide import Guide
    from ..runtime.shop import ShipOptions, Shipped
    from ..shipping.ollama import Created


@click.command(no_args_is_help=True)
@click.argument("run", required=False, type=PLACE, metavar="RUN")
@click.option(
    "-t",
    "--type",
    "types",
    multiple=True,
    metavar="TYPE",
    help="q8_0 (default; f16 below 50 million weights), f16, bf16, q4_k_m and other K-quants, or"
    " safetensors. Repeatable.",
)
@click.option("--adapter-only", is_flag=True, help="A LoRA GGUF instead of a merged model.")
@click.option("--base-gguf", type=PLACE, help="With --adapter-only: the base GGUF it stands on.")
@click.option("--base", type=PLACE, help="Where the base model lies, if it was moved.")
@click.option("-o", "--out", type=PLACE, metavar="DIR", help="Folder to write (RUN/ship).")
@click.option("--ollama", metavar="NAME", help="Also create the model NAME in Ollama.")
@click.option(
    "--ollama-quantize", metavar="TYPE", help="Let Ollama (up to 0.34.0) quantise (q4_K_M, ...)."
)
@click.option(
    "--context",
    type=click.IntRange(0),
    default=0,
    help="Tokens of context (the training's length).",
)
@click.option("--system", default="", help="System prompt for the Modelfile.")
@click.option("--license", "license_name", default="", help="Licence of the result: yours to say.")
@click.option("--license-link", default="", help="Where its text is.")
@click.option("--author", default="", help="Author for the file's metadata.")
@click.option("--llama-cpp", type=PLACE, help="A llama.cpp checkout to convert with.")
@click.option("--quantizer", type=PLACE, help="llama-quantize, or a libllama.")
@click.option("--pre-tokenizer", help="llama.cpp's name of the pre-tokenizer, if it is unknown.")
@click.option("--fetch-converter", is_flag=True, help="Fetch the converter through pip (77 MB).")
@click.option("--keep-merged", is_flag=True, help="Keep the merged model (in RUN/ship/.work).")
@click.option("--force", is_flag=True, help="Make files anew that are there already.")
@click.pass_obj
def ship(
    console: Console,
    /,
    run: Path | None,
    types: tuple[str, ...],
    ollama: str | None,
    ollama_quantize: str | None,
    fetch_converter: bool,
    base: Path | None,
    license_name: str,
    license_link: str,
    author: str,
    **given: Any,
) -> None:
    """Merge, convert, quantise, and prove that the result is the trained model.

    RUN is what `sessiontune train` wrote. Each file gets its name only after it was served and
    compared with the trained model; otherwise the command ends with 10 and says why. Defaults
    stand in parentheses.
    """
    from ..runtime.shop import ShipOptions
    from ..shipping.convert import Card

    if fetch_converter:
        fetched = _fetch(console)
        if run is None:
            data = {"converter": fetched}
            console.emit(data, lambda rich: print_plain(rich, fetched))
            return
    if run is None:
        raise UsageError("Which run?", "sessiontune ship RUN, with the folder `train` made.")
    if given["base_gguf"] and not given["adapter_only"]:
        raise UsageError("--base-gguf goes with --adapter-only.", "A merged model needs no base.")
    if ollama_quantize and not ollama:
        raise UsageError("--ollama-quantize goes with --ollama NAME.", "Or take --type q4_k_m.")
    options = ShipOptions(
        types=tuple(kind.lower() for kind in types),
        card=Card(license=license_name, license_link=license_link, author=author),
        **given,
    )
    shipped, out, guide = run_ship(console, run, base, options)
    quantize = ollama_quantize or ""
    created = to_ollama(console, out, shipped, guide, ollama, quantize) if ollama else None
    data = as_json(shipped, out, created)
    console.emit(data, lambda rich: draw(rich, shipped, run, out, guide, created))


#: Below so many billions of weights a model gains little by rounding them to 8 bits, and there are
#: so few of them that it can change its answers.
_SMALL = 0.05


def usual_types(billions: float, adapter_only: bool = False) -> tuple[str, ...]:
    """What is made of a model of so many billions of weights where no type is named."""
    return ("f16",) if adapter_only or billions < _SMALL else ("q8_0",)


def _fetch(console: Console) -> str:
    from ..runtime.shop import fetch_converter

    with console.progress("fetch the converter"):
        found = fetch_converter(os.environ, Path.home(), console.detail)
    return f"Converter: {found.root} ({found.origin})"


def run_ship(
    console: Console, run: Path, base: Path | None, options: ShipOptions
) -> tuple[Shipped, Path, Guide]:
    """Ship with progress on stderr; the same for `ship`, `tune` and `demo`."""
    from ..runtime.guide import write_guide
    from ..runtime.ship import ship as make
    from ..shipping.run import read_run
    from ..training.bases import describe

    known = read_run(run, base)
    if not options.types:
        size = describe(known.base, known.base_id).billions
        usual = usual_types(size, options.adapter_only)
        options = msgspec.structs.replace(options, types=usual)
    with console.progress("ship") as progress:

        def watch(stage: str, done: int, total: int) -> None:
            progress(done, total, stage)
            if not total:
                console.detail(stage)

        home = Path.home()
        shipped = make(known, options, os.environ, home, watch, console.detail, console.say)
        progress(0, 0, "write the Modelfile")
        out = (options.out or known.out).resolve()
        guide = write_guide(known, options, shipped, out)
    if guide.note:
        console.say(guide.note)
    return shipped, out, guide


def to_ollama(
    console: Console, out: Path, shipped: Shipped, guide: Guide, name: str, quantize: str
) -> Created:
    """Create the shipped model in the local Ollama and check it."""
    from ..runtime.deploy import create_in_ollama

    wanted = None if guide.yours else guide.modelfile
    with console.progress("ollama") as progress:
        return create_in_ollama(
            out, shipped, name, quantize, os.environ,
            lambda text, done, total: progress(done, total, text), wanted,
        )  # fmt: skip


def as_json(shipped: Shipped, out: Path, created: Created | None) -> dict[str, Any]:
    """The result for `--json`."""
    data: dict[str, Any] = msgspec.to_builtins(shipped)
    data["folder"] = str(out)
    data["ollama"] = msgspec.to_builtins(created) if created else None
    return data


def draw(
    rich: RichConsole,
    shipped: Shipped,
    run: Path,
    out: Path,
    guide: Guide,
    created: Created | None,
) -> None:
    """The result for a person."""
    from rich.markup import escape

    from ..runtime.shop import SAFETENSORS
    from ..shipping.guide import OLDER

    for file in shipped.files:
        again = " (was there)" if file.name in shipped.reused else ""
        passed = f"{several(sum(1 for c in file.checks if c.ok), 'check')} passed{again}"
        rich.print(f"[bold]{escape(file.name)}[/bold]  {file.size / 1e6:,.1f} MB  {passed}")
        for check in file.checks:
            if check.ok is None:
                print_plain(rich, f"  not decided: {check.name}: {check.detail}")
    print_plain(rich, f"Folder:  {out}")
    if created:
        how = "stopped by itself" if created.stopped else "was cut off after 200 tokens"
        rich.print(f"Ollama:  {created.model} answers; its reply {how}.", markup=False)
    elif guide.modelfile:
        line = f"cd {quote(str(out))} && ollama create {shipped.name} -f Modelfile"
        if guide.note and not guide.yours:
            line = f"the lines in {out / 'commands.md'}"
        print_plain(rich, f"Ollama:  {line}")
        if guide.modelfile.adapter:
            rich.print(f"         {OLDER}", markup=False)
    elsewhere = "" if out == (run / "ship").resolve() else f" --out {quote(str(out))}"
    served = any(file.type != SAFETENSORS for file in shipped.files)
    for verb, more in (("serve", ""), ("chat", "")) if served else (("serve", " --engine vllm"),):
        what = f"{verb} {quote(str(run))}{elsewhere}{more}"
        print_plain(rich, f"{verb.title() + ':':8} {program()} {what}")
