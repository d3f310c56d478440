"""The command: its address is answered as soon as it is printed, and nothing is left of it."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

import orjson
import pytest

from sessiontune.errors import UsageError
from sessiontune.review.server import listening

from .conftest import World


@contextmanager
def _started(world: World) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The command, with temporary files in the world's folder, and its address."""
    given = ("review", str(world.folder / "data"), "--state", str(world.state), "--port", "0")
    program = [sys.executable, "-m", "sessiontune", "--json", *given]
    there = {**os.environ, "TMPDIR": str(world.folder), "SQLITE_TMPDIR": str(world.folder)}

    def as_in_a_terminal() -> None:  # `nohup` has its children ignore it
        signal.signal(signal.SIGHUP, signal.SIG_DFL)

    with subprocess.Popen(
        program, stdout=subprocess.PIPE, env=there, preexec_fn=as_in_a_terminal
    ) as running:
        try:
            assert running.stdout is not None
            yield running, orjson.loads(running.stdout.readline())["url"]
        finally:
            running.kill()


def _cookie(url: str) -> str:
    at = urlsplit(url)
    with closing(http.client.HTTPConnection("127.0.0.1", at.port, timeout=20)) as there:
        there.request("GET", f"/?{at.query}")
        return str(there.getresponse().getheader("set-cookie")).partition(";")[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_however_it_ends_no_file_is_left(world: World, number: signal.Signals) -> None:
    before = sorted(os.listdir(world.folder))
    with _started(world) as (running, url):
        assert _cookie(url).startswith("sessiontune_review_")
        assert sorted(os.listdir(world.folder)) == before
        running.send_signal(number)
        assert running.wait(20) == (0 if number == signal.SIGINT else -number)
    assert sorted(os.listdir(world.folder)) == before


def test_a_change_that_never_comes_does_not_keep_it(world: World) -> None:
    with _started(world) as (running, url):
        port = urlsplit(url).port
        begun = (
            f"POST /api/undo HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {_cookie(url)}\r\n"
            f"Origin: http://127.0.0.1:{port}\r\nX-Sessiontune: review\r\nExpect: 100-continue\r\n"
            "Content-Length: 10\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", port), timeout=20) as slow:
            slow.sendall(begun.encode())
            assert b"100" in slow.recv(100)  # the body is waited for
            running.send_signal(signal.SIGINT)
            assert running.wait(20) == 0


def test_a_port_is_taken_from_the_start() -> None:
    """Not only when the export has been read."""
    with listening(0) as there:
        port = there.getsockname()[1]
        socket.create_connection(("127.0.0.1", port), timeout=20).close()
        with pytest.raises(UsageError, match=f"Port {port} is taken"):
            listening(port)
