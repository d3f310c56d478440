"""Who is answered: the browser that was let in, its own page, and nobody else."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import quote

import pytest

from sessiontune.cli.main import main
from sessiontune.review.guard import LARGEST
from sessiontune.store import Store

from .conftest import Opened, Server, World, running


@pytest.fixture
def server(world: World, opened: Opened) -> Iterator[Server]:
    with running(world, opened(world)) as made:
        yield made


def _ask(
    server: Server, path: str, headers: dict[str, str], method: str = "GET", body: Any = None
) -> tuple[int, dict[str, str], bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)) as there:
        there.request(method, path, body=body, headers=headers)
        reply = there.getresponse()
        return reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read()


def _cookie(server: Server) -> str:
    status, headers, _ = _ask(server, f"/?token={server.guard.token}", {})
    assert (status, headers["location"]) == (303, "/")
    given = headers["set-cookie"]
    assert "httponly" in given.lower()
    assert "samesite=strict" in given.lower()
    return given.split(";")[0]


def _own(server: Server, cookie: str) -> dict[str, str]:
    """The headers of a change that the page itself makes."""
    origin = f"http://127.0.0.1:{server.port}"
    return {"Cookie": cookie, "Origin": origin, "X-Sessiontune": "review"}


def test_the_address_works_once(server: Server) -> None:
    token = server.guard.token
    cookie = _cookie(server)
    assert cookie.startswith(f"sessiontune_review_{server.port}=")  # all ports share cookies
    assert _ask(server, f"/?token={token}", {})[0] == 403
    assert _ask(server, f"/?token={token}", {"Cookie": cookie})[0] == 303  # the same browser again
    assert _ask(server, "/?token=", {})[0] == 403
    assert _ask(server, "/", {"Cookie": cookie})[0] == 200


@pytest.mark.parametrize(
    "path", ["/", "/api/export", "/api/threads", "/page/review.js", "/nowhere"]
)
def test_without_the_cookie_nothing_is_said(server: Server, path: str) -> None:
    for headers in (
        {},
        {"Cookie": f"sessiontune_review_{server.port}=guess"},
        {"Cookie": ";=;\x7f"},
    ):
        status, _, body = _ask(server, path, headers)
        assert status == 403
        assert "sessiontune review" in json.loads(body)["error"]["message"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "localhost"},
        {"Host": "127.0.0.1:1"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_other_pages_and_other_names_are_refused(server: Server, headers: dict[str, str]) -> None:
    cookie = _cookie(server)
    assert _ask(server, "/api/export", {"Cookie": cookie})[0] == 200
    assert _ask(server, "/api/export", {"Cookie": cookie, **headers})[0] == 403


def test_names_of_this_server_are_names_in_any_letters(server: Server) -> None:
    cookie = _cookie(server)
    for name in ("localhost", "LOCALHOST", "[::1]"):
        host = f"{name}:{server.port}"
        given = {"Cookie": cookie, "Host": host, "Origin": f"http://{host}"}
        assert _ask(server, "/api/export", given)[0] == 200


def test_a_change_that_is_too_long_is_not_read(server: Server) -> None:
    own = _own(server, _cookie(server)) | {"Content-Length": str(LARGEST + 1)}
    status, _, said = _ask(server, "/api/verdicts", own, "POST")
    assert (status, "of at most" in json.loads(said)["error"]["message"]) == (403, True)


@pytest.mark.parametrize("missing", ["Cookie", "Origin", "X-Sessiontune"])
def test_only_the_page_itself_changes_something(server: Server, world: World, missing: str) -> None:
    own = _own(server, _cookie(server))
    body = json.dumps({"decision": "drop", "threads": [world.thread("Question 5")]})
    without = {name: value for name, value in own.items() if name != missing}
    assert _ask(server, "/api/verdicts", without, "POST", body)[0] == 403
    other = own | ({"X-Sessiontune": "other"} if missing == "X-Sessiontune" else {missing: "null"})
    assert _ask(server, "/api/verdicts", other, "POST", body)[0] == 403
    chunks = iter([body.encode()])  # sent without a length
    assert _ask(server, "/api/verdicts", own, "POST", chunks)[0] == 403
    assert json.loads(_ask(server, "/api/export", own)[2])["judged"] == {}
    status, _, said = _ask(server, "/api/verdicts", own, "POST", body)
    assert (status, json.loads(said)["judged"]) == (200, {"drop": 1})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"decision": "burn", "threads": []}',
        b'{"decision": "drop", "threads": "x"}',
        b'{"decision": "drop", "more": 1}',
        b'{"decision": "drop", "threads": ["nowhere"]}',
        b'{"decision": "drop", "wanted": {"q": "fee"}}',
        b"\xff\xfe",
    ],
)
def test_a_change_that_is_none_changes_nothing(server: Server, body: bytes) -> None:
    own = _own(server, _cookie(server))
    status, _, said = _ask(server, "/api/verdicts", own, "POST", body)
    assert status == 400
    assert json.loads(said)["error"]["message"]
    assert json.loads(_ask(server, "/api/export", own)[2])["judged"] == {}


def test_every_answer_says_what_a_browser_may_do_with_it(server: Server) -> None:
    cookie = _cookie(server)
    for path, status in (
        ("/", 200),
        ("/api/export", 200),
        ("/nowhere", 404),
        ("/api/threads/x", 400),
    ):
        got, headers, _ = _ask(server, path, {"Cookie": cookie})
        assert got == status
        assert "default-src 'none'; script-src 'self'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers


def _changed(server: Server, own: dict[str, str], **change: Any) -> tuple[int, dict[str, Any]]:
    body = json.dumps({"decision": "drop", **change})
    status, _, said = _ask(server, "/api/verdicts", own, "POST", body)
    return status, json.loads(said)


def test_a_list_that_has_changed_is_not_judged(server: Server, world: World) -> None:
    """Another window judged meanwhile: as many threads match, but not those that were seen."""
    own = _own(server, _cookie(server))
    path, wanted = "/api/threads?verdict=drop", {"verdict": "drop"}
    assert _changed(server, own, threads=[world.thread("Question 5")])[0] == 200
    mark = json.loads(_ask(server, path, own)[2])["mark"]
    keep = {"decision": "keep", "threads": [world.thread("Question 5")]}
    assert _changed(server, own, **keep)[0] == 200
    assert _changed(server, own, threads=[world.thread("Question 6")])[0] == 200
    status, said = _changed(server, own, decision="keep", wanted=wanted, mark=mark)
    assert (status, "has changed" in said["error"]["message"]) == (400, True)
    mark = json.loads(_ask(server, path, own)[2])["mark"]
    status, said = _changed(server, own, decision="keep", wanted=wanted, mark=mark)
    assert (status, said["changed"], said["judged"]) == (200, 1, {"keep": 2})


def test_a_thread_that_was_forgotten_does_not_keep_the_others(world: World, opened: Opened) -> None:
    gone = str(world.folder / "logs" / "s5.jsonl")
    assert main(["forget", gone, "--yes", "--state", str(world.state)]) == 0
    with running(world, opened(world)) as server:
        own = _own(server, _cookie(server))
        mark = json.loads(_ask(server, "/api/threads?q=fee", own)[2])["mark"]
        status, said = _changed(server, own, wanted={"q": "fee"}, mark=mark)
        assert (status, said["changed"], said["unknown"]) == (200, 6, 1)
        status, said = _changed(server, own, threads=[])
        assert (status, said["changed"], said["steps"]) == (200, 0, 1)


@pytest.mark.parametrize("asked", ["?start=x", "?count=-1", f"?start={10**13}", "?start=²"])
def test_numbers_are_numbers(server: Server, world: World, asked: str) -> None:
    cookie, thread = _cookie(server), world.thread("Question 5")
    path = f"/api/threads{quote(asked, safe='?=')}"
    assert _ask(server, path, {"Cookie": cookie})[0] == 400
    for number in ("x", "-1", 10**30, 99):
        path = f"/api/threads/{thread}/{number}"
        assert _ask(server, path, {"Cookie": cookie})[0] == 400


def test_a_locked_state_is_told(server: Server, world: World) -> None:
    own = _own(server, _cookie(server))
    body = json.dumps({"decision": "keep", "threads": [world.thread("Question 5")]})
    with Store(world.state, write=True):
        status, _, said = _ask(server, "/api/verdicts", own, "POST", body)
    assert (status, "Another run" in json.loads(said)["error"]["message"]) == (409, True)
