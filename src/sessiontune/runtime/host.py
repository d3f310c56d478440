"""What to serve of a run and with what: a llama.cpp engine, Ollama, or vLLM."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from shlex import quote

import msgspec

from ..errors import ToolError, UsageError
from ..evaluation.endpoint import Endpoint
from ..ports import Job
from ..shipping import ollama
from ..shipping.engine import engines
from ..shipping.guide import vllm_argv
from ..shipping.run import Run
from .guide import pick
from .serving import Served, running, served
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
    """A running model: its client, its name, tokens of context, what serves it, and whether that
    still runs."""

    client: Endpoint
    model: str
    context: int
    what: str
    alive: Callable[[], bool] = lambda: True


def shipped_of(run: Run, how: str = "") -> Shipped:
    """What was shipped of a run. ToolError when nothing was; `how`: the option it takes."""
    found = read_shipped(run.out)
    if found is None or not found.files:
        where = f" to {run.shipped}" if run.shipped else ""
        how += f" --out {quote(str(run.shipped))}" if run.shipped else ""
        raise ToolError(
            f"{run.folder} has not been shipped{where} yet.", f"sessiontune ship {run.typed}{how}"
        )
    return found


def context_to_serve(run: Run, hosting: Hosting) -> int:
    """Tokens of context: as asked, else as shipped. UsageError for more than there can be."""
    return context_of(run, hosting.context, shipped_of(run).context)


@contextlib.contextmanager
def hosted(run: Run, hosting: Hosting, env: Mapping[str, str]) -> Iterator[Hosted]:
    """Serve a shipped run while the block runs."""
    _heeded(hosting)
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
            context = hosting.context or run.max_length
            yield Hosted(client, run.slug, context, "vLLM", client.alive)
        return
    if hosting.adapter and run.full:
        raise UsageError(
            f"{run.folder} trained the whole model: base and tuned are two models, not one with"
            " and without an adapter.",
            "Serve it without --adapter, or chat without --compare.",
        )
    shipped = shipped_of(run, " --adapter-only" if hosting.adapter else "")
    file = pick(run, shipped, hosting.kind, hosting.adapter)
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
        yield Hosted(client, run.slug, context, f"{file.name} ({engine})", client.alive)


def _heeded(hosting: Hosting) -> None:
    """UsageError for what an engine that is not ours would ignore."""
    if hosting.engine not in (OLLAMA, VLLM):
        return
    for name, option in (("kind", "type"), *((n, n) for n in ("adapter", "parallel", "threads"))):
        if getattr(hosting, name) != getattr(Hosting(), name):
            raise UsageError(f"--engine {hosting.engine} takes no --{option}.", "Leave it out.")


def _paths(run: Run, file: ShippedFile) -> tuple[Path, Path | None]:
    if file.base:
        base = Path(file.base)
        return (base if base.is_absolute() else run.out / base), run.out / file.name
    return run.out / file.name, None


def _models(client: Endpoint) -> list[dict[str, object]]:
    answer = client.call("/api/tags")
    found = answer.get("models") if isinstance(answer, dict) else None
    return [m for m in found if isinstance(m, dict)] if isinstance(found, list) else []


def _vllm(run: Run, hosting: Hosting) -> contextlib.AbstractContextManager[Served]:
    """vLLM with the merged safetensors, or base and adapter."""
    if not shutil.which("vllm"):
        raise ToolError("vllm is not on PATH.", "pip install vllm, or leave --engine out.")
    argv = vllm_argv(run, run.out)
    argv += ["--max-model-len", str(hosting.context)] if hosting.context else []

    def plan(socket: Path) -> Job:
        return Job(name="vLLM", argv=(*argv, "--uds", str(socket)), leash=True)

    return running(plan, run.slug)
