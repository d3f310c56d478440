"""Variants of single oddities, for checkers: many small project folders, each with its truth.

`variants(folder, kind, n, seed)` writes `folder/<kind>-<nn>/.claude/projects/...` and, beside
`.claude`, `truth.json`: the threads that a reader must find (messages in order with the ids of
their records), the sub-agents with the call that started them, and the agents to leave out.
Ownership of a fork's prefix is a matter of the reader; compare whole paths from root to leaf.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

from . import agents, oddities
from .corpus import FIRST, resumed, write_agent, write_session
from .dialogue import ask_turn, change_turn, review_turn
from .emit_claude import ClaudeLog, place
from .features import FEATURES
from .records import Expect, Source
from .session import Session
from .tools import Reply, read


class Variant:
    """One variant while it is made: sessions, copies, agents, and the number that varies it."""

    def __init__(self, number: int, rng: Random) -> None:
        self.n, self.rng = number, rng
        self.sessions: list[Session] = []
        self.copies: list[ClaudeLog] = []
        self.agents: list[agents.Agent] = []
        self.inline: dict[str, ClaudeLog] = {}  # by call: sub-agents in their parent's file
        self.raw: dict[str, bytes] = {}  # other files below the project's folder
        self.meta_texts: dict[str, str | None] = {}  # agent id -> what the meta file holds
        self.session()

    def session(self, version: str = "") -> Session:
        """Begin another session; the newest is `log`."""
        start = FIRST + timedelta(days=self.n, hours=len(self.sessions))
        source = Source(Random(self.rng.getrandbits(64)), start)
        version = version or self.rng.choice(("2.0.42", "2.1.7", "2.1.31"))
        self.sessions.append(Session(ClaudeLog(source, version=version), self.rng))
        return self.sessions[-1]

    @property
    def log(self) -> ClaudeLog:
        """The log of the newest session."""
        return self.sessions[-1].log

    def talk(self, count: int = 1) -> None:
        """Plain turns."""
        for _ in range(count):
            make = change_turn if self.rng.random() < 0.4 else ask_turn
            self.log.turn(make(self.rng))

    def noise(self) -> None:
        """Records that may be between any two others."""
        choice = self.rng.randrange(4)
        if choice == 0:
            oddities.reminders(self.log)
        elif choice == 1:
            oddities.snapshot(self.log)
        elif choice == 2:
            oddities.turn_duration(self.log)


# ---------------------------------------------------------------- kinds


def _turn_ends(log: ClaudeLog) -> list[Expect]:
    """Answers that end a turn: where a person can go back to."""
    answers = [m for m in log.thread.messages if m.role == "assistant"]
    return [m for m in answers if all(part["type"] != "call" for part in m.parts)]


def _fork(v: Variant) -> None:
    """Rewinds and retries after the first turn, in the middle and at the end, once and twice."""
    v.talk(1 + v.n % 3)
    if v.n % 3 == 0:
        FEATURES["parallel"](v.sessions[0])  # many children, and no fork
    for again in range(1 + v.n % 2):
        v.noise()
        if v.n % 4 == 1:
            v.talk()
            asked = next(m for m in reversed(v.log.thread.messages) if m.role == "user")
            v.log.rewind(asked)
            v.log.reply(Reply(f"Once more, attempt {again + 2}: the rule is the same."))
            continue
        ends = _turn_ends(v.log)
        here = ends[(0, -1, len(ends) // 2)[v.n % 3]]
        if here is ends[-1]:
            v.talk(1 + v.n % 2)
        v.log.rewind(here)
        v.noise()
        v.talk(1 + again)
    v.talk(v.n % 2)
    oddities.last_prompt(v.log, "see above")


def _subagents(v: Variant) -> None:
    """Foreground, background, two at once, below another, orphans, and junk beside them."""
    v.talk(1)
    shape = v.n % 7
    if shape in (0, 3):
        FEATURES["nested"](v.sessions[0])
    if shape == 1:
        FEATURES["background"](v.sessions[0])
    if shape == 2:
        _two_at_once(v)
    if shape == 3:
        child = v.sessions[0].agents[-1].log
        turn = review_turn(v.rng)
        deeper = agents.foreground(child, turn, nested=True)
        child.reply(Reply(f"My own agent says: {turn.replies[-1].text}"))
        if deeper.meta is not None:
            deeper.meta["spawnDepth"] = 2
        v.agents.append(deeper)
    if shape == 4:
        gone = ClaudeLog(Source(v.rng, FIRST), version="2.1.7")
        v.agents.append(agents.orphan(gone, review_turn(v.rng), nested=v.n % 4 != 0))
    if shape == 5:
        FEATURES["inherits"](v.sessions[0])
    if shape == 6:
        _inline(v)
    if v.n % 2:
        v.sessions[0].agents.append(agents.warm_up(v.log))
        v.sessions[0].agents.append(agents.suggestion(v.log, "run the tests"))
    v.talk(1)


def _inline(v: Variant) -> None:
    """Before version 2 a sub-agent's records were in its parent's file."""
    v.log.version = "1.0.98"
    turn = review_turn(v.rng)
    v.log.prompt(f"Let a sub-agent do it. {turn.prompt}")
    child, call = agents.begun(v.log, turn, nested=False)
    assert isinstance(call.rich, dict)
    del call.rich["agentId"]
    for record in child.records:
        del record["agentId"]
    ids = v.log.reply(Reply("", (call,)), between=lambda log: log.records.extend(child.records))
    v.log.reply(Reply("The sub-agent is done; nothing is urgent."))
    child.agent_id, child.threads[0].name = None, "inline"
    v.inline[ids[0]] = child


def _two_at_once(v: Variant) -> None:
    """Two calls in one message, each with an agent of its own."""
    turns = [review_turn(v.rng), review_turn(v.rng)]
    v.log.prompt("Have two agents review these files at the same time.")
    made = [agents.begun(v.log, turn) for turn in turns]
    ids = v.log.reply(Reply("", tuple(call for _, call in made)))
    for (log, call), call_id in zip(made, ids, strict=True):
        meta = {
            "agentType": call.input["subagent_type"],
            "description": "Review",
            "toolUseId": call_id,
        }
        v.sessions[0].agents.append(agents.Agent(log, True, meta))
    v.log.reply(Reply("Both are back, with small remarks only."))


def _meta(v: Variant) -> None:
    """Meta files with few keys, further keys, none, or text that is no JSON."""
    v.talk(1)
    FEATURES["nested"](v.sessions[0])
    agent = v.sessions[0].agents[-1]
    assert agent.meta is not None
    name = str(agent.log.agent_id)
    shapes: tuple[str | None, ...] = (
        json.dumps(agent.meta),
        json.dumps({"agentType": "Explore"}),
        json.dumps({**agent.meta, "model": "opus", "worktreePath": "/tmp/tree"}),
        json.dumps({**agent.meta, "toolUseId": None, "later": {"key": [1, 2]}}),
        json.dumps(agent.meta, indent=2) + "\n",
        json.dumps(agent.meta)[:-9],
        "",
        "[]",
        None,
        json.dumps({"description": "設計を確認する", "toolUseId": agent.meta["toolUseId"]}),
    )
    v.meta_texts[name] = shapes[v.n % len(shapes)]
    if v.n >= len(shapes):
        # The meta file is then the only link between the call and its agent.
        for record in v.log.records:
            rich = record.get("toolUseResult")
            if isinstance(rich, dict) and rich.get("agentId") == name:
                del record["toolUseResult"]
    v.talk(1)


def _tool_results(v: Variant) -> None:
    """Outputs in side files: there, gone, empty, with odd bytes, and files that are no text."""
    v.talk(1)
    s = v.sessions[0]
    FEATURES["persisted"](s)
    name = next(iter(s.outputs))
    text, folder = s.outputs.pop(name), f"{v.log.session_id}/tool-results/"
    data: bytes | None = text[: 3000 + 1700 * v.n].encode()
    if v.n % 5 == 1:
        data = None
    if v.n % 5 == 2 and data is not None:
        data = data.replace(b"\n", b"\r\n")
    if v.n % 5 == 3 and data is not None:
        data = data[:1000] + b"\xff\xfe\x00" + data[1000:]
    if v.n % 5 == 4:
        v.raw[folder + "webfetch-1.png"] = oddities.png(1, 2, 3)
        v.raw[folder + "notes.zip"] = b"PK\x05\x06" + bytes(18)
    if data is not None:
        v.raw[folder + name] = data
    if v.n % 2:
        FEATURES["persisted"](v.session("2.1.31"))
    v.talk(1)


def _resume(v: Variant) -> None:
    """Copies at the end, in the middle, copies of copies, and copies whose original is gone."""
    v.talk(2 + v.n % 3)
    if v.n % 4 == 1:
        FEATURES["parallel"](v.sessions[0])
    share = (1.0, 0.5, 0.8, 1.0)[v.n % 4]
    v.copies.append(resumed(v.log, Random(v.rng.getrandbits(64)), share, 1 + v.n % 2))
    if v.n % 5 == 2:
        v.copies.append(resumed(v.copies[0], Random(v.rng.getrandbits(64)), 1.0, 1))
    if v.n % 5 == 3:
        v.copies.append(resumed(v.log, Random(v.rng.getrandbits(64)), 0.5, 1))
    if v.n % 6 == 5 and share == 1.0:
        first = v.copies[0].threads[0]
        first.messages[:0] = v.sessions.pop(0).log.threads[0].messages
        first.forked_after = None


def _compaction(v: Variant) -> None:
    """Automatic and manual, once and twice, with preserved messages, with and without a parent."""
    for again in range(1 + v.n % 2):
        v.talk(2)
        oddities.compaction(v.log, automatic=v.n % 3 > 0, preserved=v.n % 4)
        boundary = v.log.records[-2]
        if v.n % 5 == 3:  # its parent was in a file that is gone
            boundary["logicalParentUuid"] = v.log.src.uuid()
        if v.n % 5 == 4 and again == 0:
            v.log.user("<local-command-stdout>Compacted </local-command-stdout>")
    v.talk(1)
    if v.n % 6 == 5:
        here = v.log.thread.messages[-1]
        v.talk(1)
        v.log.rewind(here)
        v.talk(1)


def _interleave(v: Variant) -> None:
    """Pieces of one message with results, progress, snapshots and queued input between them."""
    v.talk(v.n % 2)
    services = ("fees", "flows", "invoicing", "health_score", "document_extract")
    paths = [f"backend/app/services/{x}.py" for x in v.rng.sample(services, 2 + v.n % 3)]
    v.log.prompt("Read these files together and tell me what they share.")
    reply = Reply("All of them at once." if v.n % 2 else "", tuple(read(p) for p in paths),
                  thinking="They are small." if v.n % 3 else "")  # fmt: skip
    between = (None, oddities.snapshot, oddities.turn_duration)[v.n % 3]
    v.log.reply(reply, interleave=v.n % 4 != 3, reverse=v.n % 4 == 2, between=between)
    v.log.reply(Reply("They share the rule that amounts are cents."))
    v.talk(1)


KINDS: dict[str, Callable[[Variant], None]] = {
    "fork": _fork,
    "subagents": _subagents,
    "meta": _meta,
    "tool_results": _tool_results,
    "resume": _resume,
    "compaction": _compaction,
    "interleave": _interleave,
}


def variants(folder: str | Path, kind: str, n: int = 20, seed: int = 7) -> list[Path]:
    """Write `n` variants of an oddity below `folder`; returns their folders.

    Kinds: fork, subagents, meta, tool_results, resume, compaction, interleave. Raises KeyError
    for another.
    """
    make = KINDS[kind]
    folders = []
    for number in range(n):
        v = Variant(number, Random(f"{seed}/{kind}/{number}"))
        make(v)
        folders.append(Path(folder) / f"{kind}-{number:02d}")
        _write(v, folders[-1], kind)
    return folders


def _write(v: Variant, folder: Path, kind: str) -> None:
    projects = folder / ".claude" / "projects"
    paths: list[Path] = [write_session(projects, session) for session in v.sessions]
    everyone = [a for s in v.sessions for a in s.agents] + v.agents
    for agent in everyone:
        path = write_agent(projects, agent)
        paths.append(path)
        text = v.meta_texts.get(str(agent.log.agent_id), "unchanged")
        meta = path.with_suffix(".meta.json")
        if text is None:
            meta.unlink()
        elif text != "unchanged":
            meta.write_text(text, "utf-8")
    for copy in v.copies:
        path = place(projects, copy)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(copy.lines())
        paths.append(path)
    for name, data in v.raw.items():
        target = place(projects, (v.copies or [v.log])[0]).parent / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    truth = {
        "kind": kind,
        "variant": v.n,
        "files": [str(p.relative_to(folder)) for p in paths],
        "records": sum(p.read_bytes().count(b"\n") for p in paths),
        "threads": _threads(v, everyone),
        "agents": [_agent(a) for a in everyone if a.kind in ("work", "orphan")]
        + [
            {"agent": None, "parent_session": log.session_id, "call": call, "orphan": False}
            for call, log in v.inline.items()
        ],
        "left_out": [{"agent": a.log.agent_id, "kind": a.kind}
                     for a in everyone if a.kind not in ("work", "orphan")],
    }  # fmt: skip
    (folder / "truth.json").write_text(json.dumps(truth, indent=1, ensure_ascii=False), "utf-8")


def _threads(v: Variant, everyone: list[agents.Agent]) -> list[dict[str, Any]]:
    logs = [s.log for s in v.sessions] + v.copies + list(v.inline.values())
    logs += [agent.log for agent in everyone if agent.kind in ("work", "orphan")]
    return [
        {"session": log.session_id, "agent": log.agent_id, **asdict(thread)}
        for log in logs
        for thread in log.threads
    ]


def _agent(agent: agents.Agent) -> dict[str, Any]:
    meta = agent.meta or {}
    return {"agent": agent.log.agent_id, "parent_session": agent.log.session_id,
            "call": meta.get("toolUseId"), "orphan": agent.kind == "orphan"}  # fmt: skip
