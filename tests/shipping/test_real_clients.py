"""The real coding clients, where they are: each is given what `--client NAME` writes, asks one
question without a person, and must end well, with every request understood. Then it asks once
more, and is answered with a call of one of its own tools.

A tiny model knows neither when to stop nor which tool to call. So between the door and the model
server answers get a largest length, and a call is demanded; where the model makes none all the
same, nothing is said of it.

Programs are looked for on PATH and in the folders that SESSIONTUNE_CLIENTS names (as in PATH).
They get a HOME of their own and a proxy that is not there, so that they reach nothing but us.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sessiontune.evaluation.endpoint import Endpoint, Reply
from sessiontune.runtime.door import Door, open_door
from sessiontune.runtime.host import Hosting, hosted
from sessiontune.runtime.ship import ship
from sessiontune.runtime.shop import ShipOptions
from sessiontune.shipping.clients import CLIENTS as SETTINGS
from sessiontune.shipping.clients import Target, write
from sessiontune.shipping.run import Run, read_run

from .conftest import TEXTS, make_run

pytestmark = [pytest.mark.models, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
#: An agent's prompt in a vocabulary as small as ours, and tokens of one answer.
CONTEXT, LONGEST = 131072, 200
QUESTION = "Say hello in one short sentence."
_CLINE = ("-p", "openai-compatible", "-k", "local")
#: Client -> (program, path that it must have asked, command lines after the program's name).
CLIENTS: dict[str, tuple[str, str, list[list[str]]]] = {
    "claude": ("claude", "/v1/messages", [["-p", QUESTION]]),
    "codex": (
        "codex",
        "/v1/responses",
        [["exec", "--profile", "sessiontune", "--skip-git-repo-check", QUESTION]],
    ),
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
#: A tool of each client that only reads. aider has none, and Codex is not forced: over
#: `/v1/responses` the model server takes "required" for a wish.
TOOLS = {
    "claude": "Read",
    "opencode": "read",
    "continue": "Read",
    "cline": "read_files",
}
#: Those that a babbling model, drawn by chance, makes fail now and then.
STEADY = ("codex", "continue")
#: Path -> (field for the largest length, how a call is demanded).
_FORMS: dict[str, tuple[str, object]] = {
    "/v1/messages": ("max_tokens", {"type": "any"}),
    "/v1/responses": ("max_output_tokens", "required"),
    "/v1/chat/completions": ("max_tokens", "required"),
}


class Watched(Endpoint):
    """The client of the model server. It notes what was asked and how it was answered, keeps
    answers short, and has the first one call `tool`, where one is named."""

    def __init__(self, inner: Endpoint) -> None:
        super().__init__(inner.url, retries=0)
        self.seen: list[tuple[str, int]] = []
        self.asked: list[dict[str, Any]] = []
        self.tool = ""
        self.steady = False

    def request(self, method: str, path: str, **more: Any) -> Reply:
        bare = path.split("?", 1)[0]
        if method == "POST" and bare in _FORMS:
            data = json.loads(more["body"])
            self.asked.append(data)
            more["body"] = json.dumps(self._bounded(data, *_FORMS[bare])).encode()
        reply = super().request(method, path, **more)
        self.seen.append((bare, reply.status))
        return reply

    def _bounded(self, data: dict[str, Any], longest: str, demanded: object) -> dict[str, Any]:
        data = {k: v for k, v in data.items() if k != "max_completion_tokens"}
        data |= {longest: LONGEST, **({"temperature": 0} if self.steady else {})}
        if not self.tool:
            return data
        found = [_narrowed(tool) for tool in data.pop("tools", ()) if _name(tool) == self.tool]
        if found and not self._called():
            return data | {"tools": found, "tool_choice": demanded}
        data.pop("tool_choice", None)
        return data

    def _called(self) -> bool:
        """Was a result of that tool sent back already?"""
        marks = ('"role": "tool"', '"tool_result"', '"function_call_output"')
        return any(mark in json.dumps(data) for data in self.asked for mark in marks)


def _name(tool: dict[str, Any]) -> str:
    return str((tool.get("function") or tool).get("name"))


def _narrowed(tool: dict[str, Any]) -> dict[str, Any]:
    """A tool that can be called in one way only: to read notes.txt."""
    inner = dict(tool.get("function") or tool)
    key = "input_schema" if "input_schema" in inner else "parameters"
    inner = {k: v for k, v in inner.items() if k != "strict"} | {key: _one(inner[key])}
    return {**tool, "function": inner} if "function" in tool else inner


def _one(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema with one value: what is required, each part with the least that it may be."""
    kind = schema.get("type")
    if kind == "object":
        named = {name: _one(schema["properties"][name]) for name in schema.get("required", ())}
        return {"type": "object", "properties": named, "required": [*named]}
    if kind == "array":
        return {"type": "array", "items": _one(schema["items"]), "minItems": 1, "maxItems": 1}
    if "enum" in schema:
        return {"enum": schema["enum"][-1:]}
    return {"enum": [{"string": "notes.txt", "boolean": True}.get(str(kind), 1)]}


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, converter: None, engine: None
) -> Iterator[tuple[Door, Watched, Run]]:
    from sessiontune.training.tiny import make_tiny

    folder = tmp_path_factory.mktemp("clients")
    # Prose and code, so that a prompt of tens of thousands of words is not as many letters.
    prose = [file.read_text(encoding="utf-8") for file in ROOT.glob("docs/**/*.md")]
    code = [file.read_text(encoding="utf-8") for file in ROOT.glob("src/**/*.py")]
    base = make_tiny(folder / "base", [*TEXTS, *prose, *code], vocab=8192)
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**config, "max_position_embeddings": CONTEXT}))
    run = read_run(make_run(base, folder / "run", taught=True))
    ship(run, ShipOptions(types=("f16",)), os.environ, Path.home(), lambda *_: None, lambda _: None)
    with hosted(run, Hosting(context=CONTEXT), os.environ) as model:
        watched = Watched(model.client)
        with open_door(0, watched, model.model) as door:
            yield door, watched, run


def _end_what_stays(project: Path) -> None:
    """Cline leaves a program of its own running for the folder."""
    for note in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if str(project).encode() in note.read_bytes().split(b"\0"):
                os.kill(int(note.parent.name), signal.SIGTERM)


def _program(name: str) -> str | None:
    places = os.pathsep.join((os.environ.get("SESSIONTUNE_CLIENTS", ""), os.environ["PATH"]))
    return shutil.which(CLIENTS[name][0], path=places)


def _those_here(names: Iterable[str]) -> list[Any]:
    """Seen before a model is made for them."""
    return [
        pytest.param(
            name,
            marks=pytest.mark.skipif(not _program(name), reason=f"{CLIENTS[name][0]} is not here"),
        )
        for name in sorted(names)
    ]


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


@pytest.mark.parametrize("name", _those_here(CLIENTS))
def test_the_program_itself(name: str, served: tuple[Door, Watched, Run], tmp_path: Path) -> None:
    _ask(name, "", served, tmp_path)


@pytest.mark.parametrize("name", _those_here(TOOLS))
def test_the_program_calls_a_tool(
    name: str, served: tuple[Door, Watched, Run], tmp_path: Path
) -> None:
    _ask(name, TOOLS[name], served, tmp_path)
    if not served[1]._called():  # asked for, and by a tiny model not always done
        pytest.skip("the model made no call")


def _ask(name: str, tool: str, served: tuple[Door, Watched, Run], tmp_path: Path) -> None:
    _, path, lines = CLIENTS[name]
    found = _program(name)
    door, watched, run = served
    home, project = tmp_path / "home", tmp_path / "project"
    project.mkdir()
    home.mkdir()
    (project / "notes.txt").write_text("Nothing of note.\n")
    env = _environment(home)
    wanted = SETTINGS[name](Target(door.url, run.slug, CONTEXT), project, env)
    if wanted.changes:
        write(wanted)
    watched.tool = tool
    watched.steady = name in STEADY
    watched.seen.clear()
    watched.asked.clear()
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
            timeout=900,  # tens of thousands of tokens, on whatever machine this is
        )
        assert done.returncode == 0, (watched.seen, done.stdout[-2000:])
    _end_what_stays(project)
    assert (path, 200) in watched.seen, (watched.seen, done.stdout[-2000:])
    assert [seen for seen in watched.seen if seen[1] >= 400] == []
