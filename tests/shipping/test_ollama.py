"""Ollama's HTTP contract against a server that checks digests and streams status lines.

With `ollama` on PATH the same way is gone against the real one (see the last test).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sessiontune.errors import EndpointError, PreflightError, ToolError, UsageError
from sessiontune.evaluation.endpoint import Endpoint
from sessiontune.runtime.deploy import create_in_ollama, read_modelfile
from sessiontune.runtime.guide import write_guide
from sessiontune.runtime.ship import ship
from sessiontune.runtime.shop import ShipOptions, Shipped, ShippedFile
from sessiontune.shipping import ollama
from sessiontune.shipping.convert import Card
from sessiontune.shipping.modelfile import Modelfile, write
from sessiontune.shipping.run import Run

REPLY = "Hello there."


class FakeOllama(ThreadingHTTPServer):
    """Keeps blobs and models in memory; refuses what the real one refuses."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.blobs: dict[str, bytes] = {}
        self.models: dict[str, dict[str, Any]] = {}
        self.uploads = 0
        self.fault = ""
        self.version = "0.34.4"
        self.reply = REPLY


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeOllama

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def _send(self, status: int, data: Any = None) -> None:
        raw = b"" if data is None else json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def do_HEAD(self) -> None:
        known = self.path.removeprefix("/api/blobs/") in self.server.blobs
        self.send_response(200 if known else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        self._send(200, {"version": self.server.version})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/api/blobs/"):
            digest = self.path.removeprefix("/api/blobs/")
            self.server.uploads += 1
            if digest != f"sha256:{sha256(body).hexdigest()}" or self.server.fault == "digest":
                self._send(400, {"error": "digest mismatch"})
                return
            self.server.blobs[digest] = body
            self._send(201)
            return
        getattr(self, "_" + self.path.removeprefix("/api/"))(json.loads(body))

    def _create(self, data: dict[str, Any]) -> None:
        lines: list[dict[str, Any]] = [{"status": "parsing GGUF", "completed": 1, "total": 2}]
        given = {**data.get("files", {}), **data.get("adapters", {})}
        if self.server.version >= "0.34.1":
            if data.get("adapters"):
                self._send(400, {"error": "LoRA adapters are no longer supported"})
                return
            if data.get("quantize"):
                why = "create-time quantization is only supported for safetensors imports; ..."
                self._send(400, {"error": why})
                return
        missing = [name for name, digest in given.items() if digest not in self.server.blobs]
        if missing:
            lines = [{"error": f"blob not found: {missing[0]}"}]
        elif self.server.fault == "architecture":
            lines.append({"error": 'unsupported architecture "NobodyForCausalLM"'})
        elif self.server.fault != "breaks off":
            self.server.models[data["model"]] = data
            lines += [{"status": "writing manifest"}, {"status": "success"}]
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        raw = "".join(json.dumps(line) + "\n" for line in lines).encode()
        for at in range(0, len(raw), 7):  # lines do not arrive in one piece
            piece = raw[at : at + 7]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def _show(self, data: dict[str, Any]) -> None:
        model = self.server.models[data["model"]]
        parameters = {} if self.server.fault == "forgets" else model["parameters"]
        rows = [(k, x) for k, v in parameters.items() for x in (v if isinstance(v, list) else [v])]
        text = "\n".join(f"{k:<30} {_go(v)}" for k, v in rows)
        system = model.get("system", "")
        answer = {
            "parameters": text,
            "template": model.get("template", ""),
            "system": system.replace("\u00a0", "") if self.server.fault == "drops" else system,
            "license": "\n".join(model.get("license", ())),
        }
        self._send(200, answer)

    def _chat(self, data: dict[str, Any]) -> None:
        self._send(200, {"message": {"content": self.server.reply}, "done_reason": "stop"})


def _go(value: object) -> str:
    """As Go's %#v: printing characters as they are, others escaped."""
    if not isinstance(value, str):
        return str(value)
    quoted = json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in quoted)


@pytest.fixture
def server() -> Iterator[FakeOllama]:
    fake = FakeOllama()
    threading.Thread(target=fake.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield fake
    fake.shutdown()
    fake.server_close()


def _env(fake: FakeOllama) -> dict[str, str]:
    return {"OLLAMA_HOST": f"127.0.0.1:{fake.server_address[1]}"}


@pytest.fixture
def shipped(tmp_path: Path) -> Shipped:
    """A folder as `ship` leaves it."""
    (tmp_path / "m.gguf").write_bytes(b"GGUF" + os.urandom(300_000))
    made = Modelfile(
        source="./m.gguf",
        system='Be """brief""".',
        template="{{ .Prompt }}",
        parameters=(("num_ctx", "8192"), ("stop", "<|im_end|>"), ("stop", "<|eot|>")),
        licenses=("Apache-2.0",),
    )
    (tmp_path / "Modelfile").write_text(write(made), encoding="utf-8")
    return Shipped(
        name="m",
        run="m",
        base="b",
        data="d",
        converter="",
        context=8192,
        stop=("<|im_end|>", "<|eot|>"),
    )


def test_blobs_create_show_and_one_reply(
    server: FakeOllama, shipped: Shipped, tmp_path: Path
) -> None:
    seen: list[str] = []
    server.version = "0.34.0"
    made = create_in_ollama(
        tmp_path, shipped, "mine", "q4_K_M", _env(server), lambda text, *_: seen.append(text)
    )
    data = server.models["mine"]
    digest = f"sha256:{sha256((tmp_path / 'm.gguf').read_bytes()).hexdigest()}"
    assert data["files"] == made.digests == {"m.gguf": digest}
    assert data["parameters"] == {"num_ctx": 8192, "stop": ["<|im_end|>", "<|eot|>"]}
    assert (data["system"], data["license"], data["quantize"]) == (
        'Be """brief""".',
        ["Apache-2.0"],
        "q4_K_M",
    )
    assert (made.reply, made.stopped) == (REPLY, True)
    assert seen[-1] == "success"


def test_what_was_sent_is_not_sent_again(
    server: FakeOllama, shipped: Shipped, tmp_path: Path
) -> None:
    for _ in range(2):
        create_in_ollama(tmp_path, shipped, "mine", "", _env(server), lambda *_: None)
    assert server.uploads == 1


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ("digest", EndpointError, "digest mismatch"),
        ("architecture", EndpointError, "unsupported architecture"),
        ("breaks off", EndpointError, "broke off"),
        ("forgets", PreflightError, "lost the num_ctx 8192"),
    ],
)
def test_its_refusals_are_passed_on(
    server: FakeOllama,
    shipped: Shipped,
    tmp_path: Path,
    fault: str,
    error: type[Exception],
    words: str,
) -> None:
    server.fault = fault
    with pytest.raises(error, match=words):
        create_in_ollama(tmp_path, shipped, "mine", "", _env(server), lambda *_: None)


ODD = 'no\u00a0break, \U0001f469\u200d\U0001f4bb, \u2028,\tends in """\nand  goes on \u00a0 '


def test_what_no_modelfile_can_carry_goes_through_http_unchanged(
    server: FakeOllama, shipped: Shipped, tmp_path: Path
) -> None:
    """Ollama's reader of Modelfiles drops what does not print; its HTTP interface keeps it."""
    made = Modelfile(
        source="./m.gguf",
        system=ODD,
        template=f"{{{{ .Prompt }}}}{ODD}",
        parameters=(("num_ctx", "8192"), ("stop", "<\u00a0>\n"), ("stop", '"""')),
        licenses=(ODD, "MIT"),
        messages=(("user", ODD),),
    )
    with pytest.raises(UsageError, match="cannot carry"):
        write(made)
    create_in_ollama(tmp_path, shipped, "odd", "", _env(server), lambda *_: None, made)
    data = server.models["odd"]
    assert (data["system"], data["template"]) == (ODD, f"{{{{ .Prompt }}}}{ODD}")
    assert data["license"] == [ODD, "MIT"]
    assert data["parameters"] == {"num_ctx": 8192, "stop": ["<\u00a0>\n", '"""']}
    assert data["messages"] == [{"role": "user", "content": ODD}]
    server.fault = "drops"
    with pytest.raises(PreflightError, match="changed the system text"):
        create_in_ollama(tmp_path, shipped, "odd", "", _env(server), lambda *_: None, made)


@pytest.mark.parametrize(
    ("adapter", "quantize", "hint"),
    [("./m.gguf", "", "leave --adapter-only out"), ("", "q4_K_M", "quantise before")],
)
def test_what_newer_versions_do_not_take_is_known_before_a_byte_is_sent(
    server: FakeOllama, shipped: Shipped, tmp_path: Path, adapter: str, quantize: str, hint: str
) -> None:
    made = Modelfile(source="./m.gguf", adapter=adapter, parameters=(("num_ctx", "8192"),))
    with pytest.raises(UsageError, match=r"Ollama 0\.34\.4") as caught:
        create_in_ollama(tmp_path, shipped, "x", quantize, _env(server), lambda *_: None, made)
    assert hint in caught.value.hint
    assert server.uploads == 0
    client = Endpoint(f"http://127.0.0.1:{server.server_address[1]}")  # one that hides its version
    with pytest.raises(EndpointError) as late:
        ollama.create(client, "x", made, tmp_path, lambda *_: None, quantize)
    assert hint in late.value.hint


def test_a_persons_own_modelfile_is_kept_and_sent(
    server: FakeOllama, runs: Callable[[str], Run], shipped: Shipped, tmp_path: Path
) -> None:
    file = ShippedFile(name="m.gguf", type="f16", size=1, sha256="", fingerprint="", engine="")
    made = msgspec.structs.replace(shipped, files=(file,))
    run, options = runs("llama"), ShipOptions(types=("f16",), out=tmp_path)
    path = tmp_path / "Modelfile"
    path.unlink()
    assert not write_guide(run, options, made, tmp_path).note
    again = msgspec.structs.replace(options, system="Be brief.")
    assert not write_guide(run, again, made, tmp_path).note  # ours: written anew
    assert "Be brief." in path.read_text(encoding="utf-8")
    mine = path.read_text(encoding="utf-8") + "PARAMETER temperature 0.2\nPARSER qwen3\n"
    path.write_text(mine, encoding="utf-8")
    guide = write_guide(run, options, made, tmp_path)
    assert guide.yours
    assert "delete it" in guide.note
    assert path.read_text(encoding="utf-8") == mine
    create_in_ollama(tmp_path, shipped, "mine", "", _env(server), lambda *_: None)
    assert server.models["mine"]["parameters"]["temperature"] == 0.2
    assert server.models["mine"]["parser"] == "qwen3"


def test_a_text_that_no_modelfile_carries_is_sent_by_the_commands_that_are_left(
    server: FakeOllama, runs: Callable[[str], Run], shipped: Shipped, tmp_path: Path
) -> None:
    file = ShippedFile(name="m.gguf", type="f16", size=1, sha256="", fingerprint="", engine="")
    made = msgspec.structs.replace(shipped, files=(file,))
    run, options = runs("llama"), ShipOptions(types=("f16",), out=tmp_path)
    (tmp_path / "Modelfile").unlink()
    write_guide(run, options, made, tmp_path)
    card = Card(license=ODD)
    odd = msgspec.structs.replace(options, system=ODD, card=card)
    guide = write_guide(run, odd, made, tmp_path)
    assert "no-break space" in guide.note
    assert not (tmp_path / "Modelfile").exists()
    _follow(tmp_path / "commands.md", server)
    data = server.models[run.slug]
    assert data["system"] == ODD
    assert data["license"] == [ODD.strip()]
    assert data["parameters"]["stop"] == ["<|im_end|>"]
    write_guide(run, options, made, tmp_path)
    assert (tmp_path / "Modelfile").exists()
    assert not (tmp_path / "create.json").exists()


def _follow(commands: Path, server: FakeOllama) -> None:
    """Run what commands.md says of curl, against this server."""
    if not shutil.which("curl"):
        pytest.skip("curl is not here")
    here = f"http://127.0.0.1:{server.server_address[1]}"
    text = commands.read_text(encoding="utf-8").replace(ollama.DEFAULT_URL, here)
    lines = [line.strip() for line in text.splitlines() if line.startswith("    c")]
    assert [line.split()[0] for line in lines] == ["cd", "curl", "curl"]
    script = "\n".join(["set -e", *lines])
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert '"status": "success"' in done.stdout


@pytest.mark.parametrize("system", ["two\r\nlines", "\tblanks ", "plain"])
def test_our_own_modelfile_is_known_again_whatever_its_text(
    runs: Callable[[str], Run], shipped: Shipped, tmp_path: Path, system: str
) -> None:
    file = ShippedFile(name="m.gguf", type="f16", size=1, sha256="", fingerprint="", engine="")
    made = msgspec.structs.replace(shipped, files=(file,))
    options = ShipOptions(types=("f16",), out=tmp_path, system=system)
    (tmp_path / "Modelfile").unlink()
    for _ in range(2):
        assert not write_guide(runs("llama"), options, made, tmp_path).note
    assert read_modelfile(tmp_path).system == system


def test_a_file_that_is_gone_is_not_taken_for_a_model(
    server: FakeOllama, shipped: Shipped, tmp_path: Path
) -> None:
    (tmp_path / "m.gguf").unlink()
    with pytest.raises(UsageError, match="is not there"):
        create_in_ollama(tmp_path, shipped, "mine", "", _env(server), lambda *_: None)


def test_a_stop_token_in_the_reply_is_refused(
    server: FakeOllama, shipped: Shipped, tmp_path: Path
) -> None:
    server.reply = "Hello<|im_end|>\n<|im_start|>user"
    with pytest.raises(PreflightError, match="shows the stop token"):
        create_in_ollama(tmp_path, shipped, "mine", "", _env(server), lambda *_: None)


def test_nobody_at_home(shipped: Shipped, tmp_path: Path) -> None:
    env = {"OLLAMA_HOST": "127.0.0.1:9"}
    with pytest.raises(ToolError, match="No Ollama answers") as caught:
        create_in_ollama(tmp_path, shipped, "mine", "", env, lambda *_: None)
    assert "ollama create" in caught.value.hint


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        (":8000", "http://127.0.0.1:8000"),
        ("box:1234", "http://box:1234"),
        ("https://box/", "https://box"),
        ("http://[::1]", "http://[::1]:11434"),
    ],
)
def test_where_ollama_listens(host: str, url: str) -> None:
    assert ollama.address({"OLLAMA_HOST": host}) == url


def test_another_host_only_when_the_user_names_it() -> None:
    with pytest.raises(EndpointError, match="not this machine"):
        Endpoint("http://box:11434")


@pytest.mark.models
@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("ollama"), reason="ollama is not on PATH")
def test_the_real_ollama(
    runs: Callable[[str], Run], converter: None, engine: None, tmp_path: Path
) -> None:
    run = runs("llama")
    options = ShipOptions(types=("f16",), out=tmp_path)
    made = ship(run, options, os.environ, Path.home(), lambda *_: None, lambda _: None)
    write_guide(run, options, made, tmp_path)
    done = create_in_ollama(tmp_path, made, "sessiontune-test", "", os.environ, lambda *_: None)
    assert done.stopped
