"""The one door out: HTTP to a model server, on this machine unless the user names another.

Loopback addresses and unix sockets are always allowed; any other host only with `remote=True`,
which a command sets when the user has named that host. Redirects are never followed, so no request
goes to a host that nobody named. Proxy variables of the environment are ignored.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any
from urllib.parse import SplitResult, urlsplit

from ..errors import EndpointError, UsageError

#: Answers worth a second try: too many requests, and a server that is starting or overloaded.
RETRIED = frozenset({429, 500, 502, 503, 504})
_BLOCK = 1 << 16

Body = bytes | Path | None


def is_loopback(host: str) -> bool:
    """Does the name or address mean this machine?"""
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def address(url: str) -> SplitResult:
    """The parts of an address. UsageError if we cannot use it."""
    how = "Use http:// or https://, a host and, if it has one, a port: http://127.0.0.1:8080/v1."
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        web = parts.scheme in ("http", "https") and (parts.port is None or parts.port > 0)
    except ValueError as error:
        raise UsageError(f"'{url}' is not an address we can use: {error}.", how) from error
    if parts.scheme == "unix":
        return parts
    if not web or not parts.path.isascii():
        raise UsageError(f"'{url}' is not an address we can use.", how)
    if not parts.hostname:
        raise UsageError(f"'{url}' names no host.", how)
    return parts


class Reply:
    """One answer. Read it whole (`read`, `json`) or in pieces (`blocks`); then it is closed."""

    def __init__(
        self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse
    ) -> None:
        self.status: int = response.status
        self.headers: dict[str, str] = {k.lower(): v for k, v in response.getheaders()}
        self._connection = connection
        self._response = response

    def read(self, limit: int = 1 << 28) -> bytes:
        """The body; at most `limit` bytes."""
        try:
            return self._response.read(limit)
        except (OSError, http.client.HTTPException) as broken:
            raise EndpointError(f"The answer broke off: {broken}") from broken
        finally:
            self.close()

    def json(self) -> Any:
        """The body as JSON; EndpointError when it is not."""
        raw = self.read()
        try:
            return json.loads(raw)
        except ValueError as wrong:
            raise EndpointError(f"The answer is not JSON: {raw[:200]!r}") from wrong

    def blocks(self) -> Iterator[bytes]:
        """The body as it arrives."""
        try:
            while block := self._response.read1(_BLOCK):
                yield block
        except (OSError, http.client.HTTPException) as broken:
            raise EndpointError(f"The answer broke off: {broken}") from broken
        finally:
            self.close()

    def lines(self) -> Iterator[bytes]:
        """The body line by line, without line ends, as it arrives."""
        rest = b""
        for block in self.blocks():
            *whole, rest = (rest + block).split(b"\n")
            yield from whole
        if rest:
            yield rest

    def close(self) -> None:
        """Free the connection; harmless when done twice."""
        self._response.close()
        self._connection.close()


class _SocketFile(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Endpoint:
    """A server at `url`: `http://127.0.0.1:PORT`, `https://host/prefix` or `unix:///path.sock`.

    `timeout` in seconds is for each wait on the socket, not for the whole answer. `retries` counts
    further tries after connection errors and the statuses in `RETRIED`, with waits of 0.5, 1, 2,
    ... seconds, or what `Retry-After` says (at most 30).
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = 600.0,
        retries: int = 3,
        remote: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        parts = address(url)
        host = parts.hostname if parts.scheme != "unix" else None
        if host and not remote and not is_loopback(host):
            raise EndpointError(
                f"{host} is not this machine.",
                "Nothing is sent elsewhere unless you name the host yourself.",
            )
        self.url = url.rstrip("/")
        self._parts = parts
        self._headers = dict(headers or {})
        self._timeout = timeout
        self._retries = retries
        self._sleep = sleep

    def _connect(self) -> http.client.HTTPConnection:
        if self._parts.scheme == "unix":
            return _SocketFile(self._parts.path, self._timeout)
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(host, port, timeout=self._timeout, context=context)
        return http.client.HTTPConnection(host, port, timeout=self._timeout)

    def _once(
        self,
        method: str,
        path: str,
        body: Body,
        headers: Mapping[str, str],
        asked: Callable[[socket.socket], None] | None,
    ) -> Reply:
        connection = self._connect()
        prefix = "" if self._parts.scheme == "unix" else self._parts.path.rstrip("/")
        sent: bytes | IO[bytes] | None = None
        opened: IO[bytes] | None = None
        try:
            wanted = {**self._headers, **headers}
            if isinstance(body, Path):
                opened = sent = body.open("rb")
                wanted["Content-Length"] = str(body.stat().st_size)
            else:
                sent = body
            connection.request(method, prefix + path, body=sent, headers=wanted)
            if asked is not None:
                asked(connection.sock)
            return Reply(connection, connection.getresponse())
        except BaseException:
            connection.close()
            raise
        finally:
            if opened is not None:
                opened.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        body: Body = None,
        headers: Mapping[str, str] | None = None,
        retry: bool = True,
        asked: Callable[[socket.socket], None] | None = None,
    ) -> Reply:
        """Send one request. Any status but a redirect is returned; EndpointError when no answer.

        `asked` gets the connection before the wait for the answer: shutting it down ends the wait.
        """
        wait = 0.5
        for attempt in range((self._retries if retry else 0) + 1):
            last = attempt == (self._retries if retry else 0)
            try:
                reply = self._once(method, path, body, headers or {}, asked)
            except (OSError, http.client.HTTPException) as broken:
                if last:
                    raise EndpointError(
                        f"{self.url} does not answer: {broken or type(broken).__name__}",
                        "Is the server running, and is the port right?",
                    ) from broken
                self._sleep(wait)
            else:
                if 300 <= reply.status < 400:
                    reply.close()
                    raise EndpointError(
                        f"{self.url} redirects to {reply.headers.get('location', '?')[:200]}.",
                        "Redirects are not followed: name the final address.",
                    )
                if reply.status not in RETRIED or last:
                    return reply
                reply.close()
                self._sleep(_wait(reply.headers.get("retry-after"), wait))
            wait = min(wait * 2, 30.0)
        raise AssertionError("the loop above returns or raises")

    def call(
        self,
        path: str,
        data: Mapping[str, Any] | None = None,
        *,
        method: str | None = None,
        headers: Mapping[str, str] | None = None,
        retry: bool = True,
    ) -> Any:
        """POST `data` as JSON (GET without data) and return the JSON answer.

        EndpointError, with what the server said, for any status from 400 on.
        """
        way = method or ("GET" if data is None else "POST")
        return self._sent(path, data, way, headers or {}, retry).json()

    def _sent(
        self,
        path: str,
        data: Mapping[str, Any] | None,
        method: str = "POST",
        headers: Mapping[str, str] = {},
        retry: bool = True,
    ) -> Reply:
        """The answer to `data` sent as JSON, if it is no error."""
        body = None if data is None else json.dumps(data, ensure_ascii=False).encode()
        kind = {"Content-Type": "application/json"} if body is not None else {}
        reply = self.request(method, path, body=body, headers={**kind, **headers}, retry=retry)
        if reply.status >= 400:
            raise EndpointError(f"{self.url}{path} answers {reply.status}: {said(reply)}")
        return reply

    def ndjson(self, path: str, data: Mapping[str, Any]) -> Iterator[Any]:
        """POST `data` and yield the JSON value of each line of the answer."""
        for line in self._sent(path, data).lines():
            if line.strip():
                yield _parsed(line)

    def events(self, path: str, data: Mapping[str, Any]) -> Iterator[Any]:
        """POST `data` and yield the JSON data of each server-sent event, up to `[DONE]`."""
        reply = self._sent(path, data)
        try:
            for text in _event_data(reply.lines()):
                if text == b"[DONE]":
                    return
                yield _parsed(text)
        finally:
            reply.close()


def said(reply: Reply) -> str:
    """What a server's error answer says, short."""
    raw = reply.read(1 << 16)
    try:
        data = json.loads(raw)
    except ValueError:
        return raw[:300].decode("utf-8", "replace").strip()
    inner = data.get("error", data) if isinstance(data, dict) else data
    text = inner.get("message", inner) if isinstance(inner, dict) else inner
    return str(text)[:600]


def _event_data(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The `data:` of server-sent events; several data lines of one event are joined."""
    held: list[bytes] = []
    for raw in lines:
        line = raw.rstrip(b"\r")
        if line.startswith(b"data:"):
            held.append(line[5:].removeprefix(b" "))
        elif not line and held:
            yield b"\n".join(held)
            held = []
    if held:
        yield b"\n".join(held)


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError as wrong:
        raise EndpointError(f"A line of the answer is not JSON: {text[:200]!r}") from wrong


def _wait(header: str | None, otherwise: float) -> float:
    try:
        return min(30.0, max(0.0, float(header))) if header else otherwise
    except ValueError:
        return otherwise
