"""Ollama's HTTP interface: blobs with digests, create, show, and one reply that stops by itself.

The client is handed in (the one door out is `evaluation.endpoint`). A blob is sent only when the
server does not have it; the server checks its digest, and so do we before.
"""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec

from ..errors import EndpointError, PreflightError, ToolError, UsageError
from .modelfile import Modelfile
from .run import file_digest

Step = Callable[[str, int, int], None]
DEFAULT_URL = "http://127.0.0.1:11434"


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
            "Start it (`ollama serve`) or set OLLAMA_HOST, and run the command again: what was made"
            " is kept. `ollama create NAME -f Modelfile` in its folder does the same.",
        ) from error


#: Instructions of a Modelfile that are fields of the same name, in small letters.
MORE = ("RENDERER", "PARSER", "REQUIRES")
#: The first version that takes no LoRA adapter, and quantises no GGUF.
WITHOUT = (0, 34, 1)


def check_version(version: str, adapter: bool, quantize: str) -> None:
    """UsageError, before a byte is sent, for what this version no longer does."""
    numbers = re.match(r"(\d+)\.(\d+)\.(\d+)", version)
    if numbers is None or tuple(map(int, numbers.groups())) < WITHOUT:
        return
    if adapter:
        raise UsageError(f"Ollama {version} takes no LoRA adapters.", _MERGED)
    if quantize:
        raise UsageError(f"Ollama {version} does not quantise GGUF files.", _QUANTISED)


def send_blob(client: Client, file: Path, step: Step) -> str:
    """Make sure that the server has the file. Returns its digest (`sha256:...`)."""
    digest = f"sha256:{file_digest(file)}"
    head = client.request("HEAD", f"/api/blobs/{digest}")
    head.close()
    if head.status == 200:
        step("already there", 1, 1)
        return digest
    if head.status != 404:
        raise EndpointError(f"Ollama answers {head.status} when asked for a blob.")
    step(f"send {file.name}", 0, 0)
    reply = client.request("POST", f"/api/blobs/{digest}", body=file)
    if reply.status not in (200, 201):
        said = reply.read(2000).decode("utf-8", "replace").strip()
        raise EndpointError(
            f"Ollama refuses {file.name} ({reply.status}): {said[:300]}",
            "Free space where Ollama keeps its models, and run the command again."
            if "no space left" in said
            else "",
        )
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
    """Create the model `name` from the files that the Modelfile names. Returns file name -> digest.

    EndpointError, with what the server said, if it does not end in `success`.
    """
    files = files_of(modelfile, folder)
    digests = {file.name: send_blob(client, file, step) for file in files}
    body = request(name, modelfile, digests)
    if quantize:
        body["quantize"] = quantize
    last = ""
    for line in _create(client, body):
        if not isinstance(line, dict):
            raise EndpointError("Ollama sends a status that is not an object.")
        if "error" in line:
            text = str(line["error"])
            raise EndpointError(f"Ollama cannot create {name}: {text}", _next(text))
        last = str(line.get("status", ""))
        step(last, int(line.get("completed") or 0), int(line.get("total") or 0))
    if last != "success":
        raise EndpointError(
            f"Ollama broke off creating {name} (last: {last or 'nothing'}).",
            "Is its disk full? Run the command again: what was sent is not sent twice.",
        )
    return digests


def files_of(modelfile: Modelfile, folder: Path) -> list[Path]:
    """The files that must go up. UsageError if one is not there: Ollama would take its path for the
    name of a model, and look for it online."""
    named = [("FROM", modelfile.source)] if modelfile.source.endswith(".gguf") else []
    named += [("ADAPTER", modelfile.adapter)] if modelfile.adapter else []
    for instruction, place in named:
        if not (folder / place).is_file():
            raise UsageError(f"{folder / place}, the {instruction} of the Modelfile, is not there.")
    return [folder / place for _, place in named]


def request(name: str, modelfile: Modelfile, digests: Mapping[str, str]) -> dict[str, Any]:
    """The body of `/api/create`. `digests`: file name -> digest."""
    body: dict[str, Any] = {"model": name, "stream": True}
    source, adapter = Path(modelfile.source).name, Path(modelfile.adapter).name
    if modelfile.source.endswith(".gguf"):
        body["files"] = {source: digests[source]}
    else:
        body["from"] = modelfile.source
    if adapter:
        body["adapters"] = {adapter: digests[adapter]}
    return body | {k: v for k, v in _settings(modelfile).items() if v}


def _create(client: Client, body: Mapping[str, Any]) -> Iterator[Any]:
    try:
        yield from client.ndjson("/api/create", body)
    except EndpointError as error:  # newer versions refuse at once, older ones in the stream
        raise EndpointError(error.message, _next(error.message) or error.hint) from error


def _settings(modelfile: Modelfile) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    for key, value in modelfile.parameters:
        if key == "stop":
            parameters.setdefault("stop", []).append(value)
        else:
            parameters[key] = _typed(value)
    return {
        "template": modelfile.template,
        "system": modelfile.system,
        "parameters": parameters,
        "license": list(modelfile.licenses),
        "messages": [{"role": r, "content": t} for r, t in modelfile.messages],
        **{instruction.lower(): value for instruction, value in modelfile.more},
    }


def _typed(value: str) -> object:
    """Numbers and booleans as such: Ollama refuses a temperature that is a text."""
    if value in ("true", "false"):
        return value == "true"
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(value)
    return value


_MERGED = "Ship the merged model: leave --adapter-only out."
_QUANTISED = "Leave --ollama-quantize out, or quantise before, with llama-quantize: --type q4_k_m."


def _next(said: str) -> str:
    text = said.lower()
    if "adapters are no longer" in text:
        return _MERGED
    if "quantization is only supported for safetensors" in text:
        return _QUANTISED
    if "quantiz" in text:
        return "Ollama quantises from f16, bf16 or f32 only: ship with --type f16."
    if "unsupported" in text or "unknown model architecture" in text:
        return "This Ollama is too old for the model: update it, or serve with `sessiontune serve`."
    return ""


def check(client: Client, name: str, wanted: Modelfile, stops: tuple[str, ...]) -> Created:
    """Ask for what was created, and for one reply, which must stop by itself.

    PreflightError when a parameter or a text was lost or changed, or the reply shows one of
    `stops`, the stop tokens of the training.
    """
    shown = client.call("/api/show", {"model": name})
    kept = _shown_parameters(str(shown.get("parameters", "")))
    for key, value in wanted.parameters:
        if not any(_equal(value, found) for found in kept.get(key, ())):
            what = f"stop '{value}'" if key == "stop" else f"{key} {value}"
            raise PreflightError(
                f"Ollama has lost the {what} of {name}.", "Create the model again."
            )
    texts = {"system": wanted.system, "license": "\n".join(wanted.licenses)}
    for field, text in texts.items():
        if text and shown.get(field, text) != text:
            raise PreflightError(
                f"Ollama has changed the {field} text of {name}.",
                "Is this its newest version? Report it with the text.",
            )
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


def _shown_parameters(text: str) -> dict[str, list[str]]:
    """`/api/show` lists a name and a value a line; texts are quoted as Go does."""
    found: dict[str, list[str]] = {}
    for line in text.split("\n"):
        key, _, value = line.strip().partition(" ")
        value = value.strip()
        if value.startswith('"'):
            with contextlib.suppress(ValueError, SyntaxError):
                value = str(ast.literal_eval(value))  # Go's escapes are some of Python's
        found.setdefault(key, []).append(value)
    return found


def _equal(one: str, other: str) -> bool:
    try:
        return one == other or float(one) == float(other)
    except ValueError:
        return False
