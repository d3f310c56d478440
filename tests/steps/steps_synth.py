"""Synthetic sessions for the tests of the steps: small, seeded, and odd on purpose."""

from __future__ import annotations

import random
from typing import Any

import msgspec

from sessiontune.model import (
    ForkPoint,
    Message,
    Origin,
    Session,
    Text,
    ToolCall,
    ToolResult,
)

WORDS = [
    "parser",
    "token",
    "buffer",
    "index",
    "cache",
    "shard",
    "window",
    "ledger",
    "socket",
    "thread",
    "policy",
    "schema",
    "column",
    "render",
    "widget",
    "router",
    "query",
    "branch",
    "commit",
    "merge",
    "rebase",
    "deploy",
    "invoice",
    "contract",
    "proposal",
    "client",
    "budget",
    "report",
    "email",
    "meeting",
    "deadline",
    "review",
    "error",
    "retry",
    "timeout",
    "config",
    "module",
]


def prose(rng: random.Random, n: int) -> str:
    return " ".join(f"{rng.choice(WORDS)}{rng.randrange(90)}" for _ in range(n))


def user(id: str, text: str, at: str = "", **more: Any) -> Message:
    return Message(id=id, role="user", kind="prompt", parts=(Text(text),), at=at, **more)


def answer(id: str, text: str = "", *calls: ToolCall, at: str = "", **more: Any) -> Message:
    parts: tuple[Any, ...] = ((Text(text),) if text else ()) + calls
    return Message(id=id, role="assistant", kind="answer", parts=parts, at=at, **more)


def results(id: str, *given: ToolResult, at: str = "", **more: Any) -> Message:
    return Message(id=id, role="tool", kind="results", parts=given, at=at, **more)


def call(id: str, name: str = "Bash", **arguments: Any) -> ToolCall:
    return ToolCall(id, name, arguments)


def session(key: str, *messages: Message, **more: Any) -> Session:
    more.setdefault("thread", key)
    more.setdefault("lineage", f"L{key}")
    return Session(
        key=key, source="claude", session_id=key, messages=messages, files=("a.jsonl",), **more
    )


def dialogue(key: str, seed: int, turns: int = 4, at: str = "2026-01-01T00:00:00Z") -> Session:
    """Prompts, calls with results and answers, all from `seed`."""
    rng = random.Random(seed)
    out: list[Message] = []
    for turn in range(turns):
        name = f"{key}.{turn}"
        out.append(user(f"{name}u", prose(rng, 15), at, origin=(Origin(0, turn * 4 + 1),)))
        out.append(
            answer(
                f"{name}c",
                prose(rng, 6),
                call(f"{name}t", "Bash", command=prose(rng, 5)),
                at=at,
                origin=(Origin(0, turn * 4 + 2),),
            )
        )
        out.append(
            results(
                f"{name}r",
                ToolResult(f"{name}t", "Bash", prose(rng, 40)),
                at=at,
                origin=(Origin(0, turn * 4 + 3),),
            )
        )
        out.append(answer(f"{name}a", prose(rng, 40), at=at, origin=(Origin(0, turn * 4 + 4),)))
    return session(key, *out)


def renamed(one: Session, key: str, lineage: str | None = None, **more: Any) -> Session:
    """A copy under other ids, as a resumed session writes it."""
    messages = tuple(msgspec.structs.replace(m, id=f"{key}/{m.id}") for m in one.messages)
    more.setdefault("messages", messages)
    return msgspec.structs.replace(
        one, key=key, thread=key, lineage=lineage or f"L{key}", session_id=key, **more
    )


def branch(one: Session, key: str, seed: int, at_message: int = 4) -> Session:
    """A fork of `one` after message `at_message`; the prefix is not repeated."""
    tail = dialogue(key, seed, 2, one.messages[-1].at).messages
    return msgspec.structs.replace(
        one,
        key=key,
        thread=key,
        messages=tail,
        forked_from=ForkPoint(one.key, one.messages[at_message - 1].id),
    )


def nearly(one: Session, key: str, seed: int, changed: float = 0.04) -> Session:
    """A near-copy: every word changes with probability `changed`."""
    rng = random.Random(seed)

    def edit(message: Message) -> Message:
        parts = tuple(
            Text(" ".join(w if rng.random() > changed else "other" for w in p.text.split()))
            if isinstance(p, Text)
            else p
            for p in message.parts
        )
        return msgspec.structs.replace(message, parts=parts)

    return renamed(one, key, messages=tuple(edit(m) for m in one.messages))
