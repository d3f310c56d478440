"""The one door out: loopback unless named, no redirects, retries, streams."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sessiontune.errors import EndpointError, UsageError
from sessiontune.evaluation.endpoint import Endpoint, _wait, is_loopback

Answer = tuple[int, dict[str, str], bytes]


class Server(ThreadingHTTPServer):
    """Answers in order what it is given; remembers what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.answers: list[Answer] = []
        self.asked: list[tuple[str, str, bytes]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.server.asked.append((self.command, self.path, body))
        status, headers, raw = self.server.answers.pop(0)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    do_POST = do_GET


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("LOCALHOST", True),
        ("localhost.evil.example", False),
        ("10.0.0.1", False),
        ("0.0.0.0", False),
        ("127.0.0.1.nip.io", False),
    ],
)
def test_what_is_this_machine(host: str, local: bool) -> None:
    assert is_loopback(host) is local


def test_other_hosts_only_when_named() -> None:
    with pytest.raises(EndpointError, match="not this machine"):
        Endpoint("https://api.example.com")
    assert Endpoint("https://api.example.com", remote=True).url == "https://api.example.com"
    with pytest.raises(UsageError):
        Endpoint("ftp://127.0.0.1/")


def test_busy_servers_are_asked_again(server: Server) -> None:
    waits: list[float] = []
    server.answers = [
        (429, {"Retry-After": "3"}, b""),
        (503, {}, b""),
        (200, {}, b'{"ok": 1}'),
    ]
    client = Endpoint(server.url, sleep=waits.append)
    assert client.call("/x", {"a": "ü"}) == {"ok": 1}
    assert waits == [3.0, 1.0]
    assert server.asked == [("POST", "/x", '{"a": "ü"}'.encode())] * 3


def test_a_lasting_error_is_told_in_the_servers_words(server: Server) -> None:
    server.answers = [(400, {}, b'{"error": {"message": "no such model"}}')]
    with pytest.raises(EndpointError, match="answers 400: no such model"):
        Endpoint(server.url).call("/x", {})
    server.answers = [(503, {}, b"busy")] * 3
    with pytest.raises(EndpointError, match="answers 503: busy"):
        Endpoint(server.url, retries=2, sleep=lambda _: None).call("/x", {})


def test_redirects_are_not_followed(server: Server) -> None:
    server.answers = [(307, {"Location": "http://evil.example/"}, b"")]
    with pytest.raises(EndpointError, match="redirects"):
        Endpoint(server.url).call("/x", {})
    assert len(server.asked) == 1


def test_nobody_there(unused: Callable[[], int]) -> None:
    with pytest.raises(EndpointError, match="does not answer"):
        Endpoint(f"http://127.0.0.1:{unused()}", retries=1, sleep=lambda _: None).call("/")


@pytest.fixture
def unused() -> Callable[[], int]:
    import socket

    def port() -> int:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            return int(free.getsockname()[1])

    return port


def test_streams_of_events_and_lines(server: Server) -> None:
    stream = b': ping\n\ndata: {"a": 1}\r\n\r\ndata: {"b":\ndata: 2}\n\ndata: [DONE]\n\ndata: x\n\n'
    server.answers = [(200, {}, stream), (200, {}, b'{"s": 1}\n\n{"s": 2}'), (200, {}, b"no\n")]
    client = Endpoint(server.url)
    assert list(client.events("/e", {})) == [{"a": 1}, {"b": 2}]
    assert list(client.ndjson("/n", {})) == [{"s": 1}, {"s": 2}]
    with pytest.raises(EndpointError, match="not JSON"):
        list(client.ndjson("/n", {}))


def test_a_file_as_body(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "blob"
    file.write_bytes(b"x" * 300_000)
    server.answers = [(201, {}, b"")]
    assert Endpoint(server.url).request("POST", "/b", body=file).status == 201
    assert server.asked[0][2] == file.read_bytes()


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:80800/v1",
        "http://127.0.0.1:abc/v1",
        "http://[::1/v1",
        "http://127.0.0.1:9/v\u00e9",
        "http://127.0.0.1:0",
        "ftp://127.0.0.1",
        "http://",
    ],
)
def test_what_is_no_address_is_said_at_once(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        Endpoint(url)
    assert url in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("said", ["nan", "-nan", "inf", "-5", "soon"])
def test_no_server_makes_us_wait_for_nothing(said: str) -> None:
    assert 0 <= _wait(said, 1.0) <= 30
