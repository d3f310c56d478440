"""Create a shipped model in the local Ollama, and check what it serves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from shlex import quote

import msgspec

from ..errors import UsageError
from ..evaluation.endpoint import Endpoint
from ..shipping import modelfile, ollama
from ..shipping.modelfile import Modelfile
from .shop import Shipped


def create_in_ollama(
    out: Path,
    shipped: Shipped,
    name: str,
    quantize: str,
    env: Mapping[str, str],
    step: ollama.Step,
    wanted: Modelfile | None = None,
) -> ollama.Created:
    """Send the files that `wanted` (or else OUT/Modelfile) names, create `name`, ask it once.

    ToolError when no Ollama answers; EndpointError with its own words when it refuses;
    PreflightError when it lost what the model needs.
    """
    client = Endpoint(ollama.address(env), remote="OLLAMA_HOST" in env, retries=1)
    made = wanted or read_modelfile(out)
    ollama.check_version(ollama.version(client), bool(made.adapter), quantize)
    digests = ollama.create(client, name, made, out, step, quantize)
    created = ollama.check(client, name, made, shipped.stop)
    return msgspec.structs.replace(created, digests=digests)


def read_modelfile(out: Path) -> Modelfile:
    """OUT/Modelfile as a record; a person may have changed it."""
    path = out / "Modelfile"
    if not path.is_file():
        raise UsageError(f"{out} has no Modelfile.", "Ship a GGUF first: --type q8_0.")
    try:
        lines = modelfile.read(path.read_bytes().decode())
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8.", "Save it as UTF-8, or delete it.") from error
    if any(line.instruction == "DRAFT" for line in lines):
        raise UsageError(
            f"{path} has a DRAFT, which this program does not send.",
            f"cd {quote(str(out))} && ollama create NAME -f Modelfile",
        )

    def one(instruction: str) -> str:
        return next((x.value for x in reversed(lines) if x.instruction == instruction), "")

    def many(instruction: str) -> tuple[tuple[str, str], ...]:
        return tuple((x.key, x.value) for x in lines if x.instruction == instruction)

    return Modelfile(
        source=one("FROM"),
        adapter=one("ADAPTER"),
        template=one("TEMPLATE"),
        system=one("SYSTEM"),
        parameters=many("PARAMETER"),
        licenses=tuple(text for _, text in many("LICENSE")),
        messages=many("MESSAGE"),
        more=tuple((x.instruction, x.value) for x in lines if x.instruction in ollama.MORE),
    )
