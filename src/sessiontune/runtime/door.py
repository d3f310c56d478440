"""The door in: HTTP on loopback for the user's own programs, passed on to the model server.

The server behind listens on a private socket only. This door binds to 127.0.0.1, answers only to
its own names in the Host header (so a web page cannot reach it by a rebound DNS name), refuses
browsers that come from another origin. Only a page that the user has named gets the headers that
let it ask and read.
"""

from __future__ import annotations

import contextlib
import json
import re
import select
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ..errors import EndpointError, UsageError, no_port
from ..evaluation.endpoint import Endpoint, Reply

#: What is passed on: the OpenAI and Anthropic interfaces, and what tools need besides.
PREFIXES = ("/v1/",)
PATHS = frozenset({"/health", "/models", "/tokenize", "/detokenize", "/apply-template", "/props"})
#: Paths and queries as clients write them: nothing escaped, no way up, no control characters.
_PLAIN = re.compile(r"(/[A-Za-z0-9_:-][A-Za-z0-9._:-]*)+(\?[!-~]*)?")
#: Bytes of one request: a long conversation is a few MB.
LARGEST = 64 << 20
#: Seconds between two checks of a client whose answer has not begun.
LOOKED = 1.0
_PASSED_UP = ("content-type", "accept", "anthropic-version", "anthropic-beta")
_PASSED_DOWN = ("content-type", "cache-control", "retry-after")
#: What a page may want to send besides, as browsers name it.
_NAMES = re.compile(r"[A-Za-z0-9, _-]*")
_LOCAL = ("127.0.0.1", "localhost", "[::1]")


class Door(ThreadingHTTPServer):
    """The listening server. Use `open_door`."""

    daemon_threads = True
    allow_reuse_address = True
    #: Who comes while so many wait to be taken tries again a second later.
    request_queue_size = 128

    def __init__(self, port: int, inner: Endpoint, model: str, origins: tuple[str, ...]) -> None:
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except OSError as error:
            raise no_port(port, error) from error
        self.inner = inner
        self.model = model
        self.port = int(self.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self.hosts = frozenset(f"{name}:{self.port}" for name in _LOCAL)
        self.pages = frozenset(origins)
        self.origins = frozenset({*(f"http://{host}" for host in self.hosts), *origins})

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is normal; anything else is a fault of ours."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def as_origin(url: str) -> str:
    """A page's address as browsers name its origin: scheme, host and port. UsageError else."""
    named = re.fullmatch(r"(https?://[^/?#\s@]+)/?", url.strip().lower())
    if named is None:
        raise UsageError(
            f"'{url}' is not the origin of a web page.",
            "Give scheme, host and port, for example http://localhost:3000.",
        )
    return named[1]


def check_port(port: int) -> None:
    """UsageError when nothing can listen there: said before a model is loaded."""
    Door(port, Endpoint("http://127.0.0.1"), "", ()).server_close()


@contextmanager
def open_door(
    port: int, inner: Endpoint, model: str, origins: tuple[str, ...] = ()
) -> Iterator[Door]:
    """Listen on 127.0.0.1:`port` (0: any) while the block runs. UsageError when it is taken."""
    door = Door(port, inner, model, origins)
    thread = threading.Thread(target=door.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    try:
        yield door
    finally:
        door.shutdown()
        door.server_close()
        thread.join(5)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "sessiontune"
    sys_version = ""
    timeout = 120  # seconds that a client may be silent: a slow body, an idle connection
    server: Door

    def do_OPTIONS(self) -> None:
        """A browser asks whether a page may call: only one that the user has named may."""
        self.close_connection = True
        wanted = self.headers.get("Access-Control-Request-Headers", "")
        if self._refusal() or not self._page() or not _NAMES.fullmatch(wanted):
            self._say(403, "This server answers programs on this machine, not web pages.")
            return
        self.send_response(204)
        self.send_header("Access-Control-Allow-Methods", "GET, POST")
        self.send_header("Access-Control-Allow-Headers", wanted)
        self.end_headers()

    def _page(self) -> str:
        """The page that asks, if the user has named it; "" else."""
        origin = self.headers.get("Origin", "") if hasattr(self, "headers") else ""
        return origin if origin.lower() in self.server.pages else ""

    def end_headers(self) -> None:
        """Let a page that the user has named read the answer: browsers show it to no other."""
        if page := self._page():
            self.send_header("Access-Control-Allow-Origin", page)
            self.send_header("Vary", "Origin")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Requests hold the user's work: nothing is logged."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer in our own form what the library refuses (a method, a malformed request)."""
        self.close_connection = True
        self._say(code, message or "This request cannot be answered.")

    def do_GET(self) -> None:
        """Pass a request on, or say why not."""
        if refusal := self._refusal():
            self.close_connection = True
            self._say(403, refusal)
            return
        path = self.path.split("?", 1)[0]
        if not _PLAIN.fullmatch(self.path):
            path = ""
        if path not in PATHS and not path.startswith(PREFIXES):
            self.close_connection = True
            self._say(404, f"There is no {path[:100] or 'such path'} here.")
            return
        body = self._body()
        if body is None:
            return
        headers = {k: v for k in _PASSED_UP if (v := self.headers.get(k))}
        try:
            reply = self._asked(body, headers)
        except EndpointError as error:
            self._say(502, error.message)
            return
        self._pass_on(reply)

    do_HEAD = do_POST = do_GET

    def _asked(self, body: bytes, headers: Mapping[str, str]) -> Reply:
        """The model server's answer as it begins. On a CPU it reads a long prompt for minutes, so
        it is stopped if the client hangs up meanwhile: the next request would wait for it. A client
        that only closes its sending side still waits for its answer."""
        begun = threading.Event()
        writing = threading.Lock()

        def watch(inner: socket.socket) -> None:
            look = select.poll()
            look.register(self.connection, select.POLLIN)
            while not begun.wait(LOOKED):
                if look.poll(0):
                    break
            if self._left(begun, writing):
                with contextlib.suppress(OSError):
                    inner.shutdown(socket.SHUT_RDWR)

        def asked(inner: socket.socket) -> None:
            threading.Thread(target=watch, args=(inner,), daemon=True).start()

        try:
            return self.server.inner.request(
                self.command,
                self.path,
                body=body or None,
                headers=headers,
                retry=False,
                asked=asked,
            )
        finally:
            with writing:
                begun.set()

    def _left(self, begun: threading.Event, writing: threading.Lock) -> bool:
        """Wait until the answer has begun (False), or the client has hung up (True).

        A client that closed the connection and one that only closed its sending side look alike
        until something is sent to them: every client skips a 100, but a closed connection is reset
        by it. HTTP/1.0 has no 100: such a client is taken for one that still listens."""
        client, wait = self.connection, LOOKED
        while not begun.is_set():
            try:
                if client.recv(1, socket.MSG_PEEK) or self.request_version == "HTTP/1.0":
                    return False
                with writing:
                    if not begun.is_set():
                        client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                begun.wait(wait)
                if client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    return True
            except OSError:
                return True
            wait = min(2 * wait, 60)
        return False

    def _refusal(self) -> str:
        """Why this request is refused; "" if it is not."""
        hosts = self.headers.get_all("Host") or []
        if len(hosts) != 1 or hosts[0].lower() not in self.server.hosts:
            return "The Host header does not name this server."
        origins = self.headers.get_all("Origin") or []
        if len(origins) > 1 or any(o.lower() not in self.server.origins for o in origins):
            return "Requests from web pages of other origins are refused."
        site = self.headers.get("Sec-Fetch-Site", "none").lower()
        if site not in ("none", "same-origin") and not origins:
            return "Requests from web pages of other origins are refused."
        return ""

    def _body(self) -> bytes | None:
        """The request's body; None when an answer was already sent."""
        lengths = self.headers.get_all("Content-Length") or []
        chunked = self.headers.get("Transfer-Encoding")
        if self.command != "POST" and not (lengths or chunked):
            return b""
        self.close_connection = True  # after a body that was not read no request can be found
        if chunked or len(lengths) != 1 or not re.fullmatch("[0-9]{1,15}", lengths[0]):
            self._say(411, "A request needs one Content-Length.")
            return None
        if int(lengths[0]) > LARGEST:
            self._say(413, f"A request may have {LARGEST} bytes.")
            return None
        body = self.rfile.read(int(lengths[0]))
        if len(body) < int(lengths[0]):
            return None  # the client broke off
        self.close_connection = self.headers.get("Connection", "").lower() == "close"
        return body

    def _pass_on(self, reply: Reply) -> None:
        try:
            self.send_response(reply.status)
            for name in _PASSED_DOWN:
                if value := reply.headers.get(name):
                    self.send_header(name, value)
            self.send_header("X-Content-Type-Options", "nosniff")
            chunks = self.request_version != "HTTP/1.0"
            if chunks:
                self.send_header("Transfer-Encoding", "chunked")
            else:
                self.close_connection = True  # the end of the connection is the end of the answer
            self.end_headers()
            if self.command == "HEAD":
                return
            for block in reply.blocks():
                self.wfile.write(b"%x\r\n%b\r\n" % (len(block), block) if chunks else block)
                self.wfile.flush()
            if chunks:
                self.wfile.write(b"0\r\n\r\n")
        except (OSError, EndpointError):
            self.close_connection = True  # the client hung up, or the model server broke off
        finally:
            reply.close()  # tells the model server to stop working on it

    def _say(self, status: int, message: str) -> None:
        raw = json.dumps({"error": {"type": "sessiontune", "message": message}}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(raw)
