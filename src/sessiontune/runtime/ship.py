"""From a finished run to files that can be served, each proven before it gets its name.

    RUN/ship/
      NAME-q8_0.gguf ...      one file per type, or NAME-lora-f16.gguf with `adapter_only`
      NAME-safetensors/       with type `safetensors`
      Modelfile               for Ollama, or create.json with a text that it cannot carry
      commands.md             the lines for Ollama, LM Studio, llama.cpp, vLLM
      ship.json               what was made from what, with hashes and the checks of parity
      .work/                  what is being made; removed at the end

No step is done twice: every result is renamed into place whole, and its fingerprint says what it
was made from.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from ..errors import PreflightError, UsageError, cannot_write
from ..keeping import alone
from ..shipping import convert
from ..shipping.converter import find_converter
from ..shipping.engine import need_engine
from ..shipping.gguf import check_whole
from ..shipping.merge import check_fit
from ..shipping.quantise import need_quantiser
from ..shipping.run import Run, digest_of
from ..training.bases import describe
from ..whole import write_whole
from .craft import check_tools, make, there
from .shop import (
    SAFETENSORS,
    TYPES,
    ShipOptions,
    Shipped,
    ShippedFile,
    Shop,
    Watch,
    context_of,
    file_name,
    need_converter,
    read_shipped,
)


def ship(
    run: Run,
    options: ShipOptions,
    env: Mapping[str, str],
    home: Path,
    watch: Watch,
    on_line: Callable[[str], None],
    say: Callable[[str], None] = lambda text: None,
) -> Shipped:
    """Make and prove all files asked for. Errors as in the modules of `shipping`."""
    _check_options(run, options)
    context_of(run, options.context)
    out = (options.out or run.out).resolve()
    before = read_shipped(out)
    files: dict[str, ShippedFile] = {f.name: f for f in before.files} if before else {}
    converter = find_converter(options.llama_cpp, env, home)
    for kind in options.types:  # say at once what is missing: the checks below take a while
        if options.force or file_name(run, options, kind) not in files:
            check_tools(run, options, kind, converter)
    check_base(run)
    shop = Shop(
        run=run,
        options=options,
        out=out,
        trained=digest_of(run.adapter, run.tokenizer, run.base / "config.json"),
        converter=converter,
        env=env,
        watch=watch,
        on_line=on_line,
        say=say,
    )
    try:
        out.mkdir(parents=True, exist_ok=True)
        shop.work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(out, error, ", or name another place with --out DIR.") from error
    with alone(out, out):
        return _make_missing(shop, files)


def _make_missing(shop: Shop, files: dict[str, ShippedFile]) -> Shipped:
    missing = [kind for kind in shop.options.types if not there(shop, kind, files)]
    if missing:  # what is there was made from the same, after these checks
        shop.watch("check that the adapter fits", 0, 0)
        check_fit(shop.run)
    for kind in missing:
        check_tools(shop.run, shop.options, kind, shop.converter)
    _say_what_is_here(shop, missing)
    return _make_all(shop, files, {shop.name(kind) for kind in missing})


def _say_what_is_here(shop: Shop, missing: list[str]) -> None:
    """Tell the user what is left of a run that was interrupted, and is used."""
    if missing and (shop.work / "merged").is_dir():
        shop.say("Going on: the merged model of the last time is here.")
    if shop.options.force:
        return
    for kind in missing:
        if kind != SAFETENSORS and (shop.work / shop.name(kind)).is_file():
            shop.say(f"Going on: {shop.name(kind)} was made last time, and is not proven yet.")


def _make_all(shop: Shop, files: dict[str, ShippedFile], missing: set[str]) -> Shipped:
    """Make every type; ship.json is written after each."""
    reused = sorted(files.keys() - missing)
    for kind in shop.options.types:
        made = make(shop, kind, files)
        files[made.name] = made
        _note(shop, files, reused)
    if not shop.options.keep_merged:
        shutil.rmtree(shop.out / ".work", ignore_errors=True)
    return _note(shop, files, reused)


def check_base(run: Run) -> None:
    """PreflightError if the base at its place is not the one that the adapter was trained on."""
    found = describe(run.base, run.base_id).sha256
    if run.base_digest and found != run.base_digest:
        raise PreflightError(
            f"{run.base} is not the base that this adapter was trained on.",
            "The adapter fits no other model. Name the right folder with --base PATH.",
        )


def check_tools_here(
    types: tuple[str, ...], env: Mapping[str, str], home: Path, base: Path | None
) -> None:
    """UsageError or ToolError, before hours of training, for what shipping or a chat will lack.

    `base`: the folder of the model, None for one that is made later.
    """
    _check_types(types)
    kinds = [kind for kind in types if kind != SAFETENSORS]
    if not kinds:
        raise UsageError(
            "A chat needs a GGUF; only safetensors were asked for.", "Add a type: -t q8_0."
        )
    converter = need_converter(find_converter(None, env, home))
    if base and (unknown := converter.unknown(base)):
        raise convert.not_known(unknown)
    for kind in kinds:
        if kind not in convert.DIRECT:
            need_quantiser(None, converter.root, kind)
    need_engine()


def _check_types(types: tuple[str, ...]) -> None:
    for kind in types:
        if kind not in TYPES:
            raise UsageError(f"No type '{kind}'.", f"Known: {', '.join(TYPES)}.")


def _check_options(run: Run, options: ShipOptions) -> None:
    if options.adapter_only and run.full:
        raise UsageError(
            f"{run.folder} trained the whole model: there is no adapter.",
            f"sessiontune ship {run.typed}",
        )
    if options.base_gguf is not None:
        if not options.base_gguf.is_file():
            raise UsageError(
                f"{options.base_gguf} is not there.", "Without --base-gguf the base is converted."
            )
        check_whole(options.base_gguf)
    _check_types(options.types)
    for kind in options.types:
        if options.adapter_only and kind not in convert.DIRECT:
            raise UsageError(
                f"A LoRA GGUF cannot have the type {kind}.", f"Known: {', '.join(convert.DIRECT)}."
            )


def _note(shop: Shop, files: Mapping[str, ShippedFile], reused: list[str]) -> Shipped:
    shipped = Shipped(
        name=shop.run.slug,
        run=shop.run.name,
        base=shop.run.base_id,
        data=shop.run.data_digest,
        converter=shop.converter.origin if shop.converter else "",
        context=context_of(shop.run, shop.options.context),
        stop=shop.run.stop,
        system=shop.options.system,
        files=tuple(files[name] for name in sorted(files)),
        reused=tuple(reused),
    )
    written = msgspec.json.format(msgspec.json.encode(shipped), indent=2) + b"\n"
    write_whole(shop.out / "ship.json", written)
    return shipped
