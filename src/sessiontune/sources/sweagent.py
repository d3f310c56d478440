"""SWE-agent: `<run>/<instance>.traj`, one JSON document.

`history` is what the model saw; `trajectory` repeats it. New runs hold `tool_calls` and
observations of the role `tool`. In older ones the model wrote its command into the text (`thought`,
then `action`) and the observation came back as a user message: such an action becomes a call of
`bash`, its observation the result.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..linking import Frame
from ..model import Session, Text
from ..ports import FileIndex
from .indexing import unread
from .linear import Linear
from .lines import stem
from .orders import told_apart
from .shapes import (
    elements,
    inside,
    mapping,
    objects,
    safe_name,
    texts,
    thoughts,
    unwrapped,
    words,
    words_of,
)
from .units import Unit, UnitSource

_KEYS = re.compile(rb'"(?:history|trajectory|environment|replay_config)"\s*:')


class SweAgentSource(UnitSource):
    """SWE-agent trajectories."""

    name = "swe-agent"
    suffixes = (".traj",)

    def roots(self, env: Mapping[str, str], home: str) -> list[str]:
        """None: it has no logs in the home folder, but where each run was told to write."""
        return []

    def recognise(self, path: str, head: bytes) -> bool:
        """Whether the file begins like a trajectory."""
        return path.endswith(self.suffixes) and _KEYS.search(head) is not None

    def index(self, path: str, offset: int = 0) -> FileIndex:
        """The document is always indexed whole; runs of one name are read together."""
        return unread(path, "session:" + _name(path))

    def read(self, files: tuple[str, ...], unit: Unit) -> Iterator[Session]:
        """One session a file."""
        for path, name in told_apart(files, _name):
            yield from _read(unit.log(path, name), unit)


SOURCE = SweAgentSource()


def _name(path: str) -> str:
    """The run's folder and the instance, as runs repeat instances."""
    folder, name = os.path.split(path)
    return f"{os.path.basename(folder)}/{os.path.splitext(name)[0]}"


def _read(log: Linear, unit: Unit) -> Iterator[Session]:
    document = log.document()
    if document is None:
        return
    model = _model(document.get("replay_config"))
    waiting: list[str] = []  # calls of the last answer without an observation so far
    for item in log.listed(document, "history"):
        with log.taking():
            waiting = _take(log, item, model, waiting)
    instance = stem(log.path)
    project = instance.rpartition("-")[0] or instance
    yield from unit.sessions(log, Frame(session_id=log.session_id, project=project))


def _take(log: Linear, item: dict[str, Any], model: str, waiting: list[str]) -> list[str]:
    role, text = words(item.get("role")), words_of(item.get("content"))
    if role == "assistant":
        return _answer(log, item, text, model)
    if role in ("tool", "user") and waiting:
        calls = [c for c in elements(item.get("tool_call_ids")) if isinstance(c, str)]
        counted, used = dict(log.counts), False
        for call in calls or waiting[:1]:
            used = log.result(call, text, "ok") or used
        log.once(counted, used, "result_without_call")
        return [call for call in waiting if call not in calls] if calls else waiting[1:]
    if role == "tool":
        log.drop("result_without_call")
    elif role not in ("system", "user"):
        log.drop(f"unknown_role:{safe_name(role)}")
    elif not text.strip():
        log.drop("empty")
    else:
        asked = role == "user" and not item.get("is_demo")
        log.node("prompt" if asked else "context", [Text(text)])
    return waiting


def _answer(log: Linear, item: dict[str, Any], text: str, model: str) -> list[str]:
    calls = objects(item.get("tool_calls"))
    action = words(item.get("action")).strip()
    if not calls and action:
        text = words(item.get("thought"))
    parts = thoughts(*(b.get("thinking") for b in objects(item.get("thinking_blocks"))))
    parts += texts(text)
    if not parts and not calls and not action:
        log.drop("empty")
        return []
    node = log.new_answer(parts, "", model)
    made: list[str] = []
    for call in calls:
        function = mapping(call.get("function"))
        made.append(words(call.get("id")) or f"{node.id}:{len(made)}")
        log.call(node, made[-1], words(function.get("name")), unwrapped(function.get("arguments")))
    if not calls and action:
        made.append(f"{node.id}:action")
        log.call(node, made[-1], "bash", {"command": action})
    return made


def _model(config: Any) -> str:
    """The model's name in the settings of the run, if the document holds them."""
    return words(inside(unwrapped(config), "agent", "model", "name"))
