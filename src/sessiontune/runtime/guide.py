"""Write Modelfile and commands.md beside the shipped files, or create.json for what no Modelfile
can say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import msgspec

from ..errors import UsageError
from ..shipping import ollama
from ..shipping.guide import commands, go_template
from ..shipping.modelfile import Modelfile, write
from ..shipping.run import Run, file_digest
from ..whole import write_whole
from .shop import SAFETENSORS, ShipOptions, Shipped, ShippedFile

#: The file that a Modelfile and `serve` take, the first that is there.
PREFERRED = ("q4_k_m", "q5_k_m", "q6_k", "q8_0", "bf16", "f16")
#: What Ollama's HTTP interface is sent where a Modelfile cannot say it.
CREATE = "create.json"
#: First line of our Modelfiles, with a digest of the rest: a changed one belongs to a person.
_MARK = "# Written by sessiontune, {}; once you change it, it is yours and is kept.\n"


class Guide(msgspec.Struct, frozen=True):
    """What Ollama is to be given, and what became of the file.

    modelfile   None if only safetensors were shipped
    note        why OUT/Modelfile does not say this; empty when it does
    yours       a person changed OUT/Modelfile: that counts, not `modelfile`
    """

    modelfile: Modelfile | None
    note: str = ""
    yours: bool = False


def pick(run: Run, shipped: Shipped, kind: str | None = None, adapter: bool = False) -> ShippedFile:
    """The GGUF to serve, with `adapter` the LoRA. UsageError when there is none (of that type)."""
    files = [f for f in shipped.files if f.type != SAFETENSORS]
    if kind or adapter:
        files = [f for f in files if bool(f.base) is adapter]
    files.sort(key=lambda file: not file.base)  # of one type the merged one
    found = {f.type: f for f in files}
    for wanted in (kind,) if kind else (*PREFERRED, *found):
        if wanted in found:
            return found[wanted]
    what = "LoRA GGUF with its base" if adapter else "GGUF"
    more = (" --adapter-only" if adapter else "") + (f" --type {kind}" if kind else "")
    raise UsageError(
        f"There is no {what}{f' of type {kind}' if kind else ''} yet.",
        f"sessiontune ship {run.typed}{more}",
    )


def modelfile_of(run: Run, options: ShipOptions, shipped: Shipped, kind: str) -> Modelfile:
    """The Modelfile for one type: the LoRA GGUF on its base, or the merged file.

    The chat template is in the GGUF; TEMPLATE is written for known families only. The context is
    always stated: Ollama's default of 4096 on small machines silently cuts an agent's prompt.
    """
    file = next(f for f in shipped.files if f.type == kind and bool(f.base) is options.adapter_only)
    source, adapter = (file.base, file.name) if file.base else (file.name, "")
    license = " ".join((options.card.license, options.card.license_link)).strip()
    return Modelfile(
        source=_place(source),
        adapter=_place(adapter) if adapter else "",
        template=go_template(run),
        system=options.system,
        parameters=(("num_ctx", str(shipped.context)), *(("stop", text) for text in run.stop)),
        licenses=(license,) if license else (),
    )


def _place(name: str) -> str:
    return name if name.startswith("/") else f"./{name}"


def write_guide(run: Run, options: ShipOptions, shipped: Shipped, out: Path) -> Guide:
    """Write the Modelfile (for a GGUF) and commands.md.

    A Modelfile that a person changed stays as it is. If a Modelfile cannot express the model,
    create.json tells Ollama's HTTP interface, and commands.md has the commands that send it.
    """
    kinds = [kind for kind in options.types if kind != SAFETENSORS]
    if not kinds:
        return Guide(None)
    made = modelfile_of(run, options, shipped, kinds[0])
    guide = _put_modelfile(out / "Modelfile", made)
    blobs: Mapping[Path, str] = {}
    if guide.note and not guide.yours:
        blobs = _digests(made, shipped, out)
        request = ollama.request(run.slug, made, {path.name: d for path, d in blobs.items()})
        asked = json.dumps(request, indent=2) + "\n"  # ASCII: nothing can be lost
        write_whole(out / CREATE, asked.encode())
    else:
        (out / CREATE).unlink(missing_ok=True)
    adapter = made.adapter.removeprefix("./")
    model = made.source.removeprefix("./")
    page = commands(run, out, model, adapter, shipped.context, blobs)
    write_whole(out / "commands.md", page.encode())
    return guide


def _digests(made: Modelfile, shipped: Shipped, out: Path) -> Mapping[Path, str]:
    known = {out / file.name: file.sha256 for file in shipped.files}
    files = ollama.files_of(made, out)
    return {path: f"sha256:{known.get(path) or file_digest(path)}" for path in files}


def _put_modelfile(path: Path, made: Modelfile) -> Guide:
    if path.is_file() and not _ours(path):
        note = f"{path} is kept as you changed it; delete it to have it written anew."
        return Guide(made, note, yours=True)
    try:
        text = write(made)
    except UsageError as cannot:
        path.unlink(missing_ok=True)  # the old one says something else
        note = f"{cannot.message} So {CREATE} is written, and commands.md says how to send it."
        return Guide(made, note)
    write_whole(path, (_MARK.format(_digest(text)) + text).encode())
    return Guide(made)


def _ours(path: Path) -> bool:
    head, _, rest = path.read_bytes().decode("utf-8", "replace").partition("\n")
    return f"{head}\n" == _MARK.format(_digest(rest))


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
