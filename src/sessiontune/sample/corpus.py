"""The bundled sample: about 49 session files of a design studio's platform, over ten weeks."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from . import agents, planted
from .dialogue import review_turn, turns
from .emit_claude import ClaudeLog, place, slug
from .emit_codex import CodexLog
from .records import Record, Source, Thread, encode
from .session import Session, build
from .world import CWD

FIRST = datetime(2025, 9, 15, 8, 0, tzinfo=UTC)
DAYS = 69.3
_CLAUDE = ("claude-sonnet-4-5-20250929", "claude-opus-4-5-20251101", "claude-haiku-4-5-20251001")
_OTHERS = {6: "glm-4.6", 13: "deepseek-v3.2", 18: "MiniMax-M2"}

#: What happens in each of the main sessions, in order of time.
PLAN = tuple(
    tuple(line.split())
    for line in """
    memory warm_up flat
    command fork_edit
    mention queued
    picture plant_email plant_phone
    reject_words shell
    fork_retry xml
    proxy ide document
    compaction noise_command twice
    interrupt parallel
    flat secret_file
    api_error edited
    upgrade queued picture_result
    persisted errors
    synthetic parallel
    nested plant_payment_key
    reject_stop command
    background memory
    broken_text question fork_edit suggestion
    side plant_private_key plant_iban
    compaction nested
    secret_file xml
    aside mention skill
    inherits fork_retry
    parallel api_error question
    edited plant_cloud_key
    side queued more_side
    memory command reject_words plant_model_key
    plant_jwt plant_github_token ide
    parallel persisted errors
    queued shell plan_accepted
    edited
    """.strip().splitlines()
)
#: Files whose bytes are damaged as real ones are, by session number.
DAMAGE = {4: "no_newline", 8: "glued", 16: "truncated", 22: "no_newline"}


@dataclass(frozen=True)
class SampleInfo:
    """What was written.

    `files` counts session files, `records` their lines, `pairs` prompts with an answer that has
    text. `planted` are the fake secrets that must not reach an export.
    """

    folder: Path
    files: int
    records: int
    pairs: int
    agents: dict[str, int]
    planted: tuple[planted.Planted, ...]


@dataclass
class Sample:
    """The sample in memory: Claude logs with their places, Codex logs and side files."""

    sessions: list[Session] = field(default_factory=list)
    copies: list[ClaudeLog] = field(default_factory=list)
    orphans: list[agents.Agent] = field(default_factory=list)
    codex: list[CodexLog] = field(default_factory=list)


def _start(rng: Random, number: int, count: int) -> datetime:
    at = FIRST + timedelta(days=DAYS * number / (count - 1))
    if number == count - 1:
        return at.replace(hour=9, minute=0)
    return at.replace(hour=rng.randrange(7, 17), minute=rng.randrange(60))


def resumed(log: ClaudeLog, rng: Random, share: float, more: int) -> ClaudeLog:
    """A new file that repeats the first `share` of another with the same ids, and goes on.

    With `share` 1 the session was resumed at its end; with less it is a `/branch` copy.
    """
    linked = [i for i, r in enumerate(log.records) if r["type"] == "user" and "uuid" in r]
    prompts = {m.uuids[0] for t in log.threads for m in t.messages if m.role == "user"}
    cuts = [i for i in linked if log.records[i]["uuid"] in prompts]
    cut = len(log.records) if share >= 1 else cuts[int(len(cuts) * share)]
    copy = ClaudeLog(
        Source(rng, log.src.now + timedelta(hours=3)), version=log.version, model=log.model
    )
    for record in log.records[:cut]:
        if "sessionId" in record:
            record = {**record, "sessionId": copy.session_id}
        copy.records.append(record)
    tips = [r["uuid"] for r in copy.records if "uuid" in r and r["type"] != "progress"]
    copy.tip = tips[-1]
    copy.threads = [Thread("resumed" if share >= 1 else "branched", forked_after=copy.tip)]
    for turn in turns(rng, more):
        copy.turn(turn)
    return copy


def compose(seed: int = 7) -> Sample:
    """The whole sample in memory; the same for the same seed."""
    sample = Sample()
    for number, features in enumerate(PLAN):
        rng = Random(f"{seed}/session/{number}")
        recent = number > 18
        sample.sessions.append(
            build(
                rng,
                _start(rng, number, len(PLAN)),
                features,
                count=rng.randrange(13, 25),
                version="2.1.7" if recent else "2.0.42",
                model=_OTHERS.get(number, rng.choice(_CLAUDE)),
                entrypoint="cli" if recent else "",
            )
        )
    rng = Random(f"{seed}/copies")
    sample.copies = [
        resumed(sample.sessions[2].log, rng, 1.0, 4),
        resumed(sample.sessions[11].log, rng, 0.5, 4),
    ]
    for number, day in enumerate((9, 37)):
        rng = Random(f"{seed}/orphan/{number}")
        gone = ClaudeLog(Source(rng, FIRST + timedelta(days=day)), version="2.0.42")
        sample.orphans.append(agents.orphan(gone, review_turn(rng), nested=number == 1))
    for number, day in enumerate((20, 44, 60)):
        rng = Random(f"{seed}/codex/{number}")
        rollout = CodexLog(Source(rng, FIRST + timedelta(days=day, hours=number)))
        for index, turn in enumerate(turns(rng, 12)):
            rollout.turn(turn)
            if number == 1 and index == 6:
                rollout.compacted("We work on invoices and their late fees; tests are green.")
            if number == 2 and index == 3:
                rollout.aborted()
        sample.codex.append(rollout)
    return sample


def damaged(log: ClaudeLog, how: str) -> bytes:
    """The bytes of a log with one of the damages that real files show."""
    data = log.lines()
    if how == "no_newline":
        return data.rstrip(b"\n")
    if how == "glued":
        lines = data.split(b"\n")
        middle = len(lines) // 2
        lines[middle : middle + 2] = [lines[middle] + lines[middle + 1]]
        return b"\n".join(lines)
    if how == "truncated":
        record = {**log.records[-1], "type": "user", "message": {"role": "user", "content": "ok"}}
        return data + encode(record)[:-40]
    return data


def write_agent(projects: Path, agent: agents.Agent) -> Path:
    """Write a sub-agent's file, and its meta file if it has one."""
    path = place(projects, agent.log, nested=agent.nested)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(agent.log.lines())
    if agent.meta is not None:
        meta = json.dumps(agent.meta, ensure_ascii=False)
        path.with_suffix(".meta.json").write_text(meta, "utf-8")
    return path


def write_session(projects: Path, session: Session, damage: str = "") -> Path:
    """Write a session with its sub-agents and side files."""
    path = place(projects, session.log)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(damaged(session.log, damage))
    for agent in session.agents:
        write_agent(projects, agent)
    for name, text in session.outputs.items():
        target = path.with_suffix("") / "tool-results" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
    return path


def _around(claude: Path, sample: Sample) -> None:
    """Files that stand beside the sessions and are none."""
    folder = claude / "projects" / slug(CWD)
    entries = [
        {"sessionId": s.log.session_id, "messages": len(s.log.records)} for s in sample.sessions
    ]
    index = {"version": 1, "entries": entries}
    (folder / "sessions-index.json").write_text(json.dumps(index), "utf-8")
    (folder / "memory").mkdir(exist_ok=True)
    (folder / "memory" / "MEMORY.md").write_text("# Notes\n\n- Tests run in backend.\n", "utf-8")
    lines: list[Record] = [
        {
            "display": message.parts[-1]["text"],
            "pastedContents": {},
            "timestamp": int(s.log.src.now.timestamp() * 1000),
            "project": CWD,
            "sessionId": s.log.session_id,
        }
        for s in sample.sessions
        for message in s.log.threads[0].messages
        if message.kind == "prompt" and message.parts[-1]["type"] == "text"
    ]
    (claude / "history.jsonl").write_bytes(b"".join(encode(x) + b"\n" for x in lines))


def pairs(threads: list[Thread]) -> int:
    """Prompts that are followed by an answer with text before the next prompt."""
    found, waiting = 0, False
    for message in (m for t in threads for m in t.messages):
        if message.kind == "prompt":
            waiting = True
        elif waiting and any(
            p["type"] == "text" for p in message.parts if message.kind == "answer"
        ):
            found, waiting = found + 1, False
    return found


def write_sample(folder: str | Path, seed: int = 7) -> SampleInfo:
    """Write the sample below `folder` as `.claude` and `.codex`, as the agents lay it out.

    The bytes are the same for the same seed. Existing files of the same names are overwritten.
    """
    folder = Path(folder)
    sample = compose(seed)
    projects = folder / ".claude" / "projects"
    written: list[Path] = []
    for number, session in enumerate(sample.sessions):
        written.append(write_session(projects, session, DAMAGE.get(number, "")))
        written += [place(projects, a.log, nested=a.nested) for a in session.agents]
    for copy in sample.copies:
        written.append(place(projects, copy))
        written[-1].write_bytes(copy.lines())
    written += [write_agent(projects, orphan) for orphan in sample.orphans]
    for rollout in sample.codex:
        path = folder / ".codex" / "sessions" / rollout.path()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(rollout.lines())
        written.append(path)
    _around(folder / ".claude", sample)
    return _info(folder, sample, written)


def _info(folder: Path, sample: Sample, written: list[Path]) -> SampleInfo:
    everyone = [a for s in sample.sessions for a in s.agents] + sample.orphans
    logs: list[Any] = [s.log for s in sample.sessions] + sample.copies + sample.codex
    logs += [a.log for a in everyone]
    talks = [s.log.threads for s in sample.sessions] + [c.threads for c in sample.copies]
    talks += [c.threads for c in sample.codex]
    return SampleInfo(
        folder=folder,
        files=len(written),
        records=sum(len(log.records) for log in logs),
        pairs=sum(pairs(t) for t in talks),
        agents=dict(Counter(a.kind for a in everyone)),
        planted=tuple(p for s in sample.sessions for p in s.planted),
    )
