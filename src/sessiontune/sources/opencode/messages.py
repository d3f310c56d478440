"""One message of OpenCode and its parts, as nodes.

A user's message holds what was typed and what the program added (`synthetic`); an assistant's is
one step of the model, whose tool parts hold call and result.
"""

from __future__ import annotations

from typing import Any

from ...linking import Node
from ...model import Image, Part, ResultStatus, Text, Usage
from ..linear import Linear
from ..pictures import picture_of_url
from ..shapes import (
    inside,
    mapping,
    number,
    objects,
    pictures,
    ran,
    safe_name,
    texts,
    thoughts,
    words,
)

#: Parts without content for the model.
_SILENT = ("step-start", "step-finish", "snapshot", "patch", "agent", "retry", "compaction")
_REJECTED = ("The user rejected", "User rejected", "Permission", "The user dismissed")
_ABORTED = ("Tool execution aborted", "Tool execution was interrupted", "Aborted")
_SHELL = "The following tool was executed by the user"


def asked_of_program(parts: list[dict[str, Any]]) -> str:
    """What a user's message asks the program itself to do: "shell", "subtask" or nothing.

    The answer to it holds a tool call that no model made.
    """
    said = [p for p in parts if p.get("type") not in _SILENT]
    if len(said) == 1 and said[0].get("text") == _SHELL and said[0].get("synthetic") is True:
        return "shell"
    return "subtask" if any(p.get("type") == "subtask" for p in said) else ""


def take_message(
    log: Linear, info: dict[str, Any], parts: list[dict[str, Any]], agent: bool, asked: str
) -> None:
    """Make nodes of a message, or drop it for a reason; `asked` is what its parent asked for."""
    role, name = words(info.get("role")), words(info.get("id"))
    at = inside(info, "time", "created")
    if asked == "shell":
        _shell(log, parts, at, name)
        return
    if role == "user":
        _user(log, parts, at, name, agent)
    elif role == "assistant":
        before = len(log.nodes)
        _answer(log, info, parts, at, name)
        if asked and not any(p.get("type") == "step-start" for p in parts):
            for node in log.nodes[before:]:
                node.injected = True
    elif role in ("system", "agent-switched", "model-switched", "location-switched", "idle"):
        if info.get("outcome") == "interrupted":
            log.interrupted()
        log.drop(role)
    else:
        log.drop(f"unknown_role:{safe_name(role)}")


def _shell(log: Linear, parts: list[dict[str, Any]], at: object, name: str) -> None:
    """Take a command that a person typed with `!`: the model sees it and its output."""
    states = [part.get("state") for part in parts if part.get("type") == "tool"]
    told: list[Part] = [
        Text(ran(inside(state, "input", "command"), state.get("output")))
        for state in objects(states)
    ]
    log.say("context", told, at, name, "shell_mode")


def _user(log: Linear, parts: list[dict[str, Any]], at: object, name: str, agent: bool) -> None:
    own: list[Part] = []
    injected: list[Part] = []
    command, reason = "", "empty"
    for part in parts:
        kind, text = words(part.get("type")), words(part.get("text"))
        if kind == "text" and part.get("ignored") is True:
            reason = "ignored"  # shown to the person, not to the model
        elif kind == "text" and text.strip():
            (injected if part.get("synthetic") is True else own).append(Text(text))
        elif kind == "file":
            own.extend(_pictures([part]))
        elif kind == "subtask" and words(part.get("prompt")).strip():
            own.append(Text(words(part.get("prompt"))))  # a command for a sub-agent
            command = words(part.get("command"))
        elif kind == "compaction":
            reason = "compaction"
        elif kind not in (*_SILENT, "text", "subtask"):
            reason = f"unknown_block:{safe_name(kind)}"
    if injected:
        log.node("context", injected, at, f"{name}+" if own else name)
    if own:
        node = log.node("task" if agent else "prompt", own, at, name)
        node.flags.extend([f"command:{command}"] if command else [])
    if not own and not injected:
        log.drop(reason)
    elif reason.startswith("unknown_block"):
        log.unknown_part()


def _answer(
    log: Linear, info: dict[str, Any], parts: list[dict[str, Any]], at: object, name: str
) -> None:
    said, unknown = _said(parts)
    calls = [p for p in parts if p.get("type") == "tool" and words(p.get("callID"))]
    error = info.get("error")
    aborted = inside(error, "name") == "MessageAbortedError"
    if not said and not calls:
        if aborted:
            log.interrupted()
        log.drop("aborted" if aborted else "api_error" if error else unknown or "empty")
        return
    if unknown:
        log.unknown_part()
    if info.get("summary") is True and error:
        log.drop("failed_compaction")
        return
    if info.get("summary") is True and not calls:
        log.node("summary", [p for p in said if isinstance(p, Text)] or said, at, name)
        return
    node = log.new_answer(said, at, words(info.get("modelID")), name)
    for part in calls:
        given = inside(part, "state", "input")
        log.call(node, words(part["callID"]), words(part.get("tool")), given)
    counts = dict(log.counts)
    for part in calls:
        _result(log, node, part)
    log.counts = counts  # the record has a place
    if aborted and "interrupted" not in node.flags:
        node.flags.append("interrupted")
    tokens = info.get("tokens")
    if isinstance(tokens, dict):
        cache = mapping(tokens.get("cache"))
        used = (tokens.get("input"), tokens.get("output"), cache.get("read"), cache.get("write"))
        log.usage(Usage(*map(number, used)))


def _said(parts: list[dict[str, Any]]) -> tuple[list[Part], str]:
    """Texts, reasoning and pictures of an answer, and the kind of an unknown part."""
    said: list[Part] = []
    unknown = ""
    for part in parts:
        kind, text = words(part.get("type")), words(part.get("text"))
        if kind == "text":
            said += texts(text)
        elif kind == "reasoning":
            said += thoughts(text)
        elif kind == "file":
            said.extend(_pictures([part]))
        elif kind not in (*_SILENT, "tool", "subtask"):
            unknown = f"unknown_block:{safe_name(kind)}"
    return said, unknown


def _result(log: Linear, node: Node, part: dict[str, Any]) -> None:
    state = part.get("state")
    if not isinstance(state, dict):
        return
    call = words(part.get("callID"))
    metadata = mapping(state.get("metadata"))
    child = metadata.get("sessionId") or metadata.get("sessionID")
    if isinstance(child, str):
        log.started[child] = (call, node)
    status: ResultStatus = "ok"
    text = words(state.get("output"))
    if state.get("status") == "error":
        text, status = words(state.get("error")), "error"
        if text.startswith(_REJECTED):
            status = "rejected"
        elif text.startswith(_ABORTED):
            status = "interrupted"
        text = words(metadata.get("output")) + "\n" + text if metadata.get("output") else text
    elif state.get("status") != "completed":
        return  # pending or running: no result came
    elif number(metadata.get("exit")) or part.get("tool") == "invalid":
        status = "error"
    at = inside(state, "time", "end")
    log.result(call, text, status, at, tuple(_pictures(state.get("attachments"))))


def _pictures(files: Any) -> list[Image]:
    """Pictures and binary documents among files; the text of a text file is beside it."""
    binary = (one for one in objects(files) if not words(one.get("mime")).startswith("text/"))
    return pictures(*(picture_of_url(one.get("url")) for one in binary))
