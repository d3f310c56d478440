"""Plan the program that answers: a llama.cpp server on a unix socket in a private folder.

A socket file, not a port: no other user and no web page reaches the engine itself. `serve` puts
its own door on loopback before it. Engines: `xllamacpp` (extra `serve`, the C++ server as a
Python package) or the program `llama-server`.
"""

from __future__ import annotations

import json
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import msgspec

from ..errors import ToolError
from ..ports import Job
from .leash import WATCHED

XLLAMACPP = "xllamacpp"
LLAMA_SERVER = "llama-server"


class Engine(msgspec.Struct, frozen=True, kw_only=True):
    """What is served and how. `context` and `parallel` in tokens and requests; 0 threads: all."""

    model: Path
    socket: Path
    alias: str
    adapter: Path | None = None
    context: int = 4096
    parallel: int = 1
    threads: int = 0


def engines() -> list[str]:
    """The engines that are here, the preferred one first."""
    found = [XLLAMACPP] if find_spec("xllamacpp") else []
    return [*found, *([LLAMA_SERVER] if shutil.which(LLAMA_SERVER) else [])]


def need_engine(kind: str | None = None) -> str:
    """The engine to use. ToolError if it is missing, or if there is none."""
    here = engines()
    chosen = kind or next(iter(here), None)
    if chosen is None or chosen not in here:
        wanted = f"'{kind}' is not here" if kind else "There is nothing here that serves a GGUF"
        raise ToolError(
            f"{wanted}.",
            "pip install 'sessiontune[serve]', or put llama.cpp's llama-server on PATH.",
        )
    return chosen


def plan_engine(engine: Engine, kind: str | None) -> Job:
    """The program to start. ToolError when there is none."""
    if need_engine(kind) == XLLAMACPP:
        program = (sys.executable, "-m", "sessiontune.shipping.engine_main")
        asked = json.dumps(msgspec.structs.asdict(engine), default=str)
        return Job(name="model server", argv=(*program, asked), env=WATCHED)
    return Job(name="model server", argv=_llama_server(engine), leash=True)


def _llama_server(engine: Engine) -> tuple[str, ...]:
    argv = [LLAMA_SERVER, "--model", str(engine.model), "--host", str(engine.socket)]
    argv += ["--alias", engine.alias, "--jinja", "--no-webui", "--no-slots"]
    argv += ["--ctx-size", str(engine.context * engine.parallel)]
    argv += ["--parallel", str(engine.parallel)]
    argv += ["--threads", str(engine.threads)] if engine.threads else []
    argv += ["--lora", str(engine.adapter)] if engine.adapter else []
    return tuple(argv)


def command_line(model: str, adapter: str | None, alias: str, context: int) -> str:
    """The command line for users who run llama.cpp's server themselves."""
    lora = f" --lora {adapter}" if adapter else ""
    return (
        f"llama-server --model {model}{lora} --alias {alias} --jinja --ctx-size {context}"
        " --host 127.0.0.1 --port 8080"
    )
