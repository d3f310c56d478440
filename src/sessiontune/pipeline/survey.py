"""`scan`: which sessions there are and what an export would leave out or replace; writes nothing.

Logs are read, linked and cleaned as for an export; the detectors then say what they would replace,
by kind and place, never the value.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from .. import codec, registry
from ..ledger import Ledger, add_counts
from ..measure import estimate
from ..model import Finding, Session, Text, Thinking, ToolCall, ToolResult
from ..packs import packed
from ..ports import ReadOptions, Runner
from ..privacy.engine import Redactor
from ..recipe import Recipe
from ..steps.clean import clean
from ..store import Store
from .grouping import Unit, units_of
from .inputs import Inputs, discover, no_logs
from .outputs import Outputs
from .prepare import Preparation, apply, before_hook, redactor_of
from .preparing import preparation_of

#: Findings of one kind listed with their place, at most.
KEEP_PLACES = 200


class SurveyTask(msgspec.Struct, frozen=True):
    """Units to look through, each with its source and its files."""

    units: tuple[tuple[str, tuple[str, ...]], ...]
    preparation: Preparation


class ProjectCount(msgspec.Struct):
    """What one project holds. `tokens` are estimated as bytes / 4."""

    sessions: int = 0
    agents: int = 0
    messages: int = 0
    tokens: int = 0
    first: str = ""
    last: str = ""
    findings: dict[str, int] = {}


class Survey(msgspec.Struct):
    """The answer of `scan`. `places` holds the first findings of each kind, with file:line, never
    a value."""

    sources: dict[str, int] = {}
    files: int = 0
    other_paths: tuple[str, ...] = ()
    bytes: int = 0
    projects: dict[str, ProjectCount] = {}
    kinds: dict[str, int] = {}
    places: list[Finding] = []
    models: dict[str, int] = {}
    ledger: Ledger = msgspec.field(default_factory=Ledger)


def survey(roots: Sequence[Path], recipe: Recipe, store: Store, run: Runner) -> Survey:
    """Look through everything under `roots`. `store` may be a throw-away one."""
    names = recipe.sources or tuple(registry.source_names())
    inputs = discover(roots, names, store, run, verify=False)
    if not inputs.rows:
        raise no_logs(inputs, roots)
    preparation = preparation_of(recipe, inputs, store.salt)
    packs = list(packed(units_of(inputs.rows, "survey"), lambda u: u.size))

    def task(pack: tuple[Unit, ...]) -> SurveyTask:
        units = tuple((u.source, tuple(r.file.path for r in u.rows)) for u in pack)
        return SurveyTask(units, preparation)

    total = _start(inputs)
    done = run.map(look, packs, lambda pack: sum(u.size for u in pack), task)
    for _, part in sorted(done, key=lambda pair: pair[0]):
        _merge(total, part)
    total.ledger.faults.extend(inputs.faults)
    return total


def _start(inputs: Inputs) -> Survey:
    return Survey(
        sources=dict(Counter(r.file.source for r in inputs.rows)),
        files=len(inputs.rows),
        other_paths=inputs.others,
        bytes=sum(r.file.size for r in inputs.rows),
    )


def look(task: SurveyTask) -> Survey:
    """Look through some units. Runs in a worker."""
    known = task.preparation
    redactor = redactor_of(known.salt, known.vocabulary, known.privacy)
    total = Survey()
    for source, files in task.units:
        _merge(total, _look(source, files, known, redactor))
    return total


def _look(
    source: str, files: tuple[str, ...], preparation: Preparation, redactor: Redactor
) -> Survey:
    redactor.told()
    found = _counted(source, files, preparation, redactor)
    if told := redactor.told():  # again, now that all is known that the unit's messages tell
        with redactor.knowing(told):
            found = _counted(source, files, preparation, redactor)
    return found


def _counted(
    source: str, files: tuple[str, ...], preparation: Preparation, redactor: Redactor
) -> Survey:
    found = Survey()
    reading = ReadOptions(max_line=preparation.max_line)
    keyed = codec.keyed(preparation.salt)
    outputs = Outputs((), preparation.salt, before_hook)
    for session in registry.source(source).sessions(files, reading, found.ledger, keyed):
        kept = apply(outputs.completed(session, found.ledger), [clean], found.ledger)
        if kept is not None:
            _count(kept, redactor, found)
    found.models = {redactor.text(name): count for name, count in found.models.items()}
    return found


def _count(session: Session, redactor: Redactor, found: Survey) -> None:
    project = found.projects.setdefault(session.cwd or session.project, ProjectCount())
    project.sessions += session.agent_id is None
    project.agents += session.agent_id is not None
    shown = [m for m in session.messages if m.kind != "notice"]
    project.messages += sum(len(m.parts) if m.role == "tool" else 1 for m in shown)
    times = [m.at for m in session.messages if m.at]
    if times:
        project.first = min(filter(None, (project.first, min(times))))
        project.last = max(project.last, max(times))
    for message in session.messages:
        if message.kind == "answer" and message.model:
            found.models[message.model] = found.models.get(message.model, 0) + 1
        where = ""
        if message.origin:
            origin = message.origin[0]
            where = f"{session.files[origin.file]}:{origin.line}"
        for text in texts_of(message.parts):
            project.tokens += estimate(text)
            for finding in redactor.find(text):
                kind = finding.kind
                project.findings[kind] = project.findings.get(kind, 0) + 1
                found.kinds[kind] = found.kinds.get(kind, 0) + 1
                if found.kinds[kind] <= KEEP_PLACES:
                    length = finding.end - finding.start
                    found.places.append(
                        Finding(where, kind, kind, finding.start, length, finding.fingerprint)
                    )


def texts_of(parts: Sequence[Any]) -> Iterator[str]:
    """Every string that a message carries, arguments at any depth included."""
    for part in parts:
        if isinstance(part, Text | Thinking):
            yield part.text
        elif isinstance(part, ToolResult):
            yield part.content
        elif isinstance(part, ToolCall):
            yield from _strings(part.arguments)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            # Name and value together: often only the name tells what a value is.
            if isinstance(inner, str):
                yield f"{name}: {inner}"
            else:
                yield name
                yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


def _merge(total: Survey, part: Survey) -> None:
    total.ledger.add(part.ledger)
    listed = {kind: min(n, KEEP_PLACES) for kind, n in total.kinds.items()}
    for finding in part.places:
        listed[finding.kind] = listed.get(finding.kind, 0) + 1
        if listed[finding.kind] <= KEEP_PLACES:
            total.places.append(finding)
    add_counts(total.kinds, part.kinds)
    add_counts(total.models, part.models)
    for name, project in part.projects.items():
        mine = total.projects.setdefault(name, ProjectCount())
        mine.sessions += project.sessions
        mine.agents += project.agents
        mine.messages += project.messages
        mine.tokens += project.tokens
        mine.first = min(filter(None, (mine.first, project.first)), default="")
        mine.last = max(mine.last, project.last)
        add_counts(mine.findings, project.findings)
