"""Start a model server and hand out a client for it; it ends when the block is left."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..errors import EndpointError, ToolError
from ..evaluation.endpoint import Endpoint, Reply
from ..ports import Job
from ..shipping.engine import Engine, plan_engine
from ..shipping.gguf import check_whole
from .process import Service, start

#: Seconds that a server may take to load its model.
START = 600.0
#: Seconds that it may say nothing, for it reads the prompt first: an agent's, on a CPU, takes long.
#: A server that has died is noticed at once, by its socket.
SILENCE = 3600.0
#: What is said of a server that ended by itself, and what to do.
ENDED = (
    "The model server has ended.",
    "Did memory run out? Take a smaller type (--type q4_k_m) or a smaller --context.",
)


class Served(Endpoint):
    """The client of a server that we started. `alive`: whether that still runs."""

    def __init__(self, socket: Path, service: Service) -> None:
        super().__init__(f"unix://{socket}", retries=0, timeout=SILENCE)
        self._service = service
        self.alive = service.alive

    def request(self, method: str, path: str, **more: Any) -> Reply:
        """As of any endpoint; the error of a server that has ended says so."""
        try:
            return super().request(method, path, **more)
        except EndpointError as error:
            if self.alive():
                raise
            raise EndpointError(*ENDED) from error


@contextlib.contextmanager
def served(
    model: Path,
    alias: str,
    *,
    adapter: Path | None = None,
    kind: str | None = None,
    **sizes: int,
) -> Iterator[Served]:
    """Serve a GGUF with the engine `kind`; `sizes` as in `Engine`. ToolError when the file or
    engine is bad."""
    check_whole(model)

    def plan(socket: Path) -> Job:
        engine = Engine(
            model=model.resolve(),
            socket=socket,
            alias=alias,
            adapter=adapter.resolve() if adapter else None,
            **sizes,
        )
        return plan_engine(engine, kind)

    with running(plan, model.name) as server:
        yield server


@contextlib.contextmanager
def running(plan: Callable[[Path], Job], name: str) -> Iterator[Served]:
    """Run the server that `plan` gives for a socket in a private folder, once it has loaded
    `name`."""
    folder = _private_folder()
    try:
        socket = folder / "engine.sock"
        with start(plan(socket), folder) as service:
            service.drain()
            server = Served(socket, service)
            _wait(service, server, name)
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _private_folder() -> Path:
    """A folder of ours alone, whose name is short: a socket's path has at most 103 bytes on macOS,
    and a folder for temporary files may lie deep."""
    deep = len(os.fsencode(tempfile.gettempdir())) > 70
    return Path(tempfile.mkdtemp(prefix="sessiontune-", dir="/tmp" if deep else None))


def _wait(service: Service, server: Served, name: str) -> None:
    """Wait until the server has loaded its model. ToolError when it ends or takes too long."""
    end = time.monotonic() + START
    while time.monotonic() < end:
        if not service.alive():
            raise _failed(service, name)
        with contextlib.suppress(EndpointError):
            reply = server.request("GET", "/health", retry=False)
            reply.close()
            if reply.status == 200:
                return
        time.sleep(0.05)
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
