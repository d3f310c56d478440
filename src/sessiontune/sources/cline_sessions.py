"""Cline from version 3 of its program on: `sessions/<id>/<id>.messages.json`.

A document with the messages of a session, with blocks as in Anthropic's API; `<id>.json` holds the
other facts about the session. Sub-agents are beside it (`agent_<id>`); a call of the session holds
the words of their task.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

from ..linking import Frame
from ..model import Image, Part, ResultStatus, Session, Text, ToolCall
from .linear import Linear
from .pictures import picture_in
from .shapes import (
    answered,
    blocks_of,
    digest_of,
    inside,
    joined,
    mapping,
    objects,
    pictures,
    read_json,
    safe_name,
    tagged,
    text_of,
    texts,
    usage_of,
    words,
)
from .units import Unit

END = ".messages.json"
_FIRST = re.compile(
    rb'\A\s*\{\s*"version"\s*:\s*\d+\s*,(?=.{0,2000}"sessionId"\s*:)(?=.{0,2000}"messages"\s*:\s*\[)',
    re.DOTALL,
)
_INPUT = re.compile(r"<user_input(?: [^>\n]*)?>(.*?)</user_input>", re.DOTALL)
_WRITTEN = re.compile(r"\A\s*<[a-z_]+[ >]")
_STOPPED = ("cancelled", "canceled", "aborted", "interrupted")


def session_of(path: str) -> str:
    """The session of a file: its folder's name."""
    return os.path.basename(os.path.dirname(os.path.abspath(path)))


def is_agent(path: str) -> bool:
    """Whether a file is a sub-agent's."""
    return os.path.basename(path).startswith("agent_") and path.endswith(END)


def is_session(path: str, head: bytes) -> bool:
    """Whether a file holds the messages of a session."""
    return path.endswith(END) and _FIRST.match(head) is not None


def about(path: str) -> dict[str, Any]:
    """The program's notes on a session, beside its messages."""
    return mapping(read_json(os.path.join(os.path.dirname(path), f"{session_of(path)}.json")))


def read_session(path: str, again: str, unit: Unit) -> Iterator[Session]:
    """The sessions of one file; a message that another file of the unit held counts once."""
    log = unit.log(path)
    document = log.document()
    if document is None:
        return
    told, agent = about(path), is_agent(path)
    stem = os.path.basename(path).removesuffix(END)
    name = session_of(path) if agent else words(document.get("sessionId")) or stem
    log.session_id = (f"{name}/{stem}" if agent else name) + again
    for message in log.listed(document, "messages"):
        own = words(message.get("id"))
        if log.copied((own, digest_of(message.get("content"))) if own else ""):
            continue
        with log.taking():
            _take(log, message, own, agent)
    if told.get("status") in _STOPPED:
        log.interrupted()
    task = next((text_of(node.parts) for node in log.nodes if node.kind == "task"), "")
    caller = unit.started.get((name, task)) if agent else None
    for node in log.nodes:
        for part in node.parts:
            if isinstance(part, ToolCall) and (given := words(part.arguments.get("task"))):
                unit.started[name, given] = part.id, node
    frame = Frame(
        session_id=name,
        agent_id=stem if agent else None,
        cwd=words(told.get("cwd")),
        title=words(inside(told, "metadata", "title"))[:200],
    )
    yield from unit.sessions(log, frame, caller)


def _take(log: Linear, message: dict[str, Any], own: str, agent: bool) -> None:
    role, blocks = words(message.get("role")), blocks_of(message.get("content"))
    if role == "assistant":
        _answer(log, message, blocks, own)
    elif role == "user":
        _user(log, blocks, own, message.get("ts"), agent)
    elif role == "system":
        log.drop("system")
    else:
        log.drop(f"unknown_role:{safe_name(role)}" if message else "no_message")


def _user(log: Linear, blocks: list[dict[str, Any]], own: str, at: Any, agent: bool) -> None:
    typed: list[Part] = []
    shown: list[Part] = []
    counted, used = dict(log.counts), False
    for block in blocks:
        text, image = words(block.get("text")), _image(block)
        if block.get("type") == "tool_result":
            used = _result(log, block, at) or used
        elif image is not None:
            typed.append(image)
        elif text.strip():
            asked, rest = tagged(_INPUT, "</user_input>", text)
            rest = rest.strip() if asked else rest
            typed += texts(*asked)
            if rest.strip():
                (shown if asked or _WRITTEN.match(rest) else typed).append(Text(rest))
        elif block.get("type") != "text":
            log.unknown_part()
    used = log.asked(typed, shown, at, own, agent) or used
    log.once(counted, used, "empty")


def _result(log: Linear, block: dict[str, Any], at: Any) -> bool:
    """Take a result; whether a call waited for it."""
    content = block.get("content")
    said, images = list[str](), list[Image]()
    failed = block.get("is_error") is True
    for piece in content if isinstance(content, list) else [content]:
        held = mapping(piece)
        inner = held.get("result")
        images += pictures(_image(held), *map(_image, objects(inner)))
        told = words(piece) or words(inner) or joined(*map(_text, objects(inner)))
        said.append(told or _text(held) or words(held.get("error")))
        failed = failed or held.get("success") is False
    status: ResultStatus = "error" if failed else "ok"
    return log.result(words(block.get("tool_use_id")), joined(*said), status, at, tuple(images))


def _text(block: dict[str, Any]) -> str:
    return words(block.get("text"))


def _image(block: dict[str, Any]) -> Image | None:
    return picture_in(block) if block.get("type") == "image" else None


def _answer(log: Linear, message: dict[str, Any], blocks: list[dict[str, Any]], own: str) -> None:
    used, model = message.get("metrics"), words(inside(message, "modelInfo", "id"))
    parts, calls, reason = answered(blocks)
    node = log.told_answer(parts, calls, message.get("ts"), model, own, reason)
    if node is not None and isinstance(used, dict):
        names = ("inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens")
        log.usage(usage_of(used, *names))
