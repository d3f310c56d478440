"""Start a model server and hand out a client for it; it ends when the block is left."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ..errors import EndpointError, ToolError
from ..evaluation.endpoint import Endpoint
from ..shipping.engine import Engine, plan_engine
from ..shipping.gguf import check_whole
from .process import Service, start

#: Seconds that a server may take to load its model.
START = 600.0
#: Seconds that it may say nothing, for it reads the prompt first: an agent's, on a CPU, takes long.
#: A server that has died is noticed at once, by its socket.
SILENCE = 3600.0


@contextlib.contextmanager
def served(
    model: Path,
    alias: str,
    *,
    adapter: Path | None = None,
    context: int = 4096,
    parallel: int = 1,
    threads: int = 0,
    kind: str | None = None,
) -> Iterator[Endpoint]:
    """Serve a GGUF on a socket in a private folder. ToolError when the file or engine is bad."""
    check_whole(model)
    folder = Path(tempfile.mkdtemp(prefix="sessiontune-"))  # 0700; short: socket paths are limited
    try:
        engine = Engine(
            model=model.resolve(),
            socket=folder / "engine.sock",
            alias=alias,
            adapter=adapter.resolve() if adapter else None,
            context=context,
            parallel=parallel,
            threads=threads,
        )
        with start(plan_engine(engine, kind), folder) as service:
            service.drain()
            endpoint = Endpoint(f"unix://{engine.socket}", retries=0, timeout=SILENCE)
            ready(service, endpoint, engine.model.name)
            yield endpoint
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def ready(service: Service, endpoint: Endpoint, name: str) -> None:
    """Wait until the server has loaded its model. ToolError when it ends or takes too long."""
    end = time.monotonic() + START
    while time.monotonic() < end:
        if not service.alive():
            raise _failed(service, name)
        try:
            reply = endpoint.request("GET", "/health", retry=False)
        except EndpointError:
            time.sleep(0.05)
            continue
        reply.close()
        if reply.status == 200:
            return
        time.sleep(0.1)
    raise ToolError(f"The server has not loaded {name} after {START:.0f} s.")


def _failed(service: Service, name: str) -> ToolError:
    text = "\n".join(service.tail)
    told = [line for line in service.tail if "error" in line.lower() or " E " in line]
    why = (told or list(service.tail) or ["no output"])[-1].strip()
    hint = "Ship the model again."
    if "unknown model architecture" in text:
        hint = "This llama.cpp is too old for the model: pip install --upgrade xllamacpp."
    elif "No module named" in text:
        hint = "pip install 'sessiontune[serve]'"
    elif "out of memory" in text.lower() or "failed to allocate" in text.lower():
        hint = "Take a smaller type (--type q4_k_m) or a smaller --context."
    return ToolError(f"The server cannot load {name}: {why[:300]}", hint)
