"""The loopback door under attack: raw bytes in, what comes out, and what reaches the inside."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from sessiontune.errors import UsageError
from sessiontune.evaluation.endpoint import Endpoint
from sessiontune.runtime.door import Door, as_origin, check_port, open_door


class _Inner(BaseHTTPRequestHandler):
    """A server that echoes, and that would let every page read."""

    protocol_version = "HTTP/1.1"
    seen: list[tuple[str, str, bytes]]

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.seen.append((self.command, self.path, body))
        self.send_response(200)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Content-Length", "5")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(b"inner")

    do_POST = do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@contextlib.contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address of a server that stands behind the door."""
    inner = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=inner.serve_forever, kwargs={"poll_interval": 0.05}).start()
    try:
        yield f"http://127.0.0.1:{inner.server_address[1]}"
    finally:
        inner.shutdown()
        inner.server_close()


@pytest.fixture
def door() -> Iterator[tuple[Door, list[tuple[str, str, bytes]]]]:
    seen: list[tuple[str, str, bytes]] = []
    echo = type("Echo", (_Inner,), {"seen": seen})
    with _serving(echo) as url, open_door(0, Endpoint(url, retries=0), "m") as opened:
        yield opened, seen


def send(door: Door, text: str) -> bytes:
    """Everything that comes back for these bytes. `{host}` stands for the door's own name."""
    filled = text.replace("{host}", f"Host: 127.0.0.1:{door.port}\r\n").replace(
        "{port}", str(door.port)
    )
    with socket.create_connection(("127.0.0.1", door.port), timeout=10) as raw:
        raw.sendall(filled.encode("latin-1"))
        raw.shutdown(socket.SHUT_WR)
        said = b""
        with contextlib.suppress(ConnectionResetError):
            while block := raw.recv(1 << 16):
                said += block
        return said


GET = "GET /v1/models HTTP/1.1\r\n"
POST = "POST /v1/messages HTTP/1.1\r\n{host}"
REFUSED = {
    "rebound name": f"{GET}Host: evil.example:{{port}}\r\n\r\n",
    "name that begins like ours": f"{GET}Host: 127.0.0.1.evil.example:{{port}}\r\n\r\n",
    "without the port": f"{GET}Host: 127.0.0.1\r\n\r\n",
    "with a dot": f"{GET}Host: localhost.:{{port}}\r\n\r\n",
    "two hosts": f"{GET}{{host}}Host: evil.example\r\n\r\n",
    "no host": f"{GET}\r\n",
    "folded host": f"{GET}{{host}} evil.example\r\n\r\n",
    "host with a blank": f"{GET}Host : evil.example\r\n{{host}}\r\n",
    "absolute address": "GET http://evil.example/v1/models HTTP/1.1\r\n{host}\r\n",
    "absolute address, ours": "GET http://127.0.0.1:{port}/v1/models HTTP/1.1\r\n{host}\r\n",
    "way up": "GET /v1/../slots HTTP/1.1\r\n{host}\r\n",
    "escaped way up": "GET /v1/%2e%2e/slots HTTP/1.1\r\n{host}\r\n",
    "empty part": "GET /v1//models HTTP/1.1\r\n{host}\r\n",
    "control character": "GET /v1/\x01 HTTP/1.1\r\n{host}\r\n",
    "tunnel": "CONNECT evil.example:443 HTTP/1.1\r\n{host}\r\n",
    "page": f"{POST}Origin: https://evil.example\r\nContent-Length: 2\r\n\r\n{{}}",
    "page without an origin": f"{POST}Origin: null\r\nContent-Length: 2\r\n\r\n{{}}",
    "page of another port": f"{POST}Origin: http://localhost:3000\r\nContent-Length: 2\r\n\r\n{{}}",
    "two origins": f"{POST}Origin: http://127.0.0.1:{{port}}\r\nOrigin: https://evil.example\r\n"
    "Content-Length: 2\r\n\r\n{}",
    "picture of a page": f"{GET}{{host}}Sec-Fetch-Site: cross-site\r\n\r\n",
    "web socket of a page": f"{GET}{{host}}Origin: https://evil.example\r\nConnection: Upgrade\r\n"
    "Upgrade: websocket\r\n\r\n",
    "preflight": "OPTIONS /v1/messages HTTP/1.1\r\n{host}Origin: https://evil.example\r\n"
    "Access-Control-Request-Method: POST\r\n\r\n",
    "chunks": f"{POST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and a length": f"{POST}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"
    "\r\n0\r\n\r\n",
    "two lengths": f"{POST}Content-Length: 2\r\nContent-Length: 50\r\n\r\n{{}}",
    "negative length": f"{POST}Content-Length: -1\r\n\r\n",
    "superscript length": f"{POST}Content-Length: \u00b2\r\n\r\n",
    "too long": f"{POST}Content-Length: 99999999999\r\n\r\n",
    "half a body": f"{POST}Content-Length: 10\r\n\r\n{{}}",
    "huge header": f"{GET}{{host}}X: {'a' * 70000}\r\n\r\n",
    "many headers": f"{GET}{{host}}" + "X: a\r\n" * 200 + "\r\n",
    "huge line": f"GET /v1/{'a' * 70000} HTTP/1.1\r\n{{host}}\r\n",
    "TLS": "\x16\x03\x01\x02\x00\x01\r\n\r\n",
    "unknown method": "DELETE /v1/models HTTP/1.1\r\n{host}\r\n",
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_nothing_of_it_comes_through(
    name: str, door: tuple[Door, list[tuple[str, str, bytes]]]
) -> None:
    opened, seen = door
    said = send(opened, REFUSED[name])
    assert b" 200 " not in said.split(b"\r\n")[0]
    assert b"access-control" not in said.lower()
    assert seen == []


def test_what_programs_send_comes_through(
    door: tuple[Door, list[tuple[str, str, bytes]]],
) -> None:
    opened, seen = door
    for host in ("127.0.0.1", "localhost", "LOCALHOST"):
        said = send(opened, f"{GET}Host: {host}:{{port}}\r\nConnection: close\r\n\r\n")
        assert said.startswith(b"HTTP/1.1 200 ")
        assert said.endswith(b"5\r\ninner\r\n0\r\n\r\n")
        assert b"access-control" not in said.lower()
    query = "POST /v1/messages?beta=true HTTP/1.1\r\n{host}Content-Length: 2\r\n\r\n{}"
    assert b" 200 " in send(opened, query)
    assert seen[-1] == ("POST", "/v1/messages?beta=true", b"{}")
    own = f"{POST}Origin: http://localhost:{{port}}\r\nContent-Length: 2\r\n\r\n{{}}"
    assert b" 200 " in send(opened, own)
    head = send(opened, "HEAD /v1/models HTTP/1.1\r\n{host}Connection: close\r\n\r\n")
    assert b"inner" not in head
    old = send(opened, "GET /v1/models HTTP/1.0\r\n{host}\r\n")
    assert old.endswith(b"\r\n\r\ninner")  # HTTP/1.0 knows no chunks


def test_a_second_request_on_a_connection_is_judged_by_itself(
    door: tuple[Door, list[tuple[str, str, bytes]]],
) -> None:
    opened, seen = door
    first, evil = "GET /v1/a HTTP/1.1\r\n{host}\r\n", "GET /v1/b HTTP/1.1\r\nHost: evil\r\n\r\n"
    said = send(opened, first + evil + first)
    assert said.count(b" 200 ") == 1
    assert said.count(b" 403 ") == 1
    assert [path for _, path, _ in seen] == ["/v1/a"]  # and the third is not read at all
    seen.clear()
    inner = "GET /v1/hidden HTTP/1.1\r\n{host}\r\n"
    send(opened, f"POST /v1/x HTTP/1.1\r\n{{host}}Transfer-Encoding: chunked\r\n\r\n{inner}")
    body = "GET /v1/hidden HTTP/1.1\r\nHost: evil\r\n\r\n"
    send(opened, f"GET /v1/y HTTP/1.1\r\n{{host}}Content-Length: {len(body)}\r\n\r\n{body}")
    assert "/v1/hidden" not in [path for _, path, _ in seen]


def test_slow_clients_do_not_keep_others_out(
    door: tuple[Door, list[tuple[str, str, bytes]]],
) -> None:
    opened, seen = door
    slow = []
    try:
        for _ in range(50):
            slow.append(socket.create_connection(("127.0.0.1", opened.port)))
            slow[-1].sendall(
                f"POST /v1/x HTTP/1.1\r\nHost: 127.0.0.1:{opened.port}\r\n"
                "Content-Length: 1000000\r\n\r\n{".encode()
            )
        assert b" 200 " in send(opened, f"{GET}{{host}}Connection: close\r\n\r\n")
    finally:
        for client in slow:
            client.close()
    assert [path for _, path, _ in seen] == ["/v1/models"]


def test_many_who_come_at_once_need_not_come_again(
    door: tuple[Door, list[tuple[str, str, bytes]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system's queue of connections is full, a client tries again after a second."""
    opened, _ = door
    free = threading.Event()
    take = opened.process_request

    def late(*given: Any) -> None:
        free.wait(10)
        take(*given)

    monkeypatch.setattr(opened, "process_request", late)
    try:
        with contextlib.ExitStack() as clients:
            for _ in range(40):
                address = "127.0.0.1", opened.port
                clients.enter_context(socket.create_connection(address, timeout=0.8))
    finally:
        free.set()


def test_who_hangs_up_before_the_answer_ends_the_work_on_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The model server reads a long prompt, and begins its answer when it has."""
    monkeypatch.setattr("sessiontune.runtime.door.LOOKED", 0.02)
    reading, given_up = threading.Event(), threading.Event()

    class Reader(_Inner):
        seen: ClassVar[list[tuple[str, str, bytes]]] = []

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            reading.set()
            if not self.connection.recv(1):  # as servers look whether anybody waits still
                given_up.set()

    with _serving(Reader) as url, open_door(0, Endpoint(url, retries=0), "m") as opened:
        with socket.create_connection(("127.0.0.1", opened.port), timeout=10) as client:
            head = f"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1:{opened.port}\r\n"
            client.sendall(f"{head}Content-Length: 2\r\n\r\n{{}}".encode())
            assert reading.wait(10)
            assert not given_up.wait(0.2)  # who waits is served
        assert given_up.wait(10)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_who_only_ends_what_it_sends_gets_its_answer(
    monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    """`nc -N` and some libraries shut their sending side behind the request, and listen."""
    monkeypatch.setattr("sessiontune.runtime.door.LOOKED", 0.02)

    class Slow(_Inner):
        seen: ClassVar[list[tuple[str, str, bytes]]] = []

        def do_POST(self) -> None:
            time.sleep(0.3)  # many looks at the client
            self.do_GET()

    with _serving(Slow) as url, open_door(0, Endpoint(url, retries=0), "m") as opened:
        head = f"POST /v1/messages HTTP/{version}\r\nHost: 127.0.0.1:{opened.port}\r\n"
        with socket.create_connection(("127.0.0.1", opened.port), timeout=10) as raw:
            raw.sendall(f"{head}Content-Length: 2\r\n\r\n{{}}".encode())
            raw.shutdown(socket.SHUT_WR)
            reply = http.client.HTTPResponse(raw)
            reply.begin()
            assert (reply.status, reply.read()) == (200, b"inner")


@pytest.mark.parametrize("line", ["DELETE /v1/models HTTP/1.1", "no request at all", "GET"])
def test_what_is_no_request_of_ours_is_answered_in_our_form(
    door: tuple[Door, list[tuple[str, str, bytes]]], line: str
) -> None:
    opened, seen = door
    answer = send(opened, f"{line}\r\n{{host}}\r\n")
    assert b"<html" not in answer.lower()
    assert b'"type": "sessiontune"' in answer
    assert seen == []


def test_a_taken_port_is_known_before_a_model_is_loaded(
    door: tuple[Door, list[tuple[str, str, bytes]]],
) -> None:
    check_port(0)
    with pytest.raises(UsageError, match="is taken"):
        check_port(door[0].port)


PAGE = "http://localhost:3000"
ASKS = f"OPTIONS /v1/messages HTTP/1.1\r\n{{host}}Origin: {PAGE}\r\nSec-Fetch-Site: cross-site\r\n"
METHOD = "Access-Control-Request-Method: POST\r\n"


def test_a_page_that_the_user_named_may_ask_and_read() -> None:
    """Browsers ask before they send JSON, and show no answer without leave."""
    seen: list[tuple[str, str, bytes]] = []
    echo = type("Echo", (_Inner,), {"seen": seen})
    asked = f"{ASKS}{METHOD}Access-Control-Request-Headers: authorization,content-type\r\n\r\n"
    leave = f"access-control-allow-origin: {PAGE}".encode()
    with _serving(echo) as url, open_door(0, Endpoint(url, retries=0), "m", (PAGE,)) as opened:
        said = send(opened, asked).lower()
        assert said.startswith(b"http/1.1 204 ")
        assert leave in said
        assert b"access-control-allow-headers: authorization,content-type\r\n" in said
        said = send(opened, f"{POST}Origin: {PAGE}\r\nContent-Length: 2\r\n\r\n{{}}").lower()
        assert said.count(b"access-control") == said.count(leave) == 1
        assert seen == [("POST", "/v1/messages", b"{}")]
        for other in (
            asked.replace("3000", "3001"),
            asked.replace("{host}", "Host: evil.example\r\n"),
        ):
            assert send(opened, other).startswith(b"HTTP/1.1 403 ")
        for name in sorted(set(REFUSED) - {"page of another port"}):
            said = send(opened, REFUSED[name])
            assert b" 200 " not in said.split(b"\r\n")[0]
            assert b"access-control" not in said.lower()
    assert len(seen) == 1


def test_an_allowed_page_is_named_as_browsers_name_it() -> None:
    assert as_origin("http://localhost:3000/") == "http://localhost:3000"
    assert as_origin("HTTPS://My.Example") == "https://my.example"
    for wrong in ("localhost:3000", "my.example", "", "http://", "http://a/page", "file:///x"):
        with pytest.raises(UsageError, match="not the origin"):
            as_origin(wrong)
