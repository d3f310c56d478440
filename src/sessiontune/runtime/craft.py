"""Make one shipped file and prove it. Each result is made beside its place and then renamed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from ..errors import PreflightError
from ..ports import Job
from ..shipping import convert, quantise
from ..shipping.converter import Converter
from ..shipping.engine import engines, need_engine
from ..shipping.gguf import check_whole, read_head
from ..shipping.merge import base_folder, merge, need_space
from ..shipping.parity import Check, compare, merged_weights, refuse
from ..shipping.reference import Reference, make_reference
from ..shipping.run import Run, digest_of, file_digest
from ..shipping.weights import count_weights
from ..whole import renamed, write_whole
from .process import run_kept, write_files
from .serving import served
from .shop import SAFETENSORS, ShipOptions, ShippedFile, Shop, need_converter

#: A disk with fewer free bytes than this is full.
_NOTHING = 1 << 20


def make(shop: Shop, kind: str, files: Mapping[str, ShippedFile]) -> ShippedFile:
    """Make one type, or find that it is there already."""
    if known := there(shop, kind, files):
        return known
    fingerprint, name = shop.fingerprint(kind), shop.name(kind)
    final = shop.out / name
    if kind == SAFETENSORS:
        return _safetensors(shop, final, fingerprint)
    made = shop.work / name
    if shop.options.force or not made.is_file():
        if shop.options.adapter_only:
            _adapter(shop, kind, made)
        else:
            _gguf(shop, kind, made, files)
    base = _base_gguf(shop) if shop.options.adapter_only else None
    checks = _prove(shop, made, kind, base)
    digest = file_digest(made)
    made.replace(final)
    return ShippedFile(
        name=name,
        type=kind,
        size=final.stat().st_size,
        sha256=digest,
        fingerprint=fingerprint,
        engine=next(iter(engines()), ""),
        base=_shown(base, shop.out) if base else "",
        checks=tuple(checks),
    )


def check_tools(run: Run, options: ShipOptions, kind: str, converter: Converter | None) -> None:
    """ToolError before anything is merged, when a program that `kind` takes will be missing."""
    if kind == SAFETENSORS:
        return
    found = need_converter(converter)
    if unknown := found.unknown(run.base):
        raise convert.not_known(unknown)
    if kind not in convert.DIRECT:
        quantise.need_quantiser(options.quantizer, found.root, kind)
    need_engine()  # each file is proven by being served


def there(shop: Shop, kind: str, files: Mapping[str, ShippedFile]) -> ShippedFile | None:
    """The finished file of that type, if it was made from the same."""
    name = shop.name(kind)
    known = files.get(name)
    if known is None or shop.options.force or known.fingerprint != shop.fingerprint(kind):
        return None
    return known if _same(shop.out / name, known) else None


def _shown(path: Path, out: Path) -> str:
    return path.name if path.parent == out else str(path)


def _same(final: Path, known: ShippedFile) -> bool:
    if final.is_dir():
        return True
    return final.is_file() and final.stat().st_size == known.size


def _merged(shop: Shop) -> Path:
    target = shop.work / "merged"
    if not target.is_dir():
        merge(shop.run, target, lambda done, total: shop.watch("merge", done, total))
    return target


def _run(shop: Shop, job: Job) -> None:
    """Run one of shipping's jobs in the work folder."""
    shop.watch(job.name, 0, 0)
    write_files(job, shop.work)
    status, said = run_kept(job, shop.work, shop.on_line)
    if status != 0:
        full = shutil.disk_usage(shop.work).free < _NOTHING  # before its half file is removed
        for promised in job.outputs:
            Path(promised).unlink(missing_ok=True)
        raise convert.explain(said, status, shop.run, job.name, full)


def _written(
    shop: Shop, final: Path, plan: Callable[[Path], Job], check: Callable[[Path], object]
) -> None:
    """Let the job that `plan` gives for a file write it; a good one gets its name."""
    part = shop.work / f".{final.name}.part"
    with renamed(part, final):
        _run(shop, plan(part))
        check(part)


def _converted(shop: Shop, model: Path, kind: str, final: Path) -> None:
    """Convert a model's folder to `final`, of a type that the converter writes itself."""
    need_space(shop.out, int(count_weights(model) * convert.DIRECT[kind]))
    given = (shop.run, shop.vocabulary, need_converter(shop.converter), model)
    more = (shop.options.card, shop.options.pre_tokenizer)
    _written(
        shop,
        final,
        lambda part: convert.plan_model(*given, part, kind, *more),
        lambda part: convert.check_model(part, shop.run, shop.vocabulary),
    )


def _gguf(shop: Shop, kind: str, made: Path, files: Mapping[str, ShippedFile]) -> None:
    """Convert the merged model to `made`, through f16 for a K-quant."""
    if kind in convert.DIRECT:
        _converted(shop, _merged(shop), kind, made)
        return
    checkout = shop.converter.root if shop.converter else None
    quantiser = quantise.need_quantiser(shop.options.quantizer, checkout, kind)
    source = _half(shop, files)
    quantise.check_rows(read_head(source), kind)
    _written(
        shop,
        made,
        lambda part: quantise.plan_quantise(quantiser, source, part, kind),
        lambda part: convert.check_model(part, shop.run, shop.vocabulary),
    )


def _half(shop: Shop, files: Mapping[str, ShippedFile]) -> Path:
    """The f16 file of this run: the shipped one, or one made in the work folder."""
    name = shop.name("f16")
    known = files.get(name)
    if known and known.fingerprint == shop.fingerprint("f16") and _same(shop.out / name, known):
        return shop.out / name
    made = shop.work / name
    if not made.is_file():
        _gguf(shop, "f16", made, files)
    return made


def _adapter(shop: Shop, kind: str, made: Path) -> None:
    given = (shop.run, shop.vocabulary, need_converter(shop.converter))
    _written(shop, made, lambda part: convert.plan_adapter(*given, part, kind), check_whole)


def _base_gguf(shop: Shop) -> Path:
    """The base GGUF under the adapter: the user's, or the base converted with our template."""
    if shop.options.base_gguf is not None:
        head = check_whole(shop.options.base_gguf)
        convert.check_tokens(
            shop.options.base_gguf, head.meta.get("tokenizer.ggml.tokens"), shop.vocabulary
        )
        return shop.options.base_gguf.resolve()
    final = shop.out / f"{shop.run.slug}-base-f16.gguf"
    if final.is_file() and not shop.options.force:
        convert.check_model(final, shop.run, shop.vocabulary)
        return final
    _converted(shop, base_folder(shop.run, shop.work / "base"), "f16", final)
    return final


def _safetensors(shop: Shop, final: Path, fingerprint: str) -> ShippedFile:
    model = _merged(shop)
    checks = merged_weights(_reference(shop, model))
    refuse(checks, model.name)
    digest = digest_of(model)
    if final.exists():
        shutil.rmtree(final)
    if shop.options.types[-1] == SAFETENSORS and not shop.run.full:  # there, weights are links
        model.rename(final)
    else:
        beside = final.with_name(f".{final.name}.part")
        shutil.rmtree(beside, ignore_errors=True)
        shutil.copytree(model, beside)
        beside.rename(final)
    return ShippedFile(
        name=final.name,
        type=SAFETENSORS,
        size=sum(file.stat().st_size for file in final.glob("*.safetensors")),
        sha256=digest,
        fingerprint=fingerprint,
        engine="",
        checks=tuple(checks),
    )


# ---------------------------------------------------------------- parity


def _reference(shop: Shop, merged: Path | None) -> Reference:
    """What the trained model does, computed once per run."""
    kept = shop.work / ("reference.json" if merged else "reference-adapter.json")
    if kept.is_file():
        return msgspec.json.decode(kept.read_bytes(), type=Reference)
    shop.watch("ask the trained model", 0, 0)
    reference = make_reference(shop.run, merged)
    write_whole(kept, msgspec.json.encode(reference))
    return reference


def _prove(shop: Shop, made: Path, kind: str, base: Path | None) -> list[Check]:
    """Serve the file and compare it with the trained model. One that differs is kept under another
    name and refused."""
    merged = None if base else _merged(shop)
    reference = _reference(shop, merged)
    shop.watch("compare what is served", 0, 0)
    model, adapter = (base, made) if base else (made, None)
    longest = max(len(e.ids) for e in reference.expected)
    with served(model, shop.run.slug, adapter=adapter, context=max(2048, longest + 512)) as server:
        checks = compare(server, reference, _weakest(model, kind))
    try:
        refuse(checks, made.name, kind)
    except PreflightError:
        rejected = shop.out / f"{made.name}.rejected"
        made.replace(rejected)
        shop.say(f"Kept for inspection: {rejected}")
        raise
    return checks


def _weakest(model: Path, kind: str) -> str:
    """The type that sets the tolerance: a quantised base makes an f16 adapter coarse too."""
    held = {tensor.type for tensor in read_head(model).tensors}
    for number, coarse in ((12, "q4_k_m"), (13, "q5_k_m"), (14, "q6_k"), (8, "q8_0")):
        if number in held and kind in convert.DIRECT:
            return coarse
    return kind
