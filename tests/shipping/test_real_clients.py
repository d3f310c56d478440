"""The real coding clients, where they are: each is given what `--client NAME` writes, asks one
question without a person, and must end well, with every request understood.

Programs are looked for on PATH and in the folders that SESSIONTUNE_CLIENTS names (as in PATH).
They get a HOME of their own and a proxy that is not there, so that they reach nothing but us.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sessiontune.evaluation.endpoint import Endpoint, Reply
from sessiontune.runtime.door import Door, open_door
from sessiontune.runtime.host import Hosting, hosted
from sessiontune.runtime.ship import ship
from sessiontune.runtime.shop import ShipOptions
from sessiontune.shipping.clients import Target, settings, write
from sessiontune.shipping.run import Run, read_run

from .conftest import TEXTS, make_run

pytestmark = [pytest.mark.models, pytest.mark.slow]

#: An agent's prompt in a vocabulary as small as ours.
CONTEXT = 131072
QUESTION = "Say hello in one short sentence."
_CLINE = ("-p", "openai-compatible", "-k", "local")
#: Client -> (program, path that it must have asked, command lines after the program's name).
CLIENTS: dict[str, tuple[str, str, list[list[str]]]] = {
    "claude": ("claude", "/v1/messages", [["-p", QUESTION]]),
    "codex": ("codex", "/v1/responses", [["exec", "--profile", "sessiontune", QUESTION]]),
    "opencode": ("opencode", "/v1/chat/completions", [["run", QUESTION]]),
    "aider": (
        "aider",
        "/v1/chat/completions",
        [["--yes-always", "--no-git", "--no-check-update", "--message", QUESTION]],
    ),
    "continue": (
        "cn",
        "/v1/chat/completions",
        [["-p", "--config", ".continue/models/sessiontune.yaml", QUESTION]],
    ),
    "cline": (
        "cline",
        "/v1/chat/completions",
        [["auth", *_CLINE, "-m", "{model}", "-b", "{url}/v1"], ["--retries", "1", QUESTION]],
    ),
}


class Watched(Endpoint):
    """The client of the model server, noting what was asked and how it was answered."""

    def __init__(self, inner: Endpoint) -> None:
        super().__init__(inner.url, retries=0)
        self.seen: list[tuple[str, int]] = []

    def request(self, method: str, path: str, **more: Any) -> Reply:
        reply = super().request(method, path, **more)
        self.seen.append((path.split("?", 1)[0], reply.status))
        return reply


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, converter: None, engine: None
) -> Iterator[tuple[Door, Watched, Run]]:
    from sessiontune.training.tiny import make_tiny

    folder = tmp_path_factory.mktemp("clients")
    base = make_tiny(folder / "base", TEXTS)
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**config, "max_position_embeddings": CONTEXT}))
    run = read_run(make_run(base, folder / "run", taught=True))
    ship(run, ShipOptions(types=("f16",)), os.environ, Path.home(), lambda *_: None, lambda _: None)
    with hosted(run, Hosting(context=CONTEXT), os.environ) as model:
        watched = Watched(model.client)
        with open_door(0, watched, model.model) as door:
            yield door, watched, run


def _program(name: str) -> str:
    places = os.pathsep.join((os.environ.get("SESSIONTUNE_CLIENTS", ""), os.environ["PATH"]))
    found = shutil.which(name, path=places)
    if found is None:
        pytest.skip(f"{name} is not here")
    return found


def _environment(home: Path) -> dict[str, str]:
    nowhere = "http://127.0.0.1:9"
    quiet = ("DISABLE_AUTOUPDATER", "DISABLE_TELEMETRY", "OPENCODE_DISABLE_AUTOUPDATE")
    return {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "TERM": "dumb",
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), nowhere),
        **dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost"),
        **dict.fromkeys((*quiet, "OPENCODE_DISABLE_MODELS_FETCH"), "1"),
        "CONTINUE_TELEMETRY_ENABLED": "0",
    }


@pytest.mark.parametrize("name", sorted(CLIENTS))
def test_the_program_itself(name: str, served: tuple[Door, Watched, Run], tmp_path: Path) -> None:
    program, path, lines = CLIENTS[name]
    found = _program(program)
    door, watched, run = served
    home, project = tmp_path / "home", tmp_path / "project"
    project.mkdir()
    home.mkdir()
    (project / "notes.txt").write_text("Nothing of note.\n")
    env = _environment(home)
    wanted = settings(name, Target(door.url, run.slug, CONTEXT), project, env)
    if wanted.changes:
        write(wanted)
    watched.seen.clear()
    for line in lines:
        argv = [found, *(part.format(model=run.slug, url=door.url) for part in line)]
        done = subprocess.run(
            argv,
            cwd=project,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=1800,  # tens of thousands of tokens, on whatever machine this is
        )
        assert done.returncode == 0, done.stdout[-2000:]
    assert (path, 200) in watched.seen, (watched.seen, done.stdout[-2000:])
    assert [seen for seen in watched.seen if seen[1] >= 400] == []
