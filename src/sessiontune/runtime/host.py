"""What to serve of a run and with what: a llama.cpp engine, Ollama, or vLLM."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from ..errors import ToolError, UsageError
from ..evaluation.endpoint import Endpoint
from ..ports import Job
from ..shipping import ollama
from ..shipping.engine import engines
from ..shipping.guide import vllm_argv
from ..shipping.run import Run
from .guide import pick
from .process import start
from .serving import SILENCE, ready, served
from .shop import Shipped, ShippedFile, context_of, read_shipped

OLLAMA, VLLM = "ollama", "vllm"


class Hosting(msgspec.Struct, frozen=True, kw_only=True):
    """How to serve. `kind`: type of the file, None for the best there is; sizes as in `Engine`."""

    engine: str | None = None
    kind: str | None = None
    adapter: bool = False
    context: int = 0
    parallel: int = 1
    threads: int = 0


class Hosted(msgspec.Struct, frozen=True):
    """A running model: its client, its name, tokens of context, and what serves it."""

    client: Endpoint
    model: str
    context: int
    what: str


def shipped_of(run: Run, how: str = "") -> Shipped:
    """What was shipped of a run. ToolError when nothing was; `how`: the option it takes."""
    found = read_shipped(run.out)
    if found is None or not found.files:
        raise ToolError(
            f"Nothing of {run.folder} was shipped yet.", f"sessiontune ship {run.typed}{how}"
        )
    return found


def context_to_serve(run: Run, hosting: Hosting) -> int:
    """Tokens of context: as asked, else as shipped. UsageError for more than there can be."""
    return context_of(run, hosting.context, shipped_of(run).context)


@contextlib.contextmanager
def hosted(run: Run, hosting: Hosting, env: Mapping[str, str]) -> Iterator[Hosted]:
    """Serve a shipped run while the block runs."""
    if hosting.engine == OLLAMA:
        if hosting.context:
            raise UsageError(
                "Ollama serves with the context that the model was created with.",
                f"sessiontune ship {run.typed} --context {hosting.context} --ollama {run.slug}",
            )
        client = Endpoint(ollama.address(env), remote="OLLAMA_HOST" in env)
        ollama.version(client)
        known = {str(m.get("name", "")).removesuffix(":latest") for m in _models(client)}
        if run.slug not in known:
            raise ToolError(
                f"Ollama has no model {run.slug}.",
                f"sessiontune ship {run.typed} --ollama {run.slug}",
            )
        yield Hosted(client, run.slug, shipped_of(run).context, "Ollama")
        return
    if hosting.engine == VLLM:
        with _vllm(run, hosting) as client:
            yield Hosted(client, run.slug, hosting.context or run.max_length, "vLLM")
        return
    if hosting.adapter and run.full:
        raise UsageError(
            f"{run.folder} trained the whole model: base and tuned are two models, not one with"
            " and without an adapter.",
            "Serve it without --adapter, or chat without --compare.",
        )
    shipped = shipped_of(run, " --adapter-only" if hosting.adapter else "")
    file = adapter_of(run, shipped) if hosting.adapter else pick(run, shipped, hosting.kind)
    context = context_to_serve(run, hosting)
    model, adapter = _paths(run, file)
    with served(
        model,
        run.slug,
        adapter=adapter,
        context=context,
        parallel=hosting.parallel,
        threads=hosting.threads,
        kind=hosting.engine,
    ) as client:
        engine = hosting.engine or next(iter(engines()))
        yield Hosted(client, run.slug, context, f"{file.name} ({engine})")


def adapter_of(run: Run, shipped: Shipped) -> ShippedFile:
    """The LoRA GGUF of a run. ToolError when there is none."""
    found = next((f for f in shipped.files if f.base), None)
    if found is None:
        raise ToolError(
            "There is no LoRA GGUF with its base yet.",
            f"sessiontune ship {run.typed} --adapter-only",
        )
    return found


def _paths(run: Run, file: ShippedFile) -> tuple[Path, Path | None]:
    if file.base:
        base = Path(file.base)
        return (base if base.is_absolute() else run.out / base), run.out / file.name
    return run.out / file.name, None


def _models(client: Endpoint) -> list[dict[str, object]]:
    answer = client.call("/api/tags")
    found = answer.get("models") if isinstance(answer, dict) else None
    return [m for m in found if isinstance(m, dict)] if isinstance(found, list) else []


@contextlib.contextmanager
def _vllm(run: Run, hosting: Hosting) -> Iterator[Endpoint]:
    """vLLM on a private socket, with the merged safetensors or base and adapter."""
    if not shutil.which("vllm"):
        raise ToolError("vllm is not on PATH.", "pip install vllm, or leave --engine out.")
    folder = Path(tempfile.mkdtemp(prefix="sessiontune-"))
    socket = folder / "engine.sock"
    argv = [*vllm_argv(run, run.out), "--uds", str(socket)]
    argv += ["--max-model-len", str(hosting.context)] if hosting.context else []
    try:
        with start(Job(name="vLLM", argv=tuple(argv), leash=True), folder) as service:
            service.drain()
            client = Endpoint(f"unix://{socket}", retries=0, timeout=SILENCE)
            ready(service, client, run.slug)
            yield client
    finally:
        shutil.rmtree(folder, ignore_errors=True)
