"""A small export with what a page could stumble over, and the server that shows it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.neighbours import bot, user

from sessiontune.cli.main import main

pytest.importorskip("starlette", reason="pip install sessiontune[review]")
pytest.importorskip("uvicorn", reason="pip install sessiontune[review]")

import uvicorn

from sessiontune.review.catalogue import Catalogue
from sessiontune.review.guard import Guard
from sessiontune.review.judging import Judging
from sessiontune.review.server import Review, application, listening

#: What must stand on the page as these very letters.
HOSTILE = (
    '<img src=x onerror="document.title=1"><script>document.title=2</script>&amp; \u202e \x1b[31m'
)
ADDRESS = "mara.lindt" + "@" + "lindt-and-sons.org"
LONG = "\n".join(f"line {n} of a long result" for n in range(2000))
#: Longer than what is shown of a text at first.
FILE = "\n".join(f"row {n} of a long file" for n in range(2000)) + "\nthe very end"


def call(uuid: str, parent: str, name: str, **arguments: Any) -> dict[str, Any]:
    block = {"type": "tool_use", "id": f"t-{uuid}", "name": name, "input": arguments}
    return bot(uuid, [block], parent)


def result(uuid: str, of: str, text: str) -> dict[str, Any]:
    return user(uuid, [{"type": "tool_result", "tool_use_id": f"t-{of}", "content": text}], of)


def logs() -> dict[str, list[dict[str, Any]]]:
    """Session -> records."""
    day = "2026-03-{:02}T10:00:00.000Z"
    odd = [
        user("u1", HOSTILE, None),
        call("a1", "u1", "Bash", command="cat log.txt\nwc -l log.txt", timeout=5),
        result("r1", "a1", LONG),
        bot("a2", [{"type": "text", "text": f"Write to {ADDRESS} about invoice_status."}], "r1"),
    ]
    big = [
        user("u1", "料金表の表示名を変更してください。", None),
        call("a1", "u1", "Write", file_path="names.txt", content=FILE),
        result("r1", "a1", "written"),
        bot("a2", [{"type": "text", "text": "変更しました。"}], "r1"),
    ]
    plain = {
        f"s{n}": [
            user("u1", f"Question {n} about the fee table", None, timestamp=day.format(n)),
            bot("a1", [{"type": "text", "text": f"Answer {n}"}], "u1", timestamp=day.format(n)),
        ]
        for n in range(2, 9)
    }
    long: list[dict[str, Any]] = []
    for n in range(80):
        before = long[-1]["uuid"] if long else None
        long += [user(f"u{n}", f"Step {n} of the plan", before)]
        long += [bot(f"a{n}", [{"type": "text", "text": f"Done with step {n}"}], f"u{n}")]
    return {"odd": odd, "big": big, "long": long, **plain}


@dataclass(frozen=True)
class World:
    """A folder with `logs`, their export `data`, and its `state`."""

    folder: Path

    @property
    def raw(self) -> Path:
        return self.folder / "data" / "data_conversations_raw.jsonl"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def lines(self) -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in self.raw.read_bytes().splitlines()]

    def thread(self, text: str) -> str:
        """The thread with a message that holds this text."""
        return next(str(m["thread"]) for m in self.lines() if text in m["content"])

    def export(self) -> None:
        where = ("-o", str(self.folder / "data"), "--state", str(self.state))
        given = ("export", str(self.folder / "logs"), *where, "--jobs", "1", "--quiet")
        assert main(list(given)) == 0


@pytest.fixture
def world(tmp_path: Path) -> World:
    (tmp_path / "logs").mkdir()
    for session, records in logs().items():
        told = [r | {"sessionId": session, "uuid": f"{session}-{r['uuid']}"} for r in records]
        for record in told:
            if record["parentUuid"]:
                record["parentUuid"] = f"{session}-{record['parentUuid']}"
            if record["type"] == "assistant":
                record["message"] = record["message"] | {"id": f"m-{record['uuid']}"}
        text = b"".join(orjson.dumps(record) + b"\n" for record in told)
        (tmp_path / "logs" / f"{session}.jsonl").write_bytes(text)
    made = World(tmp_path)
    made.export()
    return made


Opened = Callable[[World], Catalogue]


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Reads a world's catalogue."""
    made: list[Catalogue] = []

    def read(world: World) -> Catalogue:
        made.append(Catalogue(world.raw))
        made[-1].read(lambda done, total, note: None)
        return made[-1]

    yield read
    for one in made:
        one.close()


@dataclass(frozen=True)
class Server:
    """A running server."""

    port: int
    guard: Guard

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/?token={self.guard.token}"


@contextmanager
def running(world: World, catalogue: Catalogue, state: Path | None = None) -> Iterator[Server]:
    """The page of a world, served while the block runs."""
    judging = Judging(state or world.state, catalogue.threads())
    catalogue.judge({t: (v.decision, v.note) for t, v in judging.before.items()})
    with listening(0) as there:
        port = there.getsockname()[1]
        guard = Guard(application(Review("data", catalogue, judging)), port)
        config = uvicorn.Config(guard, log_level="critical", lifespan="off", server_header=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [there]}, daemon=True)
        thread.start()
        until = time.monotonic() + 20
        while not server.started and time.monotonic() < until:
            time.sleep(0.01)
        yield Server(port, guard)
        server.should_exit = True
        thread.join(20)
