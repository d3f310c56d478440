"""Runs of the command in a forked child, which can be killed at any step, and what they left."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Audit events that are steps of a run: its operations on files.
STEPS = ("open", "os.", "shutil.", "sqlite3.")


@dataclass
class Run:
    """How one run ended. `code` is negative when a signal ended it."""

    code: int
    out: str
    err: str
    steps: int

    def json(self) -> Any:
        return json.loads(self.out)


def run(
    folder: Path,
    *args: str | Path,
    at: int = 0,
    after: float = 0.0,
    send: signal.Signals = signal.SIGKILL,
    prepare: Callable[[], None] | None = None,
) -> Run:
    """Run `sessiontune ARGS` in a child that shares our imports.

    `at`: the child sends itself `send` at that step (a file opened, renamed, removed, ...).
    `after`: it does so after this number of seconds. `prepare` is called in the child first.
    """
    import sessiontune.cli.export  # noqa: F401  (imported here, so that children need not)
    from sessiontune import registry

    for name in registry.source_names():  # the same
        registry.source(name)
    folder.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        _child(folder, [str(a) for a in args], at, after, send, prepare)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    counted = folder / "steps"
    steps = int(counted.read_text()) if counted.exists() else 0
    return Run(code, (folder / "stdout").read_text(), (folder / "stderr").read_text(), steps)


def _child(
    folder: Path,
    args: list[str],
    at: int,
    after: float,
    send: signal.Signals,
    prepare: Callable[[], None] | None,
) -> None:
    code = 99
    try:
        for number, name in ((1, "stdout"), (2, "stderr")):
            fd = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(fd, number)
            os.close(fd)
        sys.stdout = os.fdopen(os.dup(1), "w")
        sys.stderr = os.fdopen(os.dup(2), "w")
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if prepare is not None:
            prepare()
        me = os.getpid()
        steps = 0

        def step(event: str, given: tuple[Any, ...]) -> None:
            nonlocal steps
            if event.startswith(STEPS) and os.getpid() == me:
                steps += 1
                if steps == at:
                    os.kill(me, send)

        sys.addaudithook(step)
        if after:
            timer = threading.Timer(after, os.kill, (me, send))
            timer.daemon = True
            timer.start()
        from sessiontune.cli import main

        sys.argv = ["sessiontune", *args]
        try:
            main.run()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        total = steps
        (folder / "steps").write_text(str(total))
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)  # never return into the tests


def tree(folder: Path) -> dict[str, str]:
    """Every file below a folder with the digest of its bytes."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def is_whole(folder: Path) -> bool:
    """Whether exactly the files of the manifest are there, with their bytes."""
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    there = tree(folder)
    named = {f["path"]: f["sha256"] for f in manifest["files"]}
    there.pop("manifest.json")
    return all(there.get(path) == digest for path, digest in named.items()) and set(there) == set(
        named
    )


def rows(folder: Path, name: str = "raw") -> list[dict[str, Any]]:
    """The rows of one of the four files."""
    path = next(folder.glob(f"*_conversations_{name}.jsonl"))
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]
