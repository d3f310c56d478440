"""Sub-agents of the sample: flat and nested files, background work, and the kinds to leave out."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from .dialogue import phrase
from .emit_claude import ClaudeLog
from .records import Source
from .tools import Call, Reply, Turn, read


@dataclass
class Agent:
    """The file of a sub-agent, its meta file if any, and whether it is real work."""

    log: ClaudeLog
    nested: bool
    meta: dict[str, Any] | None = None
    kind: str = "work"


def _log(parent: ClaudeLog, agent_id: str, rng: Random) -> ClaudeLog:
    return ClaudeLog(
        Source(rng, parent.src.now),
        session_id=parent.session_id,
        version=parent.version,
        model=parent.model,
        cwd=parent.cwd,
        branch=parent.branch,
        agent_id=agent_id,
    )


def _id(parent: ClaudeLog, nested: bool) -> str:
    return parent.src.hexes(17) if nested else parent.src.hexes(8)


def _task(turn: Turn, agent_type: str) -> dict[str, str]:
    words = turn.prompt.split()[:5]
    return {
        "description": " ".join(words).rstrip(".,:?"),
        "prompt": f"{turn.prompt} Report what you found in a few sentences, with file names.",
        "subagent_type": agent_type,
    }


def _work(parent: ClaudeLog, turn: Turn, given: dict[str, str], nested: bool) -> ClaudeLog:
    log = _log(parent, _id(parent, nested), Random(parent.src.uuid()))
    log.prompt(given["prompt"])
    log.answer(turn)
    return log


def _meta(nested: bool, given: dict[str, str], call_id: str) -> dict[str, Any] | None:
    if not nested:
        return None
    return {
        "agentType": given["subagent_type"],
        "description": given["description"],
        "toolUseId": call_id,
        "spawnDepth": 1,
    }


def begun(
    parent: ClaudeLog, turn: Turn, *, nested: bool = True, kind: str = "Explore"
) -> tuple[ClaudeLog, Call]:
    """The file of a sub-agent that has done its work, and the call that starts it."""
    given = _task(turn, kind)
    log = _work(parent, turn, given, nested)
    answer = turn.replies[-1].text
    rich = {
        "status": "completed",
        "prompt": given["prompt"],
        "agentId": log.agent_id,
        "content": [{"type": "text", "text": answer}],
        "totalDurationMs": 21000,
        "totalTokens": 15400,
        "totalToolUseCount": sum(len(r.calls) for r in turn.replies),
    }
    return log, Call("Agent" if nested else "Task", dict(given), answer, rich)


def foreground(parent: ClaudeLog, turn: Turn, *, nested: bool) -> Agent:
    """A sub-agent that the call waits for: its last text is the result of the call."""
    log, call = begun(parent, turn, nested=nested, kind="Explore")
    calls = parent.reply(Reply("", (call,)))
    given = {name: str(call.input[name]) for name in ("subagent_type", "description")}
    return Agent(log, nested, _meta(nested, given, calls[0]))


def background(parent: ClaudeLog, turn: Turn, meanwhile: Turn) -> Agent:
    """A sub-agent that works on while the session goes on, and reports by a notification."""
    given = dict(_task(turn, "general-purpose"), run_in_background=True)
    log = _work(parent, turn, {k: str(v) for k, v in given.items()}, True)
    launched = (
        f"Async agent launched successfully.\nagentId: {log.agent_id}\nThe agent works in the "
        "background. You will be notified when it is done."
    )
    file = f"/tmp/claude/{parent.session_id}/tasks/{log.agent_id}.output"
    rich = {
        "isAsync": True,
        "status": "async_launched",
        "agentId": log.agent_id,
        "description": given["description"],
        "prompt": given["prompt"],
        "outputFile": file,
        "canReadOutputFile": True,
    }
    calls = parent.reply(Reply("", (Call("Agent", given, launched, rich),)))
    parent.reply(Reply("The agent is looking into it; we can go on meanwhile."))
    parent.turn(meanwhile)
    notice = parent.user(
        f"<task-notification>\n<task-id>{log.agent_id}</task-id>\n<tool-use-id>{calls[0]}"
        f"</tool-use-id>\n<output-file>{file}</output-file>\n<status>completed</status>\n"
        f"<summary>{given['description']}</summary>\n<result>{turn.replies[-1].text}</result>\n"
        "</task-notification>",
        origin={"kind": "task-notification"},
    )
    told = (given["description"], turn.replies[-1].text)
    parts = [{"type": "text", "text": text} for text in told]
    parent.expect("system", "context", parts, [notice])
    parent.reply(Reply(f"The agent is back. {turn.replies[-1].text}"))
    meta = _meta(True, {k: str(v) for k, v in given.items()}, calls[0])
    return Agent(log, True, meta)


def orphan(parent: ClaudeLog, turn: Turn, *, nested: bool) -> Agent:
    """Work of a sub-agent whose parent's file is gone (`parent` is not written)."""
    given = _task(turn, "Explore")
    log = _work(parent, turn, given, nested)
    return Agent(log, nested, _meta(nested, given, parent.src.name("toolu_01")), "orphan")


def warm_up(parent: ClaudeLog) -> Agent:
    """The start-up agent that every session of some versions has."""
    log = _log(parent, _id(parent, False), Random(parent.src.uuid()))
    log.user("Warmup")
    log.reply(Reply("I am ready. What should I look at?"))
    return Agent(log, False, None, "warmup")


def _replay(parent: ClaudeLog, prefix: str, ask: str, answer: str) -> ClaudeLog:
    """An agent that repeats the end of its parent's conversation and then asks something."""
    log = _log(parent, f"{prefix}-{parent.src.hexes(6)}", Random(parent.src.uuid()))
    for message in parent.thread.messages[-4:]:
        text = " ".join(p.get("text", "") for p in message.parts).strip()
        if message.role == "user":
            log.user(text)
        elif message.role == "assistant" and text:
            log.reply(Reply(text))
    log.user(ask)
    log.reply(Reply(answer))
    return log


def suggestion(parent: ClaudeLog, guess: str) -> Agent:
    """An agent that guesses the person's next prompt."""
    ask = "[SUGGESTION MODE: Suggest what the user might naturally type next.]"
    return Agent(_replay(parent, "aprompt_suggestion", ask, guess), True, None, "suggestion")


def compact(parent: ClaudeLog) -> Agent:
    """An agent that writes the summary for a compaction."""
    ask = "Your task is to create a detailed summary of the conversation so far."
    text = phrase(parent.src.rng, "summary", area="invoices", done="the repository", next="tests")
    return Agent(_replay(parent, "acompact", ask, text), True, None, "compact")


def aside(parent: ClaudeLog) -> Agent:
    """An agent for a question on the side."""
    ask = "This is a side question: which file holds the fee rules?"
    log = _replay(parent, "aside_question", ask, "They are in `backend/app/services/fees.py`.")
    return Agent(log, True, None, "aside")


def inherits(parent: ClaudeLog, path: str) -> Agent:
    """An agent that starts from the parent's context, which its own file lacks."""
    log = _log(parent, _id(parent, True), Random(parent.src.uuid()))
    log.side(
        "fork-context-ref",
        agentId=log.agent_id,
        parentSessionId=parent.session_id,
        parentLastUuid=parent.tip,
        contextLength=len(parent.records),
    )
    if parent.thread.messages:
        log.threads[0].forked_after = parent.thread.messages[-1].uuids[-1]
    log.prompt(f"Go on from here: check that {path} follows our rule for errors.")
    log.reply(Reply("", (read(path),)))
    log.reply(Reply(f"`{path}` raises `ApiError` with stable codes, as the rule says."))
    return Agent(log, True, {"agentType": "fork", "description": "Check errors", "spawnDepth": 1})
