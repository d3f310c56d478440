"""Real clients talk to a served model through the loopback door; web pages do not get in."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sessiontune.cli.console import Console
from sessiontune.cli.main import main
from sessiontune.errors import EndpointError, UsageError
from sessiontune.evaluation.endpoint import Endpoint
from sessiontune.runtime.door import Door, open_door
from sessiontune.runtime.guide import pick
from sessiontune.runtime.host import Hosted, Hosting, hosted
from sessiontune.runtime.ship import ship
from sessiontune.runtime.shop import ShipOptions, Shipped, ShippedFile
from sessiontune.runtime.talk import Talk
from sessiontune.shipping.reference import ARGUMENTS, TOOL
from sessiontune.shipping.run import Run

from .conftest import GREETING, QUESTION

pytestmark = [pytest.mark.models, pytest.mark.slow]


#: This package no longer knows the parameter; the server does.
_GREEDY: Any = {"extra_body": {"temperature": 0}}


@pytest.fixture(scope="module")
def door(runs: Callable[[str], Run], converter: None, engine: None) -> Iterator[tuple[Door, Run]]:
    run = runs("llama")
    for adapter in (False, True):
        options = ShipOptions(types=("f16",), adapter_only=adapter)
        ship(run, options, os.environ, Path.home(), lambda *_: None, lambda _: None)
    with (
        hosted(run, Hosting(kind="f16", threads=1, parallel=2), os.environ) as model,
        open_door(0, model.client, model.model) as door,
    ):
        yield door, run


def test_the_openai_package(door: tuple[Door, Run]) -> None:
    import openai

    server, run = door
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="local", max_retries=0)
    assert [m.id for m in client.models.list()] == [run.slug]
    request: Any = {
        "model": run.slug,
        "messages": [GREETING],
        "max_tokens": 40,
        "temperature": 0,
    }
    whole = client.chat.completions.create(**request).choices[0]
    assert (whole.message.content, whole.finish_reason) == ("Hello there!", "stop")
    chunks = [c.choices[0] for c in client.chat.completions.create(**request, stream=True)]
    pieces = [c.delta.content for c in chunks if c.delta.content]
    assert "".join(pieces) == "Hello there!"
    assert len(pieces) > 1
    assert chunks[-1].finish_reason == "stop"


def test_the_openai_package_gets_tool_calls(door: tuple[Door, Run]) -> None:
    import openai

    server, run = door
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="local", max_retries=0)
    request: Any = {
        "model": run.slug,
        "messages": [QUESTION],
        "tools": [TOOL],
        "max_tokens": 80,
        "temperature": 0,
    }
    choice = client.chat.completions.create(**request).choices[0]
    assert choice.finish_reason == "tool_calls"
    call = choice.message.tool_calls[0].function
    assert (call.name, json.loads(call.arguments)) == ("read_file", ARGUMENTS)
    chunks = [c.choices[0] for c in client.chat.completions.create(**request, stream=True)]
    parts = [c.delta.tool_calls[0].function for c in chunks if c.delta.tool_calls]
    assert len(parts) > 1
    assert "".join(p.name or "" for p in parts) == "read_file"
    assert json.loads("".join(p.arguments or "" for p in parts)) == ARGUMENTS
    assert chunks[-1].finish_reason == "tool_calls"


def test_the_anthropic_package(door: tuple[Door, Run]) -> None:
    import anthropic

    server, run = door
    client = anthropic.Anthropic(base_url=server.url, auth_token="local", max_retries=0)
    asked: Any = {"model": run.slug, "messages": [GREETING]}
    whole = client.messages.create(**asked, max_tokens=40, **_GREEDY)
    assert whole.stop_reason == "end_turn"
    assert whole.content[0].text == "Hello there!"
    with client.messages.stream(**asked, max_tokens=40, **_GREEDY) as stream:
        pieces = list(stream.text_stream)
    assert "".join(pieces) == "Hello there!"
    assert len(pieces) > 1
    assert client.messages.count_tokens(**asked).input_tokens > 5


def test_the_anthropic_package_gets_tool_calls(door: tuple[Door, Run]) -> None:
    import anthropic

    server, run = door
    client = anthropic.Anthropic(base_url=server.url, auth_token="local", max_retries=0)
    function = TOOL["function"]
    request: Any = {
        "model": run.slug,
        "max_tokens": 80,
        **_GREEDY,
        "tools": [
            {
                "name": function["name"],
                "description": function["description"],
                "input_schema": function["parameters"],
            }
        ],
        "messages": [QUESTION],
    }
    whole = client.messages.create(**request)
    assert whole.stop_reason == "tool_use"
    used = [part for part in whole.content if part.type == "tool_use"]
    assert [(u.name, u.input) for u in used] == [("read_file", ARGUMENTS)]
    with client.messages.stream(**request) as stream:
        last = stream.get_final_message()
    assert [p.input for p in last.content if p.type == "tool_use"] == [ARGUMENTS]


def test_responses_are_there_for_codex(door: tuple[Door, Run]) -> None:
    import openai

    server, run = door
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="local", max_retries=0)
    answer = client.responses.create(model=run.slug, input="Say hello.", max_output_tokens=8)
    assert answer.output


def _raw(server: Door, headers: dict[str, str], method: str = "POST") -> tuple[int, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.putrequest(method, "/v1/models", skip_host=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.putheader("Content-Length", "0")
    connection.endheaders()
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, {k.lower(): v for k, v in answer.getheaders()}


def test_only_its_own_names_and_no_web_pages(door: tuple[Door, Run]) -> None:
    server, _ = door
    own = f"127.0.0.1:{server.port}"
    refused: list[dict[str, str]] = [
        {},
        {"Host": "evil.example"},
        {"Host": f"evil.example:{server.port}"},
        {"Host": f"127.0.0.1:{server.port + 1}"},
        {"Host": own, "Origin": "https://evil.example"},
        {"Host": own, "Origin": "null"},
        {"Host": own, "Origin": f"https://{own}"},
        {"Host": own, "Sec-Fetch-Site": "cross-site"},
        {"Host": own, "Sec-Fetch-Site": "same-site"},
    ]
    for headers in refused:
        status, seen = _raw(server, headers, "GET")
        assert status == 403, headers
        assert not any(name.startswith("access-control") for name in seen)
    assert _raw(server, {"Host": own, "Origin": "https://evil.example"}, "OPTIONS")[0] == 403
    for headers in ({"Host": own}, {"Host": f"localhost:{server.port}"}):
        status, seen = _raw(server, headers, "GET")
        assert status == 200
        assert not any(name.startswith("access-control") for name in seen)


def test_it_binds_to_loopback_only_and_says_when_the_port_is_taken(door: tuple[Door, Run]) -> None:
    server, _ = door
    assert server.socket.getsockname()[0] == "127.0.0.1"
    with (
        pytest.raises(UsageError, match=f"Port {server.port} is taken"),
        open_door(server.port, server.inner, "x"),
    ):
        pass


def test_other_paths_large_bodies_and_missing_lengths(door: tuple[Door, Run]) -> None:
    server, _ = door
    client = Endpoint(server.url, retries=0)
    assert client.request("GET", "/slots").status == 404
    assert client.request("GET", "/lora-adapters").status == 404
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.sendall(
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
            f"Content-Length: {1 << 40}\r\n\r\n".encode()
        )
        assert b" 413 " in raw.recv(1000)
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.sendall(
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode()
        )
        assert b" 411 " in raw.recv(1000)


def test_chat_compares_base_and_tuned(door: tuple[Door, Run]) -> None:
    _, run = door
    with hosted(run, Hosting(adapter=True, parallel=2, threads=1), os.environ) as model:
        talk = Talk(model.client, ("base", "tuned"), "", {"max_tokens": 16, "temperature": 0})
        seen: dict[str, str] = {"base": "", "tuned": ""}

        def grow(side: str, piece: str) -> None:
            seen[side] += piece

        answers = talk.ask(GREETING["content"], grow)
        assert answers == seen
        assert answers["tuned"] == "Hello there!" != answers["base"]
        with pytest.raises(EndpointError):
            Talk(model.client, ("tuned",), "", {"max_tokens": "many"}).ask("x", grow)


def test_the_settings_that_are_named_are_of_this_door() -> None:
    from sessiontune.cli.serve import _told

    asked = {"port": 8040, "context": 0, "out": None, "base": None}
    assert "serve run --client NAME\n" in _told("", "m", Path("run"), asked)
    asked |= {"port": 8049, "context": 32768, "out": Path("my ship")}
    said = "serve run --port 8049 --context 32768 --out 'my ship' --client NAME\n"
    assert said in _told("", "m", Path("run"), asked)


def test_the_settings_that_are_printed_have_a_port(
    runs: Callable[[str], Run], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(runs("llama").folder)
    assert main(["serve", folder, "--client", "claude", "--port", "0"]) == 2
    assert "Which port?" in capsys.readouterr().err


def test_a_type_is_of_the_adapters_where_one_is_served(runs: Callable[[str], Run]) -> None:
    run = runs("llama")

    def file(kind: str, base: str = "") -> ShippedFile:
        return ShippedFile(
            name=f"{kind}{base}", type=kind, size=1, sha256="", fingerprint="", engine="", base=base
        )

    files = (file("f16"), file("q8_0"), file("f16", "b"), file("bf16", "b"))
    shipped = Shipped(
        name="t", run="t", base="b", data="", converter="", context=64, stop=(), files=files
    )
    assert pick(run, shipped).name == "q8_0"
    assert pick(run, shipped, "f16").name == "f16"
    assert pick(run, shipped, None, adapter=True).base
    assert pick(run, shipped, "bf16", adapter=True).name == "bf16b"
    with pytest.raises(UsageError, match="LoRA GGUF with its base of type q8_0") as caught:
        pick(run, shipped, "q8_0", adapter=True)
    assert caught.value.hint.endswith("--adapter-only --type q8_0")
    with pytest.raises(UsageError, match="no GGUF of type bf16"):
        pick(run, shipped, "bf16")


@pytest.mark.parametrize("engine", ["ollama", "vllm"])
@pytest.mark.parametrize("given", [{"kind": "f16"}, {"adapter": True}, {"parallel": 2}])
def test_what_another_engine_would_ignore_is_refused(
    engine: str, given: dict[str, Any], runs: Callable[[str], Run]
) -> None:
    with (
        pytest.raises(UsageError, match=f"--engine {engine} takes no --"),
        hosted(runs("llama"), Hosting(engine=engine, **given), {}),
    ):
        raise AssertionError


def test_a_server_that_was_killed_ends_the_command(
    door: tuple[Door, Run], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Out of memory, say: the command went on, and every request was answered with an error."""
    _, run = door
    seen: list[str] = []

    def killed(seconds: float) -> None:
        made = hosts[-1]
        made.client._service.stop(now=True)  # type: ignore[attr-defined]
        with pytest.raises(EndpointError) as error:
            made.client.request("GET", "/health")
        seen.append(error.value.message)

    hosts: list[Hosted] = []

    @contextlib.contextmanager
    def noted(*given: Any) -> Iterator[Hosted]:
        with hosted(*given) as made:
            hosts.append(made)
            yield made

    monkeypatch.setattr("sessiontune.runtime.host.hosted", noted)
    monkeypatch.setattr("sessiontune.cli.serve.time", SimpleNamespace(sleep=killed))
    assert main(["serve", str(run.folder), "--port", "0", "--threads", "1"]) == 6
    assert seen == ["The model server has ended."]
    assert "Error: The model server has ended." in capsys.readouterr().err


def test_nothing_spins_while_it_serves(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The bar of loading stayed up, over the address."""
    shown: list[str] = []

    @contextlib.contextmanager
    def bar(self: Console, label: str) -> Iterator[None]:
        shown.append(label)
        yield
        shown.remove(label)

    def ended() -> bool:
        assert shown == []
        raise KeyboardInterrupt

    model = Hosted(Endpoint("http://127.0.0.1:1"), "tiny", 64, "a file", ended)
    monkeypatch.setattr(Console, "progress", bar)
    monkeypatch.setattr("sessiontune.shipping.run.read_run", lambda *_: None)
    monkeypatch.setattr("sessiontune.runtime.host.hosted", lambda *_: contextlib.nullcontext(model))
    assert main(["serve", str(tmp_path), "--port", "0"]) == 0
