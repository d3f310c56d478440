"""A real HTTP server on loopback that answers like a model server, or with a given fault."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


class ModelServer(ThreadingHTTPServer):
    """`script`: what to do with the next requests, in order; then `said` answers.

    Faults: `429`, `500`, `cut`, `json`, `empty`, `nothing`, `endless`, `slow`, `shape`.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1"
        self.script: list[str] = []
        self.asked: list[dict[str, Any]] = []
        self.said: Callable[[dict[str, Any]], str] = lambda body: "fine"
        self.stop = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are part of the test."""


def completion(text: str, **more: Any) -> bytes:
    """A chat completion as servers send it."""
    message = {"role": "assistant", "content": text, **more}
    return json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}).encode()


class _Handler(BaseHTTPRequestHandler):
    server: ModelServer

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(body)
        fault = self.server.script.pop(0) if self.server.script else ""
        if fault.isdigit():
            self._send(b'{"error": {"message": "busy"}}', int(fault))
        elif fault == "cut":
            self._head(1000)
            self.wfile.write(b'{"choices": [')
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
        elif fault == "slow":
            self.server.stop.wait(5)
        elif fault == "endless":
            self._endless()
        else:
            bodies = {
                "json": b"<html>not json</html>",
                "empty": completion(""),
                "nothing": b"",
                "shape": b'{"ok": 1}',
            }
            self._send(bodies.get(fault) or completion(self.server.said(body)) if fault != "nothing"
                       else b"")  # fmt: skip

    def _endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        for _ in range(500):
            if self.server.stop.is_set():
                return
            self.wfile.write(b" " * 10)
            self.wfile.flush()
            time.sleep(0.01)

    def _head(self, length: int, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def _send(self, raw: bytes, status: int = 200) -> None:
        self._head(len(raw), status)
        self.wfile.write(raw)


@pytest.fixture
def model_server() -> Iterator[ModelServer]:
    made = ModelServer()
    threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield made
    made.stop.set()
    made.shutdown()
    made.server_close()
