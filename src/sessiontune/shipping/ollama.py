"""Ollama's HTTP interface: blobs with digests, create, show, and one reply that stops by itself.

The client is handed in (the one door out is `evaluation.endpoint`). A blob is sent only when the
server does not have it; the server checks its digest, and so do we before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec

from ..errors import EndpointError, PreflightError, ToolError
from .modelfile import Modelfile
from .run import file_digest

Step = Callable[[str, int, int], None]
DEFAULT_URL = "http://127.0.0.1:11434"


class Reply(Protocol):
    status: int

    def close(self) -> None: ...


class Client(Protocol):
    """What is needed of the HTTP client."""

    url: str

    def request(
        self, method: str, path: str, *, body: bytes | Path | None = None, retry: bool = True
    ) -> Any: ...

    def call(self, path: str, data: Mapping[str, Any] | None = None) -> Any: ...

    def ndjson(self, path: str, data: Mapping[str, Any]) -> Iterator[Any]: ...


class Created(msgspec.Struct, frozen=True):
    """A model in Ollama that answered. `reply` is its first answer."""

    model: str
    digests: dict[str, str]
    reply: str
    stopped: bool


def address(env: Mapping[str, str]) -> str:
    """Where Ollama listens: OLLAMA_HOST as its own client reads it, else the default."""
    host = env.get("OLLAMA_HOST", "").strip()
    if not host:
        return DEFAULT_URL
    if "://" not in host:
        host = f"http://{host}"
    scheme, _, rest = host.partition("://")
    rest = rest.replace("0.0.0.0", "127.0.0.1", 1).rstrip("/")
    if rest.startswith(":"):
        rest = f"127.0.0.1{rest}"
    port = "" if ":" in rest.rsplit("]", 1)[-1] else ":11434" if scheme == "http" else ""
    return f"{scheme}://{rest}{port}"


def version(client: Client) -> str:
    """The server's version. ToolError when none answers."""
    try:
        return str(client.call("/api/version")["version"])
    except (EndpointError, KeyError, TypeError) as error:
        raise ToolError(
            f"No Ollama answers at {client.url}.",
            "Start it (`ollama serve`), or set OLLAMA_HOST. The Modelfile is written in any case:"
            " `ollama create NAME -f Modelfile` does the same.",
        ) from error


def send_blob(client: Client, file: Path, step: Step) -> str:
    """Make sure that the server has the file; its digest (`sha256:...`)."""
    digest = f"sha256:{file_digest(file)}"
    head = client.request("HEAD", f"/api/blobs/{digest}")
    head.close()
    if head.status == 200:
        step("already there", 1, 1)
        return digest
    if head.status != 404:
        raise EndpointError(f"Ollama answers {head.status} to a question for a blob.")
    step(f"send {file.name}", 0, 0)
    reply = client.request("POST", f"/api/blobs/{digest}", body=file)
    if reply.status not in (200, 201):
        said = reply.read(2000).decode("utf-8", "replace").strip()
        raise EndpointError(f"Ollama refuses {file.name} ({reply.status}): {said[:300]}")
    reply.close()
    return digest


def create(
    client: Client,
    name: str,
    modelfile: Modelfile,
    folder: Path,
    step: Step,
    quantize: str = "",
) -> dict[str, str]:
    """Create the model `name` from the files that the Modelfile names; file name -> digest.

    EndpointError with what the server said when it does not end in `success`.
    """
    digests: dict[str, str] = {}
    body: dict[str, Any] = {"model": name, "stream": True}
    source = folder / modelfile.source
    if source.is_file():
        digests[source.name] = send_blob(client, source, step)
        body["files"] = {source.name: digests[source.name]}
    else:
        body["from"] = modelfile.source
    if modelfile.adapter:
        adapter = folder / modelfile.adapter
        digests[adapter.name] = send_blob(client, adapter, step)
        body["adapters"] = {adapter.name: digests[adapter.name]}
    body |= {k: v for k, v in _settings(modelfile).items() if v}
    if quantize:
        body["quantize"] = quantize
    last = ""
    for line in client.ndjson("/api/create", body):
        if not isinstance(line, dict):
            raise EndpointError("Ollama sends a status that is not an object.")
        if "error" in line:
            raise EndpointError(f"Ollama cannot create {name}: {line['error']}", _next(line))
        last = str(line.get("status", ""))
        step(last, int(line.get("completed") or 0), int(line.get("total") or 0))
    if last != "success":
        raise EndpointError(
            f"Ollama broke off creating {name} (last: {last or 'nothing'}).",
            "Is its disk full? Run the command again: what was sent is not sent twice.",
        )
    return digests


def _settings(modelfile: Modelfile) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    for key, value in modelfile.parameters:
        if key == "stop":
            parameters.setdefault("stop", []).append(value)
        else:
            parameters[key] = int(value) if value.lstrip("-").isdigit() else value
    return {
        "template": modelfile.template,
        "system": modelfile.system,
        "parameters": parameters,
        "license": list(modelfile.licenses),
        "messages": [{"role": r, "content": t} for r, t in modelfile.messages],
    }


def _next(line: Mapping[str, Any]) -> str:
    text = str(line.get("error", "")).lower()
    if "unsupported" in text or "unknown model architecture" in text:
        return "This Ollama is too old for the model: update it, or serve with `sessiontune serve`."
    if "quantiz" in text:
        return "Ollama quantises from f16, bf16 or f32 only: ship with --type f16."
    return ""


def check(client: Client, name: str, stops: tuple[str, ...], context: int) -> Created:
    """Ask for what was created, and for one reply, which must stop by itself.

    PreflightError when stops or context were lost, or the reply shows a stop token.
    """
    shown = client.call("/api/show", {"model": name})
    text = str(shown.get("parameters", ""))
    for stop in stops:
        if stop not in text:
            raise PreflightError(
                f"Ollama has lost the stop '{stop}' of {name}.", "Create the model again."
            )
    if str(context) not in text:
        raise PreflightError(f"Ollama has lost num_ctx of {name}.", "Create the model again.")
    data = {
        "model": name,
        "messages": [{"role": "user", "content": "Say hello in one short sentence."}],
        "stream": False,
        "options": {"temperature": 0, "num_predict": 200},
    }
    answer = client.call("/api/chat", data)
    reply = str((answer.get("message") or {}).get("content", ""))
    leaked = next((stop for stop in stops if stop in reply), None)
    if leaked:
        raise PreflightError(
            f"The reply from Ollama shows the stop token '{leaked}'.",
            "Its template or stops are not those of the training: update Ollama and create again.",
        )
    return Created(name, {}, reply, str(answer.get("done_reason", "")) == "stop")
